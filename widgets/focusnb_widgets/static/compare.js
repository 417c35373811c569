// The card that compares: the present setting with one that was remembered, and with what a hand marked.

function percent(v) { return Number.isFinite(v) ? `${(100 * v).toFixed(1)} %` : "–"; }

function legend(words) {
  return h("ul", { class: "fnb-legend" }, words.map(([kind, text]) => h("li", {}, markSample(kind), text)));
}

/** A table of one row an image and one of all; heads: texts; rows: [name, …numbers as text]. */
function numbersTable(heads, rows, label) {
  return h("table", { class: "fnb-table", "aria-label": label },
    h("thead", {}, h("tr", {}, heads.map((text, i) => h("th", { scope: "col", class: i ? "fnb-right" : null }, text)))),
    h("tbody", {}, rows.map((row, k) => h("tr", { class: k === rows.length - 1 && rows.length > 1 ? "fnb-sum" : null },
      row.map((text, i) => (i ? h("td", { class: "fnb-right" }, text) : h("th", { scope: "row", title: text }, text)))))));
}

/** What differs between two settings, in words: "Particle diameter 140 Å, Picker templates". */
function differences(tuner, values) {
  const told = [];
  for (const one of tuner.model.get("controls")) {
    const mine = values[one.word] ?? null;
    if (same(mine, tuner.values[one.word] ?? null)) continue;
    const unit = one.unit && one.unit !== "1" ? ` ${one.unit}` : "";
    const choice = one.choices?.find(([key]) => key === mine)?.[1];
    told.push(`${one.label} ${mine === null ? "automatic" : choice ?? (typeof mine === "boolean" ? (mine ? "on" : "off") : `${number(mine)}${unit}`)}`);
  }
  return told.join(", ");
}

class Compare {
  constructor(tuner) {
    this.tuner = tuner;
    this.modes = h("div", { class: "fnb-group", role: "group", "aria-label": "What circles tell" });
    this.body = h("div", { class: "fnb-compare-body" });
    this.element = card("compare", "Compare", this.modes, this.body);
  }

  get a() { return this.tuner.model.get("setting_a"); }

  /** Remember the present setting as A, and go on tuning. */
  remember() {
    const { tuner } = this;
    tuner.model.set("setting_a", { ...tuner.values });
    tuner.model.save_changes();
    tuner.setMode("a");
  }

  swap() {
    const { tuner } = this;
    if (!this.a) return;
    const back = { ...this.a };
    tuner.model.set("setting_a", { ...tuner.values });
    tuner.model.save_changes();
    tuner.setValues(back);
  }

  forget() {
    const { tuner } = this;
    tuner.model.set("setting_a", null);
    tuner.model.save_changes();
    for (const sheet of tuner.sheets) sheet.lose("a");
    tuner.setMode("score");
  }

  update() {
    const { tuner } = this;
    const known = { score: true, a: Boolean(this.a), manual: tuner.sheets.some((sheet) => sheet.manual.length) };
    if (!known[tuner.mode]) tuner.setMode("score");
    const told = JSON.stringify([tuner.mode, known, tuner.values, this.a, this.agreements(), tuner.best]);
    if (told === this.told) return;
    this.told = told;
    const texts = { score: "Scores", a: "Against A", manual: "Against hand" };
    const buttons = Object.entries(texts).map(([mode, text]) => choiceButton(text, tuner.mode === mode, () => tuner.setMode(mode), {
      disabled: !known[mode], "data-mode": mode,
    }));
    replaced(this.modes, buttons);
    replaced(this.body, { score: () => this.scores(), a: () => this.settings(), manual: () => this.marked() }[tuner.mode]());
  }

  agreements() {
    return ["a", "manual"].map((other) => this.tuner.sheets.map((sheet) => sheet.agreement(other)));
  }

