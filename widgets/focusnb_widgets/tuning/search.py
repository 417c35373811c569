"""Search: the candidates of each picture for a setting, kept as long as they may be wanted again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue
from focusnb.formats import pick_edits as edits_format
from focusnb.kernels import picking
from focusnb.steps import picked, pickers
from focusnb.steps.pick import REACH, read_templates
from focusnb_widgets.tuning.subjects import Subject

KEPT = 72  # searches and masks that are remembered, of all pictures together
FLAT = 3  # pictures without background that are remembered; they are large
# What a search depends on, by picker; thresholds and distances only choose among candidates.
ALL = ("picker", "particle_diameter", "pick_bright", "pick_border", "pick_exclude")
MASK = ("particle_diameter", "pick_bright", "pick_border", "pick_exclude")
OWN = {
    "blob": ("smallest_diameter",),
    "reference_free": ("smallest_diameter", "pick_distance"),
    "template": (
        "templates", "template_pixel_size", "template_contrast", "template_angle_step",
        "template_ctf", "template_whiten",
    ),
    "filament": ("filament_spacing", "filament_length"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidates:
    """Picks that keep their distance, the best first, and their automatic threshold."""

    picks: picking.Picks
    automatic: float
    distance: float  # Å


class Search:
    """Finds candidates in pictures, and remembers them; may be used by several threads."""

    def __init__(self, found: Sequence[Subject], *, workers: int = 1) -> None:
        self.subjects = found
        self._workers = workers
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def candidates(self, i: int, values: Mapping[str, Any], excluded: Any = ()) -> Candidates:
        """The candidates of picture i. excluded: polygons by hand."""
        key = self._key(i, values, excluded)
        found = self._keep(key, lambda: self._find(i, values, excluded), KEPT)
        distance = pickers.distance(values)
        chosen = picking.apart(found, distance / self.subjects[i].pixel_size)
        return Candidates(chosen, pickers.automatic(chosen, values), distance)

    def knows(self, i: int, values: Mapping[str, Any], excluded: Any = ()) -> bool:
        """Whether `candidates` needs no search, only a choice among what was found."""
        key = self._key(i, values, excluded)
        with self._lock:
            return key in self._kept

    def mask(self, i: int, values: Mapping[str, Any], excluded: Any = ()) -> picking.Exclusion:
        """What is left out of picture i: what is found, if that is wanted, and polygons by hand."""
        subject = self.subjects[i]
        how = {"pixel_size": subject.pixel_size, "workers": self._workers}
        key = (i, "mask", *(values.get(word) for word in MASK))
        mask = self._keep(key, lambda: pickers.mask(subject.picture, values, **how), KEPT)
        return mask.with_polygons(excluded)

    def flat(self, i: int, diameter: float) -> NDArray[np.float32]:
        """Picture i without its background."""
        subject = self.subjects[i]
        return self._keep(
            ("flat", i, diameter),
            lambda: picking.background_free(
                subject.picture, pixel_size=subject.pixel_size, diameter=diameter,
                workers=self._workers,
            ),
            FLAT,
        )  # fmt: skip

    def _keep(self, key: Hashable, make: Any, most: int) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            alike = [k for k in self._kept if (k[0] == "flat") == (key[0] == "flat")]
            for old in alike[:-most]:
                del self._kept[old]
        return made

    def _find(self, i: int, values: Mapping[str, Any], excluded: Any) -> picking.Picks:
        subject = self.subjects[i]
        left_out = values.get("pick_exclude", True) or len(excluded)
        how: dict[str, Any] = {"pixel_size": subject.pixel_size, "workers": self._workers}
        if values.get("picker") == "template":
            if not values.get("templates"):
                raise BadValue("templates are needed: give a stack or a map under “Templates”")
            file, given = _file(subject, values["templates"]), values.get("template_pixel_size")
            if not file.is_file():
                raise BadValue(f"templates: there is no file {file}")
            how["templates"] = self._keep(
                ("templates", str(file), _state(file), given),
                lambda: read_templates(file, given)[:2],
                KEPT,
            )
            how["lens"] = _lens(subject, values)
        if values.get("picker") == "reference_free":
            blobs = {**values, "picker": "blob"}
            how["first"] = self._keep(
                self._key(i, blobs, excluded), lambda: self._find(i, blobs, excluded), KEPT
            )
        mask = self.mask(i, values, excluded) if left_out else None
        return pickers.find(subject.picture, values, exclude=mask, **how)

    def _key(self, i: int, values: Mapping[str, Any], excluded: Any) -> Hashable:
        """What a search depends on: of templates, also what is in their file, and the CTF."""
        picker = values.get("picker") or "reference_free"
        key = (i, *((word, values.get(word)) for word in (*ALL, *OWN.get(picker, ()))))
        polygons = tuple(tuple(map(tuple, corners)) for corners in excluded)
        if picker != "template" or not values.get("templates"):
            return (*key, polygons)
        subject = self.subjects[i]
        lens = tuple((_lens(subject, values) or {}).items())
        return (*key, _state(_file(subject, values["templates"])), lens, polygons)


def _file(subject: Subject, name: str) -> Path:
    path = Path(name).expanduser()
    if subject.image is not None and not path.is_absolute():
        path = subject.image.project.root / path
    return path


def _state(file: Path) -> tuple[int, int] | None:
    """What changes when a file is written anew; None without a file."""
    if not file.is_file():
        return None
    told = file.stat()
    return told.st_size, told.st_mtime_ns


def _lens(subject: Subject, values: Mapping[str, Any]) -> dict[str, float] | None:
    """The CTF that templates are seen through, as far as it is wanted and known."""
    if not values.get("template_ctf", True):
        return None
    return pickers.lens({w: subject.value(w) for w in (*pickers.OPTICS, *pickers.DEFOCUS)})


def edited(
    found: Candidates, values: Mapping[str, Any], edits: Mapping[str, Any], pixel_size: float
) -> picking.Picks:
    """The picks: candidates above the threshold, with what a hand has added and removed."""
    cutoff = values.get("pick_threshold")
    chosen = found.picks.above(found.automatic if cutoff is None else cutoff)
    changes = edits_format.made(
        edits.get("added", ()), edits.get("removed", ()), edits.get("excluded", ())
    )
    reach = REACH * values["particle_diameter"] / pixel_size
    return picked.edited(chosen, found.picks, changes, reach=reach)
