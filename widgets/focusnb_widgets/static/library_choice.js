// Which rows are chosen, and which one is looked at: by mouse, keys, and from elsewhere.

const SEND_MS = 60;

class LibraryChoice {
  constructor(table) {
    this.table = table;
    this.set = new Set();
    this.current = 0;
    this.anchor = 0;
    this.place = 0; // where the current row is among the shown ones, or was
  }

  // -- what is shown ------------------------------------------------------------------------------

  node(id) { return this.table.api.getRowNode(String(id)); }

  idAt(place) { return this.table.api.getDisplayedRowAtIndex(place)?.data.id; }

  get count() { return this.table.api.getDisplayedRowCount(); }

  placeOf(id) {
    const node = id ? this.node(id) : null;
    return node && node.displayed !== false && node.rowIndex !== null ? node.rowIndex : -1;
  }

  /** Where the first of the chosen rows is; Infinity when none is shown. */
  get firstPlace() {
    let first = Infinity;
    for (const id of this.set) {
      const place = this.placeOf(id);
      if (place >= 0 && place < first) first = place;
    }
    return first;
  }

  shownIds() {
    const ids = [];
    this.table.api.forEachNodeAfterFilterAndSort((node) => ids.push(node.data.id));
    return ids;
  }

  range(from, to) {
    const ids = [];
    for (let k = Math.min(from, to); k <= Math.max(from, to); k += 1) ids.push(this.idAt(k));
    return ids.filter((id) => id !== undefined);
  }

  /** Draw which rows are chosen; new rows get it from the grid's class rules. */
  mark() {
    for (const row of this.table.grid.querySelectorAll(".ag-row[row-id]")) {
      const id = Number(row.getAttribute("row-id"));
      const chosen = this.set.has(id);
      row.classList.toggle("fnb-chosen", chosen);
      row.classList.toggle("fnb-current", id === this.current);
      row.setAttribute("aria-selected", String(chosen));
      row.tabIndex = -1; // the grid as a whole has the focus, or nobody would ever tab past it
    }
    this.table.counted();
  }

  // -- choosing -----------------------------------------------------------------------------------

  choose(ids, { silent = false } = {}) {
    this.set = ids instanceof Set ? ids : new Set(ids);
    this.mark();
    if (!silent) this.send();
  }

