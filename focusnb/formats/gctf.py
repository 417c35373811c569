"""What gCTF writes: its log with the final values, and the log of the equiphase average.

Known from its paper (Zhang 2016, J. Struct. Biol. 193, 1) and from the programs that read its
files (RELION, Scipion). RELION takes its angle and phase shift as they are: the azimuth is measured
from the columns' axis towards higher rows of the MRC file, both are in degrees. U need not be the
larger defocus, nor the angle within half a turn.
"""

import math
import re

import numpy as np

from focusnb.errors import BrokenFile
from focusnb.formats.ctffind import Floats, believable, larger_first, numbers, rising

COLOUR = re.compile(r"\x1b\[[^m]{0,12}m")
FINAL = re.compile(r"^(.*?)\bFinal\s+Values\b", re.M)
RESOLUTION = re.compile(r"Resolution limit estimated by EPA[ \t]*:[ \t]*([^\sÅ]+)")
FINEST = 1e-3  # Å
COLUMNS = 5  # resolution in Å, |CTF|, logarithm of the amplitudes, the same without background, CCC


def results(text: str, name: str = "gCTF's log") -> dict[str, float | None]:
    """Read the last "Final Values" and the resolution of a log, as our words.

    The line holds defocus U, V, angle, the phase shift where one was searched, and the score. A
    score or resolution that the program could not find is None. Raises BrokenFile for a log without
    that line or finite defocus.
    """
    text = COLOUR.sub("", text)
    lines = FINAL.findall(text)
    if not lines:
        raise BrokenFile(f"{name}: it has no line with the Final Values")
    values = numbers(lines[-1], name)
    if len(values) not in (4, 5):
        raise BrokenFile(f"{name}: {len(values)} Final Values, 4 or 5 are expected")
    one, two, angle, score = *values[:3], values[-1]
    phase = values[3] if len(values) == 5 else 0.0
    if not believable(one, two, angle, phase):
        raise BrokenFile(f"{name}: defocus {one:g} and {two:g} Å at {angle:g}° cannot be")
    told = RESOLUTION.findall(text)
    resolution = numbers(told[-1], name)[0] if told else math.nan
    return larger_first(one, two, angle) | {
        "phase_shift": phase,
        "ctf_score": score if math.isfinite(score) else None,
        "ctf_resolution": resolution if 0 < resolution < math.inf else None,
    }


def curves(text: str, name: str = "gCTF's equiphase average") -> dict[str, Floats]:
    """Read the equiphase average (`average_EPA.log`): curves of equal length, frequencies rising.

    frequencies in 1/Å; profile: the logarithm of the amplitudes without background; model: the
    absolute CTF; quality: their correlation. What is not finite is NaN. Raises BrokenFile when there
    are no rows, or rows of another length.
    """
    lines = [line for line in text.replace("\r", "").split("\n") if line.strip(" \t\0")]
    if lines and re.match(r"\s*[^\s\d.+-]", lines[0]):
        lines = lines[1:]  # the heads of the columns
    rows = [numbers(line.strip("\0"), name) for line in lines]
    if len(rows) < 2 or {len(row) for row in rows} != {COLUMNS}:
        raise BrokenFile(f"{name}: it is no table of {COLUMNS} columns, or it was cut off")
    resolution, model, _, profile, quality = np.array(rows).T
    used = np.isfinite(resolution) & (resolution > FINEST)
    frequencies = 1 / resolution[used]
    if len(frequencies) < 2 or not rising(frequencies):
        raise BrokenFile(f"{name}: the resolutions, its first column, do not fall")
    return {"frequencies": frequencies} | {
        word: np.where(np.isfinite(line), line, np.nan)[used]
        for word, line in (("profile", profile), ("model", model), ("quality", quality))
    }
