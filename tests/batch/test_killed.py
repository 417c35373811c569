"""Processes are killed for real; afterwards every image has each result exactly once."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from contracts.workers import until

from batch.killed_at import AFTER, POINTS
from focusnb.batch import dispatch
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.lease import Lease
from focusnb.batch.queue import Queue
from focusnb.batch.workers import Inline
from focusnb.model.project import Project

STUBBORN = """#!/bin/sh
# /// script
# [tool.focusnb]
# title = "Leave somebody behind who goes on writing"
# category = "Measure"
# params = ["seconds"]
# results = ["note"]
# [tool.focusnb.param.seconds]
# unit = "s"
# default = 0.0
# [tool.focusnb.param.note]
# type = "path"
# ///
here=$(pwd)
if [ ! -e "$ORPHANS" ]; then
    setsid sh -c 'echo $$ > "$ORPHANS"; while true; do echo orphan > "$0/note.txt"; sleep 0.02; done' "$here" &
    sleep 600
fi
echo mine > note.txt
echo "note = note.txt" >> "$FOCUSNB_RESULTS"
"""


@pytest.fixture
def queue(project):
    return Queue(project)


def assert_each_once(project, ids):
    """Each batch was recorded once, each image has its result and product, nothing lies about."""
    queue = Queue(project)
    assert set(queue.states(ids).values()) == {"done"}
    done = [line["batch"] for line in queue.log(limit=1000) if line["event"] == "done"]
    assert sorted(done) == sorted(ids)
    for image in project.images:
        folder = project.folder(image.id)
        assert list(image.document["runs"]) == ["count"]
        assert (image["counted"], (folder / "note.txt").is_file()) == (7, True)
        assert json.loads((folder / "image.json").read_text())["results"]["counted"] == 7
        assert not list(folder.glob(".try-*"))
    assert Lease(project.store).current() is None


@pytest.mark.parametrize("point", POINTS)
def test_a_dispatcher_killed_at_any_point_loses_nothing_and_repeats_nothing(project, queue, point):
    ids = queue.submit([1, 2, 3, 4], ["count"])
    program = Path(__file__).with_name("killed_at.py")
    dead = subprocess.run([sys.executable, program, project.root, point], check=False)
    assert dead.returncode == -signal.SIGKILL
    assert ("done" in queue.states(ids).values()) == (point in AFTER)
    Dispatcher(project, Inline).run()
    assert_each_once(project, ids)


def worker_of(pid):
    """Find the worker process that runs a step of this dispatcher now."""
    with contextlib.suppress(psutil.NoSuchProcess):  # one may end while we look; look again
        for child in psutil.Process(pid).children():
            if any("count" in " ".join(one.cmdline()) for one in living(child.children())):
                return child.pid
    return None


def living(processes):
    def lives(process):
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [p for p in processes if lives(p)]


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


@pytest.fixture
def dispatching(project, queue, gate):
    """A dispatcher's own process; its first batch runs until the gate is opened."""
    project.set(processors=1)
    queue.submit([1], ["count"], given={"gate": str(gate)})
    queue.submit([2, 3, 4], ["count"])
    process = dispatch.start(project)
    until(lambda: worker_of(process.pid))
    family = psutil.Process(process.pid).children(recursive=True)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    for one in living(family):
        one.kill()


def test_killing_the_dispatcher_ends_its_workers_and_the_next_one_goes_on(
    project, dispatching, gate
):
    family = psutil.Process(dispatching.pid).children(recursive=True)
    dispatching.kill()
    gate.touch()
    until(lambda: not living(family))
    assert dispatch.wait(project, [1, 2, 3, 4], timeout=60) == dict.fromkeys([1, 2, 3, 4], "done")
    until(lambda: Lease(project.store).current() is None)
    assert_each_once(project, [1, 2, 3, 4])


def test_a_killed_worker_costs_one_try(project, queue, dispatching, gate):
    os.kill(until(lambda: worker_of(dispatching.pid)), signal.SIGKILL)
    gate.touch()
    assert queue.wait([1, 2, 3, 4], timeout=60) == dict.fromkeys([1, 2, 3, 4], "done")
    assert dispatching.wait(60) == 0
    assert_each_once(project, [1, 2, 3, 4])
    events = [line["event"] for line in queue.log(batch=1, descending=False)]
    assert events == ["submitted", "started", "lost", "started", "done"]


def test_a_terminated_dispatcher_gives_back_and_leaves_nobody(project, queue, dispatching, gate):
    family = psutil.Process(dispatching.pid).children(recursive=True)
    dispatching.terminate()
    assert dispatching.wait(60) == 0
    until(lambda: not living(family))
    assert queue.states([1]) == {1: "waiting"}
    assert Lease(project.store).current() is None
    gate.touch()
    Dispatcher(project, Inline).run()
    assert_each_once(project, [1, 2, 3, 4])


def test_a_dispatcher_stays_with_a_process_and_leaves_after_it(project, queue):
    friend = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    command = [sys.executable, "-m", "focusnb.batch.dispatch", project.root, "--inline"]
    process = subprocess.Popen([*command, "--stay-with", str(friend.pid)])
    try:
        until(lambda: Lease(project.store).current())
        assert dispatch.start(project) is None
        ids = queue.submit([1, 2, 3, 4], ["count"])
        queue.wait(ids, timeout=60)
        time.sleep(0.5)
        assert process.poll() is None
        friend.kill()
        friend.wait()
        assert process.wait(60) == 0
    finally:
        friend.kill()
        friend.wait()
        process.kill()
        process.wait()
    assert_each_once(project, ids)


def test_an_orphan_that_goes_on_writing_spoils_nothing(project, queue, tmp_path, monkeypatch):
    orphans = tmp_path / "orphans"
    monkeypatch.setenv("ORPHANS", str(orphans))
    script = project.root / "scripts" / "stubborn.sh"
    script.write_text(STUBBORN)
    script.chmod(0o755)
    ids = queue.submit([1], ["stubborn"])
    program = "from focusnb.batch import dispatch; import sys; dispatch.main(sys.argv[1:])"
    first = subprocess.Popen([sys.executable, "-c", program, project.root, "--inline"])
    until(lambda: orphans.exists() and orphans.read_text().strip())
    first.kill()
    first.wait()
    orphan = psutil.Process(int(orphans.read_text()))
    try:
        Dispatcher(Project.open(project.root), Inline).run()
        assert queue.states(ids) == {ids[0]: "done"}
        assert orphan.is_running()
        time.sleep(0.1)
        assert (project.folder(1) / "note.txt").read_text() == "mine\n"
        assert project[1].document["runs"]["stubborn"]["products"] == ["note"]
    finally:
        orphan.kill()
