"""What a picture's counts say: mean, scatter, dark areas, stripes, and whether the dose is true."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData
from focusnb.kernels import check

RATIO_LOW, RATIO_HIGH = 0.5, 1.15  # counted / nominal dose; DESIGN §8, "Dose truth"
SESSION_TOLERANCE = 0.15  # from the session's running median


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers of one picture."""

    mean: float
    sd: float
    minimum: float
    maximum: float
    dark: float  # fraction of the area with less than half the counts of the bright areas
    stripes: float  # power of rows and columns over that of their neighbours; 1 without stripes


def describe(picture: ArrayLike) -> Statistics:
    """Statistics of a picture (y, x), sums in float64."""
    array = check.picture(picture)
    return Statistics(
        mean=float(array.mean(dtype=np.float64)),
        sd=float(array.std(dtype=np.float64)),
        minimum=float(array.min()),
        maximum=float(array.max()),
        dark=dark(array),
        stripes=stripes(array),
    )


def dark(picture: ArrayLike, *, blocks: int = 32) -> float:
    """Fraction of the area that is in shadow: grid bar, edge of the hole, blocked beam.

    The picture is divided into blocks × blocks areas; one is dark when its mean is below half of
    that which 95 % of the areas stay below.
    """
    array = np.asarray(picture, np.float32)
    h, w = (n // blocks for n in array.shape)
    if min(h, w) < 1:
        raise BadData(f"a picture of shape {array.shape} has no {blocks} × {blocks} areas")
    part = array[: h * blocks, : w * blocks].reshape(blocks, h, blocks, w)
    means = part.mean(axis=(1, 3), dtype=np.float64)
    return float((means < 0.5 * np.percentile(means, 95)).mean())


def stripes(picture: ArrayLike, *, neighbours: int = 6) -> float:
    """How much more whole rows and columns scatter than chance lets them: 1 without stripes.

    Rows that count more than others put power on the line kx = 0 of the Fourier transform;
    it is compared with the lines kx = 2 … `neighbours` beside it, at ky beyond a quarter of
    Nyquist's frequency, where the specimen is weak. Columns likewise; the larger one is returned.
    """
    array = np.asarray(picture, np.float32)
    return max(_lines(array, neighbours), _lines(array.T, neighbours))


def _lines(array: NDArray, neighbours: int) -> float:
    """Power of row sums relative to that of sums along slow waves."""
    length = array.shape[1]
    k = np.r_[0, 2 : neighbours + 1]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(length), k) / length).astype(np.complex64)
    lines = array @ waves - array.mean() * waves.sum(0)
    power = np.abs(np.fft.fft(lines, axis=0)) ** 2
    rows = array.shape[0]
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
