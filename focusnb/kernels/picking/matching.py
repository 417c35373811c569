"""A picture made ready to be matched with templates, and the candidates that matching gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import fourier
from focusnb.kernels.picking import correlation, dirt
from focusnb.kernels.picking import small as searching
from focusnb.kernels.picking.balls import CLIP, SPACING
from focusnb.kernels.picking.exclude import Exclusion
from focusnb.kernels.picking.picks import Picks, apart, maxima, points
from focusnb.kernels.picking.threshold import automatic

MASK = 1.5  # diameters: what is compared reaches beyond the particle, into what it stands out from
EDGE = 0.3  # of the mask's radius, over which it falls off
LEVEL = 0.7  # diameters: standard deviation of the Gaussian that is the background
MARGIN = 8  # pixels around the mask, over which filters may spread what a template shows
IMPRINT = 0.75  # diameters around a particle, in which its negative answers, too
ENOUGH = 50  # noise candidates, to know their heights by


@dataclass(frozen=True, slots=True)
class Searched:
    """A picture that is searched for templates."""

    small: searching.Small
    flat: NDArray  # (y, x) without background, particles bright
    steps: tuple[float, float]  # Å per pixel of it, x and y
    diameter: float  # of the particles, Å
    power: NDArray | None  # its mean power at frequency index / longer side, if it is whitened
    ground: correlation.Ground

    @property
    def side(self) -> int:
        """Pixels of a template that filters have still to be applied to."""
        return len(self.ground.mask) + 2 * MARGIN

    def fitted(self, pictures: NDArray) -> NDArray:
        """Templates (n, side, side) whitened like the picture, cut to the mask, standardised."""
        if self.power is not None:
            shape = pictures.shape[-2:]
            weight = _whitening(self.power, shape, max(self.flat.shape))
            pictures = fourier.inverse(fourier.transform(pictures) * weight, shape)
        inner = slice(MARGIN, -MARGIN)
        return correlation.standardised(pictures[:, inner, inner], self.ground.mask)


def searched(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    across: float,
    bright: bool,
    whiten: bool,
    exclude: Exclusion | None,
    workers: int,
) -> Searched:
    """The picture shrunk to `across` pixels over a particle, flattened and transformed."""
    small = searching.shrink(
        picture, pixel_size=pixel_size, diameter=diameter, across=across, workers=workers
    )
    free = np.ones(small.values.shape, bool) if exclude is None else exclude.free(small)
    flat = _flat(small.values if bright else -small.values, diameter / small.pixel_size, free)
    steps = (pixel_size * small.step[0], pixel_size * small.step[1])
    radius = 0.5 * MASK * diameter
    side = 2 * int(np.ceil(radius * (1 + EDGE / 2) / min(steps)) + 1)
    mask = correlation.round_mask(side, (radius / steps[1], radius / steps[0]), EDGE)
    power = weight = None
    if whiten:
        power = _radial_power(flat)
        weight = _whitening(power, correlation.padded_shape(flat.shape, side), max(flat.shape))
    return Searched(
        small, flat, steps, diameter, power, correlation.ground(flat, mask, weight=weight)
    )


def candidates(
    searched: Searched,
    fit: correlation.Fit,
    angles: NDArray,
    *,
    border: float | None,
    exclude: Exclusion | None,
) -> Picks:
    """The maxima of a fit, and those of the negatives' as noise.

    angles : degrees; picture k of the fit is template k // angles + 1, turned by angles[k % angles]
    border : Å; half a diameter when not given
    """
    small = searched.small
    edge = (0.5 * searched.diameter if border is None else border) / small.pixel_size
    height, width = (max(n - 2 * edge, 1.0) for n in fit.score.shape)
    area = height * width * small.step[0] * small.step[1]
    if exclude is not None:
        area *= max(1 - exclude.fraction, 0.01)

    def peaks(score: NDArray, noise: Picks | None) -> Picks:
        x, y, at = maxima(score, border=edge)
        x, y = small.to_picture(x, y)
        free = np.ones(len(x), bool) if exclude is None else ~exclude.covers(x, y)
        row, column = at[free].T
        index = fit.which[row, column]
        return points(
            x[free], y[free], score[row, column], diameter=searched.diameter, area=area,
            noise=noise, classes=index // len(angles) + 1, angle=angles[index % len(angles)],
        )  # fmt: skip

    found = peaks(fit.score, peaks(fit.opposite, None))
    return without_imprints(found, searched.diameter / searched.steps[0] * small.step[0])


def without_imprints(picks: Picks, diameter: float) -> Picks:
    """The picks with noise candidates from where no particles are.

    Around a particle its negative fits as well, by its rim; such candidates are higher than those
    of noise, and would raise the threshold. What is left counts for the free area alone, so the
    area is not known any more.  diameter: pixels of the picture.
    """
    noise = picks.noise
    spaced = apart(picks, SPACING * diameter)
    sure = spaced.above(automatic(spaced))
    if noise is None or not len(sure):
        return picks
    tree = scipy.spatial.cKDTree(np.column_stack([sure.x, sure.y]))
    away, _ = tree.query(np.column_stack([noise.x, noise.y]))
    far = away >= IMPRINT * diameter
    if far.sum() < ENOUGH:
        return picks
    return replace(picks, noise=replace(noise[far], area=np.nan), area=np.nan)


def _flat(picture: NDArray, across: float, free: NDArray) -> NDArray:
    """The picture minus its background, what is excluded 0, and without the values of dirt."""
    if not free.any():
        free = np.ones(picture.shape, bool)
    flat = np.where(free, picture - dirt.around(picture, free, LEVEL * across), 0)
    limit = CLIP * 1.4826 * float(np.median(np.abs(flat[free])))
    return np.clip(flat, -limit, limit).astype(np.float32)


def _radial_power(picture: NDArray) -> NDArray:
    """Mean power at frequency index / longer side, smoothed, up to Nyquist's."""
    power, ring = fourier.power(picture), fourier.radial_index(picture.shape)
    profile = fourier.radial_average(power, ring, weights=fourier.multiplicity(picture.shape))
    profile = profile[: max(picture.shape) // 2 + 1]
    profile = scipy.ndimage.gaussian_filter1d(profile, 2.0, mode="nearest")
    return np.maximum(profile, max(1e-4 * profile.max(), 1e-20))


def _whitening(power: NDArray, shape: tuple[int, int], longer: int) -> NDArray:
    """One over the root of the power, on the half spectrum of another shape (y, x)."""
    s = fourier.frequencies(shape) * longer
    return (1 / np.sqrt(np.interp(s, np.arange(len(power)), power))).astype(np.float32)
