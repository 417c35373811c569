"""Topaz' tables of picks: `image_name x_coord y_coord score`, separated by tabs.

Measured with Topaz 0.3.20: x is the column and y the row as they lie in the MRC file, row 0 first, so
nothing has to be turned; coordinates are whole pixels of the picture that was scored, times the
factor it was told with --up-scale.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from focusnb.errors import BrokenFile

if TYPE_CHECKING:
    import pandas as pd

HEAD = ("image_name", "x_coord", "y_coord", "score")
LARGEST = 1 << 28  # bytes


def read(path: str | Path) -> "pd.DataFrame":
    """Columns micrograph (name without suffix), x, y (pixels), score; see `parse`."""
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise BrokenFile(f"{path}: {path.stat().st_size} bytes are too many for a table of picks")
    return parse(path.read_text(encoding="utf-8", errors="replace"), path.name)


def parse(text: str, name: str = "Topaz' table") -> "pd.DataFrame":
    """Columns micrograph, x, y (pixels, from 0 at the lower left), score; an empty table for no picks.

    The score is the logarithm of the odds; NaN where the table has none, as of picks for training.
    """
    import pandas as pd

    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    labels = lines[0].split("\t") if lines else []
    if labels[:3] != list(HEAD[:3]):
        raise BrokenFile(f"{name}: the first line is no heading {' '.join(HEAD)}")
    place = labels.index("score") if "score" in labels else None
    names: list[str] = []
    numbers = np.full((len(lines) - 1, 3), np.nan)
    for number, line in enumerate(lines[1:]):
        words = line.split("\t")
        try:
            if len(words) != len(labels):
                raise ValueError
            numbers[number, :2] = float(words[1]), float(words[2])
            if place is not None:
                numbers[number, 2] = float(words[place])
            if not np.isfinite(numbers[number, :2]).all():
                raise ValueError
        except ValueError:
            raise BrokenFile(
                f"{name}: line {number + 2} is {line[:60]!r}; {' '.join(labels)} belong there"
            ) from None
        names.append(words[0])
    x, y, score = numbers.T
    return pd.DataFrame(
        {"micrograph": pd.Series(names, dtype=object), "x": x, "y": y, "score": score}
    )
