"""Who runs what: tokens that name a process, and the lease that only one dispatcher holds."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import psutil

from focusnb.batch.sql import query
from focusnb.model.store import Store

NAME = "dispatch"
SESSION = "session"  # the lease of the live session, which imports
# Seconds without a heartbeat after which another computer may take the lease over.
STALE = 60.0
# A start time is known to a clock tick; a pid is not given out again within this many seconds.
SAME_START = 2.0


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that runs batches, written as KIND:HOST:PID:BEGUN.

    KIND is dispatch, session or import.
    """

    kind: str
    host: str
    pid: int
    begun: float  # start time of the process, seconds since 1970: tells a reused pid

    @classmethod
    def this(cls, kind: str) -> Self:
        """Name this process."""
        return cls.of(kind, os.getpid())

    @classmethod
    def of(cls, kind: str, pid: int) -> Self:
        """Name a living process of this computer."""
        return cls(kind, socket.gethostname(), pid, round(psutil.Process(pid).create_time(), 2))

    @classmethod
    def read(cls, token: str) -> Self | None:
        """Read a token; None when it names no process."""
        parts = token.split(":")
        try:
            kind, host, pid, begun = parts
            return cls(kind, host, int(pid), float(begun))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.kind}:{self.host}:{self.pid}:{self.begun}"

    @property
    def here(self) -> bool:
        """Tell whether it is a process of this computer."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Tell whether the process lives; one of another computer counts as dead."""
        return self.here and lives(self.pid, self.begun)


def lives(pid: int, begun: float | None = None) -> bool:
    """Tell whether the process lives; a zombie and a reused pid do not."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return begun is None or abs(process.create_time() - begun) < SAME_START
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


class Lease:
    """The right to be the project's dispatcher, or its session: a row in project.db with a heartbeat.

    name: NAME or SESSION. Each has one holder, who looks now and then whether it is `asked` to end.
    """

    def __init__(
        self,
        store: Store,
        holder: Holder | None = None,
        *,
        clock: Callable[[], float] = time.time,
        stale: float = STALE,
        name: str = NAME,
    ) -> None:
        self.store = store
        self.name = name
        self.holder = holder or Holder.this(name)
        self.clock = clock
        self.stale = stale

    def current(self) -> Holder | None:
        """Give who holds the lease now; None when it is free or its holder is dead."""
        rows = self.store.rows(query("lease"), {"name": self.name})
        if not rows:
            return None
        row = rows[0]
        holder = Holder(self.name, row["host"], row["pid"], row["begun"])
        # On this computer the process itself is asked; of another one only the heartbeat is seen.
        valid = holder.alive if holder.here else self.clock() - row["beat"] < self.stale
        return holder if valid else None

    def take(self) -> bool:
        """Take the lease, or take it over from a dead holder; False when somebody else holds it."""
        with self.store.transaction() as connection:
            if self.current() not in (None, self.holder):
                return False
            connection.execute(query("forget_asked"), {"name": self.name})
            connection.execute(
                query("take_lease"),
                {
                    "name": self.name,
                    "holder": str(self.holder),
                    "host": self.holder.host,
                    "pid": self.holder.pid,
                    "begun": self.holder.begun,
                    "now": self.clock(),
                },
            )
        return True

    def beat(self) -> bool:
        """Tell that the holder lives; False when the lease was taken over."""
        return self._change("beat")

    def release(self) -> None:
        """Give the lease back."""
        self._change("release_lease")

    def release_if_idle(self) -> bool:
        """Give the lease back unless a batch waits that could run; True when it was given back."""
        return self._change("release_idle_lease")

    def ask(self, holder: Holder, how: str) -> None:
        """Ask a holder to end: "finish" lets it finish what runs, "now" does not."""
        values = {"name": self.name, "holder": str(holder), "how": how}
        with self.store.transaction() as connection:
            connection.execute(query("ask"), values)
            self.store.bump(connection)

    def asked(self, holder: Holder | None = None) -> str:
        """Tell whether a holder (the own one if not given) is asked to end: finish, now, or not."""
        values = {"name": self.name, "holder": str(holder or self.holder)}
        rows = self.store.rows(query("asked"), values)
        return str(rows[0]["value"]) if rows else ""

    def _change(self, name: str) -> bool:
        values = {"name": self.name, "holder": str(self.holder)}
        if name == "beat":
            values["now"] = self.clock()  # type: ignore[assignment]
        with self.store.transaction() as connection:
            return connection.execute(query(name), values).rowcount == 1
