"""What is not up to date: a value or a file changed after a step had used it."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError
from focusnb.model import fingerprint

if TYPE_CHECKING:
    from focusnb.model.project import Project


Key = tuple[str, str, tuple[tuple[str, Any], ...]]


def rounded(value: Any) -> Any:
    """Give a number as tables keep it, with eight digits; other values as they are."""
    return float(f"{value:.8g}") if isinstance(value, float) else value


def settings_digest(values: Mapping[str, Any]) -> str:
    """Give a short digest of the values that a step used."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:16]


def settings(project: "Project", name: str, group: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Give what people set that a step of an image uses: plain values, inherited files, its version.

    own: the image's own values. Its own files and what other steps make are left out: a change of
    these marks the run itself.
    """
    step = project.registry.step(name)
    values = project.values(group=group)
    found: dict[str, Any] = {"version of the step": step.version}
    for param in step.params:
        if param.made:
            continue
        if param.name in own:
            if param.type != "path":
                found[param.name] = rounded(own[param.name])
            continue
        value = values[param.name]
        found[param.name] = (
            param.default if value is None or values.origin(param.name) == "system" else value
        )
    return found


class Checker:
    """Tells for many rows which steps are stale, looking each combination up only once."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._takes: dict[str, frozenset[str]] = {}
        self._known: dict[Key, str | None] = {}

    def steps(self, cells: Mapping[str, Any]) -> list[str]:
        """Give the stale steps of one image: its own values and the inherited ones are looked at."""
        found = list(cells["touched"])
        for step, used in cells["settings"].items():
            if step not in self._takes:
                self._takes[step] = self._taken_by(step)
            takes = self._takes[step]
            own = tuple((w, _fixed(cells.get(w))) for w in cells["own"] if w in takes)
            key = (step, cells["group"], own)
            if key not in self._known:
                self._known[key] = self._digest(step, cells["group"], dict(own))
            now = self._known[key]
            if now is not None and now != used and step not in found:
                found.append(step)
        return found

    def _taken_by(self, step: str) -> frozenset[str]:
        try:
            return frozenset(self._project.registry.step(step).takes)
        except FocusError:
            return frozenset()

    def _digest(self, step: str, group: str, own: Mapping[str, Any]) -> str | None:
        try:
            return settings_digest(settings(self._project, step, group, own))
        except FocusError:
            return None  # a script that is gone: its results stay as they are


def _fixed(value: Any) -> Any:
    """Give a value in a form that can be a key of a dict."""
    return tuple(value) if isinstance(value, list) else value


def steps_of(project: "Project", image: int) -> list[str]:
    """Give the stale steps of one image, its files looked at as well."""
    document = project.document(image)
    found = []
    prints: dict[str, str] = {}
    folder = project.folder(image)
    for word, entry in document["products"].items():
        prints[word] = fingerprint.of_product(folder, entry)
    for step, run in document["runs"].items():
        if "fingerprint" not in run:
            continue
        try:
            values, inputs = project.used_by(image, step, prints)
        except FocusError:
            continue
        version = project.registry.step(step).version
        changed = fingerprint.of_run(step, version, values, inputs) != run["fingerprint"]
        if changed or any(prints.get(word) == "absent" for word in run.get("products", ())):
            found.append(step)
    return found
