"""The page of one image: its values, results with where they come from, products, logs, another run."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from traitlets import Int, observe

from focusnb.batch import dispatch
from focusnb.errors import BadValue, FocusError, UnknownName
from focusnb_widgets.desk import WRONG
from focusnb_widgets.forms import image_facts
from focusnb_widgets.forms.fields import Section, by_step, shown
from focusnb_widgets.forms.form import SCRIPTS, STYLES
from focusnb_widgets.forms.part import SheetPart
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.forms.targets import Collected, OfImages
from focusnb_widgets.source import module, style

NOBODY = "No image is chosen. Choose one in the library table, and it is shown here."
MOST = 2_000_000  # bytes of a preview that is sent


class ImagePage(SheetPart):
    """All about one image: the current one of the desk, or the one that is named.

    ::

        ImagePage(project, project["g1/0000000003"])
        page.run("ctf", defocus_high=30000)        # the same as its buttons
    """

    _esm = module(*SCRIPTS, "image_head.js", "image_page.js")
    _css = style(*STYLES)
    image = Int(0).tag(sync=True)

    def __init__(self, desk: Any, image: Any = None) -> None:
        self._sent: dict[str, Any] = {}
        self._plan: Any = None
        super().__init__(desk)
        self._fixed = image is not None
        if self._fixed:
            self.show(image)
        else:
            self.image = self.desk.current
            self.desk.observe(self._current_changed, "current")
            self.desk.observe(self._wanted, "wants")
        self._fit()

    # -- for scripts --------------------------------------------------------------------------

    def show(self, image: Any) -> None:
        """Show another image; raises UnknownName for one that is not there."""
        chosen = self.project.ids(image)
        if len(chosen) != 1:
            raise BadValue(f"{image!r} are {len(chosen)} images; the page shows one")
        _ = self.project.document(chosen[0])
        self.image = chosen[0]

    def facts(self) -> dict[str, Any]:
        """Give what the page shows."""
        return image_facts.told(self.project, self._shown())

    def log(self, step: str) -> str:
        """Give the log of a step."""
        return str(image_facts.log(self.project, self._shown(), step)["text"])

    def run(self, *steps: str, **values: Any) -> Any:
        """Queue steps to run again, even where they are up to date; values: for this time only."""
        batches = self.desk.process([self._shown()], list(steps), set=values or None, force=True)
        self._acted()
        return batches

    def try_out(self, *steps: str, name: str = "trial", **values: Any) -> Any:
        """Compute into trials/NAME of the image, and record nothing in its results."""
        image = self._shown()
        batches = self.project.try_out([image], list(steps), values or None, name=name)
        self.desk.line = (
            f"project.try_out([{image}], {list(steps)!r}, {values or None!r}, name={name!r})"
        )
        if not self.project.queue.paused:
            dispatch.start(self.project)
        self._acted()
        return batches

    def tell(self) -> None:
        """Tell the page what has changed of the image, its files, or the values."""
        if self._open and not self._seen:
            return
        self._fit()
        super().tell()
        if self._open:
            self._tell_page()

    # -- messages -----------------------------------------------------------------------------

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer a page that has just been opened."""
        self._sent = {}
        super().do_ready(message, buffers)

    def do_log(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Send a log, or why there is none."""
        step = str(message["step"])
        try:
            found = image_facts.log(self.project, self._shown(), step)
        except WRONG as error:
            found = {"text": "", "cut": False, "file": "", "missing": str(error)}
        self.send({"log": step, **found})

    def do_run(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Run a step again, as it is or with the values of the sheet; or try it out."""
        step, values = str(message["step"]), {}
        if message.get("changed"):
            sheet = self._sheet("run")
            if sheet.problems:
                raise BadValue(f"nothing was queued: {next(iter(sheet.problems.values()))}")
            values = {word: value for word, value in sheet.values.items() if value is not None}
        if message.get("trial"):
            batches = self.try_out(step, name=str(message.get("name") or "trial"), **values)
        else:
            batches = self.run(step, **values)
        self.sheets.pop("run", None)
        if not len(batches):
            return f"{step} is queued already; it has not begun yet"
        paused = "; the queue is paused, resume it" if self.project.queue.paused else ""
        return f"{step} is queued" + (" as a trial" if message.get("trial") else "") + paused

    def do_open(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Begin to choose other values for a run of a step."""
        step = str(message["step"])
        target = Collected(OfImages(self.project, [self._shown()]), "this run only")
        self.sheets["run"] = Sheet(target, by_step(self.project.registry, [step]))
        self._told.pop("run", None)
        self.tell()

    def do_close(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Forget the values of a run."""
        self.sheets.pop("run", None)

    def do_view(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Ask the workbench to open a picture in the viewer."""
        self.desk.wants = {}
        self.desk.wants = {"view": self._shown(), "word": str(message["word"])}

    def do_walk(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str | None:
        """Go to the next image, or the one before, as the table shows them."""
        forward = int(message["by"]) > 0
        found = self.desk.walk.step(self._shown(), 1 if forward else -1)
        if found == self._shown():
            return f"this is the {'last' if forward else 'first'} image"
        if self._fixed:
            self.image = found
        else:
            self.desk.current = found
        return None

    def do_flag(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Flag the image."""
        said = self.desk.flag([self._shown()], str(message["flag"]))
        self._acted()
        return said

    def do_restore(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Bring the image back from the TRASH."""
        said = self.desk.restore([self._shown()])
        self._acted()
        return said

    def do_trash(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Move the image to the TRASH."""
        said = self.desk.move([self._shown()], "TRASH")
        self._acted()
        return said

    def do_undo(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Take the last action of the desk back."""
        said = self.desk.undo()
        self._acted()
        return said

    # -- inside -------------------------------------------------------------------------------

    def _shown(self) -> int:
        if not self.image:
            raise UnknownName("no image is chosen; choose one in the library table")
        return int(self.image)

    def _acted(self) -> None:
        self.line = self.desk.line
        self.desk.look()
        self.tell()

    def _current_changed(self, _: Any) -> None:
        self.image = self.desk.current

    def _wanted(self, change: Mapping[str, Any]) -> None:
        if change["new"].get("page"):
            self.image = int(change["new"]["page"])

    @observe("image")
    def _image_changed(self, _: Any) -> None:
        if hasattr(self, "_fixed"):
            self._sent = {}
            self.sheets.pop("run", None)
            self.tell()

    def _fit(self) -> None:
        """Make the sheet of the image's values fit to the steps that take them."""
        if not self.image:
            self.sheets, self._plan = {}, None
            return
        with suppress(*WRONG):  # what is wrong is told by the page itself
            names, document = self.project.workflow, self.project.document(self.image)
            names = [n for n in dict.fromkeys([*names, *document["runs"]]) if self._is_step(n)]
            sections = by_step(self.project.registry, names)
            known = {param.name for section in sections for param in section.params}
            words = self.project.words
            own = [
                words[w]
                for w in dict.fromkeys(["comment", *document["values"]])
                if w in words and shown(words[w]) and w not in known
            ]
            sections = [
                Section(s.key, s.title, tuple(p for p in s.params if p.scope == "image"), s.note)
                for s in sections
            ]
            sections = [Section("image", "Of this image", tuple(own)), *sections]
            sections = [section for section in sections if section.params]
            plan = (self.image, tuple((s.key, s.params) for s in sections))
            if plan == self._plan:
                return
            texts = self.sheets["image"].texts if self._plan and self._plan[0] == self.image else {}
            sheet = Sheet(OfImages(self.project, [self.image]), sections)
            sheet.texts = {w: t for w, t in texts.items() if w in sheet.params}
            self.sheets["image"], self._plan = sheet, plan
            self._told.pop("image", None)

    def _is_step(self, name: str) -> bool:
        try:
            self.project.registry.step(name)
        except FocusError:
            return False
        return True

    def _tell_page(self) -> None:
        if not self.image:
            page: dict[str, Any] = {"nobody": NOBODY}
        else:
            try:
                page = image_facts.told(self.project, self.image)
            except WRONG as error:
                page = {"nobody": f"{error}. It was removed; choose another image."}
                if not isinstance(error, UnknownName):
                    page = {"nobody": str(error)}
        text = json.dumps(page, sort_keys=True, default=str)
        if self._sent.get("page") != text:
            self._sent["page"] = text
            self.send({"page": page})
        self._tell_pictures()

    def _tell_pictures(self) -> None:
        found, buffers, stamps = [], [], []
        try:
            there = image_facts.pictures(self.project, self.image) if self.image else []
        except WRONG:
            there = []
        stamps = [[str(path), time] for _, path, time in there]
        if self._sent.get("pictures") == stamps:
            return
        self._sent["pictures"] = stamps
        for param, path, _ in there:
            with suppress(OSError):
                data = path.read_bytes()
                if len(data) <= MOST:
                    found.append({"word": param.name, "label": param.label})
                    buffers.append(data)
        self.send({"pictures": found, "image": self.image}, buffers)

    def __repr__(self) -> str:
        if not self.image:
            return "<page of no image>"
        with suppress(FocusError):
            return f"<page of {self.project[self.image]!r}>"
        return f"<page of image {self.image}, which is gone>"
