// A sheet: the fields of a form in sections, advanced ones folded, and the bar that writes what was changed.

/**
 * wire: to the kernel; name: of the sheet there. options: noBar; plain (no marks and origins); dress (gets
 * each section when it is made); told, changed (get what the kernel said, once it is shown).
 */
class FormSheet {
  constructor(wire, name, options = {}) {
    Object.assign(this, { wire, name, options, fields: new Map(), parts: [], words: [], shown: "" });
    this.broken = h("p", { class: "fnb-alert fnb-f-broken", role: "alert", hidden: true });
    this.body = h("div", { class: "fnb-f-sections" });
    this.nothing = h("p", { class: "fnb-empty", hidden: true });
    this.count = h("span", { class: "fnb-f-count", role: "status", "aria-live": "polite" });
    this.applying = h("button", { type: "button", class: "fnb-button fnb-primary fnb-f-apply", onclick: () => this.apply() }, "Apply");
    this.discarding = h("button", { type: "button", class: "fnb-button fnb-f-discard", onclick: () => this.ask("discard") }, "Discard");
    this.preview = h("code", { class: "fnb-code-line fnb-f-line", tabindex: "0", "aria-label": "The changes in Python", hidden: true });
    this.bar = h("div", { class: "fnb-f-bar", hidden: true }, this.count, this.preview,
      h("span", { class: "fnb-f-buttons" }, this.discarding, this.applying));
    this.element = h("div", { class: `fnb-f-sheet ${options.plain ? "fnb-f-plain" : ""}`, "data-sheet": name }, this.broken, this.body, this.nothing, this.bar);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input[type=text]") && !this.options.noBar) { event.preventDefault(); this.apply(); }
    });
  }

  ask(what, more = {}) { this.wire.ask(what, { sheet: this.name, ...more }); }

  apply() {
    for (const field of this.fields.values()) field.flush();
    this.ask("apply");
  }

  /** The kernel tells the whole sheet. */
  update(told) {
    this.broken.textContent = told.broken;
    this.broken.hidden = !told.broken;
    this.body.classList.toggle("fnb-f-old", Boolean(told.broken));
    if (told.broken) { this.bar.hidden = true; return; }
    this.told = told;
    const plan = JSON.stringify([told.sections, Object.values(told.fields).map((f) => [f.word, f.label, f.type, f.size, f.advanced])]);
    if (plan !== this.plan) this.build(told);
    this.plan = plan;
    for (const [word, field] of this.fields) { field.writes = told.writes; field.update(told.fields[word]); }
    this.summary(told);
    this.counts();
    this.search(this.words);
    this.options.told?.(told);
  }

  build(told) {
    this.fields.clear();
    this.parts = told.sections.map((section) => this.section(section, told));
    this.body.replaceChildren(...this.parts.map((part) => part.element));
  }

  section(section, told) {
    const fields = section.words.map((word) => {
      const field = new FormField(told.fields[word], (w, value) => this.ask("edit", { word: w, value }),
        (what, w, more) => this.ask(what, { word: w, ...more }));
      this.fields.set(word, field);
      return field;
    });
    const part = { key: section.key, fields, plain: fields.filter((f) => !f.told.advanced), advanced: fields.filter((f) => f.told.advanced) };
    part.more = h("summary", {});
    part.fold = part.advanced.length
      ? h("details", { class: "fnb-f-advanced" }, part.more, h("div", { class: "fnb-fields" }, part.advanced.map((f) => f.element))) : null;
    part.note = section.note ? h("p", { class: "fnb-help-text" }, section.note) : null;
    part.title = h("h3", { class: "fnb-f-title" }, section.title);
    const grid = part.plain.length ? h("div", { class: "fnb-fields" }, part.plain.map((f) => f.element)) : null;
    part.element = h("section", { class: "fnb-f-section", "data-section": section.key, "aria-label": section.title }, part.title, part.note, grid, part.fold);
    this.options.dress?.(part);
    return part;
  }

  counts() {
    for (const part of this.parts) {
      const own = part.advanced.filter((f) => f.told.own || f.isChanged).length;
      part.more.textContent = `Advanced: ${part.advanced.length}${own ? `, ${own} set here` : ""}`;
    }
  }

  summary(told) {
    const { changes, mistakes, line } = told;
    this.bar.hidden = !changes || Boolean(this.options.noBar);
    this.count.textContent = `${changes} changed${mistakes ? `, ${mistakes} wrong` : ""}`;
    this.applying.disabled = Boolean(mistakes);
    this.applying.title = mistakes ? "Nothing is written while a value is wrong" : "";
    this.applying.hidden = this.told ? !this.told.writes : false;
    this.preview.textContent = line ?? "";
    this.preview.hidden = !line;
  }

  /** The kernel's answer to one change. */
  edited(message) {
    this.fields.get(message.edited)?.said(message);
    this.summary(message);
    this.counts();
    this.options.changed?.(message);
  }

  /** Show the fields that a search, a subject and a filter leave. */
  search(words, subject = this.subject ?? "", only = this.only ?? "all") {
    Object.assign(this, { words, subject, only });
    let found = 0;
    for (const part of this.parts) {
      let here = 0, folded = 0;
      for (const field of part.fields) {
        const fits = (!subject || part.key === subject || words.length > 0) && field.fits(words)
          && (only !== "own" || field.told.own || field.isChanged) && (only !== "changed" || field.told.origin !== "default" || field.isChanged);
        field.element.hidden = !fits;
        if (fits) { here += 1; if (field.told.advanced) folded += 1; }
      }
      const narrowed = words.length > 0 || only !== "all";
      part.element.hidden = part.fields.length ? !here : narrowed || (Boolean(subject) && part.key !== subject);
      if (part.fold) {
        part.fold.hidden = !folded;
        if (narrowed && folded) { part.opened ??= part.fold.open; part.fold.open = true; }
        else if (part.opened !== undefined) { part.fold.open = part.opened; part.opened = undefined; }
      }
      found += here;
    }
    this.found = found;
    this.nothing.hidden = found > 0 || this.parts.length === 0 || (!words.length && only === "all");
    this.nothing.textContent = words.length ? `No parameter fits "${words.join(" ")}".` : "Nothing is set here.";
  }

  /** Open or close all help. */
  helpAll(on) { for (const field of this.fields.values()) field.showHelp(on); }
}

