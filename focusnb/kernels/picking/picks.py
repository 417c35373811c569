"""Picks: points with score, diameter, class and angle; those of a score map, and a choice among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Picks:
    """Points in pixels of the picture (pixel centres at integers), the best first.

    All arrays have the shape (k,). What a picker does not tell is 0 (class, angle) or NaN.
    """

    x: NDArray
    y: NDArray
    score: NDArray  # height of the answer in sd of its surroundings
    diameter: NDArray  # Å
    classes: NDArray  # which template or filament, from 1; 0 of blobs
    angle: NDArray  # degrees, direction (cos, sin) = (column, row); of filaments in (−90°, 90°]
    threshold: float = -np.inf  # the score from which on points were taken
    distance: float = 0.0  # pixels that they keep between each other
    area: float = np.nan  # of what was searched, pixels of the picture squared
    noise: Picks | None = None  # candidates of the other contrast: how high noise alone answers

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, which: Any) -> Picks:
        """Some of the picks: a slice, a mask, or an array of indices."""
        columns = ("x", "y", "score", "diameter", "classes", "angle")
        return replace(self, **{name: getattr(self, name)[which] for name in columns})

    def above(self, threshold: float) -> Picks:
        """Those whose score is the threshold or more."""
        return replace(self[self.score >= threshold], threshold=float(threshold))

    def table(self) -> pd.DataFrame:
        """Columns x, y, score, diameter, class, angle; one row a pick."""
        import pandas as pd

        columns = ("x", "y", "score", "diameter", "classes", "angle")
        table = pd.DataFrame({name: getattr(self, name) for name in columns})
        return table.rename(columns={"classes": "class"})


def points(
    x: ArrayLike,
    y: ArrayLike,
    score: ArrayLike = np.nan,
    *,
    diameter: ArrayLike = np.nan,
    classes: ArrayLike = 0,
    angle: ArrayLike = 0.0,
    area: float = np.nan,
    noise: Picks | None = None,
) -> Picks:
    """Picks of these columns (k,) or single values, ordered by falling score (NaN last)."""
    x, y = (np.atleast_1d(np.asarray(v, np.float64)) for v in (x, y))
    if x.shape != y.shape or x.ndim != 1:
        raise BadData(f"x has the shape {x.shape} and y {y.shape}; one of each is needed a pick")
    score, diameter, angle = (
        np.broadcast_to(np.asarray(v, np.float64), x.shape) for v in (score, diameter, angle)
    )
    classes = np.broadcast_to(np.asarray(classes, np.int64), x.shape)
    # as files and pages hold them: so a threshold that is a score takes the same picks everywhere
    score = score.astype(np.float32).astype(np.float64)
    order = np.argsort(-score, kind="stable")
    columns = (x, y, score, diameter, classes, angle)
    return Picks(*(column[order] for column in columns), area=area, noise=noise)


def maxima(score: NDArray, *, border: float = 1.0) -> tuple[NDArray, NDArray, NDArray]:
    """The maxima of a score map (y, x) that are positive and at least `border` off its edge.

    Returns x, y (k,), with their fraction from the parabola through three values, and the index
    (k, 2) row, column of the pixels; the highest first.
    """
    highest = scipy.ndimage.maximum_filter(score, 3, mode="nearest")
    row, column = np.nonzero((score == highest) & (score > 0))
    edge = max(float(border), 1.0)
    height, width = score.shape
    inside = (column >= edge) & (column <= width - 1 - edge)
    inside &= (row >= edge) & (row <= height - 1 - edge)
    row, column = row[inside], column[inside]
    order = np.argsort(-score[row, column], kind="stable")
    row, column = row[order], column[order]
    return *top(score, row, column), np.stack([row, column], axis=1)


def _vertex(before: NDArray, here: NDArray, after: NDArray) -> NDArray:
    """Top of the parabola through three values, −½ … ½ from the middle one."""
    curvature = before - 2 * here + after
    slope = 0.5 * (before - after)
    safe = np.where(curvature < 0, curvature, -1.0)
    return np.clip(np.where(curvature < 0, slope / safe, 0.0), -0.5, 0.5)


def apart(picks: Picks, distance: float) -> Picks:
    """Those that stay when of two picks nearer than `distance` (pixels) the better one is kept.

    Greedy from the best one on: a pick has no say in what happens to better ones, so a higher
    threshold only shortens the list. What noise alone answers (`Picks.noise`) is thinned alike.
    """
    from focusnb.kernels.picking import loops  # compiled, when one is first used

    if not (np.isfinite(distance) and distance >= 0):
        raise BadData(
            f"the distance between picks is {distance} pixels; it must be a number from 0"
        )
    if picks.noise is not None:
        picks = replace(picks, noise=apart(picks.noise, distance))
    if len(picks) < 2 or distance <= picks.distance:
        return picks
    kept = loops.apart(picks.x, picks.y, float(distance))
    return replace(picks[kept], distance=float(distance))


def top(score: NDArray, row: NDArray, column: NDArray) -> tuple[NDArray, NDArray]:
    """x, y (k,) of maxima near pixels of a map, with their fraction: parabolas through three values."""
    here = score[row, column]
    x = column + _vertex(score[row, column - 1], here, score[row, column + 1])
    y = row + _vertex(score[row - 1, column], here, score[row + 1, column])
    return x, y
