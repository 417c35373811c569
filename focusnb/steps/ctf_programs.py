"""The CTF by other programs: ctffind 4.1, ctffind 5 and gCTF, with the words of the step `ctf`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.errors import BadValue, BrokenFile, ProgramFailed
from focusnb.formats import ctf_star, ctffind
from focusnb.formats import gctf as gctf_format
from focusnb.kernels import spectrum
from focusnb.model.job import Job
from focusnb.model.step import Step
from focusnb.steps import ctf as built_in
from focusnb.steps.external import program

# All words of `ctf`, so that no word of an earlier fit stays: what a program does not tell, its
# errors and whether it is to be trusted, is not available.
RESULTS = " ".join(built_in.ctf.makes)
# What only `_limits`, and only `_answers`, need.
EXTRA = "ctf_box ctf_low ctf_high phase_plate phase_shift_low phase_shift_high usual_astigmatism"
EXTRA_OF_CTFFIND = f"{EXTRA} known_astigmatism_angle"
DEFOCUS_STEP = 100.0  # Å, ctffind's own
PHASE_STEP = 10.0  # degrees
COARSEST = 50.0  # Å: ctffind takes no coarser limit
LARGEST_TEXT = 1 << 26  # bytes


def _limits(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what all of these programs are told: limits in Å, phase shift in degrees, or None."""
    low, pixel = values["ctf_low"], values["average_pixel_size"]
    high = max(values["ctf_high"], 2.04 * pixel)  # the Nyquist limit, and a little
    if low <= high:
        raise BadValue(
            f"ctf_low = {low:g} Å is to be coarser than ctf_high, {high:g} Å at {pixel:g} Å per pixel"
        )
    if values["defocus_low"] >= values["defocus_high"]:
        raise BadValue(
            f"defocus_low = {values['defocus_low']:g} Å is to be smaller than"
            f" defocus_high = {values['defocus_high']:g} Å"
        )
    searched = bool(values.get("phase_plate"))
    first, last = values.get("phase_shift_low") or 0.0, values.get("phase_shift_high")
    last = 180.0 if last is None else last
    if searched and first > last:
        raise BadValue(f"phase_shift_low = {first:g}° is larger than phase_shift_high = {last:g}°")
    return {
        "box": values["ctf_box"] // 2 * 2,
        "low": low,
        "high": f"{high:.6g}",
        "restraint": values.get("usual_astigmatism") or None,
        "phase_low": first if searched else None,
        "phase_high": last if searched else None,
        "phase_step": min(PHASE_STEP, last - first) if searched else None,
    }


def _keep(job: Job, values: Mapping[str, Any], found: dict[str, Any], lines: Any) -> dict[str, Any]:
    """Write the STAR file of a fit; give the words that go on."""
    if (found["ctf_resolution"] or math.inf) > values["ctf_low"]:
        found["ctf_resolution"] = None  # it did not follow any ring that was to be fitted
    told = {word: value for word, value in found.items() if word != "defocus"}
    optics = ("voltage", "spherical_aberration", "amplitude_contrast", "average_pixel_size")
    ctf_star.write(
        job.path("ctf_star"),
        {"name": "average.mrc", **{word: values[word] for word in optics}, **told, **lines},
    )
    return {**found, "ctf_star": job.keep("ctf_star")}


def _text(file: Path, program: str) -> str:
    """Read a file that a program should have written."""
    if not file.is_file():
        raise ProgramFailed(f"{program} wrote no {file.name}; its log tells why")
    if file.stat().st_size > LARGEST_TEXT:
        raise BrokenFile(f"{file.name} of {program} is larger than 64 MiB; that cannot be")
    return file.read_text(encoding="utf-8", errors="replace")


# -- ctffind --------------------------------------------------------------------------------------


def _answers(values: dict[str, Any]) -> Mapping[str, Any]:
    found, known = _limits(values), values.get("known_astigmatism")
    radians = {
        word: None if found[word] is None else f"{math.radians(found[word]):.5f}"
        for word in ("phase_low", "phase_high", "phase_step")
    }
    return {
        **found,
        **radians,
        "low": min(found["low"], COARSEST),
        "known": "no" if known is None else "yes",
        "known_angle": None if known is None else values.get("known_astigmatism_angle") or 0.0,
        "restraint": found["restraint"] if known is None else None,
        "restrained": None if known is not None else "yes" if found["restraint"] else "no",
        "phase": "no" if found["phase_low"] is None else "yes",
        # version 5 looks for the tilt only where it looks for no phase shift
        "tilt": "no" if found["phase_low"] is None else None,
    }


