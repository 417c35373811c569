"""What happened in the last hours, and what the queue does: counts and times of a feed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.model import tries

if TYPE_CHECKING:
    from focusnb.model.project import Project

HOURS = (1, 3, 6, 24)
STATES = ("waiting", "running", "done", "failed", "cancelled", "skipped")
# Events of the log that people should see.
TROUBLE = ("failed", "refused", "lost", "warning", "error")
LINES = 60

_IMPORTED = """
select first.image, log.time from
  (select image, min(id) as id from log where image is not null group by image) as first
  join log on log.id = first.id
"""
_PROCESSED = """
select image, max(ended) as time from batch where state = 'done' and trial = '' group by image
"""
_TROUBLE = f"""
select log.id, log.time, log.event, log.message, log.image, image.name, image.place
from log left join image on image.id = log.image
where event in ({", ".join("?" * len(TROUBLE))}) order by log.id desc limit ?
"""
_DURATIONS = """
select count(*) as n, avg(ended - started) as mean from (
  select ended, started from batch
  where state = 'done' and started is not null and ended > ? order by id desc limit 30
)
"""
_ERRORS = "select time from log where event in ('failed', 'refused', 'error') order by id"
_RUNNING = """
select batch.id, batch.image, batch.try, batch.steps, batch.started, batch.processor, image.name, image.place
from batch join image on image.id = batch.image where batch.state = 'running'
order by batch.started, batch.id
"""


def imported(project: "Project") -> dict[int, float]:
    """Give when each image came in: the time of the log's first line about it."""
    return {row["image"]: row["time"] for row in project.store.rows(_IMPORTED)}


def hours(
    project: "Project", rows: Sequence[Mapping[str, Any]], came: Mapping[int, float], now: float
) -> tuple[dict[str, dict[str, int]], dict[str, float | None]]:
    """Count what was imported, processed, found good and went wrong in the last hours.

    came: when each image came in. Gives the counts by number of hours, and when each kind of
    event happened last.
    """
    store = project.store
    ended = {row["image"]: row["time"] for row in store.rows(_PROCESSED)}
    happened = {
        "imported": [came[row["id"]] for row in rows if row["id"] in came],
        "processed": [ended[row["id"]] for row in rows if row["id"] in ended],
        "good": [ended[row["id"]] for row in rows if row["good"] and row["id"] in ended],
        "errors": [row["time"] for row in store.rows(_ERRORS)],
    }
    counts = {
        str(span): {
            kind: sum(1 for time in times if time > now - 3600 * span)
            for kind, times in happened.items()
        }
        for span in HOURS
    }
    return counts, {kind: max(times, default=None) for kind, times in happened.items()}


def queue(project: "Project", now: float) -> dict[str, Any]:
    """Tell the queue's state: batches by state, those that run with their progress, time left.

    seconds_left comes from how long the last batches took; None while there are too few.
    """
    store = project.store
    counts = dict.fromkeys(STATES, 0)
    for row in store.rows("select state, count(*) as n from batch where trial = '' group by state"):
        counts[row["state"]] = row["n"]
    (recent,) = store.rows(_DURATIONS, (now - 86_400,))
    left = None
    open_batches = counts["waiting"] + counts["running"]
    if recent["n"] >= 3 and counts["running"]:
        left = round(open_batches * recent["mean"] / counts["running"], 1)
    (lease,) = store.rows("select max(beat) as beat from lease where name = 'dispatch'")
    return {
        **counts,
        "paused": store.fact("paused") is not None,
        "dispatcher": lease["beat"],
        "seconds_left": left,
        "now": running(project),
    }


def running(project: "Project") -> list[dict[str, Any]]:
    """List the batches that run, each with its progress."""
    found = []
    for row in project.store.rows(_RUNNING):
        home = project.root / row["place"] / f"{row['image']:010d}"
        told = _progress(tries.folder_of(home, row["id"], row["try"]) / ".progress")
        found.append(
            {
                "image": f"{row['place']}/{row['image']:010d}",
                "name": row["name"],
                "steps": row["steps"],
                "started": row["started"],
                **told,
            }
        )
    return found


def trouble(project: "Project") -> list[dict[str, Any]]:
    """List the last errors and warnings of the log, the newest first."""
    return [
        {
            "time": row["time"],
            "level": "warning" if row["event"] in ("warning", "lost") else "error",
            "event": row["event"],
            "image": "" if row["name"] is None else f"{row['place']}/{row['image']:010d}",
            "name": row["name"] or "",
            "message": _said(row["message"], row["name"] or ""),
        }
        for row in project.store.rows(_TROUBLE, (*TROUBLE, LINES))
    ]


def _said(message: str, name: str) -> str:
    """Give the first line of a message, without the name that stands before it anyway."""
    return message.strip().partition("\n")[0].removeprefix(f"{name}: ")[:500]


def _progress(path: Path) -> dict[str, Any]:
    """Read what a worker tells of its progress; nothing while it has told nothing readable."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {
            "fraction": min(max(float(told["fraction"]), 0.0), 1.0),
            "step": str(told.get("step", "")),
            "text": str(told.get("text", "")),
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {"fraction": None, "step": "", "text": ""}
