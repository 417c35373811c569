"""Gain references and defect lists: copied into the project once, by content, and told to groups."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.errors import BadValue, FocusError
from focusnb.formats import defects as defect_format
from focusnb.model import disk
from focusnb.model.project import Project

FOLDER = "references"


def keep(project: Project, path: Path, word: str) -> str:
    """Copy a gain or a defect list into the project; give its place there, named by its content.

    Raises BadValue when there is no such file, or when it is nothing of the kind.
    """
    path = check(path, word)
    name = f"{FOLDER}/{_digest(path, *_stamp(path))}{path.suffix.lower()}"
    target = project.root / name
    if not target.is_file():
        target.parent.mkdir(exist_ok=True)
        disk.copy_verified(path, target)
    return name


def check(path: Path, word: str) -> Path:
    """See whether a file is a gain, or a defect list; give its path. Raises BadValue, as `keep`."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadValue(f"{word} = {path}: there is no such file; give the path of one")
    try:
        if word == "gain":
            formats.open(path).close()
        else:
            defect_format.check(path)
    except FocusError as error:
        raise BadValue(f"{word}: {error}") from None
    return path


def tell(project: Project, group: str, word: str, name: str) -> dict[str, Any]:
    """Make a reference the group's, once; give own values for the images if it has another one.

    A group whose images use another gain keeps it: its earlier images are right with theirs.
    """
    now = project.values(group=group)[word]
    if now is not None and same(project, now, name):
        return {}
    used = project.store.rows("select 1 from image where place = ? limit 1", (group,))
    if now is not None and used:
        return {word: f"../../{name}"}
    project.set(group=group, **{word: name})
    return {}


def same(project: Project, one: str, name: str) -> bool:
    """Tell whether a value, as people or `tell` wrote it, is the reference of this name."""
    if one == name:
        return True
    path = project.root / Path(one).expanduser()
    return path.is_file() and disk.digest(path) == Path(name).stem


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """Give the digest of a file, taken once as long as its size and time are the same."""
    return disk.digest(path)
