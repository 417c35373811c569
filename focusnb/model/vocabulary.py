"""The vocabulary: every word the program knows, declared once in parameters/*.toml."""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, UnknownName
from focusnb.model.param import Param, declare

FOLDER = Path(__file__).with_name("parameters")


class Vocabulary(Mapping[str, Param]):
    """Words and what they mean; a mapping from name to Param that names the nearest word."""

    def __init__(self, words: Mapping[str, Param]) -> None:
        self._words = dict(words)

    def __getitem__(self, name: str) -> Param:
        try:
            return self._words[name]
        except KeyError:
            near = get_close_matches(name, self._words, 1)
            hint = f"; meant {near[0]!r}?" if near else "; `focusnb parameters` lists all"
            raise UnknownName(f"no parameter is called {name!r}{hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._words

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def read(self, values: Mapping[str, object], origin: str = "") -> dict[str, Any]:
        """Check values by their words; raises UnknownName or BadValue."""
        return {word: self[word].read(value, origin) for word, value in values.items()}

    def extended(self, declared: Mapping[str, Mapping[str, Any]], *, source: str) -> "Vocabulary":
        """Give a vocabulary with the words that a user's script declares as well.

        A word that exists keeps its meaning; a declaration with another type or unit is an error.
        """
        words = dict(self._words)
        for name, table in declared.items():
            new = declare(name, table, subject="scripts", source=source)
            old = words.get(name)
            if old is None:
                words[name] = new
                continue
            for key in ("type", "unit"):
                if key in table and getattr(new, key) != getattr(old, key):
                    raise BadStep(
                        f"{source}: {name} is declared with {key} {getattr(new, key)!r}, but the"
                        f" vocabulary says {getattr(old, key)!r}; leave it out or choose another name"
                    )
        return Vocabulary(words)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Give the words that the program brings along."""
    words: dict[str, Param] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8"))["param"].items():
            if name in words:
                raise BadStep(
                    f"{path.name}: {name} is already declared in {words[name].subject}.toml"
                )
            words[name] = declare(name, table, subject=path.stem, source=path.name)
    return Vocabulary(words)
