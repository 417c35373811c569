"""Moving images between groups: the intent first, then the folder, then the row."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import BadProject, BadValue, FocusError
from focusnb.model.document import write_image_json
from focusnb.model.group import TRASH, is_group
from focusnb.model.stale import settings, settings_digest

if TYPE_CHECKING:
    from focusnb.model.project import Project


GONE = ".gone-"
CARRIED = "group "  # origin of a value that an image took along, with the group's name


def move(project: "Project", images: Iterable[int], group: str) -> list[int]:
    """Move images into a group; give those that must wait for a running batch."""
    images = list(images)
    (project.root / group).mkdir(exist_ok=True)
    with project.store.transaction() as connection:
        connection.executemany(
            "insert or replace into move values (?, ?)", [(image, group) for image in images]
        )
    finish(project)
    left = {row["image"] for row in project.store.rows("select image from move")}
    for image in images:
        if image in left and (text := _hindered(project, image, group)):
            with project.store.transaction() as connection:
                connection.execute("delete from move where image = ?", (image,))
            raise BadProject(text)
    return [image for image in images if image in left]


def restore(project: "Project", images: Iterable[int]) -> list[int]:
    """Bring images back from the TRASH, each to its former group; give those that must wait."""
    chosen = list(images)
    for image in chosen:
        document = project.document(image)
        if document["group"] != TRASH:
            raise BadValue(
                f"{project.key(image)} is not in the {TRASH}; only what is can come back"
            )
    former = {image: _former(project, image) for image in chosen}
    waiting = []
    for group in dict.fromkeys(former.values()):
        waiting += move(project, [i for i in chosen if former[i] == group], group)
    return waiting


def _former(project: "Project", image: int) -> str:
    """Give the group that an image was in before it came to the TRASH."""
    document = project.document(image)
    known = document.get("former") or str(project.values()["default_group"])
    if not is_group(known) or known == TRASH:
        raise BadValue(
            f"nobody knows in which group {project.key(image)} was; move it to one by its name"
        )
    return known


def finish(project: "Project") -> list[int]:
    """Finish all moves whose image has no running batch; what was half done before is completed.

    A move that is hindered by something at its target waits.
    """
    with project.held():
        return _finish(project)


def _finish(project: "Project") -> list[int]:
    moved = []
    waiting = project.store.rows(
        "select image, target from move where image not in (select image from batch where state = 'running')"
    )
    for row in waiting:
        with project.store.transaction() as connection:
            running = connection.execute(
                "select 1 from batch where image = ? and state = 'running'", (row["image"],)
            ).fetchone()
            if running:
                continue
            document = project.document(row["image"])
            source = project.folder(row["image"])
            target = project.root / row["target"] / source.name
            if _hindered(project, row["image"], row["target"]):
                continue
            if source != target:
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    os.replace(source, target)
                carry(project, document, row["target"])
                project.save_document(connection, row["image"], document)
            connection.execute("delete from move where image = ?", (row["image"],))
        write_image_json(project, row["image"])
        moved.append(int(row["image"]))
    return moved


def carry(project: "Project", document: dict[str, Any], group: str) -> None:
    """Put an image's document into a group; what its old group says, and the new one does not, goes along.

    An exposure stays right only with its camera's gain, defects and their orientation: these
    values become the image's own until it is back in a group that says the same. A file of the old
    group goes along even if the new group has another.
    """
    left, values, origins = document["group"], document["values"], document["origins"]
    before, words = dict(values), project.words
    said, says = project.group_settings(left).values, project.group_settings(group).values
    for word in [w for w, origin in origins.items() if origin.startswith(CARRIED)]:
        if word in says and values.get(word) == _own(words, word, says[word]):
            del values[word], origins[word]
    for word, value in said.items():
        missing = word not in says or (words[word].type == "path" and says[word] != value)
        if missing and word not in before and word not in document["results"]:
            values[word], origins[word] = _own(words, word, value), f"{CARRIED}{left}"
    if group != left:
        document["former"] = left if group == TRASH else ""
    document["group"] = group
    moved = {word for word in {*before, *values} if before.get(word) != values.get(word)}
    for step, run in document["runs"].items():
        try:
            known = project.registry.step(step)
        except FocusError:
            continue  # a script that is gone
        old = settings(known, project.values(group=left), before)
        new = settings(known, project.values(group=group), values)
        same = all(old.get(w) == new.get(w) for w in {*old, *new} - moved)
        if same and run.get("settings") == settings_digest(old):
            run["settings"] = settings_digest(new)


def _own(words: Any, word: str, value: Any) -> Any:
    """Give a group's value as an image has it: files are told from the image's own folder."""
    if words[word].type != "path" or Path(value).expanduser().is_absolute():
        return value
    return f"../../{value}"


def empty_trash(project: "Project", group: str = TRASH) -> int:
    """Delete the images of the TRASH for ever; give how many. Their numbers are never used again.

    A folder gets a hidden name before its row goes, so that a crash leaves neither a row without
    its folder nor a folder that `rebuild` would take for an image.
    """
    rows = project.store.rows(
        "select id from image where place = ? and id not in (select image from batch where state = 'running')",
        (group,),
    )
    last = (
        project.store.rows("select max(seq) as n from sqlite_sequence where name = 'image'")[0]["n"]
        or 0
    )
    with project.editing():
        project.settings.edit(lambda document: document.update(last_number=int(last)))
    count = 0
    for row in rows:
        folder = project.root / group / f"{row['id']:010d}"
        gone = folder.with_name(f"{GONE}{folder.name}")
        with project.store.transaction() as connection:
            deleted = connection.execute(
                "delete from image where id = ? and place = ?"
                " and id not in (select image from batch where state = 'running')",
                (row["id"], group),
            ).rowcount
            if not deleted:
                continue
            if folder.is_dir():
                os.replace(folder, gone)
            connection.execute(
                "insert or replace into fact values ('removed', ?)",
                (str(project.store.bump(connection)),),
            )
        shutil.rmtree(gone, ignore_errors=True)
        count += 1
    return count


def sweep(project: "Project") -> list[str]:
    """At a start: finish what `empty_trash` began; give sentences about it."""
    notes = []
    for gone in sorted(project.root.glob(f"*/{GONE}[0-9]*")):
        number = gone.name.removeprefix(GONE)
        known = number.isdecimal() and project.store.rows(
            "select 1 from image where id = ?", (int(number),)
        )
        if known:
            os.replace(gone, gone.with_name(number))
            notes.append(f"{gone.parent.name}/{number}: its deletion was not complete; it is back")
        else:
            shutil.rmtree(gone, ignore_errors=True)
    return notes


def _hindered(project: "Project", image: int, group: str) -> str:
    """Tell what is in the way of an image's move, or nothing."""
    source = project.folder(image)
    target = project.root / group / source.name
    if source != target and source.is_dir() and target.exists():
        return f"{target} is in the way of moving {source}; look at both and remove one"
    return ""
