"""Ice in a picture's power spectrum: three measures, each with its own name.

`iciness` is that of the paper of Focus (Biyani et al. 2017, J. Struct. Biol. 198:124): good below
1, bad above 1.5. `iciness_amplitude` is what the original program computed later.
`ice_ring` compares the band with its neighbours, so the camera's response cancels.
Hexagonal ice has spots at 3.90, 3.67, 3.44 and 2.25 Å; vitreous water a broad ring at 3.7 Å.

All are of the whole picture, untapered, mean removed, without dose weighting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import check, fourier

ICE = (3.5, 3.9)  # Å, the ice band of the paper
ICE_AMPLITUDE = (3.5, 4.0)  # Å, that of the original program
SPECIMEN = (6.0, 30.0)  # Å
BESIDE = ((3.2, 3.4), (4.2, 4.6))  # Å, both sides of the ice band


@dataclass(frozen=True, slots=True)
class Ice:
    """The three measures; None where the pixels are too coarse to see the band."""

    iciness: float | None
    iciness_amplitude: float | None
    ice_ring: float | None


def measure(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> Ice:
    """All three measures from one Fourier transform.

    Parameters
    ----------
    picture : (y, x) average without dose weighting
    pixel_size : Å
    workers : threads of the Fourier transform

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small.
    """
    array = check.picture(picture, smallest=64)
    nyquist = 2 * check.pixel_size(pixel_size)
    if nyquist > ICE[0]:
        return Ice(None, None, None)
    power = fourier.power(array, workers=workers)
    count = np.broadcast_to(fourier.multiplicity(array.shape), power.shape)
    s = fourier.frequencies(array.shape, pixel_size)

    def mean(band: tuple[float, float], values: NDArray) -> float:
        inside = (s >= 1 / band[1]) & (s <= 1 / band[0])
        return float(np.average(values[inside], weights=count[inside]))

    ring = None
    if nyquist <= BESIDE[0][0]:
        ring = 2 * mean(ICE, power) / (mean(BESIDE[0], power) + mean(BESIDE[1], power))
    iciness = mean(ICE, power) / mean(SPECIMEN, power)
    amplitude = np.sqrt(power, out=power)
    ratio = mean(ICE_AMPLITUDE, amplitude) / mean(SPECIMEN, amplitude)
    return Ice(iciness, ratio, ring)


def iciness(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 3.5 and 3.9 Å over that between 6 and 30 Å; None without such pixels."""
    return measure(picture, pixel_size=pixel_size, workers=workers).iciness


def iciness_amplitude(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean amplitude between 3.5 and 4.0 Å over that between 6 and 30 Å."""
    return measure(picture, pixel_size=pixel_size, workers=workers).iciness_amplitude


def ice_ring(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 3.5 and 3.9 Å over the mean of 3.2-3.4 and 4.2-4.6 Å: 1 without ice."""
    return measure(picture, pixel_size=pixel_size, workers=workers).ice_ring
