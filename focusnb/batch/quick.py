"""Quick: a file goes through steps without a project."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from focusnb.batch import facts
from focusnb.batch.task import Task, run
from focusnb.errors import BrokenFile, FocusError
from focusnb.formats import mdoc
from focusnb.model import host, workflow
from focusnb.model.registry import Registry
from focusnb.model.settings import Settings, user_file, user_scripts, write_text
from focusnb.model.values import Values

LONGEST = 240  # bytes of a folder's name, with room for a number
DEFAULT = workflow.BY_MODE["single-particle"].split()


def quick(
    file: str | Path,
    *,
    steps: Iterable[str] = DEFAULT,
    values: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> dict[str, Any]:
    """Run steps on one file; give its results, flat: file, folder, error and every result word.

    The values that were given or that the file told (pixel_size, voltage …) stand there as well.

    Values come from `values`, the file's header, an mdoc beside it, and the user's own parameters.
    out: products stay in OUT/STEM/ (a second file of the same stem: STEM_2), with the results as
    results.json; without it they are computed and thrown away. What is wrong with the file is told
    in `error`; steps and values that nobody knows are refused with UnknownName or BadValue.
    """
    registry = Registry([user_scripts()])
    names = list(steps)
    for name in names:
        registry.step(name)
    given = {
        w: v
        for w, v in registry.words.read(values or {}, "the values given").items()
        if v is not None
    }
    file = Path(file).expanduser().absolute()
    folder = _place(Path(out).expanduser().absolute(), file) if out is not None else None
    work = folder or Path(tempfile.mkdtemp(prefix="focusnb-"))
    answer: dict[str, Any] = {
        "file": _text(file),
        "folder": None if folder is None else _text(folder),
        "error": None,
    }
    try:
        answer |= _run(file, work, registry, names, given, on_progress, folder)
    except (FocusError, OSError) as error:
        answer["error"] = str(error)
    finally:
        if folder is None:
            shutil.rmtree(work, ignore_errors=True)
        else:
            _tidy(work)
    if folder is not None:
        write_text(folder / "results.json", json.dumps(answer, ensure_ascii=False, indent=1) + "\n")
    return answer


def _run(
    file: Path,
    work: Path,
    registry: Registry,
    names: list[str],
    mine: dict[str, Any],
    on_progress: Callable[[float, str], None] | None,
    folder: Path | None,
) -> dict[str, Any]:
    words = registry.words
    if not file.is_file():
        raise BrokenFile(f"{_text(file)} is no file")
    beside = mdoc.find(file)
    if _text(file) != str(file):  # STAR, JSON and logs hold text only
        place = work / ".raw" / _text(Path(file.name))
        place.parent.mkdir()
        place.symlink_to(file)
        file = place
    told = facts.gather(file, file.name, beside, words)
    if told.error:
        raise BrokenFile(told.error)
    user = ("user", Settings(user_file(), lambda: words).values)
    own = facts.against_people(told, Values(words, [user]), mine)
    values = Values(words, [("image", {**own, **mine, "movie": str(file)}), user])
    available = {w for w in values if values[w] is not None}
    steps, brought = workflow.resolve(names, registry, available=available, preferred=DEFAULT)
    known = {}
    for param in {p.name: p for s in steps for p in s.params}.values():
        if values.origin(param.name) != "system":
            value = values[param.name]
            known[param.name] = (
                str(Path(value).expanduser().absolute()) if param.type == "path" else value
            )
    outcome = run(
        Task(
            image=0,
            group="",
            name=file.name,
            home=str(work),
            scratch=str(work),
            steps=tuple(step.name for step in steps),
            values=known,
            scripts=tuple(str(f) for f in registry.script_folders),
            force=True,
            threads=host.cores(),
            time_limit=float(values["time_limit"]),
            notes=tuple(brought),
        ),
        on_progress,
    )
    results: dict[str, Any] = {
        r.name: None for s in steps for r in s.results if r.type != "path" or folder is not None
    }
    for ran in outcome.runs:
        for word, value in ran.results.items():
            if words[word].type != "path":
                results[word] = value
            elif folder is not None:
                results[word] = None if value is None else _text(folder / value)
    error = outcome.message if outcome.state in ("failed", "cancelled") else None
    notes = [*told.notes, *outcome.notes, *(n for ran in outcome.runs for n in ran.notes)]
    used = {w: v for w, v in {**own, **mine}.items() if words[w].type not in ("path", "series")}
    return {"error": error, "notes": list(dict.fromkeys(notes)), **used, **results}


def _text(path: Path) -> str:
    """Give a path as text that JSON can hold: bytes that are no UTF-8 become a mark."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _place(out: Path, file: Path) -> Path:
    """Make OUT/STEM, or OUT/STEM_2 … when that is taken."""
    out.mkdir(parents=True, exist_ok=True)
    stem = Path(_text(Path(file.name))).stem
    while len(stem.encode()) > LONGEST:
        stem = stem[:-1]
    number = 1
    while True:
        folder = out / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _tidy(folder: Path) -> None:
    """Remove what only the run needed."""
    for left in folder.glob(".*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
