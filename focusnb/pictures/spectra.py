"""Power spectra as pictures: the whole spectrum, and Thon rings beside their fit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from focusnb.errors import BadData
from focusnb.kernels import ctf
from focusnb.pictures import png, tone
from focusnb.pictures.palette import FIT, ICE, MARK, PAPER, rgb

BOX = 512  # pixels; periodograms of this side are averaged
MOST_BOXES = 64
OVERSAMPLING = 3
LETTERS = 20  # a part of the side: read in a preview that is shown with half its pixels, too
ICE_SPACINGS = ((3.9, 3.67, 3.44), (2.25,))  # Å, spots of hexagonal ice, in its two bands
ICE_SECTOR = (62.0, 118.0)  # degrees, clockwise from the right, in which their arcs are drawn


def spectrum(
    picture: ArrayLike,
    path: str | Path,
    *,
    pixel_size: float,
    side: int = 512,
    rings: tuple[float, ...] = (10.0, 5.0),
    ice: tuple[tuple[float, ...], ...] = ICE_SPACINGS,
    limit: float = 2.2,
) -> Path:
    """Draw the logarithm of a picture's power spectrum, zero frequency in the middle.

    Its smooth fall from the middle to the edge is taken off, so that Thon rings, ice and spots
    are seen at all frequencies.

    Parameters
    ----------
    picture : (y, x)
        An average.
    path : where to write
    pixel_size : Å
        Of `picture`.
    side : pixels
        Of the square drawing.
    rings : Å
        Where to draw thin marked circles, as far as they lie within the drawing.
    ice : Å
        Bands of ice: arcs below the middle, each band with one label, as far as they lie
        within the drawing. Elsewhere nothing hides the spots.
    limit : Å
        The edge of the drawing, or Nyquist, 2 × pixel_size, where that is coarser.

    Raises
    ------
    BadData
        No two-dimensional real picture, no finite pixel, fewer than 16 pixels on a side.
    """
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise BadData(f"a spectrum needs a positive pixel_size in Å, not {pixel_size!r}")
    power = _averaged_power(tone.checked(picture))
    middle = len(power) // 2
    limit = max(limit, 2 * pixel_size)
    keep = min(middle, max(8, round(middle * 2 * pixel_size / limit)))
    limit = 2 * pixel_size * middle / keep
    logarithm = np.log(power + max(float(np.median(power)) * 1e-3, 1e-30)).astype(np.float32)
    logarithm = logarithm[middle - keep : middle + keep, middle - keep : middle + keep]
    flat = _levelled(logarithm)
    black, white = tone.contrast(flat, low=1, high=99.8, reach=6)
    drawn = tone.grey(flat, black, white).resize((side, side), Image.Resampling.BICUBIC)
    marked = [(limit / r, f"{r:g} Å", MARK) for r in rings if r > limit * 1.02]
    inside = [[r for r in band if r > limit * 1.01] for band in ice]
    return png.save(_banded(_ringed(drawn, marked), [b for b in inside if b], limit), path)


def thon(
    spectrum: ArrayLike,
    path: str | Path,
    *,
    edge: float,
    defocus_u: float,
    defocus_v: float,
    defocus_angle: float,
    voltage: float,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
    resolution: float | None = None,
    side: int = 512,
) -> Path:
    """Draw measured Thon rings (left half) beside the fitted ones (right half).

    What was measured is averaged along a few degrees of each ring: noise goes down, rings stay.

    Parameters
    ----------
    spectrum : (n, n), or (n, n // 2 + 1) as from an rfft
        Power or amplitudes with the background taken off. A square has zero frequency at
        [n // 2, n // 2] and row 0 at the bottom.
    path : where to write
    edge : 1/Å
        Spatial frequency at the edge of `spectrum`, n / 2 of its pixels from the middle.
    defocus_u, defocus_v, defocus_angle : Å, Å, degrees
        Of the fit; so are `phase_shift` (degrees), `voltage` (kV), `spherical_aberration` (mm)
        and `amplitude_contrast`.
    resolution : Å
        To where the fit holds: drawn as a circle; the drawing ends somewhat outside of it.
        Without one the fit is pale, and said to agree nowhere.
    side : pixels
        Of the square drawing.

    Raises
    ------
    BadData
        The spectrum has another shape, no finite value, or an impossible edge.
    """
    if not (np.isfinite(edge) and edge > 0):
        raise BadData(f"the edge of a spectrum is a positive frequency in 1/Å, not {edge!r}")
    amplitudes = _centred(tone.checked(spectrum, "spectrum"))
    n = len(amplitudes)
    limit = edge
    if resolution is not None and np.isfinite(resolution) and resolution > 0:
        limit = min(edge, 1.45 / resolution)
    else:
        resolution = None
    keep = max(8, min(n // 2 - 1, int(np.ceil(n / 2 * limit / edge))))  # the edge itself is odd
    shown = amplitudes[n // 2 - keep : n // 2 + keep, n // 2 - keep : n // 2 + keep]
    limit = edge * keep / (n / 2)

    up, across = np.meshgrid(
        *[(np.arange(side) - side // 2) / (side / 2) * limit] * 2, indexing="ij"
    )
    s = np.hypot(up, across)
    azimuth = np.arctan2(up, across)
    fitted = (
        ctf.transfer(
            s, azimuth,
            defocus_u=defocus_u, defocus_v=defocus_v, defocus_angle=defocus_angle,
            voltage=voltage, spherical_aberration=spherical_aberration,
            amplitude_contrast=amplitude_contrast, phase_shift=phase_shift,
        )
        ** 2
    )  # fmt: skip
    pale = 0.5 + 0.3 * (fitted - 0.5)
    fitted = pale if resolution is None else np.where(s > 1 / resolution, pale, fitted)
    measured = _levelled(_along_rings(tone.shrink(shown, side)))
    black, white = tone.contrast(measured, low=3, high=97, reach=3)
    left = tone.grey(measured, black, white).resize((side, side), Image.Resampling.BICUBIC)
    drawn = tone.grey(fitted, -0.1, 1.15)
    drawn.paste(left.crop((0, 0, side // 2, side)), (0, 0))
    marks = [] if resolution is None else [(1 / resolution / limit, f"{resolution:.1f} Å", FIT)]
    drawn = _ringed(drawn, marks, seam=True)
    if resolution is None:
        place, font = (0.75 * side, side / 30), _font(max(11, round(side / LETTERS)))
        ImageDraw.Draw(drawn).text(
            place, "no agreement", fill=rgb(FIT), font=font, anchor="mt",
            stroke_width=max(1, side // 170), stroke_fill=rgb(PAPER),
        )  # fmt: skip
    return png.save(drawn, path)


def _along_rings(shown: NDArray[np.float32], degrees: float = 5.0) -> NDArray[np.float32]:
    """A square spectrum averaged along its rings, standard deviation in degrees.

    What changes slowly from ring to ring is taken off, in each direction by itself.
    """
    from scipy.ndimage import gaussian_filter1d, map_coordinates

    n, steps = len(shown), 720
    turn = np.arange(steps) * (2 * np.pi / steps)
    radius = np.arange(0, n * 0.7072 + 1)
    y, x = (n // 2 + np.outer(f(turn), radius) for f in (np.sin, np.cos))
    polar = map_coordinates(shown, [y, x], order=1, mode="nearest")
    polar = gaussian_filter1d(polar, degrees * steps / 360, axis=0, mode="wrap")
    polar -= gaussian_filter1d(polar, n / 30, axis=1, mode="nearest")
    across = np.arange(n) - n // 2
    places = [
        np.arctan2(across[:, None], across) * (steps / 2 / np.pi) % steps,
        np.hypot(across[:, None], across),
    ]
    # the way round is closed: the first direction is the last one too
    return map_coordinates(np.concatenate([polar, polar[:1]]), places, order=1).astype(np.float32)


def _averaged_power(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean periodogram of boxes of the picture, centred, the middle pixels levelled."""
    from scipy import fft

    box = min(BOX, *(2 * (side // 2) for side in values.shape))
    if box < 16:
        raise BadData(f"a picture of {values.shape} is too small for a spectrum: 16 pixels a side")
    starts = [np.arange(0, side - box + 1, box // 2) for side in values.shape]
    corners = [(y, x) for y in starts[0] for x in starts[1]]
    corners = corners[:: -(-len(corners) // MOST_BOXES)]
    window = np.hanning(box + 1)[:box].astype(np.float32)
    taper = window[:, None] * window
    total = np.zeros((box, box // 2 + 1))
    for y, x in corners:
        piece = values[y : y + box, x : x + box]
        total += np.abs(fft.rfft2((piece - piece.mean()) * taper)) ** 2
    return _centred((total / len(corners)).astype(np.float32)).astype(np.float64)


def _centred(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A square spectrum with zero frequency at [n // 2, n // 2]; halves are completed."""
    rows, columns = values.shape
    if rows == columns and rows >= 16:
        return values
    if columns != rows // 2 + 1 or rows < 16:
        raise BadData(
            f"a spectrum is (n, n) or (n, n // 2 + 1) with n of 16 or more, not {values.shape}"
        )
    whole = np.empty((rows, rows), np.float32)
    whole[:, :columns] = values
    rest = rows - columns
    if rest:
        mirrored = np.roll(values[::-1], 1, axis=0)  # −y, with y = 0 kept first
        whole[:, columns:] = mirrored[:, rest:0:-1]
    return np.fft.fftshift(whole)


def _levelled(shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """The spectrum with equal level and spread from the middle to the edge, gently smoothed.

    Amplitudes fall by orders of magnitude towards high frequency; without this only the first
    rings could be seen. Medians and quartiles along each ring, smoothed over wide rings, leave
    Thon rings as they are, and the spots of crystals, hundreds of times as bright, set no scale.
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    n = len(shown)
    axis = np.arange(n) - n // 2
    ring = np.hypot(axis[:, None], axis).astype(int)
    smooth = gaussian_filter(shown, max(0.7, n / 360), mode="nearest")
    count = np.bincount(ring.ravel())
    ordered = smooth.ravel()[np.lexsort((smooth.ravel(), ring.ravel()))]
    begin, width = np.cumsum(count) - count, n / 24
    quarter, median, threequarter = (
        ordered[begin + (count * part).astype(int)] for part in (0.25, 0.5, 0.75)
    )
    middle = gaussian_filter1d(median, width, mode="nearest")
    noise = (threequarter - quarter) / 1.349  # as in a normal distribution
    spread = np.sqrt(gaussian_filter1d(noise**2 + (median - middle) ** 2, width, mode="nearest"))
    spread = np.maximum(spread, 0.02 * spread.max() + 1e-30)
    return np.clip((smooth - middle[ring]) / spread[ring], -6, 6).astype(np.float32)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib; Pillow's own font has no Å."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def _banded(drawn: Image.Image, bands: list[list[float]], limit: float) -> Image.Image:
    """The picture with arcs at the resolutions of each band, Å; limit is that of its edge."""
    side = drawn.width
    if not bands:
        return drawn
    mask = Image.new("L", (side * OVERSAMPLING,) * 2, 0)
    pen = ImageDraw.Draw(mask)
    middle = side * OVERSAMPLING / 2
    for resolution in (r for band in bands for r in band):
        reach = limit / resolution * middle
        box = (middle - reach, middle - reach, middle + reach, middle + reach)
        pen.arc(box, *ICE_SECTOR, fill=255, width=max(OVERSAMPLING, round(middle / 200)))
    mask = mask.resize(drawn.size, Image.Resampling.BOX)
    picture = Image.composite(Image.new("RGB", drawn.size, rgb(ICE)), drawn.convert("RGB"), mask)
    pen = ImageDraw.Draw(picture)
    font = _font(max(11, round(side / LETTERS)))
    for band in bands:
        span = f"{max(band):.1f}–{min(band):.1f}" if len(band) > 1 else f"{band[0]:g}"
        words = f"ice {span} Å"
        far, near = (side / 2 * (1 + limit / r) for r in (min(band), max(band)))
        below = far + side / 13 < side
        pen.text(
            (side / 2, far + side / 170 if below else near - side / 32), words, fill=rgb(ICE),
            font=font, anchor="mt" if below else "mb", stroke_width=max(1, side // 170),
            stroke_fill=rgb(PAPER),
        )  # fmt: skip
    return picture


def _ringed(
    drawn: Image.Image, rings: list[tuple[float, str, str]], *, seam: bool = False
) -> Image.Image:
    """The picture with circles: (radius as part of half the side, words, colour) each."""
    side = drawn.width
    if not rings and not seam:
        return drawn
    picture = drawn.convert("RGB")
    font = _font(max(11, round(side / LETTERS)))
    for radius, words, colour in rings:
        mask = Image.new("L", (side * OVERSAMPLING,) * 2, 0)
        middle, reach = side * OVERSAMPLING / 2, radius * side * OVERSAMPLING / 2
        box = (middle - reach, middle - reach, middle + reach, middle + reach)
        width = max(OVERSAMPLING, round(side * OVERSAMPLING / 340))
        ImageDraw.Draw(mask).ellipse(box, outline=255, width=width)
        mask = mask.resize(drawn.size, Image.Resampling.BOX)
        picture = Image.composite(Image.new("RGB", drawn.size, rgb(colour)), picture, mask)
        pen = ImageDraw.Draw(picture)
        place = (side / 2 + radius * side / 2 * 0.7071, side / 2 - radius * side / 2 * 0.7071)
        pen.text(
            place, words, fill=rgb(colour), font=font, anchor="lb",
            stroke_width=max(1, side // 170), stroke_fill=rgb(PAPER),
        )  # fmt: skip
    if seam:
        pen = ImageDraw.Draw(picture)
        pen.line((side // 2, 0, side // 2, side), fill=rgb(PAPER), width=max(1, side // 256))
    return picture
