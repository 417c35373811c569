"""Lines, words and scale bars on one pair of axes that spans a whole square drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from focusnb.pictures import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 800  # units of a drawing's side; places count from its lower left corner, y up
BAR = 130  # units of the longest scale bar
LETTER = 18  # units that a letter of a scale bar's label takes


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the drawing."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.bottom + self.height

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        return self.left, self.right, self.bottom, self.top


@dataclass(frozen=True, slots=True)
class Stroke:
    """Polylines drawn alike."""

    places: NDArray  # (lines, m, 2) units; NaN leaves a gap
    colours: NDArray  # (lines, m − 1, 4) red, green, blue, alpha from 0 to 1
    width: float


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws in units; all lengths and widths are units too."""

    axes: Axes
    unit: float  # pixels

    @classmethod
    def on(cls, size: int) -> Pen:
        """A pen on an empty square of this many pixels."""
        _, axes = palette.figure(size, size)
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, SIDE), ylim=(0, SIDE), autoscale_on=False)
        return cls(axes, size / SIDE)

    def drawing(self) -> Image.Image:
        """What was drawn, in 256 colours: enough for smooth greys beneath coloured lines."""
        canvas = self.axes.figure.canvas
        canvas.draw()
        pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        return Image.fromarray(pixels).quantize(
            256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )

    def words(
        self, x: float, y: float, text: str, *, tall: float = 28, bold: bool = False,
        colour: str = palette.INK, at: str = "left",
    ) -> None:  # fmt: skip
        """Write a line of text that stands on y, and of which `at` (left, right, center) is at x."""
        self.axes.text(
            x, y, text, fontsize=self._points(tall), color=colour, ha=at, va="baseline",
            fontweight="bold" if bold else "normal",
        )  # fmt: skip

    def frame(self, box: Box) -> None:
        """Draw the edge of a box."""
        x = [box.left, box.right, box.right, box.left, box.left]
        y = [box.bottom, box.bottom, box.top, box.top, box.bottom]
        self._line(x, y, 2, palette.EDGE)

    def picture(self, grey: Image.Image, box: Box) -> None:
        """Show a grey picture in a box."""
        self.axes.imshow(
            np.asarray(grey), cmap="gray", vmin=0, vmax=255, extent=box.extent, aspect="auto",
            interpolation="bilinear", zorder=0,
        )  # fmt: skip

    def strokes(self, strokes: list[Stroke]) -> None:
        """Draw polylines, the first ones undermost."""
        from matplotlib.collections import LineCollection

        segments = [
            np.stack([s.places[:, :-1], s.places[:, 1:]], axis=2).reshape(-1, 2, 2) for s in strokes
        ]
        widths = [
            np.full(len(some), self._points(s.width))
            for s, some in zip(strokes, segments, strict=True)
        ]
        ends = np.concatenate(segments)
        known = np.isfinite(ends).all(axis=(1, 2))
        lines = LineCollection(
            list(ends[known]),
            colors=np.concatenate([s.colours.reshape(-1, 4) for s in strokes])[known],
            linewidths=np.concatenate(widths)[known],
            capstyle="round",
            zorder=3,
        )
        self.axes.add_collection(lines, autolim=False)

    def starts(self, places: NDArray, across: float) -> None:
        """Mark where paths begin with rings; places: (n, 2)."""
        self.axes.scatter(
            *places.T, s=self._points(across) ** 2, facecolors=palette.PAPER, zorder=4,
            edgecolors=palette.TIME[0], linewidths=self._points(across / 4),
        )  # fmt: skip

    def crosses(self, places: NDArray, across: float) -> None:
        """Mark where paths begin that did not count; places: (n, 2)."""
        self.axes.scatter(
            *places.T, s=self._points(across) ** 2, marker="x", color=palette.MUTED, zorder=4,
            linewidths=self._points(across / 4),
        )  # fmt: skip

    def scale_bar(self, right: float, y: float, per_angstrom: float) -> None:
        """Draw a bar of a round length with this length in Å beside it, ending at the right."""
        length = rounded(BAR / per_angstrom)
        text = f"{length:g} Å"
        end = right - LETTER * (len(text) - 0.5 * text.count("."))
        begin = end - length * per_angstrom
        self._line([begin, begin, begin, end, end, end], [y - 9, y + 9, y, y, y + 9, y - 9], 4)
        self.words(right, y - 10, text, at="right")

    def time_bar(self, box: Box, low: float, high: float, *, whole: bool) -> None:
        """Draw the colours of time with numbers, whole ones if so asked, beneath them."""
        from matplotlib.ticker import MaxNLocator

        self.axes.imshow(
            np.linspace(0, 1, 256)[None], cmap=palette.time_colours(), extent=box.extent,
            aspect="auto", interpolation="bilinear",
        )  # fmt: skip
        ticks = MaxNLocator(5, integer=whole, steps=[1, 2, 5, 10]).tick_values(low, high)
        for tick in ticks[(ticks >= low) & (ticks <= high)]:
            x = box.left + (tick - low) / (high - low) * box.width
            self.words(x, box.bottom - 28, f"{tick:g}", tall=24, colour=palette.MUTED, at="center")

    def _line(self, x: list[float], y: list[float], width: float, colour: str = palette.INK):
        self.axes.plot(
            x, y, color=colour, lw=self._points(width), solid_capstyle="projecting",
            solid_joinstyle="miter",
        )  # fmt: skip

    def _points(self, units: float) -> float:
        """Widths and fonts as matplotlib counts them, 72 to the inch."""
        return units * self.unit * 72 / palette.DPI


def rounded(value: float) -> float:
    """The largest of …, 0.5, 1, 2, 5, 10, 20, … that is not above a positive value."""
    power = int(np.floor(np.log10(value)))
    steps = [float(f"{m}e{p}") for p in (power - 1, power, power + 1) for m in (1, 2, 5)]
    return max(s for s in steps if s <= value * (1 + 1e-9))
