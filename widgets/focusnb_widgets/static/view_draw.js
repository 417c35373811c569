// What is drawn over a picture: scale bar, tilt axis, particles, the square that is transformed.

const ROUND = [1, 2, 5];
const SELECTED = "#7bf29a";

/** A scale bar of a round length at the lower left, in Å, nm or µm; in pixels where the size is unknown. */
function drawScaleBar(context, view, pixelSize) {
  const size = pixelSize ?? 1;
  const most = Math.min(220, 0.3 * view.wide) / view.scale * size;
  const ten = 10 ** Math.floor(Math.log10(most));
  const length = Math.max(...ROUND.map((n) => n * ten).filter((n) => n <= most));
  const wide = (length / size) * view.scale;
  const text = pixelSize === null || pixelSize === undefined ? `${number(length)} px`
    : length >= 10000 ? `${number(length / 1e4)} µm` : length >= 100 ? `${number(length / 10)} nm` : `${number(length)} Å`;
  const [x, y] = [16, view.high - 18];
  context.fillStyle = "rgb(0 0 0 / .6)";
  context.fillRect(x - 8, y - 24, Math.max(wide, 40) + 16, 34);
  context.fillStyle = "#fff";
  context.fillRect(x, y, wide, 4);
  context.font = "600 12.5px system-ui, sans-serif";
  context.fillText(text, x, y - 7);
}

/** The tilt axis through the middle of the picture. angle: degrees. */
function drawAxis(context, view, angle, tilt) {
  const [cx, cy] = view.toScreen((view.width - 1) / 2, (view.height - 1) / 2);
  const far = 0.5 * Math.hypot(view.width, view.height) * view.scale;
  const [dx, dy] = [Math.cos((angle * Math.PI) / 180), -Math.sin((angle * Math.PI) / 180)];
  const [x0, y0] = view.toScreen(-0.5, view.height - 0.5);
  context.save();
  context.beginPath();
  context.rect(x0, y0, view.width * view.scale, view.height * view.scale);
  context.clip();
  context.beginPath();
  context.moveTo(cx - dx * far, cy - dy * far);
  context.lineTo(cx + dx * far, cy + dy * far);
  stroked(context, "#e9a6ff", 1.6, [12, 6]);
  context.restore();
  labelled(context, `tilt axis ${angle.toFixed(1)}°${tilt ? `, tilt ${tilt.toFixed(1)}°` : ""}`, cx + 10, cy - 8, "#e9a6ff");
}

/** Circles with the colours of scores; those without a score are white diamonds. */
function drawParticles(context, view, { x, y, score, diameter, low, high }, least) {
  const marks = new Marks(context, view);
  let shown = 0;
  for (let k = 0; k < x.length; k++) {
    const unknown = Number.isNaN(score[k]);
    if (!unknown && score[k] < least) continue;
    shown++;
    marks.add(x[k], y[k], diameter[k] || 12 / view.scale, unknown ? "#ffffff" : scoreColour(score[k], [low, high]),
      unknown ? "diamond" : "circle");
  }
  marks.draw();
  return shown;
}

/** The part that is transformed: [left, bottom, right, top] in pixels. */
function drawSelection(context, view, [left, bottom, right, top]) {
  const [x0, y0] = view.toScreen(left - 0.5, top - 0.5);
  const [x1, y1] = view.toScreen(right - 0.5, bottom - 0.5);
  context.beginPath();
  context.rect(x0, y0, x1 - x0, y1 - y0);
  stroked(context, SELECTED, 1.6, [6, 4]);
  labelled(context, `${right - left} × ${top - bottom}`, x0 + 6, y0 + 18, SELECTED);
}
