import json
import sqlite3

import pytest

from focusnb.batch.lease import Holder, Lease
from focusnb.batch.queue import Queue
from focusnb.batch.sql import query
from focusnb.errors import BadValue, QueueError, UnknownName
from focusnb.model import record
from focusnb.model.record import Outcome


class Clock:
    now = 1000.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def queue(project):
    return Queue(project, clock=Clock())


@pytest.fixture
def holder(project):
    lease = Lease(project.store)
    assert lease.take()
    return str(lease.holder)


def outcome(queue, row, state="done", message=""):
    scratch = queue.project.folder(row["image"]) / f".try-{row['try']}-{row['id']}"
    return Outcome(row["image"], str(scratch), state, message)


def end(queue, row, holder, state="done"):
    return queue.finish(row["id"], row["try"], holder, outcome(queue, row, state))


def waiting(queue):
    return [row["id"] for row in queue.listing() if row["state"] == "waiting"]


# -- order ------------------------------------------------------------------------------------


def test_first_come_first_served(queue, holder):
    ids = queue.submit([3, 1, 2], ["count"])
    assert [queue.take(holder)["id"] for _ in ids] == ids


def test_top_puts_batches_first_in_the_order_given(queue, holder):
    a, b, c, d = queue.submit([1, 2, 3, 4], ["count"])
    assert queue.top([d, b]) == [d, b]
    assert waiting(queue) == [d, b, a, c]


def test_submitted_at_the_top_comes_first(queue, holder):
    first = queue.submit([1, 2], ["count"])
    later = queue.submit([3, 4], ["count"], top=True)
    assert waiting(queue) == later + first


def test_positions_can_be_changed_by_hand(queue):
    a, b, c, d = queue.submit([1, 2, 3, 4], ["count"])
    assert queue.move([d], 1) == [d]
    assert waiting(queue) == [a, d, b, c]
    queue.move([a, d], 99)
    assert waiting(queue) == [b, c, a, d]
    queue.move([d], 0)
    assert waiting(queue) == [d, b, c, a]


def test_moving_between_neighbours_for_ever_keeps_the_order(queue):
    a, b, c, d = queue.submit([1, 2, 3, 4], ["count"])
    for _ in range(80):
        queue.move([c], 1)
        queue.move([d], 1)
    assert waiting(queue) == [a, d, c, b]


def test_batches_of_one_image_run_one_after_the_other(queue, holder):
    first, second = queue.submit([1], ["count"]) + queue.submit([1], ["count"], trial="x")
    row = queue.take(holder)
    assert row["id"] == first
    assert queue.take(holder) is None
    end(queue, row, holder)
    assert queue.take(holder)["id"] == second


def test_an_image_that_is_to_be_moved_is_left_alone(queue, holder, project):
    queue.submit([1, 2], ["count"])
    with project.store.transaction() as connection:
        connection.execute("insert into move values (1, 'other')")
    assert queue.take(holder)["image"] == 2


# -- asking -----------------------------------------------------------------------------------


def test_asking_twice_is_harmless(queue):
    ids = queue.submit([1, 2], ["count"], given={"seconds": 1.0})
    assert queue.submit([2, 1], ["count"], given={"seconds": 1.0}) == ids[::-1]
    assert queue.counts()["waiting"] == 2
    assert [line["event"] for line in queue.log()] == ["submitted", "submitted"]


def test_asking_twice_at_the_top_moves_what_waits(queue):
    a, b = queue.submit([1, 2], ["count"])
    assert queue.submit([2], ["count"], top=True) == [b]
    assert waiting(queue) == [b, a]


def test_other_values_are_other_work(queue):
    queue.submit([1], ["count"])
    queue.submit([1], ["count"], given={"seconds": 1.0})
    queue.submit([1], ["count"], force=True)
    assert queue.counts()["waiting"] == 3


def test_what_runs_can_be_asked_for_again(queue, holder):
    (a,) = queue.submit([1], ["count"])
    queue.take(holder)
    (b,) = queue.submit([1], ["count"])
    assert (a != b, queue.states([a, b])) == (True, {a: "running", b: "waiting"})


def test_an_image_that_is_not_there_is_refused_and_nothing_is_queued(queue):
    with pytest.raises(UnknownName, match="not in a project"):
        queue.submit([1, 99], ["count"])
    assert queue.counts()["waiting"] == 0


def test_no_steps_are_refused(queue):
    with pytest.raises(QueueError, match="at least one step"):
        queue.submit([1], [])


def test_a_waiting_batch_is_cancelled_at_once(queue, holder):
    (a,) = queue.submit([1], ["count"])
    assert queue.cancel([a]) == [a]
    assert queue.states([a]) == {a: "cancelled"}
    assert queue.take(holder) is None


def test_a_running_batch_is_asked_to_end(queue, holder):
    (a,) = queue.submit([1], ["count"])
    queue.take(holder)
    assert queue.cancel([a]) == [a]
    assert [row["id"] for row in queue.to_cancel(holder)] == [a]
    assert queue.cancel([a]) == []


