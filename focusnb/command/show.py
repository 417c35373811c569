"""How the command speaks: tables, JSON, a progress bar, and NAME=VALUE arguments."""

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from focusnb.errors import BadValue


def pairs(arguments: Iterable[str] | None) -> dict[str, str]:
    """Read NAME=VALUE arguments; raises BadValue for one without =."""
    found = {}
    for argument in arguments or ():
        name, equals, value = argument.partition("=")
        if not equals:
            raise BadValue(f"{argument!r} has no value; write {argument}=VALUE")
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def as_json(value: Any) -> None:
    """Print JSON."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def table(rows: Sequence[Sequence[Any]], head: Sequence[str], *, right: Iterable[int] = ()) -> None:
    """Print rows in columns as wide as they need; the last one is cut to the terminal's width."""
    cells = [[_one_line(cell) for cell in row] for row in (head, *rows)]
    sizes = [[_width(cell) for cell in row] for row in cells]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    room = shutil.get_terminal_size((0, 0)).columns if sys.stdout.isatty() else 0
    rights = set(right)
    places = [(i, i in rights, width) for i, width in enumerate(widths)]
    for number, (row, size) in enumerate(zip(cells, sizes, strict=True)):
        line = "  ".join(
            [
                " " * (width - size[i]) + row[i] if right else row[i] + " " * (width - size[i])
                for i, right, width in places
            ]
        ).rstrip()
        print(line[:room] if room else line)
        if number == 0:
            rule = "  ".join("─" * width for width in widths)
            print(rule[:room] if room else rule)


def facts(values: Mapping[str, Any]) -> None:
    """Print names and values below each other."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:<{width}}  {value}")


class Progress:
    """A bar on a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._last = ""

    def __call__(self, fraction: float, text: str = "") -> None:
        """Show how far the work is, 0 to 1."""
        if not self._tty:
            return
        filled = int(30 * min(max(fraction, 0.0), 1.0))
        line = f"\r{'█' * filled}{'░' * (30 - filled)} {100 * fraction:3.0f} % {text[:40]:<40}"
        if line != self._last:
            sys.stderr.write(line)
            sys.stderr.flush()
            self._last = line

    def close(self) -> None:
        """Take the bar away."""
        if self._tty and self._last:
            sys.stderr.write("\r" + " " * 80 + "\r")
            self._last = ""


def _one_line(value: Any) -> str:
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "␤" for c in text)


def _width(text: str) -> int:
    if (
        text.isascii() or max(text) < "\u0300"
    ):  # before the first combining and the first wide letter
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
