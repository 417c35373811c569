// Which picks of two lists are the same particle, which lie in a polygon: pure functions on numbers.

/**
 * Pair picks at most `distance` apart, one to one: from the best of `found` on, each takes the nearest
 * free one of `truth`. The kernel's `agree` does the same, so a threshold on `found` only shortens the
 * list of pairs. Both are { x, y } arrays; gives for each of `found` the index of its partner or -1.
 */
function partners(found, truth, distance) {
  const partner = new Int32Array(found.x.length).fill(-1);
  if (!truth.x.length || !(distance > 0)) return partner;
  const cells = new Map();
  const cell = (v) => Math.floor(v / distance);
  const key = (cx, cy) => cx * 1048576 + cy;
  for (let j = 0; j < truth.x.length; j++) {
    const k = key(cell(truth.x[j]), cell(truth.y[j]));
    if (cells.has(k)) cells.get(k).push(j); else cells.set(k, [j]);
  }
  const taken = new Uint8Array(truth.x.length);
  for (let i = 0; i < partner.length; i++) {
    const cx = cell(found.x[i]);
    const cy = cell(found.y[i]);
    let nearest = distance;
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const j of cells.get(key(cx + dx, cy + dy)) ?? []) {
          const away = Math.hypot(truth.x[j] - found.x[i], truth.y[j] - found.y[i]);
          if (!taken[j] && away <= nearest) { nearest = away; partner[i] = j; }
        }
      }
    }
    if (partner[i] >= 0) taken[partner[i]] = 1;
  }
  return partner;
}

/** Precision, recall and F1 of `hits` pairs among `found` picks when `truth` particles are there. */
function quality(hits, found, truth) {
  return {
    hits, found, truth,
    precision: found ? hits / found : NaN,
    recall: truth ? hits / truth : NaN,
    f1: found + truth ? (2 * hits) / (found + truth) : 1,
  };
}

/** How many of scores that fall from first to last are `threshold` or more. */
function countAbove(scores, threshold) {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle] >= threshold) low = middle + 1; else high = middle;
  }
  return low;
}

/** Whether a point lies in a polygon [[x, y], …]: how often a ray to the right crosses its sides. */
function isInside(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if ((yi > y) !== (yj > y) && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** The index of the point { x, y } nearest to a place, no further than `distance`; -1 for none. */
function nearest(points, x, y, distance, allowed = () => true) {
  let best = -1;
  let away = distance;
  for (let i = 0; i < points.x.length; i++) {
    const d = Math.hypot(points.x[i] - x, points.y[i] - y);
    if (d <= away && allowed(i)) { away = d; best = i; }
  }
  return best;
}

/** The value below which a part q of rising numbers lies. */
function quantileOf(rising, q) {
  return rising.length ? rising[Math.min(rising.length - 1, Math.max(0, Math.floor(q * rising.length)))] : NaN;
}