def test_what_failed_is_tried_again(queue, holder):
    a, b = queue.submit([1, 2], ["count"])
    end(queue, queue.take(holder), holder, "failed")
    assert queue.retry([a, b]) == [a]
    assert waiting(queue) == [b, a]
    queue.take(holder)
    assert queue.take(holder)["try"] == 2


def test_what_waits_anyhow_is_not_tried_again(queue, holder):
    (a,) = queue.submit([1], ["count"])
    end(queue, queue.take(holder), holder, "failed")
    (b,) = queue.submit([1], ["count"])
    assert queue.retry([a]) == []
    assert waiting(queue) == [b]


def test_a_paused_queue_begins_nothing(queue, holder):
    queue.submit([1], ["count"])
    queue.pause()
    assert (queue.paused, queue.take(holder)) == (True, None)
    queue.resume()
    assert (queue.paused, queue.take(holder)["image"]) == (False, 1)


# -- fences -----------------------------------------------------------------------------------


def test_a_given_up_try_cannot_report(queue, holder):
    queue.submit([1], ["count"])
    first = queue.take(holder)
    assert queue.give_back(first["id"], first["try"], holder, "lost sight of it")
    second = queue.take(holder)
    assert not end(queue, first, holder, "failed")
    assert end(queue, second, holder, "done")
    assert queue.states([first["id"]]) == {first["id"]: "done"}


def test_nobody_reports_twice(queue, holder):
    queue.submit([1], ["count"])
    row = queue.take(holder)
    assert end(queue, row, holder)
    assert not end(queue, row, holder)
    assert [line["event"] for line in queue.log()].count("done") == 1


def test_only_the_holder_reports(queue, holder):
    queue.submit([1], ["count"])
    row = queue.take(holder)
    assert not end(queue, row, "somebody else")


def test_who_lost_the_lease_cannot_report(queue, holder, project):
    queue.submit([1], ["count"])
    row = queue.take(holder)
    with project.store.transaction() as connection:
        connection.execute("update lease set holder = 'dispatch:elsewhere:1:1.0'")
    assert not end(queue, row, holder)
    assert queue.states([row["id"]]) == {row["id"]: "running"}


def test_an_importer_reports_without_the_lease(queue):
    importer = str(Holder.this("import"))
    row = queue.begin(1, ["count"], importer)
    assert (row["state"], row["try"]) == ("running", 1)
    assert end(queue, row, importer)


def test_an_image_with_a_running_batch_takes_no_second_one(queue, holder):
    queue.begin(1, ["count"], str(Holder.this("import")))
    with pytest.raises(QueueError, match="has a running batch"):
        queue.begin(1, ["count"], str(Holder.this("import")))
    queue.submit([1], ["count"])
    assert queue.take(holder) is None


def test_results_that_cannot_be_written_fail_the_batch(queue, holder, monkeypatch):
    queue.submit([1], ["count"])
    row = queue.take(holder)
    plain = record.record

    def full(project, connection, outcome):
        if outcome.state == "done":
            raise OSError(28, "No space left on device")
        return plain(project, connection, outcome)

    monkeypatch.setattr(record, "record", full)
    assert end(queue, row, holder)
    shown = queue.listing()[0]
    assert shown["state"] == "failed"
    assert "could not be recorded" in shown["message"]
    assert "No space left" in shown["message"]


# -- what died --------------------------------------------------------------------------------


def test_a_lost_try_waits_again_at_its_place(queue, holder):
    a, b = queue.submit([1, 2], ["count"])
    row = queue.take(holder)
    assert queue.lose(a, 1, holder, outcome(queue, row, message="killed"), tries=3)
    assert waiting(queue) == [a, b]
    assert queue.take(holder)["try"] == 2


def test_after_so_many_losses_the_batch_has_failed(queue, holder):
    (a,) = queue.submit([1], ["count"])
    for _ in range(2):
        row = queue.take(holder)
        assert queue.lose(a, row["try"], holder, outcome(queue, row, message="killed"), tries=2)
    shown = queue.listing()[0]
    assert shown["state"] == "failed"
    assert shown["message"] == "its worker died 2 times; the last time: killed"
    assert "died 2 times" in queue.project[1].error


def test_a_retry_by_hand_forgets_the_losses(queue, holder):
    (a,) = queue.submit([1], ["count"])
    row = queue.take(holder)
    queue.lose(a, row["try"], holder, outcome(queue, row), tries=1)
    queue.retry([a])
    row = queue.take(holder)
    queue.lose(a, row["try"], holder, outcome(queue, row), tries=2)
    assert waiting(queue) == [a]


def test_batches_of_the_dead_wait_again(queue, holder):
    a, b, c = queue.submit([1, 2, 3], ["count"])
    queue.take("dispatch:elsewhere:1:1.0")
    queue.take("import:elsewhere:1:1.0")
    queue.take(holder)
    assert queue.recover(mine=holder) == [a, b]
    assert queue.states([a, b, c]) == {a: "waiting", b: "waiting", c: "running"}


