"""Motion: frames are aligned and summed."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from focusnb.errors import BadValue
from focusnb.formats import motion_star, mrc_frames
from focusnb.kernels import motion as kernel
from focusnb.model.job import Job
from focusnb.model.movie import Movie
from focusnb.model.step import step
from focusnb.steps import device as devices

DRIFT = (
    "drift_total drift_range drift_longest drift_early drift_late drift_jitter drift_deceleration"
)


@step(
    category="Align",
    results=(
        "average average_dw unaligned average_odd average_even average_range aligned_frames"
        f" shifts motion_star {DRIFT} local_drift shift_error alignment_quality aligned"
    ),
    requires={"gpu": {"motion_device": "cuda"}},
    version="3",
)
@devices.enough_memory()
def motion(
    job: Job,
    prepared,
    voltage,
    patches=5,
    motion_bfactor=150.0,
    motion_max_shift=100.0,
    motion_iterations=10,
    motion_group=0,
    already_aligned=False,
    odd_even=False,
    write_aligned=False,
    sum_dose_from=0.0,
    sum_dose_to=None,
    motion_device="cpu",
):
    """Align and sum the frames of a movie.

    Each frame is compared with the sum of the others until the shifts stay as they are, and the
    movement of the parts of the picture is fitted by a polynomial in space and time; the frames
    are moved back and summed, with and without dose weighting. A picture of one frame is its own
    average: it has no drift. Frames that do not show the same thing are summed as they are.
    """
    movie: Movie = job.read("prepared")
    movie.threads = job.threads
    dose = movie.dose_per_frame
    before = movie.prior_dose + movie.first * (dose or 0.0)
    dose_range = _range(sum_dose_from, sum_dose_to, dose, before, len(movie))
    view = devices.View(movie, motion_device)
    notes: list[str] = []
    found = None
    if len(movie) == 1 or already_aligned:
        job.log(
            "one frame: it is its own average"
            if len(movie) == 1
            else "the frames were aligned before"
        )
    else:
        small = view.small()
        found = kernel.estimate(
            small,
            pixel_size=small.pixel_size,
            field=small.field,
            patches=patches,
            bfactor=motion_bfactor,
            max_shift=motion_max_shift,
            iterations=motion_iterations,
            group=motion_group or None,
            report=lambda done, text="": job.report(0.5 * done, text or "aligning frames"),
            workers=job.threads,
        )
        notes += _said(job, movie, found)
    known = found is not None and found.seen
    shifts = found.shifts if known else np.zeros((len(movie), 2))
    model = found.model if known else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # named one by one: with **words Python would hold the frames until the call returns
        sums = kernel.correct(
            view.frames(last=not write_aligned),
            shifts,
            pixel_size=movie.pixel_size,
            model=model,
            gain=view.gain(),
            shape=movie.average_shape,
            voltage=voltage,
            dose_per_frame=dose,
            prior_dose=before,
            odd_even=odd_even and len(movie) > 1,
            dose_range=dose_range,
            report=lambda done, text="": job.report(0.5 + 0.45 * done, text or "summing frames"),
            workers=job.threads,
        )
    notes += dict.fromkeys(str(one.message) for one in caught)
    made = _write(job, sums, len(movie), movie.average_pixel_size)
    if write_aligned:
        made["aligned_frames"] = _write_aligned(job, movie, view, shifts, model)
    movie.forget()
    if not known:
        return {**made, **_quality(found), "notes": notes}
    return {
        **made,
        **_quality(found),
        **drift_numbers(shifts, dose, before),
        "shifts": of_file(shifts, movie),
        "motion_star": _star(job, movie, found, voltage),
        "local_drift": _largest(found.model, len(movie)),
        "shift_error": found.error,
        "notes": notes,
    }


def _said(job: Job, movie: Movie, found: kernel.Alignment) -> list[str]:
    """Log how the alignment went; give what people should know of it."""
    changes = [round(change, 3) for change in found.rms_history]
    job.log(
        f"{found.iterations} rounds, changes {changes} Å, peaks {found.quality:.1f} sd high,"
        f" error of a shift {found.error:.2f} Å, frames taken together: {found.group}"
    )
    if not found.seen:
        return [
            f"the frames could not be aligned: their correlation peaks, {found.quality:.1f} sd"
            " high, may be noise; they are summed as they are"
        ]
    # then patches that were left out are of no interest either
    still = any(note.startswith(kernel.NO_LOCAL) for note in found.notes)
    notes = [] if still else list(found.notes)
    if not found.converged:
        notes.append(
            f"the shifts still changed after {found.iterations} rounds:"
            " look at motion_iterations and motion_max_shift"
        )
    if found.unsure:
        listed = ", ".join(str(movie.first + i + 1) for i in found.unsure)
        notes.append(
            f"frame {listed} does not show what the others show; its shift is interpolated"
            if len(found.unsure) == 1
            else f"frames {listed} do not show what the others show; their shifts are interpolated"
        )
    for note in dict.fromkeys((*found.notes, *notes)):
        job.log(note)
    return notes


def _range(
    low: float, high: float | None, dose: float | None, before: float, frames: int
) -> tuple[float, float] | None:
    """Give the range of doses that gets a sum of its own, e/Å²; None when it is not asked for.

    dose, before: of a frame, and what the specimen had received before the first used one.

    Raises BadValue when no used frame can lie within it.
    """
    if high is None and not low:
        return None
    if high is None:
        high, told = np.inf, f"from {low:g} e/Å² on"
    else:
        told = f"within {low:g} to {high:g} e/Å²"
    if not low < high:
        raise BadValue(
            f"sum_dose_from = {low:g} and sum_dose_to = {high:g} e/Å²: the range is empty"
        )
    if not dose:
        raise BadValue(
            "sum_dose_from and sum_dose_to need the dose of a frame: give dose_per_frame or"
            " exposure_dose"
        )
    start = before + dose * np.arange(frames)
    if not ((start >= low - 1e-6) & (start + dose <= high + 1e-6)).any():
        raise BadValue(
            f"no used frame was exposed {told}: they received {start[0]:g} to"
            f" {start[-1] + dose:g}; mend sum_dose_from and sum_dose_to"
        )
    return low, high


def _write(job: Job, sums: kernel.Sums, frames: int, pixel_size: float) -> dict[str, str | None]:
    """Write the sums; give the words of those that were made."""
    label = f"motion: sum of {frames} frames, mean n*m"
    labels = {
        "average": label,
        "average_dw": f"motion: dose-weighted sum of {frames} frames, mean sqrt(n)*m",
        "unaligned": "motion: unaligned sum",
        "average_odd": f"motion: sum of the odd of {frames} frames",
        "average_even": f"motion: sum of the even of {frames} frames",
        "average_range": f"motion: sum of a dose range of {frames} frames",
    }
    fields = (
        sums.average, sums.average_dw, sums.unaligned, sums.odd, sums.even, sums.dose_range,
    )  # fmt: skip
    return {
        word: None
        if picture is None
        else job.write(word, devices.to_numpy(picture), label=labels[word], pixel_size=pixel_size)
        for word, picture in zip(labels, fields, strict=True)
    }


def _write_aligned(
    job: Job, movie: Movie, view: devices.View, shifts: np.ndarray, model: np.ndarray | None
) -> str:
    def pictures() -> Iterator[np.ndarray]:
        each = kernel.aligned(
            view.frames(), shifts, pixel_size=movie.pixel_size, model=model, gain=view.gain(),
            shape=movie.average_shape, workers=job.threads,
        )  # fmt: skip
        for i, picture in enumerate(each):
            job.report(0.95 + 0.05 * i / len(movie), "writing aligned frames")
            yield devices.to_numpy(picture)

    mrc_frames.write(
        job.path("aligned_frames"), pictures(), count=len(movie), shape=movie.average_shape,
        pixel_size=movie.average_pixel_size, label=f"motion: {len(movie)} aligned frames",
    )  # fmt: skip
    return job.keep("aligned_frames")


def _quality(found: kernel.Alignment | None) -> dict[str, float | bool | None]:
    return {
        "alignment_quality": None if found is None else found.quality,
        "aligned": None if found is None else found.converged,
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
        "drift_jitter": kernel.jitter(shifts),
        "drift_deceleration": kernel.deceleration(shifts),
    }


def _largest(model: np.ndarray | None, frames: int) -> float | None:
    """Largest movement of a part relative to the whole frame, Å."""
    if model is None:
        return None
    at = np.linspace(-0.5, 0.5, 9)
    way = kernel.local_movement(model, np.arange(frames), at[None, :], at[:, None])
    return float(np.hypot(way[..., 0], way[..., 1]).max())


def of_file(shifts: np.ndarray, movie: Movie) -> list[list[float] | None]:
    """Give one [x, y] per frame of the file, None for those that were not used."""
    before: list[list[float] | None] = [None] * movie.first
    after: list[list[float] | None] = [None] * (movie.shape[0] - movie.last)
    return before + [[float(x), float(y)] for x, y in shifts] + after


def _star(job: Job, movie: Movie, found: kernel.Alignment, voltage: float) -> str:
    whole = np.full((movie.shape[0], 2), np.nan)
    whole[movie.first : movie.last] = found.shifts
    local, left_out = _local_shifts(movie, found)
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
            eer_grouping=movie.eer_frames or None,
            eer_upsampling=movie.eer_upsampling if movie.eer_frames else None,
            hot_pixels=np.array(movie.hot, np.int64).reshape(-1, 2),
            model=found.model,
            local_shifts=local,
            left_out=left_out,
        ),
    )
    return job.keep("motion_star")


def _local_shifts(
    movie: Movie, found: kernel.Alignment
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What each patch showed, relative to the whole frame: rows frame, x, y, movement x, y.

    First patches that the local motion was fitted to, then the others: all, when there is none.
    """
    tracks = found.tracks
    if tracks is None:
        return None, None
    relative = tracks.movement - found.shifts
    place = (tracks.centres + 0.5) * [movie.shape[2], movie.shape[1]]
    used = tracks.used & (found.model is not None)

    def rows(patches: np.ndarray) -> np.ndarray | None:
        listed = [
            (movie.first + z, *place[p], *relative[p, z])
            for p in np.flatnonzero(patches)
            for z in range(len(found.shifts))
        ]
        return np.array(listed) if listed else None

    return rows(used), rows(~used)
