"""A picture on which listed pixels are marked as bad; what the list names outside of it is counted."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BrokenFile

Mask = NDArray[np.bool_]
WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)

# How frames may be sampled against the camera of a list: times as fine, times as coarse.
SAMPLINGS = ((1, 1), (2, 1), (4, 1), (1, 2), (1, 4))


class Marks:
    """Bad pixels (y, x) of a picture of this shape; whoever marks says at which end row 0 is."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.pixels: Mask = np.zeros(shape, np.bool_)
        self.named = self.outside = 0

    def mark(self, x: int, y: int, width: int = 1, height: int = 1) -> None:
        """Declare a rectangle bad, columns from x, rows from y."""
        rows, columns = self.pixels.shape
        left, right = max(x, 0), min(x + width, columns)
        first, last = max(y, 0), min(y + height, rows)
        inside = max(right - left, 0) * max(last - first, 0)
        self.named += width * height
        self.outside += width * height - inside
        if inside:
            self.pixels[first:last, left:right] = True

    def notes(self, path: Path) -> tuple[str, ...]:
        """What to say of the pixels that the list names outside; BrokenFile when all are."""
        y, x = self.pixels.shape
        if self.named and self.outside == self.named:
            raise BrokenFile(
                f"{path}: none of the {self.named} pixels that it names lies in the picture of "
                f"{x} × {y} pixels; it is the list of another camera"
            )
        if not self.outside:
            return ()
        return (
            f"{path.name}: of the {self.named} defective pixels that it names, {self.outside} lie "
            f"outside of the picture of {x} × {y} pixels; is it the list of this camera?",
        )


def resampled(pixels: Mask, finer: int, coarser: int) -> Mask:
    """The same camera sampled finer or coarser; one bad pixel makes the coarse one bad.

    pixels: (y, x) → (y · finer // coarser, x · finer // coarser), from row 0 and column 0 on.
    """
    fine = pixels.repeat(finer, axis=0).repeat(finer, axis=1)
    y, x = (side // coarser for side in fine.shape)
    blocks = fine[: y * coarser, : x * coarser].reshape(y, coarser, x, coarser)
    return np.asarray(blocks.any(axis=(1, 3)))


def whole(words: list[str]) -> list[int] | None:
    """The whole numbers that the words are, None if one is not."""
    return [int(word) for word in words] if all(map(WHOLE.fullmatch, words)) else None
