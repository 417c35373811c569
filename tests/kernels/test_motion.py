import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import made
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import dose, fourier, motion

PIXEL = 1.06


@pytest.mark.parametrize("reach", [0.5, 8.0, 60.0])
def test_truth_the_way_is_found_within_a_third_of_a_pixel(rng, reach):
    way = made.settling(12, reach)
    found = motion.estimate(made.movie(rng, way), pixel_size=PIXEL)
    assert found.converged
    assert made.error(found.shifts, way) < 0.33 * PIXEL


def test_truth_a_jump_of_fifty_angstrom_is_found(rng):
    way = np.zeros((12, 2))
    way[5:] = [40, -30]
    found = motion.estimate(made.movie(rng, way), pixel_size=PIXEL)
    assert made.error(found.shifts, way) < 0.33 * PIXEL


def test_truth_fixed_pattern_does_not_pull_the_way_to_zero(rng):
    way = made.settling(12, 10)
    frames = made.movie(rng, way)
    y, x = rng.integers(0, 512, (2, 800))
    frames[:, y, x] = np.minimum(frames[:, y, x].astype(int) + 40, 255)
    striped = frames * (1 + 0.05 * rng.standard_normal((512, 1)))
    found = motion.estimate(striped, pixel_size=PIXEL)
    assert made.error(found.shifts, way) < 0.4 * PIXEL


def test_a_movie_of_nothing_but_noise_says_so(rng):
    found = motion.estimate(rng.poisson(1.0, (8, 256, 256)), pixel_size=PIXEL)
    assert not found.converged
    assert found.quality < motion.NOISE_PEAK


def test_convention_content_that_moves_to_positive_x_has_positive_shift(rng):
    found = motion.estimate(
        made.movie(rng, [[0, 0], [10, 0], [10, 5]], dose_per_frame=8), pixel_size=PIXEL
    )
    assert_allclose(found.shifts, [[0, 0], [10, 0], [10, 5]], atol=0.5)


def test_law_shifts_scale_with_the_pixel_size(rng):
    frames = made.movie(rng, made.settling(6, 10), dose_per_frame=6)
    fine = motion.estimate(frames, pixel_size=1.0)
    coarse = motion.estimate(frames, pixel_size=1.2)
    assert_allclose(coarse.shifts / 1.2, fine.shifts, atol=0.2)


def test_law_a_list_of_floats_gives_what_an_array_of_bytes_gives(rng):
    frames = made.movie(rng, made.settling(5, 10), side=256)
    as_list = [f.astype(np.float32) for f in frames]
    first, second = (motion.estimate(f, pixel_size=PIXEL).shifts for f in (frames, as_list))
    assert_allclose(first, second, atol=1e-6)


def test_second_opinion_the_peak_of_two_pictures_agrees_with_a_fine_search(rng):
    picture = fourier.low_pass(rng.standard_normal((64, 64)), 8)
    moved = fourier.shift(picture, (2.3, -1.6))
    spectra = fourier.transform(picture), fourier.transform(moved)
    found, _ = motion.peak(fourier.inverse(np.conj(spectra[0]) * spectra[1], (64, 64)), (10, 10))
    steps = np.arange(-3, 3, 0.1)
    tries = [((fourier.shift(picture, (x, y)) * moved).sum(), x, y) for x in steps for y in steps]
    assert_allclose(found, max(tries)[1:], atol=0.1)


@pytest.mark.parametrize("frames", [2, 3])
def test_truth_few_frames_meet_in_the_middle(rng, frames):
    way = np.linspace(0, 1, frames)[:, None] * [8, -5]
    found = motion.estimate(made.movie(rng, way, dose_per_frame=10), pixel_size=PIXEL)
    assert found.converged
    assert made.error(found.shifts, way) < 0.33 * PIXEL


def test_one_frame_has_no_movement(rng):
    found = motion.estimate(rng.poisson(1.0, (1, 64, 64)), pixel_size=PIXEL)
    assert found.shifts.tolist() == [[0, 0]]


