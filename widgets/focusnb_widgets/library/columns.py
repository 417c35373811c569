"""Columns of the library table: made from the vocabulary, plus those that every library has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from focusnb.model.param import Param
from focusnb.model.units import shown_unit

# What a row has without being a parameter: title, kind, help.
FIXED: Mapping[str, tuple[str, str, str]] = {
    "thumb": ("Picture", "thumb", "A small picture of the average."),
    "flag": ("Flag", "flag", "A colour and a letter that people give: n r g b o set it."),
    "name": ("Name", "text", "The name of the file that was recorded."),
    "group": ("Group", "text", "The group the image is in."),
    "number": ("Number", "text", "The number of the image, unique in the project."),
    "quality": (
        "Quality",
        "quality",
        "Good or not, and why not, by the project's limits; also what is stale, failed or noted.",
    ),
    "recorded": ("Recorded", "time", "When the image was recorded, in your time zone."),
    "error": ("Error", "text", "What went wrong with the image's last batch."),
    "stale": ("Stale", "text", "Steps whose values or files were changed after they had run."),
}
# What the page knows of every row, whatever columns are shown.
ALWAYS = ("group", "name", "flag", "good", "reasons", "stale", "error", "notes", "comment")
FIRST = ("flag", "thumb", "name", "group", "quality")
BY_MODE: Mapping[str, Sequence[str]] = {
    "drift": ("drift_total", "drift_range", "mean_count", "total_dose", "iciness"),
}
USUAL = (
    "defocus", "ctf_resolution", "drift_range", "iciness", "astigmatism", "mean_count", "particles",
)  # fmt: skip
LAST = ("recorded", "comment")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: number, text, yes, time, flag, quality or thumb. factor: shown = value × it.

    unit: as shown. digits: decimals shown, None for as many as needed.
    """

    word: str
    title: str
    kind: str
    help: str = ""
    unit: str = ""
    digits: int | None = None
    factor: float = 1.0
    subject: str = ""
    filled: bool = True

    def value(self, value: Any) -> Any:
        """Give a value of the project as the column shows it: a number in the shown unit, or text."""
        if value is None or self.kind == "number":
            return None if value is None else value * self.factor
        if self.kind == "yes":
            return bool(value)
        if isinstance(value, list | tuple):
            return " ".join("" if one is None else f"{one:g}" for one in value)
        return value if self.kind == "time" else str(value)

    def told(self) -> dict[str, Any]:
        """Give the column as the page wants it."""
        return asdict(self)

    @property
    def heading(self) -> str:
        """Title with the unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


def fixed(word: str) -> Column:
    """Give a column that every library has."""
    title, kind, help_text = FIXED[word]
    return Column(word, title, kind, help_text, subject="image")


def of_param(param: Param, *, filled: bool = True) -> Column:
    """Give the column of a word: title, unit and decimals come from its declaration."""
    unit, factor, digits = shown_unit(param)
    if param.size > 1:
        kind = "text"
    elif param.type in ("float", "int"):
        kind = "number"
    else:
        kind = "yes" if param.type == "bool" else "text"
    return Column(
        param.name,
        param.label,
        kind,
        param.help,
        unit,
        digits,
        factor,
        param.subject or "scripts",
        filled,
    )


def available(words: Mapping[str, Param], mode: str, used: Iterable[str]) -> dict[str, Column]:
    """Give all columns that can be shown, by word. used: words of which images have values."""
    filled = set(used)
    found = {word: fixed(word) for word in FIXED}
    for word, param in words.items():
        shown = param.level != "hidden" and (not param.modes or mode in param.modes)
        if param.type in ("path", "series") or word in found or not (shown or word in filled):
            continue
        found[word] = of_param(param, filled=word in filled)
    return found


def usual(mode: str, known: Mapping[str, Column]) -> list[str]:
    """Give the words of the columns that are shown until somebody chooses."""
    return [word for word in (*FIRST, *BY_MODE.get(mode, USUAL), *LAST) if word in known]
