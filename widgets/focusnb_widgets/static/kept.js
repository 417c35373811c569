// What somebody tuned outlives a page that is loaded anew, as long as its tab is open.

const nameOf = (model) => `focusnb-tune ${model.get("facts").title} ${model.get("images").map((one) => one.name).join(" ")}`;

/** What the project holds of that which is tuned: the state is a change of it, and of nothing newer. */
function heldOf(model) {
  const saved = model.get("saved");
  return { values: model.get("base"), edits: saved.map((one) => one.edits), manual: saved.map((one) => one.marks) };
}

/** Keep the state of a page of our own; a notebook's kernel keeps it by itself. */
function keepState(tuner) {
  if (!tuner.own || !tuner.renewed) return; // what is kept of before is not brought back yet
  const state = {
    values: tuner.values, setting_a: tuner.model.get("setting_a"),
    edits: tuner.sheets.map((sheet) => sheet.edits), manual: tuner.sheets.map((sheet) => sheet.manual),
    held: heldOf(tuner.model),
  };
  try {
    sessionStorage.setItem(nameOf(tuner.model), JSON.stringify(state));
  } catch { /* a browser that keeps nothing */ }
}

/** Bring back what was kept, when a new kernel has just read what the project holds. */
function restoreState(model) {
  if (document.documentElement.dataset.focusnb === undefined || !model.get("fresh")) return;
  try {
    const kept = JSON.parse(sessionStorage.getItem(nameOf(model)));
    if (!kept) return;
    const held = heldOf(model);
    // What was changed in the project meanwhile is newer than what this page has kept.
    const values = Object.entries(model.get("values")).map(([word, value]) =>
      [word, same(held.values[word], kept.held.values[word]) ? kept.values[word] ?? null : value]);
    model.set("values", Object.fromEntries(values));
    for (const word of ["edits", "manual"]) if (same(held[word], kept.held[word])) model.set(word, kept[word]);
    model.set("setting_a", kept.setting_a);
    model.set("fresh", false);
    model.save_changes();
  } catch { /* what is there is not ours */ }
}
