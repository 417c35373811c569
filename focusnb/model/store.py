"""The store: project.db, its transactions and its revision."""

import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject
from focusnb.model.disk import is_network

FORMAT = 1


class Store:
    """One SQLite file, used by several threads and processes of one computer.

    Each thread has its own connection. Writing goes through `transaction`, which takes the write
    lock at once, so that what was read inside it is still true when it is committed.
    """

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        if not create and not path.is_file():
            raise BadProject(
                f"{path} does not exist; `focusnb rebuild {path.parent}` makes it from the folders"
            )
        if create:
            with self.transaction() as connection:
                _run_script(connection, schema())
                connection.execute(
                    "insert or ignore into fact values ('format', ?)", (str(FORMAT),)
                )
                connection.execute("insert or ignore into fact values ('revision', '0')")
                connection.execute(
                    "insert or ignore into fact values ('host', ?)", (socket.gethostname(),)
                )
        elif self.fact("format") != str(FORMAT):
            raise BadProject(
                f"{path} has format {self.fact('format')}, this program writes {FORMAT};"
                f" `focusnb rebuild {path.parent}` makes a new one from the folders"
            )

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._connect()
            self._local.connection = found
            self._local.depth = 0
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock: all of it is written, or nothing; may be nested."""
        connection = self.connection
        if self._local.depth:
            yield connection
            return
        if self.read_only:
            raise BadProject(
                f"{self.path.parent} can only be looked at here: it belongs to the computer"
                f" {self.fact('host')}; change it there"
            )
        connection.execute("begin immediate")
        self._local.depth = 1
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        else:
            connection.execute("commit")
        finally:
            self._local.depth = 0

    def rows(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Read rows."""
        return self.connection.execute(sql, params).fetchall()

    def fact(self, key: str) -> str | None:
        """Read one fact about the project."""
        try:
            found = self.rows("select value from fact where key = ?", (key,))
        except sqlite3.DatabaseError as error:
            raise BadProject(
                f"{self.path} cannot be read ({error});"
                f" `focusnb rebuild {self.path.parent}` makes a new one from the folders"
            ) from None
        return found[0]["value"] if found else None

    @property
    def revision(self) -> int:
        """A number that grows whenever something changes that people see."""
        return int(self.fact("revision") or 0)

    def bump(self, connection: sqlite3.Connection) -> int:
        """Grow the revision inside a transaction; give the new one."""
        row = connection.execute(
            "update fact set value = cast(value as integer) + 1 where key = 'revision' returning value"
        ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={'ro' if self.read_only else 'rwc'}"
        try:
            connection = sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("pragma foreign_keys = on")
            if not self.read_only:
                # WAL needs shared memory, which network file systems do not give.
                mode = "delete" if is_network(self.path.parent) else "wal"
                connection.execute(f"pragma journal_mode = {mode}")
                connection.execute(
                    f"pragma synchronous = {'full' if mode == 'delete' else 'normal'}"
                )
        except sqlite3.DatabaseError as error:
            raise BadProject(
                f"{self.path} cannot be opened ({error});"
                f" `focusnb rebuild {self.path.parent}` makes a new one from the folders"
            ) from None
        return connection


@lru_cache(maxsize=1)
def schema() -> str:
    """Give the SQL that makes an empty database."""
    return files("focusnb.model").joinpath("schema.sql").read_text(encoding="utf-8")


def _run_script(connection: sqlite3.Connection, sql: str) -> None:
    """Run statements one by one: executescript would commit the open transaction."""
    statement = ""
    for line in sql.splitlines():
        statement += line.split("--")[0] + "\n"
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
