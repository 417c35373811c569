"""A picture as balls of protein see it: flattened, filtered, and the maxima of what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels import fourier
from focusnb.kernels.picking import dirt
from focusnb.kernels.picking import small as searching
from focusnb.kernels.picking.picks import Picks, apart, maxima, points
from focusnb.kernels.picking.threshold import expected

if TYPE_CHECKING:
    from focusnb.kernels.picking.exclude import Exclusion

# Balls that are tried, in diameters. The largest extent of a rod is 2.5 times its width, a hollow
# shell is found by its outside; common shapes are most like a ball of 0.6 to 0.8.
BALLS = (0.4, 0.5, 0.62, 0.75, 0.9, 1.05)
COARSEST = (0.5, 1.0, 2.0)  # diameters⁻¹: below, the lens passes little and backgrounds are strong
MANY = 0.2  # power of their number that picks count with: a few specks that stand out are not it
SPACING = 0.8  # diameters between two picks, when nothing else is asked for
CLIP = 6.0  # sd of the picture that is searched: what is beyond is dirt, and rings when filtered
AROUND = 1.5  # diameters: standard deviation of the Gaussian over which the scatter is measured


def candidates(
    score: NDArray,
    small: searching.Small,
    *,
    border: float,
    exclude: Exclusion | None,
    diameter: float,
) -> Picks:
    """The maxima of a score map (y, x) of a small picture, and those of its negative as noise.

    border, diameter: Å.
    """
    edge = border / small.pixel_size
    free = np.ones(score.shape, bool) if exclude is None else exclude.kinds_on(small) == 0
    inner = free[tuple(slice(int(edge), max(n - int(edge), int(edge) + 1)) for n in free.shape)]
    area = max(float(inner.sum()), 1.0) * small.step[0] * small.step[1]

    def peaks(heights: NDArray, noise: Picks | None) -> Picks:
        x, y, at = maxima(heights, border=edge)
        x, y = small.to_picture(x, y)
        here = free[at[:, 0], at[:, 1]]
        score = heights[at[:, 0], at[:, 1]][here]
        return points(x[here], y[here], score, diameter=diameter, area=area, noise=noise)

    return peaks(score, peaks(-score, None))


def flattened(picture: NDArray, across: float, *, free: NDArray | None = None) -> NDArray:
    """The picture (y, x) without its background, even in scatter, without the values of dirt.

    It is divided by the scatter of fine detail around, to which particles add little: so thick ice
    and thin ice, the centre and the edge of the beam are judged alike.

    across : pixels over a particle.  free : (y, x) bool, the places that count; the others become 0.
    """
    if free is None or free.all() or not free.any():
        free = np.ones(picture.shape, bool)
    flat = np.where(free, picture - dirt.around(picture, free, 2 * across), 0).astype(np.float32)
    fine = np.where(free, flat - dirt.around(flat, free, across / 8), 0)
    power = fine**2
    power = np.minimum(power, 20 * np.median(power[free]))
    power = dirt.around(power, free, AROUND * across)
    flat = flat / np.sqrt(np.maximum(power, 1e-3 * np.median(power[free]) + 1e-30))
    limit = CLIP * 1.4826 * float(np.median(np.abs(flat[free])))
    return np.clip(np.where(free, flat, 0), -limit, limit).astype(np.float32)


class Filtered:
    """A flattened picture as balls of any size see it; its transform is made once."""

    def __init__(self, flat: NDArray, across: float, workers: int) -> None:
        self.across, self.workers = across, workers
        self.counts = flat != 0  # what is excluded has no say in how strong the noise is
        if not self.counts.any():
            self.counts[:] = True
        self.margin = min(int(np.ceil(across)), min(flat.shape) - 1)
        wide = np.pad(flat, self.margin, mode="reflect")
        self.shape = wide.shape
        self.spectrum = fourier.transform(wide, workers=workers)

    def __call__(self, size: float, coarsest: float) -> NDArray:
        """Score map (y, x) for balls of `size` diameters: 1 is the sd of noise, roughly."""
        seen = self.spectrum * ball(self.shape, self.across, size=size, coarsest=coarsest)
        inside = slice(self.margin, -self.margin)
        score = fourier.inverse(seen, self.shape, workers=self.workers)[inside, inside]
        return score / max(1.4826 * float(np.median(np.abs(score[self.counts]))), 1e-30)


def ball(shape: tuple[int, int], across: float, *, size: float, coarsest: float) -> NDArray:
    """Filter for balls of protein, on the half spectrum: real, (y, x // 2 + 1).

    The transform of a projected ball of diameter d, 3 (sin a − a cos a) / a³ with a = π d s, times
    1 − exp(−(s/s₀)²): the weak phase contrast of a lens begins with s², and there the background is.

    Parameters
    ----------
    shape : (y, x) of the picture
    across : a particle's diameter, pixels
    size : d in particle's diameters
    coarsest : s₀ in 1 / particle's diameter
    """
    s = fourier.frequencies(shape) * across
    a = np.maximum(np.pi * size * s, 1e-2)
    form = 3 * (np.sin(a) - a * np.cos(a)) / a**3
    form *= -np.expm1(-((s / coarsest) ** 2))
    form[0, 0] = 0
    return form.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Found:
    """What the best of several balls has found."""

    picks: Picks  # all candidates
    size: float  # of the ball, diameters
    coarsest: float  # of its filter, 1 / diameters
    filtered: Filtered


def search(
    flat: NDArray,
    small: searching.Small,
    *,
    diameter: float,
    border: float,
    sizes: Sequence[float] = BALLS,
    exclude: Exclusion | None = None,
    workers: int = 1,
) -> Found:
    """The candidates of that ball with which particles are told best from noise.

    Balls of several sizes are tried, with more or less of what is coarse. Which one is best is said
    by the scores themselves: by the F1 that is expected at the automatic threshold (`expected`).

    Parameters
    ----------
    flat : (y, x) of a small picture, `flattened`, particles bright
    diameter, border : Å
    sizes : of the balls, diameters
    """
    filtered = Filtered(flat, diameter / small.pixel_size, workers)
    far = SPACING * diameter / small.pixel_size * (small.step[0] + small.step[1]) / 2
    best, worth = None, -1.0
    for coarsest in COARSEST:
        for size in sizes:
            picks = candidates(
                filtered(size, coarsest), small, border=border, exclude=exclude,
                diameter=size * diameter,
            )  # fmt: skip
            spaced = apart(picks, far)
            threshold, f1 = expected(spaced)
            count = len(spaced.above(threshold))
            if f1 * count**MANY > worth:
                best, worth = Found(picks, size, coarsest, filtered), f1 * count**MANY
    assert best is not None
    return best
