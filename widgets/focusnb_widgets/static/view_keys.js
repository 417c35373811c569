// The viewer's keys, and the page that lists them.

const VIEW_KEYS = [
  ["Look", [
    ["+ − 0", "zoom in, out, show all"], ["1", "one pixel of the picture on one of the screen"],
    ["← → ↑ ↓", "move the cross; with Shift far"], ["v", "tool: move"], ["f", "full screen"],
    ["[ ]", "image before, after"], ["R", "load the file again"],
  ]],
  ["Contrast", [["b n", "brighter, darker"], ["c C", "more, less contrast"], ["a", "automatic; again: other percentiles"], ["i", "invert"]]],
  ["Spectrum", [
    ["F", "Fourier transform of the whole picture, and back"], ["s", "tool: drag a part to be transformed"],
    ["l", "logarithm"], ["e", "averaged over tiles"], ["r", "rings of resolution"], ["w", "ice bands"],
    ["t", "Thon rings: drag them, or U and V"], ["Esc", "back to the picture"],
  ]],
  ["Over the picture", [
    ["p", "particles"], ["o", "polygons"], ["m", "scale bar"], ["x", "tilt axis"],
    ["d", "tool: draw a polygon"], ["Enter", "set a corner at the cross; again: close"], ["Backspace", "take back the last corner"], ["Del", "remove the chosen polygon"],
  ]],
  ["Frames", [[", .", "frame before, after"], ["< >", "ten frames before, after"], ["Space", "play, stop"]]],
  ["Page", [["h", "header of the file"], ["g", "save what is seen as PNG"], ["y", "show Python"], ["Ctrl+Z", "undo what was saved"], ["?", "this list"]]],
];

function viewHelp() {
  const dialog = h("dialog", { class: "fnb-dialog fnb-vw-help", "aria-label": "Keys", onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    h("h2", {}, "Keys"),
    h("div", { class: "fnb-vw-keys" }, VIEW_KEYS.map(([title, rows]) => h("section", {}, h("h3", {}, title),
      h("dl", {}, rows.map(([keys, text]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, text))))))),
    h("p", { class: "fnb-help-text" }, "Mouse: drag moves, the wheel zooms, a double click comes closer; drag with Shift or the right button changes the contrast. "
      + "Touch: two fingers zoom and move."),
    h("div", { class: "fnb-dialog-foot" }, h("button", { type: "button", class: "fnb-button", autofocus: true, onclick: () => dialog.close() }, "Close")));
  return dialog;
}

function viewTyping(target) {
  return Boolean(target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true]"));
}

/** A key was pressed in the viewer. */
function viewPressed(viewer, event) {
  if (event.defaultPrevented || event.altKey || viewer.root.querySelector("dialog[open]") || viewTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() !== "z" || event.shiftKey) return;
    if (!viewer.polygons.back()) viewer.wire.ask("undo");
    event.preventDefault();
    return;
  }
  const act = viewActions(viewer)[event.key];
  if (!act || (event.key === " " && event.target.matches?.("button, input"))) return;
  if (act() === false) return;
  event.preventDefault();
}

function viewActions(viewer) {
  const { active, frames, polygons } = viewer;
  const flip = (what) => () => viewer.setShow(what, !viewer.show[what]);
  return {
    "+": () => active.view.zoomBy(1.5), "=": () => active.view.zoomBy(1.5), "-": () => active.view.zoomBy(1 / 1.5), 0: () => active.view.fit(),
    1: () => viewer.pixelByPixel(),
    v: () => viewer.setTool("move"), s: () => viewer.setTool("fft"), d: () => viewer.setTool("polygon"),
    b: () => active.drag({ brightness: 0.1 }), n: () => active.drag({ brightness: -0.1 }),
    c: () => active.drag({ contrast: 1.15 }), C: () => active.drag({ contrast: 1 / 1.15 }),
    a: () => viewer.contrast.auto(), i: () => viewer.contrast.flip(),
    F: () => (viewer.fourier.on && !viewer.fourier.part ? viewer.closeFourier() : viewer.openFourier(null)),
    l: () => viewer.setFourier({ log: !viewer.fourier.log }), e: () => viewer.setFourier({ averaged: !viewer.fourier.averaged }),
    r: flip("rings"), w: flip("ice"), t: flip("thon"), p: flip("particles"), o: flip("polygons"), m: flip("scale"), x: flip("axis"),
    ",": () => frames.step(-1), ".": () => frames.step(1), "<": () => frames.step(-10), ">": () => frames.step(10),
    " ": () => (frames.count > 1 ? frames.toggle() : false),
    "[": () => viewer.neighbour("before"), "]": () => viewer.neighbour("after"),
    f: () => viewer.fullScreen(), h: () => viewer.header.open(), g: () => viewer.savePng(), y: () => viewer.code.toggle.click(),
    R: () => viewer.wire.ask("reload"), "?": () => viewer.help.showModal(),
    Enter: () => polygons.close(), Backspace: () => polygons.back(), Delete: () => polygons.remove(),
    Escape: () => (polygons.abandon() || (viewer.fourier.on ? viewer.closeFourier() : viewer.setTool("move"))),
  };
}
