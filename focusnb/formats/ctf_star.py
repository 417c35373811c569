"""The CTF of one average as a STAR file: RELION's labels, and the curves of the fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import star

LABELS = {  # our word → RELION's label; Å, kV, mm, degrees in both
    "name": "rlnMicrographName",
    "voltage": "rlnVoltage",
    "spherical_aberration": "rlnSphericalAberration",
    "amplitude_contrast": "rlnAmplitudeContrast",
    "average_pixel_size": "rlnMicrographPixelSize",
    "defocus_u": "rlnDefocusU",
    "defocus_v": "rlnDefocusV",
    "astigmatism": "rlnCtfAstigmatism",
    "defocus_angle": "rlnDefocusAngle",
    "phase_shift": "rlnPhaseShift",
    "ctf_score": "rlnCtfFigureOfMerit",
    "ctf_resolution": "rlnCtfMaxResolution",
    "iciness": "focusnbIciness",
}
CURVES = {  # of the same length; frequencies in 1/Å
    "frequencies": "rlnResolution",
    "profile": "focusnbSpectrum",
    "model": "focusnbFit",
    "quality": "focusnbQuality",
}
NEEDED = ("defocus_u", "defocus_v", "defocus_angle")


def write(path: str | Path, values: Mapping[str, Any]) -> Path:
    """Write words of LABELS as one row, words of CURVES, if given, as a second block.

    Other words are refused, and so is a CTF without its defocus.
    """
    import pandas as pd

    name = Path(path).name
    if unknown := sorted(set(values) - set(LABELS) - set(CURVES)):
        raise BadValue(
            f"{name}: {', '.join(unknown)} cannot be kept; known are {', '.join(LABELS)}"
        )
    row = {LABELS[word]: [values[word]] for word in LABELS if values.get(word) is not None}
    if missing := [word for word in NEEDED if LABELS[word] not in row]:
        raise BadValue(f"{name}: a CTF has {', '.join(missing)} too")
    if "name" in values:
        row["rlnMicrographName"] = [star.tame(str(values["name"]))]
    blocks = {"micrographs": pd.DataFrame(row)}
    curves = {
        label: np.asarray(values[word], np.float64)
        for word, label in CURVES.items()
        if values.get(word) is not None
    }
    if len({len(curve) for curve in curves.values()}) > 1:
        lengths = ", ".join(f"{label} {len(curve)}" for label, curve in curves.items())
        raise BadValue(f"{name}: the curves have different lengths: {lengths}")
    if curves:
        blocks["curves"] = pd.DataFrame({key: np.round(c, 7) for key, c in curves.items()})
    return star.write(path, blocks)


def read(path: str | Path) -> dict[str, Any]:
    """The words as `write` took them; curves as arrays. Raises BrokenFile without a defocus."""
    path = Path(path)
    blocks = star.read(path)
    rows = blocks.get("micrographs")
    if rows is None or isinstance(rows, dict) or len(rows) != 1 or "rlnDefocusU" not in rows:
        raise BrokenFile(f"{path}: no data_micrographs with one row and _rlnDefocusU")
    found: dict[str, Any] = {}
    for word, label in LABELS.items():
        if label in rows:
            value = rows[label].iloc[0]
            found[word] = str(value) if word == "name" else float(value)
    curves = blocks.get("curves")
    if curves is not None and not isinstance(curves, dict):
        for word, label in CURVES.items():
            if label in curves:
                found[word] = curves[label].to_numpy(float)
    return found
