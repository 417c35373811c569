"""The contrast transfer function: its formula, and its fit to the Thon rings of a picture.

Signs and angles are those of DESIGN §8: the CTF is −sin(χ + asin(amplitude contrast) + phase
shift), so protein is dark at underfocus; defocus is positive for underfocus, in Å; the azimuth
has the direction (cos, sin) = (column, row); defocus_u ≥ defocus_v, defocus_u along
defocus_angle.

The fit follows CTFFIND4 (Rohou & Grigorieff 2015, J. Struct. Biol. 192:216) in what it compares
and in how the resolution is defined; the search is exhaustive, in sectors of the spectrum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels.lens import Lens, chi, defocus_at, transfer, wavelength
from focusnb.kernels.rings import Rings
from focusnb.kernels.spectrum import Spectrum, power_spectrum

__all__ = [
    "Fit",
    "Lens",
    "Spectrum",
    "chi",
    "defocus_at",
    "fit",
    "power_spectrum",
    "transfer",
    "wavelength",
]


SIGNIFICANT = 6.5  # sd of the search's scores; the best of pure noise reaches 6

CLEAR = 0.1  # score that pure noise does not reach (measured: 0.07)


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

    @property
    def astigmatism(self) -> float:
        """Difference of the two defocus values, Å."""
        return self.defocus_u - self.defocus_v


def fit(
    picture: ArrayLike,
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
    workers: int = 1,
) -> Fit:
    """Defocus, astigmatism and (on request) phase shift of a picture from its Thon rings.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    voltage : kV
    spherical_aberration : mm
    amplitude_contrast : fraction
    box : side of the spectrum, pixels
    low, high : resolution limits of the fit, Å; agreement is looked for as far as high / 1.3
    defocus_low, defocus_high : limits of the search, Å
    phase_shift : degrees; a pair asks for a search between both
    workers : threads of the Fourier transforms

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small, or the limits contradict it.
    """
    if not 0 < high < low:
        raise BadData(f"the fit's limits are {low} and {high} Å; the first must be the larger one")
    if not defocus_low < defocus_high:
        raise BadData(f"defocus is searched from {defocus_low} to {defocus_high} Å: nothing")
    made = power_spectrum(
        picture, pixel_size=pixel_size, box=box, low=low, high=high, workers=workers
    )
    rings = Rings(made, Lens(voltage, spherical_aberration, amplitude_contrast), low, high)
    between = phase_shift if isinstance(phase_shift, tuple) else None
    phases = np.arange(between[0], between[1] + 1e-6, 10.0) if between else np.array([phase_shift])
    start, significance = rings.search(defocus_low, defocus_high, phases=phases)
    found = rings.refine(start, (defocus_low, defocus_high), phases=between)
    s, profile, model, quality = rings.curves(found)
    mean, difference, angle = found.mean, found.astigmatism, found.angle
    score = rings.score(found)
    seen = significance > SIGNIFICANT or score > CLEAR
    return Fit(
        defocus_u=mean + difference / 2,
        defocus_v=mean - difference / 2,
        defocus_angle=angle,
        phase_shift=found.phase_shift,
        score=score,
        resolution=_resolution(s, quality) if seen else None,
        spectrum=made,
        frequencies=s,
        profile=profile,
        model=model,
        quality=quality,
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
