// The queue panel: its head, the list of batches, the log.

class QueuePanelView {
  constructor(model, root) {
    Object.assign(this, { model, root, id: `fnbq${Math.random().toString(36).slice(2)}` });
    root.panel = this; // `part` is the browser's own
    this.wire = pageWire(model, root, {
      head: ({ head }) => { this.head.show(head); if (head.slots) this.log.setProcessors(head.slots); this.list.tell(); },
      rows: ({ rows }) => this.list.receive(rows),
      log: ({ log }) => this.log.receive(log),
      steplog: ({ steplog }) => showStepLog(root, steplog),
    });
    this.list = new QueueList(this);
    this.head = new QueueHead(this);
    this.log = new QueueLog(this);
    const code = codeLine(model);
    this.list.tools.append(code.toggle, h("button", { type: "button", class: "fnb-choice", title: "Keys (?)", "aria-label": "Keys", onclick: () => queueHelp(root) }, "?"));
    root.append(this.head.element, this.wire.line, code.row, this.list.element, this.log.element);
    const stop = [code.end, countOn(root), tellSeen(this.wire, root), follow(model, ["chosen"], () => this.list.draw()), this.list.end];
    this.end = () => { stop.forEach((end) => end()); this.wire.end(); };
    this.wire.ready();
    this.list.want();
    this.log.ask();
  }

  /** Do something with the chosen batches. */
  act(name, more = {}) {
    this.wire.tell("");
    this.wire.ask(name, { batches: this.model.get("chosen"), ...more });
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-work", "fnb-queue-panel");
  const view = new QueuePanelView(model, el);
  return () => view.end();
}

export default { render };
