"""Topaz as a step: run for real, with its own detectors, where it is installed (make test-torch)."""

import importlib.util
import sys
from pathlib import Path
from shlex import quote

import numpy as np
import pytest
from contracts.steps import perform, results

from focusnb import formats
from focusnb.formats import coordinates
from focusnb.kernels import picking

LAUNCHER = Path(__file__).parent.parent / "programs" / "run_topaz.py"
CENTRES = [(100, 400), (300, 100), (500, 250), (650, 420), (400, 380), (560, 60), (120, 180)]
HARD = "a b'c\"d $HOME ü"
DIAMETER = 120.0  # Å

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("topaz") is None or importlib.util.find_spec("torch") is None,
    reason="topaz-em is not installed; make test-torch does it",
)


@pytest.fixture(scope="module")
def average(tmp_path_factory):
    """Dark globs in counting noise, more of them above than below the middle."""
    y, x = np.indices((512, 768))
    field = np.full(x.shape, 30.0)
    for a, b in CENTRES:
        field -= 6 * np.exp(-((((x - a) ** 2 + (y - b) ** 2) / 30**2) ** 2))
    noisy = np.random.default_rng(1).poisson(field).astype(np.float32)
    place = tmp_path_factory.mktemp("the 'images' ü") / f"{HARD}.mrc"
    return formats.write(place, noisy, pixel_size=2.0)


@pytest.fixture(scope="module")
def topaz(tmp_path_factory):
    """The folder of the command."""
    place = tmp_path_factory.mktemp(f"bin {HARD}")
    where = Path(importlib.util.find_spec("topaz").origin).resolve().parents[1]
    line = f"PYTHONPATH={quote(str(where))} exec {quote(sys.executable)} {quote(str(LAUNCHER))}"
    (place / "topaz").write_text(f'#!/bin/sh\n{line} "$@"\n')
    (place / "topaz").chmod(0o755)
    return place


@pytest.fixture(scope="module")
def outcome(average, topaz, tmp_path_factory):
    return perform(
        tmp_path_factory.mktemp("home"), average, ["topaz"], average=str(average),
        average_pixel_size=2.0, gain=None, defects=None, particle_diameter=DIAMETER,
        topaz_folder=str(topaz), topaz_scale=4, topaz_threshold=0.0,
    )  # fmt: skip


def test_it_runs_and_gives_the_words_of_the_step_pick(outcome):
    assert (outcome.state, outcome.message) == ("done", "")
    found = results(outcome)
    assert found["particles"] == len(coordinates.read(Path(outcome.scratch) / found["picks"]))
    assert found["pick_cutoff"] == 0.0
    assert (found["background_free"], found["pick_mask"]) == ("background_free.mrc", None)
    assert outcome.runs[0].notes == ("Topaz searched pixels of 8 Å",)


def test_picks_lie_where_the_particles_are_in_the_picture_as_it_is(outcome):
    # turned upside down, only the one in the middle would be found
    table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
    picks = picking.points(table["x"], table["y"], table["score"])
    true = picking.points(*np.transpose(CENTRES))
    found = picking.agree(picks, true, distance=0.25 * DIAMETER / 2.0)
    assert (found.precision, found.recall) == (1, 1)
    upside_down = picking.points(table["x"], 511 - table["y"], table["score"])
    assert picking.agree(upside_down, true, distance=0.25 * DIAMETER / 2.0).recall <= 1 / 7


def test_scores_are_logarithms_of_odds_the_best_first(outcome):
    scores = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])["score"]
    assert (np.diff(scores) <= 0).all()
    assert scores.min() >= 0.0


def test_a_threshold_that_nothing_reaches_leaves_an_empty_table(average, topaz, tmp_path):
    outcome = perform(
        tmp_path, average, ["topaz"], average=str(average), average_pixel_size=2.0, gain=None,
        defects=None, particle_diameter=DIAMETER, topaz_folder=str(topaz), topaz_scale=4,
        topaz_threshold=50.0,
    )  # fmt: skip
    assert outcome.state == "done", outcome.message
    assert results(outcome)["particles"] == 0
    assert any("none found" in note for note in outcome.runs[0].notes)
