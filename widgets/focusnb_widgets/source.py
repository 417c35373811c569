"""The JavaScript and the style sheets of the widgets, as they lie in static/."""

from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")


@cache
def module(*names: str) -> str:
    """Give a widget's ES module: what all parts share, then its own files in this order."""
    return "\n".join(_read(name) for name in ("common.js", *names))


@cache
def style(*names: str) -> str:
    """Give style sheets joined; that of the monitoring page when none is named."""
    return "\n".join(_read(name) for name in names or ("page.css",))


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
