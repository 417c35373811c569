"""Whole-frame movement by search: each frame's correlation map with the sum of all others.

The idea is that of unblur (Grant & Grigorieff 2015, eLife 4:e06980) and MotionCor2 (Zheng et al. 2017,
Nat. Methods 14:331). It finds long ways and jumps, to a fraction of a coarse pixel; `refine` goes on.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import arrays, fourier
from focusnb.kernels.arrays import Array

STEEPER = (16.0, 4.0, 1.0)  # times the B-factor, in the first rounds: what is large is seen first
NOISE_PEAK = 5.0  # sd; rounds that find what they have put there add to what chance gives
SURE = 5.5  # sd of a correlation peak that is not chance


@dataclass(frozen=True, slots=True)
class Found:
    """What the search found, in pixels of the frames that were searched."""

    shifts: NDArray  # (n, 2) x, y, their median 0
    heights: NDArray  # (n,) of the correlation peaks, in sd of the maps
    changes: tuple[float, ...]  # RMS change of the shifts in each round
    noise: float  # median height that pure noise does not reach


def search(
    spectra: Sequence[Array],
    shape: tuple[int, int],
    *,
    pixel_size: ArrayLike,
    bfactor: float,
    max_shift: float,
    rounds: int,
    group: int = 1,
    report: Callable[[float, str], None] | None = None,
    pool: Executor | None = None,
) -> Found:
    """Shifts of frames by correlating each with the sum of the others at their present shifts.

    With the frame itself in the sum, the peak at zero would pull every shift to where it is. The
    zero lines of the transform, where the camera's rows and columns show, are left out.

    Parameters
    ----------
    spectra : half spectra of the frames, two or more
    shape : (y, x) of the frames
    pixel_size : x, y, Å
    bfactor : Å², of the weight exp(−B s²/4)
    max_shift : Å, largest movement between one frame and the sum of the others
    rounds : at most so many; the search ends before when nothing moves by half a pixel
    group : so many neighbouring frames are added up before they are compared
    pool : threads that share the work
    """
    size = np.broadcast_to(np.asarray(pixel_size, np.float64), 2)
    sy, sx = fourier.frequency_grid(shape)
    s2 = (sx / size[0]) ** 2 + (sy / size[1]) ** 2
    lines = (sx != 0) & (sy != 0) & (s2 < (0.5 / size.max()) ** 2)
    reach = np.maximum(max_shift / size, 2.0)
    share = pool.map if pool else map
    count = len(spectra)
    usual = bfactor * STEEPER[1]
    drift = _drift(spectra, shape, _weight(np.exp(-0.25 * usual * s2) * lines, spectra[0]), reach)
    shifts = _within(np.arange(count)[:, None] * drift, reach)
    heights = np.zeros(count)
    changes: list[float] = []
    for round_ in range(max(rounds, len(STEEPER))):
        steepness = bfactor * STEEPER[min(round_, len(STEEPER) - 1)]
        weight = _weight(np.exp(-0.25 * steepness * s2) * lines, spectra[0])
        moved = list(share(lambda f, d: _moved(f, shape, -d), spectra, shifts))
        total = sum(moved[1:], start=moved[0])

        def compare(
            i: int, moved: Sequence[Array] = moved, total: Array = total, weight: Array = weight
        ) -> tuple[NDArray, float]:
            first = max(0, min(i - (group - 1) // 2, count - group))
            mine = moved[first : first + group]
            mine = sum(mine[1:], start=mine[0])
            others = total - mine
            product = arrays.module(others).conj(others) * mine * weight
            return peak(arrays.to_numpy(arrays.irfft2(product, shape)), reach)

        change = np.empty_like(shifts)
        for i, found in enumerate(share(compare, range(count))):
            change[i], heights[i] = found
            if report:
                report((round_ + i / count) / rounds, f"aligning, round {round_ + 1}")
        change *= 1 - 1 / count  # the others move too; of two frames, each goes half the way
        shifts = _within(shifts + change, reach)
        change = change - change.mean(axis=0)  # where all move together nothing has changed
        changes.append(float(np.sqrt((change**2).sum(1).mean())))
        if round_ + 1 >= len(STEEPER) and changes[-1] < 0.5:
            break
    looked_at = float(np.prod(2 * np.minimum(reach, np.array(shape[::-1]) / 2) + 1))
    power = np.exp(-0.5 * bfactor * s2) * lines  # the weight's square
    part = float(power.sum() ** 2 / (power**2).sum() / power.size)
    return Found(shifts, heights, tuple(changes), noise_height(looked_at * part, count))


def noise_height(values: float, frames: int) -> float:
    """Height (sd) that the median peak of frames without any signal reaches once in 100,000 movies.

    The highest of `values` independent normal numbers lies near a = √(2 ln values), and above a + x/a
    with the probability exp(−x). For the median, half of the frames must be so high; of two frames
    both see the same peak.
    """
    a = np.sqrt(2 * np.log(max(values, 10.0)))
    rare = np.log(1e5)
    x = min(rare, 2 / max(frames - 1, 1) * rare + np.log(4))
    return float(max(NOISE_PEAK, a + x / a))


def _weight(weight: NDArray, spectrum: Array) -> Array:
    return arrays.like(weight, spectrum)


def _drift(
    spectra: Sequence[Array], shape: tuple[int, int], weight: Array, reach: NDArray
) -> NDArray:
    """The movement (x, y) from one frame to the next that fits all neighbours best.

    Where everything drifts on and on, the sum of the frames shows nothing at first; the sum of the
    correlations of neighbours does. Zero when it does not stand above noise.
    """
    xp = arrays.module(spectra[0])
    pairs = (xp.conj(a) * b for a, b in pairwise(spectra))
    summed = next(pairs)
    for pair in pairs:
        summed = summed + pair
    place, height = peak(arrays.to_numpy(arrays.irfft2(summed * weight, shape)), reach)
    return place if height > SURE else np.zeros(2)


def _moved(spectrum: Array, shape: tuple[int, int], xy: NDArray) -> Array:
    return spectrum * arrays.like(fourier.phase_ramp(shape, xy), spectrum, "complex64")


def peak(map_: ArrayLike, reach: ArrayLike) -> tuple[NDArray, float]:
    """Position (x, y) and height of the highest point of a correlation map around zero shift.

    The top is that of the parabola through the 3 × 3 values around the highest one. As frames
    are moved by the present shifts before they are correlated, the peak ends at zero, where
    the parabola has no bias.

    Parameters
    ----------
    map_ : (y, x), zero shift at [0, 0], periodic
    reach : x, y; the farthest position that is looked at, pixels

    Returns
    -------
    position in pixels, and height in standard deviations of the whole map
    """
    map_ = np.asarray(map_)
    if not map_.any():  # of an empty frame: it stays where it is
        return np.zeros(2), 0.0
    h, w = map_.shape
    rx, ry = (int(min(r, (n - 2) // 2)) for r, n in zip(np.asarray(reach), (w, h), strict=True))
    rows, columns = np.arange(-ry, ry + 1), np.arange(-rx, rx + 1)
    window = map_[np.ix_(rows, columns)]
    j, i = np.unravel_index(np.argmax(window), window.shape)
    y, x = rows[j], columns[i]
    near = map_[np.ix_((y + np.arange(-1, 2)) % h, (x + np.arange(-1, 2)) % w)].astype(np.float64)
    height = float((near[1, 1] - map_.mean()) / max(map_.std(), 1e-30))
    along_x, along_y = near.sum(0), near.sum(1)  # least squares of a·x² + b·x + c·y² + d·y + e·xy
    gradient = np.array([along_x[2] - along_x[0], along_y[2] - along_y[0]]) / 6
    xx = (along_x[0] - 2 * along_x[1] + along_x[2]) / 3
    yy = (along_y[0] - 2 * along_y[1] + along_y[2]) / 3
    xy = (near[0, 0] + near[2, 2] - near[0, 2] - near[2, 0]) / 4
    determinant = xx * yy - xy * xy
    if determinant <= 0 or xx >= 0:  # no top: a ridge, or the edge of the window
        return np.array([x, y], float), height
    top = -np.array([yy * gradient[0] - xy * gradient[1], xx * gradient[1] - xy * gradient[0]])
    return np.array([x, y]) + np.clip(top / determinant, -1, 1), height


def _within(shifts: NDArray, reach: NDArray) -> NDArray:
    """The shifts relative to their median, none farther from it than reach (x, y)."""
    return np.clip(shifts - np.median(shifts, axis=0), -reach, reach)
