"""What drift plots show, checked: the way of the whole frame and of its patches, over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData


@dataclass(frozen=True, slots=True)
class Way:
    """The way of the whole frame."""

    points: NDArray  # (m, 2) x, y in Å, of the used frames
    frames: NDArray  # (m,) which of the movie's frames these are, from 0
    time: NDArray  # (m,) frame's number from 1, or dose at its end in e/Å²
    counted: bool  # time is the frame's number
    many: int  # frames of the movie, unused ones included

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last time, never the same."""
        first, last = float(self.time[0]), float(self.time[-1])
        return (first, last) if last > first else (first - 1, last)

    @property
    def meaning(self) -> str:
        """What `time` is, for people."""
        return "Frame" if self.counted else "Dose (e/Å²)"

    @property
    def total(self) -> float:
        """Length of the way, Å."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    @property
    def reach(self) -> float:
        """Diagonal of the box around the way, Å."""
        return float(np.hypot(*np.ptp(self.points, axis=0)))


@dataclass(frozen=True, slots=True)
class Patches:
    """The way of each patch relative to the whole frame."""

    local: NDArray  # (patches, m, 2) x, y in Å, NaN where not known; one point at least each
    centres: NDArray  # (patches, 2) x, y from −½ to ½ of the field
    used: NDArray  # (patches,) bool: took part in the fit


def way(shifts: ArrayLike, dose_per_frame: float | None) -> Way:
    """The way of the whole frame from `shifts` (n, 2) in Å; rows not finite are frames not used.

    Raises
    ------
    BadData
        The shifts have another shape, or no frame was used.
    """
    points = np.asarray(shifts, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise BadData(f"shifts are (frames, 2), x and y in Å, not of shape {points.shape}")
    frames = np.flatnonzero(np.isfinite(points).all(axis=1))
    if frames.size == 0:
        raise BadData(f"none of the {len(points)} frames has a shift: there is no path to draw")
    counted = dose_per_frame is None
    time = (frames + 1.0) * (1.0 if counted else dose_per_frame)
    return Way(points[frames], frames, time, counted, len(points))


def patches(
    tracks: ArrayLike, centres: ArrayLike | None, used: ArrayLike | None, whole: Way
) -> Patches:
    """What patches do relative to the whole frame.

    Parameters
    ----------
    tracks : (patches, n, 2) x, y in Å
        Whole movement of each patch relative to the first used frame.
    centres : (patches, 2) x, y, from −½ to ½ of the field
    used : (patches,) bool, or None when all took part in the fit

    Raises
    ------
    BadData
        Shapes or numbers that do not fit together, centres outside of the field, no finite track.
    """
    movement = np.asarray(tracks, float)
    if movement.ndim != 3 or movement.shape[2] != 2:
        raise BadData(f"tracks are (patches, frames, 2), x, y in Å, not of shape {movement.shape}")
    many, frames = movement.shape[:2]
    if frames != whole.many:
        raise BadData(f"tracks of {frames} frames but shifts of {whole.many}: they need the same")
    if centres is None:
        raise BadData("tracks need centres, (patches, 2), to be drawn at")
    middles = np.asarray(centres, float)
    if middles.shape != (many, 2):
        raise BadData(f"{many} tracks need centres of shape ({many}, 2), not {middles.shape}")
    if not (np.abs(middles) <= 0.5 + 1e-6).all():
        raise BadData("centres are x, y from −½ to ½ of the field; divide pixels by its sides")
    good = np.ones(many, bool) if used is None else np.asarray(used, bool)
    if good.shape != (many,):
        raise BadData(f"{many} tracks need as many `used`, not an array of shape {good.shape}")
    local = movement[:, whole.frames] - (whole.points - whole.points[0])
    known = np.isfinite(local).all(axis=2)
    if not known.any():
        raise BadData(f"none of {many} tracks has a finite point; leave tracks away")
    local = np.where(known[..., None], local, np.nan)
    seen = known.any(axis=1)
    local[~seen, 0] = 0  # nothing is known of it but where it lies
    return Patches(local, middles, good & seen)
