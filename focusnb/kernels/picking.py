"""Particles found as blobs of known diameter, and boxes cut around points."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, fourier

ACROSS = 16  # pixels across a particle in the picture that is searched
FALSE_RATE = 0.05  # accepted share of noise among the picks when the threshold is automatic


@dataclass(frozen=True, slots=True)
class Picks:
    """Points in pixels of the picture (pixel centres at integers), the best first."""

    x: NDArray
    y: NDArray
    score: NDArray  # height of the response in sd of its surroundings
    threshold: float  # the score above which points were taken

    def __len__(self) -> int:
        return len(self.x)


def blobs(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    threshold: float | None = None,
    distance: float | None = None,
    bright: bool = False,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """Blobs of one diameter: maxima of the scale-normalised Laplacian of a Gaussian.

    A disk of diameter d answers most to σ = d/(2√2) (Lindeberg 1998, Int. J. Comput. Vis. 30:79).
    The response is divided by its scatter in the surroundings (five diameters, robust against
    the particles themselves), so that thick ice and thin ice are judged alike. Of two
    maxima nearer than `distance` the higher one is kept.

    The automatic threshold is read from the scores themselves: specimen and noise answer with
    either sign, particles with one, so the blobs of the opposite contrast tell how many of a
    given height are chance. The lowest score above which these are at most 5 % is taken.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    diameter : of the particles, Å
    threshold : lowest score; None reads it from the scores
    distance : smallest distance of two picks, Å; 0.8 diameters when not given
    bright : particles are brighter than their surroundings (negative stain, inverted contrast)
    border : no picks nearer to the edge, Å; half a diameter when not given
    workers : threads of the Fourier transforms

    Raises
    ------
    BadData
        When the picture is bad, or the diameter does not fit it.
    """
    array = check.picture(picture, smallest=64)
    check.pixel_size(pixel_size)
    pixels = diameter / pixel_size
    if not 4 <= pixels <= min(array.shape) / 4:
        raise BadData(
            f"a particle_diameter of {diameter:g} Å is {pixels:.1f} pixels; it must be at least 4 "
            f"and at most a quarter of the picture ({min(array.shape) / 4:.0f})"
        )
    scale = max(pixels / ACROSS, 1.0)
    shape = tuple(max(32, round(n / scale)) for n in array.shape)
    small = fourier.resize(array - array.mean(), shape, workers=workers)
    step = np.array([array.shape[1] / shape[1], array.shape[0] / shape[0]])  # x, y
    across = pixels / step.mean()
    response = _response(small if bright else -small, across)
    apart = (0.8 * diameter if distance is None else distance) / pixel_size / step.mean()
    edge = (0.5 * diameter if border is None else border) / pixel_size / step.mean()
    found, heights = _maxima(response, apart, edge)
    if threshold is None:
        threshold = _threshold(heights, _maxima(-response, apart, edge)[1])
    keep = heights >= threshold
    # pixel centres: small pixel i covers step pixels of the large one, and both begin at zero
    xy = found[keep] * step
    return Picks(xy[:, 0], xy[:, 1], heights[keep], float(threshold))


def _response(picture: NDArray, across: float) -> NDArray:
    """Normalised answer to bright blobs of `across` pixels: (y, x), in sd of the surroundings."""
    sigma = across / (2 * np.sqrt(2))
    answer = -(sigma**2) * scipy.ndimage.gaussian_laplace(picture, sigma, mode="reflect")
    limit = 3 * np.median(np.abs(answer - np.median(answer))) * 1.4826
    square = np.clip(answer, -limit, limit) ** 2  # particles and dirt do not raise the scatter
    around = scipy.ndimage.gaussian_filter(square, 2.5 * across, mode="reflect")
    return answer / np.sqrt(np.maximum(around, 1e-12 * max(square.max(), 1e-30)))


def _maxima(response: NDArray, distance: float, border: float) -> tuple[NDArray, NDArray]:
    """Sub-pixel positions (k, 2) x, y and heights of separate maxima, the highest first."""
    highest = scipy.ndimage.maximum_filter(response, 3, mode="nearest")
    y, x = np.nonzero((response == highest) & (response > 0))
    h, w = response.shape
    inside = (x >= max(border, 1)) & (x <= w - 1 - max(border, 1))
    inside &= (y >= max(border, 1)) & (y <= h - 1 - max(border, 1))
    x, y = x[inside], y[inside]
    order = np.argsort(-response[y, x], kind="stable")
    x, y = x[order], y[order]
    taken = np.zeros(response.shape, bool)
    reach = int(np.ceil(distance))
    kept = []
    for k, (i, j) in enumerate(zip(x, y, strict=True)):
        top, left = max(0, j - reach), max(0, i - reach)
        near = taken[top : j + reach + 1, left : i + reach + 1]
        b, a = np.nonzero(near)
        if a.size and ((a + left - i) ** 2 + (b + top - j) ** 2).min() < distance**2:
            continue
        taken[j, i] = True
        kept.append(k)
    x, y = x[kept], y[kept]
    here = response[y, x]
    dx = _vertex(response[y, x - 1], here, response[y, x + 1])
    dy = _vertex(response[y - 1, x], here, response[y + 1, x])
    return np.stack([x + dx, y + dy], axis=1), here


def _vertex(before: NDArray, here: NDArray, after: NDArray) -> NDArray:
    """Top of the parabola through three values, −½ … ½ from the middle one."""
    curvature = before - 2 * here + after
    slope = 0.5 * (before - after)
    safe = np.where(curvature < 0, curvature, -1.0)
    return np.clip(np.where(curvature < 0, slope / safe, 0.0), -0.5, 0.5)


def _threshold(heights: NDArray, chance: NDArray) -> float:
    """Lowest score above which blobs of the opposite contrast are at most FALSE_RATE as many.

    When no score is that good there are no particles: the highest chance blob is the threshold.
    """
    if heights.size == 0:
        return np.inf
    scores = np.sort(heights)[::-1]
    above = np.arange(1, scores.size + 1)
    wrong = chance.size - np.searchsorted(np.sort(chance), scores, side="left")
    good = np.nonzero((wrong <= FALSE_RATE * above) & (above >= 5))[0]
    if good.size == 0:
        return float(np.nextafter(max(scores[0], chance.max(initial=0.0)), np.inf))
    return float(scores[good[-1]])


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
    outside = (rows[:, -1] < 0) | (columns[:, -1] < 0) | (rows[:, 0] >= h) | (columns[:, 0] >= w)
    if outside.any():
        k = int(np.nonzero(outside)[0][0])
        raise BadData(f"the box of point {k} lies outside the picture of {w} × {h} pixels")
    rows, columns = np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1)
    return array[rows[:, :, None], columns[:, None, :]]
