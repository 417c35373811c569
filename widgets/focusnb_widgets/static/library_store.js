// The rows of the library in the page: one array for each column, a row is a place in them.

const FLAGS = ["none", "red", "green", "blue", "gold"];
const ROOM = 1024; // rows that arrays grow by, at least

class LibraryStore {
  constructor() {
    this.rows = []; // by place: { id, i } or null
    this.index = new Map(); // place by number of the image
    this.free = [];
    this.data = new Map(); // word → { as, values }
    this.keys = new Map(); // word → sort keys of texts
    this.lost = new Map(); // number → what of an image is not there any more
    this.queued = { waiting: new Set(), running: new Set() }; // numbers
  }

  get size() { return this.index.size; }

  /**
   * Take rows: heads [{word, as}] and their buffers, the first one is `id`. gone: numbers that are no
   * more; whole: what is not among them is no more. Gives { added, changed, removed } rows.
   */
  put(heads, buffers, gone, whole) {
    const columns = heads.map((head, k) => ({ ...head, values: decoded(head.as, buffers[k]) }));
    const ids = columns[0].values;
    const told = { added: [], changed: [], removed: [] };
    if (whole) {
      const now = new Set(ids);
      gone = [...gone, ...[...this.index.keys()].filter((id) => !now.has(id))];
    }
    for (const id of gone) this.remove(id, told.removed);
    const places = new Int32Array(ids.length);
    for (let k = 0; k < ids.length; k += 1) {
      let i = this.index.get(ids[k]);
      if (i === undefined) {
        i = this.free.pop() ?? this.rows.length;
        this.index.set(ids[k], i);
        this.rows[i] = { id: ids[k], i };
        told.added.push(this.rows[i]);
      } else told.changed.push(this.rows[i]);
      places[k] = i;
    }
    for (const { word, as, values } of columns.slice(1)) {
      const mine = this.room(word, as);
      for (let k = 0; k < places.length; k += 1) mine[places[k]] = values[k];
      this.keys.delete(word);
    }
    return told;
  }

  remove(id, removed) {
    const i = this.index.get(id);
    if (i === undefined) return;
    removed.push(this.rows[i]);
    this.index.delete(id);
    this.rows[i] = null;
    this.free.push(i);
    for (const { as, values } of this.data.values()) values[i] = as === "json" ? null : NaN;
    this.keys.clear();
  }

  room(word, as) {
    let mine = this.data.get(word);
    const needed = this.rows.length;
    if (!mine || mine.as !== as) this.data.set(word, mine = { as, values: blank(as, needed) });
    else if (as !== "json" && mine.values.length < needed) {
      const larger = blank(as, needed + Math.max(ROOM, needed >> 2));
      larger.set(mine.values);
      mine.values = larger;
    }
    return mine.values;
  }

  /** A number or text, null when it is not available. */
  value(word, i) {
    const mine = this.data.get(word);
    const value = mine?.values[i];
    return value === undefined || value === null || Number.isNaN(value) ? null : value;
  }

  number(word, i) { return this.data.get(word)?.values[i] ?? NaN; }

  text(word, i) { return this.data.get(word)?.values[i] ?? ""; }

  /** good, bad, or unknown: what the quality column shows. */
  quality(i) {
    const good = this.number("good", i);
    return good === 1 ? "good" : good === 0 ? "bad" : "unknown";
  }

  /** What becomes of an image that no step has measured. */
  fate(i) {
    const id = this.rows[i]?.id;
    return this.queued.running.has(id) ? "running" : this.queued.waiting.has(id) ? "waiting" : "not processed";
  }

  /** What rows are sorted by: a number or text; null (not available) comes last either way. */
  key(column, i) {
    if (column.kind === "flag") return FLAGS.indexOf(this.text("flag", i)) || null;
    if (column.kind === "quality") return { good: 0, unknown: 1, bad: 2 }[this.quality(i)];
    if (column.kind === "thumb") return null;
    if (column.kind !== "text") return this.value(column.word, i);
    let keys = this.keys.get(column.word);
    if (!keys) this.keys.set(column.word, keys = []);
    // Numbers within text count by size: movie_9 comes before movie_10.
    if (keys[i] === undefined) {
      keys[i] = this.text(column.word, i).toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0")) || null;
    }
    return keys[i];
  }

  /** Make the sort keys of texts before somebody sorts. */
  warm(columns) {
    for (const column of columns) if (column.kind === "text") for (const row of this.rows) if (row) this.key(column, row.i);
  }

  /** A cell as people read it. */
  shown(column, i) {
    if (column.kind === "number") return number(this.value(column.word, i), column.digits);
    if (column.kind === "yes") return { 1: "yes", 0: "no" }[this.number(column.word, i)] ?? "–";
    if (column.kind === "time") return whenText(this.value(column.word, i));
    return this.text(column.word, i);
  }
}

function decoded(as, view) {
  if (as === "i4") return typed(Int32Array, view);
  if (as === "f4") return typed(Float32Array, view);
  if (as === "f8") return typed(Float64Array, view);
  return JSON.parse(new TextDecoder().decode(typed(Uint8Array, view)));
}

function blank(as, count) {
  if (as === "json") return [];
  const values = as === "f8" ? new Float64Array(count) : new Float32Array(count);
  return values.fill(NaN);
}

/** A time in the viewer's zone, as it sorts: 2026-11-28 14:05. */
function whenText(seconds) {
  if (seconds === null) return "–";
  const time = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `
    + `${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** The order of two sort keys; what is not available (null) comes last either way. */
function compareKeys(a, b, descending) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b) !== descending ? -1 : 1;
}
