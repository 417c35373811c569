// The grid itself: AG Grid over the store, its columns, its sorting and filtering, its arrangement.

const ROW_HEIGHT = 30;
const NARROW = 480; // pixels
const ROW_HEIGHT_PICTURES = 42;
const WIDTHS = { thumb: 62, flag: 46, quality: 124, time: 130, yes: 74, number: 74, text: 130 };
const NARROW_WIDTHS = { flag: 44, thumb: 50, name: 120, quality: 104 }; // on a phone: all four are seen
const OWN_WIDTHS = { name: 130, group: 90, number: 110, comment: 190 };
const LOOKS = {
  backgroundColor: "var(--fnb-card)", foregroundColor: "var(--fnb-ink)", borderColor: "var(--fnb-line)", accentColor: "var(--fnb-accent)",
  headerBackgroundColor: "var(--fnb-bg)", headerTextColor: "var(--fnb-ink)", oddRowBackgroundColor: "var(--fnb-card)",
  rowHoverColor: "var(--fnb-hover)", fontFamily: "inherit", fontSize: "13px", headerFontSize: "12.5px", cellHorizontalPadding: "8px",
  wrapperBorderRadius: "8px", columnBorder: false, headerColumnBorder: true, browserColorScheme: "inherit",
};

/** Make the grid of a table in an element. table: store, filters, heads, thumbs, choice. */
function gridOf(table, element) {
  return focusnbGrid.createGrid(element, {
    theme: focusnbGrid.themeQuartz.withParams(LOOKS),
    columnDefs: columnDefs(table),
    rowData: [],
    getRowId: (p) => String(p.data.id),
    rowHeight: ROW_HEIGHT,
    headerHeight: 62,
    animateRows: false,
    deltaSort: true,
    suppressCellFocus: true,
    suppressHeaderFocus: true,
    suppressColumnMoveAnimation: true,
    suppressDragLeaveHidesColumns: true,
    suppressNoRowsOverlay: true,
    suppressScrollOnNewData: true,
    suppressMultiSort: false,
    isExternalFilterPresent: () => true,
    doesExternalFilterPass: (node) => table.passes(node.data.i),
    rowClassRules: {
      "fnb-chosen": (p) => table.choice.set.has(p.data.id),
      "fnb-current": (p) => table.choice.current === p.data.id,
    },
    onColumnMoved: (event) => event.finished && event.source === "uiColumnMoved" && table.arranged(),
    onColumnResized: (event) => {
      if (!event.finished || event.source !== "uiColumnResized") return;
      for (const column of event.columns ?? []) table.widths[column.getColId()] = Math.round(column.getActualWidth());
      table.arranged();
    },
    postSortRows: ({ nodes }) => sortNodes(table, nodes),
    onSortChanged: (event) => { if (!table.arranging) table.arranged(); table.choice.mark(); },
    onModelUpdated: () => { table.ordered(); table.counted(); },
    onViewportChanged: () => table.choice.mark(),
  });
}

/**
 * Sort the grid's rows: keys are looked up once for each row and not for each comparison, which takes a
 * third of the time. Rows that are alike stay as they were, by number.
 */
function sortNodes(table, nodes) {
  const sorts = table.api ? viewOf(table).sort : table.view.sort;
  const keys = sorts.map(([word, way]) => [table.specs.find((one) => one.word === word), way === "desc"]).filter(([spec]) => spec)
    .map(([spec, descending]) => {
      const values = new Array(table.store.rows.length);
      for (const { data } of nodes) values[data.i] = table.store.key(spec, data.i);
      return { values, descending };
    });
  if (!keys.length) return;
  nodes.sort((a, b) => {
    for (const { values, descending } of keys) {
      const order = compareKeys(values[a.data.i], values[b.data.i], descending);
      if (order) return order;
    }
    return a.data.id - b.data.id;
  });
}

function columnDefs(table) {
  const tick = {
    colId: "tick", width: 38, minWidth: 38, maxWidth: 38, pinned: "left", lockPinned: true, lockPosition: "left", resizable: false,
    suppressMovable: true, sortable: false, cellClass: "fnb-tick-cell",
    headerComponent: TickHead, headerComponentParams: { table },
    cellRenderer: () => h("span", { class: "fnb-tick", "aria-hidden": "true" }),
  };
  const { sort } = table.view;
  const narrow = (table.root.clientWidth || innerWidth) < NARROW;
  return [tick, ...table.specs.map((spec) => {
    const at = sort.findIndex(([word]) => word === spec.word);
    return {
      colId: spec.word,
      context: { spec },
      width: table.widths[spec.word] ?? (narrow ? NARROW_WIDTHS[spec.word] : null) ?? OWN_WIDTHS[spec.word] ?? widthOf(spec),
      minWidth: 40,
      hide: spec.word === "group" && table.oneGroup,
      sortable: spec.kind !== "thumb",
      sort: at < 0 ? null : sort[at][1],
      sortIndex: at < 0 ? null : at,
      sortingOrder: ["asc", "desc", null],
      comparator: () => 0, // sortNodes does it
      valueGetter: (p) => table.store.key(spec, p.data.i),
      valueFormatter: (p) => table.store.shown(spec, p.data.i),
      cellRenderer: rendererOf(table, spec),
      cellClass: spec.kind === "number" ? "fnb-number-cell" : spec.kind === "thumb" ? "fnb-thumb-cell" : "",
      headerComponent: LibraryHead,
      headerComponentParams: { table },
    };
  })];
}

/** Wide enough for the words of its title in two lines, within reason. */
function widthOf(spec) {
  if (spec.kind !== "number" && spec.kind !== "yes") return WIDTHS[spec.kind];
  const words = spec.title.split(" ");
  if (words.length > 1) words.push(`${words.pop()} ${spec.unit}`); // a single word has its unit below it
  const lengths = words.map((word) => word.length);
  const half = lengths.reduce((sum, length) => sum + length + 1, 0) / 2;
  return Math.round(Math.max(WIDTHS[spec.kind], Math.min(118, 16 + 7.4 * Math.max(...lengths, half))));
}

function rendererOf(table, spec) {
  if (spec.kind === "flag") return (p) => flagMark(table.store.text("flag", p.data.i));
  if (spec.kind === "quality") return (p) => qualityMark(table.store, p.data.i);
  if (spec.kind === "thumb") return (p) => table.thumbs.element(p.data.id);
  if (spec.kind === "text") {
    return (p) => {
      const text = table.store.text(spec.word, p.data.i);
      return h("span", { title: text || null, class: spec.word === "error" ? "fnb-mark-error" : null }, text);
    };
  }
  return undefined;
}

/** The head of the ticks: chooses all that are shown, or none. */
class TickHead {
  init({ table }) {
    this.root = h("button", {
      type: "button", class: "fnb-tick-head", title: "Choose all that are shown, or none", "aria-label": "Choose all that are shown, or none",
      onclick: () => table.choice.toggleAll(),
    }, h("span", { class: "fnb-tick" }));
  }

  getGui() { return this.root; }

  refresh() { return true; }
}

/** What people have arranged, as the kernel keeps it. */
function viewOf(table) {
  const state = table.api.getColumnState().filter((column) => column.colId !== "tick");
  const sorted = state.filter((column) => column.sort).sort((a, b) => (a.sortIndex ?? 0) - (b.sortIndex ?? 0));
  return { columns: state.map((column) => column.colId), widths: table.widths, sort: sorted.map((column) => [column.colId, column.sort]) };
}
