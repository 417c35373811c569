"""The chain of pages in a TIFF file, followed by ourselves.

A page whose directory lies behind the end of the file ends the chain for most programs without a
word, so that a file cut short would pass as a shorter movie. Here it is an error.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import tifffile

from focusnb.errors import BrokenFile

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES = 1_000_000
MOST_ENTRIES = 4096  # of a directory that are looked at


def chain(path: Path) -> list[int]:
    """The place of each page's directory (IFD), in bytes from the start of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        form = _Form(path, file)
        place = form.pointer(0, form.start)
        found: list[int] = []
        seen: set[int] = set()
        while place:
            number = len(found)
            if place in seen or number >= MOST_PAGES:
                raise BrokenFile(f"{path}: the directories of its frames run in a circle")
            if place >= size:
                raise _cut(path, number, size)
            entries = form.entries(number, place)
            after = file.tell() + entries * form.entry
            if after + form.wide > size:
                raise _cut(path, number, size)
            found.append(place)
            seen.add(place)
            place = form.pointer(number, after)
    if not found:
        raise BrokenFile(
            f"{path}: the TIFF has no frame yet; it was cut short or is still being written"
        )
    return found


def opened(path: Path, what: str) -> tifffile.TiffFile:
    """The file, which messages call `what`; raises BrokenFile."""
    try:
        return tifffile.TiffFile(path)
    except Exception as error:  # tifffile meets hostile bytes with whatever they cause
        raise BrokenFile(f"{path}: the {what} cannot be read: {error}") from error


def read(file: tifffile.TiffFile, path: Path, offsets: list[int]) -> Iterator[tifffile.TiffPage]:
    """Give the page of each directory of the chain; raises BrokenFile."""
    for index, offset in enumerate(offsets):
        file.filehandle.seek(offset)
        try:
            yield tifffile.TiffPage(file, index)
        except Exception as error:  # tifffile meets hostile bytes with whatever they cause
            raise BrokenFile(
                f"{path}: frame {index} of {len(offsets)} has no readable directory: {error}"
            ) from error


def values(path: Path, tag: int, *, most: int) -> list[int | None]:
    """The number that a tag has in each of the first pages, at most so many; None where it has none.

    Pages that cannot be read end the list. Raises BrokenFile when the first cannot.
    """
    size = path.stat().st_size
    found: list[int | None] = []
    with path.open("rb") as file:
        form = _Form(path, file)
        place = form.pointer(0, form.start)
        while place and len(found) < most:
            if place >= size:
                if found:
                    break
                raise _cut(path, 0, size)
            number = len(found)
            entries = form.entries(number, place)
            after = file.tell() + min(entries, MOST_ENTRIES) * form.entry
            table = file.read(after - file.tell())
            found.append(None)
            for start in range(0, len(table) - form.entry + 1, form.entry):
                code, kind = struct.unpack_from(f"{form.order}HH", table, start)
                if code == tag and kind in (3, 4):  # a short or a long number
                    wide = f"{form.order}{'H' if kind == 3 else 'I'}"
                    found[-1] = struct.unpack_from(wide, table, start + 4 + form.wide)[0]
            if after + form.wide > size:
                break
            place = form.pointer(number, after)
    return found


class _Form:
    """How a TIFF file writes its directories: byte order, and numbers of 32 bits or BigTIFF's of 64."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        head = file.read(4)
        big = head[2:] in (b"+\0", b"\0+")
        self._path, self._file = path, file
        self.order = "<" if head[:2] == b"II" else ">"
        self.start = 8 if big else 4  # where the place of the first directory is written
        self.wide = 8 if big else 4  # bytes of a place
        self.entry = 20 if big else 12  # bytes of an entry
        self._place, self._count = ("Q", "Q") if big else ("I", "H")

    def entries(self, number: int, place: int) -> int:
        """How many entries the directory of frame `number` has; they follow."""
        return self._read(self._count, number, place)

    def pointer(self, number: int, place: int) -> int:
        """The place that is written here, after the directory of frame `number`; 0 ends the chain."""
        return self._read(self._place, number, place)

    def _read(self, kind: str, number: int, place: int) -> int:
        form = f"{self.order}{kind}"
        self._file.seek(place)
        text = self._file.read(struct.calcsize(form))
        if len(text) < struct.calcsize(form):
            raise _cut(self._path, number, self._path.stat().st_size)
        return int(struct.unpack(form, text)[0])


def _cut(path: Path, number: int, size: int) -> BrokenFile:
    return BrokenFile(
        f"{path}: the directory of frame {number} lies behind the end of the file "
        f"({size} bytes); it was cut short or is still being written"
    )
