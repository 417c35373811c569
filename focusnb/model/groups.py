"""The groups of a project: those with images, empty ones that people made, and new names for them."""

import json
import os
from typing import TYPE_CHECKING

from focusnb.errors import BadProject, BadValue
from focusnb.model.document import write_image_json
from focusnb.model.group import TRASH, check_group, is_group
from focusnb.model.settings import HEADS, write_text

if TYPE_CHECKING:
    from focusnb.model.project import Project

INTENT = "renaming"  # the fact that holds [old, new] while a group gets another name


def names(project: "Project") -> list[str]:
    """Give the names of the groups that have images or a file of values."""
    found = {row["place"] for row in project.store.rows("select distinct place from image")}
    found |= {p.parent.name for p in project.root.glob("*/group.toml") if is_group(p.parent.name)}
    return sorted(found)


def make(project: "Project", name: str) -> str:
    """Make an empty group; raises BadValue when there is one of this name."""
    folder = project.root / check_group(name)
    if name in names(project) or folder.exists():
        raise BadValue(
            f"{project.name} has a group or folder {name!r} already; choose another name"
        )
    write_text(folder / "group.toml", HEADS["group.toml"])
    with project.store.transaction() as connection:
        project.store.bump(connection)
    return name


def rename(project: "Project", old: str, new: str) -> None:
    """Give a group another name, with all its images. The intent is told first, as for a move."""
    check_group(new)
    if TRASH in (old, new):
        raise BadValue(f"the {TRASH} keeps its name; move images there, or out of it")
    if old not in names(project):
        raise BadValue(
            f"{project.name} has no group {old!r}; there are {', '.join(names(project))}"
        )
    if new in names(project) or (project.root / new).exists():
        raise BadValue(f"{project.name} has a group or folder {new!r} already; choose another name")
    with project.store.transaction() as connection:
        connection.execute(
            "insert or replace into fact values (?, ?)", (INTENT, json.dumps([old, new]))
        )
    running = _carry_out(project, old, new)
    if running:
        raise BadProject(
            f"{running} images of {old} are being processed; rename it when they are done,"
            " or pause the queue"
        )
    for row in project.store.rows("select id from image where place = ?", (new,)):
        write_image_json(project, row["id"])


def recover(project: "Project") -> list[str]:
    """At a start: finish a new name that a crash has left half given; tell of it."""
    told = project.store.fact(INTENT)
    if told is None:
        return []
    old, new = json.loads(told)
    _carry_out(project, old, new)
    for row in project.store.rows("select id from image where place = ?", (new,)):
        write_image_json(project, row["id"])
    return [f"group {old}: its new name {new} was finished"]


def _carry_out(project: "Project", old: str, new: str) -> int:
    """Rename the folder and its images' rows; give how many running batches forbid it."""
    source, target = project.root / old, project.root / new
    with project.store.transaction() as connection:
        running = int(
            connection.execute(
                "select count(*) from batch join image on image.id = batch.image"
                " where batch.state = 'running' and image.place = ?",
                (old,),
            ).fetchone()[0]
        )
        if not running:
            if source.is_dir() and not target.exists():
                os.replace(source, target)
            for row in connection.execute(
                "select id from image where place = ?", (old,)
            ).fetchall():
                document = project.document(row["id"])
                document["group"] = new
                project.save_document(connection, row["id"], document)
            project.store.bump(connection)
        connection.execute("delete from fact where key = ?", (INTENT,))
    return running
