"""Prepare: how the frames of a movie are read, checked before anything is computed from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from focusnb import formats
from focusnb.errors import BadData, BadValue
from focusnb.kernels import defects as defect_kernel
from focusnb.kernels import statistics
from focusnb.model.job import Job
from focusnb.model.movie import Movie
from focusnb.model.step import step

# EER frames in a fraction, when nothing tells how many are wanted; as RELION's default.
FRACTION = 40
# Averages are padded to so many times the frame's side, and to so many pixels: beyond that they
# would fill the memory with nothing new.
MOST_TIMES, MOST_PIXELS = 4, 32_768


@step(
    category="Prepare",
    results="prepared frame_count hot_pixels average_pixel_size total_dose",
    version="3",
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
    eer_frames=0,
    eer_dose=0.8,
    eer_upsampling="1",
):
    """Prepare the movie: frames, gain, defects, hot pixels and dose.

    The file is opened and checked, the gain and the defects are compared with its size, and hot
    pixels are looked for in the sum of the frames. No corrected stack is written: the recipe is
    kept, and the frames are corrected while they are read. Electron events (EER) are added up to
    frames of the wanted dose.
    """
    file = look(Path(movie), eer_frames, eer_dose, int(eer_upsampling), exposure_dose)
    notes, frames = file.notes, file.shape[0]
    if file.together and not eer_frames and exposure_dose is None and dose_per_frame is not None:
        notes.append(
            f"dose_per_frame = {dose_per_frame:g} e/Å² is taken as that of {file.together} recorded"
            " frames together: for eer_dose to tell how many, give exposure_dose; or set eer_frames"
        )
    last = min(last_frame or frames, frames)
    if last_frame > frames:
        notes.append(f"last_frame = {last_frame}, but the movie has {frames} frames: all are used")
    if not first_frame <= last:
        raise BadValue(
            f"first_frame = {first_frame} and last_frame = {last_frame}: the movie has {frames} frames"
        )
    pixel = pixel_size / file.upsampling
    recipe = Movie(
        file=str(movie),
        shape=file.shape,
        first=first_frame - 1,
        last=last,
        pixel_size=pixel,
        average_pixel_size=_wanted(pixel, crop_factor, target_pixel_size, notes),
        dose_per_frame=dose_of_frame(dose_per_frame, exposure_dose, file.exposure_frames),
        prior_dose=prior_dose,
        counts_per_electron=counts_per_electron,
        gain=None if gain_corrected else gain,
        gain_rotation=int(gain_rotation),
        gain_flip=int(gain_flip),
        defects=defects,
        eer_frames=file.together,
        eer_upsampling=file.upsampling,
        threads=job.threads,
    )
    _check_padding(recipe)
    # The sides are whole numbers: what a pixel of them really is.
    recipe.average_pixel_size = pixel * file.shape[2] / recipe.average_shape[1]
    if min(recipe.average_shape) < 32:
        raise BadData(
            f"averages of {recipe.average_shape[1]} × {recipe.average_shape[0]} pixels are too small;"
            " look at crop_factor, target_pixel_size and pixel_size"
        )
    notes += statistics.gain_warnings(
        integers=file.integers and frames > 1,
        gain=gain is not None,
        gain_corrected=gain_corrected,
    )
    job.report(0.1, "reading frames")
    total = recipe.scan(lambda done: job.report(0.1 + 0.8 * done, "reading frames"))
    if hot_pixel_sigma > 0:
        recipe.found_hot(defect_kernel.hot_pixels(total, sigma=hot_pixel_sigma))
    notes += recipe.notes
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


@dataclass(slots=True)
class File:
    """What a movie's header tells, its electron events taken together as wanted."""

    shape: tuple[int, int, int]
    integers: bool
    notes: list[str]
    exposure_frames: float  # frames that the whole exposure makes; EER's may have a rest
    together: int = 0  # EER frames in one of these; 0 for other files
    upsampling: int = 1


def look(
    movie: Path, eer_frames: int, eer_dose: float, upsampling: int, exposure: float | None
) -> File:
    """Open a movie and tell what it is; of an EER file, how its frames are taken together."""
    with formats.open(movie) as stack:
        if stack.dtype.kind == "c":
            raise BadData(f"{movie.name} holds complex numbers: a transform, not a movie")
        recorded = getattr(stack, "raw_frames", None)
        if recorded is None:
            integers = stack.dtype.kind in "iu"
            return File(stack.shape, integers, list(stack.notes), stack.shape[0])
        together = fraction(recorded, eer_frames, eer_dose, exposure)
        stack = stack.fractions(together, upsampling)
        notes = list(stack.notes)
        if 1 < recorded == together != eer_frames:
            notes.append(
                f"all {recorded} recorded frames make one fraction, which shows no drift:"
                " look at eer_frames, eer_dose and exposure_dose"
            )
        return File(stack.shape, True, notes, recorded / together, together, upsampling)


def fraction(recorded: int, frames: int, dose: float, exposure: float | None) -> int:
    """How many of the recorded frames of an EER file make one that is aligned.

    By number when `frames` is given, else so that each has about `dose` e/Å² of the `exposure`.
    """
    if not frames:
        frames = FRACTION if exposure is None else round(dose * recorded / max(exposure, 1e-9))
    return min(max(frames, 1), recorded)


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


def _check_padding(movie: Movie) -> None:
    """Raise BadValue when averages would be padded to sides that nobody can use."""
    for side, wanted in zip(movie.shape[:0:-1], movie.average_shape[::-1], strict=True):
        most = max(min(MOST_TIMES * side, MOST_PIXELS), side)
        if wanted > most:
            finest = movie.pixel_size * side / most
            raise BadValue(
                f"target_pixel_size = {movie.average_pixel_size:g} Å would pad frames of {side} pixels"
                f" a side to {wanted}, and {most} are possible; give {_above(finest):g} Å or more"
            )


def _above(size: float) -> float:
    """The size, rounded up to as many digits as are shown: what is told must be taken."""
    return float(np.ceil(size * 1000) / 1000)


def dose_of_frame(per_frame: float | None, exposure: float | None, frames: float) -> float | None:
    """Dose per frame in e/Å²; raises BadValue when two statements contradict each other."""
    if per_frame is None:
        return None if exposure is None else exposure / frames
    if exposure is not None and abs(per_frame * frames - exposure) > 0.05 * exposure:
        raise BadValue(
            f"dose_per_frame = {per_frame:g} and exposure_dose = {exposure:g} e/Å² do not fit:"
            f" {frames:g} frames make {per_frame * frames:g}; remove one of them or mend it"
        )
    return per_frame
