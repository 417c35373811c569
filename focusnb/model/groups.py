"""The groups of a project: those with images, empty ones that people made, and new names for them."""

import json
import os
import sqlite3
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
    recover(project)  # what an earlier crash has left comes first: there is one intent at a time
    with project.store.transaction() as connection:
        connection.execute(
            "insert or replace into fact values (?, ?)", (INTENT, json.dumps([old, new]))
        )
    _carry_out(project, old, new)


def recover(project: "Project") -> list[str]:
    """At a start: finish a new name that a crash has left half given; tell of it."""
    told = project.store.fact(INTENT)
    if told is None:
        return []
    old, new = json.loads(told)
    try:
        _carry_out(project, old, new)
    except BadProject as error:
        return [str(error)]
    return [f"group {old}: its new name {new} was finished"]


def _carry_out(project: "Project", old: str, new: str) -> None:
    """Rename the folder and all that names the group; what is in the way ends the intent."""
    source, target = project.root / old, project.root / new
    moved = False
    try:
        with project.held(), project.store.transaction() as connection:
            _refuse_while_running(connection, old)
            if source.is_dir():
                if target.exists():
                    raise BadProject(
                        f"{target} is in the way of renaming {source}; look at both and remove one"
                    )
                os.replace(source, target)
                moved = True
            changed = _rewrite(project, connection, old, new)
            connection.execute("delete from fact where key = ?", (INTENT,))
    except Exception as error:
        if moved and not source.exists():
            os.replace(target, source)
        with project.store.transaction() as connection:
            connection.execute("delete from fact where key = ?", (INTENT,))
        if isinstance(error, OSError):
            raise BadProject(f"{old} cannot be renamed to {new}: {error.strerror}") from error
        raise
    for image in changed:
        write_image_json(project, image)
    rules = project.workspace.get("rules")
    if isinstance(rules, list):
        for rule in rules:
            if isinstance(rule, dict) and rule.get("group") == old:
                rule["group"] = new
        project.workspace.set("rules", rules)


def _refuse_while_running(connection: sqlite3.Connection, group: str) -> None:
    running = connection.execute(
        "select count(*) from batch join image on image.id = batch.image"
        " where batch.state = 'running' and image.place = ?",
        (group,),
    ).fetchone()[0]
    if running:
        raise BadProject(
            f"{running} images of {group} are being processed; rename it when they are done,"
            " or pause the queue"
        )


def _rewrite(project: "Project", connection: sqlite3.Connection, old: str, new: str) -> list[int]:
    """Put the new name into rows, into what waits to be moved, and into what the TRASH remembers."""
    changed = []
    for row in connection.execute(
        "select id, place from image where place in (?, ?)", (old, TRASH)
    ).fetchall():
        document = project.document(row["id"])
        key = "group" if row["place"] == old else "former"
        if document.get(key) == old:
            document[key] = new
            project.save_document(connection, row["id"], document)
            changed.append(int(row["id"]))
    connection.execute("update move set target = ? where target = ?", (new, old))
    project.store.bump(connection)
    return changed
