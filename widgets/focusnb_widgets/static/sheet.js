// One image's picks as they are now: candidates, what a hand changed, and how they agree with others.

const NONE = { x: [], y: [] };
const SAME_PARTICLE = 0.5; // diameters between two picks of one particle, when settings are compared
const HIT = 0.25; // diameters between a pick and the particle that a hand has marked

/** The arrays of floats that came as bytes. */
function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

class Sheet {
  constructor(info) {
    this.info = info; // name, width, height, pixel_size
    this.reach = info.reach / info.pixel_size; // half a diameter: within it a point means a pick
    this.found = { a: null, b: null }; // x, y, score, diameter (pixels), auto, settings
    this.edits = { added: [], removed: [], excluded: [] };
    this.manual = [];
    this.threshold = { a: null, b: null }; // null: the automatic one
    this.lists = {};
    this.problem = "";
  }

  /** Take candidates, the best first; auto: their automatic threshold. */
  take(slot, { auto, directed, stamp }, buffers) {
    const [x, y, score, diameter, angle] = buffers.map(floats);
    for (let i = 0; i < diameter.length; i++) diameter[i] /= this.info.pixel_size;
    this.found[slot] = { x, y, score, diameter, angle, directed, stamp, auto: auto ?? Infinity };
    this.rebuild();
  }

  /** What was found is not of the present setting. */
  lose(slot) {
    this.found[slot] = null;
    this.rebuild();
  }

  setEdits(edits) { this.edits = edits; this.rebuild(); }

  setManual(points) { this.manual = points; this.rebuild(); }

  /** Make the lists anew: needed when anything but the threshold of the present setting changed. */
  rebuild() {
    for (const slot of ["a", "b"]) this.lists[slot] = this.found[slot] ? this.listOf(this.found[slot], this.limit(slot)) : null;
    const list = this.lists.b;
    this.versus = {};
    if (!list) return;
    if (this.lists.a) {
      const n = this.shown("a");
      const a = this.lists.a;
      const there = { x: a.x.slice(0, n), y: a.y.slice(0, n), diameter: a.diameter };
      this.versus.a = this.compared(there, SAME_PARTICLE * 2 * Math.min(this.reach, this.reachA ?? Infinity));
    }
    if (this.manual.length) {
      const there = { x: this.manual.map((p) => p[0]), y: this.manual.map((p) => p[1]) };
      this.versus.manual = this.compared(there, HIT * 2 * this.reach);
    }
  }

  /** Another threshold of the present setting: the lists change only where it decides what a hand has meant. */
  setThreshold(value) {
    this.threshold.b = value;
    const found = this.found.b;
    if (found && this.edits.removed.length && `${[...this.goneOf(found, this.limit())]}` !== `${[...this.lists.b.gone]}`) this.rebuild();
  }

  isExcluded(x, y) { return this.edits.excluded.some((polygon) => isInside(x, y, polygon)); }

  /** Candidates that a hand took away: one after the other, the nearest pick that is left at a threshold. */
  goneOf(found, limit) {
    const gone = new Set();
    const count = countAbove(found.score, limit);
    for (const [x, y] of this.edits.removed) {
      const index = nearest(found, x, y, this.reach, (i) => i < count && !gone.has(i) && !this.isExcluded(found.x[i], found.y[i]));
      if (index >= 0) gone.add(index);
    }
    return gone;
  }

