"""Frame shifts of a movie from the correlation of each frame with all the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check, defects, fourier

Report = Callable[[float, str], None]

SAMPLING = 3.0  # Å per pixel at which frames are compared; finer detail has no signal in one frame
NOISE_PEAK = 5.0  # sd; the highest of some thousand independent values of pure noise stays below


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the specimen moved, and how sure that is."""

    shifts: NDArray  # (n, 2) x, y in Å, specimen movement relative to the first used frame
    quality: float  # median height of the correlation peaks, in sd of the correlation maps
    rms_history: tuple[float, ...]  # Å, change of the shifts in each iteration
    converged: bool  # the last change was below the tolerance, and the peaks stand above noise
    iterations: int


def estimate(
    frames: Iterable[ArrayLike],
    *,
    pixel_size: float,
    bfactor: float = 150.0,
    max_shift: float = 100.0,
    iterations: int = 12,
    tolerance: float = 0.05,
    report: Report | None = None,
    workers: int = 1,
) -> Alignment:
    """Whole-frame shifts by iterative correlation of each frame with the sum of all others.

    Frames are Fourier-cropped to about 3 Å per pixel and only these are kept. In each iteration
    every frame is correlated with the sum of the *other* frames at their present shifts (with the
    frame itself the peak at zero would pull every shift to where it is). The correlation is
    weighted by exp(−B s²/4), in the first rounds with a larger B so that long ways are found, and
    in the last rounds by the measured signal-to-noise ratio as well: then the peak is the most
    likely shift in white noise. The idea is that of unblur (Grant & Grigorieff 2015, eLife
    4:e06980) and MotionCor2 (Zheng et al. 2017, Nat. Methods 14:331).

    What is the same in all frames but is no specimen would pull shifts to zero: hot pixels are
    looked for in the sum and replaced (which reads the frames a second time), and the zero
    lines of the Fourier transform, where the camera's rows and columns show, are left out.

    Parameters
    ----------
    frames : re-iterable, each (y, x), in electrons; at least one
    pixel_size : Å
    bfactor : Å²
    max_shift : largest movement between one frame and the sum of the others, Å
    iterations : at most so many
    tolerance : pixels (of the frames); iterating ends when shifts change less than this (RMS)
    report : called as report(fraction, text) for each frame; may raise to cancel
    workers : threads of the Fourier transforms

    Raises
    ------
    BadData
        When a frame is not finite, constant, too small, or of another size.
    """
    check.pixel_size(pixel_size)
    spectra, small, coarse = _read(frames, pixel_size, report, workers)
    if len(spectra) == 1:
        return Alignment(np.zeros((1, 2)), np.inf, (), True, 0)
    sy, sx = fourier.frequency_grid(small)
    s2 = (sx / coarse[0]) ** 2 + (sy / coarse[1]) ** 2
    open_lines = (sx != 0) & (sy != 0) & (s2 < (0.5 / coarse.max()) ** 2)
    shifts = np.zeros((len(spectra), 2))  # pixels of the small frames
    reach = np.maximum(max_shift / coarse, 2.0)
    history: list[float] = []
    heights = np.zeros(len(spectra))
    fine = False
    for iteration in range(iterations):
        moved = [f * fourier.phase_ramp(small, -d) for f, d in zip(spectra, shifts, strict=True)]
        total = np.sum(moved, axis=0)
        steepness = bfactor if iteration > 1 else bfactor * (16, 4)[iteration]
        weight = np.exp(-0.25 * steepness * s2).astype(np.float32) * open_lines
        if fine:
            weight = weight * _signal_to_noise(moved, total, small)
        change = np.empty_like(shifts)
        for i, frame in enumerate(moved):
            if report:
                done = (iteration + (i + 1) / len(moved)) / iterations
                report(0.4 + 0.6 * done, f"aligning, round {iteration + 1}")
            map_ = fourier.inverse(np.conj(total - frame) * frame * weight, small, workers=workers)
            change[i], heights[i] = peak(map_, reach)
        change *= 1 - 1 / len(moved)  # the others move too; of two frames, each goes half the way
        shifts = _within(shifts + change, reach)
        change -= change.mean(axis=0)  # where all frames move together nothing has changed
        history.append(float(np.sqrt(((change * coarse) ** 2).sum(1).mean())))
        if iteration > 1 and history[-1] < tolerance * pixel_size and fine:
            break
        fine = fine or (iteration > 1 and history[-1] < max(1.0, 2 * tolerance) * coarse.max())
    settled = history[-1] < max(tolerance * pixel_size, 0.02 * coarse.max())
    quality = float(np.median(heights))
    if report:
        report(1.0, "aligned")
    return Alignment(
        shifts=(shifts - shifts[0]) * coarse,
        quality=quality,
        rms_history=tuple(history),
        converged=bool(settled and quality > NOISE_PEAK),
        iterations=len(history),
    )


