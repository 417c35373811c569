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
# Twice the log-likelihood. Where nothing moves 30 coefficients gain some 60, seldom 130: more than
# the 30 of normal errors, as positions of small patches at low dose are not always near the truth.
WORTH = 150.0


@dataclass(frozen=True, slots=True)
class Tracks:
    """The movement as each patch shows it."""

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
    limit = UNEXPLAINED / pixel_size
    local = whole
    for attempt in range(5):
        report(attempt / 5)
        local = fit(local.shifts, local=True, good=good, start=local.coefficients)
        far = _length(local.rest)
        # the worst first: they pull the fit away from patches that follow it
        far = far * (good & (far > np.maximum(limit, 4 * local.rest_error)))
        stray = (far > 0) & (far >= 0.5 * far.max())
        if not stray.any() or (good & ~stray).sum() < max((1 - MOST_LEFT) * patches.many, 4):
            break
        good = good & ~stray
    notes = []
    if left := int((~good).sum()):
        notes.append(f"{left} of {patches.many} patches move unlike the others and were left out")
    if doubt := _doubt(local, patches, good):
        notes.append(f"{doubt}; the whole frames are moved")
        local = fit(whole.shifts, local=False)
    return local, _tracks(patches, local, good, pixel_size), notes


def _doubt(local: Fit, patches: Patches, good: NDArray) -> str:
    """Why the local motion is not to be believed; empty when it is."""
    if local.worth < WORTH:
        return "no local motion can be told from noise"
    explained = float((_length(_of_patches(local, patches))[good] ** 2).mean())
    excess = float((_length(local.rest)[good] ** 2 - local.rest_error[good] ** 2).mean())
    if not local.converged or excess > explained:
        return "the patches do not move as one smooth field"
    return ""


def _of_patches(fit: Fit, patches: Patches) -> NDArray:
    """Local movement of each patch by the model, (patches, n, 2)."""
    z = np.arange(len(fit.shifts))
    return np.swapaxes(model.local_movement(fit.coefficients, z, *patches.centres.T), 0, 1)


def _length(way: NDArray) -> NDArray:
    """RMS over the frames of movements (patches, n, 2)."""
    return np.sqrt((way**2).sum(2).mean(1))


def _tracks(patches: Patches, fit: Fit, good: NDArray, size: float) -> Tracks:
    """The movement of each patch: that of the fit, and what it leaves."""
    way = fit.shifts + fit.rest
    if fit.coefficients is not None:
        way = way + _of_patches(fit, patches)
    return Tracks(patches.centres, (way - way[:, :1]) * size, good)
