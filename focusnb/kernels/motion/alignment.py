"""How the specimen moved during a movie: the whole frame and, in patches, its parts."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadValue
from focusnb.kernels import check
from focusnb.kernels.motion import patches as cutting
from focusnb.kernels.motion import reading, refine
from focusnb.kernels.motion.local import Tracks, fit_local
from focusnb.kernels.motion.search import Found, search

CLEAR = 8.0  # sd of a correlation peak that needs no grouping
ICE = 3.4  # Å; ice has strong rings down to here, which fold back where pixels were added up
PATCH = 80  # pixels of 2.2 Å: smaller patches show too little


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the specimen moved, and how sure that is."""

    shifts: NDArray  # (n, 2) x, y in Å, specimen movement relative to the first used frame
    quality: float  # median height of the correlation peaks, in sd of the correlation maps
    rms_history: tuple[float, ...]  # Å, change of the movement in each round of search and fit
    converged: bool  # the last change was below the tolerance, and the peaks stand above noise
    seen: bool = True  # the peaks stand above noise; if not, the shifts say nothing
    model: NDArray | None = None  # (36,) coefficients of the local movement, Å; None without
    tracks: Tracks | None = None  # of the patches; None when there is one
    error: float = 0.0  # Å, standard error of one frame's shift (both axes together)
    group: int = 1  # frames that were taken together in the search
    unsure: tuple[int, ...] = ()  # frames that do not show what the others show
    notes: tuple[str, ...] = ()  # sentences for people

    @property
    def iterations(self) -> int:
        """Rounds of search and fit."""
        return len(self.rms_history)


