// The head of an image's page: name, group, flag, whether it is good, previews, what is queued.

const IMAGE_FLAGS = [["none", "·"], ["red", "▲"], ["green", "●"], ["blue", "■"], ["gold", "◆"]];

/** A time in the viewer's own zone. */
function localTime(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const date = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function bytesText(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0, value = bytes;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return `${at === 0 ? value : value.toPrecision(3)} ${units[at]}`;
}

/** act(name, more): flag, comment, trash, restore. */
class ImageHead {
  constructor(act) {
    this.act = act;
    this.urls = [];
    this.name = h("h2", { class: "fnb-f-heading fnb-i-name" });
    this.badge = h("span", {});
    this.facts = h("p", { class: "fnb-help-text fnb-i-facts" });
    this.flags = h("span", { class: "fnb-group", role: "group", "aria-label": "Flag" }, IMAGE_FLAGS.map(([flag, sign]) =>
      h("button", { type: "button", class: "fnb-choice fnb-i-flag", "data-flag": flag, "aria-label": `Flag ${flag}`, title: `Flag ${flag}`,
        style: flag === "none" ? "font-weight: 800" : `color: var(--fnb-flag-${flag})`, onclick: () => act("flag", { flag }) }, sign)));
    const step = (by, sign, label) => h("button", { type: "button", class: "fnb-choice", "aria-label": label, title: label, onclick: () => act("walk", { by }) }, sign);
    this.walk = h("span", { class: "fnb-group", role: "group", "aria-label": "Other images" }, step(-1, "‹", "Previous image"), step(1, "›", "Next image"));
    this.trash = h("button", { type: "button", class: "fnb-button", onclick: () => act(this.told.trashed ? "restore" : "trash") });
    this.missing = h("p", { class: "fnb-alert", role: "alert", hidden: true });
    this.error = h("p", { class: "fnb-alert fnb-i-error", role: "alert", hidden: true });
    this.reasons = h("ul", { class: "fnb-i-reasons" });
    this.queue = h("p", { class: "fnb-i-queue", role: "status", "aria-live": "polite", hidden: true });
    this.pictures = h("div", { class: "fnb-i-pictures" });
    this.element = h("section", { class: "fnb-f-card fnb-i-head", "aria-label": "Image" },
      h("div", { class: "fnb-i-top" }, h("div", { class: "fnb-i-title" }, this.name, this.badge), this.walk, this.flags, this.trash),
      this.facts, this.missing, this.error, this.reasons, this.queue, this.pictures);
  }

  update(told, batches) {
    this.told = told;
    this.name.textContent = told.name;
    this.badge.className = `fnb-badge ${told.good === null ? "" : told.good ? "fnb-good" : "fnb-bad"}`;
    this.badge.textContent = told.good === null ? "not measured yet" : told.good ? "✓ good" : "✕ not good";
    this.facts.replaceChildren(h("code", {}, told.key), ` · recorded ${localTime(told.recorded)} · `, h("code", {}, told.folder));
    for (const button of this.flags.children) button.setAttribute("aria-pressed", String(button.dataset.flag === told.flag));
    this.trash.textContent = told.trashed ? "Bring back from the TRASH" : "Move to TRASH";
    this.missing.textContent = told.missing;
    this.missing.hidden = !told.missing;
    this.error.textContent = told.error ? `${told.error.step ? `${told.error.step} failed: ` : ""}${told.error.message}` : "";
    this.error.hidden = !told.error;
    this.reasons.replaceChildren(...told.reasons.filter((one) => one !== told.error?.message).map((one) => h("li", {}, one)));
    this.queue.replaceChildren(...batches.map((one) => h("span", { class: `fnb-badge fnb-i-${one.state}` }, `${one.state}: ${one.steps}`)));
    this.queue.hidden = batches.length === 0;
  }

  show(pictures, buffers) {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.urls = buffers.map((view) => URL.createObjectURL(new Blob([typed(Uint8Array, view)], { type: "image/png" })));
    this.pictures.replaceChildren(...pictures.map((one, i) => h("figure", { class: "fnb-i-picture" },
      h("img", { src: this.urls[i], alt: one.label, loading: "lazy" }), h("figcaption", {}, one.label.replace(/^Preview of (the )?(.)/, (_, __, first) => first.toUpperCase())))));
  }

  end() { this.urls.forEach((url) => URL.revokeObjectURL(url)); }
}

/** A log with a search; lines that tell of errors or warnings are marked. */
class ImageLog {
  constructor(ask) {
    this.query = h("input", { type: "search", placeholder: "Search the log", "aria-label": "Search the log", oninput: () => this.show() });
    this.count = h("span", { class: "fnb-help-text" });
    this.file = h("p", { class: "fnb-help-text" });
    this.lines = h("div", { class: "fnb-i-lines", role: "log", tabindex: "0", "aria-label": "Log" });
    this.element = h("div", { class: "fnb-i-log" }, h("div", { class: "fnb-bar-tools" }, this.query, this.count,
      h("button", { type: "button", class: "fnb-choice", onclick: ask }, "Load again")), this.lines, this.file);
    this.told = null;
  }

  update(told) {
    this.told = told;
    this.file.textContent = told.file ? `${told.cut ? "Only its end is shown; the whole: " : ""}${told.file}` : "";
    this.show();
    if (!this.read) this.lines.scrollTop = this.lines.scrollHeight; // its end tells what went wrong
    this.read = true;
  }

  show() {
    const { told } = this;
    if (!told) return;
    const word = this.query.value.trim().toLowerCase();
    this.lines.classList.toggle("fnb-i-gone", Boolean(told.missing));
    if (told.missing) { this.lines.textContent = told.missing; this.count.textContent = ""; return; }
    const all = told.text.split("\n");
    const found = word ? all.filter((line) => line.toLowerCase().includes(word)) : all;
    this.count.textContent = word ? `${found.length} of ${all.length} lines` : `${all.length} lines`;
    const kind = (line) => /\b(error|fail|failed|failure|errors|traceback|exception|fatal)\b/i.test(line) ? "error" : /\b(warn|warning|warnings|cannot|not to be trusted)\b/i.test(line) ? "warning" : "";
    this.lines.replaceChildren(...found.slice(-5000).map((line) => {
      const of = kind(line);
      return h("span", { class: of && `fnb-i-${of}` }, of === "error" ? "✕ " : of === "warning" ? "! " : "", line, "\n");
    }));
    if (!found.length) this.lines.textContent = "No line has this.";
    if (all.length === 1 && !all[0]) this.lines.textContent = "The log is empty.";
  }
}
