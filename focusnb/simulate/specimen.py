"""The specimen: particles in many orientations, vitreous and crystalline ice, thin carbon.

Everything is a projected phase in radians, positive where more potential is than in the mean
ice. Weak-phase approximation: a picture is 1 + 2 (phase convolved with the CTF).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from focusnb.kernels import fourier
from focusnb.simulate import shapes

DIAMETER = shapes.SHAPES["lobed"].diameter  # Å, largest extent of the usual particle
RESIDUE_PHASE = 0.20  # rad Å² at 300 kV: (7.2 − 4.9) V · 135 Å³ · 6.53e-4 rad/(V Å)
RESIDUE_SIZE = 1.3  # Å, standard deviation of its Gaussian
MOLECULES = 0.0314  # per Å³ of vitreous ice at 0.94 g/cm³
MOLECULE_PHASE = 0.094  # rad Å² at 300 kV: γ λ f(0), f(0) = 3.0 Å for H2O
FREE_PATH = 3500.0  # Å of ice after which 1/e of the electrons pass the energy filter at 300 kV
ATOMS = 0.09  # per Å³ of amorphous carbon at 1.8 g/cm³
ATOM_PHASE = 0.078  # rad Å² at 300 kV: γ λ f(0), f(0) = 2.5 Å for C
ICE_SPACINGS = (3.90, 3.67, 3.44, 2.25)  # Å, hexagonal ice: 100, 002, 101, 110
CRYSTAL_PHASE = 0.065  # rad, amplitude of one lattice wave in the middle of a crystal


def particle(seed: int = 1) -> NDArray[np.float64]:
    """Centres of the usual particle's residues, (n, 3) x, y, z in Å around the centre of mass."""
    return shapes.residues("lobed", seed)


def scatter(
    shape: tuple[int, int],
    count: int,
    *,
    pixel_size: float,
    rng: np.random.Generator,
    apart: float = 1.1 * DIAMETER,
    free: Callable[[float, float], bool] | None = None,
) -> NDArray[np.float64]:
    """Places for particles that are `apart` (Å): (k, 2) x, y in pixels, k ≤ count.

    free : whether a place x, y may be taken; every one if not given
    """
    places = np.empty((count, 2))
    found, least = 0, apart / pixel_size
    for _ in range(60 * count):
        if found == count:
            break
        place = rng.random(2) * (shape[1], shape[0])
        if free is not None and not free(*place):
            continue
        if (np.hypot(*(place - places[:found]).T) >= least).all():
            places[found] = place
            found += 1
    return places[:found].copy()


