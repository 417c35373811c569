"""A job: what a step gets when it runs, and the only way it touches the disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.errors import MissingProduct
from focusnb.model.movie import Movie
from focusnb.model.vocabulary import Vocabulary, vocabulary


def read_product(path: Path) -> Any:
    """Read a product: picks as a table of points; motion, CTF and recipes as their records.

    Other STAR files are tables by name (a single one is given as it is), and all else is a picture.
    """
    if path.name == "prepared.json":
        return Movie.load(path)
    if path.suffix != ".star":
        return formats.read(path)
    from focusnb.formats import coordinates, ctf_star, motion_star, star  # these bring pandas

    readers: dict[str, Callable[[Path], Any]] = {
        "picks.star": coordinates.read,
        "ctf.star": ctf_star.read,
        "shifts.star": motion_star.read,
    }
    if path.name in readers:
        return readers[path.name](path)
    found = star.read(path)
    return next(iter(found.values())) if len(found) == 1 else found


def _silent(fraction: float, text: str = "") -> None:
    """Report to nobody."""


@dataclass(slots=True)
class Job:
    """One run of a workflow on one image, as its steps see it.

    folder: the try's own folder, the only place a step writes to. home: the image's folder, where
    finished products lie. values: checked values of the step that runs, paths absolute.
    report(fraction, text) moves the progress bar and raises Cancelled. threads: how many may be used.
    """

    folder: Path
    home: Path
    image: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    report: Callable[..., None] = _silent
    words: Vocabulary = field(default_factory=vocabulary)
    lines: list[str] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Path] = field(default_factory=dict)
    time_limit: float = 3600.0

    def log(self, text: str) -> None:
        """Add a line to the step's log."""
        self.lines.append(text)

    def path(self, word: str) -> Path:
        """Give the place in the try's folder where the product of this word is written."""
        file = self.words[word].file
        if file is None:
            raise MissingProduct(f"{word} is no product: the vocabulary gives it no file name")
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, word: str, content: Any, **how: Any) -> str:
        """Write a product and hand it on in memory; give the file's name in the image's folder."""
        path = self.path(word)
        if isinstance(content, Movie):
            content.save(path)
        else:
            formats.write(path, content, **how)
        self.memory[word] = content
        return self.keep(word)

    def keep(self, word: str) -> str:
        """Tell that the product of this word has been written to its place; give its file name."""
        path = self.path(word)
        if not path.is_file():
            raise MissingProduct(f"{word}: {path.name} was not written")
        self.made[word] = path
        file = self.words[word].file
        assert file is not None
        return file

    def read(self, word: str) -> Any:
        """Give the content of a product: from memory if this batch made it, else from its file."""
        if word not in self.memory:
            value = self.values.get(word)
            path = self.made.get(word) or (Path(value) if value else None)
            if path is None or not path.is_file():
                raise MissingProduct(f"{word} is needed, but no step has made it yet")
            self.memory[word] = read_product(path)
        return self.memory[word]
