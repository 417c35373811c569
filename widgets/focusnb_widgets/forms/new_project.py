"""The wizard of a new project: where, which mode, whose values, what is watched; then it is made."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from traitlets import Dict, HasTraits, Unicode, observe

import focusnb as fn
from focusnb.errors import BadValue, FocusError
from focusnb.model import creation, disk, workflow
from focusnb.model.microscopes import KINDS, Presets
from focusnb.model.registry import Registry
from focusnb.model.settings import Settings, user_file, user_scripts
from focusnb_widgets.desk import WRONG, Desk
from focusnb_widgets.forms.fields import Section, completed, with_unit
from focusnb_widgets.forms.form import SCRIPTS, STYLES
from focusnb_widgets.forms.part import SheetPart
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.forms.targets import Target, arguments
from focusnb_widgets.source import module, style

MODES = {
    "drift": "Movies are corrected and measured; no particles are picked.",
    "single-particle": "Movies are corrected and measured, and particles are picked.",
    "crystal": "Two-dimensional crystals: corrected, measured, unbent and merged.",
    "tomography": "Tilt series: corrected, measured and put together by tilt.",
}
# The words that decide whether processing goes right from the beginning, by subject.
IMPORTANT = {
    "Microscope": "voltage spherical_aberration amplitude_contrast",
    "Camera and dose": "pixel_size dose_per_frame exposure_dose counts_per_electron crop_factor"
    " gain gain_rotation gain_flip gain_corrected defects",
}
BY_MODE = {"single-particle": ("Particles", "particle_diameter picker")}
TRAITS = ("folder", "mode", "other", "microscope", "camera", "watch")


class NoProject(Desk):
    """A desk on which no project lies yet."""

    def __init__(self) -> None:
        HasTraits.__init__(self)
        self.project: Any = None

    def alive(self) -> None:
        """Nothing can have changed."""

    def look(self) -> bool:
        """Nothing can have changed."""
        return False


class NewProject(SheetPart):
    """Makes a project: fill it in and press Create, or from Python.

    ::

        wizard = NewProject()
        wizard.folder, wizard.camera = "~/data/apoferritin", "K3 105,000 ×"
        wizard.values = {"voltage": 300}
        wizard.create()                        # the same as the button; also wizard.project

    folder, mode, other (a project whose values and scripts are taken over), microscope, camera
    (names in one's settings), watch (a folder whose movies are imported): what was filled in.
    checks: what is to be said of each. created: the folder of the project, once it is made. lines:
    how it was made, as Python.
    """

    _esm = module(*SCRIPTS, "new_project.js")
    _css = style(*STYLES)
    folder = Unicode("").tag(sync=True)
    mode = Unicode("single-particle").tag(sync=True)
    other = Unicode("").tag(sync=True)
    microscope = Unicode("").tag(sync=True)
    camera = Unicode("").tag(sync=True)
    watch = Unicode("").tag(sync=True)
    choices = Dict().tag(sync=True)
    checks = Dict().tag(sync=True)
    created = Unicode("").tag(sync=True)
    facts = Dict().tag(sync=True)

    def __init__(self, folder: str | Path = "", **filled: str) -> None:
        self.project: Any = None
        self._other: tuple[str, Any] = ("", None)
        self._words = Registry([user_scripts()]).words
        self._user = Settings(user_file(), lambda: self._words)
        self._levels: list[tuple[str, Mapping[str, Any]]] = []
        super().__init__(NoProject())
        self._target = Target("the new project", self._look)
        self.sheets = {"form": Sheet(self._target, [])}
        with self.hold_trait_notifications():
            self.folder = str(folder)
            for trait, value in filled.items():
                if trait not in TRAITS:
                    raise BadValue(f"a new project has no {trait!r}; it has {', '.join(TRAITS)}")
                setattr(self, trait, value)
        self._tell_choices()
        self._changed()

    @property
    def values(self) -> dict[str, Any]:
        """The values that were filled in, by word; presets and another project come besides."""
        return self.sheets["form"].values

    @values.setter
    def values(self, values: Mapping[str, Any]) -> None:
        sheet = self.sheets["form"]
        missing = [word for word in values if word not in sheet.params]
        more = Section("more", "More values", tuple(self._words[word] for word in missing))
        sheet.sections += [more] if missing else []
        sheet.texts = {}
        sheet.fill(values)
        self.tell()

    @property
    def lines(self) -> str:
        """How the project is made, as Python."""
        values = {**self._preset_values(), **self._given()}
        said = [f"mode={self.mode!r}"]
        said += [f"other={self.other.strip()!r}"] if self.other.strip() else []
        said += [arguments(values)] if values else []
        lines = [
            "import focusnb as fn",
            f"project = fn.create({self._root()!r}, {', '.join(said)})",
        ]
        if self.watch.strip():
            lines.append(f"project.watch({_whole(self.watch)!r})")
        return "\n".join(lines)

    def create(self) -> Any:
        """Make the project and give it; raises what is wrong, and then leaves nothing behind."""
        if self.created:
            raise BadValue(f"{self.created} was made already; begin another one first")
        self._changed()
        if wrong := [c["wrong"] for c in self.checks.values() if c.get("wrong")]:
            raise BadValue(wrong[0])
        if problems := self.sheets["form"].problems:
            raise BadValue(next(iter(problems.values())))
        if not self.folder.strip():
            raise BadValue("the project has no folder; tell where it shall be made")
        lines = self.lines
        watch = self.watch.strip()
        self.project = creation.create(
            self._root(),
            mode=self.mode,
            values={**self._preset_values(), **self._given()},
            other=self._other[1],
            kind=fn.Project,
            finish=(lambda made: made.watch(_whole(watch))) if watch else None,
        )
        self.facts = {
            "mode": self.project.mode,
            "steps": " ".join(self.project.workflow),
            "name": self.project.name,
            "command": f"focusnb run {shlex.quote(str(self.project.root))}",
            "watch": _whole(watch) if watch else "",
        }
        self.line = self.desk.line = lines
        self.created = str(self.project.root)
        return self.project

    def again(self) -> None:
        """Begin another project; what was filled in stays but for its folder."""
        self.project, self.created, self.folder = None, "", ""
        self.line = ""

    # -- messages -----------------------------------------------------------------------------

    def do_ready(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer a page; presets may have come since."""
        self._tell_choices()
        super().do_ready(message, buffers)

    def do_paths(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell how a path that is being typed may go on: of a field, or of what is asked besides."""
        if "trait" not in message:
            super().do_paths(message, buffers)
            return
        found = completed(str(message["text"]), [Path.cwd()], folders=True)
        self.send({"paths": found, "trait": str(message["trait"])})

    def do_create(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Make the project."""
        return f"{self.create().root} is ready"

    def do_again(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Begin another one."""
        self.again()

    # -- inside -------------------------------------------------------------------------------

    @observe(*TRAITS)
    def _filled(self, change: Mapping[str, Any]) -> None:
        if hasattr(self, "_target"):
            self._changed()

    def _changed(self) -> None:
        """Look at what was filled in: sections by mode, values by presets, what is wrong."""
        if self.created:
            return
        checks = {"folder": self._check_folder(), "watch": self._check_watch()}
        checks["mode"] = {} if self.mode in workflow.BY_MODE else _wrong(self._mode_unknown())
        levels: list[tuple[str, Mapping[str, Any]]] = []
        for kind in reversed(KINDS):
            checks[kind], values = self._check_preset(kind)
            levels += [(getattr(self, kind), values)] if values else []
        checks["other"], taken = self._check_other()
        levels += [(self._other[1].name, taken)] if taken else []
        self._levels = levels
        sheet, plan = self.sheets["form"], dict(IMPORTANT)
        plan |= dict([BY_MODE[self.mode]]) if self.mode in BY_MODE else {}
        more = [section for section in sheet.sections if section.key == "more"]
        sheet.sections = [
            *(
                Section(t, t, tuple(self._words[w] for w in words.split()))
                for t, words in plan.items()
            ),
            *more,
        ]
        sheet.discard([word for word in sheet.texts if word not in sheet.params])
        self.checks = checks
        self.tell()

    def _look(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [*self._levels, ("user", self._user.values)]

    def _given(self) -> dict[str, Any]:
        return {word: value for word, value in self.values.items() if value is not None}

    def _root(self) -> str:
        return _whole(self.folder)

    def _preset_values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in KINDS:
            found |= self._check_preset(kind)[1]
        return found

    def _mode_unknown(self) -> str:
        return f"mode {self.mode!r} is none of {', '.join(workflow.BY_MODE)}"

    def _check_folder(self) -> dict[str, str]:
        if not self.folder.strip():
            return {}
        try:
            place = disk.check_place(self.folder.strip())
        except (FocusError, RuntimeError, ValueError) as error:
            return _wrong(str(error))
        return {"note": f"will be made: {place}"}

    def _check_watch(self) -> dict[str, str]:
        if not self.watch.strip():
            return {}
        try:
            place = Path(_whole(self.watch))
            if self.folder.strip() and place.is_relative_to(self._root()):
                return _wrong(f"{place} lies inside the project; watch the folder of the camera")
            if place.is_file():
                return _wrong(f"{place} is a file; name the folder that it is in")
            if not place.exists():
                return {"note": f"{place} is not there yet; it is watched as soon as it is"}
        except (OSError, RuntimeError, ValueError) as error:
            return _wrong(f"{self.watch!r} cannot be watched: {error}")
        return {"note": "found"}

    def _check_preset(self, kind: str) -> tuple[dict[str, str], dict[str, Any]]:
        name = getattr(self, kind)
        if not name:
            return {}, {}
        try:
            return {}, Presets(self._user, self._words).values(kind, name)
        except FocusError as error:
            return _wrong(str(error)), {}

    def _check_other(self) -> tuple[dict[str, str], dict[str, Any]]:
        name = self.other.strip()
        if name != self._other[0] or (name and self._other[1] is None):
            self._other = (name, None)
            if name:
                try:
                    self._other = (name, fn.open(name))
                except (*WRONG, RuntimeError, ValueError) as error:
                    return _wrong(str(error)), {}
        if self._other[1] is None:
            return {}, {}
        try:
            taken = creation.taken_over(self._other[1])
        except FocusError as error:
            return _wrong(str(error)), {}
        scripts = self._other[1].root / "scripts"
        count = len([p for p in scripts.glob("*") if p.is_file()])
        words = self._other[1].words
        told = ", ".join(f"{words[w].label} {with_unit(words[w], v)}" for w, v in taken.items())
        note = f"takes over {told or 'no values'}" + (f"; {count} of its scripts" if count else "")
        return {"note": note}, taken

    def _tell_choices(self) -> None:
        presets = Presets(self._user, self._words)
        found: dict[str, Any] = {
            "modes": [
                {"key": mode, "text": MODES.get(mode, ""), "steps": steps}
                for mode, steps in workflow.BY_MODE.items()
            ]
        }
        for kind in KINDS:
            try:
                found[kind] = presets.names(kind)
            except FocusError:
                found[kind] = []
        self.choices = found

    def __repr__(self) -> str:
        return f"<new project {self.created or self.folder!r}: {self.mode}; {self._given()}>"


def _wrong(text: str) -> dict[str, str]:
    return {"wrong": text}


def _whole(folder: str) -> str:
    """Give a folder's whole path; links stay links."""
    return os.path.abspath(Path(folder.strip()).expanduser())  # noqa: PTH100
