// The list of batches: only the rows that can be seen are there; choosing, moving, keys.

const QUEUE_MARGIN = 15; // rows above and below what can be seen

class QueueList {
  constructor(panel) {
    this.panel = panel;
    Object.assign(this, { total: 0, first: 0, order: [], rows: new Map(), nodes: new Map(), states: [...STATE_ORDER], text: "" });
    this.cursor = null; // the batch that keys act from
    this.at = 0; // its place in the list
    this.anchor = null; // where a range begins
    this.pending = null;
    this.asked = { first: 0, count: 0 };
    this.spacer = h("div", { class: "fnb-work-spacer" });
    this.drop = h("div", { class: "fnb-work-drop", hidden: true });
    this.empty = h("p", { class: "fnb-empty" });
    this.box = h("div", { class: "fnb-work-list", role: "listbox", tabindex: 0, "aria-multiselectable": "true",
      "aria-label": "Batches: running, waiting in their order, then ended" }, this.spacer, this.empty);
    this.spacer.append(this.drop);
    this.find = h("input", { type: "search", placeholder: "Find by name", "aria-label": "Find batches by the image's name",
      oninput: () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.refind(), 180); } });
    this.count = h("span", { class: "fnb-muted", role: "status" });
    this.tools = this.makeTools();
    const heads = h("div", { class: "fnb-work-row fnb-work-heads", "aria-hidden": "true" },
      ["State", "Batch", "Image", "Steps", "Time", "Message"].map((t) => h("span", {}, t)));
    this.element = h("section", { class: "fnb-work-card fnb-work-batches", "aria-label": "Batches" }, this.tools, heads, this.box);
    this.listen();
  }

  makeTools() {
    const ask = (name, more) => () => this.panel.act(name, more);
    this.buttons = {
      top: push("To the top", ask("top"), { title: "Put the chosen first (T)" }),
      up: push("▲", ask("move", { by: -1 }), { title: "Move the chosen up (Alt ↑)", "aria-label": "Move up" }),
      down: push("▼", ask("move", { by: 1 }), { title: "Move the chosen down (Alt ↓)", "aria-label": "Move down" }),
      cancel: push("Cancel", ask("cancel"), { title: "Cancel the chosen, running ones too (Delete)", class: "fnb-danger" }),
      retry: push("Retry", ask("retry"), { title: "Queue the chosen again (R)" }),
      open: push("Open image", () => this.open(), { title: "Open the page of the image (Enter)" }),
      log: push("Log", () => this.log(), { title: "The logs of its steps (L)" }),
    };
    const b = this.buttons;
    return h("div", { class: "fnb-bar-tools" }, h("h2", {}, "Batches"), this.find,
      push("Choose all", () => this.all(), { title: "Choose all that are shown (Ctrl A)" }),
      h("span", { class: "fnb-work-gap" }), b.top, b.up, b.down, b.cancel, b.retry, b.open, b.log, this.count);
  }

  get height() { return this.box.clientWidth < 620 ? 58 : 34; }
  get chosen() { return this.panel.model.get("chosen"); }
  indexOf(id) { const i = this.order.indexOf(id); return i < 0 ? -1 : this.first + i; }
  idAt(index) { return this.order[index - this.first]; }

  // -- what the kernel sends -------------------------------------------------------------------

  receive({ total, first, order, rows, key }) {
    if (key === this.key) this.stale = false;
    for (const row of rows) this.rows.set(row.id, row);
    const there = new Set(order);
    for (const id of this.rows.keys()) if (!there.has(id)) this.rows.delete(id);
    Object.assign(this, { total, first, order });
    this.draw();
    if (this.pending && !this.stale && this.idAt(this.pending.index) !== undefined) this.go(this.pending.index, this.pending.extend);
  }

  /** Ask for the rows that can be seen, and some around them. */
  want() {
    const seen = Math.ceil(this.box.clientHeight / this.height) + 1;
    const top = Math.floor(this.box.scrollTop / this.height);
    const inside = top >= this.first && Math.min(this.total, top + seen) <= this.first + this.order.length;
    if (inside && this.asked.count) return;
    const first = Math.max(0, top - QUEUE_MARGIN);
    const count = seen + 2 * QUEUE_MARGIN;
    if (this.asked.first === first && this.asked.count === count && this.asked.key === this.key) return;
    this.asked = { first, count, key: this.key };
    this.panel.wire.ask("view", { first, count, states: this.states, text: this.text, key: this.key });
  }

  get key() { return `${this.states}|${this.text}`; }
  refind() { this.text = this.find.value.trim(); this.reset(); }
  filter(state) { this.states = this.states.length === 1 && this.states[0] === state ? [...STATE_ORDER] : [state]; this.reset(); }

  reset() {
    this.box.scrollTop = 0;
    this.stale = true; // what is shown is not yet what was asked for
    this.cursor = this.anchor = null;
    this.asked = { first: 0, count: 0 };
    this.want();
    if (this.panel.head.state) this.panel.head.showBar(this.panel.head.state.counts);
  }

  // -- drawing ---------------------------------------------------------------------------------

  draw() {
    const height = this.height;
    this.spacer.style.height = `${this.total * height}px`;
    this.empty.hidden = this.total > 0;
    const filtered = this.text || this.states.length < STATE_ORDER.length;
    setText(this.empty, filtered ? "No batch is like that." : "The queue is empty. Choose images in the library and process them, or import some.");
    const chosen = new Set(this.chosen);
    const shown = this.order.map((id, i) => {
      const row = this.rows.get(id);
      let node = this.nodes.get(id);
      if (!node) this.nodes.set(id, (node = this.makeRow(id)));
      if (node.row !== row) this.fill(node, row);
      node.style.transform = `translateY(${(this.first + i) * height}px)`;
      node.setAttribute("aria-selected", String(chosen.has(id)));
      node.setAttribute("aria-posinset", this.first + i + 1);
      node.setAttribute("aria-setsize", this.total);
      node.classList.toggle("fnb-is-cursor", id === this.cursor);
      return node;
    });
    for (const id of this.nodes.keys()) if (!this.rows.has(id)) this.nodes.delete(id);
    inOrder(this.spacer, [...shown, this.drop]);
    const at = this.indexOf(this.cursor);
    if (at >= 0) this.at = at;
    if (at >= 0) this.box.setAttribute("aria-activedescendant", this.nodes.get(this.cursor).id);
    else this.box.removeAttribute("aria-activedescendant");
    this.tell(chosen);
  }

  makeRow(id) {
    const node = h("div", { class: "fnb-work-row", role: "option", id: `${this.panel.id}-${id}`, "data-batch": id });
    node.cells = ["state", "batch", "image", "steps", "time", "message"].map((name) => h("span", { class: `fnb-work-${name}` }));
    node.append(...node.cells);
    return node;
  }

  fill(node, row) {
    node.row = row;
    const [state, batch, image, steps, time, message] = node.cells;
    node.dataset.state = row.state;
    const word = row.cancelling ? "cancelling" : row.state;
    state.replaceChildren(h("i", { class: "fnb-work-grip", "aria-hidden": "true", title: "Drag to move" }, row.state === "waiting" ? "⠿" : ""),
      h("i", { class: `fnb-work-mark fnb-is-${row.state}`, "aria-hidden": "true" }, STATE_SIGNS[row.state]), word);
    setText(batch, String(row.id));
    image.replaceChildren(h("b", {}, row.name), h("small", {}, row.image));
    image.title = `${row.image} ${row.name}`;
    setText(steps, row.steps.join(" ") + (row.trial ? ` (trial ${row.trial})` : "") + (row.force ? " (again)" : ""));
    steps.title = steps.textContent;
    if (row.state === "running") time.replaceChildren(`${Math.round(100 * row.progress)} % · `, ago(row.started, "", ""));
    else if (row.state === "waiting") time.replaceChildren(ago(row.submitted, "for ", ""));
    else setText(time, `${localTime(row.ended)}${row.started ? ` · ${lasting(row.ended - row.started)}` : ""}`);
    message.replaceChildren(...(row.state === "failed"
      ? [h("button", { type: "button", class: "fnb-work-link", tabindex: "-1", title: "Show the log", onclick: () => this.panel.wire.ask("steplog", { batch: row.id }) }, row.message || "failed"),
      ] : [row.state === "running" ? row.text : row.message]));
    message.title = row.message || row.text || "";
  }

  tell(chosen = new Set(this.chosen)) {
    const rows = [...chosen].map((id) => this.rows.get(id)).filter(Boolean);
    const some = (...states) => chosen.size > rows.length || rows.some((row) => states.includes(row.state));
    const can = this.panel.head.state?.can_write !== false && chosen.size > 0;
    for (const name of ["top", "up", "down"]) this.buttons[name].disabled = !can || !some("waiting");
    this.buttons.cancel.disabled = !can || !some("waiting", "running");
    this.buttons.retry.disabled = !can || !some("failed", "cancelled", "skipped");
    this.buttons.open.disabled = this.buttons.log.disabled = !this.rows.get(this.cursor ?? -1) && rows.length === 0;
    setText(this.count, chosen.size ? `${number(chosen.size, 0)} of ${number(this.total, 0)} chosen` : plural(this.total, "batch"));
  }

  // -- choosing --------------------------------------------------------------------------------

  choose(ids) {
    this.panel.model.set("chosen", ids);
    this.panel.model.save_changes();
    this.draw();
  }

  all() { this.panel.wire.ask("choose", { all: true }); }

  click(id, { shift = false, ctrl = false } = {}) {
    this.cursor = id;
    if (shift && this.anchor !== null) { this.range(id, ctrl); return; }
    this.anchor = id;
    if (ctrl) this.choose(this.chosen.includes(id) ? this.chosen.filter((b) => b !== id) : [...this.chosen, id]);
    else this.choose([id]);
  }

  range(id, add = false) {
    const [a, b] = [this.indexOf(this.anchor), this.indexOf(id)];
    if (a < 0 || b < 0) { this.panel.wire.ask("choose", { from: this.anchor, to: id, add }); this.draw(); return; }
    const ids = this.order.slice(Math.min(a, b) - this.first, Math.max(a, b) - this.first + 1);
    this.choose(add ? [...this.chosen.filter((one) => !ids.includes(one)), ...ids] : ids);
  }

  /** Go to a place in the list; rows that are not there yet are asked for first. */
  go(index, extend) {
    index = Math.min(this.total - 1, Math.max(0, index));
    if (index < 0) return;
    const top = index * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + this.height - this.box.clientHeight;
    const id = this.stale ? undefined : this.idAt(index);
    this.pending = id === undefined ? { index, extend } : null;
    if (id === undefined) { this.want(); return; }
    this.at = index;
    this.click(id, { shift: extend });
  }

  row() { return this.rows.get(this.chosen.includes(this.cursor) ? this.cursor : this.chosen[0]) ?? this.rows.get(this.cursor); }
  open() { const row = this.row(); if (row) this.panel.wire.ask("open", { image: row.number }); }
  log() { const row = this.row(); if (row) this.panel.wire.ask("steplog", { batch: row.id }); }

  // -- mouse, touch, keys ----------------------------------------------------------------------

  listen() {
    this.box.addEventListener("scroll", () => this.want(), { passive: true });
    const resized = new ResizeObserver(() => { if (this.box.clientHeight) { this.draw(); this.want(); } });
    resized.observe(this.box);
    this.end = () => resized.disconnect();
    this.box.addEventListener("pointerdown", (event) => this.press(event));
    this.box.addEventListener("click", (event) => {
      const node = event.target.closest("[data-batch]");
      if (this.taps && node && !event.target.closest("button")) this.click(Number(node.dataset.batch), { ctrl: true });
    });
    this.box.addEventListener("dblclick", (event) => { if (event.target.closest("[data-batch]")) this.open(); });
    this.box.addEventListener("keydown", (event) => this.key_(event));
  }

  press(event) {
    const node = event.target.closest("[data-batch]");
    if (!node || event.button !== 0 || event.target.closest("button")) return;
    const id = Number(node.dataset.batch);
    const how = { shift: event.shiftKey, ctrl: event.ctrlKey || event.metaKey };
    const was = this.chosen.includes(id);
    if (event.shiftKey) event.preventDefault(); // no text is marked
    this.box.focus({ preventScroll: true });
    const mayDrag = this.rows.get(id)?.state === "waiting" && !how.shift && !how.ctrl
      && (event.pointerType === "mouse" || event.target.closest(".fnb-work-grip"));
    this.taps = event.pointerType !== "mouse" && !mayDrag; // a finger has no Ctrl key: each tap adds or removes
    if (mayDrag) new QueueDrag(this, event, id, was);
    else if (event.pointerType === "mouse") this.click(id, how);
    if (mayDrag && !was) this.click(id);
  }

  key_(event) {
    const { key } = event;
    const command = event.ctrlKey || event.metaKey;
    const moves = { ArrowUp: this.at - 1, ArrowDown: this.at + (this.cursor === null ? 0 : 1), Home: 0, End: this.total - 1,
      PageUp: this.at - Math.floor(this.box.clientHeight / this.height), PageDown: this.at + Math.floor(this.box.clientHeight / this.height) };
    const acts = { t: () => this.panel.act("top"), r: () => this.panel.act("retry"), delete: () => this.panel.act("cancel"),
      backspace: () => this.panel.act("cancel"), enter: () => this.open(), o: () => this.open(), l: () => this.log(),
      escape: () => this.choose([]), " ": () => this.cursor !== null && this.click(this.cursor, { ctrl: true }),
      p: () => this.panel.head.pause.click(), "/": () => this.find.focus(), "?": () => queueHelp(this.panel.root) };
    const low = key.toLowerCase();
    if (event.altKey && (key === "ArrowUp" || key === "ArrowDown")) this.panel.act("move", { by: key === "ArrowUp" ? -1 : 1 });
    else if (command && low === "a") this.all();
    else if (command || event.altKey) return;
    else if (key in moves) this.go(moves[key], event.shiftKey);
    else if (low in acts) acts[low]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Dragging the chosen batches that wait to another place. */
class QueueDrag {
  constructor(list, event, id, was) {
    Object.assign(this, { list, id, was, y: event.clientY, active: false, place: null });
    const end = new AbortController();
    this.end = end;
    const on = (name, act) => window.addEventListener(name, act, { signal: end.signal });
    on("pointermove", (e) => this.move(e));
    on("pointerup", () => this.finish(true));
    on("pointercancel", () => this.finish(false));
    on("keydown", (e) => { if (e.key === "Escape") { e.stopPropagation(); this.finish(false); } });
  }

  move(event) {
    if (!this.active && Math.abs(event.clientY - this.y) < 6) return;
    this.active = true;
    event.preventDefault();
    const { list } = this;
    const box = list.box.getBoundingClientRect();
    const edge = 24;
    if (event.clientY < box.top + edge) list.box.scrollTop -= 12;
    if (event.clientY > box.bottom - edge) list.box.scrollTop += 12;
    const place = Math.round((event.clientY - box.top + list.box.scrollTop) / list.height);
    const waiting = list.order.map((id, i) => [list.rows.get(id), list.first + i]).filter(([row]) => row.state === "waiting").map(([, i]) => i);
    if (!waiting.length) return;
    this.place = Math.min(waiting.at(-1) + 1, Math.max(waiting[0], place));
    list.drop.hidden = false;
    list.drop.style.transform = `translateY(${this.place * list.height}px)`;
    list.box.classList.add("fnb-is-dragging");
  }

  finish(drop) {
    const { list } = this;
    this.end.abort();
    list.drop.hidden = true;
    list.box.classList.remove("fnb-is-dragging");
    if (!this.active) { if (this.was) list.click(this.id); return; }
    if (!drop || this.place === null) return;
    const free = (id) => list.rows.get(id).state === "waiting" && !list.chosen.includes(id);
    const split = this.place - list.first;
    const after = list.order.slice(0, split).reverse().find(free);
    const before = list.order.slice(split).find(free);
    if (after !== undefined) list.panel.act("move", { after });
    else list.panel.act("move", { before: before ?? null });
  }
}
