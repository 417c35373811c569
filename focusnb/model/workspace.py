"""The workspace: how people have arranged a project; table views, selections, rules (workspace.json)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import BadProject
from focusnb.model.settings import write_text

if TYPE_CHECKING:
    from focusnb.model.project import Project

FORMAT = 1


class Workspace:
    """What workspace.json holds, by key; read again when somebody else has written it.

    Keys in use: views (of the library table, by mode), selections (lists of images, by name), rules.
    """

    def __init__(self, project: "Project") -> None:
        self._project = project
        self.path: Path = project.root / "workspace.json"
        self._stamp: tuple[int, int] | None = None
        self._table: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Give what is kept under a key, as a copy."""
        found = self._read().get(key, default)
        return json.loads(json.dumps(found))

    def set(self, key: str, value: Any) -> None:
        """Keep something that JSON can tell; None removes it. Two writers at once lose nothing."""
        with self._project.editing():
            table = dict(self._read())
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
            text = json.dumps({"format": FORMAT, **table}, ensure_ascii=False, indent=1)
            write_text(self.path, text + "\n")

    def _read(self) -> Mapping[str, Any]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._table = None, {}
            return self._table
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._stamp:
            return self._table
        try:
            table = json.loads(self.path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise BadProject(
                f"{self.path} cannot be read ({error}); mend it, or remove it:"
                " it holds table views, selections and rules only"
            ) from None
        if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
            raise BadProject(
                f"{self.path} is no workspace of format {FORMAT}; remove it:"
                " it holds table views, selections and rules only"
            )
        self._stamp, self._table = stamp, table
        return self._table
