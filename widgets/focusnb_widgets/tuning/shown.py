"""Shown: pictures, masks and boxes as the bytes that a browser draws."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.kernels import picking

ACROSS = 1100  # pixels of the longer side of a first picture
FINEST = 2200  # and of a finer part of it
WIDE = (
    0.03,
    99.97,
)  # percent of the values that 8 bits reach over: room for contrast and smoothing
SAMPLE = 100_000
BOX = 1.6  # diameters across a box
SIDE = 44  # pixels across a box, about
SOFT = 0.8  # pixels of a box: standard deviation of a Gaussian that takes the finest noise away
BOXES = 400  # of an image, the best ones


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a picture in 8 bits.

    box: left, bottom, right, top edge in pixels of the picture, whose first pixel's centre is 0.
    """

    data: bytes  # (height, width), rows from the bottom
    width: int
    height: int
    box: tuple[float, float, float, float]


def preview(picture: NDArray) -> Shown:
    """The whole picture in few pixels."""
    return part(picture, (0, 0, picture.shape[1], picture.shape[0]), 1, most=ACROSS)


def part(
    picture: NDArray, wanted: tuple[int, int, int, int], step: int, *, most: int = FINEST
) -> Shown:
    """A part of a picture, with step × step pixels averaged to one.

    wanted: left, bottom, right, top in whole pixels; brought inside the picture. most: pixels of
    the longer side; a larger step is taken when it would be more.
    """
    height, width = picture.shape
    left, right = sorted((wanted[0], wanted[2]))
    bottom, top = sorted((wanted[1], wanted[3]))
    step = max(1, step, -(-min(max(right - left, top - bottom), max(picture.shape)) // most))
    step = min(step, width, height)
    left, bottom = min(max(left, 0), width - step), min(max(bottom, 0), height - step)
    right, top = min(max(right, left + step), width), min(max(top, bottom + step), height)
    small = binned(picture[bottom:top, left:right], step)
    rows, columns = small.shape
    box = (left - 0.5, bottom - 0.5, left - 0.5 + columns * step, bottom - 0.5 + rows * step)
    return Shown(eight_bits(small).tobytes(), small.shape[1], small.shape[0], box)


def binned(picture: NDArray, step: int) -> NDArray[np.float32]:
    """Means of step × step pixels; what is over at the far ends is left out."""
    if step == 1:
        return np.asarray(picture, np.float32)
    height, width = (n // step for n in picture.shape)
    cut = np.asarray(picture[: height * step, : width * step], np.float32)
    rows = cut.reshape(height, step, -1).sum(axis=1)  # along rows first: that is what is fast
    return rows.reshape(height, width, step).sum(axis=2) / np.float32(step * step)


def eight_bits(values: NDArray) -> NDArray[np.uint8]:
    """Nearly all values over 0 … 255; what lies beyond is black or white."""
    flat = values.ravel()
    sample = flat[:: max(1, flat.size // SAMPLE)]
    black, white = np.percentile(sample, WIDE)
    if not white > black:
        return np.full(values.shape, 128, np.uint8)
    scaled = (values - np.float32(black)) * np.float32(255 / (white - black))
    return np.clip(scaled, 0, 255).astype(np.uint8)


def mask_told(mask: picking.Exclusion) -> tuple[dict[str, Any], bytes]:
    """A mask as the page gets it: what is told of it, and its kinds (rows from the bottom)."""
    height, width = mask.kinds.shape
    left, bottom = (o - s / 2 for o, s in zip(mask.offset, mask.step, strict=True))
    kinds = list(picking.KINDS)
    fractions = {
        name: {"part": part, "kind": kinds.index(name)}
        for name, part in mask.fractions().items()
        if name != "free"
    }
    told = {
        "width": width, "height": height, "fractions": fractions,
        "box": (left, bottom, left + width * mask.step[0], bottom + height * mask.step[1]),
    }  # fmt: skip
    return told, mask.kinds.astype(np.uint8).tobytes()


def boxes(
    picture: NDArray, x: NDArray, y: NDArray, *, pixel_size: float, diameter: float
) -> tuple[bytes, int]:
    """Boxes around points in 8 bits and of one contrast: bytes (count, side, side), and their side.

    x, y: (count,) pixels; pixel_size, diameter: Å. Each box has its own mean, all have one scatter,
    so that weak particles look weak.
    """
    if not len(x):
        return b"", 0
    across = BOX * diameter / pixel_size
    step = max(1, round(across / SIDE))
    side = max(8, 2 * round(across / step / 2))
    small = scipy.ndimage.gaussian_filter(binned(picture, step), SOFT, mode="nearest")
    # The middle of a square of `step` pixels lies (step - 1) / 2 off its first one.
    columns, rows = ((v - (step - 1) / 2) / step + 0.5 for v in (x, y))
    cut = picking.cut(small, columns, rows, side)
    cut = cut - cut.mean(axis=(1, 2), keepdims=True)
    sd = float(np.median(cut.std(axis=(1, 2)))) or 1.0
    grey = np.clip(127.5 + cut * (127.5 / (3.2 * sd)), 0, 255).astype(np.uint8)
    return grey.tobytes(), side
