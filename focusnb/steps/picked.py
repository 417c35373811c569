"""What all steps that pick have in common: their words, changes by hand, and what they write."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from focusnb.formats import coordinates
from focusnb.formats.pick_edits import PickEdits
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.text import counted

# Every picking step makes all of them, so that no word of an earlier one stays.
RESULTS = "picks particles background_free pick_mask pick_cutoff pick_excluded"


def keep(
    job: Job,
    picks: picking.Picks,
    *,
    diameter: float,
    mask: picking.Exclusion | None = None,
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    """Write picks, the average without its background, and the mask; give all words of RESULTS."""
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
        said.append("none found: no particle stands out in this picture")
    for note in said:
        job.log(note)
    across = np.where(np.isfinite(picks.diameter), picks.diameter, diameter)
    coordinates.write(
        job.path("picks"), picks.x, picks.y, picks.score, diameter=across,
        classes=picks.classes, angle=picks.angle,
    )  # fmt: skip
    words = {
        "picks": job.keep("picks"),
        "particles": len(picks),
        "pick_cutoff": picks.threshold if np.isfinite(picks.threshold) else None,
        "pick_excluded": None if mask is None else sum(told.values()),
        "notes": said,
    }
    return words | _pictures(job, diameter, mask)


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
