// What somebody tuned outlives a page that is loaded anew, as long as its tab is open.

const nameOf = (model) => `focusnb-tune ${model.get("facts").title} ${model.get("images").map((one) => one.name).join(" ")}`;

/** Keep the state of a page of our own; a notebook's kernel keeps it by itself. */
function keepState(tuner) {
  if (!tuner.own) return;
  const state = {
    values: tuner.values, setting_a: tuner.model.get("setting_a"),
    edits: tuner.sheets.map((sheet) => sheet.edits), manual: tuner.sheets.map((sheet) => sheet.manual),
  };
  try {
    sessionStorage.setItem(nameOf(tuner.model), JSON.stringify(state));
  } catch { /* a browser that keeps nothing */ }
}

/** Bring back what was kept, when a new kernel has just begun from the project's values. */
function restoreState(model) {
  if (document.documentElement.dataset.focusnb === undefined || !model.get("fresh")) return;
  try {
    const kept = JSON.parse(sessionStorage.getItem(nameOf(model)));
    if (!kept) return;
    for (const word of ["values", "setting_a", "edits", "manual"]) model.set(word, kept[word]);
    model.set("fresh", false);
    model.save_changes();
  } catch { /* what is there is not ours */ }
}
