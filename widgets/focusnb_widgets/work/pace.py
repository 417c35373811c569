"""Pace: looks again and again, as long as somebody looks at a page; and what has changed since."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from focusnb.errors import BadProject
from focusnb.session import Project
from focusnb_widgets.desk import PATIENCE

TURN = 0.5  # seconds between two looks


class Pace:
    """Calls `look` every half second while a page is alive and shown; never twice at a time.

    Each page names itself, so that a second one on the same kernel keeps the first one's place.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._heard: dict[str, float] = {}
        self._hidden: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def pages(self) -> list[str]:
        """The pages that live, whether they are shown or not."""
        limit = time.monotonic() - PATIENCE
        return [page for page, heard in self._heard.items() if heard > limit]

    @property
    def shown(self) -> list[str]:
        """The pages that somebody sees."""
        return [page for page in self.pages if page not in self._hidden]

    def hear(self, page: str) -> None:
        """Note a page's sign of life, and see to it that its panel is kept up to date."""
        self._heard[page] = time.monotonic()
        if self._task is None or self._task.done():
            try:
                self._task = asyncio.get_running_loop().create_task(self._turn())
            except RuntimeError:
                return  # a script: it asks by itself

    def show(self, page: str, shown: bool) -> None:
        """Note whether a page's panel can be seen: in a tab behind another nothing is looked up."""
        (self._hidden.discard if shown else self._hidden.add)(page)
        self.hear(page)

    async def _turn(self) -> None:
        while self.pages:
            began = time.monotonic()
            if self.shown:
                self._look()
            # a slow look (a large queue, a busy disk) takes no more than a third of the time
            await asyncio.sleep(max(TURN, 2 * (time.monotonic() - began)))


def check_there(project: Project) -> None:
    """Raise BadProject when a project's folder is gone; an open database would not notice."""
    if not project.store.path.is_file():
        raise BadProject(
            f"{project.root} is not there any more; put the folder back, or open the project"
            " where it is now"
        )


class Sent:
    """What a page has of a list: only rows that differ are sent again."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, Mapping[str, Any]] = {}
        self._order: list[Hashable] | None = None

    def changes(self, rows: Iterable[Mapping[str, Any]], key: str = "id") -> dict[str, Any] | None:
        """Give {"order": keys, "rows": new or changed ones}; None when the page has it all."""
        found = {row[key]: row for row in rows}
        changed = [row for k, row in found.items() if self._rows.get(k) != row]
        order = list(found)
        if not changed and order == self._order:
            return None
        self._rows, self._order = found, order
        return {"order": order, "rows": changed}
