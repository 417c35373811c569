// The live session and the watched folders: what they do, how they are changed.

class ImportSession {
  constructor(panel) {
    this.panel = panel;
    this.title = h("p", { class: "fnb-work-title", role: "status" });
    this.news = h("p", { class: "fnb-muted fnb-work-news" });
    this.trouble = h("p", { class: "fnb-problem fnb-work-news", role: "alert" });
    this.steps = h("p", { class: "fnb-muted fnb-work-news" });
    this.start = push("Start", () => panel.wire.ask("start"), { class: "fnb-primary",
      title: "Start the live session: a process that imports, processes and publishes; it stays when this page is closed" });
    this.stop = push("Stop…", () => this.askStop());
    this.log = h("pre", { class: "fnb-work-text" });
    this.buttons = h("div", { class: "fnb-work-buttons" }, this.start, this.stop);
    this.element = h("section", { class: "fnb-work-card", "aria-label": "The live session" },
      h("div", { class: "fnb-work-headline" }, h("div", {}, this.title, this.trouble, this.news, this.steps), this.buttons),
      h("details", { class: "fnb-imp-more" }, h("summary", {}, "What it said last"), this.log));
  }

  show({ session, starting, news, hindrance, watches, log, paused, workflow, can_write: can }) {
    setText(this.steps, `New images are processed by: ${workflow}`);
    const ends = session?.asked;
    const words = starting ? "Starting …" : ends === "finish" ? "The live session stops when what runs has ended." : ends ? "The live session stops."
      : session ? "The live session runs." : "The live session does not run.";
    this.title.replaceChildren(
      h("i", { class: `fnb-work-sign ${session ? "fnb-is-on" : "fnb-is-off"}`, "aria-hidden": "true" }, session ? "●" : "○"),
      h("b", {}, words, " "), h("span", { class: "fnb-muted" }, session ? whoText(session)
        : watches.length ? "Nothing is imported until it is started." : "Add a folder that is watched, then start it."));
    setText(this.trouble, hindrance || (paused && session ? "The queue is paused: images come in, and wait." : ""));
    this.trouble.hidden = !this.trouble.textContent;
    setText(this.news, news && news !== hindrance ? `Last: ${news}` : "");
    this.news.hidden = !this.news.textContent;
    this.start.hidden = Boolean(session);
    this.start.disabled = starting || !can;
    this.stop.hidden = !session;
    this.stop.disabled = !session;
    setText(this.log, log.join("\n") || "Nothing yet.");
  }

  askStop() {
    const say = (now) => this.panel.wire.ask("stop", { now });
    workDialog(this.panel.root, "Stop the live session", h("p", {}, "Nothing is imported, processed or published until it is started again. What waits in the queue goes on waiting."), [
      ["Finish what runs, then stop", () => say(false), "fnb-primary"],
      ["Stop now; what runs goes back to the queue", () => say(true), "fnb-danger"],
    ]);
  }
}

class ImportWatches {
  constructor(panel) {
    this.panel = panel;
    this.list = h("ul", { class: "fnb-imp-watches" });
    this.empty = h("p", { class: "fnb-empty" }, "No folder is watched. Movies that appear in a watched folder become images.");
    this.add = push("Add a folder", () => this.edit(null));
    this.form = h("form", { class: "fnb-imp-form", hidden: true, novalidate: true, "aria-label": "A watched folder" });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.form.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    this.items = new Map();
    this.element = h("section", { class: "fnb-work-card", "aria-label": "Watched folders" },
      h("div", { class: "fnb-bar-tools" }, h("h2", {}, "Watched folders"), h("span", { class: "fnb-work-gap" }), this.add), this.form, this.list, this.empty);
  }

  setFields(fields, watch) {
    const folded = fields.map((one) => one.word).filter((word) => !watch.includes(word));
    this.fields = new ImportFields(fields, watch, folded);
    this.folder = folderInput(this.panel.wire, { class: "fnb-imp-path", placeholder: "/data/camera", "aria-required": "true" });
    const line = this.fields.line("folder", this.folder.input, "Folder", "The whole path, as this project's computer sees it.");
    this.fields.element.prepend(line);
    this.anyway = h("input", { type: "checkbox" });
    this.anywayLine = h("label", { class: "fnb-work-check", hidden: true }, this.anyway, "store it all the same; the folder will be there later");
    this.shown = h("div", {});
    this.heading = h("h3", {});
    this.form.replaceChildren(this.heading, this.fields.element, this.folder.list, this.anywayLine,
      h("div", { class: "fnb-work-buttons" }, h("button", { type: "submit", class: "fnb-button fnb-primary" }, "Store"),
        push("Preview", () => this.send("preview", { kind: "watch" })), push("Back", () => this.close())), this.shown);
  }

