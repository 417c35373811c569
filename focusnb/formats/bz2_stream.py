"""A bzip2 file read forwards, whose bytes are given only after their checksum was right.

bzip2 packs blocks of at most 900 kB with a checksum each. Its library hands out the bytes of a
block before it has come to the checksum: a spoilt file would pass as wrong pixels. Here they wait.
"""

import bz2
from typing import BinaryIO

PACKED = 1 << 14  # bytes of the file taken in one step
PIECE = 1 << 20  # bytes decompressed in one step
LARGEST_BLOCK = 51 * 900_000  # bytes: 255 equal ones become 5, of which a block has 900 000


class Bz2Stream:
    """The bytes inside an open bzip2 file, from its beginning on; several streams are joined."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self._decoder = bz2.BZ2Decompressor()
        self._packed = b""  # read, and not yet shown to the decoder
        self._waiting = False  # whether the decoder may have more to give before it needs input
        self._data = bytearray()
        self._sure = 0  # bytes of the data whose checksum was right

    def read(self, count: int) -> bytearray:
        """The next bytes, fewer at the end; memory grows with what is really there.

        Raises EOFError when the file was cut short, OSError without number when it is spoilt.
        """
        while self._sure < count and self._more():
            pass
        taken = self._data[: min(count, self._sure)]
        del self._data[: len(taken)]
        self._sure -= len(taken)
        return taken

    def _more(self) -> bool:
        """Decompress a little; False when there is nothing more."""
        if self._decoder.eof and not self._next_stream():
            return False
        if not self._waiting:
            self._packed = self._packed or self._file.read(PACKED)
            if not self._packed:
                raise EOFError("the file ended within a stream")
        data = self._decoder.decompress(self._packed, PIECE)
        self._packed = b""
        self._data += data
        self._waiting = bool(data) or not self._decoder.needs_input
        if self._decoder.eof or not self._waiting:  # it came to the end of its block
            self._sure = len(self._data)
        else:
            self._sure = max(self._sure, len(self._data) - LARGEST_BLOCK)
        return True

    def _next_stream(self) -> bool:
        """Whether another stream follows; what else follows, such as zeros of a tape, is left."""
        self._packed = self._decoder.unused_data + self._file.read(PACKED)
        if self._packed[:3] != b"BZh":
            self._packed = b""
            return False
        self._decoder = bz2.BZ2Decompressor()
        self._waiting = False
        return True
