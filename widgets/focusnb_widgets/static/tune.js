// The tuner of picking: pictures with circles side by side, sliders, scores, comparison, gallery.

const THRESHOLD = "pick_threshold";
const TOOLS = [
  ["look", "Look", "v", "Drag to move, wheel or pinch to zoom, double click to come closer; a click on a circle chooses its pick"],
  ["picks", "Picks", "e", "A click adds a pick, a click on one takes it away"],
  ["exclude", "Exclude", "x", "Clicks set the corners of an area that is left out; the first corner or Enter closes it; corners can be dragged"],
  ["manual", "By hand", "m", "Clicks mark what really is a particle: precision, recall and F1 are then told while you tune"],
];

class Tuner {
  constructor(model, root) {
    Object.assign(this, { model, root, views: [], figures: [], controls: {}, masks: [], ends: [] });
    this.own = document.documentElement.dataset.focusnb !== undefined;
    this.values = { ...model.get("values") };
    this.sheets = model.get("images").map((info) => new Sheet(info));
    this.editing = new Editing(this.sheets, (image, moving) => this.edited(image, moving));
    // Some smoothing to begin with: protein is hard to see in the noise of single pixels.
    this.usual = { ...SAME, smooth: this.values.particle_diameter / 36 / Math.max(...this.sheets.map((s) => s.info.pixel_size)) };
    this.look = { ...this.usual };
    this.show = { circles: true, flat: false, mask: false, one: false };
    this.mode = "score";
    this.chosen = 0;
    this.selected = null; // { image, x, y }
    this.readState();
    layOut(this);
    this.listen();
    root.tuner = this; // for the browser's console, and for tests
    model.send({ ready: true });
  }

  destroy() {
    this.ends.forEach((end) => end());
    this.views.forEach((view) => view.destroy());
    this.histogram.destroy();
    this.gallery.destroy();
  }

  // -- the kernel -----------------------------------------------------------------------------

  readState() {
    const edits = this.model.get("edits");
    const manual = this.model.get("manual");
    this.sheets.forEach((sheet, i) => {
      sheet.edits = { added: [], removed: [], excluded: [], ...copied(edits[i] ?? {}) };
      sheet.manual = copied(manual[i] ?? []);
      this.tellSheet(sheet);
      const a = this.model.get("setting_a");
      sheet.threshold.a = a?.[THRESHOLD] ?? null;
      sheet.reachA = a ? a.particle_diameter / 2 / sheet.info.pixel_size : null;
    });
  }

  listen() {
    const on = (event, act) => { this.model.on(event, act); this.ends.push(() => this.model.off(event, act)); };
    on("msg:custom", (message, buffers) => this.receive(message, buffers));
    on("change:values", () => {
      const values = this.model.get("values");
      if (same(values, this.values)) return;
      this.values = { ...values };
      this.valuesChanged();
    });
    const reread = () => {
      const mine = this.sheets.map((s) => s.edits);
      if (same(this.model.get("edits"), mine) && same(this.model.get("manual"), this.sheets.map((s) => s.manual))) return;
      this.readState();
      this.sheets.forEach((sheet) => sheet.rebuild());
      this.refresh(true);
    };
    on("change:edits", reread);
    on("change:manual", reread);
    on("change:setting_a", () => {
      this.tellProblems(Object.fromEntries(this.sheets.map((sheet) => [problemOf("a", sheet), null])));
      this.readState();
      this.sheets.forEach((sheet) => sheet.rebuild());
      this.refresh(true);
    });
    on("change:lines change:facts change:base", () => { this.use.update(); this.tellChanged(); });
    const keys = (event) => pressed(this, event);
    const scope = this.own ? document : this.root;
    scope.addEventListener("keydown", keys);
    this.ends.push(() => scope.removeEventListener("keydown", keys));
  }

