"""Values: what each parameter is for one image, and where that value comes from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from focusnb.model.vocabulary import Vocabulary

LEVELS = ("image", "group", "project", "user", "system")


class Values(Mapping[str, Any]):
    """The values of all words, looked up image → group → project → user → system.

    Each level is a mapping that holds only what was set there; the system level is the
    vocabulary's defaults. A word without any value is None.
    """

    def __init__(self, words: Vocabulary, levels: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self._words = words
        self._levels = tuple(levels)

    def __getitem__(self, word: str) -> Any:
        for _, values in self._levels:
            if values.get(word) is not None:
                return values[word]
        return self._words[word].default

    def origin(self, word: str) -> str:
        """Tell which level gives the word's value: image, group, project, user or system."""
        for level, values in self._levels:
            if values.get(word) is not None:
                return level
        _ = self._words[word]
        return "system"

    def set_at(self, level: str) -> Mapping[str, Any]:
        """Give what was set at one level."""
        return dict(next((values for name, values in self._levels if name == level), {}))

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._words
