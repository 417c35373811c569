// The wizard of a new project: what is filled in is looked at while it is typed; then it is made.

class NewProjectPage {
  constructor(model, el) {
    Object.assign(this, { model, ends: [], texts: new Map() });
    el.classList.add("fnb", "fnb-part", "fnb-forms", "fnb-new");
    const sheets = new Map();
    const shared = sheetHandlers(sheets);
    const paths = (message) => {
      if (message.trait === undefined) return shared.paths(message);
      offerPaths(this.texts.get(message.trait)?.list, message.paths);
      return true;
    };
    this.wire = new Wire(model, el, { ...shared, paths, problem: (message) => this.problem(message), done: () => true });
    this.sheet = new FormSheet(this.wire, "form", { noBar: true, told: () => this.ready(), changed: () => this.ready() });
    sheets.set("form", this.sheet);
    this.modes = h("div", { class: "fnb-n-modes", role: "radiogroup", "aria-label": "Mode" });
    this.wrong = h("p", { class: "fnb-problem fnb-n-wrong", role: "alert", hidden: true });
    this.making = h("button", { type: "button", class: "fnb-button fnb-primary fnb-n-create", onclick: () => this.create() }, "Create the project");
    const card = (title, ...content) => h("section", { class: "fnb-f-card", "aria-label": title }, h("h3", { class: "fnb-f-title" }, title), content);
    this.form = h("div", { class: "fnb-n-form" },
      card("Where", this.text("folder", "Folder of the new project", "~/data/apoferritin", "It is made; a folder that is there already must be empty.")),
      card("What", this.modes, this.said("mode")),
      card("Values to begin with", h("div", { class: "fnb-fields" }, this.choice("microscope", "Microscope"), this.choice("camera", "Camera"),
        this.text("other", "From another project", "folder of a project", "Its values and scripts are taken over."))),
      this.sheet.element,
      card("Watch", this.text("watch", "Folder that the camera writes to", "none", "Optional: movies that appear in it are imported once focusnb run is started.")),
      this.wrong, h("div", { class: "fnb-n-foot" }, this.making));
    this.name = h("b", {});
    this.told = h("p", {});
    this.where = h("code", {});
    this.code = h("pre", { class: "fnb-code-line fnb-n-code", tabindex: "0", "aria-label": "How it was made, in Python" });
    this.again = h("button", { type: "button", class: "fnb-button", onclick: () => this.wire.ask("again") }, "Make another one");
    this.done = h("section", { class: "fnb-f-card fnb-n-done", hidden: true, role: "status", "aria-label": "The new project" },
      h("h3", { class: "fnb-f-title" }, "✓ ", this.name, " is ready"), h("p", { class: "fnb-help-text" }, this.where), this.told, this.code, this.again);
    el.append(h("div", { class: "fnb-bar-tools" }, h("h2", { class: "fnb-f-heading" }, "New project")), this.form, this.done);
    this.ends.push(
      follow(model, ["choices", "mode"], () => this.choices()), follow(model, ["checks"], () => afterPress(() => this.checks())),
      follow(model, ["folder", "other", "watch", "microscope", "camera"], () => this.put()),
      follow(model, ["created", "facts", "line"], () => this.finished()));
    this.wire.ready();
  }

  set(trait, value) {
    if (this.model.get(trait) === value) return;
    this.model.set(trait, value);
    this.model.save_changes();
  }

  said(trait) {
    const one = this.texts.get(trait) ?? {};
    one.wrong = h("p", { class: "fnb-problem", id: formId(), role: "alert", hidden: true });
    one.note = h("p", { class: "fnb-help-text fnb-n-note", hidden: true });
    this.texts.set(trait, one);
    return h("div", {}, one.wrong, one.note);
  }