  receive(message, buffers) {
    if (message.picks !== undefined) {
      const sheet = this.sheets[message.picks];
      sheet.take(message.slot, message, buffers);
      if (message.slot === "b") this.effective(message.effective);
      this.tellProblems({ [problemOf(message.slot, sheet)]: null });
      this.refresh(true);
    } else if (message.picture !== undefined) {
      const { picture: i, kind, level, width, height, box } = message;
      if (kind !== (this.show.flat ? "flat" : "average")) return;
      this.views[i].setSource(level, new GreySource({ data: bytes(buffers[0]), width, height, box }));
      this.figures[i].classList.remove("fnb-waits");
    } else if (message.mask !== undefined) {
      const { mask: i, width, height, box, fractions } = message;
      const data = bytes(buffers[0]);
      this.masks[i] = { canvas: maskCanvas({ data, width, height }), data, width, height, box, fractions };
      this.draw();
      this.tellCounts();
    } else if (message.boxes !== undefined) {
      const { boxes: i, count, side, hand, stamp } = message;
      const [score, x, y] = buffers.slice(1).map(floats);
      this.gallery.setBoxes(i, count ? { data: bytes(buffers[0]), count, side, hand, stamp, score, x, y } : null);
    } else if (message.busy !== undefined) this.tellBusy(message.busy);
    else if (message.problems) {
      const { image, slot, problems } = message;
      if (image === undefined) { this.tellProblems(problems); return; } // of words
      const sheet = this.sheets[image];
      if (slot) sheet.lose(slot);
      if (slot === "b") this.gallery.setBoxes(image, null);
      if (slot !== "a") this.figures[image].classList.remove("fnb-waits");
      this.tellProblems({ [problemOf(slot, sheet)]: problems[sheet.info.name] });
      this.refresh(true);
    }
    else if (message.told) this.use.tell(message);
    else if (message.renewed) {
      restoreState(this.model);
      this.renewed = true;
    }
  }

  // -- values ---------------------------------------------------------------------------------

  /** A control was moved. The threshold needs nobody else; all others need the kernel. */
  setValue(word, value) {
    this.values = { ...this.values, [word]: value };
    this.controls[word]?.set(value);
    if (this.problems) this.tellProblems(Object.fromEntries(Object.keys(this.controls).map((one) => [one, null])));
    if (word === THRESHOLD) {
      for (const sheet of this.sheets) sheet.setThreshold(value);
      this.refresh();
      clearTimeout(this.late);
      this.late = setTimeout(() => this.sendValues(), 150);
    } else {
      this.sheets.forEach((sheet) => this.tellSheet(sheet));
      this.relevance();
      this.sendValues();
    }
    this.tellChanged();
  }

  /** What a sheet has to know of the setting. */
  tellSheet(sheet) {
    sheet.threshold.b = this.values[THRESHOLD] ?? null;
    sheet.reach = this.values.particle_diameter / 2 / sheet.info.pixel_size;
  }

  sendValues() {
    clearTimeout(this.late);
    this.model.set("values", this.values);
    this.model.save_changes();
  }

  valuesChanged() {
    for (const [word, control] of Object.entries(this.controls)) control.set(this.values[word] ?? null);
    this.sheets.forEach((sheet) => { this.tellSheet(sheet); sheet.rebuild(); });
    this.relevance();
    this.tellChanged();
    this.refresh();
  }

  /** All values at once: those of A, of the project … */
  setValues(values) {
    this.values = { ...values };
    this.valuesChanged();
    this.sendValues();
  }

  /** What holds where there is no value. */
  effective(values = {}) {
    for (const [word, value] of Object.entries(values)) this.controls[word]?.setEffective(value);
  }

  /** Controls that mean something for the picker that is chosen. */
  relevance() {
    for (const { word, only } of this.model.get("controls")) {
      const control = this.controls[word];
      if (control) control.element.hidden = Boolean(only?.length) && !only.includes(this.values.picker);
    }
  }

