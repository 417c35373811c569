"""Picked particles as RELION keeps them: one STAR file a micrograph, `NAME_autopick.star`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import star

if TYPE_CHECKING:
    import pandas as pd


def write(path: str | Path, x: ArrayLike, y: ArrayLike, score: ArrayLike) -> Path:
    """Write centres x, y (pixels of the average, from 0 at the lower left) and scores (n,)."""
    import pandas as pd

    columns = [np.atleast_1d(np.asarray(values, np.float64)) for values in (x, y, score)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        lengths = ", ".join(str(column.shape) for column in columns)
        raise BadValue(f"{Path(path).name}: x, y and score have different lengths: {lengths}")
    if not all(np.isfinite(column).all() for column in columns[:2]):
        raise BadValue(f"{Path(path).name}: some coordinates are not finite numbers")
    table = pd.DataFrame(
        {
            "rlnCoordinateX": np.round(columns[0], 4),
            "rlnCoordinateY": np.round(columns[1], 4),
            "rlnAutopickFigureOfMerit": np.nan_to_num(np.round(columns[2], 6)),
            "rlnClassNumber": 0,
            "rlnAnglePsi": 0.0,
        }
    )
    return star.write(path, {"": table})


def read(path: str | Path) -> "pd.DataFrame":
    """Columns x, y, score; score is NaN where a program left it out (as in manual picks)."""
    import pandas as pd

    path = Path(path)
    for block in star.read(path).values():
        if isinstance(block, dict) or not {"rlnCoordinateX", "rlnCoordinateY"} <= set(block):
            continue
        score = block.get("rlnAutopickFigureOfMerit", np.nan)
        table = pd.DataFrame(
            {"x": block["rlnCoordinateX"], "y": block["rlnCoordinateY"], "score": score}
        )
        try:
            return table.astype(float)
        except ValueError as error:
            raise BrokenFile(f"{path}: a coordinate is no number: {error}") from error
    raise BrokenFile(f"{path}: no loop with _rlnCoordinateX and _rlnCoordinateY")