def _read(
    frames: Iterable[ArrayLike], pixel_size: float, report: Report | None, workers: int
) -> tuple[list[NDArray], tuple[int, int], NDArray]:
    """Half spectra of all small frames without hot pixels, their shape, and their pixel, Å x, y."""
    spectra, total, covered = _crop_all(frames, None, pixel_size, report, workers)
    if len(spectra) > 1:
        hot = defects.hot_pixels(total)
        if 0 < len(hot) < 0.01 * total.size:
            bad = defects.prepare(defects.points(hot, total.shape))
            spectra, total, covered = _crop_all(frames, bad, pixel_size, report, workers)
    small = _small_shape(covered, pixel_size)
    coarse = pixel_size * np.array([covered[1] / small[1], covered[0] / small[0]])
    return spectra, small, coarse


def _small_shape(shape: tuple[int, int], pixel_size: float) -> tuple[int, int]:
    """Shape (y, x) in which frames of this shape are compared: fast, even sides, about 3 Å."""
    ratio = min(1.0, pixel_size / SAMPLING)
    sides = [scipy.fft.next_fast_len(max(int(np.ceil(n * ratio / 2)), 16), True) * 2 for n in shape]
    return min(sides[0], shape[0]), min(sides[1], shape[1])


def _crop_all(
    frames: Iterable[ArrayLike],
    bad: defects.Bad | None,
    pixel_size: float,
    report: Report | None,
    workers: int,
) -> tuple[list[NDArray], NDArray, tuple[int, int]]:
    """Half spectra of the small frames, the sum of the frames, the part (y, x) of it they cover.

    Fine pixels are first binned to at most half the sampling, which makes the transforms cheap
    and costs little of what is compared afterwards.
    """
    spectra: list[NDArray] = []
    total = np.zeros((0, 0), np.float32)
    count = len(frames) if hasattr(frames, "__len__") else None
    rng = np.random.default_rng(0)
    side = max(1, int(SAMPLING / 2 / pixel_size))
    for i, raw in enumerate(frames):
        frame = check.picture(raw, what=f"frame {i + 1}")
        if i == 0:
            total = np.zeros(frame.shape, np.float32)
            h, w = (n // side for n in frame.shape)
            small = _small_shape((h * side, w * side), pixel_size)
        elif frame.shape != total.shape:
            raise BadData(
                f"frame {i + 1} has the shape {frame.shape}, the frames before it {total.shape}"
            )
        total += frame
        if bad is not None:
            frame = defects.repair(frame, bad, rng=rng)
        binned = frame[:h, :w] if side == 1 else _bin(frame[: h * side, : w * side], side)
        spectrum = fourier.transform(binned - binned.mean(), workers=workers)
        spectra.append(fourier.resize_spectrum(spectrum, (h, w), small))
        if report:
            report(0.4 * (i + 1) / count if count else 0.0, f"reading frame {i + 1}")
    if not spectra:
        raise BadData("the movie has no frames; check the first and last frame to be used")
    return spectra, total, (h * side, w * side)


def _bin(frame: NDArray, side: int) -> NDArray:
    """Sums of side × side pixels (slices are summed: ten times faster than a reshaped sum)."""
    rows = np.add.reduce([frame[i::side] for i in range(side)])
    return np.add.reduce([rows[:, i::side] for i in range(side)])


def _signal_to_noise(moved: list[NDArray], total: NDArray, small: tuple[int, int]) -> NDArray:
    """Weight of each frequency for the most likely shift: s / (s + v / (n − 1)) / v.

    s and v are signal and noise power in one frame, on rings: the frames' sum holds n²s + nv,
    the sum of their powers n(s + v). The first factor is the Wiener filter of the sum of the
    n − 1 other frames, the second whitens the noise. Ones when no signal is seen anywhere.
    """
    n, ring = len(moved), fourier.radial_index(small)
    of_sum = fourier.radial_average(total.real**2 + total.imag**2, ring)
    sum_of = fourier.radial_average(sum(f.real**2 + f.imag**2 for f in moved), ring)
    noise = np.maximum((sum_of - of_sum / n) / (n - 1), 1e-30)
    signal = np.convolve((of_sum - sum_of) / (n * (n - 1)), np.ones(5) / 5, "same")
    wiener = np.maximum(signal, 0) / (np.maximum(signal, 0) + noise / (n - 1)) / noise
    wiener[:2] = 0  # the mean was removed, and the first ring is the illumination's
    highest = np.nanmax(wiener)
    if not highest > 0:
        return np.ones(ring.shape, np.float32)
    return (wiener / highest).astype(np.float32)[ring]


def peak(map_: NDArray, reach: ArrayLike) -> tuple[NDArray, float]:
    """Position (x, y) and height of the highest point of a correlation map around zero shift.

    The top is that of the parabola through the 3 × 3 values around the highest one. As frames
    are moved by the present shifts before they are correlated, the peak ends at zero, where
    the parabola has no bias.

    Parameters
    ----------
    map_ : (y, x), zero shift at [0, 0], periodic
    reach : x, y; the farthest position that is looked at, pixels

    Returns
    -------
    position in pixels, and height in standard deviations of the whole map
    """
    h, w = map_.shape
    rx, ry = (int(min(r, (n - 2) // 2)) for r, n in zip(np.asarray(reach), (w, h), strict=True))
    rows, columns = np.arange(-ry, ry + 1), np.arange(-rx, rx + 1)
    window = map_[np.ix_(rows, columns)]
    j, i = np.unravel_index(np.argmax(window), window.shape)
    y, x = rows[j], columns[i]
    near = map_[np.ix_((y + np.arange(-1, 2)) % h, (x + np.arange(-1, 2)) % w)].astype(np.float64)
    height = float((near[1, 1] - map_.mean()) / max(map_.std(), 1e-30))
    along_x, along_y = near.sum(0), near.sum(1)  # least squares of a·x² + b·x + c·y² + d·y + e·xy
    gradient = np.array([along_x[2] - along_x[0], along_y[2] - along_y[0]]) / 6
    xx = (along_x[0] - 2 * along_x[1] + along_x[2]) / 3
    yy = (along_y[0] - 2 * along_y[1] + along_y[2]) / 3
    xy = (near[0, 0] + near[2, 2] - near[0, 2] - near[2, 0]) / 4
    determinant = xx * yy - xy * xy
    if determinant <= 0 or xx >= 0:  # no top: a ridge, or the edge of the window
        return np.array([x, y], float), height
    top = -np.array([yy * gradient[0] - xy * gradient[1], xx * gradient[1] - xy * gradient[0]])
    return np.array([x, y]) + np.clip(top / determinant, -1, 1), height


def _within(shifts: NDArray, reach: NDArray) -> NDArray:
    """The shifts, none farther than reach (x, y) from their median."""
    middle = np.median(shifts, axis=0)
    return middle + np.clip(shifts - middle, -reach, reach)
