"""Ridges of a picture: how it answers to lines in every direction, and paths along the crests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.kernels import fourier

DIRECTIONS = 24  # over half a turn
ACROSS, ALONG = 0.37, 1.25  # widths: standard deviations of the filter
SEED, END = 4.0, 2.5  # sd of noise: where a path may begin, and where it ends
FADED = 0.5  # of a path's median height: what is lower at its ends is beyond the filament
STEP = 1.0  # pixels
BEND = 15.0  # degrees by which a path may turn within a step
APART = 0.6  # widths between two paths that run alike
ALIKE = 30.0  # degrees between their directions, or less


@dataclass(frozen=True, slots=True)
class Path:
    """A curve along a ridge, one point about every pixel."""

    x: NDArray  # (n,) pixels
    y: NDArray
    height: NDArray  # (n,) of the ridge, sd of noise
    across: NDArray  # (n,) answer to a line across it, sd of noise

    @property
    def score(self) -> float:
        """Mean height; less that across, which a row of round particles has as well."""
        return float(self.height.mean() - max(self.across.mean(), 0.0))

    @property
    def along(self) -> NDArray:
        """Way from the first point, pixels: (n,)."""
        return np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(self.x), np.diff(self.y)))])

    @property
    def length(self) -> float:
        """From end to end along the curve, pixels."""
        return float(self.along[-1])

    @property
    def direction(self) -> NDArray:
        """x, y of the tangent, length 1: (n, 2)."""
        tangent = np.stack([np.gradient(self.x), np.gradient(self.y)], axis=1)
        return tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)

    def smoothed(self, sigma: float) -> Path:
        """The same without wiggles, sigma: pixels; its ends stay, turned over about themselves."""
        x, y = (_smooth(v, sigma / STEP) for v in (self.x, self.y))
        return Path(x, y, self.height, self.across)

    def at_every(self, spacing: float) -> tuple[NDArray, NDArray, NDArray]:
        """x, y and angle (degrees in (−90°, 90°]) of points at a spacing, the same rest at both ends."""
        along, direction = self.along, self.direction
        count = int(self.length / spacing) + 1
        way = (self.length - (count - 1) * spacing) / 2 + spacing * np.arange(count)
        x, y, dx, dy = (
            np.interp(way, along, v) for v in (self.x, self.y, direction[:, 0], direction[:, 1])
        )
        return x, y, 90 - (90 - np.rad2deg(np.arctan2(dy, dx))) % 180


def _smooth(values: NDArray, sigma: float) -> NDArray:
    reach = min(int(4 * sigma) + 1, len(values) - 1)
    if reach < 1:
        return values
    before = 2 * values[0] - values[reach:0:-1]
    after = 2 * values[-1] - values[-2 : -reach - 2 : -1]
    wide = np.concatenate([before, values, after])
    return scipy.ndimage.gaussian_filter1d(wide, sigma)[reach:-reach]


def oriented(flat: NDArray, width: float, *, workers: int = 1) -> Oriented:
    """Answers of a picture (y, x) to bright lines of a width (pixels) in every direction.

    The filter is the second derivative of a Gaussian across, a Gaussian along (Steger 1998, IEEE
    Trans. Pattern Anal. 20:113). A bar of width w answers most to σ = w / √12; filaments behind a
    lens are found best with a somewhat wider one. What is 0 in the picture has no say in how strong
    noise is.
    """
    margin = min(int(np.ceil(4 * ALONG * width)), min(flat.shape) - 1)
    wide = np.pad(flat, margin, mode="reflect")
    spectrum = fourier.transform(wide, workers=workers)
    ky, kx = (2 * np.pi * s for s in fourier.frequency_grid(wide.shape))
    inner = slice(margin, -margin)
    made = np.empty((*flat.shape, DIRECTIONS), np.float32)
    for k, angle in enumerate(np.pi * np.arange(DIRECTIONS) / DIRECTIONS):
        along = np.cos(angle) * kx + np.sin(angle) * ky
        across = np.cos(angle) * ky - np.sin(angle) * kx
        line = across**2 * np.exp(-0.5 * width**2 * ((ACROSS * across) ** 2 + (ALONG * along) ** 2))
        made[:, :, k] = fourier.inverse(spectrum * line, wide.shape, workers=workers)[inner, inner]
    seen = np.abs(made[flat != 0])
    noise = 1.4826 * float(np.median(seen)) if seen.size else 1.0
    return Oriented(made / np.float32(max(noise, 1e-30)), width)


@dataclass(frozen=True, slots=True)
class Oriented:
    """Answers of a picture to lines of a width in every direction, and the paths along its ridges."""

    answers: NDArray  # (y, x, direction) float32, sd of noise
    width: float  # pixels

    def reversed(self) -> Oriented:
        """The answers to dark lines."""
        return Oriented(-self.answers, self.width)

    def paths(self) -> Iterator[Path]:
        """Paths along all ridges, from their highest points on, the highest first."""
        best = self.answers.max(axis=2)
        row, column = np.nonzero(self._crests(best) & (best >= SEED))
        order = np.argsort(-best[row, column], kind="stable")
        taken = np.full(best.shape, np.nan, np.float32)  # direction of the path that was here
        for y, x in zip(row[order].tolist(), column[order].tolist(), strict=True):
            angle = int(np.argmax(self.answers[y, x])) * 180 / DIRECTIONS
            if _differ(angle, float(taken[y, x])) < ALIKE:
                continue
            ahead = self._follow(x, y, angle, taken)
            back = self._follow(x, y, angle + 180, taken)
            whole = np.array([*back[:0:-1], *ahead])
            self._take(whole, taken)
            path = _ended(whole)
            if len(path) > 3:
                yield Path(path[:, 0], path[:, 1], path[:, 2], path[:, 4])

    def _crests(self, best: NDArray) -> NDArray:
        """Whether a place is higher than its neighbours across the ridge: (y, x) bool."""
        angle = np.pi * self.answers.argmax(axis=2) / DIRECTIONS
        rows, columns = np.indices(best.shape)
        ny, nx = np.cos(angle), -np.sin(angle)
        sides = [
            scipy.ndimage.map_coordinates(
                best, [rows + k * ny, columns + k * nx], order=1, mode="nearest"
            )
            for k in (-1, 1)
        ]
        return (best > 0) & (best >= sides[0]) & (best >= sides[1])

    def _follow(
        self, x: float, y: float, angle: float, taken: NDArray
    ) -> list[tuple[float, float, float, float, float]]:
        """x, y, height, angle, height across from a point on along its ridge, until it is low or taken."""
        height, width = taken.shape
        at, way = (float(x), float(y)), angle
        found = []
        while True:
            way, level, aside, across = self._look(at, way)
            at = (
                at[0] - aside * np.sin(np.deg2rad(way)),
                at[1] + aside * np.cos(np.deg2rad(way)),
            )
            found.append((at[0], at[1], level, way, across))
            on = (at[0] + STEP * np.cos(np.deg2rad(way)), at[1] + STEP * np.sin(np.deg2rad(way)))
            column, row = round(on[0]), round(on[1])
            inside = 1 <= column < width - 1 and 1 <= row < height - 1
            if level < END or not inside or len(found) > 2 * (height + width):
                return found
            if _differ(way, float(taken[row, column])) < ALIKE:
                return found
            at = on

    def _look(self, at: tuple[float, float], way: float) -> tuple[float, float, float, float]:
        """Direction near `way`, height, how far aside the crest is (to the left), height across."""
        step = 180 / DIRECTIONS
        reach = int(BEND / step) + 1
        first = round(way / step) - reach
        corner, weight = self._around(*at)
        every = (weight @ self.answers[corner].reshape(4, DIRECTIONS)).tolist()
        fan = [every[k % DIRECTIONS] for k in range(first, first + 2 * reach + 1)]
        best = max(range(1, 2 * reach), key=fan.__getitem__)
        here = fan[best]
        turned = (first + best + _vertex(fan[best - 1], here, fan[best + 1])) * step
        dx, dy = -np.sin(np.deg2rad(turned)), np.cos(np.deg2rad(turned))
        sides = []
        for k in (1, -1):
            corner, weight = self._around(at[0] + k * dx, at[1] + k * dy)
            four = self.answers[(*corner, (first + best) % DIRECTIONS)]
            sides.append(float(weight @ four.ravel()))
        across = every[(first + best + DIRECTIONS // 2) % DIRECTIONS]
        return turned, here, _vertex(sides[1], here, sides[0]), across

    def _around(self, x: float, y: float) -> tuple[tuple[slice, slice], NDArray]:
        """The four pixels around a point, and their weights when it is read linearly."""
        height, width = self.answers.shape[:2]
        column, row = (min(max(int(v), 0), n - 2) for v, n in ((x, width), (y, height)))
        fx, fy = min(max(x - column, 0.0), 1.0), min(max(y - row, 0.0), 1.0)
        weight = ((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy)
        return (slice(row, row + 2), slice(column, column + 2)), np.array(weight, np.float32)

    def _take(self, path: NDArray, taken: NDArray) -> None:
        """Mark the surroundings of a path with its direction."""
        reach = APART * self.width
        far = int(np.ceil(reach))
        dy, dx = np.mgrid[-far : far + 1, -far : far + 1]
        near = np.hypot(dx, dy) <= reach
        rows = np.rint(path[:, 1]).astype(int)[:, None] + dy[near]
        columns = np.rint(path[:, 0]).astype(int)[:, None] + dx[near]
        height, width = taken.shape
        taken[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] = path[:, 3:4]


def _ended(path: NDArray) -> NDArray:
    """A path (n, 5) without the ends that are lower than half of its median height."""
    high = np.nonzero(path[:, 2] >= FADED * np.median(path[:, 2]))[0]
    return path[high[0] : high[-1] + 1]


def _differ(one: float, other: float) -> float:
    """Degrees between two directions without sense, 0 … 90; NaN stays."""
    return abs((one - other + 90) % 180 - 90)


def _vertex(before: float, here: float, after: float) -> float:
    """Top of the parabola through three values, −½ … ½ from the middle one."""
    curvature = before - 2 * here + after
    return min(max(0.5 * (before - after) / curvature, -0.5), 0.5) if curvature < 0 else 0.0
