// Polygons on a picture: drawn by clicks, their corners dragged; saved to be left out by picking.

class Polygons {
  constructor(viewer) {
    Object.assign(this, { viewer, list: [], draft: null, chosen: -1, pointer: null });
    this.save = h("button", { type: "button", class: "fnb-button", onclick: () => viewer.wire.ask("exclude", { polygons: this.list }) }, "Leave out when picking");
    this.clear = h("button", { type: "button", class: "fnb-button", onclick: () => this.put([]) }, "Remove all");
    this.told = h("p", { class: "fnb-help-text" });
    this.element = h("section", { class: "fnb-vw-panel", "aria-label": "Polygons", hidden: true }, h("h3", {}, "Polygons"), this.told,
      h("div", { class: "fnb-vw-row" }, this.save, this.clear));
  }

  /** The kernel has others. */
  take(list) {
    if (JSON.stringify(list) === JSON.stringify(this.list)) return;
    this.list = list.map((corners) => corners.map((corner) => [...corner]));
    this.chosen = -1;
    this.update();
  }

  put(list) {
    this.list = list.map((corners) => corners.map(([x, y]) => [round2(x), round2(y)]));
    if (this.chosen >= list.length) this.chosen = -1;
    this.viewer.model.set("polygons", this.list.map((corners) => corners.map((corner) => [...corner])));
    this.viewer.model.save_changes();
    this.update();
  }

  update() {
    const { info, tool } = this.viewer;
    const saved = info?.over?.excluded ?? [];
    const plain = (list) => JSON.stringify(list.map((corners) => corners.map(([x, y]) => [round2(x), round2(y)])));
    const changed = plain(this.list) !== plain(saved);
    const can = Boolean(info?.image) && info?.word !== "movie";
    this.element.hidden = tool !== "polygon" && !this.list.length;
    this.save.hidden = !can;
    this.save.disabled = !changed;
    this.clear.disabled = !this.list.length;
    const count = this.list.length === 1 ? "1 polygon" : `${this.list.length || "no"} polygons`;
    const how = tool === "polygon" ? "Click to begin one; corners can be dragged; Del removes the chosen one." : "";
    this.told.textContent = this.draft ? "Click corners; the first corner or Enter closes it, Backspace takes the last one back."
      : `${count}${can && this.list.length ? (changed ? ", not saved" : ", left out when picking") : ""}. ${how}`;
    this.viewer.redraw();
  }

  /** A click with the tool: a corner, or the choice of a polygon. */
  click(point, view) {
    const near = ([x, y]) => { const [sx, sy] = view.toScreen(x, y); return Math.hypot(sx - point.screen[0], sy - point.screen[1]) < 10; };
    if (this.draft) {
      if (this.draft.length > 2 && (near(this.draft[0]) || near(this.draft.at(-1)))) this.close(); // the last one again: Enter, Enter
      else this.draft.push(this.bounded(point, view));
    } else {
      const inside = this.list.findIndex((corners) => within(corners, point.x, point.y));
      if (inside >= 0) this.chosen = inside;
      else { this.chosen = -1; this.draft = [this.bounded(point, view)]; }
    }
    this.update();
  }

  bounded({ x, y }, view) { return [Math.min(Math.max(x, 0), view.width - 1), Math.min(Math.max(y, 0), view.height - 1)]; }

  close() {
    if (!this.draft) return false;
    const corners = this.draft;
    this.draft = null;
    if (corners.length > 2) { this.chosen = this.list.length; this.put([...this.list, corners]); } else this.update();
    return true;
  }

  abandon() { const had = Boolean(this.draft); this.draft = null; this.update(); return had; }

  back() {
    if (!this.draft) return false;
    this.draft.pop();
    if (!this.draft.length) this.draft = null;
    this.update();
    return true;
  }

  remove() {
    if (this.chosen < 0) return false;
    this.put(this.list.filter((_, i) => i !== this.chosen));
    this.chosen = -1;
    this.update();
    return true;
  }

  /** A pointer went down: hold a corner, if there is one. */
  press(point, view) {
    if (this.draft) return null;
    for (const [i, corners] of this.list.entries()) {
      const k = corners.findIndex(([x, y]) => { const [sx, sy] = view.toScreen(x, y); return Math.hypot(sx - point.screen[0], sy - point.screen[1]) < 10; });
      if (k < 0) continue;
      this.chosen = i;
      return { move: (p) => { corners[k] = this.bounded(p, view); this.viewer.redraw(); }, end: () => this.put(this.list) };
    }
    return null;
  }

  draw(context, view, handles) {
    this.list.forEach((corners, i) => drawPolygon(context, view, corners, { handles, chosen: handles && i === this.chosen }));
    if (this.draft) drawPolygon(context, view, this.draft, { open: true, pointer: this.pointer });
  }
}

const round2 = (value) => Math.round(value * 100) / 100;

/** Whether a point lies in a polygon. */
function within(corners, x, y) {
  let inside = false;
  for (let i = 0, k = corners.length - 1; i < corners.length; k = i++) {
    const [xi, yi] = corners[i];
    const [xk, yk] = corners[k];
    if (yi > y !== yk > y && x < ((xk - xi) * (y - yi)) / (yk - yi) + xi) inside = !inside;
  }
  return inside;
}