def proteins(
    shape: tuple[int, int],
    places: NDArray[np.float64],
    *,
    pixel_size: float,
    rng: np.random.Generator,
    kind: str = "lobed",
) -> NDArray[np.complex64]:
    """Half spectrum of the phase of randomly turned particles at `places` (x, y in pixels).

    kind : a name of `shapes.SHAPES`
    """
    points = shapes.residues(kind)
    if not len(places):
        return np.zeros((shape[0], shape[1] // 2 + 1), np.complex64)
    turned = [turn.apply(points)[:, :2] for turn in Rotation.random(len(places), rng=rng)]
    return drawn(np.array(turned) / pixel_size + places[:, np.newaxis], shape, pixel_size)


def fragments(
    shape: tuple[int, int],
    places: NDArray[np.float64],
    *,
    pixel_size: float,
    rng: np.random.Generator,
    kind: str = "lobed",
) -> NDArray[np.complex64]:
    """Half spectrum of the phase of broken particles: a third of the residues, from one end."""
    points = shapes.residues(kind)
    xy = [np.empty((0, 2))]
    for place, turn in zip(places, Rotation.random(len(places), rng=rng), strict=True):
        height = points @ turn.apply([0.0, 0.0, 1.0])
        piece = points[height > np.quantile(height, 0.67)]
        other = Rotation.random(rng=rng).apply(piece - piece.mean(axis=0))
        xy.append(other[:, :2] / pixel_size + place)
    return drawn(np.concatenate(xy), shape, pixel_size)


def drawn(
    xy: NDArray[np.float64], shape: tuple[int, int], pixel_size: float
) -> NDArray[np.complex64]:
    """Half spectrum of the phase of residues at xy, (..., 2) in pixels, that end at the border."""
    height, width = shape
    corner = np.floor(xy).astype(int)
    part = xy - corner
    total = np.zeros(height * width)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x, y = corner[..., 0] + dx, corner[..., 1] + dy
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        weight = np.abs(1 - dx - part[..., 0]) * np.abs(1 - dy - part[..., 1])
        total += np.bincount((y * width + x)[inside], weight[inside], total.size)
    s2 = fourier.frequencies(shape, pixel_size).astype(np.float32) ** 2
    blob = np.exp(-2 * np.pi**2 * RESIDUE_SIZE**2 * s2) * (RESIDUE_PHASE / pixel_size**2)
    spectrum = fft.rfft2(total.reshape(shape).astype(np.float32))
    spectrum[0, 0] = 0
    return (spectrum * blob).astype(np.complex64)


def structure_factor(s: NDArray[np.floating]) -> NDArray[np.floating]:
    """Structure factor of vitreous ice at s (1/Å): broad rings at 3.7 and 2.15 Å, 1 far out.

    The shape of Dubochet's vitreous ice (Q. Rev. Biophys. 21 (1988) 129). Towards s = 0 it is
    0.1, somewhat above the compressibility of water, since real films are not of even thickness.
    """
    ring = 1.7 * np.exp(-(((s - 1 / 3.7) / 0.034) ** 2))
    second = 0.5 * np.exp(-(((s - 1 / 2.15) / 0.055) ** 2))
    return 0.1 + ring + second + 0.9 / (1 + np.exp(-(s - 0.36) / 0.03))


def ice(
    shape: tuple[int, int], *, pixel_size: float, thickness: float, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Half spectrum of the phase of vitreous ice of `thickness` (Å), as far as it stays in place.

    Under the beam water molecules move by about 1 Å for each e/Å² (McMullan, Vinothkumar &
    Henderson, Ultramicroscopy 158 (2015) 26): what one sum of frames keeps falls with s².
    """
    s = fourier.frequencies(shape, pixel_size).astype(np.float32)
    form = 1 / (1 + (s / 0.42) ** 2) ** 2  # of one molecule, squared: half at 3.7 Å
    kept = 1 / (1 + (s / 0.085) ** 2)
    power = MOLECULES * thickness * MOLECULE_PHASE**2 * structure_factor(s) * form * kept
    return _noise(shape, power, pixel_size, rng)


def carbon(
    shape: tuple[int, int], *, pixel_size: float, thickness: float, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Half spectrum of the phase of a thin film of amorphous carbon, `thickness` in Å.

    It stays in place under the beam and scatters at all frequencies: Thon rings come from it.
    """
    s = fourier.frequencies(shape, pixel_size).astype(np.float32)
    form = 1 / (1 + (s / 0.45) ** 2) ** 2
    rings = 0.5 + 0.5 / (1 + np.exp(-(s - 0.42) / 0.03))  # few near neighbours below 1/2.1 Å
    power = ATOMS * thickness * ATOM_PHASE**2 * form * rings
    return _noise(shape, power, pixel_size, rng)


def crystals(
    shape: tuple[int, int], count: int, *, pixel_size: float, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Half spectrum of the contrast of `count` small crystals of hexagonal ice.

    They lie on the film at heights that differ by hundreds of Å, which at 3.7 Å is more than a
    period of the CTF: each wave gets the CTF of a phase that chance decides, here already.
    Each is a Gaussian patch of lattice waves, drawn as spots in the spectrum: pairs of spots at
    60° steps for 3.90 Å (seen along the hexagonal axis), single pairs for the other planes.
    """
    height, width = shape
    spectrum = np.zeros((height, width // 2 + 1), np.complex64)
    for _ in range(count):
        size = rng.uniform(90, 220)  # Å, standard deviation of the patch
        centre = rng.random(2) * (width, height)
        turn = rng.uniform(0, np.pi)
        waves = [(spacing, turn + rng.uniform(0, np.pi)) for spacing in ICE_SPACINGS[1:]]
        waves += [(ICE_SPACINGS[0], turn + k * np.pi / 3) for k in range(3)]
        for spacing, angle in waves:
            _spot(spectrum, shape, spacing, angle, size, centre, pixel_size, rng)
    return spectrum


def _noise(
    shape: tuple[int, int],
    power: NDArray[np.floating],
    pixel_size: float,
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Half spectrum of a random phase with the power density `power`, rad² Å²."""
    spectrum = fft.rfft2(rng.standard_normal(shape, np.float32))
    spectrum *= np.sqrt(power) / pixel_size
    spectrum[0, 0] = 0
    return spectrum.astype(np.complex64, copy=False)


def _spot(
    spectrum: NDArray[np.complex64],
    shape: tuple[int, int],
    spacing: float,
    angle: float,
    size: float,
    centre: NDArray[np.float64],
    pixel_size: float,
    rng: np.random.Generator,
) -> None:
    """Add the transform of one lattice wave under a Gaussian patch, where it is not negligible."""
    height, width = shape
    if np.cos(angle) < 0:
        angle += np.pi
    ky = np.sin(angle) / spacing * pixel_size * height
    kx = np.cos(angle) / spacing * pixel_size * width
    reach = int(np.ceil(3.5 * max(shape) * pixel_size / (2 * np.pi * size)))
    rows = np.arange(round(ky) - reach, round(ky) + reach + 1)
    columns = np.arange(round(kx) - reach, round(kx) + reach + 1)
    rows = rows[np.abs(rows) < height // 2]
    columns = columns[(columns >= 0) & (columns < width // 2)]
    if not rows.size or not columns.size:
        return
    along_y, along_x = rows[:, None] / height, columns / width  # per pixel
    off2 = (along_y - ky / height) ** 2 + (along_x - kx / width) ** 2
    sigma = size / pixel_size
    area = 2 * np.pi * sigma**2
    seen = np.sin(2 * np.pi * rng.random())
    value = seen * CRYSTAL_PHASE / 2 * area * np.exp(-2 * np.pi**2 * sigma**2 * off2)
    turn = rng.random() - along_x * centre[0] - along_y * centre[1]
    spectrum[np.ix_(rows % height, columns)] += value * np.exp(2j * np.pi * turn)
