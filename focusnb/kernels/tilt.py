"""Sample tilt from one picture: the plane of defocus that explains the Thon rings of its tiles.

The specimen is a plane: at (x, y) Å from the picture's centre the defocus is

    defocus(x, y) = defocus + tan(tilt_angle) · (y cos a − x sin a),   a = tilt_axis

so the tilt axis has the direction (cos a, sin a) = (column, row), in (−90°, 90°], and a positive
tilt_angle means that underfocus grows towards the side of (−sin a, cos a), the axis turned by 90°
from column to row. With the axis along the columns' direction (a = 0) that is towards higher rows.

As CTFFIND5 does (Elferich et al. 2024, eLife 13:RP97227), the power of small tiles is compared
with the rings that each would have, astigmatism being that of the whole picture, and the tiles'
spectra are stretched to a common defocus before they are summed. `tiles` compares and searches.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays, check, fourier
from focusnb.kernels.ahead import ahead
from focusnb.kernels.lens import Lens, defocus_at, wavelength
from focusnb.kernels.spectrum import (
    Spectrum,
    check_box,
    course,
    other_half,
    shrunk,
    starts,
    taper,
    tile_side,
)
from focusnb.kernels.tiles import Tiles, side_of

PAD = 2  # the stretched spectra are read from so many times as many points
SEEN = 6.0  # sd of noise; the best of the search in pure noise reaches 5
CHANCE = 25.0  # by which the square of a score must surpass another's to be more than luck
FLAT = 1.5  # degrees, RMS that CTFFIND5 measured on untilted crystals: films are not that even
SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Tilt:
    """A tilted plane of defocus. Without visible rings: no tilt, with infinite errors."""

    tilt_angle: float  # degrees, in (−90, 90); positive: see the module's first lines
    tilt_axis: float  # degrees, direction (cos, sin) = (column, row), in (−90°, 90°]
    defocus: float  # Å, underfocus positive, at the centre of the picture
    tilt_angle_error: float  # degrees, one standard error
    tilt_axis_error: float  # degrees, one standard error, 90 at most
    defocus_error: float  # Å, one standard error
    score: float  # of the rings in all tiles on this plane, in sd of noise
    score_untilted: float  # the same for the best plane without tilt
    significant: bool  # whether the tilt can be told from none, and from an uneven film
    astigmatism: float  # Å, as given
    defocus_angle: float  # degrees, as given

    @property
    def gain(self) -> float:
        """How much the tilt explains: the difference of both scores, in sd of noise."""
        return self.score - self.score_untilted

    @property
    def slope(self) -> tuple[float, float]:
        """Change of the defocus along x (columns) and y (rows), Å per Å."""
        a, steep = np.deg2rad(self.tilt_axis), np.tan(np.deg2rad(self.tilt_angle))
        return float(-steep * np.sin(a)), float(steep * np.cos(a))

    def plane(self, x: ArrayLike, y: ArrayLike) -> NDArray:
        """Mean defocus (Å) at x, y in Å from the picture's centre, ((columns − 1) / 2, …)."""
        along_x, along_y = self.slope
        return self.defocus + along_x * np.asarray(x) + along_y * np.asarray(y)


