"""A movie as a recipe: file, gain, defects and frames; nothing is read before it is asked for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BrokenFile
from focusnb.formats import defects as defect_format
from focusnb.formats import gain as gain_format
from focusnb.formats.stack import Stack
from focusnb.kernels import defects as defect_kernel
from focusnb.kernels import gain as gain_kernel
from focusnb.kernels import motion
from focusnb.kernels.ahead import ahead
from focusnb.model.kept import Kept, Packed, Small
from focusnb.model.scan import scan

Made = TypeVar("Made")


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
    _kept: Kept = field(default_factory=Kept)
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
        """Give the used frames as recorded, bad pixels replaced; `factors` make electrons of them.

        They are kept for later passes if they are not too large.
        """
        if self._kept.complete:
            return self._all()
        return self._each(self._repaired, keep=True)

    def last_frames(self) -> NDArray[Any] | Iterator[NDArray[Any]]:
        """Give the frames as `frames` does, and let go of those that were kept: for the last pass."""
        frames = self._all() if self._kept.complete else self._each(self._repaired)
        self.forget()
        return frames

    def factors(self) -> NDArray[np.float32] | None:
        """Give what `frames` are multiplied with to be electrons, (y, x); None when they are."""
        self._get_ready()
        return self._gain

    def small(self) -> Small:
        """Give the used frames in electrons, binned as far as their comparison allows.

        The first pass over them keeps what later passes need, as `scan` does.
        """
        side = motion.sampling(self.pixel_size, self.shape[1:])

        def frame(index: int) -> NDArray[np.float32]:
            small = self._kept.small
            if index not in small:
                binned: NDArray[np.float32] = motion.binned(self._repaired(index), side, self._gain)
                if self._kept.whole is not None:
                    return binned
                small[index] = Packed.of(binned)
            return small[index].frame()

        field = (self.shape[1] / side, self.shape[2] / side)
        each = partial(self._each, frame, keep=True)
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
        self.forget()
        frames = self._each(self._scanned, keep=True)
        numbers = range(self.first + 1, self.last + 1)
        total, notes = scan(Path(self.file), frames, numbers, self.shape[0], report)
        self.notes += notes
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
            self._kept.mended.clear()
            self._mend_small(np.asarray(pixels))

    def close(self) -> None:
        """Close the file; it is opened again when a frame is needed that is not kept."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def forget(self) -> None:
        """Let go of what was kept in memory; it is read again when needed."""
        self._kept = Kept()

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

    def _each(self, work: Callable[[int], Made], *, keep: bool = False) -> Iterator[Made]:
        """Give work(index) for each used frame, done ahead by several threads.

        keep: whole frames have a place to stay, if they are not too large.
        """
        try:
            dtype = self._open().dtype
            self._get_ready()
            if keep:
                self._kept.make_room(self.first, (len(self), *self.shape[1:]), dtype)
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

        An electron counts as one for a physical pixel: upsampled pixels, of which it has several,
        count more.
        """
        scale = self.eer_upsampling**2 / self.counts_per_electron
        if self.gain is None:
            return None if scale == 1 else np.full(self.shape[1:], scale, np.float32)
        read = gain_format.read(Path(self.gain))
        gain = gain_kernel.fitted(read, self.shape[1:])
        note = gain_kernel.refit(read.shape, self.shape[1:])
        # parts of pixels have their pixel's gain: that needs no word
        if note and self.eer_upsampling == 1 and note not in self.notes:
            self.notes.append(note)
        if gain_kernel.use(self.gain, events=bool(self.eer_frames)) == "divide":
            gain = gain_kernel.reciprocal(gain)
        gain = gain_kernel.orient(gain, rotation=self.gain_rotation, flip=self.gain_flip)
        return gain_kernel.check(gain, self.shape[1:]) * np.float32(scale)

    def _broken(self) -> defect_kernel.Bad:
        """Give all broken pixels, hot ones among them."""
        self._get_ready()
        assert self._bad is not None
        return self._bad

    def _repaired(self, index: int) -> NDArray[Any]:
        """Give a frame as recorded, broken pixels replaced: the same ones each time it is read."""
        frame = self._read(index)
        if self._kept.whole is None:
            return self._fixed(frame, index)
        if index not in self._kept.mended:
            defect_kernel.mend(frame, self._broken(), rng=np.random.default_rng(index))
            self._kept.mended.add(index)
        return frame

    def _fixed(self, frame: NDArray[Any], index: int) -> NDArray[Any]:
        return defect_kernel.repair(frame, self._broken(), rng=np.random.default_rng(index))

    def _all(self) -> NDArray[Any]:
        """Give the frames that are kept, broken pixels replaced."""
        for index in range(self.first, self.last):
            self._repaired(index)
        assert self._kept.whole is not None
        return self._kept.whole

    def _mend_small(self, pixels: NDArray[Any]) -> None:
        """Replace hot pixels, (k, 2) x, y, of frames in the small ones that are kept instead."""
        if not self._kept.small:
            return
        side = motion.sampling(self.pixel_size, self.shape[1:])
        height, width = self.shape[1] // side, self.shape[2] // side
        places = pixels // side
        places = places[(places < (width, height)).all(axis=1)]
        bad = defect_kernel.prepare(defect_kernel.points(places, (height, width)))
        for index, frame in self._kept.small.items():
            defect_kernel.mend(frame.values, bad, rng=np.random.default_rng(index))

    def _read(self, index: int) -> NDArray[Any]:
        """Give a frame as the file has it, from its place if it is kept."""
        kept = self._kept
        if kept.whole is None:
            return np.asarray(self._open().frame(index))
        place: NDArray[Any] = kept.whole[index - kept.first]
        if index not in kept.read:
            self._open().read_into(index, place)
            kept.read.add(index)
        return place

    def _scanned(self, index: int) -> NDArray[Any]:
        """Give a frame as the file has it, and keep it, or what later passes need of it."""
        raw = self._read(index)
        if self._kept.whole is None:
            side = motion.sampling(self.pixel_size, self.shape[1:])
            binned = motion.binned(self._fixed(raw, index), side, self._gain)
            self._kept.small[index] = Packed.of(binned)
        return raw
