// Frames of a movie, slices of a stack: slider, keys, playing, sums of several.

const PLAY_MS = 120;

class FrameBar {
  constructor(viewer) {
    Object.assign(this, { viewer, frame: 0, together: 1, count: 1, playing: false, waiting: false, due: null });
    const button = (text, label, act) => h("button", { type: "button", class: "fnb-choice", "aria-label": label, title: label, onclick: act }, text);
    this.slider = h("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Frame", oninput: () => this.go(Number(this.slider.value)) });
    this.play = button("▶", "Play (Space)", () => this.toggle());
    this.told = h("output", { class: "fnb-vw-frame" });
    this.sum = h("input", { type: "number", min: 1, max: 1, step: 1, value: 1, class: "fnb-vw-number", "aria-label": "Frames added up",
      onchange: () => { this.together = Math.max(1, Math.min(this.count, Math.round(Number(this.sum.value)) || 1)); this.go(this.frame); } });
    this.element = h("div", { class: "fnb-vw-frames", hidden: true },
      button("‹", "Frame before (,)", () => this.step(-1)), this.play, button("›", "Frame after (.)", () => this.step(1)), this.slider, this.told,
      h("label", {}, "sum of ", this.sum));
  }

  take({ frames = 1, frame = 0, together = 1 }) {
    this.count = frames;
    this.waiting = false;
    this.together = together;
    if (this.due === null) this.frame = frame;
    this.element.hidden = frames < 2;
    if (frames < 2) this.stop();
    this.slider.max = frames - 1;
    this.sum.max = frames;
    this.update();
    if (this.due !== null) { const next = this.due; this.due = null; this.go(next); }
  }

  update() {
    if (document.activeElement !== this.slider || Number(this.slider.value) !== this.frame) this.slider.value = this.frame;
    if (document.activeElement !== this.sum) this.sum.value = this.together;
    const last = Math.min(this.count, this.frame + this.together);
    this.told.textContent = this.together > 1 ? `${this.frame + 1}–${last} / ${this.count}` : `${this.frame + 1} / ${this.count}`;
  }

  /** One question at a time; of those that come meanwhile, the last. */
  go(frame) {
    this.frame = Math.max(0, Math.min(this.count - 1, frame));
    this.update();
    if (this.waiting) { this.due = this.frame; return; }
    this.waiting = true;
    const { view } = this.viewer.real;
    this.viewer.wire.ask("frame", { frame: this.frame, together: this.together, want: view.wide ? view.wanted : null });
  }

  step(by) { if (this.count > 1) this.go(this.frame + by); }

  toggle() { if (this.playing) this.stop(); else if (this.count > 1) this.start(); }

  start() {
    this.playing = true;
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-label", "Stop (Space)");
    this.timer = setInterval(() => { if (!this.waiting) this.go((this.frame + 1) % this.count); }, PLAY_MS);
  }

  stop() {
    this.playing = false;
    clearInterval(this.timer);
    this.play.textContent = "▶";
    this.play.setAttribute("aria-label", "Play (Space)");
  }

  failed() { this.waiting = false; this.due = null; this.stop(); }
}
