"""The project's parameters: all of them, searched, by subject, for the project, a group or images."""

from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Dict, Enum, Int, List, Unicode, observe

from focusnb.errors import FocusError
from focusnb.model.text import counted
from focusnb_widgets.desk import WRONG
from focusnb_widgets.forms.fields import SUBJECTS, by_subject
from focusnb_widgets.forms.form import SCRIPTS, STYLES, target_of
from focusnb_widgets.forms.part import SheetPart
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.source import module, style

NOBODY = "No image is chosen. Choose rows in the library table, or look at the project's values."


class ParameterPanel(SheetPart):
    """All parameters that people set, with search and by subject.

    scope: whose values: "project", "group" (then `group` names it) or "images" (those chosen on the
    desk). subject: the one that is shown, "" for all. values: what was changed and is not written.
    unwritten: what was changed for the project, a group or images that are not shown now.
    """

    _esm = module(*SCRIPTS, "form_parameters.js")
    _css = style(*STYLES)
    scope = Enum(["project", "group", "images"], "project").tag(sync=True)
    group = Unicode("").tag(sync=True)
    subject = Unicode("").tag(sync=True)
    query = Unicode("").tag(sync=True)
    groups = List(Unicode()).tag(sync=True)
    chosen = Int(0).tag(sync=True)
    nobody = Unicode("").tag(sync=True)
    found_out = List(Dict()).tag(sync=True)
    unwritten = List(Dict()).tag(sync=True)

    def __init__(self, desk: Any, *, scope: str = "project", group: str = "") -> None:
        self._kept: dict[Any, Sheet] = {}
        self._registry: Any = None
        self._key: Any = None
        super().__init__(desk)
        self.desk.observe(self._selection_changed, "selected")
        with self.hold_trait_notifications():
            self.scope, self.group = scope, group
        self._fit()

    @property
    def values(self) -> dict[str, Any]:
        """What was changed here and is not written yet, by word."""
        return self.sheets["form"].values if "form" in self.sheets else {}

    def search(self, text: str) -> list[str]:
        """Show the parameters in which all words of a text occur; give their names."""
        self.query = text
        words = text.lower().split()
        params = self.sheets["form"].params if "form" in self.sheets else {}
        told = {
            n: f"{p.label} {n} {p.help} {p.unit} {p.choices}".lower() for n, p in params.items()
        }
        return [name for name, all_of_it in told.items() if all(w in all_of_it for w in words)]

    def tell(self) -> None:
        """Tell the page what has changed; groups come and go, and scripts bring words."""
        if self._open and not self._seen:
            return
        try:
            self._fit()
        except WRONG as error:
            if self._seen:
                self.send({"sheet": "form", "broken": str(error)})
            self._told = {}
            return
        super().tell()

    @observe("scope", "group")
    def _scope_changed(self, _: Any) -> None:
        if hasattr(self, "_key"):
            self.tell()

    def _selection_changed(self, _: Any) -> None:
        self.tell()

    def _fit(self) -> None:
        """Make the sheet fit to the scope, the chosen images and the words there are."""
        project = self.project
        groups = project.groups() if callable(project.groups) else project.groups
        self.groups, self.chosen = list(groups), len(self.desk.selected)
        if self.scope == "group" and self.group not in self.groups:
            self.group = next((g for g in self.groups if g != "TRASH"), "")
        images = list(self.desk.selected) if self.scope == "images" else []
        self.nobody = self._lacking(images)
        registry = project.registry
        if registry is not self._registry:
            self._registry, self._kept, self._key = registry, {}, None
            self.found_out = _found_out(registry)
        key = (self.scope, self.group if self.scope == "group" else "", tuple(images))
        if self.nobody:
            self.sheets, self._key, self._told = {}, None, {}
            self.unwritten = self._elsewhere(("", ""))
            return
        if key != self._key:
            before = self.sheets.get("form")
            sheet = self._kept.get(key[:2])
            if sheet is None or self.scope == "images":
                texts = {} if sheet is None else sheet.texts
                target = target_of(
                    self.desk,
                    images=images or None,
                    group=self.group if self.scope == "group" else None,
                )
                sheet = Sheet(target, by_subject(registry.words))
                sheet.texts = texts
            self._kept[key[:2]] = sheet
            self.sheets, self._key = {"form": sheet}, key
            if before is not sheet:
                self._told = {}
        self.unwritten = self._elsewhere(key[:2])

    def _elsewhere(self, here: tuple[str, str]) -> list[dict[str, str]]:
        """Tell of changes that wait to be written where one does not look now."""
        told = []
        for (scope, group), sheet in self._kept.items():
            if (scope, group) == here or not sheet.texts:
                continue
            whose = {"project": "the project", "group": f"group {group}"}.get(
                scope, "chosen images"
            )
            count, wrong = len(sheet.texts), len(sheet.problems)
            text = (
                f"{counted(count, 'change')} of {whose} {'is' if count == 1 else 'are'} not written"
            )
            text += f", {wrong} wrong" if wrong else ""
            told.append({"scope": scope, "group": group, "text": text})
        return told

    def _lacking(self, images: Sequence[int]) -> str:
        if self.scope == "images" and not images:
            return NOBODY
        if self.scope == "group" and not self.group:
            return "There is no group yet: the first image that is imported brings one."
        return ""

    def __repr__(self) -> str:
        whose = self.group if self.scope == "group" else self.project.name
        return f"<parameters of {self.scope} {whose!r}; {len(self.values)} changed>"


def _found_out(registry: Any) -> list[Mapping[str, Any]]:
    """Give the words that steps find out, and which steps: a search tells them too."""
    makers: dict[str, list[str]] = {}
    try:
        for step in registry.steps.values():
            for word in step.makes:
                makers.setdefault(word, []).append(step.name)
    except FocusError:
        return []
    return [
        {
            "word": p.name, "label": p.label, "unit": "" if p.unit == "1" else p.unit, "help": p.help,
            "steps": makers.get(p.name, []), "subject": SUBJECTS.get(p.subject, p.subject),
        }
        for p in registry.words.values()
        if p.made and p.level != "hidden"
    ]  # fmt: skip
