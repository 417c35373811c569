// The scores of all candidates as a histogram; the threshold is a line that can be dragged.

const BINS = 48;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class Histogram {
  /** onThreshold(value) while the line is moved. */
  constructor({ onThreshold }) {
    this.onThreshold = onThreshold;
    this.range = [0, 1];
    this.high = 132;
    this.root = svg("svg", { class: "fnb-histogram", height: this.high, role: "group", "aria-label": "Scores of the candidates" });
    this.bars = svg("g");
    this.autos = svg("g", { class: "fnb-autos" });
    this.curve = svg("polyline", { class: "fnb-curve" });
    this.axis = svg("g", { class: "fnb-axis" });
    this.line = svg("g", { class: "fnb-threshold", tabindex: "0", role: "slider", "aria-label": "Threshold",
      "aria-orientation": "horizontal" },
    svg("line", { y1: 0, y2: this.high - 18, class: "fnb-grip" }), svg("line", { y1: 4, y2: this.high - 18 }),
    svg("path", { d: "M-6 0 h12 v7 l-6 6 l-6 -6 z" }));
    this.root.append(this.bars, this.curve, this.autos, this.axis, this.line);
    this.element = this.root;
    this.root.addEventListener("pointerdown", (event) => this.down(event));
    this.line.addEventListener("keydown", (event) => this.key(event));
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.root);
  }

  destroy() { this.sizes.disconnect(); }

  /** lists: falling scores by image; autos: automatic thresholds; curve: [[score, 0…1], …] or null. */
  update({ lists, range, colours, autos, curve }) {
    Object.assign(this, { lists, range, colours, automatic: autos, points: curve });
    this.draw();
  }

  get wide() { return this.root.clientWidth || 300; }

  toX(score) {
    const [low, high] = this.range;
    return Math.min(this.wide - 7, Math.max(7, 7 + ((score - low) / (high - low || 1)) * (this.wide - 14)));
  }

  toScore(x) {
    const [low, high] = this.range;
    return low + Math.min(1, Math.max(0, (x - 7) / (this.wide - 14))) * (high - low);
  }

  draw() {
    if (!this.lists) return;
    const [low, high] = this.range;
    const counts = this.lists.map((scores) => {
      const bins = new Array(BINS).fill(0);
      for (const v of scores) {
        bins[Math.min(BINS - 1, Math.max(0, Math.floor(((v - low) / (high - low || 1)) * BINS)))] += 1;
      }
      return bins;
    });
    const tops = Array.from({ length: BINS }, (_, i) => counts.reduce((sum, bins) => sum + bins[i], 0));
    const floor = this.high - 18;
    // Candidates in noise are many: with the root of the counts a few hundred particles are seen beside them.
    const height = (n) => (Math.sqrt(n) / Math.sqrt(Math.max(1, ...tops))) * (floor - 16);
    const step = (this.wide - 14) / BINS;
    this.rects = [];
    this.bars.replaceChildren(...tops.map((n, i) => {
      const parts = [];
      const score = low + ((i + 0.5) / BINS) * (high - low);
      let below = 0;
      counts.forEach((bins, image) => {
        if (!bins[i]) return;
        const [y0, y1] = [floor - height(below), floor - height(below + bins[i])];
        below += bins[i];
        const rect = svg("rect", { x: 7 + i * step, y: y1, width: Math.max(1, step - 1),
          height: Math.max(0.5, y0 - y1 - (below > bins[i] ? 0.75 : 0)) });
        parts.push(rect);
        this.rects.push({ rect, score, image });
      });
      return svg("g", { style: `--c: ${scoreColour(score, this.colours)}` }, ...parts);
    }));
    this.autos.replaceChildren(...this.automatic.filter(Number.isFinite).map((score) =>
      svg("path", { d: `M${this.toX(score)} ${floor} l-4 7 h8 z` }, svg("title", {}, `automatic threshold ${score.toFixed(2)}`))));
    this.curve.setAttribute("points", (this.points ?? []).map(([score, v]) =>
      `${this.toX(score).toFixed(1)},${(floor - v * (floor - 16)).toFixed(1)}`).join(" "));
    const ticks = [low, (low + high) / 2, high];
    this.axis.replaceChildren(svg("line", { x1: 7, x2: this.wide - 7, y1: floor, y2: floor }),
      ...ticks.map((v, i) => svg("text", { x: [7, this.wide / 2, this.wide - 7][i], y: this.high - 2,
        "text-anchor": ["start", "middle", "end"][i] }, v.toFixed(1))));
    if (this.value !== undefined) this.setThreshold(this.value, this.limits);
  }

  /** Move the line; limits: each image's own threshold where that is automatic, else null. */
  setThreshold(value, limits) {
    this.value = value;
    this.limits = limits;
    const automatic = limits !== null;
    const shown = Number.isFinite(value) ? value : this.range[1];
    this.line.setAttribute("transform", `translate(${this.toX(shown)} 0)`);
    this.line.classList.toggle("fnb-automatic", automatic);
    this.line.setAttribute("aria-valuemin", this.range[0].toFixed(2));
    this.line.setAttribute("aria-valuemax", this.range[1].toFixed(2));
    this.line.setAttribute("aria-valuenow", shown.toFixed(2));
    this.line.setAttribute("aria-valuetext", `${shown.toFixed(2)}${automatic ? ", automatic" : ""}`);
    for (const { rect, score, image } of this.rects ?? []) {
      rect.classList.toggle("fnb-below", score < (limits?.[image] ?? shown));
    }
  }

  down(event) {
    event.preventDefault();
    this.line.focus({ preventScroll: true });
    this.root.setPointerCapture(event.pointerId);
    const move = (e) => this.onThreshold(this.toScore(e.clientX - this.root.getBoundingClientRect().left), e);
    const end = () => {
      this.root.removeEventListener("pointermove", move);
      this.root.removeEventListener("pointerup", end);
      this.root.removeEventListener("pointercancel", end);
    };
    move(event);
    this.root.addEventListener("pointermove", move);
    this.root.addEventListener("pointerup", end);
    this.root.addEventListener("pointercancel", end);
  }

  key(event) {
    const [low, high] = this.range;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    let value;
    if (event.key in steps) value = this.value + (steps[event.key] * (high - low)) / 200;
    else if (event.key === "Home") value = low;
    else if (event.key === "End") value = high;
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.onThreshold(Math.min(high, Math.max(low, value)));
  }
}
