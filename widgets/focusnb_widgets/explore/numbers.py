"""The columns of numbers that the explorer draws: all of them once, then only what changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from focusnb.model.group import TRASH
from focusnb.model.rules import LIMITS
from focusnb.model.text import seconds
from focusnb.model.units import shown_unit

TIME = "recorded"
MOST_DECIMALS = 12
FEW = 0.5  # of the images: when more of them changed, all are sent anew

Row = Mapping[str, Any]


def choices(project: Any, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Give the words that can be plotted: time, then those that images have numbers of.

    Each with label, unit and digits as people see it, the factor from its own unit to that one,
    and the good_* values that limit it, if any.
    """
    words = project.words
    limited = {word: {} for word, *_ in LIMITS}
    for word, sign, limit in LIMITS:
        limited[word]["high" if sign == ">" else "low"] = limit
    used = set().union(*(row.cells for row in rows)) if rows else set()
    found = [{"word": TIME, "label": "Time recorded", "unit": "", "factor": 1.0, "digits": 0,
              "help": words[TIME].help}]  # fmt: skip
    for word, param in words.items():
        if param.type not in ("float", "int") or param.size > 1 or param.level == "hidden":
            continue
        if word not in used and word not in limited:
            continue
        unit, factor, digits = shown_unit(param)
        found.append({
            "word": word,
            "label": param.label,
            "unit": unit,
            "factor": factor,
            "digits": 3 if digits is None else digits,
            "help": param.help,
            **limited.get(word, {}),
        })  # fmt: skip
    return found


@dataclass(frozen=True)
class Columns:
    """The numbers of some words, one per image. good: 1, 0, or -1 when nothing is known yet."""

    ids: np.ndarray
    names: list[str]
    good: np.ndarray
    words: dict[str, np.ndarray]

    @classmethod
    def of(cls, rows: Sequence[Row], words: Iterable[str], *, trash: bool) -> "Columns":
        """Take them from the rows of the library; missing numbers are NaN."""
        chosen = rows if trash else [row for row in rows if row["group"] != TRASH]
        verdict = {True: 1, False: 0, None: -1}
        return cls(
            np.array([row["id"] for row in chosen], dtype="<i4"),
            [str(row["name"]) for row in chosen],
            np.array([verdict[row["good"]] for row in chosen], dtype="i1"),
            {word: _column(chosen, word) for word in words},
        )

    def told(self, words: Iterable[str] | None = None, index: Any = None) -> list[bytes]:
        """Give the bytes of a message: numbers of images, good, then each word."""
        part = slice(None) if index is None else index
        names = self.words if words is None else words
        return [
            np.ascontiguousarray(one[part]).tobytes()
            for one in (self.ids, self.good, *(self.words[word] for word in names))
        ]

    def changed(self, before: "Columns") -> np.ndarray | None:
        """Give the places of what is new or different; None when it is simpler to tell all."""
        old = len(before.ids)
        if not np.array_equal(self.ids[:old], before.ids) or set(self.words) != set(before.words):
            return None
        same = self.good[:old] == before.good
        for word, column in self.words.items():
            a, b = column[:old], before.words[word]
            same &= (a == b) | (np.isnan(a) & np.isnan(b))
        places = np.concatenate([np.flatnonzero(~same), np.arange(old, len(self.ids))])
        return places.astype("<i4") if len(places) <= FEW * max(1, old) else None


def value_of(row: Row, word: str) -> float | None:
    """Give an image's number of a word, time in seconds since 1970; None when it has none."""
    value = seconds(row[TIME]) if word == TIME else row.cells.get(word)
    return None if isinstance(value, str | list) else value


def _column(rows: Sequence[Row], word: str) -> np.ndarray:
    found = (value_of(row, word) for row in rows)
    return np.array([np.nan if value is None else value for value in found], dtype="<f8")


def rounded(low: float, high: float, values: np.ndarray) -> tuple[float, float]:
    """Give the ends of a range, outwards, with as few decimals as choose the same of some values.

    At least as many as its width is worth.
    """
    width = abs(high - low) or abs(high) or 1.0
    least = int(np.clip(2 - np.floor(np.log10(width)), 0, MOST_DECIMALS))
    count = np.count_nonzero((values >= low) & (values <= high))
    for decimals in range(least, MOST_DECIMALS + 1):
        a, b, step = round(low, decimals), round(high, decimals), 10.0**-decimals
        a = a if a <= low else round(a - step, decimals)
        b = b if b >= high else round(b + step, decimals)
        if np.count_nonzero((values >= a) & (values <= b)) == count:
            return a, b
    return low, high


def _text(number: float) -> str:
    """Give a number as an expression has it, short where that is the same number."""
    short = f"{number:.12g}"
    return short if float(short) == number else repr(float(number))


def as_range(rows: Sequence[Row], word: str, low: float, high: float, *, below: bool) -> str:
    """Give the selection (EXPR) of a range of a word; empty when times cannot be told by one.

    low, high: in the word's own unit, times in seconds since 1970. below: without the upper end.
    """
    if word != TIME:
        if not below:
            low, high = rounded(low, high, _column(rows, word))
        return f"{word} >= {_text(low)} and {word} {'<' if below else '<='} {_text(high)}"
    times = [(seconds(row[TIME]), row[TIME]) for row in rows]
    inside = sorted(text for time, text in times if time is not None and low <= time <= high)
    if not inside:
        return ""
    first, last = inside[0], inside[-1]
    # Texts are compared as texts: that is right only where all are written alike.
    if sum(1 for _, text in times if text is not None and first <= text <= last) != len(inside):
        return ""
    return f"{TIME} >= {first!r} and {TIME} <= {last!r}"
