"""The contrast transfer function: its formula, and its fit to the Thon rings of a picture.

Signs and angles are those of DESIGN §8: the CTF is −sin(χ + asin(amplitude contrast) + phase
shift), so protein is dark at underfocus; defocus is positive for underfocus, in Å; the azimuth
has the direction (cos, sin) = (column, row); defocus_u ≥ defocus_v, defocus_u along
defocus_angle.

The fit follows CTFFIND4 (Rohou & Grigorieff 2015, J. Struct. Biol. 192:216) in what it compares
and in how the resolution is defined; the search is exhaustive, in sectors of the spectrum.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import equiphase
from focusnb.kernels.lens import Lens, chi, defocus_at, transfer, wavelength
from focusnb.kernels.rings import Defocus, Errors, Rings
from focusnb.kernels.spectrum import Spectrum, power_spectrum

__all__ = [
    "Errors",
    "Fit",
    "Lens",
    "Spectrum",
    "chi",
    "defocus_at",
    "fit",
    "fit_spectrum",
    "power_spectrum",
    "transfer",
    "wavelength",
]

SEEN = 6.5  # sd of noise; the best of a search in pure noise stays below (see the tests)
EDGE = 100.0  # Å, or a tenth of the search: nearer to its end the best may lie outside of it
FARTHEST = 1e6  # Å
DIRECTIONS = 0.5  # of all, in which rings are to be seen


@dataclass(frozen=True, slots=True)
class Fit:
    """What the Thon rings say."""

    defocus_u: float  # Å, underfocus positive, the larger one
    defocus_v: float  # Å
    defocus_angle: float  # degrees, direction of defocus_u, in (−90°, 90°]
    phase_shift: float  # degrees, of a phase plate
    score: float  # correlation of rings and fit between the limits, 1 is perfect
    resolution: float | None  # Å, up to where rings and fit agree; None when they nowhere do
    spectrum: Spectrum  # 2D, divided by its smooth course, for the Thon picture
    frequencies: NDArray  # 1/Å, of the curves below
    profile: NDArray  # rings averaged along equal phase, 0 … 1
    model: NDArray  # CTF² at the mean defocus
    quality: NDArray  # local correlation of both
    errors: Errors  # standard errors
    doubts: tuple[str, ...] = ()  # sentences: why the values are not to be believed

    @property
    def astigmatism(self) -> float:
        """Difference of the two defocus values, Å."""
        return self.defocus_u - self.defocus_v

    @property
    def defocus(self) -> float:
        """Mean of the two defocus values, Å."""
        return (self.defocus_u + self.defocus_v) / 2


def fit(
    picture: ArrayLike | Iterable[ArrayLike],
    *,
    pixel_size: float,
    voltage: float,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    box: int = 512,
    low: float = 30.0,
    high: float = 3.5,
    defocus_low: float = 2000.0,
    defocus_high: float = 100000.0,
    phase_shift: float | tuple[float, float] = 0.0,
    astigmatism: tuple[float, float] | None = None,
    restraint: float | None = None,
    workers: int = 1,
) -> Fit:
    """Defocus, astigmatism and (on request) phase shift of a picture from its Thon rings.

    Parameters
    ----------
    picture : (y, x), or several of one size, whose spectra are averaged: sums of groups of aligned
        frames. Of NumPy or another array module.
    pixel_size : Å
    voltage : kV
    spherical_aberration : mm
    amplitude_contrast : fraction
    box : side of the spectrum, pixels; large pictures get a larger one
    low, high : resolution limits of the fit, Å; agreement is looked for as far as high / 1.3
    defocus_low, defocus_high : limits of the search, Å
    phase_shift : degrees; a pair asks for a search between both
    astigmatism : defocus_u − defocus_v in Å and the angle of defocus_u in degrees, when they are
        known: then they are not fitted
    restraint : Å, how much astigmatism is usual; what the rings do not tell for sure is drawn to zero
    workers : threads

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small, or the limits contradict it.
    """
    made = power_spectrum(
        picture, pixel_size=pixel_size, box=box, low=low, high=high, workers=workers
    )
    return fit_spectrum(
        made,
        voltage=voltage,
        spherical_aberration=spherical_aberration,
        amplitude_contrast=amplitude_contrast,
        low=low,
        high=high,
        defocus_low=defocus_low,
        defocus_high=defocus_high,
        phase_shift=phase_shift,
        astigmatism=astigmatism,
        restraint=restraint,
    )


def fit_spectrum(
    spectrum: Spectrum,
    *,
    voltage: float,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    low: float = 30.0,
    high: float = 3.5,
    defocus_low: float = 2000.0,
    defocus_high: float = 100000.0,
    phase_shift: float | tuple[float, float] = 0.0,
    astigmatism: tuple[float, float] | None = None,
    restraint: float | None = None,
) -> Fit:
    """As `fit`, of a spectrum that is there already, such as that of a tilted specimen."""
    limits = (defocus_low, defocus_high)
    between = None if np.isscalar(phase_shift) else tuple(float(one) for one in phase_shift)
    _check(voltage, spherical_aberration, amplitude_contrast, low, high)
    _check_search(limits, between, astigmatism, restraint)
    if between and between[0] == between[1]:
        phase_shift, between = between[0], None
    rings = Rings(spectrum, Lens(voltage, spherical_aberration, amplitude_contrast), low, high)
    phases = np.arange(between[0], between[1] + 1e-6, 10.0) if between else np.array([phase_shift])
    known = astigmatism is not None
    start = rings.search(*limits, phases=phases, known=astigmatism, restraint=restraint)
    found = rings.refine(start, limits, phases=between, known=known, restraint=restraint)
    lines = equiphase.curves(rings, found)
    seen = rings.strength(found) > SEEN
    resolution = _resolution(lines.frequencies, lines.quality) if seen else None
    doubts = _doubts(seen, resolution, rings.directions(found), found, limits, between)
    return Fit(
        defocus_u=found.mean + found.astigmatism / 2,
        defocus_v=found.mean - found.astigmatism / 2,
        defocus_angle=found.angle,
        phase_shift=found.phase_shift,
        score=rings.score(found),
        resolution=resolution,
        spectrum=spectrum,
        frequencies=lines.frequencies,
        profile=lines.profile,
        model=lines.model,
        quality=lines.quality,
        errors=rings.errors(found, phases=between is not None, known=known),
        doubts=tuple(doubts),
    )


def _check(voltage: float, cs: float, contrast: float, low: float, high: float) -> None:
    """Raise BadData when what is told of the lens, or the limits of the fit, cannot be."""
    if not 0 < high < low < np.inf:
        raise BadData(f"the fit's limits are {low} and {high} Å; the first must be the larger one")
    if not 0 <= contrast < 1:
        raise BadData(
            f"the amplitude contrast is {contrast}; it is a fraction, 0.07 for most specimens"
        )
    if not 0 <= cs <= 20:
        raise BadData(f"the spherical aberration is {cs} mm; it is 0 to 20 mm")
    if not 10 <= voltage <= 10000:
        raise BadData(f"the voltage is {voltage} kV; microscopes have 40 to 1000 kV")


def _check_search(
    limits: tuple[float, float],
    phases: tuple[float, ...] | None,
    astigmatism: tuple[float, float] | None,
    restraint: float | None,
) -> None:
    """Raise BadData when the limits of the search cannot be."""
    if not 0 <= limits[0] < limits[1] <= FARTHEST:
        raise BadData(
            f"defocus is searched from {limits[0]} to {limits[1]} Å: nothing; underfocus is positive,"
            f" and {FARTHEST:.0f} Å is the largest"
        )
    if phases is not None and not (len(phases) == 2 and -360 <= phases[0] <= phases[1] <= 360):
        raise BadData(f"the phase shift is searched from {' to '.join(map(str, phases))}°: nothing")
    if astigmatism is not None and not (
        np.isfinite(astigmatism).all() and 0 <= astigmatism[0] < FARTHEST
    ):
        raise BadData(
            f"the known astigmatism is {astigmatism[0]} Å at {astigmatism[1]}°; it is 0 or more"
        )
    if restraint is not None and not 0 < restraint < np.inf:
        raise BadData(f"the usual astigmatism is {restraint} Å; it is above 0")


def _doubts(
    seen: bool,
    resolution: float | None,
    directions: float,
    found: Defocus,
    limits: tuple[float, float],
    phases: tuple[float, ...] | None,
) -> Iterator[str]:
    """Why a fit is not to be believed."""
    if not seen:
        yield "the rings cannot be told from noise"
    elif resolution is None:
        yield "rings and fit agree nowhere"
    elif directions < DIRECTIONS:
        yield (
            f"rings are seen in {directions:.0%} of all directions only: the picture is blurred"
            " in the others, as by drift"
        )
    near = min(EDGE, (limits[1] - limits[0]) / 10)
    if min(found.mean - limits[0], limits[1] - found.mean) < near:
        yield (
            f"the defocus lies at the edge of the search, {limits[0]:.0f} to {limits[1]:.0f} Å:"
            " look at defocus_low and defocus_high"
        )
    if (
        phases
        and phases[1] - phases[0] < 180
        and min(found.phase_shift - phases[0], phases[1] - found.phase_shift) < 1
    ):
        yield (
            f"the phase shift lies at the edge of the search, {phases[0]:.0f} to {phases[1]:.0f}°:"
            " look at phase_shift_low and phase_shift_high"
        )


def _resolution(s: NDArray, quality: NDArray) -> float | None:
    """Where rings and fit cease to agree, Å; None when they never agreed.

    The rule of CTFFIND4, for curves that are not scaled between extrema as its are: the
    correlation falls below 0.5 after it was above 0.66 for more than three points, or below 0.1
    after it was above that for more than three points. Without any point above 0.5 there is no
    agreement at all.
    """
    above_low = above_high = 0
    last = len(s) - 1
    for i, value in enumerate(quality):
        if (above_low > 3 and value < 0.1) or (above_high > 3 and value < 0.5):
            last = i
            break
        above_low += value > 0.1
        above_high += value > 0.66
    if not (quality[: last + 1] > 0.5).any():
        return None
    return float(1 / s[last])