  text(trait, label, placeholder, help) {
    const id = formId();
    const input = h("input", { type: "text", id, placeholder, spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
    const one = { input, resting: 0, list: completing(input, (text) => this.wire.ask("paths", { trait, text })) };
    const tell = () => { clearTimeout(one.resting); one.resting = 0; this.set(trait, input.value); };
    input.addEventListener("input", () => { clearTimeout(one.resting); one.resting = setTimeout(tell, 200); });
    input.addEventListener("change", tell);
    this.texts.set(trait, one);
    const field = h("div", { class: "fnb-f fnb-n-text", "data-trait": trait }, h("div", { class: "fnb-f-head" }, h("label", { class: "fnb-f-label", for: id }, label)),
      h("div", { class: "fnb-f-row" }, input, one.list), this.said(trait), h("p", { class: "fnb-help-text" }, help));
    input.setAttribute("aria-describedby", this.texts.get(trait).wrong.id);
    return field;
  }

  choice(trait, label) {
    const id = formId();
    const input = h("select", { id, onchange: () => this.set(trait, input.value) });
    this.texts.set(trait, { input });
    return h("div", { class: "fnb-f", "data-trait": trait }, h("div", { class: "fnb-f-head" }, h("label", { class: "fnb-f-label", for: id }, label)),
      h("div", { class: "fnb-f-row" }, input), this.said(trait));
  }

  choices() {
    const told = this.model.get("choices"), mode = this.model.get("mode");
    const group = formId();
    this.modes.replaceChildren(...(told.modes ?? []).map((one) => h("label", { class: "fnb-n-mode", "data-mode": one.key },
      h("input", { type: "radio", name: group, value: one.key, checked: one.key === mode, onchange: () => this.set("mode", one.key) }),
      h("span", {}, h("b", {}, one.key), h("span", {}, one.text), h("small", {}, `steps: ${one.steps}`)))));
    for (const kind of ["microscope", "camera"]) {
      const { input } = this.texts.get(kind);
      const names = told[kind] ?? [];
      input.replaceChildren(h("option", { value: "" }, names.length ? "none" : "none in your settings yet"), ...names.map((name) => h("option", { value: name }, name)));
      input.value = this.model.get(kind);
    }
  }

  put() {
    for (const [trait, { input, resting }] of this.texts) {
      const value = input && this.model.get(trait);
      if (input && !resting && input.value !== value) input.value = value; // unless somebody is typing in it
    }
  }

  checks() {
    for (const [trait, { input, wrong, note }] of this.texts) {
      const one = this.model.get("checks")[trait] ?? {};
      wrong.textContent = one.wrong ?? "";
      wrong.hidden = !one.wrong;
      note.textContent = one.note ?? "";
      note.hidden = !one.note;
      input?.setAttribute("aria-invalid", String(Boolean(one.wrong)));
    }
    this.tellWrong("");
    this.ready();
  }

  ready() {
    const wrong = Object.values(this.model.get("checks")).some((one) => one.wrong) || this.sheet.count.textContent.includes("wrong");
    this.making.disabled = wrong;
    this.making.title = wrong ? "Mend what is wrong first" : "";
  }

  create() {
    for (const [trait, { input, resting }] of this.texts) {
      clearTimeout(resting);
      if (input) this.set(trait, input.value);
    }
    for (const field of this.sheet.fields.values()) field.flush();
    this.tellWrong("");
    this.wire.ask("create");
  }

  tellWrong(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = !text;
  }

  problem(message) {
    if (message.of !== "create") return false;
    this.tellWrong(message.problem);
    return true;
  }

  finished() {
    const created = this.model.get("created"), facts = this.model.get("facts");
    this.form.hidden = Boolean(created);
    this.done.hidden = !created;
    this.name.textContent = facts.name ?? "";
    this.where.textContent = created;
    this.told.replaceChildren(`Mode ${facts.mode}; new images get the steps ${facts.steps}.${facts.watch ? ` Watched: ${facts.watch}.` : ""} Import and process with `, h("code", {}, facts.command ?? ""));
    this.code.textContent = this.model.get("line");
    if (created) this.again.focus({ preventScroll: true });
  }

  end() { this.ends.forEach((end) => end()); this.wire.end(); }
}

export default {
  render({ model, el }) {
    const page = new NewProjectPage(model, el);
    el.page = page;
    return () => page.end();
  },
};
