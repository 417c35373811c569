"""MRC stacks compressed by bzip2, `x.mrc.bz2`: one stream, which is only read forwards.

Frames that the stream passed before anybody asked for them are kept for a while: threads that
decode ahead ask for successive frames, but not quite in order.
"""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile, UnknownFormat
from focusnb.formats import mrc, mrc_header
from focusnb.formats.bz2_stream import Bz2Stream

MAGIC = re.compile(rb"BZh[1-9]1AY&SY")  # its name, the size of its blocks, the digits of π
MOST_PACKED = 1_400_000  # times: 10⁹ zeros make 722 bytes
LARGEST = 1 << 32  # bytes of a frame; a camera of 16384 × 16384 pixels in float32 makes 2³⁰
LARGEST_EXTENDED = 1 << 26  # bytes of an extended header
GIVEN = 2  # frames kept after they were given
PASSED, PASSED_BYTES = 32, 1 << 30  # frames kept that were passed and not yet given, at most


class Bz2Stack(mrc.Sections):
    """The sections of an MRC file inside a bzip2 stream, or several streams in a row.

    Reading forwards costs one decompression of the file, whatever the number of threads; going
    back further than the frames that are kept begins again at the first one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size
        self._file = path.open("rb")
        try:
            self._stream = Bz2Stream(self._file)
            layout = self._layout_inside()
            extended = self._read(layout.start - mrc_header.SIZE, "the extended header")
            super().__init__(path, layout, bytes(extended))
        except BaseException:
            self._file.close()
            raise
        self._lock = threading.Lock()
        self._next = 0  # the frame that the stream comes to now
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._given: list[int] = []
        self._broken: tuple[int, str] | None = None  # where the stream ends badly, and how
        bytes_each = layout.shape[1] * layout.row
        self._passed = max(GIVEN, min(PASSED, PASSED_BYTES // bytes_each))

    def _layout_inside(self) -> mrc_header.Layout:
        head = self._read(mrc_header.SIZE, "the MRC header")
        if head[208:211] != b"MAP":
            raise UnknownFormat(
                f"{self.path}: a bzip2 file of something that is no MRC: inside it starts with "
                f"{bytes(head[:16])!r}; decompress it with bunzip2 to see what it is"
            )
        most = self._size * MOST_PACKED
        layout = mrc_header.layout(self.path, bytes(head), most, packed=self._size)
        _, y, x = layout.shape
        if y * layout.row > LARGEST or layout.start > LARGEST_EXTENDED:
            raise BrokenFile(
                f"{self.path}: the header claims frames of {x} × {y} pixels behind "
                f"{layout.start} bytes of headers; no camera makes these, the header is wrong"
            )
        return layout

    def _frame(self, index: int) -> NDArray[Any]:
        with self._lock:
            if self._file.closed:
                raise ValueError(f"{self.path}: the file is closed")
            if self.path.stat().st_size < self._size:
                raise BrokenFile(
                    f"{self.path}: frame {index} is not read, the file became shorter after it "
                    "was opened"
                )
            if index not in self._kept:
                self._go_to(index)
            stored = self._kept[index]
            self._give(index)
        return self._pixels(stored.copy())

    def _go_to(self, index: int) -> None:
        """Decompress until frame `index` is kept, and those before it as far as there is room."""
        if self._broken and index >= self._broken[0]:
            raise BrokenFile(self._broken[1])
        if index < self._next:
            self._begin_again()
        frames, y, _ = self.shape
        while self._next <= index:
            name = f"frame {self._next} of {frames}"
            try:
                stored = self._read(y * self._layout.row, name)
            except BrokenFile as error:
                self._broken = self._next, str(error)
                raise
            self._kept[self._next] = np.frombuffer(stored, np.uint8).reshape(y, -1)
            self._next += 1
            if len(self._kept) > self._passed + len(self._given):
                del self._kept[min(self._kept.keys() - {*self._given, index})]

    def _give(self, index: int) -> None:
        """Take note that a frame was given; only the last ones given are kept."""
        if index in self._given:
            self._given.remove(index)
        self._given.append(index)
        if len(self._given) > GIVEN:
            del self._kept[self._given.pop(0)]

    def _begin_again(self) -> None:
        """Go back to the first frame; what is kept stays."""
        self._stream = Bz2Stream(self._file)
        self._read(self._layout.start, "the headers")
        self._next = 0

    def _read(self, count: int, what: str) -> bytearray:
        """The next bytes of the stream, all of them there and right."""
        data = bytearray()
        try:
            data = self._stream.read(count)
        except EOFError:
            pass
        except OSError as error:
            if error.errno is not None:  # of the disk, not of the stream
                raise
            raise BrokenFile(
                f"{self.path}: {what} cannot be decompressed ({error}); copy the file again"
            ) from error
        if len(data) < count:
            raise BrokenFile(
                f"{self.path}: the compressed stream ends within {what}; "
                "it was cut short or is still being written"
            )
        return data

    def close(self) -> None:
        """Let go of the file and of the frames that are kept."""
        with self._lock:
            self._file.close()
            self._kept.clear()
            self._given.clear()


class Bz2:
    """The reader and writer of MRC files that bzip2 compresses."""

    name = "BZ2"
    suffixes = (".bz2",)

    def missing(self) -> str | None:
        """Nothing: bzip2 comes with Python."""
        return None

    def sniff(self, head: bytes, path: Path) -> bool:
        """Whether the first bytes are those of bzip2; what is inside is seen when it is opened."""
        return MAGIC.match(head) is not None

    def open(self, path: Path) -> Bz2Stack:
        """The sections of the file."""
        return Bz2Stack(path)

    def write(
        self,
        path: Path,
        array: NDArray[Any],
        pixel_size: float | None = None,
        label: str | Sequence[str] | None = None,
    ) -> Path:
        """Write an MRC file as `mrc` does, compressed; `x.mrc.bz2`, or `x.bz2`.

        Raises BadValue when the name announces another format inside, such as `x.tif.bz2`.
        """
        inner = path.with_suffix("").suffix.lower()
        if inner and inner not in mrc.reader.suffixes:
            raise BadValue(
                f"{path.name}: only MRC is written compressed; name it {path.stem}.mrc.bz2"
            )
        return mrc.write(path, array, pixel_size, label, compression="bzip2")


reader = Bz2()
