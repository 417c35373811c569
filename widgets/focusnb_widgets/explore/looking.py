"""A part that looks at the project again whenever it has changed, but never most of the time."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from traitlets import Unicode

from focusnb_widgets.part import Part

SOON = 0.02  # seconds: several changes at once are one
LONGEST = 20.0  # seconds until the next look, however long one takes


class Looking(Part):
    """A part whose `look` tells its page what has changed, and makes a break at every `yield`.

    rest: so many times as long as a look took, nobody looks again. line: the last action as Python.
    """

    rest = 6.0
    line = Unicode("").tag(sync=True)

    def __init__(self, desk: Any, **traits: Any) -> None:
        super().__init__(desk, **traits)
        self._shown = self._again = False
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None
        self.line = self.desk.line
        self.desk.observe(lambda change: self.set_trait("line", change["new"]), "line")
        self.desk.observe(lambda _: self.soon(), "revision")

    def look(self) -> Iterator[None]:
        """Tell the page what has changed since it was told last."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Look here and now."""
        for _ in self._timed():
            pass

    def soon(self) -> None:
        """Look at the project, at once or when the last look is a while ago."""
        if not self._shown:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.refresh()
            return
        self._again = True
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())

    async def _work(self) -> None:
        while self._again:
            await asyncio.sleep(max(SOON, min(LONGEST, self._due - time.monotonic())))
            self._again = False
            for _ in self._timed():
                await asyncio.sleep(0)

    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        yield from self.look()
        self._due = time.monotonic() + self.rest * (time.monotonic() - began)
