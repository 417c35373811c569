// The groups at the left side: all, each one, the TRASH; on narrow pages a drop-down.

class LibraryTree {
  constructor(table) {
    this.table = table;
    this.groups = []; // [name, count]
    this.chosen = new Set(); // names; none: all but the TRASH
    this.list = h("ul", { class: "fnb-group-list" });
    this.drop = h("select", { class: "fnb-group-drop", "aria-label": "Group", onchange: () => this.only(this.drop.value) });
    this.fold = h("button", { type: "button", class: "fnb-choice fnb-fold", "aria-expanded": "true", title: "Hide or show the groups", "aria-label": "Hide or show the groups",
      onclick: () => {
        const folded = table.root.classList.toggle("fnb-folded");
        this.fold.setAttribute("aria-expanded", String(!folded));
        this.fold.textContent = folded ? "»" : "«";
      } }, "«");
    this.root = h("nav", { class: "fnb-groups", "aria-label": "Groups" },
      h("div", { class: "fnb-groups-head" }, h("h2", {}, "Groups"), this.fold), this.list, this.drop,
      h("div", { class: "fnb-groups-foot" },
        h("button", { type: "button", class: "fnb-choice", onclick: () => table.dialogs.newGroup() }, "+ New group…"),
        h("button", { type: "button", class: "fnb-choice fnb-rename", onclick: () => table.dialogs.renameGroup([...this.chosen][0]) }, "Rename…")));
  }

  get trash() { return this.table.trash; }

  /** Whether rows of a group are shown. */
  passes(group) { return this.chosen.size ? this.chosen.has(group) : group !== this.trash; }

  get title() { return this.chosen.size ? [...this.chosen].join(", ") : "all groups"; }

  take(groups) {
    this.groups = groups;
    const names = new Set(groups.map(([name]) => name));
    const left = [...this.chosen].filter((name) => names.has(name));
    const lost = left.length !== this.chosen.size;
    this.chosen = new Set(left);
    this.draw();
    if (lost) this.table.filtered();
    else this.table.showGroupColumn();
  }

  only(name) {
    this.chosen = new Set(name ? [name] : []);
    this.draw();
    this.table.filtered();
  }

  pick(name, event) {
    if (!name || !(event.ctrlKey || event.metaKey)) return this.only(name);
    if (!this.chosen.delete(name)) this.chosen.add(name);
    this.draw();
    return this.table.filtered();
  }

  draw() {
    const shown = this.groups.reduce((sum, [name, count]) => sum + (name === this.trash ? 0 : count), 0);
    const entries = [["", "All images", shown], ...this.groups.map(([name, count]) => [name, name, count])];
    const focused = document.activeElement?.closest?.("[data-entry]")?.dataset.entry;
    this.list.replaceChildren(...entries.map(([name, label, count]) => {
      const on = name ? this.chosen.has(name) : !this.chosen.size;
      return h("li", { class: name ? "fnb-leaf" : "fnb-stem" }, h("button", {
        type: "button", class: "fnb-choice", "aria-pressed": String(on), "data-entry": name, "data-group": name || null,
        title: name ? `Show ${name} only; with Ctrl: several groups. Drop chosen rows here to move them.` : `Show all images but those in the ${this.trash}`,
        onclick: (event) => this.pick(name, event),
        ondblclick: () => { if (name && name !== this.trash) this.table.dialogs.renameGroup(name); },
      }, h("span", { class: "fnb-group-name" }, h("i", { "aria-hidden": "true" }, name === this.trash ? "✕" : name ? "▸" : "▾"), label),
      h("b", {}, number(count))));
    }));
    if (focused !== undefined) this.list.querySelector(`[data-entry="${CSS.escape(focused)}"]`)?.focus();
    this.drop.replaceChildren(...entries.map(([name, label, count]) => h("option", { value: name }, `${label} (${number(count)})`)));
    this.drop.value = this.chosen.size === 1 ? [...this.chosen][0] : "";
    const one = this.chosen.size === 1 && !this.chosen.has(this.trash);
    this.root.querySelector(".fnb-rename").disabled = !one;
  }
}
