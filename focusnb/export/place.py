"""Placing: files of an export, linked or copied, and what an earlier export left is taken away."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.model.settings import write_text

MANIFEST = "focusnb.json"


class Folder:
    """The folder of an export; remembers what was put into it.

    how: "link" or "copy". The list of files is kept in `focusnb.json`, so that the next export
    removes what it does not make again, and nothing that other programs made.
    """

    def __init__(self, out: Path, how: str) -> None:
        self.out = out
        self.how = how
        self.files: list[str] = []
        out.mkdir(parents=True, exist_ok=True)
        self._before = self._earlier()

    def path(self, name: str) -> Path:
        """Give the place of a file that is about to be written; its folder is made."""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()  # writing through it would change the project's own file
        self.files.append(name)
        return target

    def put(self, source: Path, name: str) -> str:
        """Link or copy a file to a name in the folder; give that name."""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
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
        self.files.append(name)
        return name

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the list of files, then remove those of an earlier export that are not in it."""
        told = {**facts, "files": sorted(set(self.files))}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        write_text(self.out / MANIFEST, text + "\n")
        for name in self._before - set(self.files):
            (self.out / name).unlink(missing_ok=True)

    def _is_copy(self, source: Path, target: Path) -> bool:
        if self.how == "link" or target.is_symlink() or not target.is_file():
            return False
        one, other = source.stat(), target.stat()
        return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)

    def _earlier(self) -> set[str]:
        """Give the files of an earlier export that may be removed: those inside the folder."""
        try:
            names = json.loads((self.out / MANIFEST).read_text(encoding="utf-8"))["files"]
            return {
                name
                for name in names
                if not Path(name).is_absolute() and ".." not in Path(name).parts
            }
        except (OSError, ValueError, KeyError, TypeError):
            return set()
