"""Viewing: how a picture is opened, read in another thread, and told to the page; and told when it changes."""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Dict, List, Unicode

from focusnb.errors import BadData, BadValue, MissingProduct
from focusnb.kernels import grey
from focusnb.model.image import Image
from focusnb_widgets.desk import WRONG
from focusnb_widgets.part import Part
from focusnb_widgets.tuning.latest import Latest, tried
from focusnb_widgets.viewer import overlays as over
from focusnb_widgets.viewer.alone import Alone
from focusnb_widgets.viewer.frames import Frames
from focusnb_widgets.viewer.sheets import PictureSheet, Sheet, Shown, coarse
from focusnb_widgets.viewer.subject import SPECTRA, Choice, Subject, subject

FIRST, LATER = 0, 5  # urgency
BUSY = {"load": "reading …", "fft": "computing the spectrum …"}
REST = 0.3  # seconds before all pixels are summed up: what is seen comes first


class Viewing(Part):
    """What a viewer holds: a subject, one of its pictures, the frame that is looked at."""

    line = Unicode("").tag(sync=True)
    look = Dict().tag(sync=True)
    seen = List().tag(sync=True)
    polygons = List().tag(sync=True)
    kept = Dict().tag(sync=True)

    def __init__(
        self,
        desk: Any = None,
    ) -> None:
        super().__init__(Alone() if desk is None else desk)
        self._latest = Latest(self._failed, self._busy)
        self._page = False
        self._doing = ""
        self._subject: Subject | None = None
        self._choice: Choice | None = None
        self._frames: Frames | None = None
        self._sheet: PictureSheet | None = None
        self._read = (0, 0, 0)  # which sheet that is: token, frame, together
        self._spectrum: Sheet | None = None
        self._problem, self._trouble, self._token = "", "", 0
        self._over: dict[str, Any] = {}
        self._known = (-1, -1)  # of the image, as of when it was last looked at
        self._drawn_on: tuple[Any, bool] = (None, False)  # what the polygons lie on; if a movie
        self._saved: list[Any] = []  # the polygons that the project has of it
        self.frame, self.together = 0, 1
        _warm()
        self.desk.observe(self._follow_line, "line")
        self.desk.observe(self._follow_project, "revision")
        self.desk.observe(self._follow_order, "order")

    # -- opening ------------------------------------------------------------------------------

    def _open(self, word: str | None) -> None:
        assert self._subject is not None
        self._close()
        self._token += 1
        self.frame, self.together = 0, 1
        self._problem, self.seen, self.look = "", [], {}
        image = self._subject.image
        if self._drawn_on[0] != (image.id if image else self._subject.source):
            self.polygons = self._saved = []  # they belong to something else
        try:
            self._choice = self._subject.choice(word)
            self._over = over.overlays(self._subject.image, self._choice.word)
            self._take_polygons(self._subject, self._choice)
            self._frames = self._choice.open()
        except (*WRONG, ValueError) as error:
            self._tell_broken(error)
            return
        source = self._subject.source
        if self._subject.image:
            told = f", word={self._choice.word!r}"
        else:
            size = self._choice.pixel_size
            told = f", pixel_size={size:g}" if size else ""
        self.desk.line = f"from focusnb_widgets import view; view({source}{told})"
        self._load()

    def _take_polygons(self, found: Subject, choice: Choice) -> None:
        """Take the polygons that the project has; those drawn and not saved stay on their picture."""
        # A movie has pixels of its own, all other pictures of an image share theirs.
        on = (found.image.id if found.image else found.source, choice.word == "movie")
        if on != self._drawn_on or self.polygons == self._saved:
            self.polygons = self._over["excluded"]
        self._drawn_on, self._saved = on, self._over["excluded"]

    def _close(self) -> None:
        if self._frames is not None:
            # Where it is read: a long sum that is under way ends first, and nobody waits for it here.
            self._latest.ask(("close", self._token), self._frames.close, lambda _: None, LATER)
        self._frames = self._sheet = self._spectrum = None

    def _load(self, want: Mapping[str, Any] | None = None) -> None:
        """Read the frame in another thread, and tell the page."""
        if self._frames is None:
            return
        token, frames, choice = self._token, self._frames, self._choice
        frame, together = self.frame, self.together

        def read() -> tuple[PictureSheet, list[Shown]]:
            picture = frames.picture(frame, together)
            square = picture.shape[0] == picture.shape[1]
            spectral = choice is not None and choice.word in SPECTRA and square
            frequency = 1 / (len(picture) * (frames.pixel_size or 1.0)) if spectral else None
            sheet = PictureSheet(picture, frequency)
            parts = [sheet.shown(None, coarse(sheet.shape))]
            if want:
                parts.append(sheet.shown(whole(want["part"]), int(want["step"])))
            return sheet, parts

        def then(outcome: tuple[Any, Exception | None]) -> None:
            found, error = outcome
            if token != self._token:
                return  # of a picture that is not looked at any more, whatever became of it
            if error is not None:
                self._failed("load", error)
                return
            self._sheet, parts = found
            self._read = (token, frame, together)
            self._problem = ""
            self._tell_view(parts)
            self._more(token)

        self._latest.ask("load", lambda: tried(read), then, FIRST)

    def _more(self, token: int) -> None:
        """What takes a moment longer: particles, and what all pixels say together."""
        sheet = self._sheet

        def summary(found: grey.Summary) -> None:
            if self._page and token == self._token and sheet is self._sheet:
                told = {name: _plain(getattr(found, name)) for name in found.__slots__}
                self.send({"summary": {**told, "pixels": int(np.prod(sheet.shape))}})

        if sheet is not None and self._page:
            self._latest.ask("summary", lambda: sheet.summary, summary, LATER, rest=REST)
        self._ask_picks(token)

    def _ask_picks(self, token: int) -> None:
        image = self._subject and self._subject.image
        if image and self._choice and self._choice.word != "movie" and self._page:
            try:
                place = over.Picks.of(image)
            except (*WRONG, ValueError):
                return  # there are none yet
            self._latest.ask("picks", place.read, lambda told: self._tell_picks(token, *told), 1)

    def _tell_picks(self, token: int, told: dict[str, Any], columns: list[NDArray]) -> None:
        if token == self._token:
            self.send({"picks": told}, [column.tobytes() for column in columns])

    def _now(self) -> PictureSheet:
        """The sheet that is looked at; read here and now if it has not been."""
        wanted = (self._token, self.frame, self.together)
        if self._sheet is None or self._read != wanted:
            if self._problem:
                raise MissingProduct(self._problem)
            if self._frames is None:
                raise BadValue("there is nothing to look at yet; show(…) something")
            self._sheet = PictureSheet(self._frames.picture(self.frame, self.together))
            self._read = wanted
        return self._sheet

    def _image(self) -> Image:
        if self._subject is None or self._subject.image is None:
            raise BadValue("this picture is of no project: there is nowhere to save this to")
        return self._subject.image

    # -- what is told -------------------------------------------------------------------------

    def _tell_view(self, parts: Sequence[Shown] = ()) -> None:
        if not self._page:
            return
        found, choice = self._subject, self._choice
        if found is None:
            self.send({"view": {"nothing": True}})
            return
        sheet, frames, image = self._sheet, self._frames, found.image
        told: dict[str, Any] = {
            "token": self._token, "name": found.name, "problem": self._problem,
            "source": found.source, "word": choice and choice.word, "seen": self.seen,
            "choices": [
                {"word": c.word, "label": c.label, "there": c.there} for c in found.choices
            ],
            "image": image.id if image else 0,
        }  # fmt: skip
        try:
            told |= self._facts(image, choice)
        except WRONG as error:
            told["notes"] = [str(error)]
        if sheet is not None and frames is not None:
            told |= {
                "height": sheet.shape[0], "width": sheet.shape[1], "frequency": sheet.frequency,
                "frames": frames.shape[0], "frame": self.frame, "together": self.together,
                "pixel_size": self.pixel_size, "notes": [*told.get("notes", []), *frames.notes],
            }  # fmt: skip
        told["parts"] = [shown.told() for shown in parts]
        self.send({"view": told}, [shown.data for shown in parts])

    def _facts(self, image: Image | None, choice: Choice | None) -> dict[str, Any]:
        """What the project knows: key, neighbours, what lies over the picture."""
        self._over = over.overlays(image, choice.word if choice else "")
        if image is None:
            return {"over": self._over}
        return {"over": self._over, "key": image.key, **self._neighbours(image)}

    def _neighbours(self, image: Image) -> dict[str, int]:
        """Give the images before and after one as the table shows them, 0 where there is none."""
        found = {
            "before": self.desk.walk.step(image.id, -1),
            "after": self.desk.walk.step(image.id, 1),
        }
        return {side: 0 if other == image.id else other for side, other in found.items()}

    def _tell_broken(self, error: Exception) -> None:
        """Show a sentence in place of the picture."""
        self._close()
        self._problem = str(error) or type(error).__name__
        self._tell_view()

    def _busy(self, kind: Any | None) -> None:
        """Tell what is being done that may take long."""
        text = BUSY.get(kind, "")
        if self._page and text != self._doing:
            self._doing = text
            self.send({"busy": text})

    def _failed(self, kind: Any, error: Exception) -> None:
        if kind == "load":
            if isinstance(error, MemoryError):
                error = BadData("the picture does not fit into the memory that is left")
            self._tell_broken(error)
        elif self._page and kind != "picks" and kind[0] != "close":
            self.send({"problem": str(error) or type(error).__name__, "of": str(kind)})

    def _follow_line(self, change: Mapping[str, Any]) -> None:
        self.line = change["new"]

    def _follow_order(self, _: Any) -> None:
        image = self._subject.image if self._subject else None
        if image is not None and self._page:
            self.send({"neighbours": self._neighbours(image)})

    def _follow_project(self, _: Any) -> None:
        image = self._subject.image if self._subject else None
        if image is None or not self._page:
            return
        try:
            stamp = _stamp(image)
            if stamp == self._known:
                return  # others have changed
            self._known = stamp
            now = subject(image)
            chosen = self._choice and next(
                (c for c in now.choices if c.word == self._choice.word), None
            )
            if chosen and self._choice and chosen.what != self._choice.what:  # it was moved
                self._subject = now
                self._open(chosen.word)
                return
            told = over.overlays(image, self._choice.word if self._choice else "")
        except WRONG as error:
            self._say_trouble(str(error))
            return
        if told != self._over:
            if self.polygons == self._saved:
                self.polygons = told["excluded"]
            self._over, self._saved = told, told["excluded"]
            self.send({"over": told})
        self._subject = now
        frames = self._frames
        if self._problem or (chosen and chosen.there and frames and frames.trouble()):
            self._open(chosen.word if chosen else None)  # it was made, or made anew
        else:
            self._ask_picks(self._token)
            self._look()

    def _look(self) -> None:
        """Tell when the file vanished or changed."""
        if self._frames is not None:
            frames = self._frames
            self._latest.ask("look", frames.trouble, self._say_trouble, LATER)

    def _say_trouble(self, text: str) -> None:
        if text != self._trouble and self._page:
            self._trouble = text
            self.send({"trouble": text})


@cache
def _warm() -> None:
    """Compile the loops beside other work, once in a process."""
    threading.Thread(target=grey.warm, daemon=True).start()


def whole(told: Sequence[float] | None) -> grey.Part | None:
    """The part that a page names, in whole pixels."""
    if told is None:
        return None
    left, bottom, right, top = (round(edge) for edge in told)
    return left, bottom, right, top


def _stamp(image: Image) -> tuple[int, int]:
    """What changes when the image's own values do, or those of the project."""
    store, settings = image.project.store, image.project.settings.path
    found = store.rows("select revision from image where id = ?", (image.id,))
    return (found[0]["revision"] if found else -1), settings.stat().st_mtime_ns


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
