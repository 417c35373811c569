"""The library table: what it shows, how it follows the project, and what it can do in Python."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from traitlets import List, Unicode

from focusnb.errors import BadValue, UnknownName
from focusnb.model.group import TRASH
from focusnb.model.text import counted
from focusnb_widgets.desk import WRONG, numbers
from focusnb_widgets.library import columns, kept, lists, wire
from focusnb_widgets.library.answers import TABLE, Answers
from focusnb_widgets.library.columns import Column
from focusnb_widgets.library.reader import Change, Reader
from focusnb_widgets.library.thumbs import Thumbs
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning.latest import Latest

NOT_SENT = ("thumb", "quality")  # what the page makes itself
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # a text that begins so would be computed by a spreadsheet


class LibraryTable(Answers):
    """The images of a project, one row each: to look at, to choose, to act on.

    ::

        table = LibraryTable(project)
        table.show("name", "defocus", "ctf_resolution")
        table.sort_by("ctf_resolution")
        table.choose("ctf_resolution < 4")
        table.csv("view.csv")

    desk: a Desk that it shares with other parts, or a project. height: of the table, in CSS. Actions
    on the chosen images are the desk's: `table.desk.flag(table.desk.selected, "green")`.
    """

    _esm = module(
        "grid.min.js", "part.js", "library_store.js", "library_filter.js", "library_cells.js",
        "library_grid.js", "library_choice.js", "library_tree.js", "library_dialogs.js",
        "library_columns.js", "library_keys.js", "library.js",
    )  # fmt: skip
    _css = style("page.css", "parts.css", "library.css")
    line = Unicode("").tag(sync=True)
    undoable = List(Unicode()).tag(sync=True)
    height = Unicode("clamp(380px, 72vh, 900px)").tag(sync=True)

    def __init__(self, desk: Any, **traits: Any) -> None:
        super().__init__(desk, **traits)
        self.reader = Reader(self.project)
        self.thumbs = Thumbs(self.project)
        self.latest = Latest(lambda kind, error: self.tell_problem(str(kind), error))
        self.copies = Latest(lambda kind, error: self.tell_problem("copy", error))
        self.opened = False  # whether a page has ever asked
        self.groups: list[list[Any]] = []
        self.queued: tuple[bytes, bytes] | None = (
            None  # as it was told: what waits, what is running
        )
        self.view, _ = self._kept_view()
        self._ahead: tuple[Any, Any] | None = None
        with suppress(*WRONG):  # the page will be told
            self._encode_ahead()
        self.line, self.undoable = self.desk.line, self.desk.undoable
        self.desk.observe(self._follow, ["line", "undoable"])
        self.desk.observe(self._refresh, "revision")
        self.desk.observe(self._tell_chosen, "selected")
        self.desk.observe(self._tell_current, "current")
        self.desk.observe(self._tell_told, "told")

    # -- in Python ------------------------------------------------------------------------------

    def show(self, *words: str) -> None:
        """Show these columns in this order."""
        known = self.known()
        for word in words:
            if word not in known:
                raise UnknownName(f"{word!r} is no column of the library; project.words has all")
        self.set_view({**self.view, "columns": list(words)})

    def sort_by(self, *words: str, descending: bool = False) -> None:
        """Sort by columns that are shown, the first one first; none at all: by number."""
        for word in words:
            if word not in self.view["columns"]:
                raise BadValue(f"{word!r} is not shown; table.show(…) shows it")
        way = "desc" if descending else "asc"
        self.set_view({**self.view, "sort": [[word, way] for word in words]})

    def choose(self, what: str | Iterable[int]) -> list[int]:
        """Choose images by a selection (EXPR) or by number; gives their numbers."""
        if isinstance(what, str):
            return self.desk.select_where(what)
        self.desk.select(self.project.ids(list(what)))
        return list(self.desk.selected)

    def csv(
        self,
        path: str | Path | None = None,
        *,
        images: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
    ) -> str:
        """Give the shown columns as CSV, and write it if a path is given.

        images: which rows in which order; those that the page shows if not given, all by number
        without a page. columns: others than the shown ones. Numbers are not rounded; units stand in
        the titles. A text that a spreadsheet would compute gets a ' before it.
        """
        known = self.known()
        words = [w for w in (columns or self.view["columns"]) if w != "thumb" and w in known]
        rows = {row["id"]: row for row in self.project.rows()}
        wanted = (self.desk.order or list(rows)) if images is None else images
        chosen = [i for i in wanted if i in rows]
        shown = [known[word] for word in words]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["Image", *(_harmless(column.heading) for column in shown)])
        for image in chosen:
            row = rows[image]
            cells = [row["image"], *(_cell(row, column) for column in shown)]
            writer.writerow([_harmless(cell) for cell in cells])
        if path is not None:
            Path(path).write_text(out.getvalue(), encoding="utf-8")
            more = "" if images is None else f", images={numbers(chosen)}"
            more += "" if columns is None else f", columns={list(columns)!r}"
            self.desk.line = f"{TABLE}.csv({str(path)!r}{more})"
        return out.getvalue()

    def lists(self) -> dict[str, int]:
        """Give the names of kept lists of images, and how many each holds."""
        return lists.names(self.project)

    def save_list(self, name: str, images: Sequence[int] | None = None) -> str:
        """Keep the chosen images, or those given, under a name."""
        chosen = list(self.desk.selected if images is None else images)
        told = lists.save(self.project, name, chosen)
        key, name = lists.KEY, name.strip()
        self.desk.line = (
            f"project.workspace.set({key!r},"
            f" {{**project.workspace.get({key!r}, {{}}), {name!r}: {numbers(chosen)}}})"
        )
        self.tell_lists()
        return told

    def load_list(self, name: str) -> str:
        """Choose the images of a kept list."""
        found, told = lists.load(self.project, name)
        self.desk.select(found)
        self.desk.line = f"project.workspace.get({lists.KEY!r})[{name!r}]"
        return told

    def delete_list(self, name: str) -> str:
        """Forget a kept list."""
        told = lists.delete(self.project, name)
        self.desk.line = f"{TABLE}.delete_list({name!r})"
        self.tell_lists()
        return told

    def list_text(self) -> str:
        """Give the chosen images as text, a line GROUP/NUMBER for each."""
        return lists.text(self.project, self.desk.selected)

    def read_list(self, text: str) -> str:
        """Choose the images that a text names, a line GROUP/NUMBER for each."""
        found, told = lists.read(self.project, text)
        self.desk.select(found)
        self.desk.line = f"project.ids({numbers(found)})"
        return told

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {n}" for name, n in self._counts()) or "no group"
        return (
            f"<library of {self.project.name!r}: {counted(len(self.project), 'image')} ({counts});"
            f" {len(self.desk.selected)} chosen>"
        )

    # -- what the page is told --------------------------------------------------------------------

    def known(self) -> dict[str, Column]:
        """Give all columns that can be shown."""
        used = self.project.columns(self.project.rows())
        return columns.available(self.project.words, self.project.mode, used)

    def set_view(self, view: Mapping[str, Any], *, by: str = "") -> None:
        """Show other columns, widths or order; kept in the project for its mode."""
        before, view = set(self.view["columns"]), kept.sound(view)
        known = self.known()
        words = [w for w in view.get("columns", ()) if w in known]
        self.view = {
            "columns": words,
            "widths": {w: n for w, n in view.get("widths", {}).items() if w in words},
            "sort": [one for one in view.get("sort", ()) if one[0] in words],
        }
        with self.project.editing():
            views = kept.views(self.project)
            self.project.workspace.set(kept.VIEWS, {**views, self.project.mode: self.view})
        if not self.opened:
            return
        new = [word for word in words if word not in before]
        if new:
            self.send({"columns": [known[w].told() for w in words]})
            self._send_rows(self.reader.all(), [known[word] for word in new])
        self.send({"view": self.view, "by": by})

    def send_all(self) -> None:
        """Send everything: a page has been opened."""
        self.opened = True
        known = self.known()
        self.view, told = (
            self._kept_view()
        )  # somebody else may have arranged it since this was made
        self.view["columns"] = [w for w in self.view["columns"] if w in known]
        shown = [known[word] for word in self.view["columns"]]
        self.send(
            {
                "library": self.project.name,
                "mode": self.project.mode,
                "columns": [column.told() for column in shown],
                "view": self.view,
                "trash": TRASH,
            }
        )
        self._send_groups(anew=True)
        self._send_queued(anew=True)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == self._state():
            self._send_encoded(*ahead[1])
        else:
            self._send_rows(self.reader.all(), shown)
        self._tell_chosen()
        self._tell_current()
        if told:
            self.send({"problem": told, "of": "look"})

    def tell_lists(self) -> None:
        """Tell the page which lists are kept."""
        if self.opened:
            self.send({"lists": self.lists()})

    def tell_problem(self, name: str, error: Exception) -> None:
        """Tell what went wrong, and look again: somebody else may have been there."""
        super().tell_problem(name, error)
        if name not in ("look", "alive"):
            self.desk.look()

    def _kept_view(self) -> tuple[dict[str, Any], str]:
        """Give the view as it is kept, and what of the workspace cannot be understood."""
        found: dict[str, Any] = {}
        try:
            found, told = kept.view(self.project)
            told = " ".join(filter(None, (told, kept.lists(self.project)[1])))
        except WRONG as error:
            told = str(error)
        usual = columns.usual(
            self.project.mode, columns.available(self.project.words, self.project.mode, ())
        )
        return {"columns": usual, "widths": {}, "sort": [], **found}, told

    def _refresh(self, _: Any = None) -> None:
        if not self.opened:
            return
        try:
            change = self.reader.changed()
            if change.gone:
                self._forget(change.gone)
            if change:
                known = columns.available(self.project.words, self.project.mode, ())
                self._send_rows(change, [known[w] for w in self.view["columns"] if w in known])
            self._send_groups()
            self._send_queued()
        except WRONG as error:
            self.tell_problem("look", error)

    def _forget(self, gone: Iterable[int]) -> None:
        """Images that are no more are not chosen any more."""
        lost = set(gone)
        if not lost.isdisjoint(self.desk.selected):
            self.desk.select([image for image in self.desk.selected if image not in lost])
        if self.desk.current in lost:
            self.desk.current = 0
        if not lost.isdisjoint(self.desk.order):
            self.desk.order = [image for image in self.desk.order if image not in lost]

    def _encode_ahead(self) -> None:
        """Encode all rows before a page asks: a kernel that waits for its visitor has the time."""
        known = self.known()
        shown = [known[word] for word in self.view["columns"] if word in known]
        change = self.reader.all()
        self._ahead = (self._state(), (change, *self._encoded(change, shown)))

    def _state(self) -> Any:
        """Give what the encoded rows depend on."""
        return self.project.store.revision, self.reader.stamp(), self.view["columns"]

    def _encoded(self, change: Change, shown: Iterable[Column]) -> tuple[Any, list[bytes]]:
        sent = [c for c in shown if c.word not in (*NOT_SENT, *columns.ALWAYS)]
        return wire.encoded(change.rows, [*wire.basic(), *sent])

    def _send_rows(self, change: Change, shown: Iterable[Column]) -> None:
        self._send_encoded(change, *self._encoded(change, shown))

    def _send_encoded(self, change: Change, heads: Any, buffers: list[bytes]) -> None:
        self.send({"rows": heads, "gone": change.gone, "whole": change.whole}, buffers)

    def _counts(self) -> list[tuple[str, int]]:
        counted_in = dict(
            self.project.store.rows("select place, count(*) from image group by place")
        )
        names = [name for name in self.project.groups if name != TRASH]
        return [*((n, counted_in.get(n, 0)) for n in names), (TRASH, counted_in.get(TRASH, 0))]

    def _send_groups(self, *, anew: bool = False) -> None:
        groups = [list(one) for one in self._counts()]
        if anew or groups != self.groups:
            self.groups = groups
            self.send({"groups": groups})

    def _send_queued(self, *, anew: bool = False) -> None:
        """Tell which images wait in the queue and which are being processed."""
        found = self.project.store.rows(
            "select distinct image, state from batch where state in ('waiting', 'running')"
            " order by image"
        )
        queued = tuple(
            wire.buffer_of(row["image"] for row in found if row["state"] == state)
            for state in ("waiting", "running")
        )
        if anew or queued != self.queued:
            self.queued = queued
            self.send({"queued": len(found)}, list(queued))

    def _follow(self, change: Any) -> None:
        setattr(self, change["name"], change["new"])

    def _tell_chosen(self, _: Any = None) -> None:
        if self.opened:
            head = {"chosen": len(self.desk.selected), "by": self.choosing}
            head["expression"] = self.desk.expression
            self.send(head, [wire.buffer_of(self.desk.selected)])

    def _tell_current(self, _: Any = None) -> None:
        if self.opened:
            self.send({"current": self.desk.current, "by": self.choosing})

    def _tell_told(self, _: Any = None) -> None:
        if self.opened and self.desk.told:
            self.send({**self.desk.told, "of": "look"})


def _cell(row: Any, column: Column) -> Any:
    """Give a cell of the CSV file."""
    if column.kind == "quality":
        good = row["good"]
        judged = "" if good is None else "good" if good else f"not good: {row['reasons']}"
        noted = [f"noted: {note}" for note in (row["notes"] or "").splitlines()]
        return "; ".join([judged, *noted] if judged else noted)
    value = row[column.word]
    if column.kind == "yes" and value is not None:
        return "yes" if value else "no"
    return "" if value is None else column.value(value)


def _harmless(cell: Any) -> Any:
    """Give a cell so that no spreadsheet takes a text for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
