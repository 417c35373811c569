// Fields made of parameters: label, unit, help, and what is wrong with what was typed.

class ImportFields {
  /** words: those in sight; folded: those behind "More"; fields: what the kernel says of each. */
  constructor(fields, words, folded = []) {
    this.inputs = new Map();
    this.problems = new Map();
    const known = new Map(fields.map((one) => [one.word, one]));
    const make = (list) => list.map((word) => this.field(known.get(word)));
    this.element = h("div", { class: "fnb-imp-fields" }, make(words));
    if (folded.length) {
      this.more = h("details", { class: "fnb-imp-more" }, h("summary", {}, "More"), h("div", { class: "fnb-imp-fields" }, make(folded)));
      this.element = h("div", {}, this.element, this.more);
    }
  }

  field({ word, label, unit, type, choices, help, usual }) {
    const id = `fnbf${Math.random().toString(36).slice(2)}`;
    const as = usual ? `as in the project: ${usual}` : "as in the project";
    const list = type === "bool" ? [["yes", "yes"], ["no", "no"]] : choices;
    const input = list.length
      ? h("select", { id }, h("option", { value: "" }, as), list.map(([key, text]) => h("option", { value: key }, text)))
      : h("input", { id, type: "text", placeholder: word === "group" ? "as its name tells" : as, spellcheck: "false", autocomplete: "off",
        inputmode: type === "float" || type === "int" ? "decimal" : null });
    return this.line(word, input, label + (unit ? ` (${unit})` : ""), help);
  }

  line(word, input, label, help) {
    const id = input.id || `fnbf${Math.random().toString(36).slice(2)}`;
    input.id = id;
    const problem = h("p", { class: "fnb-problem", id: `${id}p`, role: "alert", hidden: true });
    input.setAttribute("aria-describedby", `${id}h ${id}p`);
    this.inputs.set(word, input);
    this.problems.set(word, problem);
    return h("div", { class: `fnb-imp-field fnb-imp-${word}` }, h("label", { for: id }, label), input, problem,
      h("p", { class: "fnb-help-text", id: `${id}h` }, help));
  }

  values() { return Object.fromEntries([...this.inputs].map(([word, input]) => [word, input.value])); }

  fill(values = {}) {
    for (const [word, input] of this.inputs) input.value = values[word] ?? "";
    this.tell({});
  }

  /** Show what is wrong beside its field; the first one gets the focus. */
  tell(errors) {
    let first = null;
    for (const [word, problem] of this.problems) {
      const text = errors[word] ?? "";
      problem.textContent = text;
      problem.hidden = !text;
      if (text) this.inputs.get(word).setAttribute("aria-invalid", "true");
      else this.inputs.get(word).removeAttribute("aria-invalid");
      if (text && this.more?.contains(problem)) this.more.open = true;
      if (text && !first) first = this.inputs.get(word);
    }
    first?.focus();
  }
}

/** A field for a path, with the folders that begin so. */
function folderInput(wire, attributes) {
  const list = h("datalist", { id: `fnbd${Math.random().toString(36).slice(2)}` });
  let waiting = 0;
  const input = h("input", { type: "text", spellcheck: "false", autocomplete: "off", list: list.id, ...attributes,
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(() => wire.ask("complete", { text: input.value }), 150); } });
  return { input, list, show: (folders) => list.replaceChildren(...folders.map((value) => h("option", { value }))) };
}

/** What an import would do, as the kernel found out. */
function previewBox(told) {
  const open = told.opened < told.new + told.refused.length ? ` (the first ${told.opened} were opened)` : "";
  const parts = [`${plural(told.new, "file")} would be imported${open}`];
  if (told.known) parts.push(`${told.known} known already`);
  if (told.growing) parts.push(`${told.growing} still being written`);
  if (told.refused.length) parts.push(`${told.refused.length} not understood`);
  const value = (one) => h("tr", {}, h("th", { scope: "row" }, one.label),
    h("td", {}, one.value === "" ? h("b", { class: "fnb-problem" }, "nobody tells it") : [h("b", {}, one.value), one.unit ? ` ${one.unit}` : ""]),
    h("td", {}, one.origin === "system" ? "by default" : one.origin ? `from the ${one.origin}` : "set it for the project", one.rival ? h("span", { class: "fnb-problem" }, ` – the file says ${one.rival}`) : ""));
  return h("div", { class: "fnb-imp-preview", role: "status" },
    h("p", {}, h("b", {}, parts.join(", ")), "."),
    told.names.length ? h("p", { class: "fnb-muted" }, told.names.join(", "), told.new > told.names.length ? " …" : "") : null,
    told.refused.length ? h("ul", { class: "fnb-imp-refused" }, told.refused.slice(0, 20).map(([name, why]) => h("li", {}, h("b", {}, name), " ", why))) : null,
    told.first ? [
      h("p", {}, "The first, ", h("b", {}, told.first), told.shape.length ? `: ${told.shape[0] === 1 ? "1 frame" : `${told.shape[0]} frames`} of ${told.shape[2]} × ${told.shape[1]} pixels` : "",
        `, would go into group ${told.group}.`),
      h("table", { class: "fnb-imp-values" }, h("tbody", {}, told.values.map(value))),
      told.notes.length ? h("ul", { class: "fnb-imp-notes" }, told.notes.map((note) => h("li", {}, note))) : null] : null);
}
