"""Placing: files of an export, linked or copied, and what an earlier export left is taken away."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from focusnb.errors import BadValue
from focusnb.model.settings import write_text

MANIFEST = "focusnb.json"
# Names that an export is about to write, one JSON text a line: kept until the manifest has them.
JOURNAL = ".focusnb-export"


class Folder:
    """The folder of an export; remembers what was put into it.

    how: "link" or "copy". The list of files is kept in `focusnb.json`, so that the next export
    removes what it does not make again, and nothing that other programs made. A file of somebody
    else is never replaced: its name is refused with BadValue.
    """

    def __init__(self, out: Path, how: str) -> None:
        self.out = out
        self.how = how
        self.files: set[str] = set()
        out.mkdir(parents=True, exist_ok=True)
        self._before = self._earlier()

    def path(self, name: str) -> Path:
        """Give the place of a file that is about to be written; its folder is made."""
        target = self._claim(name)
        if target.is_symlink():
            target.unlink()  # writing through it would change the project's own file
        return target

    def paths(self, names: Sequence[str]) -> dict[str, Path]:
        """Give the places of several files; if one of them is somebody else's, none is touched."""
        for name in names:
            self._check(name)
        return {name: self.path(name) for name in names}

    def mark(self, name: str) -> None:
        """Make an empty file that others may have made as well; theirs stays theirs."""
        if name in self._before or not os.path.lexists(self.out / name):
            self.path(name).touch()

    def put(self, source: Path, name: str) -> str:
        """Link or copy a file to a name in the folder; give that name."""
        target = self._claim(name)
        if not self._is_copy(source, target):
            part = target.with_name(f".part-{secrets.token_hex(4)}")
            try:
                if self.how == "link":
                    part.symlink_to(os.path.relpath(source, target.parent.resolve()))
                else:
                    shutil.copy2(source, part)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
        return name

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the list of files, then remove those of an earlier export that are not in it."""
        told = {**facts, "files": sorted(self.files)}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        write_text(self.out / MANIFEST, text + "\n")
        for name in self._before - self.files:
            with contextlib.suppress(OSError):  # somebody made a folder of that name
                (self.out / name).unlink(missing_ok=True)
        (self.out / JOURNAL).unlink(missing_ok=True)

    def _claim(self, name: str) -> Path:
        """Give the place of a name that is this export's from now on."""
        self._check(name)
        target = self.out / name
        if name not in self.files:
            target.parent.mkdir(parents=True, exist_ok=True)
            with (self.out / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(f"{json.dumps(name)}\n")
            self.files.add(name)
        return target

    def _check(self, name: str) -> None:
        target = self.out / name
        if name not in self.files and name not in self._before and os.path.lexists(target):
            raise BadValue(
                f"{target} was there before, no export made it; move it away,"
                " or choose another folder"
            )

    def _is_copy(self, source: Path, target: Path) -> bool:
        if self.how == "link" or target.is_symlink() or not target.is_file():
            return False
        one, other = source.stat(), target.stat()
        return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)

    def _earlier(self) -> set[str]:
        """Give the files of earlier exports, interrupted ones too: those inside the folder."""
        names: list[Any] = []
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            names += json.loads((self.out / MANIFEST).read_text(encoding="utf-8"))["files"]
        with contextlib.suppress(OSError, ValueError):  # the last line may be half written
            for line in (self.out / JOURNAL).read_text(encoding="utf-8").splitlines():
                names.append(json.loads(line))
        return {
            name
            for name in names
            if isinstance(name, str)
            and not Path(name).is_absolute()
            and ".." not in Path(name).parts
        }
