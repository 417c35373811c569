"""The drift plot with patches: their tracks, enlarged on the field, above the whole frame's path.

Tracks show movement relative to the whole frame: beside an overall drift of 60 Å a local movement
of 5 Å could not be seen, and all tracks would look alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageFilter

from focusnb.errors import BadData
from focusnb.pictures import palette, tone
from focusnb.pictures.movement import Patches, Way
from focusnb.pictures.pen import SIDE, Box, Pen, Stroke, rounded

MARGIN = 18
HEAD = 56  # height of the line above the field
NOTE = 34  # height of the line below the field
PANEL = 160  # side of the square that shows the whole frame's path
FILL = 0.85  # of a cell's sides that a track may take: neighbours stay apart
LEAST = 0.1  # Å; what moves less is not blown up to fill a cell
BLUR = 1 / 48  # of the longer side, as pages blur averages: no particle is to be seen
FAINT = 0.35  # of its contrast with paper that the picture beneath keeps


def drawing(
    way: Way,
    patches: Patches,
    *,
    picture: ArrayLike | None,
    field: tuple[float, float] | None,
    size: int,
) -> Image.Image:
    """The tracks of patches on their field (height, width in Å), and the way beneath it."""
    if field is None or np.shape(field) != (2,) or not all(np.isfinite(f) and f > 0 for f in field):
        raise BadData(f"tracks need the field they lie in, (height, width) in Å, not {field!r}")
    pen = Pen.on(size)
    box = _frame(field)
    panel = Box(MARGIN, MARGIN, PANEL, PANEL)
    if picture is not None:
        pen.picture(_beneath(picture, box), box)
    pen.frame(box)
    pen.frame(panel)

    cell = _cell(patches.centres)
    # When none is used they are grey, but what they do is looked at all the same.
    kept = patches if patches.used.any() else replace(patches, used=~patches.used)
    factor = _enlargement(kept.local[kept.used], cell, field)
    tracks = _placed(kept, factor, cell, field, box)
    path, scale = _fitted(way.points, panel)
    colours = _colours(way)
    shades = np.repeat(colours[None], len(tracks), axis=0)
    shades[~patches.used, :, :3] = np.array(palette.rgb(palette.DIMMED)) / 255
    thick = float(np.clip(cell * min(box.width, box.height) / 19, 2.4, 5.5))
    casing = Stroke(tracks, np.ones_like(shades), thick + 3)
    pen.strokes([casing, Stroke(tracks, shades, thick), Stroke(path[None], colours[None], 6)])
    pen.starts(tracks[patches.used, 0], 2.3 * thick)
    pen.crosses(tracks[~patches.used, 0], 2.3 * thick)
    pen.starts(path[:1], 15)

    right = SIDE - MARGIN
    verb = "enlarged" if factor > 1 else "drawn"
    pen.words(MARGIN, box.top + 14, f"Local motion, {verb} {factor:g}×", bold=True)
    pen.scale_bar(right, box.top + 24, factor * box.width / field[1])
    note = "Patches relative to the whole frame, ○ first"
    if not patches.used.any():
        note = "Patches relative to the whole frame, × first; not corrected"
    elif not patches.used.all():
        note += f"; × and grey: {np.sum(~patches.used)} of {len(tracks)} left out"
    pen.words(MARGIN, box.bottom - 26, note, tall=20, colour=palette.MUTED)
    left = panel.right + 24
    pen.words(left, panel.top - 26, "Whole frame", bold=True)
    pen.scale_bar(right, panel.top - 16, scale)
    pen.words(left, panel.top - 68, f"Path {way.total:.1f} Å, range {way.reach:.1f} Å")
    pen.words(left, panel.bottom + 36, way.meaning, tall=26)
    begin = left + 15 * len(way.meaning) + 16
    time = Box(begin, panel.bottom + 34, right - begin - 18, 20)
    pen.time_bar(time, *way.span, whole=way.counted)
    return pen.drawing()


def _frame(field: tuple[float, float]) -> Box:
    """The largest rectangle with the field's proportions in the place that is left for it."""
    bottom = PANEL + 2 * MARGIN + NOTE
    room = SIDE - 2 * MARGIN, SIDE - HEAD - bottom
    scale = min(room[0] / field[1], room[1] / field[0])
    width, height = field[1] * scale, field[0] * scale
    return Box((SIDE - width) / 2, bottom + (room[1] - height) / 2, width, height)


def _cell(centres: NDArray) -> float:
    """How large cells around patches may be, as part of the field's sides, without overlap.

    centres: (patches, 2) from −½ to ½ of the field. Patches at the same place share a cell.
    """
    apart = np.abs(centres[:, None] - centres).max(axis=2)
    spacing = float(apart[apart > 0.01].min(initial=1.0))
    inside = float(1 - 2 * np.abs(centres).max())  # cells of outer patches end where the field does
    return max(min(spacing, inside), spacing / 4)


def _enlargement(local: NDArray, cell: float, field: tuple[float, float]) -> float:
    """The largest of …, 1, 2, 5, 10, 20, 50, … times at which each track fits into its cell.

    Parameters
    ----------
    local : (patches, m, 2) x, y in Å
        Each with a finite point.
    cell : side of the cells, as part of the field's sides
    field : height, width in Å
    """
    extent = np.nanmax(local, axis=1) - np.nanmin(local, axis=1)
    largest = np.maximum(extent.max(axis=0), LEAST)
    return rounded(float((FILL * cell * np.array(field[::-1]) / largest).min()))


def _placed(
    patches: Patches, factor: float, cell: float, field: tuple[float, float], box: Box
) -> NDArray:
    """Where in the drawing tracks go: (patches, m, 2), the middle of each at its patch's centre.

    A patch left out sets no scale: its track begins at the centre and ends where it leaves the cell.
    """
    away = patches.local * (factor / np.array(field[::-1]))  # parts of the field
    middle = (np.nanmax(away, axis=1) + np.nanmin(away, axis=1)) / 2
    away -= np.where(patches.used[:, None], middle, 0)[:, None]
    outside = (np.abs(away) > cell / 2).any(axis=2) & ~patches.used[:, None]
    away[np.logical_or.accumulate(outside, axis=1)] = np.nan
    places = patches.centres[:, None] + 0.5 + away
    return places * [box.width, box.height] + [box.left, box.bottom]


def _fitted(points: NDArray, panel: Box) -> tuple[NDArray, float]:
    """A path (m, 2) in Å as large as a panel takes it, in its middle; and units per Å."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = panel.width * 0.76 / max(*(high - low), 1.0)
    middle = [panel.left + panel.width / 2, panel.bottom + panel.height / 2]
    return (points - (low + high) / 2) * scale + middle, float(scale)


def _colours(way: Way) -> NDArray:
    """Colours of the pieces between frames: (m − 1, 4)."""
    low, high = way.span
    between = (way.time[1:] + way.time[:-1]) / 2
    return palette.time_colours()((between - low) / (high - low))


def _beneath(picture: ArrayLike, box: Box) -> Image.Image:
    """The picture, blurred and faint, with as many pixels as the box has units."""
    small = tone.shrink(tone.checked(picture), 400)
    grey = tone.grey(small, *tone.contrast(small))
    grey = grey.filter(ImageFilter.GaussianBlur(max(grey.size) * BLUR))
    grey = grey.point([round(255 - (255 - v) * FAINT) for v in range(256)])
    return grey.resize((round(box.width), round(box.height)), Image.Resampling.BICUBIC)
