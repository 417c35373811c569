// The column chooser: which columns, in which order.

/** Open the chooser. choices: all columns that can be shown; table.specs are those that are. */
function chooseColumns(table, choices) {
  const known = new Map(choices.map((spec) => [spec.word, spec]));
  let shown = table.specs.map((spec) => spec.word).filter((word) => known.has(word));
  const search = h("input", { type: "search", placeholder: "search titles, words, help", "aria-label": "Search columns", autocomplete: "off" });
  const offered = h("div", { class: "fnb-offered" });
  const order = h("ol", { class: "fnb-order", "aria-label": "Shown columns, in order" });
  const only = h("input", { type: "checkbox", checked: true });
  const title = (spec) => `${spec.title}${spec.unit ? ` [${spec.unit}]` : ""}`;

  const move = (word, by) => {
    const at = shown.indexOf(word);
    const to = Math.max(0, Math.min(shown.length - 1, at + by));
    shown.splice(to, 0, ...shown.splice(at, 1));
    drawOrder();
    order.querySelector(`[data-word="${word}"] [data-by="${by}"]`)?.focus();
  };
  const drawOrder = () => {
    order.replaceChildren(...shown.map((word, k) => h("li", { "data-word": word }, h("span", {}, title(known.get(word))),
      h("button", { type: "button", class: "fnb-choice", "data-by": "-1", disabled: k === 0, "aria-label": `${title(known.get(word))}: further left`, onclick: () => move(word, -1) }, "↑"),
      h("button", { type: "button", class: "fnb-choice", "data-by": "1", disabled: k === shown.length - 1, "aria-label": `${title(known.get(word))}: further right`, onclick: () => move(word, 1) }, "↓"),
      h("button", { type: "button", class: "fnb-choice", "aria-label": `Hide ${title(known.get(word))}`, onclick: () => { shown = shown.filter((w) => w !== word); draw(); } }, "✕"))));
  };
  const draw = () => {
    drawOrder();
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (spec) => (shown.includes(spec.word) || !only.checked || spec.filled || wanted.length)
      && wanted.every((part) => `${spec.title} ${spec.word} ${spec.help}`.toLowerCase().includes(part));
    const found = choices.filter(fits);
    const subjects = [...new Set(found.map((spec) => spec.subject))];
    offered.replaceChildren(h("div", {}, subjects.map((subject) => h("fieldset", {}, h("legend", {}, subject.replaceAll("_", " ")),
      found.filter((spec) => spec.subject === subject).map((spec) => h("label", { title: `${spec.word}: ${spec.help}` },
        h("input", { type: "checkbox", "data-column": spec.word, checked: shown.includes(spec.word), onchange: (event) => {
          shown = event.target.checked ? [...shown, spec.word] : shown.filter((word) => word !== spec.word);
          drawOrder();
        } }), h("span", {}, spec.title, spec.unit ? h("small", {}, ` ${spec.unit}`) : null, spec.filled ? null : h("small", {}, " (no values yet)"))))))));
    if (!found.length) offered.replaceChildren(h("p", { class: "fnb-muted" }, "No column has these words."));
  };
  search.addEventListener("input", draw);
  only.addEventListener("change", draw);
  draw();
  const body = h("div", { class: "fnb-chooser" },
    h("div", { class: "fnb-chooser-left" }, search, h("label", { class: "fnb-only" }, only, " only what has values"), offered),
    h("div", {}, h("h3", {}, "Shown, from left to right"), order));
  const dialog = table.dialogs.open("Columns", body, () => {
    if (!shown.length) return "Show one column or more.";
    table.setColumns(shown.map((word) => known.get(word)));
    return true;
  }, "Show these");
  dialog.classList.add("fnb-wide");
  search.focus();
}
