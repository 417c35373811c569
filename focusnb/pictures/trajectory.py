"""The drift plot: where the specimen went during the exposure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from focusnb.pictures import movement, palette, png, tracked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drift(
    shifts: ArrayLike,
    path: str | Path,
    *,
    dose_per_frame: float | None = None,
    tracks: ArrayLike | None = None,
    centres: ArrayLike | None = None,
    used: ArrayLike | None = None,
    picture: ArrayLike | None = None,
    field: tuple[float, float] | None = None,
    size: int = 800,
) -> Path:
    """Draw the path of the specimen, in Å, coloured from the first frame to the last.

    With `tracks`, the movement of each patch relative to the whole frame is drawn enlarged on
    the field, and the path of the whole frame beneath it.

    Parameters
    ----------
    shifts : (n, 2) x, y in Å
        Specimen movement relative to the first used frame; rows of NaN are frames not used.
    path : where to write
    dose_per_frame : e/Å²
        If given, the colour bar shows the dose instead of the frame's number.
    tracks : (patches, n, 2) x, y in Å
        Movement of each patch relative to the first used frame, that of the whole frame included.
    centres : (patches, 2) x, y, from −½ to ½ of the field
        Where the patches lie; needed with `tracks`, as is `field`.
    used : (patches,) bool
        Patches that took part in the fit of the local movement; others are drawn grey. None of
        them: it was not corrected.
    picture : (y, x), row 0 at the bottom
        The average, any number of pixels; drawn faintly and blurred beneath the tracks, so that
        what is fit for a public page stays so.
    field : height, width in Å
        Of what the picture and the centres cover.
    size : pixels
        Side of the square drawing.

    Raises
    ------
    BadData
        Arrays of other shapes or numbers, no used frame, no finite track, or no field with tracks.
    """
    whole = movement.way(shifts, dose_per_frame)
    if tracks is None:
        return png.from_figure(_plain(whole, size), path)
    patches = movement.patches(tracks, centres, used, whole)
    drawn = tracked.drawing(whole, patches, picture=picture, field=field, size=size)
    return png.save(drawn, path)


def _plain(way: movement.Way, size: int) -> Figure:
    """The path alone, with axes in Å."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    points, (x, y), (low, high) = way.points, way.points.T, way.span
    figure, axes = palette.figure(size, size)
    unit = size / 800
    colours = palette.time_colours()
    segments = np.stack([points[:-1], points[1:]], axis=1)
    lines = LineCollection(list(segments), cmap=colours, linewidths=5 * unit, capstyle="round")
    lines.set_array((way.time[1:] + way.time[:-1]) / 2)
    lines.set_clim(low, high)
    axes.add_collection(lines)
    axes.scatter(
        x, y, c=way.time, cmap=colours, vmin=low, vmax=high, s=110 * unit**2, zorder=3,
        edgecolors=palette.PAPER, linewidths=1.5 * unit,
    )  # fmt: skip
    axes.scatter(
        x[:1], y[:1], s=420 * unit**2, zorder=4, facecolors=palette.PAPER,
        edgecolors=palette.TIME[0], linewidths=5 * unit,
    )  # fmt: skip

    middle = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    half = max(np.ptp(x), np.ptp(y), 1.0) / 2 * 1.2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    words = {"fontsize": palette.FONT * unit, "color": palette.INK}
    axes.set_xlabel("x (Å)", **words)
    axes.set_ylabel("y (Å)", **words)
    axes.set_title(
        f"Path {way.total:.1f} Å, range {way.reach:.1f} Å", loc="left", pad=14 * unit,
        fontsize=palette.FONT * 1.1 * unit, color=palette.INK, fontweight="bold",
    )  # fmt: skip
    bar = figure.colorbar(lines, ax=axes, fraction=0.045, pad=0.03, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=0.82 * palette.FONT * unit, length=0, labelcolor=palette.MUTED)
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=way.counted))
    bar.set_label(way.meaning, labelpad=10 * unit, **words)
    figure.set_layout_engine("tight", pad=0.6 * unit)
    return figure
