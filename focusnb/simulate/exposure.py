"""From specimen to frames: lens, radiation damage, drift and counting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from focusnb.errors import BadValue
from focusnb.kernels import ctf, dose, fourier
from focusnb.simulate import specimen
from focusnb.simulate.detector import Camera
from focusnb.simulate.truth import Exposure, Optics, Truth

FREE_PATH = 3500.0  # Å of ice after which 1/e of the electrons pass the energy filter at 300 kV
EDGE = 16  # pixels between what the camera sees and where the field of view repeats itself
STEP = 0.4  # Å within one frame, above which the blur of its movement is drawn


@dataclass(frozen=True, slots=True)
class Movie:
    """A recorded movie: uint8 counts (frame, y, x), its camera, and what is true."""

    frames: NDArray[np.uint8]
    camera: Camera
    truth: Truth


@dataclass(frozen=True, slots=True)
class Scene:
    """A specimen under the lens, ready to be exposed frame by frame."""

    shape: tuple[int, int]  # of the field of view, larger than the camera
    corner: tuple[int, int]  # x, y of the camera's pixel 0, 0 in it, at the first frame
    protein: NDArray[np.complex64]  # half spectrum of what fades with the dose
    water: NDArray[np.complex64]  # half spectrum of what does not
    x: NDArray[np.float64]  # particles, pixels of the camera at the first frame
    y: NDArray[np.float64]


def prepare(exposure: Exposure, optics: Optics, size: int) -> Scene:
    """The specimen of an exposure, CTF applied, with room for its drift on all sides."""
    rng = np.random.default_rng([exposure.seed, 1])
    path = np.array(exposure.shifts) / optics.pixel_size
    low, high = path.min(axis=0), path.max(axis=0)  # frame t sees the window moved by −path[t]
    corner = np.ceil(high).astype(int) + EDGE
    need = size + corner - np.floor(low).astype(int) + EDGE
    width, height = (2 * fft.next_fast_len(-(-int(n) // 2), real=True) for n in need)
    shape = (height, width)

    step = optics.pixel_size
    count = round(exposure.particles * width * height / size**2)
    places = specimen.scatter(shape, count, pixel_size=step, rng=rng)
    protein = specimen.proteins(shape, places, pixel_size=step, rng=rng)
    water = specimen.ice(shape, pixel_size=step, thickness=exposure.thickness, rng=rng)
    water += specimen.carbon(shape, pixel_size=step, thickness=exposure.carbon, rng=rng)
    fall = envelope(shape, exposure, optics)
    seen = lens(shape, exposure, optics) * fall
    protein *= seen
    water *= seen
    if exposure.crystals:
        water += fall * specimen.crystals(shape, exposure.crystals, pixel_size=step, rng=rng)
    x, y = (places - corner).T
    inside = (x >= 0) & (x <= size - 1) & (y >= 0) & (y <= size - 1)
    return Scene(shape, (int(corner[0]), int(corner[1])), protein, water, x[inside], y[inside])


def lens(shape: tuple[int, int], exposure: Exposure, optics: Optics) -> NDArray[np.float32]:
    """The CTF on the half spectrum's grid."""
    sy, sx = fourier.frequency_grid(shape, optics.pixel_size)
    waves = ctf.transfer(
        np.hypot(sy, sx),
        np.arctan2(sy, sx),
        defocus_u=exposure.defocus_u,
        defocus_v=exposure.defocus_v,
        defocus_angle=exposure.defocus_angle,
        voltage=optics.voltage,
        spherical_aberration=optics.spherical_aberration,
        amplitude_contrast=optics.amplitude_contrast,
        phase_shift=exposure.phase_shift,
    )
    return waves.astype(np.float32)


