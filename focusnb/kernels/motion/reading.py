"""Frames as they are compared: binned, without hot pixels, and their coarse transforms."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData, BadValue
from focusnb.kernels import arrays, check, defects
from focusnb.kernels.ahead import ahead
from focusnb.kernels.arrays import Array
from focusnb.kernels.motion.patches import binned, fast_side, sampling

Report = Callable[[float, str], None]

COARSE = 6.0  # Å per pixel at which they are searched
SMALLEST = 128  # pixels of a side that coarse frames keep
MOST_HOT = 0.05  # of the pixels; more are no hot pixels but something else


@dataclass(slots=True)
class Read:
    """Frames that were read once; `again` reads them as they are refined."""

    frames: Iterable[ArrayLike]
    given: tuple[int, int]  # (y, x) of the frames
    fine: int  # pixels of the frames in one that the movement is refined on
    coarse: int  # pixels of the frames in one that is searched
    total: Array  # sum of the fine frames
    spectra: list[Array]  # half spectra of the coarse ones that show something
    shown: NDArray  # (m,) numbers of the frames that do: the others have one value throughout
    count: int  # frames
    hot: NDArray | None  # bool (y, x) of the fine ones: pixels that are hot

    @property
    def coarse_shape(self) -> tuple[int, int]:
        """Sides (y, x) of the coarse frames."""
        more = self.coarse // self.fine
        return tuple(fast_side(n // more) for n in self.total.shape)  # type: ignore[return-value]

    def again(self) -> Iterator[Array]:
        """The fine frames that show something, hot pixels replaced."""
        shown = set(self.shown.tolist())
        for number, frame in enumerate(self.frames):
            if number in shown:
                yield _clean(binned(frame, self.fine), self.hot, number)


def read(frames: Iterable[ArrayLike], pixel_size: float, tell: Report, workers: int) -> Read:
    """Read all frames: once, and a second time when hot pixels are seen in their sum.

    Raises BadData: none at all, all of them constant, or one that is not finite, too small or of
    another size. Among others a frame may be empty.
    """
    if iter(frames) is frames:
        raise BadValue("the frames are gone through several times: give a list, or the like")
    found = _once(frames, pixel_size, None, tell, workers)
    if found.shown.size > 1 and (hot := _hot(found.total)) is not None:
        found = _once(frames, pixel_size, hot, tell, workers)
    return found


def _once(
    frames: Iterable[ArrayLike],
    pixel_size: float,
    hot: NDArray | None,
    tell: Report,
    workers: int,
) -> Read:
    many = len(frames) if hasattr(frames, "__len__") else None

    def work(item: tuple[int, ArrayLike]) -> tuple[tuple[int, int], Array, Array | None]:
        i, raw = item
        frame = check.picture(raw, what=f"frame {i + 1}", constant=True)
        side = sampling(pixel_size, frame.shape)
        small = _clean(binned(frame, side), hot, i)
        coarse = binned(small, _coarser(small.shape, pixel_size * side))
        coarse = coarse[: fast_side(coarse.shape[0]), : fast_side(coarse.shape[1])]
        xp = arrays.module(coarse)
        if bool(xp.max(small) == xp.min(small)):
            return tuple(frame.shape), small, None
        coarse = coarse - xp.mean(coarse)
        return tuple(frame.shape), small, arrays.rfft2(coarse)

    spectra: list[Array] = []
    shown: list[int] = []
    i = -1
    for i, (size, small, spectrum) in enumerate(ahead(work, enumerate(frames), workers)):
        if i == 0:
            given, total = size, small
        elif size == given:
            total = total + small
        else:
            raise BadData(f"frame {i + 1} has the shape {size}, the frames before it {given}")
        if spectrum is not None:
            spectra.append(spectrum)
            shown.append(i)
        tell((i + 1) / many if many else 0.0, f"reading frame {i + 1}")
    if i < 0:
        raise BadData("the movie has no frames; check the first and last frame to be used")
    check.picture(total, what="frame 1" if i == 0 else "the sum of the frames")
    fine = sampling(pixel_size, given)
    coarse = fine * _coarser(total.shape, pixel_size * fine)
    return Read(frames, given, fine, coarse, total, spectra, np.array(shown), i + 1, hot)


def _coarser(shape: tuple[int, int], pixel_size: float) -> int:
    """How many pixels on a side are added up for the search."""
    return max(1, min(int(COARSE / pixel_size), min(shape) // SMALLEST))


def _hot(total: Array) -> NDArray | None:
    """Pixels that count too much in every frame, bool (y, x); None when there are none.

    What is the same in all frames but is no specimen would pull shifts to zero.
    """
    total = arrays.to_numpy(total)
    hot = defects.hot_pixels(total)
    return defects.points(hot, total.shape) if 0 < len(hot) < MOST_HOT * total.size else None


def _clean(frame: Array, hot: NDArray | None, number: int) -> Array:
    """The frame with hot pixels replaced by others a few pixels away, in each frame elsewhere."""
    if hot is None:
        return frame
    xp = arrays.module(frame)
    mask = arrays.like(hot, frame, "bool")
    rng = np.random.default_rng(number)
    for _ in range(3):
        away = tuple(int(n) for n in rng.integers(2, 6, 2) * rng.choice([-1, 1], 2))
        frame = xp.where(mask, xp.roll(frame, away, axis=(0, 1)), frame)
        mask = mask & xp.roll(mask, away, axis=(0, 1))
    return frame
