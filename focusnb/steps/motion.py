"""Motion: frames are aligned and summed."""

import warnings
from pathlib import Path

import numpy as np

from focusnb.formats import motion_star
from focusnb.kernels import motion as kernel
from focusnb.model.job import Job
from focusnb.model.movie import Movie
from focusnb.model.step import step

DRIFT = "drift_total drift_range drift_longest drift_early drift_late"


@step(
    category="Align",
    results=f"average average_dw unaligned shifts motion_star {DRIFT} alignment_quality aligned",
)
def motion(
    job: Job,
    prepared,
    voltage,
    motion_bfactor=150.0,
    motion_max_shift=100.0,
    motion_iterations=10,
    already_aligned=False,
):
    """Align and sum the frames of a movie.

    Each frame is compared with the sum of the others until the shifts stay as they are; the frames
    are moved back and summed, with and without dose weighting. A picture of one frame is its own
    average: it has no drift. Frames that do not show the same thing are summed as they are.
    """
    movie: Movie = job.read("prepared")
    frames = len(movie)
    dose = movie.dose_per_frame
    prior_dose = movie.prior_dose + movie.first * (dose or 0.0)
    shifts, found, known = np.zeros((frames, 2)), None, False
    notes: list[str] = []
    if frames > 1 and not already_aligned:
        found = kernel.estimate(
            movie,
            pixel_size=movie.pixel_size,
            bfactor=motion_bfactor,
            max_shift=motion_max_shift,
            iterations=motion_iterations,
            report=lambda done, text="": job.report(0.5 * done, text or "aligning frames"),
            workers=job.threads,
        )
        job.log(
            f"{found.iterations} iterations, changes {[round(c, 3) for c in found.rms_history]} Å,"
            f" peaks {found.quality:.1f} sd high"
        )
        known = found.quality > kernel.NOISE_PEAK
        if known:
            shifts = found.shifts
        if not known:
            notes.append(
                f"the frames could not be aligned: their correlation peaks, {found.quality:.1f} sd"
                " high, may be noise; they are summed as they are"
            )
        elif not found.converged:
            notes.append(
                f"the shifts still changed after {found.iterations} iterations:"
                " look at motion_iterations and motion_max_shift"
            )
    else:
        job.log(
            "one frame: it is its own average" if frames == 1 else "the frames were aligned before"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sums = kernel.correct(
            movie,
            shifts,
            pixel_size=movie.pixel_size,
            shape=movie.average_shape,
            voltage=voltage,
            dose_per_frame=dose,
            prior_dose=prior_dose,
            report=lambda done, text="": job.report(0.5 + 0.5 * done, text or "summing frames"),
            workers=job.threads,
        )
    notes += dict.fromkeys(str(one.message) for one in caught)
    movie.forget()
    size = {"pixel_size": movie.average_pixel_size}
    label = f"motion: sum of {frames} frames, mean n*m"
    weighted = None
    if sums.average_dw is not None:
        text = f"motion: dose-weighted sum of {frames} frames, mean sqrt(n)*m"
        weighted = job.write("average_dw", sums.average_dw, label=text, **size)
    return {
        "average": job.write("average", sums.average, label=label, **size),
        "average_dw": weighted,
        "unaligned": job.write("unaligned", sums.unaligned, label="motion: unaligned sum", **size),
        "shifts": of_file(shifts, movie) if known else None,
        "motion_star": _star(job, movie, shifts, voltage) if known else None,
        **(drift_numbers(shifts, dose, prior_dose) if known else {}),
        "alignment_quality": None if found is None else found.quality,
        "aligned": None if found is None else found.converged,
        "notes": notes,
    }


def drift_numbers(
    shifts: np.ndarray, dose_per_frame: float | None, prior_dose: float = 0.0
) -> dict[str, float | None]:
    """Give the drift words of a trajectory (n, 2) in Å; early and late need a dose."""
    early = late = None
    if dose_per_frame:
        early, late = kernel.early_late(
            shifts, dose_per_frame=dose_per_frame, prior_dose=prior_dose
        )
    return {
        "drift_total": kernel.path_length(shifts),
        "drift_range": kernel.bounding_range(shifts),
        "drift_longest": kernel.longest_step(shifts),
        "drift_early": early,
        "drift_late": late,
    }


def of_file(shifts: np.ndarray, movie: Movie) -> list[list[float] | None]:
    """Give one [x, y] per frame of the file, None for those that were not used."""
    before: list[list[float] | None] = [None] * movie.first
    after: list[list[float] | None] = [None] * (movie.shape[0] - movie.last)
    return before + [[float(x), float(y)] for x, y in shifts] + after


def _star(job: Job, movie: Movie, shifts: np.ndarray, voltage: float) -> str:
    whole = np.full((movie.shape[0], 2), np.nan)
    whole[movie.first : movie.last] = shifts
    motion_star.write(
        job.path("motion_star"),
        motion_star.MotionFile(
            width=movie.shape[2],
            height=movie.shape[1],
            frames=movie.shape[0],
            movie_name=f"raw/{Path(movie.file).name}",
            pixel_size=movie.pixel_size,
            shifts=whole,
            voltage=voltage,
            dose_rate=movie.dose_per_frame or 0.0,
            pre_exposure=movie.prior_dose,
            binning=movie.average_pixel_size / movie.pixel_size,
            first_frame=movie.first + 1,
            gain_name=movie.gain,
            defect_file=movie.defects,
            hot_pixels=np.array(movie.hot, np.int64).reshape(-1, 2),
        ),
    )
    return job.keep("motion_star")
