"""What is told of an image beside its pictures: name, verdict, reasons, its main numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

from focusnb.errors import FocusError
from focusnb.model import good, stale
from focusnb.model.param import Param
from focusnb.model.project import Project
from focusnb.model.shown import measured
from focusnb.model.table import cells_of
from focusnb_widgets.overview.views import overviews

# The numbers of the title line, as far as there are any.
NUMBERS = (
    "defocus", "astigmatism", "phase_shift", "ctf_resolution", "drift_total", "drift_range", "iciness",
    "mean_count", "particles",
)  # fmt: skip


def head(project: Project, image: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the title line tells. document: that of the image."""
    words = project.words
    cells = cells_of(document, words)
    why = good.reasons(cells, good.limits(project.values()))
    row = project.store.rows("select recorded from image where id = ?", (image,))
    return {
        "image": image,
        "name": document["name"],
        "group": document["group"],
        "number": f"{image:010d}",
        "recorded": row[0]["recorded"] if row else None,
        "flag": document["flag"],
        "comment": document["values"].get("comment") or "",
        "verdict": _verdict(cells, why),
        "reasons": [] if cells["error"] else why,
        "error": cells["error"] or "",
        "stale": _stale(project, {**cells, "group": document["group"]}),
        "numbers": _main(words, cells, particles="Particles" in overviews(project.mode)),
    }


def numbers(
    words: Mapping[str, Param], cells: Mapping[str, Any], wanted: Iterable[str]
) -> list[dict[str, str]]:
    """Give numbers with label and unit as people read them; those that are not available are left out."""
    told = []
    for word in wanted:
        if word in words and cells.get(word) is not None:
            if word == "phase_shift" and not cells[word]:
                continue  # nobody uses a phase plate
            text, unit = measured(words[word], cells[word])
            told.append({"word": word, "label": words[word].label, "text": text, "unit": unit})
    return told


def _main(
    words: Mapping[str, Param], cells: Mapping[str, Any], *, particles: bool
) -> list[dict[str, str]]:
    """Give the main numbers; a dash for what is not available, so that nothing jumps in a walk."""
    found = {one["word"]: one for one in numbers(words, cells, NUMBERS)}
    shown = [
        w for w in NUMBERS if w in found or (w != "phase_shift" and (particles or w != "particles"))
    ]
    return [
        found.get(w) or {"word": w, "label": words[w].label, "text": "–", "unit": ""} for w in shown
    ]


def _verdict(cells: Mapping[str, Any], why: list[str]) -> str:
    if cells["error"]:
        return "failed"
    return ("bad" if why else "good") if cells["measured"] else "unknown"


def sentence(told: Iterable[Mapping[str, str]]) -> str:
    """Give numbers as one text: Defocus 1.52 µm, CTF resolution 4.1 Å."""
    found = [one for one in told if one["text"] != "–"]
    return ", ".join(f"{one['label']} {one['text']} {one['unit']}".rstrip() for one in found)


def waiting(project: Project, image: int) -> str:
    """Tell whether the image waits in the queue or is being processed; else nothing."""
    states = {
        row["state"]
        for row in project.store.rows(
            "select state from batch where image = ? and state in ('waiting', 'running')", (image,)
        )
    }
    if "running" in states:
        return "is being processed now"
    return "waits in the queue" if states else ""


def _stale(project: Project, cells: Mapping[str, Any]) -> list[str]:
    try:
        return stale.Checker(project).steps(cells)
    except FocusError:
        return []  # a broken file of values: other parts tell it
