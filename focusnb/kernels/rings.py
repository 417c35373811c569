"""Thon rings: find the defocus that explains them, and say how far the explanation holds.

The power of a picture is S·CTF² + N, and CTF² = ½ − ½ cos 2φ, so the rings are −cos 2φ on a smooth
background. The flattened spectrum is cut into sectors of half a turn; in each sector the course
along the frequency, minus its running mean, is compared with −cos 2φ treated in the same way. For
one sector that is a table over defocus; astigmatism only chooses another defocus in each sector,
so every combination is a sum over the table, and the whole range can be searched.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels.lens import Lens, defocus_at
from focusnb.kernels.spectrum import Spectrum, polar, taper

SECTORS = 60  # 3° each: the defocus changes by at most a twentieth of the astigmatism across one
STEP = 50.0  # Å, of the search over defocus
# Astigmatism (Å) and angle (degrees) that the search tries.
TRIED = [(0.0, 0.0)] + [(250.0 * n, angle) for n in range(1, 21) for angle in range(-80, 91, 10)]
# The taper smears: neighbours in a spectrum are not independent, which makes errors larger than
# their scatter tells (measured on simulated pictures).
SMEARED = 1.25
SPOT = 4.0  # sd along a circle
ICE = 4.2  # Å, the coarsest detail that ice can be; its first spots are at 3.90 Å
BAND = 0.15  # 1/Å, three times as wide as the bands of ice
LOUD = 1.7  # times the usual level; rings of low defocus reach 1.4
FINENESS = np.linspace(0, 0.47, 48)  # rings per spectrum point; finer ones are not seen by the box


@dataclass(frozen=True, slots=True)
class Defocus:
    """A hypothesis about the defocus."""

    mean: float  # Å, underfocus positive
    astigmatism: float = 0.0  # Å, larger minus smaller defocus, not negative
    angle: float = 0.0  # degrees, direction of the larger one, in (−90°, 90°]
    phase_shift: float = 0.0  # degrees


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of a fit, near the right hypothesis: what a wrong one would be, they cannot tell."""

    defocus: float  # Å, of the mean
    astigmatism: float | None  # Å; None when it was known
    angle: float | None  # degrees
    phase_shift: float | None  # degrees; None when it was not fitted


