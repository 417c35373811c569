"""The tuner of picking: pictures with circles, and sliders that move them."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import anywidget
from traitlets import Bool, Dict, Int, List, Unicode, observe

from focusnb.errors import BadValue, FocusError
from focusnb.kernels import picking
from focusnb.model.registry import Registry
from focusnb.model.settings import user_scripts
from focusnb.model.text import counted
from focusnb.session import Batches, Project
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning import actions
from focusnb_widgets.tuning.answers import Answers
from focusnb_widgets.tuning.controls import controls, tunable
from focusnb_widgets.tuning.search import Candidates, Search, edited
from focusnb_widgets.tuning.subjects import Subject, by_hand, subjects, with_marks

PARTS = (
    "alive.js", "match.js", "grey.js", "picture.js", "marks.js", "sheet.js", "histogram.js",
    "gallery.js", "controls.js", "editing.js", "compare.js", "use.js", "keys.js", "kept.js",
    "layout.js", "tune.js",
)  # fmt: skip
THREADS = min(4, os.cpu_count() or 1)
WRONG = (FocusError, OSError, sqlite3.Error)  # what an action tells in a sentence
LOOK = 0.5  # seconds between two looks at batches that run


class PickingTuner(anywidget.AnyWidget):
    """Pictures side by side with their picks; sliders for the parameters of the step `pick`.

    values: the setting, by word; write to it to move the sliders. edits: what a hand changed, one
    mapping added, removed, excluded an image. manual: points marked as true, one list an image.
    saved: both as they are in the images' folders.
    """

    _esm = module(*PARTS)
    _css = style("page.css", "tune.css", "tune_parts.css")
    controls = List(Dict()).tag(sync=True)
    images = List(Dict()).tag(sync=True)
    values = Dict().tag(sync=True)
    base = Dict().tag(sync=True)
    edits = List(Dict()).tag(sync=True)
    manual = List(List()).tag(sync=True)
    saved = List(Dict()).tag(sync=True)
    setting_a = Dict(allow_none=True, default_value=None).tag(sync=True)
    chosen = Int(0).tag(sync=True)
    lines = Dict().tag(sync=True)
    facts = Dict().tag(sync=True)
    kinds = List(Unicode()).tag(sync=True)
    fresh = Bool(True).tag(sync=True)

    def __init__(
        self,
        found: list[Subject],
        *,
        project: Project | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self.subjects, self.project = found, project
        registry = project.registry if project else Registry([user_scripts()])
        self._params = {p.name: p for p in tunable(registry.step("pick").params)}
        self._answers = Answers(Search(found, workers=THREADS), lambda *told: self.send(*told))
        self._seen = False
        self._following: set[asyncio.Task[None]] = set()
        self._default = {word: p.default for word, p in self._params.items()}
        for subject in found:
            subject.edits = _whole(subject.edits)
        base = self._project_values()
        setting = {**base, **self._checked(values or {}, "values")}
        self._valid = setting
        super().__init__(
            images=[_told(subject, setting) for subject in found],
            values=setting,
            base=base,
            controls=controls(
                self._params.values(),
                pixel_size=max(s.pixel_size for s in found),
                extent=min(min(s.shape) * s.pixel_size for s in found),
                values=setting,
            ),
            edits=[subject.edits for subject in found],
            manual=[subject.marks for subject in found],
            saved=[by_hand(subject.image) for subject in found],
            facts={"title": project.name if project else ", ".join(s.name for s in found)},
            kinds=list(picking.KINDS),
        )
        self.on_msg(self._on_message)
        self._tell_lines()

    # -- for scripts --------------------------------------------------------------------------

    def candidates(self, image: int = 0) -> Candidates:
        """The candidates of an image at the present setting, whatever their score."""
        return self._answers.search.candidates(image, self._setting(), self._excluded(image))

    def picks(self, image: int = 0) -> picking.Picks:
        """The picks of an image as they are shown; `.table()` makes a table of them."""
        subject = self.subjects[image]
        found = self.candidates(image)
        return edited(found, self._setting(), self.edits[image], subject.pixel_size)

    def use(self) -> str:
        """Make the setting the project's: new images are picked with it."""
        try:
            return actions.use(self._in_project(), self._setting(), self.base)
        finally:
            self.base = self._project_values()

    def process(self, *, everything: bool = False) -> Batches:
        """Queue the images shown, or all of the project, to be picked with this setting."""
        images = None if everything else [s.image for s in self.subjects if s.image]
        return actions.process(self._in_project(), images, self._setting(), self.base)

    def save(self) -> str:
        """Keep what was changed and marked by hand with the images."""
        self._in_project()
        said = actions.save(self.subjects, self.saved)
        self.saved = _by_hand(self.subjects)
        self._tell_lines()
        return said

    def __repr__(self) -> str:
        setting = ", ".join(
            f"{word}={value!r}"
            for word, value in self.values.items()
            if value != self._default.get(word) or word == "particle_diameter"
        )
        names = ", ".join(subject.name for subject in self.subjects)
        return f"<tuner of picking: {counted(len(self.subjects), 'picture')} ({names}); {setting}>"

    # -- values -------------------------------------------------------------------------------

    def _in_project(self) -> Project:
        if self.project is None:
            raise BadValue("these pictures are of no project; give tune_picking images of one")
        return self.project

    def _project_values(self) -> dict[str, Any]:
        known = self.project.values() if self.project else self._default
        return {word: known[word] for word in self._params}

    def _setting(self) -> dict[str, Any]:
        """The values in their types: a page tells 150.0 as 150."""
        return self._checked(self.values, "the setting")

    def _checked(self, values: Mapping[str, Any], origin: str) -> dict[str, Any]:
        unknown = [word for word in values if word not in self._params]
        if unknown:
            raise BadValue(
                f"{origin}: {unknown[0]!r} is nothing that can be tuned here; that are"
                f" {', '.join(self._params)}"
            )
        return {word: self._params[word].read(value, origin) for word, value in values.items()}

    @observe("values")
    def _values_changed(self, change: Mapping[str, Any]) -> None:
        if not hasattr(self, "_answers"):
            return
        problems = {}
        for word, value in self.values.items():
            try:
                self._checked({word: value}, "")
            except FocusError as error:
                problems[word] = str(error)
        if problems:
            self.send({"problems": problems})
            return  # lines and questions stay with the last setting that can be
        self._valid = self._setting()
        self._tell_lines()
        old = change["old"] or {}
        if self._seen and {**old, "pick_threshold": 0} != {**self.values, "pick_threshold": 0}:
            self._ask_picks("b")

    @observe("setting_a")
    def _a_changed(self, _: Any) -> None:
        if self.setting_a and getattr(self, "_seen", False):
            self._ask_picks("a")

    @observe("edits", "manual")
    def _edits_changed(self, change: Mapping[str, Any]) -> None:
        if not hasattr(self, "_answers"):
            return
        for subject, edits, marks in zip(self.subjects, self.edits, self.manual, strict=True):
            subject.edits, subject.marks = _whole(edits), marks
        self._tell_lines()
        if not self._seen or change["name"] != "edits":
            return
        for i, (now, old) in enumerate(zip(self.edits, change["old"], strict=True)):
            if now.get("excluded", []) != old.get("excluded", []):
                self._ask_picks("b", [i])
                self._ask_mask(i)
                if self.setting_a:
                    self._ask_picks("a", [i])
            elif now.get("added", []) != old.get("added", []):
                self._answers.boxes(i)

    def _renew(self) -> None:
        """Read anew what the project holds, where nobody has changed it: a kernel may have waited."""
        old, self.base = self.base, self._project_values()
        kept = [by_hand(subject.image) for subject in self.subjects]
        old_kept, self.saved = self.saved, kept
        self.values = {
            word: self.base[word] if value == old[word] else value
            for word, value in self.values.items()
        }
        self.edits = [
            new["edits"] if mine == before["edits"] else mine
            for mine, before, new in zip(self.edits, old_kept, kept, strict=True)
        ]
        self.manual = [
            new["marks"] if mine == before["marks"] else mine
            for mine, before, new in zip(self.manual, old_kept, kept, strict=True)
        ]

    @observe("base")
    def _base_changed(self, _: Any) -> None:
        self._tell_lines()

    def _tell_lines(self) -> None:
        if not self.images:
            return
        self.lines = {
            "actions": actions.lines(
                self.project, self.subjects, self._valid, self.base, default=self._default,
                unsaved=_by_hand(self.subjects) != self.saved,
            )
        }  # fmt: skip

    # -- questions of the page ----------------------------------------------------------------

    def _ask_picks(self, slot: str, images: Iterable[int] | None = None) -> None:
        values = dict(self._valid if slot == "b" else self.setting_a or {})
        order = range(len(self.subjects)) if images is None else images
        chosen_first = sorted(order, key=lambda i: i != self.chosen)
        self._answers.picks(slot, values, {i: self._excluded(i) for i in chosen_first})

    def _ask_mask(self, i: int) -> None:
        self._answers.mask(i, self._valid, self._excluded(i))

    def _excluded(self, i: int) -> Any:
        return self.edits[i].get("excluded", ())

    # -- messages -----------------------------------------------------------------------------

    def _on_message(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        if message.get("alive"):
            self.send({"now": time.time()})
        elif message.get("ready"):
            if self.project and not self._seen:
                self._renew()
            self.send({"renewed": True})
            self._seen = True
            for i in range(len(self.subjects)):
                self._answers.picture(i)
            self._ask_picks("b")
            if self.setting_a:
                self._ask_picks("a")
        elif message.get("do") == "picture":
            flat = self._valid["particle_diameter"] if message["kind"] == "flat" else None
            self._answers.picture(
                message["image"], flat=flat, part=message.get("part"), step=message.get("step", 1)
            )
        elif message.get("do") == "mask":
            self._ask_mask(message["image"])
        elif message.get("do") == "action":
            self._act(message.get("name", ""))

    def _act(self, name: str) -> None:
        try:
            if name == "use":
                self.send({"told": name, "text": self.use(), "level": "done"})
            elif name == "save":
                self.send({"told": name, "text": self.save(), "level": "done"})
            elif name in ("process", "process_all"):
                self._follow(name, self.process(everything=name == "process_all"))
        except WRONG as error:
            self.send({"told": name, "text": str(error), "level": "error"})

    def _follow(self, name: str, batches: Batches) -> None:
        """Tell how far the batches are, until the last one has ended."""
        if not len(batches):
            self.send({"told": name, "text": "There is nothing to process.", "level": "done"})
            return
        self.send(
            {"told": name, "text": f"{counted(len(batches), 'batch')} queued", "level": "note"}
        )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a script: whoever asked waits for the batches
        progress: list[str] = []
        waiting = loop.run_in_executor(
            None, partial(batches.wait, on_progress=lambda part, text: progress.append(text))
        )

        async def look() -> None:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=LOOK)
                if progress and not waiting.done():
                    self.send({"told": name, "text": progress[-1], "level": "note"})
                    progress.clear()
            try:
                states = list(waiting.result().values())
            except WRONG as error:
                self.send({"told": name, "text": str(error), "level": "error"})
                return
            bad = [state for state in states if state != "done"]
            text = f"{counted(len(states), 'image')} processed" + (
                f", {len(bad)} of them {bad[0]}; their rows tell why" if bad else ""
            )
            self.send({"told": name, "text": text, "level": "error" if bad else "done"})

        task = loop.create_task(look())
        self._following.add(task)  # the loop itself does not hold on to it
        task.add_done_callback(self._following.discard)


