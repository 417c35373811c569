"""An MRC stack written frame by frame: none of the others need to be in memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue
from focusnb.formats import mrc_header
from focusnb.formats.stack import replacing


def write(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    *,
    count: int,
    shape: tuple[int, int],
    pixel_size: float | None = None,
    label: str = "wrote this file",
) -> Path:
    """Write `count` frames of shape (y, x) as float32 (mode 2), in one stroke.

    Other programs see the whole file or none. Minimum, maximum, mean and deviation of all frames
    are in the header. Raises BadValue when there are fewer or more frames, or none, when one has
    another shape, and for a pixel size that cannot be.
    """
    path = Path(path)
    if min(count, *shape) < 1:
        raise BadValue(f"{path.name}: {count} frames of shape {tuple(shape)} are no stack")
    if pixel_size is not None and not 0 < pixel_size < np.inf:
        raise BadValue(f"{path.name}: a pixel size of {pixel_size} Å cannot be; it is above 0")
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    with replacing(path) as draft:
        with mrcfile.new(draft, overwrite=True) as file:
            file.set_data(np.zeros((1, 1, 1), np.float32))
            file.set_image_stack()
            header = file.header.copy()
        done = 0
        with draft.open("r+b") as out:
            out.truncate(mrc_header.SIZE)
            out.seek(mrc_header.SIZE)
            for frame in frames:
                picture = np.ascontiguousarray(frame, np.float32)
                if picture.shape != tuple(shape) or done == count:
                    raise BadValue(
                        f"{path.name}: frame {done + 1} of shape {picture.shape} does not fit"
                        f" into {count} frames of {tuple(shape)}"
                    )
                out.write(picture.data)
                done += 1
                low, high = min(low, float(picture.min())), max(high, float(picture.max()))
                total += float(picture.sum(dtype=np.float64))
                squares += float(np.square(picture, dtype=np.float64).sum())
            if done != count:
                raise BadValue(f"{path.name}: {done} frames were given, {count} announced")
            pixels = count * shape[0] * shape[1]
            mean = total / pixels
            header.nx, header.ny, header.nz = shape[1], shape[0], count
            header.mx, header.my, header.mz = shape[1], shape[0], 1
            header.dmin, header.dmax, header.dmean = low, high, mean
            header.rms = np.sqrt(max(squares / pixels - mean**2, 0.0))
            if pixel_size is not None:
                header.cella = (shape[1] * pixel_size, shape[0] * pixel_size, pixel_size)
            texts = mrc_header.push((mrc_header.signed(label),))
            header.label = b""
            header.label[: len(texts)] = texts
            header.nlabl = len(texts)
            out.seek(0)
            out.write(header.tobytes())
    return path
