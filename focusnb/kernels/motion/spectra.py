"""Spectra of many patches of many frames: moved, added up, and compared with their sum.

Two ways that do the same. `Packed`, for NumPy, keeps them as whole numbers of small steps, in half
the memory, and goes through them in compiled loops. `Plain`, for arrays of other modules, uses the
array standard's functions, on whatever device they are.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels import arrays, fourier
from focusnb.kernels.arrays import Array


@dataclass(frozen=True, slots=True)
class Grid:
    """The half spectrum of a patch: its frequencies and rings."""

    shape: tuple[int, int]  # height, width of the patch, pixels
    ky: NDArray  # (height,) 1/pixel
    kx: NDArray  # (width // 2 + 1,)
    rings: NDArray  # int32 (height, width // 2 + 1), in steps of 1 / the longer side
    times: NDArray  # (width // 2 + 1,) how often a column counts in the whole spectrum
    points: NDArray  # (rings,) points of the whole spectrum on each ring

    @classmethod
    def of(cls, shape: tuple[int, int]) -> "Grid":
        """The grid of patches of this shape."""
        ky, kx = (k.ravel() for k in fourier.frequency_grid(shape))
        rings = fourier.radial_index(shape).astype(np.int32)
        times = fourier.multiplicity(shape)[0]
        points = np.bincount(rings.ravel(), np.broadcast_to(times, rings.shape).ravel())
        return cls(shape, ky, kx, rings, times, points)

    def turns(self, moves: NDArray) -> tuple[NDArray, NDArray]:
        """Phase factors along y (patches, height) and x (patches, half) that undo (patches, 2)."""
        y, x = (
            np.exp(2j * np.pi * moves[:, axis, None] * k).astype(np.complex64)
            for axis, k in ((1, self.ky), (0, self.kx))
        )
        return y, x


class Plain:
    """Spectra as they are: n times (patches, height, width // 2 + 1), complex64."""

    def __init__(self, grid: Grid, frames: int) -> None:
        self.grid = grid
        self.frames: list[Any] = [None] * frames

    def put(self, frame: int, spectrum: Array) -> NDArray:
        """Keep the spectrum of a frame's patches; its power on each ring, (patches, rings)."""
        self.frames[frame] = spectrum
        return self.power(spectrum)

    def power(self, spectrum: Array) -> NDArray:
        """Sum of |F|² over the rings of the whole spectrum: (patches, rings)."""
        xp = arrays.module(spectrum)
        square = arrays.to_numpy(xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2) * self.grid.times
        rings, many = self.grid.rings.ravel(), len(self.grid.points)
        return np.array([np.bincount(rings, one.ravel(), many) for one in square])

    def total(self, moves: NDArray, pool: Executor | None = None) -> Array:
        """Sum of all frames, each moved back by its (n, patches, 2) x, y pixels."""
        total = 0.0
        for moved in self._moved(moves):
            total = total + moved
        return total

    def correlate(
        self, moves: NDArray, total: Array, weight: NDArray, pool: Executor | None = None
    ) -> NDArray:
        """How each frame, moved back, correlates with the sum of the others: (n, patches, 4).

        The four numbers: the weighted correlation, its slope along x and y (when the specimen is
        taken to have moved a pixel farther), and Σ weight² |others|². weight (patches, height, half).
        """
        xp = arrays.module(total)
        weight = arrays.like(weight, total)
        kx, ky = (arrays.like(k, total) for k in (self.grid.kx, self.grid.ky[:, None]))
        out = np.zeros((*moves.shape[:2], 4))
        for i, moved in enumerate(self._moved(moves)):
            others = total - moved
            product = xp.conj(others) * moved
            slope = -2 * np.pi * xp.imag(product) * weight
            power = (xp.real(others) ** 2 + xp.imag(others) ** 2) * weight**2
            for j, value in enumerate((xp.real(product) * weight, slope * kx, slope * ky, power)):
                out[i, :, j] = arrays.to_numpy(xp.sum(value, axis=(1, 2)))
        return out

    def _moved(self, moves: NDArray) -> Iterator[Array]:
        for spectrum, move in zip(self.frames, moves, strict=True):
            y, x = self.grid.turns(move)
            yield spectrum * arrays.like(y[:, :, None] * x[:, None, :], spectrum, "complex64")


class Packed:
    """Spectra of NumPy's as whole numbers: their rounding adds 1/100,000 to the noise."""

    def __init__(self, grid: Grid, frames: int, patches: int) -> None:
        self.grid, self.patches = grid, patches
        rows, columns = patches * grid.shape[0], len(grid.kx)
        # in one piece, which goes back to the system as one; what is not touched takes no memory
        self.parts = np.empty((frames, 2, rows, columns), np.int16)  # real and imaginary
        self.steps = np.zeros(frames, np.float32)

    def put(self, frame: int, spectrum: NDArray) -> NDArray:
        """As `Plain.put`. Steps are 1/128 of the noise, more where so many would not suffice."""
        from focusnb.kernels.motion import loops

        flat = spectrum.reshape(-1, spectrum.shape[2])
        numbers = flat.view(np.float32)
        largest = max(float(numbers.max()), -float(numbers.min()))
        some = numbers[:: max(1, len(numbers) // 64), numbers.shape[1] // 2 :]
        step = max(float(np.median(np.abs(some))) / 128, largest / 32767, 1e-30)
        self.steps[frame] = step
        loops.pack(flat, np.float32(step), self.parts[frame])
        return self.power(self.parts[frame]) * float(step) ** 2

    def power(self, total: NDArray) -> NDArray:
        """As `Plain.power`, of real and imaginary parts (2, rows, half), in their own units."""
        from focusnb.kernels.motion import loops

        out = np.zeros((self.patches, len(self.grid.points)))
        loops.ring_power(total, self.grid.rings, self.grid.times, self.grid.shape[0], out)
        return out

    def total(self, moves: NDArray, pool: Executor | None = None) -> NDArray:
        """As `Plain.total`, in real and imaginary parts (2, rows, half), float32."""
        from focusnb.kernels.motion import loops

        turns = [self._turns(move) for move in moves]
        total = np.zeros(self.parts.shape[1:], np.float32)

        def work(rows: slice) -> None:
            for parts, step, turn in zip(self.parts, self.steps, turns, strict=True):
                loops.add_moved(total, parts, step, *turn, rows.start, rows.stop)

        _share(work, total.shape[1], pool)
        return total

    def correlate(
        self, moves: NDArray, total: NDArray, weight: NDArray, pool: Executor | None = None
    ) -> NDArray:
        """As `Plain.correlate`."""
        from focusnb.kernels.motion import loops

        height, rows = self.grid.shape[0], total.shape[1]
        turns = [self._turns(move) for move in moves]
        weights = np.ascontiguousarray(weight, np.float32).reshape(rows, -1)
        found = np.zeros((len(moves), rows, 4), np.float32)

        def work(part: slice) -> None:
            for i, (parts, step, turn) in enumerate(
                zip(self.parts, self.steps, turns, strict=True)
            ):
                loops.correlate(
                    total,
                    parts,
                    step,
                    *turn,
                    self.grid.kx,
                    weights,
                    found[i],
                    part.start,
                    part.stop,
                )

        _share(work, rows, pool)
        by_row = found.reshape(len(moves), self.patches, height, 4).astype(np.float64)
        out = by_row.sum(axis=2)
        out[..., 1] *= -2 * np.pi
        out[..., 2] = -2 * np.pi * (by_row[..., 2] * self.grid.ky).sum(axis=2)
        return out

    def _turns(self, move: NDArray) -> tuple[NDArray, ...]:
        """Real and imaginary parts of the phase factors along y, then along x."""
        return tuple(
            np.ascontiguousarray(part)
            for turn in self.grid.turns(move)
            for part in (turn.real, turn.imag)
        )


def _share(work: Callable[[slice], None], rows: int, pool: Executor | None) -> None:
    """Let the threads of a pool do the work on parts of the rows."""
    if pool is None:
        work(slice(0, rows))
        return
    step = max(64, rows // 32)
    list(pool.map(work, (slice(a, min(a + step, rows)) for a in range(0, rows, step))))
