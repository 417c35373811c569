import sqlite3
import time

import pytest

import focusnb as fn
from focusnb.batch import dispatch
from focusnb.batch.lease import Holder
from focusnb.model import tries
from focusnb.model.record import Outcome
from focusnb_widgets.desk import Desk
from focusnb_widgets.work import QueuePanel
from focusnb_widgets.work.pace import Sent

ME = str(Holder.this("import"))


@pytest.fixture
def project(tmp_path):
    made = fn.create(tmp_path / "a project", mode="drift")
    for number in range(6):
        made.add_image(f"movie {number} <b>.tif", "g", values={})
    return made


@pytest.fixture
def batches(project):
    return project.queue.submit([1, 2, 3, 4, 5, 6], ["motion", "measure"])


@pytest.fixture
def panel(project, batches, monkeypatch):
    made = QueuePanel(Desk(project))
    made.messages = []
    monkeypatch.setattr(made, "send", lambda message, buffers=None: made.messages.append(message))
    made.say = lambda do, **more: made._on_message(made, {"do": do, "page": "A", **more}, [])
    made.say("ready")
    made.say("view", first=0, count=40)
    return made


def told(panel, kind):
    """The messages of a kind since the last time."""
    found = [m[kind] for m in panel.messages if next(iter(m)) == kind]
    panel.messages.clear()
    return found


def fail(project, batch, message):
    project.queue.top([batch])
    row = project.queue.take(ME, 1)
    scratch = tries.folder_of(project.folder(row["image"]), row["id"], row["try"])
    outcome = Outcome(row["image"], str(scratch), "failed", message, step="motion")
    project.queue.finish(row["id"], row["try"], ME, outcome)


def test_a_page_that_opens_gets_everything(panel, batches):
    head = next(m["head"] for m in panel.messages if "head" in m)
    assert (head["counts"]["waiting"], head["dispatcher"], head["paused"]) == (6, None, False)
    rows = told(panel, "rows")[0]
    assert (rows["total"], rows["order"], rows["page"]) == (6, batches, "A")
    assert rows["rows"][0]["name"] == "movie 0 <b>.tif"
    panel.say("ready")
    assert told(panel, "rows")[0]["order"] == batches


def test_only_what_changed_is_sent(panel, project, batches):
    told(panel, "rows")
    panel.refresh()
    assert panel.messages == []
    project.queue.cancel([batches[2]])
    panel.refresh()
    (rows,) = told(panel, "rows")
    assert [row["id"] for row in rows["rows"]] == [batches[2]]
    assert rows["order"] == [b for b in batches if b != batches[2]] + [batches[2]]


def test_two_pages_have_each_their_own_part_of_the_list(panel, batches):
    told(panel, "rows")
    panel._on_message(panel, {"do": "view", "page": "B", "first": 4, "count": 2}, [])
    (rows,) = told(panel, "rows")
    assert (rows["page"], rows["order"]) == ("B", batches[4:])
    panel.say("view", first=0, count=2, states=["waiting"], text="MOVIE 3")
    (rows,) = told(panel, "rows")
    assert (rows["page"], rows["order"], rows["total"]) == ("A", [batches[3]], 1)


def test_nothing_is_looked_up_for_a_page_that_nobody_sees(panel, project, batches):
    panel.say("seen", on=False)
    panel.messages.clear()
    project.queue.cancel(batches)
    panel.refresh()
    assert told(panel, "rows") == []
    panel.say("seen", on=True)
    assert told(panel, "rows")[0]["rows"][0]["state"] == "cancelled"


@pytest.mark.parametrize(
    ("do", "more", "chosen", "order"),
    [
        ("top", {}, [3, 5], [3, 5, 1, 2, 4, 6]),
        ("top", {}, [5, 3], [3, 5, 1, 2, 4, 6]),
        ("move", {"by": -1}, [3], [1, 3, 2, 4, 5, 6]),
        ("move", {"by": -1}, [1, 2], [1, 2, 3, 4, 5, 6]),
        ("move", {"by": 1}, [2, 3], [1, 4, 2, 3, 5, 6]),
        ("move", {"by": 1}, [2, 5], [1, 3, 2, 5, 4, 6]),
        ("move", {"by": 1}, [6], [1, 2, 3, 4, 5, 6]),
        ("move", {"after": 5}, [1, 2], [3, 4, 5, 1, 2, 6]),
        ("move", {"before": 1}, [6, 3], [3, 6, 1, 2, 4, 5]),
        ("move", {"before": None}, [1], [2, 3, 4, 5, 6, 1]),
    ],
)
def test_the_order_changes_as_asked(panel, project, do, more, chosen, order):
    panel.chosen = chosen
    panel.say(do, **more)
    assert project.queue.waiting() == order
    fresh = fn.open(project.root)
    fresh.queue.move([1, 2, 3, 4, 5, 6], 0)
    exec(panel.line, {"project": fresh})  # the line does the same
    assert fresh.queue.waiting() == order