  /** Added picks, then the candidates that no hand took away: as the step `pick` edits its picks. */
  listOf(found, limit) {
    const { added } = this.edits;
    const across = found.diameter.length ? found.diameter[found.diameter.length >> 1] : 2 * this.reach;
    const gone = this.goneOf(found, limit);
    const kept = [];
    for (let i = 0; i < found.x.length; i++) {
      const [x, y] = [found.x[i], found.y[i]];
      const out = gone.has(i) || added.some(([a, b]) => Math.hypot(a - x, b - y) <= this.reach) || this.isExcluded(x, y);
      if (!out) kept.push(i);
    }
    const close = added.map(([x, y]) => nearest(found, x, y, this.reach));
    const list = { count: added.length, across, gone, directed: found.directed };
    const column = (name, byHand) => {
      const values = new Float32Array(added.length + kept.length);
      added.forEach((point, i) => { values[i] = byHand(point, close[i]); });
      kept.forEach((from, i) => { values[added.length + i] = found[name][from]; });
      list[name] = values;
    };
    column("x", (point) => point[0]);
    column("y", (point) => point[1]);
    column("score", (_, i) => (i < 0 ? NaN : found.score[i]));
    column("diameter", (_, i) => (i < 0 ? across : found.diameter[i]));
    column("angle", (_, i) => (i < 0 ? 0 : found.angle[i]));
    list.scores = list.score.subarray(added.length);
    list.places = new Int32Array(found.x.length).fill(-1); // where in the list a candidate is
    kept.forEach((from, i) => { list.places[from] = added.length + i; });
    return list;
  }

  compared(there, distance) {
    const partner = partners(this.lists.b, there, distance);
    const by = new Int32Array(there.x.length).fill(-1);
    const hits = new Int32Array(partner.length + 1);
    partner.forEach((j, i) => {
      hits[i + 1] = hits[i] + (j >= 0 ? 1 : 0);
      if (j >= 0) by[j] = i;
    });
    return { there, partner, by, hits };
  }

  /** The threshold that holds: the one that was set, else the automatic one. */
  limit(slot = "b") { return this.threshold[slot] ?? this.found[slot]?.auto ?? Infinity; }

  /** How many of a list are picks, at a threshold. */
  shown(slot = "b", limit = this.limit(slot)) {
    const list = this.lists[slot];
    return list ? list.count + countAbove(list.scores, limit) : 0;
  }

  /** Agreement with "a" or "manual" at a threshold: hits, found, truth; null when there is nothing. */
  agreement(other, limit = this.limit()) {
    const versus = this.versus?.[other];
    if (!versus) return null;
    const found = this.shown("b", limit);
    return { hits: versus.hits[found], found, truth: versus.there.x.length };
  }

  /** The pick or candidate at a place: its index in the list, -1 for none. */
  at(x, y, onlyShown = true) {
    const list = this.lists.b;
    if (!list) return -1;
    const count = onlyShown ? this.shown() : list.x.length;
    return nearest(list, x, y, 0.5 * list.across, (i) => i < count);
  }

  /** Where in the list the box i of the gallery is; -1 when a hand took it away, or it is of another setting. */
  placeOfBox(boxes, i) {
    const list = this.lists.b;
    if (!list) return -1;
    const candidates = boxes.count - boxes.hand;
    if (i >= candidates) return nearest(list, boxes.x[i], boxes.y[i], 0.1, (k) => k < list.count);
    return boxes.stamp === this.found.b.stamp ? list.places[i] : nearest(list, boxes.x[i], boxes.y[i], 0.1);
  }

  /** Put the marks on a canvas. mode: "score", "a" or "manual". */
  mark(marks, mode, range) {
    const list = this.lists.b;
    if (!list) return;
    const count = this.shown();
    const versus = this.versus[mode];
    for (let i = 0; i < count; i++) {
      let [colour, shape] = [scoreColour(Number.isNaN(list.score[i]) ? range[1] : list.score[i], range), "circle"];
      if (versus) ({ colour, shape } = versus.partner[i] >= 0 ? KIND.common : KIND.here);
      marks.add(list.x[i], list.y[i], list.diameter[i], colour, shape, list.directed ? list.angle[i] : null);
    }
    if (!versus) return;
    const { there, by } = versus;
    for (let j = 0; j < there.x.length; j++) {
      if (by[j] >= 0 && by[j] < count) continue;
      marks.add(there.x[j], there.y[j], there.diameter?.[j] ?? 2 * this.reach, KIND.there.colour, KIND.there.shape);
    }
  }
}

/** Sum of agreements, nulls left out; null when none is left. */
function together(agreements) {
  const all = agreements.filter(Boolean);
  if (!all.length) return null;
  const sum = (word) => all.reduce((total, one) => total + one[word], 0);
  return quality(sum("hits"), sum("found"), sum("truth"));
}
