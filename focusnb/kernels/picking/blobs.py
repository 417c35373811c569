"""Particles found as blobs of known diameter, and boxes cut around points."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, fourier

ACROSS = 16  # pixels across a particle in the picture that is searched
NOISE = 4.5  # sd of counting noise; the highest of thousands of noise blobs stays below


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

    The automatic threshold divides the scores of all maxima into two classes that differ most
    (Otsu 1979, IEEE Trans. SMC 9:62), and asks in any case for NOISE times what counting noise
    alone answers; that is known from the power near Nyquist's frequency.

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
    spectrum = fourier.transform(array - array.mean(), workers=workers)
    counting = _counting_noise(spectrum, array.shape) / scale
    small = fourier.inverse(
        fourier.resize_spectrum(spectrum, array.shape, shape), shape, workers=workers
    )
    step = np.array([array.shape[1] / shape[1], array.shape[0] / shape[0]])  # x, y
    across = pixels / step.mean()
    answer, around = _response(small if bright else -small, across)
    apart = (0.8 * diameter if distance is None else distance) / pixel_size / step.mean()
    edge = (0.5 * diameter if border is None else border) / pixel_size / step.mean()
    found, heights, unit = _maxima(answer, around, apart, edge)
    # white noise of sd 1 answers with the sd 1/(σ√2π), the root of the integral of (σ²∇²G)²
    noise = counting / (across / (2 * np.sqrt(2)) * np.sqrt(2 * np.pi))
    if threshold is None:
        threshold = _otsu(heights)
        real = heights * unit >= NOISE * noise
        found, heights = found[real], heights[real]
    keep = heights >= threshold
    # pixel centres: small pixel i covers step pixels of the large one, and both begin at zero
    xy = found[keep] * step
    return Picks(xy[:, 0], xy[:, 1], heights[keep], float(threshold))


def _counting_noise(spectrum: NDArray, shape: tuple[int, int]) -> float:
    """Standard deviation per pixel of the white noise, from the power beyond 0.7 Nyquist."""
    high = fourier.frequencies(shape) > 0.35
    part = spectrum[high]
    power = np.mean(part.real**2 + part.imag**2, dtype=np.float64)
    return float(np.sqrt(power / (shape[0] * shape[1])))


def _response(picture: NDArray, across: float) -> tuple[NDArray, NDArray]:
    """Answer to bright blobs of `across` pixels, and its sd in the surroundings: both (y, x)."""
    sigma = across / (2 * np.sqrt(2))
    answer = -(sigma**2) * scipy.ndimage.gaussian_laplace(picture, sigma, mode="reflect")
    limit = 3 * np.median(np.abs(answer - np.median(answer))) * 1.4826
    square = np.clip(answer, -limit, limit) ** 2  # particles and dirt do not raise the scatter
    around = scipy.ndimage.gaussian_filter(square, 2.5 * across, mode="reflect")
    return answer, np.sqrt(np.maximum(around, 1e-12 * max(float(square.max()), 1e-30)))


def _maxima(
    answer: NDArray, around: NDArray, distance: float, border: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Separate maxima, the highest first.

    Returns sub-pixel positions (k, 2) x, y, heights in units of `around`, and these units.
    """
    response = answer / around
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
    return np.stack([x + dx, y + dy], axis=1), here, around[y, x]


def _vertex(before: NDArray, here: NDArray, after: NDArray) -> NDArray:
    """Top of the parabola through three values, −½ … ½ from the middle one."""
    curvature = before - 2 * here + after
    slope = 0.5 * (before - after)
    safe = np.where(curvature < 0, curvature, -1.0)
    return np.clip(np.where(curvature < 0, slope / safe, 0.0), -0.5, 0.5)


def _otsu(heights: NDArray) -> float:
    """The value between two classes of heights whose means differ most; infinite without any."""
    if heights.size == 0:
        return float("inf")
    if heights.size < 8:  # too few for two classes
        return float(heights.min())
    values = np.sort(np.minimum(heights, np.percentile(heights, 98)))
    below = np.arange(1, values.size)
    sums = np.cumsum(values)[:-1]
    low, high = sums / below, (values.sum() - sums) / (values.size - below)
    best = int(np.argmax(below * (values.size - below) * (high - low) ** 2))
    return float(0.5 * (values[best] + values[best + 1]))


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
