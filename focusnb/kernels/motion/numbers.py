"""What a trajectory says about the drift: lengths, early and late part, jitter, deceleration.

Trajectories are (n, 2) x, y in Å; frames that are not used are NaN and are skipped.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _used(shifts: ArrayLike) -> NDArray:
    """Shifts of the used frames only, (m, 2)."""
    xy = np.asarray(shifts, np.float64).reshape(-1, 2)
    return xy[np.isfinite(xy).all(axis=1)]


def _steps(shifts: ArrayLike) -> NDArray:
    """Length of each movement from one used frame to the next, Å."""
    return np.hypot(*np.diff(_used(shifts), axis=0).T)


def path_length(shifts: ArrayLike) -> float:
    """`drift_total`: length of the whole way, Å."""
    return float(_steps(shifts).sum())


def bounding_range(shifts: ArrayLike) -> float:
    """`drift_range`: diagonal of the box around the way, Å."""
    return float(np.hypot(*np.ptp(_used(shifts), axis=0)))


def longest_step(shifts: ArrayLike) -> float:
    """`drift_longest`: longest movement between two frames in a row, Å."""
    return float(_steps(shifts).max(initial=0.0))


def early_late(
    shifts: ArrayLike, *, dose_per_frame: float, prior_dose: float = 0.0, split: float = 4.0
) -> tuple[float, float]:
    """`drift_early` and `drift_late`: the way before and after `split` e/Å², Å.

    As RELION does: the movement into a frame is early when the dose up to the end of that frame,
    prior dose included, is not above the split. Both add up to the total.
    """
    xy = np.asarray(shifts, np.float64).reshape(-1, 2)
    number = np.nonzero(np.isfinite(xy).all(axis=1))[0]
    early = prior_dose + dose_per_frame * (number[1:] + 1) <= split + 1e-6
    steps = _steps(xy)
    return float(steps[early].sum()), float(steps[~early].sum())


def jitter(shifts: ArrayLike) -> float | None:
    """`drift_jitter`: how much the way shakes: 0 on a straight even way, 0.7 for a random walk.

    The sum of the distances of each point from the middle of its neighbours, over the length of the
    way, as the original Focus has it (there times 1000). None for fewer than three frames, or when
    nothing moved.
    """
    xy = _used(shifts)
    total = path_length(xy)
    if len(xy) < 3 or total == 0:
        return None
    return float(np.hypot(*(xy[1:-1] - (xy[:-2] + xy[2:]) / 2).T).sum() / total)


def deceleration(shifts: ArrayLike) -> float | None:
    """`drift_deceleration`: how much shorter each step is than the one before, Å per frame, mean.

    Minus the slope of the straight line through the lengths of the steps, as the original Focus has
    it (there times 10); positive when the drift comes to rest. None for fewer than three frames.
    """
    steps = _steps(shifts)
    if len(steps) < 2:
        return None
    return float(-np.polyfit(np.arange(len(steps)), steps, 1)[0])
