"""Overview: four pictures of the image that is looked at, and what was measured of it."""

import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from traitlets import Dict, Unicode, observe

from focusnb import session
from focusnb.errors import BadValue, UnknownName
from focusnb.model.group import TRASH
from focusnb.session import Project
from focusnb_widgets.desk import WRONG, Desk
from focusnb_widgets.overview.facts import sentence
from focusnb_widgets.overview.look import Drawer, Seen, Sight, look, sentence_of
from focusnb_widgets.overview.views import VIEWS, overviews
from focusnb_widgets.part import Part
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning.latest import Latest

KEPT = 160  # pictures that the page is believed to have; it keeps more
DRAWN = 80  # pictures of at most 100 kB that were drawn here and stay in memory
AHEAD = (1, 2, -1)  # neighbours, in the direction of the walk, whose pictures are sent before
REST = 0.1  # seconds without a step before farther neighbours are looked at
NONE = "No image is chosen. Choose one in the library, or press Home for the first one."
EMPTY = "This project has no images yet."


class Overview(Part):
    """Pictures of desk.current: before and after drift correction, drift, Thon rings, particles.

    desk: a Desk, or a project, of which the first image is shown. shown: the name of the overview.
    large: the view that fills the place of all, empty for none. The arrow keys walk in the desk's
    order, that of the table.
    """

    _esm = module("part.js", "overview_head.js", "overview_help.js", "overview.js")
    _css = style("page.css", "parts.css", "overview.css")
    shown = Unicode("").tag(sync=True)
    large = Unicode("").tag(sync=True)
    names = Dict().tag(sync=True)
    views = Dict().tag(sync=True)

    def __init__(self, desk: Any, shown: str = "", **traits: Any) -> None:
        super().__init__(desk, **traits)
        table = overviews(self.project.mode)
        self.names = {name: list(views) for name, views in table.items()}
        self.views = {
            name: {"title": view.title, "pair": view.pair if view.pair in VIEWS else ""}
            for name, view in VIEWS.items()
        }
        self._walk = self.desk.walk
        # Looking and drawing happen in other threads, beside each other: each has a project of its
        # own, for what a project remembers (values, vocabulary, steps) belongs to one thread.
        self._looked_at, self._drawn_from = (session.open(self.project.root) for _ in range(2))
        self._quick = Latest(self._failed)
        self._slow = Latest(self._failed, self._on_drawing)
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._drawn: OrderedDict[str, bytes | str] = OrderedDict()
        self._drawer: tuple[int, Drawer] | None = None
        self._ready = self._blinks = False
        self._direction = 1
        self._last: tuple[int, object] = (-1, None)
        self.show(shown or next(iter(table)))
        if not isinstance(desk, Desk):
            self.desk.current = self._walk.end(0, last=False)
        self.desk.observe(self._on_current, "current")
        self.desk.observe(self._on_order, "order")
        self.desk.observe(self._on_revision, "revision")

    # -- in Python ----------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Show another overview of the project's mode, by name."""
        if name not in self.names:
            raise BadValue(
                f"mode {self.project.mode} has no overview {name!r}; there are: {', '.join(self.names)}"
            )
        self.shown = name

    def step(self, by: int = 1) -> int:
        """Walk on by some images, back if negative; give the number of the one that is shown then."""
        return self._go(self._walk.step(self.desk.current, by), 1 if by > 0 else -1)

    def first(self) -> int:
        """Go to the first image; give its number."""
        return self._go(self._walk.end(self.desk.current, last=False), 1)

    def last(self) -> int:
        """Go to the last image; give its number."""
        return self._go(self._walk.end(self.desk.current, last=True), -1)

    def open_view(self, view: str) -> str:
        """Ask the workbench to open the file of a view in the viewer; give its word."""
        image = self.desk.current
        if view not in VIEWS:
            raise BadValue(f"there is no view {view!r}; there are: {', '.join(VIEWS)}")
        if not image:
            raise BadValue("no image is chosen; choose one first")
        document, folder = self.project.document(image), self.project.folder(image)
        own = {**document["values"], **document["results"]}
        word = VIEWS[view].product
        if word == "background_free" and own.get(word) is None:
            word = "average"
        if own.get(word) is None:
            raise BadValue(f"{document['name']} has no {word} yet; process it first")
        if not (folder / own[word]).is_file():
            raise BadValue(f"the file {own[word]} has vanished; process the image again")
        self.desk.line = (
            "from focusnb_widgets import view;"
            f" view(project[{self.project.key(image)!r}], word={word!r})"
        )
        if self.desk.wants == {"view": image, "word": word}:
            self.desk.wants = {}  # asked for once more
        self.desk.wants = {"view": image, "word": word}
        return word

    def __repr__(self) -> str:
        sight = self._sight(self.desk.current, self.names.get(self.shown, ()), self.project)
        if not sight.seen:
            return f"<overview {self.shown!r} of {self.project.name!r}: {sight.told}>"
        head = sight.head
        verdict = {"bad": "not good", "unknown": "not processed"}.get(
            head["verdict"], head["verdict"]
        )
        why = [head["error"], *head["reasons"], sight.told]
        told = "; ".join([verdict, *filter(None, why), sentence(head["numbers"])]).rstrip("; ")
        views = ", ".join(
            VIEWS[one.view].title + (f" ({one.text})" if one.text else "") for one in sight.seen
        )
        return f"<overview {self.shown!r} of {head['group']}/{head['number']} {head['name']!r}: {told}. {views}>"

    # -- the page -----------------------------------------------------------------------------

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """A page was opened: it has no picture yet."""
        self._ready = True
        self._sent.clear()
        self._look()

    def do_walk(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Walk by some images, or to the first (−∞) or last one."""
        to = message.get("to")
        if to in ("first", "last"):
            (self.first if to == "first" else self.last)()
        else:
            self.step(max(-1000, min(1000, int(message.get("by", 1)))))

    def do_show(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show another overview."""
        self.show(str(message.get("name")))

    def do_flag(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Flag the image that is shown."""
        return self.desk.flag(self._shown(), str(message.get("flag")))

    def do_trash(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Move the image that is shown to the TRASH, and go on with the next one."""
        shown = self._shown()
        if self.project.document(shown[0])["group"] == TRASH:
            raise BadValue(f"this image is in the {TRASH} already")
        after = self._walk.step(shown[0], 1)
        after = after if after != shown[0] else self._walk.step(shown[0], -1)
        told = self.desk.move(shown, TRASH)
        if after != shown[0]:
            self._go(after, 1)
        return told

    def do_blink(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Send the pictures to compare with, too; or no longer."""
        self._blinks = bool(message.get("on"))
        self._look()

    def do_fetch(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """The page has pictures no longer that it was sent; send them again."""
        for key in message.get("keys", ()):
            self._sent.pop(str(key), None)
        self._look()

    def do_open(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Open a view in the viewer."""
        self.open_view(str(message.get("view")))

    # -- looking ------------------------------------------------------------------------------

    @observe("shown")
    def _on_shown(self, _: Any) -> None:
        if self.shown in self.names:
            self._look()

    def _on_order(self, _: Any) -> None:
        self._look(news_only=True)

    def _on_current(self, change: Mapping[str, Any]) -> None:
        self._direction = 1 if self._walk.forward(change["old"], change["new"]) else -1
        self._slow.forget(lambda kind: True)
        self._look()

    def _on_revision(self, _: Any) -> None:
        self._look(news_only=True)

    def _shown(self) -> list[int]:
        if not self.desk.current:
            raise BadValue("no image is chosen; choose one first")
        return [self.desk.current]

    def _go(self, image: int, direction: int) -> int:
        if image and self.desk.selected == [self.desk.current]:
            self.desk.select([image])  # what is looked at is what actions are done on
        self.desk.current = image
        self._direction = direction
        return image

    def _wanted(self) -> list[str]:
        views = list(self.names.get(self.shown, ()))
        pairs = [VIEWS[v].pair for v in views] if self._blinks else []
        return [*views, *(p for p in dict.fromkeys(pairs) if p and p not in views)]

    def _look(self, *, news_only: bool = False) -> None:
        """Look at the image in another thread, then show it; news_only: if it looks different now."""
        if not self._ready:
            return
        image, views = self.desk.current, self._wanted()
        self._quick.forget(lambda kind: kind != "look")
        self._quick.ask(
            "look",
            lambda: self._sight(image, views, self._looked_at),
            lambda sight: self._tell(sight, views, news_only=news_only),
        )

    def _sight(self, image: int, views: Iterable[str], project: Project) -> Sight:
        if not image:
            return Sight(0, told=NONE if len(project) else EMPTY)
        try:
            return look(project, image, views, has=self._sent.__contains__)
        except UnknownName:
            return Sight(image, told=f"Image {image:010d} is no longer in this project.")
        except WRONG as error:
            return Sight(image, told=f"Image {image:010d} cannot be shown: {error}")

    def _tell(self, sight: Sight, views: list[str], *, news_only: bool = False) -> None:
        if sight.image != self.desk.current or views != self._wanted():
            return  # somebody has walked on meanwhile; the next look is on its way
        place = self._walk.place(sight.image)
        drawing = [one for one in sight.seen if one.draw and one.key not in self._drawn]
        state = (sight.image, (sight.signature, place, tuple(one.key for one in drawing)))
        if news_only and state == self._last:
            return
        self._last = state
        buffers: list[bytes] = []
        keys: list[str] = []
        told = [self._told(one, keys, buffers) for one in sight.seen]
        four = self.names[self.shown] if sight.image else []
        self.send(
            {
                "show": {
                    "image": sight.image,
                    "head": dict(sight.head),
                    "told": sight.told,
                    "place": place,
                    "overview": self.shown,
                    "views": four if sight.seen else [],
                    "seen": {one["view"]: one for one in told},
                },
                "keys": keys,
            },
            buffers,
        )
        for one in drawing:
            self._ask_drawing(sight.image, one)
        if sight.image:
            for nearness, by in enumerate(AHEAD):
                self._ask_neighbour(sight.image, by * self._direction, nearness)

    def _told(self, one: Seen, keys: list[str], buffers: list[bytes]) -> dict[str, Any]:
        data, text = one.data, one.text
        if one.draw:
            made = self._drawn.get(one.key)
            if isinstance(made, str):
                text = made
            elif made is not None and one.key not in self._sent:
                data = made
        if data is not None:
            keys.append(one.key)
            buffers.append(data)
            self._note_sent(one.key)
        waits = one.draw and not text and one.key not in self._drawn
        return {
            "view": one.view, "key": "" if text else one.key, "text": text, "waits": waits,
            "caption": one.caption, "alt": one.alt,
        }  # fmt: skip

    def _note_sent(self, key: str) -> None:
        self._sent[key] = None
        self._sent.move_to_end(key)
        while len(self._sent) > KEPT:
            self._sent.popitem(last=False)

    def _ask_neighbour(self, image: int, by: int, nearness: int) -> None:
        other = self._walk.step(image, by)
        if other in (0, image):
            return
        views = self._wanted()

        def then(sight: Sight) -> None:
            found = [one for one in sight.seen if one.data is not None]
            if image != self.desk.current or not found:
                return
            for one in found:
                self._note_sent(one.key)
            self.send({"near": other, "keys": [one.key for one in found]}, [o.data for o in found])

        self._quick.ask(
            ("near", nearness),
            lambda: self._sight(other, views, self._looked_at),
            then,
            nearness + 1,
            rest=REST if nearness else 0.0,
        )

    # -- drawing what no step has drawn ---------------------------------------------------------

    def _ask_drawing(self, image: int, one: Seen) -> None:
        self._slow.ask(
            ("draw", one.view),
            partial(self._draw, image, one.view),
            partial(self._keep_drawn, image, one.key),
        )

    def _draw(self, image: int, view: str) -> bytes | str:
        if self._drawer is None or self._drawer[0] != image:
            self._drawer = (image, Drawer(self._drawn_from, image))
        with tempfile.TemporaryDirectory(prefix="focusnb-overview-") as place:
            try:
                return self._drawer[1].draw(VIEWS[view], Path(place) / "preview.png")
            except Exception as error:  # whatever it is, it is told in place of the picture
                return sentence_of(error, self.project.root)

    def _keep_drawn(self, image: int, key: str, outcome: bytes | str) -> None:
        self._drawn[key] = outcome
        while len(self._drawn) > DRAWN:
            self._drawn.popitem(last=False)
        if image == self.desk.current:
            self._look(news_only=True)

    def _on_drawing(self, kind: Any) -> None:
        if kind is None:
            self._drawer = None  # what it has read may be large

    def _failed(self, kind: Any, error: Exception) -> None:
        self.tell_problem("look", error)
