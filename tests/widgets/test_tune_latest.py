"""Slow work beside the event loop: the page stays alive, and nothing queues up."""

import asyncio
import threading
import time

from focusnb_widgets.tuning.latest import Latest


class Told:
    """What came of the work, and what failed."""

    def __init__(self):
        self.done, self.failed, self.busy = [], [], []

    def latest(self):
        return Latest(lambda kind, error: self.failed.append((kind, str(error))), self.busy.append)


def test_without_an_event_loop_work_is_done_at_once():
    told = Told()
    told.latest().ask("picks", lambda: 3, told.done.append)
    assert told.done == [3]


def test_an_error_while_the_outcome_is_told_is_told_and_the_rest_goes_on():
    told = Told()

    def then(outcome):
        if outcome == 1:
            raise ValueError("no place for it")
        told.done.append(outcome)

    async def ask():
        latest = told.latest()
        latest.ask("a", lambda: 1, then)
        latest.ask("b", lambda: 2, then)
        await latest.settle()

    asyncio.run(ask())
    assert told.failed == [("a", "no place for it")]
    assert told.done == [2]
    told.latest().ask("a", lambda: 1, then)
    assert len(told.failed) == 2


def test_of_what_waits_only_the_latest_is_done():
    told, begun, go_on = Told(), threading.Event(), threading.Event()

    def slow():
        begun.set()
        go_on.wait(5)
        return "first"

    async def drag():
        latest = told.latest()
        latest.ask("picks", slow, told.done.append)
        await asyncio.to_thread(begun.wait, 5)
        for number in range(20):
            latest.ask("picks", lambda number=number: number, told.done.append)
        go_on.set()
        await latest.settle()

    asyncio.run(drag())
    assert told.done == ["first", 19]


def test_the_event_loop_goes_on_while_work_is_done():
    told, turns = Told(), []

    async def look():
        latest = told.latest()
        latest.ask("picks", lambda: time.sleep(0.2), told.done.append)
        while not told.done:
            turns.append(1)
            await asyncio.sleep(0.01)

    asyncio.run(look())
    assert len(turns) > 5


def test_what_is_urgent_comes_first():
    told = Told()

    async def ask():
        latest = told.latest()
        latest.ask("boxes", lambda: "boxes", told.done.append, urgency=3)
        latest.ask("picks", lambda: "picks", told.done.append, urgency=0)
        await latest.settle()

    asyncio.run(ask())
    assert told.done == ["picks", "boxes"]


def test_work_that_rests_is_begun_when_nobody_asks_again():
    told = Told()

    async def drag():
        latest = told.latest()
        for number in range(5):
            latest.ask("boxes", lambda number=number: number, told.done.append, rest=0.1)
            await asyncio.sleep(0.02)
        assert told.done == []
        await latest.settle()

    asyncio.run(drag())
    assert told.done == [4]


def test_work_that_goes_wrong_stops_nothing_else():
    told = Told()

    async def ask():
        latest = told.latest()
        latest.ask("picks", lambda: 1 / 0, told.done.append)
        latest.ask("mask", lambda: "mask", told.done.append)
        await latest.settle()

    asyncio.run(ask())
    assert told.done == ["mask"]
    assert told.failed == [("picks", "division by zero")]
    assert told.busy == ["picks", "mask", None]
