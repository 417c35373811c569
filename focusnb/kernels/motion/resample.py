"""Frames moved by smooth fields, and added up, with little loss up to Nyquist's frequency.

The picture is divided into blocks so small that the movement within one hardly changes. A block of
the moved frame is A · window · Bᵀ, where A and B move along y and x: each row of them is a sinc under
a Kaiser window, sampled at the wanted place. What such kernels lose on average of each frequency is
known (`response`), and is given back once, to the sums.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import arrays
from focusnb.kernels.arrays import Array
from focusnb.kernels.motion import model

STEPS = 512  # kernels per pixel: the place is rounded to 1/512, of which 0.1 % of Nyquist is lost
BLOCKS = (64, 32, 16, 8)  # pixels, sides of blocks to choose from
GRADES = 32  # places per pixel that `response` tells apart
APART = 0.2  # pixels: the movement changes by no more from edge to edge of a block

# Length and Kaiser's β by the highest frequency (of Nyquist's) that is kept: what frames are cropped
# to anyway needs no care. Images of the spectrum beyond Nyquist's frequency add up to 0.5 % to the
# noise at 0.9 of it, and less below.
LENGTHS = ((0.6, 8, 4.0), (0.75, 12, 3.5), (1.0, 16, 3.0))


@cache
def table(taps: int, beta: float) -> NDArray:
    """Kernels for places 0, 1/512, … 1 behind the pixel number taps / 2 − 1: (513, taps) float32."""
    half = taps // 2
    apart = np.arange(STEPS + 1)[:, None] / STEPS - np.arange(1 - half, half + 1)
    inside = np.sqrt(np.maximum(1 - (apart / half) ** 2, 0))
    kernel = np.sinc(apart) * np.i0(beta * inside) * (np.abs(apart) <= half)
    return (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)


def kernels(kept: float) -> NDArray:
    """The table to be used when frequencies up to `kept` of Nyquist's are wanted."""
    taps, beta = next((t, b) for limit, t, b in LENGTHS if kept <= limit or limit == 1.0)
    return table(taps, beta)


@dataclass(frozen=True, slots=True)
class Moves:
    """Where the blocks of each frame come from, in pixels."""

    block: int  # pixels
    whole: NDArray  # (n, rows, columns, 2) int32, whole pixels x, y
    part: NDArray  # (n, rows, columns, 2) int32, the rest in 1/512