  tellChanged() {
    const base = this.model.get("base");
    for (const [word, control] of Object.entries(this.controls)) {
      const mine = this.values[word] ?? null;
      const theirs = base[word] ?? null;
      control.setChanged(!same(mine, theirs), () => this.setValue(word, theirs));
    }
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => keepState(this), 300);
  }

  /** Add what is wrong with words or images, by name; null takes it away. */
  tellProblems(change) {
    this.problems = { ...this.problems, ...change };
    const pictures = {};
    for (const [name, text] of Object.entries(this.problems)) {
      if (this.controls[name] && !this.controls[name].element.hidden) continue;
      if (text) (pictures[text] ??= []).push(name);
    }
    for (const [word, control] of Object.entries(this.controls)) control.tellProblem(this.problems[word]);
    this.trouble.replaceChildren(...Object.entries(pictures).map(([text, names]) =>
      h("p", { class: "fnb-alert fnb-warning", role: "alert" }, `${names.length === this.sheets.length && names[0] === this.sheets[0].info.name ? "" : `${names.join(", ")}: `}${text}`)));
    this.sheets.forEach((sheet) => { sheet.problem = this.problems[sheet.info.name] ? "not picked" : ""; });
    this.tellCounts();
  }

  tellBusy(text) {
    this.root.classList.toggle("fnb-is-busy", Boolean(text));
    this.busy.textContent = text || "";
  }

  // -- what is drawn --------------------------------------------------------------------------

  /** Draw all that depends on picks; lists: more changed than the threshold. */
  refresh(lists = false) {
    this.listsDue ||= lists;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.listsDue) this.listsChanged();
      this.listsDue = false;
      this.draw();
      this.tellCounts();
      const automatic = this.values[THRESHOLD] === null || this.values[THRESHOLD] === undefined;
      const shown = this.galleryAll ? this.sheets : [this.sheets[this.chosen]];
      this.histogram.setThreshold(this.limit, automatic ? shown.map((sheet) => sheet.limit()) : null);
      this.gallery.setChoice(this.galleryAll ? null : [this.chosen], (image, i, score) =>
        score >= this.sheets[image].limit() && this.sheets[image].placeOfBox(this.gallery.boxes[image], i) >= 0);
      this.compare.update();
    });
  }

  draw() { this.views.forEach((view) => view.redrawMarks()); }

  /** The threshold on the slider: the one that was set, else the middle one of the automatic ones. */
  get limit() {
    const set = this.values[THRESHOLD];
    if (set !== null && set !== undefined) return set;
    const autos = this.sheets.map((sheet) => sheet.found.b?.auto).filter(Number.isFinite).sort((a, b) => a - b);
    return autos.length ? autos[autos.length >> 1] : Infinity;
  }

  listsChanged() {
    const lists = this.sheets.map((sheet) => sheet.found.b?.score ?? new Float32Array());
    const all = Float32Array.from(lists.flatMap((scores) => [...scores])).sort();
    const autos = this.sheets.map((sheet) => sheet.found.b?.auto ?? Infinity);
    const set = this.values[THRESHOLD];
    const fixed = [...autos.filter(Number.isFinite), ...(Number.isFinite(set) ? [set] : [])];
    let range = [quantileOf(all, 0), quantileOf(all, 0.998)];
    if (!all.length) range = [0, 1];
    if (fixed.length) range = [Math.min(range[0], ...fixed), Math.max(range[1], ...fixed)];
    if (!(range[1] > range[0])) range = [range[0] - 0.5, range[0] + 0.5];
    const lowest = Math.min(...autos.filter(Number.isFinite), Infinity);
    const upper = Float32Array.from(all.filter((v) => v >= lowest));
    this.colours = upper.length > 1 ? [lowest, quantileOf(upper, 0.97)] : range;
    this.controls[THRESHOLD]?.setRange(...range, range[1]);
    this.controls[THRESHOLD]?.setEffective(Number.isFinite(this.limit) ? this.limit : null);
    const shown = this.galleryAll ? lists : [lists[this.chosen]];
    this.histogram.update({ lists: shown, range, colours: this.colours, curve: this.qualityCurve(range),
      autos: this.galleryAll ? autos : [autos[this.chosen]] });
  }

  /** F1 against what was marked by hand, over all thresholds; null when nothing was. */
  qualityCurve([low, high]) {
    this.best = null;
    const marked = this.sheets.filter((sheet) => sheet.versus?.manual);
    if (!marked.length) return null;
    const curve = [];
    for (let k = 0; k <= 120; k++) {
      const limit = low + (k / 120) * (high - low);
      const { f1 } = together(marked.map((sheet) => sheet.agreement("manual", limit)));
      curve.push([limit, f1]);
      if (!this.best || f1 > this.best.f1) this.best = { limit, f1 };
    }
    return curve;
  }

  paint(context, view, i) {
    const sheet = this.sheets[i];
    if (this.show.mask && this.masks[i]) {
      const { canvas, box } = this.masks[i];
      const [x0, y0] = view.toScreen(box[0], box[3]);
      const [x1, y1] = view.toScreen(box[2], box[1]);
      context.imageSmoothingEnabled = false;
      context.drawImage(canvas, x0, y0, x1 - x0, y1 - y0);
    }
    if (this.show.circles) {
      const marks = new Marks(context, view);
      sheet.mark(marks, this.mode, this.colours ?? [0, 1]);
      if (this.editing.tool === "manual" && this.mode !== "manual") {
        for (const [x, y] of sheet.manual) marks.add(x, y, 2 * sheet.reach, KIND.there.colour, KIND.there.shape);
      }
      marks.draw();
    }
    this.editing.draw(context, view, i);
    if (this.selected?.image === i && sheet.lists.b) {
      const index = nearest(sheet.lists.b, this.selected.x, this.selected.y, 1);
      if (index >= 0) {
        const { x, y, diameter, score } = sheet.lists.b;
        drawChosen(context, view, x[index], y[index], diameter[index], Number.isNaN(score[index]) ? "by hand" : score[index].toFixed(2));
      } else this.selected = null;
    }
  }

  tellCounts() {
    let total = 0;
    let known = false;
    this.sheets.forEach((sheet, i) => {
      const count = sheet.shown();
      total += count;
      known ||= Boolean(sheet.lists.b);
      const figure = this.figures[i];
      const told = figure.querySelector(".fnb-count");
      if (!sheet.lists.b) told.replaceChildren(sheet.problem || "…");
      else told.replaceChildren(...(count ? [h("b", {}, number(count, 0)), count === 1 ? " pick" : " picks"] : [h("b", {}, "none found")]));
      figure.dataset.count = sheet.lists.b ? count : "";
      this.tabs[i].querySelector("small").textContent = sheet.lists.b ? (count ? number(count, 0) : "none") : "";
      const mask = this.show.mask && this.masks[i]?.fractions;
      figure.querySelector(".fnb-kinds").replaceChildren(...(mask ? kindsOf(mask) : []));
    });
    this.total.replaceChildren(...(!known ? ["searching …"] : total ? [h("b", {}, number(total, 0)), total === 1 ? " pick" : " picks"]
      : [h("b", {}, "none found"), " at this setting"]));
    const failed = this.sheets.every((sheet) => sheet.problem);
    if (failed) this.total.textContent = "not picked";
    this.root.dataset.picks = known ? total : "";
    this.nothing.hidden = !known || total > 0;
  }

  // -- by hand --------------------------------------------------------------------------------

  edited(image, moving = false) {
    this.views[image].redrawMarks();
    if (moving) return;
    this.refresh(true);
    this.model.set("edits", this.sheets.map((sheet) => copied(sheet.edits)));
    this.model.set("manual", this.sheets.map((sheet) => copied(sheet.manual)));
    this.model.save_changes();
    if (this.editing.tool === "manual" && this.sheets.some((s) => s.manual.length) && this.mode !== "a") this.setMode("manual");
    this.tellTools();
    this.tellChanged();
  }

  setTool(tool) {
    this.editing.tool = tool;
    this.editing.abandon();
    this.tellTools();
    this.draw();
  }

  setMode(mode) {
    this.mode = mode;
    this.refresh();
  }

  select(image, index) {
    const list = this.sheets[image].lists.b;
    this.selected = { image, x: list.x[index], y: list.y[index] };
    this.gallery.follow(image, list.x[index], list.y[index]);
    this.draw();
  }

  choose(i) {
    this.chosen = i;
    this.figures.forEach((figure, k) => figure.classList.toggle("fnb-chosen", k === i));
    this.tabs.forEach((tab, k) => { tab.setAttribute("aria-selected", String(k === i)); tab.tabIndex = k === i ? 0 : -1; });
    this.model.set("chosen", i);
    this.model.save_changes();
    if (!this.galleryAll) this.refresh(true);
  }

  hooks(i) {
    const edit = this.editing;
    return {
      paint: (context, view) => this.paint(context, view, i),
      press: (point) => { this.choose(i); return edit.tool === "exclude" ? edit.grip(i, point, this.views[i]) : null; },
      click: (point) => this.click(i, point),
      double: () => edit.tool === "exclude" ? (edit.close(), true) : edit.tool !== "look",
      hover: (point) => this.hover(i, point),
      moved: (view) => this.moved(i, view),
      contrast: (change) => this.setLook({ brightness: this.look.brightness + change.brightness, contrast: this.look.contrast * change.contrast }),
    };
  }

  click(i, point) {
    this.choose(i);
    const edit = this.editing;
    if (edit.tool === "picks") edit.togglePick(i, point.x, point.y);
    else if (edit.tool === "manual") edit.toggleManual(i, point.x, point.y);
    else if (edit.tool === "exclude") edit.corner(i, point, this.views[i]);
    else {
      const index = this.sheets[i].at(point.x, point.y);
      if (index >= 0) this.select(i, index);
      else { this.selected = null; this.draw(); }
    }
  }

  hover(i, point) {
    const told = this.figures[i].querySelector(".fnb-readout");
    this.editing.pointer = point && [point.x, point.y];
    if (this.editing.draft) this.views[i].redrawMarks();
    if (!point) { told.textContent = ""; return; }
    const sheet = this.sheets[i];
    const words = [`x ${Math.round(point.x)}  y ${Math.round(point.y)}`];
    const k = sheet.at(point.x, point.y);
    if (k >= 0) {
      const { score, diameter } = sheet.lists.b;
      words.push(Number.isNaN(score[k]) ? "added by hand" : `score ${score[k].toFixed(2)}`, `${Math.round(diameter[k] * sheet.info.pixel_size)} Å`);
    }
    const mask = this.masks[i];
    if (mask && this.show.mask) {
      const column = Math.floor(((point.x - mask.box[0]) / (mask.box[2] - mask.box[0])) * mask.width);
      const row = Math.floor(((point.y - mask.box[1]) / (mask.box[3] - mask.box[1])) * mask.height);
      const kind = mask.data[Math.min(mask.height - 1, Math.max(0, row)) * mask.width + Math.min(mask.width - 1, Math.max(0, column))];
      if (kind) words.push(this.model.get("kinds")[kind]);
    }
    told.textContent = words.join(" · ");
  }

  // -- pictures -------------------------------------------------------------------------------

  /** After zoom or pan: ask for finer pixels of what is seen, when it stays for a moment. */
  moved(i, view) {
    clearTimeout(view.asking);
    view.asking = setTimeout(() => {
      const { wanted } = view;
      if (!wanted) { view.setSource(1, null); return; }
      this.model.send({ do: "picture", image: i, kind: this.show.flat ? "flat" : "average", part: wanted.part, step: wanted.step });
    }, 120);
  }

  setLook(change) {
    const look = { ...this.look, ...change };
    look.brightness = Math.min(2, Math.max(-2, look.brightness));
    look.contrast = Math.min(8, Math.max(0.15, look.contrast));
    this.look = look;
    this.views.forEach((view) => view.setLook(look));
    this.pictures?.update();
  }

  setShow(what, on) {
    this.show[what] = on;
    if (what === "flat") {
      this.views.forEach((view, i) => {
        this.figures[i].classList.add("fnb-waits");
        this.model.send({ do: "picture", image: i, kind: on ? "flat" : "average" });
        this.moved(i, view);
      });
    }
    if (what === "mask" && on) this.sheets.forEach((_, i) => this.model.send({ do: "mask", image: i }));
    if (what === "one") this.root.classList.toggle("fnb-one", on);
    this.tellTools();
    this.draw();
    this.tellCounts();
  }
}

