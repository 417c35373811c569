"""Radiation damage: how much of each frequency survives a dose, and how frames are weighted by it.

After Grant & Grigorieff (2015) eLife 4:e06980: at 300 kV the critical dose falls with the frequency
k (1/Å) as Ne(k) = 0.24499·k^−1.6649 + 2.8141 e/Å²; a frame that was exposed to N e/Å² at its end is
multiplied by exp(−N / 2Ne), and the sum is divided by the root of the sum of the squared weights,
so that noise stays as high as in one frame at every frequency.
"""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData

# Critical dose relative to 300 kV: 0.8 at 200 kV from the paper, 0.64 at 100 kV as RELION has it.
VOLTAGES = (100.0, 200.0, 300.0)
FACTORS = (0.64, 0.8, 1.0)


def voltage_factor(voltage: float) -> float:
    """Critical dose at this voltage (kV) relative to that at 300 kV.

    Known at 100, 200 and 300 kV. Between (and outside) it is interpolated along the logarithms of
    voltage and factor, with a warning.
    """
    if not voltage > 0:
        raise BadData(f"the voltage is {voltage} kV; it must be positive")
    if float(voltage) in VOLTAGES:
        return FACTORS[VOLTAGES.index(float(voltage))]
    warnings.warn(
        f"the critical dose was measured at 200 and 300 kV; at {voltage:g} kV it is interpolated",
        stacklevel=3,
    )
    x, y = np.log(VOLTAGES), np.log(FACTORS)
    lower = 0 if voltage < VOLTAGES[1] else 1
    slope = (y[lower + 1] - y[lower]) / (x[lower + 1] - x[lower])
    return float(np.exp(y[lower] + slope * (np.log(voltage) - x[lower])))


def critical_dose(s: ArrayLike, *, voltage: float) -> NDArray:
    """Dose (e/Å²) after which the amplitude at the frequency s (1/Å) has fallen to 1/√e.

    Infinite at s = 0. Formula 3 of Grant & Grigorieff (2015).
    """
    s = np.asarray(s, np.float64)
    with np.errstate(divide="ignore"):
        return (0.24499 * s**-1.6649 + 2.8141) * voltage_factor(voltage)


def decay(s: ArrayLike, *, voltage: float) -> NDArray:
    """How fast the amplitude at the frequency s (1/Å) falls with the dose: 1 / 2Ne in Å²/e, float32.

    exp(−N·decay) is the weight after N e/Å²; for many frames this is computed once.
    """
    return (0.5 / critical_dose(s, voltage=voltage)).astype(np.float32)


def weight(s: ArrayLike, *, dose: float, voltage: float) -> NDArray:
    """Weight exp(−N / 2Ne) of a frame at the frequency s (1/Å), float32.

    Parameters
    ----------
    s : frequencies of any shape, 1/Å
    dose : dose up to the end of the frame, exposures before the movie included, e/Å²
    voltage : kV
    """
    if dose < 0:
        raise BadData(f"the dose is {dose} e/Å²; it cannot be negative")
    return np.exp(-dose * decay(s, voltage=voltage))


def frame_doses(frames: int, *, dose_per_frame: float, prior_dose: float = 0.0) -> NDArray:
    """Dose at the end of each frame, e/Å²: (frames,). `prior_dose` is that before the first."""
    if min(dose_per_frame, prior_dose) < 0:
        raise BadData(
            f"{dose_per_frame} e/Å² per frame after {prior_dose} e/Å²: doses cannot be negative"
        )
    return prior_dose + dose_per_frame * np.arange(1, frames + 1, dtype=np.float64)
