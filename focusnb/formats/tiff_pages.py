"""The chain of pages in a TIFF file, followed by ourselves.

A page whose directory lies behind the end of the file ends the chain for most programs without a
word, so that a file cut short would pass as a shorter movie. Here it is an error.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import tifffile

from focusnb.errors import BrokenFile

MOST_PAGES = 1_000_000


def chain(path: Path) -> list[int]:
    """The place of each page's directory (IFD), in bytes from the start of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        pointer = f"{order}{'Q' if big else 'I'}"
        count, entry = (f"{order}Q", 20) if big else (f"{order}H", 12)
        place = _number(path, pointer, head[8 if big else 4 :])
        found: list[int] = []
        seen: set[int] = set()
        while place:
            number = len(found)
            if place in seen or number >= MOST_PAGES:
                raise BrokenFile(f"{path}: the directories of its frames run in a circle")
            if place >= size:
                raise _cut(path, number, size)
            file.seek(place)
            entries = _number(path, count, file.read(struct.calcsize(count)), number, size)
            after = place + struct.calcsize(count) + entries * entry
            if after + struct.calcsize(pointer) > size:
                raise _cut(path, number, size)
            found.append(place)
            seen.add(place)
            file.seek(after)
            place = _number(path, pointer, file.read(struct.calcsize(pointer)), number, size)
    if not found:
        raise BrokenFile(
            f"{path}: the TIFF has no frame yet; it was cut short or is still being written"
        )
    return found


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
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        pointer, count, entry = (
            (f"{order}Q", f"{order}Q", 20) if big else (f"{order}I", f"{order}H", 12)
        )
        place = _number(path, pointer, head[8 if big else 4 :])
        while place and len(found) < most:
            if place >= size:
                if found:
                    break
                raise _cut(path, 0, size)
            file.seek(place)
            entries = _number(path, count, file.read(struct.calcsize(count)), len(found), size)
            table = file.read(min(entries, 4096) * entry)
            found.append(None)
            for start in range(0, len(table) - entry + 1, entry):
                code, kind = struct.unpack_from(f"{order}HH", table, start)
                if code == tag and kind in (3, 4):  # a short or a long number
                    form = f"{order}{'H' if kind == 3 else 'I'}"
                    found[-1] = struct.unpack_from(form, table, start + (12 if big else 8))[0]
            following = file.read(struct.calcsize(pointer))
            if len(following) < struct.calcsize(pointer):
                break
            place = _number(path, pointer, following, len(found), size)
    return found


def _number(path: Path, form: str, text: bytes, number: int = 0, size: int = 0) -> int:
    length = struct.calcsize(form)
    if len(text) < length:
        raise _cut(path, number, size or path.stat().st_size)
    return int(struct.unpack(form, text[:length])[0])


def _cut(path: Path, number: int, size: int) -> BrokenFile:
    return BrokenFile(
        f"{path}: the directory of frame {number} lies behind the end of the file "
        f"({size} bytes); it was cut short or is still being written"
    )
