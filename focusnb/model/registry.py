"""The registry: which steps there are; built-in ones, programs, plug-ins and users' scripts."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, FocusError, UnknownName
from focusnb.model.param import Param
from focusnb.model.step import Step
from focusnb.model.vocabulary import Vocabulary, vocabulary


class Registry:
    """Steps by name, and the vocabulary with the words that scripts declare.

    Nothing is imported before it is asked for. What cannot be loaded is left out and told in
    `problems`, so that one broken script stops nobody else.
    """

    def __init__(self, script_folders: Iterable[Path] = ()) -> None:
        self.script_folders = tuple(script_folders)
        self.problems: list[str] = []

    @cached_property
    def words(self) -> Vocabulary:
        """The vocabulary, with what scripts declare."""
        _ = self.scripts
        return self._words

    @cached_property
    def scripts(self) -> Mapping[str, Step]:
        """The steps that users dropped into their scripts folders."""
        self._words = vocabulary()
        found: dict[str, Step] = {}
        paths = [p for folder in self.script_folders for p in sorted(folder.glob("*"))]
        readers = (
            [point.load() for point in entry_points(group="focusnb.step_files")] if paths else []
        )
        left = [path for path in paths if path.is_file() and not path.name.startswith(".")]
        problems: dict[Path, str] = {}
        # A script may use words that a later one declares: once more as long as any is understood.
        while True:
            before = len(left)
            problems.clear()
            for path in list(left):
                try:
                    self._add_script(path, readers, found)
                    left.remove(path)
                except (FocusError, OSError) as error:
                    problems[path] = str(error)
            if not left or len(left) == before:
                break
        self.problems += problems.values()
        return found

    def _add_script(self, path: Path, readers: list[Any], found: dict[str, Step]) -> None:
        for read in readers:
            step, words = read(path, self._words)
            if step is None:
                continue
            if step.name in found or step.name in self._points:
                raise BadStep(f"{path}: a step is called {step.name!r} already; rename the file")
            found[step.name], self._words = step, words

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """All steps by name."""
        found: dict[str, Step] = {}
        for name, point in self._points.items():
            try:
                found[name] = load_step(point)
            except Exception as error:
                self.problems.append(f"step {name} ({point.value}) cannot be loaded: {error}")
        return {**found, **self.scripts}

    def step(self, name: str) -> Step:
        """Give one step; raises UnknownName."""
        if name in self.scripts:
            return self.scripts[name]
        if name in self._points:
            try:
                return load_step(self._points[name])
            except Exception as error:  # whatever another package's module does when it is imported
                raise BadStep(f"step {name} cannot be loaded: {error}") from error
        near = get_close_matches(name, [*self._points, *self.scripts], 1)
        raise UnknownName(
            f"no step is called {name!r}"
            + (f"; meant {near[0]!r}?" if near else "; `focusnb steps` lists all")
        )

    def is_built_in(self, name: str) -> bool:
        """Tell whether a step comes with focusnb and is no external program."""
        step = self.step(name)
        return name in self._points and "program" not in step.requires.values()

    def makers(self, word: str) -> list[Step]:
        """Give the steps that make a word."""
        return [step for step in self.steps.values() if word in step.makes]

    def params(self, names: Iterable[str]) -> dict[str, Param]:
        """Give the parameters of some steps, with the defaults these steps set."""
        return {p.name: p for name in names for p in self.step(name).params}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group="focusnb.steps")}


@lru_cache(maxsize=None)
def load_step(point: EntryPoint) -> Step:
    """Import the step that an entry point names."""
    loaded: Any = point.load()
    if not isinstance(loaded, Step):
        raise BadStep(f"entry point {point.name} = {point.value} is no Step")
    return loaded
