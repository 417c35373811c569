// The explorer's numbers: columns by word, one number per image, and what is worked out of them.

const EXPLORE_TIME = "recorded";

class Columns {
  constructor() { this.clear(); }

  clear() {
    this.ids = new Int32Array();
    this.good = new Int8Array();
    this.names = [];
    this.words = {};
    this.places = new Map();
  }

  get count() { return this.ids.length; }

  /** Take all numbers of some words. */
  take({ words, names }, buffers) {
    this.clear();
    this.ids = typed(Int32Array, buffers[0]);
    this.good = typed(Int8Array, buffers[1]);
    this.names = names;
    words.forEach((word, i) => { this.words[word] = typed(Float64Array, buffers[i + 2]); });
    this.index();
  }

  /** Take what is new or different: places first, then the same as in `take`. */
  patch({ words, names }, buffers) {
    const places = typed(Int32Array, buffers[0]);
    const length = places.reduce((most, place) => Math.max(most, place + 1), this.count);
    const put = (Kind, old, view) => {
      const column = new Kind(length);
      column.set(old);
      typed(Kind, view).forEach((value, i) => { column[places[i]] = value; });
      return column;
    };
    this.ids = put(Int32Array, this.ids, buffers[1]);
    this.good = put(Int8Array, this.good, buffers[2]);
    words.forEach((word, i) => { this.words[word] = put(Float64Array, this.words[word] ?? [], buffers[i + 3]); });
    places.forEach((place, i) => { this.names[place] = names[i]; });
    this.index();
  }

  index() {
    this.places = new Map();
    this.ids.forEach((id, place) => this.places.set(id, place));
  }

  /** A word's numbers as people see them; times as bokeh draws them, in the viewer's zone. */
  shown(word, factor) {
    const column = this.words[word];
    if (!column) return new Float64Array(this.count).fill(NaN);
    if (word === EXPLORE_TIME) return column.map(drawnTime);
    const parts = Math.round(1 / factor); // 11500 Å / 10000 is 1.15 µm; times 0.0001 it may be a bit less
    return parts > 1 && 1 / parts === factor ? column.map((value) => value / parts) : column.map((value) => value * factor);
  }
}

/** Bokeh knows UTC only: times are moved by the viewer's offset, and back when they are told. */
function drawnTime(seconds) {
  return seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60000;
}

function toldTime(drawn) {
  const near = new Date(drawn + new Date(drawn).getTimezoneOffset() * 60000);
  return (drawn + near.getTimezoneOffset() * 60000) / 1000;
}

/** The finite numbers of a column in order, with what people are told of them. */
function summed(values) {
  const sorted = values.filter(Number.isFinite).sort();
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { n: sorted.length, low: sorted[0], high: sorted[sorted.length - 1], median: at(0.5), q1: at(0.25), q3: at(0.75), sorted };
}

const FEW_IMAGES = 50; // of so few each one is drawn, however far off

/** The range to draw: all, or the usual numbers when a few are far off. */
function usual(sum, whole) {
  if (!sum.n) return [0, 1];
  let { low, high } = sum;
  const spread = sum.q3 - sum.q1;
  if (!whole && spread > 0 && sum.n > FEW_IMAGES) {
    low = sum.sorted.find((value) => value >= sum.q1 - 5 * spread);
    high = sum.sorted.findLast((value) => value <= sum.q3 + 5 * spread);
  }
  return [low, high];
}

/** A range with the lines that are near: the axis becomes at most twice as long for each side. */
function withLines([low, high], lines) {
  const width = high - low || Math.abs(high) * 0.2 || 1;
  const near = [low, high, ...lines.filter((line) => line >= low - width && line <= high + width)];
  return [Math.min(...near), Math.max(...near)];
}

/** The step that numbers are rounded to, if it is near a step of bars: 10, 5, 2 or 1 times a power of ten. */
function rounding(values, step) {
  const power = Math.floor(Math.log10(step)) + 1;
  for (let p = power; p > power - 4; p--) {
    for (const part of [10, 5, 2]) {
      const size = part * 10 ** (p - 1);
      if (values.every((value) => Math.abs(value / size - Math.round(value / size)) < 1e-6)) return size;
    }
  }
  return 0;
}

/** A round number of about this size, not smaller. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  const part = size / power;
  return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 2.5 ? 2.5 : part <= 5 ? 5 : 10) * power;
}

const TIME_STEPS = [1, 5, 15, 60, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800].map((s) => s * 1000);

/**
 * Edges of the bars of a histogram at round numbers; a constant gets one bar around it. width: of the
 * numbers, without what the axis shows beyond them; values: no bar is narrower than they are rounded,
 * and each takes as many of their steps as the next.
 */
function edgesOf(low, high, { whole = false, time = false, width = high - low, values = [] } = {}) {
  let step = width > 0 ? roundStep(width / 40) : roundStep(Math.abs(high) / 20 || 1);
  if (time) step = TIME_STEPS.find((one) => one >= width / 40) ?? step;
  if (whole) step = Math.max(1, Math.ceil(step)); // whole numbers: no bar between two of them
  const grain = whole || time || !(width > 0) ? 0 : rounding(values, step);
  if (grain) step = Math.ceil(step / grain - 1e-9) * grain;
  const first = Math.floor(low / step + 1e-9);
  const count = Math.max(1, Math.min(400, Math.floor(high / step + 1e-9) - first + 1));
  // Made anew from whole numbers, so that no edge carries the error of a sum.
  const digits = Math.max(0, 2 - Math.floor(Math.log10(step)));
  return Array.from({ length: count + 1 }, (_, i) => Number(((first + i) * step).toFixed(Math.min(digits, 12))));
}

/** How many numbers lie in each bar. wanted: 1 by place for those that are counted. */
function counted(values, edges, wanted = null) {
  const counts = new Float64Array(edges.length - 1);
  const low = edges[0];
  const step = edges[1] - edges[0];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]) || (wanted && !wanted[i])) continue;
    let bar = Math.floor((values[i] - low) / step);
    if (bar >= 0 && bar < counts.length) {
      if (values[i] >= edges[bar + 1]) bar += 1;
      else if (values[i] < edges[bar]) bar -= 1;
    }
    if (bar >= 0 && bar < counts.length) counts[bar] += 1;
  }
  return counts;
}

/** A number or a time as people read it. */
function wordText(word, value) {
  if (!Number.isFinite(value)) return "–";
  if (word.word === EXPLORE_TIME) return new Date(value).toISOString().slice(0, 16).replace("T", " ");
  return `${number(value, word.digits)}${word.unit ? ` ${word.unit}` : ""}`;
}

const wordTitle = (word) => `${word.label}${word.unit ? ` (${word.unit})` : ""}`;
