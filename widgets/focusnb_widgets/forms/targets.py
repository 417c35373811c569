"""Where the values of a form live: in a project, a group, images, one's own parameters, or nowhere."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject, BadValue
from focusnb.model.param import Param
from focusnb.model.text import counted
from focusnb.session import Project
from focusnb_widgets.desk import numbers
from focusnb_widgets.forms.fields import LEVELS, State

WHOLE = "one value for the whole project"
MOST_ASKED = 500  # images of one question to the database


class Target:
    """One level of values, and those below it; the base of all, which writes nothing.

    writes: values can be kept here, so they can be reset and locked as well. labels: how levels
    are called on the page. base: where relative paths may lie. blank: what is not set here has no
    value at all, and inherits none.
    """

    writes = False
    blank = False

    def __init__(self, title: str, look: Callable[[], Sequence[tuple[str, Mapping[str, Any]]]]):
        self.title, self._look = title, look
        self.labels: dict[str, str] = dict(LEVELS)
        self.base: Sequence[Path] = (Path.cwd(),)
        self._levels: Sequence[tuple[str, Mapping[str, Any]]] = ()
        self._locked: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Read what is kept; raises BadProject for a file that cannot be read."""
        self._levels = self._look()

    def state(self, param: Param) -> State:
        """Give what a word is here."""
        level, values = self._levels[0] if self.writes else ("", {})
        own = values.get(param.name)
        below, origin = inherited(param, self._levels[1:] if self.writes else self._levels)
        state = State(below, origin, below=below, below_origin=origin)
        if own is not None:
            state = State(own, level, own=True, below=below, below_origin=origin)
        return self._finished(param, state)

    def write(self, values: Mapping[str, Any]) -> None:
        """Keep values; None removes one."""
        raise BadValue(f"{self.title}: nothing is kept here")

    def lock(self, words: Sequence[str], on: bool) -> None:
        """Lock words at this level, or unlock them."""
        raise BadValue(f"{self.title}: nothing can be locked here")

    def line(self, values: Mapping[str, Any]) -> str:
        """Give what `write` does as Python."""
        return ""

    def lock_line(self, words: Sequence[str], on: bool) -> str:
        """Give what `lock` does as Python."""
        return f"project.{'lock' if on else 'unlock'}({', '.join(map(repr, words))}{self._whose()})"

    def _whose(self) -> str:
        return ""

    def _finished(self, param: Param, state: State) -> State:
        return _with(state, locked=param.name in self._locked)


class OfProject(Target):
    """The project's own values, in project.toml."""

    writes = True

    def __init__(self, project: Project) -> None:
        self.project = project
        super().__init__(f"project {project.name}", lambda: [])
        self.base = (project.root,)

    def refresh(self) -> None:
        """Read project.toml and the user's file, if they have changed."""
        settings = self.project.settings
        if not settings.path.is_file():
            raise BadProject(
                f"{settings.path} is not there: the project was moved or removed; put it back"
            )
        self._levels = [("project", settings.values), ("user", self.project.user.values)]
        self._locked = settings.locked

    def write(self, values: Mapping[str, Any]) -> None:
        """Set them in project.toml."""
        self.project.set(**values)

    def lock(self, words: Sequence[str], on: bool) -> None:
        """Lock them in project.toml."""
        self.project.lock(*words, on=on)

    def line(self, values: Mapping[str, Any]) -> str:
        """Give the call of `project.set`."""
        return f"project.set({arguments(values)})"


class OfGroup(OfProject):
    """A group's values, in its group.toml."""

    def __init__(self, project: Project, group: str) -> None:
        super().__init__(project)
        self.group, self.title = group, f"group {group}"
        self.labels["group"] = f"group {group}"

    def refresh(self) -> None:
        """Read group.toml, project.toml and the user's file."""
        super().refresh()
        settings = self.project.group_settings(self.group)
        self._levels = [("group", settings.values), *self._levels]
        self._locked = settings.locked

    def write(self, values: Mapping[str, Any]) -> None:
        """Set them in group.toml."""
        self.project.set(group=self.group, **values)

    def lock(self, words: Sequence[str], on: bool) -> None:
        """Lock them in group.toml."""
        self.project.lock(*words, group=self.group, on=on)

    def line(self, values: Mapping[str, Any]) -> str:
        """Give the call of `project.set`."""
        return f"project.set(group={self.group!r}, {arguments(values)})"

    def _whose(self) -> str:
        return f", group={self.group!r}"

    def _finished(self, param: Param, state: State) -> State:
        return super()._finished(param, _whole(param, state))


class OfUser(OfProject):
    """One's own values for all projects, in parameters.toml."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.title = "your own values for all projects"

    def refresh(self) -> None:
        """Read the user's file."""
        self._levels = [("user", self.project.user.values)]
        self._locked = self.project.user.locked

    def write(self, values: Mapping[str, Any]) -> None:
        """Set them in parameters.toml; files get whole paths."""
        self.project.user.set(self._whole_paths(values))

    def lock(self, words: Sequence[str], on: bool) -> None:
        """Lock them in parameters.toml."""
        self.project.user.lock(words, on)

    def line(self, values: Mapping[str, Any]) -> str:
        """Give the call that sets them."""
        return f"project.user.set({self._whole_paths(values)!r})"

    def lock_line(self, words: Sequence[str], on: bool) -> str:
        """Give the call that locks them."""
        return f"project.user.lock({list(words)!r}{'' if on else ', False'})"

    def _whole_paths(self, values: Mapping[str, Any]) -> dict[str, Any]:
        words = self.project.words
        return {
            word: str(Path(value).expanduser().absolute())
            if value is not None and words[word].type == "path"
            else value
            for word, value in values.items()
        }


