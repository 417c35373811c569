// Questions that the library table asks in dialogs, and its menus.

const TABLE_KEYS = [
  ["Choose", [
    ["↑ ↓", "previous, next image; with Shift more and more, with Ctrl only look"],
    ["PgUp PgDn", "a page up, down"],
    ["Home End", "first, last image"],
    ["Space", "choose the current one, or not"],
    ["Ctrl+A", "all that are shown"],
    ["Ctrl+Shift+A", "none"],
    ["Ctrl+I", "the others"],
    ["Mouse", "click, drag over rows; Shift: up to here; Ctrl: one more or less"],
  ]],
  ["Flag, move", [
    ["n r g b o", "flag none, red, green, blue, gold"],
    ["t Del", "to the TRASH"],
    ["u", "bring back from the TRASH"],
    ["m", "move to a group"],
    ["c", "comment"],
    ["Ctrl+Z", "undo"],
  ]],
  ["Open", [["Enter", "viewer; a double click does the same"], ["p", "page of the image"], ["x", "process with steps"]]],
  ["Table", [
    ["/", "choose by a selection"],
    ["f", "filter by name"],
    ["k", "columns"],
    ["← →", "scroll sideways"],
    ["Esc", "from a field back to the rows; removes its filter"],
    ["?", "this list"],
  ]],
];

class LibraryDialogs {
  constructor(table) { this.table = table; }

