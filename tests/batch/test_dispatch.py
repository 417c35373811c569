import shutil
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest
from contracts.workers import until

from focusnb.batch import dispatch, dispatcher
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.lease import Holder, Lease
from focusnb.batch.queue import Queue
from focusnb.batch.task import CANCEL
from focusnb.batch.workers import Inline, WorkerLost
from focusnb.errors import BadProject, QueueError
from focusnb.model.record import Outcome


class Puppets:
    """Workers that do what a test says, when it says so."""

    def __init__(self, slots=1):
        self.slots = slots
        self.begun, self.killed, self.closed = {}, [], False

    def place(self, task, free):
        return min(free)

    def start(self, task, processor):
        future = Future()
        self.begun[task.image] = (task, future)
        return future

    def end(self, image, state="done", error=None):
        task, future = self.begun.pop(image)
        if error is None:
            future.set_result(Outcome(task.image, task.scratch, state, "so be it"))
        else:
            future.set_exception(error)

    def kill(self, task):
        self.killed.append(task.image)
        self.end(task.image, error=WorkerLost("ended"))

    def tend(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def queue(project):
    return Queue(project)


@pytest.fixture
def puppets():
    return Puppets()


@pytest.fixture
def running(project, puppets, monkeypatch):
    """A dispatcher that runs in a thread and stays until it is stopped."""
    monkeypatch.setattr(dispatcher, "GRACE", 2.0)
    made = Dispatcher(project, lambda: puppets, stay=lambda: True)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop.set()
    thread.join(60)
    assert not thread.is_alive()


def run_inline(project):
    return Dispatcher(project, Inline).run()


def test_the_queue_is_run_until_it_is_empty(project, queue):
    ids = queue.submit([1, 2, 3], ["count"])
    assert run_inline(project)
    assert set(queue.states(ids).values()) == {"done"}
    assert [project[i]["counted"] for i in (1, 2, 3)] == [7, 7, 7]
    assert Lease(project.store).current() is None


def test_batches_start_in_the_order_that_the_queue_has_by_then(queue, running, puppets):
    a, b, c = queue.submit([1, 2, 3], ["count"])
    until(lambda: 1 in puppets.begun)
    queue.top([c])
    puppets.end(1)
    until(lambda: 3 in puppets.begun)
    puppets.end(3)
    until(lambda: 2 in puppets.begun)
    assert queue.states([a, b, c]) == {a: "done", b: "running", c: "done"}
    puppets.end(2)


def test_no_more_are_in_flight_than_there_are_processors(project, queue):
    puppets = Puppets(2)
    made = Dispatcher(project, lambda: puppets)
    thread = threading.Thread(target=made.run)
    queue.submit([1, 2, 3], ["count"])
    thread.start()
    until(lambda: len(puppets.begun) == 2)
    assert [row["processor"] for row in queue.listing() if row["state"] == "running"] == [0, 1]
    puppets.end(1)
    until(lambda: 3 in puppets.begun)
    assert [r["processor"] for r in queue.listing() if r["state"] == "running"] == [1, 0]
    puppets.end(2)
    puppets.end(3)
    thread.join(60)
    assert puppets.closed


def test_a_running_batch_is_cancelled_by_its_flag(queue, running, puppets):
    (a,) = queue.submit([1], ["count"])
    task, _ = until(lambda: puppets.begun.get(1))
    queue.cancel([a])
    until((Path(task.scratch) / CANCEL).exists)
    puppets.end(1, "cancelled")
    until(lambda: queue.states([a])[a] == "cancelled")
    assert puppets.killed == []


def test_one_that_does_not_end_loses_its_worker(queue, running, puppets, monkeypatch):
    monkeypatch.setattr(dispatcher, "PATIENCE", 0.1)
    (a,) = queue.submit([1], ["count"])
    until(lambda: puppets.begun.get(1))
    queue.cancel([a])
    until(lambda: queue.states([a])[a] == "cancelled")
    assert puppets.killed == [1]


def test_a_real_step_is_cancelled_while_it_runs(project, queue):
    (a,) = queue.submit([1], ["count"], given={"seconds": 600})
    thread = threading.Thread(target=run_inline, args=(project,))
    thread.start()
    until(lambda: list(project.folder(1).glob(".try-1-*/.progress")))
    queue.cancel([a])
    thread.join(60)
    assert queue.states([a]) == {a: "cancelled"}
    assert not list(project.folder(1).glob(".try-*"))


def test_a_lost_worker_is_no_failure_at_first(project, queue, running, puppets):
    project.set(tries=2)
    (a,) = queue.submit([1], ["count"])
    until(lambda: puppets.begun.get(1))
    puppets.end(1, error=WorkerLost("killed"))
    task, _ = until(lambda: puppets.begun.get(1))
    assert task.try_ == 2
    puppets.end(1, error=WorkerLost("killed"))
    until(lambda: queue.states([a])[a] == "failed")


def test_a_fault_in_a_worker_fails_the_batch_and_no_other(queue, running, puppets):
    a, b = queue.submit([1, 2], ["count"])
    until(lambda: puppets.begun.get(1))
    puppets.end(1, error=ZeroDivisionError("by nought"))
    until(lambda: puppets.begun.get(2))
    puppets.end(2)
    until(lambda: queue.states([b])[b] == "done")
    shown = {row["id"]: row for row in queue.listing()}
    assert (shown[a]["state"], shown[a]["message"]) == ("failed", "ZeroDivisionError: by nought")


def test_a_batch_of_which_no_task_can_be_made_fails_with_the_reason(project, queue):
    (a,) = queue.submit([1], ["nonsense"])
    run_inline(project)
    assert "no step is called 'nonsense'" in queue.listing()[0]["message"]
    assert queue.states([a]) == {a: "failed"}


def test_an_image_without_its_folder_fails_and_gets_no_new_one(project, queue):
    folder = project.folder(1)
    shutil.rmtree(folder)
    queue.submit([1], ["count"])
    run_inline(project)
    assert "is gone" in queue.listing()[0]["message"]
    assert not folder.exists()


def test_a_stopped_dispatcher_gives_back_what_runs(project, queue, puppets, monkeypatch):
    monkeypatch.setattr(dispatcher, "GRACE", 0.1)
    made = Dispatcher(project, lambda: puppets)
    thread = threading.Thread(target=made.run)
    a, b = queue.submit([1, 2], ["count"])
    thread.start()
    until(lambda: puppets.begun.get(1))
    made.stop.set()
    thread.join(60)
    assert puppets.closed
    assert queue.states([a, b]) == {a: "waiting", b: "waiting"}
    assert Lease(project.store).current() is None


def test_what_ends_in_time_is_recorded_though_the_dispatcher_stops(queue, running, puppets):
    (a,) = queue.submit([1], ["count"])
    task, _ = until(lambda: puppets.begun.get(1))
    running.stop.set()
    until((Path(task.scratch) / CANCEL).exists)
    puppets.end(1)
    until(lambda: queue.states([a])[a] == "done")


def test_a_second_dispatcher_leaves_quietly(project, running):
    until(lambda: Lease(project.store).current())
    others = Lease(project.store, Holder("dispatch", running.lease.holder.host, 1, 1.0))
    assert Dispatcher(project, Puppets, lease=others).run() is False


def test_who_lost_the_lease_leaves_and_records_nothing(project, queue, puppets, monkeypatch):
    monkeypatch.setattr(dispatcher, "BEAT", 0.1)
    monkeypatch.setattr(dispatcher, "GRACE", 0.1)
    made = Dispatcher(project, lambda: puppets)
    thread = threading.Thread(target=made.run)
    (a,) = queue.submit([1], ["count"])
    thread.start()
    until(lambda: puppets.begun.get(1))
    with project.store.transaction() as connection:
        connection.execute("update lease set holder = 'dispatch:elsewhere:1:1.0'")
        connection.execute("update batch set holder = 'dispatch:elsewhere:1:1.0', try = 2")
    thread.join(60)
    assert queue.states([a]) == {a: "running"}


def test_batches_of_an_importer_that_died_are_taken_over(queue, running, puppets):
    queue.begin(1, ["count"], "import:elsewhere:1:1.0")
    task, _ = until(lambda: puppets.begun.get(1))
    assert task.try_ == 2
    puppets.end(1)


def test_a_paused_queue_lets_the_dispatcher_leave(project, queue):
    (a,) = queue.submit([1], ["count"])
    queue.pause()
    assert run_inline(project)
    assert queue.states([a]) == {a: "waiting"}


def test_waiting_starts_nobody_while_the_queue_is_paused(project, queue, monkeypatch):
    monkeypatch.setattr(dispatch, "start", lambda project: pytest.fail("started"))
    queue.pause()
    with pytest.raises(QueueError, match="have not ended"):
        dispatch.wait(project, queue.submit([1], ["count"]), timeout=0.3)


def test_waiting_tells_when_no_dispatcher_can_live(project, queue, monkeypatch):
    class Dead:
        returncode = 1

        def poll(self):
            return 1

    monkeypatch.setattr(dispatch, "start", lambda project: Dead())
    with pytest.raises(QueueError, match="ended 3 times"):
        dispatch.wait(project, queue.submit([1], ["count"]), timeout=60)


@pytest.fixture
def _no_signals(monkeypatch):
    monkeypatch.setattr(dispatch.signal, "signal", lambda *_: None)


@pytest.mark.usefixtures("_no_signals")
def test_a_broken_project_file_is_told_with_an_exit_code(project, capsys):
    (project.root / "project.toml").write_text("mode = [")
    assert dispatch.main([str(project.root), "--inline"]) == 1
    assert "project.toml cannot be read" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_signals")
def test_the_dispatcher_writes_a_log(project, queue):
    queue.submit([1], ["count"])
    assert dispatch.main([str(project.root), "--inline"]) == 0
    text = dispatch.log_file(project).read_text()
    assert "batch 1, try 1, begins on processor 0" in text
    assert "batch 1: done" in text


def test_no_batch_fails_while_a_file_of_values_is_broken(project, queue, running, puppets):
    one, two = queue.submit([1], ["count"]), queue.submit([2], ["count"])
    until(lambda: 1 in puppets.begun)
    whole = project.settings.path.read_text()
    project.settings.path.write_text(f"{whole}\n[values")
    puppets.end(1)
    until(lambda: any(line["event"] == "warning" for line in queue.log()))
    assert queue.states([*one, *two]) == {one[0]: "done", two[0]: "waiting"}
    project.settings.path.write_text(whole)
    until(lambda: 2 in puppets.begun)
    puppets.end(2)
    until(lambda: queue.counts()["done"] == 2)
    assert sum(line["event"] == "warning" for line in queue.log()) == 1


def test_a_group_whose_values_are_broken_waits_until_they_are_mended(
    project, queue, running, puppets
):
    file = project.root / "g" / "group.toml"
    file.write_text("[values")
    queue.submit([1], ["count"])
    until(lambda: any(line["event"] == "warning" for line in queue.log()))
    assert queue.counts()["waiting"] == 1
    file.unlink()
    until(lambda: 1 in puppets.begun)
    puppets.end(1)
    until(lambda: queue.counts()["done"] == 1)


def test_a_dispatcher_that_serves_one_caller_leaves_when_values_are_broken(project, queue, puppets):
    batches = queue.submit([1], ["count"])
    (project.root / "g" / "group.toml").write_text("[values")
    with pytest.raises(BadProject, match=r"group\.toml"):
        Dispatcher(project, lambda: puppets).run()
    assert queue.states(batches) == {batches[0]: "waiting"}
    assert Lease(project.store).current() is None


def test_no_batch_begins_while_the_disk_is_full(project, queue, running, puppets, monkeypatch):
    left = [5_000_000]
    monkeypatch.setattr(dispatcher.shutil, "disk_usage", lambda _: SimpleNamespace(free=left[0]))
    queue.submit([1], ["count"])
    until(lambda: any("5 MB left" in line["message"] for line in queue.log()))
    left[0] = 4_000_000
    time.sleep(0.5)
    assert sum(line["event"] == "warning" for line in queue.log()) == 1
    assert queue.counts()["waiting"] == 1
    left[0] = 10**12
    until(lambda: 1 in puppets.begun)
    puppets.end(1)
    until(lambda: queue.counts()["done"] == 1)


class Breaking(Puppets):
    """Workers none of which can be started any more as soon as one has work."""

    @property
    def slots(self):
        if self.begun:
            threading.Timer(0.3, lambda: self.end(1, "cancelled")).start()
            raise QueueError("no worker process can be started any more")
        return 1

    @slots.setter
    def slots(self, _):
        pass


def test_what_runs_waits_again_when_the_dispatcher_breaks(project, queue):
    workers = Breaking()
    batches = queue.submit([1], ["count"])
    with pytest.raises(QueueError):
        Dispatcher(project, lambda: workers).run()
    assert queue.states(batches) == {batches[0]: "waiting"}
    assert workers.closed
