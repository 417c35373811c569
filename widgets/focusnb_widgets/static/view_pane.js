// A pane: a picture or a spectrum on the screen, the parts it asks for, and its contrast.

const FEW_LEVELS = 14; // greys of 254 that a contrast may be made of before finer ones are asked for

/**
 * One of the two panes of the viewer. space: "real" or "fft". hooks: of PictureView; `looked()` is
 * called when contrast or pixels changed.
 */
class ViewPane {
  constructor(viewer, space, label, hooks) {
    Object.assign(this, { viewer, space, sent: 0, flying: null, again: false, token: 0 });
    this.contrast = { black: 0, white: 1, invert: false, automatic: true, percent: 0.2 };
    this.view = new PictureView({ width: 1, height: 1, label, hooks: { ...hooks,
      moved: () => { this.ask(); hooks.moved?.(); },
      contrast: (change) => this.drag(change) } });
    this.view.margin = 0.1;
    this.element = h("div", { class: `fnb-vw-pane fnb-vw-pane-${space}` }, this.view.element);
  }

  get filled() { return Boolean(this.view.sources[0]); }

  /** Another picture: its size, and the coarse pixels of all of it. */
  show({ width, height, shown, data, keep, token }) {
    const { view } = this;
    this.token = token;
    this.flying = null;
    this.again = false;
    if (!keep || view.width !== width || view.height !== height) view.setPicture(width, height, false);
    const parts = shown.map((told, k) => new ViewSource({ ...told, data: data[k] }));
    view.sources = parts.slice(0, 2);
    this.recontrast();
    view.redraw();
    this.ask();
  }

  clear() {
    this.view.sources = [];
    this.flying = null;
    this.view.redraw();
  }

  take(told, data) {
    if (told.token !== this.token) return;
    const mine = told.n === this.flying;
    if (mine) this.flying = null;
    this.view.sources[told.level] = new ViewSource({ ...told, data });
    this.recontrast();
    this.view.redraw();
    this.viewer.drawnAt = performance.now();
    if (mine && this.again) { this.again = false; this.ask(); }
  }

  failed() { this.flying = null; this.again = false; }

  /** Ask for finer pixels of what is seen, unless they are there; one question at a time. */
  ask() {
    const { view } = this;
    if (!this.filled || !view.wide) return; // nothing to show, or nowhere to show it yet
    const { wanted } = view;
    if (!wanted) {
      if (view.sources[1]) { view.sources.length = 1; this.recontrast(); view.redraw(); }
      return;
    }
    const have = view.sources[1];
    if (have && have.step <= wanted.step && have.step * 2 > wanted.step && view.covers(have)) return;
    if (this.flying !== null) { this.again = true; return; }
    this.request(1, wanted.part, wanted.step);
  }

  request(level, part, step, window = null) {
    this.flying = ++this.sent;
    this.viewer.wire.ask("part", { space: this.space, n: this.sent, level, part, step, window });
  }

  /** The finest pixels that cover what is seen. */
  get finest() { return this.view.sources.findLast((source) => source && this.view.covers(source)) ?? this.view.sources[0]; }

  // -- contrast -------------------------------------------------------------------------------

  setContrast(change) {
    Object.assign(this.contrast, change);
    if (change.black !== undefined || change.white !== undefined) this.contrast.automatic = false;
    this.recontrast();
    clearTimeout(this.refining);
    this.refining = setTimeout(() => this.refine(), 120);
  }

  recontrast() {
    const { contrast, finest } = this;
    if (!finest) return;
    if (contrast.automatic) [contrast.black, contrast.white] = finest.automatic(contrast.percent);
    this.view.setLook({ black: contrast.black, white: contrast.white, invert: contrast.invert });
    this.viewer.looked(this);
  }

  /** Make it brighter (above 0) and steeper (above 1). */
  drag({ brightness = 0, contrast = 1 }) {
    const { black, white } = this.contrast;
    const half = (white - black) / 2;
    const middle = (white + black) / 2 - brightness * half * (this.contrast.invert ? -1 : 1);
    this.setContrast({ black: middle - half / contrast, white: middle + half / contrast });
  }

  /** Where the contrast reaches beyond the 8 bits, or uses few of them: ask for others. */
  refine() {
    const { finest, contrast } = this;
    if (!finest || contrast.automatic || this.flying !== null) return;
    const span = finest.high - finest.low;
    const beyond = contrast.black < finest.low - 0.01 * span || contrast.white > finest.high + 0.01 * span;
    const few = ((contrast.white - contrast.black) / span) * BYTES < FEW_LEVELS;
    if (!beyond && !few) return;
    const room = 0.5 * (contrast.white - contrast.black);
    const [left, bottom, right, top] = finest.box;
    this.request(finest === this.view.sources[0] ? 0 : 1, [left + 0.5, bottom + 0.5, right + 0.5, top + 0.5],
      Math.round(finest.step), [contrast.black - room, contrast.white + room]);
  }
}
