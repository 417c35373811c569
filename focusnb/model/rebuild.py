"""Rebuilding project.db from the folders: losing it loses nothing but the queue's history."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject
from focusnb.model.document import FLAGS, new_document
from focusnb.model.group import is_group
from focusnb.model.project import Project
from focusnb.model.store import Store


def rebuild(root: str | Path) -> tuple[Project, list[str]]:
    """Make a new project.db from every image.json; give the project and notes on what was wrong.

    The old database is kept beside it as project.db.old.
    """
    root = Path(root).expanduser().absolute()
    if not (root / "project.toml").is_file():
        raise BadProject(f"{root} is no project: it has no project.toml")
    _refuse_while_running(root)
    path, new = root / "project.db", root / "project.db.new"
    for left in root.glob(f"{new.name}*"):
        left.unlink()
    store = Store(new, create=True)
    project = Project(root, store)
    _ = project.mode
    notes: list[str] = []
    kept = project.settings.table.get("last_number", 0)
    last = kept if isinstance(kept, int) else 0
    seen: dict[int, Path] = {}
    with store.transaction() as connection:
        for folder in sorted(root.glob("*/[0-9]*")):
            group = folder.parent.name
            if (
                not folder.is_dir()
                or not (folder.name.isdecimal() and len(folder.name) == 10)
                or not is_group(group)
            ):
                continue
            document = _document(folder, notes)
            last = max(last, int(folder.name))
            if int(folder.name) in seen:
                notes.append(
                    f"{folder}: {seen[int(folder.name)]} has the same number; this one is left out"
                )
                continue
            seen[int(folder.name)] = folder
            _insert(project, connection, int(folder.name), document)
        connection.execute("delete from sqlite_sequence where name = 'image'")
        connection.execute("insert into sqlite_sequence (name, seq) values ('image', ?)", (last,))
    store.close()
    for ending in ("", "-wal", "-shm"):
        old = root / f"project.db{ending}"
        if old.exists():
            old.replace(root / f"project.db.old{ending}")
    new.replace(path)
    return Project.open(root), notes


def _document(folder: Path, notes: list[str]) -> dict[str, Any]:
    file = folder / "image.json"
    document = new_document(folder.name, folder.parent.name)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it is {type(found).__name__}, not dict")
        told = {key: found[key] for key in (*document, "recorded") if key in found}
        _check(document, told)
        document |= told
    except FileNotFoundError:
        notes.append(f"{folder}: has no image.json; the image is there, without results")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        notes.append(f"{file} cannot be read ({error}); the image is there, without results")
    if document["flag"] not in FLAGS:
        notes.append(f"{file}: flag {document['flag']!r} is unknown, none is used")
        document["flag"] = "none"
    document["group"] = folder.parent.name
    return document


def _check(empty: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Raise ValueError when something in a document is of another kind than it must be."""
    for key, value in told.items():
        optional = key in ("error", "recorded")
        kind = {"error": dict, "recorded": str}.get(key) or type(empty[key])
        if not isinstance(value, kind) and not (optional and value is None):
            raise ValueError(f"{key} is {type(value).__name__}, not {kind.__name__}")
    for key, needed in (("runs", set()), ("products", {"file", "size", "mtime_ns", "fingerprint"})):
        for name, entry in told.get(key, {}).items():
            if not isinstance(entry, dict) or needed - set(entry):
                raise ValueError(f"{key}.{name} is not complete")
    if told.get("error") is not None and not {"step", "message"} <= set(told["error"]):
        raise ValueError("error is not complete")


def _insert(
    project: Project, connection: sqlite3.Connection, image: int, document: dict[str, Any]
) -> None:
    recorded = document.pop("recorded", None)
    connection.execute(
        "insert into image (id, place, name, recorded, cells, document, revision) values (?, ?, ?, ?, '{}', '{}', 0)",
        (image, document["group"], document["name"], recorded),
    )
    project.save_document(connection, image, document)
    for word, digest in document["originals"].items():
        path = str(document["values"].get("movie", "")) if word == "movie" else ""
        connection.execute(
            "insert or ignore into original values (?, ?, ?, ?)", (digest, word, image, path)
        )


def _refuse_while_running(root: Path) -> None:
    """Nobody may work on the database while it is replaced."""
    path = root / "project.db"
    if not path.is_file():
        return
    try:
        connection = sqlite3.connect(path, timeout=1)
        held = connection.execute("select pid, beat from lease").fetchall()
        connection.close()
    except sqlite3.DatabaseError:
        return  # broken, which is why it is rebuilt
    import psutil

    if any(psutil.pid_exists(pid) for pid, _ in held):
        raise BadProject(
            f"{root} is being processed (process {held[0][0]}); stop it first, then rebuild"
        )
