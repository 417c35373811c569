from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from focusnb.errors import BadData
from focusnb.kernels import defects, gain

REFERENCE = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_convention_rotation_one_is_clockwise_in_rows_as_printed():
    assert_array_equal(gain.orient(REFERENCE, rotation=1), np.rot90(REFERENCE, -1))
    assert gain.orient(REFERENCE, rotation=1)[0].tolist() == [3, 0]


def test_convention_rotation_comes_before_the_flip():
    assert_array_equal(gain.orient(REFERENCE, rotation=1, flip=1), np.rot90(REFERENCE, -1)[::-1])
    assert_array_equal(gain.orient(REFERENCE, rotation=3, flip=2), np.rot90(REFERENCE, -3)[:, ::-1])


@settings(max_examples=20, deadline=None)
@given(rotation=st.integers(0, 3), flip=st.integers(0, 2))
def test_law_orientation_keeps_every_value(rotation, flip):
    turned = gain.orient(REFERENCE, rotation=rotation, flip=flip)
    assert sorted(turned.ravel()) == sorted(REFERENCE.ravel())


def test_truth_frames_are_multiplied():
    frame = np.full((2, 3), 2, np.uint8)
    assert_array_equal(gain.multiply(frame, REFERENCE), 2 * REFERENCE)
    assert gain.multiply(frame, None).dtype == np.float32


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (np.ones((3, 2)), "gain_rotation"),
        (np.ones((5, 5)), "5 × 5 pixels, the frames 3 × 2"),
        (np.full((2, 3), np.nan), "NaN"),
        (np.zeros((2, 3)), "zero throughout"),
        (-np.ones((2, 3)), "negative"),
    ],
)
def test_gain_that_does_not_fit_is_refused_with_a_sentence(reference, words):
    with pytest.raises(BadData, match=words):
        gain.check(reference, (2, 3))


def test_unknown_flip_is_refused():
    with pytest.raises(BadData, match="flip"):
        gain.orient(REFERENCE, flip=3)


def test_convention_defects_are_x_y_width_height_from_row_zero():
    bad = defects.mask([SimpleNamespace(x=3, y=1, width=2, height=4)], (8, 10))
    assert np.argwhere(bad).min(0).tolist() == [1, 3]
    assert np.argwhere(bad).max(0).tolist() == [4, 4]
    assert bad.sum() == 8


def test_defects_outside_the_frame_are_cut_off():
    assert defects.mask([(-2, -2, 4, 4), (9, 7, 50, 50)], (8, 10)).sum() == 5


def test_truth_hot_and_dead_pixels_are_found_and_nothing_else(rng):
    total = rng.poisson(60, (256, 256)).astype(float)
    total[10, 20], total[11, 20], total[200, 7] = 900, 300, 0
    found = defects.hot_pixels(total)
    assert sorted(map(tuple, found.tolist())) == [(7, 200), (20, 10), (20, 11)]


@pytest.mark.parametrize("mean", [0.5, 5, 500])
def test_law_counting_noise_has_no_hot_pixels(rng, mean):
    assert len(defects.hot_pixels(rng.poisson(mean, (512, 512)))) == 0


def test_truth_repaired_pixels_have_the_noise_of_their_neighbours(rng):
    frame = rng.poisson(20, (200, 200)).astype(float)
    bad = rng.random((200, 200)) < 0.1
    bad[:, 50:54] = True
    bad[90:130, 90:130] = True
    repaired = defects.repair(np.where(bad, 9999, frame), bad, rng=rng)
    assert repaired[bad].mean() == pytest.approx(20, abs=0.5)
    assert repaired[bad].std() == pytest.approx(np.sqrt(20), rel=0.1)
    assert_array_equal(repaired[~bad], frame[~bad])


def test_law_repair_is_the_same_for_the_same_generator(rng):
    frame, bad = rng.random((50, 50)), rng.random((50, 50)) < 0.2
    first = defects.repair(frame, bad, rng=np.random.default_rng(4))
    assert_array_equal(first, defects.repair(frame, bad, rng=np.random.default_rng(4)))


def test_a_frame_without_good_pixels_is_refused():
    with pytest.raises(BadData, match="every pixel"):
        defects.repair(np.ones((4, 4)), np.ones((4, 4), bool), rng=np.random.default_rng(0))
