"""The library as rows: one mapping per image, fast enough to ask for all the time."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from focusnb.model import good, stale
from focusnb.model.param import ROW_WORDS

if TYPE_CHECKING:
    from focusnb.model.project import Project
    from focusnb.model.store import Store

FIRST = ("group", "number", "name", "flag", "good", "recorded")
LAST = ("reasons", "stale", "error")


class Row(Mapping[str, Any]):
    """One image of the library: its cells, then its group's and the project's values."""

    __slots__ = ("_inherited", "cells")

    def __init__(self, cells: dict[str, Any], inherited: Mapping[str, Any]) -> None:
        self.cells = cells
        self._inherited = inherited

    def __getitem__(self, word: str) -> Any:
        value = self.cells.get(word)
        return self._inherited[word] if value is None and word in self._inherited else value

    def get(self, word: str, default: Any = None) -> Any:
        """Give a value, or the default when it is not available."""
        value = self[word]
        return default if value is None else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)


class Table:
    """Keeps the rows of a project and reads only what changed since it was asked last."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._revision = -1
        self._removed = ""
        self._cells: dict[int, dict[str, Any]] = {}

    def rows(self) -> list[Row]:
        """Give all rows in the order of their numbers, `good`, `reasons` and `stale` worked out."""
        self._refresh()
        return judged(self._project, self._cells.values())

    def columns(self, rows: list[Row]) -> list[str]:
        """Give the columns worth showing: what any image has a value of, in the vocabulary's order."""
        used: set[str] = set().union(*(row.cells for row in rows))
        words = [
            w
            for w, p in self._project.words.items()
            if w in used and p.type not in ("path", "series")
        ]
        return [*FIRST, *(w for w in words if w not in FIRST), *LAST]

    def column(self, rows: list[Row], name: str) -> list[Any]:
        """Give one column of these rows; inherited values are looked up only where they are needed."""
        found = [row.cells.get(name) for row in rows]
        if None not in found or name not in self._project.words:
            return found
        return [row[name] if v is None else v for row, v in zip(rows, found, strict=True)]

    def names(self) -> set[str]:
        """Give every word that a selection may use."""
        return set(self._project.words) | ROW_WORDS

    def _refresh(self) -> None:
        store = self._project.store
        revision, removed = store.revision, store.fact("removed") or ""
        if removed != self._removed:
            self._cells, self._revision, self._removed = {}, -1, removed
        if revision == self._revision:
            return
        for cells in read_cells(store, self._revision):
            self._cells[cells["id"]] = cells
        if list(self._cells) != sorted(self._cells):
            self._cells = dict(sorted(self._cells.items()))
        self._revision = revision


def read_cells(store: "Store", since: int = -1) -> list[dict[str, Any]]:
    """Give the cells of the images that were changed after a revision, in the order of their numbers."""
    from pydantic_core import from_json

    changed = store.rows(
        "select id, place, name, flag, recorded, cells from image where revision > ? order by id",
        (since,),
    )
    # pydantic's parser takes half the time of json's
    found: list[dict[str, Any]] = from_json("[" + ",".join(row["cells"] for row in changed) + "]")
    for row, cells in zip(changed, found, strict=True):
        cells.update(
            id=row["id"],
            group=row["place"],
            number=f"{row['id']:010d}",
            name=row["name"],
            flag=row["flag"],
            recorded=row["recorded"],
            image=f"{row['place']}/{row['id']:010d}",
        )
    return found


def judged(project: "Project", found: Collection[dict[str, Any]]) -> list[Row]:
    """Make rows of cells: `good`, `reasons` and `stale` are worked out."""
    limits = good.limits(project.values())
    inherited = {group: project.values(group=group) for group in {c["group"] for c in found}}
    check = stale.Checker(project)
    rows = []
    for cells in found:
        why = good.reasons(cells, limits)
        cells["reasons"] = "; ".join(why) or None
        cells["good"] = not why if cells["measured"] else None
        cells["stale"] = " ".join(check.steps(cells)) or None
        rows.append(Row(cells, inherited[cells["group"]]))
    return rows


def cells_of(document: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """Give the flat numbers and texts of a document that tables show.

    `settings` tells, per step, the digest of the inherited values it used, and `touched` the steps
    whose own values were changed since: the library knows from these what is stale. `notes` has what
    was noted when the image came, a line each; None without any.
    """
    cells: dict[str, Any] = {
        word: stale.rounded(value)
        for word, value in {**document["values"], **document["results"]}.items()
        if value is not None and word in words and words[word].type not in ("path", "series")
    }
    cells["error"] = None if document["error"] is None else document["error"]["message"]
    cells["measured"] = bool(document["runs"]) or cells["error"] is not None
    cells["settings"] = {
        step: run["settings"] for step, run in document["runs"].items() if "settings" in run
    }
    cells["touched"] = [step for step, run in document["runs"].items() if run.get("touched")]
    cells["own"] = sorted(document["values"])
    cells["notes"] = "\n".join(" ".join(note.split()) for note in document["notes"]) or None
    return cells
