// What the queue panel and the import panel share: words for states and times, dialogs, being seen.

const STATE_SIGNS = { running: "▶", waiting: "◷", done: "✓", failed: "✕", cancelled: "⊘", skipped: "↷" };
const STATE_ORDER = ["running", "waiting", "done", "failed", "cancelled", "skipped"];
const TROUBLE_EVENTS = new Set(["failed", "refused", "lost", "warning", "error"]);

/** A wire whose questions all name this page: a second page of the same kernel keeps its own place. */
function pageWire(model, root, handlers) {
  const page = Math.random().toString(36).slice(2);
  const own = (act) => (message, buffers) => {
    const to = message.page ?? Object.values(message)[0]?.page;
    return to !== undefined && to !== page ? true : act(message, buffers);
  };
  const mine = Object.fromEntries(Object.entries(handlers).map(([name, act]) => [name, own(act)]));
  const wire = new Wire(model, root, mine);
  const ask = wire.ask.bind(wire);
  wire.ask = (name, more = {}, buffers = []) => ask(name, { page, ...more }, buffers);
  return wire;
}

/** Tell the kernel whether the panel can be seen: what nobody sees is not looked up. */
function tellSeen(wire, root) {
  let seen = true;
  const watcher = new IntersectionObserver((entries) => {
    const now = entries.at(-1).isIntersecting;
    if (now !== seen) wire.ask("seen", { on: now });
    seen = now;
  });
  watcher.observe(root);
  return () => watcher.disconnect();
}

const two = (n) => String(n).padStart(2, "0");

/** Time of day where the viewer is, with the date when that is not today's. */
function localTime(seconds, exact = true) {
  if (seconds === null || seconds === undefined) return "";
  const d = new Date(seconds * 1000);
  const today = new Date(now() * 1000);
  const time = `${two(d.getHours())}:${two(d.getMinutes())}${exact ? `:${two(d.getSeconds())}` : ""}`;
  return d.toDateString() === today.toDateString() ? time
    : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`;
}

/** Seconds as people say them when something runs: 4 s, 2 min 10 s, 3 h 5 min. */
function lasting(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

const plural = (n, noun) => `${number(n, 0)} ${noun}${n === 1 ? "" : noun.endsWith("ch") ? "es" : "s"}`;

/** Who works, in words: "on this computer, since 10:31 (2 h)"; its process on pointing. */
function whoText(who) {
  return h("span", { title: `process ${who.pid}` }, `on ${who.here ? "this computer" : who.host}, since ${localTime(who.since, false)} (`, ago(who.since, "", ""), ")");
}

/** Processors are counted from 1 for people. */
const processorText = (number_) => `processor ${number_ + 1}`;

function push(text, act, more = {}) {
  const { class: extra = "", ...rest } = more;
  return h("button", { type: "button", class: `fnb-button ${extra}`, onclick: act, ...rest }, text);
}

/** A dialog: title, content, buttons [text, act, class]; closing gives the focus back. */
function workDialog(root, title, content, buttons = []) {
  const from = root.getRootNode().activeElement ?? document.activeElement;
  const box = h("dialog", { class: "fnb-dialog", "aria-label": title },
    h("h2", {}, title), content,
    h("div", { class: "fnb-dialog-foot" }, buttons.map(([text, act, kind]) =>
      push(text, () => { box.close(); act(); }, { class: kind ?? "" })),
    push(buttons.length ? "Back" : "Close", () => box.close())));
  box.addEventListener("close", () => { box.remove(); from?.focus?.({ preventScroll: true }); });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  box.addEventListener("keydown", (event) => event.stopPropagation());
  root.append(box);
  box.showModal();
  return box;
}

/** Put nodes in order into a parent, moving only those that are elsewhere. */
function inOrder(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, i) => { if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null); });
}

function setText(node, text) { if (node.textContent !== text) node.textContent = text; }
