"""The dispatcher: takes batches while processors are free, and records what they report."""

import contextlib
import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from sqlite3 import DatabaseError, Row

from focusnb.batch.lease import Lease
from focusnb.batch.queue import Queue
from focusnb.batch.task import CANCEL, Task, build
from focusnb.batch.workers import WorkerLost, Workers
from focusnb.errors import BadProject, FocusError, MissingProduct, QueueError
from focusnb.model import moves, record, tries
from focusnb.model.project import Project
from focusnb.model.record import Outcome

logger = logging.getLogger("focusnb.batch")

TICK = 0.2  # seconds between two looks at an idle queue
GRACE = 3.0  # seconds that running batches get to end when the dispatcher is stopped
PATIENCE = 10.0  # seconds after which a cancelled batch's worker is ended
BEAT = 3.0  # seconds between heartbeats
ROOM = 200_000_000  # bytes that must be free on the disk for a batch to begin: a movie's products


@dataclass(slots=True)
class Flight:
    """A batch that runs: its task, where, and since when it should end."""

    task: Task
    processor: int
    cancelled: float | None = None
    killed: bool = False
    flag: Path = field(init=False)

    def __post_init__(self) -> None:
        self.flag = Path(self.task.scratch) / CANCEL


class Dispatcher:
    """Takes batches while processors are free, records what they report, and looks after both.

    make_workers is called only when this process has the lease. stay: tells whether to stay when
    the queue is empty.
    """

    def __init__(
        self,
        project: Project,
        make_workers: Callable[[], Workers],
        *,
        threads: int = 1,
        stay: Callable[[], bool] = lambda: False,
        lease: Lease | None = None,
    ) -> None:
        self.project = project
        self.queue = Queue(project)
        self.lease = lease or Lease(project.store)
        self.holder = str(self.lease.holder)
        self.threads = threads
        self.stop = threading.Event()
        self.finishing = threading.Event()  # nothing more begins, what runs may end
        self._make_workers = make_workers
        self._stay = stay
        self._flights: dict[int, Flight] = {}
        self._ended: queue.SimpleQueue[tuple[int, Future[Outcome]]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._tries = int(project.values()["tries"])
        self._group: str | None = None  # the one whose group.toml was broken when last looked at
        self._hindrance = ""

    def run(self) -> bool:
        """Run the queue until it is empty or `stop` is set; False when another one has the lease."""
        if not self.lease.take():
            logger.info("another dispatcher runs this project: %s", self.lease.current())
            return False
        attendant = threading.Thread(target=self._attend, name="attendant", daemon=True)
        try:
            self._recover()
            self._workers = self._make_workers()
            attendant.start()
            try:
                self._work()
            finally:
                self._land()
        finally:
            self._over.set()
            self.lease.release()
        logger.info("left")
        return True

    # -- the loop -----------------------------------------------------------------------------

    def _work(self) -> None:
        logger.info("%s runs %d batches at a time", self.holder, self._workers.slots)
        while not self.stop.is_set():
            self._fill()
            if not self._flights and (self.finishing.is_set() or self._may_leave()):
                return
            self._reap(TICK)

    def _may_leave(self) -> bool:
        return not self._stay() and self.lease.release_if_idle()

    def _recover(self) -> None:
        for batch in self.queue.recover():
            logger.warning("batch %d waits again: who ran it is gone", batch)
        for text in record.recover(self.project):
            logger.warning(text)

    def _fill(self) -> None:
        slots = self._workers.slots
        while len(self._flights) < slots:
            self._obey()
            if self._ends or self._is_hindered():
                return
            busy = {flight.processor for flight in self._flights.values()}
            free = [n for n in range(slots + len(busy)) if n not in busy]
            row = self.queue.take(self.holder, free[0])
            if row is None:
                return
            self._launch(row, free)

    @property
    def _ends(self) -> bool:
        return self.stop.is_set() or self.finishing.is_set()

    def _is_hindered(self) -> bool:
        """Tell whether every batch would fail now: a file of values is broken, the disk is full.

        Somebody may be mending it. It is said once; who does not stay leaves with the error.
        """
        root = self.project.root
        try:
            _ = self.project.mode, self.project.values(group=self._group)
            if (free := shutil.disk_usage(root).free) < ROOM:
                raise QueueError(
                    f"the disk of {root} has {free / 1e6:.0f} MB left,"
                    f" a batch needs {ROOM / 1e6:.0f} MB; make room"
                )
        except FocusError as error:
            if not self._stay():
                raise
            kind = str(error).partition(" has ")[0]  # not again for each MB less
            if kind != self._hindrance:
                self._hindrance = kind
                logger.warning("no batch begins: %s", error)
                with contextlib.suppress(DatabaseError):  # the disk may be that full
                    self.queue.note("warning", f"no batch begins: {error}")
            return True
        self._group, self._hindrance = None, ""
        return False

    def _launch(self, row: Row, free: list[int]) -> None:
        try:
            task = build(self.project, dict(row), threads=self.threads)
            if not Path(task.home).is_dir():
                raise MissingProduct(
                    f"{task.home} is gone; put the image's folder back, or trash the image"
                )
            processor = self._workers.place(task, free)
        except BadProject as error:  # a file of values broke since it was looked at
            self._group = self.project.folder(row["image"]).parent.name
            self.queue.give_back(row["id"], row["try"], self.holder, str(error))
            return
        except Exception as error:
            self._refuse(row, error)
            return
        self._flights[task.batch] = Flight(task, processor)
        if processor != row["processor"]:
            self.queue.place(task.batch, task.try_, processor)
        logger.info("batch %d, try %d, begins on processor %d", task.batch, task.try_, processor)
        future = self._workers.start(task, processor)
        future.add_done_callback(lambda ended: self._ended.put((task.batch, ended)))

    def _refuse(self, row: Row, error: Exception) -> None:
        """Fail a batch of which no task can be made."""
        text = str(error)
        if not isinstance(error, FocusError):
            text = f"{type(error).__name__}: {error}"
            logger.exception("batch %d cannot be made a task", row["id"])
        scratch = tries.folder_of(self.project.folder(row["image"]), row["id"], row["try"])
        outcome = Outcome(row["image"], str(scratch), "failed", text, trial=row["trial"])
        self.queue.finish(row["id"], row["try"], self.holder, outcome)
        logger.info("batch %d failed: %s", row["id"], text)

    def _reap(self, timeout: float) -> None:
        try:
            batch, future = self._ended.get(timeout=timeout)
        except queue.Empty:
            return
        self._report(self._flights[batch], future)
        del self._flights[batch]

    def _report(self, flight: Flight, future: Future[Outcome]) -> None:
        task, error = flight.task, future.exception()
        fence = (task.batch, task.try_, self.holder)
        outcome = Outcome(task.image, task.scratch, "failed", str(error), trial=task.trial)
        if error is None:
            outcome = future.result()
        given_up = outcome.state == "cancelled" or isinstance(error, WorkerLost)
        if given_up and flight.cancelled is None and self.stop.is_set():
            told = "given back"
            said = self.queue.give_back(*fence, "the dispatcher was stopped")
        elif isinstance(error, WorkerLost) and flight.cancelled is None:
            told = f"lost, {outcome.message}"
            with contextlib.suppress(FocusError):  # project.toml may be broken just now
                self._tries = int(self.project.values()["tries"])
            said = self.queue.lose(*fence, outcome, self._tries)
        else:
            if isinstance(error, WorkerLost):
                outcome = Outcome(
                    task.image, task.scratch, "cancelled", "cancelled on request", trial=task.trial
                )
            elif error is not None and not isinstance(error, FocusError):
                logger.error("batch %d met a fault", task.batch, exc_info=error)
                outcome = replace(outcome, message=f"{type(error).__name__}: {error}")
            told = f"{outcome.state} {outcome.message}"
            said = self.queue.finish(*fence, outcome)
        if isinstance(error, WorkerLost):
            tries.end_orphans([Path(task.scratch)])
        if said:
            logger.info("batch %d: %s", task.batch, told)
        else:
            logger.warning("batch %d: try %d was given up before", task.batch, task.try_)
        shutil.rmtree(task.scratch, ignore_errors=True)

    def _land(self) -> None:
        """Let what runs end or wait again, and end the workers."""
        self.stop.set()  # also when the loop broke: what ends now was not cancelled by anybody
        self._stop_flights()
        until = time.monotonic() + GRACE
        try:
            while self._flights and time.monotonic() < until:
                self._reap(0.1)
            for flight in self._flights.values():
                task = flight.task
                self.queue.give_back(
                    task.batch, task.try_, self.holder, "the dispatcher was stopped"
                )
        finally:
            self._workers.close()

    # -- the attendant: a thread of its own, since Inline keeps the loop busy ------------------

    def _attend(self) -> None:
        turns = 0
        while not self._over.wait(BEAT / 10):
            try:
                self._obey()
                self._watch_cancelling()
                if turns % 10 == 0:
                    self._care()
            except (FocusError, OSError, DatabaseError):
                logger.exception("the attendant stumbled; it goes on")
            turns += 1
        self.project.store.close()  # this thread's own connection

    def _care(self) -> None:
        if not self.lease.beat():
            logger.error("another dispatcher took the lease over; this one leaves")
            self.stop.set()
            return
        self._workers.tend()
        for batch in self.queue.recover(mine=self.holder):
            logger.warning("batch %d waits again: its importer is gone", batch)
        moves.finish(self.project)

    def _obey(self) -> None:
        """Look whether somebody has asked this dispatcher to end."""
        asked = self.lease.asked()
        if asked and not self._ends:
            logger.info("asked to end: %s", asked)
        if asked == "finish":
            self.finishing.set()
        elif asked:
            self.stop.set()

    def _watch_cancelling(self) -> None:
        if self.stop.is_set():
            self._stop_flights()
        for row in self.queue.to_cancel(self.holder):
            flight = self._flights.get(row["id"])
            if flight is None:
                continue
            now = time.monotonic()
            if flight.cancelled is None:
                flight.cancelled = now
            _raise_flag(flight)
            if now - flight.cancelled > PATIENCE and not flight.killed:
                flight.killed = True
                logger.warning("batch %d does not end; its worker is ended", row["id"])
                self._workers.kill(flight.task)

    def _stop_flights(self) -> None:
        for flight in list(self._flights.values()):
            _raise_flag(flight)


def _raise_flag(flight: Flight) -> None:
    if Path(flight.task.home).is_dir():
        flight.flag.parent.mkdir(exist_ok=True)
        flight.flag.touch()
