import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import fourier, gain, gain_search


def reference(rng, shape=(160, 200), sd=0.04):
    """A gain reference: pixels and columns differ, a few are dead."""
    sensitivity = 1 + sd * rng.standard_normal(shape) + 0.3 * sd * rng.standard_normal(shape[1])
    made = (1 / np.clip(sensitivity, 0.5, 1.5)).astype(np.float32)
    made[3, 5] = made[40:42, 17] = 0
    return made


def recorded(rng, right, frames=40, mean=0.8, specimen=0.05, use="multiply"):
    """The sum of raw frames of a camera whose right gain reference this is."""
    factor = gain.reciprocal(right) if use == "multiply" else right
    field = 1 + specimen * fourier.low_pass(rng.standard_normal(right.shape), 12) * 6
    total = rng.poisson(np.clip(field, 0.2, None) * frames * mean * factor).astype(float)
    total[10, 10] = 60 * frames  # a hot pixel
    return total


@pytest.mark.parametrize("use", ["multiply", "divide"])
@pytest.mark.parametrize("flip", [0, 1, 2])
@pytest.mark.parametrize("rotation", [0, 1, 2, 3])
def test_truth_the_way_it_fits_is_found(rng, rotation, flip, use):
    as_read = reference(rng)
    right = gain.orient(as_read, rotation=rotation, flip=flip)
    found = gain_search.search(recorded(rng, right, use=use), as_read)
    assert found.best.use == use
    # several names of one orientation are the same: what matters is what comes out
    oriented = gain.orient(as_read, rotation=found.best.rotation, flip=found.best.flip)
    assert_allclose(oriented, right)
    assert found.best.slope == pytest.approx(1, abs=0.1)
    assert found.best.excess == pytest.approx(1, abs=0.03)
    assert found.candidates[-1].use == "none"
    assert found.candidates[-1].excess > 1.02


@pytest.mark.parametrize(("frames", "mean"), [(16, 0.8), (200, 0.5), (10, 20.0)])
def test_truth_few_and_many_counts_are_enough(rng, frames, mean):
    as_read = reference(rng, (512, 512))
    found = gain_search.search(recorded(rng, as_read, frames, mean), as_read)
    assert (found.best.rotation, found.best.flip, found.best.use) == (0, 0, "multiply")


def test_second_opinion_the_excess_is_the_variance_after_correction(rng):
    as_read = reference(rng)
    total = recorded(rng, as_read, frames=100, specimen=0)
    best = gain_search.search(total, as_read).best
    corrected = (total * as_read)[20:-20, 20:-20]
    counted = corrected[corrected > 0]
    by_hand = counted.var() / counted.mean() ** 2 * np.mean(total[20:-20, 20:-20])
    assert best.excess == pytest.approx(by_hand, rel=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3), st.sampled_from([0, 1]), st.integers(0, 99))
def test_law_turning_the_movie_turns_the_answer(rotation, flip, seed):
    rng = np.random.default_rng(seed)
    as_read = reference(rng, (150, 150))
    total = gain.orient(recorded(rng, as_read), rotation=rotation, flip=flip)
    found = gain_search.search(total, as_read).best
    assert (found.rotation, found.flip) == (rotation, flip)


def test_a_reference_of_another_camera_does_not_fit(rng):
    found = gain_search.search(recorded(rng, reference(rng)), reference(rng))
    assert found.best is None
    assert "belongs to another camera" in found.sentence


def test_movies_that_are_corrected_already_show_nothing(rng):
    total = rng.poisson(40, (160, 200)).astype(float)
    found = gain_search.search(total, reference(rng))
    assert found.best is None
    assert "gain-corrected already" in found.sentence


def test_an_old_reference_fits_in_part_only(rng):
    old, new = reference(rng), reference(rng)
    mixed = 1 + 0.3 * (old - 1) + (new - 1)
    mixed[mixed < 0.3] = 1
    found = gain_search.search(recorded(rng, mixed.astype(np.float32), frames=200), old)
    assert found.best is None
    assert "of another time" in found.sentence


def test_a_reference_that_looks_the_same_both_ways_is_said_to(rng):
    stripes = np.ones((160, 200), np.float32) * (1 + 0.05 * rng.standard_normal(200)).astype("f4")
    found = gain_search.search(recorded(rng, stripes), stripes)
    assert found.best is None
    assert "two ways fit alike" in found.sentence


