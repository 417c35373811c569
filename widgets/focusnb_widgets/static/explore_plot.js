// One plot of the explorer: a histogram or a scatter plot in a card, drawn by BokehJS.

const EXPLORE_COLOURS = {
  light: { ink: "#16202b", muted: "#5b6875", grid: "#e3e7ec", bar: "#aebdca", good: "#0c8599", bad: "#d9480f", chosen: "#0b7285",
    rest: "#b7c2cc", mark: "#b45309" },
  dark: { ink: "#e8ecf0", muted: "#97a3af", grid: "#2c343d", bar: "#4d5c6a", good: "#3bc9db", bad: "#ff922b", chosen: "#66d9e8",
    rest: "#55626e", mark: "#ffb000" },
};
const NEAR = 14; // pixels between a pointer and the point that is meant

class Plot {
  constructor(board, spec) {
    this.board = board;
    this.whole = false;
    this.lines = [];
    this.build();
    this.set(spec);
    this.sizes = new ResizeObserver(() => { this.spread(); this.placeLines(); });
    this.sizes.observe(this.panel);
  }

  get time() { return this.spec.x === EXPLORE_TIME; }
  get kind() { return `${this.spec.y ? "scatter" : "histogram"}${this.time ? " time" : ""}`; }

  build() {
    const chosen = (axis) => (event) => this.board.change(this, { [axis]: event.target.value });
    this.x = h("select", { "aria-label": "Parameter", onchange: chosen("x") });
    this.y = h("select", { "aria-label": "Plotted as", onchange: chosen("y") });
    this.wide = h("button", { type: "button", class: "fnb-choice fnb-small", hidden: true,
      onclick: () => { this.whole = !this.whole; this.draw(); } });
    this.between = h("button", { type: "button", class: "fnb-choice", "aria-expanded": "false", title: "Choose a range by numbers",
      onclick: () => this.openRange() }, "Range…");
    this.liner = h("button", { type: "button", class: "fnb-choice", onclick: () => this.toggleLine() });
    const gone = h("button", { type: "button", class: "fnb-choice", "aria-label": "Remove this plot", title: "Remove this plot",
      onclick: () => this.board.drop(this) }, "✕");
    this.panel = h("div", { class: "fnb-plot-panel", role: "img" });
    this.layer = h("div", { class: "fnb-plot-layer" });
    this.tip = h("div", { class: "fnb-tip", hidden: true });
    this.empty = h("p", { class: "fnb-empty fnb-plot-empty", hidden: true });
    this.body = h("div", { class: "fnb-plot-body" }, this.panel, this.layer, this.tip, this.empty);
    this.form = h("form", { class: "fnb-plot-range", hidden: true, onsubmit: (event) => { event.preventDefault(); this.chooseRange(); } });
    this.sum = h("span", { class: "fnb-muted fnb-plot-sum" });
    this.reject = h("span", { class: "fnb-plot-reject", "aria-live": "polite" });
    this.rules = h("span", { class: "fnb-plot-rules" });
    this.card = h("section", { class: "fnb-plot" },
      h("div", { class: "fnb-plot-head" }, this.x, h("span", { class: "fnb-muted", "aria-hidden": "true" }, "×"), this.y,
        h("span", { class: "fnb-plot-tools" }, this.between, this.liner, gone)),
      this.form, this.body, h("div", { class: "fnb-plot-foot" }, h("span", { class: "fnb-plot-line" }, this.sum, this.wide), this.reject, this.rules));
    this.card.plot = this;
    this.listen();
  }

  /** Show other words. */
  set(spec) {
    const before = this.spec && this.kind;
    this.spec = { ...spec };
    this.fill();
    if (before !== this.kind) this.embed();
    else this.draw();
  }