def estimate(
    picture: ArrayLike,
    *,
    pixel_size: float,
    voltage: float,
    defocus_u: float,
    defocus_v: float | None = None,
    defocus_angle: float = 0.0,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
    low: float = 30.0,
    high: float = 3.5,
    workers: int = 1,
) -> Tilt:
    """Tilt axis and tilt angle of the specimen, from the defocus of the picture's parts.

    The defocus of the whole picture must be known (`ctf.fit`); its mean is refined, its
    astigmatism is kept.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    voltage : kV
    defocus_u, defocus_v : Å, underfocus positive, of the whole picture
    defocus_angle : degrees, direction of defocus_u
    spherical_aberration : mm
    amplitude_contrast : fraction
    phase_shift : degrees, of a phase plate
    low, high : Å, which rings are looked at
    workers : threads

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small, or the limits contradict it.
    """
    array = _checked(picture, pixel_size, low, high)
    lens = Lens(voltage, spherical_aberration, amplitude_contrast)
    wavelength(voltage)  # refuses what is no voltage
    v = defocus_u if defocus_v is None else defocus_v
    if not (np.isfinite([defocus_u, v, defocus_angle]).all()):
        raise BadData(f"the defocus of the whole picture is {defocus_u}, {v} Å; fit it first")
    mean, astigmatism = 0.5 * (defocus_u + v), defocus_u - v
    side = side_of(array.shape, pixel_size, mean, wavelength(voltage))
    tiles = Tiles(
        array,
        side,
        pixel_size,
        lens,
        (mean, astigmatism, defocus_angle, phase_shift),
        (low, high),
        workers,
    )
    flat = np.array([0.0, 0.0, 0.0])
    tiles.weigh(flat)
    start, strength = tiles.search()
    if strength < SEEN:
        nothing = (0.0, 0.0, mean, np.inf, 90.0, np.inf, strength, strength, False)
        return Tilt(*nothing, astigmatism, defocus_angle)
    for _ in range(2):
        tiles.weigh(tiles.climb(start))
        start, _ = tiles.search()
    found, level = tiles.climb(start), tiles.climb(flat)
    untilted = tiles.climb(flat, tilted=False)
    if tiles.score(found) ** 2 < tiles.score(level) ** 2 + CHANCE:
        found = level
    return _told(tiles, found, untilted, (astigmatism, defocus_angle))


def _checked(picture: ArrayLike, pixel_size: float, low: float, high: float) -> NDArray:
    array = arrays.to_numpy(check.picture(picture, smallest=256))
    check.pixel_size(pixel_size)
    if not 0 < high < low:
        raise BadData(f"the limits are {low} and {high} Å; the first must be the larger one")
    if low < 4 * pixel_size:
        raise BadData(f"at {pixel_size} Å per pixel there is nothing to compare at {low} Å")
    return array


