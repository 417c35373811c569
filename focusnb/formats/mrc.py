"""MRC pictures and stacks: modes 0, 1, 2, 4, 6, 12 and 101, in either byte order.

Frames are read from the open file, not mapped into memory: a file that shrinks under a memory map,
as a movie that is copied a second time does, ends the whole process instead of raising an error.
Each read names its place in the file, so that several threads read at the same time.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import mrc_extended, mrc_header
from focusnb.formats.stack import Stack, replacing

PIECE = 1 << 30  # bytes read in one call; the systems refuse 2³¹


class Sections(Stack):
    """What lies behind an MRC header, wherever its bytes come from.

    layout: from the header. extended: the bytes between header and pixels.
    """

    def __init__(self, path: Path, layout: mrc_header.Layout, extended: bytes) -> None:
        header, notes = layout.header, list(layout.notes)
        kind = bytes(header["exttyp"])
        facts, strange = mrc_extended.facts(kind, extended, header, layout.order, layout.shape[0])
        notes += strange
        pixel_size = mrc_header.pixel_size(header, notes)
        if isinstance(told := facts.pop("pixel_size", None), float):
            pixel_size = round(told, 6)
        super().__init__(
            path,
            layout.shape,
            layout.dtype.newbyteorder("="),
            pixel_size=pixel_size,
            facts=facts,
            notes=notes,
        )
        self._layout = layout

    def _pixels(self, stored: NDArray[np.uint8]) -> NDArray[Any]:
        """The frame (y, x) that these bytes (y, bytes of a row) are; they may become part of it."""
        if self._layout.nibbles:
            return _unpack(stored, self.shape[2])
        return stored.view(self._layout.dtype).astype(self.dtype, copy=False)


class MrcStack(Sections):
    """The sections of an MRC file.

    Besides what every stack has: `labels`, the texts in the header.
    """

    def __init__(self, path: Path) -> None:
        layout = mrc_header.read(path)
        with path.open("rb") as file:
            file.seek(mrc_header.SIZE)
            extended = file.read(layout.start - mrc_header.SIZE)
        super().__init__(path, layout, extended)
        self.labels = mrc_header.labels(layout.header)
        self._file = path.open("rb", buffering=0)

    def _frame(self, index: int) -> NDArray[Any]:
        if self._file.closed:
            raise ValueError(f"{self.path}: the file is closed")
        stored = np.empty((self.shape[1], self._layout.row), np.uint8)
        start = self._layout.start + index * stored.nbytes
        view, done = stored.reshape(-1).data, 0
        while done < stored.nbytes:
            count = _read_at(self._file.fileno(), view[done : done + PIECE], start + done)
            if not count:
                raise BrokenFile(
                    f"{self.path}: ended within frame {index}; it became shorter after it was opened"
                )
            done += count
        return self._pixels(stored)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _read_at(file: int, room: memoryview, place: int) -> int:
    """Read as much as the system gives at once, into the room; give how many bytes these are."""
    if hasattr(os, "preadv"):
        return os.preadv(file, [room], place)
    data = os.pread(file, len(room), place)  # macOS before 11, and Pythons built for it
    room[: len(data)] = data
    return len(data)


def _unpack(packed: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Rows of half bytes (y, bytes) as (y, width) pixels; the lower half comes first."""
    pixels = np.empty((packed.shape[0], 2 * packed.shape[1]), np.uint8)
    np.bitwise_and(packed, 15, out=pixels[:, 0::2])
    np.right_shift(packed, 4, out=pixels[:, 1::2])
    return np.ascontiguousarray(pixels[:, :width])


class Mrc:
    """The reader and writer of MRC files."""

    name = "MRC"
    suffixes = (".mrc", ".mrcs", ".map", ".st", ".ali", ".preali", ".rec")

    def missing(self) -> str | None:
        """Nothing: mrcfile comes with focusnb."""
        return None

    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether the header says 'MAP ', or fits the size of the file without it."""
        return mrc_header.plausible(head, path.stat().st_size)

    def open(self, path: Path) -> MrcStack:
        """The sections of the file."""
        return MrcStack(path)

    def write(
        self,
        path: Path,
        array: NDArray[Any],
        pixel_size: float | None = None,
        label: str | Sequence[str] | None = None,
    ) -> Path:
        """Write (y, x) or (frame, y, x) with minimum, maximum, mean and deviation in the header.

        Floats become mode 2, bytes without sign mode 6 (mode 0 has one), complex numbers mode 4.
        """
        return write(path, array, pixel_size, label)


def write(
    path: Path,
    array: NDArray[Any],
    pixel_size: float | None,
    label: str | Sequence[str] | None,
    compression: str | None = None,
) -> Path:
    """Write as `Mrc.write` does; compression: None or "bzip2"."""
    pixels = _writable(path, array)
    texts = [label] if isinstance(label, str) else list(label or ["wrote this file"])
    texts[-1] = mrc_header.signed(texts[-1])
    with (
        replacing(path) as draft,
        mrcfile.new(draft, compression=compression, overwrite=True) as file,
    ):
        with warnings.catch_warnings():  # mrcfile warns of NaN, which are the caller's affair
            warnings.simplefilter("ignore", RuntimeWarning)
            file.set_data(pixels)
        if pixels.ndim == 3:
            file.set_image_stack()
        if pixel_size is not None:
            file.voxel_size = pixel_size
        kept = mrc_header.push(tuple(texts))
        file.header.label = b""
        file.header.label[: len(kept)] = kept
        file.header.nlabl = len(kept)
    return path


def _writable(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """The array in a type that has an MRC mode; integers too wide for one are refused."""
    kind = array.dtype.kind
    if kind == "f":
        return np.asarray(array, np.float32)
    if kind == "c":
        return np.asarray(array, np.complex64)
    if kind == "b":
        return np.asarray(array, np.int8)
    if array.dtype in (np.int8, np.int16, np.uint16):
        return np.asarray(array, array.dtype.newbyteorder("="))
    if kind in "iu":
        low, high = int(array.min()), int(array.max())
        for dtype in (np.uint16, np.int16):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return np.asarray(array, dtype)
        raise BadValue(
            f"{path.name}: integers from {low} to {high} have no MRC mode; write them as float32"
        )
    raise BadValue(f"{path.name}: values of type {array.dtype} have no MRC mode")


reader = Mrc()
