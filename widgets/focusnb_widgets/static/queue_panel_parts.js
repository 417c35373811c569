// The queue panel's head: who works, start, pause and stop; the bar of all batches; the processors.

class QueueHead {
  constructor(panel) {
    this.panel = panel;
    this.state = null;
    this.title = h("p", { class: "fnb-work-title", role: "status" });
    this.news = h("p", { class: "fnb-muted fnb-work-news" });
    this.buttons = h("div", { class: "fnb-work-buttons" });
    this.bar = h("div", { class: "fnb-bar", role: "img" });
    this.legend = h("div", { class: "fnb-work-legend", role: "group", "aria-label": "Show only some states" });
    this.slots = h("ul", { class: "fnb-work-slots", "aria-label": "Processors" });
    this.cards = new Map();
    this.element = h("section", { class: "fnb-work-card", "aria-label": "The queue" },
      h("div", { class: "fnb-work-headline" }, h("div", {}, this.title, this.news), this.buttons),
      this.bar, this.legend, this.slots);
    this.start = push("Start", () => panel.wire.ask("start"), { class: "fnb-primary" });
    this.pause = push("Pause", () => panel.wire.ask(this.state.paused ? "resume" : "pause"));
    this.stop = push("Stop…", () => this.askStop());
    this.buttons.append(this.start, this.pause, this.stop);
    this.filters = new Map(STATE_ORDER.map((state) => [state, h("button", {
      type: "button", class: "fnb-work-filter", "aria-pressed": "false", onclick: () => panel.list.filter(state) },
    h("i", { class: `fnb-${state}`, "aria-hidden": "true" }, STATE_SIGNS[state]), h("b", {}), h("span", {}, state))]));
    this.legend.append(...this.filters.values());
  }

  show(state) {
    this.state = state;
    const { dispatcher, session, paused, counts, starting } = state;
    const open = counts.waiting + counts.running;
    const ends = dispatcher?.asked || session?.asked;
    const sign = paused ? "‖" : dispatcher ? "●" : "○";
    const words = paused ? "Paused: no more batches begin. "
      : starting ? "Starting … "
      : ends === "finish" ? "Stopping when what runs has ended. "
      : ends ? "Stopping. "
      : dispatcher ? (open ? "Working. " : "Ready; nothing waits. ")
      : session ? "The live session starts a dispatcher. "
      : open ? "Nobody works on the queue. " : "Nobody works on the queue; nothing waits. ";
    this.title.replaceChildren(
      h("i", { class: `fnb-work-sign ${paused ? "fnb-is-paused" : dispatcher ? "fnb-is-on" : "fnb-is-off"}`, "aria-hidden": "true" }, sign),
      h("b", {}, words),
      h("span", { class: "fnb-muted" }, dispatcher ? whoText(dispatcher) : "",
        session ? [dispatcher ? "; " : "", "live session ", whoText(session)] : ""));
    setText(this.news, state.news || "");
    this.news.hidden = !state.news;
    this.start.disabled = starting || Boolean(dispatcher) || Boolean(session) || !state.can_write;
    this.start.hidden = Boolean(dispatcher || session || paused);
    this.start.title = "Start a dispatcher: a process that works on what waits, and leaves when nothing does";
    setText(this.pause, paused ? "Resume" : "Pause");
    this.pause.classList.toggle("fnb-primary", paused);
    this.pause.title = paused ? "Begin batches again; if nobody works on the queue, a dispatcher is started" : "Begin no more batches; what runs goes on";
    this.pause.disabled = !state.can_write;
    this.stop.disabled = !dispatcher && !session;
    this.stop.hidden = !dispatcher && !session;
    this.showBar(counts);
    this.showSlots(state);
  }

