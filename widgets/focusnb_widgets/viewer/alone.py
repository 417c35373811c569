"""A desk without a project, for files and arrays: there is nothing to be changed but what is seen."""

from typing import Any

from traitlets import HasTraits

from focusnb_widgets.desk import Desk, Done


class Alone(Desk):
    """What a viewer sits on that shows no image of a project."""

    project: Any

    def __init__(self) -> None:
        HasTraits.__init__(self)
        self.project = None
        self._done: list[Done] = []

    def alive(self) -> None:
        """Nothing changes by itself."""

    def look(self) -> bool:
        """Nothing changes by itself."""
        return False
