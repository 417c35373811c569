"""What is known of an image, as its page shows it: head, steps that ran, results, products, logs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.errors import FocusError, UnknownName
from focusnb.model import good
from focusnb.model.group import TRASH
from focusnb.model.param import Param
from focusnb.model.table import cells_of
from focusnb.model.text import seconds
from focusnb.model.units import in_shown_unit, shown_unit
from focusnb.session import Project
from focusnb_widgets.forms.fields import edit_text, with_unit

PICTURES = {".mrc", ".mrcs", ".mrc.bz2", ".tif", ".tiff", ".eer"}  # what the viewer opens
LOG_MOST = 400_000  # letters of a log that are sent: its end is what people look for
STATES = ("running", "waiting")


def told(project: Project, image: int) -> dict[str, Any]:
    """Give the whole page; raises UnknownName for an image that is gone."""
    document = project.document(image)
    folder = project.folder(image)
    there = folder.is_dir()
    try:
        stale = project[image].stale if there else []
    except (FocusError, OSError):
        stale = []
    runs = [_run(project, folder, document, step, stale) for step in document["runs"]]
    by_run = {word for run in document["runs"].values() for word in run.get("results", ())}
    others = [word for word in document["results"] if word not in by_run]
    return {
        "head": _head(project, image, document, folder, there),
        "batches": _batches(project, image),
        "runs": runs,
        "others": _results(project, folder, document, others),
        "files": _own_files(project, image, folder, document),
        "notes": list(document["notes"]),
        "trials": _trials(project, folder),
        "logs": _loose_logs(folder, document),
        "steps": _steps(project, document),
    }


def log(project: Project, image: int, step: str) -> dict[str, Any]:
    """Give the log of a step, its end if it is long; raises UnknownName."""
    document = project.document(image)
    path = _log_path(project.folder(image), step)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        ran = step in document["runs"]
        there = project.folder(image).is_dir()
        help_ = f"run {step} again to get a new one" if there else "put the image's folder back"
        raise UnknownName(
            f"the log of {step} is gone: {path} is not there; {help_}"
            if ran
            else f"{step} has not run here, so it has no log"
        ) from None
    cut = len(text) > LOG_MOST
    return {"text": text[-LOG_MOST:], "cut": cut, "file": str(path)}


def pictures(project: Project, image: int) -> list[tuple[Param, Path, int]]:
    """Give the previews that are there: parameter, file, time of its last change in ns."""
    folder, found = project.folder(image), []
    for word, file in project.document(image)["results"].items():
        if word.startswith("preview_") and isinstance(file, str) and word in project.words:
            try:
                found.append(
                    (project.words[word], folder / file, (folder / file).stat().st_mtime_ns)
                )
            except OSError:
                continue
    return found


def _head(
    project: Project, image: int, document: Mapping[str, Any], folder: Path, there: bool
) -> dict[str, Any]:
    cells = cells_of(document, project.words)
    why = good.reasons(cells, good.limits(project.values()))
    row = project.store.rows("select recorded from image where id = ?", (image,))
    return {
        "id": image,
        "key": project.key(image),
        "name": document["name"],
        "group": document["group"],
        "trashed": document["group"] == TRASH,
        "flag": document["flag"],
        "comment": document["values"].get("comment") or "",
        "good": (not why) if cells["measured"] else None,
        "reasons": why,
        "error": document["error"],
        "recorded": seconds(row[0]["recorded"] if row else None),
        "folder": str(folder),
        "missing": ""
        if there
        else f"The folder {folder} is not there: somebody has moved or removed it by hand. Put it"
        " back, or take the image out with `focusnb rebuild`; what is shown is from the database.",
    }


def _run(
    project: Project, folder: Path, document: Mapping[str, Any], step: str, stale: list[str]
) -> dict[str, Any]:
    run = document["runs"][step]
    words = project.words
    try:
        known = project.registry.step(step)
        title, version = known.title, known.version
        category = known.category
    except FocusError:
        known, title, version, category = None, step, "", ""
    made = [word for word in run.get("results", ()) if word in document["results"]]
    return {
        "step": step,
        "title": title,
        "category": category,
        "known": known is not None,
        "version": run.get("version", ""),
        "newer": version if version and version != run.get("version", version) else "",
        "started": seconds(str(run.get("started"))),
        "seconds": run.get("seconds"),
        "stale": step in stale,
        "imported": bool(run.get("imported")),
        "values": [
            [
                words[w].label if w in words else w,
                w,
                with_unit(words[w], v) if w in words else str(v),
            ]
            for w, v in run.get("values", {}).items()
            if v not in (None, "")
        ],
        "inputs": sorted(set(run.get("used", ())) - set(run.get("values", {}))),
        "notes": run.get("notes", []),
        "results": _results(project, folder, document, made),
        "log": _log_path(folder, step).is_file(),
    }


def _results(
    project: Project, folder: Path, document: Mapping[str, Any], chosen: list[str]
) -> list[dict[str, Any]]:
    return [
        _result(project, folder, document, word, document["results"][word])
        for word in chosen
        if word in document["results"]
    ]


def _result(
    project: Project, folder: Path, document: Mapping[str, Any], word: str, value: Any
) -> dict[str, Any]:
    param = project.words[word] if word in project.words else Param(word, label=word)
    if param.type == "path" and isinstance(value, str):
        return {"word": word, "label": param.label, "help": param.help, **_file(folder, value)}
    return {
        "word": word,
        "label": param.label,
        "help": param.help,
        "value": shown(param, value),
        "exact": edit_text(param, value) if isinstance(value, int | float) else "",
        "unit": shown_unit(param)[0],
        "missing": value is None,
        "locked": word in document["locked"],
    }


def shown(param: Param, value: Any) -> str:
    """Give a result as people read it, in its shown unit; a series by its length."""
    if value is None:
        return "not available"
    if param.type == "series" or isinstance(value, dict):
        return f"{len(value)} points"
    return in_shown_unit(param, value)


def _file(folder: Path, file: str) -> dict[str, Any]:
    path = folder / Path(file).expanduser()
    try:
        stat = path.stat()
        size, changed, there = stat.st_size, stat.st_mtime, True
    except OSError:
        size, changed, there = 0, None, False
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".bz2" else path.suffix
    return {
        "file": file, "path": str(path), "size": size, "changed": changed, "there": there,
        "view": there and suffix.lower() in PICTURES,
    }  # fmt: skip


def _own_files(
    project: Project, image: int, folder: Path, document: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Give the files the image came with, or that were named by hand."""
    found = []
    for word, value in document["values"].items():
        if word in project.words and project.words[word].type == "path" and value:
            param = project.words[word]
            found.append(
                {"word": word, "label": param.label, "help": param.help, **_file(folder, value)}
            )
    return found


