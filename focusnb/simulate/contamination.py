"""What must not be picked: the carbon around a hole, crystalline ice, aggregates, dark blobs.

Everything is drawn into a `Cover`: how much of the beam passes, what phase is added, and what kind
of thing each place is, which is the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from focusnb.errors import BadValue
from focusnb.simulate import shapes, specimen

KINDS = ("free", "carbon edge", "crystalline ice", "aggregates", "dark blobs")
CONTAMINATIONS = (*KINDS[1:], "mixed")
# Up to which part of the whole each kind goes on, one after the other.
MIXED = {"carbon edge": 0.45, "crystalline ice": 0.65, "aggregates": 0.9, "dark blobs": 1.0}
CARBON_PATH = 2500.0  # Å of carbon after which 1/e of the electrons pass filter and aperture
CARBON_PHASE = 4.2e-3  # rad/Å at 300 kV: 6.53e-4 rad/(V Å), potentials of 10 V less 3.5 V of ice
COARSE = 4  # pixels, between those for which it is known whether a particle may lie there
CRYSTAL_PHASE = 1.0e-3  # rad/Å: what a lump has more than the film, so much that edges have fringes
WAVE_PHASE = 1.5 * specimen.CRYSTAL_PHASE  # rad, amplitude of a lattice wave at its Bragg angle


@dataclass(slots=True)
class Cover:
    """Contamination of a field of view, (y, x) each, while it is being drawn."""

    pixel_size: float  # Å
    rng: np.random.Generator
    kinds: NDArray[np.uint8]  # number in KINDS
    through: NDArray[np.float32]  # part of the beam
    phase: NDArray[np.float32]  # rad, what stays in place
    protein: NDArray[np.float64]  # (k, 2) x, y in pixels of residues that lie in aggregates

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the field in pixels."""
        return self.kinds.shape[0], self.kinds.shape[1]

    def fraction(self) -> float:
        """The part of the area that is contaminated."""
        return float((self.kinds > 0).mean())

    def room(self, part: float) -> float:
        """Width (Å) of a round piece that completes contamination to `part` of the area."""
        lacking = max(part - self.fraction(), 0.0) * self.kinds.size * self.pixel_size**2
        return float(np.sqrt(4 / np.pi * lacking))


def cover(
    shape: tuple[int, int],
    kind: str,
    *,
    part: float,
    particle: str,
    pixel_size: float,
    rng: np.random.Generator,
) -> Cover:
    """Contamination of a kind (of KINDS, or "mixed") over about `part` of a field of view.

    Whatever the part, there is one piece of each kind at least.

    particle : the shape that aggregates are made of

    Raises
    ------
    BadValue
        An unknown kind.
    """
    if kind not in CONTAMINATIONS:
        known = ", ".join(CONTAMINATIONS)
        raise BadValue(f"{kind!r} is no kind of contamination; known are {known}")
    drawn = Cover(
        pixel_size, rng, np.zeros(shape, np.uint8), np.ones(shape, np.float32),
        np.zeros(shape, np.float32), np.empty((0, 2)),
    )  # fmt: skip
    for name, share in (MIXED if kind == "mixed" else {kind: 1.0}).items():
        if name == "aggregates":
            aggregates(drawn, part * share, particle)
        else:
            DRAW[name](drawn, part * share)
    return drawn


def carbon_edge(drawn: Cover, part: float) -> None:
    """The foil around a hole of 1–2 µm, over `part` of the area, its edge rough and rounded."""
    rng, step = drawn.rng, drawn.pixel_size
    height, width = drawn.shape
    radius = rng.uniform(5000, 10000)  # Å
    turn = rng.uniform(0, 2 * np.pi)
    y = (np.arange(height) - height / 2)[:, None] * step + radius * np.sin(turn)
    x = (np.arange(width) - width / 2) * step + radius * np.cos(turn)
    y, x = y.astype(np.float32), x.astype(np.float32)  # Å from the middle of the hole
    around = np.linspace(-np.pi, np.pi, 20000)
    rough = np.zeros_like(around)
    for n in range(1, 9):
        number = np.round(2 * np.pi * radius / (6000 / n**1.5))
        rough += 60 / n**1.2 * np.sin(number * around + rng.uniform(0, 2 * np.pi))
    cells = ((np.arctan2(y, x) + np.float32(np.pi)) * np.float32(19999 / (2 * np.pi))).astype(int)
    behind = np.hypot(x, y) + rough.astype(np.float32)[cells]
    behind -= np.quantile(behind[::7, ::7], 1 - part)
    drawn.kinds[behind > 0] = KINDS.index("carbon edge")
    thick = np.float32(rng.uniform(120, 350)) * _soft(-behind, rng.uniform(6, 25))
    film = specimen.carbon(drawn.shape, pixel_size=step, thickness=1.0, rng=rng)
    drawn.through *= np.exp(-thick / CARBON_PATH)
    drawn.phase += np.sqrt(thick) * fft.irfft2(film, s=drawn.shape) + CARBON_PHASE * thick


