// Overview: four pictures of the image that is looked at; walking, one of them large, before against after.

const OVERVIEW_KEPT = 240; // pictures; the kernel believes that fewer are kept
const BLINK_MS = 650;

/** The pictures a page has, by key, as elements that are decoded before they are shown. */
class OverviewPictures {
  constructor() { this.found = new Map(); }

  put(key, view) {
    this.drop(key);
    const url = URL.createObjectURL(new Blob([view], { type: "image/png" }));
    const image = h("img", { src: url, alt: "", draggable: "false", decoding: "sync" });
    const one = { image, url, ok: null };
    one.ready = image.decode().then(() => { one.ok = true; }, () => { one.ok = false; });
    this.found.set(key, one);
    for (const old of this.found.keys()) {
      if (this.found.size <= OVERVIEW_KEPT) break;
      if (!this.found.get(old).image.isConnected) this.drop(old);
    }
  }

  /** Give a picture, which counts as used just now. */
  get(key) {
    const one = this.found.get(key);
    if (one) { this.found.delete(key); this.found.set(key, one); }
    return one;
  }

  has(key) { return this.found.has(key); }

  drop(key) {
    const one = this.found.get(key);
    if (one) URL.revokeObjectURL(one.url);
    this.found.delete(key);
  }

  end() { for (const key of [...this.found.keys()]) this.drop(key); }
}

/** One place for a picture: the picture or why there is none, title and numbers beneath. */
class OverviewView {
  constructor(part) {
    this.part = part;
    this.name = "";
    this.stage = h("span", { class: "fnb-ov-stage" });
    this.button = h("button", { type: "button", class: "fnb-ov-picture", onclick: (event) => part.clicked(this, event) }, this.stage);
    this.title = h("b", {});
    this.numbers = h("span", { class: "fnb-muted" });
    this.figure = h("figure", { class: "fnb-ov-view" }, this.button, h("figcaption", {}, this.title, this.numbers));
  }

  /** Show what was seen: a picture, or a sentence. view: the name of what is shown here now. */
  show(view, seen, title) {
    const one = seen.key ? this.part.pictures.get(seen.key) : null;
    this.name = view;
    this.figure.dataset.view = view;
    this.figure.dataset.key = one?.ok ? seen.key : "";
    this.title.textContent = title;
    this.numbers.textContent = seen.caption.replaceAll("-", "−");
    let told = seen.text;
    if (!told && seen.waits) told = "being drawn …";
    if (!told && one?.ok === false) told = "the picture is damaged and cannot be shown";
    if (!told && !one) told = "being fetched …";
    if (told) {
      this.stage.replaceChildren(h("span", { class: "fnb-ov-none" }, told));
      this.button.setAttribute("aria-label", `${title}: ${told}`);
      return;
    }
    one.image.alt = seen.alt;
    if (this.stage.firstChild !== one.image) this.stage.replaceChildren(one.image);
    this.button.removeAttribute("aria-label");
  }
}

