"""The monitoring page: reads a feed's folder and keeps its parts up to date while somebody looks."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
from traitlets import Bytes, Dict, Int, List, Unicode

from focusnb.errors import FocusError
from focusnb.monitor.reader import Feed
from focusnb_widgets.plots import SeriesPlots
from focusnb_widgets.source import module, style

POLL = 1.0  # seconds between two looks at a feed's time of writing
# A page tells every 15 s that somebody looks; browsers slow that down to once a minute in tabs
# that are not in front. After this many seconds of silence the kernel is quiet and can be ended.
PATIENCE = 100.0


class SessionHead(anywidget.AnyWidget):
    """Title, facts, freshness and alerts; tells the kernel that somebody looks."""

    _esm = module("alive.js", "head.js")
    _css = style()
    state = Dict().tag(sync=True)
    feeds = List(Unicode()).tag(sync=True)
    chosen = Int(0).tag(sync=True)


class Activity(anywidget.AnyWidget):
    """What was imported, processed, good and wrong in the last hours."""

    _esm = module("activity.js")
    state = Dict().tag(sync=True)


class QueueState(anywidget.AnyWidget):
    """The queue as a bar, and what runs now."""

    _esm = module("queue.js")
    state = Dict().tag(sync=True)


class LastImage(anywidget.AnyWidget):
    """The last image: verdict, numbers, pictures. pictures: PNG bytes, one per picture told."""

    _esm = module("last.js")
    state = Dict().tag(sync=True)
    pictures = List(Bytes()).tag(sync=True)


class ErrorLog(anywidget.AnyWidget):
    """Errors and warnings, the newest first."""

    _esm = module("log.js")
    state = Dict().tag(sync=True)


class MonitorPage(ipywidgets.Box):
    """The whole page. It reads the feeds' folders and nothing else of the projects.

    Parameters
    ----------
    feeds : a folder, or several
        Feeds to choose from; they need not exist yet.
    poll : seconds
        How often the feed is looked at while somebody looks at the page.
    patience : seconds
        For how long after the page's last sign of life the kernel goes on working.
    """

    def __init__(
        self,
        feeds: str | Path | Sequence[str | Path],
        *,
        poll: float = POLL,
        patience: float = PATIENCE,
    ) -> None:
        folders = [feeds] if isinstance(feeds, str | Path) else list(feeds)
        self._feeds = [Feed(folder) for folder in folders]
        self._poll, self._patience = poll, patience
        self._seen: dict[str, Any] = {}
        self._sign = 0.0
        self._task: asyncio.Task[None] | None = None
        self.head = SessionHead(feeds=[name_of(feed.folder) for feed in self._feeds])
        self.activity = Activity()
        self.queue = QueueState()
        self.last = LastImage()
        self.plots = SeriesPlots()
        self.errors = ErrorLog()
        super().__init__(
            [self.head, self.activity, self.queue, self.last, self.plots, self.errors],
        )
        self.add_class("fnb-page")
        self.head.on_msg(self._on_message)
        self.head.observe(lambda _: self.refresh(force=True), "chosen")
        self.refresh(force=True)

    @property
    def feed(self) -> Feed:
        """The feed that is shown."""
        return self._feeds[min(max(self.head.chosen, 0), len(self._feeds) - 1)]

    def refresh(self, *, force: bool = False) -> bool:
        """Read the feed if it was written since; tell whether anything was read."""
        stamp = self.feed.stamp
        if not force and stamp == self._seen.get("feed"):
            return False
        if force:
            self._seen = {}
        self._seen["feed"] = stamp
        try:
            content = self.feed.read()
            self._show(content)
        except FocusError as error:
            self._explain(error, started=stamp is not None)
        return True

    def _show(self, content: dict[str, Any]) -> None:
        offset = time.localtime(content["updated"]).tm_gmtoff
        told = {"stamp": content["full"], "chosen": self.head.chosen}
        self.head.state = {
            "title": content["title"],
            "facts": said(content["facts"]),
            "updated": content["updated"],
            "alerts": content["alerts"],
            "problem": "",
        }
        self.queue.state = content["queue"]
        if told == self._seen.get("told"):
            return  # only the progress moved on
        self.activity.state = {k: content[k] for k in ("activity", "latest", "counts")}
        self.errors.state = {"lines": content["log"], "offset": offset}
        self._show_last(content["last"], offset)
        self.plots.show(self.feed.series(), content["limits"], offset)
        self._seen["told"] = told

    def _show_last(self, last: dict[str, Any] | None, offset: float) -> None:
        if last is None:
            self.last.state = {}
            return
        pictures = [(one, self._picture(one["file"])) for one in last["pictures"]]
        readable = [(one, data) for one, data in pictures if data is not None]
        # The pictures first: the page draws when the state arrives.
        data = [data for _, data in readable]
        if data != self.last.pictures:
            self.last.pictures = data
        self.last.state = {**last, "pictures": [one for one, _ in readable], "offset": offset}

    def _picture(self, name: str) -> bytes | None:
        """Give a picture, None when the next publication has just replaced it."""
        try:
            return self.feed.picture(name)
        except FocusError:
            return None

    def _explain(self, error: FocusError, *, started: bool) -> None:
        text = (
            str(error)
            if started
            else "Nothing was published yet. The page fills by itself as soon as focusnb runs."
        )
        self.head.state = {"title": name_of(self.feed.folder), "problem": text}
        if not started:
            self.activity.state = self.queue.state = self.last.state = self.errors.state = {}

    def _on_message(self, _: Any, message: dict[str, Any], __: Any) -> None:
        """Take the page's sign of life: answer it, and watch the feed as long as they come."""
        if not message.get("alive"):
            return
        self._sign = time.monotonic()
        self.head.send({"now": time.time()})
        self.refresh()
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while time.monotonic() - self._sign < self._patience:
            await asyncio.sleep(self._poll)
            self.refresh()


def name_of(folder: Path) -> str:
    """Give the name a feed has before it tells its title: PROJECT of PROJECT/feed."""
    return folder.parent.name if folder.name == "feed" else folder.name


# How facts of the microscope are said in a few words.
SAID = {
    "voltage": "{} kV",
    "spherical_aberration": "Cs {} mm",
    "magnification": "{} ×",
    "pixel_size": "{} Å/px",
    "average_pixel_size": "{} Å/px in averages",
    "frame_count": "{} frames",
    "total_dose": "{} e/Å²",
}


def said(facts: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Give the facts of the microscope in a few words each, with help for who wants to know more."""
    values = {one["word"]: one["value"] for one in facts}
    told = []
    for one in facts:
        word, value, digits = one["word"], one["value"], one["digits"]
        if word not in SAID or (word == "average_pixel_size" and value == values.get("pixel_size")):
            continue
        number = f"{value:.{digits}f}" if digits is not None else f"{value:g}"
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        told.append({"text": SAID[word].format(number), "help": f"{one['label']}: {one['help']}"})
    return told
