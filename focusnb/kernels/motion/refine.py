"""The most likely movement of all frames and patches together, by Newton's method.

The frames are one unknown specimen, moved, in white noise. With the specimen's power s and the
noise's v on each ring of the spectrum, the likelihood of the movements d depends on

    L = Σ over frames and frequencies of  w · Re(others* · moved),    w = s / (s + v / (n − 1)) / v

where `moved` is a frame moved back by d, and `others` the sum of all other frames moved back. Its
slope and its expected curvature are known for each patch and frame, so that one set of normal
equations gives the steps of the whole-frame shifts and of the local model's coefficients at once.
Three or four rounds suffice, and their inverse tells how exact the answer is. What correlates
frames with the sum of the others goes back to unblur (Grant & Grigorieff 2015) and MotionCor2 (Zheng
et al. 2017); to fit a smooth field to all patches at once, to alignparts_lmbfgs (Rubinstein &
Brubaker 2015, J. Struct. Biol. 192:188) and RELION's model (Zivanov et al. 2019).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels.motion import model
from focusnb.kernels.motion.patches import Patches

ROUGH = np.geomspace(0.003, 10, 41)  # pixels, changes of speed that are thought of
SOFTER = (4.0, 1.0, 0.0)  # times the B-factor, in the first rounds: a long way is seen at first
LONGEST = 4.0  # pixels that a round may move a frame: farther the slope says nothing
MOST = 3.0  # times the median patch: so much one patch may count
FINEST = 5.0  # Å: finer detail is weak in a frame
SHOWN = 5.0  # sd; the correlation of a frame that shows what the others show stands above
PRIOR = 10.0  # Å, how far parts of the specimen usually move relative to the whole


@dataclass(frozen=True, slots=True)
class Fit:
    """The most likely movement, in pixels of the patches."""

    z: NDArray  # (n,) numbers of the frames
    shifts: NDArray  # (n, 2) of the whole frames
    coefficients: NDArray | None  # (36,) of the local model, z in frames
    poor: NDArray  # (n,) frames that do not show what the others show
    errors: NDArray  # (2,) standard error of one frame's x, y
    rest: NDArray  # (patches, n, 2) smooth movement of each patch that the fit does not explain
    rest_error: NDArray  # (patches,) standard error of that, RMS over the frames
    worth: float  # twice the log-likelihood that the local model has added
    changes: tuple[float, ...]  # RMS change of the movement in each round
    converged: bool


@dataclass(frozen=True, slots=True)
class _Slopes:
    """Correlations at present movements."""

    slope: NDArray  # (n, patches, 2) of L
    curvature: NDArray  # (patches, 2) expected, of one frame's part in L
    heights: NDArray  # (n,)
    good: NDArray  # (patches,) which take part in the steps; the others are only looked at


def fit(
    patches: Patches,
    shifts: NDArray,
    *,
    pixel_size: float,
    local: bool,
    bfactor: float,
    z: NDArray | None = None,
    finest: float = FINEST,
    start: NDArray | None = None,
    good: NDArray | None = None,
    rounds: int = 10,
    tolerance: float = 0.02,
    pool: Any = None,
    report: Callable[[float], None] = lambda fraction: None,
) -> Fit:
    """Fit the shifts of the frames and, if asked, the local model.

    Parameters
    ----------
    patches : cut at about the right places
    shifts : (n, 2) to start from, pixels
    pixel_size : Å
    local : whether the local model takes part
    z : (n,) numbers of the frames, from that on which the model counts; 0, 1, 2 … if not given
    finest : Å, detail that takes part
    bfactor : Å², of the additional weight in the first rounds
    start : (36,) coefficients to start from
    good : (patches,) which take part; all if not given
    tolerance : pixels; rounds end when the movement changes by less (RMS)
    """
    count = len(shifts)
    good = np.ones(patches.many, bool) if good is None else good
    shifts = np.array(shifts, np.float64)
    z = np.arange(count) if z is None else z
    last = float(max(z[-1], 1))
    time = model.time_terms(z / last)
    terms = np.zeros((2, model.SPACE, model.TIME)) if start is None else _by_time(start, last)
    space = model.space_terms(*patches.centres.T)  # (6, patches)
    changes: list[float] = []
    softness = 2 if start is not None else 0
    for round_ in range(rounds):
        moves = _moves(shifts, terms, space, time) - patches.offsets[:, None]
        soft = SOFTER[min(softness + round_, len(SOFTER) - 1)] * bfactor
        report(round_ / rounds)
        found = _slopes(patches, moves, good, soft, pixel_size, finest, pool)
        smooth = _smoothness(found, shifts)
        step_shifts, step_terms = _step(
            found, shifts, smooth, space, time, terms, local, pixel_size
        )
        shifts = shifts + step_shifts
        terms = terms + step_terms
        change = _moves(step_shifts, step_terms, space, time)
        change = change[~poor(found.heights)][:, good]
        change = change - change.mean(axis=0)
        changes.append(float(np.sqrt((change**2).sum(2).mean())))
        if soft == 0 and changes[-1] < tolerance:
            break
    rest, rest_error = _rest(found, time)
    shifts, terms = _centred(shifts, terms, time)
    return Fit(
        z=z,
        shifts=shifts,
        coefficients=_by_frame(terms, last) if local else None,
        poor=poor(found.heights),
        errors=_errors(found, smooth),
        rest=rest,
        rest_error=rest_error,
        worth=_worth(found, terms, space, time),
        changes=tuple(changes),
        converged=changes[-1] < tolerance,
    )


def poor(heights: NDArray) -> NDArray:
    """Which frames (n,) do not show what the others show."""
    low: NDArray = heights < min(SHOWN, np.median(heights) / 3)
    return low if not low.all() else np.zeros(len(heights), bool)


def _by_time(coefficients: NDArray, last: float) -> NDArray:
    """Coefficients for z in frames as terms (2, 6, 3) for t = z / last."""
    scale = last ** np.arange(1, model.TIME + 1)
    return np.asarray(coefficients).reshape(2, model.SPACE, model.TIME) * scale


def _by_frame(terms: NDArray, last: float) -> NDArray:
    return (terms / last ** np.arange(1, model.TIME + 1)).ravel()


def _moves(shifts: NDArray, terms: NDArray, space: NDArray, time: NDArray) -> NDArray:
    """Movement of each patch in each frame: (n, patches, 2)."""
    return shifts[:, None] + np.einsum("ast,sp,tn->npa", terms, space, time)


def _slopes(
    patches: Patches,
    moves: NDArray,
    good: NDArray,
    soft: float,
    pixel_size: float,
    finest: float,
    pool: Any,
) -> _Slopes:
    """Slopes and curvatures of L, with weights from the spectra at these movements."""
    count = len(moves)
    total = patches.spectra.total(moves, pool)
    summed = patches.spectra.power(total)
    weight, curvature, noise = _weights(patches, summed, count, good, soft, pixel_size, finest)
    found = patches.spectra.correlate(moves, total, weight, pool)
    height, square = found[:, good, 0].sum(1), found[:, good, 3].sum(1)
    sd = np.sqrt(np.maximum(square * noise / 2, 1e-30))
    return _Slopes(found[..., 1:3], curvature, height / sd, good)


def _weights(
    patches: Patches,
    summed: NDArray,
    count: int,
    good: NDArray,
    soft: float,
    pixel_size: float,
    finest: float,
) -> tuple[NDArray, NDArray, float]:
    """Weight w of each frequency in each patch; curvature (patches, 2); the noise's mean power.

    The sum of n frames holds n²s + nv, the frames' powers n(s + v). The specimen's power has the
    same shape in all patches, but each has its own amount of it. summed (patches, rings): |sum|².
    """
    grid, points = patches.grid, patches.grid.points
    k = np.arange(len(points)) / max(grid.shape)
    ky, kx = grid.ky[:, None], grid.kx
    highest = min(0.5, pixel_size / finest)
    seen = (np.hypot(ky, kx) < highest) & (grid.rings > 1) & (kx != 0) & (ky != 0)
    inside = (k < highest) & (np.arange(len(k)) > 1)

    # The median of the patches: one that shows something else does not rule the others' weights.
    of_sum = np.median(summed[good], axis=0) / points
    of_frames = np.median(patches.power[good], axis=0) / points
    noise = np.maximum((of_frames - of_sum / count) / max(count - 1, 1), 1e-30)
    each = (summed - patches.power) / (count * max(count - 1, 1)) / points
    each = np.apply_along_axis(np.convolve, 1, each, np.ones(5) / 5, "same")
    signal = np.median(each[good], axis=0)
    chance = noise / count / np.sqrt(5 * points * good.sum() / 2)  # sd without any signal
    signal = np.where(signal > chance, signal, 0) * inside
    sure = points * signal / noise**2
    amount = np.maximum((each * sure).sum(1) / max((signal * sure).sum(), 1e-30), 0)
    mine = amount[:, None] * signal
    wiener = mine / (mine + noise / max(count - 1, 1)) / noise
    wiener *= np.exp(-0.25 * soft * (k / pixel_size) ** 2)
    weight = wiener.astype(np.float32)[:, grid.rings] * (seen * grid.times)
    slope = 4 * np.pi**2 * max(count - 1, 1)
    curvature = np.empty((patches.many, 2))
    for axis, across in enumerate((kx, ky)):
        square = np.bincount(
            grid.rings.ravel(), (seen * grid.times * across**2).ravel().astype(float), len(k)
        )
        curvature[:, axis] = slope * (wiener * mine) @ square
    used = wiener[good].sum(0) ** 2 * of_sum * points
    mean = float((used * noise).sum() / max(used.sum(), 1e-30))
    return weight, curvature, mean


def _smoothness(found: _Slopes, shifts: NDArray) -> NDArray:
    """What holds the way of the whole frames smooth, (n, n): as much as the movie itself asks for.

    The changes of speed, second differences D of the shifts, are thought to be normal with one sd.
    What the frames show without that, y with the error v, then has D y ~ N(0, sd² + v D Dᵀ): the sd
    is the one that makes y most likely. Where it moves unsteadily the sd is large and holds nothing.
    """
    count = len(shifts)
    if count < 5:
        return np.zeros((count, count))
    second = np.diff(np.eye(count), 2, axis=0)
    values, vectors = np.linalg.eigh(second @ second.T)
    likely = np.zeros(len(ROUGH))
    for axis in range(2):
        curvature, slope = _of_frames(found, axis)
        shown = shifts[:, axis] + slope / curvature
        along = vectors.T @ second @ shown
        spread = ROUGH[:, None] ** 2 + values * ((count - 1) / curvature)
        likely -= (np.log(spread) + along**2 / spread).sum(1) / 2
    return second.T @ second / ROUGH[np.argmax(likely)] ** 2


def _of_frames(found: _Slopes, axis: int) -> tuple[float, NDArray]:
    """Curvature, and slope (n,) against the mean of all, of the whole frames."""
    count = len(found.slope)
    curvature = found.curvature[:, axis]
    part = _part(curvature, found.good)
    slope = found.slope[:, :, axis] @ part
    whole = float((curvature * part).sum()) * count / max(count - 1, 1)
    return max(whole, 1e-30), slope - slope.mean()


def _errors(found: _Slopes, smooth: NDArray) -> NDArray:
    """Standard error (x, y) of one frame's shift, pixels."""
    count = len(smooth)
    seen = np.eye(count) - 1 / count
    errors = np.empty(2)
    for axis in range(2):
        matrix = _of_frames(found, axis)[0] / max(count - 1, 1) * seen + smooth
        values = np.linalg.eigvalsh(matrix)[1:]  # the first is the movement of all together
        errors[axis] = np.sqrt((1 / np.maximum(values, 1e-30)).sum() / count)
    return errors


