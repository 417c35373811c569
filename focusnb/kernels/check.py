"""What a picture must be before anything is computed from it: two axes, finite, not constant."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData


def picture(values: ArrayLike, *, smallest: int = 32, what: str = "the picture") -> NDArray:
    """The picture as float32, refused with a sentence when nothing can be computed from it.

    Parameters
    ----------
    values : (y, x)
    smallest : shortest side that is accepted, pixels
    what : how the message calls it, e.g. "frame 3"

    Raises
    ------
    BadData
        When it is not two-dimensional, too small, not of real numbers, not finite or constant.
    """
    array = np.asarray(values)
    if array.ndim != 2:
        raise BadData(f"{what} has the shape {array.shape}; one picture with two axes is needed")
    if min(array.shape) < smallest:
        raise BadData(
            f"{what} has {array.shape[1]} × {array.shape[0]} pixels; "
            f"at least {smallest} × {smallest} are needed"
        )
    if array.dtype.kind not in "biuf":
        raise BadData(f"{what} has pixels of type {array.dtype}; real numbers are needed")
    array = array.astype(np.float32, copy=False)
    low, high = array.min(), array.max()  # NaN and infinity survive both, at no cost of memory
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(array.size - np.isfinite(array).sum())
        raise BadData(
            f"{what} has {bad} pixels that are NaN or infinite; "
            "check the gain reference, or the program that wrote it"
        )
    if low == high:
        raise BadData(f"{what} is constant (every pixel is {low:g}): nothing was recorded")
    return array


def pixel_size(value: float) -> float:
    """A pixel size that can be divided by, Å."""
    if not (np.isfinite(value) and value > 0):
        raise BadData(f"the pixel size is {value} Å; it must be a positive number")
    return float(value)
