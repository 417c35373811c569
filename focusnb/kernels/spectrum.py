"""The power spectrum of a picture, averaged over tiles, flattened, and seen in polar coordinates."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays, check, fourier
from focusnb.kernels.ahead import ahead
from focusnb.kernels.arrays import Array


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A whole power spectrum, flattened: about 1 between the rings' ups and downs."""

    values: NDArray  # (box, box) float32, zero frequency at [box // 2, box // 2], row 0 the bottom
    pixel_size: float  # Å, of the sampled picture; s = index / (box · pixel_size)
    tiles: int  # how many tiles were averaged
    filled: float = 1.0  # part of a tile that the picture fills; less where it is smaller

    @property
    def box(self) -> int:
        """Side, pixels."""
        return self.values.shape[0]

    @property
    def limit(self) -> float:
        """Highest frequency that has all directions, 1/Å."""
        return 0.5 / self.pixel_size


def power_spectrum(
    picture: ArrayLike | Iterable[ArrayLike],
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
    picture : (y, x), or several of one size, whose power is averaged: sums of groups of aligned
        frames. Of NumPy or another array module; transforms are made there.
    pixel_size : Å
    box : side of the spectrum, pixels; at least so many
    low, high : resolution limits of the fit, Å
    workers : threads

    Raises
    ------
    BadData
        When a picture is not finite, constant or too small, none is given or their sizes differ, or
        the limits or the box contradict the pixels.
    """
    check.pixel_size(pixel_size)
    check_box(box)
    if low < 4 * pixel_size:
        raise BadData(f"at {pixel_size} Å per pixel there is nothing to fit at {low} Å")
    fine = shrunk(pixel_size, high)
    shape: tuple[int, ...] = ()
    total, tiles = np.zeros(0), 0
    for number, one in enumerate(_pictures(picture)):
        array = check.picture(
            one, smallest=128, what="the picture" if number == 0 else f"picture {number + 1}"
        )
        if not shape:
            shape = tuple(array.shape)
            while 3 * box * fine <= min(shape):
                box *= 2
            side = tile_side(box, fine)
            total = np.zeros((box, box // 2 + 1))
        elif tuple(array.shape) != shape:
            raise BadData(
                f"picture {number + 1} has the shape {tuple(array.shape)}, the first {shape}"
            )
        work = partial(_power, side=side, box=box)
        for power in ahead(work, _tiles(array, side), workers):
            total += power
            tiles += 1
    if not shape:
        raise BadData("there is no picture to make a spectrum of")
    pixel = pixel_size * side / box
    mean = total / tiles
    flat = mean / course(mean, pixel, low)
    half = np.concatenate([flat, other_half(flat)], axis=1)
    filled = min(side, shape[0]) * min(side, shape[1]) / side**2
    return Spectrum(np.fft.fftshift(half).astype(np.float32), pixel, tiles, filled)


def check_box(box: int) -> None:
    """Raise BadData when a spectrum cannot have this side, pixels."""
    if box < 64 or box % 2:
        raise BadData(f"the spectrum's box is {box} pixels; it must be even and at least 64")


def shrunk(pixel_size: float, high: float) -> float:
    """How many times larger pixels may be: Nyquist is then at 1.3 times the limit of the fit, Å."""
    return max(1.0, high / 2.6 / pixel_size)


def tile_side(box: int, fine: float) -> int:
    """Side of a tile, pixels as given, whose spectrum is cropped to `box`: quickly transformed."""
    return 2 * int(scipy.fft.next_fast_len(round(box * fine / 2), True))


def _pictures(given: ArrayLike | Iterable[ArrayLike]) -> Iterable[ArrayLike]:
    """One picture (y, x), or several, as several."""
    if isinstance(given, Iterator):
        return given
    if hasattr(given, "ndim"):
        return [given] if given.ndim == 2 else given
    many = list(given)  # type: ignore[arg-type]
    return [np.asarray(many)] if many and np.ndim(many[0]) == 1 else many


def _tiles(picture: Array, side: int) -> Iterator[Array]:
    """Tiles that overlap by half; a picture smaller than a tile is one."""
    rows, columns = (min(side, n) for n in picture.shape)
    for y in starts(picture.shape[0], rows):
        for x in starts(picture.shape[1], columns):
            yield picture[y : y + rows, x : x + columns]


def _power(tile: Array, side: int, box: int) -> NDArray:
    """Power of a tile, tapered, padded with its mean to `side`, and cropped to `box`."""
    xp = arrays.module(tile)
    rows, columns = tile.shape
    window = arrays.like(np.outer(taper(rows), taper(columns)), tile)
    tile = (tile - xp.mean(tile)) * window
    if rows < side:
        tile = xp.concat([tile, arrays.like(np.zeros((side - rows, columns)), tile)], axis=0)
    if columns < side:
        tile = xp.concat([tile, arrays.like(np.zeros((side, side - columns)), tile)], axis=1)
    f = fourier.resize_spectrum(arrays.rfft2(tile), (side, side), (box, box))
    f = arrays.to_numpy(f)
    return f.real**2 + f.imag**2


def starts(length: int, side: int) -> list[int]:
    """First pixels of tiles that overlap by about half and reach both ends."""
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [int(n) for n in np.linspace(0, length - side, count)]


@cache
def taper(n: int) -> NDArray:
    """1 with cosine edges over an eighth of the length on either side."""
    edge = np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / (n / 8)
    window: NDArray = np.sin(0.5 * np.pi * np.minimum(edge, 1)) ** 2
    window.flags.writeable = False  # it is kept
    return window


def course(power: NDArray, pixel: float, low: float) -> NDArray:
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


def other_half(half: NDArray) -> NDArray:
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
