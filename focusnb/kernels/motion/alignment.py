"""How the specimen moved during a movie: the whole frame and, in patches, its parts."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays, check, defects
from focusnb.kernels.ahead import ahead
from focusnb.kernels.arrays import Array
from focusnb.kernels.motion import model, refine
from focusnb.kernels.motion import patches as cutting
from focusnb.kernels.motion.patches import binned, fast_side, sampling
from focusnb.kernels.motion.search import Found, search

Report = Callable[[float, str], None]

COARSE = 6.0  # Å per pixel at which they are searched
SMALLEST = 128  # pixels of a side that coarse frames keep
NOISE_PEAK = 5.0  # sd; the highest of some thousand independent values of pure noise stays below
PATCH = 80  # pixels of 2.2 Å: smaller patches show too little
MOST_HOT = 0.05  # of the pixels; more are no hot pixels but something else
CLEAR = 8.0  # sd of a correlation peak that needs no grouping
UNEXPLAINED = 0.6  # Å, and four standard errors: a patch that strays farther is left out
WORTH = (
    150.0  # twice the log-likelihood; 30 coefficients gain some 60, seldom 130, where nothing moves
)


@dataclass(frozen=True, slots=True)
class Tracks:
    """The movement as each patch shows it."""

    centres: NDArray  # (patches, 2) x, y, −½ to ½ of the field
    movement: NDArray  # (patches, n, 2) x, y in Å, whole-frame movement included
    used: NDArray  # (patches,) whether it took part in the fit


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the specimen moved, and how sure that is."""

    shifts: NDArray  # (n, 2) x, y in Å, specimen movement relative to the first used frame
    quality: float  # median height of the correlation peaks, in sd of the correlation maps
    rms_history: tuple[float, ...]  # Å, change of the shifts in each round
    converged: bool  # the last change was below the tolerance, and the peaks stand above noise
    iterations: int
    model: NDArray | None = None  # (36,) coefficients of the local movement, Å; None without
    tracks: Tracks | None = None  # of the patches; None when there is one
    error: float = 0.0  # Å, standard error of one frame's shift (both axes together)
    group: int = 1  # frames that were taken together
    unsure: tuple[int, ...] = ()  # frames that do not show what the others show
    notes: tuple[str, ...] = ()  # sentences for people


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
    report: Report | None = None,
    workers: int = 1,
) -> Alignment:
    """Movement of the whole frame, and of its parts when there are patches.

    First coarse frames are searched: each is correlated with the sum of the others (`search`). Then
    the movement is refined on patches of finer frames until it is the most likely one (`refine`),
    with whole-frame shifts and a polynomial in space and time (`model`) fitted together. Patches
    that stray from the fit are left out; when the polynomial explains too little, the whole-frame
    movement stands alone. Frames with too little signal share knots of the trajectory.

    Parameters
    ----------
    frames : re-iterable, each (y, x), at least one; of any array module
    pixel_size : Å
    patches : per side; 1 leaves local motion out
    bfactor : Å², weight exp(−B s²/4) while positions are searched
    max_shift : largest movement between one frame and the sum of the others, Å
    iterations : at most so many rounds of the search, and of the refinement
    tolerance : Å; rounds end when the movement changes by less (RMS)
    group : frames that are taken together; as many as the signal needs if not given
    field : (y, x) pixels of the whole picture, where the frames lack a margin at its far ends
    report : called as report(fraction, text) while the work goes on; may raise to cancel
    workers : threads

    Raises
    ------
    BadData
        When a frame is not finite, constant, too small, or of another size.
    """
    check.pixel_size(pixel_size)
    tell = report or (lambda fraction, text: None)
    coarse = _coarse(frames, pixel_size, None, tell, workers)
    count = len(coarse.spectra)
    if count == 1:
        return Alignment(np.zeros((1, 2)), np.inf, (), True, 0)
    hot = _hot(coarse.total)
    if hot is not None:
        coarse = _coarse(frames, pixel_size, hot, tell, workers)
    side, shape = coarse.fine, tuple(coarse.total.shape)
    with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:

        def look(together: int) -> Found:
            return search(
                coarse.spectra, coarse.shape, pixel_size=coarse.pixel_size, bfactor=bfactor,
                max_shift=max_shift, rounds=iterations, group=together, pool=pool,
                report=lambda done, text: tell(0.25 + 0.3 * done, text),
            )  # fmt: skip

        def fit(shifts: NDArray, **more: Any) -> refine.Fit:
            more = {"rounds": iterations, "tolerance": tolerance / fine} | more
            return refine.fit(cut, shifts, pixel_size=fine, bfactor=bfactor, pool=pool, **more)

        fine, scale = pixel_size * side, coarse.side / side
        together = min(group or 1, max(1, count // 2))
        found = look(together)
        height = float(np.median(found.heights))
        if not group and height < CLEAR:
            more = max(1, min(int(np.ceil((CLEAR / max(height, 1.0)) ** 2)), count // 4))
            grouped = look(more)
            if np.median(grouped.heights) > height:  # of a fast drift it shows less
                together, found = more, grouped
        tell(0.55, "cutting patches")
        cut = cutting.cut(
            (_clean(binned(frame, side), hot, i) for i, frame in enumerate(frames)),
            found.shifts * scale, per_side=max(1, min(patches, min(shape) // PATCH)), shape=shape,
            field=tuple(n / side for n in (field or coarse.given)), workers=workers,
        )  # fmt: skip
        tell(0.6, "aligning whole frames")
        # patches go on from here: then it need not be exact
        soon = {"rounds": 2} if cut.many > 1 else {}
        whole = fit(found.shifts * scale, local=False, **soon)
        coarse.spectra.clear()
        best, tracks, notes = whole, None, []
        if cut.many > 1:
            best, good, notes = _local(cut, whole, fine, fit, tell)
            if best.coefficients is None:
                best = fit(whole.shifts, local=False)
            tracks = _tracks(cut, best, good, fine)
    tell(1.0, "aligned")
    quality = float(np.median(found.heights))
    seen = quality > NOISE_PEAK
    shifts, unsure = _bridged(best) if seen else (best.shifts, ())
    rounds = (*whole.changes, *(best.changes if best is not whole else ()))
    return Alignment(
        shifts=(shifts - shifts[0]) * fine,
        quality=quality,
        rms_history=tuple(change * fine for change in rounds),
        converged=bool(best.converged and seen),
        iterations=len(found.changes) + len(rounds),
        model=None if best.coefficients is None else best.coefficients * fine,
        tracks=tracks,
        error=float(np.hypot(*best.errors)) * fine,
        group=together,
        unsure=unsure,
        notes=tuple(notes),
    )


@dataclass(slots=True)
class _Coarse:
    """Transforms of the frames as they are searched."""

    spectra: list[Array]
    shape: tuple[int, int]
    pixel_size: NDArray  # x, y, Å
    side: int  # pixels of the given frames in one of these
    total: Array  # sum of finer frames: those that the movement is refined on
    fine: int  # pixels of the given frames in one of the finer ones
    given: tuple[int, int]  # shape of the given frames


def _coarse(
    frames: Iterable[ArrayLike],
    pixel_size: float,
    hot: NDArray | None,
    tell: Report,
    workers: int,
) -> _Coarse:
    """Coarse transforms of all frames."""
    many = len(frames) if hasattr(frames, "__len__") else None

    def work(item: tuple[int, ArrayLike]) -> tuple[tuple[int, int], Array, Array]:
        i, raw = item
        frame = check.picture(raw, what=f"frame {i + 1}")
        side = sampling(pixel_size, frame.shape)
        small = _clean(binned(frame, side), hot, i)
        coarse = binned(small, _coarser(small.shape, pixel_size * side))
        coarse = coarse[: fast_side(coarse.shape[0]), : fast_side(coarse.shape[1])]
        coarse = coarse - arrays.module(coarse).mean(coarse)
        return tuple(frame.shape), small, arrays.rfft2(coarse)

    spectra: list[Array] = []
    for i, (size, small, spectrum) in enumerate(ahead(work, enumerate(frames), workers)):
        if not spectra:
            given, total = size, small
        elif size == given:
            total = total + small
        else:
            raise BadData(f"frame {i + 1} has the shape {size}, the frames before it {given}")
        spectra.append(spectrum)
        tell(0.25 * (i + 1) / many if many else 0.0, f"reading frame {i + 1}")
    if not spectra:
        raise BadData("the movie has no frames; check the first and last frame to be used")
    fine = sampling(pixel_size, given)
    more = _coarser(total.shape, pixel_size * fine)
    return _Coarse(
        spectra=spectra,
        shape=tuple(fast_side(n // more) for n in total.shape),
        pixel_size=np.full(2, pixel_size * fine * more),
        side=fine * more,
        total=total,
        fine=fine,
        given=given,
    )


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


def _local(
    cut: cutting.Patches,
    whole: refine.Fit,
    pixel_size: float,
    fit: Callable[..., refine.Fit],
    tell: Report,
) -> tuple[refine.Fit, NDArray, list[str]]:
    """The fit with local motion, patches that stray left out; without it where it explains nothing."""
    good = np.ones(cut.many, bool)
    limit = UNEXPLAINED / pixel_size
    local = whole
    for attempt in range(5):
        tell(0.8 + 0.04 * attempt, "aligning patches")
        local = fit(local.shifts, local=True, good=good, start=local.coefficients)
        far = _length(local.rest)
        # the worst first: they pull the fit away from patches that follow it
        far = far * (good & (far > np.maximum(limit, 4 * local.rest_error)))
        stray = (far > 0) & (far >= 0.5 * far.max())
        if not stray.any() or good.sum() - stray.sum() < max(0.6 * cut.many, 4):
            break
        good = good & ~stray
    notes = []
    left = int((~good).sum())
    if left:
        notes.append(f"{left} of {cut.many} patches move unlike the others and were left out")
    movement = model.local_movement(
        local.coefficients, np.arange(len(whole.shifts)), *cut.centres.T
    )
    explained = float((_length(np.swapaxes(movement, 0, 1))[good] ** 2).mean())
    excess = _length(local.rest)[good] ** 2 - local.rest_error[good] ** 2
    if local.worth < WORTH:
        return (
            whole,
            good,
            [*notes, "no local motion can be told from noise; the whole frames are moved"],
        )
    if not local.converged or float(excess.mean()) > explained:
        return whole, good, [
            *notes, "the patches do not move as one smooth field; the whole frames are moved"
        ]  # fmt: skip
    return local, good, notes


def _length(way: NDArray) -> NDArray:
    """RMS over the frames of movements (patches, n, 2)."""
    return np.sqrt((way**2).sum(2).mean(1))


def _tracks(cut: cutting.Patches, fit: refine.Fit, good: NDArray, size: float) -> Tracks:
    """The movement of each patch: that of the fit, and what it leaves."""
    way = np.broadcast_to(fit.shifts, (cut.many, *fit.shifts.shape))
    if fit.coefficients is not None:
        z = np.arange(len(fit.shifts))
        way = way + np.swapaxes(model.local_movement(fit.coefficients, z, *cut.centres.T), 0, 1)
    way = way + fit.rest
    return Tracks(cut.centres, (way - way[:, :1]) * size, good)


def _bridged(fit: refine.Fit) -> tuple[NDArray, tuple[int, ...]]:
    """Shifts in which frames that show nothing of the others lie between their neighbours."""
    poor = fit.heights < min(NOISE_PEAK, np.median(fit.heights) / 3)
    if not poor.any() or poor.all():
        return fit.shifts, ()
    number = np.arange(len(poor))
    shifts = fit.shifts.copy()
    for axis in range(2):
        shifts[poor, axis] = np.interp(number[poor], number[~poor], shifts[~poor, axis])
    return shifts, tuple(int(i) for i in number[poor])
