"""A movie as a recipe: file, gain, defects and frames; nothing is read before it is asked for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadData, BrokenFile
from focusnb.formats import defects as defect_format
from focusnb.formats import gain as gain_format
from focusnb.formats.stack import Stack
from focusnb.kernels import defects as defect_kernel
from focusnb.kernels import gain as gain_kernel
from focusnb.kernels import motion
from focusnb.kernels.ahead import ahead

# Frames as recorded are kept in memory up to this size, so that later passes need not decode again.
KEPT_BYTES = 1 << 30
Made = TypeVar("Made")
SMALL_STEPS = 256  # of small frames that are kept instead, in one standard deviation
LISTED = 12  # frames that are named in one sentence


@dataclass(slots=True)
class Movie:
    """How the frames of an image are read, and what is known of them.

    first, last: the frames used, counted from 0, last excluded. shape: (frames of the file, y, x),
    EER's as they are made: each the sum of `eer_frames` recorded ones, 0 for other files, with
    `eer_upsampling` pixels to a physical one along each side. gain_rotation and gain_flip as in
    RELION. hot: x, y of hot pixels. Sizes in Å: pixel_size of a frame's pixel, average_pixel_size;
    dose_per_frame and prior_dose in e/Å².

    threads: how many frames are read at the same time.
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
    eer_frames: int = 0
    eer_upsampling: int = 1
    hot: list[list[int]] = field(default_factory=list)
    threads: int = field(default=1, metadata={"kept": False})
    notes: list[str] = field(default_factory=list, metadata={"kept": False})
    _stack: Stack | None = None
    _whole: NDArray[Any] | None = None  # (used frames, y, x) as recorded, when they are kept
    _mended: bool = False  # broken pixels have been replaced in it
    _small: dict[int, tuple[NDArray[np.int16], float, float]] = field(default_factory=dict)
    _gain: NDArray[np.float32] | None = None
    _bad: defect_kernel.Bad | None = None

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def average_shape(self) -> tuple[int, int]:
        """Sides (y, x) of the averages, even numbers when they are scaled."""
        scale = self.pixel_size / self.average_pixel_size
        if abs(scale - 1) < 1e-6:
            return self.shape[1], self.shape[2]
        return tuple(max(2, 2 * round(side * scale / 2)) for side in self.shape[1:])  # type: ignore[return-value]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Give the used frames, (y, x) electrons: gain applied, bad pixels replaced."""
        factors = self.factors()
        for frame in self.frames():
            yield gain_kernel.multiply(frame, factors)

    def frames(self) -> NDArray[Any] | Iterator[NDArray[Any]]:
        """Give the used frames as recorded, bad pixels replaced; `factors` make electrons of them."""
        if self._whole is None:
            return self._each(self._repaired)
        self._mend()
        return self._whole

    def last_frames(self) -> NDArray[Any] | Iterator[NDArray[Any]]:
        """Give the frames as `frames` does, and let go of those that were kept: for the last pass."""
        frames = self.frames()
        self.forget()
        return frames

    def factors(self) -> NDArray[np.float32] | None:
        """Give what `frames` are multiplied with to be electrons, (y, x); None when they are."""
        self._get_ready()
        return self._gain

    def small(self) -> "Small":
        """Give the used frames in electrons, binned as far as their comparison allows."""
        side = motion.sampling(self.pixel_size, self.shape[1:])

        def frame(index: int) -> NDArray[np.float32]:
            if index in self._small:
                return _unpacked(*self._small[index])
            binned: NDArray[np.float32] = motion.binned(self._repaired(index), side, self._gain)
            return binned

        def each() -> Iterator[NDArray[np.float32]]:
            self._mend()
            return self._each(frame)

        field = (self.shape[1] / side, self.shape[2] / side)
        return Small(len(self), each, self.pixel_size * side, field)

    def scan(self, report: Callable[[float], object] = bool) -> NDArray[np.float32]:
        """Read all used frames once: their sum in electrons, (y, x), with hot pixels as they are.

        What is read is kept for later passes: the frames if they are not too large, else as `small`
        has them. report is called with the part that has been read.

        Raises
        ------
        BadData
            Nothing was recorded: each frame has one value throughout, told as the file has it.
        BrokenFile
            The file changed while it was read, or has pixels that are not finite.
        """
        path = Path(self.file)
        before = path.stat()
        self.forget()
        dtype = self._open().dtype
        if len(self) * self.shape[1] * self.shape[2] * dtype.itemsize <= KEPT_BYTES:
            self._whole = np.empty((len(self), *self.shape[1:]), dtype)
        # float32 holds sums of narrow integers, for it has 24 bits
        total = np.zeros(self.shape[1:], np.float32 if dtype.itemsize <= 2 else np.float64)
        values: dict[int, float] = {}  # of empty frames, by their numbers in the file
        for done, frame in enumerate(self._each(self._kept)):
            report(done / len(self))
            low, high = frame.min(), frame.max()
            if low == high:
                values[self.first + done + 1] = float(low)
            total += frame
        now = path.stat()
        if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            raise BrokenFile(
                f"{path.name} changed while it was read ({before.st_size} bytes before, "
                f"{now.st_size} after): it is still being written; process it again when it is whole"
            )
        if not np.isfinite(total).all():
            bad = int((~np.isfinite(total)).sum())
            raise BrokenFile(
                f"{path.name}: {bad} pixels are not finite numbers; the file is broken"
            )
        if len(values) == len(self):
            mean = sum(values.values()) / len(values)
            raise BadData(f"{path.name}: all pixels have the value {mean:g}; nothing was recorded")
        if values:
            self.notes.append(_empty(list(values), self.shape[0]))
        total = defect_kernel.repair(total, self._broken(), rng=np.random.default_rng(0))
        return gain_kernel.multiply(total.astype(np.float32), self._gain)

    def found_hot(self, pixels: NDArray[Any]) -> None:
        """Take note of hot pixels, (k, 2) x, y: from now on they are replaced."""
        self.hot = [[int(x), int(y)] for x, y in pixels]
        if self.hot:
            mask = self._broken().mask | defect_kernel.points(pixels, self.shape[1:])
            self._bad = defect_kernel.prepare(mask)
            if self._gain is not None:
                self._gain = defect_kernel.repair_gain(self._gain, self._bad)
            self._mended = False
            self._mend_small(np.asarray(pixels))

    def close(self) -> None:
        """Close the file; it is opened again when a frame is needed that is not kept."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def forget(self) -> None:
        """Let go of what was kept in memory; it is read again when needed."""
        self._whole, self._mended = None, False
        self._small.clear()

    def save(self, path: Path) -> None:
        """Write the recipe as JSON."""
        path.write_text(json.dumps({n: getattr(self, n) for n in self._kept_names()}), "utf-8")

    @classmethod
    def load(cls, path: Path) -> "Movie":
        """Read a recipe; raises BrokenFile."""
        try:
            recipe = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**recipe, "shape": tuple(recipe["shape"])})
        except (ValueError, TypeError, KeyError) as error:
            raise BrokenFile(f"{path}: no recipe of a movie ({error}); run prepare again") from None

    @classmethod
    def _kept_names(cls) -> list[str]:
        return [
            f.name
            for f in fields(cls)
            if f.metadata.get("kept", True) and not f.name.startswith("_")
        ]

    def _open(self) -> Stack:
        if self._stack is None:
            stack = formats.open(self.file)
            if self.eer_frames:
                stack = stack.fractions(self.eer_frames, self.eer_upsampling)  # type: ignore[attr-defined]
            self._stack = stack
        return self._stack

    def _each(self, work: Callable[[int], Made]) -> Iterator[Made]:
        """Give work(index) for each used frame, done ahead by several threads."""
        try:
            self._open()
            self._get_ready()
            yield from ahead(work, range(self.first, self.last), self.threads)
        finally:
            self.close()

    def _get_ready(self) -> None:
        """Read gain and defects: from both come the broken pixels and the factors."""
        if self._bad is not None:
            return
        mask = np.zeros(self.shape[1:], bool)
        if self.defects:
            listed = defect_format.mask(Path(self.defects), self.shape[1:])
            mask |= listed.pixels
            self.notes += [note for note in listed.notes if note not in self.notes]
        gain = self._oriented_gain()
        if gain is not None:
            mask |= gain_kernel.dead(gain)
        for x, y in self.hot:
            mask[y, x] = True
        self._bad = defect_kernel.prepare(mask)
        self._gain = None if gain is None else defect_kernel.repair_gain(gain, self._bad)

    def _oriented_gain(self) -> NDArray[np.float32] | None:
        """Give what frames are multiplied with, bad pixels as they are, or None.

        EER's references are divided by, but for Thermo Fisher's own `.gain`. An electron counts as
        one for a physical pixel: upsampled pixels, of which it has several, count more.
        """
        scale = self.eer_upsampling**2 / self.counts_per_electron
        if self.gain is None:
            return None if scale == 1 else np.full(self.shape[1:], scale, np.float32)
        gain = gain_format.read(Path(self.gain))
        if self.eer_frames:
            if Path(self.gain).suffix.lower() != ".gain":
                gain = gain_kernel.reciprocal(gain)
            gain = gain_kernel.fitted(gain, self.shape[1:])
        gain = gain_kernel.orient(gain, rotation=self.gain_rotation, flip=self.gain_flip)
        return gain_kernel.check(gain, self.shape[1:]) * np.float32(scale)

    def _broken(self) -> defect_kernel.Bad:
        """Give all broken pixels, hot ones among them."""
        self._get_ready()
        assert self._bad is not None
        return self._bad

    def _repaired(self, index: int) -> NDArray[Any]:
        """Give a frame as recorded, broken pixels replaced: the same ones each time it is read."""
        if self._whole is None:
            return self._fixed(self._read(index), index)
        self._mend()
        frame: NDArray[Any] = self._whole[index - self.first]
        return frame

    def _fixed(self, frame: NDArray[Any], index: int) -> NDArray[Any]:
        return defect_kernel.repair(frame, self._broken(), rng=np.random.default_rng(index))

    def _mend(self) -> None:
        """Replace the broken pixels of the frames that are kept."""
        if self._whole is None or self._mended:
            return
        bad = self._broken()
        for number, frame in enumerate(self._whole):
            rng = np.random.default_rng(self.first + number)
            defect_kernel.mend(frame, bad, rng=rng)
        self._mended = True

    def _mend_small(self, pixels: NDArray[Any]) -> None:
        """Replace hot pixels, (k, 2) x, y, of frames in the small ones that are kept instead."""
        if not self._small:
            return
        side = motion.sampling(self.pixel_size, self.shape[1:])
        height, width = self.shape[1] // side, self.shape[2] // side
        places = pixels // side
        places = places[(places < (width, height)).all(axis=1)]
        bad = defect_kernel.prepare(defect_kernel.points(places, (height, width)))
        for index, (frame, _, _) in self._small.items():
            defect_kernel.mend(frame, bad, rng=np.random.default_rng(index))

    def _read(self, index: int) -> NDArray[Any]:
        """Give a frame as the file has it."""
        return np.asarray(self._open().frame(index))

    def _kept(self, index: int) -> NDArray[Any]:
        """Give a frame as the file has it, and keep it, or what later passes need of it."""
        if self._whole is not None:
            room: NDArray[Any] = self._whole[index - self.first]
            self._open().read_into(index, room)
            return room
        raw = self._read(index)
        side = motion.sampling(self.pixel_size, self.shape[1:])
        self._small[index] = _packed(motion.binned(self._fixed(raw, index), side, self._gain))
        return raw


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


def _empty(numbers: list[int], frames: int) -> str:
    """What to say of frames, counted from 1, that show nothing."""
    if len(numbers) == 1:
        return f"frame {numbers[0]} of {frames} is empty"
    if len(numbers) > LISTED:
        return f"{len(numbers)} of {frames} frames are empty, the first of them is {numbers[0]}"
    return f"frames {', '.join(map(str, numbers))} of {frames} are empty"


def _packed(frame: NDArray[np.float32]) -> tuple[NDArray[np.int16], float, float]:
    """A frame in half the memory: (frame − mean) in small steps of its standard deviation."""
    mean, step = float(frame.mean()), max(float(frame.std()) / SMALL_STEPS, 1e-30)
    values = np.clip(np.rint((frame - mean) / step), -32768, 32767)
    return values.astype(np.int16), mean, step


def _unpacked(values: NDArray[np.int16], mean: float, step: float) -> NDArray[np.float32]:
    return values.astype(np.float32) * np.float32(step) + np.float32(mean)
