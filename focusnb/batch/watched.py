"""What became of the files of the watched folders, and how to have them looked at again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb.batch import placing, watch
from focusnb.errors import UnknownName
from focusnb.model.project import Project

COUNT = (
    "select outcome, count(*) from seen where watch = ? and path not like '%.mdoc' group by outcome"
)
# images that came in but cannot be opened have their reason in `message`
REFUSED = (
    "select path, image, message from seen where watch = ? and (outcome = 'refused' or message != '')"
    " order by mtime_ns desc, path limit ?"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """A stored watch, and what became of its files.

    options: as in project.toml. imported, known, refused: numbers of files. problems: file, reason,
    and the image it became, if it did. there: whether the folder can be seen now.
    """

    folder: str
    options: Mapping[str, Any]
    there: bool
    imported: int = 0
    known: int = 0
    refused: int = 0
    problems: list[tuple[str, str, int | None]] = field(default_factory=list)


def watched(project: Project, *, limit: int = 100) -> list[Watched]:
    """Give the stored watches with what became of their files; at most `limit` problems each."""
    return [_look(project, table, limit) for table in watch.stored(project)]


def look_again(project: Project, folder: str | Path, *, everything: bool = False) -> int:
    """Have the refused files of a watch tried again; give how many they are.

    Also those that came in but could not be opened. everything: all its files, to find what is
    missing; what the project has already comes in no second time. Raises UnknownName when this
    folder is not watched.
    """
    key = placing.text(str(folder))
    if key not in [placing.text(table["folder"]) for table in watch.stored(project)]:
        raise UnknownName(f"{folder} is not watched by {project.name}")
    where = "" if everything else " and (outcome = 'refused' or message != '')"
    with project.store.transaction() as connection:
        found = connection.execute(f"delete from seen where watch = ?{where}", (key,)).rowcount
        times = int(project.store.fact(watch.AGAIN) or 0) + 1
        connection.execute("insert or replace into fact values (?, ?)", (watch.AGAIN, str(times)))
        project.store.bump(connection)
    return int(found)


def _look(project: Project, table: Mapping[str, Any], limit: int) -> Watched:
    key = placing.text(table["folder"])
    counts = {row[0]: int(row[1]) for row in project.store.rows(COUNT, (key,))}
    problems = [
        (row["path"], row["message"], row["image"])
        for row in project.store.rows(REFUSED, (key, limit))
    ]
    return Watched(
        table["folder"],
        {word: value for word, value in table.items() if word != "folder"},
        Path(table["folder"]).is_dir(),
        counts.get("imported", 0),
        counts.get("known", 0),
        counts.get("refused", 0),
        problems,
    )
