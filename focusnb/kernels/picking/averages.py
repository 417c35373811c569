"""Averages of picks as templates: a second, better pass that needs no input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import fourier
from focusnb.kernels.picking import correlation, matching
from focusnb.kernels.picking.balls import SPACING
from focusnb.kernels.picking.exclude import Exclusion
from focusnb.kernels.picking.picks import Picks, apart
from focusnb.kernels.picking.rotations import rotations, turn
from focusnb.kernels.picking.threshold import automatic

ACROSS = 16  # pixels across a particle in the picture that is searched
ANGLE_STEP = 10.0  # degrees
DETAIL = 1 / 4  # diameters: finer detail of an average is mostly noise
FOLDS = (2, 3, 1)  # angular harmonics by which picks are turned for the first averages
ROUNDS = 5
FEW = 20  # picks; of fewer only the mean over all directions is made
MOST = 200  # picks in the averages; more make them no better, only slower
LEAST = 8  # picks in one average
BETTER = 1.3  # times the height above noise that the second pass must have to be preferred


@dataclass(frozen=True, slots=True)
class Averages:
    """Averages of picks, particles bright, in the pixels of the picture that was searched."""

    pictures: NDArray  # (n, side, side) float32, centre at side // 2
    pixel_size: float  # Å
    counts: NDArray  # (n,) picks in each


def averages(
    picture: ArrayLike,
    picks: Picks,
    *,
    pixel_size: float,
    diameter: float,
    count: int = 4,
    bright: bool = False,
    exclude: Exclusion | None = None,
    workers: int = 1,
) -> Averages:
    """Averages of picks by their looks, aligned in the plane: templates for `find_templates`.

    The first averages are the mean over all directions and those of picks turned by the phase of
    their second, third and first angular harmonic. With them the picture is searched, the best
    finds are cut out, turned back and averaged by template, and so on (projection matching as of
    Penczek et al. 1994, Ultramicroscopy 53:251, in two dimensions). Nothing is drawn by chance.

    Parameters
    ----------
    picture : (y, x)
    picks : all candidates (`find_blobs`), of which the automatic threshold chooses, or chosen ones
    pixel_size : Å
    diameter : of the particles, Å
    count : at most so many averages, 1 to 4; one is the mean over all directions
    bright : particles are brighter than their surroundings
    exclude : where nothing is looked for
    workers : threads

    Raises
    ------
    BadData
        When the picture is bad, the diameter does not fit it, or there is no pick.
    """
    if not 1 <= count <= 1 + len(FOLDS):
        raise BadData(f"{count} averages were asked for; it is 1 to {1 + len(FOLDS)}")
    chosen = _chosen(picks, diameter / pixel_size)
    if not len(chosen):
        raise BadData("there are no picks to average: none is above the automatic threshold")
    ground = _ground(picture, pixel_size, diameter, bright, exclude, workers)
    made = _first(ground, chosen, count)
    if len(chosen) >= FEW and count > 1:
        made, _ = _learned(ground, made, exclude=exclude, border=None, workers=workers)
    return made


def find_again(
    picture: ArrayLike,
    picks: Picks,
    *,
    pixel_size: float,
    diameter: float,
    bright: bool = False,
    exclude: Exclusion | None = None,
    border: float | None = None,
    workers: int = 1,
) -> Picks:
    """All candidates of a second pass: the places that look most like averages of the first picks.

    The score is the height above the noise's candidates, in their scatter. With fewer than 20 picks
    to learn from, and when the second pass's picks do not stand out from noise more clearly than
    the first one's, the picks that were given are given back, with scores of the same kind.

    The parameters are those of `averages` and `find_blobs`.
    """
    chosen = _chosen(picks, diameter / pixel_size)
    if len(chosen) < FEW:
        return _above_noise(picks)
    ground = _ground(picture, pixel_size, diameter, bright, exclude, workers)
    first = _first(ground, chosen, 1 + len(FOLDS))
    _, found = _learned(ground, first, exclude=exclude, border=border, workers=workers)
    before = _height(picks, len(chosen), diameter / pixel_size)
    after = _height(found, len(chosen), diameter / pixel_size)
    return found if after > BETTER * before else _above_noise(picks)


def _ground(
    picture: ArrayLike,
    pixel_size: float,
    diameter: float,
    bright: bool,
    exclude: Exclusion | None,
    workers: int,
) -> matching.Searched:
    return matching.searched(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, bright=bright,
        whiten=True, exclude=exclude, workers=workers,
    )  # fmt: skip


def _chosen(picks: Picks, diameter: float) -> Picks:
    """The picks that averages are made of, the best first.  diameter: pixels of the picture."""
    if picks.noise is not None and not np.isfinite(picks.threshold):
        picks = apart(picks, SPACING * diameter)
        picks = picks.above(automatic(picks))
    return picks[:MOST]


def _learned(
    ground: matching.Searched,
    made: Averages,
    *,
    exclude: Exclusion | None,
    border: float | None,
    workers: int,
) -> tuple[Averages, Picks]:
    """Averages after some rounds of searching and averaging, and the candidates of the last round."""
    angles = rotations(ANGLE_STEP)
    diameter = ground.diameter / ground.steps[0] * ground.small.step[0]
    found: Picks | None = None
    for _ in range(ROUNDS):
        if found is not None and len(found):
            made = _averaged(ground, _enough(found, diameter), made)
        turned = turn(
            made.pictures, angles, pixel_size=made.pixel_size, steps=ground.steps, side=ground.side
        )
        fit = correlation.best_fit(ground.ground, ground.fitted(turned), workers=workers)
        found = _above_noise(
            matching.candidates(ground, fit, angles, border=border, exclude=exclude)
        )
    assert found is not None
    return made, found


def _enough(found: Picks, diameter: float) -> Picks:
    """The picks above the threshold, or the best ones when those are too few."""
    spaced = apart(found, SPACING * diameter)
    return spaced[: int(np.clip((spaced.score >= automatic(spaced)).sum(), FEW, MOST))]


def _first(ground: matching.Searched, picks: Picks, count: int) -> Averages:
    """The mean over all directions, and averages of picks turned by their angular harmonics."""
    across = ground.diameter / ground.small.pixel_size
    boxes = _boxes(ground, picks.x, picks.y, np.zeros(len(picks)))
    made = [_all_round(boxes.mean(axis=0))]
    counts = [len(picks)]
    if count > 1 and len(picks) >= FEW:
        x, y = _grid(boxes.shape[-1])
        smooth = _smooth(boxes, across) - _all_round(boxes.mean(axis=0))
        for fold in FOLDS[: count - 1]:
            radius, turned = np.hypot(x, y), np.arctan2(y, x)
            weight = radius ** min(fold, 2) * np.exp(-0.5 * (radius / (0.35 * across)) ** 2)
            wave = (smooth * weight * np.exp(1j * fold * turned)).sum(axis=(-2, -1))
            clear = np.abs(wave) >= np.median(np.abs(wave))
            angle = np.rad2deg(np.angle(wave[clear])) / fold
            some = _boxes(ground, picks.x[clear], picks.y[clear], angle)
            made.append(some.mean(axis=0))
            counts.append(len(some))
    return _finished(ground, np.stack(made), np.array(counts))


def _averaged(ground: matching.Searched, picks: Picks, before: Averages) -> Averages:
    """Averages of picks by their class, turned back; classes of few are given up."""
    boxes = _boxes(ground, picks.x, picks.y, picks.angle)
    numbers = np.arange(1, len(before.pictures) + 1)
    counts = np.array([(picks.classes == k).sum() for k in numbers])
    kept = numbers[counts >= LEAST]
    if not len(kept):
        return _finished(ground, boxes.mean(axis=0)[None], np.array([len(boxes)]))
    made = np.stack([boxes[picks.classes == k].mean(axis=0) for k in kept])
    return _finished(ground, made, counts[kept - 1])


def _finished(ground: matching.Searched, pictures: NDArray, counts: NDArray) -> Averages:
    """Averages smoothed, and with the particle in the middle."""
    across = ground.diameter / ground.small.pixel_size
    smooth = _smooth(pictures, across)
    centred = fourier.shift(smooth, -np.array([_middle(one, across) for one in smooth]))
    return Averages(centred, ground.small.pixel_size, counts)


def _smooth(pictures: NDArray, across: float) -> NDArray:
    return fourier.low_pass(pictures, DETAIL * across)


def _middle(average: NDArray, across: float) -> tuple[float, float]:
    """x, y of the middle of a bright particle near pixel side // 2, from there, pixels.

    Centre of mass of what is brighter than a part of the brightest, within a disk that follows.
    """
    x, y = _grid(len(average))
    bright = np.maximum(average - 0.15 * average[np.hypot(x, y) < 0.5 * across].max(), 0)
    at = (0.0, 0.0)
    for _ in range(6):
        mass = bright * (np.hypot(x - at[0], y - at[1]) < 0.6 * across)
        total = float(mass.sum())
        if total <= 0:
            return (0.0, 0.0)
        at = (float((mass * x).sum()) / total, float((mass * y).sum()) / total)
    return at


def _boxes(ground: matching.Searched, x: NDArray, y: NDArray, angle: NDArray) -> NDArray:
    """Boxes (n, side, side) around points of the picture, turned back by an angle, degrees.

    Their pixels are square although those of the small picture differ a little in x and y.
    """
    along, across = _grid(len(ground.ground.mask))
    scale = [ground.small.pixel_size / step for step in ground.steps]
    column, row = ground.small.from_picture(x, y)
    a = np.deg2rad(angle)[:, None, None]
    columns = column[:, None, None] + scale[0] * (np.cos(a) * along - np.sin(a) * across)
    rows = row[:, None, None] + scale[1] * (np.sin(a) * along + np.cos(a) * across)
    return scipy.ndimage.map_coordinates(ground.flat, [rows, columns], order=1, mode="reflect")


def _grid(side: int) -> tuple[NDArray, NDArray]:
    """x (1, side) and y (side, 1) from pixel side // 2."""
    away = np.arange(side) - side // 2
    return away[None, :], away[:, None]


