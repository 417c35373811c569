// The page's head: title, freshness, alerts; keeps the kernel informed that somebody looks.

const BEAT = 15000;
const SILENCE = 40000;

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

/** Somebody looks: say so; notice when the kernel is gone, and load the page anew. */
function stayAlive(model, el) {
  const own = document.documentElement.dataset.focusnb; // our own page, which may reload itself
  let heard = Date.now();
  let lost = null;
  const listen = (message) => {
    if (message.now === undefined) return;
    heard = Date.now();
    globalThis.focusnbClock = Date.now() / 1000 - message.now;
  };
  const beat = () => { if (!document.hidden) model.send({ alive: true }); };
  const look = async () => {
    if (document.hidden || own === undefined || Date.now() - heard < SILENCE) return;
    try {
      const answer = await fetch(`${own}alive`, { cache: "no-store" });
      if (answer.ok) location.reload();
    } catch {
      if (lost === null) {
        lost = h("p", { class: "fnb-alert fnb-alert-lost fnb-alert", role: "alert" },
          "The page's server does not answer; what you see is old. This page comes back by itself.");
        el.parentElement?.append(lost);
      }
    }
  };
  const wake = () => {
    if (document.hidden) return;
    heard = Math.max(heard, Date.now() - SILENCE + 8000); // give a sleeping phone eight seconds
    beat();
  };
  model.on("msg:custom", listen);
  document.addEventListener("visibilitychange", wake);
  beat();
  const soon = [1500, 4000].map((ms) => setTimeout(beat, ms));
  const ids = [setInterval(beat, BEAT), setInterval(look, 4000), ...soon];
  return () => {
    ids.forEach(clearInterval);
    document.removeEventListener("visibilitychange", wake);
    model.off("msg:custom", listen);
  };
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
