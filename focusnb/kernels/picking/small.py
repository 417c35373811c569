"""The picture that is searched: so small that a particle is a few pixels across."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, fourier

BRIGHTEST = 30.0  # sd of the pixels that are looked at
LEAST, MOST = 3.0, 0.5  # pixels, and part of the picture's shorter side, that a diameter may have


@dataclass(frozen=True, slots=True)
class Small:
    """A picture sampled coarsely, and where its pixels lie in the picture it was made of."""

    values: NDArray  # (y, x) float32, mean kept
    step: tuple[float, float]  # x, y: pixels of the picture per pixel here
    offset: tuple[float, float]  # x, y: where pixel 0, 0 lies in the picture
    pixel_size: float  # Å, here
    shape: tuple[int, int]  # of the picture

    def to_picture(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Points of the picture, pixels, for points here."""
        return (
            np.asarray(x, float) * self.step[0] + self.offset[0],
            np.asarray(y, float) * self.step[1] + self.offset[1],
        )

    def from_picture(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """Points here for points of the picture."""
        return (
            (np.asarray(x, float) - self.offset[0]) / self.step[0],
            (np.asarray(y, float) - self.offset[1]) / self.step[1],
        )


def slow(shape: tuple[int, int], order: int) -> NDArray:
    """Terms of a polynomial of x and y, each from −1 to 1 over a picture (y, x): (y · x, terms)."""
    height, width = shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    terms = [x**i * y**j for i in range(order + 1) for j in range(order + 1 - i)]
    return np.stack(np.broadcast_arrays(*terms), axis=-1).reshape(height * width, -1)


def check_diameter(diameter: float, shape: tuple[int, int], pixel_size: float) -> float:
    """The diameter in pixels; raises BadData when a picture of this shape cannot hold it."""
    if not (np.isfinite(diameter) and diameter > 0):
        raise BadData(f"particle_diameter is {diameter} Å; it must be a positive number")
    pixels = diameter / pixel_size
    if not LEAST <= pixels <= MOST * min(shape):
        raise BadData(
            f"a particle_diameter of {diameter:g} Å is {pixels:.1f} pixels of {pixel_size:g} Å; it must be "
            f"at least {LEAST:g} and at most half of the picture's {min(shape)} pixels "
            f"({LEAST * pixel_size:.3g} to {MOST * min(shape) * pixel_size:.4g} Å)"
        )
    return pixels


def shrink(
    picture: ArrayLike, *, pixel_size: float, diameter: float, across: float, workers: int = 1
) -> Small:
    """The picture with about `across` pixels over a particle of `diameter` (Å); never enlarged.

    Pixels are added up to squares first (what that takes from fine detail is given back), then the
    spectrum is cropped: so only a small picture has to be transformed.
    """
    array = check.picture(picture)
    check.pixel_size(pixel_size)
    pixels = check_diameter(diameter, array.shape, pixel_size)
    scale = max(pixels / across, 1.0)
    side = max(1, int(scale / 2))
    binned = _binned(array, side)
    # hot pixels and cosmic rays; nothing in a specimen is so much brighter than its surroundings
    middle = float(np.median(binned))
    spread = 1.4826 * float(np.median(np.abs(binned - middle)))
    binned = np.minimum(binned, np.float32(middle + BRIGHTEST * max(spread, 1e-6 * abs(middle))))
    shape = tuple(max(32, round(n * side / scale)) for n in binned.shape)
    shape = tuple(min(a, b) for a, b in zip(shape, binned.shape, strict=True))
    if shape != binned.shape or side > 1:
        binned = _resampled(binned, shape, side, workers)
    height, width = array.shape[0] // side * side, array.shape[1] // side * side
    step = (width / shape[1], height / shape[0])
    shifted = (side - 1) / 2  # the centre of the first square; cropping keeps it at pixel 0
    return Small(
        values=binned,
        step=step,
        offset=(shifted, shifted),
        pixel_size=pixel_size * (step[0] + step[1]) / 2,
        shape=array.shape,
    )


def _binned(array: NDArray, side: int) -> NDArray:
    """Means of side × side pixels; what is over at the far ends is left out."""
    if side == 1:
        return array
    height, width = (n // side for n in array.shape)
    rows = array[: height * side].reshape(height, side, -1).sum(axis=1)
    columns = rows[:, : width * side].reshape(height, width, side)
    return columns.sum(axis=2) / np.float32(side * side)


def _resampled(picture: NDArray, shape: tuple[int, int], side: int, workers: int) -> NDArray:
    mean = picture.mean(dtype=np.float64)
    spectrum = fourier.transform(picture - np.float32(mean), workers=workers)
    spectrum = fourier.resize_spectrum(spectrum, picture.shape, shape)
    if side > 1:
        sy, sx = fourier.frequency_grid(shape)
        scale = [a / b / side for a, b in zip(shape, picture.shape, strict=True)]
        faded = np.sinc(sy * scale[0] * side) * np.sinc(sx * scale[1] * side)
        spectrum = spectrum / faded.astype(np.float32)
    return fourier.inverse(spectrum, shape, workers=workers) + np.float32(mean)
