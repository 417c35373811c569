import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from contracts.workers import until

import focusnb as fn
from focusnb.batch import running
from focusnb.batch.lease import NAME, SESSION, Holder, Lease
from focusnb.batch.live import live
from focusnb.errors import QueueError

PATIENCE = 40.0


@pytest.fixture
def own(project):
    """The project as people hold it; whatever works on it in the end is ended."""
    made = fn.open(project.root)
    made.set(processors=1, threads=1, seconds=0.0)
    yield made
    pids = [who.pid for name in (SESSION, NAME) if (who := running.who(made, name)) and who.here]
    for pid in pids:
        if pid != os.getpid() and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGTERM)
    until(lambda: running.who(made, NAME) is None)


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


def begun(project, batch):
    return until(lambda: project.queue.states([batch])[batch] == "running")


def left(project, name):
    return until(lambda: running.who(project, name) is None)


def test_a_queue_that_is_stopped_finishes_what_runs_and_keeps_what_waits(own, gate):
    a, b = own.process([1, 2], ["count"], set={"gate": str(gate)})
    assert own.running.dispatcher is None
    own.queue.start()
    begun(own, a)
    assert own.running.dispatcher.pid == Lease(own.store).current().pid
    own.queue.stop()
    assert own.running.dispatcher.asked == "finish"
    assert "ending when what runs has ended" in str(own.running)
    gate.touch()
    left(own, NAME)
    assert own.queue.states([a, b]) == {a: "done", b: "waiting"}


def test_a_queue_that_is_stopped_now_gives_back_what_runs(own, gate):
    a, b = own.process([1, 2], ["count"], set={"gate": str(gate)})
    own.queue.start()
    begun(own, a)
    own.queue.stop(now=True, wait=PATIENCE)
    assert own.queue.states([a, b]) == {a: "waiting", b: "waiting"}
    assert own.queue.log(batch=a)[0]["event"] == "given back"


def test_starting_a_paused_queue_resumes_it(own, monkeypatch):
    monkeypatch.setattr("focusnb.batch.dispatch.start", lambda project: None)
    own.queue.pause()
    own.queue.start()
    assert not own.queue.paused


def test_a_live_session_is_one_process_that_says_what_it_does(own, gate, tmp_path):
    camera = tmp_path / "camera"
    camera.mkdir()
    (camera / "a <b>.tif").write_bytes(b"")
    own.watch(camera, settle=0.0)
    own.start(wait=PATIENCE)
    with pytest.raises(QueueError, match=r"live session: process \d+ on this computer.*already"):
        own.start()
    until(lambda: "a <b>.tif" in own.running.news)
    assert own.running.watches == {str(camera): {"waiting": 0, "message": ""}}
    with pytest.raises(QueueError, match="keeps the queue going"):
        own.queue.stop()
    a, b = own.process([1, 2], ["count"], set={"gate": str(gate)})
    begun(own, a)
    own.stop()
    gate.touch()
    left(own, SESSION)
    assert own.queue.states([a, b]) == {a: "done", b: "waiting"}
    assert own.running.dispatcher is None
    assert not (own.root / "session" / "live.json").exists()


def test_a_live_session_outlives_whoever_started_it(own):
    code = f"import focusnb, os; focusnb.open({str(own.root)!r}).start(wait=40); os.kill(os.getpid(), 9)"
    starter = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert starter.returncode == -signal.SIGKILL
    time.sleep(1.0)
    who = own.running.session
    assert who.pid != os.getpid()
    own.stop(now=True, wait=PATIENCE)
    until(lambda: not Holder(SESSION, who.host, who.pid, who.since).alive)


def test_why_a_session_ended_at_once_is_told(own):
    (own.root / "project.toml").write_text("mode = [", encoding="utf-8")
    with pytest.raises(QueueError, match=r"ended at once: focusnb: .*project\.toml"):
        running.start(own, wait=PATIENCE)


def test_a_second_session_does_not_begin(own):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        Lease(own.store, Holder.of(SESSION, other.pid), name=SESSION).take()
        with pytest.raises(QueueError, match="runs already"):
            live(own, submit=print, publish=print, until=lambda: True, news=print)
        assert running.who(own, SESSION).pid == other.pid
    finally:
        other.kill()
        other.wait()


def test_nobody_is_signalled_whose_number_was_given_out_again(own, monkeypatch):
    me = Holder.this(NAME)
    earlier = Holder(NAME, me.host, me.pid, me.begun - 1000)
    Lease(own.store, earlier).take()
    with pytest.raises(QueueError, match="nobody works on the queue"):
        own.queue.stop(now=True)
    sent = []
    monkeypatch.setattr(psutil.Process, "send_signal", lambda self, number: sent.append(number))
    running._signal(earlier)
    assert sent == []
    running._signal(me)
    assert sent == [signal.SIGTERM]


def test_a_process_of_another_computer_is_not_stopped_from_here(own):
    Lease(own.store, Holder(SESSION, "elsewhere", 1, 0.0), name=SESSION).take()
    with pytest.raises(QueueError, match=r"on elsewhere.*stop it there"):
        own.stop()
    assert "elsewhere" in str(own.running)


def test_a_request_is_nothing_for_the_next_holder(own):
    first, second = Lease(own.store, Holder(NAME, "x", 1, 1.0)), Lease(own.store, stale=-1)
    first.take()
    first.ask(first.holder, "finish")
    assert first.asked() == "finish"
    assert second.take()
    assert (second.asked(), first.asked()) == ("", "")
    second.release()


def test_a_session_that_ends_is_alive_until_all_has_ended(own, monkeypatch):
    monkeypatch.setattr(running, "BEAT", 0.02)
    presence = running.Presence(own)
    presence.take()
    presence.tend()

    def beats():
        return own.store.rows("select beat from lease where name = ?", (SESSION,))[0]["beat"]

    with presence.ending():
        before = beats()
        until(lambda: beats() > before)
        assert running.who(own, SESSION).pid == os.getpid()
    assert running.who(own, SESSION) is None
    assert not (own.root / "session" / "live.json").exists()


def test_a_session_that_was_taken_over_leaves_what_its_successor_says(own):
    presence = running.Presence(own)
    presence.take()
    presence.tend()
    Lease(own.store, Holder(SESSION, "elsewhere", 1, 0.0), stale=-1, name=SESSION).take()
    with own.store.transaction() as connection:  # it was silent for long
        connection.execute(
            "update lease set holder = 'session:elsewhere:1:0.0', host = 'elsewhere', pid = 1,"
            " begun = 0 where name = ?",
            (SESSION,),
        )
    said = own.root / "session" / "live.json"
    said.write_text('{"pid": 1, "news": "imported g/1"}', encoding="utf-8")
    with presence.ending():
        pass
    assert running.who(own, SESSION).host == "elsewhere"
    assert own.running.news == "imported g/1"


def test_sentences_of_pages_have_no_time_of_the_kernel_s_clock(own):
    who = running.Who(SESSION, "here", 7, 1_790_000_000.0, here=True, asked="now")
    assert who.named == "live session: process 7 on this computer, ending"
    assert str(who).startswith("live session: process 7 on this computer, since ")
    Lease(own.store, Holder(SESSION, "elsewhere", 1, 0.0), name=SESSION).take()
    for refused in (own.start, own.stop, running.Presence(own).take):
        with pytest.raises(QueueError) as told:
            refused()
        assert "since" not in str(told.value)


def test_nothing_to_stop_is_a_sentence(own):
    with pytest.raises(QueueError, match="no live session runs"):
        own.stop()
