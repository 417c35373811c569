"""Frames kept in memory, so that later passes need not decode them again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Frames as recorded are kept up to this size, else small ones instead.
KEPT_BYTES = 1 << 30
SMALL_STEPS = 256  # of small frames, in one standard deviation


@dataclass(slots=True)
class Kept:
    """What is kept of a movie's frames: all as recorded, or small ones, packed.

    Frames are told by their numbers in the file; the whole ones lie in `whole`, the frame `first`
    at its beginning, as far as they have been `read`. In those that are `mended` broken pixels have
    been replaced. Different frames may be put in by different threads at the same time.
    """

    first: int = 0
    whole: NDArray[Any] | None = None  # (used frames, y, x)
    read: set[int] = field(default_factory=set)
    mended: set[int] = field(default_factory=set)
    small: dict[int, "Packed"] = field(default_factory=dict)

    def make_room(self, first: int, shape: tuple[int, int, int], dtype: DTypeLike) -> None:
        """Make room for these frames as recorded, if there is none yet and they are not too large."""
        if self.whole is None and np.prod(shape) * np.dtype(dtype).itemsize <= KEPT_BYTES:
            self.first, self.whole = first, np.empty(shape, dtype)

    @property
    def complete(self) -> bool:
        """Whether all frames are there as recorded."""
        return self.whole is not None and len(self.read) == len(self.whole)


@dataclass(frozen=True, slots=True)
class Packed:
    """A small frame in half the memory: (frame − mean) in small steps of its standard deviation."""

    values: NDArray[np.int16]
    mean: float
    step: float

    @classmethod
    def of(cls, frame: NDArray[np.float32]) -> "Packed":
        """Pack a frame, (y, x)."""
        mean, step = float(frame.mean()), max(float(frame.std()) / SMALL_STEPS, 1e-30)
        values = np.clip(np.rint((frame - mean) / step), -32768, 32767)
        return cls(values.astype(np.int16), mean, step)

    def frame(self) -> NDArray[np.float32]:
        """The frame again, to half a step."""
        return self.values.astype(np.float32) * np.float32(self.step) + np.float32(self.mean)


@dataclass(frozen=True, slots=True)
class Small:
    """The used frames of a movie in electrons, binned; they can be gone through again and again."""

    count: int
    each: Callable[[], Iterator[NDArray[np.float32]]]
    pixel_size: float  # Å
    field: tuple[float, float]  # the whole frame (y, x) in these pixels; the last may be lacking

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self.each()