def test_cancel_and_retry_tell_what_they_did_and_what_not(panel, project, batches):
    row = project.queue.take(ME, 0)
    panel.chosen = batches[:3]
    panel.say("cancel")
    assert panel.line == "project.queue.cancel([1, 2, 3])"
    (done,) = told(panel, "done")
    assert done == "3 batches cancelled (1 of them ran: asked to end)"
    assert project.queue.to_cancel(ME)[0]["id"] == row["id"]
    panel.say("retry", batches=[2, 5])
    (done,) = told(panel, "done")
    assert done == "1 batch queued again; 1 not, which is not failed, cancelled or skipped"
    assert project.queue.states([2, 3]) == {2: "waiting", 3: "cancelled"}
    panel.say("retry", batches=[5])
    assert "none of the chosen batches is failed" in told(panel, "problem")[0]


@pytest.mark.parametrize("do", ["top", "cancel", "retry"])
def test_without_a_choice_nothing_is_done_and_it_is_said(panel, do):
    panel.say(do)
    assert "no batch is chosen" in told(panel, "problem")[0]


def test_pausing_is_told_to_the_page(panel, project, monkeypatch):
    started = []
    panel.say("pause")
    assert project.queue.paused
    assert told(panel, "head")[-1]["paused"]
    assert panel.line == "project.queue.pause()"
    monkeypatch.setattr(dispatch, "start", lambda project: started.append(project))
    panel.say("resume")
    assert not project.queue.paused
    assert (started, panel.line) == ([project], "project.queue.start()")
    project.queue.cancel(project.queue.waiting())
    project.queue.pause()
    panel.say("resume")  # nothing waits: nobody is needed
    assert (started, panel.line) == ([project], "project.queue.resume()")


def test_ranges_beyond_the_page_are_chosen_by_the_kernel(panel, batches):
    panel.say("view", first=0, count=1)
    panel.say("choose", **{"from": batches[4], "to": batches[1]})
    assert panel.chosen == batches[1:5]
    panel.say("choose", **{"from": batches[5], "to": batches[5], "add": True})
    assert panel.chosen == [*batches[1:5], batches[5]]
    panel.say("view", first=0, count=1, text="movie 2")
    panel.say("choose", all=True)
    assert panel.chosen == [batches[2]]


def test_the_log_is_sent_sorted_filtered_and_only_once(panel, project, batches):
    fail(project, batches[0], "<script>alert(1)</script>")
    project.queue.note("warning", "the disk is full")
    panel.say("log", open=True, sort="event", descending=False, errors=True, asked=True)
    (log,) = told(panel, "log")
    assert [row["event"] for row in log["rows"]] == ["failed", "warning"]
    assert log["rows"][0]["message"] == "<script>alert(1)</script>"
    assert panel.line == "project.queue.log(sort='event', descending=False, errors=True)"
    shown = eval(panel.line, {"project": project})
    assert [line["id"] for line in shown] == log["order"]
    project.queue.note("warning", "again")
    panel.refresh()
    (log,) = told(panel, "log")
    assert ([row["message"] for row in log["rows"]], len(log["order"])) == (["again"], 3)


def test_the_log_of_a_failed_step_is_told_with_the_step(panel, project, batches):
    folder = project.folder(1) / "logs"
    folder.mkdir()
    (folder / "motion.log").write_bytes(b"reading\nBadData: \xff <b>\n")
    fail(project, batches[0], "frames are not finite")
    project.change(1, lambda d: d.update(error={"step": "motion", "message": "x"}))
    panel.say("steplog", batch=batches[0])
    log = told(panel, "steplog")[0]
    assert (log["failed"], log["message"]) == ("motion", "frames are not finite")
    assert log["logs"] == [{"step": "motion", "text": "reading\nBadData: � <b>\n"}]
    assert panel.line == "project['g/0000000001'].log('motion')"
    panel.say("steplog", batch=batches[1])
    assert told(panel, "steplog")[0]["logs"] == []
    panel.say("steplog", batch=999)
    assert "no batch 999" in told(panel, "problem")[0]


