"""The header of an MRC file: read, checked against the size of the file before anything is made.

Layout: MRC2014 (Cheng et al. 2015, J. Struct. Biol. 192, 146) by way of `mrcfile`; IMOD's stamp
and flags as in https://bio3d.colorado.edu/imod/doc/mrc_format.txt.
"""

import math
import re
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from focusnb.errors import BrokenFile

Order = Literal["<", ">"]
ORDERS: tuple[Order, Order] = ("<", ">")
SIZE = 1024
NIBBLES = 101
DTYPES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2", NIBBLES: "u1"}
REFUSED = {3: "pairs of short integers", 16: "colours"}
IMOD_STAMP = 1146047817  # "IMOD"
SIGNED_BYTES, FOUR_BIT_BYTES = 1, 16  # bits of IMOD's flags
IN_ASCII = str.maketrans(
    {"Å": "A", "µ": "u", "²": "2", "·": "*", "√": "sqrt ", "−": "-", "°": "deg"}
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pixels are and how they are packed."""

    shape: tuple[int, int, int]  # frames, y, x
    dtype: np.dtype[Any]  # as stored, byte order included
    nibbles: bool  # two pixels in a byte, the first one in the lower half
    row: int  # bytes
    start: int  # bytes before the first pixel
    header: NDArray[Any]  # of HEADER_DTYPE, one record
    order: Order
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all pixels."""
        return self.shape[0] * self.shape[1] * self.row


def plausible(head: bytes, size: int) -> bool:
    """Whether these first bytes of a file of `size` bytes are an MRC header.

    Files from before 2000 have no 'MAP '; they are believed if their size is exactly right.
    """
    if len(head) >= 212 and head[208:211] == b"MAP":
        return True
    if len(head) < SIZE:
        return False
    for order in "<>":
        x, y, z, mode = (int(word) for word in np.frombuffer(head, f"{order}i4", 4))
        if mode in DTYPES and min(x, y, z) > 0:
            extended = int(np.frombuffer(head, f"{order}i4", 1, 92)[0])
            if size == SIZE + extended + z * y * _row(x, mode):
                return True
    return False


def read(path: Path) -> Layout:
    """The layout of a file, whose claims have been compared with the file's size."""
    with path.open("rb") as file:
        return layout(path, file.read(SIZE), path.stat().st_size)


def layout(path: Path, head: bytes, size: int, *, packed: int | None = None) -> Layout:
    """The layout that the first 1024 bytes claim, compared with the `size` of the file in bytes.

    packed: bytes of a compressed file, of which `size` is only the most that it can hold.
    """
    held = f"the file has {size}" if packed is None else f"{packed} compressed ones never hold that"
    if len(head) < SIZE:
        raise BrokenFile(
            f"{path}: {len(head)} bytes are no whole MRC header (1024 bytes); "
            "the file was cut short or is still being written"
        )
    notes: list[str] = []
    order = _order(head, notes)
    header = np.frombuffer(head, HEADER_DTYPE.newbyteorder(order), 1)[0]
    x, y, z, mode = (int(header[word]) for word in ("nx", "ny", "nz", "mode"))
    if mode not in DTYPES:
        kind = f" ({REFUSED[mode]})" if mode in REFUSED else ""
        known = ", ".join(map(str, DTYPES))
        raise BrokenFile(f"{path}: MRC mode {mode}{kind} cannot be read; modes {known} can")
    if min(x, y, z) < 1:
        raise BrokenFile(f"{path}: the header claims {x} × {y} pixels × {z} frames; none can be 0")
    extended = int(header["nsymbt"])
    if not 0 <= extended <= size:
        raise BrokenFile(
            f"{path}: the header claims an extended header of {extended} bytes "
            f"in a file of {packed or size} bytes"
        )
    dtype, nibbles, row, x = _pixels(header, order, x, mode)
    found = Layout((z, y, x), dtype, nibbles, row, SIZE + extended, header, order, ())
    needed = found.start + found.bytes
    if size < needed:
        raise BrokenFile(
            f"{path}: the header claims {x} × {y} pixels × {z} frames, {needed} bytes, but "
            f"{held}; it was cut short, is still being written, or its header is wrong"
        )
    if size > needed and packed is None:
        notes.append(f"{size - needed} bytes after the last frame are not read")
    if head[208:211] != b"MAP":
        notes.append("the header has no 'MAP ' mark, as before the year 2000")
    axes = tuple(int(header[word]) for word in ("mapc", "mapr", "maps"))
    if axes not in ((1, 2, 3), (0, 0, 0)):
        notes.append(f"the header names its axes {axes}; they are read as columns, rows, frames")
    return replace(found, notes=tuple(notes))


def _row(x: int, mode: int) -> int:
    """Bytes of one row; with 4 bits a pixel, an odd row ends with half a byte unused (IMOD)."""
    return (x + 1) // 2 if mode == NIBBLES else x * np.dtype(DTYPES[mode]).itemsize


def _pixels(
    header: NDArray[Any], order: Order, x: int, mode: int
) -> tuple[np.dtype[Any], bool, int, int]:
    """Type, packing, bytes of a row and pixels of a row, with what IMOD's flags change."""
    stamp, flags = np.frombuffer(header["extra2"].tobytes(), f"{order}i4", 2, 40)
    flags = int(flags) if stamp == IMOD_STAMP else None
    if mode == 0 and flags is not None and flags & FOUR_BIT_BYTES:
        return np.dtype("u1"), True, x, 2 * x
    unsigned = mode == 0 and flags is not None and not flags & SIGNED_BYTES
    dtype = np.dtype("u1" if unsigned else DTYPES[mode]).newbyteorder(order)
    return dtype, mode == NIBBLES, _row(x, mode), x


def _order(head: bytes, notes: list[str]) -> Order:
    """Byte order by the machine stamp; where it is nonsense, the one in which the mode makes sense.

    A stamp that contradicts the mode is overruled: programs copied it without swapping the rest.
    """
    stamp = head[212:216]
    named: Order | None = "<" if stamp[0] == 0x44 else ">" if stamp[0] == 0x11 else None
    sound = [o for o in ORDERS if 0 <= int(np.frombuffer(head, f"{o}i4", 1, 12)[0]) <= NIBBLES]
    if len(sound) == 2:  # mode 0 reads the same both ways, then the smaller width is the true one
        widths = {o: abs(int(np.frombuffer(head, f"{o}i4", 1)[0])) for o in ORDERS}
        sound.sort(key=lambda o: widths[o])
    if named and (named in sound or not sound):
        return named
    found = sound[0] if sound else "<"
    notes.append(
        f"the machine stamp {stamp.hex(' ')} does not fit; read as "
        f"{'little' if found == '<' else 'big'}-endian"
    )
    return found


def pixel_size(header: NDArray[Any], notes: list[str]) -> float | None:
    """Å per pixel by the header's cell, None where it is empty."""
    sizes = []
    for axis in "xy":
        cell, count = float(header["cella"][axis]), int(header[f"m{axis}"])
        sizes.append(cell / count if count > 0 and math.isfinite(cell) else 0.0)
    x, y = sizes
    if x <= 0:
        return None
    if y > 0 and abs(x - y) > 1e-3 * x:
        notes.append(f"pixels are not square: {x:.4g} × {y:.4g} Å; the first is taken")
    return round(x, 6)


def labels(header: NDArray[Any]) -> tuple[str, ...]:
    """The labels in use."""
    count = min(max(int(header["nlabl"]), 0), 10)
    texts = (bytes(text).decode("ascii", "replace") for text in header["label"][:count])
    return tuple(text.rstrip(" \0") for text in texts)


def push(texts: tuple[str, ...]) -> list[bytes]:
    """At most ten labels of 80 bytes: the first, and of the others the newest nine."""
    kept = texts if len(texts) <= 10 else (texts[0], *texts[-9:])
    return [plain(text)[:80] for text in kept]


def signed(text: str) -> str:
    """The label with our name and version before it, if it has not."""
    if re.match(r"focusnb \d", text):
        return text
    number = ".".join(version("focusnb").split(".")[:2])
    return f"focusnb {number} {text.removeprefix('focusnb ')}"


def plain(text: str) -> bytes:
    """The text in ASCII and in one line, as headers hold it."""
    return " ".join(text.translate(IN_ASCII).split()).encode("ascii", "replace")
