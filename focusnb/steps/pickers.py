"""Pickers: what the words of the step `pick` mean, for the step and for whoever tunes it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focusnb.errors import BadValue
from focusnb.kernels import picking
from focusnb.kernels.picking.balls import SPACING

OPTICS = ("voltage", "spherical_aberration", "amplitude_contrast")
DEFOCUS = ("defocus_u", "defocus_v", "defocus_angle", "phase_shift")


def mask(
    picture: ArrayLike, values: Mapping[str, Any], *, pixel_size: float, workers: int = 1
) -> picking.Exclusion:
    """What is left out of a picture, as far as it is found; nothing when `pick_exclude` is false."""
    found = picking.exclusion(
        picture, pixel_size=pixel_size, diameter=values["particle_diameter"],
        bright=bool(values.get("pick_bright")), border=values.get("pick_border"), workers=workers,
    )  # fmt: skip
    if values.get("pick_exclude", True):
        return found
    return replace(found, kinds=np.zeros_like(found.kinds))


def find(
    picture: ArrayLike,
    values: Mapping[str, Any],
    *,
    pixel_size: float,
    exclude: picking.Exclusion | None = None,
    templates: tuple[NDArray, float] | None = None,
    lens: Mapping[str, float] | None = None,
    first: picking.Picks | None = None,
    workers: int = 1,
) -> picking.Picks:
    """All candidates of the picker that the values name; `apart` and `Picks.above` take the picks.

    picture : (y, x).  values : words of the step `pick`.  pixel_size : Å
    exclude : where nothing is picked
    templates : stack (n, y, x) and its pixel size, Å, which `picker` = template needs
    lens : keywords of `ctf.transfer`; bright templates are seen through it, dark ones were already
    first : candidates of the picker `blob` with the same values, where somebody has them already
    """
    picker = values.get("picker") or "reference_free"
    how = {
        "pixel_size": pixel_size, "diameter": values["particle_diameter"], "exclude": exclude,
        "bright": bool(values.get("pick_bright")), "border": values.get("pick_border"),
        "workers": workers,
    }  # fmt: skip
    if picker == "template":
        if templates is None:
            raise BadValue(
                "picker = template needs templates: give a stack or a map with --set templates=…"
            )
        bright = values.get("template_contrast") != "dark"
        return picking.find_templates(
            picture, templates[0], template_pixel_size=templates[1], ctf=lens if bright else None,
            templates_bright=bright,
            angle_step=values.get("template_angle_step") or 5.0,
            whiten=bool(values.get("template_whiten")), **how,
        )  # fmt: skip
    if picker == "filament":
        return picking.find_filaments(
            picture, spacing=values.get("filament_spacing"),
            shortest=values.get("filament_length"), **how,
        )  # fmt: skip
    if first is None:
        first = picking.find_blobs(picture, smallest=values.get("smallest_diameter"), **how)
    if picker == "blob":
        return first
    spaced = picking.apart(first, distance(values) / pixel_size)
    if not len(spaced.above(picking.automatic(spaced))):
        return first
    return picking.find_again(picture, spaced, **how)


def lens(values: Mapping[str, Any]) -> dict[str, float] | None:
    """The CTF among some values, as `ctf.transfer` takes it; None when it is not known."""
    words = (*OPTICS, *DEFOCUS)
    known = {word: values[word] for word in words if values.get(word) is not None}
    return known if {"defocus_u", "defocus_v", "voltage"} <= known.keys() else None


def distance(values: Mapping[str, Any]) -> float:
    """The distance that picks keep, Å."""
    if values.get("pick_distance") is not None:
        return float(values["pick_distance"])
    diameter = values["particle_diameter"]
    along = values.get("filament_spacing") if values.get("picker") == "filament" else None
    return float(SPACING * (along or diameter))


def automatic(candidates: picking.Picks, values: Mapping[str, Any]) -> float:
    """The automatic threshold: of picks, or of whole filaments."""
    if values.get("picker") == "filament":
        return picking.automatic_of_filaments(candidates)
    return picking.automatic(candidates)
