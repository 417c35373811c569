// Thon rings over a spectrum: by sliders, numbers, or dragging them; saved as the image's own CTF.

const THON_WORDS = [ // name, label, unit, lowest, highest, step
  ["defocus", "Defocus", "µm", 0.05, 8, 0.001],
  ["astigmatism", "Astigmatism", "µm", 0, 1, 0.0005],
  ["angle", "Azimuth U", "°", -90, 90, 0.1],
  ["phase_shift", "Phase shift", "°", 0, 180, 0.5],
];
const LENS_WORDS = [["voltage", "High tension, kV"], ["spherical_aberration", "Cs, mm"], ["amplitude_contrast", "Amplitude contrast"]];
const BLANK = { voltage: 300, spherical_aberration: 2.7, amplitude_contrast: 0.07, defocus_u: 15000, defocus_v: 15000,
  defocus_angle: 0, phase_shift: 0 };
const GRIP = 12; // screen pixels
const CLEARLY = 0.15; // of the correlation

class ThonPanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.ctf = { ...BLANK };
    this.edited = false;
    this.fields = {};
    const rows = THON_WORDS.map(([name, label, unit, low, high, step]) => {
      const range = h("input", { type: "range", min: low, max: high, step, "aria-label": `${label}, slider`,
        oninput: () => this.put(name, Number(range.value)) });
      const text = h("input", { type: "text", inputmode: "decimal", class: "fnb-vw-number", "aria-label": `${label}, ${unit}`,
        onchange: () => this.typed(name, text) });
      this.fields[name] = { range, text };
      return h("div", { class: "fnb-vw-field" }, h("span", {}, label, h("small", {}, unit)), range, text);
    });
    this.lens = LENS_WORDS.map(([word, label]) => {
      const text = h("input", { type: "text", inputmode: "decimal", class: "fnb-vw-number", "aria-label": label, onchange: () => {
        const value = Number(text.value);
        const bad = !text.value.trim() || !(value >= (word === "voltage" ? 10 : 0)) || (word === "amplitude_contrast" && value > 1);
        if (bad) { text.setAttribute("aria-invalid", "true"); return; }
        text.removeAttribute("aria-invalid");
        this.set({ [word]: value });
      } });
      this.fields[word] = { text };
      return h("label", { class: "fnb-vw-lens" }, h("span", {}, label), text);
    });
    this.both = h("p", { class: "fnb-vw-both" });
    this.lock = h("input", { type: "checkbox", checked: true });
    this.save = h("button", { type: "button", class: "fnb-button fnb-primary", onclick: () => this.keep() }, "Save this fit");
    this.reset = h("button", { type: "button", class: "fnb-button", onclick: () => this.renew() }, "Reset");
    this.unlock = h("button", { type: "button", class: "fnb-button", onclick: () => viewer.wire.ask("unlock_ctf") }, "Unlock");
    this.state = h("p", { class: "fnb-help-text" });
    this.score = h("p", { class: "fnb-vw-both" });
    this.problem = h("p", { class: "fnb-problem", role: "alert", hidden: true });
    this.sure = false;
    this.actions = h("div", {}, h("label", { class: "fnb-vw-check" }, this.lock, "and lock it: steps leave it alone"),
      h("div", { class: "fnb-vw-row" }, this.save, this.reset, this.unlock));
    this.profile = new RingProfile(viewer);
    this.element = h("section", { class: "fnb-vw-panel fnb-vw-thon", "aria-label": "Thon rings", hidden: true },
      h("h3", {}, "Thon rings"), this.profile.element, this.score, this.problem, rows, this.both, h("div", { class: "fnb-vw-lenses" }, this.lens), this.actions, this.state);
  }

  get thon() { return new Thon(this.ctf); }

  get parts() {
    const { defocus_u: u, defocus_v: v, defocus_angle: angle, phase_shift: phase } = this.ctf;
    return { defocus: (u + v) / 2e4, astigmatism: (u - v) / 1e4, angle, phase_shift: phase ?? 0 };
  }

  /** What the project knows has come, or changed: shown unless somebody is editing. */
  take(ctf) {
    this.known = ctf && ctf.defocus_u !== null ? ctf : null;
    if (!this.edited) this.renew(ctf);
    this.update();
  }

  renew(ctf = this.viewer.info?.over?.ctf) {
    const given = Object.fromEntries(Object.entries(ctf ?? {}).filter(([, value]) => value !== null));
    this.ctf = { ...BLANK, ...given };
    this.edited = this.sure = false;
    this.problem.hidden = true;
    for (const { text } of Object.values(this.fields)) text.removeAttribute("aria-invalid");
    this.update();
    this.viewer.redraw();
  }

  put(name, value) {
    const parts = { ...this.parts, [name]: value };
    const angle = ((((parts.angle + 90) % 180) + 180) % 180) - 90;
    const half = Math.min(parts.astigmatism, 1.8 * parts.defocus) * 5e3;
    this.set({ defocus_u: parts.defocus * 1e4 + half, defocus_v: parts.defocus * 1e4 - half,
      defocus_angle: name === "angle" && value === 90 ? 90 : angle, phase_shift: parts.phase_shift });
  }

  /** How far a slider goes: as far as the image's own value may need. */
  limit(name) {
    const [, , , , usual] = THON_WORDS.find(([word]) => word === name);
    const own = { defocus: ((this.known?.defocus_u ?? 0) + (this.known?.defocus_v ?? 0)) / 2e4, astigmatism: Math.abs((this.known?.defocus_u ?? 0) - (this.known?.defocus_v ?? 0)) / 1e4 }[name] ?? 0;
    return Math.max(usual, Math.ceil(15 * own) / 10);
  }

  typed(name, text) {
    const value = Number(text.value.replace("−", "-").replace(",", "."));
    const [, label, unit] = THON_WORDS.find(([word]) => word === name);
    const most = this.limit(name);
    const wrong = !text.value.trim() || !Number.isFinite(value) ? "a number is missing"
      : value > most ? `at most ${number(most)} ${unit}`
        : name === "defocus" && !(value > 0) ? "more than 0 µm" : name === "astigmatism" && value < 0 ? "at least 0 µm" : "";
    this.problem.textContent = wrong && `${label}: ${wrong}.`;
    this.problem.hidden = !wrong;
    if (wrong) text.setAttribute("aria-invalid", "true"); else { text.removeAttribute("aria-invalid"); this.put(name, value); }
  }

  /** How well the drawn rings agree with the spectrum, and the stored ones. */
  tellScore(now, stored) {
    this.scores = { now, stored };
    this.score.textContent = `Agreement ${number(now, 2)}${stored === null || !this.edited ? "" : ` · stored fit ${number(stored, 2)}`}`;
  }

  set(change) {
    const next = { ...this.ctf, ...change };
    if (next.defocus_v > next.defocus_u) { // U is the larger one
      [next.defocus_u, next.defocus_v] = [next.defocus_v, next.defocus_u];
      next.defocus_angle += next.defocus_angle > 0 ? -90 : 90;
    }
    this.ctf = next;
    this.edited = true;
    this.sure = false;
    this.update();
    this.viewer.redraw();
  }

  /** Save; what agrees clearly worse than the stored fit is asked for once more. */
  keep() {
    const { now, stored } = this.scores ?? {};
    if (!this.sure && this.edited && stored !== null && now < stored - CLEARLY) {
      this.sure = true;
      this.update();
      return;
    }
    this.sure = false;
    const { defocus_u, defocus_v, defocus_angle, phase_shift } = this.ctf;
    this.edited = false;
    this.viewer.wire.ask("save_ctf", { defocus_u, defocus_v, defocus_angle, phase_shift, lock: this.lock.checked });
  }

  update() {
    const { parts, ctf } = this;
    this.profile.schedule();
    const digits = { defocus: 3, astigmatism: 4, angle: 1, phase_shift: 1 };
    for (const [name] of THON_WORDS) {
      const { range, text } = this.fields[name];
      range.max = Math.max(this.limit(name), parts[name]);
      if (document.activeElement !== range) range.value = parts[name];
      if (document.activeElement !== text) text.value = parts[name].toFixed(digits[name]);
    }
    const alone = !this.viewer.info?.image;
    for (const [word] of LENS_WORDS) {
      const { text } = this.fields[word];
      if (document.activeElement !== text) text.value = ctf[word];
      text.readOnly = !alone;
      text.title = alone ? "" : "A value of the project";
    }
    this.both.textContent = `U ${number(ctf.defocus_u / 1e4, 3)} µm · V ${number(ctf.defocus_v / 1e4, 3)} µm`;
    const locked = this.viewer.info?.over?.locked?.length > 0;
    this.actions.hidden = alone;
    this.save.disabled = locked;
    this.save.textContent = this.sure ? "Save all the same" : "Save this fit";
    this.state.className = this.sure ? "fnb-problem" : "fnb-help-text";
    this.unlock.hidden = !locked;
    this.reset.disabled = !this.edited;
    this.state.textContent = alone ? "This picture is of no project: nothing is saved."
      : locked ? "The CTF of this image is locked; unlock it to save another one."
        : this.sure ? `These rings agree worse with the spectrum (${number(this.scores.now, 2)}) than the stored fit (${number(this.scores.stored, 2)}).`
        : this.edited ? "Edited, not saved yet." : this.known ? "As the project has it. Drag a ring, or U and V." : "No CTF is known of this image yet.";
  }

  // -- dragging -------------------------------------------------------------------------------

  /** A pointer went down on a spectrum: hold a handle, or a ring. */
  press(point, view, grid) {
    const { thon } = this;
    const near = thonHandles(view, grid, thon).find(([x, y]) => Math.hypot(x - point.screen[0], y - point.screen[1]) < GRIP);
    const at = frequencyAt(grid, point.x, point.y);
    if (near) {
      const [, , which, n] = near;
      return { move: (p) => this.pull(which, n, frequencyAt(grid, p.x, p.y)), end: () => {} };
    }
    const { n, far } = thon.nearest(at.s, at.azimuth);
    if (!n || (far / grid.frequency) * view.scale > 7) return null;
    return { move: (p) => this.breathe(n, frequencyAt(grid, p.x, p.y)), end: () => {} };
  }

  /** The ring goes where the pointer is: both defocus values change by the same. */
  breathe(n, { s, azimuth }) {
    if (!(s > 0)) return;
    const change = this.thon.defocusAt(n, s) - this.thon.defocus(azimuth);
    const lowest = Math.min(this.ctf.defocus_u, this.ctf.defocus_v) + change;
    if (!(lowest > 100) || lowest > 5e5) return;
    this.set({ defocus_u: this.ctf.defocus_u + change, defocus_v: this.ctf.defocus_v + change });
  }

  /** One handle goes where the pointer is: its defocus, and the azimuth. */
  pull(which, n, { s, azimuth }) {
    if (!(s > 0)) return;
    const defocus = this.thon.defocusAt(n, s);
    if (!(defocus > 100) || defocus > 5e5) return;
    const degrees = (azimuth * 180) / Math.PI - (which === "v" ? 90 : 0);
    const angle = ((((degrees + 90) % 180) + 180) % 180) - 90;
    const next = { ...this.ctf, [`defocus_${which}`]: defocus, defocus_angle: angle };
    // U stays the larger one: at a round ring it pushes V along, and V pushes U.
    if (next.defocus_v > next.defocus_u) next[which === "u" ? "defocus_v" : "defocus_u"] = defocus;
    this.set(next);
  }
}
