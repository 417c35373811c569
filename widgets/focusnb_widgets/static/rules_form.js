// The form of a rule: a parameter, a comparison and a value, or a condition that is written; and what it does.

const FLAG_SHAPES = { red: "▲", green: "●", blue: "■", gold: "★" };

const doesText = (does) => {
  const [action, target] = [does.slice(0, does.indexOf(":")), does.slice(does.indexOf(":") + 1)];
  return action === "flag" ? `flag ${FLAG_SHAPES[target] ?? ""} ${target}` : target === "TRASH" ? "move to TRASH" : `move to ${target}`;
};

class RuleForm {
  /** told(): what the panel was told last. check(form) asks for a preview; save(message); close(). */
  constructor({ told, check, save, close }) {
    Object.assign(this, { told, check, save, close });
    this.number = 0;
    const changed = () => this.changed();
    this.name = h("input", { type: "text", "aria-label": "Name of the rule", placeholder: "name", maxlength: "80" });
    this.word = h("select", { "aria-label": "Parameter", onchange: () => { this.wordChanged(); changed(); } });
    this.sign = h("select", { "aria-label": "Comparison", onchange: changed });
    this.value = h("input", { type: "text", inputmode: "decimal", "aria-label": "Value", oninput: changed });
    this.answer = h("select", { "aria-label": "Value", onchange: changed }, h("option", { value: "True" }, "yes"), h("option", { value: "False" }, "no"));
    this.unit = h("span", { class: "fnb-muted" });
    this.text = h("input", { type: "text", class: "fnb-rule-text", "aria-label": "Condition", spellcheck: "false", oninput: changed,
      placeholder: "e.g. ctf_resolution > 6 or iciness > 1.5" });
    this.parts = h("span", { class: "fnb-rule-parts" }, this.word, this.sign, this.value, this.answer, this.unit);
    this.written = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", title: "Write the condition as a selection",
      onclick: () => this.write(this.text.hidden) }, "Text");
    this.does = h("select", { "aria-label": "What the rule does", onchange: changed });
    this.problem = h("p", { class: "fnb-problem", id: `fnb-rule-problem-${RuleForm.count = (RuleForm.count ?? 0) + 1}`, role: "alert", hidden: true });
    for (const field of [this.value, this.text]) field.setAttribute("aria-describedby", this.problem.id);
    this.preview = h("span", { class: "fnb-muted", "aria-live": "polite" });
    this.button = h("button", { type: "submit", class: "fnb-button fnb-primary" }, "Add");
    this.element = h("form", { class: "fnb-rule-form", "aria-label": "Rule", onsubmit: (event) => { event.preventDefault(); this.save({ ...this.asked(), name: this.name.value, old: this.old }); },
      onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); this.close(); } } },
    h("div", { class: "fnb-rule-row" }, this.name, h("span", { class: "fnb-muted" }, "if"), this.parts, this.text, this.written,
      h("span", { class: "fnb-muted" }, "then"), this.does),
    this.problem,
    h("div", { class: "fnb-rule-row" }, this.button, h("button", { type: "button", class: "fnb-button", onclick: () => this.close() }, "Cancel"), this.preview));
  }

  /** Show a rule to be changed, an offer to be added, or nothing yet. */
  open(rule, old = "") {
    this.old = old;
    const { words, comparisons, groups, colours } = this.told();
    this.word.replaceChildren(...words.map((one) => h("option", { value: one.word }, wordLabel(one))));
    this.sign.replaceChildren(...comparisons.map((one) => h("option", { value: one }, { "<=": "≤", ">=": "≥", "==": "=", "!=": "≠" }[one] ?? one)));
    this.does.replaceChildren(h("optgroup", { label: "flag" }, colours.map((one) => h("option", { value: `flag:${one}` }, doesText(`flag:${one}`)))),
      h("optgroup", { label: "move" }, groups.map((one) => h("option", { value: `move:${one}` }, doesText(`move:${one}`)))));
    this.name.value = rule?.name ?? "";
    this.name.readOnly = Boolean(old);
    this.name.title = old ? "A rule keeps its name" : "";
    this.does.value = rule?.does ?? "flag:red";
    if (!this.does.value) { this.does.append(h("option", { value: rule.does }, doesText(rule.does))); this.does.value = rule.does; }
    const known = rule?.parts && words.some((one) => one.word === rule.parts[0]);
    this.word.value = known ? rule.parts[0] : words.some((one) => one.word === "ctf_resolution") ? "ctf_resolution" : words[0]?.word;
    this.sign.value = known ? rule.parts[1] : ">";
    this.wordChanged();
    if (known && this.kind === "bool") this.answer.value = rule.parts[2] ? "True" : "False";
    else this.value.value = known ? shownValue(rule.parts[2], this.chosen.factor) : "";
    this.text.value = rule?.condition ?? "";
    this.write(Boolean(rule && !known));
    this.button.textContent = old ? "Change" : "Add";
    this.element.hidden = false;
    this.element.scrollIntoView({ block: "nearest" });
    (old ? this.parts.hidden ? this.text : this.word : this.name).focus({ preventScroll: true });
    this.changed();
  }

  get chosen() { return this.told().words.find((one) => one.word === this.word.value) ?? { factor: 1, unit: "" }; }
  get kind() { return this.chosen.kind ?? "number"; }

  wordChanged() {
    const asks = this.kind === "bool";
    this.value.hidden = asks;
    this.answer.hidden = !asks;
    this.unit.textContent = this.chosen.unit ?? "";
    if (this.kind !== "number" && !["==", "!="].includes(this.sign.value)) this.sign.value = "==";
  }

  write(on) {
    if (on && !this.text.value.trim()) this.text.value = this.condition ?? "";
    this.text.hidden = !on;
    this.parts.hidden = on;
    this.written.setAttribute("aria-pressed", String(on));
    if (!this.element.hidden) this.changed();
  }

  asked() {
    const does = this.does.value;
    if (!this.text.hidden) return { condition: this.text.value, does };
    const typed_ = this.value.value.trim().replace(",", ".");
    const number_ = Number(typed_);
    const value = this.kind === "bool" ? this.answer.value : this.kind === "text" || !typed_ || !Number.isFinite(number_) ? this.value.value
      : Number((number_ / this.chosen.factor).toPrecision(12));
    return { word: this.word.value, comparison: this.sign.value, value, does };
  }

  changed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const asked = this.asked();
      if (!("condition" in asked ? asked.condition : String(asked.value)).trim()) { this.tell(""); this.preview.textContent = ""; return; }
      this.number += 1;
      this.check({ ...asked, old: this.old, number: this.number });
    }, 250);
  }

  checked({ checked, problem, text, condition }) {
    if (checked !== this.number || this.element.hidden) return;
    this.condition = condition;
    this.tell(problem);
    this.preview.textContent = problem ? "" : `${text}${this.text.hidden ? ` · ${condition}` : ""}`;
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    for (const field of [this.value, this.text]) field.setAttribute("aria-invalid", String(Boolean(problem)));
  }
}

const wordLabel = (word) => `${word.label}${word.unit ? ` (${word.unit})` : ""}`;
const shownValue = (value, factor) => (typeof value === "number" ? String(Number((value * factor).toPrecision(8))) : String(value));