def crystalline_ice(drawn: Cover, part: float) -> None:
    """Lumps of hexagonal ice, 300–2000 Å across, with facets, sharp edges and lattice fringes."""
    rng, step = drawn.rng, drawn.pixel_size
    largest = min(2000.0, 0.4 * min(drawn.shape) * step)
    for number in range(400):
        if number and drawn.fraction() >= part:
            break
        most = max(min(largest, 1.2 * drawn.room(part)), min(300.0, largest))
        size = np.exp(rng.uniform(np.log(min(300.0, largest)), np.log(most)))
        rows, columns, y, x = _window(drawn, 0.9 * size)
        corners = rng.integers(5, 8)
        angles = np.arange(corners) + rng.uniform(-0.25, 0.25, corners)
        angles = 2 * np.pi * angles / corners + rng.uniform(0, 2 * np.pi)
        beyond = _polygon(x, y, angles, size / 2 * rng.uniform(0.75, 1.1, corners))
        solid = _soft(beyond, rng.uniform(8, 30))
        thick = rng.uniform(120, 900) * solid * _facets(x, y, size, rng)
        waves = sum(_fringes(x, y, d, rng) for d in specimen.ICE_SPACINGS if d > 2.1 * step)
        drawn.through[rows, columns] *= np.exp(-thick / specimen.FREE_PATH)
        drawn.phase[rows, columns] += CRYSTAL_PHASE * thick + WAVE_PHASE * waves * solid
        drawn.kinds[rows, columns][beyond < 0] = KINDS.index("crystalline ice")


