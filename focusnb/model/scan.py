"""The first pass over a movie's frames: their sum, and what is wrong with them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadData, BrokenFile
from focusnb.model.text import counted

EXACT = 1 << 24  # float32 holds all whole numbers up to here
LISTED = 12  # frames that are named in one sentence


def scan(
    path: Path,
    frames: Iterable[NDArray[Any]],
    numbers: range,
    many: int,
    report: Callable[[float], object],
) -> tuple[NDArray[Any], list[str]]:
    """Go once over the used frames of a file: their sum, (y, x), and what people should know.

    numbers: those of the frames, counted from 1, of as many as the file has. report is called with
    the part that has been read. Raises BadData and BrokenFile as `Movie.scan` tells.
    """
    before = path.stat()
    total: NDArray[Any] | None = None
    values: dict[int, float] = {}  # of empty frames, by their numbers
    for done, (number, frame) in enumerate(zip(numbers, frames, strict=True)):
        report(done / len(numbers))
        low, high = frame.min(), frame.max()
        if low == high:
            values[number] = float(low)
        if total is None:
            total = np.zeros(frame.shape, _sums(frame.dtype, len(numbers)))
        total += frame
    now = path.stat()
    if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        raise BrokenFile(
            f"{path.name} changed while it was read ({before.st_size} bytes before, "
            f"{now.st_size} after): it is still being written; process it again when it is whole"
        )
    assert total is not None
    if bad := int((~np.isfinite(total)).sum()):
        raise BrokenFile(
            f"{path.name}: {counted(bad, 'pixel')} without a finite value; the file is broken"
        )
    if len(values) == len(numbers):
        mean = sum(values.values()) / len(values)
        raise BadData(f"{path.name}: all pixels have the value {mean:g}; nothing was recorded")
    return total, [_empty(list(values), many)] if values else []


def _sums(dtype: np.dtype[Any], count: int) -> type[np.floating[Any]]:
    """What so many frames of a type are added up in without loss: float32 if it holds the largest sum."""
    if dtype.kind in "iu" and count * int(np.iinfo(dtype).max) < EXACT:
        return np.float32
    return np.float64


def _empty(numbers: list[int], frames: int) -> str:
    """What to say of frames, counted from 1, that show nothing."""
    if len(numbers) == 1:
        return f"frame {numbers[0]} of {frames} is empty"
    if len(numbers) > LISTED:
        return f"{len(numbers)} of {frames} frames are empty, the first of them is {numbers[0]}"
    return f"frames {', '.join(map(str, numbers))} of {frames} are empty"
