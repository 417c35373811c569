// The keys of the library table.

const isField = (target) => target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable=true]");

/** A key was pressed somewhere in the table. */
function tableKey(table, event) {
  if (event.defaultPrevented || event.altKey || table.dialogs.now || !table.api) return;
  const ctrl = event.ctrlKey || event.metaKey;
  if (isField(event.target)) {
    if (event.key === "Escape") table.leaveField(event.target);
    else if (event.key !== "Enter" || !event.target.matches(".fnb-filter")) return;
    table.focus();
    event.preventDefault();
    return;
  }
  const onButton = event.target.matches?.("button, summary, a");
  if (onButton && ["Enter", " "].includes(event.key)) return;
  const act = ctrl ? withCtrl(table, event) : plain(table, event);
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function withCtrl(table, event) {
  const { choice } = table;
  switch (event.key.toLowerCase()) {
    case "a": return event.shiftKey ? () => choice.none() : () => choice.all();
    case "i": return () => choice.invert();
    case "z": return event.shiftKey ? null : () => table.act("undo");
    case "arrowdown": return () => choice.step(1, { ctrl: true });
    case "arrowup": return () => choice.step(-1, { ctrl: true });
    default: return null;
  }
}

function plain(table, event) {
  const { choice, dialogs } = table;
  const { shiftKey: shift, repeat } = event;
  const rows = Math.max(1, Math.floor((table.grid.querySelector(".ag-grid-viewport")?.clientHeight ?? 300) / table.rowHeight) - 3);
  const once = (act) => (repeat ? () => {} : act); // a key held down trashes one image, not a hundred
  const flag = (name) => once(() => table.act("flag", { flag: name }));
  const current = (what) => () => { if (choice.current) table.wire.ask("open", { what, image: choice.current }); };
  const keys = {
    ArrowDown: () => choice.step(1, { shift }), ArrowUp: () => choice.step(-1, { shift }),
    PageDown: () => choice.step(rows, { shift }), PageUp: () => choice.step(-rows, { shift }),
    Home: () => choice.step(-choice.count, { shift }), End: () => choice.step(choice.count, { shift }),
    ArrowLeft: () => table.scrollBy(-120), ArrowRight: () => table.scrollBy(120),
    " ": () => { if (choice.current) choice.toggle(choice.current); },
    n: flag("none"), r: flag("red"), g: flag("green"), b: flag("blue"), o: flag("gold"),
    t: once(() => table.act("trash")), Delete: once(() => table.act("trash")), u: once(() => table.act("restore")),
    m: () => dialogs.moveMenu(table.buttons.move), c: () => dialogs.comment(), x: () => dialogs.process(),
    Enter: current("view"), p: current("page"),
    k: () => table.wire.ask("columns"), f: () => (table.heads.get("name")?.filter ?? table.grid.querySelector(".fnb-filter"))?.focus(), "/": () => table.expression.focus(),
    "?": () => dialogs.help(), Escape: () => choice.none(),
  };
  return keys[event.key] ?? null;
}
