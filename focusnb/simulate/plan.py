"""What a session will record: exposures with their focus, drift and faults, drawn by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue
from focusnb.simulate.truth import KINDS, Exposure

FIRST_FAULTS = {1: "drift", 3: "crystalline ice", 4: "dark", 5: "wrong focus", 6: "thick"}
FAULT_RATE = 0.15  # of the exposures after the first eight
TARGETS = (-1.2, -1.5, -1.8)  # µm, what the operator asks for, in turn


def settling(
    frames: int, rng: np.random.Generator, *, reach: float = 8.0, walk: float = 0.5
) -> NDArray[np.float64]:
    """Beam-induced movement, (n, 2) x, y in Å: fast at first, then slow, with a random walk.

    reach : Å, how far the specimen settles.  walk : Å, standard deviation of each step.
    """
    angle = rng.uniform(0, 2 * np.pi)
    t = np.arange(frames) / max(frames - 1, 1)
    path = np.outer(1 - np.exp(-4 * t), (np.cos(angle), np.sin(angle))) * reach
    path += np.cumsum(rng.normal(0, walk, (frames, 2)), axis=0)
    return path - path[0]


def running(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A stage that has not come to rest, (n, 2) x, y in Å: 65 to 85 Å on a slightly bent way."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(65, 85)
    t = np.arange(frames) / max(frames - 1, 1)
    along, aside = length * t, 0.12 * length * np.sin(np.pi * t)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    path = np.column_stack([along, aside]) @ turn + rng.normal(0, 0.3, (frames, 2))
    return path - path[0]


def exposure(
    number: int,
    *,
    frames: int = 16,
    seed: int = 0,
    bad: str | None = None,
    name: str = "movie",
    dose_per_frame: float = 2.5,
) -> Exposure:
    """Draw one exposure; the same number and seed give the same one.

    Raises
    ------
    BadValue
        A kind of fault that is not in `KINDS`, or fewer than one frame.
    """
    if bad is not None and bad not in KINDS:
        raise BadValue(f"{bad!r} is no fault of an exposure; known are {', '.join(KINDS)}")
    if frames < 1:
        raise BadValue(f"a movie has at least one frame, not {frames}")
    rng = np.random.default_rng([seed, number])
    mean = -TARGETS[number % len(TARGETS)] * 1e4 + rng.normal(0, 600)
    astigmatism, angle = rng.uniform(40, 200), rng.uniform(-89, 90)
    thickness, reach = rng.uniform(220, 400), rng.uniform(4, 12)
    path = settling(frames, rng, reach=reach)
    fault = rng.uniform(0, 1)
    transmission, blur, crystals = 1.0, 45.0, 0
    if bad == "drift":
        path = running(frames, rng)
    elif bad == "crystalline ice":
        crystals = 24
    elif bad == "dark":
        transmission = 0.012 + 0.01 * fault
    elif bad == "wrong focus":
        mean = 80000 + 8000 * fault
    elif bad == "thick":
        thickness, blur = 2400 + 600 * fault, 400.0
    shifts = tuple((round(float(x), 4), round(float(y), 4)) for x, y in path)
    return Exposure(
        name=name,
        seed=int(rng.integers(2**31)),
        defocus_u=round(float(mean + astigmatism / 2), 1),
        defocus_v=round(float(mean - astigmatism / 2), 1),
        defocus_angle=round(float(angle), 2),
        shifts=shifts,
        dose_per_frame=dose_per_frame,
        thickness=round(float(thickness), 1),
        transmission=round(float(transmission), 4),
        blur=blur,
        crystals=crystals,
        bad=bad,
    )


def faults(movies: int, *, seed: int = 0) -> list[str | None]:
    """Which fault each movie of a session has: every kind among the first eight, later few."""
    rng = np.random.default_rng([seed, 0x66617573])
    drawn = [
        KINDS[rng.integers(len(KINDS))] if rng.random() < FAULT_RATE else None
        for _ in range(movies)
    ]
    return [FIRST_FAULTS.get(i) if i < 8 else fault for i, fault in enumerate(drawn)]
