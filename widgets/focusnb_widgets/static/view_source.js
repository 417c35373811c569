// A part of a picture in 8 bits, and the table that makes greys of it: contrast without the kernel.

const MISSING = [0xff86705c, 0xffa48e7a]; // pixels that are not finite: a hatch of two grey blues, as drawn.py has it
const SAMPLED = 250000; // pixels, about, that percentiles are taken from
const BYTES = 254; // steps from the lowest to the highest value; byte 0 marks what is missing

/**
 * data: bytes, rows from the bottom, 0 for what is missing, 1 is the value `low`, 255 is `high`.
 * box: [left, bottom, right, top], the edges of what it covers in pixels of the picture.
 */
class ViewSource {
  constructor({ data, width, height, box, low, high }) {
    Object.assign(this, { data, width, height, box, low, high });
    this.step = (box[2] - box[0]) / width;
    this.canvas = new OffscreenCanvas(width, height);
    this.picture = new ImageData(width, height);
    this.drawn = "";
  }

  /** The canvas with this look: black and white (values), invert. Made again only when that changed. */
  look({ black, white, invert = false }) {
    const told = `${black} ${white} ${invert}`;
    if (told === this.drawn) return this.canvas;
    this.drawn = told;
    const table = this.table(black, white, invert);
    const { data, width, height } = this;
    const pixels = new Uint32Array(this.picture.data.buffer);
    for (let row = 0; row < height; row++) {
      let from = row * width;
      let to = (height - 1 - row) * width; // row 0 is the bottom
      const first = to - (height - 1 - row); // column + row, from the top left
      for (const end = from + width; from < end; from++, to++) pixels[to] = data[from] ? table[data[from]] : MISSING[((to - first) >> 3) & 1];
    }
    this.canvas.getContext("2d").putImageData(this.picture, 0, 0);
    return this.canvas;
  }

  table(black, white, invert) {
    const table = new Uint32Array(256);
    const gain = 255 / Math.max(white - black, 1e-30);
    for (let byte = 1; byte < 256; byte++) {
      let grey = Math.round((this.value(byte) - black) * gain);
      grey = grey < 0 ? 0 : grey > 255 ? 255 : grey;
      if (invert) grey = 255 - grey;
      table[byte] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
    }
    return table;
  }

  value(byte) { return this.low + ((byte - 1) / BYTES) * (this.high - this.low); }

  /** How often each byte occurs in a sample of the pixels. */
  get counts() {
    if (!this.counted) {
      const { data } = this;
      this.counted = new Uint32Array(256);
      const every = Math.max(1, Math.floor(data.length / SAMPLED)) | 1; // odd: no column is taken alone
      for (let k = 0; k < data.length; k += every) this.counted[data[k]]++;
    }
    return this.counted;
  }

  get known() { return this.counts.reduce((sum, count) => sum + count, 0) - this.counts[0]; }

  /** The value below which a part of all finite pixels lies. */
  quantile(part) {
    const { counts } = this;
    const total = this.known;
    let sum = 0;
    for (let byte = 1; byte < 256; byte++) {
      if (sum + counts[byte] >= part * total && counts[byte]) {
        return this.value(byte - 0.5 + (part * total - sum) / counts[byte]);
      }
      sum += counts[byte];
    }
    return this.high;
  }

  /** Black and white by percent of the pixels that may be cut off on either side; 0 is all of them. */
  automatic(percent) {
    let [black, white] = [this.quantile(percent / 100), this.quantile(1 - percent / 100)];
    if (percent > 0) { // whatever a few hot pixels or a beam's edge do
      const middle = this.quantile(0.5);
      const spread = (this.quantile(0.75) - this.quantile(0.25)) / 1.349;
      if (spread > 0) { black = Math.max(black, middle - 4 * spread); white = Math.min(white, middle + 4 * spread); }
    }
    const least = (this.high - this.low) / BYTES || 1e-9;
    return white - black > least ? [black, white] : [black - 8 * least, white + 8 * least];
  }
}
