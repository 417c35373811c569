"""Gain references: one picture of factors, from an MRC or a TIFF file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BrokenFile, UnknownFormat
from focusnb.formats import registry
from focusnb.formats.tiff import TiffStack


def read(path: str | Path) -> NDArray[np.float32]:
    """The factors (y, x) in MRC orientation, neither rotated nor flipped (`kernels.gain.orient`).

    Thermo Fisher's `.gain` is a TIFF whose first row is row 0, as in the EER frames it belongs to:
    its rows stay in their order (RELION, too, undoes the flip for these).

    Raises BrokenFile when there are several frames; UnknownFormat for what is no picture, such as
    Gatan's .dm4, with the way to convert it.
    """
    path = Path(path)
    try:
        with registry.open(path) as stack:
            if len(stack) != 1:
                raise BrokenFile(
                    f"{path}: a gain reference is one picture, this file has {len(stack)} frames"
                )
            factors = stack.frame(0)
            if path.suffix.lower() == ".gain" and isinstance(stack, TiffStack):
                factors = factors[::-1]  # undoes the flip of the reader
    except UnknownFormat as error:
        if path.suffix.lower() in (".dm4", ".dm3"):
            raise UnknownFormat(
                f"{path}: Gatan's {path.suffix} is not read; convert it with IMOD: "
                f"dm2mrc {path.name} {path.stem}.mrc"
            ) from error
        raise
    if factors.dtype.kind == "c":
        raise BrokenFile(f"{path}: a gain reference of complex numbers cannot be")
    return np.asarray(factors, np.float32)
