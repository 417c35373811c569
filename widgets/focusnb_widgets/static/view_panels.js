// Panels beside the picture: what lies over it, the spectrum's choices, and the header of the file.

/** A check box that shows or hides something: what = name in viewer.show. */
function layerBox(viewer, what, label, key) {
  const box = h("input", { type: "checkbox", checked: viewer.show[what], onchange: () => viewer.setShow(what, box.checked) });
  const element = h("label", { class: "fnb-vw-check" }, box, h("span", {}, label), h("kbd", {}, key));
  return { box, element };
}

class LayersPanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.boxes = {
      particles: layerBox(viewer, "particles", "Particles", "p"),
      polygons: layerBox(viewer, "polygons", "Polygons", "o"),
      scale: layerBox(viewer, "scale", "Scale bar", "m"),
      axis: layerBox(viewer, "axis", "Tilt axis", "x"),
    };
    this.least = h("input", { type: "range", min: 0, max: 1000, value: 0, step: 1, "aria-label": "Lowest score that is shown",
      oninput: () => { viewer.least = this.scoreAt(Number(this.least.value)); this.update(); viewer.redraw(); } });
    this.count = h("span", { class: "fnb-help-text" });
    this.scores = h("div", { class: "fnb-vw-scores", hidden: true }, h("i", { class: "fnb-vw-ramp", "aria-hidden": "true" }), this.least, this.count);
    this.element = h("section", { class: "fnb-vw-panel", "aria-label": "Over the picture" }, h("h3", {}, "Over the picture"),
      Object.values(this.boxes).map((one) => one.element), this.scores);
  }

  scoreAt(place) {
    const { picks } = this.viewer;
    if (!picks || place <= 0) return -Infinity;
    return picks.low + (place / 1000) * (picks.high - picks.low);
  }

  update() {
    const { picks, info, show, least } = this.viewer;
    for (const [what, { box }] of Object.entries(this.boxes)) box.checked = show[what];
    this.boxes.axis.element.hidden = info?.over?.axis === null || info?.over?.axis === undefined;
    this.boxes.particles.element.hidden = !picks;
    this.scores.hidden = !picks || !show.particles;
    if (!picks) return;
    const shown = picks.score.reduce((sum, s) => sum + (Number.isNaN(s) || s >= least ? 1 : 0), 0);
    this.count.textContent = least === -Infinity ? `${number(picks.count, 0)} particles; colours from low to high score`
      : `${number(shown, 0)} of ${number(picks.count, 0)} with a score of at least ${number(least, 2)}`;
  }
}

class FourierPanel {
  constructor(viewer) {
    this.viewer = viewer;
    const toggle = (name, label, title) => h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", title,
      onclick: () => viewer.setFourier({ [name]: !viewer.fourier[name] }) }, label);
    this.log = toggle("log", "Log", "Logarithm of the amplitudes (l)");
    this.averaged = toggle("averaged", "Averaged", "Average over tiles, divided by its smooth course: rings are seen better (e)");
    this.beside = toggle("beside", "Side by side", "Picture and spectrum side by side");
    this.boxes = {
      rings: layerBox(viewer, "rings", "Rings of resolution", "r"),
      ice: layerBox(viewer, "ice", "Ice bands", "w"),
      thon: layerBox(viewer, "thon", "Thon rings", "t"),
    };
    this.extra = h("input", { type: "text", inputmode: "decimal", class: "fnb-vw-number", "aria-label": "Ring at a resolution of, Å", placeholder: "Å",
      onchange: () => { viewer.extra = Number(this.extra.value.replace(",", ".")) || 0; viewer.redraw(); } });
    this.element = h("section", { class: "fnb-vw-panel", "aria-label": "FFT", hidden: true }, h("h3", {}, "FFT"),
      this.row = h("div", { class: "fnb-vw-row" }, this.log, this.averaged, this.beside),
      Object.values(this.boxes).map((one) => one.element),
      h("label", { class: "fnb-vw-lens" }, h("span", {}, "Ring at, Å"), this.extra));
  }

  update() {
    const { fourier, show } = this.viewer;
    this.element.hidden = !this.viewer.spectral;
    this.row.hidden = !fourier.on;
    for (const name of ["log", "averaged", "beside"]) this[name].setAttribute("aria-pressed", String(fourier[name]));
    this.log.disabled = fourier.averaged;
    for (const [what, { box }] of Object.entries(this.boxes)) box.checked = show[what];
  }
}

/** The header of the file, in a dialog. */
class HeaderDialog {
  constructor(viewer) {
    this.body = h("div", { class: "fnb-vw-header" });
    this.title = h("h2", { tabindex: "-1", autofocus: true }, "Header"); // the focus begins at the top, or it would scroll
    this.element = h("dialog", { class: "fnb-dialog", "aria-label": "Header of the file", onclick: (event) => { if (event.target === this.element) this.element.close(); } },
      this.title, this.body, h("div", { class: "fnb-dialog-foot" },
        h("button", { type: "button", class: "fnb-button", onclick: () => this.element.close() }, "Close")));
    this.viewer = viewer;
  }

  open() { this.viewer.wire.ask("header"); }

  show({ header, name }) {
    this.title.textContent = name ? `Header of ${name}` : "Header";
    const { summary } = this.viewer;
    const tables = [...header];
    if (summary) {
      tables.splice(1, 0, ["Pixels that are shown", [["Least, most", `${number(summary.least)} … ${number(summary.most)}`],
        ["Mean", number(summary.mean)], ["Standard deviation", number(summary.deviation)], ["Not finite", `${number(summary.bad, 0)} of ${number(summary.pixels, 0)}`]]]);
    }
    this.body.replaceChildren(...(tables.length ? tables.flatMap(([title, rows]) => [h("h3", {}, title),
      h("table", {}, h("tbody", {}, rows.map(([label, text]) => h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, text)))))])
      : [h("p", {}, "An array has no header.")]));
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
  }
}
