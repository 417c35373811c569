"""From specimen to frames: lens, radiation damage, drift and counting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from focusnb.errors import BadValue
from focusnb.kernels import ctf, dose, fourier
from focusnb.simulate import contamination, detector, specimen, uneven
from focusnb.simulate.detector import Camera
from focusnb.simulate.shapes import shape_of
from focusnb.simulate.specimen import FREE_PATH
from focusnb.simulate.truth import Exposure, Optics, Truth

# Å of more ice that darken a place by 1/e: loss, and amplitude contrast (2 · 0.07 · 2.3e-3 rad/Å)
SHADE = 1 / (1 / FREE_PATH + 2 * 0.07 * 2.3e-3)
FRINGES = 150.0  # Å; farther than that a hard edge is not seen by its fringes
EDGE = 16  # pixels between what the camera sees and where the field of view repeats itself
STEP = 0.4  # Å within one frame, above which the blur of its movement is drawn
RANGES = (  # of words that would otherwise give no picture, or one of nothing
    ("spacing", 0.0, 100.0), ("debris", 0.0, 100.0), ("contaminated", 0.0, 0.9),
    ("light_gradient", -1.9, 1.9), ("light_edge", 0.0, 0.95), ("wedge", -1.8, 1.8),
    ("waves", 0.0, 1.0), ("smear", 0.0, 1000.0), ("sharpness", 0.01, 1.0),
)  # fmt: skip


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
    through: NDArray[np.float32] | None = None  # (y, x) of the field: part of the beam, if uneven
    kinds: NDArray[np.uint8] | None = None  # (y, x) of the camera: kinds of contamination


def prepare(exposure: Exposure, optics: Optics, size: int | tuple[int, int]) -> Scene:
    """The specimen of an exposure, CTF applied, with room for its drift on all sides.

    size : of the camera, pixels: one side, or height and width

    Raises
    ------
    BadValue
        A word of the exposure has a value that nothing can have.
    """
    _check(exposure)
    seen, step = _sides(size), optics.pixel_size
    path = np.array(exposure.shifts) / step
    low, high = path.min(axis=0), path.max(axis=0)  # frame t sees the window moved by −path[t]
    edge = EDGE if exposure.contamination is None else EDGE + int(FRINGES / step)
    corner = np.ceil(high).astype(int) + edge
    need = np.array(seen)[::-1] + corner - np.floor(low).astype(int) + edge
    width, height = (2 * fft.next_fast_len(-(-int(n) // 2), real=True) for n in need)
    shape = (height, width)

    rng = np.random.default_rng([exposure.seed, 1])
    cover = _cover(exposure, shape, step)
    count = round(exposure.particles * width * height / (seen[0] * seen[1]))
    places, protein = _particles(exposure, shape, step, count, cover, rng)
    water, through = _film(exposure, shape, step, rng)
    if cover is not None:
        protein += specimen.drawn(cover.protein, shape, step)
        water += fourier.transform(cover.phase)  # its mean stays: clean places are as they were
        through = cover.through if through is None else through * cover.through
    fall = envelope(shape, exposure, optics)
    wave = lens(shape, exposure, optics) * fall
    protein *= wave
    water *= wave
    if exposure.crystals:
        water += fall * specimen.crystals(shape, exposure.crystals, pixel_size=step, rng=rng)
    x, y = (places - corner).T
    inside = (x >= 0) & (x <= seen[1] - 1) & (y >= 0) & (y <= seen[0] - 1)
    kinds = None
    if cover is not None:
        kinds = cover.kinds[corner[1] : corner[1] + seen[0], corner[0] : corner[0] + seen[1]].copy()
        inside &= cover.kinds[tuple(places.astype(int).T[::-1])] == 0
    at = (int(corner[0]), int(corner[1]))
    return Scene(shape, at, protein, water, x[inside], y[inside], through, kinds)


def _particles(
    exposure: Exposure,
    shape: tuple[int, int],
    step: float,
    count: int,
    cover: contamination.Cover | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.complex64]]:
    """Places of whole particles, (k, 2) x, y in pixels, and the half spectrum of all protein."""
    diameter = shape_of(exposure.shape).diameter
    free = None if cover is None else contamination.free(cover, diameter / 2)
    places = specimen.scatter(
        shape, count, pixel_size=step, rng=rng, apart=exposure.spacing * diameter, free=free
    )
    protein = specimen.proteins(shape, places, pixel_size=step, rng=rng, kind=exposure.shape)
    if exposure.debris:
        others = np.random.default_rng([exposure.seed, 8])
        away = 0.75 * diameter / step

        def alone(x: float, y: float) -> bool:
            far = np.hypot(*(places - (x, y)).T).min(initial=np.inf) > away
            return bool(far) and (free is None or free(x, y))

        broken = specimen.scatter(
            shape, round(exposure.debris * count), pixel_size=step, rng=others,
            apart=0.8 * diameter, free=alone,
        )  # fmt: skip
        protein += specimen.fragments(
            shape, broken, pixel_size=step, rng=others, kind=exposure.shape
        )
    return places, protein


def _film(
    exposure: Exposure, shape: tuple[int, int], step: float, rng: np.random.Generator
) -> tuple[NDArray[np.complex64], NDArray[np.float32] | None]:
    """Half spectrum of ice and carbon, and what part of the beam passes where that is uneven."""
    water = specimen.ice(shape, pixel_size=step, thickness=exposure.thickness, rng=rng)
    through = None
    if exposure.wedge or exposure.waves:
        relief = uneven.thickness(
            shape, pixel_size=step, wedge=exposure.wedge, waves=exposure.waves,
            rng=np.random.default_rng([exposure.seed, 4]),
        )  # fmt: skip
        water = fourier.transform(fourier.inverse(water, shape) * np.sqrt(relief))
        through = np.exp((1 - relief) * exposure.thickness / SHADE)
    water += specimen.carbon(shape, pixel_size=step, thickness=exposure.carbon, rng=rng)
    return water, through


def _check(exposure: Exposure) -> None:
    for word, low, high in RANGES:
        value = getattr(exposure, word)
        if not low <= value <= high:
            raise BadValue(f"{word} = {value}: an exposure has {low:g} to {high:g}")


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of a camera, of which one side or both are given."""
    return (size, size) if isinstance(size, int | np.integer) else (int(size[0]), int(size[1]))


