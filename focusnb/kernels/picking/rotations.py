"""Templates turned in the plane, on the grid of the picture that is searched."""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels import fourier


def rotations(angle_step: float) -> NDArray:
    """Angles of a whole turn in even steps of about angle_step, degrees in (−180°, 180°]."""
    if not 0 < angle_step <= 180:
        raise BadData(f"angle_step is {angle_step}°; it is above 0 and at most 180")
    count = max(1, round(360 / angle_step))
    angles = np.arange(count) * (360 / count)
    return np.where(angles > 180, angles - 360, angles)


def turn(
    stack: NDArray,
    angles: NDArray,
    *,
    pixel_size: float,
    steps: tuple[float, float],
    side: int,
    resolution: float = 0.0,
) -> NDArray:
    """Templates in every rotation on a grid of other pixels: (n · angles, side, side).

    Turned by an angle, a template's columns have the direction (cos, sin) = (column, row). Detail
    that the grid cannot hold is taken away; cubic splines are read between pixels. Around a
    template, and on its rim in the mean, is 0.

    Parameters
    ----------
    stack : (n, y, x), centre at pixel side // 2
    angles : degrees
    pixel_size : of the stack, Å
    steps : Å per pixel of the grid, x and y
    side : of the grid, pixels; centre at side // 2
    resolution : Å, of a Gaussian that is one half there; none at 0
    """
    pictures, fine = _resampled(_levelled(stack), pixel_size, max(steps), resolution)
    height, width = stack.shape[1:]
    centre = [n // 2 * m / n for n, m in zip((height, width), pictures.shape[1:], strict=True)]
    away = np.arange(side) - side // 2
    x, y = away[None, :] * steps[0], away[:, None] * steps[1]
    made = np.empty((len(stack), len(angles), side, side), np.float32)
    for n, one in enumerate(pictures):
        splines = scipy.ndimage.spline_filter(one, order=3, output=np.float32, mode="constant")
        for a, angle in enumerate(np.deg2rad(angles)):
            along = (np.cos(angle) * x + np.sin(angle) * y) / fine[1] + centre[1]
            across = (np.cos(angle) * y - np.sin(angle) * x) / fine[0] + centre[0]
            made[n, a] = scipy.ndimage.map_coordinates(
                splines, [across, along], order=3, prefilter=False, mode="constant"
            )
    return made.reshape(-1, side, side)


def _resampled(
    stack: NDArray, pixel_size: float, step: float, resolution: float
) -> tuple[NDArray, tuple[float, float]]:
    """Templates in pixels of about half a step, without what a step cannot hold; their pixels in y, x, Å."""
    old = stack.shape[1:]
    new = tuple(max(8, 2 * round(n * pixel_size / step)) for n in old)
    fine = (old[0] * pixel_size / new[0], old[1] * pixel_size / new[1])
    sy, sx = scipy.fft.fftfreq(new[0], fine[0])[:, None], scipy.fft.rfftfreq(new[1], fine[1])
    s = np.hypot(sy, sx)
    kept = np.clip(5.5 - 10 * s * step, 0, 1)  # falls from 1 to 0 around 1 / (2 step), Nyquist's
    if resolution > 0:
        kept = kept * np.exp(-np.log(2) * (s * resolution) ** 2)
    spectrum = fourier.resize_spectrum(fourier.transform(stack), old, new)
    return fourier.inverse(spectrum * kept.astype(np.float32), new), fine


def _levelled(stack: NDArray) -> NDArray:
    """Templates with mean 0 on their rim, outside of the round part."""
    height, width = stack.shape[1:]
    y, x = (np.arange(n) - n // 2 for n in (height, width))
    rim = np.hypot(y[:, None] / (height / 2), x[None, :] / (width / 2)) >= 0.95
    return stack - stack[:, rim].mean(axis=1)[:, None, None]