def test_progress_is_reported_and_may_cancel(rng):
    def stop(fraction, text):
        raise KeyError(text)

    with pytest.raises(KeyError, match="frame 1"):
        motion.estimate(rng.poisson(1.0, (3, 64, 64)), pixel_size=PIXEL, report=stop)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        ([np.zeros((64, 64))], "frame 1 is constant"),
        ([np.eye(64), np.eye(65)], "frame 2 has the shape"),
        ([np.eye(64), np.full((64, 64), np.inf)], "frame 2 has 4096 pixels that are NaN"),
    ],
)
def test_bad_frames_are_refused_with_a_sentence(frames, words):
    with pytest.raises(BadData, match=words):
        motion.estimate(frames, pixel_size=1.0)


def test_truth_the_average_lies_at_the_first_used_frame(rng):
    field = fourier.low_pass(rng.standard_normal((64, 64)), 8) + 10
    way = np.array([[np.nan, np.nan], [0, 0], [3, -2], [5.5, 1.25]])
    frames = [fourier.shift(field, xy / 2.0) if np.isfinite(xy).all() else field * 9 for xy in way]
    sums = motion.correct(frames, way, pixel_size=2.0)
    assert_allclose(sums.average, 3 * field, atol=1e-3)
    assert sums.average_dw is None


def test_convention_plain_sum_has_mean_n_m_and_weighted_sum_root_n_m(rng):
    frames = rng.poisson(5.0, (9, 64, 48)).astype(np.float32)
    sums = motion.correct(frames, np.zeros((9, 2)), pixel_size=1, dose_per_frame=1.5)
    assert sums.average.mean() == pytest.approx(9 * frames.mean(), rel=1e-4)
    assert sums.average_dw.mean() == pytest.approx(3 * frames.mean(), rel=1e-4)
    assert_allclose(sums.unaligned, frames.sum(0), atol=1e-3)


def test_second_opinion_dose_weighted_sum_agrees_with_the_formula_written_out(rng):
    frames = rng.poisson(5.0, (3, 32, 32)).astype(float)
    s = np.hypot(*np.meshgrid(np.fft.fftfreq(32, 1.5), np.fft.fftfreq(32, 1.5), indexing="ij"))
    weights = [
        np.exp(-0.5 * (4 + 2 * (i + 1)) / dose.critical_dose(s, voltage=200)) for i in range(3)
    ]
    total = sum(w * np.fft.fft2(f) for w, f in zip(weights, frames, strict=True))
    expected = np.fft.ifft2(total / np.sqrt(sum(w**2 for w in weights))).real
    sums = motion.correct(
        frames, np.zeros((3, 2)), pixel_size=1.5, voltage=200, dose_per_frame=2, prior_dose=4
    )
    assert_allclose(sums.average_dw, expected, atol=1e-3)


def test_law_cropping_the_sums_is_cropping_the_average(rng):
    frames = rng.poisson(5.0, (3, 64, 60)).astype(np.float32)
    way = np.array([[0, 0], [1.5, 2], [2.5, -1]])
    whole = motion.correct(frames, way, pixel_size=1.0)
    small = motion.correct(frames, way, pixel_size=1.0, shape=(41, 37))
    assert_allclose(small.average, fourier.resize(whole.average, (41, 37)), atol=1e-3)


def test_frames_and_shifts_must_be_equally_many():
    with pytest.raises(BadData, match="2 frames"):
        motion.correct(np.ones((2, 8, 8)), np.zeros((3, 2)), pixel_size=1)
    with pytest.raises(BadData, match="more than the 1"):
        motion.correct(np.ones((2, 8, 8)), np.zeros((1, 2)), pixel_size=1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=20),
    st.floats(0.1, 3),
)
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


def test_frames_that_are_not_finite_are_not_summed():
    with pytest.raises(BadData, match="NaN"):
        motion.correct(np.full((2, 8, 8), np.nan), np.zeros((2, 2)), pixel_size=1)