def _all_round(average: NDArray) -> NDArray:
    """The mean over all directions."""
    x, y = _grid(len(average))
    radius = np.hypot(x, y)
    ring = np.rint(radius).astype(int)
    profile = fourier.radial_average(average, ring)
    return np.interp(radius, np.arange(len(profile)), profile)


def _noise(picks: Picks) -> tuple[float, float]:
    """Median and scatter of the scores of noise candidates."""
    score = picks.noise.score if picks.noise is not None and len(picks.noise) else np.zeros(1)
    middle = float(np.median(score))
    return middle, max(1.4826 * float(np.median(np.abs(score - middle))), 1e-6)


def _above_noise(picks: Picks) -> Picks:
    """The same picks with scores above the middle of noise candidates, in their scatter.

    Picks that know of no noise, as those of other programs, keep their scores.
    """
    if picks.noise is None:
        return picks
    middle, scatter = _noise(picks)
    noise = replace(picks.noise, score=_rounded((picks.noise.score - middle) / scatter))
    return replace(picks, score=_rounded((picks.score - middle) / scatter), noise=noise)


def _rounded(score: NDArray) -> NDArray:
    """Scores as `points` makes them."""
    return score.astype(np.float32).astype(np.float64)


def _height(picks: Picks, count: int, diameter: float) -> float:
    """How far the best `count` picks, all but a tenth, lie above noise candidates, in their scatter.

    Picks by hand have 0: what is found by them is better than nothing.
    """
    if picks.noise is None or not len(picks) or not np.isfinite(picks.score).all():
        return 0.0
    spaced = apart(matching.without_imprints(picks, diameter), SPACING * diameter)
    middle, scatter = _noise(spaced)
    return max((float(np.percentile(spaced.score[:count], 10)) - middle) / scatter, 0.0)
