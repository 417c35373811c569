"""Answers: what a page asks for, computed beside the event loop, and sent as numbers and bytes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from focusnb.errors import FocusError
from focusnb.kernels import picking
from focusnb_widgets.tuning import shown
from focusnb_widgets.tuning.latest import Latest, tried
from focusnb_widgets.tuning.search import Candidates, Search

# What is more urgent than what, when several things wait.
PREVIEW, PICKS, SECOND, PART, MASK, BOXES = range(6)
REST = 0.3  # seconds that picks stay as they are before their boxes are cut: a slider may be moving
BUSY = {"picks": "searching …", "mask": "looking at the ice …", "boxes": "cutting boxes …"}


class Answers:
    """Computes what is asked for and gives it to `send(content, buffers)`.

    slot: "b" for the present setting, "a" for the one that was remembered.
    """

    def __init__(self, search: Search, send: Callable[..., None]) -> None:
        self.search, self._send = search, send
        self.latest = Latest(self._failed, self._tell_busy)
        self._asked = 0
        self._told: dict[tuple[str, int], int] = {}  # number of the question that was answered last
        self._boxes_of: dict[int, tuple[int, picking.Picks, float]] = {}

    def picks(
        self,
        slot: str,
        values: Mapping[str, Any],
        excluded: Mapping[int, Any],
    ) -> None:
        """Tell the candidates of some images. excluded: image -> polygons by hand.

        A new distance among candidates that are known takes milliseconds: that is done at once.
        Of a search in two passes the first one is told as soon as it is there, of all images, and
        then the second one.
        """
        self._asked += 1
        first = {**values, "picker": "blob"}
        for i, polygons in excluded.items():
            self.latest.forget(lambda kind, i=i: kind[:3] == ("picks", slot, i))
            if values.get("picker") != "reference_free":
                self._ask_pass(slot, i, values, polygons, urgency=PICKS)
                continue
            if not self.search.knows(i, values, polygons):
                self._ask_pass(slot, i, first, polygons, "first", urgency=PICKS)
            self._ask_pass(slot, i, values, polygons, urgency=SECOND)

    def _ask_pass(
        self, slot: str, i: int, values: Mapping[str, Any], polygons: Any, *which: str, urgency: int
    ) -> None:
        kind = ("picks", slot, i, *which)
        work = partial(tried, partial(self.search.candidates, i, values, polygons))
        then = partial(self._tell_picks, slot, i, values, self._asked)
        if self.search.knows(i, values, polygons):
            self.latest.at_once(kind, work, then)
        else:
            self.latest.ask(kind, work, then, urgency=urgency)

    def _tell_picks(
        self,
        slot: str,
        i: int,
        values: Mapping[str, Any],
        asked: int,
        outcome: tuple[Candidates | None, Exception | None],
    ) -> None:
        if asked < self._told.get((slot, i), 0):
            return  # a later question was answered meanwhile
        self._told[slot, i] = asked
        found, error = outcome
        if found is None:
            told = self._problem(i, error)
            self._send({**told, "slot": slot, "stamp": asked})
            return
        picks, diameter = found.picks, values["particle_diameter"]
        # Where no range was asked for, circles show the diameter that was, to be judged by eye.
        is_range = values.get("smallest_diameter") is not None
        across = picks.diameter if is_range else np.full(len(picks), diameter)
        self._send(
            {
                "picks": i,
                "slot": slot,
                "auto": float(found.automatic) if np.isfinite(found.automatic) else None,
                "directed": values.get("picker") == "filament",
                "effective": {"pick_distance": found.distance},
                "stamp": asked,
            },
            [_floats(c) for c in (picks.x, picks.y, picks.score, across, picks.angle)],
        )
        if slot == "b":
            self._boxes_of[i] = (asked, picks, diameter)
            self.boxes(i)

    def boxes(self, i: int) -> None:
        """Cut the boxes of the best candidates of an image, and of the picks that a hand has added."""
        if i not in self._boxes_of:
            return
        subject = self.search.subjects[i]
        stamp, picks, diameter = self._boxes_of[i]
        best = picks[: shown.BOXES]
        added = np.asarray(subject.edits["added"], float).reshape(-1, 2)
        x, y = np.concatenate([np.column_stack([best.x, best.y]), added]).T
        score = np.concatenate([best.score, np.full(len(added), np.inf)])

        def then(cut: tuple[bytes, int]) -> None:
            told = {"boxes": i, "count": len(x), "side": cut[1], "hand": len(added)}
            columns = [_floats(column) for column in (score, x, y)]
            self._send({**told, "stamp": stamp}, [cut[0], *columns])

        self.latest.ask(
            ("boxes", i),
            lambda: shown.boxes(
                subject.picture, x, y, pixel_size=subject.pixel_size, diameter=diameter
            ),
            then,
            urgency=BOXES,
            rest=REST,
        )

    def picture(
        self, i: int, *, flat: float | None = None, part: Iterable[int] | None = None, step: int = 1
    ) -> None:
        """Tell a picture in few pixels, or a part of it in finer ones.

        flat: diameter (Å) for the picture without background; None for the average.
        """

        def work() -> shown.Shown:
            pixels = self.search.subjects[i].picture if flat is None else self.search.flat(i, flat)
            return shown.preview(pixels) if part is None else shown.part(pixels, tuple(part), step)

        def then(made: shown.Shown) -> None:
            told = asdict(made)
            data = told.pop("data")
            kind = "average" if flat is None else "flat"
            level = 0 if part is None else 1
            self._send({"picture": i, "kind": kind, "level": level, **told}, [data])

        urgency = PREVIEW if part is None else PART
        self.latest.ask(("picture", i, part is None), work, then, urgency=urgency)

    def mask(self, i: int, values: Mapping[str, Any], excluded: Any) -> None:
        """Tell what of an image is left out."""

        def then(mask: picking.Exclusion) -> None:
            told, data = shown.mask_told(mask)
            self._send({"mask": i, **told}, [data])

        work = partial(self.search.mask, i, values, excluded)
        self.latest.ask(("mask", i), work, then, urgency=MASK)

    def _failed(self, kind: Any, error: Exception) -> None:
        if kind[0] == "picture":  # what is wrong with masks and boxes, the picks tell as well
            self._send(self._problem(kind[1], error))

    def _problem(self, i: int, error: Exception | None) -> dict[str, Any]:
        text = str(error) if isinstance(error, FocusError) else f"{type(error).__name__}: {error}"
        return {"problems": {self.search.subjects[i].name: text}, "image": i}

    def _tell_busy(self, kind: Any | None) -> None:
        self._send({"busy": "" if kind is None else BUSY.get(kind[0], "")})


def _floats(column: Any) -> bytes:
    return np.ascontiguousarray(column, "<f4").tobytes()
