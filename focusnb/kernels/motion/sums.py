"""The sums of a movie's frames at the first used frame's position, in one pass over them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from math import gcd

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays, check, dose, fourier
from focusnb.kernels.ahead import ahead
from focusnb.kernels.arrays import Array
from focusnb.kernels.motion import resample, weighting

Report = Callable[[float, str], None]
AT_ONCE = 512 << 20  # bytes of frames that are added up together


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of a movie's frames, in electrons, (y, x) float32."""

    average: Array  # plain sum of the moved frames: mean n·m for n frames of mean m
    average_dw: Array | None  # dose weighted: mean √n·m; None without a dose
    unaligned: Array  # plain sum of the frames as they are
    odd: Array | None = None  # plain sum of the first, third … used frame; None if not asked for
    even: Array | None = None  # plain sum of the others
    dose_range: Array | None = None  # plain sum of the frames within a range of doses


def correct(
    frames: Iterable[ArrayLike],
    shifts: ArrayLike,
    *,
    pixel_size: float,
    model: ArrayLike | None = None,
    gain: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    voltage: float = 300.0,
    dose_per_frame: float | None = None,
    prior_dose: float = 0.0,
    odd_even: bool = False,
    dose_range: tuple[float, float] | None = None,
    report: Report | None = None,
    workers: int = 1,
) -> Sums:
    """Sums of the frames at the first used frame's position, in one pass over the frames.

    Frames are moved by sinc kernels of 16 pixels under a Kaiser window, placed to 1/512 pixel, in
    blocks across which the movement changes by at most 0.2 pixel; what the kernels leave of each
    frequency is given back to the sums. Dose weights: Grant & Grigorieff 2015, eLife 4:e06980.

    Parameters
    ----------
    frames : each (y, x), as many as shifts: electrons, or counts that `gain` makes electrons of.
        Arrays of NumPy or of another module, on any device: the sums are of the same kind.
    shifts : (n, 2) x, y in Å, specimen movement; frames with NaN are read but not used
    pixel_size : Å, of the frames
    model : (36,) coefficients of the local movement in Å (`motion.model`), or None
    gain : (y, x) factors, or None
    shape : (y, x) of the sums, when they are to be Fourier-cropped or padded
    voltage : kV, for the critical dose
    dose_per_frame : e/Å²; without it nothing is dose weighted
    prior_dose : e/Å² before the first frame of the file
    odd_even : also make the sums of every second frame
    dose_range : (from, to) e/Å², prior dose included: also make the sum of the frames that were
        exposed within it
    report : called as report(fraction, text) while the work goes on; may raise to cancel
    workers : threads

    Raises
    ------
    BadData
        No frame is used or lies in the range of doses, the number of frames differs from that of
        the shifts, their shape from that of the first or of the gain, or pixels are not finite.
    """
    check.pixel_size(pixel_size)
    way = np.asarray(shifts, np.float64).reshape(-1, 2) / pixel_size
    number = np.flatnonzero(np.isfinite(way).all(axis=1))
    if not number.size:
        raise BadData("no frame of the movie is used; check the first and last frame")
    plan = {"plain": np.ones(number.size)}
    if odd_even:
        plan["odd"] = np.arange(number.size) % 2 == 0
    if dose_range:
        plan["dose_range"] = _within(dose_range, number, dose_per_frame, prior_dose)
    filters = None
    if dose_per_frame:
        ends = dose.frame_doses(len(way), dose_per_frame=dose_per_frame, prior_dose=prior_dose)
        filters = weighting.filters(ends[number], voltage=voltage, pixel_size=pixel_size)
        plan |= {f"filter {i}": row for i, row in enumerate(filters.parts[1:])}

    with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
        added = _add_up(
            frames, way, number, list(plan.values()),
            model=None if model is None else np.asarray(model, np.float64) / pixel_size,
            gain=gain, shape=shape, pool=pool, report=report,
        )  # fmt: skip
        del frames  # when nobody else holds them, their memory serves the transforms
        pictures = _pictures(added, list(plan), shape, pool, workers, filters, pixel_size)
    return Sums(
        average=pictures["plain"],
        average_dw=pictures.get("weighted"),
        unaligned=fourier.resize(added.still, pictures["plain"].shape, workers=workers),
        odd=pictures.get("odd"),
        even=pictures.get("even"),
        dose_range=pictures.get("dose_range"),
    )