  fill() {
    const { words } = this.board;
    const option = (word, on) => h("option", { value: word.word, selected: on }, wordTitle(word));
    const known = (name) => words.some((word) => word.word === name);
    const absent = (name) => (name && !known(name) ? [h("option", { value: name, selected: true }, name)] : []);
    this.x.replaceChildren(...words.map((word) => option(word, word.word === this.spec.x)), ...absent(this.spec.x));
    this.y.replaceChildren(h("option", { value: "", selected: !this.spec.y }, "count"),
      ...words.filter((word) => word.word !== EXPLORE_TIME).map((word) => option(word, word.word === this.spec.y)), ...absent(this.spec.y));
  }

  embed() {
    this.doc?.clear();
    this.panel.replaceChildren();
    const { Document } = Bokeh.require("document");
    const { add_document_standalone: add } = Bokeh.require("embed/standalone");
    this.doc = Document.from_json(JSON.parse(this.board.figures[this.kind]));
    this.figure = this.find("figure");
    this.colour();
    this.draw();
    if (this.board.brushing) this.brushes(true);
    this.figure.on_event("selectiongeometry", (event) => { if (event.final) this.brushed(event.geometry); });
    const made = this.doc;
    this.view = null;
    this.tell();
    add(this.doc, this.panel).then((views) => {
      if (made !== this.doc) return;
      this.view = views.get_one(this.figure);
      this.tell();
      this.placeLines();
      requestAnimationFrame(() => { this.placeLines(); this.card.dataset.ready = "1"; });
    });
  }

  find(name) { return this.doc.get_model_by_name(name); }

  brushes(on) { const brush = this.find("brush"); if (brush) brush.active = on; }

  colour() {
    const c = EXPLORE_COLOURS[this.board.dark ? "dark" : "light"];
    for (const axis of [...this.figure.below, ...this.figure.left]) {
      axis.setv({ major_label_text_color: c.muted, axis_line_color: c.grid });
    }
    for (const grid of this.figure.center) {
      if (grid.grid_line_color !== undefined && grid.grid_line_color !== null) grid.grid_line_color = c.grid;
    }
    const line = this.board.dark ? "#1a2027" : "#ffffff";
    if (this.spec.y) {
      this.find("rest").glyph.setv({ fill_color: c.rest, line_color: null });
      this.find("good").glyph.setv({ fill_color: c.good, line_color: null });
      this.find("bad").glyph.setv({ fill_color: null, line_color: c.bad });
      this.find("current").glyph.setv({ fill_color: null, line_color: c.mark, line_width: 3, size: { value: 15 } });
    } else {
      this.find("all").glyph.setv({ fill_color: c.bar, line_color: line });
      this.find("chosen").glyph.setv({ fill_color: c.chosen, line_color: line });
      this.find("current").line_color = c.mark;
    }
    this.find("brushed").setv({ fill_color: c.chosen, fill_alpha: 0.18, line_color: c.chosen, line_dash: [], line_width: 1.5 });
  }

  // -- numbers ------------------------------------------------------------------------------

  /** Take the numbers anew and draw them. */
  draw() {
    const { columns } = this.board;
    this.wx = this.board.word(this.spec.x);
    this.wy = this.spec.y ? this.board.word(this.spec.y) : null;
    this.xs = columns.shown(this.spec.x, this.wx.factor);
    this.ys = this.wy ? columns.shown(this.spec.y, this.wy.factor) : null;
    this.sx = summed(this.xs);
    this.sy = this.ys ? summed(this.ys) : null;
    this.makeLines();
    const range = usual(this.sx, this.whole || this.time);
    const [low, high] = withLines(range, this.linesOf("x").map((l) => l.value));
    this.spread();
    if (this.ys) this.drawPoints(low, high);
    else this.drawBars(low, high, range[1] - range[0]);
    this.paint();
    this.tell();
    this.placeLines();
  }

  /** As many labels along x as there is room for. */
  spread() {
    const width = this.panel.clientWidth;
    if (width && this.figure) this.figure.below[0].ticker.desired_num_ticks = Math.max(2, Math.min(6, Math.floor((width - 70) / 75)));
  }

