"""New projects: made whole or not at all, with the values and scripts of another one if wanted."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from focusnb.errors import BadProject
from focusnb.model.disk import check_place
from focusnb.model.project import Project

P = TypeVar("P", bound=Project)


def create(
    root: str | Path,
    *,
    mode: str,
    values: Mapping[str, Any] | None = None,
    other: Project | None = None,
    kind: type[P],
    finish: Callable[[P], Any] | None = None,
) -> P:
    """Make a new project in a folder that is empty or does not exist yet.

    other: a project whose values and scripts are taken over; `values` come before them. kind: the
    class that is opened. finish: gets the project before it is moved to its place; what it raises
    leaves nothing behind.
    """
    place = check_place(root)
    missing = [folder for folder in place.parents if not folder.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-new-"))
    except OSError as error:
        _remove_empty(missing)
        raise BadProject(f"{place} cannot be made: {error.strerror or error}") from None
    try:
        stage.chmod(0o755)  # a temporary folder would be its maker's alone
        _fill(kind, stage, mode, values or {}, other, finish)
        os.replace(stage, place)  # onto an empty folder too, but not onto one that holds anything
    except OSError as error:
        raise BadProject(f"{place} cannot be made: {error.strerror or error}") from None
    finally:
        if stage.exists():
            shutil.rmtree(stage, ignore_errors=True)
            _remove_empty(missing)
    return cast(P, kind.open(place))


def taken_over(other: Project) -> dict[str, Any]:
    """Give the values of a project as another one can have them: its files with whole paths."""
    words = other.words
    return {
        word: str(other.root / Path(value).expanduser()) if words[word].type == "path" else value
        for word, value in other.settings.values.items()
    }


def _fill(
    kind: type[P],
    stage: Path,
    mode: str,
    values: Mapping[str, Any],
    other: Project | None,
    finish: Callable[[P], Any] | None,
) -> None:
    made = cast(P, kind.create(stage, mode=mode))
    try:
        taken: dict[str, Any] = {}
        if other is not None:
            taken = taken_over(other)
            scripts = other.root / "scripts"
            if scripts.is_dir():  # first: they may declare what is set
                shutil.copytree(scripts, stage / "scripts", dirs_exist_ok=True)
        made.set(**taken | made.words.read(values, "the new project"))
        if finish is not None:
            finish(made)
    finally:
        made.store.close()


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return  # it was never made, or somebody put something there