def _step(
    found: _Slopes,
    shifts: NDArray,
    smooth: NDArray,
    space: NDArray,
    time: NDArray,
    terms: NDArray,
    local: bool,
    pixel_size: float,
) -> tuple[NDArray, NDArray]:
    """Newton's step of the shifts (n, 2) and of the local terms (2, 6, 3).

    Only how frames move against each other is seen: the mean of each patch over the frames is taken
    out. The term that is constant in space is the shifts' own. What holds the movement (the way is
    smooth, its parts are slow) is weighed as L is, by n − 1.
    """
    count, many = found.slope.shape[:2]
    step, change = np.zeros((count, 2)), np.zeros_like(terms)
    free = (model.SPACE - 1) * model.TIME if local else 0
    design = np.zeros((count, many, count + free))
    design[:, :, :count] = np.eye(count)[:, None]
    hold = np.zeros((count + free, count + free))
    hold[:count, :count] = smooth
    if local:
        products = np.einsum("sp,tn->npst", space[1:], time).reshape(count, many, free)
        design[:, :, count:] = products
        usual = (PRIOR / pixel_size) ** 2
        hold[count:, count:] = np.einsum("npc,npd->cd", products, products)
        hold[count:, count:] *= free / (count * many * usual)
    hold *= max(count - 1, 1)
    seen = design - design.mean(axis=0)
    for axis in range(2):
        curvature = found.curvature[:, axis]
        part = _part(curvature, found.good)
        curvature = curvature * part * (count / max(count - 1, 1))
        matrix = np.einsum("p,npc,npd->cd", curvature, seen, seen, optimize=True) + hold
        right = np.einsum("np,npc->c", found.slope[:, :, axis] * part, seen, optimize=True)
        right -= hold @ np.concatenate([shifts[:, axis], terms[axis, 1:].ravel()[:free]])
        size = np.sqrt(np.maximum(np.diag(matrix), 1e-30))
        answer = np.linalg.lstsq(matrix / size / size[:, None], right / size, rcond=1e-9)[0] / size
        step[:, axis] = np.clip(answer[:count], -LONGEST, LONGEST)
        if local:
            change[axis, 1:] = answer[count:].reshape(model.SPACE - 1, model.TIME)
    return step - step[0], change


