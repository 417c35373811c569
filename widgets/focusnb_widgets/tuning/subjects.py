"""Subjects: the pictures that are tuned on, from a project, from files or from arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadValue, MissingProduct
from focusnb.formats import coordinates, pick_edits
from focusnb.kernels import check
from focusnb.model.image import Image
from focusnb.model.project import Project

MOST = 6  # pictures that are looked at together
USUAL = 3
MARKS = "marked_by_hand.star"  # in an image's folder: what was marked as true


@dataclass(slots=True)
class Subject:
    """A picture that is tuned on; it is read when it is first needed.

    image: of a project; None for files and arrays. source: how Python names it. marks: points
    that a hand has marked as particles, [x, y] in pixels.
    """

    name: str
    pixel_size: float
    shape: tuple[int, int]
    load: Callable[[], NDArray[np.float32]]
    image: Image | None = None
    source: str = "picture"
    note: str = ""
    marks: list[list[float]] = field(default_factory=list)
    edits: dict[str, Any] = field(default_factory=dict)
    _picture: NDArray[np.float32] | None = None

    @property
    def picture(self) -> NDArray[np.float32]:
        """The pixels (y, x), row 0 at the bottom."""
        if self._picture is None:
            self._picture = check.picture(self.load())
        return self._picture

    def value(self, word: str) -> Any:
        """A value of the image, None without one."""
        return None if self.image is None else self.image.get(word)


def subjects(images: Any, *, pixel_size: float | None = None) -> list[Subject]:
    """Read what people name: a project, images, files, arrays, (array, pixel size), or several.

    pixel_size: Å, of pictures that do not tell theirs.
    """
    if isinstance(images, Project):
        images = good_examples(images)
    one = isinstance(images, Image | str | Path | np.ndarray) or _is_pair(images)
    several = [images] if one else list(images)
    if not 1 <= len(several) <= MOST:
        raise BadValue(f"{len(several)} pictures: tune on 1 to {MOST} of them")
    return [_subject(image, pixel_size, number) for number, image in enumerate(several, 1)]


def good_examples(project: Project, count: int = USUAL) -> list[Image]:
    """Give images that stand for a session: good ones, from the lowest to the highest defocus."""
    rows = project.rows("average_pixel_size > 0 and group != 'TRASH'")
    if not rows:
        raise MissingProduct(
            f"{project.name} has no average to pick in yet; process some images first"
        )
    rows = [row for row in rows if row["good"]] or rows
    rows.sort(key=lambda row: (row.get("defocus") or 0.0, row["id"]))
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    return [project[rows[k]["id"]] for k in chosen]


def with_marks(found: Sequence[Subject], manual: Mapping[Any, Any]) -> None:
    """Give subjects what was marked by hand: by number from 0, name, GROUP/NUMBER or Image."""
    for key, table in manual.items():
        matching = [
            subject
            for number, subject in enumerate(found)
            if key == number
            or key == subject.name
            or (subject.image is not None and key in (subject.image, subject.image.key))
        ]
        if not matching:
            raise BadValue(
                f"manual: {key!r} is none of the pictures; they are"
                f" {', '.join(subject.name for subject in found)}"
            )
        matching[0].marks = points_of(table)


def points_of(table: Any) -> list[list[float]]:
    """Points [x, y] of a table with columns x and y, an array (n, 2), picks, or a STAR file."""
    if isinstance(table, str | Path):
        table = coordinates.read(table)
    if hasattr(table, "x") and hasattr(table, "y"):
        array = np.column_stack([np.asarray(table.x, float), np.asarray(table.y, float)])
    else:
        array = np.asarray(table, float)
        array = array[:, :2] if array.ndim == 2 and array.shape[1] >= 2 else array
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise BadValue("manual picks are a table with columns x and y, or an array (n, 2)")
    return [[round(float(x), 2), round(float(y), 2)] for x, y in array]


def _is_pair(images: Any) -> bool:
    return (
        isinstance(images, tuple)
        and len(images) == 2
        and isinstance(images[1], int | float)
        and not isinstance(images[1], bool)
    )


def _subject(image: Any, pixel_size: float | None, number: int) -> Subject:
    if isinstance(image, Image):
        return _of_project(image)
    if _is_pair(image):
        image, pixel_size = image[0], float(image[1])
    if isinstance(image, str | Path):
        return _of_file(Path(image), pixel_size)
    picture = np.asarray(image)
    if picture.ndim != 2:
        raise BadValue(
            f"picture {number} has the shape {picture.shape}; a picture is (y, x), an average or one frame"
        )
    return Subject(
        f"picture {number}", _checked(pixel_size, f"picture {number}"), picture.shape, lambda: picture
    )  # fmt: skip


def _of_project(image: Image) -> Subject:
    pixel, place = image.get("average_pixel_size"), image.get("average")
    if place is None or not Path(place).is_file() or pixel is None:
        raise MissingProduct(f"{image.key} ({image.name}) has no average yet; process it first")
    with formats.open(place) as stack:
        shape = stack.shape[-2:]
    defocus = image.get("defocus")
    return Subject(
        image.name, float(pixel), shape, lambda: image.read("average"), image,
        source=image.key, note="" if defocus is None else f"{defocus / 1e4:.2f} µm",
        **by_hand(image),
    )  # fmt: skip


def by_hand(image: Image | None) -> dict[str, Any]:
    """What an image's folder keeps of what hands did: edits of picks, and marks."""
    edits, marks = pick_edits.PickEdits(), []
    if image is not None:
        place = image.get("pick_edits")
        if place is not None and Path(place).is_file():
            edits = pick_edits.read(place)
        if (image.folder / MARKS).is_file():
            marks = points_of(image.folder / MARKS)
    told = {
        "added": edits.added.tolist(),
        "removed": edits.removed.tolist(),
        "excluded": [corners.tolist() for corners in edits.excluded],
    }
    return {"edits": told, "marks": marks}


def _of_file(path: Path, pixel_size: float | None) -> Subject:
    with formats.open(path) as stack:
        shape, own = stack.shape, stack.pixel_size
    if len(shape) == 3 and shape[0] > 1:
        raise BadValue(
            f"{path.name} is a movie of {shape[0]} frames; tune on its average, which"
            " `focusnb quick` makes"
        )

    def load() -> NDArray[np.float32]:
        with formats.open(path) as stack:
            return np.asarray(stack.frame(0), np.float32)

    pixel = _checked(pixel_size or own, path.name)
    return Subject(path.name, pixel, shape[-2:], load, source=str(path))


def _checked(pixel_size: float | None, name: str) -> float:
    if pixel_size is None:
        raise BadValue(f"{name} does not tell its pixel size; give it as pixel_size=, in Å")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise BadValue(f"{name}: pixel_size is {pixel_size}; it must be a positive number, in Å")
    return float(pixel_size)
