"""The queue: batches that wait, run and have ended; every change is one transaction in project.db."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from focusnb.batch import listing
from focusnb.batch.lease import Holder
from focusnb.batch.listing import STATES
from focusnb.batch.sql import query
from focusnb.errors import FocusError, QueueError, UnknownName
from focusnb.model import record
from focusnb.model.project import Project
from focusnb.model.record import Outcome

# Positions nearer to each other than this are dealt out anew.
CLOSE = 1e-6


class Queue:
    """The batches of a project, for whoever submits, orders, runs or watches them.

    A batch that runs belongs to its holder. It can report only while its try is the one that runs:
    a try that was given up, or whose holder lost the lease, changes nothing any more.
    """

    def __init__(self, project: Project, *, clock: Callable[[], float] = time.time) -> None:
        self.project = project
        self.store = project.store
        self.clock = clock

    # -- what people ask ----------------------------------------------------------------------

    def submit(
        self,
        images: Iterable[int],
        steps: Iterable[str],
        *,
        given: Mapping[str, Any] | None = None,
        trial: str = "",
        force: bool = False,
        top: bool = False,
    ) -> list[int]:
        """Queue one batch per image; give the batches' numbers in the order of the images.

        given: values for these batches only. trial: compute into trials/NAME and record nothing.
        top: before all that wait. An equal batch that waits already is found again, not doubled.
        """
        images = list(dict.fromkeys(images))
        work = " ".join(steps)
        if not work:
            raise QueueError("a batch needs at least one step; name them, e.g. motion,ctf")
        with self.store.transaction() as connection:
            highest = _number(connection, "highest_id")
            values = {
                "images": json.dumps(images),
                "steps": work,
                "given": json.dumps(dict(given or {}), sort_keys=True, default=str),
                "trial": trial,
                "force": int(force),
                "top": int(top),
                "position": self._end(connection, len(images), top),
                "now": self.clock(),
            }
            try:
                rows = connection.execute(query("submit"), values).fetchall()
            except sqlite3.IntegrityError:
                raise UnknownName(
                    f"one of the images {images[:3]}… is not in {self.project.name}"
                ) from None
            new = [[row["id"], row["image"]] for row in rows if row["id"] > highest]
            self._note_many(connection, "submitted", new)
            self.store.bump(connection)
        found = {row["image"]: int(row["id"]) for row in rows}
        return [found[image] for image in images]

    def top(self, batches: Iterable[int]) -> list[int]:
        """Put waiting batches first, in the order given; give those that were moved."""
        batches = list(batches)
        with self.store.transaction() as connection:
            values = {
                "ids": json.dumps(batches),
                "first": self._end(connection, len(batches), top=True),
            }
            rows = connection.execute(query("top"), values).fetchall()
            self.store.bump(connection)
        return _in_order(batches, rows)

    def move(self, batches: Iterable[int], position: int) -> list[int]:
        """Put waiting batches at a position, 0 is the next to run; give those that were moved."""
        batches = list(batches)
        ids = json.dumps(batches)
        with self.store.transaction() as connection:
            first, step = self._between(connection, ids, position, len(batches))
            if step < CLOSE:
                connection.execute(query("renumber"))
                first, step = self._between(connection, ids, position, len(batches))
            values = {"ids": ids, "first": first, "step": step}
            rows = connection.execute(query("spread"), values).fetchall()
            self.store.bump(connection)
        return _in_order(batches, rows)

    def cancel(self, batches: Iterable[int]) -> list[int]:
        """Cancel batches: waiting ones at once, running ones by a request; give both."""
        batches = list(batches)
        values = {"ids": json.dumps(batches), "now": self.clock()}
        with self.store.transaction() as connection:
            waiting = connection.execute(query("cancel_waiting"), values).fetchall()
            running = connection.execute(query("cancel_running"), values).fetchall()
            self._note_many(connection, "cancelled", [[r["id"], r["image"]] for r in waiting])
            self._note_many(connection, "cancelling", [[r["id"], r["image"]] for r in running])
            self.store.bump(connection)
        return _in_order(batches, [*waiting, *running])

    def retry(self, batches: Iterable[int]) -> list[int]:
        """Queue again what failed, was cancelled or was skipped; give the batches that wait now."""
        batches = list(batches)
        with self.store.transaction() as connection:
            values = {
                "ids": json.dumps(batches),
                "position": self._end(connection, len(batches), top=False),
            }
            rows = connection.execute(query("retry"), values).fetchall()
            self._note_many(connection, "retried", [[row["id"], row["image"]] for row in rows])
            self.store.bump(connection)
        return _in_order(batches, rows)

    def pause(self) -> None:
        """Begin no more batches; what runs goes on."""
        self._switch("pause", "paused")

    def resume(self) -> None:
        """Begin batches again."""
        self._switch("resume", "resumed")

    def start(self) -> None:
        """See to it that the queue is worked on: begin batches again, by a dispatcher of its own.

        A dispatcher that runs already is left to it; a new one leaves when the queue is empty.
        """
        from focusnb.batch import dispatch

        if self.paused:
            self.resume()
        dispatch.start(self.project)

    def stop(self, *, now: bool = False, wait: float = 0.0) -> None:
        """Ask the dispatcher to end when what runs has ended; what waits goes on waiting.

        now: what runs goes back to the queue. wait: seconds in which it must have ended. Raises
        QueueError when nobody works on the queue, or a live session keeps it going.
        """
        from focusnb.batch import running

        running.stop_queue(self.project, now=now, wait=wait)

    @property
    def paused(self) -> bool:
        """Tell whether no more batches begin."""
        return self.store.fact("paused") is not None

    # -- what people see ----------------------------------------------------------------------

    def listing(self, limit: int = 200) -> list[dict[str, Any]]:
        """Give batches as they are shown: running, waiting in their order, then the newest ended."""
        return listing.listing(self.project, limit)

    def part(
        self, first: int, count: int, *, states: Iterable[str] = STATES, text: str = ""
    ) -> tuple[int, list[dict[str, Any]]]:
        """Give how many batches there are, and some of them from a place on; see `listing.part`."""
        return listing.part(self.project, first, count, states=states, text=text)

    def waiting(self) -> list[int]:
        """Give the batches that wait, in their order."""
        return [int(row["id"]) for row in self.store.rows(query("waiting"))]

    def counts(self) -> dict[str, int]:
        """Give the number of batches in each state."""
        return listing.counts(self.store)

    def log(
        self, *, sort: str = "time", descending: bool = True, limit: int = 200, **where: Any
    ) -> list[dict[str, Any]]:
        """Give the newest lines of the log. where: batch=, image=, processor=, text=, errors=True."""
        return listing.log(self.store, sort=sort, descending=descending, limit=limit, **where)

    def states(self, batches: Iterable[int]) -> dict[int, str]:
        """Give the states of batches; raises UnknownName."""
        return {row["id"]: row["state"] for row in listing.states(self.store, batches)}

    def wait(
        self,
        batches: Iterable[int],
        *,
        timeout: float | None = None,
        on_progress: Callable[[float, str], None] | None = None,
        poll: float = 0.2,
    ) -> dict[int, str]:
        """Wait until batches have ended; give their states. Raises QueueError after `timeout` s.

        on_progress gets the fraction done and a line of text at every look.
        """
        return listing.wait(
            self.project, list(batches), timeout=timeout, on_progress=on_progress, poll=poll
        )

    # -- who runs them ------------------------------------------------------------------------

    def take(self, holder: str, processor: int | None = None) -> sqlite3.Row | None:
        """Claim the first waiting batch whose image nobody works on; None when there is none.

        The row's `try` is the fence: it has to be told again when the batch ends.
        """
        if not self.store.rows(query("any_waiting")):
            return None
        values = {"holder": holder, "processor": processor, "now": self.clock()}
        with self.store.transaction() as connection:
            row: sqlite3.Row | None = connection.execute(query("take"), values).fetchone()
            if row is not None:
                self._note(connection, "started", row, f"try {row['try']}")
                self.store.bump(connection)
        return row

    def place(self, batch: int, try_: int, processor: int) -> None:
        """Say that a running batch is on another processor than it was claimed for."""
        with self.store.transaction() as connection:
            values = {"batch": batch, "try": try_, "processor": processor}
            connection.execute(query("place"), values)

    def begin(
        self,
        image: int,
        steps: Iterable[str],
        holder: str,
        *,
        given: Mapping[str, Any] | None = None,
    ) -> sqlite3.Row:
        """Make a batch that its holder runs at once, past the queue (while_importing steps)."""
        values = {
            "image": image,
            "steps": " ".join(steps),
            "given": json.dumps(dict(given or {}), sort_keys=True, default=str),
            "holder": holder,
            "now": self.clock(),
        }
        with self.store.transaction() as connection:
            try:
                row: sqlite3.Row = connection.execute(query("begin"), values).fetchone()
            except sqlite3.IntegrityError:
                raise QueueError(
                    f"image {image:010d} has a running batch, or is not in the project;"
                    " wait until it has ended"
                ) from None
            self._note(connection, "started", row, "try 1")
            self.store.bump(connection)
        return row

    def finish(self, batch: int, try_: int, holder: str, outcome: Outcome) -> bool:
        """Record the outcome of a try; False when the try was given up, and nothing is recorded.

        One transaction checks the fence, moves the products to their names, writes the image's
        row and the log. If that is impossible (disk full, say), the batch fails with the reason.
        """
        try:
            return self._finish(batch, try_, holder, outcome)
        except sqlite3.Error:
            raise  # nothing can be written at all: the batch stays the holder's
        except Exception as error:
            reason = str(error) if isinstance(error, FocusError | OSError) else repr(error)
            text = f"the results could not be recorded: {reason}"
            failed = replace(outcome, state="failed", message=text, runs=(), files=(), step="")
        try:
            return self._finish(batch, try_, holder, failed)
        except sqlite3.Error:
            raise
        except Exception:  # not even that: the image's document itself is broken
            return self._finish(batch, try_, holder, failed, only_row=True)

    def give_back(self, batch: int, try_: int, holder: str, reason: str) -> bool:
        """Let a running batch wait again, at its old position; False when it was not this try's."""
        with self.store.transaction() as connection:
            return self._give_back(connection, batch, try_, holder, "given back", reason)

    def lose(self, batch: int, try_: int, holder: str, outcome: Outcome, tries: int) -> bool:
        """Let a batch wait again whose worker died, or fail it with the `tries`-th death.

        outcome: what is recorded when it fails; its message tells why the worker died.
        """
        with self.store.transaction() as connection:
            values = {"image": outcome.image, "batch": batch}
            deaths = int(connection.execute(query("losses"), values).fetchone()[0]) + 1
            if deaths < tries:
                reason = outcome.message
                return self._give_back(connection, batch, try_, holder, "lost", reason)
        text = f"its worker died {deaths} times; the last time: {outcome.message}"
        return self.finish(batch, try_, holder, replace(outcome, state="failed", message=text))

    def recover(self, mine: str | None = None) -> list[int]:
        """Let batches wait again whose holder is dead; give them. mine: a holder that lives."""
        back = []
        with self.store.transaction() as connection:
            for row in connection.execute(query("running")).fetchall():
                holder = Holder.read(row["holder"] or "")
                if row["holder"] == mine or (
                    holder is not None and holder.kind == "import" and holder.alive
                ):
                    continue
                if self._give_back(
                    connection,
                    row["id"],
                    row["try"],
                    row["holder"],
                    "given back",
                    "who ran it is gone",
                ):
                    back.append(int(row["id"]))
        return back

    def to_cancel(self, holder: str) -> list[sqlite3.Row]:
        """Give the holder's running batches that somebody wants cancelled."""
        return self.store.rows(query("to_cancel"), {"holder": holder})

    def note(self, event: str, message: str = "", *, image: int | None = None) -> None:
        """Write a line into the log that belongs to no batch."""
        with self.store.transaction() as connection:
            connection.execute(query("note"), self._line(event, None, image, None, message))
            self.store.bump(connection)

    # -- inside transactions ------------------------------------------------------------------

    def _finish(
        self, batch: int, try_: int, holder: str, outcome: Outcome, *, only_row: bool = False
    ) -> bool:
        values = {
            "batch": batch,
            "try": try_,
            "holder": holder,
            "state": outcome.state,
            "message": outcome.message,
            "now": self.clock(),
        }
        with self.store.transaction() as connection:
            row = connection.execute(query("finish"), values).fetchone()
            if row is None:
                return False
            notes = [] if only_row else record.record(self.project, connection, outcome)
            self._note(connection, outcome.state, row, outcome.message)
            for text in notes:
                self._note(connection, "note", row, text)
            self.store.bump(connection)
        record.settle(self.project, outcome)
        return True

    def _give_back(
        self,
        connection: sqlite3.Connection,
        batch: int,
        try_: int,
        holder: str | None,
        event: str,
        reason: str,
    ) -> bool:
        values = {
            "batch": batch,
            "try": try_,
            "holder": holder,
            "message": reason,
            "now": self.clock(),
        }
        connection.execute(query("drop_doubles"), values)
        row = connection.execute(query("give_back"), values).fetchone()
        if row is None:
            return False
        self._note(connection, event, row, reason)
        if row["state"] == "cancelled":
            self._note(connection, "cancelled", row, row["message"])
        self.store.bump(connection)
        return True

    def _end(self, connection: sqlite3.Connection, count: int, top: bool) -> float:
        """Give the first of `count` whole positions before, or after, all that wait."""
        if top:
            return _number(connection, "first_position") - count
        return _number(connection, "last_position") + 1

    def _between(
        self, connection: sqlite3.Connection, ids: str, position: int, count: int
    ) -> tuple[float, float]:
        """Give first position and step for `count` batches that shall stand at `position`."""
        if position <= 0:
            return self._end(connection, count, top=True), 1.0
        values = {"ids": ids, "skipped": position - 1}
        near = [r[0] for r in connection.execute(query("neighbours"), values).fetchall()]
        if len(near) < 2:
            return self._end(connection, count, top=False), 1.0
        step = (near[1] - near[0]) / (count + 1)
        return near[0] + step, step

    def _switch(self, name: str, event: str) -> None:
        with self.store.transaction() as connection:
            connection.execute(query(name))
            connection.execute(query("note"), self._line(event, None, None, None, ""))
            self.store.bump(connection)

    def _note(
        self, connection: sqlite3.Connection, event: str, row: sqlite3.Row, message: str
    ) -> None:
        line = self._line(event, row["id"], row["image"], row["processor"], message)
        connection.execute(query("note"), line)

    def _note_many(
        self, connection: sqlite3.Connection, event: str, pairs: list[list[int]]
    ) -> None:
        connection.execute(
            query("note_many"),
            {"time": self.clock(), "event": event, "pairs": json.dumps(pairs)},
        )

    def _line(
        self,
        event: str,
        batch: int | None,
        image: int | None,
        processor: int | None,
        message: str,
    ) -> dict[str, Any]:
        return {
            "time": self.clock(),
            "batch": batch,
            "image": image,
            "processor": processor,
            "event": event,
            "message": message,
        }


def _number(connection: sqlite3.Connection, name: str) -> float:
    return float(connection.execute(query(name)).fetchone()[0])


def _in_order(batches: Iterable[int], rows: Iterable[sqlite3.Row]) -> list[int]:
    found = {row["id"] for row in rows}
    return [batch for batch in batches if batch in found]
