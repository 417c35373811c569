import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb.kernels import motion

WAYS = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=20)


@settings(max_examples=40)
@given(WAYS, st.floats(0.1, 3))
def test_law_early_and_late_add_up_and_the_range_is_not_longer_than_the_way(way, per_frame):
    early, late = motion.early_late(way, dose_per_frame=per_frame)
    assert early + late == pytest.approx(motion.path_length(way))
    assert motion.longest_step(way) <= motion.path_length(way) + 1e-9
    assert motion.bounding_range(way) <= motion.path_length(way) + 1e-9


def test_truth_lengths_of_a_known_way_with_a_frame_left_out():
    way = [[0, 0], [3, 4], [np.nan, np.nan], [3, 14]]
    assert motion.path_length(way) == 15
    assert motion.longest_step(way) == 10
    assert motion.bounding_range(way) == pytest.approx(np.hypot(3, 14))


def test_convention_early_ends_with_the_last_frame_that_is_not_above_the_split():
    # RELION 3.1.3 on 24 frames of 1.7154 e/Å² counts one movement of 23 as early
    way = np.stack([np.arange(24.0), np.zeros(24)], axis=1)
    assert motion.early_late(way, dose_per_frame=1.7154) == (1, 22)
    assert motion.early_late(way, dose_per_frame=1.7154, prior_dose=10) == (0, 23)


def test_truth_a_straight_even_way_has_no_jitter_and_no_deceleration():
    way = np.outer(np.arange(9), [3.0, 4.0])
    assert motion.jitter(way) == pytest.approx(0)
    assert motion.deceleration(way) == pytest.approx(0, abs=1e-12)


def test_truth_steps_that_become_shorter_by_the_same_amount_decelerate_by_it():
    steps = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    way = np.cumsum(np.r_[0, steps])[:, None] * [0.6, 0.8]
    assert motion.deceleration(way) == pytest.approx(1.0)


def test_truth_going_to_and_fro_is_all_jitter():
    way = [[0, 0], [2, 0]] * 50
    assert motion.jitter(way) == pytest.approx(1, abs=0.02)


def test_truth_a_random_walk_has_the_jitter_its_help_tells(rng):
    assert motion.jitter(np.cumsum(rng.standard_normal((5000, 2)), 0)) == pytest.approx(
        0.71, abs=0.03
    )


@settings(max_examples=40)
@given(WAYS, st.floats(0.1, 10))
def test_law_jitter_does_not_depend_on_the_unit_and_deceleration_scales_with_it(way, unit):
    larger = np.array(way) * unit
    if motion.jitter(way) is not None and motion.path_length(way) > 1e-6:
        assert motion.jitter(larger) == pytest.approx(motion.jitter(way), abs=1e-6)
    if motion.deceleration(way) is not None:
        assert motion.deceleration(larger) == pytest.approx(
            unit * motion.deceleration(way), abs=1e-6
        )


@pytest.mark.parametrize("way", [[[0, 0]], [[0, 0], [1, 1]], [[0, 0], [np.nan, np.nan], [1, 0]]])
def test_too_few_frames_have_neither(way):
    assert motion.jitter(way) is None
    assert motion.deceleration(way) is None


def test_what_does_not_move_has_no_jitter():
    assert motion.jitter(np.zeros((5, 2))) is None
