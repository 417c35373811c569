"""A try's folder: its name, and what is left over when nobody owns it any more."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from focusnb.model.project import Project

PREFIX = ".try-"


def folder_of(home: Path, batch: int, try_: int) -> Path:
    """Give the folder in which a try of a batch writes; home: the image's."""
    return home / f"{PREFIX}{try_}-{batch}"


def ownerless(project: "Project") -> list[Path]:
    """Give the folders of tries that no running batch owns."""
    rows = project.store.rows("select id, image, try from batch where state = 'running'")
    owned = {(row["image"], folder_of(Path(), row["id"], row["try"]).name) for row in rows}
    return [
        left
        for group in project.groups
        for folder in (project.root / group).glob("[0-9]*")
        for left in folder.glob(f"{PREFIX}*")
        if folder.name.isdecimal() and (int(folder.name), left.name) not in owned
    ]


def end_orphans(folders: Iterable[Path]) -> list[str]:
    """End processes of this user that still work inside such folders; give their names.

    A program dies with its worker, but what the program has started itself does not. Whoever has
    a terminal is a person looking around.
    """
    import psutil

    places = tuple(f"{folder.resolve()}{os.sep}" for folder in folders)
    if not places:
        return []
    ended = []
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid() or process.terminal() is not None:
                continue
            if f"{process.cwd()}{os.sep}".startswith(places):
                name = process.name()
                process.kill()
                ended.append(name)
        except (psutil.Error, OSError):
            continue  # gone by itself, or not ours to look at
    return ended
