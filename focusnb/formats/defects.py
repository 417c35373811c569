"""Lists of defective pixels as MotionCor2 reads them: `x y width height` in each line."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from focusnb.errors import BrokenFile
from focusnb.formats.stack import replacing

SERIALEM = ("CameraSizeX", "BadColumns", "BadPixels", "BadRows", "PartialBadColumn", "UsableArea")


@dataclass(frozen=True, slots=True)
class Defect:
    """A rectangle of pixels that do not count: columns from `x`, rows from `y`, both from 0.

    The origin is the lower left corner, as in MRC files.
    """

    x: int
    y: int
    width: int
    height: int


def read(path: str | Path) -> list[Defect]:
    """The rectangles of a list, in its order; what follows a # is a remark.

    Raises BrokenFile with the number of the first line that cannot be read.
    """
    path = Path(path)
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path}: no text; a defect list has lines `x y width height`") from error
    for number, line in enumerate(lines, 1):
        if words := line.split("#")[0].replace(",", " ").split():
            found.append(_defect(path, number, line, words))
    return found


def _defect(path: Path, number: int, line: str, words: list[str]) -> Defect:
    if words[0] in SERIALEM:
        raise BrokenFile(
            f"{path}: line {number} is of SerialEM's own defect list; write one line "
            "`x y width height` for each defect, the origin at the lower left"
        )
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
