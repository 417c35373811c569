"""The files that people edit: project.toml, group.toml and the user's parameters.toml.

They are the truth about their values: read again whenever they change, written so that comments stay.
"""

import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject, BadValue, FocusError
from focusnb.model.vocabulary import Vocabulary

HEADS = {
    "project.toml": "# A focusnb project. Edit freely: the program reads this file again when it changes.\n",
    "group.toml": "# Values of this group; they come before the project's.\n",
    "parameters.toml": "# Your own values for all projects: microscopes, programs.\n",
}


def user_file() -> Path:
    """Give the place of the user's own parameters; $FOCUSNB_CONFIG names another folder."""
    if folder := os.environ.get("FOCUSNB_CONFIG"):
        return Path(folder) / "parameters.toml"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "focusnb" / "parameters.toml"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "focusnb" / "parameters.toml"


def user_scripts() -> Path:
    """Give the folder of the user's own scripts, which are steps in every project."""
    return user_file().parent / "scripts"


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Settings:
    """One such file: its values, its locks and whatever else it holds."""

    def __init__(self, path: Path, words: Callable[[], Vocabulary]) -> None:
        self.path = path
        self._words = words
        self._stamp: tuple[int, ...] | None = ()
        self._table: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._locked: frozenset[str] = frozenset()

    @property
    def table(self) -> Mapping[str, Any]:
        """All that the file holds, as plain TOML."""
        self._refresh()
        return self._table

    @property
    def values(self) -> Mapping[str, Any]:
        """The checked values of its [values] table."""
        self._refresh()
        return self._values

    @property
    def locked(self) -> frozenset[str]:
        """Words whose value may not be changed until they are unlocked."""
        self._refresh()
        return self._locked

    def set(self, values: Mapping[str, Any]) -> None:
        """Write values, None removes one; raises BadValue for a locked word."""
        if locked := sorted(self.locked & set(values)):
            raise BadValue(f"{locked[0]} is locked in {self.path}; unlock it first")

        def change(document: Any) -> None:
            table = document.setdefault("values", {})
            for word, value in values.items():
                if value is None:
                    table.pop(word, None)
                else:
                    table[word] = value

        self.edit(change)

    def lock(self, words: Iterable[str], on: bool = True) -> None:
        """Lock words, or unlock them."""
        now = self.locked | set(words) if on else self.locked - set(words)
        self.edit(lambda document: document.update(locked=sorted(now)))

    def edit(self, change: Callable[[Any], None]) -> None:
        """Change the file's document in place; comments and order stay as people wrote them."""
        import tomlkit

        self._refresh()
        head = HEADS.get(self.path.name, "")
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else head
        document = tomlkit.parse(text)
        change(document)
        write_text(self.path, tomlkit.dumps(document))
        self._stamp = ()

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
            stamp: tuple[int, ...] | None = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp == self._stamp:
            return
        table: dict[str, Any] = {}
        if stamp is not None:
            try:
                table = tomllib.loads(self.path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise BadProject(f"{self.path} cannot be read: {error}; mend that line") from None
        values = table.get("values", {})
        if not isinstance(values, dict):
            raise BadProject(f"{self.path}: values is no table; write [values] above them")
        locked = table.get("locked", [])
        if not isinstance(locked, list) or not all(isinstance(word, str) for word in locked):
            raise BadProject(f'{self.path}: locked is a list of words: locked = ["voltage"]')
        try:
            checked = self._words().read(values, str(self.path))
        except FocusError as error:
            line = _line_of(self.path, str(error))
            raise BadProject(f"{self.path}{line}: {error}") from None
        self._table, self._values, self._stamp = table, checked, stamp
        self._locked = frozenset(locked)


def _line_of(path: Path, message: str) -> str:
    """Find the line that a message speaks about, as ", line N"."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        word = line.split("=")[0].strip()
        if "=" in line and word and (message.startswith(f"{word} ") or f"'{word}'" in message):
            return f", line {number}"
    return ""
