"""A microscope for people without one: movies with known truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.simulate import exposure as _exposing
from focusnb.simulate import plan as _plan
from focusnb.simulate.contamination import CONTAMINATIONS
from focusnb.simulate.detector import Camera, camera
from focusnb.simulate.exposure import Movie
from focusnb.simulate.recorder import session
from focusnb.simulate.shapes import SHAPES, Shape
from focusnb.simulate.truth import KINDS, Exposure, Optics, Truth

__all__ = [
    "Camera", "camera", "CONTAMINATIONS", "Exposure", "KINDS", "micrograph", "Movie", "movie",
    "Optics", "session", "Shape", "SHAPES", "Truth",
]  # fmt: skip


def movie(
    *,
    size: int = 1024,
    frames: int = 16,
    seed: int = 0,
    bad: str | None = None,
    shifts: ArrayLike | None = None,
    defocus: float | None = None,
    astigmatism: float | None = None,
    recorder: Camera | None = None,
    optics: Optics | None = None,
    **asked: Any,
) -> Movie:
    """One simulated movie: uint8 counts (frame, y, x) in MRC orientation, camera and truth.

    Parameters
    ----------
    size, frames : pixels on a side, number of frames (that of `shifts`, if given)
    seed : of everything that chance decides
    bad : a fault of `KINDS`, or none
    shifts : (n, 2) x, y in Å, specimen movement; drawn by chance if not given
    defocus, astigmatism : Å, mean of and difference between defocus_u and defocus_v
    recorder : a camera of size × size pixels; made from the seed if not given
    optics : the microscope; 300 kV and 1 Å pixels if not given
    asked : other words of `Exposure`: defocus_angle, dose_per_frame, thickness, particles …

    Counts × gain are electrons: ``movie.frames * movie.camera.gain``.
    """
    wanted = _exposure(seed, frames, bad, shifts, defocus, astigmatism, asked)
    return _exposing.expose(wanted, optics or Optics(), recorder or camera(size, seed=seed))


def micrograph(
    *,
    size: int | tuple[int, int] = 1024,
    seed: int = 0,
    dose: float = 40.0,
    bad: str | None = None,
    defocus: float | None = None,
    astigmatism: float | None = None,
    optics: Optics | None = None,
    **asked: Any,
) -> tuple[NDArray[np.float32], Truth]:
    """One simulated picture of the whole dose (e/Å²): electrons (y, x), without drift and gain.

    The words are those of `movie`, but `size` may be (height, width). Much quicker than a movie.
    Pickers are judged with it: ``micrograph(shape="barrel", particles=600, contamination="mixed",
    light_edge=0.3)``; shapes are those of `SHAPES`, kinds of contamination `CONTAMINATIONS`.
    """
    asked["dose_per_frame"] = dose
    wanted = _exposure(seed, 1, bad, [(0.0, 0.0)], defocus, astigmatism, asked)
    return _exposing.total(wanted, optics or Optics(), size)


def _exposure(
    seed: int,
    frames: int,
    bad: str | None,
    shifts: ArrayLike | None,
    defocus: float | None,
    astigmatism: float | None,
    asked: dict[str, Any],
) -> Exposure:
    drawn = _plan.exposure(0, frames=frames, seed=seed, bad=bad)
    if shifts is not None:
        path = np.asarray(shifts, float).reshape(-1, 2)
        asked["shifts"] = tuple((float(x), float(y)) for x, y in path - path[0])
    if defocus is not None or astigmatism is not None:
        mean = (drawn.defocus_u + drawn.defocus_v) / 2 if defocus is None else defocus
        apart = drawn.defocus_u - drawn.defocus_v if astigmatism is None else astigmatism
        asked |= {"defocus_u": mean + apart / 2, "defocus_v": mean - apart / 2}
    return replace(drawn, **asked)
