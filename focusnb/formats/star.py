r"""STAR files, the tables of RELION: read through `starfile`, written so that RELION reads them.

RELION 3.1 splits a line at blanks and tabs and takes off ' or " around a value; a quote inside ends
the value only before a blank. Runs of blanks become one, even between quotes. It writes a bell (\a)
before a quote inside a value, which it cannot read itself: we read that, but do not write it.
`starfile` takes ' for ", a # inside a name for a remark, data_x for a block and 0001 for a number;
therefore such words are put aside before it reads and put back afterwards.
"""

import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats.stack import replacing

if TYPE_CHECKING:
    import pandas as pd

Block: TypeAlias = "pd.DataFrame | dict[str, Any]"

VERSION = 30001  # RELION 3.1 and later: tables with optics groups
TEXT_LABEL = re.compile(  # labels whose values are texts even if they look like numbers
    r"(Name|NameNoDW|NameEven|NameOdd|File|Image|Metadata|PowerSpectrum|Coordinates|StarFile)$"
)
WORD = re.compile(
    r"""(?P<quote>["'])(?P<text>.*?)(?<!\a)(?P=quote)(?=[ \t]|$)  # quoted, ends before a blank
    |(?P<plain>[^ \t]+)""",
    re.VERBOSE,
)
RISKY = re.compile(r"""["'#\\]|[^\x20-\x7e]|(^|[ \t])(data|loop)_""")
NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$|[+-]?(nan|inf|infinity)$|<NA>$", re.I
)
UNHOLDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|  ")
LABEL = re.compile(r"\w[\w.\-/()]*$")


def read(path: str | Path) -> dict[str, Block]:
    """All blocks by name (without `data_`): a loop is a DataFrame, a list a dict.

    Labels have no underscore before them. Quoted values are texts, others numbers where the whole
    column is. Raises BrokenFile for what is no STAR file or has lines of wrong length.
    """
    import starfile

    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path}: no text in UTF-8, so no STAR file") from error
    aside = _Aside(secrets.token_hex(4))
    lines, texts = _plain_lines(path, text, aside)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "plain.star")
        copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            blocks = starfile.read(copy, always_dict=True, parse_as_string=texts)
        except Exception as error:  # starfile meets a broken file with whatever it causes
            raise BrokenFile(f"{path}: not a STAR file that can be read: {error}") from error
    return {name: aside.back(block) for name, block in blocks.items()}


