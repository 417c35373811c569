"""Picking by other programs: Gautomatch, crYOLO and Topaz, with the words of the step `pick`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from focusnb.errors import BadValue, ProgramFailed
from focusnb.formats import box as box_format
from focusnb.formats import cbox, coordinates
from focusnb.formats import topaz as topaz_format
from focusnb.kernels import picking
from focusnb.kernels.picking.blobs import SPACING
from focusnb.model.job import Job
from focusnb.model.step import Step
from focusnb.steps import picked
from focusnb.steps.external import program

WORDS = "average_pixel_size particle_diameter"  # which only what is made of them needs
TOPAZ_PIXEL = 8.0  # Å: about that of the pictures Topaz' detectors were trained on
NONE = "the program tells of no particle in this picture"
MODELS = ("resnet16_u64", "resnet16_u32", "resnet8_u64", "resnet8_u32")


def _keep(
    job: Job, values: Mapping[str, Any], table: Any, *, threshold: float, notes: list[str]
) -> Mapping[str, Any]:
    """Write the picks of a program, those inside the picture and from the threshold on."""
    height, width = job.read("average").shape
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not inside.all():
        notes.append(f"{int((~inside).sum())} of {len(x)} picks outside of the picture left out")
    some = table[inside]
    n = np.zeros(len(some))
    picks = picking.points(
        x[inside], y[inside], some["score"], diameter=values["particle_diameter"],
        classes=some.get("class", n), angle=some.get("angle", n),
    )  # fmt: skip
    none = NONE
    if not np.isnan(picks.score).all():
        if len(picks):
            none = (
                f"none of {len(picks)} picks of the program reaches its threshold of {threshold:g}"
            )
        picks = picks.above(threshold)
    return picked.keep_others(job, picks, notes=notes, none=none)


def _needing_words(step: Step, *others: Step) -> Step:
    """The step that cannot do without WORDS, and without what others cannot do without."""
    needed = frozenset(WORDS.split()).union(*(one.required for one in (step, *others)))
    return replace(step, required=needed)


def _distance(values: Mapping[str, Any]) -> float:
    given = values.get("pick_distance")
    return SPACING * values["particle_diameter"] if given is None else float(given)


# -- Gautomatch -----------------------------------------------------------------------------------


def _gautomatch_words(values: dict[str, Any]) -> Mapping[str, Any]:
    diameter, pixel = values["particle_diameter"], values["average_pixel_size"]
    box = values.get("box_size") or 2 * int(np.ceil(0.75 * diameter / pixel))
    given = bool(values.get("templates"))
    if given and not values.get("template_pixel_size"):
        raise BadValue(
            "Gautomatch must be told the pixel size of its templates: give it with"
            " --set template_pixel_size="
        )
    return {
        "distance": f"{_distance(values):g}",
        "box": box,
        # it makes them dark by itself, unless told that they are
        "as_they_are": "--dont_invertT"
        if given and values["template_contrast"] == "dark"
        else None,
        "templates_size": values.get("template_pixel_size") if given else None,
    }


def _gautomatch(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    table = folder / "average_automatch.star"
    if not table.is_file():
        raise ProgramFailed("Gautomatch wrote no average_automatch.star; its log tells why")
    return _keep(
        job, values, coordinates.read(table), threshold=values["gautomatch_cutoff"], notes=[]
    )


gautomatch = program(
    "gautomatch",
    "Pick particles with Gautomatch",
    "Gautomatch --apixM {average_pixel_size} --speed 1 --kV {voltage} --cs {spherical_aberration}"
    " --diameter {particle_diameter} --cc_cutoff {gautomatch_cutoff} --gid 0"
    " --min_dist {distance} --boxsize {box}"
    " [--T {templates} --apixT {templates_size}] [{as_they_are}] {average}",
    category="Pick",
    results=picked.RESULTS,
    adapt=_gautomatch_words,
    collect=_gautomatch,
    suffixes={"templates": {".mrc": ".mrcs"}},
    extra="pick_distance pick_edits box_size template_pixel_size template_contrast",
    folder_word="gautomatch_folder",
    requires={"gpu": 1},
    seen=False,
    help="By Kai Zhang; on a graphics card. Without templates it picks with disks. The program, or a"
    " link to it, is to be called Gautomatch. The average without background is our own; what was"
    " changed by hand is kept.",
)


# -- crYOLO ---------------------------------------------------------------------------------------


def _cryolo_words(values: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "card": "0" if values.get("picker_device") == "cuda" else None,
        "distance": round(_distance(values) / values["average_pixel_size"]),
    }


def cryolo_picks(folder: Path, stem: str = "average") -> Any:
    """The picks that crYOLO wrote into a folder: from CBOX, which has confidences, else EMAN or STAR."""
    readers = (("CBOX", ".cbox", cbox.read), ("EMAN", ".box", box_format.read),
               ("STAR", ".star", coordinates.read))  # fmt: skip
    for name, suffix, read in readers:
        file = folder / name / f"{stem}{suffix}"
        if file.is_file():
            table = read(file)
            return table if "score" in table else table.assign(score=np.nan)
    if folder.is_dir():
        return None
    raise ProgramFailed(f"crYOLO wrote no folder {folder.name}; its log tells why")


def _cryolo(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    table = cryolo_picks(folder / "out")
    if table is None:  # it writes no file for a picture without particles
        nothing = picking.points([], [])
        return picked.keep_others(job, nothing, notes=[], none=NONE)
    return _keep(job, values, table, threshold=values["cryolo_threshold"], notes=[])


cryolo = _needing_words(
    program(
        "cryolo",
        "Pick particles with crYOLO",
        "cryolo_predict.py -c {cryolo_config} -w {cryolo_model} -i {average} -o out/"
        " -t {cryolo_threshold} -d {distance} -nc {threads} [-g {card}]",
        category="Pick",
        results=picked.RESULTS,
        adapt=_cryolo_words,
        collect=_cryolo,
        extra=f"{WORDS} pick_distance pick_edits picker_device",
        folder_word="cryolo_folder",
        requires={"gpu": {"picker_device": "cuda"}},
        seen=False,
        help="Wagner et al. 2019; needs a trained model and its configuration. The average without"
        " background is our own; what was changed by hand is kept.",
    )
)


# -- Topaz ----------------------------------------------------------------------------------------


def _topaz_words(values: dict[str, Any]) -> Mapping[str, Any]:
    pixel, diameter = values["average_pixel_size"], values["particle_diameter"]
    scale = values.get("topaz_scale") or max(1, round(TOPAZ_PIXEL / pixel))
    radius = round(_distance(values) / (pixel * scale) / 2)
    if radius < 1:
        raise BadValue(
            f"particle_diameter = {diameter:g} Å is less than two pixels of {pixel * scale:.3g} Å,"
            " in which Topaz searches; set a smaller topaz_scale"
        )
    return {
        "scale": scale,
        "radius": radius,
        "device": 0 if values.get("picker_device") == "cuda" else -1,
        "network": None if values.get("topaz_trained") else values["topaz_model"],
    }


def _topaz(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    file = folder / "picks.txt"
    if not file.is_file():
        raise ProgramFailed("Topaz wrote no picks.txt; its log tells why")
    words, pixel = _topaz_words(dict(values)), values["average_pixel_size"]
    notes = [f"Topaz searched pixels of {pixel * words['scale']:.3g} Å"]
    return _keep(
        job, values, topaz_format.read(file), threshold=values["topaz_threshold"], notes=notes
    )


def _in_two_commands() -> Step:
    """Topaz makes a small, normalised picture first, and then finds particles in that one."""
    extra = f"{WORDS} pick_distance picker_device topaz_scale topaz_model"
    common = {
        "category": "Pick", "adapt": _topaz_words, "folder_word": "topaz_folder",
        "requires": {"gpu": {"picker_device": "cuda"}},
    }  # fmt: skip
    small = program(
        "topaz_preprocess", "Normalise with Topaz",
        "topaz preprocess -s {scale} -d {device} -j {threads} -o processed/ {average}",
        results="", extra=extra, **common,
    )  # fmt: skip
    found = program(
        "topaz",
        "Pick particles with Topaz",
        "topaz extract [-m {topaz_trained}] [-m {network}] -r {radius} -t {topaz_threshold} -x {scale}"
        " -d {device} -j {threads} -o picks.txt ../.work-topaz_preprocess/processed/average.mrc",
        results=picked.RESULTS,
        collect=_topaz,
        extra=f"{extra} average pick_edits",
        help="Bepler et al. 2019; with its pretrained detectors or one of your own. The average"
        " without background is our own; what was changed by hand is kept.",
        **common,
    )

    def run(job: Job) -> Mapping[str, Any]:
        small.run(job)
        return found.run(job)

    return _needing_words(replace(found, run=run), small)


topaz = _in_two_commands()
