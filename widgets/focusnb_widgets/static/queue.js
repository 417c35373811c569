// The queue: a bar of all batches by state, and those that run with their progress.

const STATES = ["done", "running", "waiting", "failed", "cancelled", "skipped"];

function bar(queue) {
  const total = STATES.reduce((sum, state) => sum + queue[state], 0);
  const shown = STATES.filter((state) => queue[state] > 0);
  const words = shown.map((s) => `${queue[s]} ${s}`).join(", ") || "no batches";
  return [
    h("div", { class: "fnb-bar", role: "img", "aria-label": `Batches: ${words}` },
      shown.map((s) => h("span", { class: `fnb-fill fnb-${s}`, style: `flex-grow:${queue[s] / total}` }))),
    h("ul", { class: "fnb-legend" }, STATES.slice(0, 4).concat(STATES.slice(4).filter((s) => queue[s]))
      .map((s) => h("li", {}, h("i", { class: `fnb-${s}`, "aria-hidden": "true" }),
        h("b", {}, number(queue[s], 0)), s))),
  ];
}

function batch(one) {
  const percent = one.fraction === null ? null : Math.round(100 * one.fraction);
  return h("li", {},
    h("div", {}, h("b", { title: one.image }, one.name),
      h("span", { class: "fnb-muted" }, one.step || one.steps)),
    h("progress", { max: 100, value: percent, "aria-label": `Progress of ${one.name}` },
      percent === null ? "" : `${percent} %`));
}

function draw(model, el) {
  const queue = model.get("state");
  if (queue.waiting === undefined) return el.replaceChildren();
  const open = queue.waiting + queue.running;
  const note = queue.paused ? "paused"
    : open === 0 ? "nothing to do"
    : queue.seconds_left === null ? "working" : `about ${span(queue.seconds_left)} of work left`;
  return el.replaceChildren(
    h("h2", {}, "Queue", h("small", { class: queue.paused ? "fnb-attention" : "" }, note)),
    ...bar(queue),
    h("ul", { class: "fnb-running", "aria-label": "Running now" }, queue.now.slice(0, 4).map(batch)),
    queue.now.length > 4 ? h("p", { class: "fnb-muted" }, `and ${queue.now.length - 4} more`) : "");
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-card", "fnb-queue");
  const content = el.appendChild(h("div", {}));
  return follow(model, ["state"], () => draw(model, content));
}

export default { render };
