// Bringing in files once: what would come, how far it is, what came of it; gain and defects of the groups.

class ImportFiles {
  constructor(panel) {
    this.panel = panel;
    this.form = h("form", { class: "fnb-imp-form", novalidate: true, "aria-label": "Import files once" });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send("import", { process: this.process.checked }); });
    this.process = h("input", { type: "checkbox", checked: true });
    this.shown = h("div", {});
    this.progress = h("div", { class: "fnb-imp-progress", hidden: true });
    this.result = h("div", { class: "fnb-imp-result" });
    this.element = h("section", { class: "fnb-work-card", "aria-label": "Import files once" },
      h("h2", {}, "Import files once"), this.form, this.progress, this.result, this.shown);
  }

  setFields(fields, words) {
    this.fields = new ImportFields(fields, words);
    const area = h("textarea", { rows: 3, spellcheck: "false", class: "fnb-imp-path", placeholder: "/data/session/*.tif" });
    const line = this.fields.line("files", area, "Files", "Paths, patterns or folders, one a line, as this project's computer sees them.");
    const more = h("details", { class: "fnb-imp-more" }, h("summary", {}, "Gain, defects, group …"), this.fields.element);
    this.fields.more = more;
    this.submit = h("button", { type: "submit", class: "fnb-button fnb-primary" }, "Import");
    this.form.replaceChildren(line, more, h("div", { class: "fnb-work-buttons" }, this.submit,
      push("Preview", () => this.send("preview", { kind: "files" })),
      h("label", { class: "fnb-work-check" }, this.process, "process them at once")));
  }

  send(name, more) {
    const { files, ...options } = this.fields.values();
    this.fields.tell({});
    this.panel.wire.tell("");
    this.panel.wire.ask(name, { files, options, ...more });
  }

  show({ importing, result, can_write: can }) {
    this.submit.disabled = Boolean(importing) || !can;
    this.progress.hidden = !importing;
    if (importing) {
      const percent = Math.round(100 * importing.fraction);
      if (!this.bar) {
        this.bar = h("progress", { max: 100 });
        this.what = h("span", {});
        this.progress.append(h("div", {}, this.what, push("Stop", () => this.panel.wire.ask("cancel_import"))), this.bar);
      }
      this.bar.value = percent;
      this.bar.setAttribute("aria-label", `Import: ${percent} %`);
      setText(this.what, importing.count ? `${percent} % of ${plural(importing.count, "file")}: ${importing.name}` : "Looking for the files …");
    }
    const key = JSON.stringify(result);
    if (key === this.key) return;
    this.key = key;
    if (!result) { this.result.replaceChildren(); return; }
    const parts = [`${plural(result.new, "image")} imported`];
    if (result.known) parts.push(`${result.known} known already`);
    if (result.refused.length) parts.push(`${plural(result.refused.length, "file")} refused`);
    if (result.queued) parts.push(`${plural(result.queued, "batch")} queued`);
    this.shown.replaceChildren();
    this.result.replaceChildren(
      h("p", { role: "status" }, h("b", {}, result.stopped ? "Stopped: " : "", parts.join(", ")), "."),
      result.refused.length || result.broken.length ? h("ul", { class: "fnb-imp-refused" },
        result.refused.map(([name, why]) => h("li", {}, h("b", {}, name), " refused: ", why)),
        result.broken.map(([key, name, why]) => h("li", {}, h("b", {}, name), ` came in as ${key}, but: `, why))) : "");
  }
}

class ImportGroups {
  constructor() {
    this.body = h("tbody", {});
    this.element = h("section", { class: "fnb-work-card", "aria-label": "Gain and defects" }, h("h2", {}, "Gain and defects of the groups"),
      h("div", { class: "fnb-imp-scroll" }, h("table", { class: "fnb-imp-groups" }, h("thead", {}, h("tr", {}, ["Group", "Images", "Gain", "Defects"].map((t) => h("th", { scope: "col" }, t)))), this.body)));
  }

  show({ groups }) {
    const cell = (one, word) => h("td", {}, !one[word] ? (word === "gain" && one.corrected ? "applied already" : "none")
      : [h("span", { title: one[word] }, one[word].replace(/^(references\/.{8}).{20,}(\.\w+)$/, "$1…$2")), h("small", {}, ` (of the ${one[`${word}_origin`]})`), one[`${word}_there`] ? "" : h("b", { class: "fnb-problem" }, " is not there")]);
    this.body.replaceChildren(...groups.map((one) => h("tr", {}, h("td", {}, one.group), h("td", {}, number(one.images, 0)), cell(one, "gain"), cell(one, "defects"))));
    this.element.hidden = !groups.length;
  }
}
