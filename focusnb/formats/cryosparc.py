"""cryoSPARC's .cs files, as far as picks go: NumPy structured arrays, one row a particle.

Fields: `location/micrograph_path`, `location/center_x_frac`, `location/center_y_frac` (parts of the
micrograph's width and height), `pick_stats/ncc_score`. Arrays of Python objects, which only pickle can
read, are refused: reading them could run whatever they hold.
"""

import math
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format
from numpy.typing import NDArray

from focusnb.errors import BrokenFile, UnknownFormat

if TYPE_CHECKING:
    import pandas as pd

BAD_HEADER = (ValueError, SyntaxError, tokenize.TokenError)  # NumPy lets through what Python raises
NUMPY, NEWER = b"\x93NUMPY", b"\x94CSDAT"
PATH, X, Y = (f"location/{name}" for name in ("micrograph_path", "center_x_frac", "center_y_frac"))


def read(path: str | Path) -> "pd.DataFrame":
    """Columns micrograph (its path over there), x and y (parts of its width and height), score.

    The score is NaN where there is none. Raises UnknownFormat for files that only cryoSPARC's own
    tools read, BrokenFile for others.
    """
    import pandas as pd

    path = Path(path)
    found = _array(path)
    names = found.dtype.names or ()
    if missing := [name for name in (PATH, X, Y) if name not in names]:
        raise BrokenFile(
            f"{path}: it has no field {missing[0]}; take the picks or particles of a job that picked"
        )
    score = found["pick_stats/ncc_score"] if "pick_stats/ncc_score" in names else np.nan
    try:
        table = pd.DataFrame(
            {
                "micrograph": [_text(value) for value in found[PATH]],
                "x": found[X].astype(float),
                "y": found[Y].astype(float),
                "score": np.broadcast_to(np.asarray(score, float), found.shape),
            }
        )
    except (TypeError, ValueError) as error:
        raise BrokenFile(f"{path}: a position is no number: {error}") from error
    wrong = ~np.isfinite(table[["x", "y"]].to_numpy()).all(axis=1)
    if wrong.any():
        raise BrokenFile(f"{path}: {int(wrong.sum())} positions are no finite numbers")
    return table


def _array(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        head = file.read(len(NUMPY))
        if head == NEWER:
            raise UnknownFormat(
                f"{path}: it is of cryoSPARC's newer kind, which only its own tools read; save it as"
                " NumPy's (cryosparc.dataset: Dataset.load(…).save(…, format=1))"
            )
        if head != NUMPY:
            raise UnknownFormat(
                f"{path}: it begins with {head!r}; a .cs file begins with {NUMPY!r}"
            )
        file.seek(0)
        try:
            _check_size(file, path)
            found = format.read_array(file, allow_pickle=False)
        except BrokenFile:
            raise
        except BAD_HEADER as error:
            if "pickle" in str(error).lower() or "object" in str(error).lower():
                raise UnknownFormat(
                    f"{path}: it holds Python objects, which are not read because that could run"
                    " whatever is in them; save it with texts of fixed length"
                    " (cryosparc.dataset: Dataset.load(…).save(…, format=1))"
                ) from error
            raise BrokenFile(f"{path}: not an array that can be read: {error}") from error
    if found.ndim != 1 or found.dtype.names is None:
        raise BrokenFile(f"{path}: an array of shape {found.shape} without fields is no .cs file")
    return np.asarray(found)


def _check_size(file: BinaryIO, path: Path) -> None:
    """Refuse a header that promises more than the file holds, before room is made for it."""
    readers = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}
    version = format.read_magic(file)
    if version in readers:
        shape, _, dtype = readers[version](file)
        left = path.stat().st_size - file.tell()
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize > left:
            raise BrokenFile(
                f"{path}: {math.prod(shape)} rows of {dtype.itemsize} bytes are promised, but {left}"
                " bytes follow; it is cut short"
            )
    file.seek(0)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
