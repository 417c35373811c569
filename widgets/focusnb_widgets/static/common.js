// What all parts of the monitoring page share: elements, words for times and numbers.

/** Make an element: h("p", {class: "note"}, "text", other). */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** Seconds since 1970 on the computer that publishes: a phone's own clock may be wrong. */
const now = () => Date.now() / 1000 - (globalThis.focusnbClock ?? 0);

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${(s / 3600).toFixed(s < 36000 ? 1 : 0)} h`;
  return `${Math.round(s / 86400)} days`;
}

/** An element that tells how long ago something was, and goes on counting. */
function ago(time, before = "", after = " ago") {
  return h("span", { "data-since": time, "data-before": before, "data-after": after },
    `${before}${span(now() - time)}${after}`);
}

function countOn(root) {
  const tick = () => {
    for (const one of root.querySelectorAll("[data-since]")) {
      const text = `${one.dataset.before}${span(now() - Number(one.dataset.since))}${one.dataset.after}`;
      if (one.textContent !== text) one.textContent = text;
    }
  };
  const id = setInterval(tick, 1000);
  return () => clearInterval(id);
}

/** Time of day where the microscope is; with the date when that is not today's. */
function clock(time, offset, withDay = false) {
  const text = new Date((time + offset) * 1000).toISOString();
  const today = new Date((now() + offset) * 1000).toISOString().slice(0, 10);
  const day = withDay || text.slice(0, 10) !== today ? `${text.slice(0, 10)} ` : "";
  return `${day}${text.slice(11, 16)}`;
}

function number(value, digits = null) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  const text = digits === null
    ? String(Number(value.toPrecision(6)))
    : Math.abs(value) >= 1e6 ? String(Math.round(value)) : value.toFixed(digits);
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return (part === undefined ? grouped : `${grouped}.${part}`).replace("-", "−");
}

/** A number of the feed as people read it: lengths of defocus in µm, ratios without "1". */
function measured(one) {
  const micrometres = one.word === "defocus";
  const value = micrometres && one.value !== null ? one.value / 1e4 : one.value;
  const unit = micrometres ? "µm" : one.unit === "1" ? "" : one.unit;
  return { text: number(value, micrometres ? 2 : one.digits), unit };
}

/** Render now and again whenever one of the traits changes. */
function follow(model, traits, draw) {
  const events = traits.map((t) => `change:${t}`).join(" ");
  model.on(events, draw);
  draw();
  return () => model.off(events, draw);
}
