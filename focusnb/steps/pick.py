"""Pick: particles found in the average."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from focusnb import formats
from focusnb.errors import BadValue
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.step import step
from focusnb.steps import picked, pickers
from focusnb.steps.picked import REACH

LARGEST = 1 << 31  # bytes of templates


@step(category="Pick", results=picked.RESULTS, version="3")
def pick(
    job: Job,
    average,
    average_pixel_size,
    particle_diameter,
    picker="reference_free",
    smallest_diameter=None,
    pick_threshold=None,
    pick_distance=None,
    pick_bright=False,
    pick_border=None,
    pick_exclude=True,
    pick_edits=None,
    templates=None,
    template_pixel_size=None,
    template_contrast="bright",
    template_angle_step=5.0,
    template_ctf=True,
    template_whiten=False,
    filament_spacing=None,
    filament_length=None,
    voltage=None,
    spherical_aberration=None,
    amplitude_contrast=None,
    defocus_u=None,
    defocus_v=None,
    defocus_angle=None,
    phase_shift=None,
):
    """Pick particles: blobs, templates, what the first picks look like, or filaments.

    Dark particles (bright ones on request) that stand out from their surroundings; the threshold is
    found from the scores when none is given. Carbon, ice crystals, aggregates and the like are left
    out. Of overlapping picks the better one stays. What was changed by hand is kept: added picks
    always, removed ones never, and nothing is picked inside of polygons.
    """
    picture, values = job.read("average"), job.values
    notes: list[str] = []
    edits = picked.by_hand(job, notes)
    how = {"pixel_size": average_pixel_size, "workers": job.threads}
    job.report(0.05, "looking for areas to leave out")
    mask = None
    if pick_exclude or edits.excluded:
        mask = pickers.mask(picture, values, **how).with_polygons(edits.excluded)
    job.report(0.2, "picking particles")
    if picker == "template":
        how |= _templates(values, average_pixel_size, notes)
    found = pickers.find(picture, values, exclude=mask, **how)
    candidates = picking.apart(found, pickers.distance(values) / average_pixel_size)
    cutoff = pickers.automatic(candidates, values) if pick_threshold is None else pick_threshold
    chosen = candidates.above(cutoff)
    reach = REACH * particle_diameter / average_pixel_size
    final = picked.edited(chosen, candidates, edits, reach=reach)
    how = {"diameter": particle_diameter, "mask": mask, "notes": notes}
    if len(chosen):
        how["none"] = picked.ALL_BY_HAND.format(len(chosen))
    elif mask is not None and mask.fraction == 1:
        how["none"] = "all of the picture is left out"
    elif pick_threshold is not None and len(candidates):
        how["none"] = (
            f"none of {len(candidates)} candidates reaches pick_threshold = {pick_threshold:g};"
            f" the best has {candidates.score[0]:.3g}"
        )
    return picked.keep(job, final, **how)


def _templates(values: Mapping[str, Any], pixel_size: float, notes: list[str]) -> dict[str, Any]:
    """Templates and lens as `pickers.find` takes them; what is to be said goes to the notes."""
    if not values.get("templates"):
        return {}
    file, given = Path(values["templates"]), values.get("template_pixel_size")
    pictures, pixel, said = read_templates(file, given)
    notes += said
    if not np.isclose(pixel, pixel_size, rtol=1e-3):
        notes.append(
            f"the templates have {pixel:.4g} Å per pixel, the average {pixel_size:.4g}:"
            " they are rescaled"
        )
    wanted = values.get("template_ctf", True)
    lens = pickers.lens(values) if wanted else None
    if wanted and values.get("template_contrast") == "dark":
        notes.append("dark templates show the CTF already: it is not applied once more")
    elif wanted and lens is None:
        notes.append("the CTF is not known: templates are compared without it")
    return {"templates": (pictures, pixel), "lens": lens}


def read_templates(file: Path, pixel_size: float | None) -> tuple[Any, float, list[str]]:
    """Templates (n, y, x), the size of their pixels (Å), and what is to be said about them.

    A file called .map, or one of as many sections as rows and columns that is not called .mrcs, is
    a map: then its projections are the templates.
    """
    notes: list[str] = []
    with formats.open(file) as stack:
        shape, told = stack.shape, stack.pixel_size
        if np.prod(shape, dtype=float) * 4 > LARGEST:
            raise BadValue(
                f"templates = {file.name}: {shape[0]} × {shape[1]} × {shape[2]} pixels are too many;"
                " take fewer or smaller templates"
            )
        pictures = np.stack([np.asarray(frame, np.float32) for frame in stack])
    pixel = pixel_size or told
    if pixel is None:
        raise BadValue(
            f"templates = {file.name}: the file does not tell its pixel size; give it with"
            " --set template_pixel_size="
        )
    if pixel_size and told and not np.isclose(pixel_size, told, rtol=0.01):
        notes.append(
            f"{file.name} says {told:.4g} Å per pixel; template_pixel_size = {pixel_size:g} is taken"
        )
    suffix = file.suffix.lower()
    if suffix == ".map" or (shape[0] == shape[1] == shape[2] and suffix != ".mrcs"):
        seen = picking.projections(pictures, pixel_size=pixel)
        pictures, pixel = seen.pictures, seen.pixel_size
        notes.append(f"{file.name} is a map: {len(pictures)} projections of it are the templates")
    return pictures, float(pixel), notes
