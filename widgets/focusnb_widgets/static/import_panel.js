// The import panel: the live session, watched folders, files that are brought in once.

class ImportPanelView {
  constructor(model, root) {
    Object.assign(this, { model, root, state: null });
    root.panel = this; // `part` is the browser's own
    this.wire = pageWire(model, root, {
      fields: (told) => this.setFields(told),
      state: ({ state }) => this.show(state),
      errors: ({ errors, form, missing }) => {
        if (Object.keys(errors).length) this.place(form).replaceChildren();
        if (form === "watch") this.watches.errors(errors, missing);
        else this.files.fields.tell(errors);
      },
      looking: ({ looking }) => this.place(looking).replaceChildren(h("p", { class: "fnb-muted", role: "status" }, "Looking …")),
      preview: ({ preview, kind }) => this.place(kind).replaceChildren(previewBox(preview)),
      stored: () => this.watches.close(),
      folders: ({ folders }) => this.watches.folder.show(folders),
      problem: ({ of: what }) => { if (what === "preview") for (const kind of ["watch", "files"]) this.place(kind).replaceChildren(); return false; },
    });
    this.session = new ImportSession(this);
    this.watches = new ImportWatches(this);
    this.files = new ImportFiles(this);
    this.groups = new ImportGroups();
    const code = codeLine(model);
    this.session.buttons.append(code.toggle);
    root.append(this.session.element, this.wire.line, code.row,
      h("div", { class: "fnb-imp-columns" }, this.watches.element, this.files.element), this.groups.element);
    const stop = [code.end, countOn(root), tellSeen(this.wire, root)];
    this.end = () => { stop.forEach((end) => end()); this.wire.end(); };
    this.wire.ready();
  }

  place(kind) { return kind === "watch" ? this.watches.shown : this.files.shown; }

  setFields({ fields, watch, files }) {
    if (this.watches.fields) return; // what somebody is typing stays
    this.watches.setFields(fields, watch);
    this.files.setFields(fields, files);
  }

  show(changed) {
    this.state = { ...this.state, ...changed };
    this.session.show(this.state);
    this.watches.show(this.state);
    this.files.show(this.state);
    this.groups.show(this.state);
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-work", "fnb-import-panel");
  const view = new ImportPanelView(model, el);
  return () => view.end();
}

export default { render };
