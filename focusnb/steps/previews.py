"""Previews: small pictures of what the other steps made, for pages and tables."""

from pathlib import Path

import numpy as np

from focusnb import formats, pictures
from focusnb.formats import coordinates
from focusnb.formats import ctf_star as ctf_format
from focusnb.formats import motion_star as motion_format
from focusnb.model.job import Job
from focusnb.model.step import step

SIDE = 512  # pixels
BLUR = 0.07  # diameters: what is finer than a particle's parts is noise in the overview
NAMES = "average picks spectrum unaligned drift thon ctf"


@step(category="Publish", results=[f"preview_{name}" for name in NAMES.split()], version="4")
def previews(
    job: Job,
    average,
    average_pixel_size,
    voltage,
    spherical_aberration,
    amplitude_contrast,
    particle_diameter,
    unaligned=None,
    shifts=None,
    motion_star=None,
    total_dose=None,
    frame_count=None,
    ctf_spectrum=None,
    ctf_star=None,
    picks=None,
    background_free=None,
    pick_mask=None,
):
    """Draw small pictures: average, spectra, drift, Thon rings, picks.

    Whatever is there is drawn; what no step has made is left out. Picks are circles of
    particle_diameter on the average without its background; areas in which nothing was picked are
    red.
    """
    picture = job.read("average")
    pictures.thumbnail(picture, job.path("preview_average"))
    job.report(0.2, "drawing previews")
    pictures.spectrum(picture, job.path("preview_spectrum"), pixel_size=average_pixel_size)
    made = ["average", "spectrum"]
    if unaligned is not None and shifts is not None:
        before = job.read("unaligned")
        pictures.spectrum(before, job.path("preview_unaligned"), pixel_size=average_pixel_size)
        made.append("unaligned")
    if shifts is not None:
        path = np.array([[np.nan, np.nan] if p is None else p for p in shifts])
        pictures.drift(
            path,
            job.path("preview_drift"),
            dose_per_frame=total_dose / frame_count if total_dose and frame_count else None,
            **({} if motion_star is None else patch_tracks(motion_format.read(motion_star))),
            picture=picture,
            field=np.array(picture.shape) * average_pixel_size,
        )
        made.append("drift")
    job.report(0.6, "drawing previews")
    if picks is not None:
        points = coordinates.read(Path(picks))
        across = particle_diameter / average_pixel_size
        flat = picture if background_free is None else job.read("background_free")
        pictures.thumbnail(
            flat,
            job.path("preview_picks"),
            blur=max(0.8, BLUR * across * SIDE / max(flat.shape)),
            side=SIDE,
            marks=(points["x"], points["y"], across),
            veil=None if pick_mask is None else job.read("pick_mask") > 1,
        )
        made.append("picks")
    if ctf_spectrum is not None and ctf_star is not None:
        made += _ctf(job, voltage, spherical_aberration, amplitude_contrast)
    return {f"preview_{name}": job.keep(f"preview_{name}") for name in made}


def patch_tracks(motion: motion_format.MotionFile) -> dict[str, np.ndarray]:
    """Give what each patch showed as the drift plot takes it: tracks (patches, n, 2), centres, used.

    Nothing when the file tells of no patch.
    """
    found = [rows for rows in (motion.local_shifts, motion.left_out) if rows is not None]
    if not found:
        return {}
    rows = np.concatenate(found)
    places, patch = np.unique(rows[:, 1:3], axis=0, return_inverse=True)
    patch, frame = patch.ravel(), rows[:, 0].astype(int)
    tracks = np.full((len(places), motion.frames, 2), np.nan)
    tracks[patch, frame] = rows[:, 3:] + motion.shifts[frame]
    used = np.zeros(len(places), bool)
    used[patch[: 0 if motion.local_shifts is None else len(motion.local_shifts)]] = True
    centres = places / [motion.width, motion.height] - 0.5
    return {"tracks": tracks, "centres": centres, "used": used}


def _ctf(job: Job, voltage: float, cs: float, contrast: float) -> list[str]:
    fit = ctf_format.read(Path(job.values["ctf_star"]))
    with formats.open(job.values["ctf_spectrum"]) as stack:
        spectrum, pixel = stack.frame(0), stack.pixel_size
    pictures.thon(
        spectrum,
        job.path("preview_thon"),
        edge=0.5 / (pixel or 1.0),
        defocus_u=fit["defocus_u"],
        defocus_v=fit["defocus_v"],
        defocus_angle=fit["defocus_angle"],
        phase_shift=fit.get("phase_shift") or 0.0,
        voltage=voltage,
        spherical_aberration=cs,
        amplitude_contrast=contrast,
        resolution=fit.get("ctf_resolution"),
    )
    pictures.ctf_curve(
        fit["frequencies"],
        fit["profile"],
        fit["model"],
        fit["quality"],
        job.path("preview_ctf"),
        resolution=fit.get("ctf_resolution"),
    )
    return ["thon", "ctf"]
