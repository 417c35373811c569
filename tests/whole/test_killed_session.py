"""`focusnb run` is ended by force, again and again: every image has each result exactly once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import psutil
import pytest

import focusnb as fn
from focusnb import formats

MOVIES = 10
PATIENCE = 70  # seconds in which everything must be done


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    rng = np.random.default_rng(5)
    still = rng.gamma(4.0, 1.0, (192, 192))
    for number in range(MOVIES):
        frames = rng.poisson(np.broadcast_to(still, (6, 192, 192))).astype(np.uint8)
        formats.write(folder / f"m{number}.mrcs", frames, pixel_size=1.0)
    return folder


@pytest.fixture
def project(tmp_path, camera):
    project = fn.create(
        tmp_path / "project", processors=2, threads=1, workflow="prepare motion measure"
    )
    # a step of the user's that takes its time, so that the axe falls while something runs
    script = project.root / "scripts" / "linger.py"
    script.write_text(
        "#!/usr/bin/env python3\n# /// script\n# [tool.focusnb]\n"
        '# params = ["average"]\n# results = ["lingered"]\n'
        "# [tool.focusnb.param.lingered]\n# default = 0.0\n# ///\n"
        "import os, time\ntime.sleep(0.4)\n"
        'open(os.environ["FOCUSNB_RESULTS"], "w").write("lingered = 1.5\\n")\n'
    )
    project.set(workflow="prepare motion measure linger")
    project.watch(camera, settle=0.2)
    return project


def start(project):
    return subprocess.Popen(
        [sys.executable, "-m", "focusnb.command", "run", str(project.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def family(process):
    """The process and all that came from it."""
    try:
        top = psutil.Process(process.pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def command_of(process):
    """Its command line; empty when it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def kill(processes):
    for process in processes:
        with_pid = process.pid
        try:
            os.kill(with_pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def done(project):
    counts = project.queue.counts()
    return (
        counts["done"] + counts["skipped"] >= MOVIES and not counts["waiting"] + counts["running"]
    )


def wait_for(condition, seconds, what):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.05)


@pytest.mark.slow
def test_a_session_killed_three_times_has_every_result_exactly_once(project):
    for moment, whom in enumerate(("run", "family", "dispatcher")):
        session = start(project)
        wait_for(
            lambda m=moment: done(project) or project.queue.counts()["done"] > m,
            PATIENCE,
            f"nothing was done before kill {moment}",
        )
        members = family(session)
        if whom == "run":
            kill(members[:1])
        elif whom == "family":
            kill(members)
        else:
            kill(p for p in members if "focusnb.batch.dispatch" in command_of(p))
            wait_for(lambda: done(project), PATIENCE, "no new dispatcher took over")
            session.send_signal(signal.SIGINT)
        session.wait(30)
        session.stderr.close()

    project = fn.open(project.root)
    assert len(project) == MOVIES
    ended = Counter(
        row["image"] for row in project.queue.log(limit=10_000) if row["event"] == "done"
    )
    assert list(ended.values()) == [1] * MOVIES
    for image in project.images:
        assert image["lingered"] == 1.5
        assert image.read("average").shape == (192, 192)
        assert (
            json.loads((image.folder / "image.json").read_text())["results"]
            == image.document["results"]
        )
        assert not list(image.folder.glob(".try-*"))
    assert not project.library["error"].notna().any()