  send() {
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.flush(), SEND_MS);
  }

  /** Tell the kernel at once: an action is going to follow. */
  flush() {
    if (this.sending === undefined) return;
    clearTimeout(this.sending);
    this.sending = undefined;
    const ids = Int32Array.from([...this.set].sort((a, b) => a - b));
    this.table.wire.ask("select", { by: this.table.me }, [ids.buffer]);
  }

  look(id, { scroll = true, tell = true } = {}) {
    this.current = id;
    const place = this.placeOf(id);
    if (place >= 0) {
      this.place = place;
      if (scroll) this.table.api.ensureIndexVisible(place);
    }
    this.mark();
    this.table.speak(id);
    if (tell) this.table.wire.ask("current", { image: id, by: this.table.me });
  }

  all() { this.choose(new Set([...this.set, ...this.shownIds()])); }

  none() { this.choose([]); }

  invert() {
    const shown = this.shownIds();
    const now = new Set(this.set);
    for (const id of shown) if (!now.delete(id)) now.add(id);
    this.choose(now);
  }

  toggleAll() {
    const shown = this.shownIds();
    if (shown.length && shown.every((id) => this.set.has(id))) this.none();
    else this.all();
  }

  toggle(id) {
    const now = new Set(this.set);
    if (!now.delete(id)) now.add(id);
    this.anchor = id;
    this.choose(now);
  }

  /** Step through the rows: shift extends, ctrl leaves the choice as it is. */
  step(by, { shift = false, ctrl = false } = {}) {
    const { count } = this;
    if (!count) return;
    const at = this.placeOf(this.current);
    const from = at >= 0 ? at : Math.min(this.place, count) - (by > 0 ? 1 : 0);
    const to = Math.max(0, Math.min(count - 1, at < 0 && !this.current ? 0 : from + by));
    const id = this.idAt(to);
    this.look(id);
    if (ctrl) return;
    const anchor = shift ? this.placeOf(this.anchor) : -1;
    if (anchor >= 0) this.choose(this.range(anchor, to));
    else {
      this.anchor = id;
      this.choose([id]);
    }
  }

  /** The chosen rows have left the view (trashed, moved): go on with the row that took their place. */
  goOn(place) {
    const { count } = this;
    if (!count || !Number.isFinite(place)) return;
    const id = this.idAt(Math.min(place, count - 1));
    this.anchor = id;
    this.look(id);
    this.choose([id]);
  }

  // -- from elsewhere -----------------------------------------------------------------------------

  take(ids) {
    clearTimeout(this.sending);
    this.sending = undefined;
    this.choose(new Set(ids), { silent: true });
    const first = this.firstPlace;
    if (Number.isFinite(first) && ![...this.table.grid.querySelectorAll(".ag-row.fnb-chosen")].some(isSeen)) {
      this.table.api.ensureIndexVisible(first, "middle");
    }
  }

  // -- mouse --------------------------------------------------------------------------------------

  /** A button went down on the grid. */
  press(event) {
    const row = event.target.closest(".ag-row[row-id]");
    if (event.button !== 0 || !row) return;
    event.preventDefault(); // no text is marked
    this.table.focus();
    const id = Number(row.getAttribute("row-id"));
    const ctrl = event.ctrlKey || event.metaKey;
    const place = this.placeOf(id);
    const ticked = event.target.closest(".fnb-tick-cell") && !event.shiftKey;
    const anchor = event.shiftKey ? this.placeOf(this.anchor) : -1;
    const before = new Set(this.set);
    if (!ctrl && !ticked && anchor < 0 && this.set.size > 1 && this.set.has(id)) {
      this.look(id, { scroll: false });
      this.carry(event, id);
      return;
    }
    if (anchor >= 0) this.choose(ctrl ? new Set([...before, ...this.range(anchor, place)]) : this.range(anchor, place));
    else if (ctrl || ticked) this.toggle(id);
    else {
      this.anchor = id;
      this.choose([id]);
    }
    this.look(id, { scroll: false });
    this.drag(anchor >= 0 ? anchor : place, ctrl || ticked ? before : new Set(), this.set.has(id));
  }

  /** Rows are chosen while the mouse goes over them; near an edge the grid scrolls. */
  drag(from, base, adding) {
    const body = this.table.grid.querySelector(".ag-grid-viewport");
    let last = from;
    let pointer = null;
    const over = (to) => {
      if (to < 0 || to === last) return;
      last = to;
      const now = new Set(base);
      for (const id of this.range(from, to)) if (adding) now.add(id); else now.delete(id);
      this.choose(now);
    };
    const move = (event) => {
      pointer = event;
      const row = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".ag-row[row-id]");
      if (row && this.table.grid.contains(row)) over(this.placeOf(Number(row.getAttribute("row-id"))));
    };
    const scroll = setInterval(() => {
      if (!pointer) return;
      const box = body.getBoundingClientRect();
      const way = pointer.clientY < box.top + 62 ? -1 : pointer.clientY > box.bottom - 4 ? 1 : 0;
      if (!way) return;
      const to = Math.max(0, Math.min(this.count - 1, last + 2 * way));
      this.table.api.ensureIndexVisible(to);
      over(to);
    }, 40);
    const up = () => {
      clearInterval(scroll);
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", up);
      if (last !== from) this.look(this.idAt(last) ?? this.current, { scroll: false });
      this.flush();
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", up);
  }

  /** Several chosen rows are carried: to a group on the left, which moves them; let go elsewhere, nothing is moved. */
  carry(event, id) {
    const begin = [event.clientX, event.clientY];
    let ghost = null;
    let target = null;
    const move = (e) => {
      if (!ghost && Math.hypot(e.clientX - begin[0], e.clientY - begin[1]) < 6) return;
      if (!ghost) this.table.root.append(ghost = h("div", { class: "fnb-carried" }));
      target?.classList.remove("fnb-drop");
      target = document.elementFromPoint(e.clientX, e.clientY)?.closest?.(".fnb-groups [data-group]") ?? null;
      target?.classList.add("fnb-drop");
      ghost.textContent = target ? `Move ${this.set.size} images to ${target.dataset.group}` : `${this.set.size} images: drop them on a group`;
      const box = this.table.root.getBoundingClientRect();
      ghost.style.transform = `translate(${e.clientX - box.left + 12}px, ${e.clientY - box.top + 10}px)`;
    };
    const up = () => {
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", up);
      target?.classList.remove("fnb-drop");
      if (target) this.table.act("move", { group: target.dataset.group });
      if (!ghost) {
        this.anchor = id;
        this.choose([id]);
      }
      ghost?.remove();
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", up);
  }
}

function isSeen(row) {
  const box = row.getBoundingClientRect();
  const body = row.closest(".ag-grid-viewport")?.getBoundingClientRect();
  return body && box.bottom > body.top + 62 && box.top < body.bottom; // 62: below the heads
}
