"""Filaments: ridges of a given width, followed along, and cut into segments with an angle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels.picking import ridges
from focusnb.kernels.picking import small as searching
from focusnb.kernels.picking.balls import flattened
from focusnb.kernels.picking.exclude import Exclusion
from focusnb.kernels.picking.picks import Picks, points
from focusnb.kernels.picking.ridges import Oriented, Path

ACROSS = 8  # pixels across a filament in the picture that is searched
SHORTEST = 5.0  # widths: shorter ridges are too often noise, and hold few segments
SMOOTH = 1.0  # widths: standard deviation of the Gaussian that smooths a path
CROSSING = 1.0  # widths from another filament, within which there are no segments
NOISE = 3.8  # sd; no ridge of five widths in 48 pictures of noise was as high in the mean
FALSE = 0.2  # ridges of the other contrast for one that is found
RIVAL = 0.5  # of a filament's score, from which on another one that crosses it counts
FRINGE = 0.7  # of a ridge's score, that filaments have if it is their fringe
IMPRINT = 2.0  # widths from a filament, within which its fringes lie
ONE_SIDED = 0.8  # of a ridge's height, by which its two sides differ when it is an edge


def filaments(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    spacing: float | None = None,
    threshold: float | None = None,
    shortest: float | None = None,
    bright: bool = False,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """Segments of filaments that stand out from noise.

    Parameters
    ----------
    picture : (y, x)
    pixel_size : Å
    diameter : width of the filaments, Å
    spacing : between segments along a filament, Å; one width when not given
    threshold : lowest score; None reads it from the scores (`line`)
    shortest : length of the shortest filament, Å; five widths when not given
    bright : filaments are brighter than their surroundings (negative stain, inverted contrast)
    exclude : where nothing is picked
    border : no segments nearer to the edge, Å; half a width when not given
    workers : threads of the Fourier transforms

    Raises
    ------
    BadData
        When the picture is bad, the width does not fit it, or a length is no positive number.
    """
    found = find_filaments(
        picture, pixel_size=pixel_size, diameter=diameter, spacing=spacing, shortest=shortest,
        bright=bright, exclude=exclude, border=border, workers=workers,
    )  # fmt: skip
    return found.above(line(found) if threshold is None else threshold)


def find_filaments(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    spacing: float | None = None,
    shortest: float | None = None,
    bright: bool = False,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """Segments of all ridges, whatever their score; ridges of the other contrast are the noise.

    The class is the number of the filament, from 1, the best first; the angle is its direction there;
    the score is the mean height of the whole filament's ridge in sd of noise (less that across it,
    `Path.score`), so a threshold takes whole filaments. Where filaments cross are no segments.

    The parameters are those of `filaments`.
    """
    spacing = _length("spacing of segments", diameter if spacing is None else spacing)
    shortest = _length("shortest filament", SHORTEST * diameter if shortest is None else shortest)
    small = searching.shrink(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, workers=workers
    )
    width = diameter / small.pixel_size
    free = None if exclude is None else exclude.free(small)
    flat = flattened(small.values if bright else -small.values, width, free=free)
    edge = (0.5 * diameter if border is None else border) / pixel_size
    cut = _Cut(small, width, spacing / small.pixel_size, edge, diameter, exclude)
    length = shortest / small.pixel_size
    found = ridges.oriented(flat, width, workers=workers)
    paths = _lines(found, flat, length, width)
    other = _lines(found.reversed(), -flat, length, width)
    noise = [path for path in other if not _beside(path, paths, IMPRINT * width)]
    return replace(cut.segments(paths), noise=cut.segments(noise))


def line(picks: Picks) -> float:
    """The automatic threshold of filaments; infinite when there are none.

    The lowest score, above what noise of the same strength everywhere reaches, at which ridges of
    the other contrast are few beside those found: then those found are no background.
    """
    found = _each(picks)
    noise = np.empty(0) if picks.noise is None else np.sort(_each(picks.noise))
    scores = np.sort(found[found >= NOISE])[::-1]
    false = noise.size - np.searchsorted(noise, scores)
    good = np.nonzero(false <= FALSE * np.arange(1, scores.size + 1))[0]
    return float(scores[good[-1]]) if good.size else float("inf")


def _each(picks: Picks) -> NDArray:
    """The score of each filament."""
    _, first = np.unique(picks.classes, return_index=True)
    return picks.score[first]


def _length(what: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise BadData(f"the {what} is {value} Å; it must be a positive number")
    return float(value)


def _lines(seen: Oriented, flat: NDArray, shortest: float, width: float) -> list[Path]:
    """Smooth paths along ridges that are long enough and are no edges, the best first."""
    found = []
    for path in seen.paths():
        smooth = path.smoothed(SMOOTH * width)
        if smooth.length >= shortest and not _edge(smooth, flat, width):
            found.append(smooth)
    return sorted(found, key=lambda one: -one.score)


def _beside(path: Path, others: list[Path], distance: float) -> bool:
    """Whether most of a path lies beside others as high: it is their fringe, not noise."""
    high = [one for one in others if one.score > FRINGE * path.score]
    if not high:
        return False
    tree = scipy.spatial.cKDTree(np.concatenate([np.stack([p.x, p.y], 1) for p in high]))
    return float((tree.query(np.stack([path.x, path.y], 1))[0] < distance).mean()) > 0.5


def _edge(path: Path, flat: NDArray, width: float) -> bool:
    """Whether the two sides of a ridge differ as much as it is high: a step, not a filament."""
    nx, ny = -path.direction[:, 1], path.direction[:, 0]
    left, middle, right = (
        scipy.ndimage.map_coordinates(
            flat, [path.y + k * width * ny, path.x + k * width * nx], order=1, mode="nearest"
        ).mean()
        for k in (-1, 0, 1)
    )
    return bool(abs(left - right) > ONE_SIDED * (middle - (left + right) / 2))


@dataclass(frozen=True, slots=True)
class _Cut:
    """How paths in a small picture become segments in the picture."""

    small: searching.Small
    width: float  # small pixels
    spacing: float  # small pixels
    border: float  # pixels of the picture
    diameter: float  # Å
    exclude: Exclusion | None

    def segments(self, paths: list[Path]) -> Picks:
        """Segments of all paths, numbered from 1 in their order."""
        rows = [np.empty((0, 5))]
        for number, path in enumerate(paths, 1):
            x, y, angle = path.at_every(self.spacing)
            x, y, angle = (v[self._alone(x, y, path, paths)] for v in (x, y, angle))
            column, row = self.small.to_picture(x, y)
            table = [column, row, np.full(len(x), path.score), np.full(len(x), number), angle]
            rows.append(np.stack(table, axis=1)[self._inside(column, row)])
        x, y, score, number, angle = np.concatenate(rows).T
        _, number = np.unique(number, return_inverse=True)  # none is left of some
        return points(x, y, score, diameter=self.diameter, classes=number + 1, angle=angle)

    def _alone(self, x: NDArray, y: NDArray, path: Path, paths: list[Path]) -> NDArray:
        """Which points of a path are not near another one."""
        others = [p for p in paths if p is not path and p.score > RIVAL * path.score]
        if not others or not len(x):
            return np.ones(len(x), bool)
        tree = scipy.spatial.cKDTree(np.concatenate([np.stack([p.x, p.y], 1) for p in others]))
        return tree.query(np.stack([x, y], 1))[0] > CROSSING * self.width

    def _inside(self, x: NDArray, y: NDArray) -> NDArray:
        height, width = self.small.shape
        near = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
        free = near >= self.border
        return free if self.exclude is None else free & ~self.exclude.covers(x, y)
