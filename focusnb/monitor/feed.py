"""The feed: what is published of a project for pages to read, and nothing else.

::

    PROJECT/feed/
      feed.json      version, title, facts, counts, queue, activity, alerts, the last image, the log
      series.json    arrays of what was measured, one entry per image
      pictures/      the last image's pictures, small; the real-space one blurred
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.model import good
from focusnb.model.settings import write_text
from focusnb.model.text import seconds
from focusnb.monitor import activity, alerts, pictures, series

if TYPE_CHECKING:
    from focusnb.model.project import Project

VERSION = 1
FOLDER = "feed"
# A feed is written this often even when nothing happens: counts of the last hours grow old, and
# a page sees that somebody is still there. Seconds.
HEARTBEAT = 60.0
# At most this part of the time goes into publishing, however large the project is.
SHARE = 0.1
FACTS = (
    "voltage",
    "spherical_aberration",
    "magnification",
    "pixel_size",
    "average_pixel_size",
    "frame_count",
    "total_dose",
)
NUMBERS = (
    "mean_count",
    "total_dose",
    "dose_ratio",
    "drift_total",
    "drift_range",
    "defocus",
    "astigmatism",
    "phase_shift",
    "ctf_resolution",
    "iciness",
    "ice_ring",
    "particles",
)


def publish(
    project: "Project", *, clock: Callable[[], float] = time.time, at_once: bool = False
) -> bool:
    """Bring PROJECT/feed up to date if it is time; tell whether anything was written.

    It is time when the project changed and `publish_interval` has passed (longer in projects so
    large that publishing takes long), or when a minute has passed. While batches run, their
    progress alone is written in between. May be called as often as one likes; it needs no memory
    of its own, so that a restarted program goes on where the last one was. at_once: it is
    written however little time has passed, as the last word of a session.
    """
    now = clock()
    folder = project.root / FOLDER
    before = _before(folder)
    interval = project.values()["publish_interval"]
    if before is not None and 0 <= now - before["updated"] < interval and not at_once:
        return False
    stamp = _stamp(project)
    if at_once or before is None or not 0 <= now - before["full"] < HEARTBEAT:
        _write(project, folder, before, stamp, now)
        return True
    rested = now - before["full"] >= max(interval, before["took"] / SHARE)
    if stamp != before["stamp"] and rested:
        _write(project, folder, before, stamp, now)
        return True
    if before["queue"]["running"]:
        before["queue"]["now"] = activity.running(project)
        before["updated"] = now
        write_json(folder / "feed.json", before)
        return True
    return False


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False))


def _write(
    project: "Project", folder: Path, before: dict[str, Any] | None, stamp: str, now: float
) -> None:
    began = time.perf_counter()
    values = project.values()
    everything = project.rows()
    rows = [row for row in everything if row["group"] != "TRASH"]
    came = activity.imported(project)
    times = [seconds(row["recorded"]) or came.get(row["id"]) for row in rows]
    counts, latest = activity.hours(project, rows, came, now)
    latest["recorded"] = max((t for t in times if t is not None), default=None)
    queue = activity.queue(project, now)
    limits = good.limits(values)
    words = project.words
    points = series.make(rows, times, words)
    last = _last(rows, times)
    trouble = activity.trouble(project)
    sharp = bool(values["sharp_pictures"])
    shown = (
        [] if last is None else pictures.publish(project, last[1], folder / "pictures", sharp=sharp)
    )
    content = {
        "version": VERSION,
        "title": values["session_name"] or project.name,
        "mode": project.mode,
        "updated": now,
        "full": now,
        "stamp": stamp,
        "facts": [] if last is None else _numbers(last[1], FACTS, words),
        "counts": {
            "images": len(rows),
            "measured": sum(1 for row in rows if row["good"] is not None),
            "good": sum(1 for row in rows if row["good"]),
            "particles": sum(row.get("particles") or 0 for row in rows),
            "trash": len(everything) - len(rows),
        },
        "queue": queue,
        "activity": counts,
        "latest": latest,
        "alerts": [
            {**one, "text": _plain(one["text"], project)}
            for one in alerts.find(rows, times, queue, limits, now)
        ],
        "last": None if last is None else {**_image(*last, project), "pictures": shown},
        "log": [{**line, "message": _plain(line["message"], project)} for line in trouble],
        "limits": limits,
        "words": {w: _word(words[w]) for w in series.WORDS},
        "series": {"count": points["count"], "every": points["every"]},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "series.json", points)
    content["took"] = round(time.perf_counter() - began, 4)
    write_json(folder / "feed.json", content)
    keep = _files(content) | (set() if before is None else _files(before))
    pictures.sweep(folder / "pictures", keep)


def _stamp(project: "Project") -> str:
    """Give a text that changes with the project's images, queue and values."""
    parts = [str(project.store.revision)]
    for settings in (project.settings, project.user):
        path = settings.path
        parts.append(str(path.stat().st_mtime_ns) if path.exists() else "-")
    return " ".join(parts)


def _before(folder: Path) -> dict[str, Any] | None:
    """Give what was published before; None when there is none of this version."""
    try:
        found = json.loads((folder / "feed.json").read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            return None
        _ = found["updated"] + found["full"] + found["took"], found["queue"]["running"]
        _ = found["stamp"], found["last"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return dict(found)


def _last(rows: list[Any], times: list[float | None]) -> tuple[float, Any] | None:
    """Find the image recorded last of those that were measured, else of all."""
    known = [(t, r) for t, r in zip(times, rows, strict=True) if t is not None]
    measured = [pair for pair in known if pair[1]["good"] is not None]
    return max(measured or known, key=lambda pair: (pair[0], pair[1]["id"]), default=None)


def _image(time_: float, row: Mapping[str, Any], project: "Project") -> dict[str, Any]:
    reasons = alerts.reasons_of(row)
    return {
        "image": row["image"],
        "name": row["name"],
        "group": row["group"],
        "recorded": time_,
        "good": row["good"],
        "reasons": [_plain(reason, project) for reason in reasons],
        "error": row["error"] is not None,
        "flag": row["flag"],
        "numbers": _numbers(row, NUMBERS, project.words),
    }


def _numbers(
    row: Mapping[str, Any], wanted: tuple[str, ...], words: Mapping[str, Any]
) -> list[dict[str, Any]]:
    return [
        {"word": word, "value": row[word], **_word(words[word])}
        for word in wanted
        if word in words and row.get(word) is not None
    ]


def _plain(text: str, project: "Project") -> str:
    """Take the project's own folder out of a message: a public page need not know it."""
    return text.replace(f"{project.root}/", "").replace(str(project.root), project.name)


def _word(param: Any) -> dict[str, Any]:
    return {"label": param.label, "unit": param.unit, "digits": param.digits, "help": param.help}


def _files(content: Mapping[str, Any]) -> set[str]:
    last = content["last"]
    return set() if last is None else {one["file"] for one in last.get("pictures", ())}
