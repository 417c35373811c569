// One field of a form: label, unit, a box by the parameter's type, where its value comes from, what is wrong.

let formNumber = 0;
const formKey = Math.random().toString(36).slice(2, 8); // several parts on one page count each for themselves

function formId() { return `fnb-f-${formKey}-${++formNumber}`; }

/** A small drawing: an arrow that turns back, or a lock. */
function formIcon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: "14", height: "14", fill: "none", stroke: "currentColor",
    "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", {
    back: "M3 4v3.5h3.5M3.4 7.2a5 5 0 1 1 .3 3",
    locked: "M4 7.5h8v5.5H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
    open: "M4 7.5h8v5.5H4zM5.5 7.5V5a2.5 2.5 0 0 1 4.8-1",
  }[name]);
  svg.append(path);
  return svg;
}

/** Let a box offer how a path may go on; gives the list that it offers, to be put beside it. */
function completing(input, ask) {
  const list = h("datalist", { id: formId() });
  input.setAttribute("list", list.id);
  let resting;
  const tell = () => { clearTimeout(resting); resting = setTimeout(() => ask(input.value), 120); };
  input.addEventListener("input", tell);
  input.addEventListener("focus", tell);
  return list;
}

function offerPaths(list, paths) { list?.replaceChildren(...paths.map((path) => h("option", { value: path }))); }

/**
 * told: what the kernel says of it. edit(word, value): people changed it; act(name, word, more): reset, lock.
 * Only the box that people are typing in keeps its text when the kernel tells the field anew.
 */
class FormField {
  constructor(told, edit, act) {
    Object.assign(this, { told, edit, act, asked: 0 }); // asked: changes that the kernel has not answered yet
    this.id = formId();
    this.box = this.build();
    this.mark = h("span", { class: "fnb-f-mark", title: "Changed here, not yet written", hidden: true }, "changed");
    this.origin = h("span", { class: "fnb-f-origin" });
    this.back = h("button", { type: "button", class: "fnb-f-act fnb-f-reset", onclick: () => act("reset", told.word) }, formIcon("back"));
    this.bolt = h("button", { type: "button", class: "fnb-f-act fnb-f-lock", onclick: () => act("lock", told.word, { on: !this.told.locked }) });
    this.ask = h("button", { type: "button", class: "fnb-f-act fnb-f-ask", "aria-expanded": "false", "aria-controls": `${this.id}-help`,
      "aria-label": `Help: ${told.label}`, title: [told.help, told.range].filter(Boolean).join("\n"),
      onclick: () => this.showHelp(this.help.hidden) }, "?");
    this.note = h("span", { class: "fnb-f-note", id: `${this.id}-note` });
    this.wrong = h("p", { class: "fnb-problem", id: `${this.id}-wrong`, role: "alert", hidden: true });
    this.help = h("p", { class: "fnb-help-text", id: `${this.id}-help`, hidden: true });
    const label = told.size > 1 ? h("span", { class: "fnb-f-label", id: `${this.id}-label` }) : h("label", { class: "fnb-f-label", for: this.id });
    label.append(told.label, told.unit ? h("small", {}, ` ${told.unit}`) : "");
    this.element = h("div", { class: `fnb-f fnb-f-${told.type}`, "data-word": told.word },
      h("div", { class: "fnb-f-head" }, label, this.mark, h("span", { class: "fnb-f-acts" }, this.ask, this.bolt, this.back)),
      h("div", { class: "fnb-f-row" }, this.box, this.list, this.note, this.origin), this.wrong, this.help);
    this.update(told);
  }

  build() {
    const { told } = this;
    const about = `${this.id}-wrong ${this.id}-note`;
    const change = (event, now) => this.changed(this.read(), now);
    if (told.type === "bool") {
      this.inputs = [h("input", { type: "checkbox", role: "switch", class: "fnb-switch", id: this.id, "aria-describedby": about, onchange: (e) => change(e, true) })];
      return this.inputs[0];
    }
    if (told.type === "choice") {
      this.inputs = [h("select", { id: this.id, "aria-describedby": about, onchange: (e) => change(e, true) })];
      return this.inputs[0];
    }
    const number = told.type === "float" || told.type === "int";
    this.inputs = [...Array(Math.max(1, told.size)).keys()].map((i) => h("input", {
      type: "text", id: told.size > 1 ? `${this.id}-${i + 1}` : this.id, spellcheck: "false", autocomplete: "off", autocapitalize: "off",
      inputmode: number ? "text" : null, "aria-describedby": about, "aria-label": told.size > 1 ? `${told.label}, number ${i + 1}` : null,
      class: number ? "fnb-f-number" : "fnb-f-text",
      oninput: (e) => change(e, false), onblur: (e) => { change(e, true); this.left(); },
    }));
    if (told.type === "path" || told.type === "folder") this.list = completing(this.inputs[0], (text) => this.act("paths", told.word, { text }));
    if (told.size === 1) return this.inputs[0];
    return h("div", { class: "fnb-f-vector", role: "group", "aria-labelledby": `${this.id}-label` }, this.inputs);
  }

