"""What a new file tells about itself: its header, and the mdoc beside it, against what people said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.errors import BadValue, FocusError
from focusnb.formats import mdoc as mdoc_format
from focusnb.model.values import Values
from focusnb.model.vocabulary import Vocabulary

# Relative difference above which what a file says and what people said is worth a sentence.
DIFFERENCE = 0.01
HUMAN = ("group", "project", "user")
DOSES = ("exposure_dose", "dose_per_frame")


@dataclass(slots=True)
class Facts:
    """What a file and its mdoc say. values: words of the vocabulary; origins: header or mdoc.

    shape: (frames, y, x), None when the file cannot be opened, and then `error` tells why.
    pixel_size: that of the file itself, Å. frames_told: frames of the movie that the mdoc speaks of.
    gain_name, defects_name: files it names.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    recorded: str = ""
    shape: tuple[int, int, int] | None = None
    pixel_size: float | None = None
    error: str | None = None
    frames_told: int | None = None
    gain_name: str | None = None
    defects_name: str | None = None
    is_mrc: bool = False


def gather(path: Path, name: str, mdoc: Path | None, words: Vocabulary) -> Facts:
    """Read what the file at `path` says about itself; people know it by its name."""
    facts = Facts()
    told: dict[str, Any] = {}
    try:
        with formats.open(path) as stack:
            facts.shape, facts.pixel_size = stack.shape, stack.pixel_size
            facts.is_mrc = hasattr(stack, "labels")
            told = {"pixel_size": stack.pixel_size, **stack.facts}
            facts.notes += [_named(note, path, name) for note in stack.notes]
    except (FocusError, OSError) as error:
        facts.error = _named(str(error), path, name)
    except Exception as error:  # a hostile header may cause anything; the session goes on
        facts.error = f"{name} cannot be opened: {type(error).__name__}: {error}"
    _take(facts, told, "header", words)
    if mdoc is not None:
        _read_mdoc(facts, mdoc, name, words)
    facts.recorded = facts.recorded or _file_time(path)
    return facts


def _read_mdoc(facts: Facts, mdoc: Path, movie: str, words: Vocabulary) -> None:
    """Add what an mdoc says about a movie; it knows more than the header and comes before it."""
    width = facts.shape[2] if facts.shape else None
    try:
        told = mdoc_format.facts(mdoc, movie_width=width, movie_name=movie)
    except (FocusError, OSError) as error:
        facts.notes.append(f"{mdoc.name} was of no use: {error}")
        return
    facts.notes += [f"{mdoc.name}: {note}" for note in told.pop("notes", ())]
    facts.gain_name, facts.defects_name = told.get("gain_name"), told.get("defects_name")
    frames, wanted = facts.shape and facts.shape[0], told.get("frame_count")
    facts.frames_told = wanted
    if frames and wanted and frames != wanted:
        facts.notes.append(f"{mdoc.name} speaks of {wanted} frames, the file has {frames}")
        told.pop("dose_per_frame" if frames == 1 else "exposure_dose", None)
    _take(facts, told, "mdoc", words)


def against_people(facts: Facts, values: Values, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts that become the image's own values; what people said wins, with a note.

    values: those of the group the image goes to. given: own values told for this image.
    """
    own: dict[str, Any] = {}
    frames = facts.shape[0] if facts.shape else None
    for word, fact in facts.values.items():
        said = _said(word, values, given)
        if said is None:
            rival = DOSES[1 - DOSES.index(word)] if word in DOSES else None
            other = _said(rival, values, given) if rival else None
            if other is None:
                own[word] = fact
            elif frames:
                implied = other * frames if word == "exposure_dose" else other / frames
                if _apart(fact, implied):
                    facts.notes.append(
                        f"{word}: the {facts.origins[word]} says {fact:g} e/Å²,"
                        f" {rival} = {other:g} of the {values.origin(str(rival))} is used"
                    )
        elif _apart(fact, said):
            where = "image" if word in given else values.origin(word)
            facts.notes.append(
                f"{word}: the {facts.origins[word]} says {_short(fact)},"
                f" {_short(said)} of the {where} is used"
            )
    return own


def _take(facts: Facts, told: Mapping[str, Any], origin: str, words: Vocabulary) -> None:
    for word, value in told.items():
        if word == "recorded":
            facts.recorded = str(value)
        if value is None or word not in words or words[word].made or word == "movie":
            continue
        try:
            checked = words[word].read(value, origin)
        except BadValue as error:
            facts.notes.append(f"{error}; it is left out")
            continue
        before = facts.values.get(word)
        if before is not None and word == "pixel_size" and _apart(before, checked):
            facts.notes.append(
                f"{word}: the header says {before:g} Å, the mdoc {checked:g} Å, which is used"
            )
        facts.values[word], facts.origins[word] = checked, origin


def _said(word: str, values: Values, given: Mapping[str, Any]) -> Any:
    if given.get(word) is not None:
        return given[word]
    return values[word] if values.origin(word) in HUMAN else None


def _apart(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) > DIFFERENCE * max(abs(one), abs(other))
    return bool(one != other)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value)


def _named(text: str, path: Path, name: str) -> str:
    """The sentence with the name that people know the file by."""
    return text.replace(str(path), name)


def _file_time(path: Path) -> str:
    """When the file was last changed, on this computer's clock."""
    return datetime.fromtimestamp(path.stat().st_mtime).isoformat(timespec="seconds")
