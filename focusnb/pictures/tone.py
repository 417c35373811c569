"""From pixel values to grey: checks, downscaling and robust contrast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from focusnb.errors import BadData


def checked(picture: ArrayLike, what: str = "picture") -> NDArray[np.float32]:
    """The picture as float32 (y, x); pixels that are not finite get the median of the others.

    Raises
    ------
    BadData
        Not two-dimensional, empty, complex, or without one finite pixel.
    """
    values = np.asarray(picture)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "biuf":
        raise BadData(
            f"a {what} needs real numbers (y, x), not {values.dtype} of shape {values.shape}; "
            "give one frame or the average"
        )
    values = values.astype(np.float32, copy=False)
    finite = np.isfinite(values)
    if finite.all():
        return values
    if not finite.any():
        raise BadData(f"the {what} of {values.shape} has no finite pixel; look at the file itself")
    return np.where(finite, values, np.median(values[finite])).astype(np.float32)


def shrink(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The picture with its longer side at most `side` pixels: means over blocks, then Lanczos.

    Never makes a picture larger; the mean is kept (but for rounding at the edges).
    """
    height, width = picture.shape
    factor = max(height, width) / side
    if factor <= 1:
        return picture
    whole = int(factor)
    if whole > 1 and min(height, width) >= whole:
        height, width = height // whole, width // whole
        blocks = picture[: height * whole, : width * whole]
        picture = blocks.reshape(height, whole, width, whole).mean(axis=(1, 3), dtype=np.float32)
    factor = max(height, width) / side
    if factor <= 1:
        return picture
    size = max(1, round(width / factor)), max(1, round(height / factor))
    resized = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(resized, np.float32)


def contrast(
    values: NDArray[np.floating], *, low: float = 1.0, high: float = 99.0, reach: float = 4.0
) -> tuple[float, float]:
    """Black and white point: percentiles, but no further from the median than `reach` robust sd.

    So one hot pixel, a gold bead or a black corner leaves the contrast of all the rest alone.
    A constant picture gets a range around its value, which shows it as even grey.
    """
    sample = values.ravel()
    sample = sample[:: max(1, sample.size // 200_000)]
    black, quarter, middle, threequarter, white = np.percentile(sample, [low, 25, 50, 75, high])
    spread = (threequarter - quarter) / 1.349  # the quartiles of a normal distribution
    if spread > 0:
        black, white = max(black, middle - reach * spread), min(white, middle + reach * spread)
    if not white > black:
        step = max(abs(float(middle)) * 0.5, 0.5)
        black, white = middle - step, middle + step
    return float(black), float(white)


def grey(values: NDArray[np.floating], black: float, white: float) -> Image.Image:
    """An 8-bit picture; row 0, the bottom in MRC orientation, becomes the last row of the PNG."""
    scaled = np.clip((values - black) * (255.0 / (white - black)), 0, 255)
    return Image.fromarray(np.rint(scaled[::-1]).astype(np.uint8))
