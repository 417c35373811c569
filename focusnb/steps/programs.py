"""The external programs that focusnb can run: one declaration each."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from focusnb.errors import ProgramFailed
from focusnb.formats import motion_star
from focusnb.model.job import Job
from focusnb.steps.external import program
from focusnb.steps.motion import DRIFT, drift_numbers
from focusnb.steps.prepare import dose_of_frame, look


def _relion_words(values: dict[str, Any]) -> Mapping[str, Any]:
    exposure = values.get("exposure_dose")
    events = values["eer_frames"], values["eer_dose"], int(values["eer_upsampling"])
    file = look(Path(values["movie"]), *events, exposure)
    dose = dose_of_frame(values.get("dose_per_frame"), exposure, file.exposure_frames)
    target, pixel = values.get("target_pixel_size"), values["pixel_size"] / file.upsampling
    return {
        "last": min(values["last_frame"] or file.shape[0], file.shape[0]),
        "pixel_size": f"{pixel:.6g}",  # of the frames: EER's pixels may be halved
        "binning": f"{target / pixel if target else values['crop_factor']:.6g}",
        "weighting_dose": None if dose is None else f"{dose:.6g}",
        "grouping": file.together or None,
        **({"gain": None} if values["gain_corrected"] else {}),
    }


def _relion_motion(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    table = folder / "out" / "movie.star"
    if not table.is_file():
        raise ProgramFailed("RELION wrote no movie.star; its log tells why")
    found = motion_star.read(table)
    whole = np.array(found.shifts, float)
    used = whole[~np.isnan(whole).any(axis=1)]
    motion_star.write(
        job.path("motion_star"),
        replace(
            found,
            movie_name=f"raw/{Path(values['movie']).name}",
            gain_name=values.get("gain"),
            defect_file=values.get("defects"),
        ),
    )
    words: dict[str, Any] = {"motion_star": job.keep("motion_star")}
    weighted, plain = folder / "out" / "movie.mrc", folder / "out" / "movie_noDW.mrc"
    if not plain.is_file():  # without dose weighting there is one sum, under the other name
        weighted, plain = plain, weighted
    for word, file in (("average", plain), ("average_dw", weighted)):
        if file.is_file():
            file.replace(job.path(word))
            words[word] = job.keep(word)
    if "average" not in words:
        raise ProgramFailed("RELION wrote no average; its log tells why")
    return {
        **words,
        "shifts": [None if np.isnan(p).any() else [float(p[0]), float(p[1])] for p in whole],
        **drift_numbers(used, found.dose_rate or None, found.pre_exposure),
        "aligned": True,
    }


relion_motion = program(
    "relion_motion",
    "Align frames with RELION's own motion correction",
    "relion_run_motioncorr --use_own --i {movie} --o out/ --j {threads} --angpix {pixel_size}"
    " --voltage {voltage} --bin_factor {binning} --bfactor {motion_bfactor}"
    " --patch_x {patches} --patch_y {patches} --preexposure {prior_dose}"
    " --first_frame_sum {first_frame} --last_frame_sum {last}"
    " [--dose_per_frame {weighting_dose} --dose_weighting --save_noDW]"
    " [--gainref {gain} --gain_rot {gain_rotation} --gain_flip {gain_flip}]"
    " [--defect_file {defects}]"
    " [--eer_grouping {grouping} --eer_upsampling {eer_upsampling}]",
    category="Align",
    results=f"average average_dw shifts motion_star {DRIFT} aligned",
    adapt=_relion_words,
    collect=_relion_motion,
    suffixes={"movie": {".mrc": ".mrcs"}},
    extra="crop_factor target_pixel_size dose_per_frame exposure_dose gain_corrected last_frame"
    " eer_frames eer_dose",
    folder_word="relion_folder",
    help="RELION 3.1.3 and later. Local motion is measured in patches × patches; 1 leaves it out.",
)