def test_opening_an_image_is_wanted_from_the_workbench(panel):
    wanted = []
    panel.desk.observe(lambda change: wanted.append(change["new"]), "wants")
    panel.say("open", image=3)
    panel.say("open", image=3)
    assert [one for one in wanted if one] == [{"page": 3}, {"page": 3}]
    assert panel.desk.current == 3


def test_a_dispatcher_that_ends_at_once_is_told(panel, project, monkeypatch):
    class Dead:
        def poll(self):
            return 1

    def start(project):
        dispatch.log_file(project).write_text("a line\nERROR no room\n")
        return Dead()

    monkeypatch.setattr(dispatch, "start", start)
    project.queue.pause()
    panel.say("start")
    assert "ended at once: ERROR no room" in told(panel, "problem")[0]
    assert not project.queue.paused
    panel.say("stop")
    assert "nobody works on the queue" in told(panel, "problem")[0]


def test_trouble_with_the_project_is_said_once_and_so_is_its_end(panel, project, monkeypatch):
    panel.messages.clear()
    with monkeypatch.context() as patch:

        def broken(*_):
            raise sqlite3.OperationalError("disk I/O error")

        patch.setattr(project.queue.__class__, "counts", broken)
        panel.refresh()
        panel.refresh()
    assert [m["problem"] for m in panel.messages] == [
        f"{project.store.path} cannot be used: disk I/O error"
    ]
    panel.refresh()
    assert panel.messages[-1]["done"] == "the project can be read again"


def test_a_project_that_was_moved_away_is_told_and_found_again(panel, project):
    panel.messages.clear()
    project.root.rename(project.root.with_name("elsewhere"))
    panel.refresh()
    panel.refresh()
    assert [m["problem"].partition(";")[0] for m in panel.messages] == [
        f"{project.root} is not there any more"
    ]
    project.root.with_name("elsewhere").rename(project.root)
    panel.refresh()
    assert panel.messages[-1]["done"] == "the project can be read again"


def test_ten_thousand_waiting_batches_do_not_choke_it(project, monkeypatch):
    with project.store.transaction() as connection:
        connection.executemany(
            "insert into batch (image, steps, position, state, submitted) values (1, ?, ?, 'waiting', 0)",
            [(f"motion {n}", n) for n in range(10_000)],
        )
    panel = QueuePanel(Desk(project))
    sent = []
    monkeypatch.setattr(panel, "send", lambda message, buffers=None: sent.append(message))
    panel._on_message(panel, {"do": "ready", "page": "A"}, [])
    began = time.monotonic()
    panel._on_message(panel, {"do": "view", "page": "A", "first": 9_900, "count": 60}, [])
    panel._on_message(panel, {"do": "choose", "page": "A", "all": True}, [])
    panel._on_message(panel, {"do": "cancel", "page": "A"}, [])
    assert time.monotonic() - began < 10  # a guard only
    assert max(len(m["rows"]["rows"]) for m in sent if "rows" in m) == 60
    assert project.queue.counts()["cancelled"] == 10_000


def test_changes_of_a_list_are_its_new_and_changed_rows():
    sent = Sent()
    assert sent.changes([]) == {"order": [], "rows": []}
    a, b = {"id": 1, "x": 1}, {"id": 2, "x": 1}
    assert sent.changes([a, b]) == {"order": [1, 2], "rows": [a, b]}
    assert sent.changes([a, b]) is None
    assert sent.changes([b, a]) == {"order": [2, 1], "rows": []}
    assert sent.changes([b, {"id": 1, "x": 2}])["rows"] == [{"id": 1, "x": 2}]
    assert sent.changes([]) == {"order": [], "rows": []}


def test_without_a_front_end_it_tells_how_the_queue_stands(panel):
    assert repr(panel) == "<queue of 'a project': 6 waiting; nobody works on this project>"
