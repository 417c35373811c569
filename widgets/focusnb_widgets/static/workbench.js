// The workbench: a head, tabs, and the parts of the tab that is open. Parts are views of their own models.

/** What the head tells of the project, in words. */
function factsOf(facts) {
  const some = (n, word) => `${number(n, 0)} ${word}${n === 1 ? "" : "s"}`;
  const told = [facts.mode, `${some(facts.images, "image")} in ${some(facts.groups, "group")}`];
  if (facts.trash) told.push(`${number(facts.trash, 0)} in the TRASH`);
  const { running, waiting, failed } = facts.queue ?? {};
  if (running || waiting) told.push(`${number(running, 0)} running, ${number(waiting, 0)} waiting`);
  if (failed) told.push(`${number(failed, 0)} failed`);
  if (facts.paused) told.push("queue paused");
  return told;
}

class WorkbenchView {
  constructor(model, root) {
    Object.assign(this, { model, root, views: new Map() });
    this.wire = new Wire(model, root);
    this.title = h("h1", {});
    this.told = h("p", { class: "fnb-muted fnb-workbench-facts" });
    this.code = codeLine(model);
    this.undo = h("button", { type: "button", class: "fnb-choice fnb-workbench-undo", onclick: () => this.wire.ask("undo") }, "Undo");
    this.tabs = h("div", { class: "fnb-workbench-tabs", role: "tablist", "aria-label": "Parts of the workbench",
      onkeydown: (event) => this.walk(event) },
    model.get("tabs").map(({ name, label }) => h("button", { type: "button", role: "tab", class: "fnb-workbench-tab", "data-tab": name,
      id: `fnb-tab-${name}`, onclick: () => this.open(name) }, label)));
    this.stage = h("div", { class: "fnb-workbench-stage", role: "tabpanel" });
    root.append(h("header", { class: "fnb-workbench-head" },
      h("div", { class: "fnb-workbench-title" }, this.title, this.told),
      h("div", { class: "fnb-workbench-tools" }, this.undo, this.code.toggle)),
    this.code.row, this.wire.line, this.tabs, this.stage);
    this.ends = [this.code.end,
      follow(model, ["facts"], () => this.tell()),
      follow(model, ["undoable"], () => this.tellUndo()),
      follow(model, ["tab", "parts"], () => this.show())];
    this.wire.ready();
  }

  tell() {
    const facts = this.model.get("facts");
    if (!facts.name) return;
    this.title.textContent = facts.name;
    this.title.title = facts.root;
    this.told.replaceChildren(...factsOf(facts).map((text) => h("span", {}, text)));
    if (document.documentElement.dataset.focusnb !== undefined) document.title = `${facts.name} · focusnb`;
  }

  tellUndo() {
    const [last] = this.model.get("undoable");
    this.undo.disabled = !last;
    this.undo.title = last ? `Undo: ${last}` : "Nothing was done in this window that can be undone";
    this.undo.setAttribute("aria-label", this.undo.title);
  }

  open(name) {
    this.model.set("tab", name); // shown at once; its parts come when the kernel has made them
    this.model.save_changes();
  }

  mark(name) {
    for (const tab of this.tabs.children) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
  }

  walk(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const all = [...this.tabs.children];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
    event.preventDefault();
  }

  /** Show the parts of the open tab; each is made once and then only hidden. */
  show() {
    const name = this.model.get("tab");
    this.mark(name);
    this.stage.dataset.tab = name;
    this.stage.setAttribute("aria-labelledby", `fnb-tab-${name}`);
    const wanted = this.model.get("tabs").find((tab) => tab.name === name)?.parts ?? [];
    const known = this.model.get("parts");
    for (const part of wanted) {
      if (!this.views.has(part) && known[part]) this.views.set(part, this.make(part, known[part]));
    }
    for (const place of this.stage.children) place.hidden = !wanted.includes(place.dataset.part);
  }

  async make(part, reference) {
    const place = h("section", { class: "fnb-workbench-part", "data-part": part });
    this.stage.append(place);
    try {
      const manager = this.model.widget_manager;
      const child = await manager.get_model(reference.replace(/^IPY_MODEL_/, ""));
      const view = await manager.create_view(child);
      place.append(view.el);
      return view;
    } catch (error) {
      place.append(h("p", { class: "fnb-alert", role: "alert" }, `This part cannot be shown: ${error.message ?? error}`));
      return null;
    }
  }

  destroy() {
    this.ends.forEach((end) => end());
    this.wire.end();
    for (const made of this.views.values()) made.then((view) => view?.remove());
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-workbench");
  const view = new WorkbenchView(model, el);
  el.workbench = view;
  return () => view.destroy();
}

export default { render };