  drawBars(low, high, width) {
    const whole = this.wx.digits === 0 && !this.time;
    this.edges = edgesOf(low, high, { whole, time: this.time, width, values: this.sx.sorted });
    const counts = counted(this.xs, this.edges);
    const pad = (counts.length === 1 ? 2 : 0.03) * (this.edges[this.edges.length - 1] - this.edges[0]);
    this.range("x", this.edges[0] - pad, this.edges[this.edges.length - 1] + pad);
    this.range("y", 0, 1.08 * Math.max(1, ...counts));
    this.find("all data").data = this.bars(counts);
  }

  bars(counts) { return { left: this.edges.slice(0, -1), right: this.edges.slice(1), top: Array.from(counts) }; }

  drawPoints(low, high) {
    const pad = (a, b) => 0.04 * (b - a) || 0.1 * Math.abs(b) || 1;
    const around = this.time && low === high ? 1_800_000 : pad(low, high); // half an hour on both sides of a single image
    this.range("x", low - around, high + around);
    const [bottom, top] = withLines(usual(this.sy, this.whole), this.linesOf("y").map((l) => l.value));
    this.range("y", bottom - pad(bottom, top), top + pad(bottom, top));
  }

  range(axis, start, end) { this.find(axis).setv({ start, end }); }

  /** Draw who is chosen and who is looked at. */
  paint() {
    const { selected, columns, current, mask } = this.board;
    const some = selected.size > 0;
    const place = columns.places.get(current) ?? -1;
    if (!this.ys) {
      const counts = some ? counted(this.xs, this.edges, mask) : new Float64Array(this.edges.length - 1);
      this.find("chosen data").data = this.bars(counts);
      this.chosen = counts.reduce((a, b) => a + b, 0);
      const at = this.xs[place];
      this.find("current").setv({ location: Number.isFinite(at) ? at : 0, visible: Number.isFinite(at) });
      return;
    }
    const parts = { rest: [], good: [], bad: [] };
    for (let i = 0; i < this.xs.length; i++) {
      if (!Number.isFinite(this.xs[i]) || !Number.isFinite(this.ys[i])) continue;
      parts[some && !mask[i] ? "rest" : columns.good[i] === 0 ? "bad" : "good"].push(i);
    }
    this.chosen = some ? parts.good.length + parts.bad.length : 0;
    const total = parts.rest.length + parts.good.length + parts.bad.length;
    this.both = total;
    for (const [name, some_] of Object.entries(parts)) {
      this.find(`${name} data`).data = { x: Float64Array.from(some_, (i) => this.xs[i]), y: Float64Array.from(some_, (i) => this.ys[i]) };
      const glyph = this.find(name).glyph;
      const dense = total > 3000; // dots let what lies under them show through
      const size = dense ? 3 : total > 600 ? 4 : 5.5;
      glyph.size = { value: name === "bad" ? size + 1.5 : size };
      if (name === "bad") glyph.line_width = dense ? 1 : 1.6;
      else glyph.fill_alpha = name === "rest" ? 0.6 : dense ? 0.35 : 0.75;
    }
    const seen = place >= 0 && Number.isFinite(this.xs[place]) && Number.isFinite(this.ys[place]);
    this.find("current data").data = { x: seen ? [this.xs[place]] : [], y: seen ? [this.ys[place]] : [] };
  }

