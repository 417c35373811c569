"""Prepare: how the frames of a movie are read, checked before anything is computed from them."""

from pathlib import Path

import numpy as np

from focusnb import formats
from focusnb.errors import BadData, BadValue
from focusnb.kernels import defects as defect_kernel
from focusnb.kernels import statistics
from focusnb.model.job import Job
from focusnb.model.movie import Movie
from focusnb.model.step import step


@step(
    category="Prepare",
    results="prepared frame_count hot_pixels average_pixel_size total_dose",
)
def prepare(
    job: Job,
    movie,
    pixel_size,
    gain=None,
    gain_rotation="0",
    gain_flip="0",
    gain_corrected=False,
    defects=None,
    hot_pixel_sigma=6.0,
    counts_per_electron=1.0,
    crop_factor=1.0,
    target_pixel_size=None,
    first_frame=1,
    last_frame=0,
    dose_per_frame=None,
    exposure_dose=None,
    prior_dose=0.0,
):
    """Prepare the movie: frames, gain, defects, hot pixels and dose.

    The file is opened and checked, the gain and the defects are compared with its size, and hot
    pixels are looked for in the sum of the frames. No corrected stack is written: the recipe is
    kept, and the frames are corrected while they are read.
    """
    with formats.open(movie) as stack:
        shape, kind = stack.shape, stack.dtype.kind
        notes = list(stack.notes)
    if kind == "c":
        raise BadData(f"{Path(movie).name} holds complex numbers: a transform, not a movie")
    frames = shape[0]
    last = min(last_frame or frames, frames)
    if last_frame > frames:
        notes.append(f"last_frame = {last_frame}, but the movie has {frames} frames: all are used")
    if not first_frame <= last:
        raise BadValue(
            f"first_frame = {first_frame} and last_frame = {last_frame}: the movie has {frames} frames"
        )
    recipe = Movie(
        file=str(movie),
        shape=shape,
        first=first_frame - 1,
        last=last,
        pixel_size=pixel_size,
        average_pixel_size=_wanted(pixel_size, crop_factor, target_pixel_size, notes),
        dose_per_frame=dose_of_frame(dose_per_frame, exposure_dose, frames),
        prior_dose=prior_dose,
        counts_per_electron=counts_per_electron,
        gain=None if gain_corrected else gain,
        gain_rotation=int(gain_rotation),
        gain_flip=int(gain_flip),
        defects=defects,
    )
    # The sides are whole numbers: what a pixel of them really is.
    recipe.average_pixel_size = pixel_size * shape[2] / recipe.average_shape[1]
    if min(recipe.average_shape) < 32:
        raise BadData(
            f"averages of {recipe.average_shape[1]} × {recipe.average_shape[0]} pixels are too small;"
            " look at crop_factor, target_pixel_size and pixel_size"
        )
    notes += statistics.gain_warnings(
        integers=kind in "iu" and frames > 1, gain=gain is not None, gain_corrected=gain_corrected
    )
    job.report(0.1, "reading frames")
    total = recipe.unrepaired_sum()
    value = recipe.recorded_value()
    if value is not None:
        raise BadData(
            f"{Path(movie).name}: all pixels have the value {value:g}; nothing was recorded"
        )
    if hot_pixel_sigma > 0:
        # What the list names is replaced anyway: here it would hide hot neighbours.
        known = recipe.known_defects()
        total = defect_kernel.repair(total, known, rng=np.random.default_rng(0))
        hot = defect_kernel.hot_pixels(total, sigma=hot_pixel_sigma)
        recipe.hot = [[int(x), int(y)] for x, y in hot if not known[y, x]]
    dose = recipe.dose_per_frame
    for note in notes:
        job.log(note)
    return {
        "prepared": job.write("prepared", recipe),
        "frame_count": len(recipe),
        "hot_pixels": len(recipe.hot),
        "average_pixel_size": recipe.average_pixel_size,
        "total_dose": None if dose is None else dose * len(recipe),
        "notes": notes,
    }


def _wanted(pixel_size: float, crop_factor: float, target: float | None, notes: list[str]) -> float:
    """Pixel size that averages shall have, Å; what is odd about it goes to the notes."""
    if target is None:
        return pixel_size * crop_factor
    if crop_factor != 1:
        notes.append("target_pixel_size takes the place of crop_factor")
    if target < pixel_size:
        notes.append(
            f"target_pixel_size = {target:g} Å is finer than pixel_size = {pixel_size:g} Å:"
            " averages are padded, which adds no detail"
        )
    return target


def dose_of_frame(per_frame: float | None, exposure: float | None, frames: int) -> float | None:
    """Dose per frame in e/Å²; raises BadValue when two statements contradict each other."""
    if per_frame is None:
        return None if exposure is None else exposure / frames
    if exposure is not None and abs(per_frame * frames - exposure) > 0.05 * exposure:
        raise BadValue(
            f"dose_per_frame = {per_frame:g} and exposure_dose = {exposure:g} e/Å² do not fit:"
            f" {frames} frames make {per_frame * frames:g}; remove one of them or mend it"
        )
    return per_frame
