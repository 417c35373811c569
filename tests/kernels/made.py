"""Made data with known truth for the tests of the kernels."""

import numpy as np

from focusnb.kernels import ctf, fourier


def potential(rng, side, *, pixel_size=1.06, defocus=15000.0, astigmatism=0.0, angle=0.0):
    """A random specimen seen by the lens, mean 0, sd 1: its power falls as that of structures."""
    shape = (side, side)
    s = fourier.frequencies(shape, pixel_size)
    sy, sx = fourier.frequency_grid(shape, pixel_size)
    lens = ctf.transfer(
        s,
        np.arctan2(sy, sx + 0 * sy),
        defocus_u=defocus + astigmatism / 2,
        defocus_v=defocus - astigmatism / 2,
        defocus_angle=angle,
        voltage=300,
    )
    envelope = (1 / (1 + (s * 30) ** 2) + 0.05) * np.exp(-15 * s**2)
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * lens * envelope, s=shape)
    return field / field.std()


def micrograph(rng, *, side=1024, pixel_size=1.06, dose=35.0, contrast=0.05, **lens):
    """A picture in electrons, Poisson counts."""
    field = 1 + contrast * potential(rng, side, pixel_size=pixel_size, **lens)
    return rng.poisson(np.clip(field, 0, None) * dose * pixel_size**2).astype(np.float32)


def movie(rng, path, *, side=512, pixel_size=1.06, dose_per_frame=2.0, contrast=0.06):
    """Frames of a specimen that moves along `path` ((n, 2) x, y in Å), Poisson counts."""
    pixels = np.asarray(path) / pixel_size
    margin = int(np.abs(pixels).max()) + 2
    field = 1 + contrast * potential(rng, side + 2 * margin, pixel_size=pixel_size)
    inside = slice(margin, margin + side)
    frames = [np.clip(fourier.shift(field, xy)[inside, inside], 0, None) for xy in pixels]
    return rng.poisson(np.array(frames) * dose_per_frame * pixel_size**2).astype(np.uint8)


def settling(frames, reach, *, angle=0.6):
    """A way that is fast at first, 0 at the beginning: (frames, 2) Å."""
    way = 1 - np.exp(-4 * np.linspace(0, 1, frames))
    return np.outer(way, [np.cos(angle), np.sin(angle)]) * reach


def error(shifts, truth):
    """Distance of two ways, RMS, without their means, Å."""
    difference = np.asarray(shifts) - truth
    difference = difference - difference.mean(0)
    return float(np.sqrt((difference**2).sum(1).mean()))
