// The viewer: a picture and its spectrum, what lies over them, and what people do with them.

const VIEW_SHOW = { particles: true, polygons: true, scale: true, axis: true, rings: true, ice: false, thon: false };

class ViewPage {
  constructor(model, root) {
    Object.assign(this, { model, root, info: null, picks: null, least: -Infinity, summary: null, extra: 0, tool: "move", hovering: null, asked: false });
    const kept = model.get("kept") ?? {};
    this.show = { ...VIEW_SHOW, ...kept.show };
    this.fourier = { on: false, part: null, averaged: false, log: true, beside: kept.beside ?? true, flying: false, due: false };
    this.wire = new Wire(model, root, this.handlers());
    this.real = new ViewPane(this, "real", "Picture", this.hooks("real"));
    this.fft = new ViewPane(this, "fft", "Spectrum", this.hooks("fft"));
    this.current = "real";
    this.frames = new FrameBar(this);
    this.contrast = new ContrastPanel(this);
    this.thonPanel = new ThonPanel(this);
    this.layers = new LayersPanel(this);
    this.spectrumPanel = new FourierPanel(this);
    this.polygons = new Polygons(this);
    this.header = new HeaderDialog(this);
    this.help = viewHelp();
    layOutViewer(this);
    root.addEventListener("keydown", (event) => viewPressed(this, event));
    const lone = (event) => { // a key pressed nowhere is meant for the only part of a page
      if (event.target === document.body && root.offsetParent && document.querySelectorAll(".fnb-part").length === 1) viewPressed(this, event);
    };
    document.addEventListener("keydown", lone);
    this.wire.ends.push(() => document.removeEventListener("keydown", lone));
    this.wire.on("change:polygons", () => this.polygons.take(model.get("polygons")));
    this.polygons.take(model.get("polygons"));
    this.tellTools();
    this.wire.ready();
  }

  destroy() {
    this.wire.end();
    this.code.end();
    this.frames.stop();
    this.contrast.destroy();
    this.thonPanel.profile.destroy();
    for (const pane of [this.real, this.fft]) pane.view.destroy();
  }

  // -- the kernel -----------------------------------------------------------------------------

  handlers() {
    return {
      view: ({ view }, buffers) => this.taken(view, buffers.map(bytesOf)),
      part: ({ part }, buffers) => (part.space === "fft" ? this.fft : this.real).take(part, bytesOf(buffers[0])),
      spectrum: ({ spectrum }, buffers) => this.takeSpectrum(spectrum, bytesOf(buffers[0])),
      value: ({ value }) => this.takeValue(value),
      summary: ({ summary }) => { this.summary = summary; this.tellNotes(); },
      picks: ({ picks }, buffers) => {
        const [x, y, score, diameter] = buffers.map((b) => typed(Float32Array, b));
        this.picks = { ...picks, x, y, score, diameter };
        this.layers.update();
        this.redraw();
      },
      over: ({ over }) => { this.info.over = over; this.overChanged(); },
      neighbours: ({ neighbours }) => { if (this.info) { Object.assign(this.info, neighbours); this.tellNeighbours(); } },
      trouble: ({ trouble }) => this.tellTrouble(trouble),
      busy: ({ busy }) => this.tellBusy(busy),
      header: (message) => this.header.show(message),
      problem: () => { for (const one of [this.real, this.fft, this.frames]) one.failed(); Object.assign(this.fourier, { flying: false, due: false }); this.asked = false; },
    };
  }