def test_too_few_counts_are_too_few(rng):
    as_read = reference(rng, (64, 64), sd=0.01)
    found = gain_search.search(recorded(rng, as_read, frames=2), as_read)
    assert found.best is None
    assert "too few counts to tell" in found.sentence


def test_a_flat_reference_corrects_nothing(rng):
    found = gain_search.search(rng.poisson(40, (64, 64)), np.ones((64, 64)))
    assert found.best is None
    assert "flat" in found.sentence


@pytest.mark.parametrize(
    ("total", "factor", "words"),
    [
        (np.ones((64, 64)), np.ones((50, 64)), "64 × 50 pixels, the frames 64 × 64"),
        (np.ones((64, 64)), np.zeros((64, 64)), "zero throughout"),
        (np.ones((64, 64)), np.full((64, 64), np.nan), "NaN"),
        (np.zeros((64, 64)), np.ones((64, 64)), "counted nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused(total, factor, words):
    with pytest.raises(BadData, match=words):
        gain_search.search(total, factor)


@pytest.mark.parametrize(
    ("name", "events", "use"),
    [
        ("a/gain.mrc", False, "multiply"),
        ("a/20240101.gain", False, "multiply"),
        ("a/gain.mrc", True, "divide"),
        ("a/gain.tif", True, "divide"),
        ("a/20240101.gain", True, "multiply"),
        ("a/20240101.GAIN", True, "multiply"),
    ],
)
def test_convention_events_are_divided_by_what_is_no_gain_file(name, events, use):
    assert gain.use(name, events=events) == use


def test_what_fits_is_said_with_the_variance_that_is_left(rng):
    as_read = reference(rng)
    found = gain_search.search(recorded(rng, as_read, frames=100), as_read)
    words = f"is then {found.best.excess:.2f} of what counting electrons gives, without a gain"
    assert words in found.sentence
    assert found.sentence.endswith(f"{found.candidates[-1].excess:.2f}")


class TestSizes:
    def test_truth_a_reference_of_twice_the_size_is_the_mean_of_four(self):
        fine = np.arange(16.0).reshape(4, 4) + 1
        assert_allclose(gain.fitted(fine, (2, 2)), [[3.5, 5.5], [11.5, 13.5]])

    def test_truth_one_dead_pixel_of_four_makes_the_coarse_one_dead(self):
        fine = np.ones((4, 4))
        fine[1, 2] = 0
        assert gain.fitted(fine, (2, 2)).tolist() == [[1, 0], [1, 1]]

    def test_truth_a_reference_of_half_the_size_is_repeated(self):
        assert gain.fitted([[1, 2]], (2, 4)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]

    def test_any_other_is_left_for_the_check(self):
        assert gain.fitted(np.ones((3, 5)), (4, 4)).shape == (3, 5)

    @pytest.mark.parametrize(
        ("have", "shape", "words"),
        [
            ((4, 8), (2, 4), "has 8 × 4 pixels, the frames 4 × 2: the mean of each 2 × 2"),
            ((8, 4), (2, 4), "has 4 × 8 pixels, the frames 4 × 2: the mean of each 2 × 2"),
            ((1, 2), (2, 4), "has 2 × 1 pixels, the frames 4 × 2: each of its pixels"),
            ((2, 1), (2, 4), "has 1 × 2 pixels, the frames 4 × 2: each of its pixels"),
        ],
    )
    def test_what_is_done_with_another_size_is_told(self, have, shape, words):
        assert words in gain.refit(have, shape)
        assert gain.fitted(np.ones(have), shape).shape in (shape, shape[::-1])

    @pytest.mark.parametrize("have", [(2, 4), (4, 2), (3, 5), (5, 9), (6, 12)])
    def test_nothing_is_told_where_nothing_is_done(self, have):
        assert gain.refit(have, (2, 4)) == ""
        assert gain.fitted(np.ones(have), (2, 4)).shape == have

    def test_truth_the_reciprocal_keeps_dead_pixels(self):
        assert_allclose(gain.reciprocal([[2.0, 0.0]]), [[0.5, 0.0]])

    def test_a_reference_of_twice_the_size_is_searched_too(self, rng):
        fine = reference(rng, (320, 320))
        right = gain.fitted(gain.orient(fine, rotation=1), (160, 160))
        found = gain_search.search(recorded(rng, right, frames=100), fine)
        assert (found.best.rotation, found.best.flip) == (1, 0)
