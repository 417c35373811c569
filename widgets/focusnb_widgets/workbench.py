"""The workbench: all parts on one desk, in tabs; the page of `focusnb dashboard` and `focusnb lab`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipywidgets.widgets.widget import widget_serialization
from traitlets import Dict, List, Unicode, observe

from focusnb.errors import BadValue
from focusnb.model.group import TRASH
from focusnb_widgets.desk import WRONG, Desk
from focusnb_widgets.explore import Explorer, RulesPanel
from focusnb_widgets.forms import ImagePage, NewProject, ParameterPanel, SettingsPanel
from focusnb_widgets.library import LibraryTable
from focusnb_widgets.overview import Overview
from focusnb_widgets.part import Part
from focusnb_widgets.source import module, style
from focusnb_widgets.viewer import Viewer
from focusnb_widgets.work import ImportPanel, QueuePanel

# What each tab shows: its name, its label, and its parts from left to right.
TABS: dict[str, tuple[str, dict[str, Callable[[Desk], Any]]]] = {
    "library": ("Library", {"table": LibraryTable, "overview": Overview}),
    "image": ("Image", {"page": ImagePage}),
    "viewer": ("Viewer", {"viewer": Viewer}),
    "plots": ("Plots", {"explorer": Explorer, "rules": RulesPanel}),
    "queue": ("Queue", {"queue": QueuePanel}),
    "import": ("Import", {"import": ImportPanel}),
    "parameters": ("Parameters", {"parameters": ParameterPanel}),
    "settings": ("Settings", {"settings": SettingsPanel}),
    "new": ("New project", {"new": lambda desk: NewProject()}),
}
WANTS = {"view": "viewer", "page": "image"}  # what a part asks for, and the tab that shows it


class Workbench(Part):
    """The parts of a project's workbench in tabs; a part is made when its tab is opened first.

    ::

        workbench = Workbench(project)     # a project, or a Desk that other widgets share
        workbench.go_to("queue")
        workbench.parts["table"]           # the parts that were opened, by name

    tab: the one that is open. facts: what its head tells of the project.
    """

    _esm = module("part.js", "workbench.js")
    _css = style("page.css", "parts.css", "workbench.css")
    tabs = List(Dict()).tag(sync=True)
    tab = Unicode("library").tag(sync=True)
    parts = Dict().tag(sync=True, **widget_serialization)
    facts = Dict().tag(sync=True)
    line = Unicode("").tag(sync=True)
    undoable = List(Unicode()).tag(sync=True)

    def __init__(self, desk: Any) -> None:
        super().__init__(
            desk,
            tabs=[
                {"name": name, "label": label, "parts": list(parts)}
                for name, (label, parts) in TABS.items()
            ],
        )
        self.facts = self._facts()
        self.line, self.undoable = self.desk.line, self.desk.undoable
        self.desk.observe(self._changed, "revision")
        self.desk.observe(self._wanted, "wants")
        self.desk.observe(lambda change: self.set_trait("line", change["new"]), "line")
        self.desk.observe(lambda change: self.set_trait("undoable", change["new"]), "undoable")
        if not self.desk.current and len(self.project):
            self.desk.current = self.project.images[-1].id  # the newest: there is something to see
        self.go_to(self.tab)

    def go_to(self, tab: str) -> None:
        """Open a tab by its name: library, image, viewer, plots, queue, import, parameters …"""
        if tab not in TABS:
            raise BadValue(f"the workbench has no tab {tab!r}; there are {', '.join(TABS)}")
        self._make(tab)
        self.tab = tab

    def _make(self, tab: str) -> None:
        """Make the parts of a tab that are not there yet."""
        missing = {name: make for name, make in TABS[tab][1].items() if name not in self.parts}
        if missing:
            self.parts = {**self.parts, **{name: make(self.desk) for name, make in missing.items()}}

    @observe("tab")
    def _tab_changed(self, change: Mapping[str, Any]) -> None:
        if change["new"] not in TABS:
            return
        try:
            self._make(self.tab)
            if self.tab == "viewer" and self.desk.current not in (0, self.parts["viewer"].image):
                self.parts["viewer"].show(self.desk.current)
        except WRONG as error:
            self.tell_problem("open", error)

    def view(self, image: int, word: str | None = None) -> None:
        """Show an image in the viewer; word: which of its pictures, e.g. "average_dw"."""
        self._make("viewer")
        self.parts["viewer"].show(image, word)
        self.desk.current = image
        self.tab = "viewer"

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell what the head shows: a kernel may have waited for its page."""
        self.facts = self._facts()

    def _changed(self, _: Any) -> None:
        try:
            self.facts = self._facts()
        except WRONG as error:
            self.tell_problem("look", error)

    def _wanted(self, change: Mapping[str, Any]) -> None:
        wants = change["new"]
        if "view" in wants:
            try:
                self.view(wants["view"], wants.get("word"))
            except WRONG as error:
                self.tell_problem("view", error)
        elif "page" in wants:
            self.desk.current = wants["page"]
            self.go_to("image")
        self.desk.wants = {}  # the same can be wanted again

    def _facts(self) -> dict[str, Any]:
        store = self.project.store
        found = {
            row["place"]: row["n"]
            for row in store.rows("select place, count(*) as n from image group by place")
        }
        trash = found.pop(TRASH, 0)
        counts = self.project.queue.counts()
        return {
            "name": self.project.name,
            "root": str(self.project.root),
            "mode": self.project.mode,
            "images": sum(found.values()),
            "groups": len(found),
            "trash": trash,
            "queue": {state: counts[state] for state in ("running", "waiting", "failed")},
            "paused": self.project.queue.paused,
        }

    def __repr__(self) -> str:
        return f"<workbench of {self.project!r}, tab {self.tab!r}>"
