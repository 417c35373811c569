"""Electron events (EER) of Thermo Fisher's Falcon 4 and 4i: frames that list where electrons arrived.

A (Big)TIFF with a page for each recorded frame, of which there are hundreds; what is aligned are
fractions, sums of successive frames. Rows are not flipped: the first row of the file is row 0.

A code has a number of pixels to skip, then, unless it is the largest number, an event with the part
of the pixel that it hit: a quarter each way, of which upsampling by 2 takes the half. imagecodecs
decodes 7 bits (compression 65001) and those of 65002; in prototypes (65000) each code has 12 bits, those
without an event too, as Thermo Fisher's EerReaderLib and RELION have it.
"""

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import tiff_pages
from focusnb.formats.stack import Stack

COMPRESSION, STRIP_OFFSETS, STRIP_LENGTHS, METADATA = 259, 273, 279, 65001  # tags
PROTOTYPE, SEVEN_BITS, TOLD = 65000, 65001, 65002  # compressions
SKIP_BITS, X_BITS, Y_BITS = 65007, 65008, 65009  # tags of compression 65002
PIXELS = (0.05, 50.0)  # Å, of which sizes a metadata entry is believed
LARGEST = 1 << 15  # pixels of a side


class EerStack(Stack):
    """Fractions of an EER file, each the sum of `together` recorded frames.

    Besides what every stack has: `raw_frames`, the recorded frames of the file.
    """

    def __init__(self, path: Path) -> None:
        self.together, self.upsampling = 1, 1
        offsets = tiff_pages.chain(path)
        self._file = tiff_pages.opened(path, "EER file")
        try:
            notes: list[str] = []
            self._pages = self._recorded(path, offsets, notes)
            pixel_size = _pixel_size(self._pages[0])
        except BaseException:
            self._file.close()
            raise
        self._lock = threading.Lock()
        self.raw_frames = len(self._pages)
        shape = (self.raw_frames, *self._pages[0].shape[-2:])
        super().__init__(path, shape, np.dtype(np.uint8), pixel_size=pixel_size, notes=notes)

    def fractions(self, frames: int, upsampling: int = 1) -> "EerStack":
        """The same file, `frames` recorded frames added up to one; a rest at the end is left out.

        Both share the open file. upsampling: 1 for physical pixels, 2 for half of them along each
        side. Raises BadValue.
        """
        if not 1 <= frames <= self.raw_frames:
            raise BadValue(
                f"{self.path.name}: {frames} frames cannot make a fraction; the file has "
                f"{self.raw_frames}, give 1 to {self.raw_frames}"
            )
        if upsampling not in (1, 2):
            raise BadValue(f"{self.path.name}: upsampling is {upsampling}; it is 1 or 2")
        new = object.__new__(EerStack)
        new._file, new._pages, new._lock = self._file, self._pages, self._lock
        new.raw_frames, new.together, new.upsampling = self.raw_frames, frames, upsampling
        count, left = divmod(self.raw_frames, frames)
        y, x = (side * upsampling for side in self._pages[0].shape[-2:])
        notes = list(self.notes)
        if left:
            rest = "the last frame is" if left == 1 else f"the last {left} frames are"
            notes.append(f"{rest} left out: {self.raw_frames} make {count} fractions of {frames}")
        pixel_size = self.pixel_size and self.pixel_size * self.upsampling / upsampling
        dtype = np.dtype(np.uint8 if frames < 256 else np.uint16)  # one event a pixel and frame
        Stack.__init__(
            new,
            self.path,
            (count, y, x),
            dtype,
            pixel_size=pixel_size,
            facts=self.facts,
            notes=notes,
        )
        return new

    def _frame(self, index: int) -> NDArray[Any]:
        total = np.zeros(self.shape[1:], self.dtype)
        first = index * self.together
        for number in range(first, first + self.together):
            total += self._decoded(number).view(np.uint8)
        return total

    def _recorded(
        self, path: Path, offsets: list[int], notes: list[str]
    ) -> list[tifffile.TiffPage]:
        """The pages of recorded frames, after their claims have been looked at."""
        size = path.stat().st_size
        pages: list[tifffile.TiffPage] = []
        for index, page in enumerate(tiff_pages.read(self._file, path, offsets)):
            if page.compression not in (PROTOTYPE, SEVEN_BITS, TOLD):
                if pages or len(offsets) == 1:
                    raise BrokenFile(f"{path}: page {index} holds no electron events")
                notes.append("the first page is a sum that the camera made; it is not read")
                continue
            end = max((offset + length for offset, length in _strips(page)), default=0)
            if not 0 < end <= size:
                raise BrokenFile(
                    f"{path}: frame {len(pages)} ends at byte {end} but the file has {size};"
                    " it was cut short or is still being written"
                )
            y, x = page.imagelength, page.imagewidth
            if not all(isinstance(side, int) and 0 < side <= LARGEST for side in (y, x)):
                raise BrokenFile(
                    f"{path}: frame {len(pages)} claims {x} × {y} pixels; none can be so"
                )
            if pages and (y, x) != (pages[0].imagelength, pages[0].imagewidth):
                raise BrokenFile(
                    f"{path}: frame {len(pages)} has another size than the frames before"
                )
            pages.append(page)
        if not pages:
            raise BrokenFile(f"{path}: the file has no frame of electron events")
        return pages

    def _decoded(self, number: int) -> NDArray[np.bool_]:
        """Where electrons arrived in one recorded frame."""
        page, path = self._pages[number], self.path
        with self._lock:
            handle = self._file.filehandle
            if handle.closed:
                raise ValueError(f"{path}: the file is closed")
            parts = []
            for offset, length in _strips(page):
                handle.seek(offset)
                parts.append(handle.read(length))
        data = b"".join(parts)
        if len(data) < sum(length for _, length in _strips(page)):
            raise BrokenFile(
                f"{path}: ends within frame {number}; it became shorter after it was opened"
            )
        try:
            if page.compression == PROTOTYPE:
                return _prototype(data, self.shape[1:], self.upsampling)
            return _events(data, self.shape[1:], self.upsampling, _bits(page))
        except Exception as error:
            raise BrokenFile(
                f"{path}: frame {number} of {self.raw_frames} cannot be decoded: {error}"
            ) from error

    def close(self) -> None:
        """Let go of the file, for all that share it."""
        self._file.close()


