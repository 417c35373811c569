// The viewer's elements: title and tools above, panes with frames and read-out, panels beside them.

const VIEW_TOOLS = [
  ["move", "Move", "v", "Drag to move, wheel or pinch to zoom (v)"],
  ["fft", "FFT of a part", "s", "Drag a square on the picture: its Fourier transform is shown (s)"],
  ["polygon", "Polygon", "d", "Click corners; drag them afterwards (d)"],
];

function layOutViewer(viewer) {
  const { root, wire } = viewer;
  const choice = (label, title, act, more = {}) => h("button", { type: "button", class: "fnb-choice", title, onclick: act, ...more }, label);
  viewer.title = h("h2", { class: "fnb-vw-title" });
  viewer.before = choice("‹", "Image before ([)", () => viewer.neighbour("before"), { "aria-label": "Image before" });
  viewer.after = choice("›", "Image after (])", () => viewer.neighbour("after"), { "aria-label": "Image after" });
  viewer.words = h("select", { "aria-label": "Which picture of the image", onchange: () => wire.ask("word", { word: viewer.words.value }) });
  viewer.walk = h("div", { class: "fnb-group" }, viewer.before, viewer.after);
  viewer.tools = Object.fromEntries(VIEW_TOOLS.map(([tool, label, , title]) =>
    [tool, choice(label, title, () => viewer.setTool(tool), { "aria-pressed": "false" })]));
  viewer.whole = choice("FFT", "Fourier transform of the whole picture (F)", () => viewActions(viewer).F(), { "aria-pressed": "false" });
  viewer.back = choice("‹ Picture", "Back to the picture (Esc)", () => viewer.closeFourier(), { hidden: true });
  viewer.code = codeLine(viewer.model);
  viewer.trouble = h("p", { class: "fnb-alert fnb-vw-trouble", role: "alert", hidden: true });
  viewer.notes = h("p", { class: "fnb-vw-notes fnb-help-text", hidden: true });
  viewer.warning = h("p", { class: "fnb-vw-warning", role: "status", hidden: true });
  viewer.readout = h("div", { class: "fnb-vw-readout", role: "status", "aria-live": "off" });
  viewer.message = h("div", { class: "fnb-vw-message", role: "alert", hidden: true });
  viewer.busy = h("p", { class: "fnb-vw-busy", role: "status", hidden: true });
  viewer.stage = h("div", { class: "fnb-vw-stage" }, h("div", { class: "fnb-vw-panes" }, viewer.real.element, viewer.fft.element, viewer.message, viewer.warning, viewer.busy),
    viewer.frames.element, viewer.readout);
  viewer.side = h("aside", { class: "fnb-vw-side", "aria-label": "Contrast and overlays" },
    viewer.contrast.element, viewer.spectrumPanel.element, viewer.thonPanel.element, viewer.layers.element, viewer.polygons.element);
  root.append(
    h("div", { class: "fnb-bar-tools fnb-vw-top" }, viewer.title, viewer.walk, viewer.words,
      h("div", { class: "fnb-group", role: "group", "aria-label": "Tool" }, Object.values(viewer.tools)),
      h("div", { class: "fnb-group", role: "group", "aria-label": "Zoom" }, viewer.back, viewer.whole,
        choice("−", "Zoom out (−)", () => viewer.active.view.zoomBy(1 / 1.5), { "aria-label": "Zoom out" }),
        choice("+", "Zoom in (+)", () => viewer.active.view.zoomBy(1.5), { "aria-label": "Zoom in" }),
        choice("Fit", "Show all (0)", () => viewer.active.view.fit()),
        choice("1:1", "One pixel of the picture on one of the screen (1)", () => viewer.pixelByPixel())),
      h("div", { class: "fnb-group fnb-vw-right", role: "group", "aria-label": "More" },
        choice("Header", "Header of the file (h)", () => viewer.header.open()),
        choice("PNG", "Save what is seen as PNG (g)", () => viewer.savePng()),
        viewer.code.toggle,
        choice("Full screen", "Full screen (f)", () => viewer.fullScreen()),
        choice("?", "Keys (?)", () => viewer.help.showModal(), { "aria-label": "Keys" }))),
    viewer.code.row, wire.line, viewer.trouble,
    h("div", { class: "fnb-vw-main" }, viewer.stage, viewer.side), viewer.notes, viewer.header.element, viewer.help);
}
