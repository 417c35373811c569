"""A file of frames that are read one at a time: the base of what every reader opens."""

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Stack(ABC):
    """The frames of one file, row 0 at the bottom; only the header is read until one is asked for.

    Several threads may call `frame` at the same time, so that frames are decoded ahead.

    Attributes
    ----------
    path : Path
    shape : (frames, y, x)
    dtype : that of the frames, in this machine's byte order
    pixel_size : Å, or None where the file does not say
    facts : words of the vocabulary that the header holds (voltage, exposure_dose, tilt_angle …)
    notes : sentences about what looks wrong in the header but does not hinder reading
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        *,
        pixel_size: float | None = None,
        facts: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self.pixel_size = pixel_size
        self.facts: dict[str, object] = dict(facts or {})
        self.notes = tuple(notes)

    def frame(self, index: int) -> NDArray[Any]:
        """Frame `index` (y, x) in its own dtype; negative ones count from the end.

        Raises IndexError for a frame that is not there, BrokenFile for one that cannot be decoded.
        """
        count = self.shape[0]
        if not -count <= index < count:
            raise IndexError(f"{self.path}: there is no frame {index}, it has {count}")
        return self._frame(index % count)

    def read_into(self, index: int, room: NDArray[Any]) -> None:
        """Put frame `index` into `room` (y, x), of its own dtype: quicker for many frames."""
        room[...] = self.frame(index)

    @abstractmethod
    def _frame(self, index: int) -> NDArray[Any]:
        """Frame `index`, which exists; called from several threads at the same time."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.frame(index) for index in range(len(self)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        frames, y, x = self.shape
        return f"<{type(self).__name__} {self.path.name}: {frames} × {y} × {x} {self.dtype}>"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A hidden name beside `path` to write to; it takes the name's place when all went well."""
    draft = path.with_name(f".draft-{secrets.token_hex(6)}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
