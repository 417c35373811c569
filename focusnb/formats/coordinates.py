"""Picked particles as RELION keeps them: one STAR file a micrograph, `NAME_autopick.star`.

Angles: RELION's psi is the negative of ours (the direction (cos, sin) = (column, row)); that is how
relion_preprocess 3.1.3 writes rlnAnglePsiPrior when it cuts a tube into segments. Segments of
filaments have the labels that relion_preprocess --helix takes along.
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
TUBE, TRACK = "rlnHelicalTubeID", "rlnHelicalTrackLengthAngst"


def write(
    path: str | Path,
    x: ArrayLike,
    y: ArrayLike,
    score: ArrayLike = np.nan,
    *,
    diameter: ArrayLike = np.nan,
    classes: ArrayLike = 0,
    angle: ArrayLike = 0.0,
    tubes: ArrayLike | None = None,
    track: ArrayLike = 0.0,
) -> Path:
    """Write centres x, y (pixels of the average, from 0 at the lower left), (n,) or one for all.

    score: NaN is no score. diameter: Å; a column of NaN is left out. classes: which template,
    from 1. angle: degrees, direction (cos, sin) = (column, row). tubes: which filament, from 1;
    None when they are no segments of filaments. track: Å from the filament's end.
    """
    import pandas as pd

    name = Path(path).name
    places = [np.atleast_1d(np.asarray(values, np.float64)) for values in (x, y)]
    more = (score, diameter, classes, angle, 0 if tubes is None else tubes, track)
    given = [np.asarray(values, np.float64) for values in more]
    shapes = {places[0].shape} | {places[1].shape} | {v.shape for v in given if v.ndim}
    if len(shapes) != 1 or places[0].ndim != 1:
        lengths = ", ".join(str(column.shape) for column in (*places, *given))
        raise BadValue(
            f"{name}: x, y, score, diameter, class, angle, tube and track have different lengths:"
            f" {lengths}"
        )
    if not all(np.isfinite(column).all() for column in (*places, *given[2:])):
        raise BadValue(f"{name}: some coordinates, classes or angles are not finite numbers")
    scores, across, kinds, angles, tube, along = (
        np.broadcast_to(v, places[0].shape) for v in given
    )
    columns: dict[str, Any] = {
        "rlnCoordinateX": np.round(places[0], 4),
        "rlnCoordinateY": np.round(places[1], 4),
        "rlnAutopickFigureOfMerit": np.round(scores, 6),  # RELION reads "nan" as 0
        "rlnClassNumber": kinds.astype(int),
        "rlnAnglePsi": np.round(-angles, 3) + 0.0,
    }
    if tubes is not None:
        columns |= of_segments(tube, along, angles)
    if np.isfinite(across).any():
        columns[DIAMETER] = np.round(across, 2)
    return star.write(path, {"": pd.DataFrame(columns)})


def of_segments(tubes: ArrayLike, track: ArrayLike, angle: ArrayLike) -> dict[str, Any]:
    """RELION's columns of segments, as of filaments that lie in the plane and have no known polarity."""
    return {
        TUBE: np.asarray(tubes).astype(int),
        TRACK: np.round(np.asarray(track, float), 2),
        "rlnAngleTiltPrior": 90.0,
        "rlnAnglePsiPrior": np.round(-np.asarray(angle, float), 3) + 0.0,
        "rlnAnglePsiFlipRatio": 0.5,
    }


def read(path: str | Path) -> "pd.DataFrame":
    """Columns x, y, score, diameter (Å), class and angle (degrees in (−180°, 180°]).

    What a program left out is NaN (score, diameter) or 0 (class, angle). Segments of filaments have
    the columns tube and track (Å) too.
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

    helix = {"tube": column(TUBE, 0.0), "track": column(TRACK, 0.0)}
    try:
        table = pd.DataFrame(
            {
                "x": block[PLACE[0]],
                "y": block[PLACE[1]],
                "score": column("rlnAutopickFigureOfMerit", np.nan),
                "diameter": column(DIAMETER, np.nan),
                "class": column("rlnClassNumber", 0.0),
                "angle": column("rlnAnglePsi", 0.0),
                **(helix if TUBE in block.columns else {}),
            }
        ).astype(float)
    except ValueError as error:
        raise BrokenFile(f"{path}: a coordinate is no number: {error}") from error
    left_out = dict.fromkeys(set(table.columns) - {"x", "y"}, 0.0)
    for name, values in table.fillna(left_out).items():
        wrong = ~np.isfinite(values.to_numpy())
        if wrong.any():
            raise BrokenFile(
                f"{path}: {int(wrong.sum())} of {len(table)} picks have no finite {name}"
            )
    for name in {"class", "tube"} & set(table.columns):
        table[name] = table[name].fillna(0).astype(int)
    angle = -table["angle"].fillna(0.0) + 0.0
    table["angle"] = angle.where(angle.abs() <= 180, 180 - (180 - angle) % 360)
    return table
