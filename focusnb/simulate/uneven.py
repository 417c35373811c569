"""What is not the same everywhere: the beam, and the thickness of the ice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from focusnb.kernels import fourier

COARSE, FINE = 3000.0, 250.0  # Å, between which the ice's thickness varies by chance
COLUMNS = 6  # of pixels, of a camera with defects, that are read too high or too low


def beam(
    shape: tuple[int, int], *, gradient: float, edge: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Intensity of the beam relative to its mean over the picture, (y, x).

    gradient : how much it changes from one side to the other, along a direction drawn by chance.
    edge : how much a Gaussian beam, whose middle lies beside the picture's, has lost where least
        of it is.
    """
    height, width = shape
    y, x = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in shape)
    y = y[:, None] * (height / max(shape))
    x = x * (width / max(shape))
    turn, aside = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    light = 1 + gradient * (np.cos(turn) * x + np.sin(turn) * y)
    if edge:
        away = 0.3 * rng.random()
        far = (x - away * np.cos(aside)) ** 2 + (y - away * np.sin(aside)) ** 2
        light = light * np.exp(np.log(1 - edge) * far / far.max())
    return (light / light.mean()).astype(np.float32)


def thickness(
    shape: tuple[int, int],
    *,
    pixel_size: float,
    wedge: float,
    waves: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Thickness of the ice relative to its mean, (y, x), at least 0.1.

    wedge : its change from one side to the other.  waves : sd of its change by chance over
    hundreds to thousands of Å, the larger ones the stronger.
    """
    height, width = shape
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.linspace(-0.5, 0.5, height)[:, None], np.linspace(-0.5, 0.5, width)
    thick = 1 + wedge * (np.cos(turn) * x + np.sin(turn) * y)
    if waves:
        s = fourier.frequencies(shape, pixel_size).astype(np.float32)
        spectrum = fft.rfft2(rng.standard_normal(shape, np.float32))
        spectrum *= np.exp(-((s * FINE) ** 2)) / (s + 1 / COARSE) ** 1.5
        spectrum[0, 0] = 0
        field = fft.irfft2(spectrum, s=shape)
        thick = thick + waves * field / field.std()
    return np.maximum(thick, 0.1).astype(np.float32)


def defects(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Columns, rows and pixels that no list has, drawn into a picture."""
    height, width = picture.shape
    mean, sd = picture.mean(), picture.std()
    for column in rng.integers(0, width, COLUMNS):
        low = rng.integers(0, height // 2)
        picture[low : low + rng.integers(height // 4, height), column] += (
            rng.choice([-1, 1, 2]) * sd
        )
    picture[rng.integers(0, height)] += 0.7 * sd
    hot = rng.integers(0, height * width, 40)
    picture.ravel()[hot] = mean + sd * rng.uniform(10, 200, 40)
    np.maximum(picture, 0, out=picture)
