"""Frames: the pictures of one file or array, read when they are looked at and kept for a while."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BrokenFile, MissingProduct
from focusnb.formats.eer import EerStack
from focusnb_widgets.viewer.salvage import CutShort

ROOM = 1 << 29  # bytes of frames that are kept besides the one that is looked at
FRACTIONS = 40  # that an EER file is shown in, when nobody says how many recorded frames make one


class Frames:
    """The pictures of a file, or of an array (y, x) or (frame, y, x).

    Attributes
    ----------
    shape : (frames, y, x)
    pixel_size : Å, or None
    notes : sentences about what looks wrong but does not hinder looking
    path : of the file, None for arrays
    """

    def __init__(self, what: Path | NDArray, *, together: int | None = None) -> None:
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, NDArray] = OrderedDict()
        self._summed: tuple[tuple[int, int], NDArray] | None = None
        self.path = what if isinstance(what, Path) else None
        self.notes: list[str] = []
        self.stack: formats.Stack | None = None
        if isinstance(what, Path):
            self.stack = self._open(what, together)
            self._stamp = _stamp(what)
            self.shape, self.pixel_size = self.stack.shape, self.stack.pixel_size
            self.notes += self.stack.notes
        else:
            self._array = what if what.ndim == 3 else what[np.newaxis]
            self.shape, self.pixel_size = self._array.shape, None

    def _open(self, path: Path, together: int | None) -> formats.Stack:
        if not path.exists():
            raise MissingProduct(f"{path} is not there: it was moved or deleted")
        try:
            stack = formats.open(path)
        except BrokenFile as error:
            try:
                cut = CutShort(path)
            except BrokenFile:
                raise error from None
            self.notes.append(cut.told)
            return cut
        if isinstance(stack, EerStack):
            many = together or max(1, -(-stack.raw_frames // FRACTIONS))
            stack = stack.fractions(min(many, stack.raw_frames))
            self.notes.append(f"each frame is the sum of {many} recorded ones")
        return stack

    def picture(self, frame: int = 0, together: int = 1) -> NDArray[Any]:
        """Give a frame (y, x), or the sum of so many from it on, as float32."""
        with self._lock:
            count = self.shape[0]
            first = min(max(frame, 0), count - 1)
            last = min(first + max(together, 1), count)
            if last - first == 1:
                return self._frame(first)
            if self._summed and self._summed[0] == (first, last):
                return self._summed[1]
            total = np.zeros(self.shape[1:], np.float32)
            for number in range(first, last):
                total += self._frame(number)
            self._summed = ((first, last), total)
            return total

    def _frame(self, number: int) -> NDArray[Any]:
        if self.stack is None:
            return self._array[number]
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        try:
            found = self.stack.frame(number)
        except OSError as error:
            raise BrokenFile(f"{self.path}: frame {number} cannot be read: {error}") from error
        self._kept[number] = found
        while len(self._kept) > 1 and sum(f.nbytes for f in self._kept.values()) > ROOM:
            self._kept.popitem(last=False)
        return found

    def trouble(self) -> str:
        """Tell what happened to the file since it was opened, empty when nothing did."""
        if self.path is None:
            return ""
        now = _stamp(self.path)
        if now is None:
            return (
                f"{self.path.name} is not there any more: it was moved or deleted. What you see was"
                " read before."
            )
        if now != self._stamp:
            return f"{self.path.name} has changed since it was opened; load it again to see it."
        return ""

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self.stack is not None:
                self.stack.close()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
