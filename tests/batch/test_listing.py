import json

import pytest

from focusnb.batch.lease import Holder
from focusnb.batch.queue import Queue
from focusnb.model import tries
from focusnb.model.record import Outcome


@pytest.fixture
def queue(project):
    project.add_image("Ä <b>.tif", "g", values={})
    return Queue(project)


def run(queue, count, state="done", message=""):
    holder = str(Holder.this("import"))
    for _ in range(count):
        row = queue.take(holder, 0)
        outcome = Outcome(row["image"], "nowhere", state, message)
        queue.finish(row["id"], row["try"], holder, outcome)


def test_a_part_is_in_the_order_of_people(queue):
    a, b, c, d, e = queue.submit([1, 2, 3, 4, 5], ["count"])
    run(queue, 2)
    queue.cancel([e])
    queue.take(str(Holder.this("import")), 1)
    total, rows = queue.part(0, 10)
    # what runs, what waits, then what has ended: the last first
    assert (total, [row["id"] for row in rows]) == (5, [c, d, e, b, a])
    assert [row["id"] for row in queue.part(1, 3)[1]] == [d, e, b]
    assert [row["id"] for row in queue.part(4, 9)[1]] == [a]
    assert queue.part(7, 3) == (5, [])
    assert rows[0]["number"] == 3


def test_a_part_of_some_states_and_names(queue):
    a, b, *_ = queue.submit([1, 2, 3, 4, 5], ["count"])
    run(queue, 2, "failed", "no rings")
    assert [row["id"] for row in queue.part(0, 9, states=["failed"])[1]] == [b, a]
    assert queue.part(0, 9, states=[])[0] == 0
    total, rows = queue.part(0, 9, text=" MOVIE 1")
    assert (total, [row["name"] for row in rows]) == (1, ["movie 1"])
    assert queue.part(0, 9, text="Ä <B>")[0] == 1
    assert queue.part(0, 9, text="%")[0] == 0


def test_what_waits_is_told_in_its_order(queue):
    a, b, c = queue.submit([1, 2, 3], ["count"])
    queue.top([c])
    assert queue.waiting() == [c, a, b]


def test_the_log_is_filtered(queue):
    a, b = queue.submit([1, 2], ["count"])
    run(queue, 1, "failed", "No Rings <script>")
    queue.note("warning", "the disk is full")
    assert [line["event"] for line in queue.log(errors=True)] == ["warning", "failed"]
    assert [line["batch"] for line in queue.log(text="rings <s")] == [a]
    assert {line["name"] for line in queue.log(text="movie 1")} == {"movie 1"}
    assert queue.log(text="100%") == []
    assert [line["event"] for line in queue.log(image=1, errors=True)] == ["failed"]
    assert queue.log(batch=b, errors=True) == []
    assert {line["processor"] for line in queue.log(processor=0)} == {0}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"step": "previews", "text": "drawing previews", "fraction": 0.9}, "drawing previews"),
        ({"step": "motion", "text": "aligning", "fraction": 0.9}, "motion aligning"),
        ({"step": "ctf", "fraction": 0.9}, "ctf"),
    ],
)
def test_what_runs_is_told_with_its_step_once(queue, project, told, text):
    queue.submit([1], ["count"])
    row = queue.take(str(Holder.this("import")), 0)
    folder = tries.folder_of(project.folder(1), row["id"], row["try"])
    folder.mkdir(parents=True)
    (folder / ".progress").write_text(json.dumps(told))
    shown = queue.part(0, 1)[1][0]
    assert (shown["text"], shown["progress"]) == (text, 0.9)
