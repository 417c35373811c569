// The log of the queue: a table that is sorted by any column and filtered; the logs of a step.

const LOG_STEP = 300; // lines that are asked for, and how many more each time
const LOG_HEADS = [["time", "Time"], ["event", "Event"], ["batch", "Batch"], ["name", "Image"], ["processor", "Processor"], ["message", "Message"]];

class QueueLog {
  constructor(panel) {
    this.panel = panel;
    Object.assign(this, { sort: "time", descending: true, limit: LOG_STEP, open: true, lines: new Map() });
    this.find = h("input", { type: "search", placeholder: "Find in the log", "aria-label": "Show only lines in which this stands",
      oninput: () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.ask(true), 180); } });
    this.errors = h("input", { type: "checkbox", onchange: () => this.ask(true) });
    this.processor = h("select", { "aria-label": "Processor", onchange: () => this.ask(true) }, h("option", { value: "" }, "all processors"));
    this.heads = LOG_HEADS.map(([word, label]) => h("th", { scope: "col", "data-word": word },
      h("button", { type: "button", onclick: () => this.by(word) }, label, h("i", { "aria-hidden": "true" }))));
    this.body = h("tbody", {});
    this.older = push("Older lines", () => { this.limit += LOG_STEP; this.ask(); }, { hidden: true });
    this.empty = h("p", { class: "fnb-empty", hidden: true }, "No line is like that.");
    this.box = h("div", { class: "fnb-work-log", tabindex: 0, role: "region", "aria-label": "Lines of the log" },
      h("table", {}, h("thead", {}, h("tr", {}, this.heads)), this.body), this.empty, this.older);
    this.toggle = h("button", { type: "button", class: "fnb-choice", "aria-expanded": "true", onclick: () => this.fold() }, "Hide");
    this.tools = h("span", { class: "fnb-work-inline" }, this.find,
      h("label", { class: "fnb-work-check" }, this.errors, "errors only"), this.processor);
    this.element = h("section", { class: "fnb-work-card", "aria-label": "Log" },
      h("div", { class: "fnb-bar-tools" }, h("h2", {}, "Log"), this.tools, h("span", { class: "fnb-work-gap" }), this.toggle), this.box);
    this.mark();
  }

  fold() {
    this.open = !this.open;
    this.box.hidden = this.tools.hidden = !this.open;
    setText(this.toggle, this.open ? "Hide" : "Show");
    this.toggle.setAttribute("aria-expanded", String(this.open));
    this.ask();
  }

  by(word) {
    this.descending = this.sort === word ? !this.descending : word === "time";
    this.sort = word;
    this.mark();
    this.ask(true);
  }

  mark() {
    for (const head of this.heads) {
      const on = head.dataset.word === this.sort;
      head.setAttribute("aria-sort", on ? (this.descending ? "descending" : "ascending") : "none");
      setText(head.querySelector("i"), on ? (this.descending ? " ▼" : " ▲") : "");
    }
  }

  ask(asked = false) {
    const { sort, descending, limit, open } = this;
    this.panel.wire.ask("log", { open, sort, descending, limit, asked, text: this.find.value.trim(), errors: this.errors.checked,
      processor: this.processor.value });
  }

  setProcessors(count) {
    while (this.processor.options.length <= count) this.processor.append(h("option", { value: this.processor.options.length - 1 }, processorText(this.processor.options.length - 1)));
  }

  receive({ order, rows, limit }) {
    for (const line of rows) {
      if (line.processor !== null) this.setProcessors(line.processor + 1);
      this.lines.set(line.id, this.row(line));
    }
    const there = new Set(order);
    for (const id of this.lines.keys()) if (!there.has(id)) this.lines.delete(id);
    inOrder(this.body, order.map((id) => this.lines.get(id)));
    this.empty.hidden = order.length > 0;
    this.older.hidden = order.length < limit;
  }

  row(line) {
    // a file that came in but cannot be opened is told as "NAME: reason"
    const broken = line.event === "imported" && line.message !== line.name;
    const bad = TROUBLE_EVENTS.has(line.event) || broken;
    const level = bad ? (line.event === "warning" || line.event === "lost" ? "fnb-is-warning" : "fnb-is-error") : "";
    const message = line.batch && line.event === "failed"
      ? h("button", { type: "button", class: "fnb-work-link", title: "Show the log of the step", onclick: () => this.panel.wire.ask("steplog", { batch: line.batch }) }, line.message || "failed")
      : line.event === "imported" && !broken ? "" : line.message;
    return h("tr", { class: level, "data-line": line.id },
      h("td", {}, h("time", { datetime: new Date(line.time * 1000).toISOString() }, localTime(line.time))),
      h("td", {}, h("i", { class: "fnb-work-mark", "aria-hidden": "true" }, level === "fnb-is-error" ? "✕" : level ? "!" : line.event === "done" ? "✓" : ""), line.event),
      h("td", {}, line.batch ?? ""), h("td", {}, line.name ?? ""), h("td", {}, line.processor === null ? "" : line.processor + 1), h("td", {}, message));
  }
}

/** Show the logs of a batch's steps, the one that failed first. */
function showStepLog(root, told) {
  const text = h("pre", { class: "fnb-work-text", tabindex: 0 });
  const choose = (step) => {
    for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.step === step));
    text.textContent = told.logs.find((one) => one.step === step)?.text ?? "";
    text.scrollTop = step === told.failed ? text.scrollHeight : 0;
  };
  const tabs = h("div", { class: "fnb-group", role: "tablist", "aria-label": "Steps" }, told.logs.map((one) =>
    h("button", { type: "button", role: "tab", class: "fnb-choice", "data-step": one.step, onclick: () => choose(one.step) },
      one.step === told.failed ? `✕ ${one.step}` : one.step)));
  const none = told.state === "waiting" ? "It has not begun yet." : "There is no log of its steps in the image's folder.";
  const box = workDialog(root, `Batch ${told.batch}: ${told.name}`, h("div", { class: "fnb-work-steplog" },
    h("p", { class: "fnb-muted" }, `${told.image} · ${told.state}`),
    told.message ? h("p", { class: told.state === "failed" ? "fnb-problem" : "" }, told.message) : null,
    told.logs.length ? [tabs, text] : h("p", { class: "fnb-empty" }, none)));
  box.classList.add("fnb-work-wide");
  if (told.logs.length) choose(told.failed && told.logs.some((one) => one.step === told.failed) ? told.failed : told.logs.at(-1).step);
}
