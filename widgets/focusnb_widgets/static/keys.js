// The tuner's keys, and the page that lists them.

const KEYS = [
  ["Setting", [
    ["[ ]", "threshold lower, higher; with Shift in large steps"],
    ["d D", "smallest distance smaller, larger"],
    ["s S", "diameter smaller, larger"],
    ["t", "threshold automatic"],
  ]],
  ["Compare", [["a", "remember the setting as A"], ["b", "swap A and now"], ["c", "scores, against A, against what was marked by hand"]]],
  ["By hand", [
    ["v e x m", "look, add and remove picks, exclude an area, mark by hand"],
    ["Enter", "act at the cross; close an area"],
    ["Backspace", "take back the last corner"],
    ["Del", "remove the chosen pick or area"],
    ["n N", "next, previous pick"],
    ["Ctrl+Z", "undo; Ctrl+Shift+Z or Ctrl+Y: redo"],
    ["Esc", "give up an area, choose nothing"],
  ]],
  ["Pictures", [
    ["1 … 6", "choose an image"],
    ["← → ↑ ↓", "move the cross of the picture that has the focus"],
    ["+ − 0", "zoom in, out, show all"],
    ["f", "one picture large, or all"],
    ["h g k", "circles, background-free, what is left out"],
    ["i o", "invert, automatic contrast"],
    ["w", "smoothing: none, some, more"],
  ]],
  ["Page", [["p", "show Python"], ["?", "this list"], ["Tab", "go from part to part"]]],
];

function helpOf(tuner) {
  tuner.help = h("dialog", { class: "fnb-help", "aria-label": "Keys", onclick: (event) => { if (event.target === tuner.help) tuner.help.close(); } },
    h("h2", {}, "Keys"),
    h("div", { class: "fnb-help-groups" }, KEYS.map(([title, rows]) => h("section", {}, h("h3", {}, title),
      h("dl", {}, rows.map(([keys, text]) => h("div", {}, h("dt", {}, keys.split(" ").map((k) => h("kbd", {}, k))), h("dd", {}, text))))))),
    h("button", { type: "button", class: "fnb-button", autofocus: true, onclick: () => tuner.help.close() }, "Close"));
  return tuner.help;
}

/** Whether a key pressed here is text, or moves something of its own. */
function isTyping(target) {
  return target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true]");
}

/** A key was pressed somewhere in the tuner. */
function pressed(tuner, event) {
  if (event.defaultPrevented || event.altKey || tuner.help.open) return;
  if (!tuner.root.isConnected || isTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    if (key === "z") (event.shiftKey ? tuner.editing.redo() : tuner.editing.undo());
    else if (key === "y") tuner.editing.redo();
    else return;
    tuner.tellTools();
    event.preventDefault();
    return;
  }
  const act = actions(tuner)[event.key];
  if (!act) return;
  act();
  event.preventDefault();
}

function actions(tuner) {
  const { editing, controls, show } = tuner;
  const nudge = (word, direction, size = 1) => () => controls[word]?.nudge(direction, size);
  const flip = (what) => () => tuner.setShow(what, !show[what]);
  const images = Object.fromEntries(tuner.sheets.map((_, i) => [String(i + 1), () => {
    tuner.choose(i);
    tuner.views[i].marks.focus({ preventScroll: true });
  }]));
  return {
    ...images,
    ...Object.fromEntries(TOOLS.map(([tool, , key]) => [key, () => tuner.setTool(tool)])),
    "[": nudge(THRESHOLD, -1), "]": nudge(THRESHOLD, 1), "{": nudge(THRESHOLD, -1, 8), "}": nudge(THRESHOLD, 1, 8),
    d: nudge("pick_distance", -1), D: nudge("pick_distance", 1),
    s: nudge("particle_diameter", -1), S: nudge("particle_diameter", 1),
    t: () => tuner.setValue(THRESHOLD, null),
    a: () => tuner.compare.remember(), b: () => tuner.compare.swap(),
    c: () => {
      const open = ["score", ...(tuner.compare.a ? ["a"] : []), ...(tuner.sheets.some((one) => one.manual.length) ? ["manual"] : [])];
      tuner.setMode(open[(open.indexOf(tuner.mode) + 1) % open.length]);
    },
    h: flip("circles"), g: flip("flat"), k: flip("mask"), f: flip("one"),
    i: () => tuner.setLook({ invert: !tuner.look.invert }),
    o: () => tuner.setLook({ ...tuner.usual }),
    w: () => {
      const reach = tuner.sheets[0].reach;
      const steps = [0, reach / 18, reach / 7];
      tuner.setLook({ smooth: steps[(steps.findIndex((v) => v >= tuner.look.smooth - 1e-6) + 1) % steps.length] });
    },
    p: () => tuner.use.code.click(),
    n: () => step(tuner, 1), N: () => step(tuner, -1),
    "?": () => tuner.help.showModal(),
    "+": () => tuner.views[tuner.chosen].zoomBy(1.5), "-": () => tuner.views[tuner.chosen].zoomBy(1 / 1.5),
    0: () => tuner.views[tuner.chosen].fit(),
    Enter: () => editing.close(),
    Escape: () => { if (!editing.abandon()) { tuner.selected = null; editing.chosen = null; tuner.draw(); } },
    Backspace: () => editing.back() || remove(tuner),
    Delete: () => remove(tuner),
  };
}

/** Choose the next pick of the chosen image, or the one before: in order of score. */
function step(tuner, direction) {
  const sheet = tuner.sheets[tuner.chosen];
  const count = sheet.shown();
  if (!count) return;
  const list = sheet.lists.b;
  const at = tuner.selected?.image === tuner.chosen ? nearest(list, tuner.selected.x, tuner.selected.y, 1, (i) => i < count) : -1;
  const next = at < 0 ? (direction > 0 ? 0 : count - 1) : (at + direction + count) % count;
  tuner.select(tuner.chosen, next);
  const view = tuner.views[tuner.chosen];
  if (view.zoom > 1.01) view.show(list.x[next], list.y[next]);
}

function remove(tuner) {
  const { editing, selected } = tuner;
  if (editing.tool === "exclude" && editing.deletePolygon()) return;
  if (!selected) return;
  const index = nearest(tuner.sheets[selected.image].lists.b, selected.x, selected.y, 1);
  tuner.selected = null;
  if (index >= 0) editing.removePick(selected.image, index);
}
