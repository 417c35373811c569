"""Export: a project becomes another program's files; one module per program, found by entry point.

An exporter is a function `export(project, out, images, report)` that gives a Summary, registered in
the group ``focusnb.exporters``.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from focusnb.errors import UnknownName
from focusnb.export.choice import Summary
from focusnb.model.image import Image
from focusnb.model.project import Project

__all__ = ["export", "exporters", "Summary"]


def exporters() -> dict[str, Callable[..., Summary]]:
    """Give all exporters by name; nothing is imported before one is called."""
    points = sorted(entry_points(group="focusnb.exporters"), key=lambda point: point.name)
    return {point.name: _later(point) for point in points}


def export(
    project: Project,
    kind: str,
    out: str | Path,
    images: Iterable[Image] | None = None,
    *,
    report: Callable[[float, str], None] | None = None,
) -> Summary:
    """Write images for another program into the folder `out`; an earlier export there is replaced.

    images: a selection; without one the good images. report: called with the finished part and the
    name of an image; may raise Cancelled. Raises UnknownName for a program nobody exports to.
    """
    known = exporters()
    if kind not in known:
        near = get_close_matches(kind, known, 1)
        hint = f"; meant {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise UnknownName(f"no exporter is called {kind!r}{hint}")
    chosen = None if images is None else list(images)
    return known[kind](project, Path(out).expanduser().absolute(), chosen, report=report)


def _later(point: Any) -> Callable[..., Summary]:
    return lambda *given, **named: point.load()(*given, **named)