def estimate(
    frames: Iterable[ArrayLike],
    *,
    pixel_size: float,
    patches: int = 1,
    bfactor: float = 150.0,
    max_shift: float = 100.0,
    iterations: int = 12,
    tolerance: float = 0.03,
    group: int | None = None,
    field: tuple[float, float] | None = None,
    report: Callable[[float, str], None] | None = None,
    workers: int = 1,
) -> Alignment:
    """Movement of the whole frame, and of its parts when there are patches.

    First coarse frames are searched: each is correlated with the sum of the others (`search`). Then
    the movement is refined on patches of finer frames until it is the most likely one (`refine`),
    with whole-frame shifts and a polynomial in space and time (`model`) fitted together. Patches
    that stray from the fit are left out; when the polynomial explains too little, the whole-frame
    movement stands alone. Frames with too little signal are searched in groups, and the trajectory is
    held as smooth as the movie itself asks for.

    Parameters
    ----------
    frames : re-iterable, each (y, x), at least one; of any array module
    pixel_size : Å
    patches : per side; 1 leaves local motion out
    bfactor : Å², weight exp(−B s²/4) while positions are searched
    max_shift : largest movement between one frame and the sum of the others, Å
    iterations : at most so many rounds of the search (which needs three), and of the refinement
    tolerance : Å; rounds end when the movement changes by less (RMS)
    group : frames that are taken together in the search; as many as the signal needs if not given
    field : (y, x) pixels of the whole picture, where the frames lack a margin at its far ends
    report : called as report(fraction, text) while the work goes on; may raise to cancel
    workers : threads

    Raises
    ------
    BadData
        When a frame is not finite, too small or of another size, or when nothing was recorded.
    BadValue
        When the frames can be gone through only once, or there is no iteration.
    """
    check.pixel_size(pixel_size)
    if iterations < 1:
        raise BadValue(f"iterations = {iterations}; it is at least 1")
    tell = _onwards(report)
    read = reading.read(frames, pixel_size, lambda f, text: tell(0.25 * f, text), workers)
    if read.count == 1:
        return Alignment(np.zeros((1, 2)), np.inf, (), True)
    if read.shown.size == 1:
        return Alignment(np.zeros((read.count, 2)), 0.0, (), False, seen=False)
    fine, shape = pixel_size * read.fine, tuple(read.total.shape)
    with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
        look = partial(
            search, read.spectra, read.coarse_shape, pixel_size=pixel_size * read.coarse,
            bfactor=bfactor, max_shift=max_shift, rounds=iterations, pool=pool,
            report=lambda f, text: tell(0.25 + 0.3 * f, text),
        )  # fmt: skip
        found, together = _searched(look, len(read.spectra), group)
        read.spectra.clear()
        tell(0.55, "cutting patches")
        places = found.shifts * (read.coarse / read.fine)
        cut = cutting.cut(
            read.again(), places, per_side=max(1, min(patches, min(shape) // PATCH)), shape=shape,
            field=tuple(n / read.fine for n in (field or read.given)), workers=workers,
        )  # fmt: skip
        fit = partial(
            refine.fit, cut, z=read.shown, pixel_size=fine, bfactor=bfactor, rounds=iterations,
            tolerance=tolerance / fine, pool=pool, finest=_finest(fine, read.fine),
            report=lambda f: tell(0.6, "aligning"),
        )  # fmt: skip
        if cut.many == 1:
            best, tracks, notes = fit(places, local=False), None, []
            changes = best.changes
        else:  # patches go on from here: it need not be exact
            whole = fit(places, local=False, rounds=2)
            best, tracks, notes = fit_local(
                cut, whole, pixel_size=fine, fit=fit,
                report=lambda f: tell(0.6 + 0.4 * f, "aligning patches"),
            )  # fmt: skip
            changes = whole.changes + best.changes
    tell(1.0, "aligned")
    quality = float(np.median(found.heights))
    seen = quality > found.noise
    sure = read.shown[~best.poor] if seen else read.shown
    shifts = _filled(best.shifts[np.isin(read.shown, sure)] * fine, sure, read.count)
    return Alignment(
        shifts=shifts - shifts[0],
        quality=quality,
        rms_history=(
            *(change * pixel_size * read.coarse for change in found.changes),
            *(change * fine for change in changes),
        ),
        converged=bool(best.converged and seen),
        seen=seen,
        model=None if best.coefficients is None else best.coefficients * fine,
        tracks=tracks
        and replace(tracks, movement=_filled(tracks.movement, read.shown, read.count)),
        error=float(np.hypot(*best.errors)) * fine,
        group=together,
        unsure=tuple(sorted({*range(read.count)} - set(sure.tolist()))),
        notes=tuple(notes),
    )


def _onwards(report: Callable[[float, str], None] | None) -> Callable[[float, str], None]:
    """Reports that never go back, as when something is done a second time."""
    farthest = 0.0

    def tell(fraction: float, text: str) -> None:
        nonlocal farthest
        farthest = min(max(farthest, fraction), 1.0)
        if report:
            report(farthest, text)

    return tell


def _finest(pixel_size: float, binned: int) -> float:
    """Å, the finest detail that is compared; coarser where ice's rings fold back to it."""
    if binned == 1:
        return refine.FINEST
    return max(refine.FINEST, pixel_size / max(0.3, 1 - pixel_size / ICE))


def _filled(way: NDArray, number: NDArray, count: int) -> NDArray:
    """A way (..., m, 2), known in m frames, in all: between them it is straight, outside it stays."""
    if len(number) == count:
        return way
    flat = way.reshape(-1, len(number), 2)
    full = np.array([
        [np.interp(np.arange(count), number, one[:, axis]) for axis in range(2)] for one in flat
    ])  # fmt: skip
    return np.swapaxes(full, 1, 2).reshape(*way.shape[:-2], count, 2)


def _searched(look: Callable[..., Found], count: int, group: int | None) -> tuple[Found, int]:
    """What the search finds, and how many frames it took together: as many as the signal needs."""
    if group:
        together = min(group, max(1, count // 2))
        return look(group=together), together
    single = look()
    height = float(np.median(single.heights))
    together = min(int(np.ceil((CLEAR / max(height, 1.0)) ** 2)), count // 4)
    if together < 2:
        return single, 1
    grouped = look(group=together)
    # frames that drift far from one to the next show less when taken together
    return (grouped, together) if np.median(grouped.heights) > height else (single, 1)
