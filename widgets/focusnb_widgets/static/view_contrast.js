// The contrast of the pane that is looked at: histogram with black and white, numbers, automatic, invert.

const PERCENTS = [0.2, 0.02, 1, 5, 0];

class ContrastPanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = h("canvas", { class: "fnb-vw-histogram", "aria-hidden": "true" });
    const field = (name, label) => {
      const range = h("input", { type: "range", min: 0, max: 1000, step: 1, "aria-label": `${label}, slider`,
        oninput: () => this.slide(name, Number(range.value)) });
      const text = h("input", { type: "text", inputmode: "decimal", class: "fnb-vw-number", "aria-label": label, onchange: () => this.typed(name, text) });
      this[name] = { range, text };
      return h("div", { class: "fnb-vw-field" }, h("span", {}, label), range, text);
    };
    this.automatic = h("button", { type: "button", class: "fnb-choice", title: "Find black and white by percentiles; again: others (a)",
      onclick: () => this.auto() }, "Auto");
    this.percent = h("select", { "aria-label": "Percent of the pixels that automatic contrast cuts off on either side",
      onchange: () => this.pane.setContrast({ automatic: true, percent: Number(this.percent.value) }) },
    PERCENTS.map((p) => h("option", { value: p }, p ? `${p} %` : "min … max")));
    this.invert = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", title: "Invert (i)", onclick: () => this.flip() }, "Invert");
    this.element = h("section", { class: "fnb-vw-panel", "aria-label": "Contrast" },
      h("h3", {}, "Contrast"), this.canvas, field("black", "Black"), field("white", "White"),
      h("div", { class: "fnb-vw-row" }, this.automatic, this.percent, this.invert),
      h("p", { class: "fnb-help-text" }, "Drag on the picture with Shift or the right button; keys b n c C a i."));
    this.range = [0, 1];
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
  }

  get pane() { return this.viewer.active; }

  auto() {
    const { contrast } = this.pane;
    const next = contrast.automatic ? PERCENTS[(PERCENTS.indexOf(contrast.percent) + 1) % PERCENTS.length] : contrast.percent;
    this.pane.setContrast({ automatic: true, percent: next });
  }

  flip() { this.pane.setContrast({ invert: !this.pane.contrast.invert }); }

  slide(name, place) {
    const [low, high] = this.range;
    this.pane.setContrast({ [name]: low + (place / 1000) * (high - low) });
  }

  typed(name, text) {
    const value = Number(text.value.replace("−", "-").replace(",", "."));
    text.setAttribute("aria-invalid", String(!Number.isFinite(value) || !text.value.trim()));
    if (Number.isFinite(value) && text.value.trim()) this.pane.setContrast({ [name]: value });
  }

  /** The contrast or the pixels of a pane changed. */
  update() {
    const { contrast, finest } = this.pane;
    if (!finest) return;
    this.range = [Math.min(finest.low, contrast.black), Math.max(finest.high, contrast.white)];
    const [low, high] = this.range;
    for (const name of ["black", "white"]) {
      const { range, text } = this[name];
      if (document.activeElement !== range) range.value = Math.round((1000 * (contrast[name] - low)) / (high - low || 1));
      if (document.activeElement !== text) text.value = Number(contrast[name].toPrecision(5));
    }
    this.automatic.setAttribute("aria-pressed", String(contrast.automatic));
    this.percent.value = contrast.percent;
    this.invert.setAttribute("aria-pressed", String(contrast.invert));
    this.draw();
  }

  draw() {
    const { finest, contrast } = this.pane ?? {};
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!finest || !width) return;
    const context = this.canvas.getContext("2d");
    [this.canvas.width, this.canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(this.canvas);
    const [low, high] = this.range;
    const place = (value) => ((value - low) / (high - low || 1)) * width;
    const counts = [...finest.counts.slice(2, 255)];
    const most = Math.sqrt(Math.max(...counts, 1));
    context.fillStyle = style.getPropertyValue("--fnb-wait");
    const bar = Math.max(1, place(finest.value(3)) - place(finest.value(2)) + 0.5);
    counts.forEach((count, k) => {
      const tall = (Math.sqrt(count) / most) * (height - 2);
      context.fillRect(place(finest.value(k + 1.5)), height - tall, bar, tall);
    });
    context.strokeStyle = style.getPropertyValue("--fnb-accent");
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(place(contrast.black), height - 1);
    context.lineTo(place(contrast.white), 1);
    context.stroke();
  }

  destroy() { this.sizes.disconnect(); }
}
