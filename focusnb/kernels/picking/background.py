"""The picture without its background: illumination, gradients and uneven scatter taken away."""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels.picking import small as searching

ACROSS = 8  # pixels across a particle, where the background is made
REACH = 1.5  # diameters: standard deviation of the Gaussian that is the surroundings


def background_free(
    picture: ArrayLike, *, pixel_size: float, diameter: float, workers: int = 1
) -> NDArray:
    """The picture minus its surroundings, over the scatter there: (y, x) float32, mean 0, sd 1.

    What varies over more than a few diameters (Å) is background. Level and scatter are found on a
    coarse grid and read between its points.
    """
    small = searching.shrink(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, workers=workers
    )
    array = np.asarray(picture, np.float32)
    reach = REACH * diameter / small.pixel_size
    # taken off first: the Gaussian, which reflects at the edge, would bend slopes there
    bend = _parabola(small.values)
    level = bend + scipy.ndimage.gaussian_filter(small.values - bend, reach)
    rest = array - _between(level, small)
    side = max(1, round(min(small.step)))
    height, width = (n // side for n in array.shape)
    power = np.square(rest[: height * side, : width * side])
    power = power.reshape(height, side, width, side).mean(axis=(1, 3))
    power = scipy.ndimage.gaussian_filter(power, reach * min(small.step) / side)
    middle = (side - 1) / 2
    blocks = searching.Small(power, (side, side), (middle, middle), pixel_size * side, array.shape)
    rest /= np.sqrt(np.maximum(_between(power, blocks), 1e-6 * float(power.mean()) + 1e-30))
    return rest / np.float32(max(float(rest.std(dtype=np.float64)), 1e-30))


def _parabola(values: NDArray) -> NDArray:
    """The polynomial of second order through a picture, (y, x) float32."""
    surface = searching.slow(values.shape, 2)
    fit = np.linalg.lstsq(surface, values.ravel(), rcond=None)[0]
    return (surface @ fit).reshape(values.shape).astype(np.float32)


def _between(values: NDArray, small: searching.Small) -> NDArray:
    """A coarse picture read, linearly, at all pixels of the picture: (y, x) float32."""
    height, width = small.shape
    x, y = small.from_picture(np.arange(width), np.arange(height))
    rows, columns = _linear(y, values.shape[0]), _linear(x, values.shape[1])
    return rows @ np.ascontiguousarray((columns @ values.T.astype(np.float32)).T)


def _linear(places: NDArray, count: int) -> scipy.sparse.csr_array:
    """Weights (places, count) with which values at 0 … count − 1 are read in between."""
    places = np.clip(places, 0, count - 1)
    low = np.minimum(places.astype(int), max(count - 2, 0))
    part = (places - low).astype(np.float32)
    row = np.arange(len(places))
    weights = np.concatenate([1 - part, part])
    columns = np.concatenate([low, np.minimum(low + 1, count - 1)])
    return scipy.sparse.csr_array((weights, (np.tile(row, 2), columns)), (len(places), count))