class Rings:
    """The sectors of one spectrum, ready to be compared with hypotheses."""

    def __init__(self, spectrum: Spectrum, lens: Lens, low: float, high: float) -> None:
        self.lens = lens
        spacing = 1 / (spectrum.box * spectrum.pixel_size)
        first, last = int(np.ceil(1 / low / spacing)), int(spectrum.limit / spacing) - 1
        self.s = np.arange(first, last + 1) * spacing
        self.spacing = spacing
        self.window = max(5, round(np.sqrt(2) / low / spacing))  # as wide as CTFFIND4's box
        arc = int(np.ceil(np.pi * last / SECTORS))
        # a picture smaller than a tile has fewer points of its own, and smears more
        self.visible = visibility(FINENESS / np.sqrt(spectrum.filled))
        self.values, self.azimuth = polar(spectrum, SECTORS, self.s, arc)
        self.fitted = int(np.searchsorted(self.s, 1 / high, side="right"))
        if self.fitted < 16:
            raise BadData(f"between {low} and {high} Å the spectrum has {self.fitted} points only")
        without_spots = np.minimum(self.values, self._highest())
        rings = self.flat(without_spots[:, : self.fitted]) * self._trust(without_spots)
        self.rings = np.clip(rings, *np.percentile(rings, [0.1, 99.9]))
        # what a sector has of points of its own, at each frequency
        own = np.pi * self.s[: self.fitted] / spacing / SECTORS
        self.own = np.minimum(own, 1.0) * spectrum.filled
        # independent points grow with the radius
        self.weight = self.s[: self.fitted] * np.exp(-20 * self.s[: self.fitted] ** 2)

    def flat(self, values: NDArray) -> NDArray:
        """Values minus their running mean along the frequency (the last axis)."""
        return values - scipy.ndimage.uniform_filter1d(values, self.window, mode="nearest")

    def _highest(self) -> NDArray:
        """Values above which a point is a spot, not a ring, at each frequency: (points,).

        Along a circle the values scatter with noise and astigmatism; spots of ice lie far outside.
        """
        quarter, middle, three = np.percentile(self.values, [25, 50, 75], axis=0)
        return middle + SPOT * np.maximum((three - quarter) / 1.349, 1e-6 * middle)

    def _trust(self, values: NDArray) -> NDArray:
        """Factor 0 … 1 for each frequency: small in bands where much more varies than around them.

        Hexagonal ice at 3.90, 3.67 and 3.44 Å looks like Thon rings of 6000 Å defocus. Coarser
        than ICE nothing is touched: there the rings themselves vary most.
        """
        height = np.sqrt((self.flat(values) ** 2).mean(0))
        level = scipy.ndimage.uniform_filter1d(height, 3, mode="nearest")
        wide = 2 * round(BAND / self.spacing / 2) + 1
        usual = scipy.ndimage.median_filter(level, wide, mode="reflect")
        excess = level / np.maximum(LOUD * usual, 1e-30)
        trust = np.where(self.s > 1 / ICE, 1 / np.maximum(excess, 1) ** 2, 1.0)
        return trust[: self.fitted]

    def _expected(self, defocus: NDArray, phase_shift: float) -> NDArray:
        """Rings of each defocus: (k, points), weaker where they are fine, zero where too fine."""
        s = self.s[: self.fitted]
        rings = -np.cos(2 * self.lens.phase(s, defocus[:, None], phase_shift))
        fine = self.spacing * self._density(s, defocus)  # rings per point
        return self.flat(rings * np.interp(fine, FINENESS, self.visible, right=0.0))

    def _density(self, s: NDArray, defocus: NDArray) -> NDArray:
        return self.lens.rings_per_frequency(s, defocus[:, None])

    def _noise(self) -> float:
        """Variance that pure noise of the rings' power gives to product / √norm."""
        power = (self.rings**2).mean(0) / self.own
        return float((power * self.weight**2).sum() / self.weight.sum()) * SMEARED**2

    def strength(self, found: Defocus) -> float:
        """How far the rings stand above what noise of the same power gives, sd."""
        expected = self._expected(self.in_sectors(found), found.phase_shift)
        s = self.s[: self.fitted]
        noise = ((self.rings * expected) ** 2).sum(0) @ (s**2 / self.own)
        return float((self.rings * expected).sum(0) @ s / np.sqrt(max(noise, 1e-30)) / SMEARED)

    def search(
        self,
        low: float,
        high: float,
        *,
        phases: NDArray,
        known: tuple[float, float] | None = None,
        restraint: float | None = None,
    ) -> Defocus:
        """Best hypothesis on a grid.

        known: astigmatism and its angle, Å and degrees, when they need not be searched. restraint:
        Å, the astigmatism that is usual.
        """
        tried = [known] if known else TRIED
        reach = int(np.ceil(max(a for a, _ in tried) / 2 / STEP))
        means = np.arange(low, high + STEP, STEP)
        table = np.maximum(low + STEP * np.arange(-reach, len(means) + reach), 0.0)
        best, most = Defocus(low), -np.inf
        noise = self._noise()
        for phase in phases:
            expected = self._expected(table, phase)
            products = (self.rings * self.weight) @ expected.T
            norms = (expected**2 * self.weight).sum(1)
            for astigmatism, angle in tried:
                offsets = defocus_at(self.azimuth, astigmatism, -astigmatism, angle) / 2
                score = _scores(products, norms, np.rint(offsets / STEP).astype(int), reach)
                i = int(np.argmax(score))
                worth = _worth(float(score[i]), noise, astigmatism, restraint)
                if worth > most:
                    most = worth
                    best = Defocus(float(means[i]), astigmatism, _half_turn(angle), float(phase))
        return best

    def refine(
        self,
        start: Defocus,
        limits: tuple[float, float],
        *,
        phases: tuple[float, float] | None = None,
        known: bool = False,
        restraint: float | None = None,
    ) -> Defocus:
        """The best hypothesis near `start`, twice: with all rings alike, then weighted by how well
        they are seen at each frequency.

        limits: of the mean defocus, Å.  phases: of the phase shift, degrees; None leaves it as it is.
        known: the astigmatism stays as it is. restraint: Å, the astigmatism that is usual.
        """
        found = self._climb(start, limits, phases, known, restraint)
        height = _height(*self._products(found), 2 * self.window)
        if (height > 0).any():
            self.weight = self.s[: self.fitted] * height / height.max()
            found = self._climb(found, limits, phases, known, restraint)
        return found

    def _products(self, hypothesis: Defocus) -> tuple[NDArray, NDArray]:
        """Sums over sectors of rings × expected and expected², at each frequency."""
        expected = self._expected(self.in_sectors(hypothesis), hypothesis.phase_shift)
        return (self.rings * expected).sum(0), (expected**2).sum(0)

    def in_sectors(self, h: Defocus) -> NDArray:
        """Defocus in the middle of each sector, Å."""
        half = h.astigmatism / 2
        return defocus_at(self.azimuth, h.mean + half, h.mean - half, h.angle)

    def errors(self, found: Defocus, *, phases: bool, known: bool) -> Errors:
        """Standard errors of a hypothesis, from how its rings change with it and what they leave.

        The noise at each frequency is what the fit leaves there. Sectors are counted as independent
        only as far as the spectrum has points of its own in them.
        """
        steps = {"mean": 20.0} | ({} if known else {"along": 20.0, "across": 20.0})
        steps |= {"phase": 2.0} if phases else {}

        def rings(change: dict[str, float]) -> NDArray:
            return self._expected(*self._changed(found, change))

        expected = rings({})
        height = _height(*self._products(found), self.window)
        smooth = scipy.ndimage.uniform_filter1d
        left = smooth(((self.rings - height * expected) ** 2).mean(0), self.window)
        slopes = [
            height * (rings({name: step}) - rings({name: -step})) / (2 * step)
            for name, step in steps.items()
        ]
        weight = self.own / np.maximum(left, 1e-30)
        information = np.array([[(a * b * weight).sum() for a in slopes] for b in slopes])
        size = np.sqrt(np.maximum(np.diag(information), 1e-30))
        covariance = np.linalg.pinv(information / size / size[:, None]) / size / size[:, None]
        sd = np.sqrt(np.maximum(np.diag(covariance), 0)) * SMEARED
        told = dict(zip(steps, (float(one) for one in sd), strict=True))
        angle = None
        if not known:
            angle = np.rad2deg(told["across"] / max(found.astigmatism, told["across"])) / 2
        return Errors(told["mean"], told.get("along"), angle, told.get("phase"))

    def _changed(self, h: Defocus, change: dict[str, float]) -> tuple[NDArray, float]:
        """Defocus in each sector, and phase shift, of a hypothesis that is changed a little."""
        turned = 2 * (self.azimuth - np.deg2rad(h.angle))
        defocus = self.in_sectors(h) + change.get("mean", 0.0)
        defocus = defocus + change.get("along", 0.0) / 2 * np.cos(turned)
        defocus = defocus + change.get("across", 0.0) / 2 * np.sin(turned)
        return defocus, h.phase_shift + change.get("phase", 0.0)

    def directions(self, found: Defocus) -> float:
        """Part of the directions, 0 … 1, in which the rings are seen."""
        expected = self._expected(self.in_sectors(found), found.phase_shift)
        product = (self.rings * expected * self.weight).sum(1)
        norm = (expected**2 * self.weight).sum(1)
        height = scipy.ndimage.uniform_filter1d(product, 5, mode="wrap") / np.maximum(
            scipy.ndimage.uniform_filter1d(norm, 5, mode="wrap"), 1e-30
        )
        return float((height > 0.4 * np.percentile(height, 90)).mean())

    def _climb(
        self,
        start: Defocus,
        limits: tuple[float, float],
        phases: tuple[float, float] | None,
        known: bool,
        restraint: float | None,
    ) -> Defocus:
        from scipy.optimize import minimize

        turned = 2 * np.deg2rad(start.angle)
        along, across = start.astigmatism * np.cos(turned), start.astigmatism * np.sin(turned)
        x = [start.mean] + ([start.phase_shift * 10] if phases else [])
        x += [] if known else [along, across]

        def hypothesis(x: NDArray) -> Defocus:
            u, v = (along, across) if known else x[-2:]
            angle = np.rad2deg(np.arctan2(v, u)) / 2
            mean = float(np.clip(x[0], *limits))
            phase = _between(x[1] / 10, *phases) if phases else start.phase_shift
            return Defocus(mean, float(np.hypot(u, v)), _half_turn(angle), phase)

        noise = self._noise()

        def cost(x: NDArray) -> float:
            tried = hypothesis(x)
            product, norm = self._products(tried)
            score = float(product @ self.weight / np.sqrt(max(norm @ self.weight, 1e-30)))
            return -_worth(score, noise, tried.astigmatism, restraint)

        simplex = np.array(
            [x] + [np.add(x, 60.0 * (np.arange(len(x)) == k)) for k in range(len(x))]
        )
        options = {"initial_simplex": simplex, "xatol": 0.5, "fatol": 1e-4, "maxfev": 250}
        return hypothesis(minimize(cost, x, method="Nelder-Mead", options=options).x)

    def score(self, hypothesis: Defocus) -> float:
        """Correlation of rings and hypothesis over all points of the spectrum between the limits."""
        product, norm = self._products(hypothesis)
        s = self.s[: self.fitted]
        power = (self.rings**2).sum(0)
        return float(product @ s / np.sqrt((norm @ s) * (power @ s)))


