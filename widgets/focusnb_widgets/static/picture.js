// The picture canvas: zoom, pan, contrast and crisp overlays; knows nothing of picks.

const WIDEST = 24; // screen pixels per pixel of the picture, at most
const STILL = 4; // pixels that a click may move

/**
 * A picture of width × height pixels with (0, 0) at the lower left, pixel centres at integers.
 *
 * hooks, all optional:
 *   paint(context, view)    draws what lies over the picture, in CSS pixels; view.toScreen gives places
 *   press(point, event)     a pointer goes down; gives { move(point), end(point) } to keep the drag
 *   click(point, event)     a click that moved nothing
 *   double(point, event)    a double click; true when it needs no zooming
 *   hover(point | null)     the pointer is over the picture, or left it
 *   moved(view)             after zoom, pan or a new size
 *   key(event)              a key is pressed; true when nothing else shall come of it
 *   contrast(change)        a drag with the right button or Shift: { brightness, contrast } to add, times
 */
class PictureView {
  constructor({ width, height, label, hooks = {} }) {
    Object.assign(this, { width, height, hooks });
    this.sources = []; // from coarse to fine
    this.look = {};
    this.centre = [(width - 1) / 2, (height - 1) / 2];
    this.zoom = 1; // 1: the whole picture is seen
    this.margin = 0.2; // of what is seen, that finer pixels reach beyond it
    this.pointers = new Map();
    this.cursor = null; // where keys act, when it was keys that brought us here
    this.grey = h("canvas", { class: "fnb-view-grey", "aria-hidden": "true" });
    this.marks = h("canvas", { class: "fnb-view-marks", tabindex: "0", role: "application", "aria-label": label,
      "aria-roledescription": "picture" });
    this.element = h("div", { class: "fnb-view", style: `--fnb-aspect: ${width} / ${height}` }, this.grey, this.marks);
    this.listen();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.element);
  }

  destroy() { this.sizes.disconnect(); cancelAnimationFrame(this.frame); }

  // -- places ---------------------------------------------------------------------------------

  /** Screen pixels per pixel of the picture. */
  get scale() { return this.fitted * this.zoom; }

  get fitted() { return Math.min(this.wide / this.width, this.high / this.height) || 1; }

  toScreen(x, y) {
    return [(x - this.centre[0]) * this.scale + this.wide / 2, (this.centre[1] - y) * this.scale + this.high / 2];
  }

  toPicture(sx, sy) {
    return [(sx - this.wide / 2) / this.scale + this.centre[0], this.centre[1] - (sy - this.high / 2) / this.scale];
  }

  /** [left, bottom, right, top] of what is seen, in pixels of the picture. */
  get seen() {
    const [left, top] = this.toPicture(0, 0);
    const [right, bottom] = this.toPicture(this.wide, this.high);
    return [left, bottom, right, top];
  }

  // -- what is shown --------------------------------------------------------------------------

  /** Give the picture in coarse pixels (level 0), or a finer part of it (level 1); null takes it away. */
  setSource(level, source) {
    this.sources[level] = source;
    this.redraw();
  }

  setLook(look) {
    this.look = look;
    this.redraw();
  }

  /** Another picture; keep: what is seen stays, as far as it lies in the new one. */
  setPicture(width, height, keep = false) {
    Object.assign(this, { width, height, sources: [] });
    this.element.style.setProperty("--fnb-aspect", `${width} / ${height}`);
    this.pointers.clear();
    this.drag = null;
    if (keep) this.moveTo(this.centre, this.zoom);
    else this.fit();
  }

  /** Whether a source shows all of the picture that is seen. */
  covers(source) {
    const [left, bottom, right, top] = this.seen;
    const [l, b, r, t] = source.box;
    const rest = source.step; // at the far edges less than a step is left out
    return l <= Math.max(left, -0.5) && b <= Math.max(bottom, -0.5)
      && r >= Math.min(right, this.width - 0.5 - rest) && t >= Math.min(top, this.height - 0.5 - rest);
  }

  /** Whether finer pixels would show more: the part and the step to ask for, else null. */
  get wanted() {
    const step = 1 / (this.scale * devicePixelRatio);
    if (!this.sources[0] || this.sources[0].step <= 1.6 * step || this.sources[0].step <= 1) return null;
    const [left, bottom, right, top] = this.seen;
    const margin = [this.margin * (right - left), this.margin * (top - bottom)];
    const part = [Math.max(0, left - margin[0]), Math.max(0, bottom - margin[1]),
      Math.min(this.width, right + margin[0]), Math.min(this.height, top + margin[1])].map(Math.round);
    return part[2] > part[0] && part[3] > part[1] ? { part, step: Math.max(1, Math.floor(step * 1.3)) } : null;
  }

  redraw() { this.dirty = true; this.schedule(); }

  redrawMarks() { this.schedule(); }

  schedule() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    if (!this.wide) return;
    if (this.dirty) this.drawGrey();
    this.dirty = false;
    const context = this.marks.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.wide, this.high);
    this.hooks.paint?.(context, this);
    if (this.cursor && document.activeElement === this.marks) this.drawCursor(context);
  }

  drawGrey() {
    const context = this.grey.getContext("2d", { alpha: false });
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.fillStyle = getComputedStyle(this.element).getPropertyValue("--fnb-view-bg") || "#222";
    context.fillRect(0, 0, this.wide, this.high);
    const hidden = this.sources.findLastIndex((source) => source && this.covers(source)); // by this one, those before
    for (const source of this.sources.slice(Math.max(0, hidden))) {
      if (!source) continue;
      const [left, bottom, right, top] = source.box;
      const [x0, y0] = this.toScreen(left, top);
      const [x1, y1] = this.toScreen(right, bottom);
      if (x1 < 0 || y1 < 0 || x0 > this.wide || y0 > this.high) continue;
      context.imageSmoothingEnabled = this.scale * source.step * devicePixelRatio < 6;
      // "high" costs three times as much, and shows no more where pixels are made a little smaller
      context.imageSmoothingQuality = this.scale * source.step * devicePixelRatio < 0.6 ? "high" : "low";
      context.drawImage(source.look(this.look), x0, y0, x1 - x0, y1 - y0);
    }
  }

  drawCursor(context) {
    const [x, y] = this.toScreen(...this.cursor);
    for (const [width, colour] of [[4, "rgb(0 0 0 / .6)"], [1.5, "#fff"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      for (const [a, b] of [[-14, -4], [4, 14]]) {
        context.moveTo(x + a, y); context.lineTo(x + b, y);
        context.moveTo(x, y + a); context.lineTo(x, y + b);
      }
      context.stroke();
    }
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    [this.wide, this.high] = [width, height];
    for (const canvas of [this.grey, this.marks]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    this.dirty = true;
    this.draw(); // at once: a canvas of new size is empty
    this.hooks.moved?.(this);
  }

  // -- zoom and pan ---------------------------------------------------------------------------

  fit() { this.moveTo([(this.width - 1) / 2, (this.height - 1) / 2], 1); }

  /** Zoom by a factor; the place (screen pixels, the middle if not given) stays where it is. */
  zoomBy(factor, place = [this.wide / 2, this.high / 2]) {
    const [x, y] = this.toPicture(...place);
    const zoom = Math.min(Math.max(this.zoom * factor, 1), Math.max(1, WIDEST / this.fitted));
    const scale = this.fitted * zoom;
    this.moveTo([x - (place[0] - this.wide / 2) / scale, y + (place[1] - this.high / 2) / scale], zoom);
  }

  panBy(dx, dy) { this.moveTo([this.centre[0] - dx / this.scale, this.centre[1] + dy / this.scale], this.zoom); }

  /** Show a place, magnified at least to `pixels` screen pixels per pixel of the picture. */
  show(x, y, pixels = this.scale) {
    this.moveTo([x, y], Math.max(this.zoom, pixels / this.fitted, 1));
  }

  moveTo(centre, zoom) {
    this.zoom = zoom;
    if (!this.wide) { this.centre = centre; return; } // not on the screen yet
    const reach = [this.wide, this.high].map((n) => n / this.scale / 2);
    this.centre = [this.width, this.height].map((n, i) => {
      const [low, high] = [reach[i] - 0.5, n - 0.5 - reach[i]];
      return low >= high ? (n - 1) / 2 : Math.min(Math.max(centre[i], low), high);
    });
    if (this.cursor) this.cursor = this.kept(this.cursor);
    // A whole picture leaves swipes to the page: on a phone it would be in the way otherwise.
    this.marks.style.touchAction = zoom > 1.001 ? "none" : "pan-y";
    this.redraw();
    this.hooks.moved?.(this);
  }

  /** A place, drawn back to what is seen. */
  kept([x, y]) {
    const [left, bottom, right, top] = this.seen;
    return [Math.min(Math.max(x, left), right), Math.min(Math.max(y, bottom), top)];
  }

  // -- pointers -------------------------------------------------------------------------------

  point(event) {
    const box = this.marks.getBoundingClientRect();
    const screen = [event.clientX - box.left, event.clientY - box.top];
    const [x, y] = this.toPicture(...screen);
    return { x, y, screen };
  }

  listen() {
    const on = (type, act, options) => this.marks.addEventListener(type, act, options);
    this.marks.style.touchAction = "pan-y";
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event, true));
    on("pointerleave", () => { if (!this.pointers.size) this.hooks.hover?.(null); });
    on("contextmenu", (event) => event.preventDefault());
    on("dblclick", (event) => {
      const point = this.point(event);
      if (this.hooks.double?.(point, event)) return;
      if (event.shiftKey) this.zoomBy(0.5, point.screen);
      else if (this.zoom > 6) this.fit();
      else this.zoomBy(2.5, point.screen);
    });
    on("wheel", (event) => {
      // At the whole picture there is nothing to zoom out of: the page scrolls.
      if (event.deltaY > 0 && this.zoom <= 1.001 && !event.ctrlKey) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 30 : 1;
      this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.point(event).screen);
    }, { passive: false });
    on("keydown", (event) => this.key(event));
    on("focus", () => {
      if (this.marks.matches(":focus-visible")) this.cursor ??= [...this.centre];
      this.redrawMarks();
    });
    on("blur", () => { this.cursor = null; this.redrawMarks(); });
  }

  down(event) {
    if (this.drag && !this.pointers.size) this.drag = null;
    this.marks.setPointerCapture(event.pointerId);
    const point = this.point(event);
    this.pointers.set(event.pointerId, point.screen);
    this.cursor = null;
    if (this.pointers.size > 1) { this.drag = { pinch: true, moved: true }; return; }
    const contrast = event.button === 2 || event.shiftKey;
    const kept = contrast || event.button !== 0 ? null : this.hooks.press?.(point, event);
    this.drag = { from: point.screen, at: point.screen, moved: false, contrast, kept, button: event.button };
  }

  move(event) {
    const point = this.point(event);
    if (!this.pointers.has(event.pointerId)) { this.hooks.hover?.(point); return; }
    const before = this.pointers.get(event.pointerId);
    const drag = this.drag;
    if (this.pointers.size > 1) this.pinch(event.pointerId, before, point.screen);
    this.pointers.set(event.pointerId, point.screen);
    if (!drag || drag.pinch) return;
    const [dx, dy] = [point.screen[0] - drag.at[0], point.screen[1] - drag.at[1]];
    drag.moved ||= Math.hypot(point.screen[0] - drag.from[0], point.screen[1] - drag.from[1]) > STILL;
    if (!drag.moved) return;
    drag.at = point.screen;
    if (drag.kept) drag.kept.move(point);
    else if (drag.contrast) this.hooks.contrast?.({ brightness: -dy / 250, contrast: Math.exp(dx / 250) });
    else { this.element.classList.add("fnb-panning"); this.panBy(dx, dy); }
  }

  pinch(id, before, now) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
    this.panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.zoomBy(apart(now) / apart(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  }

  up(event, cancelled = false) {
    const drag = this.drag;
    this.pointers.delete(event.pointerId);
    if (this.pointers.size) return;
    this.element.classList.remove("fnb-panning");
    this.drag = null;
    const point = this.point(event);
    if (drag?.kept && drag.moved) drag.kept.end(point);
    else if (drag && !drag.moved && !drag.contrast && drag.button === 0 && !cancelled) this.hooks.click?.(point, event);
  }

  // -- keys -----------------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.hooks.key?.(event)) { event.preventDefault(); event.stopPropagation(); return; }
    const step = 0.08 * Math.min(this.wide, this.high);
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in arrows) {
      const [dx, dy] = arrows[event.key];
      this.cursor ??= [...this.centre];
      const far = (event.shiftKey ? 4 : 1) * step * 0.35 / this.scale;
      const [x, y] = [this.cursor[0] + dx * far, this.cursor[1] + dy * far];
      const [left, bottom, right, top] = this.seen;
      if (x < left || x > right || y < bottom || y > top) this.panBy(-dx * 3 * step, dy * 3 * step);
      this.cursor = this.kept([x, y]);
      this.hooks.hover?.({ x: this.cursor[0], y: this.cursor[1], screen: this.toScreen(...this.cursor) });
      this.redrawMarks();
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1.5, this.cursor ? this.toScreen(...this.cursor) : undefined);
    else if (event.key === "-") this.zoomBy(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if ((event.key === "Enter" || event.key === " ") && this.cursor) {
      this.hooks.click?.({ x: this.cursor[0], y: this.cursor[1], screen: this.toScreen(...this.cursor) }, event);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