  /** Say in words what is drawn. */
  tell() {
    const { columns, selected } = this.board;
    const one = (word, sum) => (word.word === EXPLORE_TIME ? `${wordText(word, sum.low)} to ${wordText(word, sum.high)}`
      : sum.low === sum.high ? `${wordText(word, sum.low)}`
        : `median ${wordText(word, sum.median)}, ${wordText(word, sum.low)} to ${wordText(word, sum.high)}`);
    const n = this.ys ? this.both : this.sx.n;
    const missing = [this.spec.x, this.spec.y].some((name) => name && !columns.words[name]);
    const nothing = missing ? "…" : !columns.count ? "No image has been imported yet."
      : !n ? `No image has ${this.ys && this.sx.n && this.sy.n ? "both values" : `a value of ${wordTitle(this.sx.n ? this.wy ?? this.wx : this.wx)}`} yet.` : "";
    this.empty.textContent = nothing || (this.view ? "" : "drawing …");
    this.empty.hidden = !this.empty.textContent;
    this.panel.style.visibility = this.layer.style.visibility = nothing ? "hidden" : "";
    const without = columns.count - n;
    const beyond = this.whole || this.time ? 0 : this.outside();
    const images = `${number(n, 0)} image${n === 1 ? "" : "s"}`;
    const parts = [nothing ? "" : images, nothing || this.time ? "" : one(this.wx, this.sx),
      nothing || !without ? "" : `${number(without, 0)} without a value`,
      selected.size && !nothing ? `${number(this.chosen, 0)} chosen` : ""];
    this.sum.textContent = parts.filter(Boolean).join(" · ");
    const name = this.ys ? `${wordTitle(this.wy)} over ${wordTitle(this.wx)}` : `Histogram of ${wordTitle(this.wx)}`;
    const values = nothing || [images, `${this.wx.label} ${one(this.wx, this.sx)}`,
      this.ys ? `${this.wy.label} ${one(this.wy, this.sy)}` : "", selected.size ? `${number(this.chosen, 0)} of them chosen` : ""].filter(Boolean).join("; ");
    this.card.setAttribute("aria-label", name);
    this.panel.setAttribute("aria-label", `${name}: ${values}`);
    this.wide.hidden = (!beyond && !this.whole) || Boolean(nothing);
    this.wide.textContent = this.whole ? "usual range" : `${number(beyond, 0)} beyond`;
    this.wide.title = this.whole ? "Show the usual range again" : "These lie beyond the scale: show the whole range";
    this.between.hidden = Boolean(nothing);
    this.tellLines();
  }

  outside() {
    const x = this.find("x");
    const y = this.find("y");
    let count = 0;
    for (let i = 0; i < this.xs.length; i++) {
      const v = this.xs[i];
      const w = this.ys ? this.ys[i] : 0;
      if (Number.isFinite(v) && Number.isFinite(w) && (v < x.start || v > x.end || (this.ys && (w < y.start || w > y.end)))) count++;
    }
    return count;
  }

  // -- thresholds ---------------------------------------------------------------------------

  linesOf(axis) { return this.lines.filter((line) => line.axis === axis); }

  /** Make the lines of the words that are plotted; those of good are shared by all plots. */
  makeLines() {
    const wanted = this.board.linesFor(this.spec);
    const key = JSON.stringify(wanted.map(({ axis, key: name }) => [axis, name]));
    if (key !== this.lineKey) {
      this.lines.forEach((line) => line.drawn.remove());
      this.lineKey = key;
      this.lines = wanted.map((line) => ({ ...line, drawn: new DragLine(this.layer, {
        axis: line.axis, label: line.label, text: (value) => wordText(line.word, value), place: () => this.placeOf(line.axis),
        step: () => this.stepOf(line.axis), back: () => this.board.resetLine(this, line.key),
        moved: (value, final) => this.board.moveLine(this, line.key, value, final) }) }));
    }
    this.lines.forEach((line, i) => { line.value = wanted[i].value; line.dragged = wanted[i].dragged; });
  }

  stepOf(axis) {
    const { low, high } = this.placeOf(axis);
    return roundStep((high - low) / 250);
  }

  placeOf(axis) {
    const box = this.view?.frame?.bbox ?? { left: 54, top: 10, width: 100, height: 190 };
    const range = this.find(axis);
    const at = { low: range.start, high: range.end };
    return axis === "x" ? { ...at, from: box.left, length: box.width, across: box.height, at: box.top }
      : { ...at, from: box.top + box.height, length: box.height, across: box.width, at: box.left };
  }

  placeLines() {
    if (!this.view) return;
    const { left, top, width, height } = this.view.frame.bbox;
    this.layer.style.clipPath = `xywh(${left - 8}px 0 ${width + 16}px ${top + height}px)`;
    for (const { drawn, value, dragged, side } of this.lines) drawn.show(value, { dragged, side });
  }