def _facets(
    x: NDArray[np.float32], y: NDArray[np.float32], size: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Thickness of a crystal relative to its least one: planes that rise from lines drawn by chance."""
    thick = np.ones(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(rng.integers(1, 4)):
        turn, start = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.3)
        along = (x * np.cos(turn) + y * np.sin(turn)) / size
        thick *= 1 + rng.uniform(0.2, 1.0) * np.maximum(along - start, 0)
    return thick


def _fringes(
    x: NDArray[np.float32], y: NDArray[np.float32], spacing: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A lattice wave in a direction drawn by chance, weak where its plane is off the Bragg angle."""
    turn, phase = rng.uniform(0, np.pi, 2)
    along = x * np.cos(turn) + y * np.sin(turn)
    return rng.random() * np.sin(2 * np.pi / spacing * along + phase)


def aggregates(drawn: Cover, part: float, particle: str) -> None:
    """Clumps of particles in two to four layers, too dense for one to be told from the next."""
    rng, step = drawn.rng, drawn.pixel_size
    diameter = shapes.shape_of(particle).diameter
    points = shapes.residues(particle)
    largest = max(min(14 * diameter, 0.5 * min(drawn.shape) * step), 3 * diameter)
    heap = [drawn.protein]
    for number in range(200):
        if number and drawn.fraction() >= part:
            break
        least = min(3.5 * diameter, largest)
        size = rng.uniform(least, max(min(largest, 1.2 * drawn.room(part)), least))
        rows, columns, y, x = _window(drawn, 0.8 * size + diameter)
        turn = np.arctan2(y, x)
        outline = 1 + sum(
            0.25 / n * np.sin(n * turn + rng.uniform(0, 2 * np.pi)) for n in (1, 2, 3, 5)
        )
        inside = np.argwhere(np.hypot(x, y) < size / 2 * outline)
        layers = rng.uniform(2, 4)
        count = int(layers * len(inside) * step**2 / (0.5 * diameter**2))
        there = inside[rng.integers(0, len(inside), count)] + rng.random((count, 2))
        for place, turned in zip(there, Rotation.random(count, rng=rng), strict=True):
            corner = np.array([columns.start, rows.start])
            heap.append(turned.apply(points)[:, :2] / step + place[::-1] + corner)
        marks = np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
        marks[tuple(there.astype(int).T)] = False
        beyond = ndimage.distance_transform_edt(marks) * step - 0.45 * diameter  # Å off the heap
        drawn.through[rows, columns] *= np.exp(
            -60 * layers / specimen.FREE_PATH * _soft(beyond, diameter / 2)
        )
        drawn.kinds[rows, columns][beyond < 0] = KINDS.index("aggregates")
    drawn.protein = np.concatenate(heap)


def dark_blobs(drawn: Cover, part: float) -> None:
    """Round dark things: specks of contamination, drops, and gold beads with hard edges."""
    rng, step = drawn.rng, drawn.pixel_size
    largest = min(1500.0, 0.35 * min(drawn.shape) * step)
    for number in range(3000):
        if number and drawn.fraction() >= part:
            break
        gold = rng.random() < 0.15
        most = max(min(largest, 1.2 * drawn.room(part)), 100.0)
        size = np.exp(rng.uniform(np.log(100), np.log(most)))
        size = rng.uniform(60, min(250.0, largest)) if gold else size
        rows, columns, y, x = _window(drawn, 0.8 * size)
        squeeze, turn = 1.0 if gold else rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        beyond = np.hypot(along, across / squeeze) - size / 2
        solid = _soft(beyond, 4.0 if gold else rng.uniform(0.03, 0.15) * size)
        dark = rng.uniform(0.5, 0.85) if gold else rng.uniform(0.08, 0.4)
        drawn.through[rows, columns] *= 1 - dark * solid
        drawn.phase[rows, columns] += (0.5 if gold else 0.4 * dark) * solid
        drawn.kinds[rows, columns][beyond < 0] = KINDS.index("dark blobs")


DRAW = {
    "carbon edge": carbon_edge,
    "crystalline ice": crystalline_ice,
    "dark blobs": dark_blobs,
}


def _window(
    drawn: Cover, reach: float
) -> tuple[slice, slice, NDArray[np.float32], NDArray[np.float32]]:
    """A part of the field around a clean place drawn by chance: rows, columns, and y, x (Å) in it."""
    height, width = drawn.shape
    for _ in range(100):
        column, row = drawn.rng.random(2) * (width, height)
        if not drawn.kinds[int(row), int(column)]:
            break
    far = reach / drawn.pixel_size
    rows = slice(max(int(row - far), 0), min(int(row + far) + 1, height))
    columns = slice(max(int(column - far), 0), min(int(column + far) + 1, width))
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) - np.float32(row))[:, None]
    x = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(column)
    return rows, columns, y * np.float32(drawn.pixel_size), x * np.float32(drawn.pixel_size)


def _polygon(
    x: NDArray[np.float32], y: NDArray[np.float32], angles: NDArray, radii: NDArray
) -> NDArray[np.float32]:
    """Distance (Å) beyond the sides of a convex polygon; negative inside."""
    beyond = np.full(np.broadcast_shapes(x.shape, y.shape), -np.inf, np.float32)
    for angle, radius in zip(angles, radii, strict=True):
        np.maximum(beyond, x * np.cos(angle) + y * np.sin(angle) - radius, out=beyond)
    return beyond


def _soft(beyond: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """1 inside, 0 outside, over about twice the width (Å)."""
    return np.tanh(-beyond / np.float32(width)) / 2 + np.float32(0.5)


def free(drawn: Cover, distance: float) -> Callable[[float, float], bool]:
    """Whether a particle may lie at x, y: not near a border, nor in anything but carbon.

    distance : Å from the borders of contamination
    """
    kinds = drawn.kinds[::COARSE, ::COARSE]
    far = distance / drawn.pixel_size / COARSE
    may = ndimage.distance_transform_edt(kinds == 0) > far
    may |= ndimage.distance_transform_edt(kinds == KINDS.index("carbon edge")) > far
    return lambda x, y: bool(may[int(y) // COARSE, int(x) // COARSE])
