// How picks are drawn: colours by score or by agreement, and a shape of its own for each kind.

// Lightness rises with the score, as in the upper part of matplotlib's "plasma": so it is told without
// telling red from green; and all of it stands out from grey.
const RAMP = ["#f0609a", "#f7747c", "#fb8a5c", "#fda33f", "#febd2f", "#fcd93a", "#f6f560"];
// Of Okabe and Ito's colours (jfly.uni-koeln.de/color): kinds that are told apart by shape, too.
const KIND = {
  common: { colour: "#f5f7fa", shape: "circle" }, // in both
  here: { colour: "#ffb000", shape: "diamond" }, // only in the present setting
  there: { colour: "#5cc8ff", shape: "square" }, // only in A, or only by hand
};
const HALO = "rgb(0 0 0 / .55)";

/** Colour of a score between low and high, in steps. */
function scoreColour(score, [low, high]) {
  const t = high > low ? (score - low) / (high - low) : 1;
  return RAMP[Math.min(RAMP.length - 1, Math.max(0, Math.floor(t * RAMP.length)))];
}

/** Add the outline of a mark to a path. */
function outline(path, shape, x, y, r) {
  if (shape === "circle") {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  } else if (shape === "diamond") {
    const s = 1.12 * r;
    path.moveTo(x, y - s); path.lineTo(x + s, y); path.lineTo(x, y + s); path.lineTo(x - s, y); path.closePath();
  } else {
    const s = 0.9 * r;
    path.rect(x - s, y - s, 2 * s, 2 * s);
  }
}

/** Marks on a canvas: collected by look, then drawn with few strokes, all halos first. */
class Marks {
  constructor(context, view) {
    Object.assign(this, { context, view, groups: new Map() });
    this.width = Math.min(2.4, Math.max(1.7, view.wide / 280));
    const [left, bottom, right, top] = view.seen;
    this.seen = { left, bottom, right, top };
  }

  /** A mark of a diameter, in pixels of the picture; with an angle (degrees), a line along it. */
  add(x, y, diameter, colour, shape = "circle", angle = null) {
    const { seen, view } = this;
    const r = diameter / 2;
    if (x + r < seen.left || x - r > seen.right || y + r < seen.bottom || y - r > seen.top) return;
    const key = `${colour} ${shape}`;
    if (!this.groups.has(key)) this.groups.set(key, { colour, shape, path: new Path2D() });
    const [sx, sy] = view.toScreen(x, y);
    const { path } = this.groups.get(key);
    outline(path, shape, sx, sy, Math.max(3, r * view.scale));
    if (angle === null) return;
    const far = Math.max(3, r * view.scale) * 1.5;
    const [dx, dy] = [far * Math.cos((angle * Math.PI) / 180), -far * Math.sin((angle * Math.PI) / 180)];
    path.moveTo(sx - dx, sy - dy);
    path.lineTo(sx + dx, sy + dy);
  }

  draw() {
    const { context } = this;
    context.lineJoin = "round";
    for (const halo of [true, false]) {
      context.lineWidth = halo ? this.width + 1.8 : this.width;
      for (const { colour, shape, path } of this.groups.values()) {
        context.strokeStyle = halo ? HALO : colour;
        context.setLineDash(shape === "square" && !halo ? [5, 3] : []);
        context.stroke(path);
      }
    }
    context.setLineDash([]);
  }
}

/** A small plus or cross over a place: added, or removed, by hand. */
function drawSign(context, view, x, y, sign, colour) {
  const [sx, sy] = view.toScreen(x, y);
  const s = 3.5;
  for (const halo of [true, false]) {
    context.lineWidth = halo ? 3.5 : 1.5;
    context.strokeStyle = halo ? HALO : colour;
    context.beginPath();
    if (sign === "+") {
      context.moveTo(sx - s, sy); context.lineTo(sx + s, sy); context.moveTo(sx, sy - s); context.lineTo(sx, sy + s);
    } else {
      context.moveTo(sx - s, sy - s); context.lineTo(sx + s, sy + s);
      context.moveTo(sx + s, sy - s); context.lineTo(sx - s, sy + s);
    }
    context.stroke();
  }
}