class _Aside:
    """Words that `starfile` would spoil, kept while it reads."""

    def __init__(self, token: str) -> None:
        self.mark = f"aside{token}n"
        self.words: list[str] = []

    def put(self, word: str) -> str:
        self.words.append(word)
        return f"{self.mark}{len(self.words) - 1}"

    def back(self, block: Block) -> Block:
        if isinstance(block, dict):
            return {label: self._word(value) for label, value in block.items()}
        for label in block.columns:
            column = block[label]
            if self.words and column.dtype.kind not in "fiu":
                block[label] = column.map(self._word)
        return block

    def _word(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(self.mark):
            return self.words[int(value[len(self.mark) :])]
        return value


def _plain_lines(path: Path, text: str, aside: _Aside) -> tuple[list[str], list[str]]:
    """The lines with risky words put aside, every row of its loop's length; and the text labels."""
    lines: list[str] = []
    texts: list[str] = []
    labels = 0  # of the loop that we are in
    header = found = False
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = raw.strip(" \t\0")
        first = line.split(None, 1)[0] if line else ""
        if not line or first.startswith("#"):
            lines.append("")
        elif re.fullmatch(r"data_\S*", line):
            found, header, labels = True, False, 0
            lines.append(line)
        elif not found:
            raise BrokenFile(
                f"{path}: line {number} is {line[:40]!r}; a STAR file begins with data_"
            )
        elif line == "loop_":
            header, labels = True, 0
            lines.append(line)
        elif first.startswith("_") and (header or not labels):
            if TEXT_LABEL.search(first):
                texts.append(first[1:])
            if header:
                labels += 1
                lines.append(f"{first} #{labels}")
            else:
                rest = line[len(first) :].strip()
                value = _words(path, number, rest, 1, aside) if rest else aside.put("")
                lines.append(f"{first} {value}")
        else:
            header = False
            lines.append(_words(path, number, line, labels, aside))
    if not found:
        raise BrokenFile(f"{path}: no line begins with data_, so it is no STAR file")
    return lines, texts


def _words(path: Path, number: int, line: str, expected: int, aside: _Aside) -> str:
    """The words of a line between single blanks; as many as expected."""
    if RISKY.search(line):
        words = []
        for match in WORD.finditer(line):
            plain = match["plain"]
            if plain is None:
                words.append(aside.put(match["text"].replace("\a", "")))
            elif plain.startswith("#"):
                break  # the rest is a remark
            else:
                words.append(aside.put(plain) if RISKY.search(plain) else plain)
    else:
        words = line.split()
    if len(words) != expected:
        raise BrokenFile(
            f"{path}: line {number} has {len(words)} values where {expected} belong; "
            "it is cut short or a name with blanks has no quotes"
        )
    return " ".join(words)


class Loop(dict[str, Iterable[Any]]):
    """A table to be written, its columns by label: what a DataFrame is, without loading pandas."""


def write(
    path: str | Path, blocks: Mapping[str, "pd.DataFrame | Loop | Mapping[str, Any]"]
) -> Path:
    """Write blocks by name, in one stroke: a DataFrame or `Loop` as a loop, a mapping as a list.

    Texts are quoted where they must be. Raises BadValue for one that RELION could not read again
    (a line break, a control character, two blanks in a row): `tame` makes it holdable.
    """
    path = Path(path)
    parts = [line for name, block in blocks.items() for line in _block(path, name, block)]
    with replacing(path) as draft:
        draft.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path


def _block(
    path: Path, name: str, block: "pd.DataFrame | Loop | Mapping[str, Any]"
) -> Iterator[str]:
    if name and not LABEL.match(name):
        raise BadValue(f"{path.name}: a block cannot be called {name!r}; use letters and digits")
    labels: Sequence[str] = list(block.keys())
    for label in labels:
        if not isinstance(label, str) or not LABEL.match(label):
            raise BadValue(f"{path.name}: a label cannot be {label!r}; use letters and digits")
    yield from ("", f"# version {VERSION}", "", f"data_{name}", "")
    if isinstance(block, Mapping) and not isinstance(block, Loop):
        wide = max((len(label) for label in labels), default=0) + 4
        for label in labels:
            yield f"_{label:<{wide}} {_text(path, label, block[label])}"
    else:
        yield "loop_ "
        yield from (f"_{label} #{number} " for number, label in enumerate(labels, 1))
        columns = [[_text(path, label, value) for value in block[label]] for label in labels]
        widths = [max(map(len, column), default=0) for column in columns]
        for row in zip(*columns, strict=True):
            yield " ".join(word.rjust(wide) for word, wide in zip(row, widths, strict=True)) + " "
    yield " "


def _text(path: Path, label: str, value: Any) -> str:
    """One value as it stands in the file."""
    if isinstance(value, (str, Path)):
        try:
            return quote(str(value))
        except BadValue as error:
            raise BadValue(f"{path.name}: {label}: {error}") from error
    if value is None or value != value or str(value) == "<NA>":
        return "nan"
    return str(int(value)) if isinstance(value, bool) or str(value) in BOOLS else str(value)


BOOLS = ("True", "False")  # numpy's too


def quote(text: str) -> str:
    """The text as one STAR value, in quotes where it needs them; BadValue if nothing helps."""
    if UNHOLDABLE.search(text):
        raise BadValue(
            f"{text!r} holds a line break, a control character or two blanks in a row, "
            "which no STAR file keeps; rename it"
        )
    risky = (
        not text
        or any(sign.isspace() for sign in text)  # blanks of all alphabets part words
        or text[0] in "\"'#_;"
        or text.startswith(("data_", "loop_"))
        or NUMBER.match(text)
    )
    if not risky:
        return text
    for mark in "\"'":
        if f"{mark} " not in text:
            return f"{mark}{text}{mark}"
    raise BadValue(f"{text!r} holds both kinds of quotes before blanks; rename it")


def tame(text: str) -> str:
    """The text, with what no STAR file can keep made into underlines."""
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "_", text)
    text = re.sub(r" {2,}", lambda run: " " + "_" * (len(run[0]) - 1), text)
    return text.replace('" ', "' ") if '" ' in text and "' " in text else text
