"""Thumbnails: an average in few pixels, if wanted with its picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from focusnb.errors import BadData
from focusnb.pictures import png, tone
from focusnb.pictures.palette import PICK, rgb

OVERSAMPLING = 3  # circles are drawn larger and scaled down, which smooths their edges


def thumbnail(
    picture: ArrayLike,
    path: str | Path,
    *,
    side: int = 512,
    blur: float = 0.8,
    marks: tuple[ArrayLike, ArrayLike, float] | None = None,
) -> Path:
    """Write a picture small and with good contrast as PNG.

    Parameters
    ----------
    picture : (y, x), row 0 at the bottom
        What to show. Pixels that are not finite are shown as the median.
    path : where to write
    side : pixels
        Length of the longer side; smaller pictures keep their size.
    blur : pixels of the thumbnail
        Standard deviation of a Gaussian that brings particles out of the noise; 0 for none.
    marks : x, y, diameter, all in pixels of `picture`
        Circles to draw, as picks; points outside and not finite ones are left out.

    Raises
    ------
    BadData
        No two-dimensional real picture, no finite pixel, or x and y of different length.
    """
    from scipy.ndimage import gaussian_filter

    values = tone.checked(picture)
    small = tone.shrink(values, side)
    if blur > 0:
        small = gaussian_filter(small, blur, mode="nearest")
    black, white = tone.contrast(small, low=0.5, high=99.5)
    drawn = tone.grey(small, black, white)
    if marks is not None:
        x, y, diameter = marks
        drawn = _circles(drawn, _points(x, y), float(diameter), values.shape)
    return png.save(drawn, path)


def _points(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    across, up = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
    if across.shape != up.shape:
        raise BadData(f"{across.size} x but {up.size} y: marks need as many of one as of the other")
    points = np.column_stack([across, up])
    return points[np.isfinite(points).all(axis=1)]


def _circles(
    drawn: Image.Image, points: NDArray[np.float64], diameter: float, shape: tuple[int, ...]
) -> Image.Image:
    """The picture in colour with circles around points in pixels of the unscaled picture."""
    width, height = drawn.size
    large = (width * OVERSAMPLING, height * OVERSAMPLING)
    mask = Image.new("L", large, 0)
    pen = ImageDraw.Draw(mask)
    step = np.array([large[0] / shape[1], large[1] / shape[0]])  # large pixels per pixel
    radius = max(diameter / 2 * float(step.mean()), 2.0 * OVERSAMPLING)
    line = max(2, round(OVERSAMPLING * max(width, height) / 230))
    centres = (points + 0.5) * step  # pixel centres are at integers
    for x, y in centres:
        up = large[1] - y
        pen.ellipse((x - radius, up - radius, x + radius, up + radius), outline=255, width=line)
    mask = mask.resize((width, height), Image.Resampling.BOX)
    colour = Image.new("RGB", (width, height), rgb(PICK))
    return Image.composite(colour, drawn.convert("RGB"), mask)
