"""Previews: which small pictures an image has, what each is made from, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from focusnb import formats
from focusnb.formats import coordinates, motion_star
from focusnb.formats import ctf_star as ctf_format
from focusnb.pictures.average import thumbnail
from focusnb.pictures.curves import ctf_curve
from focusnb.pictures.spectra import spectrum, thon
from focusnb.pictures.trajectory import drift

SIDE = 512  # pixels
BLUR = 0.07  # diameters: what is finer than a particle's parts is noise in the overview


@dataclass(frozen=True, slots=True)
class Source:
    """Where a preview finds its values and products.

    value: gives a value by word, None when there is none; files as whole paths. read: gives the
    content of a product.
    """

    value: Callable[[str], Any]
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """One small picture. needs: words without which it cannot be drawn. draw: writes it as PNG."""

    needs: tuple[str, ...]
    draw: Callable[[Source, Path], object]

    def can(self, source: Source) -> bool:
        """Tell whether there is what it is made from."""
        return all(source.value(word) is not None for word in self.needs)


def _average(source: Source, path: Path) -> None:
    thumbnail(source.read("average"), path)


def _before(source: Source, path: Path) -> None:
    thumbnail(source.read("unaligned"), path)


def _spectrum(word: str) -> Callable[[Source, Path], None]:
    def draw(source: Source, path: Path) -> None:
        spectrum(source.read(word), path, pixel_size=source.value("average_pixel_size"))

    return draw


def _drift(source: Source, path: Path) -> None:
    shifts = source.value("shifts")
    picture = source.read("average")
    dose, count = source.value("total_dose"), source.value("frame_count")
    file = source.value("motion_star")
    drift(
        np.array([[np.nan, np.nan] if p is None else p for p in shifts]),
        path,
        dose_per_frame=dose / count if dose and count else None,
        **({} if file is None else patch_tracks(motion_star.read(Path(file)))),
        picture=picture,
        field=np.array(picture.shape) * source.value("average_pixel_size"),
    )


def _picks(source: Source, path: Path) -> None:
    points = coordinates.read(Path(source.value("picks")))
    across = source.value("particle_diameter") / source.value("average_pixel_size")
    flat = source.read("average" if source.value("background_free") is None else "background_free")
    masked = source.value("pick_mask") is not None
    thumbnail(
        flat,
        path,
        blur=max(0.8, BLUR * across * SIDE / max(flat.shape)),
        side=SIDE,
        marks=(points["x"], points["y"], across),
        veil=source.read("pick_mask") > 1 if masked else None,
    )


def _thon(source: Source, path: Path) -> None:
    fit = ctf_format.read(Path(source.value("ctf_star")))
    with formats.open(source.value("ctf_spectrum")) as stack:
        measured, pixel = stack.frame(0), stack.pixel_size
    thon(
        measured,
        path,
        edge=0.5 / (pixel or 1.0),
        defocus_u=fit["defocus_u"],
        defocus_v=fit["defocus_v"],
        defocus_angle=fit["defocus_angle"],
        phase_shift=fit.get("phase_shift") or 0.0,
        voltage=source.value("voltage"),
        spherical_aberration=source.value("spherical_aberration"),
        amplitude_contrast=source.value("amplitude_contrast"),
        resolution=fit.get("ctf_resolution"),
    )


def _ctf(source: Source, path: Path) -> None:
    fit = ctf_format.read(Path(source.value("ctf_star")))
    ctf_curve(
        fit["frequencies"],
        fit["profile"],
        fit["model"],
        fit["quality"],
        path,
        resolution=fit.get("ctf_resolution"),
    )


# By the word that names the file. What was before alignment is shown where there was one.
PREVIEWS: Mapping[str, Preview] = MappingProxyType(
    {
        "preview_average": Preview(("average",), _average),
        "preview_spectrum": Preview(("average",), _spectrum("average")),
        "preview_before": Preview(("unaligned", "shifts"), _before),
        "preview_unaligned": Preview(("unaligned", "shifts"), _spectrum("unaligned")),
        "preview_drift": Preview(("average", "shifts"), _drift),
        "preview_picks": Preview(("average", "picks"), _picks),
        "preview_thon": Preview(("ctf_spectrum", "ctf_star"), _thon),
        "preview_ctf": Preview(("ctf_spectrum", "ctf_star"), _ctf),
    }
)


def patch_tracks(motion: motion_star.MotionFile) -> dict[str, np.ndarray]:
    """Give what each patch showed as the drift plot takes it: tracks (patches, n, 2), centres, used.

    Nothing when the file tells of no patch.
    """
    found = [rows for rows in (motion.local_shifts, motion.left_out) if rows is not None]
    if not found:
        return {}
    rows = np.concatenate(found)
    places, patch = np.unique(rows[:, 1:3], axis=0, return_inverse=True)
    patch, frame = patch.ravel(), rows[:, 0].astype(int)
    tracks = np.full((len(places), motion.frames, 2), np.nan)
    tracks[patch, frame] = rows[:, 3:] + motion.shifts[frame]
    used = np.zeros(len(places), bool)
    used[patch[: 0 if motion.local_shifts is None else len(motion.local_shifts)]] = True
    centres = places / [motion.width, motion.height] - 0.5
    return {"tracks": tracks, "centres": centres, "used": used}
