"""Microscopes and cameras by name: values that belong together, kept in the user's own parameters.

In parameters.toml each is a table of its own, [microscope.NAME] or [camera.NAME].
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject, BadValue, FocusError, UnknownName
from focusnb.model.settings import Settings
from focusnb.model.vocabulary import Vocabulary

KINDS = ("microscope", "camera")
LONGEST = 80  # letters of a name
# What a form offers for each first; any word that people set may be among a preset's values.
USUAL: Mapping[str, tuple[str, ...]] = {
    "microscope": ("voltage", "spherical_aberration", "amplitude_contrast", "phase_plate"),
    "camera": (
        "pixel_size", "gain", "gain_rotation", "gain_flip", "gain_corrected", "defects",
        "counts_per_electron", "crop_factor", "target_pixel_size", "dose_per_frame", "eer_dose",
        "eer_frames", "eer_upsampling", "hot_pixel_sigma",
    ),
}  # fmt: skip


class Presets:
    """The microscopes and cameras in a user's own parameters."""

    def __init__(self, settings: Settings, words: Vocabulary) -> None:
        self._settings, self._words = settings, words

    def names(self, kind: str) -> list[str]:
        """Give the names of one kind, in the order of the file."""
        return list(self._tables(kind))

    def values(self, kind: str, name: str) -> dict[str, Any]:
        """Give the checked values of one; raises UnknownName or BadProject."""
        table = self._check_there(kind, name)
        if not isinstance(table, Mapping):
            raise BadProject(f"{self._settings.path}: write [{kind}.{name}] above its values")
        try:
            return self._checked(table, f"[{kind}.{name}]")
        except FocusError as error:
            raise BadProject(f"{self._settings.path}: {error}") from None

    def keep(self, kind: str, name: str, values: Mapping[str, Any], *, old: str = "") -> str:
        """Keep a preset under a name; old: the one that it takes the place of. Gives the name."""
        name = self.check_name(kind, name, old=old)
        checked = self._checked(values, name)
        if not checked:
            raise BadValue(f"{name!r} has no value; give it one or more")
        old = old or name

        def change(document: Any) -> None:
            import tomlkit

            tables = document.setdefault(kind, tomlkit.table(is_super_table=True))
            table = tables.get(old)
            if name != old or not isinstance(table, Mapping):
                tables.pop(old, None)
                table = tables[name] = tomlkit.table()
            for word in [word for word in table if word not in checked]:
                del table[word]
            for word, value in checked.items():
                if table.get(word) != value:
                    table[word] = value

        self._settings.edit(change)
        return name

    def check_name(self, kind: str, name: str, *, old: str = "") -> str:
        """Give a name without outer blanks; raises BadValue for one that is empty, long or taken."""
        name = name.strip()
        if not name:
            raise BadValue(f"the {kind} has no name; give it one, as people here call it")
        if len(name) > LONGEST or not name.isprintable():
            raise BadValue(f"a name is one line of up to {LONGEST} letters; choose a shorter one")
        if name != old and name in self._tables(kind):
            raise BadValue(f"there is a {kind} {name!r} already; choose another name, or edit it")
        return name

    def remove(self, kind: str, name: str) -> None:
        """Take one out of the file."""
        self._check_there(kind, name)

        def change(document: Any) -> None:
            del document[kind][name]
            if not document[kind]:
                del document[kind]

        self._settings.edit(change)

    def _check_there(self, kind: str, name: str) -> Any:
        tables = self._tables(kind)
        if name not in tables:
            there = ", ".join(tables) or "none yet"
            raise UnknownName(f"no {kind} is called {name!r}; there are: {there}")
        return tables[name]

    def _tables(self, kind: str) -> Mapping[str, Any]:
        if kind not in KINDS:
            raise UnknownName(f"{kind!r} is none of {', '.join(KINDS)}")
        tables = self._settings.table.get(kind, {})
        if not isinstance(tables, Mapping):
            raise BadProject(f"{self._settings.path}: write [{kind}.NAME] for each {kind}")
        return tables

    def _checked(self, values: Mapping[str, Any], origin: str) -> dict[str, Any]:
        """Check values; files get whole paths, since the presets are of no project."""
        found: dict[str, Any] = {}
        for word, value in self._words.read(values, origin).items():
            param = self._words[word]
            if param.made:
                raise BadValue(f"{word} is found out by a step; a preset holds what people set")
            if value is not None:
                whole = param.type == "path"
                found[word] = str(Path(value).expanduser().absolute()) if whole else value
        return found
