"""Which reader a file needs: entry points, first bytes, and the three verbs open, read, write."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile, UnknownFormat
from focusnb.formats.stack import Stack

HEAD = 1024  # bytes shown to the readers; an MRC header is as long
SHOWN = 16  # bytes of them shown to people


class Reader(Protocol):
    """What a module registers in the entry points ``focusnb.formats``."""

    name: str
    suffixes: tuple[str, ...]

    def missing(self) -> str | None:
        """What to install before this reader works, or None."""

    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether the first bytes (1024 of them, if there are as many) are of this format."""

    def open(self, path: Path) -> Stack:
        """The frames of the file, not yet read."""

    def write(
        self,
        path: Path,
        array: NDArray[Any],
        pixel_size: float | None = None,
        label: str | Sequence[str] | None = None,
    ) -> Path:
        """Write an array (y, x) or (frame, y, x)."""


@cache
def readers() -> dict[str, Reader]:
    """All readers by the names of their entry points."""
    return {
        point.name: point.load()
        for point in sorted(entry_points(group="focusnb.formats"), key=lambda point: point.name)
    }


def open(path: str | Path) -> Stack:
    """Open a file of frames; nothing but its header is read.

    Raises FileNotFoundError; UnknownFormat when no reader knows the first bytes; BrokenFile when
    the file is empty, cut short, or claims what it cannot hold.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise BrokenFile(
            f"{path}: the file is empty (0 bytes); if it is still being written, wait for it"
        )
    for reader in readers().values():
        if reader.sniff(head, path):
            if missing := reader.missing():
                raise UnknownFormat(f"{path}: reading {reader.name} needs {missing}")
            return reader.open(path)
    known = ", ".join(reader.name for reader in readers().values())
    raise UnknownFormat(f"{path}: starts with {head[:SHOWN]!r}; readers know {known}")


def read(path: str | Path) -> NDArray[Any]:
    """The whole file: (y, x) if it holds one frame, else (frame, y, x), in its own dtype."""
    with open(path) as stack:
        if len(stack) == 1:
            return np.array(stack.frame(0))
        whole = np.empty(stack.shape, stack.dtype)
        for index, frame in enumerate(stack):
            whole[index] = frame
        return whole


def write(
    path: str | Path,
    array: NDArray[Any],
    pixel_size: float | None = None,
    label: str | Sequence[str] | None = None,
) -> Path:
    """Write an array under its name in one stroke: other programs see the whole file or none.

    Parameters
    ----------
    path
        the suffix decides the format: .mrc, .mrcs, .tif, .tiff and what other readers add.
    array
        (y, x) or (frame, y, x), row 0 at the bottom. Floats are written as float32.
    pixel_size
        Å; None leaves the header's place empty.
    label
        what was done, as the header shall tell: "motion: 16 frames" becomes "focusnb 0.1 motion:
        16 frames". Of several labels the first and the last nine are kept.
    """
    path = Path(path)
    array = np.asarray(array)
    if array.ndim not in (2, 3) or not array.size:
        raise BadValue(
            f"{path.name}: an array of shape {array.shape} is no picture; "
            "write (y, x) or (frame, y, x)"
        )
    if pixel_size is not None and not 0 < pixel_size < float("inf"):
        raise BadValue(f"{path.name}: a pixel size of {pixel_size} Å cannot be; it is above 0")
    suffix = path.suffix.lower()
    for reader in readers().values():
        if suffix in reader.suffixes:
            if missing := reader.missing():
                raise UnknownFormat(f"{path}: writing {reader.name} needs {missing}")
            return reader.write(path, array, pixel_size, label)
    known = ", ".join(suffix for reader in readers().values() for suffix in reader.suffixes)
    raise UnknownFormat(f"{path}: no format has the suffix {path.suffix!r}; known are {known}")
