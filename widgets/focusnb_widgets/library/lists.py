"""Lists of images that people keep by name, and as text files with a line GROUP/NUMBER for each."""

import re
from collections.abc import Iterable, Sequence

from focusnb.errors import BadValue, UnknownName
from focusnb.model.text import counted
from focusnb.session import Project
from focusnb_widgets.library import kept as workspace

KEY = workspace.LISTS
LINE = re.compile(r"(?:[^/\s]+/)?(\d{1,18})\Z")


def names(project: Project) -> dict[str, int]:
    """Give the names of the lists and how many images each holds."""
    kept, _ = workspace.lists(project)
    return {name: len(kept[name]) for name in sorted(kept, key=str.casefold)}


def save(project: Project, name: str, images: Iterable[int]) -> str:
    """Keep images under a name; a list of that name is replaced."""
    name = name.strip()
    chosen = list(images)
    if not name:
        raise BadValue("a list needs a name; write one")
    if not chosen:
        raise BadValue("no image is chosen; choose those that the list should hold")
    with project.editing():
        project.workspace.set(KEY, {**workspace.lists(project)[0], name: chosen})
    return f"list {name!r}: {counted(len(chosen), 'image')}"


def load(project: Project, name: str) -> tuple[list[int], str]:
    """Give the images of a list that the project still has, and a sentence."""
    kept, _ = workspace.lists(project)
    if name not in kept:
        raise UnknownName(f"no list is called {name!r}; there are {', '.join(kept) or 'none'}")
    found, lost = present(project, kept[name])
    return found, _told(f"list {name!r}", found, lost)


def delete(project: Project, name: str) -> str:
    """Forget a list; its images stay as they are."""
    with project.editing():
        kept, _ = workspace.lists(project)
        if kept.pop(name, None) is None:
            raise UnknownName(f"no list is called {name!r}; somebody else may have deleted it")
        project.workspace.set(KEY, kept or None)
    return f"list {name!r} is forgotten; its images stay as they are"


def text(project: Project, images: Sequence[int]) -> str:
    """Give images as text, a line GROUP/NUMBER for each."""
    places = dict(project.store.rows("select id, place from image"))
    return "".join(f"{places[image]}/{image:010d}\n" for image in images if image in places)


def read(project: Project, lines: str) -> tuple[list[int], str]:
    """Give the images that a text file names, a line GROUP/NUMBER for each, and a sentence.

    Numbers decide: images that were moved to another group since are found. Empty lines and what
    follows # are left out.
    """
    numbers = []
    for i, line in enumerate(lines.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        match = LINE.match(entry)
        if not match:
            raise BadValue(f"line {i} of the list, {entry[:60]!r}, is no GROUP/NUMBER")
        numbers.append(int(match[1]))
    if not numbers:
        raise BadValue("the list names no image; write a line GROUP/NUMBER for each")
    found, lost = present(project, numbers)
    return found, _told("the list", found, lost)


def present(project: Project, numbers: Iterable[int]) -> tuple[list[int], int]:
    """Give those images that there are, in order and each once; and how many there are not."""
    wanted = list(dict.fromkeys(int(n) for n in numbers))
    known = {row["id"] for row in project.store.rows("select id from image")}
    found = [n for n in wanted if n in known]
    return found, len(wanted) - len(found)


def _told(what: str, found: Sequence[int], lost: int) -> str:
    if not lost:
        return f"{what}: {counted(len(found), 'image')} chosen"
    return f"{what}: {counted(len(found), 'image')} chosen; {lost} of it are not in this project (any more)"
