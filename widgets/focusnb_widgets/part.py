"""A part of the workbench: a widget on a desk, whose page asks and whose kernel answers."""

import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anywidget

from focusnb_widgets.desk import WRONG, Desk, desk_of

log = logging.getLogger("focusnb")


class Part(anywidget.AnyWidget):
    """A widget whose page sends {"do": NAME, …}; the method `do_NAME` answers it.

    desk: a Desk that it shares with others, or a project. What goes wrong is told to the page as
    {"problem": sentence, "of": NAME}; what a method gives as text is told as {"done": text,
    "of": NAME}. The page's first message is {"do": "ready"}: nothing may be sent before it.
    """

    def __init__(self, desk: Any, **traits: Any) -> None:
        self.desk: Desk = desk_of(desk)
        self.project = self.desk.project
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> Any:
        """Answer a page that has just been opened: send what it shows."""

    def do_alive(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer a page's sign of life."""
        self.desk.alive()
        self.send({"now": time.time()})

    def do_undo(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Take the last action of the desk back."""
        return self.desk.undo()

    def _on_message(self, _: Any, message: Any, buffers: Any) -> None:
        name = str(message.get("do", "alive" if message.get("alive") else ""))
        act = getattr(self, f"do_{name}", None)
        if act is None:
            return
        if name == "ready":
            self.desk.alive()
        try:
            told = act(message, buffers or [])
        except Exception as error:  # whatever it is, the page gets its answer
            self.tell_problem(name, error)
            return
        if isinstance(told, str) and told:
            self.send({"done": told, "of": name})

    def tell_problem(self, name: str, error: Exception) -> None:
        """Tell the page what went wrong, as a sentence; what nobody foresaw is logged, too."""
        text = str(error) or type(error).__name__
        if not isinstance(error, WRONG):  # a message of an odd shape, a file broken in a new way
            log.error("%s could not do %r", type(self).__name__, name, exc_info=error)
            text = f"this could not be done: {type(error).__name__}: {error}"
        elif isinstance(error, sqlite3.Error):
            text = f"{self.project.store.path} cannot be used: {text}"
        self.send({"problem": text, "of": name})
