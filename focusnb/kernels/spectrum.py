"""The power spectrum of a picture, averaged over tiles, flattened, and seen in polar coordinates."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, fourier


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A whole power spectrum, flattened: about 1 between the rings' ups and downs."""

    values: NDArray  # (box, box) float32, zero frequency at [box // 2, box // 2], row 0 the bottom
    pixel_size: float  # Å, of the sampled picture; s = index / (box · pixel_size)
    tiles: int  # how many tiles were averaged

    @property
    def box(self) -> int:
        """Side, pixels."""
        return self.values.shape[0]

    @property
    def limit(self) -> float:
        """Highest frequency that has all directions, 1/Å."""
        return 0.5 / self.pixel_size


def power_spectrum(
    picture: ArrayLike,
    *,
    pixel_size: float,
    box: int = 512,
    low: float = 30.0,
    high: float = 3.5,
    workers: int = 1,
) -> Spectrum:
    """Average power of overlapping tiles, divided by its smooth radial course.

    When pixels are finer than the fit needs, a tile is larger than the box and its transform is
    cropped: it covers more of the specimen and resolves finer rings. The box is doubled while the
    picture holds three tiles in each direction: rings at high defocus need it.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    box : side of the tiles, pixels
    low, high : resolution limits of the fit, Å
    workers : threads of the Fourier transforms
    """
    array = check.picture(picture, smallest=128)
    check.pixel_size(pixel_size)
    if box < 64 or box % 2:
        raise BadData(f"the spectrum's box is {box} pixels; it must be even and at least 64")
    if low < 4 * pixel_size:
        raise BadData(f"at {pixel_size} Å per pixel there is nothing to fit at {low} Å")
    fine = max(1.0, high / 2.6 / pixel_size)  # Nyquist at 1.3 times the limit of the fit
    while 3 * box * fine <= min(array.shape):
        box *= 2
    side = 2 * scipy.fft.next_fast_len(round(box * fine / 2), True)  # of a tile, recorded pixels
    pixel = pixel_size * side / box
    power, tiles = _average_power(array, side, box, workers)
    flat = power / _course(power, pixel, low)
    half = np.concatenate([flat, _other_half(flat)], axis=1)
    return Spectrum(np.fft.fftshift(half).astype(np.float32), pixel, tiles)


def _average_power(picture: NDArray, side: int, box: int, workers: int) -> tuple[NDArray, int]:
    """Mean power of tiles that overlap by half, tapered, cropped to `box`; and their number.

    A picture smaller than a tile is one tile, padded with its mean.
    """
    rows, columns = (min(side, n) for n in picture.shape)
    taper = np.outer(_taper(rows), _taper(columns)).astype(np.float32)
    total, tiles = np.zeros((box, box // 2 + 1), np.float64), 0
    for y in _starts(picture.shape[0], rows):
        for x in _starts(picture.shape[1], columns):
            tile = picture[y : y + rows, x : x + columns]
            f = scipy.fft.rfft2((tile - tile.mean()) * taper, s=(side, side), workers=workers)
            f = fourier.resize_spectrum(f, (side, side), (box, box))
            total += f.real**2 + f.imag**2
            tiles += 1
    return total / tiles, tiles


def _starts(length: int, side: int) -> NDArray:
    """First pixels of tiles that overlap by about half and reach both ends."""
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return np.linspace(0, length - side, count).astype(int)


def _taper(n: int) -> NDArray:
    """1 with cosine edges over an eighth of the length on either side."""
    edge = np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / (n / 8)
    return np.sin(0.5 * np.pi * np.minimum(edge, 1)) ** 2


def _course(power: NDArray, pixel: float, low: float) -> NDArray:
    """Smooth radial course of the power: a polynomial of its logarithm beyond 1/(1.5·low)."""
    box = power.shape[0]
    s = fourier.frequencies((box, box), pixel)
    ring = fourier.radial_index((box, box))
    mean = fourier.radial_average(power, ring)
    radius = np.arange(mean.size) / (box * pixel)
    used = (radius > 1 / (1.5 * low)) & (radius < 0.5 / pixel) & (mean > 0)
    if used.sum() < 16:
        raise BadData("the picture is too small, or empty: its spectrum has no rings to look at")
    poly = np.polynomial.Chebyshev.fit(np.sqrt(radius[used]), np.log(mean[used]), 6)
    held = np.clip(np.sqrt(s), *np.sqrt(radius[used][[0, -1]]))
    return np.exp(poly(held))


def _other_half(half: NDArray) -> NDArray:
    """The columns that a half spectrum of even side leaves out, from F(−s) = F(s)*."""
    return np.roll(half[::-1, -2:0:-1], 1, axis=0)


def polar(
    spectrum: Spectrum, sectors: int, radii: ArrayLike, azimuths_per_sector: int
) -> tuple[NDArray, NDArray]:
    """Mean of the spectrum in sectors of half a turn.

    Parameters
    ----------
    spectrum : whole spectrum
    sectors : number of directions in half a turn
    radii : frequencies, 1/Å
    azimuths_per_sector : samples across each sector

    Returns
    -------
    values (sectors, radii), and the sectors' middle directions in radians
    """
    steps = sectors * azimuths_per_sector
    azimuth = (np.arange(steps) + 0.5) * np.pi / steps
    s, middle = np.asarray(radii)[None], spectrum.box // 2
    x = middle + np.cos(azimuth)[:, None] * s * spectrum.box * spectrum.pixel_size
    y = middle + np.sin(azimuth)[:, None] * s * spectrum.box * spectrum.pixel_size
    values = scipy.ndimage.map_coordinates(spectrum.values, [y, x], order=1, mode="nearest")
    values = values.reshape(sectors, azimuths_per_sector, -1).mean(1)
    return values, azimuth.reshape(sectors, -1).mean(1)
