"""Thumbnails: an average in few pixels, if wanted with its picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from focusnb.errors import BadData
from focusnb.pictures import png, tone
from focusnb.pictures.palette import LEFT_OUT, PICK, rgb

OVERSAMPLING = 3  # circles are drawn larger and scaled down, which smooths their edges
VEIL = 0.3  # how much of what lies beneath a veil its colour covers


def thumbnail(
    picture: ArrayLike,
    path: str | Path,
    *,
    side: int = 512,
    blur: float = 0.8,
    marks: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    veil: ArrayLike | None = None,
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
        Circles to draw, as picks; points outside and not finite ones are left out. One diameter
        for all, or one for each.
    veil : (y, x) of the same area, of any number of pixels
        What is not 0 is covered with a veil, as areas in which nothing is picked.

    Raises
    ------
    BadData
        No two-dimensional real picture, no finite pixel, or x, y and diameters of different length.
    """
    from scipy.ndimage import gaussian_filter

    values = tone.checked(picture)
    small = tone.shrink(values, side)
    if blur > 0:
        small = gaussian_filter(small, blur, mode="nearest")
    black, white = tone.contrast(small, low=0.5, high=99.5)
    drawn = tone.grey(small, black, white)
    if veil is not None:
        drawn = _veiled(drawn, np.asarray(veil))
    if marks is not None:
        drawn = _circles(drawn, _points(*marks), values.shape)
    return png.save(drawn, path)


def _points(x: ArrayLike, y: ArrayLike, diameter: ArrayLike) -> NDArray[np.float64]:
    """The marks that are finite, (n, 3): x, y, diameter."""
    across, up = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
    if across.shape != up.shape:
        raise BadData(f"{across.size} x but {up.size} y: marks need as many of one as of the other")
    wide = np.asarray(diameter, float)
    if wide.ndim and wide.shape != across.shape:
        raise BadData(f"{across.size} marks but {wide.size} diameters; give one, or one for each")
    points = np.column_stack([across, up, np.broadcast_to(wide, across.shape)])
    return points[np.isfinite(points).all(axis=1)]


def _veiled(drawn: Image.Image, veil: NDArray) -> Image.Image:
    """The picture in colour, covered where a mask of the same area is not 0."""
    if veil.ndim != 2 or not veil.size:
        raise BadData(f"a veil has the shape {veil.shape}; one mask (y, x) is needed")
    covered = Image.fromarray(np.where(veil[::-1] != 0, round(255 * VEIL), 0).astype(np.uint8))
    covered = covered.resize(drawn.size, Image.Resampling.BILINEAR)
    colour = Image.new("RGB", drawn.size, rgb(LEFT_OUT))
    return Image.composite(colour, drawn.convert("RGB"), covered)


def _circles(
    drawn: Image.Image, points: NDArray[np.float64], shape: tuple[int, ...]
) -> Image.Image:
    """The picture in colour with circles around points in pixels of the unscaled picture."""
    width, height = drawn.size
    large = (width * OVERSAMPLING, height * OVERSAMPLING)
    mask = Image.new("L", large, 0)
    pen = ImageDraw.Draw(mask)
    step = np.array([large[0] / shape[1], large[1] / shape[0]])  # large pixels per pixel
    radii = np.maximum(points[:, 2] / 2 * float(step.mean()), 2.0 * OVERSAMPLING)
    line = max(2, round(OVERSAMPLING * max(width, height) / 230))
    centres = (points[:, :2] + 0.5) * step  # pixel centres are at integers
    for (x, y), radius in zip(centres, radii, strict=True):
        up = large[1] - y
        pen.ellipse((x - radius, up - radius, x + radius, up + radius), outline=255, width=line)
    mask = mask.resize((width, height), Image.Resampling.BOX)
    colour = Image.new("RGB", (width, height), rgb(PICK))
    return Image.composite(colour, drawn.convert("RGB"), mask)