def envelope(shape: tuple[int, int], exposure: Exposure, optics: Optics) -> NDArray[np.float32]:
    """How contrast falls with the frequency, by blur and thickness, on the half spectrum's grid.

    Layers of a film of thickness t are under different focus: their mean has the envelope
    sinc(λ s² t / 2) (DeRosier, Ultramicroscopy 81 (2000) 83). B factor: exp(−B s² / 4).
    """
    s2 = fourier.frequencies(shape, optics.pixel_size) ** 2
    depth = np.sinc(ctf.wavelength(optics.voltage) * s2 * exposure.thickness / 2)
    return (depth * np.exp(-exposure.blur / 4 * s2)).astype(np.float32)


def mean_count(exposure: Exposure, optics: Optics) -> float:
    """Expected electrons per pixel and frame: what ice and apertures let through."""
    through = exposure.transmission * np.exp(-exposure.thickness / FREE_PATH)
    return float(exposure.dose_per_frame * optics.pixel_size**2 * through)


def intensities(
    scene: Scene, exposure: Exposure, optics: Optics, size: int
) -> Iterator[NDArray[np.float32]]:
    """Expected electrons per pixel of each frame, (size, size)."""
    mean = mean_count(exposure, optics)
    path = np.array(exposure.shifts) / optics.pixel_size
    s = fourier.frequencies(scene.shape, optics.pixel_size)
    fading = dose.weight(s, dose=exposure.dose_per_frame, voltage=optics.voltage)
    protein = scene.protein * np.sqrt(fading)  # the middle of the first frame
    left, bottom = scene.corner
    for i, place in enumerate(path):
        wave = (protein + scene.water) * fourier.phase_ramp(scene.shape, place)
        step = path[i] - path[i - 1] if i else path[min(1, len(path) - 1)] - path[0]
        if np.hypot(*step) * optics.pixel_size > STEP:
            wave *= _smear(scene.shape, step)
        phase = fft.irfft2(wave, s=scene.shape)
        seen = phase[bottom : bottom + size, left : left + size]
        yield np.maximum(mean * (1 + 2 * seen), 0)
        protein *= fading


def record(
    scene: Scene, exposure: Exposure, optics: Optics, camera: Camera
) -> Iterator[NDArray[np.uint8]]:
    """The frames of an exposure as this camera records them, one after the other."""
    rng = np.random.default_rng([exposure.seed, 2])
    for electrons in intensities(scene, exposure, optics, camera.shape[0]):
        yield camera.record(electrons, rng)


def known(scene: Scene, exposure: Exposure, optics: Optics) -> Truth:
    """What is true of an exposure of this scene."""
    x, y = (tuple(round(float(v), 2) for v in c) for c in (scene.x, scene.y))
    return Truth(exposure, optics, x, y, round(mean_count(exposure, optics), 5))


def expose(exposure: Exposure, optics: Optics, camera: Camera) -> Movie:
    """A whole movie at once."""
    scene = prepare(exposure, optics, camera.shape[0])
    frames = np.stack(list(record(scene, exposure, optics, camera)))
    return Movie(frames, camera, known(scene, exposure, optics))


def total(exposure: Exposure, optics: Optics, size: int) -> tuple[NDArray[np.float32], Truth]:
    """One recorded picture of the whole dose: electrons (y, x), no gain, no drift, no defects.

    Raises
    ------
    BadValue
        The exposure has more than one frame.
    """
    if len(exposure.shifts) != 1:
        raise BadValue(f"a single picture has one frame, not {len(exposure.shifts)}")
    rng = np.random.default_rng([exposure.seed, 2])
    scene = prepare(exposure, optics, size)
    electrons = next(intensities(scene, exposure, optics, size))
    counts = rng.poisson(electrons).astype(np.float32)
    return counts, known(scene, exposure, optics)


def _smear(shape: tuple[int, int], step: NDArray[np.float64]) -> NDArray[np.float32]:
    """Transfer of an even movement by step (x, y pixels) while a frame is exposed."""
    ky, kx = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    across = (ky * step[1])[:, None] + kx * step[0]
    return np.sinc(across.astype(np.float32))
