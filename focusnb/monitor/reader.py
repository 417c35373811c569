"""Reading a feed, as a page does: only what lies in its folder, and only by the names it tells."""

import json
import re
from pathlib import Path
from typing import Any

from focusnb.errors import BrokenFile
from focusnb.monitor.feed import VERSION

PICTURE = re.compile(r"pictures/[\w-]{1,100}\.png")


class Feed:
    """A feed's folder; it may not exist yet."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser().absolute()

    @property
    def stamp(self) -> int | None:
        """Changes whenever the feed was written; None while there is none."""
        try:
            return (self.folder / "feed.json").stat().st_mtime_ns
        except OSError:
            return None

    def read(self) -> dict[str, Any]:
        """Give what feed.json holds; raises BrokenFile when this program cannot read it."""
        content = self._json("feed.json")
        if content.get("version") != VERSION:
            raise BrokenFile(
                f"{self.folder}: a feed of version {content.get('version')}, this program reads"
                f" {VERSION}; use the same focusnb for `focusnb run` and for the page"
            )
        return content

    def series(self) -> dict[str, Any]:
        """Give the arrays of series.json."""
        return self._json("series.json")

    def picture(self, name: str) -> bytes:
        """Give a picture's PNG bytes; name: as feed.json tells it."""
        if not PICTURE.fullmatch(name):
            raise BrokenFile(f"{self.folder}: {name!r} is no name of a feed's picture")
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise BrokenFile(f"{self.folder / name}: {error.strerror}; publish again") from None

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BrokenFile(
                f"{path} does not exist; `focusnb run {self.folder.parent}` publishes a feed"
            ) from None
        except (OSError, ValueError) as error:
            raise BrokenFile(f"{path} cannot be read: {error}") from None
        if not isinstance(content, dict):
            raise BrokenFile(f"{path} holds no JSON object; publish again")
        return content
