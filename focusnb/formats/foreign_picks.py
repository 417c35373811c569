"""Picks of other programs: which file, and which rows of it, belong to an image.

STAR files of one micrograph or of many, EMAN's .box, cryoSPARC's .cs, crYOLO's .cbox, Topaz' tables.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focusnb.errors import BadValue, UnknownFormat
from focusnb.formats import box, cbox, coordinates, cryosparc, topaz

if TYPE_CHECKING:
    import pandas as pd

READERS: dict[str, Callable[[Path], Any]] = {
    ".star": coordinates.rows,
    ".box": box.read,
    ".cs": cryosparc.read,
    ".cbox": cbox.read,
    ".txt": topaz.read,
}
SHOWN = 3  # names of others in a message


def read(path: str | Path, name: str, shape: tuple[int, int]) -> tuple["pd.DataFrame", bool]:
    """The picks of the image called `name`: columns of `coordinates.read`, and whether y counts from the top.

    path: a file, or a folder in which the image's own one is looked for. shape: (y, x) of the
    average; cryoSPARC tells positions as parts of it, all others in pixels of their own micrograph.

    Raises
    ------
    BadValue
        When no file of the folder, or no row of the file, belongs to the image; when rows do not
        tell where they belong, then the file's own name must.
    """
    place = Path(path)
    file = _of_image(place, name) if place.is_dir() else place
    suffix = file.suffix.lower()
    if suffix not in READERS:
        raise UnknownFormat(
            f"{file}: picks are read from files that end in {', '.join(READERS)}, not in {suffix!r}"
        )
    found = READERS[suffix](file)
    if suffix == ".star":
        found = _rows_of(found, "rlnMicrographName", name, file)
        return coordinates.columns_of(found, file), False
    found = _rows_of(found, "micrograph", name, file)
    if suffix == ".cs":
        found = found.assign(x=found["x"] * shape[1], y=found["y"] * shape[0])
    return _completed(found), suffix == ".cs"


def belongs(name: str, image: str) -> bool:
    """Whether a file or a micrograph of this name is the image's, as other programs change names.

    Its stem holds that of the image as a whole: 12_NAME_patch_aligned.mrc and NAME_autopick.star are
    of NAME.tif, NAME_2.star is not.
    """
    stem = re.escape(Path(image).stem)
    own = Path(name.replace("\\", "/")).name
    return bool(
        re.search(rf"(?:^|[^A-Za-z0-9]){stem}(?=$|[._-]+(?![0-9]+(?:[._-]|$))|[^\w.-])", own)
    )


def _of_image(folder: Path, image: str) -> Path:
    names = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in READERS and p.is_file()]
    mine = [p for p in names if belongs(p.name, image)]
    if not mine:
        there = _some(p.name for p in names)
        raise BadValue(f"picks_file = {folder}: none of its files is called like {image}; {there}")
    shortest = min(len(p.stem) for p in mine)
    best = [p for p in mine if len(p.stem) == shortest]
    if len(best) > 1:
        raise BadValue(
            f"picks_file = {folder}: {best[0].name} and {best[1].name} both seem to be of {image};"
            " keep one kind of files in the folder"
        )
    return best[0]


def _rows_of(found: Any, column: str, image: str, file: Path) -> Any:
    """The rows of this image, where the table says of which micrograph each row is."""
    if column not in found.columns:
        if not belongs(file.name, image):
            raise BadValue(
                f"picks_file = {file}: neither its rows nor its name tell that it is of {image}; call"
                f" it {Path(image).stem}{file.suffix}, or give a folder with one file for each image"
            )
        return found
    if not len(found):
        return found
    names = found[column].astype(str).map(lambda name: name.partition("@")[2] or name)
    known = list(dict.fromkeys(names))
    mine = [name for name in known if belongs(name, image)]
    if not mine:
        there = _some(Path(name).name for name in known)
        raise BadValue(f"{file}: its picks are not of {image}; {there}")
    shortest = min(mine, key=lambda name: len(Path(name).name))
    return found[names == shortest].reset_index(drop=True)


def _some(names: Iterable[str]) -> str:
    known = list(names)
    if not known:
        return "there are none"
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"there are {', '.join(known[:SHOWN])}{more}"


def _completed(found: Any) -> "pd.DataFrame":
    import pandas as pd

    n = len(found)
    score = found["score"].to_numpy() if "score" in found.columns else np.full(n, np.nan)
    return pd.DataFrame(
        {
            "x": found["x"].to_numpy(float),
            "y": found["y"].to_numpy(float),
            "score": score,
            "diameter": np.full(n, np.nan),
            "class": np.zeros(n, int),
            "angle": np.zeros(n),
        }
    )