def _part(curvature: NDArray, good: NDArray) -> NDArray:
    """How much of each patch counts: none more than a few times what is usual, or it would rule."""
    seen = good & (curvature > 0)
    usual = np.median(curvature[seen]) if seen.any() else 1.0
    return np.minimum(1, MOST * usual / np.maximum(curvature, 1e-30)) * good


def _centred(shifts: NDArray, terms: NDArray, time: NDArray) -> tuple[NDArray, NDArray]:
    """The same movement, with local parts whose mean over the field is zero."""
    mean = (terms[:, 2] + terms[:, 4]) / 12 + terms[:, 0]  # of x² and y² from −½ to ½
    terms = terms.copy()
    terms[:, 0] -= mean
    shifts = shifts + (mean @ time).T
    return shifts - shifts[0], terms


def _rest(found: _Slopes, time: NDArray) -> tuple[NDArray, NDArray]:
    """The smooth movement (patches, n, 2) of each patch beyond the fit, and its standard error."""
    count = time.shape[1]
    smooth = (time - time.mean(axis=1, keepdims=True)).T  # (n, 3)
    inverse = np.linalg.pinv(smooth.T @ smooth)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = 1 / (found.curvature * (count / max(count - 1, 1)))
        amount = np.einsum("tu,nu,npa->pta", inverse, smooth, found.slope) * size[:, None]
        error = np.sqrt((time.shape[0] * max(count - 1, 1) / count) * size.sum(1))
    way = np.einsum("nt,pta->pna", time.T, np.nan_to_num(amount, posinf=0, neginf=0))
    return way, error


def _worth(found: _Slopes, terms: NDArray, space: NDArray, time: NDArray) -> float:
    """Twice the log-likelihood of the local terms: about 30 when there is no local motion at all."""
    count = time.shape[1]
    moves = np.einsum("ast,sp,tn->npa", terms, space, time)
    curvature = found.curvature * found.good[:, None]
    total = np.maximum(curvature.sum(axis=0), 1e-30)
    moves = moves - np.einsum("npa,pa->na", moves, curvature / total)[:, None]
    moves = moves - moves.mean(axis=0)
    return float((moves**2 * curvature).sum() / max(count - 1, 1))
