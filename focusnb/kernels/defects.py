"""Bad pixels: where they are, and what is put in their place.

Lists are MotionCor2's: x y width height, 0-based, the lower left corner, in MRC orientation.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
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


def hot_pixels(total: ArrayLike, *, sigma: float = 6.0) -> NDArray:
    """Pixels of the unaligned sum that counted far more than their neighbours: (k, 2) x, y.

    Counts are made comparable by Anscombe's root, 2√(n + 3/8) (Biometrika 35:246, 1948), whose
    standard deviation is 1 whatever the mean. A pixel is hot when its root is more than `sigma`
    above that of its neighbourhood's median, in units of the picture's own scatter or of
    counting, whichever is larger; it is dead when it counted nothing and lies as far below.

    Parameters
    ----------
    total : (y, x) sum of all frames in electrons, not aligned
    sigma : standard deviations
    """
    array = np.asarray(total, np.float32)
    root = 2 * np.sqrt(np.maximum(array, 0) + np.float32(0.375))
    around = (scipy.ndimage.uniform_filter(root, 5) * 25 - root) / 24
    difference = root - around
    quarter, three = np.percentile(difference[:: max(1, array.shape[0] // 512)], [25, 75])
    limit = sigma * max((three - quarter) / 1.349, 1.0)  # quartiles of a normal: 1.349 sd apart
    # a hot neighbour raises the mean around a pixel: candidates by the mean, verdict by the median
    y, x = np.nonzero((difference > limit / 2) | ((array <= 0) & (difference < -limit / 2)))
    difference = root[y, x] - _median_around(root, y, x)
    bad = (difference > limit) | ((array[y, x] <= 0) & (difference < -limit))
    return np.stack([x[bad], y[bad]], axis=1)


def _median_around(array: NDArray, y: NDArray, x: NDArray) -> NDArray:
    """Median of the 24 neighbours of each of the points (y, x), mirrored at the border."""
    wide = np.pad(array, 2, mode="reflect")
    steps = [(j, i) for j in range(5) for i in range(5) if (j, i) != (2, 2)]
    return np.median([wide[y + j, x + i] for j, i in steps], axis=0)


@dataclass(frozen=True, slots=True)
class Bad:
    """Bad pixels of a camera, prepared once for all frames; made by `prepare`."""

    mask: NDArray  # bool (y, x)
    y: NDArray
    x: NDArray
    nearest: tuple[NDArray, NDArray]  # row and column of the good pixel nearest to each


def prepare(bad: ArrayLike) -> Bad:
    """Find what `repair` needs of a mask, bool (y, x), and what takes long, once for all frames.

    Raises BadData when no pixel is good.
    """
    mask = np.asarray(bad, bool)
    if mask.all():
        raise BadData("every pixel is declared bad; check the list of defects")
    y, x = np.nonzero(mask)
    if y.size == 0:
        return Bad(mask, y, x, (y, x))
    near = scipy.ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    return Bad(mask, y, x, (near[0][y, x], near[1][y, x]))


def repair(frame: ArrayLike, bad: ArrayLike | Bad, *, rng: np.random.Generator) -> NDArray:
    """The frame with bad pixels replaced by values of good pixels nearby: float32 (y, x).

    A value drawn from the neighbourhood, not its mean, keeps the noise what it is elsewhere (a
    smooth patch would correlate with itself in every frame). What lies inside a wide defect is
    drawn from around the nearest good pixel.

    Parameters
    ----------
    frame : (y, x)
    bad : bool (y, x), or what `prepare` made of it: quicker for many frames
    rng : where the draws come from; the same generator state gives the same result
    """
    out = np.array(frame, np.float32)
    if not isinstance(bad, Bad):
        bad = prepare(bad)
    if bad.mask.shape != out.shape:
        raise BadData(
            f"the mask of bad pixels has the shape {bad.mask.shape}, the frame {out.shape}"
        )
    y, x = bad.y, bad.x
    todo, from_y, from_x = np.arange(y.size), y, x
    for attempt in range(8):
        if todo.size == 0:
            return out
        if attempt == 3:  # what is left lies inside a wide defect: go to the nearest good pixel
            from_y, from_x = bad.nearest
        offset = rng.integers(-4, 5, size=(2, todo.size))
        j = np.clip(from_y[todo] + offset[0], 0, out.shape[0] - 1)
        i = np.clip(from_x[todo] + offset[1], 0, out.shape[1] - 1)
        good = ~bad.mask[j, i]
        out[y[todo[good]], x[todo[good]]] = out[j[good], i[good]]
        todo = todo[~good]
    out[y[todo], x[todo]] = out[from_y[todo], from_x[todo]]
    return out