/** The pick that was chosen: a thick ring, and its score beside it. */
function drawChosen(context, view, x, y, diameter, text) {
  const [sx, sy] = view.toScreen(x, y);
  const r = Math.max(3, (diameter / 2) * view.scale) + 4;
  for (const [width, colour] of [[5, "rgb(0 0 0 / .7)"], [2.5, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(sx, sy, r, 0, 2 * Math.PI);
    context.stroke();
  }
  if (!text) return;
  context.font = "600 12px system-ui, sans-serif";
  const wide = context.measureText(text).width;
  const left = sx + r + 6 + wide > view.wide ? sx - r - 12 - wide : sx + r + 2;
  context.fillStyle = "rgb(0 0 0 / .75)";
  context.fillRect(left, sy - 10, wide + 10, 20);
  context.fillStyle = "#fff";
  context.fillText(text, left + 5, sy + 4);
}

/** A polygon of excluded area: hatched, its corners as handles when they can be moved. */
function drawPolygon(context, view, corners, { open = false, handles = false, chosen = false, pointer = null } = {}) {
  const points = corners.map(([x, y]) => view.toScreen(x, y));
  if (!points.length) return;
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (open && pointer) context.lineTo(...view.toScreen(...pointer));
  if (!open) {
    context.closePath();
    context.save();
    context.fillStyle = "rgb(20 10 0 / .35)";
    context.fill();
    context.clip();
    hatch(context, points);
    context.restore();
  }
  for (const [width, colour] of [[3.6, "rgb(0 0 0 / .6)"], [1.8, chosen ? "#fff" : KIND.here.colour]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
  if (!handles && !open) return;
  points.forEach(([x, y], i) => {
    context.beginPath();
    context.arc(x, y, open && i === 0 ? 6 : 4.5, 0, 2 * Math.PI);
    context.fillStyle = open && i === 0 ? KIND.here.colour : "#fff";
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "rgb(0 0 0 / .7)";
    context.stroke();
  });
}

function hatch(context, points) {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const path = new Path2D();
  for (let x = left - (bottom - top); x < right; x += 9) {
    path.moveTo(x, bottom); path.lineTo(x + bottom - top, top);
  }
  context.lineWidth = 1;
  context.strokeStyle = "rgb(255 176 0 / .45)";
  context.stroke(path);
}

// What a mask's numbers are drawn as; what was drawn by hand is seen as polygons anyway.
const BY_HAND = 7;
const MASK = [null, "128 136 148", "0 158 255", "120 220 255", "255 140 0", "230 80 40", "225 110 190", "255 176 0"];

/** A mask of kinds (bytes, rows from the bottom) as a canvas to lay over the picture. */
function maskCanvas({ data, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const picture = new ImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const colours = MASK.map((c) => {
    if (!c || c === MASK[BY_HAND]) return 0;
    const [r, g, b] = c.split(" ").map(Number);
    return ((110 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
  for (let row = 0; row < height; row++) {
    for (let k = 0; k < width; k++) pixels[(height - 1 - row) * width + k] = colours[data[row * width + k]] ?? 0;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

/** A sample of a kind of mark, for legends. */
function markSample(kind) {
  const { colour, shape } = KIND[kind];
  const canvas = h("canvas", { width: 36, height: 36, class: "fnb-sample", "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  const path = new Path2D();
  outline(path, shape, 9, 9, 6);
  for (const [width, stroke] of [[3.6, "rgb(0 0 0 / .7)"], [1.9, colour]]) {
    context.setLineDash(shape === "square" && stroke === colour ? [4, 2.5] : []);
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.stroke(path);
  }
  return canvas;
}
