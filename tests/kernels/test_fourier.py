import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import check, fourier

sides = st.integers(8, 41)
few = settings(max_examples=40, deadline=None)


def random_picture(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@few
@given(h=sides, w=sides, more_y=st.integers(0, 20), more_x=st.integers(0, 20))
def test_law_padding_and_cropping_back_is_identity(h, w, more_y, more_x):
    picture = random_picture((h, w))
    padded = fourier.resize(picture, (h + more_y, w + more_x))
    assert_allclose(fourier.resize(padded, (h, w)), picture, atol=1e-5)


@few
@given(h=sides, w=sides, new_h=sides, new_w=sides)
def test_law_resizing_keeps_the_mean(h, w, new_h, new_w):
    picture = random_picture((h, w)) + 7
    assert fourier.resize(picture, (new_h, new_w)).mean() == pytest.approx(picture.mean(), abs=1e-4)


@pytest.mark.parametrize("shape", [(24, 30), (25, 30), (24, 31), (60, 20), (31, 64)])
def test_second_opinion_resize_agrees_with_scipy_resample(shape):
    picture = random_picture((41, 44)).astype(np.float64)
    expected = scipy.signal.resample(
        scipy.signal.resample(picture, shape[0], axis=0), shape[1], axis=1
    )
    assert_allclose(fourier.resize(picture, shape), expected, atol=1e-6)


@few
@given(h=sides, w=sides, x=st.floats(-9, 9), y=st.floats(-9, 9))
def test_law_shift_back_is_identity_without_power_at_nyquist(h, w, x, y):
    spectrum = fourier.transform(random_picture((h, w)))
    if h % 2 == 0:
        spectrum[h // 2] = 0
    if w % 2 == 0:
        spectrum[:, -1] = 0
    picture = fourier.inverse(spectrum, (h, w))
    there = fourier.shift(picture, (x, y))
    assert_allclose(fourier.shift(there, (-x, -y)), picture, atol=1e-4)


@few
@given(h=sides, w=sides, x=st.integers(-9, 9), y=st.integers(-9, 9))
def test_convention_whole_pixel_shift_moves_content_to_positive_x_and_y(h, w, x, y):
    picture = random_picture((h, w))
    assert_allclose(
        fourier.shift(picture, (x, y)), np.roll(picture, (y, x), axis=(0, 1)), atol=1e-5
    )


def test_law_shift_of_a_stack_is_the_shift_of_each():
    stack, xy = random_picture((3, 20, 21)), [(1.5, 0), (0, -2.25), (3, 3)]
    each = [fourier.shift(p, d) for p, d in zip(stack, xy, strict=True)]
    assert_allclose(fourier.shift(stack, xy), each, atol=1e-5)


def test_convention_frequencies_are_in_reciprocal_angstrom_and_end_at_nyquist():
    s = fourier.frequencies((64, 32), 2.0)
    assert s.shape == (64, 17)
    assert s[0, 0] == 0
    assert s[0, -1] == pytest.approx(0.25)
    assert s[1, 0] == pytest.approx(1 / 128)


def test_truth_low_pass_halves_a_wave_at_its_resolution():
    wave = np.sin(2 * np.pi * np.arange(64) / 8)[None].repeat(64, 0)
    assert_allclose(fourier.low_pass(wave, 16.0, pixel_size=2.0), wave / 2, atol=1e-5)


def test_law_low_pass_and_high_pass_add_up():
    picture = random_picture((33, 40))
    parts = fourier.low_pass(picture, 5.0) + fourier.high_pass(picture, 5.0)
    assert_allclose(parts, picture, atol=1e-5)


def test_truth_white_noise_has_the_power_of_its_variance():
    power = fourier.power(3 * random_picture((256, 256)))
    assert power.mean() == pytest.approx(9, rel=0.05)


def test_second_opinion_radial_average_agrees_with_a_slow_loop():
    values = random_picture((20, 11))
    ring = fourier.radial_index((20, 20))
    slow = [values[ring == r].mean() for r in range(ring.max() + 1)]
    assert_allclose(fourier.radial_average(values, ring), slow, atol=1e-6)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((64, 64)), "constant"),
        (np.full((64, 64), np.nan), "NaN"),
        (np.arange(16.0).reshape(4, 4), "at least"),
        (np.zeros((2, 64, 64)), "two axes"),
        (np.eye(64, dtype=np.complex64), "type complex64"),
    ],
)
def test_bad_pictures_are_refused_with_a_sentence(bad, words):
    with pytest.raises(BadData, match=words):
        check.picture(bad)
