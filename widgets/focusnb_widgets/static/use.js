// The card of what is done with a setting: each action with the Python line that does the same.

class Use {
  constructor(tuner) {
    this.tuner = tuner;
    this.rows = h("div", { class: "fnb-actions" });
    this.status = h("p", { class: "fnb-status", role: "status" });
    this.code = toggle("Python", false, (on) => {
      this.code.setAttribute("aria-pressed", String(on));
      this.element.classList.toggle("fnb-show-code", on);
    }, { title: "Show the lines of Python that do the same (p)" });
    this.element = card("use", ["Use", this.code], this.rows, this.status);
    this.update();
  }

  /** actions: word, text, line, help, enabled, scopes. */
  update() {
    const { actions } = this.tuner.model.get("lines");
    const told = JSON.stringify(actions);
    if (told === this.told) return;
    this.told = told;
    replaced(this.rows, (actions ?? []).map((one, i) => this.row(one, i)));
  }

  row(one, i) {
    const button = one.text ? h("button", { type: "button", class: `fnb-button${i === 0 ? " fnb-primary" : ""}`, disabled: !one.enabled,
      title: one.help, "data-action": one.word, onclick: () => this.act(one.word) }, one.text) : h("span", { class: "fnb-muted" }, one.help);
    return h("div", { class: "fnb-action" }, button, one.note ? h("small", {}, one.note) : null,
      h("div", { class: "fnb-code" }, h("code", {}, one.line),
        h("button", { type: "button", class: "fnb-choice", "aria-label": "Copy the line", onclick: (event) => copy(one.line, event.target) }, "Copy")));
  }

  act(word) {
    // What was typed last counts: the threshold is told late.
    this.tuner.sendValues();
    this.tell({ text: "…", level: "note" });
    this.tuner.model.send({ do: "action", name: word });
  }

  tell({ text, level }) {
    this.status.textContent = text;
    this.status.className = `fnb-status fnb-${level}`;
  }
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // pages that came without https have no clipboard
    const area = h("textarea", { style: "position: fixed; opacity: 0" }, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function useCard(tuner) {
  tuner.use = new Use(tuner);
  return tuner.use.element;
}
