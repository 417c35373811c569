// Frequencies of a spectrum, the zeros of the CTF, and the rings that are drawn over it.

const RINGS = [50, 20, 10, 7, 5, 4, 3, 2.5, 2, 1.5, 1.2, 1];
const ICE_BANDS = [3.9, 3.67, 3.44, 2.25]; // Å, spots of hexagonal ice
const COLOURS = { ring: "#ffd75e", ice: "#5cc8ff", thon: "#ff8f4a", nyquist: "#f5f7fa", handle: "#ffffff" };

/** Wavelength of electrons in Å, of a high tension in kV; relativistic. */
function wavelengthOf(kilovolts) {
  const volts = kilovolts * 1e3;
  return 12.2642596588 / Math.sqrt(volts * (1 + 0.978475598e-6 * volts));
}

/**
 * The zeros of the CTF. ctf: voltage (kV), spherical_aberration (mm), amplitude_contrast, defocus_u,
 * defocus_v (Å), defocus_angle (degrees), phase_shift (degrees).
 */
class Thon {
  constructor(ctf) {
    this.ctf = ctf;
    this.lambda = wavelengthOf(ctf.voltage);
    this.bend = 0.5 * this.lambda ** 2 * ctf.spherical_aberration * 1e7;
    this.offset = Math.asin(ctf.amplitude_contrast) + ((ctf.phase_shift ?? 0) * Math.PI) / 180;
  }

  /** Defocus in a direction (radians), Å. */
  defocus(azimuth) {
    const { defocus_u: u, defocus_v: v, defocus_angle: angle } = this.ctf;
    return (u + v) / 2 + ((u - v) / 2) * Math.cos(2 * (azimuth - (angle * Math.PI) / 180));
  }

  /** s² at the nth zero with a defocus; null when there is none: the phase has its largest before. */
  zero(n, defocus) {
    const wanted = (n * Math.PI - this.offset) / (Math.PI * this.lambda); // u·Δz − bend·u²
    if (wanted <= 0) return null;
    if (this.bend < 1e-9) return defocus > 0 ? wanted / defocus : null;
    const square = defocus ** 2 - 4 * this.bend * wanted;
    if (square < 0 || defocus <= 0) return null;
    return (2 * wanted) / (defocus + Math.sqrt(square));
  }

  /** The nth ring as points [sx, sy] in 1/Å; null where a part of it does not exist. */
  ring(n, points = 180) {
    const found = [];
    for (let k = 0; k <= points; k++) {
      const azimuth = (2 * Math.PI * k) / points;
      const square = this.zero(n, this.defocus(azimuth));
      if (square === null) return null;
      const s = Math.sqrt(square);
      found.push([s * Math.cos(azimuth), s * Math.sin(azimuth)]);
    }
    return found;
  }

  /** Number of the first ring: with a phase plate zeros may begin later. */
  get first() { return Math.max(1, Math.floor(this.offset / Math.PI) + 1); }

  /** The defocus with which the nth zero lies at s (1/Å). */
  defocusAt(n, s) {
    const square = s * s;
    return (n * Math.PI - this.offset) / (Math.PI * this.lambda * square) + this.bend * square;
  }

  /** The ring nearest to s in a direction: its number, and how far it is, 1/Å. */
  nearest(s, azimuth) {
    const defocus = this.defocus(azimuth);
    let best = { n: 0, far: Infinity };
    for (let n = this.first; n < this.first + 200; n++) {
      const square = this.zero(n, defocus);
      if (square === null) break;
      const far = Math.abs(Math.sqrt(square) - s);
      if (far > best.far) break;
      best = { n, far };
    }
    return best;
  }
}

/** Places of frequencies in a view. grid: centre (pixels) and frequency (1/Å of a pixel). */
const placeOf = (view, grid, sx, sy) => view.toScreen(grid.centre + sx / grid.frequency, grid.centre + sy / grid.frequency);

function frequencyAt(grid, x, y) {
  const [sx, sy] = [(x - grid.centre) * grid.frequency, (y - grid.centre) * grid.frequency];
  const s = Math.hypot(sx, sy);
  return { sx, sy, s, azimuth: Math.atan2(sy, sx), resolution: s > 0 ? 1 / s : Infinity };
}

function stroked(context, colour, width, dash = []) {
  for (const [wide, style] of [[width + 1.6, "rgb(0 0 0 / .55)"], [width, colour]]) {
    context.lineWidth = wide;
    context.strokeStyle = style;
    context.setLineDash(dash);
    context.stroke();
  }
  context.setLineDash([]);
}

