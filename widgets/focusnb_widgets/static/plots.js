// Time series: the kernel sends columns, the range is chosen and everything is drawn here.

const RANGES = [["1 h", 1], ["3 h", 3], ["6 h", 6], ["12 h", 12], ["24 h", 24], ["2 d", 48], ["all", null]];
const SCHEMES = {
  light: { ink: "#16202b", muted: "#5b6875", grid: "#e3e7ec", good: "#0c8599", bad: "#e8590c", limit: "#98a4b0" },
  dark: { ink: "#e8ecf0", muted: "#97a3af", grid: "#2c343d", good: "#3bc9db", bad: "#ff922b", limit: "#66727e" },
};

function numbers(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  return new Float64Array(bytes.buffer);
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** The top of a panel: the usual values and the limit fit in; what lies above is drawn at the edge. */
function scale(values, limits) {
  const sorted = values.filter(Number.isFinite).sort();
  if (!sorted.length) return [0, 1];
  const usual = quantile(sorted, 0.5);
  const spread = Math.max(quantile(sorted, 0.9) - usual, 0.05 * Math.abs(usual));
  let top = Math.min(sorted[sorted.length - 1], usual + 5 * spread);
  let bottom = Math.max(sorted[0], usual - 5 * Math.max(usual - quantile(sorted, 0.1), 0.05 * Math.abs(usual)));
  for (const limit of limits) {
    if (limit < top + 1.5 * (top - bottom) && limit > top) top = limit;
    if (limit > bottom - 0.7 * (top - bottom) && limit < bottom) bottom = limit;
  }
  const pad = 0.12 * (top - bottom) || 0.1 * Math.abs(top) || 1;
  // A little room below zero keeps its label whole.
  return [bottom >= 0 ? Math.max(-0.08 * top, bottom - pad) : bottom - pad, top + pad];
}

class Plots {
  constructor(model, panel, note) {
    this.model = model;
    this.panel = panel;
    this.note = note;
    this.hours = model.get("hours");
    const { Document } = Bokeh.require("document");
    const { add_document_standalone: add } = Bokeh.require("embed/standalone");
    const docs = JSON.parse(model.get("figure"));
    this.doc = Document.from_json(docs);
    this.words = model.get("words");
    this.colour();
    this.update();
    this.added = add(this.doc, panel);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => this.colour();
    dark.addEventListener("change", this.recolour);
    this.end = () => { dark.removeEventListener("change", this.recolour); this.doc.clear(); };
    if (matchMedia("(pointer: fine)").matches) {
      for (const { word } of this.words) this.find(`zoom ${word}`).active = true;
    }
  }

  find(name) { return this.doc.get_model_by_name(name); }

  colour() {
    const dark = getComputedStyle(this.panel).getPropertyValue("--fnb-dark").trim() === "1";
    const c = SCHEMES[dark ? "dark" : "light"];
    for (const { word } of this.words) {
      const figure = this.find(`figure ${word}`);
      figure.title.text_color = c.ink;
      for (const axis of [...figure.below, ...figure.left]) {
        if (axis.major_label_text_color === undefined) continue;
        axis.major_label_text_color = c.muted;
        axis.axis_line_color = c.grid;
      }
      for (const grid of figure.center) {
        if (grid.grid_line_color !== undefined) grid.grid_line_color = c.grid;
      }
      this.find(`good ${word}`).glyph.setv({ fill_color: c.good, line_color: c.good });
      this.find(`bad ${word}`).glyph.setv({ fill_color: null, line_color: c.bad });
      for (const side of ["low", "high"]) {
        this.find(`${side} ${word}`).line_color = c.limit;
      }
    }
  }

  update() {
    this.words = this.model.get("words");
    const columns = Object.fromEntries(
      Object.entries(this.model.get("columns")).map(([word, view]) => [word, numbers(view)]));
    const facts = this.model.get("facts");
    const time = columns.time ?? new Float64Array();
    const names = facts.names ?? [];
    const first = time[0];
    const last = time[time.length - 1];
    const end = Math.max(this.hours === null ? 0 : now(), last ?? 0) || now();
    const wanted = this.hours === null ? first : end - 3600 * this.hours;
    let begin = Math.max(wanted ?? end - 3600, first ?? end - 3600);
    if (!(end - begin > 60)) begin = end - 60;
    const inside = [];
    for (let i = 0; i < time.length; i++) if (time[i] >= begin - 1) inside.push(i);
    this.tell(inside.length, time.length, last, facts);
    const pad = 0.015 * (end - begin);
    const x = (i) => (time[i] + (facts.offset ?? 0)) * 1000;
    const range = this.find("time");
    range.setv({ start: (begin - pad + (facts.offset ?? 0)) * 1000, end: (end + pad + (facts.offset ?? 0)) * 1000 });
    const data = { good: this.empty(), bad: this.empty() };
    const tops = {};
    for (const { word, factor, low, high } of this.words) {
      const values = inside.map((i) => columns[word][i] * factor);
      const [bottom, top] = scale(Float64Array.from(values), [low, high].filter((l) => l !== null));
      tops[word] = [bottom, top];
      this.find(`figure ${word}`).y_range.setv({ start: bottom, end: top });
      this.find(`low ${word}`).setv({ location: low ?? 0, visible: low !== null });
      this.find(`high ${word}`).setv({ location: high ?? 0, visible: high !== null });
    }
    for (const i of inside) {
      const to = data[columns.good[i] ? "good" : "bad"];
      to.x.push(x(i));
      to.name.push(names[i] ?? "");
      to.when.push(clock(time[i], facts.offset ?? 0));
      for (const { word, factor } of this.words) {
        const value = columns[word][i] * factor;
        const [bottom, top] = tops[word];
        to[word].push(value);
        to[`${word} shown`].push(Math.min(Math.max(value, bottom + 0.02 * (top - bottom)), top - 0.02 * (top - bottom)));
      }
    }
    const many = inside.length > 600;
    for (const { word } of this.words) {
      this.find(`good ${word}`).glyph.size = { value: many ? 3.5 : 5 };
      this.find(`bad ${word}`).glyph.size = { value: many ? 5 : 7 };
    }
    this.find("good").data = data.good;
    this.find("bad").data = data.bad;
    for (const { word, factor, label, unit, digits } of this.words) {
      let latest = NaN;
      for (let i = time.length - 1; i >= 0 && !Number.isFinite(latest); i--) latest = columns[word][i] * factor;
      const value = Number.isFinite(latest) ? `   ${number(latest, digits)}${unit ? ` ${unit}` : ""}` : "";
      this.find(`figure ${word}`).title.text = `${label}${value}`;
    }
  }

  empty() {
    const data = { x: [], name: [], when: [] };
    for (const { word } of this.words) Object.assign(data, { [word]: [], [`${word} shown`]: [] });
    return data;
  }

  tell(shown, all, last, facts) {
    if (!all) this.note.textContent = "No image was measured yet.";
    else if (!shown) this.note.replaceChildren("No image in this time; ", ago(last, "the last one was recorded "), ".");
    else {
      this.note.textContent = facts.every > 1
        ? `${number(shown, 0)} points; of older images every ${facts.every}th is shown`
        : `${number(shown, 0)} images`;
    }
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-card", "fnb-plots");
  const note = h("small", { class: "fnb-muted", "aria-live": "polite" });
  const panel = h("div", { class: "fnb-panel", role: "img",
    "aria-label": "Time series of electrons, drift, defocus, CTF resolution and iciness" });
  let plots = null;
  const buttons = RANGES.map(([text, hours]) => h("button", {
    type: "button", class: "fnb-choice", "data-hours": String(hours),
    onclick: () => {
      model.set("hours", hours);
      model.save_changes();
      press();
      if (plots) { plots.hours = hours; plots.update(); }
    },
  }, text));
  const press = () => {
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.hours === String(model.get("hours"))));
  };
  press();
  el.append(h("div", { class: "fnb-plots-head" }, h("h2", {}, "Session", note),
    h("div", { class: "fnb-ranges", role: "group", "aria-label": "Time range" }, buttons)), panel,
  h("p", { class: "fnb-muted fnb-key" },
    h("span", {}, h("i", { class: "fnb-dot-good", "aria-hidden": "true" }, "●"), " good"),
    h("span", {}, h("i", { class: "fnb-dot-bad", "aria-hidden": "true" }, "✕"), " not good"),
    h("span", {}, h("i", { "aria-hidden": "true" }, "┄"), " limit of good"),
    h("span", {}, "at an edge: beyond the scale")));
  const update = () => plots?.update();
  let ended = false;
  bokehjs(model).then(() => {
    if (ended) return;
    plots = new Plots(model, panel, note);
    el.dataset.ready = "1";
  }).catch((error) => { note.textContent = `The plots cannot be drawn: ${error}`; });
  model.on("change:columns", update);
  const id = setInterval(update, 60000);
  return () => {
    ended = true;
    clearInterval(id);
    model.off("change:columns", update);
    plots?.end();
  };
}

export default { render };
