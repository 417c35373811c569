// One's own settings: microscopes and cameras, programs with a test each, values for all projects.

class SettingsPage {
  constructor(model, el) {
    Object.assign(this, { model, ends: [], rows: new Map() });
    el.classList.add("fnb", "fnb-part", "fnb-forms", "fnb-settings-page");
    this.code = codeLine(model);
    const sheets = new Map();
    this.wire = new Wire(model, el, { ...sheetHandlers(sheets), problem: (message) => this.problem(message) });
    this.file = h("code", {});
    this.broken = h("p", { class: "fnb-alert", role: "alert", hidden: true });
    this.lists = Object.fromEntries([["microscope", "Microscopes"], ["camera", "Cameras"]].map(([kind, title]) => {
      const list = h("ul", { class: "fnb-s-presets" });
      const card = h("section", { class: "fnb-f-card", "data-kind": kind, "aria-label": title },
        h("div", { class: "fnb-s-head" }, h("h3", { class: "fnb-f-title" }, title),
          h("button", { type: "button", class: "fnb-button fnb-s-add", onclick: () => this.wire.ask("open", { kind }) }, `Add a ${kind}`)), list);
      return [kind, { card, list }];
    }));
    this.programs = new FormSheet(this.wire, "programs", { dress: (part) => this.dress(part) });
    sheets.set("programs", this.programs);
    this.user = new FormSheet(this.wire, "user", { told: () => this.narrow() });
    sheets.set("user", this.user);
    this.query = h("input", { type: "search", class: "fnb-f-search", placeholder: "Search all parameters", "aria-label": "Search your own values", oninput: () => this.narrow() });
    this.dialog(sheets);
    el.append(
      h("div", { class: "fnb-bar-tools" }, h("h2", { class: "fnb-f-heading" }, "Settings"),
        h("p", { class: "fnb-help-text fnb-f-whose" }, "Your own, for all projects. Kept in ", this.file),
        this.code.toggle),
      this.code.row, this.wire.line, this.broken,
      h("div", { class: "fnb-s-columns" }, this.lists.microscope.card, this.lists.camera.card),
      h("h3", { class: "fnb-f-title fnb-s-part" }, "Programs"),
      h("p", { class: "fnb-help-text" }, "Folders of programs that steps call; without one they are looked for on the PATH. Test looks for the program and starts it."),
      this.programs.element,
      h("h3", { class: "fnb-f-title fnb-s-part" }, "Your own values"),
      h("div", { class: "fnb-bar-tools" }, this.query, h("p", { class: "fnb-help-text" }, "They hold where a project says nothing.")),
      this.user.element, this.window);
    this.ends.push(
      follow(model, ["presets"], () => afterPress(() => this.presets())), follow(model, ["tests"], () => this.tests()),
      follow(model, ["editing"], () => this.editing()),
      follow(model, ["file", "broken"], () => {
        this.file.textContent = model.get("file");
        this.broken.textContent = model.get("broken");
        this.broken.hidden = !model.get("broken");
      }));
    this.wire.ready();
    watchVisible(this.wire, el);
  }

  narrow() {
    const words = this.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.user.search(words, "", words.length ? "all" : "own");
    if (!words.length && !this.user.found) this.user.nothing.textContent = "You have set nothing yet. Search for a parameter to set it for all your projects.";
  }

  // -- microscopes and cameras ---------------------------------------------------------------

  presets() {
    for (const [kind, { list }] of Object.entries(this.lists)) {
      const found = this.model.get("presets")[kind] ?? [];
      list.replaceChildren(...found.map((one) => this.preset(kind, one)));
      if (!found.length) list.append(h("li", { class: "fnb-help-text" }, kind === "microscope"
        ? "None yet. A microscope is a name with its high tension, Cs …" : "None yet. A camera is a name with its pixel size, gain, gain orientation …"));
    }
  }

  preset(kind, one) {
    const ask = (what) => this.wire.ask(what, { kind, name: one.name });
    const remove = h("button", { type: "button", class: "fnb-button fnb-danger", "aria-label": `Remove ${one.name}`, onclick: () => {
      if (remove.dataset.sure) { ask("remove"); return; }
      remove.dataset.sure = "1";
      remove.textContent = "Really remove?";
      setTimeout(() => { delete remove.dataset.sure; remove.textContent = "Remove"; }, 4000);
    } }, "Remove");
    return h("li", { class: "fnb-s-preset", "data-name": one.name },
      h("div", { class: "fnb-s-name" }, h("b", {}, one.name), one.used ? h("span", { class: "fnb-badge fnb-good" }, "✓ this project's values") : null),
      one.problem ? h("p", { class: "fnb-problem" }, one.problem)
        : h("p", { class: "fnb-help-text" }, one.values.map(([label, value]) => `${label} ${value}`).join(" · ")),
      h("div", { class: "fnb-s-buttons" },
        one.problem ? null : h("button", { type: "button", class: "fnb-button", onclick: () => ask("use"), "aria-label": `Use ${one.name} in this project`, disabled: one.used }, "Use in this project"),
        one.problem ? null : h("button", { type: "button", class: "fnb-button", onclick: () => ask("open"), "aria-label": `Edit ${one.name}` }, "Edit"), remove));
  }

