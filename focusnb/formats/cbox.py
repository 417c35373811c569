"""crYOLO's .cbox files: boxes with corner, size and confidence, as a STAR file's loop.

From the documentation of crYOLO 1.8 and later, not from a run: `data_cryolo` with `_CoordinateX`,
`_CoordinateY` (the corner nearest to the origin, the lower left one in MRC order), `_Width`,
`_Height` and `_Confidence`. Other columns are not read.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focusnb.errors import BrokenFile
from focusnb.formats import star

if TYPE_CHECKING:
    import pandas as pd

LABELS = ("CoordinateX", "CoordinateY", "Width", "Height")


def read(path: str | Path) -> "pd.DataFrame":
    """Centres of the boxes: columns x, y (pixels, from 0 at the lower left), score (confidence).

    The score is NaN where there is none.
    """
    import pandas as pd

    path = Path(path)
    for block in star.read(path).values():
        if isinstance(block, dict) or not set(LABELS) <= set(block.columns):
            continue
        score: Any = block["Confidence"] if "Confidence" in block.columns else np.nan
        try:
            x, y, width, height = (block[label].astype(float) for label in LABELS)
            table = pd.DataFrame({"x": x + width / 2, "y": y + height / 2, "score": score})
            table = table.astype({"score": float})
        except ValueError as error:
            raise BrokenFile(f"{path}: a corner or a confidence is no number: {error}") from error
        if not np.isfinite(table[["x", "y"]].to_numpy()).all():
            raise BrokenFile(f"{path}: a corner or a size is no finite number")
        return table
    raise BrokenFile(f"{path}: no loop with {', '.join('_' + label for label in LABELS)}")
