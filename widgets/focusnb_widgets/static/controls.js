// Controls made of parameters: one row each, a slider with its number, a switch, a choice or a text.

const STEPS = 500; // of a slider, from end to end

/**
 * One parameter. told: word, label, unit, type, help, low, high, log, choices, digits, automatic (it
 * may be without a value), whole. onChange(word, value): a value in the parameter's type, null for none.
 */
class Control {
  constructor(told, onChange) {
    Object.assign(this, { told, onChange, effective: null });
    const id = `fnb-${told.word}-${Math.random().toString(36).slice(2, 8)}`;
    this.id = id;
    const unit = told.unit && told.unit !== "1" ? ` (${told.unit})` : "";
    this.dot = h("button", { type: "button", class: "fnb-changed", hidden: true,
      title: "Differs from what new images get. Click: back to that.", "aria-label": `${told.label}: back to the project's value` });
    this.auto = told.automatic ? h("input", { type: "checkbox", id: `${id}-auto` }) : null;
    this.fields = this.build(id, `${told.label}${unit}`);
    this.problem = h("p", { class: "fnb-problem", id: `${id}-problem`, role: "alert", hidden: true });
    this.element = h("div", { class: `fnb-control fnb-control-${told.type}`, "data-word": told.word },
      h("div", { class: "fnb-control-head" },
        h("label", { for: id, title: told.help }, told.label, told.unit && told.unit !== "1" ? h("small", {}, ` ${told.unit}`) : null),
        this.dot,
        this.auto ? h("label", { class: "fnb-auto", for: `${id}-auto` }, this.auto, "auto") : null,
        told.type === "bool" ? this.fields : this.number ?? null),
      told.type === "bool" ? null : this.fields, this.problem);
    this.auto?.addEventListener("change", () =>
      this.onChange(told.word, this.auto.checked ? null : this.rounded(this.effective ?? this.start)));
    this.set(told.value ?? null);
  }

  build(id, label) {
    const { told } = this;
    if (told.type === "bool") {
      this.input = h("input", { type: "checkbox", role: "switch", id, class: "fnb-switch", title: told.help });
      this.input.addEventListener("change", () => this.onChange(told.word, this.input.checked));
      return this.input;
    }
    if (told.type === "choice") {
      this.input = h("select", { id, title: told.help }, told.choices.map(([key, text]) => h("option", { value: key }, text)));
      this.input.addEventListener("change", () => this.onChange(told.word, this.input.value));
      return this.input;
    }
    if (told.type === "float" || told.type === "int") return this.buildNumber(id, label);
    this.input = h("input", { type: "text", id, title: told.help, spellcheck: "false", placeholder: told.automatic ? "none" : "" });
    this.input.addEventListener("change", () => this.onChange(told.word, this.input.value.trim() || null));
    return this.input;
  }

  buildNumber(id, label) {
    const { told } = this;
    this.number = h("input", { type: "number", id, class: "fnb-number", step: "any", min: told.least, max: told.most, title: told.help });
    this.number.addEventListener("change", () => {
      const value = this.number.value === "" ? null : Number(this.number.value);
      if (value === null && !told.automatic) this.set(this.value);
      else this.onChange(told.word, value);
    });
    this.number.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      this.nudge(event.key === "ArrowUp" ? 1 : -1);
    });
    this.slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": label, title: told.help });
    this.slider.addEventListener("input", () => this.onChange(told.word, this.rounded(this.fromSlider(Number(this.slider.value)))));
    return this.slider;
  }

  /** Where a slider begins that had no value. */
  get start() { return this.told.default ?? this.told.start ?? this.told.low ?? 0; }

  /** The slider's ends, where they are not the parameter's own; start: where it begins. */
  setRange(low, high, start) {
    Object.assign(this.told, { low, high, start });
    this.show();
  }

  fromSlider(position) {
    const { low, high, log } = this.told;
    const t = position / STEPS;
    return log ? low * (high / low) ** t : low + t * (high - low);
  }

  toSlider(value) {
    const { low, high, log } = this.told;
    const t = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.round(Math.min(1, Math.max(0, t)) * STEPS);
  }

  rounded(value) {
    const { type, low, high, log } = this.told;
    if (type === "int") return Math.round(value);
    const fine = log ? value / 100 : (high - low) / STEPS;
    const unit = 10 ** Math.floor(Math.log10(Math.max(fine, 1e-9)));
    return Number((Math.round(value / unit) * unit).toPrecision(10));
  }

  /** One step up or down, from the value that holds. */
  nudge(direction, size = 1) {
    if (!this.slider) return;
    const value = this.value ?? this.effective ?? this.start;
    const { low, high, log, type } = this.told;
    const next = log ? value * 1.03 ** (direction * size) : value + direction * size * (high - low) / 150;
    const bounded = Math.min(this.told.most ?? Infinity, Math.max(this.told.least ?? -Infinity, next));
    this.onChange(this.told.word, type === "int" ? Math.round(value + direction * size) : this.rounded(bounded));
  }

  set(value) {
    this.value = value;
    this.show();
  }

  /** What holds where no value is set. */
  setEffective(value) {
    this.effective = value;
    this.show();
  }

  show() {
    const value = this.value;
    if (this.auto) this.auto.checked = value === null;
    this.element.classList.toggle("fnb-is-automatic", value === null && Boolean(this.auto));
    if (this.told.type === "bool") this.input.checked = Boolean(value);
    else if (this.slider) {
      const shown = value ?? this.effective;
      const known = shown !== null && shown !== undefined && Number.isFinite(shown);
      this.slider.value = known ? this.toSlider(shown) : 0;
      this.slider.style.setProperty("--at", `${(100 * Number(this.slider.value)) / STEPS}%`);
      this.slider.setAttribute("aria-valuetext", known ? `${this.written(shown)} ${this.told.unit === "1" ? "" : this.told.unit}`.trim() : "none");
      if (document.activeElement !== this.number || this.number.value === "" || Number(this.number.value) !== value) {
        this.number.value = known ? this.written(shown) : "";
      }
    } else this.input.value = value ?? "";
  }

  written(value) {
    const digits = this.told.type === "int" ? 0 : this.told.digits;
    return digits === null || digits === undefined ? String(Number(value.toPrecision(5)))
      : String(Number(value.toFixed(Math.max(digits, value < 10 ? 2 : digits))));
  }

  tellProblem(text) {
    this.problem.textContent = text ?? "";
    this.problem.hidden = !text;
    const field = this.number ?? this.input;
    field.toggleAttribute("aria-invalid", Boolean(text));
    field.setAttribute("aria-describedby", this.problem.id);
  }

  /** Whether it differs from what new images get; back: what a click on the mark does. */
  setChanged(changed, back) {
    this.dot.hidden = !changed;
    this.dot.onclick = back;
  }
}

/** A button of a row of which one is pressed. */
function choiceButton(text, pressed, onclick, attributes = {}) {
  return h("button", { type: "button", class: "fnb-choice", "aria-pressed": String(Boolean(pressed)), onclick, ...attributes }, text);
}

/** A button that switches something on and off. */
function toggle(text, on, onclick, attributes = {}) {
  const button = choiceButton(text, on, () => onclick(button.getAttribute("aria-pressed") !== "true"), attributes);
  return button;
}
