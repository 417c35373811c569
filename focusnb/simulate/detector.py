"""A counting camera: its gain reference, its defects, and how electrons become counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels import fourier

MOST_COUNTS = 255  # frames are uint8
LARGE = 20  # electrons per pixel, from where numpy's own Poisson numbers are as fast
STRIP = 32  # rows


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera; recorded counts × gain are electrons.

    gain: (y, x).  defects: x, y, width, height of what defects.txt lists, 0-based from the lower
    left.  dead, hot: (k, 2) x, y; the last `unlisted` of the hot pixels are in no list.
    """

    gain: NDArray[np.float32]
    defects: tuple[tuple[int, int, int, int], ...]
    dead: NDArray[np.intp]
    hot: NDArray[np.intp]
    column: int
    unlisted: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.gain.shape[0], self.gain.shape[1]

    def record(
        self, electrons: NDArray[np.floating], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """One frame: counts drawn from the expected electrons per pixel, (y, x)."""
        counts = poisson(electrons / self.gain, rng)
        counts[self.dead[:, 1], self.dead[:, 0]] = 0
        hot = rng.integers(25, 60, len(self.hot), dtype=np.uint8)
        counts[self.hot[:, 1], self.hot[:, 0]] = hot
        counts[:, self.column] = rng.integers(0, 12, len(counts), dtype=np.uint8)
        return counts


def camera(size: int = 1024, *, seed: int = 0) -> Camera:
    """A made camera of size × size pixels: pixel noise, stripes, a gradient, a few defects."""
    rng = np.random.default_rng([seed, 0x6761696E])
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    sensitivity = 1 + 0.04 * rng.standard_normal((size, size))
    sensitivity += 0.015 * rng.standard_normal(size)  # columns are read out together
    sensitivity += 0.03 * x - 0.05 * (x**2 + y**2)
    sensitivity = np.clip(sensitivity, 0.5, 1.5)
    gain = (sensitivity.mean() / sensitivity).astype(np.float32)

    cells = rng.choice(size * size, 9, replace=False)
    bad = np.column_stack([cells % size, cells // size])
    dead, hot, unlisted = bad[:4], bad[4:], 2
    column = int(rng.integers(size // 8, size - size // 8))
    listed = np.concatenate([dead, hot[: len(hot) - unlisted]])
    defects = ((column, 0, 1, size), *((int(px), int(py), 1, 1) for px, py in listed))
    return Camera(gain, defects, dead, hot, column, unlisted)


def spread(shape: tuple[int, int], sharpness: float) -> NDArray[np.float32]:
    """Root of the MTF of a camera that has `sharpness` at Nyquist, on the half spectrum's grid.

    The signal has it before and after counting, the noise after it only: so MTF and DQE have
    about the same course, as they have for cameras that do not localise single electrons.
    """
    s = 2 * fourier.frequencies(shape)
    return np.exp(0.5 * np.log(sharpness) * s**1.3).astype(np.float32)


def poisson(expected: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Poisson counts of expected values, (y, x) -> uint8, cut at 255.

    Small values, as a frame has, by inverting the distribution for a whole strip of rows at once:
    three times as fast as numpy's pixel after pixel. u has 24 bits, enough for 1e-7.
    """
    if expected.max(initial=0) > LARGE:
        return np.minimum(rng.poisson(expected), MOST_COUNTS).astype(np.uint8)
    expected = np.maximum(expected, 0).astype(np.float32, copy=False)
    counts = np.zeros(expected.shape, np.uint8)
    for top in range(0, len(expected), STRIP):
        mean, count = expected[top : top + STRIP], counts[top : top + STRIP]
        u = rng.random(mean.shape, np.float32)
        term = np.exp(-mean)
        below = term.copy()
        for k in range(1, MOST_COUNTS):
            more = u > below
            if not more.any():
                break
            count += more
            term *= mean
            term *= np.float32(1 / k)
            below += term
            if k > LARGE and term.max() < 1e-9:
                break
    return counts
