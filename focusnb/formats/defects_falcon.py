"""Defects of Falcon cameras, Thermo Fisher's XML: points, columns, rows and areas.

The elements and their numbers are those that IMOD and SerialEM read (CorrectDefects.cpp):
`<point>x,y</point>`, `<nonmaskingpoint>x,y</nonmaskingpoint>`, `<col>` and `<row>` with numbers
and ranges such as `5` or `5-7` or `5,9-11`, `<area>x,y,x,y</area>` with its first and last pixels;
all count from 0.

Rows count as the rows of EER frames and `.gain` files do, from the first one in the file. Neither
is flipped when it is read here: row 0 of the list is row 0 of the frames. Thermo Fisher's own script
(by way of CryoFLARE's convert_defects.py) marks them so, too. Lists are of physical pixels.
"""

import re
from pathlib import Path
from xml.parsers import expat

from focusnb.errors import BrokenFile
from focusnb.formats.defects_marks import SAMPLINGS, Marks, Mask, resampled, whole

SENSOR = 4096  # pixels along each side of every Falcon
NUMBERS = {
    "point": 2,
    "nonmaskingpoint": 2,
    "area": 4,
    "col": 0,
    "row": 0,
}  # 0: as many as you like
RANGE = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?", re.ASCII)

Listed = list[tuple[str, tuple[int, ...]]]  # kind of defect, its first and last pixels or lines


def mask(path: Path, text: str, shape: tuple[int, int]) -> tuple[Mask, tuple[str, ...]]:
    """Bad pixels (y, x) of frames of this shape, and what is to be said.

    Frames of the sensor's size, or half, two or four times as large, are sampled so; a list for
    others is taken to be of their own pixels.
    """
    listed = parse(path, text)
    sizes = {SENSOR * finer // coarser: (finer, coarser) for finer, coarser in SAMPLINGS}
    square = shape[0] == shape[1]
    finer, coarser = sizes.get(shape[0], (1, 1)) if square else (1, 1)
    marks = Marks((SENSOR, SENSOR) if square and shape[0] in sizes else shape)
    rows, columns = marks.pixels.shape
    for kind, numbers in listed:
        if kind == "col":
            marks.mark(numbers[0], 0, numbers[1] - numbers[0] + 1, rows)
        elif kind == "row":
            marks.mark(0, numbers[0], columns, numbers[1] - numbers[0] + 1)
        else:
            x, y, last_x, last_y = numbers
            marks.mark(x, y, last_x - x + 1, last_y - y + 1)
    return resampled(marks.pixels, finer, coarser), marks.notes(path)


def parse(path: Path, text: str) -> Listed:
    """The defects in their order: "col" and "row" with first and last, others as x, y, x, y.

    Raises BrokenFile with the number of the line. A document type is refused: it is of no use
    here, and its entities could grow without end.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    found: Listed = []
    names: set[str] = set()
    current: list[str] = []

    def begin(name: str, _: dict[str, str]) -> None:
        names.add(name)
        current.clear()

    def end(name: str) -> None:
        if name in NUMBERS:
            found.extend(_element(path, parser.CurrentLineNumber, name, "".join(current)))
        current.clear()

    def document_type(*_: object) -> None:
        raise BrokenFile(
            f"{path}: line {parser.CurrentLineNumber} declares a document type (DOCTYPE), which "
            "lists of defects never have; it is not read"
        )

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = current.append
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BrokenFile(
            f"{path}: line {error.lineno} is no XML: {expat.ErrorString(error.code)}"
        ) from error
    if "defects" not in names and not names & NUMBERS.keys():
        known = ", ".join(f"<{name}>" for name in NUMBERS)
        raise BrokenFile(
            f"{path}: an XML file without <defects>; a list of a Falcon's defects has {known}"
        )
    return found


def _element(path: Path, line: int, name: str, text: str) -> Listed:
    """What one element names, as `parse` gives it."""
    items = [item.strip() for item in text.split(",")]
    count = NUMBERS[name]
    if count:
        numbers = whole(items)
        if numbers and len(numbers) == count:
            x, y, last_x, last_y = numbers * (4 // count)
            if last_x >= x and last_y >= y:
                return [("area", (x, y, last_x, last_y))]
    else:
        ranges = [RANGE.fullmatch(item) for item in items]
        pairs = [(int(r[1]), int(r[2] or r[1])) for r in ranges if r]
        if len(pairs) == len(items) and all(first <= last for first, last in pairs):
            return [(name, pair) for pair in pairs]
    expected = {2: "x,y", 4: "x,y,x,y, the first and the last pixel"}.get(
        count, "5 or 5-7 or 5,9-11"
    )
    raise BrokenFile(
        f"{path}: line {line} has <{name}>{text.strip()[:60]}</{name}>, not {expected}"
    )
