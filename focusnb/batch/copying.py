"""Copying images to another project: folder, results and all that their values stood for."""

import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb.batch import references
from focusnb.batch.lease import Holder
from focusnb.batch.placing import INCOMING
from focusnb.errors import BadProject, BadValue, FocusError
from focusnb.model.document import write_image_json
from focusnb.model.image import Image
from focusnb.model.project import Project

REFERENCES = ("gain", "defects")


@dataclass(slots=True)
class Copied:
    """What became of the images.

    images: the new ones, in the other project. known: those whose movie the other project has
    already, with its image there; nothing was copied for them. refused: those that could not be
    copied, with the reason.
    """

    images: list[Image] = field(default_factory=list)
    known: list[tuple[Image, Image]] = field(default_factory=list)
    refused: list[tuple[Image, str]] = field(default_factory=list)


def copy(project: Project, images: Iterable[int], other: Project) -> Copied:
    """Copy images with their files into another project, each into the group of the same name.

    What an image inherits here and would not inherit there becomes its own value, so that it stays
    right; references are kept by the other project too. An image without its folder is refused.
    """
    if other.root.resolve() == project.root.resolve():
        raise BadValue(f"{other.root} is this project itself; name another one")
    copied = Copied()
    for image in images:
        source = Image(project, image)
        there = _known(source, other)
        if there is not None:
            copied.known.append((source, there))
            continue
        try:
            copied.images.append(_copy(source, other))
        except (FocusError, OSError) as error:
            copied.refused.append((source, str(error)))
    if copied.refused and not copied.images and not copied.known:
        raise BadProject(copied.refused[0][1])
    return copied


def _known(source: Image, other: Project) -> Image | None:
    for role, digest in source.document["originals"].items():
        found = other.store.rows(
            "select image from original where digest = ? and role = ?", (digest, role)
        )
        if found:
            return Image(other, found[0]["image"])
    return None


def _copy(source: Image, other: Project) -> Image:
    document = _at_rest(source)
    me = Holder.this("import")
    box = other.root / INCOMING / f"{me.pid}-{me.begun}-{secrets.token_hex(4)}"
    try:
        hidden = box / source.number
        shutil.copytree(source.folder, hidden, symlinks=True, ignore=_left_out)
        _mend_links(source.folder, hidden)
        if _at_rest(source) != document:
            raise BadProject(f"{source.key} was changed while it was copied; copy it again")
        values = _inherited(source, other)
        document["values"] = {**values, **document["values"]}
        document["origins"] = {
            **dict.fromkeys(values, f"project {source.project.name}"),
            **document["origins"],
        }
        document["rules"] = {}  # what rules did there, none here can take back
        with other.store.transaction() as connection:
            new = other.add_image(source.name, source.group, values={}, recorded=_recorded(source))
            other.save_document(connection, new.id, document)
            for role, digest in document["originals"].items():
                connection.execute(
                    "insert or ignore into original values (?, ?, ?, ?)",
                    (digest, role, new.id, str(document["values"].get("movie", ""))),
                )
            # Last of all: a crash after it leaves a whole folder, which `rebuild` finds.
            os.replace(hidden, new.folder)
            write_image_json(other, new.id)
    finally:
        shutil.rmtree(box, ignore_errors=True)
    return new


def _at_rest(source: Image) -> dict[str, Any]:
    """Give what is known of an image that nobody works on; raises BadProject."""
    running = source.project.store.rows(
        "select 1 from batch where image = ? and state = 'running'", (source.id,)
    )
    if running:
        raise BadProject(f"{source.key} is being processed; copy it when that is done")
    if not source.folder.is_dir():
        raise BadProject(f"{source.key}: its folder {source.folder} is not there; nothing to copy")
    return dict(source.document)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Tries that run, and the document, which is written anew."""
    return {name for name in names if name.startswith(".") or name == "image.json"}


def _mend_links(home: Path, copy: Path) -> None:
    """Links to files outside of the image's folder go on naming the same files."""
    for link in copy.rglob("*"):
        if link.is_symlink() and not link.readlink().is_absolute():
            whole = (home / link.relative_to(copy)).parent / link.readlink()
            if not whole.resolve().is_relative_to(home.resolve()):
                link.unlink()
                link.symlink_to(whole.resolve())


def _inherited(source: Image, other: Project) -> dict[str, Any]:
    """What the image has from its group, project or user, and would not have there."""
    project = source.project
    here, there = source.values, other.values(group=source.group)
    told: dict[str, Any] = {}
    for level in ("user", "project", "group"):
        told |= here.set_at(level)
    own = {**source.document["values"], **source.document["results"]}
    values: dict[str, Any] = {}
    for word, value in told.items():
        if word in own or word not in other.words or other.words[word].scope == "project":
            continue
        if word in REFERENCES:
            path = project.resolve(source.id, word)
            assert path is not None
            name = references.keep(other, path, word)
            if there[word] is None or not references.same(other, there[word], name):
                values[word] = f"../../{name}"
        elif there[word] != value:
            values[word] = value
    return values


def _recorded(source: Image) -> Any:
    return source.project.store.rows("select recorded from image where id = ?", (source.id,))[0][
        "recorded"
    ]
