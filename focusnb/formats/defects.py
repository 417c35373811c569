"""Which pixels of a camera are defective: lists of several programs, and pictures that map them.

What a file is, is seen from what it holds: MotionCor2's rectangles `x y width height`, SerialEM's text
(`defects_serialem`), Falcon's XML (`defects_falcon`), or a picture whose bad pixels are not 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from focusnb.errors import BrokenFile, UnknownFormat
from focusnb.formats import defects_falcon, defects_serialem, registry
from focusnb.formats.defects_marks import Marks, Mask
from focusnb.formats.stack import Stack, replacing

BLANK = "\ufeff \t\r\n"  # before the first sign of a text, a byte order mark among them


@dataclass(frozen=True, slots=True)
class Defect:
    """A rectangle of pixels that do not count: columns from `x`, rows from `y`, both from 0.

    The origin is the lower left corner, as in MRC files.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DefectMask:
    """The defective pixels of a camera, as its frames show them.

    pixels: bool (y, x), row 0 at the bottom. notes: sentences about what did not fit.
    """

    pixels: Mask
    notes: tuple[str, ...] = ()


def mask(path: str | Path, shape: tuple[int, int]) -> DefectMask:
    """The defective pixels of frames of this shape (y, x), from a list or a map of any known kind.

    Pixels that a list names outside of the picture are left out, with a note.

    Raises
    ------
    BrokenFile
        A line cannot be read (with its number), no pixel that is named lies in the picture, or a
        map or a list is of another size.
    """
    path = Path(path)
    stack = _map(path)
    if stack is None:
        return DefectMask(*_listed(path, shape))
    with stack:
        if len(stack) != 1 or stack.shape[1:] != tuple(shape):
            raise BrokenFile(_misfit(path, stack.shape, shape))
        return DefectMask(np.asarray(stack.frame(0)) != 0)


def check(path: str | Path) -> None:
    """Raise BrokenFile when the file is no list and no map of defects, of whatever camera."""
    path = Path(path)
    stack = _map(path)
    if stack is not None:
        stack.close()
        return
    text = _text(path)
    if text.lstrip(BLANK).startswith("<"):
        defects_falcon.parse(path, text.lstrip(BLANK))
    elif defects_serialem.is_one(text):
        defects_serialem.parse(path, text)
    else:
        read(path)


def _map(path: Path) -> Stack | None:
    """The picture that the file is, or None when it is text (or empty: a list without defects)."""
    if not path.stat().st_size:
        return None
    try:
        return registry.open(path)
    except UnknownFormat:
        return None


def _listed(path: Path, shape: tuple[int, int]) -> tuple[Mask, tuple[str, ...]]:
    text = _text(path)
    if text.lstrip(BLANK).startswith("<"):
        return defects_falcon.mask(path, text.lstrip(BLANK), shape)
    if defects_serialem.is_one(text):
        return defects_serialem.mask(path, text, shape)
    marks = Marks(shape)
    for defect in read(path):
        marks.mark(defect.x, defect.y, defect.width, defect.height)
    return marks.pixels, marks.notes(path)


def _misfit(path: Path, have: tuple[int, int, int], shape: tuple[int, int]) -> str:
    frames, y, x = have
    if frames != 1:
        return f"{path}: a map of defects is one picture, this file has {frames} frames"
    turn = " (a quarter turn would make it fit)" if (x, y) == tuple(shape) else ""
    return (
        f"{path}: the map of defects has {x} × {y} pixels, the frames {shape[1]} × {shape[0]}{turn};"
        " take the map of this camera"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFile(
            f"{path}: neither text nor a picture; defects are a list (lines x y width height, "
            "SerialEM's text, Falcon's XML) or a map"
        ) from error


def read(path: str | Path) -> list[Defect]:
    """The rectangles of MotionCor2's list, in its order; what follows a # is a remark.

    Raises BrokenFile with the number of the first line that cannot be read.
    """
    path = Path(path)
    found = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if words := line.split("#")[0].replace(",", " ").split():
            found.append(_defect(path, number, line, words))
    return found


def _defect(path: Path, number: int, line: str, words: list[str]) -> Defect:
    try:
        x, y, width, height = (int(word) for word in words)
    except ValueError as error:
        raise BrokenFile(
            f"{path}: line {number} is {line.strip()[:60]!r}, not four whole numbers "
            "x y width height"
        ) from error
    if min(x, y) < 0 or min(width, height) < 1:
        raise BrokenFile(
            f"{path}: line {number} names no pixels: x {x}, y {y}, width {width}, height {height}"
        )
    return Defect(x, y, width, height)


def write(path: str | Path, defects: Iterable[Defect]) -> Path:
    """Write the list, in one stroke."""
    path = Path(path)
    lines = [f"{d.x} {d.y} {d.width} {d.height}\n" for d in defects]
    with replacing(path) as draft:
        draft.write_text("".join(lines), encoding="utf-8")
    return path
