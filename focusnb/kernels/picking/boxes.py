"""Boxes cut around picks, their background brought to one level."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import fourier

FLAT = 1e-7  # of the values: a scatter that is only rounding


def cut(picture: ArrayLike, x: ArrayLike, y: ArrayLike, box: int) -> NDArray:
    """Boxes around points, as RELION 3.1's `relion_preprocess --extract` cuts them.

    Coordinates lose their fraction (they are not rounded); the point becomes pixel box // 2 of
    the box; what lies outside the picture repeats its edge. Rows stay in the picture's order.

    Parameters
    ----------
    picture : (y, x)
    x, y : (k,) pixels
    box : side of the boxes, pixels, even

    Returns
    -------
    (k, box, box) float32

    Raises
    ------
    BadData
        When a box lies wholly outside, where RELION leaves the particle out without a word.
    """
    array = np.asarray(picture, np.float32)
    if box < 2 or box % 2:
        raise BadData(f"the box is {box} pixels; it must be even and at least 2")
    columns = np.trunc(np.atleast_1d(np.asarray(x, float))).astype(int)[:, None]
    rows = np.trunc(np.atleast_1d(np.asarray(y, float))).astype(int)[:, None]
    around = np.arange(-(box // 2), box - box // 2)
    rows, columns = rows + around, columns + around
    h, w = array.shape
    if (lost := outside(array.shape, x, y, box)).any():
        k = int(np.nonzero(lost)[0][0])
        raise BadData(f"the box of point {k} lies outside the picture of {w} × {h} pixels")
    rows, columns = np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1)
    return array[rows[:, :, None], columns[:, None, :]]


def outside(array_shape: tuple[int, int], x: ArrayLike, y: ArrayLike, box: int) -> NDArray:
    """Which points `cut` refuses, as RELION leaves them out: (k,) bool, True without any overlap."""
    h, w = array_shape
    columns, rows = (np.trunc(np.atleast_1d(np.asarray(v, float))) for v in (x, y))
    before, behind = box // 2, box - box // 2 - 1
    wide = (columns + behind < 0) | (columns - before >= w)
    return wide | (rows + behind < 0) | (rows - before >= h)


def scale(boxes: ArrayLike, box: int, *, workers: int = 1) -> NDArray:
    """Boxes sampled with box × box pixels by cropping their spectrum: (k, box, box) float32.

    The centre, pixel n // 2, stays at pixel box // 2.

    Parameters
    ----------
    boxes : (k, n, n), n even
    box : even, at most n
    """
    array = _boxes(boxes)
    side = array.shape[-1]
    if box < 2 or box % 2 or box > side:
        raise BadData(
            f"boxes of {side} pixels cannot be down-sampled to {box}; it must be even, and from 2 to {side}"
        )
    return np.asarray(fourier.resize(array, (box, box), workers=workers), np.float32)


def normalise(
    boxes: ArrayLike, *, radius: float, invert: bool = True, ramp: bool = True
) -> NDArray:
    """Boxes whose background has mean 0 and standard deviation 1, as RELION's `--norm` makes them.

    Background is what lies further than `radius` from the centre, pixel n // 2. Measured against
    `relion_preprocess` of RELION 3.1.3: first a plane that is fitted to the background goes off
    the whole box, then its mean, then all is divided by its standard deviation (that of all n
    pixels, not of n − 1), and last the contrast is inverted.

    Parameters
    ----------
    boxes : (k, n, n)
    radius : pixels; RELION's default is 0.75 × half the box
    invert : dark particles become bright ones
    ramp : take the plane off (RELION's `--no_ramp` leaves it)

    Returns
    -------
    (k, n, n) float32; boxes whose background is constant are NaN throughout, as there is nothing
    to divide by (RELION leaves such a box as it is, with a warning)

    Raises
    ------
    BadData
        When the radius leaves no background, or a box has pixels that are not finite.
    """
    array = _boxes(boxes)
    centred = np.arange(array.shape[-1]) - array.shape[-1] // 2
    background = np.add.outer(centred**2, centred**2) > radius**2
    if not radius > 0 or background.sum() < 4:
        raise BadData(
            f"a radius of {radius:g} pixels leaves {int(background.sum())} background pixels in boxes of "
            f"{array.shape[-1]}; choose one between 0 and half the box"
        )
    if not np.isfinite(array).all():
        raise BadData("a box holds pixels that are NaN or infinite; look at the average it is from")
    y, x = np.nonzero(background)
    terms = np.stack([np.ones(x.size), centred[x], centred[y]] if ramp else [np.ones(x.size)])
    fit = np.linalg.pinv(terms)  # (background pixels, terms)
    plane = np.stack(np.broadcast_arrays(1.0, centred[None, :], centred[:, None]))[: len(terms)]
    out = np.empty_like(array)
    for index, one in enumerate(array):  # one at a time: float64 of all would take thrice the room
        behind = one[background].astype(np.float64)
        flat = one - np.tensordot(behind @ fit, plane, 1)
        scatter = flat[background].std()
        if scatter <= FLAT * max(1.0, float(np.abs(behind).max())):
            out[index] = np.nan
        else:
            out[index] = flat / (-scatter if invert else scatter)
    return out


def _boxes(boxes: ArrayLike) -> NDArray:
    array = np.asarray(boxes, np.float32)
    if array.ndim != 3 or array.shape[-1] != array.shape[-2]:
        raise BadData(f"boxes have the shape {array.shape}; (k, n, n) is needed")
    return array
