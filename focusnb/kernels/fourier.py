"""Fourier transforms of pictures: crop and pad, shift, filters, radial averages.

Arrays are (..., y, x); spectra are half spectra as scipy.fft.rfft2 makes them, the zero frequency
at [0, 0]. Frequencies are in 1/Å when a pixel size in Å is given (1/pixel with pixel_size=1).
"""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays
from focusnb.kernels.arrays import Array


def transform(picture: ArrayLike, *, workers: int = 1) -> Array:
    """Half spectrum of real pictures: (..., y, x) -> (..., y, x // 2 + 1), complex64."""
    return arrays.rfft2(_real(picture), workers=workers)


def _real(picture: ArrayLike) -> Array:
    """Pictures as numbers that can be transformed: float32, NumPy's also float64."""
    if arrays.is_numpy(picture) and np.asarray(picture).dtype == np.float64:
        return np.asarray(picture)
    return arrays.as_float(picture)


def inverse(spectrum: Array, shape: tuple[int, int], *, workers: int = 1) -> Array:
    """Pictures of shape (y, x) from half spectra."""
    return arrays.irfft2(spectrum, shape, workers=workers)


def frequency_grid(shape: tuple[int, int], pixel_size: float = 1.0) -> tuple[NDArray, NDArray]:
    """Frequencies sy (y, 1) and sx (1, x // 2 + 1) of the half spectrum, 1/Å, signed."""
    sy = scipy.fft.fftfreq(shape[0], pixel_size).astype(np.float32)[:, None]
    sx = scipy.fft.rfftfreq(shape[1], pixel_size).astype(np.float32)[None, :]
    return sy, sx


def frequencies(shape: tuple[int, int], pixel_size: float = 1.0) -> NDArray:
    """Length |s| of the frequency on the half spectrum's grid, 1/Å: (y, x // 2 + 1)."""
    sy, sx = frequency_grid(shape, pixel_size)
    return np.hypot(sy, sx)


