// The title line of an overview: name, verdict, reasons, the main numbers of the image.

const VERDICTS = {
  good: ["✓ good", "fnb-badge fnb-good", "It is within all limits of the project"],
  bad: ["✕ not good", "fnb-badge fnb-bad", "It is outside of a limit of the project"],
  failed: ["✕ failed", "fnb-badge fnb-bad", "Processing has failed"],
  unknown: ["not processed", "fnb-badge", "Nothing was measured yet"],
};
const FLAG_SHAPES = { red: "▲", green: "●", blue: "■", gold: "◆" };

/** Time of recording in the viewer's own zone. */
function recordedAt(iso) {
  const date = new Date(iso);
  if (!iso || Number.isNaN(date.getTime())) return null;
  const two = (n) => String(n).padStart(2, "0");
  return h("time", { datetime: date.toISOString(), title: iso },
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`);
}

/** The numbers of an image as a list of terms. */
function overviewNumbers(numbers) {
  return h("dl", { class: "fnb-ov-numbers" }, numbers.map((one) => h("div", { "data-word": one.word },
    h("dt", {}, one.label),
    h("dd", {}, one.text.replace("-", "−"), one.unit ? h("small", {}, ` ${one.unit}`) : null))));
}

/** What is told of an image above its pictures; message: {head, told, place}. */
function overviewHead({ image, head, told, place }) {
  const alert = told && image ? h("p", { class: "fnb-alert fnb-ov-told" }, told) : null;
  if (!head.name) return [alert];
  const [text, kind, meaning] = VERDICTS[head.verdict];
  return [
    h("div", { class: "fnb-ov-title" },
      h("h2", { class: "fnb-ov-name", title: head.name }, head.name),
      h("span", { class: "fnb-muted" }, `${head.group}/${head.number}`),
      recordedAt(head.recorded)),
    alert,
    head.error ? h("p", { class: "fnb-alert fnb-ov-error", role: "alert" }, h("b", {}, "Processing has failed: "), head.error) : null,
    h("p", { class: "fnb-ov-verdict" },
      h("span", { class: kind, title: meaning }, text),
      head.flag === "none" ? null : h("span", { class: "fnb-ov-flag", style: `color: var(--fnb-flag-${head.flag})`, title: `flag: ${head.flag}` },
        FLAG_SHAPES[head.flag], h("span", {}, ` ${head.flag}`)),
      head.reasons.length ? h("span", { class: "fnb-ov-reasons" }, head.reasons.join(" · ")) : null,
      head.stale.length ? h("span", { class: "fnb-badge fnb-ov-stale", title: "A value or a file changed since these steps have run" },
        `not up to date: ${head.stale.join(", ")}`) : null,
      head.comment ? h("span", { class: "fnb-muted fnb-ov-comment" }, `“${head.comment}”`) : null),
    overviewNumbers(head.numbers),
  ];
}