  /** Lines have moved, here or in another plot. */
  relined() {
    this.makeLines();
    this.placeLines();
    this.tellLines();
  }

  tellLines() {
    const rejected = (i) => this.lines.some((line) => {
      const value = (line.axis === "x" ? this.xs : this.ys)[i];
      return line.side === "high" ? value > line.value : value < line.value;
    });
    let count = 0;
    let n = 0;
    for (let i = 0; i < this.xs.length && this.lines.length; i++) {
      if (!this.lines.some((line) => Number.isFinite((line.axis === "x" ? this.xs : this.ys)[i]))) continue;
      n++;
      if (rejected(i)) count++;
    }
    this.reject.textContent = this.lines.length && n ? `would reject ${number(count, 0)} of ${number(n, 0)}` : "";
    this.reject.classList.toggle("fnb-has", count > 0);
    this.rules.replaceChildren(...(n ? this.lines : []).map((line) => h("button", { type: "button", class: "fnb-choice fnb-small",
      title: "Make a rule of this line: it flags what lies beyond, and is off until you switch it on",
      onclick: () => this.board.makeRule(line) }, `+ rule ${line.side === "high" ? ">" : "<"} ${wordText(line.word, line.value)}`)));
    const own = this.lines.some((line) => line.own);
    this.liner.hidden = this.time || !this.sx.n || (this.linesOf("x").length > 0 && !own);
    this.liner.textContent = own ? "No line" : "Line";
    this.liner.title = own ? "Remove the line" : "Draw a threshold that can be dragged";
  }

  toggleLine() {
    const own = this.lines.some((line) => line.own);
    const at = this.sx.sorted[Math.floor(0.95 * this.sx.n)];
    this.board.change(this, { line: own ? null : at / this.wx.factor });
  }

  // -- pointer ------------------------------------------------------------------------------

  listen() {
    let down = null;
    this.body.addEventListener("pointerdown", (event) => { down = event; this.keys = event; }, true);
    this.body.addEventListener("pointermove", (event) => this.hover(event));
    this.body.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.body.addEventListener("click", (event) => {
      if (down && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > 4) return;
      if (!event.target.closest?.(".fnb-line")) this.clicked(event);
    });
    this.body.addEventListener("dblclick", (event) => {
      const place = this.nearest(event);
      if (place >= 0) this.board.wire.ask("open", { image: this.board.columns.ids[place] });
    });
  }

  at(event) {
    const rect = this.body.getBoundingClientRect();
    const [x, y] = [this.placeOf("x"), this.placeOf("y")];
    const px = event.clientX - rect.left;
    const py = event.clientY - rect.top;
    const inside = px >= x.from && px <= x.from + x.length && py <= y.from && py >= y.from - y.length;
    return { px, py, inside, x: x.low + (px - x.from) / x.length * (x.high - x.low), y: y.low + (y.from - py) / y.length * (y.high - y.low),
      kx: x.length / (x.high - x.low), ky: y.length / (y.high - y.low) };
  }

  /** The place of the image whose point is meant, −1 for none. */
  nearest(event) {
    if (!this.ys || !this.view) return -1;
    const { inside, x, y, kx, ky } = this.at(event);
    if (!inside) return -1;
    let best = NEAR * NEAR;
    let found = -1;
    for (let i = 0; i < this.xs.length; i++) {
      const dx = (this.xs[i] - x) * kx;
      const dy = (this.ys[i] - y) * ky;
      const d = dx * dx + dy * dy;
      if (d < best) { best = d; found = i; }
    }
    return found;
  }

  bar(event) {
    const { inside, x } = this.at(event);
    if (!inside || this.ys) return -1;
    return this.edges.findIndex((edge, i) => i + 1 < this.edges.length && x >= edge && x < this.edges[i + 1]);
  }

