// Changes by hand: picks added and removed, areas left out, particles marked; with undo and redo.

const GRIP = 9; // pixels of the screen within which a corner is taken hold of
const BACK = 0.1; // diameters from a removed pick within which a click brings it back

const copied = (value) => JSON.parse(JSON.stringify(value));

class Editing {
  /**
   * sheets: one an image. changed(image): something was changed, to be drawn and told.
   */
  constructor(sheets, changed) {
    Object.assign(this, { sheets, changed, tool: "look", draft: null, chosen: null, past: [], future: [] });
  }

  state(image) { return { edits: copied(this.sheets[image].edits), manual: copied(this.sheets[image].manual) }; }

  /** Change one image; change(edits, manual) works on copies. */
  change(image, change) {
    const before = this.state(image);
    const after = copied(before);
    change(after.edits, after.manual, after);
    this.past.push({ image, before, after });
    this.future = [];
    this.put(image, after);
  }

  put(image, { edits, manual }) {
    this.sheets[image].edits = edits;
    this.sheets[image].manual = manual;
    this.sheets[image].rebuild();
    this.changed(image);
  }

  undo() { this.step(this.past, this.future, "before"); }

  redo() { this.step(this.future, this.past, "after"); }

  step(from, to, which) {
    const one = from.pop();
    if (!one) return;
    to.push(one);
    this.chosen = null;
    this.put(one.image, copied(one[which]));
  }

  // -- picks ----------------------------------------------------------------------------------

  /** A click with the tool "picks": away with the pick that is there, else a new one. */
  togglePick(image, x, y) {
    const index = this.sheets[image].at(x, y);
    if (index >= 0) this.removePick(image, index);
    else this.addPick(image, x, y);
  }

  addPick(image, x, y) {
    const sheet = this.sheets[image];
    this.change(image, (edits) => {
      // Just where one was taken away it comes back instead; a little further off it is moved.
      const points = { x: edits.removed.map((p) => p[0]), y: edits.removed.map((p) => p[1]) };
      const k = nearest(points, x, y, BACK * 2 * sheet.reach);
      if (k >= 0) edits.removed.splice(k, 1);
      else edits.added.push([round(x), round(y)]);
    });
  }

  removePick(image, index) {
    const list = this.sheets[image].lists.b;
    if (index >= this.sheets[image].shown()) return; // below the threshold: it is no pick
    this.change(image, (edits) => {
      if (index < list.count) edits.added.splice(index, 1);
      else edits.removed.push([round(list.x[index]), round(list.y[index])]);
    });
  }

  toggleManual(image, x, y) {
    const sheet = this.sheets[image];
    this.change(image, (_, manual) => {
      const points = { x: manual.map((p) => p[0]), y: manual.map((p) => p[1]) };
      const k = nearest(points, x, y, sheet.reach);
      if (k >= 0) manual.splice(k, 1);
      else manual.push([round(x), round(y)]);
    });
  }

  /** Take the present picks of an image as what is true, to be mended by hand. */
  manualFromPicks(image) {
    const sheet = this.sheets[image];
    const count = sheet.shown();
    this.change(image, (_, manual) => {
      manual.length = 0;
      for (let i = 0; i < count; i++) manual.push([round(sheet.lists.b.x[i]), round(sheet.lists.b.y[i])]);
    });
  }

  clear(image) {
    this.chosen = null;
    this.change(image, (edits) => { edits.added.length = edits.removed.length = edits.excluded.length = 0; });
  }

  // -- polygons -------------------------------------------------------------------------------

  /** A click with the tool "exclude": another corner, or the polygon that is there is chosen. */
  corner(image, point, view) {
    if (this.draft && this.draft.image !== image) this.draft = null;
    const { x, y } = point;
    if (!this.draft) {
      const k = this.sheets[image].edits.excluded.findIndex((polygon) => isInside(x, y, polygon));
      this.chosen = k >= 0 ? { image, polygon: k } : null;
      if (k < 0) this.draft = { image, corners: [[round(x), round(y)]] };
    } else if (this.draft.corners.length > 2 && this.near(this.draft.corners[0], point, view)) this.close();
    else this.draft.corners.push([round(x), round(y)]);
    this.changed(image);
  }

  close() {
    const draft = this.draft;
    this.draft = null;
    if (!draft) return;
    // A double click has put its corner twice.
    const corners = draft.corners.filter(([x, y], i, all) => i === 0 || Math.hypot(x - all[i - 1][0], y - all[i - 1][1]) > 1e-6);
    if (corners.length < 3) { this.changed(draft.image); return; }
    this.change(draft.image, (edits) => edits.excluded.push(corners));
    this.chosen = { image: draft.image, polygon: this.sheets[draft.image].edits.excluded.length - 1 };
    this.changed(draft.image);
  }

  /** Escape: the polygon that is being drawn is given up; true when there was one. */
  abandon() {
    const draft = this.draft;
    this.draft = null;
    if (draft) this.changed(draft.image);
    return Boolean(draft);
  }

  /** Backspace: the last corner goes; true when a polygon is being drawn. */
  back() {
    if (!this.draft) return false;
    this.draft.corners.pop();
    if (!this.draft.corners.length) this.abandon();
    else this.changed(this.draft.image);
    return true;
  }

  deletePolygon() {
    if (!this.chosen) return false;
    const { image, polygon } = this.chosen;
    this.chosen = null;
    this.change(image, (edits) => edits.excluded.splice(polygon, 1));
    return true;
  }

  near([x, y], point, view) {
    const [sx, sy] = view.toScreen(x, y);
    return Math.hypot(sx - point.screen[0], sy - point.screen[1]) <= GRIP;
  }

  /** A pointer goes down with the tool "exclude": a drag of a corner, if one is there. */
  grip(image, point, view) {
    if (this.draft) return null;
    const polygons = this.sheets[image].edits.excluded;
    for (const [k, corners] of polygons.entries()) {
      const c = corners.findIndex((corner) => this.near(corner, point, view));
      if (c < 0) continue;
      const before = this.state(image);
      this.chosen = { image, polygon: k };
      return {
        move: (p) => { this.sheets[image].edits.excluded[k][c] = [round(p.x), round(p.y)]; this.changed(image, true); },
        end: () => {
          this.past.push({ image, before, after: this.state(image) });
          this.future = [];
          this.put(image, this.state(image));
        },
      };
    }
    return null;
  }

  /** Draw what hands did over a picture. */
  draw(context, view, image) {
    const sheet = this.sheets[image];
    const excluding = this.tool === "exclude";
    sheet.edits.excluded.forEach((corners, k) => drawPolygon(context, view, corners, {
      handles: excluding, chosen: excluding && this.chosen?.image === image && this.chosen.polygon === k,
    }));
    if (this.draft?.image === image) drawPolygon(context, view, this.draft.corners, { open: true, pointer: this.pointer });
    if (this.tool !== "picks") return;
    for (const [x, y] of sheet.edits.added) drawSign(context, view, x, y, "+", "#fff");
    for (const [x, y] of sheet.edits.removed) drawSign(context, view, x, y, "×", KIND.here.colour);
  }
}

/** Pixels with the hundredths that a file keeps. */
function round(v) { return Math.round(v * 100) / 100; }
