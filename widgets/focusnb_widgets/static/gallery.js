// The boxes of all candidates, the best first, and the average of those that are picks.

const CELL = 58; // pixels of the screen from box to box

class Gallery {
  /** onChoose(image, i), onRemove(image, i): a box was chosen, or is to go; i counts in that image's boxes. */
  constructor({ onChoose, onRemove }) {
    Object.assign(this, { onChoose, onRemove, boxes: [], order: [], cursor: -1 });
    this.canvas = h("canvas", { class: "fnb-boxes", "aria-hidden": "true" });
    this.sheet = h("div", { class: "fnb-boxes-sheet" }, this.canvas);
    this.scroll = h("div", { class: "fnb-boxes-scroll", tabindex: "0", role: "listbox", "aria-label": "Boxes by score, the best first" },
      this.sheet);
    this.average = h("canvas", { class: "fnb-average-picture", role: "img", "aria-label": "Average of the picks' boxes" });
    this.note = h("small", { class: "fnb-muted" });
    this.averageNote = h("small", { class: "fnb-muted" });
    this.status = h("span", { class: "fnb-hidden", role: "status" });
    this.element = h("div", { class: "fnb-gallery-body" },
      h("figure", { class: "fnb-average" }, this.average, h("figcaption", {}, this.averageNote)), this.scroll, this.status);
    this.scroll.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.scroll.addEventListener("click", (event) => this.choose(this.indexAt(event)));
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.sizes = new ResizeObserver(() => this.layOut());
    this.sizes.observe(this.scroll);
  }

  destroy() { this.sizes.disconnect(); cancelAnimationFrame(this.frame); }

  /** Boxes of an image: bytes (count, side, side), rows from the bottom, score, x, y; null takes them away. */
  setBoxes(image, boxes) {
    this.boxes[image] = boxes;
    this.sort();
  }

  /** What is shown: only these images (null: all); isPick(image, index, score) -> bool. */
  setChoice(images, isPick) {
    this.isPick = isPick;
    if (JSON.stringify(images) !== this.told) { this.told = JSON.stringify(images); this.images = images; this.sort(); }
    this.refresh();
  }

  sort() {
    this.order = [];
    this.boxes.forEach((boxes, image) => {
      if (!boxes || (this.images && !this.images.includes(image))) return;
      for (let i = 0; i < boxes.count; i++) this.order.push([image, i, boxes.score[i]]);
    });
    this.order.sort((a, b) => b[2] - a[2]);
    this.cursor = -1;
    this.layOut();
    this.refresh();
  }

  layOut() {
    this.wide = this.scroll.clientWidth;
    this.across = Math.max(1, Math.floor(this.wide / CELL));
    this.sheet.style.height = `${Math.max(1, Math.ceil(this.order.length / this.across)) * CELL}px`;
    this.schedule();
  }

  /** The threshold moved: what is a pick, and the average of these. */
  refresh() {
    this.schedule();
    this.averageDue = true;
  }

