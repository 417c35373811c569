"""Particles to choose from: what each is made of, its mass, and its largest extent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue

RESIDUE_MASS = 0.11  # kDa, of an average residue with its 135 Å³


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a particle that residues fill evenly. Lengths in Å."""

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    half: tuple[float, float, float] = (30.0, 30.0, 30.0)  # half axes x, y, z
    form: str = "ball"  # an ellipsoid, or "tube": a cylinder along z
    hollow: float = 0.0  # inner over outer radius
    density: float = 1.0  # residues per volume, relative to the other parts

    @property
    def volume(self) -> float:
        """Filled volume, Å³."""
        a, b, c = self.half
        if self.form == "tube":
            return 2 * np.pi * a * b * c * (1 - self.hollow**2)
        return 4 / 3 * np.pi * a * b * c * (1 - self.hollow**3)

    def fill(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Evenly distributed points, (count, 3) x, y, z in Å."""
        direction = rng.standard_normal((count, 3))
        if self.form == "tube":
            direction[:, :2] /= np.linalg.norm(direction[:, :2], axis=1, keepdims=True)
            inner = self.hollow**2
            direction[:, :2] *= (inner + (1 - inner) * rng.random((count, 1))) ** (1 / 2)
            direction[:, 2] = rng.uniform(-1, 1, count)
            return direction * np.array(self.half) + self.centre
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        inner = self.hollow**3
        distance = np.array(self.half) * (inner + (1 - inner) * rng.random((count, 1))) ** (1 / 3)
        return direction * distance + self.centre


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of particle."""

    name: str
    mass: float  # kDa of protein in ice that scatters as much
    diameter: float  # Å, largest extent
    parts: tuple[Part, ...]

    @property
    def residues(self) -> int:
        """How many points of `RESIDUE_MASS` stand for it."""
        return round(self.mass / RESIDUE_MASS)


def _ball(x: float, y: float, z: float, radius: float, density: float = 1.0) -> Part:
    return Part((x, y, z), (radius,) * 3, density=density)


def _tube(z: float, radius: float, half: float, hollow: float, density: float = 1.0) -> Part:
    return Part((0.0, 0.0, z), (radius, radius, half), "tube", hollow, density)


SHAPES = {
    shape.name: shape
    for shape in (
        # three lobes, no two views alike
        Shape("lobed", 319.0, 140.0, (
            _ball(-24.0, 0.0, 0.0, 38.0), _ball(28.0, 14.0, 6.0, 29.0), _ball(22.0, -34.0, 14.0, 21.0),
        )),
        # a hollow ball, as apoferritin
        Shape("shell", 440.0, 120.0, (Part(half=(60.0, 60.0, 60.0), hollow=0.68),)),
        # four stacked rings, as the 20S proteasome
        Shape("barrel", 700.0, 182.0, (
            _tube(-56.0, 50.0, 18.0, 0.4), _tube(-18.0, 57.0, 18.0, 0.55),
            _tube(18.0, 57.0, 18.0, 0.55), _tube(56.0, 50.0, 18.0, 0.4),
        )),
        # one thick ring with a hole, as AAA+ hexamers
        Shape("ring", 410.0, 137.0, (_tube(0.0, 65.0, 22.0, 0.38),)),
        # two and a half times as long as wide
        Shape("rod", 300.0, 164.0, (Part(half=(33.0, 33.0, 82.0)),)),
        # flat and long, as β-galactosidase
        Shape("slab", 465.0, 172.0, (Part(half=(86.0, 60.0, 27.0)),)),
        # a membrane protein in a nanodisc; lipids differ less from ice than protein does
        Shape("disk", 230.0, 120.0, (
            _tube(0.0, 56.0, 21.0, 0.6, 0.4), _tube(0.0, 34.0, 21.0, 0.0), _ball(6.0, 4.0, 34.0, 24.0),
        )),
        # three arms, as an antibody
        Shape("Y", 150.0, 140.0, (
            Part((0.0, 37.0, 0.0), (21.0, 33.0, 21.0)),
            Part((38.0, -20.0, 8.0), (32.0, 22.0, 21.0)),
            Part((-38.0, -22.0, -8.0), (32.0, 22.0, 21.0)),
        )),
        # compact and small, nearly round
        Shape("globule", 150.0, 82.0, (Part(half=(41.0, 36.0, 30.0)),)),
        # four small balls, as aldolase
        Shape("tetramer", 157.0, 100.0, (
            _ball(24.0, 12.0, 8.0, 23.0), _ball(-24.0, -12.0, 8.0, 23.0),
            _ball(16.0, -20.0, -10.0, 23.0), _ball(-16.0, 20.0, -10.0, 23.0),
        )),
    )
}  # fmt: skip


def shape_of(name: str) -> Shape:
    """The shape of this name.

    Raises
    ------
    BadValue
        There is none; the sentence names those that there are.
    """
    if name not in SHAPES:
        raise BadValue(f"{name!r} is no shape of a particle; known are {', '.join(SHAPES)}")
    return SHAPES[name]


def residues(name: str, seed: int = 1) -> NDArray[np.float64]:
    """Centres of a particle's residues, (n, 3) x, y, z in Å around the centre of mass."""
    shape = shape_of(name)
    rng = np.random.default_rng(seed)
    amounts = np.array([part.volume * part.density for part in shape.parts])
    counts = np.rint(shape.residues * amounts / amounts.sum()).astype(int)
    pieces = [part.fill(count, rng) for part, count in zip(shape.parts, counts, strict=True)]
    points = np.concatenate(pieces)
    return points - points.mean(axis=0)
