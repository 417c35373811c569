"""Bad pixels: where they are, and what is put in their place.

Lists are MotionCor2's: x y width height, 0-based, the lower left corner, in MRC orientation.
"""

from collections.abc import Iterable

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData


def mask(defects: Iterable, shape: tuple[int, int]) -> NDArray:
    """Bad pixels of a list of rectangles: bool (y, x).

    Parameters
    ----------
    defects : records with x, y, width, height (or tuples in this order), pixels, lower left corner
    shape : (y, x) of the frames. What lies outside is cut off.
    """
    bad = np.zeros(shape, bool)
    for defect in defects:
        x, y, width, height = (
            (defect.x, defect.y, defect.width, defect.height) if hasattr(defect, "x") else defect
        )
        bad[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    return bad


def points(pixels: ArrayLike, shape: tuple[int, int]) -> NDArray:
    """Bad pixels of a table of points (k, 2) x, y: bool (y, x)."""
    bad = np.zeros(shape, bool)
    xy = np.asarray(pixels, np.intp).reshape(-1, 2)
    bad[xy[:, 1], xy[:, 0]] = True
    return bad


def hot_pixels(total: ArrayLike, *, frames: int = 1, sigma: float = 6.0) -> NDArray:
    """Pixels of the unaligned sum that counted far more, or nothing, for all frames: (k, 2) x, y.

    A pixel is hot when the sum differs from that of its neighbourhood (5 × 5 median) by more than
    `sigma` standard deviations of the whole picture's differences (robust, from quartiles), and
    at least by what counting allows: `sigma` roots of the neighbourhood's electrons. It is dead
    when it counted nothing where its neighbours counted more than `sigma`² electrons.

    Parameters
    ----------
    total : (y, x) sum of all frames in electrons, not aligned
    frames : number of frames in the sum; a pixel hit by a single cosmic ray in one of few frames
        is bad in that frame only, but is replaced just the same
    """
    array = np.asarray(total, np.float32)
    if frames < 1:
        raise BadData(f"the sum is of {frames} frames; at least one is needed")
    around = _median(array)
    difference = array - around
    quarter, three = np.percentile(difference[:: max(1, array.shape[0] // 512)], [25, 75])
    spread = max((three - quarter) / 1.349, 1e-6)  # 1.349: quartile distance of a normal, in sd
    counting = np.sqrt(np.maximum(around, 1.0))
    hot = difference > sigma * np.maximum(spread, counting)
    dead = (array <= 0) & (around > sigma**2)
    y, x = np.nonzero(hot | dead)
    return np.stack([x, y], axis=1)


def _median(array: NDArray) -> NDArray:
    """Median of pixels two apart around each pixel: a fast stand-in of the 5 × 5 median."""
    wide = np.pad(array, 2, mode="reflect")
    (h, w), steps = array.shape, (0, 2, 4)
    around = [wide[j : j + h, i : i + w] for j in steps for i in steps if (j, i) != (2, 2)]
    return np.median(np.stack(around), axis=0)


def repair(frame: ArrayLike, bad: ArrayLike, *, rng: np.random.Generator) -> NDArray:
    """The frame with bad pixels replaced by values of good pixels nearby: float32 (y, x).

    A value drawn from the neighbourhood, not its mean, keeps the noise what it is elsewhere (a
    smooth patch would correlate with itself in every frame). Wide defects are filled from a
    neighbourhood that grows until it has good pixels.

    Parameters
    ----------
    frame : (y, x)
    bad : bool (y, x)
    rng : where the draws come from; the same generator state gives the same result
    """
    out = np.array(frame, np.float32)
    bad = np.asarray(bad, bool)
    if bad.shape != out.shape:
        raise BadData(f"the mask of bad pixels has the shape {bad.shape}, the frame {out.shape}")
    if bad.all():
        raise BadData("every pixel is declared bad; check the list of defects")
    y, x = np.nonzero(bad)
    if y.size == 0:
        return out
    reach = np.full(y.size, 4)  # draws come from ±4 pixels around the nearest good one at first
    nearest = _nearest_good(bad, y, x)
    todo = np.arange(y.size)
    for _ in range(12):
        offset = rng.integers(-reach[todo], reach[todo] + 1, size=(2, todo.size))
        j = np.clip(nearest[0][todo] + offset[0], 0, out.shape[0] - 1)
        i = np.clip(nearest[1][todo] + offset[1], 0, out.shape[1] - 1)
        good = ~bad[j, i]
        out[y[todo[good]], x[todo[good]]] = out[j[good], i[good]]
        todo = todo[~good]
        if todo.size == 0:
            return out
    out[y[todo], x[todo]] = out[nearest[0][todo], nearest[1][todo]]
    return out


def _nearest_good(bad: NDArray, y: NDArray, x: NDArray) -> tuple[NDArray, NDArray]:
    """Row and column of the good pixel nearest to each bad one."""
    nearest = scipy.ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
    return nearest[0][y, x], nearest[1][y, x]
