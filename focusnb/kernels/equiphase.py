"""Rings averaged along equal phase, and how well a fit follows them from frequency to frequency.

With astigmatism a ring is an ellipse; each sector is therefore read at the frequency where its phase
is that of the mean defocus (Rohou & Grigorieff 2015, equiphase averaging).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels.lens import wavelength
from focusnb.kernels.rings import Defocus, Rings

WIDE, LEAST = 1.5, 12  # rings, and points, over which fit and data are correlated


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves of the same length."""

    frequencies: NDArray  # 1/Å
    profile: NDArray  # the rings, 0 … 1
    model: NDArray  # CTF² at the mean defocus
    quality: NDArray  # local correlation of both, in a window of 1.5 rings, at least 12 points


def curves(rings: Rings, found: Defocus) -> Curves:
    """What the rings show along one line, and how a fit meets it."""
    total, count = np.zeros((2, rings.s.size))
    for values, defocus in zip(rings.values, rings.in_sectors(found), strict=True):
        place = same_phase(rings.s, found.mean, defocus, rings)
        there = np.isfinite(place) & (place >= rings.s[0]) & (place <= rings.s[-1])
        total += np.where(there, np.interp(place, rings.s, values), 0.0)
        count += there
    seen = count > 0
    profile = np.interp(rings.s, rings.s[seen], total[seen] / count[seen])
    model = np.sin(rings.lens.phase(rings.s, found.mean, found.phase_shift)) ** 2
    flat, expected = rings.flat(profile), rings.flat(model)
    density = rings.lens.rings_per_frequency(rings.s, found.mean) * rings.spacing
    half = np.rint(WIDE / 2 / np.maximum(density, 1e-9))
    half = np.clip(half, LEAST // 2, len(rings.s)).astype(int)
    quality = np.array([_correlation(flat, expected, i, h) for i, h in enumerate(half)])
    low, high = np.percentile(flat, [1, 99])
    profile = np.clip((flat - low) / max(high - low, 1e-30), 0, 1)
    return Curves(rings.s, profile, model, quality)


def same_phase(s: NDArray, mean: float, defocus: float, rings: Rings) -> NDArray:
    """Frequencies at which the phase with `defocus` is that with `mean` at s; NaN where there is none.

    The phase v·Δz − ½λ²Cs·v², v = s², grows up to v = Δz / λ²Cs and falls beyond: on either side its
    own solution is taken.
    """
    bend = 0.5 * wavelength(rings.lens.voltage) ** 2 * rings.lens.spherical_aberration * 1e7
    u = s**2
    target = u * mean - bend * u**2
    square = defocus**2 - 4 * bend * target
    root = np.sqrt(np.where(square >= 0, square, np.nan))
    below = u * 2 * bend <= mean
    with np.errstate(divide="ignore", invalid="ignore"):
        v = np.where(below, 2 * target / (defocus + root), (defocus + root) / max(2 * bend, 1e-30))
        return np.sqrt(np.where(v >= 0, v, np.nan))


def _correlation(a: NDArray, b: NDArray, i: int, half: int) -> float:
    """Correlation of both curves within `half` points of point i."""
    part = slice(max(0, i - half), i + half + 1)
    x, y = a[part] - a[part].mean(), b[part] - b[part].mean()
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else 0.0
