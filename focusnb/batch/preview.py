"""Before an import: which files it would take, and what the first of them tells about itself."""

import glob
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.batch import facts, intake, placing, references
from focusnb.batch.watch import Watcher
from focusnb.errors import BadValue, FocusError
from focusnb.formats import mdoc as mdoc_format
from focusnb.model.group import check_group
from focusnb.model.project import Project

OPENED = 40  # files that are opened at most, and the seconds that this may take
SECONDS = 2.0
# Words without which nothing can be measured: shown even when no file tells them.
NEEDED = ("pixel_size", "voltage", "spherical_aberration", "exposure_dose", "dose_per_frame")


@dataclass(frozen=True, slots=True)
class Taken:
    """A value as an image would have it. origin: who said so. rival: what its file says instead."""

    word: str
    value: Any
    origin: str
    rival: Any = None


@dataclass(slots=True)
class Preview:
    """What an import would do.

    new: files that would come in. known: those whose path came in before. growing: those that are
    still being written. refused: those that no reader understands, with the reason; only `opened`
    files were looked into. first: the one that `values` are of. notes: sentences about it.
    """

    new: list[Path] = field(default_factory=list)
    known: list[Path] = field(default_factory=list)
    growing: list[Path] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)
    opened: int = 0
    first: Path | None = None
    group: str = ""
    shape: tuple[int, int, int] | None = None
    recorded: str = ""
    values: list[Taken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def preview(
    project: Project,
    files: str | Path | Iterable[str | Path],
    *,
    group: str | None = None,
    gain: str | Path | None = None,
    defects: str | Path | None = None,
    **options: Any,
) -> Preview:
    """Tell what importing these files would do; nothing is changed.

    files: as for `chosen`. gain, defects: files that are looked at too. options: words of a watch
    (`watch.WORDS`) that come before the project's values. Raises BadValue for what cannot be.
    """
    found = Preview()
    for word, file in (("gain", gain), ("defects", defects)):
        if file is not None:
            references.check(Path(file), word)
    words = {**project.values(), **project.words.read(options, "the import")}
    part = intake.part_of(words)
    if group is not None:
        check_group(group)
    for path, state in chosen(project, files, **options).items():
        known = state == "known" or _is_known(project, path)
        target = found.growing if state == "growing" else found.new
        (found.known if known else target).append(path)
    _open(found)
    if found.first is not None:
        name = placing.file_name(found.first.name)
        found.group = group or intake.group_of(name, part, str(words["default_group"]))
        _tell(project, found, found.first)
    return found


def chosen(
    project: Project, files: str | Path | Iterable[str | Path], **options: Any
) -> dict[Path, str]:
    """Give the files that are meant, each with new, known or growing.

    files: paths, patterns (*.tif) and folders; of a folder those are meant that a watch would
    import. Raises BadValue for what is not there.
    """
    told: dict[Path, str] = {}
    for one in [files] if isinstance(files, str | Path) else files:
        path = Path(os.path.abspath(Path(one).expanduser()))  # noqa: PTH100 - links stay links
        if path.is_dir():
            try:
                told |= Watcher(project, {"folder": str(path), **options}).look()
            except OSError as error:
                raise BadValue(f"{path} cannot be read ({error.strerror})") from None
        elif os.path.lexists(path):
            told[path] = "new"
        elif glob.has_magic(str(path)):
            names = sorted(n for n in glob.glob(str(path)) if Path(n).is_file())  # noqa: PTH207
            if not names:
                raise BadValue(f"{path}: no file has such a name")
            told |= {Path(name): "new" for name in names}
        else:
            raise BadValue(f"{path}: there is no such file")
    return told


def _is_known(project: Project, path: Path) -> bool:
    rows = project.store.rows(
        "select 1 from original where role in ('movie', 'aligned', 'average') and path = ?",
        (placing.text(str(path)),),
    )
    return bool(rows)


def _open(found: Preview) -> None:
    until = time.monotonic() + SECONDS
    for path in found.new[:OPENED]:
        if time.monotonic() > until:
            break
        found.opened += 1
        if reason := _refusal(path):
            found.refused.append((path, reason))
        else:
            found.first = found.first or path
    bad = {path for path, _ in found.refused}
    found.new = [path for path in found.new if path not in bad]
    if found.first is None:  # what is still being written may tell something already
        found.first = next((p for p in found.growing[:OPENED] if not _refusal(p)), None)


def _refusal(path: Path) -> str:
    """Tell why a file cannot be opened; empty if it can."""
    try:
        formats.open(path).close()
    except (FocusError, OSError) as error:
        return str(error).removeprefix(f"{path}: ") or type(error).__name__
    except Exception as error:  # a hostile header may cause anything
        return f"{type(error).__name__}: {error}"
    return ""


def _tell(project: Project, found: Preview, path: Path) -> None:
    """Read the first file as the import would, against what people have said."""
    told = facts.gather(path, path.name, mdoc_format.find(path), project.words)
    found.shape, found.recorded = told.shape, told.recorded
    values = project.values(group=found.group)
    own: Mapping[str, Any] = facts.against_people(told, values, {})
    found.notes = [*([told.error] if told.error else []), *told.notes]
    for word in dict.fromkeys((*NEEDED, *told.values)):
        if word in own:
            found.values.append(Taken(word, own[word], told.origins[word]))
        elif values[word] is not None:
            rival = told.values.get(word)
            same = rival is None or rival == values[word]
            found.values.append(
                Taken(word, values[word], values.origin(word), None if same else rival)
            )
        elif word in NEEDED[:2]:
            found.values.append(Taken(word, None, ""))
