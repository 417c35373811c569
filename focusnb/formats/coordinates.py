"""Picked particles as RELION keeps them: one STAR file a micrograph, `NAME_autopick.star`.

Angles: RELION's psi is the negative of ours (the direction (cos, sin) = (column, row)); that is how
relion_preprocess 3.1.3 writes rlnAnglePsiPrior when it cuts a tube into segments.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import star

if TYPE_CHECKING:
    import pandas as pd

PLACE = ("rlnCoordinateX", "rlnCoordinateY")
# RELION 3.1 and later keep labels that they do not know, with a warning; they have none for this.
DIAMETER = "focusnbDiameter"
COLUMNS = ("x", "y", "score", "diameter", "class", "angle")


def write(
    path: str | Path,
    x: ArrayLike,
    y: ArrayLike,
    score: ArrayLike = np.nan,
    *,
    diameter: ArrayLike = np.nan,
    classes: ArrayLike = 0,
    angle: ArrayLike = 0.0,
) -> Path:
    """Write centres x, y (pixels of the average, from 0 at the lower left), (n,) or one for all.

    score: NaN is no score. diameter: Å; a column of NaN is left out. classes: which template,
    from 1. angle: degrees, direction (cos, sin) = (column, row).
    """
    import pandas as pd

    name = Path(path).name
    places = [np.atleast_1d(np.asarray(values, np.float64)) for values in (x, y)]
    given = [np.asarray(values, np.float64) for values in (score, diameter, classes, angle)]
    shapes = {places[0].shape} | {places[1].shape} | {v.shape for v in given if v.ndim}
    if len(shapes) != 1 or places[0].ndim != 1:
        lengths = ", ".join(str(column.shape) for column in (*places, *given))
        raise BadValue(
            f"{name}: x, y, score, diameter, class and angle have different lengths: {lengths}"
        )
    if not all(np.isfinite(column).all() for column in (*places, *given[2:])):
        raise BadValue(f"{name}: some coordinates, classes or angles are not finite numbers")
    scores, across, kinds, angles = (np.broadcast_to(v, places[0].shape) for v in given)
    columns: dict[str, Any] = {
        "rlnCoordinateX": np.round(places[0], 4),
        "rlnCoordinateY": np.round(places[1], 4),
        "rlnAutopickFigureOfMerit": np.round(scores, 6),  # RELION reads "nan" as 0
        "rlnClassNumber": kinds.astype(int),
        "rlnAnglePsi": np.round(-angles, 3) + 0.0,
    }
    if np.isfinite(across).any():
        columns[DIAMETER] = np.round(across, 2)
    return star.write(path, {"": pd.DataFrame(columns)})


def read(path: str | Path) -> "pd.DataFrame":
    """Columns x, y, score, diameter (Å), class and angle (degrees in (−180°, 180°]).

    What a program left out is NaN (score, diameter) or 0 (class, angle).
    """
    return columns_of(rows(path), Path(path))


def rows(path: str | Path) -> "pd.DataFrame":
    """The first loop with coordinates, as it is in the file; raises BrokenFile without one."""
    import pandas as pd

    path = Path(path)
    for block in star.read(path).values():
        if isinstance(block, dict):  # a loop of one row never is one
            continue
        if set(PLACE) <= set(block.columns):
            return pd.DataFrame(block)
    raise BrokenFile(f"{path}: no loop with _rlnCoordinateX and _rlnCoordinateY")


def columns_of(block: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    """The columns of `read` for rows of a STAR file with coordinates."""
    import pandas as pd

    def column(label: str, missing: float) -> Any:
        return block[label] if label in block.columns else np.full(len(block), missing)

    try:
        table = pd.DataFrame(
            {
                "x": block[PLACE[0]],
                "y": block[PLACE[1]],
                "score": column("rlnAutopickFigureOfMerit", np.nan),
                "diameter": column(DIAMETER, np.nan),
                "class": column("rlnClassNumber", 0.0),
                "angle": column("rlnAnglePsi", 0.0),
            }
        ).astype(float)
    except ValueError as error:
        raise BrokenFile(f"{path}: a coordinate is no number: {error}") from error
    table["class"] = table["class"].fillna(0).astype(int)
    angle = -table["angle"].fillna(0.0) + 0.0
    table["angle"] = angle.where(angle.abs() <= 180, 180 - (180 - angle) % 360)
    return table
