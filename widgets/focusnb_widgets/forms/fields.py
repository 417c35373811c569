"""What a page is told of parameters: one mapping a field, and how they are put into sections."""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusnb.model import workflow
from focusnb.model.param import Param
from focusnb.model.registry import Registry
from focusnb.model.units import shown_unit
from focusnb.model.vocabulary import Vocabulary

MOST_LISTED, MOST_TOLD = 5000, 40  # entries of a folder that are looked at, and told
MICROMETRES = 10_000.0  # Å: longer lengths are told in µm as well
# How subjects of the vocabulary are called, in the order in which people think of them.
SUBJECTS = {
    "microscope": "Microscope", "camera": "Camera", "dose": "Dose", "import": "Import",
    "motion": "Motion correction", "ctf": "CTF", "ice": "Ice", "picking": "Picking",
    "good": "What a good image is", "image": "Image", "export": "Export", "monitor": "Monitoring",
    "queue": "Queue and programs", "scripts": "Scripts",
}  # fmt: skip
LEVELS = {
    "image": "image", "group": "group", "project": "project", "user": "yours", "system": "default",
}  # fmt: skip
FROM = {
    "image": "set for this image", "group": "set for the group", "project": "set in the project",
    "user": "from your own parameters", "system": "the program's default",
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """What a word is somewhere. own: set at just this level; below: what it is without that.

    several: it differs between the images that are meant; value is then None. via: what told it,
    the file's header or its mdoc.
    """

    value: Any
    origin: str
    own: bool = False
    below: Any = None
    below_origin: str = "system"
    several: bool = False
    locked: bool = False
    fixed: str = ""
    via: str = ""


@dataclass(frozen=True)
class Section:
    """Fields that belong together, under a title. key: a step's or subject's name."""

    key: str
    title: str
    params: tuple[Param, ...]
    note: str = ""


def shown(param: Param) -> bool:
    """Tell whether a form has a field for it: nothing that is hidden or that a step finds out."""
    return not param.made and param.level != "hidden" and param.type != "series"


def by_step(registry: Registry, names: Iterable[str]) -> list[Section]:
    """Give a section a step, in the order they run; a word of several steps is in the first one."""
    known: set[str] = set()
    found = []
    for step in workflow.order([registry.step(name) for name in dict.fromkeys(names)]):
        own = tuple(p for p in step.params if shown(p) and p.name not in known)
        known |= {p.name for p in own}
        note = "" if step.seen else "Its program was not yet seen running."
        if not own:
            note = f"{note} It has no parameters of its own.".strip()
        found.append(Section(step.name, step.title, own, note))
    return found


def by_subject(words: Vocabulary, chosen: Iterable[str] | None = None) -> list[Section]:
    """Give a section a subject, of the words chosen or of all that people set."""
    params = [words[w] for w in dict.fromkeys(words if chosen is None else chosen)]
    if chosen is None:
        params = [p for p in params if shown(p)]
    subjects = [*SUBJECTS, *sorted({p.subject for p in params} - set(SUBJECTS))]
    found = []
    for subject in subjects:
        own = tuple(p for p in params if p.subject == subject)
        if own:
            found.append(Section(subject, SUBJECTS.get(subject, subject.capitalize()), own))
    return found


def edit_text(param: Param, value: Any) -> str:
    """Give a value as people edit it: 300, not 300.0; vectors separated by blanks."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(edit_text(param, v) for v in value)
    if isinstance(value, float):
        short = f"{value:.10g}"
        return short if float(short) == value else repr(value)
    return param.as_text(value)


def with_unit(param: Param, value: Any) -> str:
    """Give a value as people read it: choices by label, with the unit; "none" without one."""
    if value is None or value == "":
        return "none"
    if param.type == "choice":
        return dict(param.choices).get(str(value), str(value))
    if param.type == "bool":
        return param.show(value)
    unit = f" {param.unit}" if param.unit not in ("", "1") else ""
    long = _micrometres(param, value)
    return edit_text(param, value) + unit + (f" ({long})" if long else "")


def field(param: Param, state: State, base: Sequence[Path], labels: Mapping[str, str]) -> Any:
    """Give what a page is told of a parameter. base: where a relative path may lie."""
    return {
        "word": param.name,
        "label": param.label,
        "unit": "" if param.unit == "1" else param.unit,
        "type": "folder" if is_folder(param) else param.type,
        "size": param.size,
        "choices": [list(choice) for choice in param.choices],
        "advanced": param.level == "advanced",
        "help": param.help,
        "range": param.bounds,
        "value": state.value if param.type == "bool" else edit_text(param, state.value),
        "origin": state.via or labels.get(state.origin, state.origin),
        "from": FROM.get(state.origin, f"from {labels.get(state.origin, state.origin)}")
        + (f", as told by the {state.via}" if state.via else ""),
        "own": state.own,
        "below": f"{with_unit(param, state.below)} ({labels.get(state.below_origin, state.below_origin)})",
        "several": state.several,
        "locked": state.locked,
        "fixed": state.fixed,
        "note": note(param, state.value, base),
    }


def is_folder(param: Param) -> bool:
    """Tell whether a text is the place of a program."""
    return param.type == "str" and param.name.endswith("_folder")


def note(param: Param, value: Any, base: Sequence[Path]) -> dict[str, Any]:
    """Give what a field says of its value: a length in µm, or whether a file is there."""
    if value is None or value == "":
        return {}
    if long := _micrometres(param, value):
        return {"text": f"= {long}"}
    if param.type == "path" or is_folder(param):
        there = _place(str(value), base)
        if there is None:
            return {"text": "not found", "missing": True}
        if is_folder(param) and not there.is_dir():
            return {"text": "this is a file, no folder", "missing": True}
        return {"text": "found"}
    return {}


def _micrometres(param: Param, value: Any) -> str:
    """Tell a long length in µm, and any defocus: people read it so everywhere else."""
    least = 0.0 if shown_unit(param)[0] == "µm" else MICROMETRES
    if param.unit == "Å" and isinstance(value, int | float) and abs(value) >= least:
        return f"{value / MICROMETRES:.4g} µm"
    return ""


def _place(value: str, base: Sequence[Path]) -> Path | None:
    try:
        places = [folder / Path(value).expanduser() for folder in base]
        return next((place for place in places if place.exists()), None)
    except (OSError, RuntimeError, ValueError):
        return None  # a name too long, an unknown ~user, a zero byte


def completed(text: str, base: Sequence[Path], *, folders: bool = False) -> list[str]:
    """Give the files and folders whose paths begin with a text, as people would type them on."""
    head, slash, begun = text.rpartition("/")
    before = head + slash
    try:
        for place in base:
            folder = place / Path(before or ".").expanduser()
            with os.scandir(folder) as entries:
                found = [
                    (not entry.is_dir(), entry.name)
                    for entry in itertools.islice(entries, MOST_LISTED)
                    if entry.name.startswith(begun)
                    and (begun or not entry.name.startswith("."))
                    and (entry.is_dir() or not folders)
                ]
            if found:
                return [before + n + ("" if file else "/") for file, n in sorted(found)[:MOST_TOLD]]
    except (OSError, RuntimeError, ValueError):
        pass  # there is nothing to be told of a folder that cannot be read
    return []
