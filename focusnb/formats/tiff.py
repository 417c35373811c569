"""TIFF pictures and stacks, one frame a page; rows are flipped, as RELION and IMOD flip them.

The first row of a TIFF is the top of the picture; row 0 of an array is its bottom.
"""

import logging
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import tiff_pages
from focusnb.formats.mrc_header import plain, signed
from focusnb.formats.stack import Stack, replacing

# What tifffile logs of broken files is in our errors; without a handler it would go to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

CENTIMETRE = 1e8  # Å
UNSIGNED = 1  # of the tag SampleFormat
MOST_PACKED = 4000  # times: neither LZW nor deflate shrinks more than this


class TiffStack(Stack):
    """The pages of a TIFF file, decoded one at a time."""

    def __init__(self, path: Path) -> None:
        offsets = tiff_pages.chain(path)
        self._file = tiff_pages.opened(path, "TIFF")
        try:
            pages = self._pages(path, offsets)
        except BaseException:
            self._file.close()
            raise
        first = pages[0]
        notes: list[str] = []
        super().__init__(
            path,
            (len(pages), *first.shape),
            np.dtype(first.dtype),
            pixel_size=_pixel_size(first, notes),
            notes=notes,
        )
        self._sheets = pages
        self._lock = threading.Lock()

    def _pages(self, path: Path, offsets: list[int]) -> list[tifffile.TiffPage]:
        """All pages, after their claims have been compared with each other and with the file."""
        size = path.stat().st_size
        pages: list[tifffile.TiffPage] = []
        for index, page in enumerate(tiff_pages.read(self._file, path, offsets)):
            _check(path, page, index, size)
            if pages and (page.shape, page.dtype) != (pages[0].shape, pages[0].dtype):
                raise BrokenFile(
                    f"{path}: frame {index} is {_what(page)} but frame 0 is {_what(pages[0])}; "
                    "frames of one movie have one size and one type"
                )
            pages.append(page)
        return pages

    def read_into(self, index: int, room: NDArray[Any]) -> None:
        """Decode frame `index` straight into its place: the memory of each costs as much time again."""
        if room.shape != self.shape[1:] or room.dtype != self.dtype:
            super().read_into(index, room)
        else:
            self._decode(index % len(self), room[::-1])

    def _frame(self, index: int) -> NDArray[Any]:
        room = np.empty(self.shape[1:], self.dtype)
        self._decode(index, room[::-1])
        return room

    def _decode(self, index: int, top_down: NDArray[Any]) -> None:
        page = self._sheets[index]
        if self._file.filehandle.closed:
            raise ValueError(f"{self.path}: the file is closed")
        needed = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)))
        if self.path.stat().st_size < needed:
            raise BrokenFile(
                f"{self.path}: ends within frame {index}; it became shorter after it was opened"
            )
        try:
            # bytes are read under the lock, decoded outside of it
            if page.compression == 1:  # read in one piece, which cannot be turned on the way
                top_down[...] = page.asarray(maxworkers=1, lock=self._lock)
            else:
                page.asarray(out=top_down, maxworkers=1, lock=self._lock)
        except Exception as error:  # each codec has errors of its own
            raise BrokenFile(
                f"{self.path}: frame {index} of {len(self)} cannot be decoded: {error}"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _what(page: tifffile.TiffPage) -> str:
    return f"{' × '.join(map(str, page.shape))} {page.dtype}"


def _check(path: Path, page: tifffile.TiffPage, index: int, size: int) -> None:
    """Refuse a page that is no plain picture or whose pixels are not all in the file."""
    numbers = (page.imagewidth, page.imagelength, page.bitspersample)
    if (
        page.dtype is None
        or len(page.shape) != 2
        or np.dtype(page.dtype).kind not in "iufb"
        or not all(isinstance(number, int) for number in numbers)
    ):
        raise BrokenFile(
            f"{path}: frame {index} is {_what(page)}, no picture of grey values (y, x)"
        )
    places, lengths = page.dataoffsets, page.databytecounts
    try:
        expected = int(np.prod(page.chunked))
    except Exception as error:  # what the tags say of strips or tiles cannot be
        raise BrokenFile(f"{path}: frame {index} has no pieces that can be: {error}") from error
    if len(places) != len(lengths) or len(places) < expected or not all(places):
        raise BrokenFile(
            f"{path}: frame {index}, {page.imagewidth} × {page.imagelength} pixels, has "
            f"{sum(map(bool, places))} of its {expected} pieces; "
            "the file was cut short or is still being written"
        )
    end = max(place + length for place, length in zip(places, lengths, strict=True))
    if end > size or not all(lengths):
        raise BrokenFile(
            f"{path}: frame {index} ends at byte {end} but the file has {size}; "
            "it was cut short or is still being written"
        )
    bits = page.imagewidth * page.imagelength * page.bitspersample
    most = sum(lengths) * (1 if page.compression == 1 else MOST_PACKED)
    if bits // 8 > most:
        raise BrokenFile(
            f"{path}: frame {index} claims {page.imagewidth} × {page.imagelength} pixels but has "
            f"only {sum(lengths)} bytes; its header is wrong"
        )


def _pixel_size(page: tifffile.TiffPage, notes: list[str]) -> float | None:
    """Å per pixel as SerialEM and IMOD write it: square pixels, per centimetre, of atomic size.

    The dots per inch of other programs mean paper.
    """
    tags = page.tags
    try:
        unit = int(tags["ResolutionUnit"].value)
        x, y = (
            tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution")
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    if unit == 3 and x > 0 and abs(x - y) <= 1e-3 * x and 0.01 <= CENTIMETRE / x <= 2000:
        return float(f"{CENTIMETRE / x:.7g}")
    if unit != 1:
        per = {2: "inch", 3: "cm"}.get(unit, "unknown unit")
        notes.append(f"its resolution, {x:g} × {y:g} per {per}, is no pixel size of a microscope")
    return None


class Tiff:
    """The reader and writer of TIFF files."""

    name = "TIFF"
    suffixes = (".tif", ".tiff")

    def missing(self) -> str | None:
        """The package that decodes LZW, if it is not there."""
        return None if find_spec("imagecodecs") else "conda install imagecodecs"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether the first four bytes are those of a TIFF or a BigTIFF."""
        return head[:4] in tiff_pages.MAGIC

    def open(self, path: Path) -> TiffStack:
        """The pages of the file."""
        return TiffStack(path)

    def write(
        self,
        path: Path,
        array: NDArray[Any],
        pixel_size: float | None = None,
        label: str | Sequence[str] | None = None,
    ) -> Path:
        """Write (y, x) or (frame, y, x): integers LZW-packed as cameras do, floats as float32.

        The tag SampleFormat is always written, since libtiff, and so RELION, does not guess it.
        """
        texts = [label] if isinstance(label, str) else list(label or [])
        pixels = _writable(path, array if array.ndim == 3 else array[np.newaxis])
        unsigned = pixels.dtype.kind == "u"
        if unsigned:  # tifffile leaves SampleFormat out here; it comes with the signed twin
            pixels = pixels.view(f"i{pixels.dtype.itemsize}")
        resolution = CENTIMETRE / pixel_size if pixel_size else None
        with replacing(path) as draft:
            with tifffile.TiffWriter(draft, bigtiff=array.nbytes > 3 << 30) as file:
                for frame in pixels:
                    file.write(
                        np.ascontiguousarray(frame[::-1]),
                        photometric="minisblack",
                        compression=None if frame.dtype.kind == "f" else "lzw",
                        resolution=(resolution, resolution) if resolution else None,
                        resolutionunit="CENTIMETER" if resolution else "NONE",
                        description="\n".join(plain(signed(t)).decode() for t in texts) or None,
                        metadata=None,
                        contiguous=False,
                        software=False,
                    )
            if unsigned:
                with tifffile.TiffFile(draft, mode="r+b") as file:
                    for page in file.pages:
                        page.tags["SampleFormat"].overwrite(UNSIGNED)
        return path


def _writable(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """The array in a type that libtiff knows: integers of at most 32 bits, float32."""
    if array.dtype.kind == "f":
        return np.asarray(array, np.float32)
    if array.dtype.kind == "b":
        return np.asarray(array, np.uint8)
    if array.dtype.kind not in "iu" or array.dtype.itemsize > 4:
        raise BadValue(
            f"{path.name}: values of type {array.dtype} have no place in a TIFF; "
            "write float32 or integers of at most 32 bits"
        )
    return np.asarray(array, array.dtype.newbyteorder("="))


reader = Tiff()