  edit(watch) {
    this.was = watch?.folder ?? null;
    this.heading.textContent = watch ? `Change the watch of ${watch.folder}` : "A new watched folder";
    this.fields.fill(watch ? { ...watch.options, folder: watch.folder } : {});
    this.anyway.checked = false;
    this.anywayLine.hidden = true;
    this.shown.replaceChildren();
    this.form.hidden = false;
    this.add.hidden = true;
    this.folder.input.focus();
    this.form.scrollIntoView({ block: "nearest" });
  }

  close() { this.form.hidden = true; this.add.hidden = false; this.add.focus(); }

  send(name, more) {
    const { folder, ...options } = this.fields.values();
    this.fields.tell({});
    this.panel.wire.tell("");
    this.panel.wire.ask(name, { folder, options, anyway: this.anyway.checked, ...more });
  }

  save() { this.send("store", { was: this.was }); }

  errors(errors, missing) {
    this.fields.tell(errors);
    this.anywayLine.hidden = !missing && !this.anyway.checked;
  }

  show({ watches, now, session }) {
    this.empty.hidden = watches.length > 0;
    const nodes = watches.map((watch) => {
      const live = now[watch.folder];
      const key = JSON.stringify([watch, live, Boolean(session)]);
      const old = this.items.get(watch.folder);
      if (old?.key === key) return old.node;
      const open = old?.node.querySelector("details")?.open;
      const node = this.item(watch, live, session);
      const details = node.querySelector("details");
      if (details && open) details.open = true;
      this.items.set(watch.folder, { key, node });
      return node;
    });
    inOrder(this.list, nodes);
  }

  item(watch, live, session) {
    const trouble = live?.message || (watch.there ? "" : `${watch.folder} cannot be seen now.`);
    const counts = [`${number(watch.imported, 0)} imported`, `${number(watch.known, 0)} known before`, watch.refused ? `${number(watch.refused, 0)} refused` : "",
      live?.waiting ? `${number(live.waiting, 0)} waiting to settle` : ""].filter(Boolean).join(" · ");
    return h("li", { "data-folder": watch.folder },
      h("div", { class: "fnb-imp-head" }, h("b", {}, h("i", { class: `fnb-work-sign ${trouble ? "fnb-is-paused" : session ? "fnb-is-on" : "fnb-is-off"}`, "aria-hidden": "true" },
        trouble ? "!" : session ? "●" : "○"), watch.folder),
        h("span", { class: "fnb-work-buttons" },
          push("Change", () => this.edit(watch)),
          push("Look again", () => this.again(watch), { title: "Try refused files again" }),
          push("Remove", () => this.remove(watch), { class: "fnb-danger" }))),
      trouble ? h("p", { class: "fnb-problem", role: "alert" }, trouble) : null,
      h("p", { class: "fnb-imp-counts" }, counts),
      watch.shown.length ? h("p", { class: "fnb-muted" }, watch.shown.map(([label, text]) => `${label}: ${text}`).join(" · ")) : null,
      watch.problems.length ? h("details", { class: "fnb-imp-more" }, h("summary", {}, `${plural(watch.problems.length, "file")} with a problem`),
        h("ul", { class: "fnb-imp-refused" }, watch.problems.map(([file, why, image]) =>
          h("li", {}, h("b", {}, file), " ", why, image ? h("span", { class: "fnb-muted" }, ` (image ${image})`) : "")))) : null);
  }

  again(watch) {
    const say = (everything) => this.panel.wire.ask("again", { folder: watch.folder, everything });
    workDialog(this.panel.root, "Look again", h("p", {}, "Files that were refused, or came in but could not be opened, are tried again. If files are missing, all can be compared with the project: nothing comes in twice."), [
      ["The refused ones", () => say(false), "fnb-primary"], ["All files of the folder", () => say(true)]]);
  }

  remove(watch) {
    workDialog(this.panel.root, "Watch no longer?", h("p", {}, h("b", {}, watch.folder), " is watched no longer. Its images stay, and so do its files."), [
      ["Remove the watch", () => this.panel.wire.ask("forget", { folder: watch.folder }), "fnb-danger"]]);
  }
}
