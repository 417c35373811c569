// A form that stands alone: one sheet.

class FormPage {
  constructor(model, el) {
    this.root = h("div", { class: "fnb-f-alone" });
    this.heading = h("h2", { class: "fnb-f-heading" });
    this.whose = h("p", { class: "fnb-help-text fnb-f-whose" });
    const helps = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", onclick: () => {
      const on = helps.getAttribute("aria-pressed") === "false";
      helps.setAttribute("aria-pressed", String(on));
      this.sheet.helpAll(on);
    } }, "Help");
    this.code = codeLine(model);
    el.classList.add("fnb", "fnb-part", "fnb-forms");
    el.append(this.root);
    const sheets = new Map();
    this.wire = new Wire(model, el, sheetHandlers(sheets));
    this.sheet = new FormSheet(this.wire, "form", { told: (told) => this.tell(told, model) });
    sheets.set("form", this.sheet);
    this.root.append(h("div", { class: "fnb-bar-tools" }, this.heading, this.whose, h("span", { class: "fnb-group" }, helps, this.code.toggle)),
      this.code.row, this.wire.line, this.sheet.element);
    el.form = this;
    this.wire.ready();
    watchVisible(this.wire, el);
  }

  tell(told, model) {
    this.heading.textContent = model.get("title") || (told.sections.length === 1 ? told.sections[0].title : "Parameters");
    this.whose.textContent = told.writes ? told.title : `${told.title}; for the next batches only, nothing is written`;
    if (told.sections.length === 1) this.sheet.parts.forEach((part) => { part.title.hidden = true; });
  }

  end() { this.code.end(); this.wire.end(); }
}

export default {
  render({ model, el }) {
    const page = new FormPage(model, el);
    return () => page.end();
  },
};