def _told(subject: Subject, setting: Mapping[str, Any]) -> dict[str, Any]:
    height, width = subject.shape
    return {
        "name": subject.name, "width": width, "height": height, "pixel_size": subject.pixel_size,
        "note": subject.note, "reach": setting["particle_diameter"] / 2,
    }  # fmt: skip


def _by_hand(found: Iterable[Subject]) -> list[dict[str, Any]]:
    """What hands have done to pictures: changes to picks, and marks."""
    return [{"edits": subject.edits, "marks": subject.marks} for subject in found]


def _whole(edits: Mapping[str, Any]) -> dict[str, Any]:
    return {word: edits.get(word, []) for word in ("added", "removed", "excluded")}


def tune_picking(
    images: Any,
    *,
    pixel_size: float | None = None,
    manual: Mapping[Any, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> PickingTuner:
    """Tune picking by eye on 1 to 6 pictures.

    ::

        tune_picking(project)                              # three that stand for the session
        tune_picking(project.select("ctf_resolution < 4")[:3])
        tune_picking("micrograph.mrc")
        tune_picking(picture, pixel_size=1.06)

    Parameters
    ----------
    images : a project, its images, files, arrays (y, x), pairs (array, pixel size), or several
        Files and arrays are averages in MRC orientation.
    pixel_size : Å
        Of pictures that do not tell theirs.
    manual : picture -> table with x and y, array (n, 2), or STAR file
        What really are particles, by number from 0, name or image: precision, recall and F1 are
        told as sliders move.
    values : word -> value
        Where to begin, e.g. {"particle_diameter": 140}; else the project's values.
    """
    found = subjects(images, pixel_size=pixel_size)
    with_marks(found, manual or {})
    projects = {s.image.project.root: s.image.project for s in found if s.image}
    if len(projects) > 1 or (projects and not all(s.image for s in found)):
        raise BadValue(
            "the pictures are of several projects, or of one and none; tune on one at a time"
        )
    project = next(iter(projects.values()), None)
    return PickingTuner(found, project=project, values=values)
