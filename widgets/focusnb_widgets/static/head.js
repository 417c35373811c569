// The page's head: title, freshness, alerts; keeps the kernel informed that somebody looks.

function freshness(state) {
  const quiet = now() - state.updated;
  if (quiet < 150) return ["live", "Live"];
  return ["quiet", "No news"];
}

function draw(model, el) {
  const state = model.get("state");
  const feeds = model.get("feeds");
  const parts = [];
  if (feeds.length > 1) {
    parts.push(h("nav", { class: "fnb-feeds", "aria-label": "Sessions" },
      feeds.map((name, i) => h("button", {
        type: "button", class: "fnb-choice", "aria-pressed": String(i === model.get("chosen")),
        onclick: () => { model.set("chosen", i); model.save_changes(); },
      }, name))));
  }
  if (state.problem) {
    parts.push(h("header", { class: "fnb-title" }, h("h1", {}, state.title || "Monitoring")),
      h("p", { class: "fnb-alert fnb-warning", role: "status" }, state.problem));
    el.replaceChildren(...parts);
    return;
  }
  const [kind, word] = freshness(state);
  document.title = `${state.title} · monitoring`;
  parts.push(h("header", { class: "fnb-title" },
    h("div", {},
      h("h1", {}, state.title),
      h("p", { class: "fnb-muted" }, state.facts.map((f) => h("span", { title: f.help }, f.text)))),
    h("div", { class: "fnb-fresh" },
      h("p", { class: `fnb-live fnb-${kind}` }, h("i", { "aria-hidden": "true" }), word),
      h("p", { class: "fnb-muted" }, ago(state.updated, "updated ")))));
  if (kind === "quiet") {
    parts.push(h("p", { class: "fnb-alert fnb-warning", role: "status" },
      ago(state.updated, "Nothing was published for ", ": "),
      "is focusnb still running on the computer of the microscope? ",
      "The numbers below are as old as that."));
  }
  for (const alert of state.alerts) {
    parts.push(h("p", { class: `fnb-alert fnb-${alert.level}`, role: "alert" }, alert.text));
  }
  el.replaceChildren(...parts);
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-head");
  const content = el.appendChild(h("div", {}));
  const ends = [
    follow(model, ["state", "feeds", "chosen"], () => draw(model, content)),
    countOn(content),
    stayAlive(model, content),
  ];
  const id = setInterval(() => draw(model, content), 30000);
  return () => { ends.forEach((end) => end()); clearInterval(id); };
}

export default { render };
