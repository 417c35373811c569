"""What all workers must keep: inherit WorkersContract and give `workers`."""

import os
import time
from pathlib import Path

import pytest

from focusnb.batch.task import CANCEL, Task
from focusnb.batch.workers import WorkerLost
from focusnb.errors import QueueError
from focusnb.model.record import Outcome

GUARD = 60


def work(task):
    """Do what a test's task says; runs in the worker's process."""
    how = task.values
    scratch = Path(task.scratch)
    if how.get("die"):
        os._exit(9)
    if how.get("raise"):
        raise ZeroDivisionError("a fault in the program itself")
    state = how.get("state", "done")
    while how.get("until_cancelled"):
        if (scratch / CANCEL).exists():
            state = "cancelled"
            break
        time.sleep(0.02)
    time.sleep(how.get("seconds", 0))
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    found = [os.environ.get(f"{name}_NUM_THREADS") for name in names]
    return Outcome(task.image, task.scratch, state, f"{os.getpid()} {found}")


def make_task(folder, batch=1, *, resources=None, **values):
    home = folder / f"{batch:010d}"
    home.mkdir(exist_ok=True)
    return Task(
        image=batch, group="g", name="m", home=str(home), scratch=str(home / f".try-1-{batch}"),
        steps=(), values=values, batch=batch, resources=resources or {},
    )  # fmt: skip


class WorkersContract:
    """Success, failure and cancel, as the dispatcher sees them."""

    own_processes = False

    def begin(self, workers, task):
        return workers.start(task, workers.place(task, range(workers.slots)))

    def test_an_outcome_comes_back(self, workers, tmp_path):
        outcome = self.begin(workers, make_task(tmp_path)).result(GUARD)
        assert (outcome.state, outcome.image) == ("done", 1)

    def test_a_failure_comes_back_as_an_outcome(self, workers, tmp_path):
        task = make_task(tmp_path, 2, state="failed")
        assert self.begin(workers, task).result(GUARD).state == "failed"

    def test_a_fault_of_the_program_comes_back_as_it_is(self, workers, tmp_path):
        task = make_task(tmp_path, 3, **{"raise": True})
        assert isinstance(self.begin(workers, task).exception(GUARD), ZeroDivisionError)

    def test_a_task_sees_its_cancel_flag(self, workers, tmp_path):
        task = make_task(tmp_path, 4, until_cancelled=True)
        Path(task.scratch).mkdir()
        if self.own_processes:
            future = self.begin(workers, task)
            (Path(task.scratch) / CANCEL).touch()
        else:
            (Path(task.scratch) / CANCEL).touch()
            future = self.begin(workers, task)
        assert future.result(GUARD).state == "cancelled"

    def test_a_need_that_nobody_can_meet_is_refused(self, workers, tmp_path):
        with pytest.raises(QueueError, match="needs kettle = 1"):
            workers.place(make_task(tmp_path, resources={"kettle": 1}), [0])


class ProcessContract(WorkersContract):
    """Loss too: for workers that are processes of their own."""

    own_processes = True

    def test_a_dead_process_is_told_and_replaced(self, workers, tmp_path):
        lost = self.begin(workers, make_task(tmp_path, 5, die=True)).exception(GUARD)
        assert isinstance(lost, WorkerLost)
        assert self.begin(workers, make_task(tmp_path, 6)).result(GUARD).state == "done"

    def test_only_the_worker_of_a_killed_task_is_replaced(self, workers, tmp_path):
        victim, other = make_task(tmp_path, 7, seconds=600), make_task(tmp_path, 8, seconds=2)
        killed, left = workers.start(victim, 0), workers.start(other, 1)
        until(lambda: (Path(victim.scratch) / ".begun").exists())
        workers.kill(victim)
        assert isinstance(killed.exception(GUARD), WorkerLost)
        assert left.result(GUARD).state == "done"


def until(test):
    """Wait until something is so; the limit is a guard only."""
    end = time.monotonic() + GUARD
    while not (found := test()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found
