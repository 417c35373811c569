"""Drawn: what is seen in the viewer as a PNG file, made in Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from focusnb.errors import BadValue
from focusnb_widgets.viewer.sheets import Sheet

MISSING = np.array(
    [(92, 112, 134), (122, 142, 164)], np.uint8
)  # a hatch: pixels that are not finite
HATCH = 8  # pixels of a stripe
USUAL = (0.2, 99.8)  # percent between black and white where nobody has set them


def png(
    sheet: Sheet,
    path: str | Path,
    *,
    seen: Sequence[float] | None,
    look: Mapping[str, Any],
    most: int,
) -> Path:
    """Draw a part of a sheet with a contrast; the longer side has at most so many pixels.

    seen: left, bottom, right, top in pixels of the sheet, None for all of it. look: black and white
    (values), invert; None finds them.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise BadValue(f"{path.name}: pictures are written as PNG; name it so")
    part = None if seen is None else tuple(round(edge) for edge in seen)
    height, width = sheet.shape
    extent = max(width, height) if part is None else max(part[2] - part[0], part[3] - part[1])
    shown = sheet.shown(part, max(1, -(-extent // most)))
    data = np.frombuffer(shown.data, np.uint8).reshape(shown.height, shown.width)[::-1]
    values = shown.low + (data.astype(np.float32) - 1) * ((shown.high - shown.low) / 254)
    black, white = look.get("black"), look.get("white")
    good = data > 0
    if black is None or white is None or not white > black:
        black, white = np.percentile(values[good], USUAL) if good.any() else (0.0, 1.0)
    grey = np.clip((values - black) * (255 / max(white - black, 1e-30)), 0, 255)
    grey = (255 - grey if look.get("invert") else grey).astype(np.uint8)
    colours = np.repeat(grey[..., np.newaxis], 3, axis=2)
    rows, columns = np.nonzero(~good)
    colours[rows, columns] = MISSING[(rows + columns) // HATCH % 2]
    Picture.fromarray(colours).save(path)
    return path