def moves(
    shifts: ArrayLike, coefficients: ArrayLike | None, z: ArrayLike, shape: tuple[int, int]
) -> Moves:
    """Where the blocks of the moved frames come from.

    Parameters
    ----------
    shifts : (n, 2) x, y, movement of the whole specimen in each frame, pixels
    coefficients : (36,) of the local movement, pixels, or None
    z : (n,) frames since the first used one
    shape : (y, x) of the frames
    """
    shifts = np.asarray(shifts, np.float64).reshape(-1, 2)
    block = BLOCKS[0]
    if coefficients is not None:
        fine = _at_blocks(coefficients, z, shape, BLOCKS[-1] * 8)
        steepest = max(np.abs(np.diff(fine, axis=a)).max(initial=0) for a in (1, 2)) / 64
        block = next((b for b in BLOCKS if b * steepest <= APART), BLOCKS[-1])
    grid = (-(-shape[0] // block), -(-shape[1] // block))
    where = np.broadcast_to(shifts[:, None, None], (len(shifts), *grid, 2))
    if coefficients is not None:
        where = where + _at_blocks(coefficients, z, shape, block)
    steps = np.rint(where * STEPS).astype(np.int64)
    return Moves(block, (steps // STEPS).astype(np.int32), (steps % STEPS).astype(np.int32))


def _at_blocks(
    coefficients: ArrayLike, z: ArrayLike, shape: tuple[int, int], block: int
) -> NDArray:
    """Local movement in the middles of blocks: (n, rows, columns, 2)."""
    y, x = ((np.arange(-(-n // block)) * block + block / 2 - 0.5) / n - 0.5 for n in shape)
    return model.local_movement(coefficients, z, x[None, :], y[:, None])


def add(
    frames: Array,
    gain: Array | None,
    where: Moves,
    kernel: NDArray,
    parts: NDArray,
    sums: Array,
    still: Array,
    *,
    pool: Executor | None = None,
    done: Callable[[float], Any] = lambda fraction: None,
) -> None:
    """Add moved frames × gain to `sums`, and the frames × gain as they are to `still`.

    What lies outside of a frame is its mirror image at the edge: its noise is that of all else.

    Parameters
    ----------
    frames : (n, y, x) as recorded
    gain : (y, x) or None
    where : for these n frames
    kernel : a table of `kernels`
    parts : (m, n) float32, how much of each frame goes into each sum
    sums : (m, y, x) float32
    still : (y, x) float32
    pool : threads that share the work (of NumPy's arrays)
    done : called with the finished part
    """
    if not arrays.is_numpy(frames):
        _add_arrays(frames, gain, where, kernel, parts, sums, still)
        return
    from focusnb.kernels.motion import loops

    rows = where.whole.shape[1]

    def work(row: int) -> None:
        loops.add_blocks(
            frames, gain, where.whole, where.part, kernel, parts, sums, still, where.block,
            row, row + 1,
        )  # fmt: skip

    for row, _ in enumerate((pool.map if pool else map)(work, range(rows))):
        done((row + 1) / rows)


def _add_arrays(
    frames: Array,
    gain: Array | None,
    where: Moves,
    kernel: NDArray,
    parts: NDArray,
    sums: Array,
    still: Array,
) -> None:
    """The same with functions of the array standard: A · window · Bᵀ for all blocks at once."""
    xp = arrays.module(frames)
    _, height, width = frames.shape
    block, taps = where.block, kernel.shape[1]
    rows, columns = where.whole.shape[1:3]
    reach = np.arange(block + taps - 1) - (taps // 2 - 1)
    place = np.arange(block)[:, None] + np.arange(taps)
    for i in range(frames.shape[0]):
        picture = arrays.as_float(frames[i, ...])
        if gain is not None:
            picture = picture * gain
        still += picture
        y = (np.arange(rows) * block)[:, None, None] + where.whole[i, :, :, 1, None] + reach
        x = (np.arange(columns) * block)[None, :, None] + where.whole[i, :, :, 0, None] + reach
        y = arrays.like(_mirrored(y, height) * width, picture, "int64")
        x = arrays.like(_mirrored(x, width), picture, "int64")
        index = y[..., :, None] + x[..., None, :]
        window = xp.reshape(picture, (-1,))
        window = xp.reshape(xp.take(window, xp.reshape(index, (-1,)), axis=0), index.shape)
        along = []
        for axis in (1, 0):
            used, at = np.unique(where.part[i, :, :, axis], return_inverse=True)
            matrix = np.zeros((len(used), block, block + taps - 1), np.float32)
            matrix[:, np.arange(block)[:, None], place] = kernel[used][:, None]
            at = arrays.like(at.ravel(), picture, "int64")
            each = xp.take(arrays.like(matrix, picture), at, axis=0)
            along.append(xp.reshape(each, (rows, columns, block, block + taps - 1)))
        moved = along[0] @ window @ xp.matrix_transpose(along[1])
        moved = xp.reshape(xp.permute_dims(moved, (0, 2, 1, 3)), (rows * block, columns * block))
        moved = moved[:height, :width]
        for q in range(sums.shape[0]):
            sums[q, ...] += float(parts[q, i]) * moved


def _mirrored(index: NDArray, size: int) -> NDArray:
    """The pixels that stand for those outside: the picture goes on as its mirror image."""
    index = np.where(index < 0, -index - 1, index)
    index = np.where(index >= size, 2 * size - 1 - index, index)
    return np.clip(index, 0, size - 1)


def response(
    where: list[Moves], kernel: NDArray, ky: NDArray, kx: NDArray, *, smallest: float = 0.3
) -> NDArray:
    """How much of each frequency the kernels leave on average: (ky, kx) float32.

    The mean over blocks and frames of the real part of both kernels' transforms; the imaginary part,
    a kernel's own small displacement, has no sign that frames share.

    Parameters
    ----------
    where : of all frames
    kernel : the table that was used
    ky, kx : frequencies along both axes, 1/pixel of the frames
    smallest : below this the answer is held; in the corners nearly nothing is left to be given back
    """
    coarse = STEPS // GRADES
    pairs = np.concatenate([((m.part + coarse // 2) // coarse).reshape(-1, 2) for m in where])
    joint = np.zeros((GRADES + 1, GRADES + 1))  # how often each pair of places, x and y
    np.add.at(joint, (pairs[:, 0], pairs[:, 1]), 1 / len(pairs))
    taps = kernel.shape[1]
    at = np.arange(1 - taps // 2, taps // 2 + 1)
    place = np.arange(GRADES + 1) / GRADES
    phase = 2 * np.pi * (at - place[:, None])  # (places, taps)
    left = [
        np.einsum("pt,ptk->pk", kernel[::coarse], np.cos(phase[:, :, None] * np.asarray(k)))
        for k in (kx, ky)
    ]
    mean = (joint @ left[1]).T.astype(np.float32) @ left[0].astype(np.float32)
    return np.maximum(mean, np.float32(smallest))
