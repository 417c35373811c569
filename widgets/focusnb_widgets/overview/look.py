"""What there is to see of an image: its previews as they lie on the disk, or why there is none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb.errors import FocusError
from focusnb.model.image import Image
from focusnb.model.project import Project
from focusnb.pictures.previews import PREVIEWS, Source
from focusnb_widgets.overview import facts
from focusnb_widgets.overview.views import VIEWS, View

LIMIT = 4_000_000  # bytes; a preview is far smaller
HEAD, TAIL = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Seen:
    """One view of an image. key: names its picture, another file or another state has another one.

    data: the PNG, None when whoever asked has it already. text: why there is no picture. draw: it
    can be drawn from what there is.
    """

    view: str
    key: str = ""
    data: bytes | None = None
    text: str = ""
    draw: bool = False
    caption: str = ""
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is shown of an image. told: what is wrong with the image as a whole."""

    image: int
    head: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[Seen, ...] = ()
    told: str = ""

    @property
    def signature(self) -> object:
        """Two sights with the same one look alike."""
        return (
            self.head,
            self.told,
            tuple((s.view, s.key, s.text, s.caption) for s in self.seen),
        )


def look(
    project: Project,
    image: int,
    views: Iterable[str],
    has: Callable[[str], bool] = lambda key: False,
) -> Sight:
    """Look at an image; raises UnknownName when the project has no such image.

    has: tells which pictures, by key, are not to be read.
    """
    document = project.document(image)
    head = facts.head(project, image, document)
    folder = project.folder(image)
    told = ""
    if not folder.is_dir():
        told = (
            f"The folder {document['group']}/{image:010d} has vanished: it was moved or removed by hand."
            " Put it back, or rebuild the project from its folders (focusnb rebuild)."
        )
    one = _One(project, image, document, folder, has)
    return Sight(
        image, head, tuple(one.see(name, VIEWS[name], gone=bool(told)) for name in views), told
    )


class _One:
    """One image while it is looked at."""

    def __init__(
        self,
        project: Project,
        image: int,
        document: Mapping[str, Any],
        folder: Path,
        has: Callable[[str], bool],
    ) -> None:
        self.project, self.image, self.document = project, image, document
        self.folder, self.has, self.words = folder, has, project.words
        self.own = {**document["values"], **document["results"]}

    def see(self, name: str, view: View, *, gone: bool) -> Seen:
        told = facts.numbers(self.words, self.own, view.numbers)
        numbers = facts.sentence(told)
        caption = " · ".join(f"{one['text']} {one['unit'] or one['label'].lower()}" for one in told)
        alt = f"{self.document['name']}: {view.meaning}" + (f" ({numbers})" if numbers else "")

        def seen(**how: Any) -> Seen:
            return Seen(name, caption=caption, alt=alt, **how)

        if gone:
            return seen(text="the image's folder has vanished")
        if view.moves and self._is_single():
            return seen(text="single picture: there is no drift")
        key, data, wrong = self._preview(name, view)
        if key:
            return seen(key=key, data=data)
        text = self._missing(view, wrong)
        if text:
            return seen(text=text)
        stamps = ",".join(stamp(p) for w in view.needs if (p := self._file(w)) is not None)
        return seen(key=f"{self.image}/{name}/drawn {stamps}", draw=True)

    def _is_single(self) -> bool:
        return self.own.get("frame_count") == 1

    def _file(self, word: str) -> Path | None:
        if word not in self.words or self.words[word].type != "path" or self.own.get(word) is None:
            return None
        return self.folder / Path(self.own[word]).expanduser()

    def _preview(self, name: str, view: View) -> tuple[str, bytes | None, str]:
        """Give the key and the bytes of the preview, or what is wrong with it."""
        path = self._file(view.preview)
        if path is None:
            return "", None, ""
        try:
            key = f"{self.image}/{name}/{stamp(path)}"
            if self.has(key):
                return key, None, ""
            data = path.read_bytes() if path.stat().st_size <= LIMIT else b""
        except OSError:
            return "", None, f"the file {self.own[view.preview]} has vanished"
        if not data.startswith(HEAD) or not data.rstrip(b"\0").endswith(TAIL):
            return "", None, f"the file {self.own[view.preview]} is damaged"
        return key, data, ""

    def _missing(self, view: View, wrong: str) -> str:
        """Tell why the picture can neither be shown nor drawn; nothing when it can be drawn."""
        for word in view.needs:
            if self.own.get(word) is None:
                return wrong or self._not_made(view)
            path = self._file(word)
            if path is not None and not path.is_file():
                also = f"{wrong}, and so has {self.own[word]}" if "vanished" in wrong else ""
                return (
                    f"{also or f'the file {self.own[word]} has vanished'}; process the image again"
                )
        return "" if view.preview in PREVIEWS else wrong or self._not_made(view)

    def _has_values_of(self, maker: str) -> bool:
        step = self.project.registry.steps.get(maker)
        made = step.makes if step else ()
        return any(self.own.get(word) is not None for word in made)

    def _not_made(self, view: View) -> str:
        waits = facts.waiting(self.project, self.image)
        if waits:
            return f"the image {waits}"
        if self.document["error"] is not None:
            return "not made: processing has failed"
        if not self.document["runs"]:
            return "not processed yet"
        if view.moves and self.own.get("aligned") is False:
            return "the frames could not be aligned: there is no path"
        if "shifts" in view.needs and view.maker in self.document["runs"]:
            return "no drift was measured: the frames were aligned before"
        if view.maker in self.document["runs"]:
            return f"the step {view.maker} has made none"
        if view.maker in self.project.workflow:
            if self._has_values_of(view.maker):
                return "the file is not there"  # the values came from elsewhere, or by hand
            return f"the step {view.maker} has not run yet"
        return f"not made: the step {view.maker} is not in this project's workflow"


def stamp(path: Path) -> str:
    """Give a text that changes when the file changes; raises OSError when there is none."""
    stat = path.stat()
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"


class Drawer:
    """Draws previews that no step has made, from the products; one image is kept in memory."""

    def __init__(self, project: Project, image: int) -> None:
        self._image = Image(project, image)
        self._read: dict[str, Any] = {}

    def draw(self, view: View, path: Path) -> bytes:
        """Draw a view into a file and give its bytes; raises FocusError or OSError."""
        PREVIEWS[view.preview].draw(Source(self._image.__getitem__, self._content), path)
        return path.read_bytes()

    def _content(self, word: str) -> Any:
        if word not in self._read:
            self._read[word] = self._image.read(word)
        return self._read[word]


def sentence_of(error: Exception, root: Path) -> str:
    """Give what went wrong with drawing as a sentence; root: the project's folder, which is not told."""
    text = str(error) if isinstance(error, FocusError | OSError) else repr(error)
    return f"cannot be drawn: {text.replace(f'{root}/', '')}"
