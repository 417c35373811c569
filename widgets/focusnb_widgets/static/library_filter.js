// What people write above a column: < 5, >= 3 and < 7, 3..7, parts of text, none.

const COMPARE = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "=": (a, b, near) => Math.abs(a - b) <= near, "!=": (a, b, near) => Math.abs(a - b) > near,
};

/**
 * Give a test (store, place) → bool for a filter's text, null for an empty one; an Error whose message
 * is a sentence for people when it cannot be understood.
 */
function filterOf(column, text) {
  const wanted = text.trim();
  if (!wanted) return null;
  if (["number", "time", "yes"].includes(column.kind)) return numberFilter(column, wanted);
  return textFilter(column, wanted);
}

function numberFilter(column, text) {
  const either = text.replaceAll("≤", "<=").replaceAll("≥", ">=").replaceAll("≠", "!=").replaceAll("−", "-")
    .split(/\s+or\s+|\|\|?/i).map((part) => part.split(/\s+and\s+|&&?/i).map((term) => numberTerm(column, term.trim())));
  return (store, i) => {
    const value = store.number(column.word, i);
    return either.some((all) => all.every((test) => test(value)));
  };
}

function numberTerm(column, term) {
  const lower = term.toLowerCase();
  if (lower === "none") return (value) => Number.isNaN(value);
  if (lower === "any") return (value) => !Number.isNaN(value);
  const range = term.match(/^(.*?)\s*\.\.\s*(.*)$/);
  if (range && (range[1] || range[2])) {
    const low = range[1] ? numberRead(column, range[1]) : -Infinity;
    const high = range[2] ? numberRead(column, range[2], true) : Infinity;
    if (low > high) throw new Error(`${term}: the first number is the larger one`);
    return (value) => value >= low && value <= high;
  }
  const [, sign, rest] = term.match(/^(<=|>=|==|!=|<|>|=)?\s*(.*)$/);
  const compare = COMPARE[sign === "==" ? "=" : sign ?? "="];
  const limit = numberRead(column, rest);
  // A number without a sign means what the cell shows: 3.2 finds 3.204.
  const near = column.kind === "number" ? Math.max(0.5 * 10 ** -(column.digits ?? 6), Math.abs(limit) * 1e-6) : 0;
  if (column.kind === "time" && (sign ?? "=") === "=") {
    const end = numberRead(column, rest, true);
    return (value) => value >= limit && value <= end;
  }
  return (value) => !Number.isNaN(value) && compare(value, limit, near);
}

/** A number, yes or no, or a time; late: the end of the day or minute that is meant. */
function numberRead(column, text, late = false) {
  if (column.kind === "yes") {
    const found = { yes: 1, no: 0, true: 1, false: 0, 1: 1, 0: 0 }[text.toLowerCase()];
    if (found === undefined) throw new Error(`${text || "nothing"}: write yes, no or none`);
    return found;
  }
  if (column.kind === "time") {
    const parts = text.match(/^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/);
    if (!parts) throw new Error(`${text || "nothing"}: write a time as 2026-11-28 or 2026-11-28 14:05`);
    const [year, month, day, hour, minute, second] = parts.slice(1).map((p) => (p === undefined ? undefined : Number(p)));
    const time = new Date(year, month - 1, day, hour ?? (late ? 23 : 0), minute ?? (late ? 59 : 0), second ?? (late ? 59 : 0));
    return time.getTime() / 1000 + (late ? 0.999 : 0);
  }
  const value = text.trim() === "" ? NaN : Number(text.replace(",", "."));
  if (!Number.isFinite(value)) {
    throw new Error(text ? `“${text}” is no number; write e.g. < 5, 3..7, >= 3 and < 7, none` : "a number is missing; write e.g. < 5 or 3..7");
  }
  return Math.fround(value); // as the rows have it: 2.4 is not less than 2.4
}

function textFilter(column, text) {
  const either = text.split("|").map((part) => {
    const terms = [...part.matchAll(/(!=|!|==|=)?\s*(?:"([^"]*)"|(\S+))/g)].map(([, sign = "", quoted, word]) => textTerm(sign, quoted, word));
    if (!terms.length) throw new Error("a part is missing beside |; write e.g. g1 | g2");
    return terms;
  });
  return (store, i) => {
    const found = textOf(store, column, i).toLowerCase();
    return either.some((all) => all.every((test) => test(found)));
  };
}

function textTerm(sign, quoted, word) {
  const part = (quoted ?? word).toLowerCase();
  if (quoted === undefined && !sign && part === "none") return (found) => found === "";
  if (quoted === undefined && !sign && part === "any") return (found) => found !== "";
  if (sign === "=" || sign === "==") return (found) => found === part;
  if (sign) return (found) => !found.includes(part);
  return (found) => found.includes(part);
}

/** What a text filter looks at. */
function textOf(store, column, i) {
  if (column.kind === "flag") return store.text("flag", i) === "none" ? "" : store.text("flag", i);
  if (column.kind !== "quality") return store.text(column.word, i);
  const state = store.quality(i);
  const word = { good: "good", bad: "bad", unknown: store.fate(i) }[state];
  return [word, store.text("reasons", i), store.text("stale", i) && `stale ${store.text("stale", i)}`,
    store.text("notes", i) && `note ${store.text("notes", i)}`].filter(Boolean).join(" ");
}
