"""A form: the parameters of steps or of some words, at one place, for people to change."""

from collections.abc import Iterable, Mapping
from typing import Any

from traitlets import Dict, Unicode, observe

from focusnb.errors import BadValue
from focusnb_widgets.desk import Desk, desk_of
from focusnb_widgets.forms.fields import by_step, by_subject
from focusnb_widgets.forms.part import SheetPart
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.forms.targets import Collected, OfGroup, OfImages, OfProject, OfUser, Target
from focusnb_widgets.source import module, style

SCRIPTS = ("part.js", "form_field.js", "form_sheet.js")  # what all that have sheets share
STYLES = ("page.css", "parts.css", "forms.css")


class Form(SheetPart):
    """A form of the parameters of steps, a workflow, or some words.

    ::

        Form(project)                                  # the project's workflow
        Form(project, steps=["motion", "ctf"])
        Form(project, words=["voltage", "pixel_size"], group="g2")
        Form(project, images=project.select("defocus > 30000"), steps=["ctf"])
        form = Form(project, steps=["pick"], collect=True)
        project.process(steps=["pick"], set=form.values)

    steps: names of steps, or one. words: names of parameters, in place of steps. images, group:
    whose values they are, else the project's; user=True: one's own, for all projects. collect:
    nothing is ever written; `values` are for `project.process(set=…)`. values: what was changed
    here and is not written, by word; what is wrong is not among them.
    """

    _esm = module(*SCRIPTS, "form.js")
    _css = style(*STYLES)
    values = Dict()
    title = Unicode("").tag(sync=True)

    def __init__(
        self,
        desk: Any,
        *,
        steps: str | Iterable[str] | None = None,
        words: Iterable[str] | None = None,
        images: Any = None,
        group: str | None = None,
        user: bool = False,
        collect: bool = False,
        values: Mapping[str, Any] | None = None,
        title: str = "",
    ) -> None:
        if steps is not None and words is not None:
            raise BadValue("a form is of steps or of words; name one of them")
        desk = desk_of(desk)
        project = desk.project
        target = target_of(desk, images=images, group=group, user=user)
        if words is not None:
            sections = by_subject(project.words, words)
        else:
            names = [steps] if isinstance(steps, str) else steps or project.workflow
            self.steps = list(names)
            sections = by_step(project.registry, self.steps)
        told = None
        if collect:
            target, told = Collected(target), self._process_line
        sheet = Sheet(target, sections, line=told)
        target.refresh()
        sheet.fill(values or {})
        super().__init__(desk, {"form": sheet})
        self.title = title
        self._edited("form")

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with what was typed: sentences by word."""
        return self.sheets["form"].problems

    def _process_line(self, values: Mapping[str, Any]) -> str:
        given = f"steps={self.steps!r}, " if hasattr(self, "steps") else ""
        return f"project.process({given}set={dict(values)!r})"

    def _edited(self, sheet: str) -> None:
        self._mine = self.sheets["form"].values
        self.values = self._mine

    def _did(self, line: str) -> None:
        super()._did(line)
        self._edited("form")

    @observe("values")
    def _values_set(self, change: Mapping[str, Any]) -> None:
        """Python has set them: the fields show it."""
        if not hasattr(self, "_mine") or change["new"] == self._mine:
            return
        sheet = self.sheets["form"]
        before, sheet.texts = sheet.texts, {}
        try:
            sheet.fill(change["new"])
        except Exception:
            sheet.texts = before
            self.values = self._mine
            raise
        self._edited("form")
        self.tell()

    def __repr__(self) -> str:
        sheet = self.sheets["form"]
        changed = ", ".join(f"{w}={v!r}" for w, v in self.values.items())
        return f"<form of {len(sheet.params)} parameters, {sheet.target.title}; {changed or 'unchanged'}>"


def target_of(
    desk: Desk, *, images: Any = None, group: str | None = None, user: bool = False
) -> Target:
    """Give whose values a form is about."""
    if sum((images is not None, group is not None, user)) > 1:
        raise BadValue("a form is of images, of a group or of the user; name one of them")
    if user:
        return OfUser(desk.project)
    if group is not None:
        return OfGroup(desk.project, group)
    if images is None:
        return OfProject(desk.project)
    chosen = desk.project.ids(images)
    if not chosen:
        raise BadValue("no image is chosen; choose one or more first")
    return OfImages(desk.project, chosen, desk.images_line)
