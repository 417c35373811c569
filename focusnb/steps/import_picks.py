"""Import picks: those of another program take the place of our own."""

from pathlib import Path

import numpy as np

from focusnb.errors import BadValue
from focusnb.formats import foreign_picks
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.step import step
from focusnb.model.text import counted
from focusnb.steps import picked


@step(category="Pick", results=picked.RESULTS)
def import_picks(
    job: Job,
    average,
    average_pixel_size,
    particle_diameter,
    picks_file,
    picks_pixel_size=None,
    picks_origin="usual",
    pick_edits=None,
):
    """Take the picks of another program.

    From RELION's STAR files (of one micrograph or of many), EMAN's .box, cryoSPARC's .cs, crYOLO's
    .cbox or Topaz' tables; of a folder, from the file that is called like the image. Picks that
    were made on pictures of another pixel size are scaled; those outside of the picture are left
    out. What was changed by hand is kept, as the step pick does; bad areas are not looked for.
    """
    shape = job.read("average").shape
    height, width = shape
    table, from_top = foreign_picks.read(Path(picks_file), str(job.image["name"]), shape)
    parts = from_top  # cryoSPARC's are parts of the picture, whatever its pixels were
    if picks_origin != "usual":
        from_top = picks_origin == "top"
    factor = 1.0 if parts or picks_pixel_size is None else picks_pixel_size / average_pixel_size
    x, y = table["x"].to_numpy() * factor, table["y"].to_numpy() * factor
    if from_top:
        y = height - 1 - y
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    notes = []
    if not np.isfinite(np.stack([x, y])).all():
        raise BadValue(f"picks_file = {picks_file}: some coordinates are no finite numbers")
    if len(x) and not inside.any():
        raise BadValue(
            f"picks_file = {picks_file}: all {len(x)} picks lie outside of the {width} × {height} pixels"
            f" of the average (x up to {x.max():.0f}, y up to {y.max():.0f}); were they made on pictures"
            " of another size? give their pixel size with --set picks_pixel_size="
        )
    if not inside.all():
        outside = counted(int((~inside).sum()), "pick")
        notes.append(
            f"{outside} of {len(x)} outside of the {width} × {height} pixels of the average left out;"
            " if there are many, check picks_pixel_size"
        )
    diameter = table["diameter"].fillna(particle_diameter)
    picks = picking.points(
        x[inside], y[inside], table["score"][inside], diameter=diameter[inside],
        classes=table["class"][inside], angle=table["angle"][inside],
    )  # fmt: skip
    none = f"{Path(picks_file).name} holds no picks of this image"
    return picked.keep_others(job, picks, notes=notes, none=none)
