"""Choice: which images are exported, under which names, and what is said about the others."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb.errors import BadValue
from focusnb.model.group import RESERVED, TRASH
from focusnb.model.image import Image
from focusnb.model.project import Project
from focusnb.model.text import counted

# What RELION appends to the name of the average without dose weighting.
UNWEIGHTED = "_noDW"


@dataclass(frozen=True, slots=True)
class Summary:
    """What an export wrote.

    files: the tables that the other program opens. left_out: GROUP/NUMBER and name of each image
    that is not in them, with the reason. notes: what else is not as one might expect.
    """

    kind: str
    out: Path
    files: tuple[Path, ...]
    images: int
    particles: int
    left_out: tuple[tuple[str, str, str], ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        text = (
            f"{counted(self.images, 'image')}, {counted(self.particles, 'particle')} → {self.out}"
        )
        left = f"; {counted(len(self.left_out), 'image')} left out" if self.left_out else ""
        return "\n".join([text + left, *self.notes])


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image that is exported: its row of the library, document, folder, and name over there."""

    image: Image
    document: Mapping[str, Any]
    row: Mapping[str, Any]
    folder: Path
    name: str


def choose(
    project: Project, images: Sequence[Image] | None
) -> tuple[list[Chosen], list[tuple[str, str, str]]]:
    """Give the images to export and those left out, with reasons: without a selection, the good ones."""
    rows = project.rows()
    names = names_of(rows)
    wanted = None if images is None else {image.id for image in images}
    chosen: list[Chosen] = []
    left_out: list[tuple[str, str, str]] = []
    for row in rows:
        if wanted is None and row["group"] == TRASH:
            continue
        if wanted is not None and row["id"] not in wanted:
            continue
        reason = None
        if wanted is None and not row["good"]:
            reason = row["reasons"] or "not processed yet"
        image = Image(project, row["id"])
        folder = project.root / row["group"] / row["number"]
        document = image.document if reason is None else {}
        if reason is None:
            average = document["results"].get("average")
            if not average or not (folder / average).is_file():
                reason = row["error"] or "it has no average yet"
        if reason is not None:
            left_out.append((row["image"], row["name"], reason))
        else:
            chosen.append(Chosen(image, document, row, folder, names[row["id"]]))
    return chosen, left_out


def names_of(rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Give each image of the library a name that any program can read, and that no other has.

    It is the stem of the file's name; what is not a plain letter, digit or one of _ . + - becomes
    an underline, and images whose names would be the same get their number.
    """
    plain = {row["id"]: safe(Path(row["name"]).stem) for row in rows}
    often = Counter(name.casefold() for name in plain.values())
    names = {
        image: f"{name}_{image:010d}" if often[name.casefold()] > 1 else name
        for image, name in plain.items()
    }
    taken = Counter(
        f"{name}{end}".casefold() for name in names.values() for end in ("", UNWEIGHTED)
    )
    return {
        image: f"{name}_{image:010d}" if taken[name.casefold()] > 1 else name
        for image, name in names.items()
    }


def safe(name: str) -> str:
    """Give a name without blanks, quotes and other signs that tables and programs stumble over."""
    plain = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:150]
    return plain if re.match(r"[A-Za-z0-9_]", plain) else f"_{plain[1:]}"


def check_out(project: Project, out: Path) -> None:
    """Refuse a folder where an export would lie among the project's own files."""
    place, root = out.resolve(), project.root.resolve()
    if place == root or root.is_relative_to(place):
        raise BadValue(f"{out} holds the project itself; choose a folder of its own")
    if place.is_relative_to(root):
        first = place.relative_to(root).parts[0]
        if first in {*project.groups, *RESERVED, TRASH}:
            raise BadValue(f"{out} lies in the project's {first}; choose another folder")
    if place.exists() and not place.is_dir():
        raise BadValue(f"{out} is a file; an export needs a folder")
