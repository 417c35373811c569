"""Workers: who runs tasks. Inline (here and now) and Dask; the only module that meets dask."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil

from focusnb.batch.task import Task, run
from focusnb.errors import QueueError
from focusnb.model import host
from focusnb.model.record import Outcome

Work = Callable[[Task], Outcome]
# A batch holds a movie's frames and their sums: what one processor is granted, in bytes.
MEMORY = 6e9
# Seconds that workers may take to start.
PATIENCE = 60.0


class WorkerLost(QueueError):
    """The process that ran a task died, or was ended."""


class Workers(Protocol):
    """A number of processors, each runs one task at a time."""

    @property
    def slots(self) -> int:
        """How many tasks can run at the same time now."""

    def place(self, task: Task, free: Collection[int]) -> int:
        """Choose a processor for a task; raises QueueError when none could ever run it."""

    def start(self, task: Task, processor: int) -> Future[Outcome]:
        """Begin a task. The future's exception is WorkerLost when its process died."""

    def kill(self, task: Task) -> None:
        """End the process that runs a task with its programs, and replace it; no other is touched."""

    def tend(self) -> None:
        """Look after the workers; called every few seconds."""

    def close(self) -> None:
        """End all workers and what they run."""


def share(processors: int = 0, threads: int = 0) -> tuple[int, int]:
    """Give processors and threads per processor; 0 is as many as this computer can bear."""
    cores = host.cores()
    memory = psutil.virtual_memory().total
    processors = processors or max(1, min(cores, int(memory / MEMORY)))
    return processors, threads or max(1, cores // processors)


def gpus() -> int:
    """Count the graphics cards that may be used here."""
    if (told := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return len([one for one in told.split(",") if one.strip()])
    folder = Path("/proc/driver/nvidia/gpus")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


class Inline:
    """Runs a task here and now, in the caller's thread; for tests and for looking for faults."""

    slots = 1

    def __init__(self, *, work: Work = run) -> None:
        self.work = work

    def place(self, task: Task, free: Collection[int]) -> int:
        """Give the only processor."""
        _refuse(task.resources, {"gpu": gpus()})
        return min(free)

    def start(self, task: Task, processor: int) -> Future[Outcome]:
        """Run the task to its end."""
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(self.work(task))
        except Exception as error:
            future.set_exception(error)
        return future

    def kill(self, task: Task) -> None:
        """Leave it: there is no other process, the cancel flag alone can end the task."""

    def tend(self) -> None:
        """Nothing to look after."""

    def close(self) -> None:
        """Nothing to end."""


@dataclass(slots=True)
class _Running:
    task: Task
    processor: int
    theirs: Any  # dask's future
    ours: Future[Outcome]


class Dask:
    """Runs tasks in processes of dask.distributed: own ones, or those of a scheduler by address.

    Own workers have one thread each and carry the resource processor-N, so a batch runs on the
    very processor that the queue names, also after that worker was replaced.
    """

    def __init__(
        self, processors: int, threads: int, *, address: str = "", work: Work = run
    ) -> None:
        import dask
        from distributed import Client, LocalCluster

        self.work = work
        self.processors = processors
        self._running: dict[int, _Running] = {}
        self._lock = threading.Lock()
        self._dead: set[int] = set()
        self._offers: dict[int, dict[str, float]] = {}
        self._cluster: Any = None
        if address:
            try:
                self._client = Client(address, set_as_default=False, timeout=PATIENCE)
            except OSError as error:
                raise QueueError(
                    f"no dask scheduler answers at {address} ({error}); start it, or empty `scheduler`"
                ) from None
            return
        settings = {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.worker-saturation": 1.0,
            "distributed.scheduler.worker-ttl": None,  # a kernel may be silent for long
        }
        with dask.config.set(settings):
            self._cluster = LocalCluster(
                n_workers=0,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                # Its small HTTP server cannot be left out: any free port, not the well-known one.
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                memory_limit=0,
                silence_logs=logging.ERROR,
            )
            self._cluster.worker_spec.update(self._specs(processors, threads))
            self._cluster.scale(processors)
            self._client = Client(self._cluster, set_as_default=False)
            try:
                self._client.wait_for_workers(processors, timeout=PATIENCE)
            except TimeoutError:
                self.close()
                raise QueueError(
                    f"{processors} worker processes did not start within {PATIENCE:g} s;"
                    " set `processors` lower"
                ) from None

    @property
    def slots(self) -> int:
        """Own processors that live, or the threads that a scheduler has now."""
        if self._cluster is not None:
            if len(self._dead) == self.processors:
                raise QueueError(
                    "no worker process can be started any more; session/dispatch.log says why"
                )
            return self.processors - len(self._dead)
        threads = int(sum(self._client.nthreads().values()))
        return min(threads, self.processors) if self.processors else threads

    def place(self, task: Task, free: Collection[int]) -> int:
        """Choose a free processor that has what the task needs, and nothing rare it does not."""
        needs = task.resources
        if self._cluster is None:
            return min(free)
        best = {n: max(o.get(n, 0) for o in self._offers.values()) for n in needs}
        _refuse(needs, best)
        able = [
            number
            for number, offer in self._offers.items()
            if number not in self._dead and all(offer.get(n, 0) >= a for n, a in needs.items())
        ]
        # With none of the able ones free, the task waits its turn on one of them.
        choice = [number for number in able if number in free] or able
        return min(choice, key=lambda number: (len(self._offers[number]), number))

    def start(self, task: Task, processor: int) -> Future[Outcome]:
        """Send the task to its worker."""
        needs = dict(task.resources)
        if self._cluster is not None:
            needs[f"processor-{processor}"] = 1
        theirs = self._client.submit(
            _once,
            self.work,
            task,
            key=f"batch-{task.batch}-try-{task.try_}",
            pure=False,
            retries=0,
            resources=needs,
        )
        running = _Running(task, processor, theirs, Future())
        running.ours.set_running_or_notify_cancel()
        with self._lock:
            self._running[task.batch] = running
        theirs.add_done_callback(partial(self._ended, running))
        return running.ours

    def kill(self, task: Task) -> None:
        """End one task's worker process and its programs; the nanny starts a new one."""
        with self._lock:
            running = self._running.get(task.batch)
            if running is None or running.ours.done():
                return
            same = [r for r in self._running.values() if r.processor == running.processor]
        if self._cluster is None:
            self._restart_remote(running)
        elif same[0] is running:
            _kill(_tree(self._cluster.workers[running.processor].pid))
        else:
            running.theirs.cancel()  # it only waits for that worker

    def tend(self) -> None:
        """Give up processors whose worker could not be started again."""
        if self._cluster is None:
            return
        for number, nanny in list(self._cluster.workers.items()):
            if nanny.status.name in ("closed", "failed") and number not in self._dead:
                self._dead.add(number)
                with self._lock:
                    left = [r for r in self._running.values() if r.processor == number]
                for running in left:
                    running.theirs.cancel()

    def close(self) -> None:
        """End the workers and their programs at once; a scheduler by address is only left."""
        if self._cluster is not None:
            left = [one for n in self._cluster.workers.values() for one in _tree(n.pid)]
            _kill(left)
        with contextlib.suppress(TimeoutError, OSError):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with contextlib.suppress(TimeoutError, OSError):
                self._cluster.close(timeout=10)
            _kill(left)

    def _specs(self, processors: int, threads: int) -> dict[int, dict[str, Any]]:
        spec = self._cluster.new_spec
        names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
        specs = {}
        for number in range(processors):
            env = {f"{name}_NUM_THREADS": str(threads) for name in names}
            offer = {f"processor-{number}": 1.0}
            if number < gpus():
                offer["gpu"] = 1.0
                cards = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
                env["CUDA_VISIBLE_DEVICES"] = cards[number] if cards[0] else str(number)
            self._offers[number] = offer
            options = {**spec["options"], "env": env, "resources": offer}
            specs[number] = {"cls": spec["cls"], "options": options}
        return specs

    def _ended(self, running: _Running, theirs: Any) -> None:
        """Hand a result on; runs in a thread of dask's client."""
        from distributed import KilledWorker

        with self._lock:
            if self._running.get(running.task.batch) is running:
                del self._running[running.task.batch]
        try:
            if theirs.status == "finished":
                running.ours.set_result(theirs.result(timeout=PATIENCE))
            elif theirs.status == "error":
                error = theirs.exception(timeout=PATIENCE)
                if isinstance(error, KilledWorker):
                    error = WorkerLost("the worker process ended (killed, or out of memory?)")
                running.ours.set_exception(error)
            else:
                running.ours.set_exception(WorkerLost("the worker process was given up"))
        except Exception as error:  # the connection to the scheduler broke
            running.ours.set_exception(WorkerLost(f"the worker's answer was lost: {error}"))
        finally:
            theirs.release()

    def _restart_remote(self, running: _Running) -> None:
        key = running.theirs.key
        where = [address for address, keys in self._client.processing().items() if key in keys]
        running.theirs.cancel()
        if where:
            self._client.restart_workers(where, timeout=30, raise_for_error=False)


def _once(work: Work, task: Task) -> Outcome:
    """Run a task, but no try twice: some schedulers repeat what a dead worker had begun."""
    scratch = Path(task.scratch)
    scratch.mkdir(exist_ok=True)
    try:
        (scratch / ".begun").touch(exist_ok=False)
    except FileExistsError:
        raise WorkerLost("the worker process ended, and its try is not repeated") from None
    return work(task)


def _tree(pid: int | None) -> list[psutil.Process]:
    """Give a process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        if pid is not None:
            process = psutil.Process(pid)
            return [*process.children(recursive=True), process]
    return []


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil knows a reused pid
            process.kill()


def _refuse(needs: Mapping[str, float], offers: Mapping[str, float]) -> None:
    for name, amount in needs.items():
        if offers.get(name, 0) < amount:
            raise QueueError(
                f"the batch needs {name} = {amount:g}, but no processor here has that;"
                " leave out the step or the value that asks for it, or run on a computer that has it"
            )
