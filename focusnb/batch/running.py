"""Who runs a project: its dispatcher and its live session; who they are, how they start and end."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from focusnb.batch.lease import NAME, SAME_START, SESSION, Holder, Lease
from focusnb.errors import FocusError, QueueError
from focusnb.model.project import Project

BEAT = 3.0  # seconds between heartbeats of a session
SAID = 1.0  # seconds between two times that a session writes down what it does
BIG = 5_000_000  # bytes after which the log begins anew
POLL = 0.1
TROUBLE = (FocusError, OSError, sqlite3.Error)
WHO = {NAME: "dispatcher", SESSION: "live session"}


@dataclass(frozen=True, slots=True)
class Who:
    """A process that works on a project. kind: dispatch or session. asked: to end: finish, now."""

    kind: str
    host: str
    pid: int
    since: float  # seconds since 1970
    here: bool
    asked: str = ""

    def __str__(self) -> str:
        since = time.strftime("%H:%M on %d %b", time.localtime(self.since))
        return self._told(f", since {since}")

    @property
    def named(self) -> str:
        """Who it is without the time, which pages tell in the zone of who looks at them."""
        return self._told("")

    def _told(self, since: str) -> str:
        place = "this computer" if self.here else self.host
        end = {"finish": ", ending when what runs has ended", "now": ", ending"}.get(self.asked, "")
        return f"{WHO[self.kind]}: process {self.pid} on {place}{since}{end}"


@dataclass(frozen=True, slots=True)
class Running:
    """Who works on a project now, and what the live session said last.

    news: its last line. hindrance: what is in its way. watches: by folder, how many files wait
    there and what hinders them.
    """

    session: Who | None = None
    dispatcher: Who | None = None
    paused: bool = False
    news: str = ""
    hindrance: str = ""
    watches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        told = [str(who) for who in (self.session, self.dispatcher) if who is not None]
        told = told or ["nobody works on this project"]
        if self.paused:
            told.append("the queue is paused")
        return "; ".join([*told, *([self.hindrance or self.news] if self.session else [])])


def running(project: Project) -> Running:
    """Give who works on a project now."""
    session = who(project, SESSION)
    said = _said(project) if session is not None else {}
    mine = session is not None and said.get("pid") == session.pid
    return Running(
        session,
        who(project, NAME),
        project.store.fact("paused") is not None,
        str(said.get("news", "")) if mine else "",
        str(said.get("hindrance", "")) if mine else "",
        said.get("watches", {}) if mine else {},
    )


def who(project: Project, name: str) -> Who | None:
    """Give who holds the lease of this name (NAME, SESSION), if somebody does."""
    lease = _lease(project, name)
    holder = lease.current()
    if holder is None:
        return None
    asked = lease.asked(holder)
    return Who(name, holder.host, holder.pid, holder.begun, holder.here, asked)


# -- starting and ending ------------------------------------------------------------------------


def start(project: Project, *, wait: float = 0.0) -> subprocess.Popen[bytes]:
    """Start a live session, `focusnb run`, as a process that stays when this one ends.

    wait: seconds in which it must have begun. Raises QueueError when one runs already, or none
    can begin.
    """
    if (there := who(project, SESSION)) is not None:
        raise QueueError(f"{there.named}: it runs already; stop it before you start another")
    file = log_file(project)
    if file.exists() and file.stat().st_size > BIG:
        file.replace(file.with_suffix(".log.1"))
    command = [sys.executable, "-P", "-m", "focusnb.command", "run", str(project.root)]
    with file.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=project.root,
            start_new_session=True,  # neither Ctrl-C nor the end of who started it ends it
        )
    until = time.monotonic() + wait
    while time.monotonic() < until and who(project, SESSION) is None:
        if process.poll() is not None:
            raise QueueError(f"the live session ended at once: {last_line(file)}")
        time.sleep(POLL)
    if wait and who(project, SESSION) is None:
        raise QueueError(f"the live session has not begun after {wait:g} s; see {file}")
    return process


def stop(project: Project, *, now: bool = False, wait: float = 0.0) -> None:
    """Ask the live session to end, and its dispatcher with it; nothing is lost.

    What runs is finished first; now: it goes back to the queue. wait: seconds in which it must
    have ended. Raises QueueError when none runs here.
    """
    session = _end(project, SESSION, now)
    lease = _lease(project, NAME)
    dispatcher = lease.current()
    if not now and dispatcher is not None and _parent(dispatcher) == session.pid:
        lease.ask(dispatcher, "finish")  # at once, not only when the session looks
    _wait(project, SESSION, wait)


def stop_queue(project: Project, *, now: bool = False, wait: float = 0.0) -> None:
    """Ask the dispatcher to end; see `Queue.stop`."""
    session = who(project, SESSION)
    if session is not None and not session.asked:
        raise QueueError(
            f"{session.named}: it keeps the queue going; pause the queue, or stop the live session"
        )
    _end(project, NAME, now)
    _wait(project, NAME, wait)


def log_file(project: Project) -> Path:
    """Give the place of the live session's log."""
    folder = project.root / "session"
    folder.mkdir(exist_ok=True)
    return folder / "live.log"


