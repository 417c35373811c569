"""The contrast transfer function: its formula, and its fit to the Thon rings of a picture.

Signs and angles are those of DESIGN §8: the CTF is −sin(χ + asin(amplitude contrast) + phase
shift), so protein is dark at underfocus; defocus is positive for underfocus, in Å; the azimuth
has the direction (cos, sin) = (column, row); defocus_u ≥ defocus_v, defocus_u along
defocus_angle.

The fit follows CTFFIND4 (Rohou & Grigorieff 2015, J. Struct. Biol. 192:216) in what it compares
and in how the resolution is defined; the search is exhaustive, in sectors of the spectrum.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels.lens import Lens, chi, defocus_at, transfer, wavelength
from focusnb.kernels.rings import Errors, Rings
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

SIGNIFICANT = 6.5  # sd of the search's scores; the best of pure noise reaches 6
CLEAR = 0.1  # score that pure noise does not reach (measured: 0.07)
EDGE = 100.0  # Å: nearer to the end of the search range the best may lie outside of it
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
    spectrum: Spectrum  # 2D, background subtracted, for the Thon picture
    frequencies: NDArray  # 1/Å, of the curves below
    profile: NDArray  # rings averaged along equal phase, 0 … 1
    model: NDArray  # CTF² at the mean defocus
    quality: NDArray  # local correlation of both
    errors: Errors  # standard errors
    doubts: tuple[
        str, ...
    ] = ()  # why the values are not to be believed, for people; empty if they are

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
    box : side of the spectrum, pixels
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
    _check(low, high, defocus_low, defocus_high, spherical_aberration, amplitude_contrast)
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
    _check(low, high, defocus_low, defocus_high, spherical_aberration, amplitude_contrast)
    rings = Rings(spectrum, Lens(voltage, spherical_aberration, amplitude_contrast), low, high)
    between = phase_shift if isinstance(phase_shift, tuple) else None
    phases = np.arange(between[0], between[1] + 1e-6, 10.0) if between else np.array([phase_shift])
    limits = (defocus_low, defocus_high)
    start, significance = rings.search(*limits, phases=phases, known=astigmatism)
    found = rings.refine(start, limits, phases=between, known=astigmatism is not None)
    errors = rings.errors(found, phases=between is not None)
    if restraint is not None and astigmatism is None:  # as if that was known of it beforehand
        sure = restraint**2 / (restraint**2 + errors.astigmatism**2)
        found = replace(found, astigmatism=found.astigmatism * sure)
    s, profile, model, quality = rings.curves(found)
    score = rings.score(found)
    seen = significance > SIGNIFICANT or score > CLEAR
    resolution = _resolution(s, quality) if seen else None
    return Fit(
        defocus_u=found.mean + found.astigmatism / 2,
        defocus_v=found.mean - found.astigmatism / 2,
        defocus_angle=found.angle,
        phase_shift=found.phase_shift,
        score=score,
        resolution=resolution,
        spectrum=spectrum,
        frequencies=s,
        profile=profile,
        model=model,
        quality=quality,
        errors=errors,
        doubts=tuple(_doubts(seen, resolution, rings.directions(found), found.mean, limits)),
    )


def _check(
    low: float, high: float, defocus_low: float, defocus_high: float, cs: float, contrast: float
) -> None:
    """Raise BadData when the limits of a fit, or what is told of the lens, cannot be."""
    if not 0 < high < low:
        raise BadData(f"the fit's limits are {low} and {high} Å; the first must be the larger one")
    if not defocus_low < defocus_high:
        raise BadData(f"defocus is searched from {defocus_low} to {defocus_high} Å: nothing")
    if not 0 <= contrast < 1:
        raise BadData(
            f"the amplitude contrast is {contrast}; it is a fraction, 0.07 for most specimens"
        )
    if not 0 <= cs <= 20:
        raise BadData(f"the spherical aberration is {cs} mm; it is 0 to 8 mm")


def _doubts(
    seen: bool,
    resolution: float | None,
    directions: float,
    mean: float,
    limits: tuple[float, float],
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
    if min(mean - limits[0], limits[1] - mean) < EDGE:
        yield (
            f"the defocus lies at the edge of the search, {limits[0]:.0f} to {limits[1]:.0f} Å:"
            " look at defocus_low and defocus_high"
        )


def _resolution(s: NDArray, quality: NDArray) -> float | None:
    """Where rings and fit cease to agree, Å; None when they never agreed.

    The rule of CTFFIND4: the correlation falls below 0.5 after it was above 0.66 for more than
    three points, or below 0.1 after it was above that for more than three points. Without any
    point above 0.5 there is no agreement at all.
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