/** Whether two values that JSON can tell are the same; missing and null are. */
function same(a, b) {
  const plain = (_, v) => (v && typeof v === "object" && !Array.isArray(v)
    ? Object.fromEntries(Object.entries(v).filter(([, w]) => w !== null).sort(([x], [y]) => (x < y ? -1 : 1))) : v);
  return JSON.stringify(a ?? null, plain) === JSON.stringify(b ?? null, plain);
}

/** The name under which is told what is wrong with an image: in the present setting, or in A. */
function problemOf(slot, sheet) { return slot === "a" ? `${sheet.info.name} in A` : sheet.info.name; }

function bytes(view) { return new Uint8Array(view.buffer, view.byteOffset, view.byteLength); }

/** What of a picture is left out, in words with the colours of the mask. */
function kindsOf(fractions) {
  const told = Object.entries(fractions).filter(([, { part }]) => part >= 0.0005);
  if (!told.length) return [h("span", {}, "nothing left out")];
  return told.map(([name, { part, kind }]) => h("span", {}, h("i", { style: `background: rgb(${MASK[kind]})`, "aria-hidden": "true" }),
    `${name} ${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`));
}

function render({ model, el }) {
  const root = h("div", { class: "fnb fnb-tune", "data-lm-suppress-shortcuts": "true" });
  el.classList.add("fnb-tune-host");
  el.append(root);
  const tuner = new Tuner(model, root);
  const end = stayAlive(model, root);
  return () => { end(); tuner.destroy(); };
}

export default { render };