function labelled(context, text, x, y, colour) {
  context.font = "600 12px system-ui, sans-serif";
  const wide = context.measureText(text).width;
  context.fillStyle = "rgb(0 0 0 / .65)";
  context.fillRect(x - 4, y - 13, wide + 8, 18);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** Circles of resolution, ice and Nyquist; dashes tell kinds apart. Labels lie over all of them. */
function drawRings(context, view, grid, show, extra) {
  const nyquist = 2 / (grid.frequency * grid.side);
  const [x, y] = placeOf(view, grid, 0, 0);
  const labels = [];
  const circle = (resolution, colour, text, towards, dash = []) => {
    const r = (1 / resolution / grid.frequency) * view.scale;
    if (!(r > 4) || r > 4 * Math.max(view.wide, view.high)) return;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    stroked(context, colour, 1.2, dash);
    const angle = (towards * Math.PI) / 180;
    labels.push([text, x + r * Math.cos(angle) + 4, y - r * Math.sin(angle) - 4, colour]);
  };
  if (show.rings) {
    let before = 0;
    for (const resolution of RINGS) {
      const radius = (1 / resolution / grid.frequency) * view.scale;
      if (resolution < nyquist * 0.99 || radius - before < 26) continue; // labels would lie on each other
      before = radius;
      circle(resolution, COLOURS.ring, `${resolution} ${grid.unit}`, 45);
    }
    circle(nyquist, COLOURS.nyquist, `Nyquist ${nyquist.toFixed(2)} ${grid.unit}`, 90, [2, 3]);
  }
  if (show.ice) {
    ICE_BANDS.forEach((resolution, k) => {
      if (resolution > nyquist * 0.99) circle(resolution, COLOURS.ice, `ice ${resolution} Å`, -30 - 16 * k, [7, 4]);
    });
  }
  if (extra > nyquist * 0.99) circle(extra, "#7bf29a", `${extra} ${grid.unit}`, 135);
  for (const label of labels) labelled(context, ...label);
}

/** The rings of zeros, as far as they can be told apart on the screen; handles on one of them. */
function drawThon(context, view, grid, thon, { handles = true } = {}) {
  const corner = 0.5 * grid.frequency * grid.side;
  let before = 0;
  for (let n = thon.first; n < thon.first + 150; n++) {
    const points = thon.ring(n);
    if (!points) break;
    const radius = (Math.hypot(...points[0]) / grid.frequency) * view.scale;
    if (Math.hypot(...points[0]) > corner * 1.05 || radius - before < 5) break; // the rest would hide the data
    before = radius;
    context.beginPath();
    points.forEach(([sx, sy], k) => {
      const [x, y] = placeOf(view, grid, sx, sy);
      if (k) context.lineTo(x, y); else context.moveTo(x, y);
    });
    if (n === thon.first) stroked(context, COLOURS.thon, 1.8);
    else { context.lineWidth = 1; context.strokeStyle = COLOURS.thon; context.globalAlpha = 0.75; context.stroke(); context.globalAlpha = 1; }
  }
  if (!handles) return;
  for (const [x, y, which] of thonHandles(view, grid, thon)) {
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.fillStyle = COLOURS.handle;
    context.fill();
    stroked(context, COLOURS.thon, 2);
    context.font = "700 11px system-ui, sans-serif";
    labelled(context, which.toUpperCase(), x + 11, y + 4, COLOURS.thon);
  }
}

/** Where the rings can be held: [x, y, "u" | "v", n], on a ring of a handy size. */
function thonHandles(view, grid, thon) {
  const n = handleRing(view, grid, thon);
  const angle = (thon.ctf.defocus_angle * Math.PI) / 180;
  return [["u", angle], ["v", angle + Math.PI / 2]].flatMap(([which, azimuth]) => {
    const square = thon.zero(n, thon.defocus(azimuth));
    if (square === null) return [];
    const s = Math.sqrt(square);
    return [[...placeOf(view, grid, s * Math.cos(azimuth), s * Math.sin(azimuth)), which, n]];
  });
}

function handleRing(view, grid, thon) {
  const wanted = 0.16 * Math.min(view.wide, view.high);
  let n = thon.first;
  for (; n < thon.first + 30; n++) {
    const square = thon.zero(n, (thon.ctf.defocus_u + thon.ctf.defocus_v) / 2);
    if (square === null || (Math.sqrt(square) / grid.frequency) * view.scale >= wanted) break;
  }
  return n;
}
