"""SerialEM's text of camera defects, as it lies beside frames that are not yet gain-corrected.

Where this is from: SerialEM's and IMOD's CorrectDefects.cpp, IMOD's `clip defectmap`, and
SerialEM's help "Frame File Options Dialog". What follows from them:

- Columns, rows and pixels count from 0 at the top left of the picture (IMOD flips the list for its
  pictures, whose row 0 is at the bottom, and so do we). Ends of partial lines and of the usable
  area are the last pixels that belong to them; 0 in the usable area is no limit.
- CameraSizeX × CameraSizeY is the picture that the coordinates are of. Frames may be two or four
  times as fine (super-resolution), or as coarse (binned). As in `clip`, up to 9 pixels may be
  trimmed from frames, or be more, evenly at both sides.
- With WasScaled 1 or 2 a bad pixel is a block of 2 × 2 or 4 × 4 of these coordinates.
- RotationAndFlip says which turn brought the camera's own picture to that of the list. SerialEM
  turns the list together with the frames ("the defect list will be adjusted for the change in
  orientation"), and IMOD's programs apply it as it is. So do we. Only when the frames' sides fit
  no other way, the frames are taken to be in the camera's own orientation, and the turn is
  undone: 0-3 quarter turns counter-clockwise, +4 mirrored left to right before them.
- K2Type, FalconType and NumToAvgSuperRes change how IMOD fills pixels, not which ones are bad.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from focusnb.errors import BrokenFile
from focusnb.formats.defects_marks import SAMPLINGS, Marks, Mask, resampled, whole

TRIMMED = 9  # pixels
SETTINGS = ("CameraSizeX", "CameraSizeY", "RotationAndFlip", "WasScaled")
WITHOUT_USE = ("K2Type", "FalconType", "NumToAvgSuperRes")
FOURS = ("UsableArea", "PartialBadColumn", "PartialBadRow")
LISTS = ("BadPixels", "BadColumns", "BadRows")
WORDS = {*SETTINGS, *WITHOUT_USE, *FOURS, *LISTS}


@dataclass(frozen=True, slots=True)
class Camera:
    """Defects of a picture of width × height pixels, rows from the top.

    rectangles: x, y, width, height. usable: first row, first column, last row, last column.
    """

    width: int
    height: int
    rotation_and_flip: int
    usable: tuple[int, int, int, int]
    rectangles: tuple[tuple[int, int, int, int], ...]
    notes: tuple[str, ...]


def is_one(text: str) -> bool:
    """Whether a line begins with a word of SerialEM's."""
    return any(line.split(maxsplit=1)[0] in WORDS for line in text.splitlines() if line.strip())


def mask(path: Path, text: str, shape: tuple[int, int]) -> tuple[Mask, tuple[str, ...]]:
    """Bad pixels of frames of this shape (y, x), row 0 at the bottom, and what is to be said."""
    camera = parse(path, text)
    turned, finer, coarser = _fit(path, camera, shape)
    marks = Marks((camera.height, camera.width))
    for rectangle in camera.rectangles:
        marks.mark(*rectangle)
    notes = [*camera.notes, *marks.notes(path)]
    pixels = marks.pixels
    top, left, bottom, right = camera.usable
    pixels[: max(top, 0)] = pixels[:, : max(left, 0)] = True
    if bottom > 0:
        pixels[bottom + 1 :] = True
    if right > 0:
        pixels[:, right + 1 :] = True
    if turned:
        pixels = _undone(pixels, camera.rotation_and_flip)
        notes.append(
            f"{path.name} is turned back by its RotationAndFlip {camera.rotation_and_flip}: its "
            f"picture has {camera.width} × {camera.height} pixels, the frames {shape[1]} × {shape[0]}"
        )
    pixels = resampled(pixels, finer, coarser)[::-1]
    if pixels.shape != shape:
        notes.append(
            f"{path.name} is centred on the frames: it is for {pixels.shape[1]} × "
            f"{pixels.shape[0]} pixels, they have {shape[1]} × {shape[0]}"
        )
    return _centred(pixels, shape), tuple(notes)


