"""The JavaScript and the style sheet of the widgets, as they lie in static/."""

from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")


@cache
def module(name: str) -> str:
    """Give a widget's ES module: what all parts share, then its own file."""
    return f"{_read('common.js')}\n{_read(name)}"


@cache
def style() -> str:
    """Give the style sheet of the monitoring page."""
    return _read("page.css")


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