  /** What stands in the boxes. */
  read() {
    if (this.told.type === "bool") return this.inputs[0].checked;
    return this.inputs.map((input) => input.value.trim()).join(" ").trim();
  }

  /** Something was typed: tell it, after a moment's rest or at once. */
  changed(value, atOnce) {
    if (this.last === value) return;
    clearTimeout(this.resting);
    this.unsaid = true;
    const say = () => { this.last = value; this.unsaid = false; this.asked += 1; this.edit(this.told.word, value); };
    if (atOnce) say(); else this.resting = setTimeout(say, 160);
  }

  /** Tell at once what was typed and not yet told. */
  flush() { if (this.unsaid) this.changed(this.read(), true); }

  /** The kernel's answer to a change. */
  said(message) {
    this.asked = Math.max(0, this.asked - 1);
    if (this.asked) return; // a later answer is on its way
    this.isChanged = message.is_changed;
    this.problem(message.wrong);
    this.tellNote(message.note);
    this.mark.hidden = !this.isChanged;
    this.element.classList.toggle("fnb-f-changed", this.isChanged);
    if (!this.isChanged && !this.has()) this.left();
  }

  has() { return this.inputs.some((input) => input.getRootNode().activeElement === input); }

  /** The box was left: where nothing was changed, the value that holds stands there. */
  left() { if (!this.isChanged && !this.unsaid && !this.asked && !this.wrong.textContent) this.put(this.told.value); }

  put(value) {
    const { told } = this;
    if (told.type === "bool") {
      this.inputs[0].checked = Boolean(value);
      this.inputs[0].indeterminate = told.several && told.typed === undefined;
    } else if (told.type === "choice") {
      this.inputs[0].value = value;
    } else if (told.size > 1) {
      const parts = String(value ?? "").split(/\s+/);
      this.inputs.forEach((input, i) => { input.value = parts[i] ?? ""; });
    } else this.inputs[0].value = value ?? "";
    this.last = this.read();
  }

  update(told) {
    this.told = told;
    const typed = told.typed !== undefined;
    if (told.type === "choice") {
      const options = told.choices.map(([key, text]) => h("option", { value: key }, text));
      if (told.several || !told.value) options.unshift(h("option", { value: "" }, told.several ? "several" : told.blank ? "not set" : "none"));
      this.inputs[0].replaceChildren(...options);
    }
    for (const input of this.inputs) {
      input.disabled = told.locked || Boolean(told.fixed);
      if (input.type === "text") input.placeholder = told.several ? "several values" : told.type === "folder" ? "on the PATH" : told.blank ? "not set" : "none";
    }
    if (!this.unsaid && !this.asked && !(this.has() && typed)) this.put(typed ? told.typed : told.value);
    this.isChanged = typed;
    this.mark.hidden = !typed;
    this.element.classList.toggle("fnb-f-changed", typed);
    this.element.classList.toggle("fnb-f-locked", told.locked);
    this.element.classList.toggle("fnb-f-own", told.own);
    this.origin.textContent = told.fixed ? "project only" : told.origin;
    this.origin.title = told.fixed || told.from;
    this.origin.classList.toggle("fnb-f-own-origin", told.own);
    this.origin.classList.toggle("fnb-f-default", told.origin === "default");
    this.back.hidden = !told.own || !this.writes || told.locked;
    this.back.title = `Remove the value here; back to ${told.below}`;
    this.back.setAttribute("aria-label", `${told.label}: back to ${told.below}`);
    this.bolt.hidden = !this.writes || Boolean(told.fixed);
    this.bolt.replaceChildren(formIcon(told.locked ? "locked" : "open"));
    this.bolt.setAttribute("aria-pressed", String(told.locked));
    this.bolt.setAttribute("aria-label", `${told.label}: ${told.locked ? "locked; unlock" : "lock"}`);
    this.bolt.title = told.locked ? "Locked: steps and people leave it alone. Click to unlock" : "Lock: steps and people leave this value alone";
    this.help.replaceChildren([told.help, told.range && `Allowed: ${told.range}.`, told.own && `Without the value here: ${told.below}.`, told.fixed && `It has ${told.fixed}.`].filter(Boolean).join(" "),
      " ", h("code", {}, told.word));
    this.problem(told.wrong ?? "");
    this.tellNote(told.note);
  }

  problem(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = !text;
    for (const input of this.inputs) input.setAttribute("aria-invalid", String(Boolean(text)));
  }

  tellNote(note) {
    this.note.textContent = note?.text ?? "";
    this.note.classList.toggle("fnb-f-missing", Boolean(note?.missing));
  }

  showHelp(on) {
    this.help.hidden = !on;
    this.ask.setAttribute("aria-expanded", String(on));
  }

  /** Whether the words of a search are all in it. */
  fits(words) {
    const text = `${this.told.label} ${this.told.word} ${this.told.help} ${this.told.unit} ${this.told.choices.flat().join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }
}
