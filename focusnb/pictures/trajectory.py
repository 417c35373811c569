"""The drift plot: where the specimen went during the exposure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from focusnb.errors import BadData
from focusnb.pictures import palette, png


def drift(
    shifts: ArrayLike,
    path: str | Path,
    *,
    dose_per_frame: float | None = None,
    size: int = 800,
) -> Path:
    """Draw the path of the specimen, in Å, coloured from the first frame to the last.

    Parameters
    ----------
    shifts : (n, 2) x, y in Å
        Specimen movement relative to the first used frame; rows of NaN are frames not used.
    path : where to write
    dose_per_frame : e/Å²
        If given, the colour bar shows the dose instead of the frame's number.
    size : pixels
        Side of the square picture.

    Raises
    ------
    BadData
        The shifts have another shape, or no frame was used.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    points = np.asarray(shifts, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise BadData(f"shifts are (frames, 2), x and y in Å, not of shape {points.shape}")
    used = np.flatnonzero(np.isfinite(points).all(axis=1))
    if used.size == 0:
        raise BadData(f"none of the {len(points)} frames has a shift: there is no path to draw")
    x, y = points[used].T
    if dose_per_frame is None:
        time, meaning = used + 1.0, "Frame"
    else:
        time, meaning = (used + 1.0) * dose_per_frame, "Dose (e/Å²)"
    low, high = (time[0], time[-1]) if used.size > 1 else (time[0] - 1, time[0])

    figure, axes = palette.figure(size, size)
    unit = size / 800
    colours = LinearSegmentedColormap.from_list("time", palette.TIME)
    segments = np.stack([points[used][:-1], points[used][1:]], axis=1)
    lines = LineCollection(list(segments), cmap=colours, linewidths=5 * unit, capstyle="round")
    lines.set_array((time[1:] + time[:-1]) / 2)
    lines.set_clim(low, high)
    axes.add_collection(lines)
    axes.scatter(
        x, y, c=time, cmap=colours, vmin=low, vmax=high, s=110 * unit**2, zorder=3,
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
    total = float(np.linalg.norm(np.diff(points[used], axis=0), axis=1).sum())
    reach = float(np.hypot(np.ptp(x), np.ptp(y)))
    axes.set_title(
        f"Path {total:.1f} Å, range {reach:.1f} Å", loc="left", pad=14 * unit,
        fontsize=palette.FONT * 1.1 * unit, color=palette.INK, fontweight="bold",
    )  # fmt: skip
    bar = figure.colorbar(lines, ax=axes, fraction=0.045, pad=0.03, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=0.82 * palette.FONT * unit, length=0, labelcolor=palette.MUTED)
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=dose_per_frame is None))
    bar.set_label(meaning, labelpad=10 * unit, **words)
    figure.set_layout_engine("tight", pad=0.6 * unit)
    return png.from_figure(figure, path)
