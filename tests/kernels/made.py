"""Made data with known truth for the tests of the kernels."""

import numpy as np
from scipy import ndimage

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


def local_movie(
    rng, path, model, *, side=768, pixel_size=1.06, dose_per_frame=2.0, contrast=0.06, noise=True
):
    """Frames of a specimen that moves along `path` (Å), its parts by a model besides.

    model: function of z, x, y -> movement (..., 2) in Å of what was at x, y (−½ to ½) in the first
    frame. Without noise, the expected electrons themselves.
    """
    pixels = np.asarray(path) / pixel_size
    y, x = np.mgrid[:side, :side].astype(float)
    margin = int(np.abs(pixels).max()) + 24
    field = 1 + contrast * potential(rng, side + 2 * margin, pixel_size=pixel_size)
    fine = 3
    field = fourier.resize(field.astype(float), (len(field) * fine,) * 2)
    spline = ndimage.spline_filter(field, order=5, output=np.float32)
    frames = []
    for z, whole in enumerate(pixels):
        moved = np.zeros((side, side, 2)) + whole
        for _ in range(3):  # where was in the first frame what is here now?
            first = ((v - moved[..., a] + 0.5) / side - 0.5 for v, a in ((x, 0), (y, 1)))
            moved = whole + model(z, *first) / pixel_size
        places = [(v + margin - moved[..., a] + 0.0) * fine for v, a in ((y, 1), (x, 0))]
        frames.append(ndimage.map_coordinates(spline, places, order=5, prefilter=False))
    electrons = np.clip(frames, 0, None) * dose_per_frame * pixel_size**2
    return rng.poisson(electrons).astype(np.uint8) if noise else electrons.astype(np.float32)


def doming(reach, frames):
    """A film that bulges: its parts move outwards and bend, up to about `reach` Å."""

    def model(z, x, y):
        grown = reach * (1 - np.exp(-2.5 * z / frames)) / (1 - np.exp(-2.5))
        return grown * np.stack([1.2 * x + 0.8 * y**2, 1.0 * y - 0.7 * x**2], axis=-1)

    return model


def settling(frames, reach, *, angle=0.6):
    """A way that is fast at first, 0 at the beginning: (frames, 2) Å."""
    way = 1 - np.exp(-4 * np.linspace(0, 1, frames))
    return np.outer(way, [np.cos(angle), np.sin(angle)]) * reach


def error(shifts, truth):
    """Distance of two ways, RMS, without their means, Å."""
    difference = np.asarray(shifts) - truth
    difference = difference - difference.mean(0)
    return float(np.sqrt((difference**2).sum(1).mean()))


def tilted(
    rng,
    shape=(1400, 1400),
    *,
    pixel_size=1.5,
    defocus=15000.0,
    angle=0.0,
    axis=0.0,
    astigmatism=0.0,
    defocus_angle=0.0,
    step=100.0,
):
    """A tilted specimen in electrons: its parts are at many defocus values, blended in between.

    Each scatterer is seen through the lens at its own height; towards (−sin, cos) of the axis the
    underfocus grows.
    """
    s = fourier.frequencies(shape, pixel_size)
    sy, sx = fourier.frequency_grid(shape, pixel_size)
    azimuth = np.arctan2(sy, sx + 0 * sy)
    envelope = (1 / (1 + (s * 30) ** 2) + 0.05) * np.exp(-15 * s**2)
    field = rng.standard_normal(shape)
    y, x = (v - (n - 1) / 2 for v, n in zip(np.indices(shape), shape, strict=True))
    a, steep = np.deg2rad(axis), np.tan(np.deg2rad(angle))
    level = steep * (y * np.cos(a) - x * np.sin(a)) * pixel_size / step
    total = np.zeros(s.shape, complex)
    for n in range(int(np.floor(level.min())), int(np.floor(level.max())) + 2):
        lens = ctf.transfer(
            s,
            azimuth,
            defocus_u=defocus + n * step + astigmatism / 2,
            defocus_v=defocus + n * step - astigmatism / 2,
            defocus_angle=defocus_angle,
            voltage=300,
        )
        total += np.fft.rfft2(np.clip(1 - np.abs(level - n), 0, 1) * field) * lens
    seen = np.fft.irfft2(total * envelope, s=shape)
    electrons = 30 * pixel_size**2 * (1 + 0.06 * seen / seen.std())
    return rng.poisson(np.clip(electrons, 0, None)).astype(np.float32)
