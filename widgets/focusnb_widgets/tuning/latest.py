"""Latest: slow work beside the event loop, of which only what was asked for last is done."""

import asyncio
import itertools
from collections.abc import Callable, Hashable
from typing import Any


class Latest:
    """Does one thing at a time in another thread; of each kind only the latest request waits.

    So a slider that is dragged never makes a queue: what runs is finished, what was asked for
    meanwhile is forgotten but for the last. Where no event loop runs (a script), work is done at
    once. failed: gets the kind and the error of what went wrong, `then` included. busy: gets what runs now,
    None at the end.
    """

    def __init__(
        self,
        failed: Callable[[Any, Exception], None],
        busy: Callable[[Any | None], None] = lambda kind: None,
    ) -> None:
        self._failed, self._busy = failed, busy
        self._waiting: dict[Hashable, tuple[int, int, Callable[[], Any], Callable[[Any], None]]]
        self._waiting = {}
        self._resting: dict[Hashable, asyncio.TimerHandle] = {}
        self._numbers = itertools.count()
        self._task: asyncio.Task[None] | None = None

    def ask(
        self,
        kind: Hashable,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        urgency: int = 0,
        *,
        rest: float = 0.0,
    ) -> None:
        """Do `work` and give its outcome to `then`, in the event loop; low urgency comes first.

        rest: seconds in which nobody asks for the same again before it is begun.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.at_once(kind, work, then)
            return
        self.forget(lambda other: other == kind)
        if rest:
            self._resting[kind] = loop.call_later(rest, self.ask, kind, work, then, urgency)
            return
        self._waiting[kind] = (urgency, next(self._numbers), work, then)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())

    def at_once(self, kind: Hashable, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do quick work here and now, in place of what waits of its kind."""
        self.forget(lambda other: other == kind)
        self._finish(kind, then, *tried(work))

    def forget(self, wanted: Callable[[Any], bool]) -> None:
        """Do not begin the waiting work of some kinds."""
        for kind in [kind for kind in self._waiting if wanted(kind)]:
            del self._waiting[kind]
        for kind in [kind for kind in self._resting if wanted(kind)]:
            self._resting.pop(kind).cancel()

    async def settle(self) -> None:
        """Wait until nothing is left to do."""
        while self._resting or (self._task is not None and not self._task.done()):
            if self._task is None or self._task.done():
                await asyncio.sleep(0.02)
            else:
                await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while self._waiting:
                kind = min(self._waiting, key=lambda one: self._waiting[one][:2])
                _, _, work, then = self._waiting.pop(kind)
                self._busy(kind)
                self._finish(kind, then, *await asyncio.to_thread(tried, work))
        finally:
            self._busy(None)

    def _finish(
        self, kind: Any, then: Callable[[Any], None], outcome: Any, error: Exception | None
    ) -> None:
        if error is None:
            _, error = tried(lambda: then(outcome))
        if error is not None:
            self._failed(kind, error)


def tried(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Do work; give its outcome and None, or None and the error."""
    try:
        return work(), None
    except Exception as error:  # whatever it is, the page tells it and goes on
        return None, error
