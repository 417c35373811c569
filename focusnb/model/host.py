"""Which computer may write a project: the one it lives on. Others look at a snapshot."""

import atexit
import os
import shutil
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from focusnb.errors import BadProject
from focusnb.model.disk import is_network
from focusnb.model.store import Store


def cores() -> int:
    """Give the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def database(root: Path) -> Store:
    """Open project.db: for writing on its own computer, else a read-only snapshot of it.

    On a local disk no other computer can have it open, so a project that was carried here (or
    whose computer has a new name) is simply taken over.
    """
    path = root / "project.db"
    if not is_network(root):
        store = Store(path)
        if store.fact("host") != socket.gethostname():
            with store.transaction() as connection:
                connection.execute(
                    "insert or replace into fact values ('host', ?)", (socket.gethostname(),)
                )
        return store
    if not path.is_file():
        raise BadProject(
            f"{path} does not exist; `focusnb rebuild {root}` makes it from the folders"
        )
    look = Store(path, read_only=True)
    host = look.fact("host")
    if host == socket.gethostname():
        look.close()
        return Store(path)
    folder = tempfile.mkdtemp(prefix="focusnb-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = Path(folder) / "project.db"
    with closing(sqlite3.connect(copy)) as snapshot:
        look.connection.backup(snapshot)  # a plain copy might be taken in the middle of a write
    look.close()
    return Store(copy, read_only=True)
