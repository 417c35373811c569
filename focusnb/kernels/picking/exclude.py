"""Where no particle is looked for: border, carbon, ice, aggregates, dark blobs, what a hand has drawn."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from focusnb.errors import BadData
from focusnb.kernels.picking import dirt
from focusnb.kernels.picking import small as searching
from focusnb.kernels.picking.balls import SPACING, flattened, search
from focusnb.kernels.picking.picks import apart
from focusnb.kernels.picking.threshold import automatic

KINDS = ("free", "border", "carbon", "ice", "aggregate", "dark blob", "defect", "by hand")
ACROSS = 8  # pixels across a particle, in the mask
MARGIN = 0.35  # diameters that dirt is made larger by
FAR = 10.0  # pictures away, a polygon's corner is as good as any that is further
ROUNDS = 4  # in which clumps and specks are looked for: the strongest hide the others
SPECK = 0.8  # diameters around a speck
LEFT = 0.02  # part of the picture: with less ice than that nothing is looked for


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A mask, as a picture that can be looked at: what each place is, as a number of KINDS."""

    kinds: NDArray  # (y, x) uint8
    step: tuple[float, float]  # x, y: pixels of the picture per pixel of the mask
    offset: tuple[float, float]  # x, y: where pixel 0, 0 of the mask lies in the picture

    @property
    def fraction(self) -> float:
        """The part of the area that is excluded."""
        return float((self.kinds > 0).mean())

    def fractions(self) -> dict[str, float]:
        """The part of the area by kind, those that are there."""
        count = np.bincount(self.kinds.ravel(), minlength=len(KINDS)) / self.kinds.size
        return {name: float(part) for name, part in zip(KINDS, count, strict=True) if part > 0}

    def covers(self, x: ArrayLike, y: ArrayLike) -> NDArray:
        """Whether points, in pixels of the picture, are excluded: bool of their common shape."""
        return self._at(x, y) > 0

    def _at(self, x: ArrayLike, y: ArrayLike) -> NDArray:
        column, row = (
            np.rint((np.asarray(v, float) - o) / s).astype(int)
            for v, o, s in zip((x, y), self.offset, self.step, strict=True)
        )
        height, width = self.kinds.shape
        return self.kinds[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]

    def free(self, small: searching.Small) -> NDArray:
        """Which pixels of a small picture show ice and particles, as the border does: (y, x) bool."""
        return self.kinds_on(small) < 2

    def kinds_on(self, small: searching.Small) -> NDArray:
        """What each pixel of a small picture is, as a number of KINDS: (y, x) uint8."""
        rows, columns = (np.arange(n) for n in small.values.shape)
        x, y = small.to_picture(columns, rows)
        return self._at(x, y[:, None])

    def with_polygons(self, polygons: Iterable[ArrayLike]) -> "Exclusion":
        """The same with polygons by hand: each (n, 2) x, y in pixels of the picture."""
        height, width = self.kinds.shape
        canvas = Image.new("1", (width, height))
        draw = ImageDraw.Draw(canvas)
        for polygon in polygons:
            corners = np.asarray(polygon, float)
            if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
                raise BadData(
                    f"a polygon has the shape {corners.shape}; at least three corners x, y are needed"
                )
            if not np.isfinite(corners).all():
                raise BadData("a corner of a polygon is no finite number")
            places = (corners - self.offset) / self.step
            places = np.clip(places, -FAR * max(width, height), FAR * max(width, height))
            draw.polygon([tuple(place) for place in places], fill=1, outline=1)
        return replace(self, kinds=np.where(np.asarray(canvas), 7, self.kinds).astype(np.uint8))


