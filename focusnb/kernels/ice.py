"""Ice in a picture's power spectrum: five measures, each with its own name.

`iciness` is that of the paper of Focus (Biyani et al. 2017, J. Struct. Biol. 198:124): good below
1, bad above 1.5. `iciness_amplitude` is what the original program computed later. Both divide by
another part of the spectrum, so the camera's noise and the dose take part: counting noise alone
gives 1, a camera whose noise falls towards fine detail gives less. `ice_ring` and `ice_ring_fine`
compare a band with its neighbours, so the camera's response cancels. `fibril_band` looks for the
4.8 Å between the strands of amyloid fibrils.

Hexagonal ice has spots at 3.90, 3.67, 3.44 and 2.25 Å (the neighbours of the fine band leave out
2.07 and 2.67 Å, where it has others); vitreous water broad rings at 3.7 and 2.15 Å.

All are of the whole picture, untapered, mean removed, without dose weighting. Pictures may be
arrays of NumPy, PyTorch or another module of the array standard; the numbers are Python's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import arrays, check, fourier
from focusnb.kernels.arrays import Array

Band = tuple[float, float]  # Å, from the finer to the coarser

ICE: Band = (3.5, 3.9)  # the ice band of the paper
ICE_AMPLITUDE: Band = (3.5, 4.0)  # that of the original program
SPECIMEN: Band = (6.0, 30.0)
BESIDE: tuple[Band, Band] = ((3.2, 3.4), (4.2, 4.6))  # both sides of the ice band
ICE_FINE: Band = (2.22, 2.32)
BESIDE_FINE: tuple[Band, Band] = ((2.15, 2.2), (2.34, 2.4))
FIBRIL: Band = (4.65, 4.95)
BESIDE_FIBRIL: Band = (5.0, 8.0)


@dataclass(frozen=True, slots=True)
class Ice:
    """The measures; None where pixels are too coarse, or the picture too small, for the bands."""

    iciness: float | None
    iciness_amplitude: float | None
    ice_ring: float | None
    ice_ring_fine: float | None
    fibril_band: float | None


def measure(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> Ice:
    """All measures from one Fourier transform.

    Parameters
    ----------
    picture : (y, x) average without dose weighting
    pixel_size : Å
    workers : threads of the Fourier transform

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small, or the pixel size is not positive.
    """
    array = check.picture(picture, smallest=64)
    nyquist = 2 * check.pixel_size(pixel_size)
    power = _Power(array, pixel_size, workers)

    def seen(*bands: Band) -> bool:
        return nyquist <= min(band[0] for band in bands) and all(map(power.points, bands))

    def ring(band: Band, beside: tuple[Band, Band]) -> float | None:
        if not seen(band, *beside):
            return None
        return _ratio(2 * power.mean(band), sum(power.mean(one) for one in beside))

    iciness = amplitude = fibril = None
    if seen(ICE, SPECIMEN):
        iciness = _ratio(power.mean(ICE), power.mean(SPECIMEN))
        amplitude = _ratio(
            power.mean(ICE_AMPLITUDE, amplitude=True), power.mean(SPECIMEN, amplitude=True)
        )
    if seen(FIBRIL, BESIDE_FIBRIL):
        fibril = _ratio(power.mean(FIBRIL), power.mean(BESIDE_FIBRIL))
    return Ice(iciness, amplitude, ring(ICE, BESIDE), ring(ICE_FINE, BESIDE_FINE), fibril)


def iciness(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 3.5 and 3.9 Å over that between 6 and 30 Å; None without such pixels."""
    return measure(picture, pixel_size=pixel_size, workers=workers).iciness


def iciness_amplitude(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean amplitude between 3.5 and 4.0 Å over that between 6 and 30 Å."""
    return measure(picture, pixel_size=pixel_size, workers=workers).iciness_amplitude


def ice_ring(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 3.5 and 3.9 Å over the mean of 3.2-3.4 and 4.2-4.6 Å: 1 without ice."""
    return measure(picture, pixel_size=pixel_size, workers=workers).ice_ring


def ice_ring_fine(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 2.22 and 2.32 Å over the mean of 2.15-2.20 and 2.34-2.40 Å."""
    return measure(picture, pixel_size=pixel_size, workers=workers).ice_ring_fine


def fibril_band(picture: ArrayLike, *, pixel_size: float, workers: int = 1) -> float | None:
    """Mean power between 4.65 and 4.95 Å over that between 5 and 8 Å."""
    return measure(picture, pixel_size=pixel_size, workers=workers).fibril_band


def _ratio(above: float, below: float) -> float | None:
    """A quotient; None when there is nothing to compare with."""
    return above / below if below > 0 else None


class _Power:
    """The power spectrum of a picture, and its means over bands of resolution."""

    def __init__(self, picture: Array, pixel_size: float, workers: int) -> None:
        self.power = fourier.power(picture, workers=workers)
        self.sy, self.sx = fourier.frequency_grid(picture.shape, pixel_size)
        self.times = fourier.multiplicity(picture.shape)

    def points(self, band: Band) -> float:
        """How many points of the whole spectrum lie within a band."""
        return sum(float(times.sum()) for _, _, times in self._parts(band))

    def mean(self, band: Band, *, amplitude: bool = False) -> float:
        """Mean of |F|², or of |F|, over the points of the whole spectrum within a band."""
        xp = arrays.module(self.power)
        total = count = 0.0
        for rows, columns, times in self._parts(band):
            part = self.power[rows, columns]
            part = xp.sqrt(part) if amplitude else part
            total += float(xp.sum(part * arrays.like(times, part), dtype=xp.float64))
            count += float(times.sum())
        return total / count

    def _parts(self, band: Band) -> Iterator[tuple[slice, slice, NDArray]]:
        """Rows, columns, and how often each point there counts: 0 outside of the band.

        One part for sy ≥ 0 and one for sy < 0, no larger than the band needs.
        """
        fine, coarse = 1 / band[0], 1 / band[1]
        height = len(self.sy)
        reached = int((np.abs(self.sy[: (height + 1) // 2]) <= fine).sum())
        columns = slice(0, int((self.sx <= fine).sum()))
        for rows in (slice(0, reached), slice(max(reached, height - reached), height)):
            s = np.hypot(self.sy[rows], self.sx[:, columns])
            times = np.where((s >= coarse) & (s <= fine), self.times[:, columns], 0)
            yield rows, columns, times
