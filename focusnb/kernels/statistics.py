"""What a picture's counts say: mean, scatter, areas of few counts, stripes, dose, thickness of ice.

Functions of pictures take arrays of NumPy, PyTorch or another module of the array standard.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import arrays, check
from focusnb.kernels.arrays import Array

RATIO_LOW, RATIO_HIGH = 0.5, 1.15  # counted / nominal dose; DESIGN §8, "Dose truth"
SESSION_TOLERANCE = 0.15  # from the session's running median
BLOCKS = 32  # along each side of a picture, whose means are compared
FEWER = 0.05  # part of its counts that an area must lack to be another than the hole
APART = 4.0  # and how many times the scatter within the areas
# Å of vitreous ice that let 1/e of the electrons pass an energy filter at 300 kV (Rice et al. 2018,
# J. Struct. Biol. 204:38); what the aperture stops besides makes it somewhat shorter.
FREE_PATH = 3950.0
EMPTIER = 1.02  # more than the empty hole's count than this is no chance


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers of one picture."""

    mean: float
    sd: float
    minimum: float
    maximum: float
    dark: float  # fraction of the area with less than half the counts of the bright areas
    carbon: float  # fraction of the area that counts clearly fewer than the hole's film
    hole: float  # mean of the rest, the film in the hole
    stripes: float  # power of rows and columns over that of their neighbours; 1 without stripes


def describe(picture: ArrayLike) -> Statistics:
    """Statistics of a picture (y, x), sums in float64."""
    array = check.picture(picture)
    xp = arrays.module(array)
    means = block_means(array)
    film = _film(means)
    mean = float(xp.sum(array, dtype=xp.float64)) / (array.shape[0] * array.shape[1])
    away = array - mean
    return Statistics(
        mean=mean,
        sd=float(xp.sum(away * away, dtype=xp.float64) / (array.shape[0] * array.shape[1])) ** 0.5,
        minimum=float(xp.min(array)),
        maximum=float(xp.max(array)),
        dark=_dark(means),
        carbon=float(1 - film.mean()),
        hole=mean if film.all() else float(means[film].mean()),
        stripes=stripes(array),
    )


