// The library table: the page of a project's images, one row each.

const ORDER_MS = 300;

class Library {
  constructor(model, root) {
    Object.assign(this, { model, root });
    root.library = this; // for tests
    this.me = Math.random().toString(36).slice(2);
    this.store = new LibraryStore();
    this.filters = new Map(); // word → { text, test, problem }
    this.heads = new Map();
    this.specs = [];
    this.widths = {};
    this.lists = {};
    this.view = { columns: [], widths: {}, sort: [] };
    this.trash = "TRASH";
    this.models = 0; // grows when what is shown changes
    this.choice = new LibraryChoice(this);
    this.dialogs = new LibraryDialogs(this);
    // A second page of a kernel hears what the first one is told before its own beginning has come.
    const begun = (act) => (message, buffers) => { if (this.api) act(message, buffers); };
    this.wire = new Wire(model, root, {
      library: (message) => this.begin(message),
      columns: begun((message) => { this.sent = message.columns; }),
      view: begun((message) => this.arrange(message.view, message.by)),
      choices: begun((message) => chooseColumns(this, message.choices)),
      rows: begun((message, buffers) => this.take(message, buffers)),
      groups: begun((message) => this.tree.take(message.groups)),
      chosen: begun((message, buffers) => this.taken(message, buffers)),
      current: begun((message) => { if (message.by !== this.me) this.choice.look(message.current, { tell: false }); }),
      thumbs: begun((message, buffers) => this.takeThumbs(message, buffers)),
      queued: begun((message, buffers) => this.takeQueued(buffers)),
      steps: (message) => this.dialogs.processWith(message.steps, message.workflow),
      lists: (message) => { this.lists = message.lists; this.listsDrawn?.(); },
      file: (message, buffers) => download(message.file, buffers[0]),
      done: (message) => this.done(message),
      problem: (message) => this.failed(message),
    });
    this.thumbs = new LibraryThumbs(this.wire);
    this.tree = new LibraryTree(this);
    this.build();
  }

