from concurrent.futures import Future
from dataclasses import replace

import psutil
import pytest
from contracts.workers import GUARD, ProcessContract, WorkersContract, make_task, until, work

from focusnb.batch import workers as workers_module
from focusnb.batch.workers import Dask, Inline, WorkerLost, share
from focusnb.errors import QueueError


@pytest.fixture(scope="module")
def dask_workers():
    workers = Dask(2, 3, work=work)
    yield workers
    workers.close()


class TestInline(WorkersContract):
    @pytest.fixture
    def workers(self):
        return Inline(work=work)


class TestDask(ProcessContract):
    @pytest.fixture
    def workers(self, dask_workers, tmp_path):
        return dask_workers

    def test_workers_count_their_threads_as_told(self, workers, tmp_path):
        message = workers.start(make_task(tmp_path, 20), 0).result(GUARD).message
        assert message.endswith("['3', '3', '3', '3']")

    def test_a_processor_is_one_process(self, workers, tmp_path):
        def pid(batch, processor):
            task = make_task(tmp_path, batch)
            return workers.start(task, processor).result(GUARD).message.split()[0]

        assert pid(21, 0) == pid(22, 0) != pid(23, 1)

    def test_no_try_runs_twice(self, workers, tmp_path):
        task = make_task(tmp_path, 24)
        assert workers.start(task, 0).result(GUARD).state == "done"
        with pytest.raises(WorkerLost, match="not repeated"):
            workers.start(replace(task, batch=240), 0).result(GUARD)

    def test_a_task_that_only_waits_for_its_worker_is_ended_without_it(self, workers, tmp_path):
        first, second = make_task(tmp_path, 25, seconds=1), make_task(tmp_path, 26)
        runs, waits = workers.start(first, 0), workers.start(second, 0)
        workers.kill(second)
        assert isinstance(waits.exception(GUARD), WorkerLost)
        assert runs.result(GUARD).state == "done"

    def test_a_scheduler_by_address_serves_too(self, workers, tmp_path):
        address = workers._cluster.scheduler_address
        others = Dask(0, 1, address=address, work=work)
        assert others.slots == 2
        future: Future = others.start(make_task(tmp_path, 27), 0)
        assert future.result(GUARD).state == "done"
        others.close()
        assert workers.slots == 2


def test_closing_leaves_no_process_behind(tmp_path):
    workers = Dask(1, 1, work=work)
    task = make_task(tmp_path, 1, seconds=600)
    future = workers.start(task, 0)
    until(lambda: (tmp_path / "0000000001" / ".try-1-1" / ".begun").exists())
    pid = workers._cluster.workers[0].pid
    workers.close()
    until(lambda: not psutil.pid_exists(pid))
    assert isinstance(future.exception(GUARD), WorkerLost)


def test_an_address_where_nobody_answers_is_told(monkeypatch):
    monkeypatch.setattr(workers_module, "PATIENCE", 0.5)
    with pytest.raises(QueueError, match="no dask scheduler answers at tcp:"):
        Dask(0, 1, address="tcp://127.0.0.1:9")


def test_cores_and_memory_set_the_defaults(monkeypatch):
    monkeypatch.setattr(
        workers_module.os, "sched_getaffinity", lambda _: set(range(16)), raising=False
    )
    memory = type("Memory", (), {"total": 25e9})
    monkeypatch.setattr(workers_module.psutil, "virtual_memory", lambda: memory)
    assert share() == (4, 4)
    assert share(processors=2) == (2, 8)
    assert share(threads=1) == (4, 1)
