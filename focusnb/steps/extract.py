"""Extract: particles cut out of the average, with all that a 3D reconstruction needs to know."""

from typing import Any

import numpy as np

from focusnb.errors import BadValue
from focusnb.formats import particles as particles_format
from focusnb.kernels import picking
from focusnb.kernels.picking import boxes as kernel
from focusnb.model.job import Job
from focusnb.model.step import step
from focusnb.model.text import counted

BOX = 1.5  # diameters
LARGEST = 1 << 33  # bytes of a stack that is held in memory


@step(category="Pick", results="particle_stack particle_star particles_extracted")
def extract(
    job: Job,
    average,
    average_pixel_size,
    picks,
    particle_diameter,
    voltage,
    spherical_aberration,
    amplitude_contrast,
    average_dw=None,
    pixel_size=None,
    optics_group="opticsGroup1",
    box_size=None,
    scaled_box=None,
    normalise_particles=True,
    background_part=0.75,
    remove_ramp=True,
    pick_bright=False,
    defocus_u=None,
    defocus_v=None,
    defocus_angle=None,
    phase_shift=None,
    ctf_resolution=None,
    ctf_score=None,
):
    """Cut the picked particles out as a stack, with their CTF, as RELION does.

    From the dose-weighted average, where there is one. The background of each box gets mean 0 and
    standard deviation 1, and dark particles become bright. What lies outside of the picture repeats
    its edge; picks whose whole box lies outside, and boxes without any contrast or with pixels that
    are no numbers, are left out.
    """
    table = job.read("picks")
    word = "average" if average_dw is None else "average_dw"
    picture = job.read(word)
    box = box_size or _even(BOX * particle_diameter / average_pixel_size)
    side = scaled_box or box
    _check(box, side, len(table), picture.shape)
    lost = kernel.outside(picture.shape, table["x"], table["y"], box)
    notes = []
    if lost.any():
        notes.append(f"{counted(int(lost.sum()), 'pick')} left out: the box lies wholly outside")
    table = table[~lost].reset_index(drop=True)
    stack = np.empty((len(table), side, side), np.float32)
    kept = np.zeros(len(table), bool)
    broken = flat = done = 0
    for begin in range(0, len(table), 64):
        some = table.iloc[begin : begin + 64]
        job.report(0.9 * begin / len(table), "cutting out particles")
        one = picking.cut(picture, some["x"], some["y"], box)
        known = np.isfinite(one).all(axis=(1, 2))
        one = one[known]
        if side != box:
            one = kernel.scale(one, side, workers=job.threads)
        if normalise_particles:
            radius = int(background_part * side / 2)  # RELION takes whole pixels
            one = kernel.normalise(one, radius=radius, invert=not pick_bright, ramp=remove_ramp)
        level = np.isnan(one[:, 0, 0])
        one = one[~level]
        stack[done : done + len(one)] = one
        kept[begin + np.nonzero(known)[0][~level]] = True
        broken, flat, done = broken + (~known).sum(), flat + level.sum(), done + len(one)
    if broken:
        notes.append(
            f"{counted(int(broken), 'pick')} left out: the box has pixels that are no numbers"
        )
    if flat:
        notes.append(f"{counted(int(flat), 'pick')} left out: the box has no contrast")
    table, stack = table[kept].reset_index(drop=True), stack[:done]
    if not len(table):
        notes.append("no particle to cut out: there are no picks")
    for note in notes:
        job.log(note)
    job.log(f"{counted(len(table), 'particle')} in boxes of {side} × {side} pixels")
    if not len(table):
        return {"particles_extracted": 0, "notes": notes}
    pixel = average_pixel_size * box / side
    label = "extract: background 0 ± 1" if normalise_particles else "extract: as cut"
    words = {"particle_stack": job.write("particle_stack", stack, pixel_size=pixel, label=label)}
    optics = {
        "rlnOpticsGroupName": optics_group,
        "rlnMicrographOriginalPixelSize": pixel_size or average_pixel_size,
        "rlnVoltage": voltage,
        "rlnSphericalAberration": spherical_aberration,
        "rlnAmplitudeContrast": amplitude_contrast,
        "rlnImagePixelSize": pixel,
        "rlnImageSize": side,
    }
    lens = None
    if defocus_u is not None and defocus_v is not None:
        lens = {
            "rlnDefocusU": defocus_u, "rlnDefocusV": defocus_v, "rlnDefocusAngle": defocus_angle,
            "rlnPhaseShift": phase_shift, "rlnCtfMaxResolution": ctf_resolution,
            "rlnCtfFigureOfMerit": ctf_score,
        }  # fmt: skip
    else:
        job.log("the CTF is not known: the table has no defocus")
    particles_format.write(
        job.path("particle_star"), table, stack="particles.mrcs",
        micrograph=job.words[word].file or word, optics=optics, ctf=lens,
    )  # fmt: skip
    words["particle_star"] = job.keep("particle_star")
    return {**words, "particles_extracted": len(table), "notes": notes}


def _even(pixels: float) -> int:
    return 2 * int(np.ceil(pixels / 2))


def _check(box: int, side: int, count: int, shape: tuple[int, ...]) -> None:
    for word, value in (("box_size", box), ("scaled_box", side)):
        if value % 2:
            raise BadValue(f"{word} = {value} px is odd; boxes have an even number of pixels")
    if box > min(shape):
        raise BadValue(
            f"box_size = {box} px is larger than the average of {shape[1]} × {shape[0]} pixels"
        )
    if side > box:
        raise BadValue(
            f"scaled_box = {side} px is larger than the box of {box} px; make it smaller"
        )
    needed: Any = 4.0 * count * side * side
    if needed > LARGEST:
        raise BadValue(
            f"{count} boxes of {side} px are {needed / 2**30:.0f} GiB; down-sample them with scaled_box"
        )
