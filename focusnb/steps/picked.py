"""What all steps that pick have in common: their words, changes by hand, and what they write."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.formats import coordinates
from focusnb.formats import pick_edits as edits_format
from focusnb.formats.pick_edits import PickEdits
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.text import counted

REACH = 0.5  # diameters: so near a pick must be to be the one that a hand has meant
MASK = 1024  # pixels across a mask of polygons alone
ALL_BY_HAND = "all of {} picks were taken away by hand"

# Every picking step makes all of them, so that no word of an earlier one stays.
RESULTS = "picks particles background_free pick_mask pick_cutoff pick_excluded"


def keep(
    job: Job,
    picks: picking.Picks,
    *,
    diameter: float,
    mask: picking.Exclusion | None = None,
    notes: Iterable[str] = (),
    none: str = "no particle stands out in this picture",
) -> dict[str, Any]:
    """Write picks, the average without its background, and the mask; give all words of RESULTS.

    none: what is said when there are no picks.
    """
    said = list(notes)
    told = {} if mask is None else mask.fractions()
    told = {name: part for name, part in told.items() if name not in ("free", "border")}
    if told:
        parts = ", ".join(f"{name} {part:.0%}" for name, part in told.items())
        job.log(f"left out of the area: {parts}")
    if len(picks):
        over = f", scores from {picks.threshold:.3f} on" if np.isfinite(picks.threshold) else ""
        job.log(f"{counted(len(picks), 'particle')}{over}")
    else:
        said.append(f"none found: {none}")
    for note in said:
        job.log(note)
    across = np.where(np.isfinite(picks.diameter), picks.diameter, diameter)
    kind: dict[str, Any] = {"classes": picks.classes}
    if job.values.get("picker") == "filament":
        tubes = _alone(picks.classes)
        track = _along(picks.x, picks.y, tubes) * job.values["average_pixel_size"]
        kind = {"tubes": tubes, "track": track}
    coordinates.write(
        job.path("picks"), picks.x, picks.y, picks.score, diameter=across, angle=picks.angle, **kind
    )
    words = {
        "picks": job.keep("picks"),
        "particles": len(picks),
        "pick_cutoff": picks.threshold if np.isfinite(picks.threshold) else None,
        "pick_excluded": None if mask is None else sum(told.values()),
        "notes": said,
    }
    return words | _pictures(job, diameter, mask)


def _alone(tubes: NDArray) -> NDArray:
    """The numbers of filaments, with one of its own for each segment that belongs to none (0)."""
    own = np.asarray(tubes) < 1
    return np.where(own, np.max(tubes, initial=0) + np.cumsum(own), tubes)


def _along(x: NDArray, y: NDArray, tubes: NDArray) -> NDArray:
    """How far along its filament each segment lies, from the first one, pixels.

    The order is that on the straight line which fits the segments best.
    """
    track = np.zeros(len(x))
    for tube in np.unique(tubes):
        (mine,) = np.nonzero(tubes == tube)
        places = np.stack([x[mine], y[mine]], axis=1)
        _, _, (line, *_) = np.linalg.svd(places - places.mean(axis=0))
        order = np.argsort(places @ line)
        steps = np.linalg.norm(np.diff(places[order], axis=0), axis=1)
        track[mine[order]] = np.concatenate([[0.0], np.cumsum(steps)])
    return track


def keep_others(
    job: Job, picks: picking.Picks, *, notes: Iterable[str], none: str
) -> dict[str, Any]:
    """Keep the picks of another program, with what was changed by hand in the image."""
    said, diameter = list(notes), job.values["particle_diameter"]
    edits = by_hand(job, said)
    chosen, mask = picks, None
    if edits.excluded:
        mask = _free(job.read("average").shape).with_polygons(edits.excluded)
        chosen = picks[~mask.covers(picks.x, picks.y)]
    reach = REACH * diameter / job.values["average_pixel_size"]
    final = edited(chosen, picks, edits, reach=reach)
    if len(picks):
        none = ALL_BY_HAND.format(len(picks))
    return keep(job, final, diameter=diameter, mask=mask, notes=said, none=none)


def by_hand(job: Job, notes: list[str]) -> PickEdits:
    """The image's changes by hand; points added outside of the picture are left out with a note."""
    file = job.values.get("pick_edits")
    edits = edits_format.read(file) if file else PickEdits()
    inside = edits.inside(job.read("average").shape)
    if not inside.all():
        notes.append(
            f"{counted(int((~inside).sum()), 'pick')} added by hand left out: outside of the picture"
        )
        edits = replace(edits, added=edits.added[inside])
    counts = len(edits.added), len(edits.removed), len(edits.excluded)
    if any(counts):
        job.log("by hand: {} added, {} removed, {} polygons".format(*counts))
    return edits


def _free(shape: tuple[int, int]) -> picking.Exclusion:
    """A mask of a picture (y, x) in which nothing is left out."""
    step = max(1, max(shape) // MASK)
    size = tuple(-(-n // step) for n in shape)
    middle = (step - 1) / 2
    return picking.Exclusion(np.zeros(size, np.uint8), (step, step), (middle, middle))


def _pictures(job: Job, diameter: float, mask: picking.Exclusion | None) -> dict[str, Any]:
    pixel = job.values["average_pixel_size"]
    flat = picking.background_free(
        job.read("average"), pixel_size=pixel, diameter=diameter, workers=job.threads
    )
    words = {
        "background_free": job.write(
            "background_free", flat, pixel_size=pixel, label="pick: background taken off, scatter 1"
        )
    }
    if mask is not None:
        words["pick_mask"] = job.write(
            "pick_mask",
            mask.kinds.astype(np.int8),
            pixel_size=pixel * (mask.step[0] + mask.step[1]) / 2,
            label=f"pick: {', '.join(f'{i} {name}' for i, name in enumerate(picking.KINDS))}",
        )
    return words


def edited(
    picks: picking.Picks, candidates: picking.Picks, edits: PickEdits, *, reach: float
) -> picking.Picks:
    """Picks with those that a hand has removed and added.

    A removed point takes away the nearest pick within `reach` (pixels). An added one stays in any
    case, with the score of the nearest candidate within reach or none (NaN), and in place of
    picks that are nearer than that.
    """
    kept = np.ones(len(picks), bool)
    for x, y in edits.removed:
        away = np.where(kept, np.hypot(picks.x - x, picks.y - y), np.inf)
        if away.size and away.min() <= reach:
            kept[int(np.argmin(away))] = False
    for x, y in edits.added:
        kept &= np.hypot(picks.x - x, picks.y - y) > reach
    left = picks[kept]
    if not len(edits.added):
        return left
    added = [_as_added(candidates, x, y, reach) for x, y in edits.added]
    columns = [
        np.concatenate([getattr(one, name) for one in (left, *added)])
        for name in ("x", "y", "score", "diameter", "classes", "angle")
    ]
    order = np.argsort(-columns[2], kind="stable")  # NaN last
    return replace(picking.Picks(*(c[order] for c in columns)), threshold=picks.threshold)


def _as_added(candidates: picking.Picks, x: float, y: float, reach: float) -> picking.Picks:
    """A pick just there, with what the nearest candidate within reach tells."""
    away = np.hypot(candidates.x - x, candidates.y - y)
    if not away.size or away.min() > reach:
        return picking.points([x], [y])
    near = candidates[np.array([int(np.argmin(away))])]
    return replace(near, x=np.array([x]), y=np.array([y]))
