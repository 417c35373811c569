"""Recording: how the outcome of a batch becomes the image's results, all of it or nothing."""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError
from focusnb.model import fingerprint, groups, moves, tries
from focusnb.model.document import write_image_json

if TYPE_CHECKING:
    from focusnb.model.project import Project


@dataclass(frozen=True, slots=True)
class Run:
    """One step that has run: what it used, what it found, what it wrote.

    values: plain values; inputs: the words of the files it used.
    """

    step: str
    version: str
    fingerprint: str
    settings: str
    values: Mapping[str, Any]
    results: Mapping[str, Any]
    products: Mapping[str, str]
    started: str
    seconds: float
    notes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker reports of a batch. runs: the steps that succeeded, also before a failure.

    state: done, failed, cancelled or skipped. scratch: the try's folder, which holds the files.
    step: the one that failed. current: steps that were up to date, with the digest of their settings.
    """

    image: int
    scratch: str
    state: str
    message: str = ""
    runs: tuple[Run, ...] = ()
    files: tuple[str, ...] = ()
    trial: str = ""
    step: str = ""
    notes: tuple[str, ...] = field(default=())
    current: tuple[tuple[str, str], ...] = ()


def record(project: "Project", connection: sqlite3.Connection, outcome: Outcome) -> list[str]:
    """Move the try's files to their names and write the row, inside the caller's transaction.

    A locked word keeps its value. Gives notes for the log. After the commit the caller calls
    `settle`, which writes image.json and removes the try's folder.
    """
    scratch = Path(outcome.scratch)
    home = project.folder(outcome.image)
    if outcome.trial:
        place = home / "trials" / outcome.trial
        if outcome.state == "done":  # an earlier trial of this name gives way
            shutil.rmtree(place, ignore_errors=True)
        _move(scratch, place, outcome.files)
        return []
    notes = list(outcome.notes)
    document = project.document(outcome.image)
    locked = {
        file
        for run in outcome.runs
        for word, file in run.products.items()
        if word in document["locked"]
    }
    _move(scratch, home, [name for name in outcome.files if name not in locked])
    before = {word: entry["fingerprint"] for word, entry in document["products"].items()}
    for run in outcome.runs:
        notes += _record_run(document, run, home)
    _mark_stale(document, before, {run.step for run in outcome.runs})
    for step, settings in outcome.current:
        if step in document["runs"]:
            document["runs"][step]["settings"] = settings
            document["runs"][step].pop("touched", None)
    if outcome.state == "failed" and not _is_known(document["error"], outcome):
        document["error"] = {"step": outcome.step, "message": outcome.message}
    elif (
        outcome.state in ("done", "skipped")
        and document["error"] is not None
        and _is_mended(project, document["error"]["step"], outcome)
    ):
        document["error"] = None
    project.save_document(connection, outcome.image, document)
    return notes


def settle(project: "Project", outcome: Outcome) -> None:
    """After the commit: write image.json, remove what is left of the try, finish waiting moves."""
    shutil.rmtree(outcome.scratch, ignore_errors=True)
    write_image_json(project, outcome.image)
    moves.finish(project)


def recover(project: "Project") -> list[str]:
    """At a start: finish moves, write the image.json that a crash left behind, sweep ownerless tries."""
    notes = groups.recover(project)
    notes += [
        f"{project.key(image)}: its move to another group was finished"
        for image in moves.finish(project)
    ]
    store = project.store
    revision = store.revision
    for row in store.rows(
        "select id from image where revision > ?", (int(store.fact("written") or 0),)
    ):
        write_image_json(project, row["id"])
    with store.transaction() as connection:
        connection.execute("insert or replace into fact values ('written', ?)", (str(revision),))
    notes += moves.sweep(project)
    left_over = tries.ownerless(project)
    notes += [f"{name} of an earlier run was ended" for name in tries.end_orphans(left_over)]
    for left in left_over:
        shutil.rmtree(left, ignore_errors=True)
        home = left.parent
        notes.append(f"{home.parent.name}/{home.name}: {left.name} of an earlier run was removed")
    return notes


def _is_mended(project: "Project", failed: str, outcome: Outcome) -> bool:
    """Tell whether a batch mends an earlier failure: that step ran, or another made its words."""
    ran = {run.step for run in outcome.runs} | {step for step, _ in outcome.current}
    if failed in ran or failed in ("", "import"):
        return True
    try:
        wanted = set(project.registry.step(failed).makes)
    except FocusError:
        return True  # a script that is gone
    return any(wanted & set(run.results) for run in outcome.runs)


def _is_known(error: Mapping[str, Any] | None, outcome: Outcome) -> bool:
    """Tell whether import had said already why nothing could be done: its reason is the real one."""
    return error is not None and error["step"] == "import" and not outcome.runs


def _mark_stale(document: dict[str, Any], before: Mapping[str, str], ran: set[str]) -> None:
    """Mark the runs of other steps that have used a product which is another one now."""
    now = {word: entry["fingerprint"] for word, entry in document["products"].items()}
    changed = {word for word in {*before, *now} if before.get(word) != now.get(word)}
    for step, run in document["runs"].items():
        if step not in ran and changed & set(run.get("used", ())):
            run["touched"] = True


def _record_run(document: dict[str, Any], run: Run, home: Path) -> list[str]:
    notes = list(run.notes)
    for word, value in run.results.items():
        if word in document["locked"]:
            notes.append(f"{word} is locked: {run.step}'s {value!r} was left out")
            continue
        document["values"].pop(word, None)
        document["origins"].pop(word, None)
        document["results"][word] = value
    for word, file in run.products.items():
        if word in document["locked"]:
            continue
        document["products"][word] = fingerprint.entry(
            home / file, file, f"{run.fingerprint}:{word}"
        )
    for word in set(document["products"]) & set(run.results) - set(run.products):
        if word not in document["locked"]:
            del document["products"][word]  # it is not available any more
    document["runs"][run.step] = {
        "fingerprint": run.fingerprint,
        "settings": run.settings,
        "version": run.version,
        "values": dict(run.values),
        "used": sorted({*run.values, *run.inputs}),
        "products": sorted(run.products),
        "results": sorted(run.results),
        "started": run.started,
        "seconds": round(run.seconds, 3),
        "notes": list(run.notes),
    }
    return notes


def _move(scratch: Path, home: Path, names: Iterable[str]) -> None:
    for name in names:
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch / name, target)
