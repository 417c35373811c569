"""A panel: a part that looks at the project again and again, as long as somebody sees it."""

from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Unicode, directional_link

from focusnb_widgets.desk import WRONG
from focusnb_widgets.part import Part
from focusnb_widgets.work.pace import Pace


class Panel(Part):
    """A part whose pages name themselves, each with what it has seen. line: the last action as Python."""

    line = Unicode("").tag(sync=True)

    def __init__(self, desk: Any, **traits: Any) -> None:
        super().__init__(desk, **traits)
        directional_link((self.desk, "line"), (self, "line"))
        self._trouble = ""
        self._busy = False
        self._pace = Pace(self.refresh)

    def begin(self, page: str) -> None:
        """Forget what a page that has just been opened was told; send what never changes."""
        raise NotImplementedError

    def look(self) -> None:
        """Send to the pages what has changed."""
        raise NotImplementedError

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Send everything to a page that has just been opened."""
        page = page_of(message)
        self._pace.hear(page)
        self.begin(page)
        self.refresh()

    def do_alive(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Note a page's sign of life."""
        self._pace.hear(page_of(message))
        super().do_alive(message, buffers)

    def do_seen(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Note whether the panel can be seen on a page."""
        self._pace.show(page_of(message), bool(message.get("on")))
        if message.get("on"):
            self.refresh()

    def refresh(self) -> None:
        """Look; what is in the way is told once, and so is its end."""
        if self._busy:
            return
        self._busy = True
        trouble = ""
        try:
            self.look()
        except WRONG as error:
            trouble = str(error) or type(error).__name__
            if trouble != self._trouble:
                self.tell_problem("look", error)
        finally:
            self._busy = False
        if self._trouble and not trouble:
            self.send({"done": "the project can be read again", "of": "look"})
        self._trouble = trouble

    def done(self, line: str) -> None:
        """Note an action as Python, and show at once what came of it."""
        self.desk.line = line
        self.desk.look()
        self.refresh()


def page_of(message: Mapping[str, Any]) -> str:
    """Give the name by which a page calls itself."""
    return str(message.get("page", ""))[:40]
