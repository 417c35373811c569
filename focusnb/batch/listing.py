"""What people see of the queue: its batches with their progress, its counts and its log."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from focusnb.batch.sql import query
from focusnb.errors import BadValue, QueueError, UnknownName
from focusnb.model import tries
from focusnb.model.project import Project
from focusnb.model.store import Store

STATES = ("waiting", "running", "done", "failed", "cancelled", "skipped")
ENDED = STATES[2:]
LOG_COLUMNS = ("time", "batch", "image", "name", "processor", "event", "message")
ERRORS = ("failed", "refused", "lost", "warning", "error")  # events that tell of something wrong


def counts(store: Store) -> dict[str, int]:
    """Give the number of batches in each state."""
    found = {row[0]: int(row[1]) for row in store.rows(query("counts"))}
    return {state: found.get(state, 0) for state in STATES}


def listing(project: Project, limit: int) -> list[dict[str, Any]]:
    """Give batches: those that run, then those that wait in their order, then the newest ended."""
    store = project.store
    rows = store.rows(query("list_running"))
    rows += store.rows(query("list_waiting"), {"limit": limit})
    ended = [
        row
        for state in ENDED
        for row in store.rows(query("list_ended"), {"state": state, "limit": limit})
    ]
    rows += sorted(ended, key=lambda row: -int(row["id"]))
    return [_shown(project.root, row) for row in rows[:limit]]


def part(
    project: Project,
    first: int,
    count: int,
    *,
    states: Iterable[str] = STATES,
    text: str = "",
) -> tuple[int, list[dict[str, Any]]]:
    """Give how many batches there are, and `count` of them from the place `first` on (0 is the top).

    The order is that of people: what runs, what waits in its order, what has ended, the last first.
    states: only those. text: only images in whose name this stands, letters' case does not matter.
    """
    wanted = [state for state in STATES if state in set(states)]
    small = _small(text)
    found = counts(project.store)
    if small:
        rows = project.store.rows(query("counts_found"), {"text": small})
        found = {row[0]: int(row[1]) for row in rows}
    ended = [state for state in wanted if state in ENDED]
    parts = [(f"find_{s}", found.get(s, 0)) for s in ("running", "waiting") if s in wanted]
    parts.append(("find_ended", sum(found.get(state, 0) for state in ended)))
    values: dict[str, Any] = {"text": small, "states": json.dumps(ended)}
    taken: list[sqlite3.Row] = []
    skipped = max(0, first)
    for name, there in parts:
        wished = count - len(taken)
        if wished > 0 and skipped < there:
            values |= {"limit": wished, "skipped": skipped}
            taken += project.store.rows(query(name), values)
        skipped = max(0, skipped - there)
    return sum(there for _, there in parts), [_shown(project.root, row) for row in taken]


def _small(text: str) -> str:
    """Give text with small letters as SQLite makes them: of ASCII only."""
    return "".join(c.lower() if c.isascii() else c for c in text.strip())


def log(
    store: Store,
    *,
    sort: str = "time",
    descending: bool = True,
    limit: int = 200,
    batch: int | None = None,
    image: int | None = None,
    processor: int | None = None,
    text: str = "",
    errors: bool = False,
) -> list[dict[str, Any]]:
    """Give the newest lines of the log, sorted by one of LOG_COLUMNS.

    text: only lines in which it stands. errors: only those that tell of something wrong.
    """
    if sort not in LOG_COLUMNS:
        raise BadValue(f"the log has no column {sort!r}; sort by {', '.join(LOG_COLUMNS)}")
    events = json.dumps(ERRORS) if errors else None
    values: dict[str, Any] = {"batch": batch, "image": image, "processor": processor}
    values |= {"text": _small(text), "events": events, "limit": limit}
    rows = store.rows(query("log" if image is None else "log_of_image"), values)
    lines = [dict(row) for row in rows]
    if sort != "time":
        lines.sort(key=lambda line: (line[sort] is None, line[sort] or 0, line["id"]))
        return lines[::-1] if descending else lines
    return lines if descending else lines[::-1]


def states(store: Store, batches: Iterable[int]) -> list[sqlite3.Row]:
    """Give the rows of batches; raises UnknownName for one that is not there."""
    wanted = list(batches)
    rows = store.rows(query("states"), {"ids": json.dumps(wanted)})
    if missing := set(wanted) - {row["id"] for row in rows}:
        raise UnknownName(f"there is no batch {min(missing)}; `focusnb queue` lists them")
    return rows


def wait(
    project: Project,
    batches: list[int],
    *,
    timeout: float | None,
    on_progress: Callable[[float, str], None] | None,
    poll: float,
    look: Callable[[], None] | None = None,
) -> dict[int, str]:
    """Wait until batches have ended; give their states. look is called at every turn."""
    began = time.monotonic()
    while True:
        rows = states(project.store, batches)
        left = [row for row in rows if row["state"] not in ENDED]
        if on_progress is not None:
            on_progress(*_progress(project.root, rows))
        if not left:
            return {int(row["id"]): str(row["state"]) for row in rows}
        if timeout is not None and time.monotonic() - began > timeout:
            raise QueueError(
                f"{len(left)} of {len(rows)} batches have not ended after {timeout:g} s;"
                " they stay in the queue"
            )
        if look is not None:
            look()
        time.sleep(poll)


def progress(root: Path, row: sqlite3.Row) -> tuple[float, str]:
    """Give how far a running batch is (0 to 1) and what it does, as its worker last said."""
    file = (
        tries.folder_of(root / row["place"] / f"{row['image']:010d}", row["id"], row["try"])
        / ".progress"
    )
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        step, text = (str(told.get(key) or "") for key in ("step", "text"))
        if step not in text.split():  # "drawing previews" names its step already
            text = f"{step} {text}".strip()
        return float(told.get("fraction", 0.0)), text
    except (OSError, ValueError, TypeError, AttributeError):
        return 0.0, ""


def _progress(root: Path, rows: list[sqlite3.Row]) -> tuple[float, str]:
    running = [(row["name"], *progress(root, row)) for row in rows if row["state"] == "running"]
    ended = sum(row["state"] in ENDED for row in rows)
    fraction = (ended + sum(one[1] for one in running)) / max(1, len(rows))
    text = ", ".join(f"{name} {what}".strip() for name, _, what in running)
    return fraction, f"{ended} of {len(rows)}" + (f": {text}" if text else "")


def _shown(root: Path, row: sqlite3.Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        key: row[key]
        for key in (
            "id", "state", "name", "processor", "try", "trial", "submitted", "started", "ended",
            "message",
        )
    }  # fmt: skip
    shown["number"] = row["image"]
    shown["image"] = f"{row['place']}/{row['image']:010d}"
    shown["steps"] = row["steps"].split()
    shown["force"] = bool(row["force"])
    shown["cancelling"] = bool(row["cancelling"])
    shown["progress"], shown["text"] = 0.0, ""
    if row["state"] == "running":
        shown["progress"], shown["text"] = progress(root, row)
    return shown