  /** Open a dialog; content is made of `body`, `yes` is what its main button does (false keeps it open). */
  open(title, body, yes, label = "OK", { danger = false } = {}) {
    const problem = h("p", { class: "fnb-problem", role: "alert" });
    const form = h("form", { method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      const told = yes?.();
      if (typeof told === "string") problem.textContent = told;
      else if (told !== false) dialog.close();
    } }, h("h2", {}, title), body, problem, h("div", { class: "fnb-dialog-foot" },
      h("button", { type: "button", class: "fnb-button", onclick: () => dialog.close() }, yes ? "Cancel" : "Close"),
      yes ? h("button", { type: "submit", class: `fnb-button fnb-primary${danger ? " fnb-danger" : ""}` }, label) : null));
    const dialog = h("dialog", { class: "fnb-dialog fnb-library-dialog", "aria-label": title,
      onclick: (event) => { if (event.target === dialog) dialog.close(); },
      onclose: () => { dialog.remove(); if (this.now === dialog) this.now = null; this.table.focus(); } }, form);
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.table.root.append(dialog);
    dialog.showModal();
    this.now = dialog;
    dialog.querySelector("[autofocus], input, textarea, select")?.focus();
    return dialog;
  }

  /** A field with its label. */
  field(label, input, help = "") {
    return h("label", { class: "fnb-field" }, h("span", {}, label), input, help ? h("small", {}, help) : null);
  }

  chosenText() {
    const { size } = this.table.choice.set;
    return `${number(size)} image${size === 1 ? "" : "s"}`;
  }

  /** Whether images are chosen; says so if none are. */
  some() {
    if (this.table.choice.set.size) return true;
    this.table.wire.tell("No image is chosen: click a row first, or drag over several.", "error");
    return false;
  }

  help() {
    this.open("Keys", h("div", { class: "fnb-help-groups" }, TABLE_KEYS.map(([title, rows]) => h("section", {}, h("h3", {}, title),
      h("dl", {}, rows.map(([keys, text]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, text))))))));
  }

  newGroup() {
    const input = h("input", { type: "text", required: true, maxlength: "100", autocomplete: "off" });
    this.open("New group", this.field("Name", input, "Letters, digits and _ . + -"), () => this.table.act("make_group", { name: input.value }, false), "Make it");
  }

  renameGroup(old) {
    if (!old) return;
    const input = h("input", { type: "text", required: true, maxlength: "100", autocomplete: "off", value: old });
    this.open(`Another name for ${old}`, this.field("Name", input, "The folder gets this name too."),
      () => this.table.act("rename_group", { old, name: input.value }, false), "Rename");
    input.select();
  }

  comment() {
    if (!this.some()) return;
    const ids = [...this.table.choice.set];
    const { store } = this.table;
    const texts = new Set(ids.map((id) => store.text("comment", store.index.get(id) ?? -1)));
    const several = texts.size > 1;
    const input = h("textarea", { rows: "3", cols: "46", maxlength: "2000" });
    if (!several) input.value = [...texts][0];
    const knowing = h("input", { type: "checkbox" });
    const given = [...texts].filter(Boolean);
    const now = given.slice(0, 4).map((text) => `“${text.length > 60 ? `${text.slice(0, 60)}…` : text}”`);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      input.form.requestSubmit();
    });
    const body = [this.field("Comment", input, "Empty removes it. Shift+Enter: a new line.")];
    if (several) {
      body.push(h("p", {}, `These images have different comments: ${now.join(", ")}${given.length > 4 ? ", …" : ""}${texts.has("") ? "; some have none" : ""}.`),
        h("label", {}, knowing, " put this one in their place"));
    }
    this.open(`Comment on ${this.chosenText()}`, h("div", {}, body), () => {
      if (several && !knowing.checked) return "Tick that this comment may take the place of the others, or cancel.";
      return this.table.act("comment", { text: input.value });
    }, "Keep");
  }

  copy() {
    if (!this.some()) return;
    const input = h("input", { type: "text", required: true, size: "46", autocomplete: "off", placeholder: "/data/other-project" });
    this.open(`Copy ${this.chosenText()} to another project`, this.field("Folder of the project", input, "Files and results are copied, into groups of the same names."),
      () => this.table.act("copy", { place: input.value }), "Copy");
  }

  process() {
    if (!this.some()) return;
    this.table.wire.ask("steps");
  }

  processWith(steps, workflow) {
    const ticks = new Map();
    const categories = [...new Set(steps.map((step) => step.category))];
    const body = h("div", {},
      h("div", { class: "fnb-steps" }, h("div", {}, categories.map((category) => h("fieldset", {}, h("legend", {}, category),
        steps.filter((step) => step.category === category).map((step) => {
          const box = h("input", { type: "checkbox", checked: workflow.includes(step.name) });
          ticks.set(step.name, box);
          return h("label", { title: step.help || step.title }, box, h("span", {}, step.title, " ", h("small", {}, step.name)));
        }))))),
      h("p", { class: "fnb-muted" }, "Ticked is the project's workflow. The order follows from what they need."));
    const [top, force] = [h("input", { type: "checkbox" }), h("input", { type: "checkbox" })];
    body.append(h("div", { class: "fnb-ways" }, h("label", {}, top, " before all others"), h("label", {}, force, " even where everything is up to date")));
    this.open(`Process ${this.chosenText()}`, body, () => {
      const names = [...ticks].filter(([, box]) => box.checked).map(([name]) => name);
      if (!names.length) return "Tick one step or more.";
      const ordered = workflow.length === names.length && workflow.every((name) => names.includes(name)) ? workflow : names;
      return this.table.act("process", { steps: ordered, top: top.checked, force: force.checked });
    }, "Process");
  }

  lists() {
    const { table } = this;
    const name = h("input", { type: "text", maxlength: "80", autocomplete: "off", placeholder: "name of the list", "aria-label": "Name of the list" });
    const file = h("input", { type: "file", accept: ".txt,.dat,text/plain", hidden: true, onchange: async () => {
      const bytes = new Uint8Array(await file.files[0].arrayBuffer());
      table.act("read_list", {}, false, [bytes.buffer]);
      dialog.close();
    } });
    const kept = h("ul", { class: "fnb-lists" });
    const draw = () => {
      const names = Object.entries(table.lists);
      kept.replaceChildren(...names.map(([key, count]) => h("li", {},
        h("button", { type: "button", class: "fnb-choice", title: "Choose these images", onclick: () => { table.act("load_list", { name: key }, false); dialog.close(); } }, key, h("small", {}, ` ${number(count)}`)),
        h("button", { type: "button", class: "fnb-choice", "aria-label": `Forget the list ${key}`, title: "Forget this list; its images stay as they are", onclick: () => table.act("delete_list", { name: key }, false) }, "✕"))));
      if (!names.length) kept.replaceChildren(h("li", { class: "fnb-muted" }, "No list is kept yet."));
    };
    table.listsDrawn = draw;
    const dialog = this.open("Lists of images", h("div", { class: "fnb-lists-body" }, kept,
      h("div", { class: "fnb-row" }, name, h("button", { type: "button", class: "fnb-button", onclick: () => {
        if (name.value.trim()) table.act("save_list", { name: name.value });
        name.value = "";
      } }, `Keep the chosen ${number(table.choice.set.size)}`)),
      h("div", { class: "fnb-row" },
        h("button", { type: "button", class: "fnb-button", onclick: () => table.act("write_list") }, "Save the chosen as text file"),
        h("button", { type: "button", class: "fnb-button", onclick: () => file.click() }, "Open a text file…"), file),
      h("p", { class: "fnb-muted" }, "A text file has a line GROUP/NUMBER for each image.")));
    draw();
  }

  /** A menu below a button: items [label, act, hint]. */
  menu(button, items) {
    this.closeMenu?.();
    const box = button.getBoundingClientRect?.() ?? button;
    const own = this.table.root.getBoundingClientRect();
    const menu = h("div", { class: "fnb-menu", role: "menu" }, items.map(([label, act, hint]) => h("button", {
      type: "button", role: "menuitem", title: hint ?? null, onclick: () => { close(); act(); },
    }, label)));
    const outside = (event) => { if (!menu.contains(event.target) && !(button.contains?.(event.target))) close(); };
    const close = () => {
      menu.remove();
      document.removeEventListener("mousedown", outside, true);
      this.closeMenu = null;
      if (this.table.root.contains(button)) button.focus?.();
    };
    menu.addEventListener("keydown", (event) => {
      const all = [...menu.children];
      const at = all.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to !== undefined) all[(to + all.length) % all.length].focus();
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.table.root.append(menu);
    menu.style.top = `${box.bottom - own.top + 3}px`;
    menu.style.left = `${Math.max(4, Math.min(box.left - own.left, own.width - menu.offsetWidth - 6))}px`;
    document.addEventListener("mousedown", outside, true);
    this.closeMenu = close;
    menu.firstElementChild?.focus();
  }

  moveMenu(button) {
    if (!this.some()) return;
    const { table } = this;
    const names = table.tree.groups.map(([name]) => name).filter((name) => name !== table.trash);
    this.menu(button, [
      ...names.map((name) => [name, () => table.act("move", { group: name })]),
      ["A new group…", () => this.moveToNew()],
    ]);
  }

  moveToNew() {
    const input = h("input", { type: "text", required: true, maxlength: "100", autocomplete: "off" });
    this.open(`Move ${this.chosenText()} to a new group`, this.field("Name", input, "Letters, digits and _ . + -"),
      () => this.table.act("move", { group: input.value.trim() }), "Move");
  }
}
