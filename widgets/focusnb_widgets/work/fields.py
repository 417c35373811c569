"""The form of a watch and of an import: which words it has, and what is wrong with what was typed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from focusnb.batch import intake, references, watch
from focusnb.errors import BadValue, FocusError
from focusnb.model.group import check_group
from focusnb.session import Project

# In the order of the form; the rest of watch.WORDS is folded away.
WATCH = (
    "import_names", "ignore_names", "subfolders", "settle", "import_how", "newest_first", "gain",
    "defects", "group", "delete_originals",
)  # fmt: skip
FOLDED = tuple(word for word in watch.WORDS if word not in WATCH)
FILES = ("import_how", "gain", "defects", "group", "delete_originals")
GROUP = {
    "word": "group",
    "label": "Group",
    "unit": "",
    "type": "str",
    "choices": [],
    "help": "All images go into this group. Empty: the group that their name tells, else the default one.",
    "usual": "",
}


def fields(project: Project) -> list[dict[str, Any]]:
    """Describe the words of the forms, with what the project has for each."""
    values = project.values()
    told = [GROUP]
    for word in (*(w for w in WATCH if w != "group"), *FOLDED):
        param = project.words[word]
        told.append(
            {
                "word": word,
                "label": param.label,
                "unit": "" if param.unit == "1" else param.unit,
                "type": param.type,
                "choices": [list(choice) for choice in param.choices],
                "help": param.help,
                "usual": shown(project, word, values[word]),
            }
        )
    return told


def shown(project: Project, word: str, value: Any) -> str:
    """Give a value of a form as text for people."""
    if word == "group":
        return str(value or "")
    param = project.words[word]
    text = dict(param.choices).get(str(value), "") or param.show(value)
    return f"{text} {param.unit}" if text and param.unit not in ("", "1") else text


def read(
    project: Project, typed: Mapping[str, Any], words: Iterable[str], folder: Path | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what was typed; give the values by word, and sentences about what is wrong.

    An empty field is no value (None). A relative path of a gain or a defect list lies in `folder`.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for word in words:
        text = typed.get(word)
        text = text.strip() if isinstance(text, str) else text
        try:
            values[word] = None if text in (None, "") else _one(project, word, text, folder)
        except (FocusError, OSError) as error:
            wrong[word] = str(error)
    given = {w: v for w, v in values.items() if v is not None}
    both = {**project.values(), **given}
    if (
        both["delete_originals"]
        and both["import_how"] == "link"
        and "delete_originals" not in wrong
    ):
        wrong["delete_originals"] = "a linked file cannot be deleted: choose copying, or moving"
    return values, wrong


def _one(project: Project, word: str, text: Any, folder: Path | None) -> Any:
    if word == "group":
        return check_group(str(text))
    value = project.words[word].read(text, project.words[word].label)
    if word == "group_part":
        intake.part_of({word: value})
    if word in ("gain", "defects"):
        path = (folder or Path.cwd()) / Path(value).expanduser()
        return str(references.check(path, word))
    return value


def read_folder(project: Project, typed: Any, *, anyway: bool = False) -> Path:
    """Give the folder that was typed; raises BadValue for one that cannot be watched.

    anyway: also one that cannot be seen now: a camera that is not there yet.
    """
    text = str(typed or "").strip()
    if not text:
        raise BadValue("name the folder that is watched")
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise BadValue(f"{text}: give the whole path, which begins with /")
    watch.checked(project, {"folder": str(path)})
    if anyway:
        return path
    if not path.exists():
        raise BadValue(f"{path}: there is no such folder on this computer")
    if not path.is_dir():
        raise BadValue(f"{path} is a file; name its folder")
    if not os.access(path, os.R_OK | os.X_OK):
        raise BadValue(f"{path} cannot be read by you; ask its owner for the right to")
    return path