  showBar(counts) {
    const total = STATE_ORDER.reduce((sum, state) => sum + counts[state], 0);
    const order = ["done", "running", "waiting", "failed", "cancelled", "skipped"].filter((s) => counts[s] > 0);
    this.bar.setAttribute("aria-label", `Batches: ${order.map((s) => `${counts[s]} ${s}`).join(", ") || "none"}`);
    this.bar.replaceChildren(...order.map((s) => h("span", { class: `fnb-fill fnb-${s}`, style: `flex-grow:${counts[s] / total}` })));
    for (const [state, button] of this.filters) {
      setText(button.querySelector("b"), number(counts[state], 0));
      button.setAttribute("aria-pressed", String(this.panel.list?.states.length === 1 && this.panel.list.states[0] === state));
      button.hidden = !counts[state] && ["cancelled", "skipped"].includes(state);
    }
  }

  showSlots({ runs, slots, dispatcher }) {
    const shown = runs.map((one) => {
      if (!this.cards.has(one.id)) this.cards.set(one.id, this.card(one));
      const card = this.cards.get(one.id);
      const percent = Math.round(100 * one.progress);
      card.bar.value = percent;
      card.bar.setAttribute("aria-label", `Progress of ${one.name}: ${percent} %`);
      setText(card.where, one.processor === null ? "import" : processorText(one.processor));
      setText(card.what, one.cancelling ? "being cancelled …" : one.text || one.steps.join(" "));
      setText(card.percent, `${percent} %`);
      return card.element;
    });
    const ids = new Set(runs.map((one) => one.id));
    for (const id of this.cards.keys()) if (!ids.has(id)) this.cards.delete(id);
    const busy = runs.filter((one) => one.processor !== null).length;
    if (!this.idle) this.idle = h("li", { class: "fnb-work-idle fnb-muted" });
    const idle = dispatcher && slots ? slots - busy : 0;
    setText(this.idle, idle > 0 ? `${plural(idle, "processor")} of ${slots} ${idle === 1 ? "is" : "are"} idle` : "");
    inOrder(this.slots, idle > 0 ? [...shown, this.idle] : shown);
    this.slots.hidden = !shown.length && idle <= 0;
  }

  card(one) {
    const bar = h("progress", { max: 100, value: 0 });
    const where = h("span", { class: "fnb-muted" });
    const what = h("span", { class: "fnb-work-step" });
    const percent = h("span", { class: "fnb-muted" });
    const element = h("li", { "data-batch": one.id },
      h("div", {}, h("b", { title: `${one.image} ${one.name}` }, one.name), where), bar,
      h("div", {}, what, h("span", { class: "fnb-muted fnb-work-time" }, percent, " · ", ago(one.started, "", ""))));
    return { element, bar, where, what, percent };
  }

  askStop() {
    const { session } = this.state;
    const say = (now) => this.panel.wire.ask("stop", { now, session: Boolean(session) });
    const text = session
      ? "The live session keeps the queue going; it ends too: nothing is imported until it is started again. To keep importing and only begin no more batches, pause the queue instead."
      : "What waits goes on waiting. Somebody has to start again before it is worked on.";
    workDialog(this.panel.root, session ? "Stop the live session and its dispatcher" : "Stop the dispatcher", h("p", {}, text), [
      ["Finish what runs, then stop", () => say(false), "fnb-primary"],
      ["Stop now; what runs goes back to the queue", () => say(true), "fnb-danger"],
    ]);
  }
}

const QUEUE_KEYS = [
  ["↑ ↓", "go through the batches; with Shift choose several"],
  ["Home End", "first and last batch"], ["Ctrl A", "choose all that are shown"], ["Esc", "choose none"],
  ["Ctrl click, Space", "choose one more, or one less"], ["Shift click", "choose all up to there"],
  ["T", "put the chosen first"], ["Alt ↑ Alt ↓", "move the chosen up or down; or drag them"],
  ["Delete", "cancel the chosen, running ones too"], ["R", "queue the chosen again"],
  ["Enter, double click", "open the image's page"], ["L", "the logs of its steps"],
  ["P", "pause or resume the queue"], ["/", "find by name"], ["?", "this list"],
];

function queueHelp(root) {
  workDialog(root, "Keys", h("dl", { class: "fnb-work-keys" }, QUEUE_KEYS.map(([keys, what]) =>
    h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what)))));
}
