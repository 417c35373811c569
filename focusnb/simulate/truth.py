"""What is known about a simulated exposure: frozen records, and how they become JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Truth:
    """What a recorded movie holds: compare with what a pipeline finds."""

    exposure: Exposure
    optics: Optics
    x: tuple[float, ...] = field(default=())  # particles, pixels of the picture at the first frame
    y: tuple[float, ...] = field(default=())
    mean_count: float = 0.0  # expected electrons per pixel and frame, after gain

    def to_json(self) -> dict[str, Any]:
        """One flat object; units as everywhere: Å, e/Å², kV, mm, degrees, pixels for x and y."""
        known = asdict(self)
        asked, optics = known.pop("exposure"), known.pop("optics")
        known["dose"] = asked["dose_per_frame"] * len(asked["shifts"])
        known["particles"] = {"x": known.pop("x"), "y": known.pop("y")}
        asked.pop("particles")
        return {**asked, **optics, **known}
