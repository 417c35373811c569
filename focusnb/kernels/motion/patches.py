"""The same parts of all frames, as transforms: what the movement is measured on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import arrays
from focusnb.kernels.ahead import ahead
from focusnb.kernels.arrays import Array
from focusnb.kernels.motion.spectra import Grid, Packed, Plain

SAMPLING = 2.2  # Å per pixel at which frames are compared; one frame has hardly any finer signal
TAPER = 0.05  # of a side, at both ends of a patch
OVERLAP = 0.05  # of a patch's side
SMALLEST = 96  # pixels of a side that binned frames keep


@dataclass(slots=True)
class Patches:
    """Spectra of n frames' parts, cut where the specimen was found to be."""

    spectra: Packed | Plain
    offsets: NDArray  # (n, 2) whole pixels x, y by which each frame's parts lie farther
    centres: NDArray  # (patches, 2) x, y of the middles in the first frame, −½ to ½ of the field
    power: NDArray  # (patches, rings) |F|² of all frames, summed over the whole spectrum's rings

    @property
    def many(self) -> int:
        """Number of patches."""
        return len(self.centres)

    @property
    def grid(self) -> Grid:
        """The half spectrum of a patch."""
        return self.spectra.grid


def sampling(pixel_size: float, shape: tuple[int, int]) -> int:
    """How many pixels on a side are added up before frames are compared.

    So many as make pixels of 2.2 Å, or fewer, so that small frames (y, x) keep some hundred.
    """
    return max(1, min(int(SAMPLING / pixel_size), min(shape) // SMALLEST))


def binned(frame: ArrayLike, side: int, gain: ArrayLike | None = None) -> Array:
    """Sums of side × side pixels of frame × gain; what does not fill one at the far ends is left out."""
    if arrays.is_numpy(frame):
        from focusnb.kernels.motion import loops

        raw = arrays.for_loops(frame, "the frame")
        if side == 1 and gain is None:
            return raw.astype(np.float32, copy=False)
        out = np.empty((raw.shape[0] // side, raw.shape[1] // side), np.float32)
        loops.bin_frame(raw, gain, side, out, 0, len(out))
        return out
    frame = arrays.as_float(frame)
    if gain is not None:
        frame = frame * gain
    h, w = (n // side * side for n in frame.shape)
    rows = frame[0:h:side, :w]
    for i in range(1, side):
        rows = rows + frame[i:h:side, :w]
    out = rows[:, 0::side]
    for i in range(1, side):
        out = out + rows[:, i::side]
    return out


def cut(
    frames: Iterable[ArrayLike],
    shifts: NDArray,
    *,
    per_side: int,
    shape: tuple[int, int],
    field: tuple[float, float],
    workers: int = 1,
) -> Patches:
    """Cut per_side × per_side patches from frames of this shape, and transform them.

    Parameters
    ----------
    frames : each (y, x), as many as shifts
    shifts : (n, 2) x, y, pixels, of the movement: parts are cut at whole pixels
    field : (y, x) pixels of the whole field, of which the frames may lack a margin at the far ends
    """
    offsets = np.rint(shifts).astype(int)
    limit = np.array(shape[::-1]) // 4  # what moved farther than that is cut where it can be
    offsets = np.clip(offsets, np.median(offsets, 0) - limit, np.median(offsets, 0) + limit)
    offsets = offsets.astype(int)
    sides, starts = [], []
    for axis, side in ((1, shape[0]), (0, shape[1])):
        low, high = offsets[:, axis].min(), offsets[:, axis].max()
        length = fast_side(min(side / per_side * (1 + OVERLAP), side - (high - low)))
        middles = (np.arange(per_side) + 0.5) / per_side * side
        sides.append(length)
        starts.append(
            np.clip(np.rint(middles - length / 2).astype(int), -low, side - length - high)
        )
    height, width = sides
    top, left = (s.ravel() for s in np.meshgrid(*starts, indexing="ij"))
    first = offsets[0]  # places of the local model are those in the first frame
    centres = np.stack([left + width / 2 + first[0], top + height / 2 + first[1]], axis=1)
    centres = centres / [field[1], field[0]] - 0.5
    edge = _edge(height)[:, None] * _edge(width)
    grid = Grid.of((height, width))

    def work(item: tuple[int, ArrayLike]) -> NDArray:
        i, frame = item[0], arrays.as_float(item[1])
        xp, (x, y) = arrays.module(frame), offsets[i]
        corners = [(j + y, k + x) for j, k in zip(top, left, strict=True)]
        cuts = xp.stack([frame[j : j + height, k : k + width] for j, k in corners])
        cuts -= xp.mean(cuts, axis=(1, 2), keepdims=True)
        cuts *= arrays.like(edge, frame)
        spectrum = arrays.rfft2(cuts)
        kept = packed if arrays.is_numpy(spectrum) else plain
        return kept.put(i, spectrum)

    packed, plain = Packed(grid, len(offsets), len(centres)), Plain(grid, len(offsets))
    power = sum(ahead(work, enumerate(frames), workers))
    spectra = packed if plain.frames[0] is None else plain
    return Patches(spectra, offsets, centres, power)


def fast_side(length: float) -> int:
    """The longest even side, not longer than this, that is quickly transformed."""
    half = max(int(length) // 2, 1)
    side = next(n for n in range(half, 0, -1) if scipy.fft.next_fast_len(n, real=True) == n)
    return 2 * side


def _edge(side: int) -> NDArray:
    """A window that rises to 1 at both ends, as a cosine does: (side,) float32."""
    x = (np.arange(side) + 0.5) / (TAPER * side)
    x = np.minimum(x, x[::-1])
    return np.where(x < 1, 0.5 - 0.5 * np.cos(np.pi * x), 1).astype(np.float32)
