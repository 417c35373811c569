"""An image: one recorded exposure with everything made from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import MissingProduct, UnknownName
from focusnb.model import shown, stale
from focusnb.model.values import Values

if TYPE_CHECKING:
    from focusnb.model.project import Project


@dataclass(frozen=True, slots=True)
class Image:
    """One row of the library; reads the project's database each time it is asked."""

    project: "Project"
    id: int

    @property
    def document(self) -> Mapping[str, Any]:
        """All that is known of the image, as in image.json."""
        return self.project.document(self.id)

    @property
    def group(self) -> str:
        """The group the image is in."""
        return str(self.document["group"])

    @property
    def name(self) -> str:
        """The name of its file."""
        return str(self.document["name"])

    @property
    def number(self) -> str:
        """Ten digits, unique in the project."""
        return f"{self.id:010d}"

    @property
    def key(self) -> str:
        """GROUP/NUMBER, which finds it in its project."""
        return f"{self.group}/{self.number}"

    @property
    def flag(self) -> str:
        """none, red, green, blue or gold."""
        return str(self.document["flag"])

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.project.folder(self.id)

    @property
    def values(self) -> Values:
        """The values of all parameters for this image, with their origin."""
        return self.project.values(self.id)

    @property
    def results(self) -> dict[str, Any]:
        """What the steps found out; files with their whole path."""
        return {word: self[word] for word in self.document["results"]}

    @property
    def error(self) -> str | None:
        """The sentence of the step that failed, if one did."""
        found = self.document["error"]
        return None if found is None else str(found["message"])

    @property
    def stale(self) -> list[str]:
        """The steps whose results are not up to date, because a value or a file changed since."""
        return stale.steps_of(self.project, self.id)

    def __getitem__(self, word: str) -> Any:
        """Give a value or result; products and other files as whole paths."""
        value = self.values[word]
        if value is not None and self.project.words[word].type == "path":
            return str(self.project.resolve(self.id, word))
        return value

    def get(self, word: str, default: Any = None) -> Any:
        """Give a value or result, or the default when it is not available."""
        value = self[word]
        return default if value is None else value

    def read(self, word: str) -> Any:
        """Read a product: pictures as arrays (row 0 at the bottom), picks as a table x, y, score.

        Motion and CTF come as the records of `focusnb.formats.motion_star` and `ctf_star`.
        """
        path = self[word]
        if path is None or not Path(path).is_file():
            raise MissingProduct(f"{self.key} has no {word} yet; process it first")
        from focusnb.model.job import read_product

        return read_product(Path(path))

    def trial(self, name: str = "trial") -> dict[str, Any]:
        """Give the results of a trial (`Project.try_out`) by word."""
        path = self.folder / "trials" / name / "results.json"
        if not path.is_file():
            there = sorted(p.parent.name for p in path.parent.parent.glob("*/results.json"))
            raise UnknownName(
                f"{self.key} has no trial {name!r}; there are: {', '.join(there) or 'none'}"
            )
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def log(self, step: str) -> str:
        """Give the log of the last run of a step."""
        path = self.folder / "logs" / f"{step}.log"
        if not path.is_file():
            logs = sorted(p.stem for p in (self.folder / "logs").glob("*.log"))
            raise UnknownName(
                f"{self.key} has no log of {step!r}; there are: {', '.join(logs) or 'none'}"
            )
        return path.read_text(encoding="utf-8")

    def _repr_html_(self) -> str:
        """Show its previews and what was measured, in a notebook."""
        return shown.image_html(self)

    def __repr__(self) -> str:
        try:
            return f"<image {self.key} {self.name!r}>"
        except UnknownName:  # somebody has removed it
            return f"<image {self.number}, which is no longer in {self.project.name!r}>"
