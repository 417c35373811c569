"""What is not up to date: a value or a file changed after a step had used it."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError
from focusnb.model import fingerprint
from focusnb.model.step import Step
from focusnb.model.values import Values

if TYPE_CHECKING:
    from focusnb.model.project import Project


def rounded(value: Any) -> Any:
    """Give a number as tables keep it, with eight digits; other values as they are."""
    return float(f"{value:.8g}") if isinstance(value, float) else value


def settings_digest(values: Mapping[str, Any]) -> str:
    """Give a short digest of the values that a step used."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:16]


def settings(step: Step, values: Values, own: Mapping[str, Any]) -> dict[str, Any]:
    """Give what people set that a step of an image uses: plain values, inherited files, its version.

    values: those of the image's group. own: the image's own values. Its own files and what other
    steps make are left out: a change of these marks the run itself.
    """
    return _with_own(_inherited(step, values), step, own)


def _inherited(step: Step, values: Values) -> dict[str, Any]:
    found: dict[str, Any] = {"version of the step": step.version}
    for param in step.params:
        if not param.made:
            inherits = values.origin(param.name) != "system"
            found[param.name] = values[param.name] if inherits else param.default
    return found


def _with_own(inherited: dict[str, Any], step: Step, own: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(inherited)
    for param in step.params:
        if param.name in own and not param.made:
            del found[param.name]
            if param.type != "path":
                found[param.name] = rounded(own[param.name])
    return found


class Checker:
    """Tells for many rows which steps are stale, looking each combination up only once."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._registry = project.registry
        self._words: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}
        self._values: dict[str, Values] = {}
        self._inherited: dict[tuple[str, str], dict[str, Any]] = {}
        self._known: dict[Any, tuple[str, ...]] = {}

    def steps(self, cells: Mapping[str, Any]) -> list[str]:
        """Give the stale steps of one image: its own values and the inherited ones are looked at."""
        used, words = cells["settings"], tuple(cells["own"])
        if not used:
            return []
        names = tuple(used)
        if (names, words) not in self._words:
            self._words[names, words] = self._that_matter(names, words)
        words = self._words[names, words]
        own = tuple([_fixed(cells.get(word)) for word in words])
        key = (names, tuple(used.values()), cells["group"], words, own)
        if key not in self._known:
            mine = dict(zip(words, own, strict=True))
            self._known[key] = tuple(
                name for name in names if self._is_stale(name, used[name], cells["group"], mine)
            )
        return [*dict.fromkeys([*cells["touched"], *self._known[key]])]

    def _that_matter(self, steps: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
        """Give those of an image's own words that one of the steps takes."""
        taken: set[str] = set()
        for name in steps:
            with suppress(FocusError):
                taken.update(self._registry.step(name).takes)
        return tuple(word for word in own if word in taken)

    def _is_stale(self, name: str, used: str, group: str, own: Mapping[str, Any]) -> bool:
        try:
            if group not in self._values:
                self._values[group] = self._project.values(group=group)
            step = self._registry.step(name)
        except FocusError:
            return False  # a script that is gone: its results stay as they are
        if (name, group) not in self._inherited:
            self._inherited[name, group] = _inherited(step, self._values[group])
        return settings_digest(_with_own(self._inherited[name, group], step, own)) != used


def _fixed(value: Any) -> Any:
    """Give a value in a form that can be a key of a dict."""
    return tuple(value) if isinstance(value, list) else value


def steps_of(project: "Project", image: int) -> list[str]:
    """Give the stale steps of one image, its files looked at as well."""
    document = project.document(image)
    found = []
    prints = fingerprint.of_own_files(project.folder(image), document)
    for step, run in document["runs"].items():
        if "fingerprint" not in run:
            continue
        try:
            values, inputs = _used_by(project, image, step, prints)
        except FocusError:
            continue
        version = project.registry.step(step).version
        changed = fingerprint.of_run(step, version, values, inputs) != run["fingerprint"]
        if changed or any(prints.get(word) == "absent" for word in run.get("products", ())):
            found.append(step)
    return found


def used_other_files(project: "Project", image: int, step: str) -> bool:
    """Tell whether a step of an image has run on other files than it would take now.

    Its values do not matter. False for a step that has not run here.
    """
    document = project.document(image)
    run = document["runs"].get(step, {})
    if "fingerprint" not in run:
        return False
    prints = fingerprint.of_own_files(project.folder(image), document)
    _, inputs = _used_by(project, image, step, prints)
    again = fingerprint.of_run(step, run["version"], run["values"], inputs)
    return bool(again != run["fingerprint"])


def _used_by(
    project: "Project", image: int, step: str, prints: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Give what a run of a step on an image would use now: values, and fingerprints of its files."""
    values = project.values(image)
    plain: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    for param in project.registry.step(step).params:
        value = values[param.name]
        if values.origin(param.name) == "system":
            value = param.default
        if param.type != "path":
            plain[param.name] = value
        elif value is not None:
            path = project.resolve(image, param.name)
            assert path is not None
            inputs[param.name] = prints.get(param.name) or fingerprint.of_file(path)
    return plain, inputs