const formPress = { down: false, waiting: [] };
for (const [event, down] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false], ["dragend", false]]) {
  globalThis.document?.addEventListener(event, () => {
    formPress.down = down;
    if (!down) setTimeout(() => { if (!formPress.down) formPress.waiting.splice(0).forEach((act) => act()); }, 30);
  }, true);
}

/**
 * Do something that moves what is shown, but not while a button is held down: leaving a box by pressing
 * a button has its text checked, and a button that moved away meanwhile would never be clicked.
 */
function afterPress(act) {
  if (formPress.down) formPress.waiting.push(act); else act();
}

/** Handlers of a Wire for the sheets in a map by name. */
function sheetHandlers(sheets) {
  return {
    sheet: (message) => { afterPress(() => sheets.get(message.sheet)?.update(message)); return true; },
    paths: (message) => { offerPaths(sheets.get(message.sheet)?.fields?.get(message.word)?.list, message.paths); return true; },
    edited: (message) => { afterPress(() => sheets.get(message.sheet)?.edited(message)); return true; },
  };
}

/**
 * Tell the kernel whether a page can be seen: behind another tab nothing is worked out for it. Whoever comes
 * back to the window sees what was changed by hand meanwhile.
 */
function watchVisible(wire, el) {
  const page = Math.random().toString(36).slice(2);
  let last = null;
  const tell = (on) => { if (on !== last) { last = on; wire.ask("visible", { page, on }); } };
  const look = new IntersectionObserver((entries) => tell(entries.at(-1).isIntersecting || el.getClientRects().length > 0)); // scrolled away still counts
  const back = () => { if (el.getClientRects().length) { tell(true); wire.ask("alive"); } };
  look.observe(el);
  window.addEventListener("focus", back);
  wire.ends.push(() => { look.disconnect(); window.removeEventListener("focus", back); wire.ask("visible", { page, ended: true }); });
}
