// The project's parameters: search, subjects, whose values they are.

class ParameterPage {
  constructor(model, el) {
    Object.assign(this, { model, ends: [] });
    el.classList.add("fnb", "fnb-part", "fnb-forms", "fnb-parameters");
    this.code = codeLine(model);
    this.scopes = [["project", "Project"], ["group", "Group"], ["images", "Chosen images"]].map(([key, text]) =>
      h("button", { type: "button", class: "fnb-choice", "data-scope": key, onclick: () => this.set("scope", key) }, text));
    this.group = h("select", { "aria-label": "Group", onchange: () => this.set("group", this.group.value) });
    this.query = h("input", { type: "search", class: "fnb-f-search", placeholder: "Search: label, word, help", "aria-label": "Search parameters", spellcheck: "false",
      oninput: () => this.set("query", this.query.value) });
    this.only = h("select", { "aria-label": "Which parameters", onchange: () => this.narrow() },
      [["all", "All"], ["own", "Set here"], ["changed", "Not the default"]].map(([key, text]) => h("option", { value: key }, text)));
    const helps = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", title: "Show what each parameter means", onclick: () => {
      const on = helps.getAttribute("aria-pressed") === "false";
      helps.setAttribute("aria-pressed", String(on));
      this.sheet.helpAll(on);
    } }, "Help");
    this.nav = h("nav", { class: "fnb-f-nav", "aria-label": "Subjects" });
    this.made = h("section", { class: "fnb-f-section fnb-f-made", hidden: true, "aria-label": "What steps find out" });
    this.nobody = h("p", { class: "fnb-empty", hidden: true });
    const sheets = new Map();
    this.wire = new Wire(model, el, sheetHandlers(sheets));
    this.sheet = new FormSheet(this.wire, "form", { told: () => this.narrow(), changed: () => this.subjects() });
    sheets.set("form", this.sheet);
    const bar = h("div", { class: "fnb-bar-tools" },
      h("span", { class: "fnb-group", role: "group", "aria-label": "Whose values" }, this.scopes), this.group, this.query, this.only,
      h("span", { class: "fnb-group" }, helps, this.code.toggle));
    this.main = h("div", { class: "fnb-f-main" }, this.nobody, this.sheet.element, this.made);
    this.unwritten = h("div", { role: "status" });
    el.append(bar, this.code.row, this.wire.line, this.unwritten, h("div", { class: "fnb-f-sides" }, this.nav, this.main));
    el.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
      event.preventDefault();
      this.query.focus();
    });
    this.ends.push(
      follow(model, ["scope", "group", "groups", "chosen", "nobody"], () => this.scope()),
      follow(model, ["unwritten"], () => this.elsewhere()),
      follow(model, ["query", "subject", "found_out"], () => this.narrow()));
    this.wire.ready();
    watchVisible(this.wire, el);
  }

  set(trait, value) { this.model.set(trait, value); this.model.save_changes(); }

  /** Changes that wait to be written where one does not look now: they are kept, and this leads back to them. */
  elsewhere() {
    this.unwritten.replaceChildren(...this.model.get("unwritten").map(({ scope, group, text }) => h("p", { class: "fnb-f-unwritten" }, `${text}. `,
      h("button", { type: "button", class: "fnb-button", onclick: () => { if (group) this.model.set("group", group); this.set("scope", scope); } }, "Go back to them"))));
  }

  scope() {
    const scope = this.model.get("scope"), groups = this.model.get("groups"), chosen = this.model.get("chosen");
    for (const button of this.scopes) button.setAttribute("aria-pressed", String(button.dataset.scope === scope));
    this.scopes[2].textContent = `Chosen images: ${chosen}`;
    this.group.replaceChildren(...groups.map((name) => h("option", { value: name }, name)));
    this.group.value = this.model.get("group");
    this.group.hidden = scope !== "group";
    const nobody = this.model.get("nobody");
    this.nobody.textContent = nobody;
    this.nobody.hidden = !nobody;
    this.sheet.element.hidden = this.nav.hidden = Boolean(nobody);
  }

  narrow() {
    if (!this.sheet) return;
    const query = this.model.get("query"), subject = this.model.get("subject");
    if (this.query.value !== query) this.query.value = query;
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.sheet.search(words, subject, this.only.value);
    this.subjects();
    const made = words.length === 0 ? [] : this.model.get("found_out").filter((one) =>
      words.every((word) => `${one.label} ${one.word} ${one.help} ${one.unit}`.toLowerCase().includes(word)));
    this.made.hidden = made.length === 0;
    if (made.length && !this.sheet.found) this.sheet.nothing.hidden = true;
    this.made.replaceChildren(h("h3", { class: "fnb-f-title" }, "What steps find out"), h("ul", { class: "fnb-f-words" }, made.slice(0, 60).map((one) =>
      h("li", {}, h("b", {}, one.label), one.unit ? h("small", {}, ` ${one.unit}`) : null, " ", h("code", {}, one.word),
        h("p", { class: "fnb-help-text" }, [one.help, one.steps.length ? `Made by ${one.steps.join(", ")}.` : ""].join(" "))))));
  }

  subjects() {
    const now = this.model.get("subject");
    const one = (key, title, own) => h("button", { type: "button", class: "fnb-choice", "data-subject": key, "aria-pressed": String(key === now),
      onclick: () => this.set("subject", key) }, h("span", {}, title), own ? h("small", { title: `${own} set here` }, String(own)) : null);
    const own = (part) => part.fields.filter((f) => f.told.own || f.isChanged).length;
    const had = this.nav.contains(this.nav.getRootNode().activeElement);
    this.nav.replaceChildren(one("", "All subjects", 0), ...this.sheet.parts.map((part) => one(part.key, part.title.textContent, own(part))));
    if (had) this.nav.querySelector("[aria-pressed=true]")?.focus();
  }

  end() { this.code.end(); this.ends.forEach((end) => end()); this.wire.end(); }
}

export default {
  render({ model, el }) {
    const page = new ParameterPage(model, el);
    el.page = page;
    return () => page.end();
  },
};