def _strips(page: tifffile.TiffPage) -> list[tuple[int, int]]:
    """Place and length of the pieces of a frame's stream, however many rows each is said to have."""
    told = [page.tags.valueof(tag) for tag in (STRIP_OFFSETS, STRIP_LENGTHS)]
    offsets, lengths = (v if isinstance(v, tuple) else (v,) for v in told)
    if len(offsets) != len(lengths) or not all(
        isinstance(number, int) and number >= 0 for number in (*offsets, *lengths)
    ):
        return []
    return list(zip(offsets, lengths, strict=True))


def _bits(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Bits of a code: pixels to skip, part of the pixel along x and y."""
    if page.compression == SEVEN_BITS:
        return 7, 2, 2
    skip, x, y = (
        int(page.tags.valueof(tag, usual))
        for tag, usual in ((SKIP_BITS, 7), (X_BITS, 2), (Y_BITS, 2))
    )
    return skip, x, y


def _events(
    data: bytes, shape: tuple[int, int], upsampling: int, bits: tuple[int, int, int]
) -> NDArray[np.bool_]:
    import imagecodecs

    data += bytes(
        len(data) % 2
    )  # it takes an even number of bytes; what follows the end is not read
    found: NDArray[np.bool_] = imagecodecs.eer_decode(data, shape, *bits, superres=upsampling - 1)
    return found


def _prototype(data: bytes, shape: tuple[int, int], upsampling: int) -> NDArray[np.bool_]:
    """Codes of 12 bits: 8 to skip and 4 of the pixel's part, two codes in three bytes."""
    whole = np.frombuffer(data, np.uint8, len(data) // 3 * 3).reshape(-1, 3).astype(np.int64)
    codes = np.stack(
        [whole[:, 0] | (whole[:, 1] & 15) << 8, whole[:, 1] >> 4 | whole[:, 2] << 4], axis=1
    ).ravel()
    skip, part = codes & 255, codes >> 8 ^ 0b1010  # the upper bit of each part is inverted
    after = np.cumsum(skip + (skip < 255))
    width = shape[1] // upsampling
    pixel = after - 1
    good = (skip < 255) & (pixel < width * (shape[0] // upsampling))
    y, x = np.divmod(pixel[good], width)
    if upsampling == 2:
        y, x = 2 * y + (part[good] >> 3), 2 * x + (part[good] >> 1 & 1)
    found = np.zeros(shape, np.bool_)
    found[y, x] = True
    return found


def _pixel_size(page: tifffile.TiffPage) -> float | None:
    """Å at the specimen, as the microscope tells it in metres (`sensorPixelSize.width`); or None."""
    text = page.tags.valueof(METADATA)
    if not isinstance(text, bytes | str):
        return None
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if "<!" in told:  # no document type: its entities could grow without end
        return None
    try:
        items = ElementTree.fromstring(told[told.find("<metadata") :].rstrip("\0 \n"))
        size = next(
            float(item.text or "nan") * 1e10
            for item in items
            if item.get("name") == "sensorPixelSize.width" and item.get("unit", "m") == "m"
        )
    except (ElementTree.ParseError, StopIteration, ValueError):
        return None
    return round(size, 6) if PIXELS[0] <= size <= PIXELS[1] else None


class Eer:
    """The reader of EER files."""

    name = "EER"
    suffixes = (".eer",)

    def missing(self) -> str | None:
        """What to install before frames can be decoded."""
        return None if find_spec("imagecodecs") else "imagecodecs: pip install imagecodecs"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether it is a TIFF whose first or second page holds electron events."""
        if head[:4] not in tiff_pages.MAGIC:
            return False
        try:
            told = tiff_pages.values(path, COMPRESSION, most=2)
        except BrokenFile:
            return False
        return any(value in (PROTOTYPE, SEVEN_BITS, TOLD) for value in told)

    def open(self, path: Path) -> EerStack:
        """The recorded frames of the file, one by one."""
        return EerStack(path)

    def write(self, path: Path, *_: Any, **__: Any) -> Path:
        """Refuse: what a camera saw of single electrons is nothing that one writes."""
        raise BadValue(f"{path.name}: EER files are not written; choose .tif or .mrc")


reader = Eer()