class OverviewPart {
  constructor(model, el) {
    this.model = model;
    this.pictures = new OverviewPictures();
    this.places = [];
    this.state = null; // what is shown, as the kernel has told it
    this.told = 0;
    this.blinking = false;
    this.wire = new Wire(model, el, {
      show: (message, buffers) => this.receive(message, buffers),
      near: (message, buffers) => this.keep(message, buffers),
    });
    this.head = h("div", { class: "fnb-ov-head" });
    this.grid = h("div", { class: "fnb-ov-grid" });
    this.empty = h("div", { class: "fnb-empty fnb-ov-empty", hidden: true });
    this.help = overviewHelp();
    el.tabIndex = 0;
    el.setAttribute("role", "region");
    el.setAttribute("aria-label", "Overview of the image");
    el.append(this.tools(), this.wire.line, this.head, this.empty, this.grid, this.help);
    el.addEventListener("keydown", (event) => this.pressed(event));
    el.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("button, a, dialog")) el.focus({ preventScroll: true });
    });
    this.root = el;
    this.wire.on("change:shown", () => this.tellTabs());
    this.wire.on("change:names", () => this.drawTabs());
    this.wire.on("change:large", () => this.layOut());
    this.wire.ready();
  }

  get large() { return this.model.get("large"); }

  tools() {
    this.tabs = h("div", { class: "fnb-group", role: "tablist", "aria-label": "Overview" });
    this.drawTabs();
    const step = (by, text, label) => h("button", { type: "button", class: "fnb-choice", "aria-label": label, title: label,
      onclick: () => this.walk(by) }, text);
    this.place = h("span", { class: "fnb-muted fnb-ov-place", "aria-live": "off" });
    this.blinker = h("button", { type: "button", class: "fnb-choice", "aria-pressed": "false", title: "Before and after by turns (key x)",
      onclick: () => this.setBlink(!this.blinking) }, "Blink");
    return h("div", { class: "fnb-bar-tools fnb-ov-tools" },
      this.tabs,
      h("div", { class: "fnb-group" }, step(-1, "‹", "The image before (key ←)"), this.place, step(1, "›", "The next image (key →)")),
      h("div", { class: "fnb-group" }, this.blinker,
        h("button", { type: "button", class: "fnb-choice", "aria-label": "Keys", title: "Keys (?)", onclick: () => this.help.showModal() }, "?")));
  }

  drawTabs() {
    this.tabs.replaceChildren(...Object.keys(this.model.get("names")).map((name, i) => h("button", {
      type: "button", class: "fnb-choice", role: "tab", "data-name": name, title: `Key ${i + 1}`, onclick: () => this.turnTo(i) }, name)));
    this.tellTabs();
  }

  tellTabs() {
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.name === this.model.get("shown")));
  }

  // -- what comes from the kernel --------------------------------------------------------------

  keep(message, buffers) {
    (message.keys ?? []).forEach((key, i) => this.pictures.put(key, buffers[i]));
    return true;
  }

  /** Everything of an image appears at once, as soon as its pictures are decoded. */
  receive(message, buffers) {
    this.keep(message, buffers);
    const state = message.show;
    const ticket = ++this.told;
    const shown = Object.values(state.seen).filter((one) => one.key);
    const lost = shown.filter((one) => !one.waits && !this.pictures.has(one.key)).map((one) => one.key);
    if (lost.length) this.wire.ask("fetch", { keys: lost });
    Promise.all(shown.map((one) => this.pictures.get(one.key)?.ready)).then(() => {
      if (ticket !== this.told) return; // somebody has walked on
      const other = this.state?.image !== state.image;
      this.state = state;
      if (other && this.blinking) this.phase = 0;
      this.draw();
    });
    return true;
  }

  // -- what is shown ---------------------------------------------------------------------------

  draw() {
    const { state } = this;
    this.head.replaceChildren(...overviewHead(state).filter(Boolean));
    const [at, of] = state.place;
    this.place.textContent = at ? `${number(at)} of ${number(of)}` : "";
    this.empty.hidden = state.views.length > 0;
    if (!state.views.length) {
      this.empty.replaceChildren(...(state.image ? [] : [h("p", {}, state.told)]),
        ...(!state.image && state.told.includes("Home") ? [h("button", { type: "button", class: "fnb-button",
          onclick: () => this.wire.ask("walk", { to: "first" }) }, "Show the first image")] : []));
      this.empty.hidden = Boolean(state.image);
    }
    while (this.places.length < state.views.length) {
      this.places.push(new OverviewView(this));
      this.grid.append(this.places.at(-1).figure);
    }
    while (this.places.length > state.views.length) this.places.pop().figure.remove();
    this.show();
    this.layOut();
    this.root.dataset.image = state.image;
    this.root.dataset.overview = state.overview;
  }

  /** Put each picture into its place; while blinking, the other one of a pair now and then. */
  show() {
    const views = this.model.get("views");
    this.state.views.forEach((name, i) => {
      const { pair } = views[name];
      const swapped = this.blinking && this.phase && name === this.blinkOf() && pair && this.state.seen[pair];
      const now = swapped ? pair : name;
      const mark = this.blinking && name === this.blinkOf() ? "⇄ " : "";
      this.places[i].show(now, this.state.seen[now], mark + views[now].title);
      this.places[i].place = name;
    });
  }

  layOut() {
    const large = this.state?.views.includes(this.large) ? this.large : "";
    this.grid.classList.toggle("fnb-ov-has-large", Boolean(large));
    for (const place of this.places) {
      place.figure.classList.toggle("fnb-ov-large", place.place === large);
      place.button.setAttribute("aria-expanded", String(place.place === large));
      place.button.title = place.place === large ? "All pictures (Esc); double click: the viewer" : "Large (m); double click: the viewer";
    }
  }

  // -- what people do --------------------------------------------------------------------------

  walk(by) { this.wire.ask("walk", { by }); }

  turnTo(index) {
    const name = Object.keys(this.model.get("names"))[index];
    if (name) this.wire.ask("show", { name });
  }

  turn(by) {
    const names = Object.keys(this.model.get("names"));
    this.turnTo((names.indexOf(this.model.get("shown")) + by + names.length) % names.length);
  }

  enlarge(name) {
    this.model.set("large", name);
    this.model.save_changes();
    this.layOut();
  }

  /** The first click makes large or small again; the second one of a double click opens the viewer. */
  clicked(place, event) {
    if (event.detail === 2 && this.pressedView) {
      this.enlarge(this.wasLarge);
      this.open(this.pressedView);
      return;
    }
    if (event.detail > 2) return;
    [this.pressedView, this.wasLarge] = [place.name, this.large];
    this.enlarge(this.large === place.place ? "" : place.place);
  }

  open(view) { if (view) this.wire.ask("open", { view }); }

  /** The view whose picture has the focus, else the large one, else the first. */
  focused() {
    const place = this.places.find((one) => one.figure.contains(document.activeElement));
    return place?.place ?? (this.state?.views.includes(this.large) ? this.large : this.state?.views[0] ?? "");
  }

  back() {
    if (this.blinking) this.setBlink(false);
    else if (this.large) this.enlarge("");
  }

  /** The view that blinks: the large one, or the first that has a partner. */
  blinkOf() {
    const views = this.model.get("views");
    const able = this.state?.views.filter((name) => views[name].pair) ?? [];
    return able.includes(this.large) ? this.large : able.find((name) => name === "after") ?? able[0];
  }

  setBlink(on) {
    this.blinking = on;
    this.phase = 0;
    clearInterval(this.blinkTimer);
    this.blinker.setAttribute("aria-pressed", String(on));
    this.root.classList.toggle("fnb-ov-blinks", on);
    this.wire.ask("blink", { on });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (on && still) this.phase = 1; // one change for each press of the key
    if (on && !still) this.blinkTimer = setInterval(() => {
      if (!this.state || document.hidden) return;
      this.phase = 1 - this.phase;
      this.show();
    }, BLINK_MS);
    if (this.state) this.show();
  }

  pressed(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || this.help.open) return;
    const act = overviewAct(this, event.key);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat || !"nrgbot".includes(event.key)) act(); // a key held down trashes one image, not a hundred
  }

  end() {
    clearInterval(this.blinkTimer);
    this.wire.end();
    this.pictures.end();
  }
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-part", "fnb-ov");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the keys
  const part = new OverviewPart(model, el);
  el.overview = part; // not `part`: elements have a property of that name
  return () => part.end();
}

export default { render };
