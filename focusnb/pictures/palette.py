"""The colours, fonts and line widths that all pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PAPER = "#ffffff"
INK = "#1f2933"
MUTED = "#616e7c"
GRID = "#e4e7eb"
DIMMED = "#8793a0"  # what did not count
EDGE = "#9aa5b1"  # of a field or panel
DATA = "#334e68"  # what was measured
FIT = "#e8590c"  # what was fitted to it
QUALITY = "#0c8599"  # how well both agree
MARK = "#2f9e44"  # a limit, a ring
ICE = "#1c7ed6"  # where ice shows in a spectrum
PICK = "#51e06b"  # a circle on a grey picture
LEFT_OUT = "#fa5252"  # a veil over areas of a grey picture where nothing is picked
TIME = ("#364fc7", "#7048e8", "#d6336c", "#f76707", "#fcc419")  # from the first frame to the last

DPI = 100
FONT = 22.0  # points at DPI: read easily when an 800 pixel picture is shown 400 wide


def figure(width: int, height: int) -> tuple[Figure, Axes]:
    """An empty figure of width × height pixels with one quiet pair of axes.

    The figure carries its own Agg canvas: no pyplot, no global state, safe in every thread.
    Fonts and lines grow with the smaller side, so that a picture looks the same at every size.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(drawn)
    axes = drawn.add_subplot()
    size = scale(width, height)
    axes.set_facecolor(PAPER)
    axes.tick_params(
        labelsize=0.82 * FONT * size, colors=MUTED, length=0, pad=6 * size, labelcolor=MUTED
    )
    axes.grid(color=GRID, linewidth=1.6 * size, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
        axes.spines[side].set_linewidth(1.6 * size)
    return drawn, axes


def scale(width: int, height: int) -> float:
    """How much larger than a picture of 800 pixels everything is to be drawn."""
    return min(width, height * 1.2) / 800


def time_colours() -> Colormap:
    """The colours of `TIME` as matplotlib wants them."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("time", TIME)


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour of this module as three numbers 0-255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
