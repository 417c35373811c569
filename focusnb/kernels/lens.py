"""The formula of the contrast transfer function: wavelength, phase of the lens, sign, azimuth.

The CTF is −sin(χ + asin(amplitude contrast) + phase shift), so protein is dark at underfocus;
defocus is positive for underfocus, in Å; the azimuth has the direction (cos, sin) = (column, row).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadData


@dataclass(frozen=True, slots=True)
class Lens:
    """What does not change from picture to picture."""

    voltage: float  # kV
    spherical_aberration: float  # mm
    amplitude_contrast: float  # fraction

    def phase(self, s: ArrayLike, defocus: ArrayLike, phase_shift: ArrayLike = 0.0) -> NDArray:
        """Argument of the CTF's sine at s (1/Å), defocus (Å), phase shift (degrees): radians."""
        lens = chi(s, defocus, voltage=self.voltage, spherical_aberration=self.spherical_aberration)
        return lens + np.arcsin(self.amplitude_contrast) + np.deg2rad(phase_shift)

    def rings_per_frequency(self, s: ArrayLike, defocus: ArrayLike) -> NDArray:
        """Thon rings (periods of CTF²) per 1/Å at s: |dχ/ds| / π, Å."""
        lam, cs = wavelength(self.voltage), self.spherical_aberration * 1e7
        s = np.asarray(s)
        return np.abs(2 * lam * s * (np.asarray(defocus) - lam**2 * s**2 * cs))


def wavelength(voltage: float) -> float:
    """Wavelength in Å of electrons accelerated by `voltage` kV, relativistic.

    λ = h / √(2 m e U (1 + e U / 2 m c²)): 0.0196875 Å at 300, 0.0250793 Å at 200 kV.
    """
    if not voltage > 0:
        raise BadData(f"the voltage is {voltage} kV; it must be positive")
    volts = voltage * 1e3
    return float(12.2642596588 / np.sqrt(volts * (1 + 0.978475598e-6 * volts)))


def chi(
    s: ArrayLike, defocus: ArrayLike, *, voltage: float, spherical_aberration: float
) -> NDArray:
    """Phase of the lens, χ = πλs²(Δz − λ²s²Cs/2), radians.

    s in 1/Å, defocus in Å (underfocus positive), voltage in kV, spherical aberration in mm.
    """
    lam, cs = wavelength(voltage), spherical_aberration * 1e7
    s2 = np.asarray(s) ** 2
    return np.pi * lam * s2 * (np.asarray(defocus) - 0.5 * lam**2 * s2 * cs)


def defocus_at(
    azimuth: ArrayLike, defocus_u: float, defocus_v: float, defocus_angle: float
) -> NDArray:
    """Defocus (Å) in the direction azimuth (radians): mean + ½ difference · cos 2(azimuth − angle)."""
    turned = 2 * (np.asarray(azimuth) - np.deg2rad(defocus_angle))
    return 0.5 * (defocus_u + defocus_v) + 0.5 * (defocus_u - defocus_v) * np.cos(turned)


def transfer(
    s: ArrayLike,
    azimuth: ArrayLike = 0.0,
    *,
    defocus_u: float,
    defocus_v: float | None = None,
    defocus_angle: float = 0.0,
    voltage: float,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: float = 0.0,
) -> NDArray:
    """The CTF, −sin(χ + asin(amplitude contrast) + phase shift); RELION's is its negative.

    Parameters
    ----------
    s : frequency, 1/Å
    azimuth : direction of the frequency, radians, (cos, sin) = (column, row)
    defocus_u, defocus_v : Å, underfocus positive; one alone means no astigmatism
    defocus_angle : degrees, direction of defocus_u
    voltage : kV
    spherical_aberration : mm
    amplitude_contrast : fraction
    phase_shift : degrees
    """
    defocus = defocus_at(
        azimuth, defocus_u, defocus_u if defocus_v is None else defocus_v, defocus_angle
    )
    phase = chi(s, defocus, voltage=voltage, spherical_aberration=spherical_aberration)
    return -np.sin(phase + np.arcsin(amplitude_contrast) + np.deg2rad(phase_shift))
