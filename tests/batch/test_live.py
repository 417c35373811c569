import sqlite3
import time
from itertools import pairwise

import pytest

from focusnb.batch import dispatch, watch
from focusnb.batch import live as room
from focusnb.errors import BadProject


@pytest.fixture
def session(project, tmp_path, monkeypatch):
    """Gives a function that lives through some turns; told: what was said, in order."""
    folder = tmp_path / "camera"
    folder.mkdir()
    watch.store(project, folder, settle=0.0)
    monkeypatch.setattr(room, "SCAN", 0.01)
    monkeypatch.setattr(dispatch, "start", lambda *_, **__: None)

    def live(turns, publish=lambda: None, between=lambda turn: None, finish=None):
        told, left = [], list(range(turns))

        def until():
            if left:
                between(turns - len(left))
            return not left or left.pop(0) is None

        room.live(
            project,
            submit=lambda *_: None,
            publish=publish,
            until=until,
            news=told.append,
            finish=finish,
        )
        return told

    live.folder = folder
    return live


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        OSError(28, "No space left on device"),
        BadProject("project.toml cannot be read"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_hinders_is_said_once_and_so_is_its_end(project, session, error, monkeypatch):
    project.set(publish_interval=0.1)
    monkeypatch.setattr(room, "SCAN", 0.11)
    turn = 0

    def count(now):
        nonlocal turn
        turn = now

    def publish():
        if 2 <= turn < 5:
            raise error

    told = session(8, publish, count)
    assert len(told) == 2
    assert str(error) in told[0]
    assert told[1].endswith("the session goes on")


def test_trouble_at_the_very_end_is_told_too(session):
    def publish():
        raise OSError(28, "No space left on device")

    assert "No space left" in session(0, publish)[-1]


def test_a_new_image_is_one_line_whatever_its_name(session):
    (session.folder / "a\nb.tif").write_bytes(b"")
    told = session(4)
    assert told == [told[0]]
    assert told[0].startswith("imported g1/0000000005 a b.tif: the file is empty")


def test_a_dispatcher_that_cannot_live_is_not_started_over_and_over(session, monkeypatch):
    class Dead:
        def poll(self):
            return 1

    started = []
    monkeypatch.setattr(dispatch, "start", lambda *_, **__: started.append(1) or Dead())
    session(20)
    assert len(started) == 1


def test_a_folder_that_is_slow_to_look_at_is_looked_at_less_often(session, monkeypatch):
    looks = []

    def slow(*_):
        looks.append(time.monotonic())
        time.sleep(0.1)
        return False, ""

    monkeypatch.setattr(room, "_scan", slow)
    session(60)
    assert len(looks) >= 2
    assert min(b - a for a, b in pairwise(looks)) >= 0.5


def test_the_end_is_published_whatever_was_published_a_moment_ago(project, session):
    end = []
    ended = session(3, finish=lambda: end.append("last word"))
    assert (ended, end) == ([], ["last word"])