def visibility(fineness: NDArray) -> NDArray:
    """How much is left of rings, `fineness` of them for each point of the spectrum.

    Tapering a tile smears its spectrum: a ring's ups and downs are multiplied with the taper's
    correlation with itself, shifted by so much of the tile. Reading between points takes more.
    """
    window = taper(256)
    product = np.correlate(window, window, "full")[255:] / (window @ window)
    return np.interp(fineness * 256, np.arange(256), product) * np.sinc(fineness) ** 2


def _scores(products: NDArray, norms: NDArray, offsets: NDArray, reach: int) -> NDArray:
    """Score of every mean defocus when sector k looks `offsets[k]` steps farther in the table."""
    count = norms.size - 2 * reach
    total, norm = np.zeros(count), np.zeros(count)
    for row, offset in zip(products, offsets, strict=True):
        start = reach + offset
        total += row[start : start + count]
        norm += norms[start : start + count]
    return total / np.sqrt(np.maximum(norm, 1e-6 * norm.max()))


def _height(product: NDArray, norm: NDArray, width: int) -> NDArray:
    """Height of the rings at each frequency, by their neighbours; 0 where none are to be seen.

    Where rings are too fine the norm is zero but for rounding, and the ratio would be anything.
    """
    smooth = scipy.ndimage.uniform_filter1d
    seen = smooth(norm, width)
    enough = seen > 1e-6 * seen.max()
    height: NDArray = np.where(enough, smooth(product, width) / np.where(enough, seen, 1.0), 0.0)
    return np.maximum(height, 0.0)


def _worth(score: float, noise: float, astigmatism: float, restraint: float | None) -> float:
    """Logarithm of the likelihood of a score, and of its astigmatism when that is usually small."""
    usual = 0.0 if restraint is None else (astigmatism / restraint) ** 2
    return (score * abs(score) / noise - usual) / 2


def _between(phase: float, low: float, high: float) -> float:
    """A phase shift within limits; half a turn makes no difference, so half a turn has no ends."""
    if high - low >= 180:
        return float(low + (phase - low) % 180)
    return float(np.clip(phase, low, high))


def _half_turn(angle: float) -> float:
    """The same axis as an angle in (−90°, 90°]."""
    return float(90 - (90 - angle) % 180)