def test_batches_of_a_living_importer_are_left_to_it(queue):
    row = queue.begin(1, ["count"], str(Holder.this("import")))
    assert queue.recover() == []
    assert queue.states([row["id"]]) == {row["id"]: "running"}


def test_a_wish_to_cancel_outlives_the_dispatcher(queue):
    (a,) = queue.submit([1], ["count"])
    queue.take("dispatch:elsewhere:1:1.0")
    queue.cancel([a])
    queue.recover()
    assert queue.states([a]) == {a: "cancelled"}


def test_the_same_work_asked_for_again_meanwhile_is_not_done_twice(queue, holder):
    (a,) = queue.submit([1], ["count"])
    queue.take("dispatch:elsewhere:1:1.0")
    (b,) = queue.submit([1], ["count"])
    queue.recover()
    assert queue.states([a, b]) == {a: "waiting", b: "skipped"}


# -- looking ----------------------------------------------------------------------------------


def test_a_listing_tells_who_works_on_what_and_how_far(queue, holder, project):
    a, b = queue.submit([1, 2], ["count", "ctf"])
    row = queue.take(holder, 3)
    scratch = project.folder(1) / f".try-1-{a}"
    scratch.mkdir()
    progress = {"fraction": 0.25, "text": "frame 4", "step": "count"}
    (scratch / ".progress").write_text(json.dumps(progress))
    running, second = queue.listing()
    assert (running["id"], running["processor"], running["image"]) == (a, 3, "g/0000000001")
    assert (running["progress"], running["text"]) == (0.25, "count frame 4")
    assert (second["id"], second["steps"]) == (b, ["count", "ctf"])
    assert queue.counts() == {
        "waiting": 1, "running": 1, "done": 0, "failed": 0, "cancelled": 0, "skipped": 0,
    }  # fmt: skip
    assert row["processor"] == 3


def test_a_half_written_progress_is_no_error(queue, holder, project):
    (a,) = queue.submit([1], ["count"])
    queue.take(holder)
    scratch = project.folder(1) / f".try-1-{a}"
    scratch.mkdir()
    (scratch / ".progress").write_text('{"fraction": 0.')
    assert queue.listing()[0]["progress"] == 0.0


def test_the_log_is_sorted_by_any_column(queue, holder):
    queue.submit([1, 2], ["count"])
    end(queue, queue.take(holder, 1), holder)
    assert queue.log()[0]["event"] == "done"
    events = [line["event"] for line in queue.log(sort="event", descending=False)]
    assert events == ["done", "started", "submitted", "submitted"]
    assert {line["image"] for line in queue.log(image=1)} == {1}
    assert [line["event"] for line in queue.log(processor=1)] == ["done", "started"]
    with pytest.raises(BadValue, match="no column 'colour'"):
        queue.log(sort="colour")


def test_waiting_tells_the_states_and_the_progress(queue, holder):
    ids = queue.submit([1, 2], ["count"])
    for _ in ids:
        end(queue, queue.take(holder), holder)
    told = []
    states = queue.wait(ids, on_progress=lambda *what: told.append(what))
    assert states == dict.fromkeys(ids, "done")
    assert told == [(1.0, "2 of 2")]


def test_waiting_in_vain_ends_with_a_sentence(queue):
    ids = queue.submit([1, 2], ["count"])
    with pytest.raises(QueueError, match="2 of 2 batches have not ended after 0 s"):
        queue.wait(ids, timeout=0, poll=0.01)
    with pytest.raises(UnknownName, match="no batch 77"):
        queue.wait([77])


PLANS = ["take", "any_waiting", "neighbours", "top", "list_running", "list_waiting", "list_ended",
         "counts", "states", "to_cancel", "losses", "log_of_image", "submit", "cancel_waiting"]  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_no_query_reads_through_the_whole_table(queue, name):
    class Anything(dict):
        def __missing__(self, key):
            return "[]" if key in ("ids", "images") else 0

    rows = queue.store.rows(f"explain query plan {query(name)}", Anything())
    steps = [row["detail"] for row in rows]
    assert not [s for s in steps if s.startswith("SCAN batch") and "INDEX" not in s], steps
    assert not [s for s in steps if s.startswith("SCAN log")], steps
    if name in ("take", "list_waiting", "neighbours"):
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps


def test_the_database_itself_refuses_two_running_batches_of_one_image(queue, holder):
    queue.submit([1], ["count"])
    queue.submit([1], ["count"], force=True)
    queue.take(holder)
    with (
        pytest.raises(sqlite3.IntegrityError),
        queue.store.transaction() as connection,
    ):
        connection.execute("update batch set state = 'running'")


def test_a_broken_document_fails_its_batch_and_stops_nobody(queue, holder, project):
    a, b = queue.submit([1, 2], ["count"])
    with project.store.transaction() as connection:
        connection.execute("update image set document = '{}' where id = 1")
    assert end(queue, queue.take(holder), holder)
    assert queue.take(holder)["id"] == b
    assert queue.states([a]) == {a: "failed"}
