// Activity of the last hours: four tiles, the last hour large, longer times small.

const TILES = [
  ["imported", "Imported", "images that came in"],
  ["processed", "Processed", "images that went through all steps"],
  ["good", "Good", "processed images that are worth keeping"],
  ["errors", "Errors", "batches that failed and files that were refused"],
];

function tile(state, [kind, title, help]) {
  const hours = state.activity;
  const first = hours["1"][kind];
  const percent = (span) => hours[span].processed
    ? `${Math.round(100 * hours[span].good / hours[span].processed)} %` : "–";
  const latest = state.latest[kind];
  return h("section", { class: `fnb-tile fnb-tile-${kind}${kind === "errors" && first ? " fnb-has" : ""}`,
    title: help, "aria-label": `${title}: ${first} in the last hour` },
    h("h3", {}, title),
    h("p", { class: "fnb-big" }, number(first, 0),
      kind === "good" && hours["1"].processed ? h("small", {}, percent("1")) : null),
    h("p", { class: "fnb-muted" }, latest ? ago(latest, "last: ") : kind === "errors" ? "none" : "none yet"),
    h("dl", {}, Object.keys(hours).filter((s) => s !== "1").map((s) => h("div", {},
      h("dt", {}, `${s} h`), h("dd", {}, number(hours[s][kind], 0))))));
}

function draw(model, el) {
  const state = model.get("state");
  if (!state.activity) return el.replaceChildren();
  return el.replaceChildren(
    h("h2", {}, "Last hour"),
    h("div", { class: "fnb-tiles" }, TILES.map((one) => tile(state, one))),
    h("p", { class: "fnb-muted fnb-foot" },
      `In all ${number(state.counts.images, 0)} images, ${number(state.counts.measured, 0)} processed, `
      + `${number(state.counts.good, 0)} good`,
      state.counts.particles ? `, ${number(state.counts.particles, 0)} particles` : "",
      state.counts.trash ? `; ${number(state.counts.trash, 0)} in the TRASH` : "", "."));
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-card", "fnb-activity");
  const content = el.appendChild(h("div", {}));
  const ends = [follow(model, ["state"], () => draw(model, content)), countOn(content)];
  return () => ends.forEach((end) => end());
}

export default { render };