def aligned(
    frames: Iterable[ArrayLike],
    shifts: ArrayLike,
    *,
    pixel_size: float,
    model: ArrayLike | None = None,
    gain: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    workers: int = 1,
) -> Iterator[Array]:
    """The used frames one by one, each moved to the first used frame's position: (y, x) float32.

    Their sum is the average of `correct`, whose parameters these are, but for the finest detail:
    here what the kernels take of each frequency is given back to each frame by itself.
    """
    way = np.asarray(shifts, np.float64).reshape(-1, 2) / check.pixel_size(pixel_size)
    number = np.flatnonzero(np.isfinite(way).all(axis=1))
    model = None if model is None else np.asarray(model, np.float64) / pixel_size
    with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
        for done, stack in _batches(frames, number, len(way), at_once=0):
            added = _nothing(stack, gain, 1, shape)
            here = number[done : done + 1]
            where = resample.moves(way[here], model, here - number[0], stack.shape[1:])
            resample.add(
                stack, gain, where, added.kernel, np.ones((1, 1), np.float32), added.sums,
                added.still, pool=pool,
            )  # fmt: skip
            added.where.append(where)
            yield _pictures(added, ["plain"], shape, pool, workers)["plain"]


@dataclass(slots=True)
class _Added:
    """Frames added up in space."""

    sums: Array  # (m, y, x)
    still: Array  # (y, x)
    where: list[resample.Moves]
    kernel: NDArray


def _add_up(
    frames: Iterable[ArrayLike],
    way: NDArray,
    number: NDArray,
    parts: list[NDArray],
    *,
    model: NDArray | None,
    gain: ArrayLike | None,
    shape: tuple[int, int] | None,
    pool: Executor | None,
    report: Report | None,
) -> _Added:
    """Add up the used frames, moved, in each part, and as they are; all lengths in pixels."""
    added: _Added | None = None
    count = np.array(parts, np.float32)
    for done, stack in _batches(frames, number, len(way), AT_ONCE):
        if added is None:
            added = _nothing(stack, gain, len(parts), shape)
        taken = slice(done, done + stack.shape[0])
        where = resample.moves(
            way[number[taken]], model, number[taken] - number[0], stack.shape[1:]
        )

        def tell(fraction: float, taken: slice = taken) -> None:
            if report:
                at = (taken.start + fraction * (taken.stop - taken.start)) / len(number)
                report(at, f"summing frame {taken.stop} of {len(number)}")

        resample.add(
            stack, gain, where, added.kernel, count[:, taken], added.sums, added.still,
            pool=pool, done=tell,
        )  # fmt: skip
        added.where.append(where)
    if added is None:
        raise BadData("the movie has no frames")
    if not np.isfinite(float(arrays.module(added.still).sum(added.still))):
        raise BadData("the movie has NaN or infinite pixels; check the gain reference")
    return added


def _nothing(
    stack: Array, gain: ArrayLike | None, many: int, shape: tuple[int, int] | None
) -> _Added:
    """Empty sums for frames like these."""
    full = tuple(stack.shape[1:])
    if gain is not None and tuple(np.shape(gain)) != full:
        raise BadData(
            f"the gain reference has the shape {tuple(np.shape(gain))}, the frames {full}"
        )
    kept = 1.0 if shape is None else min(1.0, max(shape[0] / full[0], shape[1] / full[1]))
    xp, device = arrays.module(stack), arrays.device(stack)
    return _Added(
        sums=xp.zeros((many, *full), dtype=xp.float32, device=device),
        still=xp.zeros(full, dtype=xp.float32, device=device),
        where=[],
        kernel=resample.kernels(kept),
    )