def _cover(exposure: Exposure, shape: tuple[int, int], step: float) -> contamination.Cover | None:
    """The contamination of a field of view, if there is any."""
    if exposure.contamination is None:
        return None
    return contamination.cover(
        shape, exposure.contamination, part=exposure.contaminated, particle=exposure.shape,
        pixel_size=step, rng=np.random.default_rng([exposure.seed, 3]),
    )  # fmt: skip


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
    fall = (depth * np.exp(-exposure.blur / 4 * s2)).astype(np.float32)
    if exposure.sharpness != 1:
        fall *= detector.spread(shape, exposure.sharpness)
    if exposure.smear:
        turn = np.random.default_rng([exposure.seed, 7]).uniform(0, 2 * np.pi)
        way = exposure.smear / optics.pixel_size * np.array([np.cos(turn), np.sin(turn)])
        fall *= _smear(shape, way)
    return fall


def mean_count(exposure: Exposure, optics: Optics) -> float:
    """Expected electrons per pixel and frame: what ice and apertures let through."""
    through = exposure.transmission * np.exp(-exposure.thickness / FREE_PATH)
    return float(exposure.dose_per_frame * optics.pixel_size**2 * through)


def intensities(
    scene: Scene, exposure: Exposure, optics: Optics, size: int | tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Expected electrons per pixel of each frame, (y, x) of the camera."""
    mean = mean_count(exposure, optics)
    height, width = _sides(size)
    light = _light(exposure, (height, width))
    path = np.array(exposure.shifts) / optics.pixel_size
    s = fourier.frequencies(scene.shape, optics.pixel_size)
    fading = dose.weight(s, dose=exposure.dose_per_frame, voltage=optics.voltage)
    protein = scene.protein * np.sqrt(fading)  # the middle of the first frame
    left, bottom = scene.corner
    window = (slice(bottom, bottom + height), slice(left, left + width))
    for i, place in enumerate(path):
        wave = protein + scene.water
        if place.any():
            wave *= fourier.phase_ramp(scene.shape, place)
        step = path[i] - path[i - 1] if i else path[min(1, len(path) - 1)] - path[0]
        if np.hypot(*step) * optics.pixel_size > STEP:
            wave *= _smear(scene.shape, step)
        phase = fft.irfft2(wave, s=scene.shape)
        electrons = mean * (1 + 2 * phase[window])
        if scene.through is not None:
            electrons *= _moved(scene.through, place)[window]
        if light is not None:
            electrons *= light
        yield np.maximum(electrons, 0)
        protein *= fading


def _light(exposure: Exposure, seen: tuple[int, int]) -> NDArray[np.float32] | None:
    """The beam on the camera relative to its mean, if it is uneven."""
    if not (exposure.light_gradient or exposure.light_edge):
        return None
    rng = np.random.default_rng([exposure.seed, 5])
    return uneven.beam(seen, gradient=exposure.light_gradient, edge=exposure.light_edge, rng=rng)


def _moved(field: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float32]:
    """A field that went by x, y pixels, with its border drawn out."""
    return ndimage.shift(field, place[::-1], order=1, mode="nearest") if place.any() else field


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
    return Truth(exposure, optics, x, y, round(mean_count(exposure, optics), 5), scene.kinds)


def expose(exposure: Exposure, optics: Optics, camera: Camera) -> Movie:
    """A whole movie at once.

    Raises
    ------
    BadValue
        The exposure has a word that only single pictures have.
    """
    if exposure.sharpness != 1 or exposure.defects:
        raise BadValue(
            "sharpness and defects are words of single pictures: a movie's camera counts single "
            "electrons and has a list of its defects; simulate a micrograph, or leave them out"
        )
    scene = prepare(exposure, optics, camera.shape[0])
    frames = np.stack(list(record(scene, exposure, optics, camera)))
    return Movie(frames, camera, known(scene, exposure, optics))


def total(
    exposure: Exposure, optics: Optics, size: int | tuple[int, int]
) -> tuple[NDArray[np.float32], Truth]:
    """One recorded picture of the whole dose: electrons (y, x), no gain, no drift.

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
    if exposure.sharpness != 1:
        counts = fourier.inverse(
            fourier.transform(counts) * detector.spread(counts.shape, exposure.sharpness),
            counts.shape,
        )
    if exposure.defects:
        uneven.defects(counts, np.random.default_rng([exposure.seed, 6]))
    return counts, known(scene, exposure, optics)


def _smear(shape: tuple[int, int], step: NDArray[np.float64]) -> NDArray[np.float32]:
    """Transfer of an even movement by step (x, y pixels) while a frame is exposed."""
    ky, kx = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    across = (ky * step[1])[:, None] + kx * step[0]
    return np.sinc(across.astype(np.float32))
