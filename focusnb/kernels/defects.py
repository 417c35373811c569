"""Bad pixels: where they are, and what is put in their place.

Lists are MotionCor2's: x y width height, 0-based, the lower left corner, in MRC orientation.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData

STRIP = 256  # rows that are looked at together: they stay in the processor's cache


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
    strips = range(0, array.shape[0], STRIP)
    some = [_unlike(array[top : top + STRIP])[0] for top in strips[:: max(1, len(strips) // 12)]]
    quarter, three = np.percentile(np.concatenate([s.ravel()[::3] for s in some]), [25, 75])
    limit = sigma * max((three - quarter) / 1.349, 1.0)  # quartiles of a normal: 1.349 sd apart
    found = []
    for top in strips:
        # a hot neighbour raises the mean around a pixel: candidates by the mean, verdict by the median
        difference, counted = _unlike(array[top : top + STRIP])
        y, x = np.nonzero((difference > limit / 2) | (~counted & (difference < -limit / 2)))
        found.append(np.stack([x, y + top], axis=1))
    x, y = np.concatenate(found).T
    if not x.size:
        return np.zeros((0, 2), np.intp)
    difference = _root(array[y, x]) - _median_around(array, y, x)
    bad = (difference > limit) | ((array[y, x] <= 0) & (difference < -limit))
    return np.stack([x[bad], y[bad]], axis=1)


def _root(counts: NDArray) -> NDArray:
    """Anscombe's root of counts, float32."""
    return 2 * np.sqrt(np.maximum(counts, 0) + np.float32(0.375))


def _unlike(strip: NDArray) -> tuple[NDArray, NDArray]:
    """How far the roots lie above the mean of those around, and which pixels counted anything."""
    root = _root(strip)
    return root - _around(root), strip > 0


def _around(array: NDArray, side: int = 8) -> NDArray:
    """For each pixel the mean of the side × side pixels it lies among: (y, x)."""
    h, w = array.shape
    if min(h, w) < side:
        return np.full_like(array, array.mean())
    tall, wide = h // side * side, w // side * side
    means = np.add.reduce([array[i:tall:side, :wide] for i in range(side)])
    means = np.add.reduce([means[:, i::side] for i in range(side)]) / np.float32(side * side)
    rows = np.minimum(np.arange(h) // side, means.shape[0] - 1)
    columns = np.minimum(np.arange(w) // side, means.shape[1] - 1)
    return means[rows][:, columns]


def _median_around(counts: NDArray, y: NDArray, x: NDArray) -> NDArray:
    """Median root of the 24 neighbours of each of the points (y, x), mirrored at the border."""
    steps = [(j, i) for j in range(-2, 3) for i in range(-2, 3) if (j, i) != (0, 0)]
    near = [
        counts[_mirrored(y + j, counts.shape[0]), _mirrored(x + i, counts.shape[1])]
        for j, i in steps
    ]
    return _root(np.median(near, axis=0))


def _mirrored(index: NDArray, size: int) -> NDArray:
    """Indices outside of 0 … size − 1 mirrored at the border pixel."""
    return np.clip(
        np.where(index < 0, -index, np.where(index >= size, 2 * size - 2 - index, index)),
        0,
        size - 1,
    )


@dataclass(frozen=True, slots=True)
class Bad:
    """Bad pixels of a camera, prepared once for all frames; made by `prepare`."""

    mask: NDArray  # bool (y, x)
    y: NDArray
    x: NDArray
    nearest: tuple[NDArray, NDArray]  # row and column of a good pixel near to each


def prepare(bad: ArrayLike) -> Bad:
    """Find what `repair` needs of a mask, bool (y, x), and what takes long, once for all frames.

    Raises BadData when no pixel is good.
    """
    mask = np.asarray(bad, bool)
    y, x = np.nonzero(mask)
    if y.size == 0:
        return Bad(mask, y, x, (y, x))
    if y.size == mask.size:
        raise BadData("every pixel is declared bad; check the list of defects")
    steps = np.array([(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1) if (j, i) != (0, 0)])
    edge = (np.stack([y, x], axis=1)[:, None] + steps).reshape(-1, 2)
    edge = edge[((edge >= 0) & (edge < mask.shape)).all(axis=1)]
    edge = np.unique(edge[~mask[edge[:, 0], edge[:, 1]]], axis=0)  # good pixels beside bad ones
    _, number = scipy.spatial.cKDTree(edge).query(np.stack([y, x], axis=1))
    return Bad(mask, y, x, (edge[number, 0], edge[number, 1]))


def repair(frame: ArrayLike, bad: ArrayLike | Bad, *, rng: np.random.Generator) -> NDArray:
    """The frame with bad pixels replaced by values of good pixels nearby: (y, x), of its own type.

    A value drawn from the neighbourhood, not its mean, keeps the noise what it is elsewhere (a
    smooth patch would correlate with itself in every frame). What lies inside a wide defect is
    drawn from around the nearest good pixel.

    Parameters
    ----------
    frame : (y, x)
    bad : bool (y, x), or what `prepare` made of it: quicker for many frames
    rng : where the draws come from; the same generator state gives the same result
    """
    out = np.array(frame)
    mend(out, bad if isinstance(bad, Bad) else prepare(bad), rng=rng)
    return out


def mend(frame: NDArray, bad: Bad, *, rng: np.random.Generator) -> None:
    """Replace the bad pixels of a frame (y, x) in place, as `repair` does."""
    if bad.mask.shape != frame.shape:
        raise BadData(
            f"the mask of bad pixels has the shape {bad.mask.shape}, the frame {frame.shape}"
        )
    y, x = bad.y, bad.x
    todo, from_y, from_x = np.arange(y.size), y, x
    for attempt in range(8):
        if todo.size == 0:
            return
        if attempt == 3:  # what is left lies inside a wide defect: go to the nearest good pixel
            from_y, from_x = bad.nearest
        offset = rng.integers(-4, 5, size=(2, todo.size))
        j = np.clip(from_y[todo] + offset[0], 0, frame.shape[0] - 1)
        i = np.clip(from_x[todo] + offset[1], 0, frame.shape[1] - 1)
        good = ~bad.mask[j, i]
        frame[y[todo[good]], x[todo[good]]] = frame[j[good], i[good]]
        todo = todo[~good]
    frame[y[todo], x[todo]] = frame[from_y[todo], from_x[todo]]


def repair_gain(gain: ArrayLike, bad: Bad, *, reach: int = 4) -> NDArray:
    """The gain reference with bad pixels given the mean factor of good pixels around: float32 (y, x).

    A bad pixel takes a count from a neighbour (`repair`, before the gain is applied): multiplied
    with this factor it is, on average, what the neighbours are.
    """
    out = np.array(gain, np.float32)
    y, x = bad.y, bad.x
    total, count = np.zeros(y.size), np.zeros(y.size)
    for j in range(-reach, reach + 1):
        for i in range(-reach, reach + 1):
            row = np.clip(y + j, 0, out.shape[0] - 1)
            column = np.clip(x + i, 0, out.shape[1] - 1)
            good = ~bad.mask[row, column]
            total += np.where(good, out[row, column], 0)
            count += good
    near = out[bad.nearest] if y.size else total
    out[y, x] = np.where(count > 0, total / np.maximum(count, 1), near)
    return out