  /** Another picture, or another frame of it. */
  taken(view, data) {
    const before = this.info;
    this.wire.tell("");
    if (view.nothing) { this.tellMessage("Nothing to look at yet: choose an image."); return; }
    const fresh = view.token !== before?.token;
    const same = before && view.image && view.image === before.image;
    this.info = view;
    if (fresh) {
      this.picks = this.summary = null;
      this.least = -Infinity;
      this.thonPanel.edited &&= same;
      this.real.contrast.automatic = true;
      this.tellTrouble("");
      Object.assign(this.fourier, { flying: false, due: false });
      if (!before) this.restore();
    }
    if (!view.parts.length) {
      this.real.clear();
      if (this.fourier.on) this.closeFourier();
      this.tellMessage(view.problem || "reading …", !view.problem);
    } else {
      this.tellMessage("");
      const { width, height } = view;
      const keep = !fresh || (same && before.width === width && before.height === height);
      this.real.show({ width, height, shown: view.parts, data, keep, token: view.token });
      this.frames.take(view);
      if (fresh && !before && view.seen?.length === 4) this.see(view.seen);
      if (this.fourier.on) { if (fresh && !keep) this.fourier.part = null; this.askFourier(); }
    }
    this.real.grid = view.frequency ? { frequency: view.frequency, side: view.width, centre: view.width >> 1, unit: "Å" } : null;
    if (fresh) this.tellTitle();
    this.overChanged();
    this.drawnAt = performance.now();
  }

  /** What a page that was loaded again has to find as it was. */
  restore() {
    const look = this.model.get("look") ?? {};
    if (Number.isFinite(look.black) && Number.isFinite(look.white)) {
      Object.assign(this.real.contrast, { black: look.black, white: look.white, automatic: false });
    }
    this.real.contrast.invert = Boolean(look.invert);
  }

  see([left, bottom, right, top]) {
    const { view } = this.real;
    this.seeing = view.wide ? null : [left, bottom, right, top]; // not on the screen yet
    if (this.seeing) return;
    const scale = Math.min(view.wide / (right - left), view.high / (top - bottom));
    view.moveTo([(left + right) / 2, (bottom + top) / 2], Math.max(1, scale / view.fitted));
  }

  takeSpectrum(spectrum, data) {
    const { fourier } = this;
    if (spectrum.token !== this.info?.token) return; // of a picture that is gone
    fourier.flying = false;
    if (!fourier.on) return;
    const { side, frequency, known } = spectrum;
    const keep = this.fft.grid?.side === side;
    this.fft.grid = { side, frequency, centre: side >> 1, unit: known ? "Å" : "px" };
    this.fft.show({ width: side, height: side, shown: [spectrum.shown], data: [data], keep, token: spectrum.token });
    this.drawnAt = performance.now();
    if (fourier.due) { fourier.due = false; this.askFourier(); }
    this.tellTools();
  }

  // -- contrast, what is seen -----------------------------------------------------------------

  get active() { return this[this.current]; }

  /** The pane in which frequencies are looked at, if any is. */
  get spectral() { return this.fourier.on ? this.fft : this.real.grid ? this.real : null; }