  dialog(sheets) {
    this.name = h("input", { type: "text", id: formId(), spellcheck: "false", autocomplete: "off" });
    this.wrong = h("p", { class: "fnb-problem", role: "alert", hidden: true });
    this.title = h("h3", { class: "fnb-f-title" });
    this.more = h("select", { "aria-label": "Add a parameter", onchange: () => { if (this.more.value) this.wire.ask("more", { word: this.more.value }); } });
    this.sheet = new FormSheet(this.wire, "preset", { noBar: true, plain: true });
    sheets.set("preset", this.sheet);
    const keep = () => {
      for (const field of this.sheet.fields.values()) field.flush();
      this.tellWrong("");
      this.wire.ask("keep", { name: this.name.value });
    };
    this.window = h("dialog", { class: "fnb-dialog fnb-s-dialog", onclose: () => { if (this.model.get("editing").kind) this.wire.ask("close"); } },
      this.title,
      h("div", { class: "fnb-s-named" }, h("label", { class: "fnb-f-label", for: this.name.id }, "Name"), this.name,
        h("button", { type: "button", class: "fnb-button", onclick: () => this.wire.ask("from_project") }, "Take this project's values")),
      this.sheet.element, this.more, this.wrong,
      h("div", { class: "fnb-dialog-foot" },
        h("button", { type: "button", class: "fnb-button", onclick: () => this.window.close() }, "Cancel"),
        h("button", { type: "button", class: "fnb-button fnb-primary", onclick: keep }, "Keep")));
    this.name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); keep(); } });
  }

  editing() {
    const now = this.model.get("editing");
    if (!now.kind) { this.shown = ""; if (this.window.open) this.window.close(); return; }
    const which = `${now.kind} ${now.old}`;
    if (this.shown !== which || !this.window.open) this.name.value = now.old;
    this.shown = which;
    this.title.textContent = now.old ? `Edit the ${now.kind} ${now.old}` : `Add a ${now.kind}`;
    const groups = Map.groupBy ? Map.groupBy(now.others, (o) => o[2]) : new Map([["Parameters", now.others]]);
    this.more.replaceChildren(h("option", { value: "" }, "Add a parameter …"),
      ...[...groups].map(([subject, words]) => h("optgroup", { label: subject }, words.map(([word, label]) => h("option", { value: word }, label)))));
    this.tellWrong("");
    if (!this.window.open) { this.window.showModal(); this.name.focus(); }
  }

  tellWrong(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = !text;
  }

  problem(message) {
    if (!this.window.open || !["keep", "more", "edit"].includes(message.of)) return false;
    this.tellWrong(message.problem);
    return true;
  }

  // -- programs ------------------------------------------------------------------------------

  dress(part) {
    const own = this.model.get("programs").filter((one) => one.word === part.key);
    const rows = own.map((one) => {
      const out = h("p", { class: "fnb-s-out", role: "status", "aria-live": "polite" });
      const button = h("button", { type: "button", class: "fnb-button fnb-s-test", "aria-label": `Test ${one.name}`, onclick: () => {
        for (const field of this.programs.fields.values()) field.flush();
        this.wire.ask("test", { program: one.name });
      } }, "Test");
      this.rows.set(one.name, { out, button });
      const unseen = one.unseen.length ? h("span", { class: "fnb-badge", title: "No real output of it was ever at hand: the step is made from what is publicly known of the program" },
        one.unseen.length === one.steps.length ? "not yet seen running" : `${one.unseen.join(", ")}: not yet seen running`) : null;
      return h("div", { class: "fnb-s-program", "data-program": one.name },
        h("span", { class: "fnb-s-what" }, h("code", {}, one.name), h("small", {}, ` for ${one.steps.join(", ")}`), unseen), button, out);
    });
    part.title.hidden = true;
    part.element.classList.add("fnb-s-folder");
    part.element.append(h("div", { class: "fnb-s-programs" }, rows));
    this.tests();
  }

  tests() {
    const told = this.model.get("tests");
    for (const [name, { out, button }] of this.rows) {
      const one = told[name];
      button.disabled = one?.state === "running";
      button.textContent = one?.state === "running" ? "Testing …" : "Test";
      out.className = `fnb-s-out fnb-s-${one?.state ?? "none"}`;
      out.textContent = one ? `${{ good: "✓ ", bad: "✕ " }[one.state] ?? ""}${one.text}` : "";
    }
  }

  end() { this.code.end(); this.ends.forEach((end) => end()); this.wire.end(); }
}

export default {
  render({ model, el }) {
    const page = new SettingsPage(model, el);
    el.page = page;
    return () => page.end();
  },
};