def block_means(picture: ArrayLike, *, blocks: int = BLOCKS) -> NDArray:
    """Means over blocks × blocks equal areas of a picture (y, x); what is over is left out."""
    array = arrays.as_float(picture)
    height, width = (n // blocks for n in array.shape)
    if min(height, width) < 1:
        raise BadData(f"a picture of shape {tuple(array.shape)} has no {blocks} × {blocks} areas")
    xp = arrays.module(array)
    part = array[: height * blocks, : width * blocks]
    part = xp.reshape(part, (blocks, height, blocks, width))
    total = arrays.to_numpy(xp.sum(xp.sum(part, axis=3), axis=1, dtype=xp.float64))
    return total / (height * width)


def dark(picture: ArrayLike, *, blocks: int = BLOCKS) -> float:
    """Fraction of the area that is in shadow: grid bar, edge of the hole, blocked beam.

    The picture is divided into blocks × blocks areas; one is dark when its mean is below half of
    that which 95 % of the areas stay below.
    """
    return _dark(block_means(picture, blocks=blocks))


def _dark(means: NDArray) -> float:
    return float((means < 0.5 * np.percentile(means, 95)).mean())


def carbon_fraction(picture: ArrayLike, *, blocks: int = BLOCKS) -> float:
    """Fraction of the area that counts clearly fewer than the film in the hole; 0 without any.

    The hole is the brightest area with a border; carbon and grid bars reach in from the picture's
    edge, while beads and lumps of ice that lie in the hole do not count. A picture of one kind of
    area, also when all of it is carbon, gives 0, and so does a beam that fades to one side.

    The means of blocks × blocks areas are taken as a plane (the beam) and a step from one class
    to the other, found by turns from Otsu's division (1979, IEEE Trans. Syst. Man Cybern. 9:62).
    The step must be more than 5 % and four times the scatter, and be made within two blocks. Of
    the brighter class the same is asked again, as grid bars, carbon and hole are three classes.
    """
    return float(1 - _film(block_means(picture, blocks=blocks)).mean())


def _film(means: NDArray) -> NDArray:
    """Which of the areas are film in a hole: all of them, or the brightest with a border."""
    values = np.minimum(means, np.percentile(means, 97))  # a few hot pixels are no film
    film = np.ones(values.shape, bool)
    while True:
        lower = _from_outside(film & ~_brighter(values, film), ~film)
        halo = lower & scipy.ndimage.binary_dilation(~film, np.ones((3, 3)))
        # what lies along the last border only are areas that it goes through
        if not lower.any() or 2 * halo.sum() > lower.sum():
            return film
        film = film & ~lower


def _from_outside(lower: NDArray, before: NDArray) -> NDArray:
    """The parts of a class that reach in from the picture's edge, 2 % of its area at least.

    Carbon does; particles far from focus, beads and lumps of ice are islands.
    """
    parts, _ = scipy.ndimage.label(lower | before)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    size = np.bincount(parts.ravel())
    large = [n for n in np.unique(edge[edge > 0]) if size[n] >= 0.02 * parts.size]
    return lower & np.isin(parts, large)


def _brighter(means: NDArray, area: NDArray) -> NDArray:
    """The brighter of two classes of areas; all of them when there is one class only."""
    y, x = (np.arange(n) / n - 0.5 for n in means.shape)
    plane = np.stack(np.broadcast_arrays(1.0, y[:, None], x), axis=-1)[area]
    values = means[area]
    bright = values > _division(values)
    for _ in range(8):
        known = np.column_stack([plane, bright])
        solved = np.linalg.lstsq(known, values, rcond=None)[0]
        level = values - plane[:, 1:] @ solved[1:3]
        before, bright = bright, level > solved[0] + solved[3] / 2
        if bright.all() or not bright.any() or (bright == before).all():
            break
    whole = area.copy()
    if bright.all() or not bright.any():
        return whole
    step = np.median(level[bright]) - np.median(level[~bright])
    scatter = _scatter(level[bright] if 2 * bright.sum() > bright.size else level[~bright])
    if step < FEWER * np.median(level[bright]) or step < APART * scatter:
        return whole
    classes = np.zeros(means.shape, int)
    classes[area] = np.where(bright, 1, -1)
    return classes > 0 if _is_border(means, classes, step) else whole


def _division(values: NDArray) -> float:
    """The value that divides two classes best, in Otsu's sense."""
    ordered = np.sort(values)
    count = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    low, high = sums[:-1] / count, (sums[-1] - sums[:-1]) / (ordered.size - count)
    best = int(np.argmax(count * (ordered.size - count) * (high - low) ** 2))
    return float(ordered[best : best + 2].mean())


def _scatter(values: NDArray) -> float:
    """Standard deviation as the median deviation tells it: what lies on a border has no say."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _is_border(means: NDArray, classes: NDArray, step: float) -> bool:
    """Whether half of the step between classes 1 and −1 is made within two areas."""
    jumps = []
    for values, kind in ((means, classes), (means.T, classes.T)):
        meet = kind[:-2] * kind[2:] == -1
        jumps.append(np.abs(values[2:] - values[:-2])[meet])
    across = np.concatenate(jumps)
    return across.size > 0 and float(np.median(across)) > 0.5 * step


def stripes(picture: ArrayLike, *, neighbours: int = 6) -> float:
    """How much more whole rows and columns scatter than chance lets them: 1 without stripes.

    Rows that count more than others put power on the line kx = 0 of the Fourier transform;
    it is compared with the lines kx = 2 … `neighbours` beside it, at ky beyond a quarter of
    Nyquist's frequency, where the specimen is weak. Columns likewise; the larger one is returned.
    """
    array = arrays.as_float(picture)
    columns = arrays.module(array).permute_dims(array, (1, 0))
    return max(_lines(array, neighbours), _lines(columns, neighbours))


def _lines(array: Array, neighbours: int) -> float:
    """Power of row sums relative to that of sums along slow waves."""
    xp = arrays.module(array)
    rows, length = array.shape
    k = np.r_[0, 2 : neighbours + 1]
    turns = 2 * np.pi * np.outer(np.arange(length), k) / length
    waves = arrays.like(np.concatenate([np.cos(turns), np.sin(turns)], axis=1), array)
    sums = arrays.to_numpy(xp.matmul(array, waves)).astype(np.float64)
    lines = sums[:, : len(k)] - 1j * sums[:, len(k) :]
    power = np.abs(np.fft.fft(lines - lines.mean(0), axis=0)) ** 2
    power = power[rows // 8 : rows // 2].mean(0)
    return float(power[0] / max(power[1:].mean(), 1e-30))


def counted_dose(mean_count: float, *, pixel_size: float) -> float:
    """Dose of one frame, e/Å², from its mean electrons per pixel and the pixel size, Å."""
    return mean_count / check.pixel_size(pixel_size) ** 2


def dose_ratio(
    mean_count: float, *, pixel_size: float, dose_per_frame: float | None
) -> float | None:
    """Counted over nominal dose; None when no nominal dose is known.

    mean_count: electrons per recorded pixel per frame.  dose_per_frame: nominal, e/Å².
    """
    if not dose_per_frame:
        return None
    return counted_dose(mean_count, pixel_size=pixel_size) / dose_per_frame


def ice_thickness(
    count: float, *, empty: float | None, free_path: float = FREE_PATH
) -> float | None:
    """Thickness of the ice, Å, from the electrons it takes away: free path · ln(empty / count).

    Lambert's and Beer's law, as Rice et al. 2018 (J. Struct. Biol. 204:38) use it with an energy
    filter, or with an objective aperture alone, and Rheinberger et al. 2021 (Acta Cryst. D77:565).
    Chance may bring it somewhat below 0. None when the count in an empty hole is not known, when
    nothing was counted, or clearly more than in the empty hole, which then was another beam's.

    Parameters
    ----------
    count : electrons per pixel and frame behind the ice
    empty : the same where there is no specimen, with the same beam, aperture and filter
    free_path : Å of ice that let 1/e of the electrons pass
    """
    if not (np.isfinite(free_path) and free_path > 0):
        raise BadData(f"the free path is {free_path} Å; it must be a positive number")
    if empty is None:
        return None
    if not (np.isfinite(empty) and empty > 0):
        raise BadData(f"the count in an empty hole is {empty}; it must be a positive number")
    if not 0 < count <= EMPTIER * empty:
        return None
    return float(free_path * np.log(empty / count))


def thickness_warnings(count: float, *, empty: float | None) -> list[str]:
    """What is to be said about the count in an empty hole: it should be the larger one."""
    if empty is None or not count > EMPTIER * empty:
        return []
    return [
        f"{count:.3f} electrons per pixel and frame are more than the {empty:.3f} of an empty "
        "hole: check empty_hole_count"
    ]


def dose_warnings(ratio: float | None, *, session: ArrayLike = ()) -> list[str]:
    """What is to be said about a dose ratio, given those of the session's images before it.

    Ice, apertures and coincidence loss take 15–30 %, so 0.5 … 1.15 is no reason to warn; a jump
    of more than 15 % from the session's median is.
    """
    if ratio is None:
        return []
    said = []
    if not np.isfinite(ratio):
        return [f"the dose ratio is {ratio}: check the counts and the nominal dose"]
    if ratio < RATIO_LOW:
        said.append(
            f"only {ratio:.2f} of the nominal dose was counted: thick ice, a blocked beam, "
            "a wrong pixel_size or counts_per_electron"
        )
    elif ratio > RATIO_HIGH:
        said.append(
            f"{ratio:.2f} times the nominal dose was counted: "
            "check dose_per_frame, pixel_size and counts_per_electron"
        )
    before = np.asarray(session, float)
    before = before[np.isfinite(before)]
    if before.size >= 3:
        median = float(np.median(before))
        if median > 0 and abs(ratio / median - 1) > SESSION_TOLERANCE:
            said.append(
                f"the dose ratio {ratio:.2f} is {abs(ratio / median - 1):.0%} from the session's "
                f"median {median:.2f}"
            )
    return said


def gain_warnings(*, integers: bool, gain: bool, gain_corrected: bool | None) -> list[str]:
    """What is to be said about the gain: missing for raw counts, or given for corrected frames.

    Parameters
    ----------
    integers : the frames are stored as integers
    gain : a gain reference is given
    gain_corrected : what the header or the user says of the frames; None when unknown
    """
    if gain and gain_corrected:
        return [
            "a gain reference is given, but the frames are gain-corrected already: it is not used;"
            " leave gain empty, or set gain_corrected to no"
        ]
    if integers and not gain and not gain_corrected:
        return [
            "the frames are integers and no gain reference is given: "
            "give gain, or set gain_corrected to yes"
        ]
    return []
