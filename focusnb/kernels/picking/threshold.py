"""The automatic threshold: where as many particles as possible come with as little noise as possible."""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.kernels.picking.picks import Picks

CERTAIN = 1e-4  # chance that noise alone has so many candidates; above it there are no particles
WORTH = 0.4  # expected F1: below, picks would be noise for the greater part
TAKEN = 0.9  # of the disk around a particle, in which noise has no candidate of its own
SURE = 2.0  # sd of the number of false candidates, by which true ones must stand out to take place


def automatic(picks: Picks) -> float:
    """The score at which the expected F1 is highest; infinite when there is nothing but noise.

    How high noise answers is read from the candidates of the other contrast: particles have none
    of their own there. Their heights are taken as normally distributed (median and median deviation:
    bright dirt has no say). So above any threshold the number of false candidates is known, and
    with it that of true ones; the threshold is where 2 · true / (candidates + all true) is highest.
    Noise has no place where particles are, so its number falls with theirs: found by turns.

    picks: candidates that keep their distance (`apart`), with `noise` and `area`.
    """
    return expected(picks)[0]


def expected(picks: Picks) -> tuple[float, float]:
    """The automatic threshold, and the F1 that is expected there (0 when nothing is found)."""
    nothing = float("inf"), 0.0
    noise = np.empty(0) if picks.noise is None else picks.noise.score
    if not len(picks) or not noise.size:
        return nothing
    middle = float(np.median(noise))
    scatter = max(1.4826 * float(np.median(np.abs(noise - middle))), 0.25 * middle, 1e-6)
    heights = picks.score
    above = heights > middle
    number = np.arange(1, heights.size + 1)
    chance = noise.size * scipy.special.ndtr((middle - heights) / scatter)
    disk = np.pi * picks.distance**2 / picks.area if np.isfinite(picks.area) else 0.0
    free = 1.0
    for _ in range(20):
        false = free * chance
        sure = float(np.max(number - false - SURE * np.sqrt(false), where=above, initial=0.0))
        free = 0.5 * (free + max(1 - TAKEN * sure * disk, 0.05))
    true = np.maximum(number - free * chance, 0)
    most = float(np.max(true, where=above, initial=0.0))
    f1 = np.where(above, 2 * true / (number + most), 0)
    best = int(np.argmax(f1))
    if f1[best] < WORTH or _by_chance(heights[: best + 1], noise, middle, scatter) > CERTAIN:
        return nothing
    return float(heights[best]), float(f1[best])


def _by_chance(heights: NDArray, noise: NDArray, middle: float, scatter: float) -> float:
    """How often noise alone has candidates as many and as high as these: the smaller of two answers.

    Poisson's law, with a middle and scatter of the noise as bad as so few heights leave possible,
    knows a few candidates that stand out far. The binomial law, with the noise's heights as they are,
    knows many that stand out little. In both the best threshold counts.
    """
    number = np.arange(1, heights.size + 1)
    doubt = 2 / np.sqrt(noise.size)  # 2 sd; of a median 1.25 and of a scatter 0.8 times 1/√n
    away = middle + 1.25 * doubt * scatter - heights
    false = noise.size * scipy.special.ndtr(away / (scatter * (1 + 0.8 * doubt)))
    few = scipy.special.gammainc(number, np.maximum(false, 1e-12))
    higher = noise.size - np.searchsorted(np.sort(noise), heights)
    many = scipy.special.bdtrc(number - 1, number + higher, 0.5)
    return float(min(few.min(), many.min()))