def multiplicity(shape: tuple[int, int]) -> NDArray:
    """How often each column counts in the whole spectrum, 1 or 2: (1, x // 2 + 1)."""
    count = np.full((1, shape[1] // 2 + 1), 2, np.float32)
    count[0, 0] = 1
    if shape[1] % 2 == 0:
        count[0, -1] = 1
    return count


def _mirrored(column: Array) -> Array:
    """The values at (−sy, −sx) of the column at (sy, sx) of a real picture's spectrum."""
    xp = arrays.module(column)
    return xp.conj(xp.roll(xp.flip(column, axis=-1), 1, axis=-1))


def resize_spectrum(spectrum: Array, old: tuple[int, int], new: tuple[int, int]) -> Array:
    """Half spectrum of the same pictures sampled with another number of pixels; mean kept.

    Cropping to an even side adds the two frequencies that both become Nyquist's, padding an even
    side shares Nyquist's value between both: so padding and cropping back is the identity, and
    the result is the spectrum of a real picture (the rule of scipy.signal.resample).

    Parameters
    ----------
    spectrum : (..., y, x // 2 + 1) of pictures of the shape `old`
    old, new : (y, x)
    """
    if tuple(old) == tuple(new):
        return spectrum
    spectrum = _resize_columns(spectrum, old[1], new[1])
    spectrum = _resize_rows(spectrum, old[0], new[0])
    (old_y, old_x), (new_y, new_x) = old, new
    if new_x < old_x and new_x % 2 == 0:  # columns ±n/2 of the wide one meet in the last
        last = spectrum[..., -1:]
        last = last + arrays.module(last).expand_dims(_mirrored(last[..., 0]), axis=-1)
        spectrum = arrays.module(last).concat([spectrum[..., :-1], last], axis=-1)
    return spectrum * ((new_y * new_x) / (old_y * old_x))


def _resize_columns(spectrum: Array, old: int, new: int) -> Array:
    """The columns of a half spectrum that `new` pixels have; the last one is not yet folded."""
    width = min(old, new) // 2 + 1
    if new <= old:
        return spectrum[..., :width]
    xp = arrays.module(spectrum)
    wide = xp.zeros(
        (*spectrum.shape[:-1], new // 2 + 1), dtype=spectrum.dtype, device=arrays.device(spectrum)
    )
    wide[..., :width] = spectrum
    if old % 2 == 0:
        wide[..., width - 1] = wide[..., width - 1] * 0.5
    return wide


def _resize_rows(spectrum: Array, old: int, new: int) -> Array:
    """The rows of a spectrum (..., y, x) that `new` pixels have."""
    if old == new:
        return spectrum
    xp = arrays.module(spectrum)
    rows = min(old, new)
    half, below = (rows + 1) // 2, rows // 2
    out = xp.zeros(
        (*spectrum.shape[:-2], new, spectrum.shape[-1]),
        dtype=spectrum.dtype,
        device=arrays.device(spectrum),
    )
    out[..., :half, :] = spectrum[..., :half, :]
    if below:
        out[..., new - below :, :] = spectrum[..., old - below :, :]
    if rows % 2 == 0 and new < old:  # rows ±n/2 of the large one meet in row n/2
        out[..., below, :] = out[..., below, :] + spectrum[..., below, :]
    elif rows % 2 == 0:
        shared = out[..., new - below, :] * 0.5
        out[..., new - below, :] = shared
        out[..., below, :] = shared
    return out


def transform_to(picture: ArrayLike, shape: tuple[int, int], *, workers: int = 1) -> Array:
    """Half spectrum of pictures as it is after `resize` to (y, x) = `shape`.

    Columns that a smaller picture does not have are dropped before the second axis is transformed.
    """
    picture = _real(picture)
    old = tuple(int(n) for n in picture.shape[-2:])
    if shape[1] >= old[1]:
        return resize_spectrum(transform(picture, workers=workers), old, shape)
    rows = arrays.rfft(picture, workers=workers)[..., : shape[1] // 2 + 1]
    return resize_spectrum(arrays.fft(rows, workers=workers), old, shape)


def pad(picture: Array, shape: tuple[int, int]) -> Array:
    """The picture (y, x) made larger, at the far ends of both axes, by its mirror image."""
    height, width = picture.shape
    if (height, width) == tuple(shape):
        return picture
    xp = arrays.module(picture)
    out = xp.empty(tuple(shape), dtype=picture.dtype, device=arrays.device(picture))
    out[:height, :width] = picture
    if shape[1] > width:
        out[:height, width:] = xp.flip(picture[:, 2 * width - shape[1] :], axis=1)
    if shape[0] > height:
        out[height:, :] = xp.flip(out[2 * height - shape[0] : height, :], axis=0)
    return out


def resize(picture: ArrayLike, shape: tuple[int, int], *, workers: int = 1) -> Array:
    """Pictures sampled with (y, x) = `shape` pixels: Fourier cropping or padding, mean kept.

    The field of view stays the same, so the pixel size changes by the ratio of the sides.
    """
    array = np.asarray(picture) if arrays.is_numpy(picture) else picture
    new = int(shape[0]), int(shape[1])
    if min(new) < 1:
        raise BadData(f"a picture cannot have the shape {new}; both sides must be positive")
    if tuple(array.shape[-2:]) == new:
        return arrays.as_float(array)
    return inverse(transform_to(array, new, workers=workers), new, workers=workers)


def phase_ramp(shape: tuple[int, int], xy: ArrayLike) -> NDArray:
    """Factor that moves a picture of the shape (y, x) by xy = (x, y) pixels: (..., y, x // 2 + 1).

    At Nyquist's frequency of an even side it is the real cosine (the imaginary part belongs to no
    real picture); whole pixels therefore move exactly as np.roll does.
    """
    xy = np.asarray(xy, np.float64)
    ky, kx = scipy.fft.fftfreq(shape[0]), scipy.fft.rfftfreq(shape[1])
    along_y = np.exp(-2j * np.pi * xy[..., 1, None] * ky)
    along_x = np.exp(-2j * np.pi * xy[..., 0, None] * kx)
    if shape[0] % 2 == 0:
        along_y[..., shape[0] // 2] = along_y[..., shape[0] // 2].real
    if shape[1] % 2 == 0:
        along_x[..., -1] = along_x[..., -1].real
    return along_y[..., :, None].astype(np.complex64) * along_x[..., None, :].astype(np.complex64)


def shift(picture: ArrayLike, xy: ArrayLike, *, workers: int = 1) -> NDArray:
    """Pictures whose content has moved by +x, +y pixels (periodically).

    Parameters
    ----------
    picture : (..., y, x)
    xy : (..., 2) pixels; one for all, or one for each picture
    """
    array = np.asarray(picture)
    shape = array.shape[-2:]
    moved = transform(array, workers=workers) * phase_ramp(shape, xy)
    return inverse(moved, shape, workers=workers)


def _filtered(picture: ArrayLike, weight: NDArray, workers: int) -> NDArray:
    array = np.asarray(picture)
    spectrum = transform(array, workers=workers) * weight.astype(np.float32)
    return inverse(spectrum, array.shape[-2:], workers=workers)


def gaussian(shape: tuple[int, int], resolution: float, pixel_size: float) -> NDArray:
    """Gaussian on the half spectrum that is one half at 1/`resolution`: (y, x // 2 + 1)."""
    return np.exp(-np.log(2) * (frequencies(shape, pixel_size) * resolution) ** 2)


def low_pass(
    picture: ArrayLike, resolution: float, *, pixel_size: float = 1.0, workers: int = 1
) -> NDArray:
    """Pictures without detail finer than `resolution` (Å): Gaussian, half amplitude there."""
    shape = np.shape(picture)[-2:]
    return _filtered(picture, gaussian(shape, resolution, pixel_size), workers)


def high_pass(
    picture: ArrayLike, resolution: float, *, pixel_size: float = 1.0, workers: int = 1
) -> NDArray:
    """Pictures without features larger than `resolution` (Å); the mean becomes zero."""
    shape = np.shape(picture)[-2:]
    return _filtered(picture, 1 - gaussian(shape, resolution, pixel_size), workers)


def power(picture: ArrayLike, *, workers: int = 1) -> Array:
    """Power spectrum |F|² / pixels on the half spectrum's grid, mean removed first.

    White noise of variance v has the mean power v at every frequency.
    """
    array = arrays.as_float(picture)
    xp = arrays.module(array)
    pixels = int(array.shape[-2] * array.shape[-1])
    mean = xp.sum(array, axis=(-2, -1), keepdims=True, dtype=xp.float64) / pixels
    spectrum = transform(array - xp.astype(mean, xp.float32), workers=workers)
    return (xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2) * (1 / pixels)


def radial_index(shape: tuple[int, int]) -> NDArray:
    """Ring number of each point of the half spectrum, in steps of 1/(longer side): int, (y, half).

    Ring r holds the frequencies that round to r / max(shape) per pixel.
    """
    return np.rint(frequencies(shape) * max(shape)).astype(np.intp)


def radial_average(
    values: ArrayLike, radius_index: ArrayLike, *, weights: ArrayLike | None = None
) -> NDArray:
    """Mean of the values on each ring, float64: entry r is the mean where radius_index == r.

    Rings without any point are NaN. With `weights` (broadcast) it is the weighted mean.
    """
    values, index = np.asarray(values), np.asarray(radius_index)
    weight = np.broadcast_to(1.0 if weights is None else np.asarray(weights), values.shape)
    count = np.bincount(index.ravel(), weight.ravel())
    total = np.bincount(index.ravel(), (values * weight).ravel().astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count
