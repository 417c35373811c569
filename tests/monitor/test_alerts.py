from dataclasses import dataclass, field

import pytest

from focusnb.monitor import alerts

NOW = 1_800_000_000.0
QUIET = {"waiting": 0, "running": 0, "paused": False, "dispatcher": None}
LIMITS = {"good_iciness": 1.5}


def session(count=40, *, age=10.0, **words):
    """Rows and times of a steady session; a word's list replaces the values of the last images."""
    usual = {"mean_count": 1.0, "iciness": 0.7, "ice_ring": 0.9, "dose_ratio": 0.9}
    rows = [{"good": True, "reasons": None, **usual} for _ in range(count)]
    for word, values in words.items():
        for row, value in zip(rows[-len(values) :], values, strict=True):
            row[word] = value
    return rows, [NOW - age - 30 * (count - 1 - i) for i in range(count)]


@dataclass(frozen=True)
class Case:
    name: str
    expect: str
    words: dict = field(default_factory=dict)
    queue: dict = field(default_factory=dict)
    age: float = 10.0


CASES = (
    Case("the microscope fell silent", "No new image for 20 min; usually one every 30 s", age=1200),
    Case("the beam got weak", "went from 1 to 0.4", {"mean_count": [0.4] * 5}),
    Case("ice crystals", "Iciness is 2.00", {"iciness": [2.0] * 5}),
    Case("the ice ring grew", "ice ring grew from 0.90 to 2.00", {"ice_ring": [2.0] * 5}),
    Case("the dose is told wrong", "0.30 of the nominal", {"dose_ratio": [0.3] * 5}),
    Case(
        "most images are bad",
        "6 of the last 10 images are not good: drift (6), dark (6).",
        {"good": [False] * 6, "reasons": ["drift 70 Å > 50 Å; dark: 0.01 e/px < 0.1 e/px"] * 6},
    ),
    Case(
        "most images fail",
        "6 of the last 10 images are not good: dark (6), errors (6).",
        {
            "good": [False] * 6,
            "error": ["/data/m.tif: it was cut short; import it again"] * 6,
            "reasons": ["/data/m.tif: it was cut short; import it again; dark: 0.01 e/px"] * 6,
        },
    ),
    Case("paused", "paused; 7 batches wait", queue={"waiting": 7, "paused": True}),
    Case("nobody works", "Nobody works on the queue", queue={"waiting": 7}),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_told(case):
    rows, times = session(age=case.age, **case.words)
    found = alerts.find(rows, times, QUIET | case.queue, LIMITS, NOW)
    assert len(found) == 1
    assert case.expect in found[0]["text"]


def test_a_good_session_is_left_in_peace():
    rows, times = session()
    queue = QUIET | {"waiting": 5, "dispatcher": NOW - 2}
    assert alerts.find(rows, times, queue, LIMITS, NOW) == []


def test_a_session_of_yesterday_alarms_nobody():
    rows, times = session(age=100_000)
    assert alerts.find(rows, times, QUIET, LIMITS, NOW) == []


def test_few_images_are_no_reason_to_speak():
    rows, times = session(4, good=[False] * 4, iciness=[9.0] * 4)
    assert alerts.find(rows, times, QUIET, LIMITS, NOW) == []


def test_the_gravest_comes_first():
    rows, times = session(age=1200, iciness=[2.0] * 5)
    levels = [one["level"] for one in alerts.find(rows, times, QUIET, LIMITS, NOW)]
    assert levels == ["alert", "warning"]
