// Cells and column heads of the library table.

const FLAG_TEXT = { none: "", red: "R", green: "G", blue: "B", gold: "O" };

/** A flag: colour, shape and letter, so that nobody needs to see colours. */
function flagMark(flag) {
  if (!FLAG_TEXT[flag]) return h("span", { class: "fnb-flag fnb-flag-none", title: "no flag" }, "·");
  return h("span", { class: `fnb-flag fnb-flag-${flag}`, title: `flag ${flag}` }, h("i", { "aria-hidden": "true" }), FLAG_TEXT[flag],
    h("span", { class: "fnb-hidden" }, ` ${flag}`));
}

const FATE_MARKS = { running: "▸ running", waiting: "… waiting", "not processed": "not processed" };

function qualityMark(store, i) {
  const state = store.quality(i);
  const [reasons, stale, error, notes] = ["reasons", "stale", "error", "notes"].map((word) => store.text(word, i));
  const marks = [];
  const lost = store.lost.get(store.rows[i]?.id);
  if (lost) marks.push(h("span", { class: "fnb-mark fnb-mark-error", title: lost }, lost.startsWith("the folder") ? "⚠ no folder" : "⚠ no average"));
  if (error) marks.push(h("span", { class: "fnb-mark fnb-mark-error", title: error }, "⚠ error"));
  if (state === "good") marks.push(h("span", { class: "fnb-mark fnb-mark-good" }, "✓ good"));
  else if (state === "unknown" && !error) marks.push(h("span", { class: "fnb-mark fnb-mark-wait", title: "No step has measured it yet" }, FATE_MARKS[store.fate(i)]));
  else if (!error) marks.push(h("span", { class: "fnb-mark fnb-mark-bad", title: `Not good: ${reasons}` }, `✕ ${reasons || "not good"}`));
  if (error && reasons) marks.push(h("span", { class: "fnb-mark-text", title: reasons }, reasons));
  if (stale) marks.push(h("span", { class: "fnb-mark fnb-mark-stale", title: `Changed since: ${stale}` }, "↻ stale"));
  if (notes) {
    const count = notes.split("\n").length;
    marks.push(h("span", { class: "fnb-mark fnb-mark-stale", title: notes }, `⚠ ${count} note${count === 1 ? "" : "s"}`),
      h("span", { class: "fnb-mark-text", title: notes }, notes.replaceAll("\n", "; ")));
  }
  return h("span", { class: "fnb-marks" }, marks);
}

/** Small pictures: asked for when their rows are seen, one question at a time. */
class LibraryThumbs {
  constructor(wire) {
    this.wire = wire;
    this.urls = new Map(); // number → address, "" when there is none
    this.old = new Set(); // numbers of images that have changed since: shown on, and asked for again
    this.seen = new Map(); // number → element that waits or shows
    this.asked = 0;
  }

  element(id) {
    const element = h("span", { class: "fnb-thumb" });
    this.seen.set(id, element);
    this.show(id, element);
    if (this.needs(id)) this.soon();
    return element;
  }

  needs(id) { return !this.urls.has(id) || this.old.has(id); }

  show(id, element) {
    const url = this.urls.get(id);
    element.replaceChildren(url ? h("img", { src: url, alt: "", draggable: "false" }) : url === "" ? "–" : "");
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), 60);
  }

  ask() {
    if (Date.now() - this.asked < 4000) return;
    for (const [id, element] of this.seen) if (!element.isConnected) this.seen.delete(id);
    const wanted = [...this.seen.keys()].filter((id) => this.needs(id)).slice(0, 60);
    if (!wanted.length) return;
    this.asked = Date.now();
    this.wire.ask("thumbs", {}, [Int32Array.from(wanted).buffer]);
  }

  take(ids, buffers) {
    this.asked = 0;
    ids.forEach((id, k) => {
      const bytes = typed(Uint8Array, buffers[k]);
      this.drop(id);
      this.urls.set(id, bytes.length ? URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) : "");
      const element = this.seen.get(id);
      if (element) this.show(id, element);
    });
    this.soon();
  }

  drop(id) {
    this.old.delete(id);
    if (this.urls.get(id)) URL.revokeObjectURL(this.urls.get(id));
    this.urls.delete(id);
  }

  end() {
    clearTimeout(this.timer);
    for (const id of [...this.urls.keys()]) this.drop(id);
  }
}

