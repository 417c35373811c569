"""Local correlation: how well small pictures fit at each place of a large one, under a round mask.

The fast local correlation function (Roseman 2003, Ultramicroscopy 94:225): the picture's mean and
scatter under the mask come from its transform and that of its square, which are made once; each
small picture then costs one product and one inverse transform.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

FLAT = 0.1  # of the usual scatter: what is flatter holds nothing, and gets no high score


@dataclass(frozen=True, slots=True)
class Ground:
    """The picture that is searched, transformed once, and the mask that it is seen through."""

    spectrum: NDArray  # half spectrum of the picture with a margin, complex64
    padded: tuple[int, int]  # (y, x) of the picture with its margin
    shape: tuple[int, int]  # (y, x) of the picture
    mask: NDArray  # (side, side), its sum is 1, centre at side // 2
    scatter: NDArray  # (y, x): sd of the picture under the mask


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits where: the best of many small pictures at each place of the large one."""

    score: NDArray  # (y, x) float32: highest correlation coefficient
    which: NDArray  # (y, x) int32: index of the small picture that has it
    opposite: NDArray  # (y, x) float32: highest one with any small picture's negative


def round_mask(side: int, radius: tuple[float, float], edge: float) -> NDArray:
    """A disk with a cosine edge, around pixel side // 2: (side, side) float32, its sum is 1.

    radius : in y and x, pixels, where the mask is one half
    edge : width of the edge as a part of the radius
    """
    along = np.arange(side) - side // 2
    distance = np.hypot(along[:, None] / radius[0], along[None, :] / radius[1])
    fall = np.clip((distance - 1) / edge + 0.5, 0, 1)
    mask = 0.5 + 0.5 * np.cos(np.pi * fall)
    return (mask / mask.sum()).astype(np.float32)


def ground(picture: NDArray, mask: NDArray, *, weight: NDArray | None = None) -> Ground:
    """The picture (y, x) prepared for `best_fit`; its margin is its mirror image.

    weight : what its half spectrum is multiplied with, on the grid of `padded_shape`
    """
    shape, margin = picture.shape, mask.shape[0] // 2
    padded = padded_shape(shape, mask.shape[0])
    after = [p - n - margin for p, n in zip(padded, shape, strict=True)]
    level = picture.mean(dtype=np.float64)
    wide = np.pad(picture - level, [(margin, after[0]), (margin, after[1])], mode="symmetric")
    if weight is not None:
        wide = scipy.fft.irfft2(scipy.fft.rfft2(wide) * weight, s=padded)
    seen = np.conj(_small_transform(mask.astype(np.float64), padded))
    mean, square = (
        scipy.fft.irfft2(scipy.fft.rfft2(v) * seen, s=padded)[: shape[0], : shape[1]]
        for v in (wide, wide**2)
    )
    scatter = np.sqrt(np.maximum(square - mean**2, 0))
    floor = max(FLAT * float(np.median(scatter)), 1e-20)
    return Ground(
        spectrum=scipy.fft.rfft2(wide.astype(np.float32)),
        padded=padded,
        shape=shape,
        mask=mask,
        scatter=np.maximum(scatter, floor).astype(np.float32),
    )


def padded_shape(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Sides (y, x) of a picture with a margin of half a mask all around, quickly transformed."""
    height, width = (2 * scipy.fft.next_fast_len(-(-(n + side) // 2), real=True) for n in shape)
    return height, width


def standardised(pictures: NDArray, mask: NDArray) -> NDArray:
    """Small pictures (n, side, side) with mean 0 and sd 1 under the mask, times the mask.

    Those that are constant under the mask become zero: they fit nowhere.
    """
    mean = (pictures * mask).sum(axis=(-2, -1), keepdims=True)
    apart = pictures - mean
    sd = np.sqrt((apart**2 * mask).sum(axis=(-2, -1), keepdims=True))
    whole = np.abs(pictures).max(axis=(-2, -1), keepdims=True)
    scaled = np.where(sd > 1e-6 * whole, apart / np.maximum(sd, 1e-30), 0)
    return (scaled * mask).astype(np.float32)


def best_fit(ground: Ground, pictures: NDArray, *, workers: int = 1) -> Fit:
    """At each place the highest correlation coefficient with a small picture, and with a negative.

    pictures : (n, side, side) as `standardised` makes them
    """
    threads = max(1, min(workers, len(pictures)))
    parts = np.array_split(np.arange(len(pictures)), threads)
    if threads == 1:
        made = [_best_of(ground, pictures, parts[0])]
    else:
        with ThreadPoolExecutor(threads, thread_name_prefix="correlation") as pool:
            made = list(pool.map(lambda part: _best_of(ground, pictures, part), parts))
    high, which, low = made[0]
    for other, index, lower in made[1:]:
        better = other > high
        np.copyto(high, other, where=better)
        np.copyto(which, index, where=better)
        np.minimum(low, lower, out=low)
    return Fit(high / ground.scatter, which, -low / ground.scatter)


def _best_of(
    ground: Ground, pictures: NDArray, indices: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Highest value, whose it is, and lowest value: products under the mask, not yet divided."""
    height, width = ground.shape
    high = np.full(ground.shape, -np.inf, np.float32)
    low = np.full(ground.shape, np.inf, np.float32)
    which = np.zeros(ground.shape, np.int32)
    for index in indices:
        product = np.conj(_small_transform(pictures[index], ground.padded))
        product *= ground.spectrum
        fit = scipy.fft.irfft2(product, s=ground.padded, overwrite_x=True)[:height, :width]
        better = fit > high
        np.copyto(high, fit, where=better)
        np.copyto(which, index, where=better)
        np.minimum(low, fit, out=low)
    return high, which, low


def _small_transform(picture: NDArray, shape: tuple[int, int]) -> NDArray:
    """Half spectrum of a small picture at the corner of an empty one of the shape (y, x).

    The rows without anything in them are not transformed.
    """
    return scipy.fft.fft(scipy.fft.rfft(picture, n=shape[1], axis=1), n=shape[0], axis=0)
