"""What the workspace keeps for the library table: views and lists; what is unsound is left out and told.

People edit workspace.json by hand, and other versions write it: whatever it holds, the table opens.
"""

from collections.abc import Mapping
from typing import Any

from focusnb.session import Project

VIEWS, LISTS = "views", "selections"  # keys of the workspace
WAYS = ("asc", "desc")


def views(project: Project) -> dict[str, Any]:
    """Give the kept views by mode, none of them looked at yet; raises BadProject."""
    kept = project.workspace.get(VIEWS)
    return kept if isinstance(kept, dict) else {}


def view(project: Project) -> tuple[dict[str, Any], str]:
    """Give what is kept of the view of the project's mode, and a sentence about what was left out.

    The view may lack columns, widths or sort. Raises BadProject.
    """
    kept = project.workspace.get(VIEWS, {})
    if not isinstance(kept, dict):
        return {}, _left(project, f"{VIEWS!r} is no table of views by mode")
    mine = kept.get(project.mode, {})
    if not isinstance(mine, dict):
        return {}, _left(project, f"the view of mode {project.mode!r} is no table")
    found = sound(mine)
    lost = [
        key for key in ("columns", "widths", "sort") if key in mine and found.get(key) != mine[key]
    ]
    told = f"{' and '.join(lost)} of the table's view cannot be understood" if lost else ""
    return found, _left(project, told) if told else ""


def sound(told: Mapping[str, Any]) -> dict[str, Any]:
    """Give what can be understood of a view: columns, widths (pixels), sort, as far as each is there."""
    found: dict[str, Any] = {}
    columns, widths, sort = (told.get(key) for key in ("columns", "widths", "sort"))
    if isinstance(columns, list):
        found["columns"] = [word for word in columns if isinstance(word, str)]
    if isinstance(widths, dict):
        found["widths"] = {w: n for w, n in widths.items() if _is_number(n) and 0 < n < 1e5}
    if isinstance(sort, list):
        found["sort"] = [list(one) for one in sort if _is_sort(one)]
    return found


def lists(project: Project) -> tuple[dict[str, list[int]], str]:
    """Give the kept lists of images by name, and a sentence about those that were left out."""
    kept = project.workspace.get(LISTS, {})
    if not isinstance(kept, dict):
        return {}, _left(project, f"{LISTS!r} is no table of lists by name")
    found = {name: images for name, images in kept.items() if _is_list(images)}
    lost = [repr(name) for name in kept if name not in found]
    return found, _left(project, f"{', '.join(lost)} holds no numbers of images") if lost else ""


def _left(project: Project, what: str) -> str:
    return f"{project.workspace.path.name}: {what}; that is left out."


def _is_number(one: Any) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool)


def _is_sort(one: Any) -> bool:
    return (
        isinstance(one, list | tuple)
        and len(one) == 2
        and isinstance(one[0], str)
        and one[1] in WAYS
    )


def _is_list(images: Any) -> bool:
    return isinstance(images, list) and all(
        isinstance(i, int) and not isinstance(i, bool) and 0 < i < 1 << 31 for i in images
    )
