"""Sheets: what is looked at, a picture or a Fourier transform, given in parts of 8 bits."""

import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels import grey
from focusnb.kernels.local_spectrum import LocalSpectrum

WORKERS = min(4, os.cpu_count() or 1)
COARSE = 1000  # pixels of the longer side of what is sent first
FINEST = 2600  # and of what is sent at most
WIDER = 0.35  # of the usual window on either side: room for contrast


@dataclass(frozen=True, slots=True)
class Shown:
    """A part in 8 bits; 0 marks what is not finite, 1 is `low` and 255 is `high`.

    box: left, bottom, right, top edge in pixels of the sheet, whose first pixel's centre is 0.
    """

    data: bytes  # (height, width), rows from the bottom
    width: int
    height: int
    box: tuple[float, float, float, float]
    low: float
    high: float
    step: int

    def told(self, **more: Any) -> dict[str, Any]:
        """Give what a page has to know of it besides the bytes."""
        return {
            "width": self.width, "height": self.height, "box": self.box, "low": self.low,
            "high": self.high, "step": self.step, **more,
        }  # fmt: skip


class Sheet(Protocol):
    """What is looked at. frequency: 1/Å of a pixel of a spectrum, None of a picture."""

    shape: tuple[int, int]  # y, x
    frequency: float | None

    def shown(
        self, part: grey.Part | None, step: int, window: tuple[float, float] | None = None
    ) -> Shown:
        """Give a part with step × step pixels averaged; in a window of values, or a usual one."""

    def value(self, x: int, y: int) -> dict[str, float | None]:
        """Tell the value of a pixel by kind; empty outside."""


class PictureSheet:
    """The pixels of a picture (y, x), row 0 at the bottom.

    frequency: of a spectrum that somebody else has computed, 1/Å of a pixel.
    """

    def __init__(self, picture: NDArray, frequency: float | None = None) -> None:
        self.picture = grey.readable(picture)
        self.shape: tuple[int, int] = (self.picture.shape[0], self.picture.shape[1])
        self.frequency = frequency

    @cached_property
    def summary(self) -> grey.Summary:
        """What all pixels say together."""
        return grey.summary(self.picture)

    def shown(
        self, part: grey.Part | None, step: int, window: tuple[float, float] | None = None
    ) -> Shown:
        """Give a part; raises BadData when the whole picture has no finite pixel."""
        part, step = _possible(part, self.shape, step)
        low, high = window or wide(grey.window_of(self.picture, part, step))
        if not math.isfinite(low + high):  # nothing finite in the sample
            if not self.summary.bad < self.picture.size:
                raise BadData("the picture holds no finite pixel: all are NaN or infinite")
            low, high = wide(grey.window(np.array([self.summary.least, self.summary.most])))
        data = grey.grey(self.picture, part, step, low, high, workers=WORKERS)
        return _shown(data, part, step, low, high)

    def value(self, x: int, y: int) -> dict[str, float | None]:
        """Tell the value of a pixel."""
        if not (0 <= y < self.shape[0] and 0 <= x < self.shape[1]):
            return {}
        found = float(self.picture[y, x])
        return {"value": found if math.isfinite(found) else None}


class SpectrumSheet:
    """A Fourier transform, as the logarithm (to base 10) of its amplitudes or as they are."""

    def __init__(self, spectrum: LocalSpectrum, pixel_size: float | None, log: bool = True) -> None:
        self.spectrum, self.log = spectrum, log
        self.shape = (spectrum.side, spectrum.side)
        self.frequency = 1 / (spectrum.side * (pixel_size or 1.0))

    def shown(
        self, part: grey.Part | None, step: int, window: tuple[float, float] | None = None
    ) -> Shown:
        """Give a part of the whole spectrum."""
        part, step = _possible(part, self.shape, step)
        values = self.spectrum.amplitudes(part, step)
        if self.log:
            least = max(float(values.max()) * 1e-7, 1e-30)  # below is what single precision leaves
            values = np.log10(np.maximum(values, np.float32(least)))
        every = max(1, max(values.shape) // grey.SAMPLE)
        low, high = window or wide(grey.window(values[::every, ::every], (0.5, 99.8)))
        rows, columns = values.shape
        data = grey.grey(values, (0, 0, columns, rows), 1, low, high)
        return _shown(data, part, step, low, high)

    def value(self, x: int, y: int) -> dict[str, float | None]:
        """Tell amplitude and phase (degrees, about the middle of the part)."""
        if not (0 <= y < self.shape[0] and 0 <= x < self.shape[1]):
            return {}
        amplitude, phase = self.spectrum.at(x, y)
        return {"amplitude": amplitude, "phase": phase}


def wide(window: tuple[float, float]) -> tuple[float, float]:
    """Widen a window so that contrast can be lowered before it is asked for again."""
    room = WIDER * (window[1] - window[0])
    return window[0] - room, window[1] + room


def _possible(part: grey.Part | None, shape: tuple[int, int], step: int) -> tuple[grey.Part, int]:
    """The part and step that can be, and are not too much to be sent."""
    left, bottom, right, top = part or (0, 0, shape[1], shape[0])
    side = min(max(abs(right - left), abs(top - bottom)), max(shape))
    return grey.inside(part, shape, max(step, -(-side // FINEST)))


def coarse(shape: tuple[int, int]) -> int:
    """Give the step of what is sent first."""
    return max(1, -(-max(shape) // COARSE))


def _shown(data: NDArray[np.uint8], part: grey.Part, step: int, low: float, high: float) -> Shown:
    rows, columns = data.shape
    left, bottom = part[0] - 0.5, part[1] - 0.5
    box = (left, bottom, left + columns * step, bottom + rows * step)
    return Shown(data.tobytes(), columns, rows, box, low, high, step)
