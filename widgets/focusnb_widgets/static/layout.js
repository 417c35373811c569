// The tuner's page: head, tools, pictures, and the cards of scores, settings, comparison, use, boxes.

const ICONS = {
  undo: "M9 7 L4 12 L9 17 M4 12 H14 a6 6 0 0 1 0 12 H10",
  redo: "M15 7 L20 12 L15 17 M20 12 H10 a6 6 0 0 0 0 12 H14",
};

function icon(name) {
  return svg("svg", { viewBox: "0 2 24 24", width: 18, height: 18, class: "fnb-icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

function card(name, title, ...children) {
  const id = `fnb-${name}-${Math.random().toString(36).slice(2, 8)}`;
  return h("section", { class: `fnb-card fnb-${name}`, "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

/** Build everything a tuner shows; its parts are hung on the tuner. */
function layOut(tuner) {
  tuner.root.append(headOf(tuner), tuner.trouble, h("div", { class: "fnb-tune-body" },
    h("div", { class: "fnb-stage" }, toolsOf(tuner), tabsOf(tuner), picturesOf(tuner)),
    h("div", { class: "fnb-side" }, scoresCard(tuner), settingsCard(tuner), compareCard(tuner), useCard(tuner)),
    boxesCard(tuner)), helpOf(tuner));
  tuner.relevance();
  tuner.tellChanged();
  tuner.tellTools = () => tellTools(tuner);
  tuner.tellTools();
  tuner.choose(Math.min(tuner.model.get("chosen"), tuner.sheets.length - 1));
}

function headOf(tuner) {
  const { facts } = { facts: tuner.model.get("facts") };
  tuner.total = h("p", { class: "fnb-total", "aria-live": "polite" });
  tuner.busy = h("span", { class: "fnb-busy", role: "status" });
  tuner.undo = h("button", { type: "button", class: "fnb-tool", title: "Undo (Ctrl+Z)", "aria-label": "Undo",
    onclick: () => tuner.editing.undo() }, icon("undo"));
  tuner.redo = h("button", { type: "button", class: "fnb-tool", title: "Redo (Ctrl+Shift+Z)", "aria-label": "Redo",
    onclick: () => tuner.editing.redo() }, icon("redo"));
  tuner.trouble = h("div", { class: "fnb-trouble" });
  return h("header", { class: "fnb-tune-head" },
    h("div", {}, h("h1", {}, "Tune picking"), h("p", { class: "fnb-muted" }, facts.title)),
    h("div", { class: "fnb-tune-state" }, tuner.busy, tuner.total, tuner.undo, tuner.redo,
      h("button", { type: "button", class: "fnb-tool", title: "Keys (?)", "aria-label": "Keys", onclick: () => tuner.help.showModal() }, "?")));
}

// -- pictures ---------------------------------------------------------------------------------

function toolsOf(tuner) {
  tuner.tools = TOOLS.map(([tool, text, key, help]) => choiceButton(text, false, () => tuner.setTool(tool),
    { title: `${help} (${key})`, "data-tool": tool, "aria-keyshortcuts": key }));
  tuner.toggles = {
    circles: toggle("Circles", true, (on) => tuner.setShow("circles", on), { title: "Show the picks (h)", "aria-keyshortcuts": "h" }),
    flat: toggle("Background-free", false, (on) => tuner.setShow("flat", on), { title: "The picture without illumination and gradients (g)", "aria-keyshortcuts": "g" }),
    mask: toggle("Left out", false, (on) => tuner.setShow("mask", on), { title: "Colour what is left out: carbon, ice, aggregates … (k)", "aria-keyshortcuts": "k" }),
    one: toggle("One large", false, (on) => tuner.setShow("one", on), { title: "One picture, as large as it gets (f)", "aria-keyshortcuts": "f" }),
  };
  tuner.hint = h("p", { class: "fnb-hint fnb-muted" });
  return h("div", { class: "fnb-tools" },
    h("div", { class: "fnb-group", role: "group", "aria-label": "What a click does" }, tuner.tools),
    h("div", { class: "fnb-group", role: "group", "aria-label": "What is shown" }, Object.values(tuner.toggles)), contrastOf(tuner), tuner.hint);
}

function contrastOf(tuner) {
  const slider = (word, label, low, high, step, from, to) => {
    const input = h("input", { type: "range", min: low, max: high, step, "aria-label": label,
      oninput: () => tuner.setLook({ [word]: to(Number(input.value)) }) });
    return { input, update: () => { input.value = from(tuner.look[word]); },
      row: h("label", {}, h("span", {}, label), input) };
  };
  const reach = Math.max(...tuner.sheets.map((sheet) => sheet.reach)) / 2;
  const rows = [
    slider("brightness", "Brightness", -1.5, 1.5, 0.02, (v) => v, (v) => v),
    slider("contrast", "Contrast", -2, 2, 0.02, (v) => Math.log(v), (v) => Math.exp(v)),
    slider("smooth", "Smoothing", 0, 1, 0.01, (v) => Math.sqrt(v / reach), (v) => reach * v * v),
  ];
  const invert = toggle("Invert", false, (on) => tuner.setLook({ invert: on }), { title: "Dark becomes bright (i)" });
  tuner.pictures = { update: () => { rows.forEach((row) => row.update()); invert.setAttribute("aria-pressed", String(tuner.look.invert)); } };
  tuner.pictures.update();
  const pop = h("details", { class: "fnb-contrast" }, h("summary", { class: "fnb-choice" }, "Contrast"),
    h("div", { class: "fnb-pop" }, rows.map((row) => row.row),
      h("div", { class: "fnb-group" }, choiceButton("Auto", false, () => tuner.setLook({ ...tuner.usual }), { title: "As it was (o)" }), invert),
      h("p", { class: "fnb-muted" }, "Or drag with the right button, or with Shift.")));
  const away = (event) => { if (pop.open && !pop.contains(event.target)) pop.open = false; };
  document.addEventListener("pointerdown", away);
  tuner.ends.push(() => document.removeEventListener("pointerdown", away));
  pop.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !pop.open) return;
    pop.open = false;
    pop.firstChild.focus();
    event.stopPropagation();
  });
  return pop;
}

function tabsOf(tuner) {
  tuner.tabs = tuner.sheets.map((sheet, i) => h("button", { type: "button", role: "tab", class: "fnb-tab", onclick: () => tuner.choose(i),
    onkeydown: (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1 }[event.key];
      if (to === undefined || !tuner.tabs[to]) return;
      tuner.choose(to);
      tuner.tabs[to].focus();
      event.stopPropagation();
    } }, h("span", {}, sheet.info.name), h("small", {})));
  return h("div", { class: "fnb-tabs", role: "tablist", "aria-label": "Images", hidden: tuner.sheets.length < 2 }, tuner.tabs);
}

function picturesOf(tuner) {
  tuner.sheets.forEach((sheet, i) => {
    const { width, height, name, note } = sheet.info;
    const view = new PictureView({ width, height, label: `${name}: arrows move a cross, Enter acts there, + and − zoom`, hooks: tuner.hooks(i) });
    tuner.views.push(view);
    view.setLook(tuner.look);
    tuner.figures.push(h("figure", { class: "fnb-image fnb-waits", "data-image": i }, view.element,
      h("figcaption", {},
        h("span", { class: "fnb-image-name", title: name }, name),
        h("span", { class: "fnb-count" }, "…"),
        h("span", { class: "fnb-muted fnb-note" }, note),
        h("span", { class: "fnb-muted fnb-readout" }),
        h("span", { class: "fnb-muted fnb-kinds" }))));
  });
  return h("div", { class: "fnb-images", "data-count": tuner.sheets.length }, tuner.figures);
}

function tellTools(tuner) {
  const { tool } = tuner.editing;
  for (const button of tuner.tools) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  for (const [name, button] of Object.entries(tuner.toggles)) button.setAttribute("aria-pressed", String(Boolean(tuner.show[name])));
  tuner.root.dataset.tool = tool;
  tuner.hint.textContent = TOOLS.find(([name]) => name === tool)[3];
  tuner.undo.disabled = !tuner.editing.past.length;
  tuner.redo.disabled = !tuner.editing.future.length;
}

// -- scores and settings ----------------------------------------------------------------------

function scoresCard(tuner) {
  tuner.histogram = new Histogram({ onThreshold: (value) => tuner.setValue(THRESHOLD, Math.round(value * 1000) / 1000) });
  const told = tuner.model.get("controls").find((one) => one.word === THRESHOLD);
  if (told) tuner.controls[THRESHOLD] = new Control({ ...told, value: tuner.values[THRESHOLD] }, (word, value) => tuner.setValue(word, value));
  tuner.galleryAll = true;
  tuner.nothing = h("p", { class: "fnb-muted", hidden: true }, "Nothing stands out from the noise at this setting. "
    + "Lower the threshold to see the best candidates, or try another diameter.");
  const scope = tuner.sheets.length < 2 ? null : h("select", { class: "fnb-scope", "aria-label": "Scores and boxes of",
    onchange: () => { tuner.galleryAll = scope.value === "all"; tuner.refresh(true); } },
  h("option", { value: "all" }, "of all images"), h("option", { value: "one" }, "of the chosen one"));
  return card("scores", ["Scores", scope], tuner.histogram.element,
    h("p", { class: "fnb-key-line fnb-muted" }, h("span", { class: "fnb-ramp", "aria-hidden": "true" }), "low to high score",
      h("span", { "aria-hidden": "true" }, "▲"), "automatic"),
    tuner.controls[THRESHOLD]?.element, tuner.nothing);
}

function settingsCard(tuner) {
  const parts = { normal: [], advanced: [] };
  for (const told of tuner.model.get("controls")) {
    if (told.word === THRESHOLD) continue;
    const control = new Control({ ...told, value: tuner.values[told.word] }, (word, value) => tuner.setValue(word, value));
    tuner.controls[told.word] = control;
    parts[told.level === "advanced" ? "advanced" : "normal"].push(control.element);
  }
  return card("settings", "Settings", h("div", { class: "fnb-controls" }, parts.normal),
    parts.advanced.length ? h("details", {}, h("summary", {}, "Advanced"), h("div", { class: "fnb-controls" }, parts.advanced)) : null);
}

function boxesCard(tuner) {
  tuner.gallery = new Gallery({
    onChoose: (image, i) => {
      const index = tuner.sheets[image].placeOfBox(tuner.gallery.boxes[image], i);
      if (index < 0) return;
      const { x, y } = tuner.sheets[image].lists.b;
      tuner.choose(image);
      tuner.selected = { image, x: x[index], y: y[index] };
      tuner.views[image].show(x[index], y[index]);
      tuner.draw();
    },
    onRemove: (image, i) => {
      const index = tuner.sheets[image].placeOfBox(tuner.gallery.boxes[image], i);
      if (index >= 0) tuner.editing.removePick(image, index);
    },
  });
  return card("gallery", ["Boxes", h("small", {}, "the best first; paler ones are below the threshold"),
    h("button", { type: "button", class: "fnb-choice", onclick: () => tuner.gallery.toThreshold() }, "To the threshold")],
  tuner.gallery.element);
}
