import subprocess
import sys

import psutil
import pytest
from contracts.workers import until

from focusnb.batch.lease import Holder, Lease, lives


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def other():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_one_process_has_the_lease(project, other):
    first = Lease(project.store, Holder.of("dispatch", other.pid))
    second = Lease(project.store)
    assert first.take()
    assert not second.take()
    assert second.current() == first.holder
    first.release()
    assert second.take()


def test_the_lease_of_a_dead_process_is_taken_at_once(project, other):
    first = Lease(project.store, Holder.of("dispatch", other.pid))
    assert first.take()
    other.kill()
    until(lambda: psutil.Process(other.pid).status() == psutil.STATUS_ZOMBIE)
    second = Lease(project.store)
    assert second.current() is None
    assert second.take()
    assert not first.beat()


def test_a_reused_pid_is_another_process(project, other):
    holder = Holder.of("dispatch", other.pid)
    old = Holder("dispatch", holder.host, holder.pid, holder.begun - 60)
    assert Lease(project.store, old).take()
    assert Lease(project.store).take()


def test_of_another_computer_only_the_heartbeat_counts(project):
    clock = Clock()
    far = Lease(project.store, Holder("dispatch", "elsewhere", 1, 1.0), clock=clock)
    near = Lease(project.store, clock=clock, stale=60)
    assert far.take()
    clock.now += 59
    assert not near.take()
    assert far.beat()
    clock.now += 59
    assert not near.take()
    clock.now += 2
    assert near.take()


def test_the_lease_is_not_given_back_while_a_batch_waits(project):
    from focusnb.batch.queue import Queue

    lease, queue = Lease(project.store), Queue(project)
    assert lease.take()
    queue.submit([1], ["count"])
    assert not lease.release_if_idle()
    queue.pause()
    assert lease.release_if_idle()
    assert lease.current() is None


def test_a_token_names_its_process():
    holder = Holder.this("import")
    assert Holder.read(str(holder)) == holder
    assert holder.alive
    assert Holder.read("nonsense") is None
    assert not Holder("import", "elsewhere", holder.pid, holder.begun).alive


def test_a_pid_that_nobody_has_does_not_live():
    assert not lives(2**22 + 1)
