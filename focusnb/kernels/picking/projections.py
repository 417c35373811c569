"""Views of a map: projections in evenly spread directions, to be searched for as templates."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check

LARGEST = 96  # pixels a side that projections have: more than a search of templates resolves
MOST = 2000  # directions
GOLDEN = (1 + np.sqrt(5)) / 2


@dataclass(frozen=True, slots=True)
class Projections:
    """Pictures of a map from many sides, particles bright when the map's density is positive."""

    pictures: NDArray  # (n, y, x) float32, the map's middle at pixel side // 2
    pixel_size: float  # Å, of these pictures; larger than the map's when that was cropped
    directions: NDArray  # (n, 3) x, y, z of the beam in the map's frame, length 1


def projections(
    volume: ArrayLike,
    *,
    pixel_size: float,
    count: int = 24,
    angle_step: float | None = None,
    largest: int = LARGEST,
) -> Projections:
    """A map seen from directions that are spread evenly over the whole sphere.

    Central slices of its transform (Bracewell 1956, Aust. J. Phys. 9:198), read linearly on a grid
    twice as fine, what that takes from the rim given back before. Opposite directions are not
    the same: their projections are mirror images, which no rotation in the plane makes alike.

    Parameters
    ----------
    volume : (z, y, x) density
    pixel_size : Å
    count : directions
    angle_step : degrees between neighbouring directions, about; instead of a count
    largest : sides of the pictures, pixels; a larger map is Fourier-cropped before

    Raises
    ------
    BadData
        When the map is no finite volume, or the directions are none or too many.
    """
    check.pixel_size(pixel_size)
    cube = _cube(volume)
    if angle_step is not None:
        if not 0 < angle_step <= 180:
            raise BadData(
                f"the step between directions is {angle_step}°; it is above 0 and up to 180"
            )
        count = int(np.ceil(4 * np.pi / np.deg2rad(angle_step) ** 2))
    if not 1 <= count <= MOST:
        raise BadData(f"{count} directions were asked for; it is 1 to {MOST}")
    if not largest >= 16:
        raise BadData(f"projections of {largest} pixels were asked for; at least 16 are needed")
    cropped = _cropped(cube, int(largest) // 2 * 2)
    directions = spread(count)
    pictures = _slices(cropped, directions)
    return Projections(pictures, pixel_size * len(cube) / len(cropped), directions)


def spread(count: int) -> NDArray:
    """Directions spread evenly over the sphere: (n, 3) x, y, z, the first one near z.

    A Fibonacci lattice: equal steps in z, turns by the golden angle (González 2010,
    Math. Geosci. 42:49). A single direction is z.
    """
    if count == 1:
        return np.array([[0.0, 0.0, 1.0]])
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    turn = 2 * np.pi * k / GOLDEN
    flat = np.sqrt(1 - z**2)
    return np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])


def frame(direction: ArrayLike) -> NDArray:
    """Axes x, y, z of a view as rows (3, 3): z is the direction, x lies level in the map's frame.

    Along z itself the axes are those of the map.
    """
    z = np.asarray(direction, float)
    z = z / np.linalg.norm(z)
    level = np.array([z[2] + (1 if z[2] >= 0 else -1), 0, -z[0]])  # never 0
    x = level - (level @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _cube(volume: ArrayLike) -> NDArray:
    """A map as float32 with equal even sides, filled up by its edge's mean, which becomes 0."""
    values = np.asarray(volume)
    if values.ndim != 3 or min(values.shape) < 8:
        raise BadData(f"the map has the shape {values.shape}; three axes of at least 8 are needed")
    if values.dtype.kind not in "biuf":
        raise BadData(f"the map has voxels of type {values.dtype}; real numbers are needed")
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise BadData(
            f"the map has {int((~np.isfinite(values)).sum())} voxels that are NaN or infinite"
        )
    if values.min() == values.max():
        raise BadData(f"the map is constant (every voxel is {values.flat[0]:g}): it shows nothing")
    faces = [values[0], values[-1], values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]]
    values -= np.float32(np.mean([face.mean(dtype=np.float64) for face in faces]))
    side = 2 * -(-max(values.shape) // 2)
    if values.shape == (side,) * 3:
        return values
    cube = np.zeros((side,) * 3, np.float32)
    corner = [side // 2 - n // 2 for n in values.shape]
    cube[tuple(slice(c, c + n) for c, n in zip(corner, values.shape, strict=True))] = values
    return cube


def _cropped(cube: NDArray, side: int) -> NDArray:
    """The map Fourier-cropped to `side` voxels; its Nyquist frequencies are left out."""
    old = len(cube)
    if side >= old:
        return cube
    half = side // 2
    keep = np.r_[0:half, -half + 1 : 0]
    spectrum = scipy.fft.rfftn(cube)[np.ix_(keep, keep, np.arange(half))]
    small = np.zeros((side, side, half + 1), np.complex64)
    at = keep % side
    small[np.ix_(at, at, np.arange(half))] = spectrum
    # the middle lies at old // 2 = old / 2 and comes to side / 2: no shift
    return scipy.fft.irfftn(small, s=(side,) * 3).astype(np.float32) * np.float32((side / old) ** 3)


def _slices(cube: NDArray, directions: NDArray) -> NDArray:
    """Projections (n, side, side) of a cube along directions."""
    side = len(cube)
    fine = 2 * side
    along = (np.arange(side) - side // 2) / fine
    rim = np.sinc(along) ** 2  # what reading linearly between points does to the rim
    evened = cube / (rim[:, None, None] * rim[:, None] * rim)
    wide = np.zeros((fine,) * 3, np.float32)
    inside = slice(fine // 2 - side // 2, fine // 2 - side // 2 + side)
    wide[inside, inside, inside] = evened
    spectrum = scipy.fft.rfftn(scipy.fft.ifftshift(wide))
    spectrum = np.concatenate(  # zero frequency in the middle; one column more, to read beyond 0
        [_mirror(spectrum[:, :, 1:2]), spectrum], axis=2
    )
    spectrum = scipy.fft.fftshift(spectrum, axes=(0, 1))
    ky, kx = np.meshgrid(
        np.arange(-side // 2, side // 2) * 2, np.arange(side // 2 + 1) * 2, indexing="ij"
    )
    round_ = np.hypot(ky, kx) <= side - 2
    pictures = np.empty((len(directions), side, side), np.float32)
    for number, direction in enumerate(directions):
        x, y, _ = frame(direction)
        k = kx[round_][:, None] * x + ky[round_][:, None] * y  # in the map's frame: x, y, z
        back = k[:, 0] < 0
        k[back] *= -1
        at = [k[:, 2] + side, k[:, 1] + side, k[:, 0] + 1]
        real, imaginary = (
            scipy.ndimage.map_coordinates(part, at, order=1)
            for part in (spectrum.real, spectrum.imag)
        )
        flat = np.zeros(kx.shape, np.complex64)
        flat[round_] = real + 1j * np.where(back, -imaginary, imaginary)
        half = scipy.fft.ifftshift(flat, axes=0)
        pictures[number] = scipy.fft.fftshift(scipy.fft.irfft2(half, s=(side, side)))
    return pictures


def _mirror(column: NDArray) -> NDArray:
    """The values at the opposite frequencies of a column (z, y, 1) of a real map's transform."""
    flipped = np.roll(column[::-1, ::-1], 1, axis=(0, 1))
    return np.conj(flipped)