def _batches(project: Project, image: int) -> list[dict[str, Any]]:
    rows = project.store.rows(
        "select id, steps, state from batch where image = ? and state in ('running', 'waiting')"
        " order by position limit 20",
        (image,),
    )
    return [{"id": row["id"], "steps": row["steps"], "state": row["state"]} for row in rows]


def _trials(project: Project, folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((folder / "trials").glob("*/results.json")):
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            results = [
                [
                    project.words[w].label,
                    w,
                    shown(project.words[w], v),
                    shown_unit(project.words[w])[0],
                ]
                for w, v in table.items()
                if w in project.words and project.words[w].type not in ("path", "series")
            ]
            found.append({"name": path.parent.name, "results": results, "problem": ""})
        except (OSError, ValueError, AttributeError) as error:
            problem = f"{path} cannot be read: {error}"
            found.append({"name": path.parent.name, "results": [], "problem": problem})
    return found


def _log_path(folder: Path, step: str) -> Path:
    return folder / "logs" / f"{Path(step).name}.log"


def _loose_logs(folder: Path, document: Mapping[str, Any]) -> list[str]:
    """Give the logs of steps that have no run: of one that failed, above all."""
    try:
        return sorted(
            p.stem for p in (folder / "logs").glob("*.log") if p.stem not in document["runs"]
        )
    except OSError:
        return []


def _steps(project: Project, document: Mapping[str, Any]) -> list[list[str]]:
    """Give the steps that can be run: name and title, those of the workflow first."""
    first = [*project.workflow, *document["runs"]]
    steps = project.registry.steps
    names = [*dict.fromkeys(name for name in first if name in steps)]
    names += [name for name in steps if name not in names]
    return [[name, steps[name].title] for name in names]
