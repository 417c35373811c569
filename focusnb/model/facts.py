"""What a file tells about itself: its header, and the mdoc beside it."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.formats import mdoc
from focusnb.model.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class Facts:
    """Values by word, where each came from ("header" or "mdoc"), and what was odd."""

    values: dict[str, Any]
    origins: dict[str, str]
    shape: tuple[int, int, int]
    recorded: str
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Facts:
    """Read a movie's header and its mdoc; raises UnknownFormat or BrokenFile for a bad movie.

    An mdoc tells more than a header and is believed first. A value that its parameter does not
    allow is left out and told in the notes.
    """
    words = vocabulary()
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    notes: list[str] = []
    with formats.open(path) as stack:
        shape = stack.shape
        notes += list(getattr(stack, "notes", ()))
        header: dict[str, Any] = dict(stack.facts)
        if stack.pixel_size is not None:
            header["pixel_size"] = stack.pixel_size
    beside = mdoc.find(path)
    said: dict[str, Any] = {}
    if beside is not None:
        said = mdoc.facts(beside, movie_width=shape[2], movie_name=path.name)
        notes += [f"{beside.name}: {note}" for note in said.pop("notes", [])]
    for origin, found in (("header", header), ("mdoc", said)):
        for word, value in found.items():
            if word not in words or words[word].made or value is None:
                continue
            try:
                values[word] = words[word].read(value, f"{origin} of {path.name}")
                origins[word] = origin
            except ValueError as error:
                notes.append(f"{error}; left out")
    frames = said.get("frame_count")
    if frames is not None and frames != shape[0]:
        notes.append(f"the mdoc tells {frames} frames, the file has {shape[0]}")
    per_frame, total = values.get("dose_per_frame"), values.get("exposure_dose")
    if per_frame and total and abs(per_frame * shape[0] - total) > 0.05 * total:
        notes.append(
            f"{per_frame:g} e/Å² per frame and {total:g} e/Å² in all do not fit {shape[0]} frames;"
            " the dose of the exposure is used"
        )
        del values["dose_per_frame"], origins["dose_per_frame"]
    changed = datetime.fromtimestamp(path.stat().st_mtime).isoformat(timespec="seconds")
    recorded = str(values.pop("recorded", None) or changed)
    origins.pop("recorded", None)
    return Facts(values, origins, shape, recorded, notes)