  schedule() { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); }

  draw() {
    const dpr = devicePixelRatio;
    const high = this.scroll.clientHeight;
    if (!this.wide || !high) return;
    if (this.canvas.width !== Math.round(this.wide * dpr) || this.canvas.height !== Math.round(high * dpr)) {
      this.canvas.width = Math.round(this.wide * dpr);
      this.canvas.height = Math.round(high * dpr);
      this.canvas.style.width = `${this.wide}px`;
      this.canvas.style.height = `${high}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    context.clearRect(0, 0, this.wide, high);
    const top = this.scroll.scrollTop;
    const first = Math.floor(top / CELL) * this.across;
    const last = Math.min(this.order.length, (Math.floor((top + high) / CELL) + 1) * this.across);
    for (let k = first; k < last; k++) {
      const [image, i, score] = this.order[k];
      const x = (k % this.across) * CELL;
      const y = Math.floor(k / this.across) * CELL - top;
      const pick = this.isPick?.(image, i, score) ?? true;
      context.globalAlpha = pick ? 1 : 0.32;
      context.drawImage(this.pictureOf(image, i), x + 2, y + 2, CELL - 4, CELL - 4);
      context.globalAlpha = 1;
      const next = this.order[k + 1];
      // Where the picks end: a line behind the last one.
      if (pick && next && !(this.isPick?.(...next) ?? true)) {
        context.fillStyle = this.accent;
        context.fillRect(x + CELL - 2, y, 3, CELL);
      }
      if (k === this.cursor) {
        context.lineWidth = 3;
        context.strokeStyle = this.accent;
        context.strokeRect(x + 2.5, y + 2.5, CELL - 5, CELL - 5);
      }
    }
    if (this.averageDue) this.drawAverage();
    this.averageDue = false;
  }

  get accent() { return getComputedStyle(this.element).getPropertyValue("--fnb-mark") || "#ffb000"; }

  pictureOf(image, i) {
    const boxes = this.boxes[image];
    boxes.pictures ??= new Map();
    if (!boxes.pictures.has(i)) {
      const size = boxes.side * boxes.side;
      boxes.pictures.set(i, greyCanvas(boxes.data.subarray(i * size, (i + 1) * size), boxes.side));
    }
    return boxes.pictures.get(i);
  }

  /** The average of the boxes of picks, all of one side; made of what the gallery holds. */
  drawAverage() {
    const side = this.boxes.find(Boolean)?.side;
    const used = this.order.filter(([image, i, score]) => this.boxes[image].side === side && (this.isPick?.(image, i, score) ?? true));
    this.averageNote.textContent = used.length ? `average of ${number(used.length, 0)} boxes` : "no pick to average";
    this.average.hidden = !used.length;
    if (!used.length) return;
    const sum = new Float32Array(side * side);
    for (const [image, i] of used) {
      const data = this.boxes[image].data;
      const begin = i * side * side;
      for (let p = 0; p < sum.length; p++) sum[p] += data[begin + p];
    }
    const sorted = Float32Array.from(sum).sort();
    const [black, white] = [quantileOf(sorted, 0.002), quantileOf(sorted, 0.998)];
    const grey = Uint8ClampedArray.from(sum, (v) => ((v - black) / (white - black || 1)) * 255);
    this.average.width = side;
    this.average.height = side;
    this.average.getContext("2d").drawImage(greyCanvas(grey, side), 0, 0);
  }

  indexAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / CELL);
    const row = Math.floor((event.clientY - box.top + this.scroll.scrollTop) / CELL);
    return column < this.across ? row * this.across + column : -1;
  }

  choose(k) {
    if (!(k >= 0 && k < this.order.length)) return;
    this.cursor = k;
    const [image, i, score] = this.order[k];
    const row = Math.floor(k / this.across);
    const { scrollTop, clientHeight } = this.scroll;
    if (row * CELL < scrollTop) this.scroll.scrollTop = row * CELL;
    else if ((row + 1) * CELL > scrollTop + clientHeight) this.scroll.scrollTop = (row + 1) * CELL - clientHeight;
    this.status.textContent = `box ${k + 1} of ${this.order.length}, ${Number.isFinite(score) ? `score ${score.toFixed(2)}` : "added by hand"}`;
    this.schedule();
    this.onChoose(image, i);
  }

  /** Mark the box of a pick that was chosen in its picture, and scroll to it. */
  follow(image, x, y) {
    const boxes = this.boxes[image];
    const i = boxes ? nearest(boxes, x, y, 0.5) : -1;
    const k = this.order.findIndex(([a, b]) => a === image && b === i);
    this.cursor = k;
    if (k >= 0) this.bring(k);
    this.schedule();
  }

  bring(k) {
    const row = Math.floor(k / this.across);
    this.scroll.scrollTop = Math.max(0, (row + 0.5) * CELL - this.scroll.clientHeight / 2);
  }

  toThreshold() {
    const k = this.order.findIndex((one) => !(this.isPick?.(...one) ?? true));
    this.bring(k < 0 ? this.order.length - 1 : k);
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across };
    if (event.key in steps) this.choose(Math.min(this.order.length - 1, Math.max(0, this.cursor + steps[event.key])));
    else if (event.key === "Home") this.choose(0);
    else if (event.key === "End") this.choose(this.order.length - 1);
    else if ((event.key === "Delete" || event.key === "Backspace") && this.cursor >= 0) {
      const [image, i] = this.order[this.cursor];
      this.onRemove(image, i);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** A square of grey bytes, rows from the bottom, as a canvas. */
function greyCanvas(data, side) {
  const canvas = new OffscreenCanvas(side, side);
  const picture = new ImageData(side, side);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let row = 0; row < side; row++) {
    for (let k = 0; k < side; k++) {
      const grey = data[row * side + k];
      pixels[(side - 1 - row) * side + k] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
