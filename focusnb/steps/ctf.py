"""CTF: the defocus of the average, from its Thon rings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from focusnb.formats import ctf_star
from focusnb.formats import motion_star as motion_format
from focusnb.kernels import ctf as kernel
from focusnb.kernels import motion, thickness, tilt
from focusnb.model.job import Job
from focusnb.model.movie import Movie
from focusnb.model.step import step


@step(
    category="Measure",
    results="defocus defocus_u defocus_v defocus_angle phase_shift astigmatism ctf_resolution ctf_score"
    " ctf_trusted defocus_error astigmatism_error defocus_angle_error phase_shift_error"
    " specimen_tilt specimen_tilt_axis specimen_tilt_error specimen_thickness ctf_star ctf_spectrum",
    version="2",
)
def ctf(
    job: Job,
    average,
    average_pixel_size,
    voltage,
    spherical_aberration,
    amplitude_contrast,
    ctf_box=512,
    ctf_low=30.0,
    ctf_high=4.0,
    defocus_low=2000.0,
    defocus_high=100000.0,
    phase_plate=False,
    phase_shift_low=0.0,
    phase_shift_high=180.0,
    known_astigmatism=None,
    known_astigmatism_angle=0.0,
    usual_astigmatism=None,
    ctf_dose=0.0,
    measure_tilt=False,
    measure_thickness=False,
    prepared=None,
    motion_star=None,
):
    """Fit the CTF to the Thon rings of the average.

    Defocus and astigmatism are searched without any guess; the score tells how well the rings are
    met, the resolution up to where. The phase shift of a phase plate is searched when asked. A fit
    that is not to be believed is flagged, with the reason. On request the tilt of the specimen is
    found from the defocus of the picture's parts, and its thickness from the nodes of the rings.
    """
    picture = job.read("average")
    groups, notes = None, []
    if ctf_dose:
        groups, notes = _groups(job, ctf_dose, motion_star)
    job.report(0.1, "fitting the CTF")
    lens = {
        "voltage": voltage,
        "spherical_aberration": spherical_aberration,
        "amplitude_contrast": amplitude_contrast,
    }
    wanted = {
        **lens,
        "low": ctf_low,
        "high": max(ctf_high, 2.0 * average_pixel_size * 1.02),
        "defocus_low": defocus_low,
        "defocus_high": defocus_high,
        "phase_shift": (phase_shift_low, phase_shift_high) if phase_plate else 0.0,
        "astigmatism": None
        if known_astigmatism is None
        else (known_astigmatism, known_astigmatism_angle),
        "restraint": usual_astigmatism,
    }
    size = {
        "pixel_size": average_pixel_size,
        "box": min(ctf_box, *picture.shape) // 2 * 2,
        "workers": job.threads,
    }
    fit = kernel.fit(picture if groups is None else groups, **size, **wanted)
    found: dict[str, Any] = {}
    if measure_tilt and not fit.doubts:
        job.report(0.7, "measuring the tilt")
        fit, found, said = _of_all_parts(picture, fit, size, wanted)
        notes += said
    if measure_thickness and not fit.doubts:
        nodes = thickness.estimate(
            fit.frequencies, fit.profile, defocus=fit.defocus, phase_shift=fit.phase_shift, **lens
        )
        found["specimen_thickness"] = None if nodes is None else nodes.thickness
    notes += [f"the CTF is not to be trusted: {doubt}" for doubt in fit.doubts]
    for note in notes:
        job.log(note)
    known = known_astigmatism is not None
    return {
        **_write(job, fit, {**lens, "average_pixel_size": average_pixel_size}),
        **found,
        "defocus": fit.defocus,
        "ctf_trusted": not fit.doubts,
        "defocus_error": fit.errors.defocus,
        "astigmatism_error": None if known else fit.errors.astigmatism,
        "defocus_angle_error": None if known else fit.errors.angle,
        "phase_shift_error": fit.errors.phase_shift if phase_plate else None,
        "notes": notes,
    }


def _write(job: Job, fit: kernel.Fit, optics: dict[str, float]) -> dict[str, Any]:
    """Write the table and the spectrum of a fit; give their words and those of the CTF."""
    words = {
        "defocus_u": fit.defocus_u,
        "defocus_v": fit.defocus_v,
        "defocus_angle": fit.defocus_angle,
        "phase_shift": fit.phase_shift,
        "astigmatism": fit.astigmatism,
        "ctf_score": fit.score,
        "ctf_resolution": fit.resolution,
    }
    curves = {
        "frequencies": fit.frequencies,
        "profile": fit.profile,
        "model": fit.model,
        "quality": fit.quality,
    }
    ctf_star.write(job.path("ctf_star"), {**words, **optics, **curves, "name": "average.mrc"})
    spectrum = job.write(
        "ctf_spectrum",
        fit.spectrum.values,
        # so that the Nyquist limit of this file is the spectrum's edge
        pixel_size=0.5 / fit.spectrum.limit,
        label="ctf: averaged spectrum, background taken off",
    )
    return {**words, "ctf_star": job.keep("ctf_star"), "ctf_spectrum": spectrum}


def _of_all_parts(
    picture: Any, fit: kernel.Fit, size: dict[str, Any], wanted: dict[str, Any]
) -> tuple[kernel.Fit, dict[str, float | None], list[str]]:
    """The tilt, and with one the fit to the rings of all parts, brought together at one defocus.

    Gives the fit, the words of the tilt (none is 0, and has no axis), and what is to be said.
    """
    words = ("voltage", "spherical_aberration", "low", "high")
    lens = {word: wanted[word] for word in words}
    plane = tilt.estimate(
        picture, pixel_size=size["pixel_size"], defocus_u=fit.defocus_u, defocus_v=fit.defocus_v,
        defocus_angle=fit.defocus_angle, phase_shift=fit.phase_shift,
        amplitude_contrast=wanted["amplitude_contrast"], workers=size["workers"], **lens,
    )  # fmt: skip
    found = {"specimen_tilt": 0.0, "specimen_tilt_error": plane.tilt_angle_error}
    if not plane.significant:
        told = f"{plane.tilt_angle:.1f} ± {plane.tilt_angle_error:.1f}°"
        return fit, found, [f"a tilt of {told} cannot be told from none"]
    found |= {"specimen_tilt": plane.tilt_angle, "specimen_tilt_axis": plane.tilt_axis}
    spectrum = tilt.spectrum(picture, plane, **size, **lens)
    return kernel.fit_spectrum(spectrum, **wanted), found, []


def _groups(job: Job, dose: float, table: str | None) -> tuple[Iterator[Any] | None, list[str]]:
    """Sums of successive aligned frames of so much dose together, e/Å²; None without a movie."""
    movie: Movie | None = job.read("prepared") if job.values.get("prepared") else None
    if movie is None or table is None or not movie.dose_per_frame:
        missing = "a dose" if movie and table else "aligned frames"
        return None, [f"ctf_dose = {dose:g} needs {missing}; the CTF is that of the average"]
    movie.threads = job.threads
    found = motion_format.read(Path(table))
    frames = motion.aligned(
        movie.frames(), found.shifts[movie.first : movie.last], pixel_size=movie.pixel_size,
        model=found.model, gain=movie.factors(), shape=movie.average_shape, workers=job.threads,
    )  # fmt: skip
    together = max(1, round(dose / movie.dose_per_frame))

    def sums() -> Iterator[Any]:
        total: Any = 0.0
        for number, frame in enumerate(frames, 1):
            total = total + frame
            job.report(0.1 + 0.6 * number / len(movie), "adding up spectra")
            if number % together == 0:
                yield total
                total = 0.0
        if np.ndim(total):
            yield total

    return sums(), []
