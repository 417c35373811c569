// The spectrum along one line: its rings averaged along equal phase, beside CTF² of the rings that are drawn.

const PROFILE_BINS = 240;
const PROFILE_RINGS = 16; // as many are told apart in a narrow drawing
const AROUND = 14; // bins of the running mean that is taken off: about a ring

class RingProfile {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = h("canvas", { class: "fnb-vw-profile", role: "img", "aria-label": "Rings of the spectrum and of the CTF, along the square of the frequency" });
    this.element = h("figure", {}, this.canvas, h("figcaption", { class: "fnb-help-text" },
      h("i", { class: "fnb-vw-line" }), "spectrum ", h("i", { class: "fnb-vw-line fnb-vw-line-ctf" }), "CTF²; they agree where the rings are right"));
    this.sizes = new ResizeObserver(() => this.schedule());
    this.sizes.observe(this.canvas);
  }

  destroy() { this.sizes.disconnect(); cancelAnimationFrame(this.frame); }

  schedule() { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); }

  draw() {
    const pane = this.viewer.spectral;
    const { width, height } = this.canvas.getBoundingClientRect();
    const source = pane?.view.sources[0];
    if (!source || !pane.grid || !width) return;
    const { thon } = this.viewer.thonPanel;
    const mean = (thon.ctf.defocus_u + thon.ctf.defocus_v) / 2;
    const nyquist = (0.5 * pane.grid.side * pane.grid.frequency) ** 2;
    const limit = Math.min(nyquist, thon.zero(thon.first + PROFILE_RINGS, mean) ?? nyquist); // s², 1/Å²
    const measured = this.measured = standardised(equalPhase(source, pane.grid, thon, limit));
    const model = this.model = standardised(modelled(thon, mean, limit));
    const context = this.canvas.getContext("2d");
    [this.canvas.width, this.canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(this.canvas);
    const curve = (values, colour, wide) => {
      context.beginPath();
      values.forEach((value, k) => {
        const y = height / 2 - (Math.max(-2.4, Math.min(2.4, value)) / 2.5) * (height / 2);
        context[k ? "lineTo" : "moveTo"]((k / (PROFILE_BINS - 1)) * width, y);
      });
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.stroke();
    };
    curve(measured, style.getPropertyValue("--fnb-ink"), 1.3);
    curve(model, COLOURS.thon, 1.6);
    this.viewer.thonPanel.tellScore(agreement(measured, model), this.storedScore(source, pane.grid, nyquist));
  }

  /** How well the rings that the project has agree with the spectrum; null without any. */
  storedScore(source, grid, nyquist) {
    const { known, ctf } = this.viewer.thonPanel;
    if (!known) return null;
    if (this.stored?.source !== source || this.stored.known !== known) {
      const thon = new Thon({ ...ctf, ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null)) });
      const mean = (thon.ctf.defocus_u + thon.ctf.defocus_v) / 2;
      const limit = Math.min(nyquist, thon.zero(thon.first + PROFILE_RINGS, mean) ?? nyquist);
      const score = agreement(standardised(equalPhase(source, grid, thon, limit)), standardised(modelled(thon, mean, limit)));
      this.stored = { source, known, score };
    }
    return this.stored.score;
  }
}

/** Correlation of two standardised curves, beyond the first bins: 1 where all rings agree. */
function agreement(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = AROUND; k < a.length; k++) { ab += a[k] * b[k]; aa += a[k] * a[k]; bb += b[k] * b[k]; }
  return ab / (Math.sqrt(aa * bb) || 1);
}

/** Means of the bytes of a spectrum along equal phase: ellipses where there is astigmatism. */
function equalPhase(source, grid, { ctf }, limit) {
  const sum = new Float64Array(PROFILE_BINS);
  const count = new Float64Array(PROFILE_BINS);
  const mean = (ctf.defocus_u + ctf.defocus_v) / 2;
  const half = (ctf.defocus_u - ctf.defocus_v) / 2 / mean;
  const turn = (2 * ctf.defocus_angle * Math.PI) / 180;
  const [c, s] = [half * Math.cos(turn), half * Math.sin(turn)];
  const { data, width, height, box, step } = source;
  const unit = (PROFILE_BINS * grid.frequency ** 2) / limit;
  const reach = Math.ceil((1.2 * Math.sqrt(limit)) / grid.frequency / step);
  const middle = Math.floor((grid.centre - box[0]) / step);
  for (let row = Math.max(0, middle); row < Math.min(height, middle + reach); row++) { // the other half is the same
    const y = box[1] + (row + 0.5) * step - grid.centre;
    for (let column = Math.max(0, middle - reach); column < Math.min(width, middle + reach); column++) {
      const byte = data[row * width + column];
      const x = box[0] + (column + 0.5) * step - grid.centre;
      const square = x * x + y * y + (x * x - y * y) * c + 2 * x * y * s; // s² · Δz(azimuth) / mean Δz
      const bin = (square * unit) | 0;
      if (bin < PROFILE_BINS && byte) { sum[bin] += byte; count[bin]++; }
    }
  }
  return Array.from(sum, (total, k) => (count[k] ? total / count[k] : 0));
}

function modelled({ lambda, bend, offset }, mean, limit) {
  return Array.from({ length: PROFILE_BINS }, (_, k) => {
    const square = ((k + 0.5) / PROFILE_BINS) * limit;
    return Math.sin(Math.PI * lambda * (square * mean - bend * square * square) + offset) ** 2;
  });
}

/** The ups and downs of a curve, each as high as its neighbours. */
function standardised(values) {
  const running = (list, k, of) => {
    let [sum, count] = [0, 0];
    for (let i = Math.max(0, k - AROUND); i <= Math.min(list.length - 1, k + AROUND); i++) { sum += of(list[i]); count++; }
    return sum / count;
  };
  const flat = values.map((value, k) => value - running(values, k, (v) => v));
  return flat.map((value, k) => value / Math.sqrt(running(flat, k, (v) => v * v) || 1));
}