def parse(path: Path, text: str) -> Camera:
    """The list; raises BrokenFile with the number of the first line that cannot be read."""
    settings = dict.fromkeys(SETTINGS, 0)
    usable: tuple[int, int, int, int] = (0, 0, 0, 0)
    bad: list[tuple[str, list[int]]] = []
    notes = []
    for number, line in enumerate(text.splitlines(), 1):
        word, *words = line.split("#")[0].split() or [""]
        numbers = whole(words)
        if not word:
            continue
        if not numbers or not _complete(word, numbers):
            raise BrokenFile(
                f"{path}: line {number} is {line.strip()[:60]!r}; after {word[:30]!r} come "
                f"{_expected(word)}"
            )
        if word in SETTINGS:
            settings[word] = numbers[0]
        elif word == "UsableArea":
            usable = (numbers[0], numbers[1], numbers[2], numbers[3])
        elif word in WORDS:
            bad.append((word, numbers))
        else:
            notes.append(f"{path.name}: line {number}, {word[:30]}, is not understood and left out")
    width, height = settings["CameraSizeX"], settings["CameraSizeY"]
    if min(width, height) < 1:
        raise BrokenFile(
            f"{path}: CameraSizeX is {width} and CameraSizeY {height} (0: not given); without the "
            "camera's size nobody knows which picture the list is of; add the two lines"
        )
    if settings["WasScaled"] not in (-1, 0, 1, 2):
        raise BrokenFile(f"{path}: WasScaled is {settings['WasScaled']}; it can be -1, 0, 1 or 2")
    block = 2 ** max(settings["WasScaled"], 0)
    rectangles = [
        r for word, numbers in bad for r in _rectangles(word, numbers, width, height, block)
    ]
    turn = settings["RotationAndFlip"]
    return Camera(width, height, turn, usable, tuple(rectangles), tuple(notes))


def _complete(word: str, numbers: list[int]) -> bool:
    """Whether the numbers are as many as the word needs, and name something."""
    if word in FOURS:
        if len(numbers) != 4:
            return False
        return word == "UsableArea" or (numbers[1] > 0 and numbers[3] >= numbers[2])
    if word == "BadPixels":
        return len(numbers) % 2 == 0
    return word not in SETTINGS or len(numbers) == 1


def _expected(word: str) -> str:
    return {
        "UsableArea": "first row, first column, last row and last column",
        "PartialBadColumn": "column, width, first row and last row",
        "PartialBadRow": "row, height, first column and last column",
        "BadPixels": "pairs of x and y",
        **dict.fromkeys(SETTINGS, "one whole number"),
    }.get(word, "whole numbers")


def _rectangles(
    word: str, numbers: list[int], width: int, height: int, block: int
) -> list[tuple[int, int, int, int]]:
    """x, y, width, height of what a line names."""
    if word == "BadColumns":
        return [(x, 0, 1, height) for x in numbers]
    if word == "BadRows":
        return [(0, y, width, 1) for y in numbers]
    if word == "BadPixels":
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return [(x, y, block, block) for x, y in pairs]
    if word == "PartialBadColumn":
        x, wide, first, last = numbers
        return [(x, first, wide, last - first + 1)]
    if word == "PartialBadRow":
        y, high, first, last = numbers
        return [(first, y, last - first + 1, high)]
    return []


def _fit(path: Path, camera: Camera, shape: tuple[int, int]) -> tuple[bool, int, int]:
    """Whether the list must be turned back to fit the frames, and how these are sampled."""
    found = []
    for turned in (False, True):
        x, y = (camera.width, camera.height)[:: -1 if turned else 1]
        for order, (finer, coarser) in enumerate(SAMPLINGS):
            apart = max(abs(x * finer // coarser - shape[1]), abs(y * finer // coarser - shape[0]))
            if apart <= TRIMMED:
                found.append((apart, turned, order))
    sizes = (
        f"{path}: a list for a camera of {camera.width} × {camera.height} pixels, but the frames "
        f"have {shape[1]} × {shape[0]}"
    )
    if not found:
        raise BrokenFile(
            f"{sizes}, which is neither this nor 2 or 4 times as fine or coarse; "
            "take the list that was saved with these frames"
        )
    _, turned, order = min(found)
    if turned and camera.rotation_and_flip not in (1, 3, 5, 7):
        raise BrokenFile(
            f"{sizes}; a quarter turn would make it fit, but its RotationAndFlip "
            f"{camera.rotation_and_flip} names none; take the list that was saved with these frames"
        )
    return turned, *SAMPLINGS[order]


def _undone(pixels: Mask, rotation_and_flip: int) -> Mask:
    """The picture (rows from the top) as it was before it was mirrored and turned."""
    before = np.rot90(pixels, -(rotation_and_flip % 4))
    return before[:, ::-1] if rotation_and_flip & 4 else before


def _centred(pixels: Mask, shape: tuple[int, int]) -> Mask:
    """The picture with as much taken away or added at both sides; what is added goes on as before."""
    for axis, side in enumerate(shape):
        more = side - pixels.shape[axis]
        before = abs(more) // 2
        if more > 0:
            ends = [(0, 0), (0, 0)]
            ends[axis] = (before, more - before)
            pixels = np.pad(pixels, ends, mode="edge")
        elif more < 0:
            pixels = pixels[(slice(None),) * axis + (slice(before, before + side),)]
    return np.ascontiguousarray(pixels)
