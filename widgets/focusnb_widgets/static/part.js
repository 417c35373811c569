// A part of the workbench and its kernel: questions, answers, what went wrong, and who still lives.

const BEAT_MS = 15000;
const ANSWER_MS = 12000; // a question that nobody has answered for so long: the kernel is busy, or gone

/**
 * The page's end of a Part. handlers: what to do with each kind of message, by the name of its first
 * key: { rows(message, buffers) {…} }. `ask` sends {do: name, …}. Sentences are shown in `line`.
 */
class Wire {
  constructor(model, root, handlers = {}) {
    Object.assign(this, { model, root, handlers });
    this.ends = [];
    this.line = h("p", { class: "fnb-told", role: "status", "aria-live": "polite", hidden: true });
    this.lost = h("p", { class: "fnb-alert fnb-lost", role: "alert", hidden: true });
    root.prepend(this.lost);
    this.keepKeys();
    this.since = null; // when the first question was put that has no answer yet
    this.on("msg:custom", (message, buffers) => this.receive(message, buffers ?? []));
    this.live();
    this.ready = () => { this.ask("ready"); this.ask("alive"); };
  }

  /** In a notebook, plain keys that end here do not make, cut or run its cells. */
  keepKeys() {
    if (document.documentElement.dataset.focusnb !== undefined) return;
    const keep = (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); };
    this.root.addEventListener("keydown", keep);
    this.ends.push(() => this.root.removeEventListener("keydown", keep));
  }

  /** Follow an event of the model until the part ends. */
  on(event, act) {
    this.model.on(event, act);
    this.ends.push(() => this.model.off(event, act));
  }

  ask(name, more = {}, buffers = []) {
    this.since ??= Date.now();
    try {
      this.model.send({ do: name, ...more }, undefined, buffers);
    } catch { this.since = 0; } // its connection is closed
    // Some questions have no answer of their own: whether somebody is there is asked then.
    if (name !== "alive") this.asking ??= setTimeout(() => { this.asking = null; if (this.since !== null) this.ask("alive"); }, 3000);
  }

  receive(message, buffers) {
    this.since = null;
    this.tellLost("");
    if (message.now !== undefined) { globalThis.focusnbClock = Date.now() / 1000 - message.now; return; }
    const kind = Object.keys(message)[0];
    const handled = this.handlers[kind]?.(message, buffers);
    if (message.problem !== undefined && !handled) this.tell(message.problem, "error");
    if (message.done !== undefined && !handled) this.tell(message.done, "done");
  }

  /** Say a sentence for a while; what went wrong stays longer. */
  tell(text, level = "done") {
    this.line.textContent = text;
    this.line.className = `fnb-told fnb-told-${level}`;
    this.line.hidden = !text;
    clearTimeout(this.forgetting);
    this.forgetting = setTimeout(() => { this.line.hidden = true; }, level === "done" ? 8000 : 25000);
  }

  tellLost(text) {
    if (this.lost.firstChild?.textContent === text) return;
    const again = h("button", { type: "button", class: "fnb-button", onclick: () => location.reload() }, "Load the page again");
    this.lost.replaceChildren(text, ...(document.documentElement.dataset.focusnb === undefined ? [] : [" ", again]));
    this.lost.hidden = !text;
    this.root.classList.toggle("fnb-is-lost", Boolean(text));
  }

  /** Tell the kernel now and then that somebody looks, and notice when it is gone. */
  live() {
    const own = document.documentElement.dataset.focusnb; // our own page
    const beat = () => { if (!document.hidden) this.ask("alive"); };
    const look = async () => {
      if (document.hidden || this.since === null || Date.now() - this.since < ANSWER_MS) return;
      let text = "The kernel of this view does not answer: it is busy, or it has ended. What you see may be old; "
        + "if this stays, run its cell again.";
      if (own !== undefined) {
        try {
          await fetch(`${own}alive`, { cache: "no-store" });
          text = "The kernel of this page does not answer: it is busy, or it has ended. What you see may be old; if this stays, load the page again.";
        } catch {
          text = "The page's server does not answer; what you see is old. Start it again, and load the page anew.";
        }
      }
      if (this.since !== null) this.tellLost(text);
    };
    const wake = () => {
      if (document.hidden) return;
      this.since = null; // a sleeping phone has heard nothing meanwhile
      beat();
    };
    document.addEventListener("visibilitychange", wake);
    const ids = [setInterval(beat, BEAT_MS), setInterval(look, 2000)];
    this.ends.push(() => { ids.forEach(clearInterval); document.removeEventListener("visibilitychange", wake); });
  }

  end() { clearTimeout(this.asking); this.ends.forEach((end) => end()); }
}

/** Bytes of a message as a typed array: floats(view), bytes(view); copied, so that it is aligned. */
function typed(Kind, view) {
  const data = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice();
  return new Kind(data.buffer);
}

/** The "code" toggle: shows what the last action was in Python. */
function codeLine(model, trait = "line") {
  const code = h("code", { class: "fnb-code-line", tabindex: "0", "aria-label": "The last action in Python" });
  const button = h("button", { type: "button", class: "fnb-choice", onclick: async () => {
    try { await navigator.clipboard.writeText(code.textContent); } catch { getSelection()?.selectAllChildren(code); document.execCommand("copy"); }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  const row = h("div", { class: "fnb-code-row", hidden: true }, code, button);
  const toggle = h("button", { type: "button", class: "fnb-choice fnb-code-toggle", "aria-pressed": "false", title: "Show the last action in Python",
    onclick: () => {
      row.hidden = !row.hidden;
      toggle.setAttribute("aria-pressed", String(!row.hidden));
    } }, "Python");
  const end = follow(model, [trait], () => { code.textContent = model.get(trait) || "# nothing was done yet"; });
  return { toggle, row, end };
}
