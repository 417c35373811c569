"""Walking through images: who comes next, as the table shows them or by number."""

from collections.abc import Sequence

from focusnb.model.group import TRASH
from focusnb.model.project import Project


class Walk:
    """The images in an order.

    order: numbers as a table shows them; empty: all but the trashed ones by number, or the trashed
    ones while one of them is looked at.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._order: list[int] = []
        self._places: dict[int, int] = {}

    def follow(self, order: Sequence[int]) -> None:
        """Take another order."""
        self._order = list(order)
        self._places = {image: place for place, image in enumerate(self._order)}

    def forward(self, old: int, new: int) -> bool:
        """Tell whether it goes on, or back, from one image to another."""
        if old in self._places and new in self._places:
            return self._places[new] > self._places[old]
        return new > old

    def place(self, image: int) -> tuple[int, int]:
        """Give the place of an image, from 1 on, and how many there are; 0 when it is not among them."""
        if self._order:
            return self._places.get(image, -1) + 1, len(self._order)
        where, given = self._where(image)
        row = self._project.store.rows(
            f"select count(*) as n, sum(id <= ?) as place, sum(id = ?) as here from image where {where}",
            (image, image, *given),
        )[0]
        return (row["place"] if row["here"] else 0) or 0, row["n"]

    def step(self, image: int, by: int) -> int:
        """Give the image that many places on (back, if negative), or the last one there is; 0 for none."""
        if self._order:
            here = self._places.get(image, -1 if by > 0 else len(self._order))
            return self._order[min(max(here + by, 0), len(self._order) - 1)]
        where, given = self._where(image)
        beyond, order = (">", "asc") if by > 0 else ("<", "desc")
        rows = self._project.store.rows(
            f"select id from image where {where} and id {beyond} ? order by id {order} limit ?",
            (*given, image, abs(by)),
        )
        return int(rows[-1]["id"]) if rows else image

    def end(self, image: int, *, last: bool) -> int:
        """Give the first or the last image; 0 when there is none."""
        if self._order:
            return self._order[-1 if last else 0]
        where, given = self._where(image)
        rows = self._project.store.rows(
            f"select {'max' if last else 'min'}(id) as id from image where {where}", given
        )
        return int(rows[0]["id"] or 0)

    def _where(self, image: int) -> tuple[str, tuple[str, ...]]:
        rows = self._project.store.rows("select place from image where id = ?", (image,))
        trashed = bool(rows) and rows[0]["place"] == TRASH
        return ("place = ?" if trashed else "place <> ?"), (TRASH,)
