// The explorer: plots of any two words, linked with the table; thresholds; what is remembered.

class Board {
  constructor(model, el) {
    Object.assign(this, { model, el });
    this.columns = new Columns();
    this.words = [];
    this.limits = {};
    this.draft = {};
    this.selected = new Set();
    this.mask = new Uint8Array();
    this.expression = "";
    this.current = 0;
    this.plots = [];
    this.how = "new";
    this.asked = this.told = 0; // arrangements of plots: the last one that was asked for, and that was answered
    this.brushing = matchMedia("(pointer: fine)").matches;
    this.figures = model.get("figures");
    this.ready = false;
    this.build();
    this.wire = new Wire(model, el, {
      setup: ({ setup }) => this.takeSetup(setup),
      columns: ({ columns }, buffers) => { this.columns.take(columns, buffers); this.arrived(); },
      patch: ({ patch }, buffers) => { this.columns.patch(patch, buffers); this.arrived(); },
      selected: (message, buffers) => this.takeSelected(message, buffers),
      current: ({ current }) => { this.current = current; this.seen((plot) => plot.paint()); },
      judged: ({ judged }) => this.takeJudged(judged),
      arranged: ({ arranged }) => { if (arranged === this.asked) { this.told = arranged; this.arrange(); } },
    });
    el.prepend(this.wire.lost);
    this.tools.after(this.wire.line);
    this.wire.on("change:plots", () => this.arrange());
    this.wire.on("change:trash", () => this.trash.setAttribute("aria-pressed", String(model.get("trash"))));
    this.follow();
  }

