"""What a picture must be before anything is computed from it: two axes, finite, not constant."""

import numpy as np
from numpy.typing import ArrayLike

from focusnb.errors import BadData
from focusnb.kernels import arrays
from focusnb.kernels.arrays import Array


def picture(
    values: ArrayLike, *, smallest: int = 32, what: str = "the picture", constant: bool = False
) -> Array:
    """The picture as float32, refused with a sentence when nothing can be computed from it.

    Parameters
    ----------
    values : (y, x), of NumPy or another array module
    smallest : shortest side that is accepted, pixels
    what : how the message calls it, e.g. "frame 3"
    constant : whether it may have one value throughout, as a frame without electrons has

    Raises
    ------
    BadData
        When it is not two-dimensional, too small, not of real numbers, not finite or constant.
    """
    array = np.asarray(values) if arrays.is_numpy(values) else values
    if array.ndim != 2:
        raise BadData(
            f"{what} has the shape {tuple(array.shape)}; one picture with two axes is needed"
        )
    if min(array.shape) < smallest:
        raise BadData(
            f"{what} has {array.shape[1]} × {array.shape[0]} pixels; "
            f"at least {smallest} × {smallest} are needed"
        )
    if not arrays.is_real(array):
        raise BadData(f"{what} has pixels of type {array.dtype}; real numbers are needed")
    array = arrays.as_float(array)
    xp = arrays.module(array)
    low, high = float(xp.min(array)), float(xp.max(array))  # NaN and infinity survive both
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~np.isfinite(arrays.to_numpy(array))).sum())
        raise BadData(
            f"{what} has {bad} pixels that are NaN or infinite; "
            "check the gain reference, or the program that wrote it"
        )
    if low == high and not constant:
        raise BadData(f"{what} is constant (every pixel is {low:g}): nothing was recorded")
    return array


def pixel_size(value: float | None) -> float:
    """A pixel size that can be divided by, Å."""
    if value is None or not (np.isfinite(value) and value > 0):
        raise BadData(f"the pixel size is {value} Å; it must be a positive number")
    return float(value)