def _batches(
    frames: Iterable[ArrayLike], number: NDArray, count: int, at_once: int
) -> Iterator[tuple[int, Array]]:
    """The used frames in their order, as many at once as fit: how many came before, (n, y, x)."""
    if hasattr(frames, "shape") and len(frames) == count == number.size and at_once:
        whole = _plain(frames) if arrays.nbytes(frames) <= at_once else frames
        if not arrays.is_numpy(whole) or arrays.for_loops(whole[:1]).dtype == whole.dtype:
            yield 0, whole  # without a copy, or of a small one
            return
    wanted = set(number.tolist())
    batch: list[Array] = []
    before = seen = 0
    for index, raw in enumerate(frames):
        if index >= count:
            raise BadData(f"the movie has more than the {count} frames that have shifts")
        seen += 1
        if index not in wanted:
            continue
        frame = _plain(raw)
        if frame.ndim != 2 or (batch and frame.shape != batch[0].shape):
            shape = tuple(frame.shape)
            raise BadData(f"frame {index + 1} has the shape {shape}; frames have one and the same")
        batch.append(frame)
        if (len(batch) + 1) * arrays.nbytes(frame) > at_once:
            yield before, arrays.module(frame).stack(batch)
            before += len(batch)
            batch = []
    if seen != count:
        raise BadData(f"the movie has {seen} frames, but there are shifts for {count}")
    if batch:
        yield before, arrays.module(batch[0]).stack(batch)


def _plain(frame: ArrayLike) -> Array:
    """A frame, or several, in a type that the loops take."""
    return arrays.for_loops(frame, "the movie") if arrays.is_numpy(frame) else frame


def _within(
    limits: tuple[float, float], number: NDArray, dose_per_frame: float | None, prior_dose: float
) -> NDArray:
    """Which used frames were exposed within (from, to) e/Å²."""
    if not dose_per_frame:
        raise BadData("a range of doses needs the dose of a frame; give dose_per_frame")
    low, high = limits
    start = prior_dose + dose_per_frame * number
    inside = (start >= low - 1e-6) & (start + dose_per_frame <= high + 1e-6)
    if not inside.any():
        raise BadData(
            f"no used frame was exposed within {low:g} to {high:g} e/Å²: "
            f"they received {start[0]:g} to {start[-1] + dose_per_frame:g}"
        )
    return inside


def _pictures(
    added: _Added,
    names: list[str],
    shape: tuple[int, int] | None,
    pool: Executor | None,
    workers: int,
    filters: weighting.Filters | None = None,
    pixel_size: float = 1.0,
) -> dict[str, Array]:
    """The sums scaled to `shape`, with what the kernels took of each frequency, by their names.

    Pictures are made slightly larger by their mirror images, so that their sides are products of
    small numbers: transforms of 3712 × 3840 take half the time of those of 3710 × 3838.
    """
    full = tuple(added.still.shape)
    new = full if shape is None else (int(shape[0]), int(shape[1]))
    sides = [_padded(n, m) for n, m in zip(full, new, strict=True)]
    wide, kept = tuple(n for n, _ in sides), tuple(m for _, m in sides)
    # frequencies per pixel of the frames, whatever the sums are scaled to
    ky, kx = (
        k.ravel() * (m / n)
        for k, m, n in zip(fourier.frequency_grid(kept), kept, wide, strict=True)
    )
    left = resample.response(added.where, added.kernel, ky, kx)
    give_back = arrays.like(1 / left, added.still)

    def picture(spectrum: Array) -> Array:
        return arrays.irfft2(spectrum, kept, workers=workers)[: new[0], : new[1]]

    def work(i: int) -> Array:
        spectrum = fourier.transform_to(fourier.pad(added.sums[i, ...], wide), kept)
        spectrum *= give_back
        return spectrum

    made: dict[str, Array] = {}
    weighted = plain = None
    part = 0
    for name, spectrum in zip(names, ahead(work, range(len(names)), workers), strict=True):
        if filters and (name == "plain" or name.startswith("filter")):
            weighted = (
                arrays.module(spectrum).zeros_like(spectrum) if weighted is None else weighted
            )
            filters.add(part, spectrum, weighted, (ky / pixel_size, kx / pixel_size), pool=pool)
            part += 1
        if name == "plain" and "odd" in names:
            plain = spectrum * 1
        if name == "odd":
            plain -= spectrum
            made["even"] = picture(plain)
        if not name.startswith("filter"):
            made[name] = picture(spectrum)
    if weighted is not None:
        made["weighted"] = picture(weighted)
    return made


def _padded(side: int, new: int) -> tuple[int, int]:
    """A side at most 2 % longer that is quickly transformed, and what `new` becomes with it."""
    step = side // gcd(side, new)
    for longer in range(side, side + side // 50 + 1):
        if longer % step == 0 and scipy.fft.next_fast_len(longer, real=True) == longer:
            return longer, longer // step * (new // gcd(side, new))
    return side, new
