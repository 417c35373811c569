"""Overlays: what is known of an image and lies over its picture: particles, polygons, CTF, tilt axis."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import MissingProduct
from focusnb.model.image import Image
from focusnb.model.job import read_product
from focusnb_widgets.tuning.subjects import by_hand
from focusnb_widgets.viewer.subject import lens_of

CTF_WORDS = (
    "defocus", "defocus_u", "defocus_v", "defocus_angle", "astigmatism", "phase_shift",
)  # fmt: skip


def overlays(image: Image | None, word: str) -> dict[str, Any]:
    """Give what a page draws over a product of an image, and what it says of it.

    ctf: lens and defocus, None where nothing is known; excluded: polygons in pixels of the average;
    axis: degrees; scale: pixels of the average in a pixel of the product; locked: words.
    """
    if image is None:
        return {"ctf": None, "excluded": [], "axis": None, "locked": [], "diameter": None}
    pixel = image.get("average_pixel_size")
    lens = dict(lens_of(image))
    found = {name: image.get(name) for name in CTF_WORDS}
    known = found["defocus_u"] is not None
    if not known and found["defocus"] is not None:
        found |= {
            "defocus_u": found["defocus"],
            "defocus_v": found["defocus"],
            "defocus_angle": 0.0,
        }
    same = word != "movie"  # a movie has pixels and orientation of its own
    document = image.document
    return {
        "ctf": {**lens, **found, "resolution": image.get("ctf_resolution")},
        "excluded": by_hand(image)["edits"]["excluded"] if same else [],
        "axis": image.get("specimen_tilt_axis") if same else None,
        "tilt": image.get("specimen_tilt"),
        "locked": [name for name in CTF_WORDS if name in document["locked"]],
        "diameter": image.get("particle_diameter") / pixel if pixel and same else None,
        "flag": image.flag,
    }


@dataclass(frozen=True, slots=True)
class Picks:
    """Where an image's particles are kept. diameter: of a particle, where its pick has none, Å."""

    path: Path
    pixel_size: float
    diameter: float | None

    @classmethod
    def of(cls, image: Image) -> "Picks":
        """Look up an image's; raises MissingProduct. Not in another thread: it asks the project."""
        path = image["picks"]
        if path is None or not Path(path).is_file():
            raise MissingProduct(f"{image.key} has no picks yet; process it first")
        pixel = image.get("average_pixel_size") or 1.0
        return cls(Path(path), pixel, image.get("particle_diameter"))

    def read(self) -> tuple[dict[str, Any], list[NDArray[np.float32]]]:
        """Read them: what is told, and x, y (pixels), score, diameter (pixels)."""
        table = read_product(self.path)
        diameter = np.asarray(table.diameter, np.float32) / self.pixel_size
        if self.diameter:
            usual = np.float32(self.diameter / self.pixel_size)
            diameter = np.where(np.isfinite(diameter), diameter, usual)
        columns = [np.asarray(c, np.float32) for c in (table.x, table.y, table.score, diameter)]
        score = columns[2][np.isfinite(columns[2])]
        low, high = (float(v) for v in np.percentile(score, (2, 98))) if score.size else (0.0, 1.0)
        return {"count": len(table), "low": low, "high": high}, columns
