"""One's own settings: microscopes and cameras by name, where programs are, values for all projects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from traitlets import Dict, List, Unicode

from focusnb.errors import BadValue, FocusError, UnknownName
from focusnb.model.microscopes import KINDS, USUAL, Presets
from focusnb.model.programs import Program, Tested, programs, started
from focusnb_widgets.forms.fields import SUBJECTS, Section, by_subject, shown, with_unit
from focusnb_widgets.forms.form import SCRIPTS, STYLES
from focusnb_widgets.forms.part import SheetPart
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.forms.targets import Blank, OfUser, arguments
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning.latest import Latest

PRESETS = "from focusnb.model.microscopes import Presets\nPresets(project.user, project.words)"
LIMIT = 10.0  # seconds that a program may take to answer


class SettingsPanel(SheetPart):
    """What is one's own and holds in all projects: it is kept in parameters.toml.

    presets: the microscopes and cameras as the page shows them. tests: what became of programs
    that were tested, by name. editing: the preset that is being made or changed.
    """

    _esm = module(*SCRIPTS, "settings.js")
    _css = style(*STYLES)
    presets = Dict().tag(sync=True)
    programs = List(Dict()).tag(sync=True)
    tests = Dict().tag(sync=True)
    editing = Dict().tag(sync=True)
    file = Unicode("").tag(sync=True)
    broken = Unicode("").tag(sync=True)

    def __init__(self, desk: Any) -> None:
        self._latest = Latest(self._test_failed)
        super().__init__(desk)
        self.file = str(self.project.user.path)
        self._programs = programs(self.project.registry)
        self.programs = [
            {
                "name": one.name, "word": one.folder_word or "", "steps": list(one.steps),
                "unseen": list(one.unseen),
            }
            for one in self._programs
        ]  # fmt: skip
        own = OfUser(self.project)
        words = self.project.words
        self.sheets = {
            "programs": Sheet(own, _program_sections(self._programs, words)),
            "user": Sheet(OfUser(self.project), by_subject(words)),
        }
        self._tell_presets()

    # -- for scripts --------------------------------------------------------------------------

    @property
    def known(self) -> Presets:
        """The microscopes and cameras."""
        return Presets(self.project.user, self.project.words)

    def keep(self, kind: str, name: str, *, old: str = "", **values: Any) -> str:
        """Keep a microscope or camera; old: the name of the one whose place it takes."""
        name = self.known.keep(kind, name, values, old=old)
        more = f", old={old!r}" if old else ""
        self._did(f"{PRESETS}.keep({kind!r}, {name!r}, {self.known.values(kind, name)!r}{more})")
        return f"{kind} {name} kept in {self.project.user.path.name}"

    def remove(self, kind: str, name: str) -> str:
        """Remove a microscope or camera; projects that used it keep their values."""
        self.known.remove(kind, name)
        self._did(f"{PRESETS}.remove({kind!r}, {name!r})")
        return f"{kind} {name} removed; projects that used it keep their values"

    def use(self, kind: str, name: str) -> str:
        """Give the project the values of a microscope or camera."""
        values = self.known.values(kind, name)
        self.project.set(**values)
        self._did(f"project.set({arguments(values)})")
        return f"{self.project.name} has the values of {name} now: {', '.join(values)}"

    def test(self, program: str) -> Tested:
        """Look for a program where the settings say, and start it."""
        found = started(*self._to_test(program), limit=LIMIT)
        self._tested(found)
        return found

    def tell(self) -> None:
        """Tell the page what has changed, also in the file."""
        if hasattr(self, "_programs") and (self._seen or not self._open):
            self._tell_presets()
        super().tell()

    # -- messages -----------------------------------------------------------------------------

    def do_test(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Test a program; the page is told at once that it runs, and later what came out."""
        name = str(message["program"])
        program, values = self._to_test(name)
        self.tests = {**self.tests, name: {"state": "running", "text": "being started"}}
        self._latest.ask(name, lambda: started(program, values, limit=LIMIT), self._tested)

    def do_open(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Begin to make a preset, or to change one."""
        kind, name = str(message["kind"]), str(message.get("name", ""))
        if kind not in KINDS:
            raise UnknownName(f"{kind!r} is none of {', '.join(KINDS)}")
        values = self.known.values(kind, name) if name else {}
        words = [*USUAL[kind], *(w for w in values if w not in USUAL[kind])]
        self._open_sheet(kind, name, words, values)

    def do_more(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Give the preset that is edited one more parameter."""
        sheet = self._sheet("preset")
        now = self.editing
        self._open_sheet(now["kind"], now["old"], [*sheet.params, message["word"]], sheet.texts)

    def do_from_project(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Fill the preset that is edited with what this project has."""
        sheet, values = self._sheet("preset"), self.project.values()
        sheet.texts |= {
            word: values[word]
            for word in sheet.params
            if values[word] is not None and values.origin(word) != "system"
        }
        self.tell()

    def do_keep(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Keep the preset that is edited."""
        sheet, now = self._sheet("preset"), self.editing
        if sheet.problems:
            wrong = ", ".join(sheet.params[word].label for word in sheet.problems)
            raise BadValue(f"wrong: {wrong}; mend it, then keep it")
        said = self.keep(now["kind"], str(message["name"]), old=now["old"], **sheet.values)
        self.do_close(message, buffers)
        return said

    def do_close(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Forget the preset that is edited."""
        self.sheets.pop("preset", None)
        self.editing = {}

    def do_remove(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Remove a preset."""
        return self.remove(str(message["kind"]), str(message["name"]))

    def do_use(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Give the project a preset's values."""
        return self.use(str(message["kind"]), str(message["name"]))

    # -- inside -------------------------------------------------------------------------------

    def _open_sheet(
        self, kind: str, name: str, words: Sequence[str], values: Mapping[str, Any]
    ) -> None:
        known = self.project.words
        section = Section("preset", f"Values of the {kind}", tuple(known[w] for w in words))
        sheet = Sheet(Blank(name or f"a new {kind}"), [section])
        sheet.texts = dict(values)
        self.sheets["preset"] = sheet
        self._told.pop("preset", None)
        others = [
            [p.name, p.label, SUBJECTS.get(p.subject, p.subject)]
            for p in known.values()
            if shown(p) and p.name not in words
        ]
        self.editing = {"kind": kind, "old": name, "others": others}
        self.tell()

    def _to_test(self, name: str) -> tuple[Program, dict[str, Any]]:
        """Give a program, and where it is, as typed or as this project knows it."""
        program = next((one for one in self._programs if one.name == name), None)
        if program is None:
            known = ", ".join(one.name for one in self._programs)
            raise UnknownName(f"no step needs a program {name!r}; they need {known}")
        word = program.folder_word
        if word is None:
            return program, {}
        typed = self.sheets["programs"].values
        return program, {word: typed[word] if word in typed else self.project.values()[word]}

    def _tested(self, found: Tested) -> None:
        text = found.problem or f"starts: {found.place}"
        if found.version and not found.problem:
            text = f"version {found.version} starts: {found.place}"
        told = {"state": "bad" if found.problem else "good", "text": text}
        self.tests = {**self.tests, found.program: told}

    def _test_failed(self, name: Any, error: Exception) -> None:
        self.tests = {**self.tests, str(name): {"state": "bad", "text": str(error)}}

    def _tell_presets(self) -> None:
        try:
            values = self.project.values()
            told = {
                kind: [self._preset(kind, n, values) for n in self.known.names(kind)]
                for kind in KINDS
            }
            self.presets, self.broken = told, ""
        except (FocusError, OSError) as error:
            self.broken = str(error)

    def _preset(self, kind: str, name: str, now: Mapping[str, Any]) -> dict[str, Any]:
        try:
            values = self.known.values(kind, name)
        except FocusError as error:
            return {"name": name, "values": [], "problem": str(error), "used": False}
        words = self.project.words
        return {
            "name": name,
            "values": [[words[w].label, with_unit(words[w], v)] for w, v in values.items()],
            "problem": "",
            "used": all(now[word] == value for word, value in values.items()),
        }

    def __repr__(self) -> str:
        count = {kind: len(names) for kind, names in self.presets.items()}
        return f"<settings in {self.file}: {count}; {len(self.programs)} programs>"


def _program_sections(found: Sequence[Program], words: Any) -> list[Section]:
    """Give a section a folder, and one for the programs that are looked for on the PATH only."""
    sections = []
    for word in dict.fromkeys(one.folder_word for one in found):
        names = [one.name for one in found if one.folder_word == word]
        param = () if word is None else (replace(words[word], level="normal"),)
        note = "These are looked for on the PATH." if word is None else ""
        sections.append(Section(word or "", ", ".join(names), param, note))
    return sections
