"""The viewer: what a page asks for, and what Python can do with it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.kernels import grey
from focusnb.kernels.local_spectrum import local_spectrum
from focusnb.kernels.spectrum import power_spectrum
from focusnb.model.image import Image
from focusnb_widgets.desk import Desk
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning.latest import tried
from focusnb_widgets.viewer import actions, drawn, header
from focusnb_widgets.viewer.sheets import PictureSheet, Sheet, Shown, SpectrumSheet, coarse
from focusnb_widgets.viewer.subject import subject
from focusnb_widgets.viewer.viewing import FIRST, Viewing, whole

PARTS = (
    "part.js", "picture.js", "marks.js", "view_source.js", "view_fourier.js", "view_draw.js",
    "view_pane.js", "view_contrast.js", "view_profile.js", "view_thon.js", "view_panels.js",
    "view_polygons.js", "view_frames.js", "view_keys.js", "view_layout.js", "view.js",
)  # fmt: skip
WORKERS = min(4, os.cpu_count() or 1)
BOX = 512  # pixels of an averaged spectrum


class Viewer(Viewing):
    """A picture to look at closely: image of a project, file, or array.

    ::

        viewer = Viewer(desk)           # in a workbench
        viewer.show(project["g1/0000000001"], "average_dw")

    polygon: corners [x, y] of the polygon that was drawn last, in pixels. polygons: all of them.
    look: black, white (values of pixels; None: found by percentiles) and invert. seen: left, bottom,
    right and top edge of what is seen, in pixels. frame, together: the frame of a stack, and how many
    from it on are added up.
    """

    _esm = module(*PARTS)
    _css = style("page.css", "parts.css", "viewer.css")

    def __init__(
        self,
        desk: Any = None,
        image: Any = None,
        word: str | None = None,
        *,
        pixel_size: float | None = None,
    ) -> None:
        super().__init__(desk)
        if image is not None:
            self.show(image, word, pixel_size=pixel_size)

    # -- for Python ---------------------------------------------------------------------------

    def show(self, what: Any, word: str | None = None, *, pixel_size: float | None = None) -> None:
        """Show something else: an image of a project or its number, a file, an array.

        word: which of an image's pictures, e.g. "average_dw". What cannot be shown is told on the
        page. Raises BadValue for what is no picture at all.
        """
        if isinstance(what, int | np.integer) and self.project is not None:
            what = self.project[int(what)]
        found = subject(what, pixel_size=pixel_size)
        self._subject, self._problem, self._trouble = found, "", ""
        self._open(word)

    def go(self, frame: int, together: int | None = None) -> None:
        """Show a frame of a stack, or the sum of so many from it on."""
        self.frame = frame
        self.together = self.together if together is None else max(1, together)
        self._load()

    @property
    def image(self) -> int:
        """The number of the image that is looked at; 0 for files and arrays."""
        return self._subject.image.id if self._subject and self._subject.image else 0

    @property
    def polygon(self) -> list[list[float]]:
        """The corners [x, y] of the polygon that was drawn last, in pixels; [] without one."""
        return self.polygons[-1] if self.polygons else []

    @property
    def picture(self) -> NDArray[Any]:
        """The pixels (y, x) that are looked at, row 0 at the bottom."""
        return self._now().picture

    @property
    def pixel_size(self) -> float | None:
        """Å, of the picture that is looked at; None where nobody knows."""
        choice, frames = self._choice, self._frames
        return (choice and choice.pixel_size) or (frames and frames.pixel_size) or None

    def value(self, x: int, y: int) -> float | None:
        """Give the value of a pixel; None outside, and where it is not finite."""
        return self._now().value(x, y).get("value")

    def spectrum(self, part: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Give the amplitudes of the Fourier transform of a part (left, bottom, right, top), or of all.

        (side, side), zero frequency at [side // 2, side // 2].
        """
        found = local_spectrum(self.picture, whole(part), workers=WORKERS)
        return found.amplitudes((0, 0, found.side, found.side), 1)

    def header(self) -> list[header.Table]:
        """Give what the file says about itself: titles, and rows of two texts each."""
        if self._choice is None or not isinstance(self._choice.what, Path):
            return []
        return header.tables(self._choice.what, self._frames and self._frames.stack)

    def png(self, path: str | Path, *, whole: bool = False, most: int = 2000) -> Path:
        """Draw what is seen, or the whole picture, with the contrast of the page."""
        seen = None if whole or not self.seen else self.seen
        return drawn.png(self._now(), path, seen=seen, look=self.look, most=most)

    def save_ctf(
        self,
        defocus_u: float,
        defocus_v: float,
        defocus_angle: float,
        phase_shift: float | None = None,
        *,
        lock: bool = True,
    ) -> str:
        """Make these Thon rings (Å, Å, degrees, degrees) the image's own CTF; can be undone."""
        return actions.save_ctf(
            self.desk, self._image(), defocus_u=defocus_u, defocus_v=defocus_v,
            defocus_angle=defocus_angle, phase_shift=phase_shift, lock=lock,
        )  # fmt: skip

    def exclude(self, polygons: Sequence[Any] | None = None) -> str:
        """Leave polygons out of picking, in pixels of the average; those that were drawn if not given."""
        return actions.exclude(
            self.desk, self._image(), self.polygons if polygons is None else polygons
        )

    async def settle(self) -> None:
        """Wait until everything that was asked for has been done."""
        await self._latest.settle()

    def __repr__(self) -> str:
        if self._subject is None:
            return "<viewer: nothing to look at yet>"
        word = f", {self._choice.label}" if self._choice and self._subject.image else ""
        if self._problem:
            return f"<viewer of {self._subject.name!r}{word}: {self._problem}>"
        size = ""
        if self._frames:
            frames, height, width = self._frames.shape
            size = f": {width} × {height} pixels" + (f", {frames} frames" if frames > 1 else "")
        return f"<viewer of {self._subject.name!r}{word}{size}>"

    # -- questions of the page ----------------------------------------------------------------

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Send everything to a page that has just been opened."""
        self._page, self._trouble = True, ""
        if self._subject and (self._sheet or self._frames) and not self._problem:
            self._load()
        else:
            self._tell_view()

    def do_alive(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer a sign of life; look whether the file is still there."""
        super().do_alive(message, buffers)
        self._look()

    def do_part(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Send a part of the picture, or of its transform."""
        space, number = str(message.get("space")), message.get("n")
        part, step, level = whole(message["part"]), int(message["step"]), int(message["level"])
        given = message.get("window")
        window = (float(given[0]), float(given[1])) if given else None
        token = self._token

        def work() -> Shown | None:
            # Whatever is looked at by then: another frame may be on its way now.
            sheet: Sheet | None = self._spectrum if space == "fft" else self._sheet
            return sheet.shown(part, step, window) if sheet and token == self._token else None

        def then(shown: Shown | None) -> None:
            if shown is not None:
                told = shown.told(space=space, n=number, level=level, token=token)
                self.send({"part": told}, [shown.data])

        self._latest.ask(("part", space, level), work, then)
        if space == "real":
            self._look()

    def do_frame(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show another frame. want: part and step that are seen."""
        count = self._frames.shape[0] if self._frames else 1
        self.frame = min(max(int(message["frame"]), 0), count - 1)
        self.together = min(max(int(message.get("together", 1)), 1), count)
        self._load(message.get("want"))

    def do_word(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show another picture of the image."""
        if self._subject is not None:
            self._open(str(message["word"]))

    def do_image(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show another image of the project, by number, as the same product if it has it."""
        if self.project is None:
            return
        image = self.project[int(message["image"])]
        word = self._choice.word if self._choice else None
        found = subject(image)
        self.show(image, word if any(c.word == word for c in found.choices) else None)
        if isinstance(self.desk, Desk):
            self.desk.current = image.id

    def do_reload(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Read the file again."""
        if self._subject is not None:
            image, word = self._subject.image, self._choice.word if self._choice else None
            if image is not None:
                self._subject = subject(image)
            self._say_trouble("")
            self._open(word)

    def do_value(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell what a pixel is."""
        space = str(message.get("space"))
        sheet: Sheet | None = self._spectrum if space == "fft" else self._sheet
        x, y = int(message["x"]), int(message["y"])
        found = sheet.value(x, y) if sheet else {}
        self.send({"value": {"space": space, "x": x, "y": y, **found}})

    def do_fft(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Transform a part of the picture, or all of it; averaged: over tiles, flattened."""
        if self._sheet is None:
            return
        pixel, token = self.pixel_size, self._token
        part, averaged, log = (
            whole(message.get("part")), bool(message.get("averaged")), bool(message.get("log", True))
        )  # fmt: skip

        def work() -> tuple[Sheet, Shown]:
            picture = self._now().picture
            if averaged:
                made: Sheet = _averaged(picture, part, pixel or 1.0)
            else:
                made = SpectrumSheet(local_spectrum(picture, part, workers=WORKERS), pixel, log)
            return made, made.shown(None, coarse(made.shape))

        def then(outcome: tuple[Any, Exception | None]) -> None:
            found, error = outcome
            if token != self._token:
                return  # of a picture that is not looked at any more
            if error is not None:
                self._failed("fft", error)
                return
            self._spectrum, shown = found
            told = {
                "side": self._spectrum.shape[0], "frequency": self._spectrum.frequency,
                "part": part, "averaged": averaged, "log": log, "known": pixel is not None,
                "token": token, "shown": shown.told(),
            }  # fmt: skip
            self.send({"spectrum": told}, [shown.data])

        self._latest.ask("fft", lambda: tried(work), then, FIRST)

    def do_header(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell what the file says about itself."""
        self.send({"header": self.header(), "name": self._subject and self._subject.name})

    def do_save_ctf(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Save Thon rings that were fitted by hand."""
        words = ("defocus_u", "defocus_v", "defocus_angle", "phase_shift")
        return self.save_ctf(*(message.get(w) for w in words), lock=bool(message.get("lock")))

    def do_unlock_ctf(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Let steps change the CTF again."""
        told = actions.unlock(self.desk, self._image())
        self.desk.look()
        return told

    def do_exclude(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Leave polygons out of picking."""
        return self.exclude(message["polygons"])


def view(what: Any, word: str | None = None, *, pixel_size: float | None = None) -> Viewer:
    """Look at a picture: zoom, contrast, Fourier transform, particles, Thon rings.

    ::

        view("average.mrc")                          # any MRC, TIFF or EER picture, stack or movie
        view(project["g1/0000000001"])               # an image, with all its pictures
        view(array, pixel_size=1.06)                 # (y, x) or (frame, y, x), row 0 at the bottom

    word: which picture of an image, e.g. "average_dw". pixel_size: Å, of what does not tell it.
    """
    desk = Desk(what.project) if isinstance(what, Image) else None
    return Viewer(desk, what, word, pixel_size=pixel_size)


def _averaged(picture: NDArray, part: grey.Part | None, pixel: float) -> PictureSheet:
    """The averaged spectrum up to Nyquist, divided by its smooth course."""
    if part is not None:
        left, right = sorted((max(0, part[0]), max(0, part[2])))
        bottom, top = sorted((max(0, part[1]), max(0, part[3])))
        picture = picture[bottom:top, left:right]
    picture = np.asarray(picture, np.float32)
    good = np.isfinite(picture)
    if not good.all():
        picture = np.where(good, picture, picture[good].mean() if good.any() else 0)
    box = BOX if min(picture.shape) >= BOX else 256
    found = power_spectrum(
        picture, pixel_size=pixel, box=box, low=max(30.0, 5 * pixel), high=2.6 * pixel,
        workers=WORKERS,
    )  # fmt: skip
    return PictureSheet(found.values, 1 / (found.box * found.pixel_size))
