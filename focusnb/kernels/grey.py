"""Grey values for the screen: part of a picture, binned and brought to 8 bits in one pass.

Byte 0 marks what is not finite; 1 … 255 are the values from `low` to `high`. Rows stay as they are:
row 0 is the bottom of the picture.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels import arrays

Part = tuple[int, int, int, int]  # left, bottom, right, top in whole pixels, the last two excluded
USUAL = (0.1, 99.9)  # percent of the values
SAMPLE = 250  # means along a side, about, that a window is made of
LEVELS = 254
PIECE = 1 << 21  # pixels: fewer are not worth a thread


@dataclass(frozen=True, slots=True)
class Summary:
    """What all pixels of a picture say together."""

    bad: int  # NaN or infinite
    least: float  # of the finite ones, as all that follows; NaN when there is none
    most: float
    mean: float
    deviation: float


def readable(picture: NDArray) -> NDArray:
    """The picture (y, x) in a type that the loops here know; of complex numbers the amplitude."""
    if picture.dtype.kind == "c":
        return np.abs(picture)
    if picture.dtype.kind == "b":
        return picture.view(np.uint8)
    if picture.dtype == np.float16 or not picture.dtype.isnative:
        return picture.astype(np.float32)
    return picture


def inside(part: Part | None, shape: tuple[int, ...], step: int) -> tuple[Part, int]:
    """The part and the step as they can be: in the picture, at least one mean along each side.

    shape: (y, x). What of the part is no whole step at its far ends is left out.
    """
    height, width = shape
    left, bottom, right, top = part or (0, 0, width, height)
    left, right = sorted((left, right))
    bottom, top = sorted((bottom, top))
    step = min(max(1, step), width, height)
    left, bottom = min(max(left, 0), width - step), min(max(bottom, 0), height - step)
    columns = max(1, (min(right, width) - left) // step)
    rows = max(1, (min(top, height) - bottom) // step)
    return (left, bottom, left + columns * step, bottom + rows * step), step


def means(picture: NDArray, part: Part, step: int, *, every: int = 1) -> NDArray[np.float32]:
    """Means of step × step pixels of a part that `inside` gave: (rows, columns).

    A mean is not finite where one of its pixels is not. every: only each n-th mean along each side.
    """
    from focusnb.kernels import grey_loops

    left, bottom, right, top = part
    rows, columns = (-(-((n) // step) // every) for n in (top - bottom, right - left))
    out = np.empty((rows, columns), np.float32)
    grey_loops.means(picture, left, bottom, step, every, out)
    return out


def window(values: NDArray, percent: tuple[float, float] = USUAL) -> tuple[float, float]:
    """Between which values nearly all finite ones lie; never of width 0. NaN twice without any."""
    flat = values[np.isfinite(values)] if arrays.is_real(values) else values.ravel()
    if not flat.size:
        return float("nan"), float("nan")
    low, high = (float(v) for v in np.percentile(flat, percent))
    if not high > low:
        low, high = float(flat.min()), float(flat.max())
    if not high > low:
        wide = max(1.0, abs(low)) / 2
        low, high = low - wide, high + wide
    return low, high


def window_of(picture: NDArray, part: Part, step: int) -> tuple[float, float]:
    """The window of the means of a part, from a sample of them."""
    side = max(part[2] - part[0], part[3] - part[1]) // step
    return window(means(picture, part, step, every=max(1, side // SAMPLE)))


def grey(
    picture: NDArray, part: Part, step: int, low: float, high: float, *, workers: int = 1
) -> NDArray[np.uint8]:
    """Means of step × step pixels of a part that `inside` gave, in 8 bits: (rows, columns).

    low becomes 1 and high 255; what lies beyond is cut off; 0 marks means of which one pixel is not
    finite. workers: threads.
    """
    from focusnb.kernels import grey_loops

    left, bottom, right, top = part
    rows = (top - bottom) // step
    out = np.empty((rows, (right - left) // step), np.uint8)
    gain = LEVELS / (high - low) if high > low else 0.0
    least = np.float32(low), np.float32(gain)

    def some(first: int, last: int) -> None:
        grey_loops.grey(picture, left, bottom + first * step, step, *least, out[first:last])

    pieces = min(workers, rows, (top - bottom) * (right - left) // PIECE + 1)
    edges = [rows * k // pieces for k in range(pieces + 1)]
    if pieces == 1:
        some(0, rows)
    else:
        with ThreadPoolExecutor(pieces) as threads:
            list(threads.map(some, edges[:-1], edges[1:]))
    return out


def summary(picture: NDArray) -> Summary:
    """Count the pixels that are not finite; least, most, mean and deviation of the others."""
    from focusnb.kernels import grey_loops

    bad, least, most, total, squares, offset = grey_loops.summary(picture)
    good = picture.size - bad
    if not good:
        nothing = float("nan")
        return Summary(int(bad), nothing, nothing, nothing, nothing)
    mean = total / good
    deviation = max(squares / good - mean**2, 0.0) ** 0.5
    return Summary(int(bad), float(least), float(most), float(mean + offset), float(deviation))


def warm() -> None:
    """Compile the loops for the usual types, or load what was compiled: the first call is slow."""
    for dtype in (np.float32, np.uint8, np.int16, np.uint16):
        picture = np.arange(64, dtype=dtype).reshape(8, 8)
        part, step = inside(None, picture.shape, 2)
        grey(picture, part, step, *window_of(picture, part, step))
        summary(picture)