  build() {
    const { wire } = this;
    const python = codeLine(this.model);
    this.ends = [python.end];
    this.count = h("span", { class: "fnb-counts", role: "status" });
    this.expression = h("input", { type: "text", class: "fnb-expression", "aria-label": "Choose by a selection", autocomplete: "off", spellcheck: "false",
      placeholder: "choose where… ctf_resolution < 5 and flag == 'none'", onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        this.act("where", { text: this.expression.value, groups: [...this.tree.chosen] }, false);
      } });
    this.wrong = h("p", { class: "fnb-problem", role: "alert", hidden: true });
    const button = (label, act, hint, more = {}) => h("button", { type: "button", class: "fnb-choice", title: hint, onclick: act, ...more }, label);
    const flags = FLAGS.map((flag) => button(flagMark(flag), () => this.act("flag", { flag }), `Flag ${flag} (key ${flag === "gold" ? "o" : flag[0]})`, { "aria-label": `Flag ${flag}` }));
    this.buttons = {
      undo: button("↶ Undo", () => this.act("undo"), "Nothing to undo", { disabled: true }),
      move: button("Move to ▾", () => this.dialogs.moveMenu(this.buttons.move), "Move the chosen images to a group (m)", { "aria-haspopup": "menu" }),
      trash: button("Move to TRASH", () => this.act("trash"), "Move the chosen images to the TRASH (t)"),
      restore: button("Bring back", () => this.act("restore"), "Bring trashed images back to their groups (u)"),
      pictures: button("Pictures", () => this.togglePictures(), "Show a column of small pictures", { "aria-pressed": "true" }),
      more: button("More ▾", () => this.moreMenu(), "Lists, copies, files", { "aria-haspopup": "menu" }),
    };
    const b = this.buttons;
    this.tools = h("div", { class: "fnb-bar-tools", role: "toolbar", "aria-label": "What to do with the chosen images" },
      h("span", { class: "fnb-group fnb-undo" }, b.undo),
      h("span", { class: "fnb-group", role: "group", "aria-label": "Flags" }, flags),
      h("span", { class: "fnb-group" }, b.move, b.trash, b.restore),
      h("span", { class: "fnb-group fnb-more" }, button("Process…", () => this.dialogs.process(), "Process the chosen images with steps (x)"),
        button("Comment…", () => this.dialogs.comment(), "Comment on the chosen images (c)"), b.more),
      h("span", { class: "fnb-group fnb-looks" }, b.pictures, button("Columns…", () => wire.ask("columns"), "Choose and order the columns (k)"),
        python.toggle, button("?", () => this.dialogs.help(), "Keys", { "aria-label": "Keys" })));
    this.grid = h("div", { class: "fnb-grid-body" });
    this.spoken = h("p", { class: "fnb-hidden", role: "status", "aria-live": "polite" }); // for those who hear the page
    this.focusable = h("div", { class: "fnb-grid", tabindex: "0", role: "group", "aria-label": "Images; arrow keys walk through them, ? lists all keys" }, this.grid);
    this.empty = h("div", { class: "fnb-empty fnb-grid-empty", hidden: true });
    this.clear = button("Remove filters", () => this.clearFilters(), "Show all images of these groups again", { hidden: true });
    const choosing = h("div", { class: "fnb-choosing" },
      h("span", { class: "fnb-group" }, button("All", () => this.choice.all(), "Choose all that are shown (Ctrl+A)"), button("None", () => this.choice.none(), "Choose none (Ctrl+Shift+A)"),
        button("Invert", () => this.choice.invert(), "Choose the others (Ctrl+I)")),
      this.count, this.clear, this.expression);
    this.waits = h("p", { class: "fnb-waits", role: "status", hidden: true });
    wire.line.addEventListener("click", () => wire.tell(""));
    this.root.append(this.tools, python.row, choosing, this.wrong, h("div", { class: "fnb-library-main" }, this.tree.root,
      h("div", { class: "fnb-grid-frame" }, this.focusable, this.empty, this.spoken, wire.line, this.waits)));
    this.root.addEventListener("keydown", (event) => tableKey(this, event));
    this.grid.addEventListener("mousedown", (event) => this.choice.press(event));
    this.grid.addEventListener("dblclick", (event) => {
      const row = event.target.closest(".ag-row[row-id]");
      if (row && !event.target.closest(".fnb-tick-cell")) wire.ask("open", { what: "view", image: Number(row.getAttribute("row-id")) });
    });
    this.ends.push(follow(this.model, ["undoable"], () => this.tellUndo()));
    this.ends.push(follow(this.model, ["height"], () => this.root.style.setProperty("--fnb-library-height", this.model.get("height"))));
  }

  // -- what comes from the kernel -----------------------------------------------------------------

  begin(message) {
    this.trash = message.trash;
    this.project = message.library;
    this.specs = message.columns;
    this.view = message.view;
    this.widths = { ...message.view.widths };
    if (this.api) this.api.setGridOption("columnDefs", columnDefs(this));
    else this.api = gridOf(this, this.grid);
    this.fitRows();
  }

  take(message, buffers) {
    const found = this.store.put(message.rows, buffers, message.gone, message.whole);
    for (const row of found.changed) this.thumbs.old.add(row.id);
    const hold = this.held();
    const at = this.choice.firstPlace;
    this.api.applyTransaction({ add: found.added, update: found.changed, remove: found.removed });
    hold();
    if (found.changed.length) {
      const rows = found.changed.length > 500 ? undefined : found.changed.map((row) => this.choice.node(row.id)).filter(Boolean);
      this.api.refreshCells({ rowNodes: rows, force: true });
    }
    for (const row of found.removed) {
      this.choice.set.delete(row.id);
      this.thumbs.drop(row.id);
    }
    // What another window has moved out of sight is not chosen any more: as if it was done here.
    const { set } = this.choice;
    if (Number.isFinite(at) && set.size && [...set].every((id) => !this.tree.passes(this.store.text("group", this.store.index.get(id) ?? -1)))) this.choice.goOn(at);
    this.heard = true;
    if (message.whole) (globalThis.requestIdleCallback ?? setTimeout)(() => this.store.warm(this.specs));
    this.choice.mark();
    this.root.dataset.rows = String(this.store.size);
  }

  takeThumbs({ thumbs, lost }, buffers) {
    this.thumbs.take(thumbs, buffers);
    const changed = thumbs.filter((id, k) => (this.store.lost.get(id) ?? "") !== lost[k]);
    thumbs.forEach((id, k) => (lost[k] ? this.store.lost.set(id, lost[k]) : this.store.lost.delete(id)));
    if (changed.length) this.api.refreshCells({ rowNodes: changed.map((id) => this.choice.node(id)).filter(Boolean), columns: ["quality"], force: true });
  }

  takeQueued(buffers) {
    ["waiting", "running"].forEach((state, k) => { this.store.queued[state] = new Set(typed(Int32Array, buffers[k])); });
    if (this.specs.some((spec) => spec.word === "quality")) this.api.refreshCells({ columns: ["quality"], force: true });
  }

  /** Rows come and go above: what somebody looks at stays where it is. At the very top, new rows are seen. */
  held() {
    const view = this.grid.querySelector(".ag-grid-viewport");
    const top = view?.scrollTop ?? 0;
    const place = Math.floor(top / this.rowHeight);
    const id = top > 0 ? this.choice.idAt(place) : 0;
    return () => {
      const now = this.choice.placeOf(id);
      if (now >= 0 && now !== place) view.scrollTop = top + (now - place) * this.rowHeight;
    };
  }

  taken(message, buffers) {
    this.expression.classList.toggle("fnb-holds", Boolean(message.expression));
    if (message.expression && document.activeElement !== this.expression) this.expression.value = message.expression;
    if (message.by !== this.me) this.choice.take(typed(Int32Array, buffers[0]));
  }

  done(message) {
    this.busy("");
    if (message.of === "where") this.wrongSelection("");
    if (this.leaving && ["trash", "move", "restore"].includes(message.of)) {
      const gone = [...this.choice.set].every((id) => this.choice.placeOf(id) < 0);
      if (gone && this.choice.set.size) this.choice.goOn(this.leaving.at);
    }
    this.leaving = null;
    const unseen = this.acting?.name === message.of ? this.acting.hidden : 0;
    this.acting = null;
    if (!unseen) return false;
    this.wire.tell(`${message.done}; ${number(unseen)} of the chosen ${unseen === 1 ? "was" : "were"} not shown: hidden by filters or groups`);
    return true;
  }

  failed(message) {
    this.busy("");
    this.leaving = this.acting = null;
    if (message.of !== "where") return false;
    this.wrongSelection(message.problem);
    return true;
  }

  wrongSelection(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = !text;
    this.expression.toggleAttribute("aria-invalid", Boolean(text));
    if (text) this.expression.setAttribute("aria-invalid", "true");
  }

  // -- what people do -----------------------------------------------------------------------------

  /** Ask the kernel for an action on the chosen images. */
  act(name, more = {}, onChosen = name !== "undo", buffers = []) {
    if (onChosen && !this.dialogs.some()) return;
    this.choice.flush();
    this.acting = onChosen ? { name, hidden: this.hiddenChosen() } : null;
    this.leaving = ["trash", "move", "restore"].includes(name) ? { at: this.choice.firstPlace } : null;
    if (onChosen && (this.choice.set.size > 50 || name === "copy")) this.busy(`Working on ${number(this.choice.set.size)} images…`);
    this.wire.ask(name, more, buffers);
  }

  busy(text) {
    clearTimeout(this.waiting);
    if (text) this.waiting = setTimeout(() => { this.waits.textContent = text; this.waits.hidden = false; }, 250);
    else this.waits.hidden = true;
  }

  focus() { this.focusable.focus({ preventScroll: true }); }

  moreMenu() {
    this.dialogs.menu(this.buttons.more, [
      ["Lists of images…", () => this.dialogs.lists(), "Keep the chosen images by name, choose them again"],
      ["Copy to another project…", () => this.dialogs.copy()],
      ["Save this view as CSV", () => this.saveCsv(), "The shown columns and rows, in their order"],
      ...(this.tools.querySelector(".fnb-looks").offsetParent ? [] : [ // on a narrow page, what has no place beside
        ["Process…", () => this.dialogs.process()],
        ["Comment…", () => this.dialogs.comment()],
        ["Choose where…", () => { this.root.classList.add("fnb-choosing-where"); this.expression.focus(); }],
        ["Pictures", () => this.togglePictures()],
        ["Columns…", () => this.wire.ask("columns")],
        ["Keys", () => this.dialogs.help()],
      ]),
    ]);
  }

  saveCsv() {
    clearTimeout(this.sendingView);
    this.sendView();
    this.wire.ask("csv", {}, [Int32Array.from(this.choice.shownIds()).buffer]);
  }

  tellUndo() {
    const [title] = this.model.get("undoable");
    this.buttons.undo.disabled = !title;
    this.buttons.undo.title = title ? `Undo: ${title} (Ctrl+Z)` : "Nothing to undo";
  }

  scrollBy(pixels) { this.grid.querySelector(".ag-grid-viewport")?.scrollBy({ left: pixels }); }

  headMenu(spec, event) {
    const at = { left: event.clientX, bottom: event.clientY };
    this.dialogs.menu({ getBoundingClientRect: () => at }, [
      [`Hide ${spec.title}`, () => this.setColumns(this.specs.filter((one) => one.word !== spec.word))],
      ["Choose columns…", () => this.wire.ask("columns")],
    ]);
  }

  /** Tell the image that is looked at. */
  speak(id) {
    const i = this.store.index.get(id);
    const flag = i === undefined ? "" : this.store.text("flag", i);
    this.spoken.textContent = i === undefined ? "" : [this.store.text("name", i), this.store.text("group", i), this.store.quality(i) === "bad" ? "not good" : "",
      flag === "none" ? "" : `flag ${flag}`].filter(Boolean).join(", ");
  }

  // -- columns, filters ---------------------------------------------------------------------------

  setColumns(specs) {
    this.specs = specs;
    for (const word of [...this.filters.keys()]) if (!specs.some((spec) => spec.word === word)) this.filters.delete(word);
    this.tellFilters();
    this.sortsNow();
    this.api.setGridOption("columnDefs", columnDefs(this));
    this.fitRows();
    this.filtered();
    this.arranged();
  }

  togglePictures() {
    const has = this.specs.some((spec) => spec.kind === "thumb");
    const thumb = { word: "thumb", title: "Picture", kind: "thumb", help: "A small picture of the average.", unit: "", subject: "image", filled: true };
    this.setColumns(has ? this.specs.filter((spec) => spec.kind !== "thumb") : [thumb, ...this.specs]);
  }

  fitRows() {
    const pictures = this.specs.some((spec) => spec.kind === "thumb");
    this.rowHeight = pictures ? ROW_HEIGHT_PICTURES : ROW_HEIGHT;
    this.buttons.pictures.setAttribute("aria-pressed", String(pictures));
    this.api.setGridOption("rowHeight", this.rowHeight);
    this.api.resetRowHeights();
  }

  sortsNow() { this.view = { ...this.view, sort: viewOf(this).sort }; }

  /** Somebody has moved, resized or sorted columns. */
  arranged() {
    this.view = viewOf(this);
    this.specs = this.view.columns.map((word) => this.specs.find((spec) => spec.word === word)).filter(Boolean);
    clearTimeout(this.sendingView);
    this.sendingView = setTimeout(() => this.sendView(), 250);
  }

  sendView() {
    const { view } = this;
    if (JSON.stringify(view) === this.sentView) return;
    this.sentView = JSON.stringify(view);
    this.wire.ask("view", { view, by: this.me });
  }

  /** The kernel tells how the columns are arranged. */
  arrange(view, by) {
    if (by === this.me) return;
    this.view = view;
    this.widths = { ...view.widths };
    const known = new Map([...this.specs, ...(this.sent ?? [])].map((spec) => [spec.word, spec]));
    this.specs = view.columns.map((word) => known.get(word)).filter(Boolean);
    this.arranging = true;
    this.api.setGridOption("columnDefs", columnDefs(this));
    this.api.applyColumnState({ state: view.sort.map(([colId, sort], sortIndex) => ({ colId, sort, sortIndex })), defaultState: { sort: null } });
    this.arranging = false;
    this.fitRows();
  }

  setFilter(word, text, head) {
    const spec = this.specs.find((one) => one.word === word);
    let [test, problem] = [null, ""];
    try { test = filterOf(spec, text); } catch (error) { problem = error.message; }
    if (problem) test = this.filters.get(word)?.test ?? null; // what was understood last goes on
    if (text.trim()) this.filters.set(word, { text, test, problem });
    else this.filters.delete(word);
    head.tell(problem);
    this.tellFilters();
    if (!problem) this.filtered();
  }

  /** While a filter cannot be read, the rows are those of before: they are pale. */
  tellFilters() {
    this.root.classList.toggle("fnb-filter-wrong", [...this.filters.values()].some(({ problem }) => problem));
  }

  passes(i) {
    if (!this.tree.passes(this.store.text("group", i))) return false;
    for (const { test } of this.filters.values()) if (test && !test(this.store, i)) return false;
    return true;
  }

  /** The column of the group tells nothing while there is one group, or one is shown. */
  get oneGroup() { return this.tree.chosen.size === 1 || this.tree.groups.filter(([name]) => name !== this.trash).length < 2; }

  showGroupColumn() {
    const column = this.api.getColumn("group");
    if (column && column.isVisible() === this.oneGroup) this.api.setColumnsVisible(["group"], !this.oneGroup);
  }

  filtered() {
    if (!this.api) return;
    this.showGroupColumn();
    this.api.onFilterChanged();
    this.choice.mark();
  }

  clearFilters() {
    this.filters.clear();
    this.tellFilters();
    for (const head of this.heads.values()) {
      head.filter.value = "";
      head.tell("");
    }
    this.filtered();
    this.focus();
  }

  leaveField(field) {
    if (!field.matches(".fnb-filter") || !field.value) return;
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }

  /** Say how many are chosen, shown, there; and why nothing is shown. */
  counted() {
    if (!this.api) return;
    const shown = this.api.getDisplayedRowCount();
    const { size } = this.choice.set;
    const hidden = this.hiddenChosen();
    const text = `${number(size)} chosen${hidden ? ` (${number(hidden)} not shown)` : ""} of ${number(shown)} shown of ${number(this.store.size)}`;
    if (this.count.textContent !== text) this.count.textContent = text;
    this.clear.hidden = !this.filters.size;
    const why = shown || !this.heard ? null : this.whyEmpty();
    this.empty.hidden = !why;
    if (why) this.empty.replaceChildren(...why);
  }

  /** How many of the chosen are not shown; counted anew only when something has changed. */
  hiddenChosen() {
    const { set } = this.choice;
    const before = this.hidden;
    if (before?.set === set && before.size === set.size && before.model === this.models) return before.count;
    let count = 0;
    for (const id of set) if (this.choice.placeOf(id) < 0) count += 1;
    this.hidden = { set, size: set.size, model: this.models, count };
    return count;
  }

  /** Rows were sorted, filtered, have come or gone: the other parts walk in the order that is shown here. */
  ordered() {
    this.models += 1;
    clearTimeout(this.ordering);
    this.ordering = setTimeout(() => this.sendOrder(), ORDER_MS);
  }

  sendOrder() {
    const ids = Int32Array.from(this.choice.shownIds());
    const before = this.sentOrder;
    if (before && before.length === ids.length && ids.every((id, k) => id === before[k])) return;
    this.sentOrder = ids;
    this.wire.ask("order", {}, [ids.slice().buffer]);
  }

  whyEmpty() {
    if (!this.store.size) {
      return [h("p", {}, "This project has no images yet."), h("p", { class: "fnb-muted" }, "Import movies in the Import tab, with ",
        h("code", {}, `focusnb import ${this.project} FILE…`), ", or in Python with ", h("code", {}, 'project.add(["movie.tif"])'), ". They appear here as they come in.")];
    }
    if (this.filters.size) return [h("p", {}, "No image fits the filters."), h("button", { type: "button", class: "fnb-button", onclick: () => this.clearFilters() }, "Remove filters")];
    if (this.tree.chosen.size) return [h("p", {}, `There is no image in ${this.tree.title}.`)];
    return [h("p", {}, `All images are in the ${this.trash}.`)];
  }

  end() {
    clearTimeout(this.sendingView);
    clearTimeout(this.ordering);
    clearTimeout(this.choice.sending);
    this.ends.forEach((end) => end());
    this.thumbs.end();
    this.wire.end();
    this.api?.destroy();
  }
}

/** Give a file to the browser's downloads. */
function download(name, view) {
  const url = URL.createObjectURL(new Blob([typed(Uint8Array, view)], { type: "text/plain;charset=utf-8" }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-library");
  el.dataset.lmSuppressShortcuts = "true";
  const library = new Library(model, el);
  library.wire.ready();
  return () => library.end();
}

export default { render };