  build() {
    const mode = (how, text, title) => h("button", { type: "button", class: "fnb-choice", "aria-pressed": String(how === this.how), title, "data-how": how,
      onclick: () => { this.how = how; this.tools.querySelectorAll("[data-how]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.how === how))); } }, text);
    this.code = codeLine(this.model);
    this.drag = h("button", { type: "button", class: "fnb-choice", "aria-pressed": String(this.brushing), title: "Dragging over a plot chooses images",
      onclick: () => {
        this.brushing = !this.brushing;
        this.drag.setAttribute("aria-pressed", String(this.brushing));
        this.plots.forEach((plot) => plot.brushes(this.brushing));
      } }, "Brush");
    this.trash = h("button", { type: "button", class: "fnb-choice", "aria-pressed": String(this.model.get("trash")), title: "Draw images of the TRASH, too",
      onclick: () => this.wire.ask("trash", { on: this.trash.getAttribute("aria-pressed") !== "true" }) }, "TRASH");
    this.chosen = h("span", { class: "fnb-explore-chosen", "aria-live": "polite" });
    this.clear = h("button", { type: "button", class: "fnb-choice", hidden: true, onclick: () => this.wire.ask("clear") }, "None");
    this.tools = h("div", { class: "fnb-bar-tools", role: "toolbar", "aria-label": "Plots" },
      h("span", { class: "fnb-group" }, h("button", { type: "button", class: "fnb-choice", onclick: () => this.add() }, "+ Plot"),
        h("button", { type: "button", class: "fnb-choice", title: "Draw the plots that are drawn at first", onclick: () => this.wire.ask("first") }, "Start anew"), this.trash),
      h("span", { class: "fnb-group", role: "group", "aria-label": "What brushing does" }, this.drag,
        mode("new", "New", "Brushing chooses anew"), mode("add", "Add", "Brushing adds to what is chosen; or hold shift"),
        mode("within", "Within", "Brushing narrows what is chosen; or hold alt")),
      h("span", { class: "fnb-explore-state" }, this.chosen, this.clear), this.code.toggle);
    this.judged = h("span", { "aria-live": "polite" });
    this.use = h("button", { type: "button", class: "fnb-button fnb-primary", onclick: () => { this.wire.ask("use", { limits: this.draft }); } }, "Use");
    this.bar = h("div", { class: "fnb-explore-judged", hidden: true }, this.judged,
      h("span", { class: "fnb-explore-use" }, this.use, h("button", { type: "button", class: "fnb-button", onclick: () => this.resetLines() }, "Reset")));
    this.grid = h("div", { class: "fnb-plots-grid" });
    this.frames(this.model.get("plots"));
    this.nothing = h("p", { class: "fnb-empty", hidden: true });
    this.key = h("p", { class: "fnb-muted fnb-key" }, h("span", {}, h("i", { class: "fnb-dot-good", "aria-hidden": "true" }, "●"), " good"),
      h("span", {}, h("i", { class: "fnb-dot-bad", "aria-hidden": "true" }, "✕"), " not good"),
      h("span", {}, h("i", { class: "fnb-ring", "aria-hidden": "true" }, "◯"), " looked at"),
      h("span", {}, h("i", { "aria-hidden": "true" }, "┆"), " limit of good: drag it"),
      h("span", {}, "double click: viewer"));
    this.el.append(this.tools, this.code.row, this.nothing, this.grid, this.bar, this.key);
  }

  /** Cards that say what comes, until the plots are there. */
  frames(specs) {
    this.grid.replaceChildren(...specs.map(() => h("section", { class: "fnb-plot", "aria-busy": "true" }, h("div", { class: "fnb-plot-head" }),
      h("div", { class: "fnb-plot-body" }, h("p", { class: "fnb-empty fnb-plot-empty" }, "drawing …")), h("div", { class: "fnb-plot-foot" }))));
  }

  word(name) {
    return this.words.find((word) => word.word === name)
      ?? { word: name, label: name === EXPLORE_TIME ? "Time recorded" : name, unit: "", factor: 1, digits: 3 };
  }

  // -- what the kernel tells ------------------------------------------------------------------

  takeSetup({ words, limits, trashed }) {
    this.words = words;
    this.limits = limits;
    this.trash.hidden = !trashed && !this.model.get("trash");
    for (const [name, value] of Object.entries(this.draft)) if (value === limits[name]) delete this.draft[name];
    this.plots.forEach((plot) => plot.fill());
    this.seen((plot) => plot.draw());
    this.tellDraft();
  }

  /** Do something to all plots; in a tab that is not in front, they are drawn when it is. */
  seen(act) {
    if (this.el.clientWidth) this.plots.forEach(act);
    else this.stale = true;
  }

  /** Who is chosen, by place: looked up once for all plots. */
  masked() { this.mask = Uint8Array.from(this.columns.ids, (id) => (this.selected.has(id) ? 1 : 0)); }

  arrived() {
    this.ready = true;
    this.masked();
    this.nothing.hidden = true;
    if (!this.plots.length) this.arrange();
    else this.seen((plot) => plot.draw());
    if (Object.keys(this.draft).length) this.judge();
    this.el.dataset.count = String(this.columns.count);
  }

  takeSelected({ expression }, buffers) {
    this.selected = new Set(typed(Int32Array, buffers[0]));
    this.expression = expression;
    this.masked();
    const n = this.selected.size;
    this.chosen.textContent = n ? `${number(n, 0)} chosen${expression ? `: ${expression}` : ""}` : "";
    this.chosen.title = expression;
    this.clear.hidden = !n;
    this.seen((plot) => { plot.paint(); plot.tell(); });
  }

  takeJudged({ good, of, now: before }) {
    const more = good - before;
    this.judged.textContent = `With these lines ${number(good, 0)} of ${number(of, 0)} images are good, would reject ${number(of - good, 0)} of ${number(of, 0)}`
      + (more ? ` (${more > 0 ? "+" : "−"}${number(Math.abs(more), 0)} good)` : "");
  }

  // -- plots ----------------------------------------------------------------------------------

  /** Make the plots that the model names; those that stay are kept. */
  arrange() {
    if (!this.ready || this.told !== this.asked) return;
    this.show(this.model.get("plots"));
  }

  show(specs) {
    if (!this.plots.length) this.grid.replaceChildren();
    specs.forEach((spec, i) => {
      if (this.plots[i]) this.plots[i].set(spec);
      else { const plot = new Plot(this, spec); this.plots.push(plot); this.grid.append(plot.card); }
    });
    this.plots.splice(specs.length).forEach((plot) => plot.end());
    this.nothing.hidden = specs.length > 0;
    this.nothing.textContent = "No plot is drawn; add one.";
  }

  change(plot, more) {
    const spec = { ...plot.spec, ...more };
    if (more.x && more.x !== plot.spec.x) delete spec.line;
    this.tellPlots(this.plots.map((one) => (one === plot ? spec : one.spec)));
  }

  drop(plot) {
    // The plot itself goes, so that the others stay as they are.
    const specs = this.plots.filter((one) => one !== plot).map((one) => one.spec);
    this.plots = this.plots.filter((one) => one !== plot);
    plot.end();
    this.tellPlots(specs);
    this.tools.querySelector("button").focus();
  }

  add() {
    const drawn = new Set(this.plots.filter((plot) => !plot.spec.y).map((plot) => plot.spec.x));
    const word = this.words.find((one) => one.word !== EXPLORE_TIME && !drawn.has(one.word)) ?? this.words[1];
    if (!word) return;
    this.tellPlots([...this.plots.map((plot) => plot.spec), { x: word.word, y: "" }]);
    const { card, x } = this.plots[this.plots.length - 1];
    card.scrollIntoView({ block: "nearest" });
    x.focus({ preventScroll: true });
  }

  /** Draw plots at once, and tell the kernel, which sends the numbers that are missing. */
  tellPlots(plots) {
    this.show(plots);
    this.asked += 1;
    this.wire.ask("plots", { plots, number: this.asked });
  }

  brush(ranges, event, below) {
    const how = event?.shiftKey ? "add" : event?.altKey ? "within" : this.how;
    this.wire.ask("brush", { ranges, how, below });
  }

  // -- thresholds -----------------------------------------------------------------------------

  linesFor(spec) {
    const lines = [];
    for (const axis of ["x", "y"]) {
      if (!spec[axis]) continue;
      const word = this.word(spec[axis]);
      for (const side of ["low", "high"]) {
        const name = word[side];
        if (!name || this.limits[name] === null || this.limits[name] === undefined) continue;
        const value = this.draft[name] ?? this.limits[name];
        lines.push({ axis, side, key: name, word, value: value * word.factor, dragged: name in this.draft,
          label: `${word.label} at ${side === "low" ? "least" : "most"}` });
      }
      if (axis === "x" && typeof spec.line === "number" && !lines.length) {
        lines.push({ axis, side: "high", key: "own", own: true, word, value: spec.line * word.factor, dragged: false, label: `Line of ${word.label}` });
      }
    }
    return lines;
  }

  moveLine(plot, key, value, final) {
    if (key === "own") {
      plot.spec.line = value / plot.wx.factor;
      plot.relined();
      if (final) this.tellPlots(this.plots.map((one) => one.spec));
      return;
    }
    const word = this.words.find((one) => one.low === key || one.high === key);
    this.draft[key] = Number((value / word.factor).toPrecision(10));
    if (this.draft[key] === this.limits[key]) delete this.draft[key];
    this.relined(final);
  }

  resetLine(plot, key) {
    if (key !== "own") { delete this.draft[key]; this.relined(true); }
  }

  resetLines() {
    this.draft = {};
    this.relined(true);
  }

  relined(final) {
    this.plots.forEach((plot) => plot.relined());
    this.tellDraft();
    clearTimeout(this.judging);
    if (Object.keys(this.draft).length) this.judging = setTimeout(() => this.judge(), final ? 0 : 150);
  }

  judge() { this.wire.ask("judge", { limits: this.draft }); }

  tellDraft() {
    const names = Object.keys(this.draft);
    this.bar.hidden = !names.length;
    if (!names.length) this.judged.textContent = "";
  }

  makeRule(line) {
    this.wire.ask("rule", { word: line.word.word, comparison: line.side === "high" ? ">" : "<",
      value: Number((line.value / line.word.factor).toPrecision(10)) });
  }

  // -- colours --------------------------------------------------------------------------------

  get dark() { return getComputedStyle(this.el).getPropertyValue("--fnb-dark").trim() === "1"; }

  /** Light or dark, whoever decides that: the browser, or JupyterLab on its body. */
  follow() {
    const colour = () => this.plots.forEach((plot) => plot.colour());
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", colour);
    const theme = new MutationObserver(colour);
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    const width = new ResizeObserver(() => {
      if (!this.stale || !this.el.clientWidth) return;
      this.stale = false;
      this.plots.forEach((plot) => plot.draw());
    });
    width.observe(this.el);
    this.wire.ends.push(() => { width.disconnect(); scheme.removeEventListener("change", colour); theme.disconnect(); });
  }

  end() {
    this.plots.forEach((plot) => plot.end());
    this.code.end();
    this.wire.end();
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-explore");
  const board = new Board(model, el);
  el.board = board; // `part` is a word that HTML keeps for itself
  let ended = false;
  bokehjs(model).then(() => { if (!ended) board.wire.ready(); })
    .catch((error) => { board.frames([]); board.wire.tell(`The plots cannot be drawn: ${error}`, "error"); });
  return () => { ended = true; board.end(); };
}

export default { render };
