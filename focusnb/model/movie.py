"""A movie as a recipe: file, gain, defects and frames; it yields corrected frames one by one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadData, BrokenFile
from focusnb.formats import defects as defect_format
from focusnb.formats import gain as gain_format
from focusnb.formats.stack import Stack
from focusnb.kernels import defects as defect_kernel
from focusnb.kernels import gain as gain_kernel

# Frames as recorded are kept in memory up to this size, so that later passes need not decode again.
KEPT_BYTES = 1 << 30


@dataclass(slots=True)
class Movie:
    """How the frames of an image are read; nothing is read before it is asked for.

    first, last: the frames used, counted from 0, last excluded. shape: (frames of the file, y, x).
    gain_rotation and gain_flip as in RELION. hot: x, y of hot pixels. pixel_size and
    average_pixel_size in Å; dose_per_frame and prior_dose in e/Å².
    """

    file: str
    shape: tuple[int, int, int]
    first: int = 0
    last: int = 0
    pixel_size: float = 1.0
    average_pixel_size: float = 1.0
    dose_per_frame: float | None = None
    prior_dose: float = 0.0
    counts_per_electron: float = 1.0
    gain: str | None = None
    gain_rotation: int = 0
    gain_flip: int = 0
    defects: str | None = None
    hot: list[list[int]] = field(default_factory=list)
    _stack: Stack | None = None
    _kept: dict[int, NDArray[Any]] = field(default_factory=dict)
    _gain: NDArray[np.float32] | None = None
    _bad: defect_kernel.Bad | None = None

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        try:
            for index in range(self.first, self.last):
                yield self.frame(index)
        finally:
            self.close()

    @property
    def average_shape(self) -> tuple[int, int]:
        """Sides (y, x) of the averages, even numbers when they are scaled."""
        scale = self.pixel_size / self.average_pixel_size
        if abs(scale - 1) < 1e-6:
            return self.shape[1], self.shape[2]
        return tuple(max(2, 2 * round(side * scale / 2)) for side in self.shape[1:])  # type: ignore[return-value]

    def frame(self, index: int) -> NDArray[np.float32]:
        """Give one frame, (y, x) electrons: gain applied, defects and hot pixels replaced."""
        return self._repaired(self._electrons(index), index)

    def unrepaired_sum(self) -> NDArray[np.float32]:
        """Give the sum of the used frames with the gain applied, broken pixels as they are."""
        total = np.zeros(self.shape[1:], np.float64)
        try:
            for index in range(self.first, self.last):
                total += self._electrons(index)
        finally:
            self.close()
        if not np.isfinite(total).all():
            bad = int((~np.isfinite(total)).sum())
            raise BadData(
                f"{Path(self.file).name}: {bad} pixels are not finite numbers; the file is broken"
            )
        return total.astype(np.float32)

    def recorded_value(self) -> float | None:
        """Give the one value of a movie in which nothing was recorded; None when pixels differ.

        This is seen before the gain is applied: what is constant is not constant any more after it.
        """
        values = []
        try:
            for index in range(self.first, self.last):
                raw = self._raw(index)
                if raw.min() != raw.max():
                    return None
                values.append(float(raw.flat[0]))
        finally:
            self.close()
        return sum(values) / len(values)

    def known_defects(self) -> NDArray[np.bool_]:
        """Give the pixels (y, x) that are broken by the defect list or where the gain is zero."""
        listed = defect_format.read(Path(self.defects)) if self.defects else []
        mask: NDArray[np.bool_] = defect_kernel.mask(listed, self.shape[1:])
        gain = self._oriented_gain()
        return mask if gain is None else mask | gain_kernel.dead(gain)

    def close(self) -> None:
        """Close the file; it is opened again when a frame is needed that is not kept."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def forget(self) -> None:
        """Let go of the frames that were kept in memory; they are read again when needed."""
        self._kept.clear()

    def save(self, path: Path) -> None:
        """Write the recipe as JSON."""
        names = [f.name for f in fields(self) if not f.name.startswith("_")]
        recipe = {name: getattr(self, name) for name in names}
        path.write_text(json.dumps(recipe), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Movie":
        """Read a recipe; raises BrokenFile."""
        try:
            recipe = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**recipe, "shape": tuple(recipe["shape"])})
        except (ValueError, TypeError, KeyError) as error:
            raise BrokenFile(f"{path}: no recipe of a movie ({error}); run prepare again") from None

    def _electrons(self, index: int) -> NDArray[np.float32]:
        raw = self._raw(index)
        gain = self._oriented_gain()
        if gain is not None:
            return gain_kernel.multiply(raw, gain)
        frame = raw.astype(np.float32)
        return (
            frame if self.counts_per_electron == 1 else frame / np.float32(self.counts_per_electron)
        )

    def _oriented_gain(self) -> NDArray[np.float32] | None:
        """Give the gain as the frames are multiplied with it, read once; None without gain."""
        if self.gain is not None and self._gain is None:
            read = gain_kernel.orient(
                gain_format.read(Path(self.gain)), rotation=self.gain_rotation, flip=self.gain_flip
            )
            gain_kernel.check(read, self.shape[1:])
            self._gain = (read / self.counts_per_electron).astype(np.float32)
        return self._gain

    def _repaired(self, frame: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        if self._bad is None:
            mask = self.known_defects()
            for x, y in self.hot:
                mask[y, x] = True
            self._bad = defect_kernel.prepare(mask)
        # The same frame gets the same values each time it is read.
        return defect_kernel.repair(frame, self._bad, rng=np.random.default_rng(index))

    def _raw(self, index: int) -> NDArray[Any]:
        if index in self._kept:
            return self._kept[index]
        if self._stack is None:
            self._stack = formats.open(self.file)
        raw = np.asarray(self._stack.frame(index))
        if raw.nbytes * self.shape[0] <= KEPT_BYTES:
            self._kept[index] = raw
        return raw
