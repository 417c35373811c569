"""The Fourier transform of a part of a picture: amplitudes to be looked at, amplitude and phase of one."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels.grey import Part

SMALLEST = 16  # pixels of a side


@dataclass(frozen=True, slots=True)
class LocalSpectrum:
    """The transform of a square, zero frequency at [side // 2, side // 2] of the whole of it.

    half: (side, side // 2 + 1) complex64, columns of frequencies 0 and above. centre: x, y of the
    pixel, from the lower left of the square, that phases refer to.
    """

    half: NDArray[np.complex64]
    side: int
    centre: tuple[int, int]
    part: Part  # of the picture

    def amplitudes(self, part: Part, step: int, *, every: int = 1) -> NDArray[np.float32]:
        """Means of step × step amplitudes, (rows, columns); part: of the whole spectrum, pixels."""
        from focusnb.kernels import grey_loops

        left, bottom, right, top = part
        rows, columns = (-(-(n // step) // every) for n in (top - bottom, right - left))
        out = np.empty((rows, columns), np.float32)
        grey_loops.amplitudes(self.half, self.side, left, bottom, step, every, out)
        return out

    def at(self, x: int, y: int) -> tuple[float, float]:
        """Amplitude, and phase in degrees about the middle of the part, at a pixel of the spectrum."""
        u, v = x - self.side // 2, y - self.side // 2
        value = complex(self.half[v % self.side, u] if u >= 0 else self.half[-v % self.side, -u])
        if u < 0:
            value = value.conjugate()
        turn = (u * self.centre[0] + v * self.centre[1]) / self.side
        value *= complex(np.exp(2j * np.pi * turn))
        return abs(value), float(np.degrees(np.angle(value)))


def local_spectrum(
    picture: NDArray, part: Part | None = None, *, workers: int = 1
) -> LocalSpectrum:
    """Transform a part of a picture, or all of it.

    The part is filled up to a square whose side is quickly transformed, with its mean, which is taken
    off; so are pixels that are not finite.

    Parameters
    ----------
    picture : (y, x)
    part : left, bottom, right, top in whole pixels; cut at the picture's edges
    workers : threads

    Raises
    ------
    BadData
        When less than 16 × 16 pixels or no finite pixel lie in the part.
    """
    height, width = picture.shape
    left, bottom, right, top = part or (0, 0, width, height)
    left, right = max(0, min(left, right)), min(width, max(left, right))
    bottom, top = max(0, min(bottom, top)), min(height, max(bottom, top))
    if min(right - left, top - bottom) < SMALLEST:
        raise BadData(
            f"{max(right - left, 0)} × {max(top - bottom, 0)} pixels are too few for a Fourier"
            f" transform; {SMALLEST} × {SMALLEST} are needed"
        )
    cut = np.asarray(picture[bottom:top, left:right])
    cut = cut.astype(np.float32, copy=False) if cut.dtype.kind != "c" else np.abs(cut)
    mean = float(cut.mean(dtype=np.float64))
    if not np.isfinite(mean):
        good = np.isfinite(cut)
        if not good.any():
            raise BadData("no pixel of this part is finite: it has no Fourier transform")
        mean = float(cut[good].mean(dtype=np.float64))
        cut = np.where(good, cut, np.float32(mean))
    side = 2 * int(scipy.fft.next_fast_len(-(-max(cut.shape) // 2), True))
    square = np.zeros((side, side), np.float32)
    square[: cut.shape[0], : cut.shape[1]] = cut - np.float32(mean)
    half = scipy.fft.rfft2(square, workers=workers)
    centre = (cut.shape[1] // 2, cut.shape[0] // 2)
    return LocalSpectrum(half, side, centre, (left, bottom, right, top))
