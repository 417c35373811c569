"""Which way a gain reference fits the frames: turned, flipped, multiplied or divided.

The unaligned sum of many frames shows the pixels' own sensitivities: where it fluctuates from pixel to
pixel more than counting does, these do. A reference fits when its fluctuations are those of the sum.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import gain as gains

# Turns and flips that differ, as `gain.orient` takes them; upside down after half a turn is left to right.
ORIENTATIONS = tuple((rotation, flip) for flip in (0, 1) for rotation in range(4))
AROUND = 9  # pixels, side of the square whose mean is taken out: neither specimen nor light matter
OUTLIER = 6.0  # sd; hot pixels and the like take no part
SURE = 8.0  # standard errors that the best must lie above nothing, and above the next
FITS = 0.5  # of the reference's fluctuations that the frames must show; old ones show less
FLAT = 1e-4  # sd of a reference below which it corrects nothing


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to use the reference, and what is found with it."""

    rotation: int  # quarter turns, as gain_rotation
    flip: int  # as gain_flip
    use: str  # "multiply", "divide", or "none": no reference at all
    # of the frames' fluctuations with those that the reference corrects, −1 to 1
    correlation: float
    slope: float  # how much of the reference's fluctuations the frames show; 1 when it is theirs
    excess: float  # variance that is left, over that of counting; 1 when all is corrected


@dataclass(frozen=True, slots=True)
class Found:
    """All ways, the best first, and what to think of them."""

    candidates: tuple[Candidate, ...]
    best: Candidate | None  # None when none fits
    clear: float  # standard errors between the best and the next
    sentence: str


def search(total: ArrayLike, gain: ArrayLike) -> Found:
    """Try all orientations and both uses of a gain reference on the unaligned sum of raw frames.

    With T the sum and c what the reference says a pixel counts (1/gain when frames are multiplied,
    gain when they are divided), both relative to their mean over 9 × 9 pixels around: T = 1 + b·c +
    noise of variance 1/T. b is 1 when the reference fits, 0 when it does not; its standard error is
    that of least squares.

    Parameters
    ----------
    total : (y, x) sum of frames as recorded, of one or several movies, in counts
    gain : (y, x) as read, neither turned nor flipped; of the frames' size, twice or half of it

    Raises
    ------
    BadData
        The reference is of another size, not finite, negative or zero; or the frames counted
        nothing.
    """
    total = np.asarray(total, np.float64)
    if total.ndim != 2 or not np.isfinite(total).all() or total.mean() <= 0:
        raise BadData("the frames counted nothing, or not only numbers; give raw movies")
    factor = gains.fitted(gain, total.shape)
    shapes = {factor.shape, factor.shape[::-1]}
    if total.shape not in shapes:
        gains.check(factor, total.shape)  # raises, with the sentence
    gains.check(factor, factor.shape)
    dead = gains.dead(factor)
    shown = {
        "multiply": _fluctuation(gains.reciprocal(factor), dead),
        "divide": _fluctuation(factor, dead),
    }
    empty = total <= 0
    seen = _fluctuation(total, empty)
    good = ~empty & (np.abs(seen) < OUTLIER * _spread(seen[~empty]))
    # of the mean of 81 values, 1/81 is the pixel's own
    counting = float(np.mean(1 / total[good])) * (1 - 1 / AROUND**2)

    ways = []
    for rotation, flip in ORIENTATIONS:
        if np.rot90(factor, rotation).shape != total.shape:
            continue
        usable = good & ~_turned(dead, rotation, flip)
        for use, pattern in shown.items():
            turned = _turned(pattern, rotation, flip)
            ways.append(_compared(seen, turned, usable, counting, rotation, flip, use))
    variance = float(seen[good].var())
    none = Candidate(0, 0, "none", 0.0, 0.0, variance / counting)
    ways.sort(key=lambda w: -w.correlation)
    pixels = int(good.sum())
    return _judged((*ways, none), pixels, float(_spread(shown["multiply"][~dead])), variance)


def _fluctuation(values: NDArray, ignored: NDArray) -> NDArray:
    """How far each value lies from the mean around it, relative to that; 0 where ignored."""
    weight = (~ignored).astype(np.float64)
    around = scipy.ndimage.uniform_filter(np.where(ignored, 0, values), AROUND, mode="mirror")
    share = scipy.ndimage.uniform_filter(weight, AROUND, mode="mirror")
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = values * share / around - 1
    return np.where(ignored | ~np.isfinite(relative), 0.0, relative)


def _spread(values: NDArray) -> float:
    """Standard deviation by quartiles, which outliers do not move."""
    some = values[:: max(1, values.size // 200_000)]
    quarter, three = np.percentile(some, [25, 75])
    return max(float(three - quarter) / 1.349, 1e-12)


def _turned(values: NDArray, rotation: int, flip: int) -> NDArray:
    """As `gain.orient` turns, whatever the type."""
    turned = np.rot90(values, -rotation)
    return np.flip(turned, flip - 1) if flip else turned


def _compared(
    seen: NDArray,
    pattern: NDArray,
    usable: NDArray,
    counting: float,
    rotation: int,
    flip: int,
    use: str,
) -> Candidate:
    one, two = seen[usable], pattern[usable]
    one, two = one - one.mean(), two - two.mean()
    own, both = float(two @ two), float(one @ two)
    slope = both / own if own > 0 else 0.0
    correlation = both / np.sqrt(max(own * float(one @ one), 1e-300))
    left = float(((one - two) ** 2).mean())
    return Candidate(rotation, flip, use, float(correlation), slope, left / counting)


def _judged(
    candidates: tuple[Candidate, ...], pixels: int, spread: float, variance: float
) -> Found:
    """What to think of the candidates, best first, of which the last is no reference."""
    best, rest, none = candidates[0], candidates[1:-1], candidates[-1]
    error = 1 / np.sqrt(max(pixels, 1))  # of a correlation that is none
    clear = (best.correlation - max((w.correlation for w in rest), default=0.0)) / error

    def found(fits: bool, sentence: str) -> Found:
        return Found(candidates, best if fits else None, float(clear), sentence)

    if spread < FLAT:
        return found(
            False, "the gain reference is flat: it corrects nothing, whichever way it is turned"
        )
    shown = best.correlation / error
    if shown < SURE:
        if (
            spread / np.sqrt(max(variance, 1e-300)) / error < 2 * SURE
        ):  # what a right one would show
            return found(False, "too few counts to tell: sum more frames, or more movies")
        return found(
            False,
            "the frames show nothing of what this gain reference corrects: they may be"
            " gain-corrected already, or it belongs to another camera",
        )
    if best.slope < FITS:
        return found(
            False,
            f"the frames show only {best.slope:.0%} of what this gain reference corrects, at best:"
            " it is of another time or of another mode of the camera; take the one of this session",
        )
    if clear < SURE:
        other = rest[0]
        return found(
            False,
            f"two ways fit alike: {_words(best)}, and {_words(other)}; the gain reference looks the"
            " same both ways",
        )
    left = (
        f"the variance from pixel to pixel is then {best.excess:.2f} of what counting electrons"
        f" gives, without a gain reference {none.excess:.2f}"
    )
    return found(True, f"the gain reference fits with {_words(best)}; {left}")


def _words(one: Candidate) -> str:
    return f"gain_rotation = {one.rotation}, gain_flip = {one.flip}, {one.use}"