def last_line(file: Path) -> str:
    """Give the last line of a log, which tells why a process ended."""
    return (last_lines(file, 1) or ["it said nothing"])[0]


def last_lines(file: Path, count: int = 20) -> list[str]:
    """Give the last lines of a log; none if there is no log."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 300 * count))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def _parent(holder: Holder) -> int | None:
    """Give the pid of the process that started a holder of this computer."""
    try:
        return psutil.Process(holder.pid).ppid() if holder.alive else None
    except psutil.Error:
        return None


def _end(project: Project, name: str, now: bool) -> Holder:
    lease = _lease(project, name)
    holder = lease.current()
    if holder is None:
        nobody = "no live session runs" if name == SESSION else "nobody works on the queue"
        raise QueueError(f"{project.name}: {nobody}; there is nothing to stop")
    if not holder.here:
        there = Who(name, holder.host, holder.pid, holder.begun, holder.here)
        raise QueueError(f"{there.named}; stop it there: it is a process of that computer")
    lease.ask(holder, "now" if now else "finish")
    if now:
        with suppress(psutil.AccessDenied):  # somebody else's: it finds the request by itself
            _signal(holder)
    return holder


def _signal(holder: Holder) -> None:
    """Tell a process to end, unless its number is another one's by now."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(holder.pid)
        if abs(process.create_time() - holder.begun) < SAME_START:
            process.send_signal(signal.SIGTERM)


def _wait(project: Project, name: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (there := who(project, name)) is not None and time.monotonic() < until:
        time.sleep(POLL)
    if seconds and there is not None:
        raise QueueError(f"{there.named}: it has not ended after {seconds:g} s; it may need longer")


def _lease(project: Project, name: str) -> Lease:
    return Lease(project.store, name=name)


# -- the session's own side ---------------------------------------------------------------------


class Presence:
    """That a live session runs, and what it does: told to whoever asks `running`.

    The heartbeat goes with `tend`, which gives how the session is asked to end ("" if it is not).
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lease = _lease(project, SESSION)
        self._file = project.root / "session" / "live.json"
        self._state: dict[str, Any] = {"news": "", "hindrance": "", "watches": {}}
        self._written: dict[str, Any] = {}
        self._beat = self._told = -BEAT

    def take(self) -> None:
        """Become the project's live session; raises QueueError when there is another one."""
        if not self._lease.take():
            there = who(self._project, SESSION)
            name = there.named if there is not None else "a live session"
            raise QueueError(f"{name}: it runs already; stop it before you start another")

    def tend(self) -> str:
        """Tell that the session lives; give how it is asked to end: finish, now, or not."""
        moment = time.monotonic()
        if moment - self._beat > BEAT:
            if not self._lease.beat() and not self._lease.take():
                return "now"  # another one took it over
            self._beat = moment
        if moment - self._told > SAID:
            self._write()
            self._told = moment
        return self._lease.asked()

    def tell(self, **state: Any) -> None:
        """Remember what the session says: news=, hindrance=, watches=."""
        self._state |= state

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Be the session until all has ended: what runs may take longer than others are patient."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                with suppress(*TROUBLE):  # the disk is full, or busy: it is tried again
                    self._lease.beat()
            self._project.store.close()  # this thread's own connection

        beats = threading.Thread(target=beat, daemon=True)
        beats.start()
        try:
            yield
        finally:
            over.set()
            beats.join()
            with suppress(*TROUBLE):
                self.release()

    def release(self) -> None:
        """Be the session no longer; another one that took over keeps what it says."""
        if _said(self._project).get("pid") == os.getpid():
            self._file.unlink(missing_ok=True)
        self._lease.release()

    def _write(self) -> None:
        if self._state == self._written:
            return
        with suppress(OSError):  # a full disk hinders the session elsewhere, and is told there
            self._file.parent.mkdir(exist_ok=True)
            part = self._file.with_suffix(".part")
            state = {**self._state, "pid": os.getpid(), "time": time.time()}
            part.write_text(json.dumps(state), encoding="utf-8")
            part.replace(self._file)
            self._written = dict(self._state)


def finish(project: Project, pid: int, end: Callable[[], bool]) -> None:
    """Let the dispatcher of this pid finish what runs, and wait for it, unless `end` says so."""
    lease = _lease(project, NAME)
    holder = lease.current()
    if holder is None or holder.pid != pid:
        return
    lease.ask(holder, "finish")
    while lease.current() == holder and not end():
        time.sleep(POLL)


def _said(project: Project) -> dict[str, Any]:
    try:
        found = json.loads((project.root / "session" / "live.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
