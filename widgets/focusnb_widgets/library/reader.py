"""Rows for the page: all of them at first, then only those that have changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from focusnb.model.project import Project
from focusnb.model.table import Row, judged, read_cells

MANY = 2000  # changed rows from which on it is quicker to ask the project for all


@dataclass(frozen=True, slots=True)
class Change:
    """What is new. whole: `rows` are all rows there are. gone: numbers of images that are no more."""

    rows: list[Row]
    gone: list[int]
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone or self.whole)


class Reader:
    """Follows the rows of a project.

    `project.rows()` judges every image each time. With 20,000 images that is 70 ms for one new row:
    here only changed rows are judged, as long as no value of project, group or user was changed.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._revision = -1
        self._removed = ""
        self._inherited: Any = None
        self._known: set[int] = set()

    def all(self) -> Change:
        """Give all rows."""
        self._revision = self._project.store.revision
        self._removed = self._project.store.fact("removed") or ""
        self._inherited = self.stamp()
        rows = self._project.rows()
        now = {row["id"] for row in rows}
        gone, self._known = sorted(self._known - now), now
        return Change(rows, gone, whole=True)

    def changed(self) -> Change:
        """Give what has changed since it was asked last."""
        store = self._project.store
        revision, removed = store.revision, store.fact("removed") or ""
        if revision == self._revision:
            return Change([], [])
        if self._revision < 0 or self.stamp() != self._inherited:
            return self.all()
        (many,) = store.rows(
            "select count(*) as n from image where revision > ?", (self._revision,)
        )
        if many["n"] > MANY:
            return self.all()
        found = read_cells(store, self._revision)
        gone: list[int] = []
        if removed != self._removed:
            left = {row["id"] for row in store.rows("select id from image")}
            gone = sorted(self._known - left)
            self._known &= left
        self._revision, self._removed = revision, removed
        self._known.update(row["id"] for row in found)
        return Change(judged(self._project, found) if found else [], gone)

    def stamp(self) -> Mapping[str, Any]:
        """Give what the judgement of every row depends on."""
        project = self._project
        groups = {g: dict(project.group_settings(g).values) for g in project.groups}
        return {
            "project": dict(project.settings.values),
            "user": dict(project.user.values),
            "groups": {g: values for g, values in groups.items() if values},
            "steps": id(project.registry),
        }
