"""Salvage: the rows of an MRC file that was cut short; what is missing is NaN."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BrokenFile
from focusnb.formats import Stack, mrc_header

MOST = 1 << 28  # pixels of a frame: nobody records more, and a wrong header may claim it


class CutShort(Stack):
    """The frames of an MRC file that ends too early, as far as they are there.

    told: a sentence about what is missing.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as file:
            self._layout = mrc_header.layout(path, file.read(mrc_header.SIZE), 1 << 62)
        frames, height, width = self._layout.shape
        rows = (size - self._layout.start) // self._layout.row
        if self._layout.nibbles or not rows > 0 or height * width > MOST:
            raise BrokenFile(f"{path}: no row of it can be shown")
        whole, rest = divmod(rows, height)
        there = min(frames, whole + bool(rest))
        self._rows = rows
        self.told = (
            f"the file was cut short: {rows} of {frames * height} rows are there; the rest is shown"
            " as missing"
        )
        pixel_size = mrc_header.pixel_size(self._layout.header, [])
        super().__init__(path, (there, height, width), np.dtype(np.float32), pixel_size=pixel_size)

    def _frame(self, index: int) -> NDArray[Any]:
        _, height, width = self.shape
        frame = np.full((height, width), np.nan, np.float32)
        count = min(height, self._rows - index * height)
        layout = self._layout
        with self.path.open("rb") as file:
            file.seek(layout.start + index * height * layout.row)
            data = file.read(count * layout.row)
        rows = len(data) // layout.row
        stored = np.frombuffer(data, layout.dtype, rows * width).reshape(rows, width)
        frame[:rows] = np.abs(stored) if stored.dtype.kind == "c" else stored
        return frame

    def close(self) -> None:
        """Nothing is kept open."""
