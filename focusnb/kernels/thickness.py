"""Thickness of the specimen, from the nodes that it makes in the Thon rings.

The layers of a thick specimen lie at different defocus. Where they scatter independently of each
other, their powers add up, and the mean of CTF² over a thickness t is

    ½ (1 − sinc(λ s² t) · cos 2φ),   sinc(x) = sin(πx) / (πx)

(McMullan, Vinothkumar & Henderson 2015, Ultramicroscopy 158:26; as CTFFIND5 fits it, Elferich et
al. 2024, eLife 13:RP97227). At s = 1/√(λt) the rings vanish, the first node; beyond it light and
dark rings have changed places, up to the second node at s = √(2/(λt)), and so on.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels.lens import Lens, wavelength

THICKNESS_STEP = 50.0  # Å, of the search
DEFOCUS_STEP, DEFOCUS_REACH = 100.0, 1000.0  # Å; a fit without thickness may be so far off
KNOTS = 8  # of the rings' decay
BEYOND = 8  # points that must lie behind the first node
SURE = 5.0  # sd by which nodes must explain more than any decay without them; thin ones reach 1


@dataclass(frozen=True, slots=True)
class Thickness:
    """How thick a specimen is, and how its rings are explained."""

    thickness: float  # Å, along the beam
    thickness_error: float  # Å, one standard error
    defocus: float  # Å, mean, refined together with the thickness
    significance: float  # sd by which the nodes explain more than a decay without nodes
    nodes: tuple[float, ...]  # 1/Å, within the curve
    model: NDArray  # ½ (1 − sinc · cos 2φ) at the curve's frequencies


def mean_power(
    s: ArrayLike, thickness: float, defocus: float, lens: Lens, phase_shift: float = 0.0
) -> NDArray:
    """Mean of CTF² over a thickness (Å) whose middle has the defocus (Å), at s (1/Å).

    phase_shift: degrees.
    """
    s = np.asarray(s)
    fade = np.sinc(wavelength(lens.voltage) * s**2 * thickness)
    return 0.5 * (1 - fade * np.cos(2 * lens.phase(s, defocus, phase_shift)))


def estimate(
    frequencies: ArrayLike,
    profile: ArrayLike,
    *,
    defocus: float,
    voltage: float,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
    thickest: float = 5000.0,
) -> Thickness | None:
    """Thickness from rings averaged along equal phase; None when no node is seen for sure.

    None means that the specimen is thinner than 1/(λ s²) at the curve's end, or that the rings end
    before their first node. An error of the spherical aberration or of the pixel size also turns
    light rings to dark ones, at high frequency: both must be right.

    Parameters
    ----------
    frequencies : (n,) 1/Å, evenly spaced, as `ctf.Fit.frequencies`
    profile : (n,) the rings, background removed, in any unit, as `ctf.Fit.profile`
    defocus : Å, mean, underfocus positive
    voltage : kV
    spherical_aberration : mm
    amplitude_contrast : fraction
    phase_shift : degrees, of a phase plate
    thickest : Å, where the search ends

    Raises
    ------
    BadData
        When the curve is not finite, constant, too short or not evenly spaced.
    """
    s, rings = _checked(frequencies, profile)
    if not (np.isfinite(defocus) and defocus != 0):
        raise BadData(f"the defocus is {defocus} Å; fit it first")
    lam = wavelength(voltage)
    thinnest = 1 / (lam * s[-1 - BEYOND] ** 2)
    if not (np.isfinite(thickest) and thickest > 0):
        raise BadData(f"the largest thickness is {thickest} Å; it must be positive")
    if thickest <= thinnest:
        return None
    curve = _Curve(
        s, rings, Lens(voltage, spherical_aberration, amplitude_contrast), phase_shift, defocus
    )
    steps = np.arange(-DEFOCUS_REACH, DEFOCUS_REACH + 1, DEFOCUS_STEP) + defocus
    thick = np.append(np.arange(thinnest, thickest, THICKNESS_STEP), thickest)
    plain = curve.climb(curve.search(np.zeros(1), steps), (0.0, 0.0))
    found = curve.climb(curve.search(thick, steps), (thinnest, thickest))
    repeats = curve.repeats(found)
    left, free = curve.left(found), s.size - KNOTS - 2
    noise = max(left / free * repeats, 1e-30)
    significance = np.sqrt(max(curve.left(plain) - left, 0.0) / noise)
    if significance < SURE:
        return None
    thickness, refined = found
    orders = np.arange(1, int(lam * s[-1] ** 2 * thickness) + 1)
    return Thickness(
        thickness=thickness,
        thickness_error=curve.error(found, noise),
        defocus=refined,
        significance=float(significance),
        nodes=tuple(float(node) for node in np.sqrt(orders / (lam * thickness))),
        model=mean_power(s, thickness, refined, curve.lens, phase_shift),
    )


def _checked(frequencies: ArrayLike, profile: ArrayLike) -> tuple[NDArray, NDArray]:
    s, rings = np.asarray(frequencies, np.float64), np.asarray(profile, np.float64)
    if s.ndim != 1 or s.shape != rings.shape:
        raise BadData(
            f"frequencies and profile have the shapes {s.shape} and {rings.shape}; "
            "both must be one curve of the same length"
        )
    if s.size < 32:
        raise BadData(f"the profile has {s.size} points; at least 32 are needed")
    if not (np.isfinite(s).all() and np.isfinite(rings).all()):
        raise BadData("the profile has points that are NaN or infinite")
    step = np.diff(s)
    if not (s[0] >= 0 and step.min() > 0 and step.max() < 1.01 * step.min()):
        raise BadData("the frequencies must be positive, rising and evenly spaced, in 1/Å")
    if rings.min() == rings.max():
        raise BadData(f"the profile is constant ({rings[0]:g}): there are no rings")
    return s, rings


Hypothesis = tuple[float, float]  # thickness and mean defocus, Å


class _Curve:
    """The rings of one picture, ready to be compared with hypotheses.

    How fast the rings decay is not known: they are multiplied with whatever is not negative and
    linear between a few knots. So only a change of light and dark rings can tell a thickness.
    """

    def __init__(
        self, s: NDArray, rings: NDArray, lens: Lens, phase_shift: float, defocus: float
    ) -> None:
        self.s, self.lens, self.phase_shift = s, lens, phase_shift
        self.lam = wavelength(lens.voltage)
        self.window = max(5, min(round(np.sqrt(2) * s[0] / (s[1] - s[0])), s.size // 3))
        self.knots = np.linspace(np.sqrt(s[0]), np.sqrt(s[-1]), KNOTS) ** 2  # denser at first
        self.hats = np.array([np.interp(s, self.knots, row) for row in np.eye(KNOTS)])
        flat = self._flat(rings)
        expected = self._flat(self._waves(defocus))
        height = self._mean(flat * expected) / np.maximum(self._mean(expected**2), 1e-30)
        noise = self._mean((flat - height * expected) ** 2)
        self.weight = 1 / np.sqrt(np.maximum(noise, 1e-6 * max(noise.max(), 1e-30)))
        self.rings = flat * self.weight

    def _mean(self, values: NDArray) -> NDArray:
        return scipy.ndimage.uniform_filter1d(values, self.window, mode="nearest")

    def _flat(self, values: NDArray) -> NDArray:
        """Values minus their running mean along the frequency, as the rings have it removed."""
        return values - self._mean(values)

    def _waves(self, defocus: float) -> NDArray:
        return -np.cos(2 * self.lens.phase(self.s, defocus, self.phase_shift))

    def _fitted(self, h: Hypothesis) -> tuple[NDArray, float]:
        """Rings of a hypothesis that fit best, and the sum of squares that they leave."""
        from scipy.optimize import nnls

        wave = self._waves(h[1]) * np.sinc(self.lam * self.s**2 * h[0])
        parts = (self._flat(self.hats * wave) * self.weight).T
        heights, left = nnls(parts, self.rings)
        return parts @ heights, left**2

    def left(self, h: Hypothesis) -> float:
        """Sum of squares that a hypothesis does not explain."""
        return self._fitted(h)[1]

    def search(self, thicknesses: NDArray, defocus: NDArray) -> Hypothesis:
        """The best hypothesis on a grid."""
        grid = [(float(t), float(d)) for t in thicknesses for d in defocus]
        return min(grid, key=self.left)

    def climb(self, start: Hypothesis, limits: tuple[float, float]) -> Hypothesis:
        """The best hypothesis near `start`, its thickness (Å) within the limits."""
        from scipy.optimize import minimize

        def hypothesis(x: NDArray) -> Hypothesis:
            return float(np.clip(x[0], *limits)), float(x[1])

        simplex = np.array(start) + np.array(
            [[0.0, 0.0], [THICKNESS_STEP, 0.0], [0.0, DEFOCUS_STEP]]
        )
        options = {"initial_simplex": simplex, "xatol": 1.0, "fatol": 1e-6, "maxfev": 200}
        found = minimize(
            lambda x: self.left(hypothesis(x)), start, method="Nelder-Mead", options=options
        )
        return hypothesis(found.x)

    def repeats(self, found: Hypothesis) -> float:
        """How many points repeat the noise of one: neighbours are not independent."""
        left = self.rings - self._fitted(found)[0]
        power = max(float(left @ left), 1e-30)
        near = [float(left[k:] @ left[:-k]) / power for k in range(1, 6)]
        return 1 + 2 * sum(max(value, 0.0) for value in near)

    def error(self, found: Hypothesis, noise: float) -> float:
        """Standard error of the thickness, Å, from how fast the fit worsens around it."""
        steps = np.array([25.0, 25.0])
        here, bend = self.left(found), np.zeros((2, 2))
        for i, j in ((0, 0), (0, 1), (1, 1)):
            ways = [
                (steps * np.eye(2)[i] * a + steps * np.eye(2)[j] * b)
                for a in (1, -1)
                for b in (1, -1)
            ]
            at = [self.left((found[0] + w[0], found[1] + w[1])) for w in ways]
            bend[i, j] = bend[j, i] = (at[0] - at[1] - at[2] + at[3]) / 4
            if i == j:
                bend[i, i] = (at[0] + at[3] - 2 * here) / 4
        if not (np.linalg.eigvalsh(bend) > 0).all():
            return float("inf")
        return float(steps[0] * np.sqrt(2 * noise * np.linalg.inv(bend)[0, 0]))
