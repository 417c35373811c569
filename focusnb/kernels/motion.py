"""Frame shifts of a movie: estimate them, apply them, sum the frames, say how long the way was.

Shifts are the specimen's movement in Å, one x, y per frame, relative to the first used frame;
frames that are not used are NaN. Frames are moved by −shift, so averages lie at the first used
frame's position.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, dose, fourier
from focusnb.kernels.alignment import NOISE_PEAK, Alignment, Report, estimate, peak

__all__ = [
    "NOISE_PEAK",
    "Alignment",
    "Sums",
    "bounding_range",
    "correct",
    "early_late",
    "estimate",
    "longest_step",
    "path_length",
    "peak",
]


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of a movie's frames, in electrons, (y, x) float32."""

    average: NDArray  # plain sum of the shifted frames: mean n·m for n frames of mean m
    average_dw: NDArray | None  # dose weighted: mean √n·m; None without a dose
    unaligned: NDArray  # plain sum without shifts


def correct(
    frames: Iterable[ArrayLike],
    shifts: ArrayLike,
    *,
    pixel_size: float,
    shape: tuple[int, int] | None = None,
    voltage: float = 300.0,
    dose_per_frame: float | None = None,
    prior_dose: float = 0.0,
    report: Report | None = None,
    workers: int = 1,
) -> Sums:
    """Sums of the frames at the first used frame's position, in one pass over the frames.

    Parameters
    ----------
    frames : each (y, x), in electrons, as many as shifts
    shifts : (n, 2) x, y in Å, specimen movement; frames with NaN are read but not used
    pixel_size : Å, of the frames
    shape : (y, x) of the sums, when they are to be Fourier-cropped
    voltage : kV, for the critical dose
    dose_per_frame : e/Å²; without it nothing is dose weighted
    prior_dose : e/Å² before the first frame of the file
    report : called as report(fraction, text) for each frame; may raise to cancel
    workers : threads of the Fourier transforms
    """
    check.pixel_size(pixel_size)
    moves = -np.asarray(shifts, np.float64).reshape(-1, 2) / pixel_size
    used = np.isfinite(moves).all(axis=1)
    if not used.any():
        raise BadData("no frame of the movie is used; check the first and last frame")
    sums: dict[str, NDArray] = {}
    seen = 0
    for i, raw in enumerate(frames):
        if i >= len(moves):
            raise BadData(f"the movie has more than the {len(moves)} frames that have shifts")
        seen += 1
        if not used[i]:
            continue
        frame = np.asarray(raw, np.float32)
        if not sums:
            full = frame.shape
            new = full if shape is None else (int(shape[0]), int(shape[1]))
            half = (new[0], new[1] // 2 + 1)
            scale = np.array([new[1] / full[1], new[0] / full[0]])
            s = fourier.frequencies(new, pixel_size * full[1] / new[1])
            sums = {name: np.zeros(half, np.complex64) for name in ("still", "plain", "weighted")}
            squares = np.zeros(half, np.float32)
            if dose_per_frame:
                decay = dose.decay(s, voltage=voltage)
                doses = dose.frame_doses(
                    len(moves), dose_per_frame=dose_per_frame, prior_dose=prior_dose
                ).tolist()
        spectrum = fourier.transform(frame, workers=workers)
        spectrum = fourier.resize_spectrum(spectrum, full, new)
        sums["still"] += spectrum
        spectrum *= fourier.phase_ramp(new, moves[i] * scale)
        sums["plain"] += spectrum
        if dose_per_frame:
            weight = np.exp(-doses[i] * decay)
            squares += weight**2
            spectrum *= weight
            sums["weighted"] += spectrum
        if report:
            report((i + 1) / len(moves), f"summing frame {i + 1} of {len(moves)}")
    if seen != len(moves):
        raise BadData(f"the movie has {seen} frames, but there are shifts for {len(moves)}")
    if not np.isfinite(sums["still"][0, 0]):  # the sum of all pixels of all frames
        raise BadData("the movie has NaN or infinite pixels; check the gain reference")
    weighted = None
    if dose_per_frame:
        sums["weighted"] /= np.sqrt(np.maximum(squares, 1e-30))
        weighted = fourier.inverse(sums["weighted"], new, workers=workers)
    return Sums(
        average=fourier.inverse(sums["plain"], new, workers=workers),
        average_dw=weighted,
        unaligned=fourier.inverse(sums["still"], new, workers=workers),
    )


def _used(shifts: ArrayLike) -> NDArray:
    """Shifts of the used frames only, (m, 2)."""
    xy = np.asarray(shifts, np.float64).reshape(-1, 2)
    return xy[np.isfinite(xy).all(axis=1)]


def _steps(shifts: ArrayLike) -> NDArray:
    """Length of each movement from one used frame to the next, Å."""
    return np.hypot(*np.diff(_used(shifts), axis=0).T)


def path_length(shifts: ArrayLike) -> float:
    """`drift_total`: length of the whole way, Å. Frames that are not used (NaN) are skipped."""
    return float(_steps(shifts).sum())


def bounding_range(shifts: ArrayLike) -> float:
    """`drift_range`: diagonal of the box around the way, Å."""
    return float(np.hypot(*np.ptp(_used(shifts), axis=0)))


def longest_step(shifts: ArrayLike) -> float:
    """`drift_longest`: longest movement between two frames in a row, Å."""
    return float(_steps(shifts).max(initial=0.0))


def early_late(
    shifts: ArrayLike, *, dose_per_frame: float, prior_dose: float = 0.0, split: float = 4.0
) -> tuple[float, float]:
    """`drift_early` and `drift_late`: the way before and after `split` e/Å², Å.

    As RELION does: the movement into a frame is early when the dose up to the end of that frame,
    prior dose included, is not above the split. Both add up to the total.
    """
    xy = np.asarray(shifts, np.float64).reshape(-1, 2)
    number = np.nonzero(np.isfinite(xy).all(axis=1))[0]
    early = prior_dose + dose_per_frame * (number[1:] + 1) <= split + 1e-6
    steps = _steps(xy)
    return float(steps[early].sum()), float(steps[~early].sum())
