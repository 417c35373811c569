// The page of one image: steps that ran with what they made, its values, files, trials.

class ImagePageView {
  constructor(model, el) {
    Object.assign(this, { model, logs: new Map(), opened: new Set(), queued: new Map() }); // queued: what became of runs, by step
    el.classList.add("fnb", "fnb-part", "fnb-forms", "fnb-image-page");
    this.code = codeLine(model);
    const sheets = new Map();
    this.wire = new Wire(model, el, {
      ...sheetHandlers(sheets), page: ({ page }) => { afterPress(() => this.update(page)); return true; },
      pictures: (message, buffers) => { this.head.show(message.pictures, buffers); return true; },
      log: (message) => { this.logs.get(message.log)?.update(message); return true; },
      problem: (message) => this.problem(message), done: (message) => this.done(message),
    });
    this.head = new ImageHead((name, more) => this.wire.ask(name, more));
    this.nobody = h("p", { class: "fnb-empty", hidden: true });
    this.runs = h("div", { class: "fnb-i-runs" });
    this.values = new FormSheet(this.wire, "image");
    sheets.set("image", this.values);
    this.only = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", onclick: () => {
      const on = this.only.getAttribute("aria-pressed") === "false";
      this.only.setAttribute("aria-pressed", String(on));
      this.values.search([], "", on ? "own" : "all");
    } }, "Only what is set here");
    this.files = h("div", {});
    this.dialog(sheets);
    this.body = h("div", { class: "fnb-i-body" }, this.head.element, this.runs, this.files,
      h("div", { class: "fnb-bar-tools fnb-i-values" }, h("h3", { class: "fnb-f-title" }, "Values"), h("p", { class: "fnb-help-text fnb-f-whose" }, "What is set here holds for this image only."),
        h("span", { class: "fnb-group" }, this.only)), this.values.element);
    el.append(h("div", { class: "fnb-bar-tools fnb-i-tools" }, this.code.toggle), this.code.row, this.wire.line, this.nobody, this.body, this.window);
    this.wire.ready();
    watchVisible(this.wire, el);
  }

  update(page) {
    this.nobody.textContent = page.nobody ?? "";
    this.nobody.hidden = !page.nobody;
    this.body.hidden = Boolean(page.nobody);
    if (page.nobody) { if (this.window.open) this.window.close(); return; }
    if (page.head.id !== this.id) { this.logs.clear(); this.opened.clear(); this.queued.clear(); this.id = page.head.id; }
    this.page = page;
    this.folderGone = Boolean(page.head.missing);
    this.noteBatches(page);
    this.head.update(page.head, page.batches);
    const active = this.runs.getRootNode().activeElement;
    const key = this.runs.contains(active) ? active.dataset.key : "";
    const scrolled = [...this.runs.querySelectorAll(".fnb-i-lines")].map((one) => [one, one.scrollTop]);
    const failed = page.head.error?.step;
    this.runs.replaceChildren(...[
      page.runs.length || page.logs.length ? h("h3", { class: "fnb-f-title" }, "Steps and results") : h("p", { class: "fnb-empty" }, "No step has run on this image yet."),
      ...page.runs.map((run) => this.run(run, failed)), ...page.logs.map((step) => this.loose(step, failed)),
      page.others.length ? h("section", { class: "fnb-f-card", "aria-label": "Other results" }, h("h4", { class: "fnb-i-step" }, "Results of no run here"), this.results(page.others)) : null,
      this.another(page.steps)].filter(Boolean));
    for (const [one, top] of scrolled) one.scrollTop = top;
    if (!key && active?.isConnected && this.runs.contains(active)) active.focus({ preventScroll: true });
    if (key) this.runs.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
    this.more(page);
  }

  /** Notice which steps wait or run, and which have ended since. */
  noteBatches(page) {
    const open = new Map();
    for (const { steps, state } of page.batches) for (const step of steps.split(" ")) open.set(step, open.get(step) === "running" ? "running" : state);
    const ran = (step) => page.runs.find((run) => run.step === step)?.started;
    for (const [step, state] of open) {
      const before = this.queued.get(step);
      this.queued.set(step, { state, ran: before && before.state !== "done" ? before.ran : ran(step) });
    }
    for (const [step, one] of this.queued) {
      if (open.has(step) || one.state === "done") continue;
      if (ran(step) !== one.ran && page.head.error?.step !== step) one.state = "done"; // else it failed or was cancelled
      else this.queued.delete(step);
    }
  }

  /** What became of "Run again", beside it. */
  queuedBadge(step) {
    const state = this.queued.get(step)?.state;
    const text = { waiting: "◷ waiting", running: "▶ running", done: "✓ done just now" }[state];
    return h("span", { role: "status" }, text ? h("span", { class: `fnb-badge fnb-i-${state}` }, text) : null);
  }

  run(run, failed) {
    const log = this.log(run.step, run.log);
    const state = run.step === failed ? h("span", { class: "fnb-badge fnb-bad" }, "✕ failed since") : run.stale ? h("span", { class: "fnb-badge fnb-i-stale", title: "A value or a file changed since it ran" }, "! stale") : null;
    return h("section", { class: "fnb-f-card fnb-i-run", "data-step": run.step, "aria-label": run.title },
      h("div", { class: "fnb-i-top" }, h("h4", { class: "fnb-i-step" }, run.title, h("small", {}, ` ${run.step}`)), state, this.buttons(run)),
      h("p", { class: "fnb-help-text" }, run.imported ? "Taken over as it came. " : "",
        [run.started ? `ran ${localTime(run.started)}` : "", run.seconds !== null && run.seconds !== undefined ? `took ${run.seconds < 10 ? run.seconds.toFixed(1) + " s" : span(run.seconds)}` : "",
          run.version ? `version ${run.version}${run.newer ? ` (now ${run.newer})` : ""}` : ""].filter(Boolean).join(" · ")),
      run.notes.length ? h("ul", { class: "fnb-i-notes" }, run.notes.map((note) => h("li", {}, `! ${note}`))) : null,
      run.results.length ? this.results(run.results) : h("p", { class: "fnb-help-text" }, "It left no results."),
      run.values.length ? this.fold(`${run.step} values`, `Values it used: ${run.values.length}`, () => h("dl", { class: "fnb-i-used" }, run.values.map(([label, word, value]) =>
        h("div", { title: word }, h("dt", {}, label), h("dd", {}, value))))) : null, log);
  }

  /** A step that has a log and no run: it failed, or it was never recorded. */
  loose(step, failed) {
    return h("section", { class: "fnb-f-card fnb-i-run", "data-step": step, "aria-label": step },
      h("div", { class: "fnb-i-top" }, h("h4", { class: "fnb-i-step" }, step), step === failed ? h("span", { class: "fnb-badge fnb-bad" }, "✕ failed") : null, this.buttons({ step, known: true })),
      this.log(step, true));
  }

  buttons(run) {
    if (!run.known) return h("span", { class: "fnb-help-text" }, "This step is not there any more.");
    return h("span", { class: "fnb-i-buttons" }, this.queuedBadge(run.step),
      h("button", { type: "button", class: "fnb-button", "data-key": `again ${run.step}`, "aria-label": `Run ${run.step} again`, onclick: () => this.wire.ask("run", { step: run.step }) }, "Run again"),
      h("button", { type: "button", class: "fnb-button", "data-key": `with ${run.step}`, "aria-label": `Run ${run.step} with other values`, onclick: () => this.open(run.step) }, "Other values …"));
  }

  log(step, there) {
    if (!there) return h("p", { class: "fnb-help-text fnb-i-nolog" }, `The log of ${step} is gone${this.folderGone ? " with the image's folder." : "; a new run writes a new one."}`);
    return this.fold(`${step} log`, "Log", () => {
      if (!this.logs.has(step)) this.logs.set(step, new ImageLog(() => this.wire.ask("log", { step })));
      this.wire.ask("log", { step });
      return this.logs.get(step).element;
    });
  }

  /** Details that stay open when the page is told anew. */
  fold(key, title, make) {
    const box = h("div", {});
    const details = h("details", { class: "fnb-i-fold" }, h("summary", { "data-key": key }, title), box);
    const open = () => { if (!box.childElementCount) box.append(make()); };
    if (this.opened.has(key)) { details.open = true; open(); }
    details.addEventListener("toggle", () => {
      if (details.open) { this.opened.add(key); open(); } else this.opened.delete(key);
    });
    return details;
  }

  results(found) {
    const missing = found.filter((one) => one.missing), files = found.filter((one) => one.file !== undefined);
    const numbers = found.filter((one) => one.file === undefined && !one.missing);
    return h("div", { class: "fnb-i-results" },
      numbers.length ? h("dl", { class: "fnb-i-numbers" }, numbers.map((one) => h("div", { "data-result": one.word, title: [one.help, one.exact && `${one.word} = ${one.exact}`].filter(Boolean).join("\n") },
        h("dt", {}, one.label), h("dd", {}, one.value, one.unit ? h("small", {}, ` ${one.unit}`) : null, one.locked ? h("small", {}, " locked") : null)))) : null,
      missing.length ? h("p", { class: "fnb-help-text" }, `Not available: ${missing.map((one) => one.label).join(", ")}`) : null,
      files.length ? this.products(files) : null);
  }

  /** advice: what helps against a file that is gone, while the image's folder is there. */
  products(files, advice = "run the step again to make it anew") {
    return h("ul", { class: "fnb-i-files" }, files.map((one) => h("li", { "data-product": one.word, class: one.there ? "" : "fnb-i-gone" },
      h("span", { class: "fnb-i-file", title: one.path }, h("b", {}, one.label), " ", h("code", {}, one.file)),
      one.there ? h("span", { class: "fnb-help-text" }, `${bytesText(one.size)} · ${localTime(one.changed)}`)
        : h("span", { class: "fnb-problem" }, `✕ the file is gone; ${this.folderGone ? "put the image's folder back" : advice}`),
      one.view ? h("button", { type: "button", class: "fnb-button", "data-key": `view ${one.word}`, "aria-label": `Open ${one.label} in the viewer`, onclick: () => this.wire.ask("view", { word: one.word }) }, "View") : null)));
  }

  another(steps) {
    const step = h("select", {}, steps.map(([name, title]) => h("option", { value: name }, `${name}: ${title}`)));
    if (this.chosen) step.value = this.chosen;
    step.addEventListener("change", () => { this.chosen = step.value; });
    return h("div", { class: "fnb-bar-tools fnb-i-another" }, h("label", {}, "Another step ", step),
      h("button", { type: "button", class: "fnb-button", "data-key": "another", onclick: () => this.wire.ask("run", { step: step.value }) }, "Run this step"),
      h("button", { type: "button", class: "fnb-button", "data-key": "another with", onclick: () => this.open(step.value) }, "With values …"));
  }

  more(page) {
    const card = (title, ...content) => h("section", { class: "fnb-f-card", "aria-label": title }, h("h4", { class: "fnb-i-step" }, title), content);
    this.files.className = "fnb-i-more";
    this.files.replaceChildren(...[
      page.files.length ? card("Files it came with", this.products(page.files, "put it back")) : null,
      page.notes.length ? card("Notes and warnings", h("ul", { class: "fnb-i-notes" }, page.notes.map((note) => h("li", {}, `! ${note}`)))) : null,
      page.trials.length ? card("Trials", page.trials.map((one) => h("div", { class: "fnb-i-trial", "data-trial": one.name }, h("b", {}, one.name),
        one.problem ? h("p", { class: "fnb-problem" }, one.problem) : h("dl", { class: "fnb-i-numbers" }, one.results.map(([label, word, value, unit]) =>
          h("div", { title: word }, h("dt", {}, label), h("dd", {}, value, unit ? h("small", {}, ` ${unit}`) : null))))))) : null,
    ].filter(Boolean));
  }

  // -- a run with other values ----------------------------------------------------------------

  dialog(sheets) {
    this.title = h("h3", { class: "fnb-f-title" });
    this.wrong = h("p", { class: "fnb-problem", role: "alert", hidden: true });
    this.sheet = new FormSheet(this.wire, "run", { noBar: true });
    sheets.set("run", this.sheet);
    const go = (trial) => {
      for (const field of this.sheet.fields.values()) field.flush();
      this.tellWrong("");
      this.wire.ask("run", { step: this.step, changed: true, trial, name: this.trial.value.trim() });
    };
    this.trial = h("input", { type: "text", value: "trial", "aria-label": "Name of the trial", spellcheck: "false", class: "fnb-i-trialname" });
    this.window = h("dialog", { class: "fnb-dialog fnb-s-dialog", onclose: () => this.wire.ask("close") }, this.title, this.sheet.element, this.wrong,
      h("div", { class: "fnb-dialog-foot" }, h("button", { type: "button", class: "fnb-button", onclick: () => this.window.close() }, "Cancel"),
        h("span", { class: "fnb-i-try" }, this.trial, h("button", { type: "button", class: "fnb-button", title: "Computes into the image's trials and records nothing in its results", onclick: () => go(true) }, "Try out")),
        h("button", { type: "button", class: "fnb-button fnb-primary", onclick: () => go(false) }, "Run")));
  }

  open(step) {
    this.step = step;
    this.title.textContent = `Run ${step} with these values, this time only`;
    this.tellWrong("");
    this.wire.ask("open", { step });
    this.window.showModal();
  }

  tellWrong(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = !text;
  }

  problem(message) {
    if (!this.window.open) return false;
    this.tellWrong(message.problem);
    return true;
  }

  done(message) {
    if (message.of === "run" && this.window.open) this.window.close();
    return false;
  }

  end() { this.head.end(); this.code.end(); this.wire.end(); }
}

export default {
  render({ model, el }) {
    const page = new ImagePageView(model, el);
    el.page = page;
    return () => page.end();
  },
};
