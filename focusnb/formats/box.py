"""EMAN's .box files: one box a line, its corner and its size, in pixels.

`x y width height`, with more columns after them in some. The corner is the one nearest to the
origin, which is that of MRC files: column 0 of row 0, the bottom row.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from focusnb.errors import BrokenFile

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1 << 26  # bytes


def read(path: str | Path) -> "pd.DataFrame":
    """Centres of the boxes as columns x, y (pixels, from 0 at the lower left); may be empty.

    The centre is the corner and half the size, as RELION's relion_preprocess takes it.
    """
    import pandas as pd

    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise BrokenFile(f"{path}: {path.stat().st_size} bytes are too many for a list of boxes")
    text = path.read_text(encoding="utf-8", errors="replace")
    found = [
        _box(path, number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    x, y, width, height = np.array(found, float).reshape(-1, 4).T
    return pd.DataFrame({"x": x + width / 2, "y": y + height / 2})


def _box(path: Path, number: int, line: str) -> list[float]:
    words = line.replace(",", " ").split()
    try:
        values = [float(word) for word in words[:4]]
    except ValueError:
        values = []
    if len(values) != 4 or not np.isfinite(values).all() or min(values[2:]) <= 0:
        raise BrokenFile(
            f"{path}: line {number} is {line.strip()[:60]!r}; x, y, width and height of a box belong there"
        )
    return values
