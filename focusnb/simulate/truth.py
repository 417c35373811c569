"""What is known about a simulated exposure: frozen records, and how they become JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.simulate.shapes import shape_of

KINDS = ("drift", "crystalline ice", "dark", "wrong focus", "thick")


@dataclass(frozen=True, slots=True)
class Optics:
    """The microscope and how it is set."""

    pixel_size: float = 1.0  # Å
    voltage: float = 300.0  # kV
    spherical_aberration: float = 2.7  # mm
    amplitude_contrast: float = 0.07


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure as it is asked for, everything that chance decides but the pixels."""

    name: str = "movie"
    seed: int = 0
    defocus_u: float = 15000.0  # Å, underfocus positive, the larger one
    defocus_v: float = 14900.0  # Å
    defocus_angle: float = 30.0  # degrees, direction (cos, sin) = (column, row)
    phase_shift: float = 0.0  # degrees
    shifts: tuple[tuple[float, float], ...] = ((0.0, 0.0),)  # Å, specimen movement, first is 0
    dose_per_frame: float = 2.5  # e/Å², incident
    thickness: float = 300.0  # Å of ice
    carbon: float = 20.0  # Å of amorphous carbon that carries the ice
    transmission: float = 1.0  # what a grid bar or a shut aperture lets through
    blur: float = 50.0  # Å², B factor of the signal's envelope
    particles: int = 18  # in the field of view, about
    crystals: int = 0  # of hexagonal ice
    bad: str | None = None  # None or one of KINDS
    shape: str = "lobed"  # of the particles, one of shapes.SHAPES
    spacing: float = 1.1  # least distance of two particles, in diameters
    debris: float = 0.0  # broken particles, which nobody wants, for each whole one
    contamination: str | None = None  # None, "mixed" or one of contamination.KINDS
    contaminated: float = 0.3  # part of the area that it covers
    light_gradient: float = 0.0  # change of the beam's intensity from one side to the other
    light_edge: float = 0.0  # part of the beam that is lost in the farthest corner
    wedge: float = 0.0  # change of the ice's thickness from one side to the other
    waves: float = 0.0  # sd of the ice's thickness, relative, over 250–3000 Å
    smear: float = 0.0  # Å, movement within a frame that is in no shift
    sharpness: float = 1.0  # MTF and DQE of the camera at Nyquist (pictures only)
    defects: bool = False  # bad columns and hot pixels that nobody has listed (pictures only)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a recorded movie holds: compare with what a pipeline finds."""

    exposure: Exposure
    optics: Optics
    x: tuple[float, ...] = field(default=())  # particles, pixels of the picture at the first frame
    y: tuple[float, ...] = field(default=())
    # expected electrons per pixel and frame, after gain, where nothing but the usual ice lies
    mean_count: float = 0.0
    # (y, x) of the first frame: number in contamination.KINDS, 0 where the picture is clean
    kinds: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)

    @property
    def diameter(self) -> float:
        """Å, largest extent of the particles."""
        return shape_of(self.exposure.shape).diameter

    def dirty(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Whether points, in pixels of the picture, lie in contamination: (k,)."""
        column, row = (np.rint(np.asarray(v, float)).astype(int) for v in (x, y))
        if self.kinds is None:
            return np.zeros(column.shape, bool)
        height, width = self.kinds.shape
        return self.kinds[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)] > 0

    def to_json(self) -> dict[str, Any]:
        """One flat object; units as everywhere: Å, e/Å², kV, mm, degrees, pixels for x and y."""
        known = asdict(replace(self, kinds=None))
        known.pop("kinds")  # a picture has no place in JSON
        asked, optics = known.pop("exposure"), known.pop("optics")
        known["dose"] = asked["dose_per_frame"] * len(asked["shifts"])
        known["particles"] = {"x": known.pop("x"), "y": known.pop("y")}
        asked.pop("particles")
        return {**asked, **optics, **known}
