"""What is not up to date: a value or a file changed after a step had used it."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError
from focusnb.model import fingerprint

if TYPE_CHECKING:
    from focusnb.model.project import Project


def settings_digest(values: Mapping[str, Any]) -> str:
    """Give a short digest of the inherited values that a step used."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:16]


def inherited_values(
    project: "Project", step: str, group: str, own: frozenset[str]
) -> dict[str, Any]:
    """Give the values that a step takes from group, project, user or system, not from the image."""
    values = project.values(group=group)
    found = {}
    for param in project.registry.step(step).params:
        if param.made or param.name in own:
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
        self._known: dict[tuple[str, str, tuple[str, ...]], str | None] = {}

    def steps(self, cells: Mapping[str, Any]) -> list[str]:
        """Give the stale steps of one image: its own values and the inherited ones are looked at."""
        own = tuple(cells["own"])
        found = list(cells["touched"])
        for step, used in cells["settings"].items():
            key = (step, cells["group"], own)
            if key not in self._known:
                self._known[key] = self._digest(*key)
            now = self._known[key]
            if now is not None and now != used and step not in found:
                found.append(step)
        return found

    def _digest(self, step: str, group: str, own: tuple[str, ...]) -> str | None:
        try:
            return settings_digest(inherited_values(self._project, step, group, frozenset(own)))
        except FocusError:
            return None  # a script that is gone: its results stay as they are


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
