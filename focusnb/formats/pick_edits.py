"""What was done to picks by hand, as JSON: picks added and removed, polygons left out.

`{"added": [[x, y], …], "removed": [[x, y], …], "excluded": [[[x, y], …], …]}`, all in pixels of the
average. What is left out is empty.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats.stack import replacing

Points = NDArray[np.float64]
KEYS = ("added", "removed", "excluded")
LARGEST = 1 << 24  # bytes; hundreds of thousands of points


def _none() -> Points:
    return np.empty((0, 2))


@dataclass(frozen=True, slots=True)
class PickEdits:
    """Changes to picks by hand, in pixels of the average."""

    added: Points = field(default_factory=_none)  # (n, 2) x, y
    removed: Points = field(default_factory=_none)  # (n, 2) x, y
    excluded: tuple[Points, ...] = ()  # polygons of at least three corners, (n, 2) x, y each

    def inside(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which added points lie within a picture of this shape (y, x): (n,) bool."""
        least = (self.added >= 0).all(axis=1)
        most = (self.added <= (shape[1] - 1, shape[0] - 1)).all(axis=1)
        return np.asarray(least & most)


def read(path: str | Path) -> PickEdits:
    """The changes in a file; raises BrokenFile with what is wrong where."""
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise BrokenFile(f"{path}: {path.stat().st_size} bytes are too many for changes by hand")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BrokenFile(f"{path}: no JSON that can be read: {error}") from error
    if not isinstance(found, dict):
        raise BrokenFile(f"{path}: an object with {', '.join(KEYS)} is expected")
    if unknown := sorted(set(found) - set(KEYS)):
        raise BrokenFile(
            f"{path}: {unknown[0]!r} means nothing here; the keys are {', '.join(KEYS)}"
        )
    try:
        return made(*(found.get(key, []) for key in KEYS))
    except BadValue as error:
        raise BrokenFile(f"{path}: {error}") from error


def made(added: Any = (), removed: Any = (), excluded: Sequence[Any] = ()) -> PickEdits:
    """The changes, checked; raises BadValue for what is no list of points x, y."""
    if isinstance(excluded, str | Mapping) or not np.iterable(excluded):
        raise BadValue("excluded is no list of polygons")
    polygons = tuple(
        _points(corners, f"polygon {number} of excluded")
        for number, corners in enumerate(excluded, 1)
    )
    for number, corners in enumerate(polygons, 1):
        if len(corners) < 3:
            raise BadValue(f"polygon {number} of excluded has {len(corners)} corners; 3 are needed")
    return PickEdits(_points(added, "added"), _points(removed, "removed"), polygons)


def write(path: str | Path, edits: PickEdits) -> Path:
    """Write changes in one stroke."""
    path = Path(path)
    checked = made(edits.added, edits.removed, edits.excluded)
    told = {
        "added": _listed(checked.added),
        "removed": _listed(checked.removed),
        "excluded": [_listed(corners) for corners in checked.excluded],
    }
    with replacing(path) as draft:
        draft.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return path


def _points(values: Any, what: str) -> Points:
    try:
        points = np.asarray(values)
    except ValueError:
        points = np.empty(0, object)
    if points.size == 0 and points.ndim == 1 and points.dtype != object:
        return _none()
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "fiu":
        raise BadValue(f"{what} is no list of points [x, y] with two numbers each")
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        raise BadValue(f"{what} has a point that is no finite number")
    return points


def _listed(points: Points) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]
