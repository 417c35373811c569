"""Local motion: fitted to all patches, without those that stray, and only if it explains them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels.motion import model
from focusnb.kernels.motion.patches import Patches
from focusnb.kernels.motion.refine import Fit

UNEXPLAINED = 0.6  # Å, and four standard errors: a patch that strays farther is left out
MOST_LEFT = 0.4  # of the patches may be left out
FEW = 12  # patches: of fewer none can be told to stray from a field of 6 terms
ATTEMPTS = 6
NO_LOCAL = "no local motion can be told from noise"  # as in most movies: no news to people
MOVE_APART = "the patches do not move as one smooth field"
# Twice the log-likelihood. Where nothing moves 30 coefficients gain some 60, seldom 130: more than
# the 30 of normal errors, as positions of small patches at low dose are not always near the truth.
WORTH = 150.0


@dataclass(frozen=True, slots=True)
class Tracks:
    """The movement as each patch shows it; of those that stray far, only which way they leave."""

    centres: NDArray  # (patches, 2) x, y, −½ to ½ of the field
    movement: NDArray  # (patches, n, 2) x, y in Å, whole-frame movement included
    used: NDArray  # (patches,) whether it took part in the fit


def fit_local(
    patches: Patches,
    whole: Fit,
    *,
    pixel_size: float,
    fit: Callable[..., Fit],
    report: Callable[[float], None],
) -> tuple[Fit, Tracks, list[str]]:
    """The most likely movement with local motion, or without it when it explains too little.

    whole : the fit of the whole frames, where it starts
    fit : fits these patches from shifts on, as `refine.fit` does

    Gives the fit, the patches' tracks, and what people should know.
    """
    good = np.ones(patches.many, bool)
    local = whole
    for attempt in range(ATTEMPTS):
        report(attempt / ATTEMPTS)
        local = fit(local.shifts, local=True, good=good, start=local.coefficients)
        stray = ~good | _stray(local, patches, UNEXPLAINED / pixel_size)
        if (stray == ~good).all() or stray.mean() > MOST_LEFT:
            break
        good = ~stray
    notes = []
    if left := int((~good).sum()):
        notes.append(f"{left} of {patches.many} patches move unlike the others and were left out")
    if doubt := _doubt(local, patches, ~stray):
        notes.append(f"{doubt}; the whole frames are moved")
        local = fit(whole.shifts, local=False)
    return local, _tracks(patches, local, good, pixel_size), notes


def _stray(local: Fit, patches: Patches, limit: float) -> NDArray:
    """Which patches move unlike the others.

    A strong one pulls the fit, so that others seem to stray from it. Therefore what each patch shows
    by itself is compared with the smooth field that most of them follow, the one with the least sum of
    distances (found by weighting each with its inverse, again and again). All, when most do not follow.
    """
    if patches.many < FEW:
        return np.zeros(patches.many, bool)
    way = _of_patches(local, patches) + local.rest
    flat = way.reshape(patches.many, -1)
    space = model.space_terms(*patches.centres.T).T
    weight = np.ones(patches.many)
    for _ in range(30):
        root = np.sqrt(weight)[:, None]
        field = space @ np.linalg.lstsq(space * root, flat * root, rcond=None)[0]
        far = _length(way - field.reshape(way.shape))
        usual = np.median(far)
        weight = 1 / np.maximum(far, 0.3 * usual + 1e-9)
    allowed = np.maximum(limit, 4 * local.rest_error)
    if usual > np.median(allowed):
        return np.ones(patches.many, bool)
    stray: NDArray = far > np.maximum(allowed, 3 * usual)
    return stray


def _doubt(local: Fit, patches: Patches, good: NDArray) -> str:
    """Why the local motion is not to be believed; empty when it is."""
    if (~good).mean() > MOST_LEFT:
        return MOVE_APART
    if local.worth < WORTH:
        return NO_LOCAL
    explained = float((_length(_of_patches(local, patches))[good] ** 2).mean())
    excess = float((_length(local.rest)[good] ** 2 - local.rest_error[good] ** 2).mean())
    if not local.converged or excess > explained:
        return MOVE_APART
    return ""


def _of_patches(fit: Fit, patches: Patches) -> NDArray:
    """Local movement of each patch by the model, (patches, n, 2)."""
    way = model.local_movement(fit.coefficients, fit.z, *patches.centres.T)
    return np.swapaxes(way, 0, 1)


def _length(way: NDArray) -> NDArray:
    """RMS over the frames of movements (patches, n, 2)."""
    return np.sqrt((way**2).sum(2).mean(1))


def _tracks(patches: Patches, fit: Fit, good: NDArray, size: float) -> Tracks:
    """The movement of each patch: that of the fit, and what it leaves."""
    way = fit.shifts + fit.rest
    if fit.coefficients is not None:
        way = way + _of_patches(fit, patches)
    return Tracks(patches.centres, (way - way[:, :1]) * size, good)