/** A column's head: its title sorts, below is its filter. */
class LibraryHead {
  init(params) {
    this.params = params;
    const { column, table } = params;
    const { spec } = params.column.getColDef().context;
    Object.assign(this, { column, table, spec });
    const word = `${spec.title}${spec.unit ? ` [${spec.unit}]` : ""}`;
    this.arrow = h("span", { class: "fnb-sort", "aria-hidden": "true" });
    this.title = h("button", {
      type: "button", class: "fnb-head-title", title: `${word}\n${spec.help}\n(click: sort; with Shift: then by this)`,
      onclick: (event) => params.progressSort(event.shiftKey),
    }, h("span", {}, spec.title), " ", spec.unit ? h("small", {}, spec.unit) : null, this.arrow);
    this.filter = h("input", {
      type: "search", class: "fnb-filter", "aria-label": `Filter ${word}`, autocomplete: "off", spellcheck: "false",
      placeholder: spec.kind === "number" ? "< 5" : spec.kind === "yes" ? "yes" : "", title: filterHelp(spec),
    });
    this.filter.value = table.filters.get(spec.word)?.text ?? "";
    for (const event of ["mousedown", "pointerdown", "touchstart", "click", "dblclick"]) this.filter.addEventListener(event, (e) => e.stopPropagation());
    this.filter.addEventListener("input", () => table.setFilter(spec.word, this.filter.value, this));
    this.problem = h("p", { class: "fnb-filter-told", role: "alert", hidden: true });
    table.root.append(this.problem);
    this.root = h("div", { class: "fnb-column-head" }, this.title, spec.kind === "thumb" ? null : this.filter);
    this.root.addEventListener("contextmenu", (event) => { event.preventDefault(); table.headMenu(spec, event); });
    this.follow = () => this.tellSort();
    params.column.addEventListener("sortChanged", this.follow);
    this.tellSort();
    this.tell(table.filters.get(spec.word)?.problem ?? "");
    table.heads.set(spec.word, this);
  }

  tellSort() {
    const sort = this.params.column.getSort();
    const count = this.table.api?.getColumnState().filter((c) => c.sort).length ?? 0;
    const rank = count > 1 && sort ? String(this.params.column.getSortIndex() + 1) : "";
    this.arrow.textContent = sort ? `${sort === "asc" ? "▲" : "▼"}${rank}` : "";
    this.title.setAttribute("aria-description", sort ? `sorted ${sort === "asc" ? "upwards" : "downwards"}` : "not sorted");
  }

  /** Say under the box why a filter cannot be understood. */
  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    if (!problem) return this.filter.removeAttribute("aria-invalid");
    this.filter.setAttribute("aria-invalid", "true");
    const [box, own] = [this.filter.getBoundingClientRect(), this.table.root.getBoundingClientRect()];
    this.problem.style.top = `${box.bottom - own.top + 3}px`;
    this.problem.style.left = `${Math.max(4, Math.min(box.left - own.left, own.width - this.problem.offsetWidth - 8))}px`;
    return undefined;
  }

  getGui() { return this.root; }

  refresh() { return false; }

  destroy() {
    this.params.column.removeEventListener("sortChanged", this.follow);
    this.problem.remove();
    if (this.table.heads.get(this.spec.word) === this) this.table.heads.delete(this.spec.word);
  }
}

function filterHelp(spec) {
  if (spec.kind === "number") return "< 5 · >= 3 and < 7 · 3..7 · none · any";
  if (spec.kind === "yes") return "yes · no · none";
  if (spec.kind === "time") return "2026-11-28 · > 2026-11-28 14:00 · 2026-11-27..2026-11-28";
  if (spec.kind === "quality") return "good · bad · stale · note · parts of the reasons";
  if (spec.kind === "flag") return "red · red | gold · none · any";
  return "parts of the text · !not this · =exactly · \"with blanks\" · a | b · none";
}