  looked(pane) {
    if (pane === this.active) this.contrast?.update();
    if (this.show.thon) this.thonPanel?.profile.schedule();
    if (pane.space !== "real") return;
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keep(), 400);
  }

  /** Tell Python what is seen. */
  keep() {
    const { black, white, invert, automatic } = this.real.contrast;
    const { view } = this.real;
    this.model.set("look", automatic ? { black: null, white: null, invert } : { black, white, invert });
    if (view.wide && this.real.filled) this.model.set("seen", view.seen.map((edge, k) => Math.round(Math.min(Math.max(edge, 0), k % 2 ? view.height : view.width))));
    this.model.set("kept", { show: this.show, beside: this.fourier.beside });
    this.model.save_changes();
  }

  pixelByPixel() {
    const { view } = this.active;
    view.moveTo(view.cursor ?? view.centre, Math.max(1, 1 / devicePixelRatio / view.fitted));
  }

  setShow(what, on) {
    this.show[what] = on;
    if (what === "thon" && on && !this.spectral) this.openFourier(null);
    this.tellTools();
    this.looked(this.real);
  }

  setTool(tool) {
    if (tool !== "polygon") this.polygons.draft = null;
    this.tool = tool;
    this.tellTools();
  }

  // -- spectrum -------------------------------------------------------------------------------

  openFourier(part) {
    if (!this.real.filled) return;
    const moved = !this.fourier.on || !part !== !this.fourier.part;
    Object.assign(this.fourier, { on: true, part });
    if (moved) this.fft.contrast.automatic = true;
    this.askFourier();
    this.tellTools();
    if (!this.sideBySide || !part) this.choose("fft");
  }

  closeFourier() {
    Object.assign(this.fourier, { on: false, part: null, due: false });
    this.fft.clear();
    this.fft.grid = null;
    this.choose("real");
    this.tellTools();
  }

  setFourier(change) {
    Object.assign(this.fourier, change);
    if ("log" in change || "averaged" in change) { this.fft.contrast.automatic = true; if (this.fourier.on) this.askFourier(); }
    this.tellTools();
    this.looked(this.real);
  }

  askFourier() {
    const { fourier } = this;
    if (fourier.flying) { fourier.due = true; return; }
    fourier.flying = true;
    this.wire.ask("fft", { part: fourier.part, averaged: fourier.averaged, log: fourier.log });
  }

  get sideBySide() { return this.fourier.beside && this.root.clientWidth >= 760; }

  // -- what is told ---------------------------------------------------------------------------

  tellTitle() {
    const { info } = this;
    const size = info.width ? `${info.width} × ${info.height}${info.frames > 1 ? ` × ${info.frames}` : ""}` : "";
    const pixel = info.pixel_size ? `${Number(info.pixel_size.toPrecision(5))} Å/px` : info.width ? "pixel size unknown" : "";
    this.title.replaceChildren(info.name, h("small", {}, [info.key, size, pixel].filter(Boolean).join(" · ")));
    this.title.title = info.name;
    this.words.replaceChildren(...info.choices.map(({ word, label, there }) =>
      h("option", { value: word, selected: word === info.word }, there ? label : `${label} (not there)`)));
    this.words.value = info.word;
    this.words.hidden = info.choices.length < 2;
    this.walk.hidden = !info.image;
    this.tellNeighbours();
    this.real.view.marks.setAttribute("aria-label", `Picture of ${info.name}`);
    this.tellNotes();
  }

  tellNeighbours() {
    this.before.disabled = !this.info.before;
    this.after.disabled = !this.info.after;
  }

  tellNotes() {
    const { summary } = this;
    const text = (notes) => notes.map((note) => `${note.charAt(0).toUpperCase()}${note.slice(1)}`.replace(/[.;]?$/, ".")).join(" ");
    const notes = this.info?.notes ?? [];
    const over = []; // what is wrong with the pixels is said over them
    if (summary && summary.least !== null && summary.least === summary.most) over.push(`every pixel is ${number(summary.least)}: nothing was recorded`);
    if (summary?.bad) over.push(`${number(summary.bad, 0)} of ${number(summary.pixels, 0)} pixels are missing or not finite; they are hatched`, ...notes);
    this.warning.textContent = text(over);
    this.warning.hidden = !over.length;
    this.notes.textContent = text(summary?.bad ? [] : notes);
    this.notes.hidden = !this.notes.textContent;
  }

  tellTrouble(text) {
    this.trouble.hidden = !text;
    this.trouble.replaceChildren(text, ...(text ? [" ", h("button", { type: "button", class: "fnb-button", title: "Load the file again (R)", onclick: () => this.wire.ask("reload") }, "Load again")] : []));
  }

  tellMessage(text, quiet = false) {
    this.message.hidden = !text;
    this.root.classList.toggle("fnb-vw-none", Boolean(text));
    this.root.classList.toggle("fnb-vw-empty", Boolean(text) && !quiet);
    this.message.classList.toggle("fnb-vw-quiet", quiet);
    this.message.replaceChildren(text);
  }

  /** What takes longer than a moment is told. */
  tellBusy(text) {
    clearTimeout(this.busying);
    if (!text) this.busy.hidden = true;
    else this.busying = setTimeout(() => { this.busy.textContent = text; this.busy.hidden = false; }, 350);
  }

  overChanged() {
    this.thonPanel.take(this.info?.over?.ctf);
    this.layers.update();
    this.polygons.update();
    this.tellTools();
  }

  tellTools() {
    const { root, fourier } = this;
    root.dataset.tool = this.tool;
    root.classList.toggle("fnb-vw-fourier", fourier.on);
    root.classList.toggle("fnb-vw-beside", fourier.on && fourier.beside);
    for (const [tool, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", String(tool === this.tool));
    this.whole.setAttribute("aria-pressed", String(fourier.on));
    this.back.hidden = !fourier.on;
    this.spectrumPanel.update();
    this.thonPanel.element.hidden = !this.spectral || !this.show.thon;
    this.layers.update();
    this.polygons.update();
    this.redraw();
  }

  redraw() { this.real.view.redrawMarks(); this.fft.view.redrawMarks(); }

  // -- pointers -------------------------------------------------------------------------------

  choose(space) {
    if (this.current === space) return;
    this.current = space;
    this.contrast.update();
  }

  hooks(space) {
    return {
      paint: (context, view) => this.paint(space, context, view),
      press: (point) => { this.choose(space); return this.press(space, point); },
      click: (point) => { this.choose(space); if (space === "real" && this.tool === "polygon") this.polygons.click(point, this.real.view); },
      double: () => space === "real" && this.tool === "polygon" && (this.polygons.close(), true),
      hover: (point) => this.hover(space, point),
      key: (event) => event.key === " " && this.frames.count > 1 && (this.frames.toggle(), true),
      moved: () => {
        if (space !== "real" || !this.contrast) return;
        if (this.seeing) this.see(this.seeing);
        this.looked(this.real);
      },
    };
  }

  press(space, point) {
    const pane = this[space];
    if (pane.grid && this.show.thon) {
      const held = this.thonPanel.press(point, pane.view, pane.grid);
      if (held) return held;
    }
    if (space !== "real" || !this.real.filled) return null;
    if (this.tool === "polygon") return this.polygons.press(point, pane.view);
    if (this.tool !== "fft") return null;
    return this.dragPart(point, pane.view);
  }

  /** A square is drawn, or the one that is there is moved; the spectrum follows beside it. */
  dragPart(from, view) {
    const old = this.fourier.part;
    const within_ = old && from.x >= old[0] && from.x < old[2] && from.y >= old[1] && from.y < old[3];
    const wide = Math.min(view.width, view.height);
    const live = this.fourier.on && this.sideBySide; // else the picture would shrink under the pointer
    const square = ({ x, y }) => {
      if (within_) {
        const side = [old[2] - old[0], old[3] - old[1]];
        const left = Math.round(Math.min(Math.max(old[0] + x - from.x, 0), view.width - side[0]));
        const bottom = Math.round(Math.min(Math.max(old[1] + y - from.y, 0), view.height - side[1]));
        return [left, bottom, left + side[0], bottom + side[1]];
      }
      const side = Math.min(wide, Math.max(16, Math.round(Math.max(Math.abs(x - from.x), Math.abs(y - from.y)) / 2) * 2));
      const left = Math.min(Math.max(Math.round(x < from.x ? from.x - side : from.x), 0), view.width - side);
      const bottom = Math.min(Math.max(Math.round(y < from.y ? from.y - side : from.y), 0), view.height - side);
      return [left, bottom, left + side, bottom + side];
    };
    return {
      move: (p) => {
        this.dragged = square(p);
        if (live) this.openFourier(this.dragged);
        this.redraw();
      },
      end: (p) => { this.dragged = null; this.openFourier(square(p)); },
    };
  }

  hover(space, point) {
    this.hovering = point && { space, x: Math.round(point.x), y: Math.round(point.y), at: point };
    if (space === "real") {
      this.polygons.pointer = point && [point.x, point.y];
      if (this.polygons.draft) this.redraw();
    }
    if (!point) { this.readout.replaceChildren(); return; }
    this.found = null;
    this.tellReadout();
    this.askValue();
  }

  askValue() {
    if (this.asked || !this.hovering) return;
    const { space, x, y } = this.hovering;
    this.asked = true;
    this.wire.ask("value", { space, x, y });
  }

  takeValue(value) {
    this.asked = false;
    const { hovering } = this;
    if (!hovering) return;
    if (hovering.space === value.space && hovering.x === value.x && hovering.y === value.y) { this.found = value; this.tellReadout(); } else this.askValue();
  }

  tellReadout() {
    const { hovering, info, found } = this;
    const { grid, view } = this[hovering.space];
    const { x, y } = hovering;
    const words = [];
    if (grid) {
      const { s, resolution, azimuth } = frequencyAt(grid, x, y);
      words.push(["resolution", s > 0 ? `${number(resolution, 2)} ${grid.unit}` : "∞"], ["direction", `${number((azimuth * 180) / Math.PI, 0)}°`]);
    }
    if (hovering.space === "real") {
      words.push(["x, y", `${x}, ${y} px`]);
      if (info?.pixel_size && !grid) words.push(["", `${number(x * info.pixel_size, 1)}, ${number(y * info.pixel_size, 1)} Å`]);
    }
    const inside = x >= 0 && y >= 0 && x < view.width && y < view.height;
    if (found?.value !== undefined) words.push(["value", found.value === null ? "not finite" : number(found.value)]);
    if (found?.amplitude !== undefined) words.push(["amplitude", number(found.amplitude)], ["phase", `${number(found.phase, 1)}°`]);
    if (!inside) words.push(["", "outside"]);
    this.readout.replaceChildren(...words.map(([label, text]) => h("span", {}, label ? h("small", {}, `${label} `) : null, text)));
  }

  // -- drawing --------------------------------------------------------------------------------

  paint(space, context, view) {
    const pane = this[space];
    if (!pane?.filled) return;
    if (pane.grid) {
      if (this.show.thon) drawThon(context, view, pane.grid, this.thonPanel.thon);
      drawRings(context, view, pane.grid, this.show, this.extra);
      return;
    }
    if (space !== "real") return;
    if (this.picks && this.show.particles) drawParticles(context, view, this.picks, this.least);
    if (this.show.polygons || this.tool === "polygon") this.polygons.draw(context, view, this.tool === "polygon");
    const { axis, tilt } = this.info?.over ?? {};
    if (this.show.axis && Number.isFinite(axis)) drawAxis(context, view, axis, tilt);
    const part = this.dragged ?? (this.fourier.on ? this.fourier.part : null);
    if (part) drawSelection(context, view, part);
    if (this.show.scale) drawScaleBar(context, view, this.info?.pixel_size);
  }

  // -- other things ---------------------------------------------------------------------------

  neighbour(side) { if (this.info?.[side]) this.wire.ask("image", { image: this.info[side] }); }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => this.wire.tell("This browser allows no full screen here.", "error"));
  }

  savePng() {
    const { view } = this.active;
    if (!this.active.filled) return;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [view.grey.width, view.grey.height];
    const context = canvas.getContext("2d");
    context.drawImage(view.grey, 0, 0);
    context.drawImage(view.marks, 0, 0);
    canvas.toBlob((blob) => {
      const link = h("a", { href: URL.createObjectURL(blob), download: `${this.info.name}_${this.current === "fft" ? "fft" : this.info.word}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }
}

const bytesOf = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);

function render({ model, el }) {
  const root = h("div", { class: "fnb fnb-part fnb-viewer", "data-lm-suppress-shortcuts": "true" });
  el.classList.add("fnb-viewer-host");
  el.append(root);
  const page = new ViewPage(model, root);
  root.viewer = page; // for the browser's console, and for tests (`part` is a property of the browser's own)
  return () => page.destroy();
}

export default { render };
