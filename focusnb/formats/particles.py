"""Particles as RELION 3.1 and later read them: one table with optics groups, one row a particle."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import BrokenFile
from focusnb.formats import coordinates, star

if TYPE_CHECKING:
    import pandas as pd

GROUP = "rlnOpticsGroup"
OPTICS = (
    "rlnOpticsGroupName", GROUP, "rlnMicrographOriginalPixelSize", "rlnVoltage",
    "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnImagePixelSize", "rlnImageSize",
    "rlnImageDimensionality",
)  # fmt: skip
WORST = 25.0  # Å; RELION writes no CTF resolution beyond it


def write(
    path: str | Path,
    picks: "pd.DataFrame",
    *,
    stack: str,
    micrograph: str,
    optics: Mapping[str, Any],
    ctf: Mapping[str, Any] | None,
) -> Path:
    """Write the particles of one image.

    picks: columns of `coordinates.read`, one row a section of the stack. stack, micrograph: their
    names. optics: labels of OPTICS. ctf: RELION's labels, or None where it is not known.
    """
    import pandas as pd

    table = pd.DataFrame(
        {
            "rlnCoordinateX": picks["x"].round(4),
            "rlnCoordinateY": picks["y"].round(4),
            "rlnAutopickFigureOfMerit": picks["score"]
            .fillna(0.0)
            .round(6),  # as RELION reads "nan"
            "rlnClassNumber": picks["class"],
            "rlnAnglePsi": -picks["angle"] + 0.0,
            "rlnImageName": [f"{number:06d}@{stack}" for number in range(1, len(picks) + 1)],
            "rlnMicrographName": micrograph,
            GROUP: 1,
        }
    )
    if "tube" in picks:
        table = table.assign(
            **coordinates.of_segments(picks["tube"], picks["track"], picks["angle"])
        )
    if ctf is not None:
        known = {label: value or 0.0 for label, value in ctf.items()}
        known["rlnCtfMaxResolution"] = min(ctf.get("rlnCtfMaxResolution") or WORST, WORST)
        for label, value in {**known, "rlnCtfBfactor": 0.0, "rlnCtfScalefactor": 1.0}.items():
            table[label] = value
    known_optics = {**optics, GROUP: 1, "rlnImageDimensionality": 2}
    known_optics["rlnOpticsGroupName"] = (
        star.tame(str(optics["rlnOpticsGroupName"])).replace(" ", "_") or "opticsGroup1"
    )
    group = pd.DataFrame({label: [known_optics[label]] for label in OPTICS})
    return star.write(path, {"optics": group, "particles": table})


def read(path: str | Path) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """The optics groups and the particles; raises BrokenFile for another kind of file."""
    path = Path(path)
    found = star.read(path)
    tables = found.get("optics"), found.get("particles")
    if any(table is None or isinstance(table, dict) for table in tables):
        raise BrokenFile(f"{path}: it has no tables data_optics and data_particles")
    optics, particles = tables
    if GROUP not in optics or "rlnImageName" not in particles:  # type: ignore[operator]
        raise BrokenFile(f"{path}: no _rlnOpticsGroup or no _rlnImageName")
    return optics, particles  # type: ignore[return-value]
