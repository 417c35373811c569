// Thresholds of the explorer: lines over a plot that are dragged by mouse, finger or arrow keys.

/**
 * One line. axis "x" or "y"; place() gives {low, high, from, length, across, at} of that axis: the
 * range, where it begins and how long it is in pixels (y upwards), and the other side's pixels.
 * moved(value, final) hears of it; step() is how far an arrow key goes.
 */
class DragLine {
  constructor(layer, { axis, label, text, place, moved, step, back }) {
    Object.assign(this, { axis, label, text, place, moved, step });
    this.value = 0;
    this.element = h("div", { class: `fnb-line fnb-line-${axis}`, role: "slider", tabindex: "0", "aria-label": label,
      "aria-orientation": axis === "x" ? "horizontal" : "vertical",
      onpointerdown: (event) => this.grab(event), onkeydown: (event) => this.key(event, back) },
    h("i", { "aria-hidden": "true" }), h("span", { class: "fnb-line-text", "aria-hidden": "true" }));
    layer.append(this.element);
  }

  /** Show it at a value; of what lies beyond the axis an arrow over the frame tells. */
  show(value, { dragged, side }) {
    this.value = value;
    const { low, high, from, length, across, at } = this.place();
    const part = (value - low) / (high - low);
    const inside = Math.min(1, Math.max(0, part));
    const off = part < -0.001 ? -1 : part > 1.001 ? 1 : 0;
    const pixel = this.axis === "x" ? from + inside * length : from - inside * length;
    const box = this.element.style;
    if (this.axis === "x") { box.left = `${pixel}px`; box.top = `${at}px`; box.height = `${across}px`; }
    else { box.top = `${pixel}px`; box.left = `${at}px`; box.width = `${across}px`; }
    this.element.classList.toggle("fnb-line-moved", dragged);
    this.element.classList.toggle("fnb-line-off", off !== 0);
    box.setProperty("--fnb-beyond", `${off ? 0 : (side === "high" ? 1 - inside : inside) * length}px`);
    Object.assign(this.element.dataset, { side, off });
    const arrow = this.axis === "y" ? { "-1": "↓ ", 1: "↑ " } : { "-1": "← " };
    this.element.lastChild.textContent = `${arrow[off] ?? ""}${this.text(value)}${off > 0 && this.axis === "x" ? " →" : ""}`;
    this.element.setAttribute("aria-valuenow", String(Number(value.toPrecision(8))));
    this.element.setAttribute("aria-valuemin", String(Number(low.toPrecision(8))));
    this.element.setAttribute("aria-valuemax", String(Number(high.toPrecision(8))));
    this.element.setAttribute("aria-valuetext", this.text(value));
    this.element.title = `${this.label}: ${this.text(value)}${off ? ", beyond the axis" : ""}. Drag it, or use the arrow keys`;
  }

  grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const rect = this.element.offsetParent.getBoundingClientRect();
    const at = (e) => {
      const { low, high, from, length } = this.place();
      const part = this.axis === "x" ? (e.clientX - rect.left - from) / length : (from - (e.clientY - rect.top)) / length;
      return this.snapped(low + Math.min(1, Math.max(0, part)) * (high - low));
    };
    const move = (e) => this.moved(at(e), false);
    const end = (e) => {
      this.element.removeEventListener("pointermove", move);
      this.element.removeEventListener("pointerup", end);
      this.element.removeEventListener("pointercancel", end);
      if (e.type === "pointerup") this.moved(at(e), true);
    };
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", end);
    this.element.addEventListener("pointercancel", end);
  }

  key(event, back) {
    const more = ["ArrowRight", "ArrowUp"].includes(event.key) ? 1 : ["ArrowLeft", "ArrowDown"].includes(event.key) ? -1
      : event.key === "PageUp" ? 10 : event.key === "PageDown" ? -10 : 0;
    if (event.key === "Escape") { event.preventDefault(); back(); return; }
    if (!more || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.moved(this.snapped(this.value + more * this.step() * (event.shiftKey ? 10 : 1)), true);
  }

  /** Lines stand at round numbers: what they are set to is read by people. */
  snapped(value) {
    const step = this.step();
    return Number((Math.round(value / step) * step).toPrecision(10));
  }

  remove() { this.element.remove(); }
}
