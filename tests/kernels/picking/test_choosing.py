"""Spacing, the automatic threshold, and the agreement of two lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.optimize import linear_sum_assignment

from focusnb.errors import BadData
from focusnb.kernels import picking

xy = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=0, max_size=25)


def listed(xy, seed=0):
    score = np.random.default_rng(seed).random(len(xy))
    return picking.points(*np.reshape(xy, (-1, 2)).T, score)


@settings(max_examples=60, deadline=None)
@given(xy=xy, distance=st.floats(0.5, 60))
def test_second_opinion_spacing_is_greedy_from_the_best_pick(xy, distance):
    picks = listed(xy)
    kept = []
    for i in range(len(picks)):
        away = [np.hypot(picks.x[i] - picks.x[j], picks.y[i] - picks.y[j]) for j in kept]
        if all(d >= distance * (1 - 1e-9) for d in away):
            kept.append(i)
    assert_array_equal(picking.apart(picks, distance).x, picks.x[kept])


def test_picks_are_put_in_order_of_their_score():
    picks = picking.points([1, 2, 3], [4, 5, 6], [0.2, np.nan, 0.9], classes=[1, 2, 3])
    assert_array_equal(picks.x, [3, 1, 2])
    assert_array_equal(picks.classes, [3, 1, 2])


def test_lists_of_other_lengths_are_refused():
    with pytest.raises(BadData, match="one of each"):
        picking.points([1, 2], [1])


def made(rng, true, noise=200, height=6.0, area=4e6, distance=100.0):
    """Candidates of noise and of some particles that stand `height` sd above it."""
    other = picking.points(np.zeros(noise), np.zeros(noise), rng.normal(2, 0.6, noise))
    free = round(noise * max(1 - 0.9 * true * np.pi * distance**2 / area, 0.05))
    score = np.concatenate([rng.normal(2, 0.6, free), rng.normal(height, 1.0, true)])
    places = np.zeros(len(score))
    found = picking.points(places, places, score, area=area, noise=other)
    return found.__class__(
        *(getattr(found, name) for name in ("x", "y", "score", "diameter", "classes", "angle")),
        distance=distance, area=area, noise=other,
    )  # fmt: skip


@pytest.mark.parametrize(("true", "height"), [(100, 6.0), (60, 5.0), (12, 7.0), (2, 12.0)])
def test_truth_the_threshold_lies_between_noise_and_particles(rng, true, height):
    found = made(rng, true, height=height)
    taken = len(found.above(picking.automatic(found)))
    assert taken == pytest.approx(true, abs=max(2, 0.08 * true))


def test_truth_the_expected_f1_is_that_of_the_lists(rng):
    _, sure = picking.expected(made(rng, 80, height=7.0))
    _, doubtful = picking.expected(made(rng, 80, height=4.0))
    assert sure > 0.95
    assert 0.4 < doubtful < sure


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_below_the_threshold(seed):
    assert picking.automatic(made(np.random.default_rng(seed), 0)) == np.inf


def test_without_candidates_nothing_is_found():
    assert picking.automatic(picking.points([], [])) == np.inf


@settings(max_examples=60, deadline=None)
@given(one=xy, other=xy, distance=st.floats(1, 30))
def test_second_opinion_pairs_are_nearly_as_many_as_can_be(one, other, distance):
    a, b = listed(one), listed(other, 1)
    pairs = picking.agree(a, b, distance=distance).pairs
    away = np.hypot(a.x[:, None] - b.x, a.y[:, None] - b.y)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert all(away[i, j] <= distance for i, j in pairs)
    rows, columns = linear_sum_assignment(-(away <= distance).astype(float))
    most = int((away[rows, columns] <= distance).sum())
    assert most / 2 <= len(pairs) <= most


def test_law_the_best_picks_pair_alike_whatever_follows(rng):
    a = picking.points(*rng.uniform(0, 300, (2, 80)), rng.random(80))
    b = picking.points(*rng.uniform(0, 300, (2, 60)))
    course = picking.course(picking.agree(a, b, distance=20.0))
    for m in (0, 1, 7, 40, 80):
        assert len(picking.agree(a[:m], b, distance=20.0).pairs) == course[m]


def test_precision_recall_and_f1_by_hand():
    a = picking.points([10, 50, 90], [10, 50, 90], [3, 2, 1])
    b = picking.points([11, 52], [10, 50])
    found = picking.agree(a, b, distance=5.0)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 1.0, 0.8)
    empty = picking.points([], [])
    assert picking.agree(empty, empty, distance=5.0).f1 == 1.0
    assert np.isnan(picking.agree(empty, b, distance=5.0).precision)


def test_a_distance_that_is_none_is_refused():
    with pytest.raises(BadData, match="positive"):
        picking.agree(picking.points([], []), picking.points([], []), distance=0.0)


@pytest.mark.parametrize("distance", [float("nan"), -1.0, float("inf")])
def test_a_spacing_that_is_none_is_refused(distance):
    with pytest.raises(BadData, match="distance between picks"):
        picking.apart(picking.points([1, 2], [1, 2]), distance)


def test_scores_are_those_that_files_and_pages_hold():
    picks = picking.points([1, 2], [1, 2], [0.1, 1 / 3])
    assert_array_equal(picks.score, np.float32([1 / 3, 0.1]))


def test_a_small_distance_in_a_wide_picture_takes_no_more_memory(rng):
    picks = picking.points(*rng.uniform(0, 1e6, (2, 500)), rng.random(500))
    assert len(picking.apart(picks, 1e-3)) == 500
