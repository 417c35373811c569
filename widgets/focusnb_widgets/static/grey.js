// A grey picture as the kernel sends it, 8 bit: smoothed, set to a contrast and turned into a canvas.

const SAME = { brightness: 0, contrast: 1, invert: false, smooth: 0 };

/**
 * Part of a picture. data: bytes, rows from the bottom; box: [left, bottom, right, top], the edges of
 * what it covers in pixels of the picture (the first pixel's centre is 0, so its left edge is -0.5).
 */
class GreySource {
  constructor({ data, width, height, box }) {
    Object.assign(this, { data, width, height, box });
    this.step = (box[2] - box[0]) / width; // pixels of the picture per pixel here
    this.canvas = new OffscreenCanvas(width, height);
    this.drawn = "";
    this.soft = { sigma: 0, values: data };
  }

  /** The canvas with this look; made again only when the look changed. */
  look(wanted) {
    const look = { ...SAME, ...wanted };
    const told = JSON.stringify(look);
    if (told === this.drawn) return this.canvas;
    this.drawn = told;
    this.soften(look.smooth / this.step);
    const [black, white] = this.window;
    const half = Math.max((white - black) / 2 / look.contrast, 1e-3);
    const middle = (white + black) / 2 - look.brightness * ((white - black) / 2);
    const values = this.soft.values;
    const picture = new ImageData(this.width, this.height);
    const pixels = new Uint32Array(picture.data.buffer);
    const gain = 127.5 / half;
    for (let row = 0; row < this.height; row++) {
      let from = row * this.width;
      let to = (this.height - 1 - row) * this.width; // row 0 is the bottom
      for (const end = from + this.width; from < end; from++, to++) {
        let grey = (values[from] - middle) * gain + 127.5;
        grey = grey < 0 ? 0 : grey > 255 ? 255 : grey | 0;
        if (look.invert) grey = 255 - grey;
        pixels[to] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
      }
    }
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
    return this.canvas;
  }

  /** Smooth with a Gaussian of sigma pixels; finds black and white of the outcome. */
  soften(sigma) {
    const rounded = sigma < 0.4 ? 0 : sigma;
    if (this.window && rounded === this.soft.sigma) return;
    this.soft = { sigma: rounded, values: rounded ? softened(this.data, this.width, this.height, rounded) : this.data };
    this.window = usual(this.soft.values);
  }
}

/** Black and white: what nearly all pixels lie between, whatever a few hot ones or a beam's edge do. */
function usual(values) {
  const sample = [];
  const every = Math.max(1, Math.floor(values.length / 20011));
  for (let i = 0; i < values.length; i += every) sample.push(values[i]);
  const sorted = Float32Array.from(sample).sort();
  let [black, white] = [quantileOf(sorted, 0.002), quantileOf(sorted, 0.998)];
  const middle = quantileOf(sorted, 0.5);
  const spread = (quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)) / 1.349;
  if (spread > 0) { black = Math.max(black, middle - 4 * spread); white = Math.min(white, middle + 4 * spread); }
  return white > black ? [black, white] : [middle - 32, middle + 32];
}

/** A Gaussian as three running means along rows, then along columns (Wells 1986, IEEE PAMI 8:234). */
function softened(data, width, height, sigma) {
  const ideal = Math.sqrt((12 * sigma * sigma) / 3 + 1);
  let low = Math.floor(ideal);
  if (low % 2 === 0) low -= 1;
  const many = Math.round((12 * sigma * sigma - 3 * low * low - 12 * low - 9) / (-4 * low - 4));
  let from = Float32Array.from(data);
  let to = new Float32Array(from.length);
  const pass = (lines, length, line, step, radius) => {
    const scale = 1 / (2 * radius + 1);
    for (let i = 0; i < lines; i++) {
      const start = i * line;
      const at = (k) => from[start + Math.min(length - 1, Math.max(0, k)) * step];
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += at(k);
      for (let k = 0; k < length; k++) {
        to[start + k * step] = sum * scale;
        sum += at(k + radius + 1) - at(k - radius);
      }
    }
    [from, to] = [to, from];
  };
  for (let turn = 0; turn < 3; turn++) {
    const radius = ((turn < many ? low : low + 2) - 1) / 2;
    if (radius < 1) continue;
    pass(height, width, width, 1, radius);
    pass(width, height, 1, width, radius);
  }
  return from;
}
