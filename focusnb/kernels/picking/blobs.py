"""Particles as blobs: places where the picture looks like a ball of protein seen through the lens."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels.picking import small as searching
from focusnb.kernels.picking.balls import BALLS, SPACING, flattened, search
from focusnb.kernels.picking.exclude import Exclusion
from focusnb.kernels.picking.picks import Picks, apart, top
from focusnb.kernels.picking.threshold import automatic

ACROSS = 16  # pixels across a particle in the picture that is searched
CENTRED = (0.8, 0.95)  # balls by which picks are centred; the second one if found by a larger one
REACH = 0.3  # diameters a pick may be moved to its centre


def blobs(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    threshold: float | None = None,
    distance: float | None = None,
    smallest: float | None = None,
    bright: bool = False,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """Blobs of about one diameter that stand out from their surroundings.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    diameter : of the particles, their largest extent, Å
    threshold : lowest score; None reads it from the scores (`automatic`)
    distance : smallest distance of two picks, Å; 0.8 diameters when not given
    smallest : diameter of the smallest ball that is tried, Å; 0.4 diameters when not given
    bright : particles are brighter than their surroundings (negative stain, inverted contrast)
    exclude : where nothing is picked
    border : no picks nearer to the edge, Å; half a diameter when not given
    workers : threads of the Fourier transforms

    Raises
    ------
    BadData
        When the picture is bad, or the diameter does not fit it.
    """
    found = find_blobs(
        picture, pixel_size=pixel_size, diameter=diameter, smallest=smallest, bright=bright,
        exclude=exclude, border=border, workers=workers,
    )  # fmt: skip
    far = SPACING * diameter if distance is None else distance
    found = apart(found, far / pixel_size)
    return found.above(automatic(found) if threshold is None else threshold)


def find_blobs(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    smallest: float | None = None,
    bright: bool = False,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """All candidates, whatever their score: what thresholds and distances choose from.

    They are centred by a ball of about the particle's size, whichever found them (`balls.search`).
    Their diameter is that of the ball that found them.

    The parameters are those of `blobs`.
    """
    small = searching.shrink(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, workers=workers
    )
    across = diameter / small.pixel_size
    free = None if exclude is None else exclude.free(small)
    flat = flattened(small.values if bright else -small.values, across, free=free)
    edge = 0.5 * diameter if border is None else border
    found = search(
        flat, small, diameter=diameter, border=edge, sizes=_sizes(smallest, diameter),
        exclude=exclude, workers=workers,
    )  # fmt: skip
    wide = CENTRED[found.size > CENTRED[0]]
    score = found.filtered(wide, found.coarsest)
    return _centred(found.picks, score, small, REACH * across)


def _sizes(smallest: float | None, diameter: float) -> tuple[float, ...]:
    """The balls that are tried, in diameters."""
    if smallest is None:
        return BALLS
    if not (np.isfinite(smallest) and 0 < smallest <= diameter):
        raise BadData(
            f"the smallest diameter is {smallest:g} Å; it must be positive and not larger than the "
            f"particle_diameter of {diameter:g} Å"
        )
    return tuple(size for size in BALLS if size >= smallest / diameter - 0.05)


def _centred(picks: Picks, score: NDArray, small: searching.Small, reach: float) -> Picks:
    """The picks, moved to the highest place of a score map within `reach` (small pixels)."""
    if not len(picks):
        return picks
    column, row = (np.rint(v).astype(int) for v in small.from_picture(picks.x, picks.y))
    r = int(reach)
    dy, dx = np.mgrid[-r : r + 1, -r : r + 1]
    near = np.hypot(dx, dy) <= reach
    dx, dy = dx[near], dy[near]
    height, width = score.shape
    rows = np.clip(row[:, None] + dy, 1, height - 2)
    columns = np.clip(column[:, None] + dx, 1, width - 2)
    best = np.argmax(score[rows, columns], axis=1)
    pick = np.arange(len(picks))
    x, y = small.to_picture(*top(score, rows[pick, best], columns[pick, best]))
    return replace(picks, x=x, y=y)