class OfImages(OfProject):
    """The own values of images. told: gives their numbers as Python."""

    def __init__(
        self,
        project: Project,
        images: Sequence[int],
        told: Callable[[Sequence[int]], str] = numbers,
    ) -> None:
        super().__init__(project)
        self.images, self._told = list(images), told
        self.title = project.key(self.images[0]) if len(self.images) == 1 else ""
        self.title = self.title or counted(len(self.images), "image")
        self._own: dict[int, Mapping[str, Any]] = {}
        self._groups: dict[int, str] = {}
        self._below: dict[str, Sequence[tuple[str, Mapping[str, Any]]]] = {}
        self._set: dict[str, list[int]] = {}
        self._origins: dict[str, str] = {}  # of a single image: header or mdoc, by word

    def refresh(self) -> None:
        """Read what images, groups and project say; images that are gone are left out."""
        super().refresh()
        project, common = self.project, self._levels
        self._own, self._groups, self._set = {}, {}, {}
        locks: dict[int, set[str]] = {}
        for number, group, values, locked, origins in self._rows():
            self._own[number], self._groups[number] = json.loads(values), group
            locks[number] = set(json.loads(locked))
            self._origins = json.loads(origins or "{}")
            for word, value in self._own[number].items():
                if value is not None:
                    self._set.setdefault(word, []).append(number)
        if not self._own:
            raise BadValue(f"{self.title}: not in the project any more; choose another one")
        self._below = {
            group: [("group", project.group_settings(group).values), *common]
            for group in set(self._groups.values())
        }
        self._locked = frozenset(set.intersection(*locks.values()))
        if len(self._own) == 1:
            group = next(iter(self._below))
            self.labels["group"] = f"group {group}"
            folder = project.folder(next(iter(self._own)))
            self.base = (folder, project.root)

    def state(self, param: Param) -> State:
        """Give what a word is for these images."""
        having, rest = self._set.get(param.name, []), set(self._below)
        if having:  # which groups the others are in, or these if there are no others
            others = self._own.keys() - having or having
            rest = {self._groups[number] for number in others}
        below = {group: inherited(param, self._below[group]) for group in rest}
        first = next(iter(below.values()))
        found = [(self._own[number][param.name], "image") for number in having]
        if len(having) < len(self._own):
            found += below.values()
        several = any(one != found[0] for one in found)
        origin = found[0][1] if len({o for _, o in found}) == 1 else "several"
        state = State(
            None if several else found[0][0], origin, own=bool(having),
            below=first[0], below_origin=first[1], several=several,
            via=self._origins.get(param.name, "") if having and len(self._own) == 1 else "",
        )  # fmt: skip
        return self._finished(param, _whole(param, state))

    def write(self, values: Mapping[str, Any]) -> None:
        """Set them for these images."""
        self.project.set(list(self._own), **values)

    def lock(self, words: Sequence[str], on: bool) -> None:
        """Lock them for these images."""
        self.project.lock(*words, images=list(self._own), on=on)

    def line(self, values: Mapping[str, Any]) -> str:
        """Give the call of `project.set`."""
        return f"project.set({self._told(self.images)}, {arguments(values)})"

    def _whose(self) -> str:
        return f", images={self._told(self.images)}"

    def _rows(self) -> list[Any]:
        found: list[Any] = []
        for i in range(0, len(self.images), MOST_ASKED):
            part = self.images[i : i + MOST_ASKED]
            found += self.project.store.rows(
                "select id, place, json_extract(document, '$.values'),"
                " json_extract(document, '$.locked'), json_extract(document, '$.origins') from image"
                f" where id in ({', '.join('?' * len(part))})",
                part,
            )
        return found

    def _finished(self, param: Param, state: State) -> State:
        return _with(state, locked=param.name in self._locked)


class Collected(Target):
    """Values that are kept nowhere: for a batch, a trial, a preset. of: where defaults come from."""

    def __init__(self, of: Target, title: str = "") -> None:
        super().__init__(title or of.title, lambda: [])
        self._of = of
        self.labels = of.labels

    def refresh(self) -> None:
        """Read what the values are at the place they would change."""
        self._of.refresh()
        self.base, self.labels = self._of.base, self._of.labels

    def state(self, param: Param) -> State:
        """Give what a word is without what is collected: none of it is one's own here."""
        found = self._of.state(param)
        return State(
            found.value, found.origin, below=found.value, below_origin=found.origin,
            several=found.several,
        )  # fmt: skip


class Blank(Target):
    """Values that belong together and inherit nothing: a preset."""

    blank = True

    def __init__(self, title: str) -> None:
        super().__init__(title, lambda: [])
        self.labels = {**self.labels, "system": ""}

    def state(self, param: Param) -> State:
        """Give that a word has no value here."""
        return State(None, "system", below=param.default)


def inherited(param: Param, levels: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Any, str]:
    """Give a word's value and the level that gives it."""
    for level, values in levels:
        if values.get(param.name) is not None:
            return values[param.name], level
    return param.default, "system"


def arguments(values: Mapping[str, Any]) -> str:
    """Give values as arguments of a call."""
    return ", ".join(f"{word}={value!r}" for word, value in values.items())


def _whole(param: Param, state: State) -> State:
    """Say that a word has one value for the whole project, where it cannot be changed."""
    return _with(state, fixed=WHOLE) if param.scope == "project" and not state.own else state


def _with(state: State, **more: Any) -> State:
    return replace(state, **more)