def exclusion(
    picture: ArrayLike,
    *,
    pixel_size: float,
    diameter: float,
    bright: bool = False,
    border: float | None = None,
    workers: int = 1,
) -> Exclusion:
    """What of the picture cannot hold a particle of this diameter, Å.

    First what is darker than the ice behind an edge (`dirt.regions`) and what the camera does not
    see (`dirt.defects`), then clumps and specks among the blobs of the rest.

    bright : particles are brighter than their surroundings
    border : Å along the picture's edge, half a diameter when not given
    """
    small = searching.shrink(
        picture, pixel_size=pixel_size, diameter=diameter, across=ACROSS, workers=workers
    )
    across = diameter / small.pixel_size
    kinds = grown(dirt.regions(small.values, across), MARGIN * across)
    # without a margin: a particle that a bad column crosses is seen nevertheless
    kinds = np.where(kinds > 0, kinds, _defects(np.asarray(picture), small))
    found = Exclusion(kinds, small.step, small.offset)
    for _ in range(ROUNDS):
        new = _standing_out(
            small, found, pixel_size=pixel_size, diameter=diameter, bright=bright, workers=workers
        )
        if not new.any():
            break
        found = replace(found, kinds=np.where(found.kinds > 0, found.kinds, new))
    edge = (0.5 * diameter if border is None else border) / small.pixel_size
    away = [np.minimum(np.arange(n), np.arange(n)[::-1]) for n in found.kinds.shape]
    outer = np.minimum(away[0][:, None], away[1]) < edge - 0.5
    return replace(
        found, kinds=np.where(outer & (found.kinds == 0), 1, found.kinds).astype(np.uint8)
    )


def _defects(picture: NDArray, small: searching.Small) -> NDArray:
    """Where pixels of the small picture hold defects of the camera: (y, x) uint8, 6 or 0."""
    rows, columns, dead = dirt.defects(picture)
    kinds = np.zeros(small.values.shape, np.uint8)
    row, column = np.nonzero(rows)[0], np.nonzero(columns)[0]
    y, x = (dirt.SQUARE * (v + 0.5) for v in np.nonzero(dead))

    def place(values: NDArray, axis: int) -> NDArray:
        near = (values - small.offset[axis]) / small.step[axis]
        return np.clip(np.rint(near).astype(int), 0, kinds.shape[1 - axis] - 1)

    kinds[place(row, 1)] = 6
    kinds[:, place(column, 0)] = 6
    kinds[place(y, 1), place(x, 0)] = 6
    return kinds


def _standing_out(
    small: searching.Small,
    known: Exclusion,
    *,
    pixel_size: float,
    diameter: float,
    bright: bool,
    workers: int,
) -> NDArray:
    """Clumps and specks among the blobs of what is free: (y, x) uint8, as `Exclusion.kinds`."""
    across = diameter / small.pixel_size
    kinds = np.zeros_like(known.kinds)
    free = known.kinds == 0
    if free.mean() < LEFT:
        return kinds
    flat = flattened(small.values if bright else -small.values, across, free=free)
    blobs = search(
        flat, small, diameter=diameter, border=diameter / 4, exclude=known, workers=workers
    ).picks
    blobs = apart(blobs, SPACING * diameter / pixel_size)
    blobs = blobs.above(automatic(blobs))
    column, row = (np.rint(v).astype(int) for v in small.from_picture(blobs.x, blobs.y))
    power = dirt.power(small.values, across, free)
    here = power[row, column]
    alone, together = dirt.specks(blobs.x, blobs.y, here)
    clump = dirt.clumps(blobs.x, blobs.y, here, diameter / pixel_size)
    speck = alone if alone.any() else together & ~clump
    kinds[row[speck], column[speck]] = 5
    kinds = grown(kinds, SPECK * across)
    if (
        clump.any() and not clump.all() and not alone.any()
    ):  # what is near a speck seems to be a clump
        seeds = np.zeros(kinds.shape, bool)
        seeds[row[clump], column[clump]] = True
        single = float(np.percentile(here[~clump], dirt.SINGLE))
        kinds[dirt.spread(power, seeds, single, across)] = 4
    return kinds


def grown(kinds: NDArray, margin: float) -> NDArray:
    """The regions of a mask (y, x), larger by a margin, pixels; free places take the nearest kind."""
    if not kinds.any():
        return kinds
    away, nearest = scipy.ndimage.distance_transform_edt(kinds == 0, return_indices=True)
    return np.where(away <= margin, kinds[tuple(nearest)], 0).astype(np.uint8)
