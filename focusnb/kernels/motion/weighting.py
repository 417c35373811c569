"""Dose weighting of a sum without transforming every frame.

Each frame's transform is multiplied by its own filter (`kernels.dose`) before the sum. These filters
differ so smoothly from frame to frame that a few of them span all, to a small error: sums of the
frames with the numbers of each are transformed, and put together frequency by frequency.
"""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.kernels import arrays, dose
from focusnb.kernels.arrays import Array

EXACT = 5e-4  # largest error of a weight, relative to that of a plain mean
BINS = 8192  # steps of the frequency up to the corner of the spectrum
ROWS = 256  # of a spectrum that one thread takes at once


@dataclass(frozen=True, slots=True)
class Filters:
    """The dose filters of a movie, taken apart."""

    parts: NDArray  # (m, n) how much of each frame goes into each sum; all ones in the first row
    tables: NDArray  # (m, bins) what each sum is multiplied with, by frequency
    step: float  # 1/Å from bin to bin

    def add(
        self,
        part: int,
        spectrum: Array,
        total: Array,
        s: tuple[NDArray, NDArray],
        *,
        pool: Executor | None = None,
    ) -> None:
        """Add what one of the sums gives to the dose-weighted sum: half spectra at s = sy, sx, 1/Å.

        What lies beyond Nyquist's frequency of the frames, in padded spectra, gets the last weight.
        """
        sy, sx = (np.asarray(k, np.float32) / np.float32(self.step) for k in s)
        table = self.tables[part]
        if arrays.is_numpy(spectrum):
            from focusnb.kernels.motion import loops

            def work(row: int) -> None:
                rows = slice(row, row + ROWS)
                loops.weigh(spectrum[rows], table, sy[rows], sx, total[rows])

            list((pool.map if pool else map)(work, range(0, len(sy), ROWS)))
            return
        xp = arrays.module(spectrum)
        at = np.minimum(np.rint(np.hypot(sy[:, None], sx)), BINS - 1)
        index = arrays.like(at.ravel(), spectrum, "int64")
        weight = xp.take(arrays.like(table, spectrum), index, axis=0)
        total += xp.reshape(weight, at.shape) * spectrum


def filters(doses: ArrayLike, *, voltage: float, pixel_size: float) -> Filters:
    """Take the dose filters of frames apart: fewest sums with all weights exact to 5e-4.

    The sum is Σ w F / √(Σ w²) with w = exp(−N / 2Ne) (Grant & Grigorieff 2015, eLife 4:e06980).

    Parameters
    ----------
    doses : (n,) e/Å² at the end of each frame
    voltage : kV
    pixel_size : Å, the finest that spectra will have
    """
    doses = np.asarray(doses, np.float64)
    step = np.sqrt(0.5) / pixel_size / (BINS - 1)
    fade = dose.decay(np.arange(BINS) * step, voltage=voltage).astype(np.float64)
    weight = np.exp(-(doses[:, None] - doses[0]) * fade)  # the first frame's cancels out
    weight /= np.sqrt((weight**2).sum(axis=0))
    count = len(doses)
    plain = weight.mean(axis=0)  # the part of the plain sum
    left, size, right = np.linalg.svd(weight - plain, full_matrices=False)
    ranks = (
        r for r in range(len(size) + 1)
        if np.abs((left[:, r:] * size[r:]) @ right[r:]).max(initial=0) < EXACT / np.sqrt(count)
    )  # fmt: skip
    rank = next(ranks)
    parts = np.concatenate([np.ones((1, count)), left[:, :rank].T])
    tables = np.concatenate([plain[None], size[:rank, None] * right[:rank]])
    return Filters(parts.astype(np.float32), tables.astype(np.float32), step)
