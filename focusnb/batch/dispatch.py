"""The dispatcher's process: `python -m focusnb.batch.dispatch PROJECT`, how to start it, how to wait."""

import argparse
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from focusnb.batch import listing, workers
from focusnb.batch.dispatcher import TICK, Dispatcher
from focusnb.batch.lease import NAME, Holder, Lease, lives
from focusnb.batch.queue import Queue
from focusnb.batch.workers import Dask, Inline, Workers
from focusnb.errors import FocusError, QueueError
from focusnb.model.project import Project

logger = logging.getLogger("focusnb.batch")
BIG = 5_000_000  # bytes after which the log begins anew


def start(project: Project, *, stay_with: int | None = None) -> subprocess.Popen[bytes] | None:
    """Start a dispatcher as a process of its own; None when one runs already.

    stay_with: pid of a process; the dispatcher stays while that lives, otherwise it leaves when
    the queue is empty. Two started at the same time are harmless: one of them leaves. Whoever needs
    a dispatcher for long calls this again now and then: one that was started by others leaves.
    """
    if Lease(project.store).current() is not None:
        return None
    command = [sys.executable, "-P", "-m", "focusnb.batch.dispatch", str(project.root)]
    if stay_with is not None:
        command += ["--stay-with", str(stay_with)]
    with log_file(project).open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=project.root,
            start_new_session=True,  # Ctrl-C at the terminal is for whoever started it
        )


def wait(
    project: Project,
    batches: Iterable[int],
    *,
    timeout: float | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> dict[int, str]:
    """Wait until batches have ended, with a dispatcher of our own if nobody runs one.

    Gives their states. on_progress gets the fraction done and a line of text. Raises QueueError
    after `timeout` seconds, or when no dispatcher can be kept running.
    """
    batches = list(batches)
    process: subprocess.Popen[bytes] | None = None
    failures = 0

    def look() -> None:
        nonlocal process, failures
        if process is not None:
            if process.poll() is None:
                return
            failures = failures + 1 if process.returncode else 0
            process = None
        if failures >= 3:
            raise QueueError(
                f"the dispatcher ended {failures} times; {log_file(project)} tells why,"
                " the batches stay in the queue"
            )
        if not Queue(project).paused:
            process = start(project)

    poll = max(TICK, len(batches) / 5000)
    return listing.wait(
        project, batches, timeout=timeout, on_progress=on_progress, poll=poll, look=look
    )


def log_file(project: Project) -> Path:
    """Give the place of the dispatcher's log."""
    folder = project.root / "session"
    folder.mkdir(exist_ok=True)
    return folder / "dispatch.log"


def serve(root: Path, *, stay_with: int | None = None, inline: bool = False) -> None:
    """Run a project's queue in this process until it is empty; SIGTERM and Ctrl-C end it cleanly."""
    project = Project.open(root)
    values = project.values()
    processors, threads = workers.share(values["processors"], values["threads"])
    address = values["scheduler"] or ""

    def make() -> Workers:
        if inline:
            return Inline()
        return Dask(values["processors"] if address else processors, threads, address=address)

    stay: Callable[[], bool] = lambda: False  # noqa: E731
    if stay_with is not None and lives(stay_with):
        partner = Holder.of(NAME, stay_with)
        stay = lambda: partner.alive  # noqa: E731
    dispatcher = Dispatcher(project, make, threads=threads, stay=stay)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dispatcher.stop.set())
    dispatcher.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m focusnb.batch.dispatch PROJECT`."""
    parser = argparse.ArgumentParser(prog="focusnb.batch.dispatch", description=main.__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument(
        "--stay-with", type=int, metavar="PID", help="stay while this process lives"
    )
    parser.add_argument(
        "--inline", action="store_true", help="one batch at a time, in this process"
    )
    told = parser.parse_args(arguments)
    handler = None
    try:
        file = log_file(Project.open(told.project))
        if file.exists() and file.stat().st_size > BIG:
            file.replace(file.with_suffix(".log.1"))
        handler = logging.FileHandler(file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        serve(told.project, stay_with=told.stay_with, inline=told.inline)
    except FocusError as error:
        logger.error("%s", error)
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception:
        logger.exception("the dispatcher broke; the batches wait for the next one")
        return 1
    finally:
        if handler is not None:
            logger.removeHandler(handler)
            handler.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