  hover(event) {
    if (event.buttons || !this.view) { this.tip.hidden = true; return; }
    const { columns } = this.board;
    const place = this.nearest(event);
    const bar = this.ys ? -1 : this.bar(event);
    this.tip.hidden = place < 0 && bar < 0;
    if (this.tip.hidden) return;
    const { px, py } = this.at(event);
    if (place >= 0) {
      this.tip.replaceChildren(h("b", {}, columns.names[place]), h("br"), `${this.wx.label} ${wordText(this.wx, this.xs[place])}`, h("br"),
        `${this.wy.label} ${wordText(this.wy, this.ys[place])}`, ...(columns.good[place] === 0 ? [h("br"), "✕ not good"] : []));
    } else {
      const count = this.find("all data").data.top[bar];
      this.tip.replaceChildren(`${wordText(this.wx, this.edges[bar])} to ${wordText(this.wx, this.edges[bar + 1])}: `, h("b", {}, number(count, 0)));
    }
    const right = px > this.body.clientWidth / 2;
    Object.assign(this.tip.style, { left: right ? "" : `${px + 14}px`, right: right ? `${this.body.clientWidth - px + 14}px` : "",
      top: `${Math.max(2, py - 44)}px` });
  }

  clicked(event) {
    const place = this.nearest(event);
    if (place >= 0) { this.board.wire.ask("click", { image: this.board.columns.ids[place] }); return; }
    const bar = this.bar(event);
    if (bar >= 0 && this.find("all data").data.top[bar]) {
      this.choose({ [this.spec.x]: [this.edges[bar], this.edges[bar + 1]] }, event, true);
    }
  }

  brushed(geometry) {
    if (geometry.type !== "rect") return;
    const ranges = { [this.spec.x]: [geometry.x0, geometry.x1] };
    if (this.spec.y) ranges[this.spec.y] = [geometry.y0, geometry.y1];
    this.choose(ranges, this.keys);
  }

  /** Choose what lies in ranges, as people see them. below: without the upper ends. */
  choose(ranges, event, below = false) {
    const told = {};
    for (const [name, ends] of Object.entries(ranges)) {
      const { factor } = this.board.word(name);
      told[name] = ends.map((end) => (name === EXPLORE_TIME ? toldTime(end) : Number((end / factor).toPrecision(12))));
    }
    this.board.brush(told, event, below);
  }

  // -- ranges by numbers --------------------------------------------------------------------

  openRange() {
    this.form.hidden = !this.form.hidden;
    this.between.setAttribute("aria-expanded", String(!this.form.hidden));
    if (this.form.hidden) return;
    const field = (word, axis, end) => {
      const time = word.word === EXPLORE_TIME;
      const range = this.find(axis);
      const value = end === "from" ? range.start : range.end;
      return h("input", { type: time ? "datetime-local" : "number", step: "any", name: `${axis} ${end}`, required: true,
        "aria-label": `${word.label} ${end}`, value: time ? new Date(value).toISOString().slice(0, 16) : String(Number(value.toPrecision(4))) });
    };
    const row = (word, axis) => h("span", { class: "fnb-plot-ends" }, h("span", {}, wordTitle(word)), field(word, axis, "from"), "to", field(word, axis, "to"));
    this.form.replaceChildren(row(this.wx, "x"), ...(this.wy ? [row(this.wy, "y")] : []),
      h("button", { type: "submit", class: "fnb-button" }, "Choose"));
    this.form.querySelector("input").focus();
  }

  chooseRange() {
    const end = (axis, name) => {
      const field = this.form.elements[`${axis} ${name}`];
      return field.type === "number" ? Number(field.value) : Date.parse(`${field.value}Z`);
    };
    const ranges = { [this.spec.x]: [end("x", "from"), end("x", "to")] };
    if (this.spec.y) ranges[this.spec.y] = [end("y", "from"), end("y", "to")];
    this.choose(ranges, null);
  }

  end() {
    this.sizes.disconnect();
    this.doc?.clear();
    this.card.remove();
  }
}
