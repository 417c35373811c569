// The list of rules: switch, condition, action; what they would do, what they did, and undo.

class RulesBoard {
  constructor(model, el) {
    Object.assign(this, { model, el });
    this.told = { rules: [], offered: [], words: [], groups: [], colours: [], comparisons: [], log: [] };
    this.would = {};
    this.code = codeLine(model);
    this.form = new RuleForm({ told: () => this.told, check: (message) => this.wire.ask("check", message),
      save: (message) => this.wire.ask("save", message), close: () => this.close() });
    this.form.element.hidden = true;
    this.offer = h("select", { "aria-label": "Add a rule", onchange: () => this.openOffer() });
    this.all = h("button", { type: "button", class: "fnb-choice", title: "Apply the rules that are on to all images", onclick: () => this.wire.ask("apply") }, "Apply all that are on");
    this.tools = h("div", { class: "fnb-bar-tools" }, h("h2", { class: "fnb-rules-title" }, "Rules"), h("span", { class: "fnb-group" }, this.offer, this.all), this.code.toggle);
    this.list = h("ul", { class: "fnb-rules-list" });
    this.empty = h("p", { class: "fnb-empty" }, "The rules are on their way…");
    this.log = h("ol", { class: "fnb-rules-log" });
    this.story = h("details", { class: "fnb-rules-story" }, h("summary", {}, "What rules did"), this.log);
    this.help = h("p", { class: "fnb-help-text" }, "A rule that is on is applied by a live session to each image once, when its numbers come or change. "
      + "Flags and moves by hand win. Everything a rule did can be undone.");
    el.append(this.tools, this.code.row, this.form.element, this.empty, this.list, this.help, this.story);
    this.wire = new Wire(model, el, {
      rules: (told) => this.take(told),
      would: (told) => { this.would[told.would] = told; this.tellWould(told.would); },
      checked: (told) => { this.form.checked(told); return true; },
      done: (told) => { if (told.of === "save") this.close(); },
      problem: (told) => this.refused(told),
    });
    this.tools.after(this.wire.line);
  }

  take(told) {
    const focus = this.focused();
    this.told = told;
    this.offer.replaceChildren(h("option", { value: "" }, "+ Rule…"), h("option", { value: "own" }, "an own one"),
      h("optgroup", { label: "limits of good" }, told.offered.map((rule, i) => h("option", { value: String(i) }, rule.name))));
    this.list.replaceChildren(...told.rules.map((rule) => this.row(rule)));
    this.empty.hidden = told.rules.length > 0;
    this.empty.textContent = "There are no rules; add one.";
    told.rules.forEach((rule) => this.tellWould(rule.name));
    this.all.disabled = !told.rules.some((rule) => rule.on);
    this.log.replaceChildren(...told.log.map((line) => h("li", {}, h("time", {}, localTime(line.time)),
      h("span", {}, line.name ? h("b", {}, line.name) : "", " ", line.message))));
    if (!told.log.length) this.log.append(h("li", {}, "Nothing yet."));
    this.el.dataset.count = String(told.rules.length);
    if (focus) [...this.list.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focus)?.focus();
  }

  /** Which control of the list has the keyboard, so that a new list gives it back. */
  focused() { return this.list.contains(this.list.getRootNode().activeElement) ? this.list.getRootNode().activeElement.dataset.key : null; }

  row(rule) {
    const ask = (name, more = {}) => () => this.wire.ask(name, { name: rule.name, ...more });
    const button = (key, text, act, more = {}) => h("button", { type: "button", class: "fnb-choice", "data-key": `${key} ${rule.name}`, onclick: act, ...more }, text);
    const wrong = Boolean(rule.problem);
    return h("li", { class: `fnb-rule${rule.on ? " fnb-rule-on" : ""}`, "data-name": rule.name },
      h("div", { class: "fnb-rule-row" },
        h("button", { type: "button", role: "switch", class: "fnb-rule-switch", "aria-checked": String(rule.on), "aria-label": `Rule ${rule.name}`,
          "data-key": `switch ${rule.name}`, disabled: wrong && !rule.on, onclick: ask("switch", { on: !rule.on }) }, h("i", { "aria-hidden": "true" }), rule.on ? "on" : "off"),
        h("b", { class: "fnb-rule-name" }, rule.name), h("span", { class: "fnb-rule-does" }, "if ", h("code", {}, this.words(rule)), ` → ${doesText(rule.does)}`)),
      wrong ? h("p", { class: "fnb-problem", role: "alert" }, rule.problem) : null,
      h("div", { class: "fnb-rule-row fnb-rule-foot" },
        h("span", { class: "fnb-rule-would", "aria-live": "polite" }, "…"),
        h("span", { class: "fnb-muted" }, [rule.changed ? `has changed ${number(rule.changed, 0)}` : "", rule.by_hand ? `${number(rule.by_hand, 0)} changed by hand since` : "",
          rule.undone ? `${number(rule.undone, 0)} brought back` : ""].filter(Boolean).join(" · ")),
        h("span", { class: "fnb-rule-tools" },
          button("apply", "Apply now", ask("apply"), { disabled: wrong }), button("choose", "Show", ask("choose"), { disabled: wrong, title: "Choose the images it would change" }),
          rule.changed ? button("undo", "Undo", ask("undo_rule"), { title: "Bring back the images that are as the rule left them" }) : null,
          rule.undone ? button("again", "Allow again", ask("again"), { title: "Let it act again on what was brought back" }) : null,
          button("edit", "Edit…", () => this.open(rule, rule.name)), button("remove", "Remove", ask("remove"), { class: "fnb-choice fnb-danger" }))));
  }

  /** A condition as people read it: labels and units where it is a simple one. */
  words(rule) {
    const word = rule.parts && this.told.words.find((one) => one.word === rule.parts[0]);
    if (!word) return rule.condition;
    const sign = { "<=": "≤", ">=": "≥", "==": "=", "!=": "≠" }[rule.parts[1]] ?? rule.parts[1];
    if (word.kind === "bool") return `${sign === "≠" ? "not " : ""}${word.label} ${sign === "≠" ? "=" : sign} ${rule.parts[2] ? "yes" : "no"}`;
    return `${word.label} ${sign} ${shownValue(rule.parts[2], word.factor)}${word.unit ? ` ${word.unit}` : ""}`;
  }

  tellWould(name) {
    const told = this.would[name];
    const row = [...this.list.children].find((one) => one.dataset.name === name);
    if (!told || !row) return;
    const line = row.querySelector(".fnb-rule-would");
    line.textContent = told.wrong ? "" : `would change ${number(told.count, 0)} of ${number(told.of, 0)} now`;
    line.classList.toggle("fnb-has", told.count > 0);
  }

  openOffer() {
    const { value } = this.offer;
    this.offer.value = "";
    if (value === "own") this.open(null);
    else if (value !== "") this.open(this.told.offered[Number(value)]);
  }

  open(rule, old = "") { this.form.open(rule, old); }

  close() {
    const was = !this.form.element.hidden;
    this.form.element.hidden = true;
    this.form.tell("");
    if (was) this.offer.focus();
  }

  refused({ problem, of }) {
    if (of !== "save" || this.form.element.hidden) return false;
    this.form.tell(problem);
    return true;
  }

  end() { this.code.end(); this.wire.end(); }
}

function localTime(seconds) {
  const date = new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60000); // its UTC is the viewer's time
  return date.toISOString().slice(0, 16).replace("T", " ");
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-rules");
  const board = new RulesBoard(model, el);
  el.board = board; // `part` is a word that HTML keeps for itself
  board.wire.ready();
  return () => board.end();
}

export default { render };