def spectrum(
    picture: ArrayLike,
    found: Tilt,
    *,
    pixel_size: float,
    voltage: float,
    spherical_aberration: float = 2.7,
    box: int = 512,
    low: float = 30.0,
    high: float = 3.5,
    workers: int = 1,
) -> Spectrum:
    """Power spectrum of a tilted specimen as it would be if all of it had the mean defocus.

    The frequencies of each tile are stretched, in every direction, so that the phase of the lens
    is that of the mean defocus (Elferich et al. 2024); the spectra are then averaged. `ctf.fit`'s
    second half, `ctf.fit_spectrum`, takes the result.

    Parameters
    ----------
    picture : (y, x)
    found : the tilt, with the astigmatism
    pixel_size : Å
    voltage : kV
    spherical_aberration : mm
    box : side of the spectrum, pixels; tiles are so large that Nyquist is at high / 1.3 or finer
    low, high : resolution limits of a fit, Å
    workers : threads

    Raises
    ------
    BadData
        When the picture is not finite, constant or too small, or the limits contradict it.
    """
    array = _checked(picture, pixel_size, low, high)
    check_box(box)
    fine = shrunk(pixel_size, high)
    side = min(tile_side(box, fine), 2 * (min(array.shape) // 2))
    pixel = pixel_size * fine
    used = 2 * round(side / fine / 2)  # the tile, sampled with `pixel`
    stretch = _Stretch(found, Lens(voltage, spherical_aberration, 0.0), box, pixel)
    window = np.outer(taper(side), taper(side)).astype(np.float32)
    middle = (np.array(array.shape) - side) / 2
    corners = [(y, x) for y in starts(array.shape[0], side) for x in starts(array.shape[1], side)]

    def read(start: tuple[int, int]) -> tuple[NDArray, NDArray]:
        tile = array[start[0] : start[0] + side, start[1] : start[1] + side]
        tile = fourier.resize((tile - tile.mean()) * window, (used, used))
        f = scipy.fft.rfft2(tile, s=(PAD * box, PAD * box))
        y, x = (np.array(start) - middle) * pixel_size
        return stretch(f.real**2 + f.imag**2, float(found.plane(x, y)))

    total, count = np.zeros((2, box, box // 2 + 1))
    for values, there in ahead(read, corners, workers):
        total += values
        count += there
    mean = np.where(count > 0, total / np.maximum(count, 1), 1.0)
    flat = mean / course(mean, pixel, low)
    whole = np.concatenate([flat, other_half(flat)], axis=1)
    return Spectrum(np.fft.fftshift(whole).astype(np.float32), pixel, len(corners))


class _Stretch:
    """Reads the spectra of tiles where their phase is that of the mean defocus."""

    def __init__(self, found: Tilt, lens: Lens, box: int, pixel: float) -> None:
        ky = np.rint(scipy.fft.fftfreq(box, 1 / box))[:, None]
        kx = np.arange(box // 2 + 1)[None, :]
        self.ky, self.kx = np.broadcast_arrays(ky, kx)
        self.square = (self.ky**2 + self.kx**2) / (box * pixel) ** 2
        self.bend = 0.5 * wavelength(lens.voltage) ** 2 * lens.spherical_aberration * 1e7
        half, azimuth = found.astigmatism / 2, np.arctan2(self.ky, self.kx)
        self.astigmatic = defocus_at(azimuth, half, -half, found.defocus_angle)
        self.target = self.square * (found.defocus + self.astigmatic) - self.bend * self.square**2
        self.box = box

    def __call__(self, power: NDArray, defocus: float) -> tuple[NDArray, NDArray]:
        """Values at the stretched frequencies, 0 where the tile has none, and where it has them.

        A frequency u = s² of the result is found at v: v·d − ½λ²Cs·v² is what it is at the mean.
        """
        there = defocus + self.astigmatic
        root = there**2 - 4 * self.bend * self.target
        fits = (root > 0) & (there > 0) & (self.target > 0)
        v = 2 * self.target / (there + np.sqrt(np.where(fits, root, 1.0)))
        ratio = np.sqrt(np.where(fits, v, 0.0) / np.maximum(self.square, 1e-30))
        y, x = self.ky * ratio, self.kx * ratio
        fits &= (np.abs(y) <= self.box / 2 - 1) & (x <= self.box / 2)
        rows = np.where(fits, y, 0) * PAD + PAD * self.box // 2
        columns = np.where(fits, x, 0) * PAD
        shifted = np.fft.fftshift(power, axes=0)
        values = scipy.ndimage.map_coordinates(shifted, [rows, columns], order=1, mode="nearest")
        return np.where(fits, values, 0.0), fits


def _told(tiles: Tiles, found: NDArray, untilted: NDArray, given: tuple[float, float]) -> Tilt:
    """The plane in degrees, with its errors."""
    slope = found[1:] / tiles.reach
    steep = float(np.hypot(*slope))
    axis = np.rad2deg(np.arctan2(-slope[0], slope[1])) if steep > 0 else 0.0
    half = float(90 - (90 - axis) % 180)  # the same axis in (−90°, 90°]
    sign = 1.0 if abs(axis - half) < 90 else -1.0
    angle = sign * float(np.rad2deg(np.arctan(steep)))
    covariance, excess = tiles.errors(found)
    along, across, defocus_error = np.inf, np.inf, np.inf
    if np.isfinite(covariance).all():
        towards = slope / steep if steep > 0 else np.array([1.0, 0.0])
        part = covariance[1:, 1:] / tiles.reach**2
        aside = np.array([-towards[1], towards[0]])
        along, across = np.sqrt(towards @ part @ towards), np.sqrt(aside @ part @ aside)
        defocus_error = float(np.sqrt(covariance[0, 0]))
    score, score_untilted = tiles.score(found), tiles.score(untilted)
    error = float(np.rad2deg(along / (1 + steep**2)))
    axis_error = float(np.rad2deg(across / steep)) if steep > 0 else 90.0
    return Tilt(
        tilt_angle=angle,
        tilt_axis=half,
        defocus=tiles.mean + float(found[0]),
        tilt_angle_error=error,
        tilt_axis_error=min(axis_error, 90.0),
        defocus_error=defocus_error,
        score=score,
        score_untilted=score_untilted,
        significant=bool(
            abs(angle) > SURE * np.hypot(error, FLAT)
            and score**2 - score_untilted**2 > CHANCE * excess
        ),
        astigmatism=given[0],
        defocus_angle=given[1],
    )