def _ctffind(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    table, averaged = "diagnostic.txt", "diagnostic_avrot.txt"
    found: dict[str, Any] = dict(ctffind.results(_text(folder / table, "ctffind"), table)[0])
    lines = ctffind.curves(_text(folder / averaged, "ctffind"), averaged)[0]
    s = lines["frequencies"]
    step, middle = s[-1] / (len(s) - 1), values["ctf_box"] // 2
    words = _keep(job, values, found, {k: line[: middle + 1] for k, line in lines.items()})
    image = folder / "diagnostic.mrc"
    if image.is_file():
        with formats.open(image) as stack:
            whole = ctffind.spectrum(stack.frame(0), image.name)
        words["ctf_spectrum"] = job.write(
            "ctf_spectrum",
            whole,
            pixel_size=1 / (len(whole) * step),  # the Nyquist limit of this file is its edge
            label="ctffind: amplitudes, background taken off",
        )
    return words


def _of_version(step: Step, number: str) -> Step:
    """The step, that tells when it met a ctffind of another version, which asks other questions."""
    other = {"4": "ctffind5", "5": "ctffind4"}[number]

    def run(job: Job) -> Mapping[str, Any]:
        begun = len(job.lines)
        try:
            found = step.run(job)
        except (ProgramFailed, BrokenFile):
            _refuse_other(job.lines[begun:])
            raise
        _refuse_other(job.lines[begun:])
        return found

    def _refuse_other(lines: list[str]) -> None:
        version = ctffind.version("\n".join(lines[1:]))  # the first one is the command
        if version is not None and version.split(".")[0] != number:
            raise ProgramFailed(
                f"the program found is ctffind {version}, and {step.name} speaks to version {number}:"
                f" take the step {other}, or set ctffind_folder to where version {number} is"
            )

    return replace(step, run=run)


# Names, optics, box, limits; astigmatism known? slower search? how much, where? or a restraint? phase
# shift? An average is one picture: what is asked about movies does not come up.
ANSWERS = f"""\
{{average}}
diagnostic.mrc
{{average_pixel_size}}
{{voltage}}
{{spherical_aberration}}
{{amplitude_contrast}}
{{box}}
{{low}}
{{high}}
{{defocus_low}}
{{defocus_high}}
{DEFOCUS_STEP}
{{known}}
no
[{{known_astigmatism}}]
[{{known_angle}}]
[{{restrained}}]
[{{restraint}}]
{{phase}}
[{{phase_low}}]
[{{phase_high}}]
[{{phase_step}}]
"""
LIMITS = f"Its coarsest limit is {COARSEST:g} Å: a larger ctf_low is taken for that."

ctffind4 = _of_version(
    program(
        "ctffind4",
        "Fit the CTF with ctffind 4.1",
        "ctffind",
        category="Measure",
        results=RESULTS,
        # expert options? Some builds of 4.1.14 ask for the tilt before; others read no second "no".
        stdin=f"{ANSWERS}no\nno",
        adapt=_answers,
        collect=_ctffind,
        extra=EXTRA_OF_CTFFIND,
        folder_word="ctffind_folder",
        seen=False,
        help=f"Rohou & Grigorieff 2015. {LIMITS}",
    ),
    "4",
)

ctffind5 = _of_version(
    program(
        "ctffind5",
        "Fit the CTF with ctffind 5",
        "ctffind",
        category="Measure",
        results=RESULTS,
        stdin=f"{ANSWERS}[{{tilt}}]\nno\nno",  # tilt? thickness? expert options?
        adapt=_answers,
        collect=_ctffind,
        extra=EXTRA_OF_CTFFIND,
        folder_word="ctffind_folder",
        help=f"Elferich et al. 2024. {LIMITS}",
    ),
    "5",
)


# -- gCTF -----------------------------------------------------------------------------------------


def _gctf(job: Job, folder: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    log, averaged = "average_gctf.log", folder / "average_EPA.log"
    found: dict[str, Any] = dict(gctf_format.results(_text(folder / log, "gCTF"), log))
    lines = gctf_format.curves(_text(averaged, "gCTF"), averaged.name)
    words = _keep(job, values, found, lines)
    # its own image is not known well enough: which part of it is measured, and to what frequency
    limits = _limits(values)
    measured = spectrum.power_spectrum(
        job.read("average"),
        pixel_size=values["average_pixel_size"],
        box=limits["box"],
        low=limits["low"],
        high=float(limits["high"]),
        workers=job.threads,
    )
    words["ctf_spectrum"] = job.write(
        "ctf_spectrum",
        measured.values,
        pixel_size=0.5 / measured.limit,
        label="focusnb: averaged spectrum, background taken off",
    )
    return words


gctf = program(
    "gctf",
    "Fit the CTF with gCTF",
    "Gctf --apix {average_pixel_size} --kV {voltage} --cs {spherical_aberration}"
    " --ac {amplitude_contrast} --boxsize {box} --resL {low} --resH {high}"
    " --defL {defocus_low} --defH {defocus_high} [--astm {restraint}]"
    " [--phase_shift_L {phase_low} --phase_shift_H {phase_high} --phase_shift_S {phase_step}]"
    " --logsuffix _gctf.log --do_EPA {average}",
    category="Measure",
    results=RESULTS,
    adapt=_limits,
    collect=_gctf,
    extra=EXTRA,
    folder_word="gctf_folder",
    requires={"gpu": 1},
    seen=False,
    help="Zhang 2016; on a graphics card. The program, or a link to it, is to be called Gctf."
    " The spectrum beside its fit is our own. It knows no known_astigmatism and no ctf_dose.",
)