  buttons() {
    const a = Boolean(this.a);
    return h("div", { class: "fnb-group fnb-ab" },
      h("button", { type: "button", class: "fnb-button", title: "Keep the present setting as A, to compare with (a)", onclick: () => this.remember() },
        a ? "Remember anew as A" : "Remember as A"),
      a ? h("button", { type: "button", class: "fnb-button", title: "Go back to A; what is now becomes A (b)", onclick: () => this.swap() }, "Swap A and now") : null,
      a ? h("button", { type: "button", class: "fnb-button", onclick: () => this.forget() }, "Forget A") : null);
  }

  scores() {
    return [h("p", { class: "fnb-muted" }, "Remember this setting as A and go on tuning: then you see which picks both find. "
      + "Or mark particles by hand, and see precision, recall and F1 as you tune."), this.buttons(), this.fromPicks()];
  }

  settings() {
    const { tuner } = this;
    const found = tuner.sheets.map((sheet) => sheet.agreement("a"));
    const row = (name, one) => [name, ...(one ? [one.hits, one.truth - one.hits, one.found - one.hits].map((n) => number(n, 0)) : ["…", "…", "…"])];
    const rows = tuner.sheets.map((sheet, i) => row(sheet.info.name, found[i]));
    if (rows.length > 1) rows.push(row("all", together(found)));
    const all = together(found);
    const differs = differences(tuner, this.a);
    return [
      h("p", { class: "fnb-muted" }, h("b", {}, "A"), differs ? `: ${differs}` : ": the same setting as now"),
      numbersTable(["", "both", "only A", "only now"], rows, "Agreement of A and now"),
      all ? h("p", { class: "fnb-agree" }, h("b", {}, percent(all.f1)), " agreement", h("small", {}, " of picks within half a diameter")) : null,
      legend([["common", "both"], ["there", "only A"], ["here", "only now"]]), this.buttons(),
    ];
  }

  marked() {
    const { tuner } = this;
    const found = tuner.sheets.map((sheet) => sheet.agreement("manual"));
    const row = (name, one) => [name, number(one.truth, 0), ...["precision", "recall", "f1"].map((word) => percent(one[word]).replace(" %", ""))];
    const rows = tuner.sheets.flatMap((sheet, i) => (found[i]
      ? [row(sheet.info.name, quality(found[i].hits, found[i].found, found[i].truth))] : []));
    if (rows.length > 1) rows.push(row("all", together(found)));
    const { best } = tuner;
    return [
      numbersTable(["in %", "marks", "precision", "recall", "F1"], rows, "Agreement with what was marked by hand"),
      best ? h("p", { class: "fnb-agree" }, "best F1 ", h("b", {}, percent(best.f1)), ` at threshold ${best.limit.toFixed(2)} `,
        h("button", { type: "button", class: "fnb-button", onclick: () => tuner.setValue(THRESHOLD, Math.round(best.limit * 1000) / 1000) }, "Take it")) : null,
      legend([["common", "found"], ["there", "missed"], ["here", "not by hand"]]),
      h("p", { class: "fnb-muted" }, "A pick counts as found within a quarter of a diameter. Images without marks are left out."), this.fromPicks(),
    ];
  }

  fromPicks() {
    const { tuner } = this;
    return h("div", { class: "fnb-group" }, h("button", { type: "button", class: "fnb-button",
      title: "Take the picks of the chosen image as marks, and mend them with the tool “By hand”",
      onclick: () => { tuner.setTool("manual"); tuner.editing.manualFromPicks(tuner.chosen); } }, "Start marks from picks"));
  }
}

/** Put children in place of others; what had the focus keeps it where it is still there. */
function replaced(parent, children) {
  const held = parent.contains(document.activeElement) ? document.activeElement.textContent : null;
  parent.replaceChildren(...children.filter(Boolean));
  if (held) [...parent.querySelectorAll("button")].find((b) => b.textContent === held)?.focus();
}

function compareCard(tuner) {
  tuner.compare = new Compare(tuner);
  return tuner.compare.element;
}
