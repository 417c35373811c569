"""What ctffind 4.1 and 5 write: the table of results, the curves of the fit, the diagnostic image.

Read here as the programs' public source defines them (cisTEM, programs/ctffind; Rohou & Grigorieff
2015, J. Struct. Biol. 192, 216). Their azimuth is that of defocus 1, measured from the columns'
axis towards higher rows of the MRC file: our own convention. Their phase shift is in radians.
"""

import math
import re
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BrokenFile

Floats: TypeAlias = NDArray[np.float64]

LEAST = (
    6  # numbers of a row: micrograph, defocus 1 and 2, azimuth, phase shift, score; 7: resolution
)
ABSURD = 1e7  # Å
LINES = 6  # of one micrograph in the file of curves
VERSION = re.compile(r"(?:CTFFind version|^ *Version *:) *(\d+(?:\.\d+)*)", re.M)


def version(text: str) -> str | None:
    """Give the program's version, from what it printed or from the first line of its files."""
    found = VERSION.search(text)
    return found[1] if found else None


def results(text: str, name: str = "ctffind's table") -> list[dict[str, float | None]]:
    """Read the table (`diagnostic.txt`): our words for each micrograph, in the file's order.

    Tilt and thickness, which version 5 adds, are left out. A score or resolution that the program
    could not find is None. Raises BrokenFile for no row, a short one, or no finite defocus.
    """
    found = []
    for row in _rows(text, name):
        if len(row) < LEAST:
            raise BrokenFile(
                f"{name}: a row has {len(row)} numbers, {LEAST} or more are expected; it was cut off"
            )
        one, two, azimuth, phase, score = row[1:LEAST]
        resolution = row[LEAST] if len(row) > LEAST else math.nan
        if not believable(one, two, azimuth, phase):
            raise BrokenFile(f"{name}: defocus {one:g} and {two:g} Å at {azimuth:g}° cannot be")
        found.append(
            larger_first(one, two, azimuth)
            | {
                "phase_shift": math.degrees(phase),
                "ctf_score": score if math.isfinite(score) else None,
                "ctf_resolution": resolution if 0 < resolution < math.inf else None,
            }
        )
    if not found:
        raise BrokenFile(f"{name}: it holds no row of results")
    return found


def curves(text: str, name: str = "ctffind's curves") -> list[dict[str, Floats]]:
    """Read the curves (`diagnostic_avrot.txt`) of each micrograph, of equal length each.

    frequencies in 1/Å, up to the corner of the spectrum; profile: amplitudes averaged along the
    rings; model: the absolute CTF; quality: their correlation. What is not finite is NaN. Raises
    BrokenFile when lines are missing, of different length, or frequencies do not rise.
    """
    rows = _rows(text, name)
    if not rows or len(rows) % LINES:
        raise BrokenFile(f"{name}: it has {len(rows)} lines, {LINES} per micrograph are expected")
    found = []
    for begin in range(0, len(rows), LINES):
        lines = rows[begin : begin + LINES]
        lengths = [len(line) for line in lines]
        if len(set(lengths)) > 1 or lengths[0] < 2:
            told = ", ".join(map(str, lengths))
            raise BrokenFile(
                f"{name}: the lines of a micrograph have {told} numbers; it was cut off"
            )
        frequencies, _, profile, model, quality, _ = np.array(lines)
        if not (np.isfinite(frequencies).all() and rising(frequencies)):
            raise BrokenFile(f"{name}: the frequencies, its first line, do not rise")
        found.append(
            {"frequencies": frequencies}
            | {
                word: np.where(np.isfinite(line), line, np.nan)
                for word, line in (("profile", profile), ("model", model), ("quality", quality))
            }
        )
    return found


def spectrum(diagnostic: NDArray[Any], name: str = "ctffind's image") -> NDArray[np.float32]:
    """Make a whole measured spectrum of the diagnostic image: amplitudes, background taken off.

    diagnostic: (n, n) with zero frequency at [n // 2, n // 2]. Its rows from the middle up are
    measured; those below hold the fit and the averaged rings, and are replaced by the measured
    ones, turned by 180°: an image's spectrum is the same in opposite directions.
    """
    n = diagnostic.shape[-1] if diagnostic.ndim == 2 else 0
    if diagnostic.shape != (n, n) or n % 2 or n < 16:
        raise BrokenFile(f"{name}: its shape {diagnostic.shape} is not that of a spectrum")
    whole = np.array(diagnostic, np.float32)
    whole[1 : n // 2] = np.roll(whole[: n // 2 : -1, ::-1], 1, axis=1)
    whole[0] = whole[1]  # its opposite would be one row beyond the image
    return whole


def larger_first(one: float, two: float, azimuth: float) -> dict[str, float | None]:
    """Give defocus_u ≥ defocus_v and the direction of defocus_u, (−90°, 90°], and astigmatism.

    azimuth: degrees, of the defocus `one`, direction (cos, sin) = (column, row).
    """
    if one < two:
        one, two, azimuth = two, one, azimuth + 90.0
    angle = 90.0 - (90.0 - azimuth) % 180.0
    return {
        "defocus": (one + two) / 2,
        "defocus_u": one,
        "defocus_v": two,
        "defocus_angle": angle if angle > -90.0 else 90.0,
        "astigmatism": one - two,
    }


def believable(*values: float) -> bool:
    """Tell whether defocus and angles are finite, and no more than a millimetre or so."""
    return all(abs(value) < ABSURD for value in values)


def rising(frequencies: Floats) -> bool:
    """Tell whether finite frequencies begin at 0 or above and rise."""
    return bool(frequencies[0] >= 0 and (frequencies[1:] > frequencies[:-1]).all())


def numbers(line: str, name: str) -> list[float]:
    """Read the numbers of a line; raises BrokenFile for what is none."""
    try:
        if "_" in line:
            raise ValueError("underline")
        return [float(word) for word in line.split()]
    except ValueError:
        raise BrokenFile(f"{name}: {line.strip()[:40]!r} is no line of numbers") from None


def _rows(text: str, name: str) -> list[list[float]]:
    lines = (line.strip(" \t\r\0") for line in text.split("\n"))
    return [numbers(line, name) for line in lines if line and not line.startswith("#")]
