"""Gain references: how they are used; turn them as the frames are, check them, multiply."""

from pathlib import PurePath
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData

FLIPS = {0: "none", 1: "rows (upside down)", 2: "columns (left to right)"}
Use = Literal["multiply", "divide"]


def use(reference: str | PurePath, *, events: bool) -> Use:
    """What is done with frames and the gain reference of this name.

    Frames are multiplied with it. Electron events (EER) are divided by it, unless it is Thermo
    Fisher's own `.gain`: so does RELION.
    """
    return "divide" if events and PurePath(reference).suffix.lower() != ".gain" else "multiply"


def orient(gain: ArrayLike, *, rotation: int = 0, flip: int = 0) -> NDArray:
    """The gain reference turned, then flipped, in MRC orientation (row 0 is the bottom).

    The numbers are those of MotionCor2 (-RotGain, -FlipGain) and RELION: rotate first, then flip.

    Parameters
    ----------
    gain : (y, x)
    rotation : quarter turns, np.rot90(gain, -rotation)
    flip : 0 none, 1 the order of rows, 2 the order of columns
    """
    if flip not in FLIPS:
        raise BadData(f"gain flip is {flip!r}; it is 0 (none), 1 (rows) or 2 (columns)")
    if rotation not in (0, 1, 2, 3):
        raise BadData(f"gain rotation is {rotation!r}; it is 0, 1, 2 or 3 quarter turns")
    turned = np.rot90(np.asarray(gain), -rotation)
    if flip:
        turned = np.flip(turned, flip - 1)
    return np.ascontiguousarray(turned, np.float32)


def check(gain: ArrayLike, shape: tuple[int, int]) -> NDArray:
    """The gain reference as float32, refused when it cannot belong to frames of this shape (y, x).

    Raises
    ------
    BadData
        When its size differs (the message says when a quarter turn would mend it), when it has
        NaN or negative values, or is zero throughout.
    """
    array = np.asarray(gain)
    if array.shape != tuple(shape):
        have = " × ".join(str(n) for n in array.shape[::-1])
        message = f"the gain reference has {have} pixels, the frames {shape[1]} × {shape[0]}"
        if array.ndim == 2 and array.shape[::-1] == tuple(shape):
            raise BadData(message + "; set gain_rotation to 1 or 3")
        raise BadData(message + "; give the gain reference that was recorded with this movie")
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise BadData("the gain reference has NaN or infinite values; take a new one")
    if array.min() < 0:
        raise BadData(f"the gain reference has negative values (down to {array.min():g})")
    if array.max() == 0:
        raise BadData("the gain reference is zero throughout; take a new one")
    return array


def reciprocal(gain: ArrayLike) -> NDArray:
    """1 / gain, float32, for references that frames are divided by; zeros stay zero: defects."""
    array = np.asarray(gain, np.float32)
    with np.errstate(divide="ignore"):
        return np.where(array != 0, 1 / array, 0).astype(np.float32)


def fitted(gain: ArrayLike, shape: tuple[int, int]) -> NDArray:
    """The gain reference for frames of this shape (y, x) or of a quarter turn of it, float32.

    One of twice the size becomes the mean of 2 × 2 pixels (zero where one of them is zero), of one
    of half the size each pixel is repeated; any other is given back as it is, for `check` to judge.
    """
    array = np.asarray(gain, np.float32)
    if array.ndim != 2:
        return array
    for wanted in (tuple(shape), tuple(shape)[::-1]):
        if array.shape == (2 * wanted[0], 2 * wanted[1]):
            parts = array.reshape(wanted[0], 2, wanted[1], 2)
            return np.where((parts == 0).any(axis=(1, 3)), 0, parts.mean(axis=(1, 3)))
        if (2 * array.shape[0], 2 * array.shape[1]) == wanted:
            return array.repeat(2, axis=0).repeat(2, axis=1)
    return array


def refit(have: tuple[int, ...], shape: tuple[int, int]) -> str:
    """What `fitted` does with a reference of this size (y, x) for such frames; "" for nothing."""
    told = f"the gain reference has {have[-1]} × {have[-2]} pixels, the frames {shape[1]} × {shape[0]}:"
    shapes = (tuple(shape), tuple(shape)[::-1])
    if (have[-2] / 2, have[-1] / 2) in shapes:
        return f"{told} the mean of each 2 × 2 of its pixels is used"
    if (have[-2] * 2, have[-1] * 2) in shapes:
        return f"{told} each of its pixels is used for 2 × 2 of theirs"
    return ""


def dead(gain: ArrayLike) -> NDArray:
    """Pixels that the gain reference declares defect by a zero: bool (y, x)."""
    return np.asarray(gain) == 0


def multiply(frame: ArrayLike, gain: ArrayLike | None) -> NDArray:
    """Frames in electrons: recorded value × gain, float32 (K2, K3, Thermo Fisher's `.gain`).

    frame: (..., y, x).  gain: (y, x), or None when the frames are corrected already.
    """
    array = np.asarray(frame, np.float32)
    if gain is None:
        return array
    factor = np.asarray(gain, np.float32)
    if factor.shape != array.shape[-2:]:
        factor = check(factor, array.shape[-2:])  # raises, with the sentence
    return array * factor
