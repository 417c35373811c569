"""Grey values for the screen: bins as NumPy makes them, cut at the window, rows in their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb.errors import BadData
from focusnb.kernels import grey
from focusnb.kernels.local_spectrum import local_spectrum


@pytest.fixture
def picture(rng):
    return rng.normal(100, 10, (61, 94)).astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def binned(picture, part, step):
    """Means by NumPy alone."""
    left, bottom, right, top = part
    cut = picture[bottom:top, left:right].astype(np.float64)
    rows, columns = (n // step for n in cut.shape)
    return cut.reshape(rows, step, columns, step).mean(axis=(1, 3))


@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int8, np.int16, np.uint16])
def test_means_are_those_of_numpy(picture, step, dtype):
    picture = picture.astype(dtype)
    part, used = grey.inside((5, 3, 80, 60), picture.shape, step)
    found = grey.means(picture, part, used)
    assert_allclose(found, binned(picture, part, step), rtol=1e-5)


def test_every_third_mean_is_every_third_of_all(picture):
    part, step = grey.inside(None, picture.shape, 2)
    assert_array_equal(
        grey.means(picture, part, step, every=3), grey.means(picture, part, step)[::3, ::3]
    )


@given(
    part=st.tuples(*[st.integers(-30, 130)] * 4),
    step=st.integers(-2, 200),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 90)),
)
def test_whatever_is_asked_for_lies_in_the_picture(part, step, shape):
    (left, bottom, right, top), used = grey.inside(part, shape, step)
    assert 0 <= left < right <= shape[1]
    assert 0 <= bottom < top <= shape[0]
    assert used >= 1
    assert (right - left) % used == 0 == (top - bottom) % used


@pytest.mark.parametrize("step", [1, 3])
def test_grey_is_the_mean_between_low_and_high(picture, step):
    part, _ = grey.inside(None, picture.shape, step)
    low, high = grey.window_of(picture, part, step)
    expected = 1 + (binned(picture, part, step) - low) * 254 / (high - low)
    found = grey.grey(picture, part, step, low, high)
    assert found.dtype == np.uint8
    assert_allclose(found, np.clip(expected, 1, 255), atol=0.51)


def test_several_threads_give_the_same(monkeypatch, picture):
    monkeypatch.setattr(grey, "PIECE", 100)
    part, step = grey.inside(None, picture.shape, 3)
    one = grey.grey(picture, part, step, 70.0, 130.0)
    assert_array_equal(grey.grey(picture, part, step, 70.0, 130.0, workers=4), one)


def test_what_lies_beyond_is_cut_off_and_never_wraps():
    picture = np.array([[-1e30, 0, 5, 10, 1e30]], np.float32)
    found = grey.grey(picture, (0, 0, 5, 1), 1, 0.0, 10.0)
    assert found.tolist() == [[1, 1, 128, 255, 255]]


def test_row_0_stays_the_first_row():
    picture = np.repeat(np.arange(6, dtype=np.float32)[:, np.newaxis], 4, axis=1)
    found = grey.grey(picture, (0, 0, 4, 6), 2, 0.0, 5.0)
    assert (np.diff(found[:, 0].astype(int)) > 0).all()
    assert (found == found[:, :1]).all()


def test_a_mean_over_a_pixel_that_is_not_finite_is_marked(picture):
    picture[10, 20], picture[31, 41] = np.nan, np.inf
    found = grey.grey(picture, (0, 0, 94, 60), 2, 60.0, 140.0)
    assert np.argwhere(found == 0).tolist() == [[5, 10], [15, 20]]


def test_nothing_finite_has_no_window():
    assert np.isnan(grey.window(np.full((3, 3), np.nan))).all()


@pytest.mark.parametrize("value", [0.0, -7.0, 1e20])
def test_a_constant_picture_has_a_window_around_its_value(value):
    low, high = grey.window(np.full((4, 4), value, np.float32))
    assert low < value < high


def test_summary_is_that_of_numpy(picture):
    picture = picture + np.float32(1e4)
    picture[0, :3] = np.nan
    good = picture[np.isfinite(picture)].astype(float)
    found = grey.summary(picture)
    assert (found.bad, found.least, found.most) == (3, good.min(), good.max())
    assert_allclose(found.mean, good.mean(), rtol=1e-9)
    assert_allclose(found.deviation, good.std(), rtol=1e-6)


def test_summary_of_nothing_finite():
    found = grey.summary(np.full((2, 3), np.inf, np.float32))
    assert found.bad == 6
    assert np.isnan([found.least, found.most, found.mean, found.deviation]).all()


@pytest.mark.parametrize("kind", [np.complex64, np.float16, np.bool_, ">f4"])
def test_types_that_loops_do_not_know_become_readable(rng, kind):
    given_ = (rng.normal(size=(8, 8)) * 3).astype(kind)
    found = grey.readable(given_)
    assert_allclose(
        grey.means(found, (0, 0, 8, 8), 1), np.abs(given_) if kind == np.complex64 else given_
    )


class TestLocalSpectrum:
    @pytest.mark.parametrize("shape", [(64, 64), (50, 72), (97, 61)])
    def test_amplitudes_are_those_of_the_whole_transform(self, rng, shape):
        picture = rng.normal(20, 3, shape).astype(np.float32)
        found = local_spectrum(picture)
        square = np.zeros((found.side, found.side))
        square[: shape[0], : shape[1]] = picture - picture.mean()
        whole = np.abs(np.fft.fftshift(np.fft.fft2(square)))
        part, step = grey.inside(None, whole.shape, 1)
        assert_allclose(found.amplitudes(part, step), whole, atol=2e-2)
        part, step = grey.inside((3, 9, 47, 50), whole.shape, 4)
        assert_allclose(
            found.amplitudes(part, step), binned(whole, part, step), rtol=1e-3, atol=1e-2
        )

    @pytest.mark.parametrize(("u", "v"), [(5, 3), (-5, 3), (0, -7), (11, 0)])
    def test_a_wave_is_found_at_its_place_with_its_phase(self, u, v):
        y, x = np.mgrid[:64, :64]
        turn = 2 * np.pi * (u * (x - 32) + v * (y - 32)) / 64
        found = local_spectrum((9 + np.cos(turn + np.deg2rad(40))).astype(np.float32))
        amplitude, phase = found.at(32 + u, 32 + v)
        assert_allclose(amplitude, 64 * 64 / 2, rtol=1e-3)
        assert_allclose(phase, 40, atol=0.1)
        assert_allclose(found.at(32 - u, 32 - v)[1], -40, atol=0.1)

    def test_a_part_is_transformed_as_if_it_were_the_picture(self, rng):
        picture = rng.normal(size=(90, 120)).astype(np.float32)
        one = local_spectrum(picture, (10, 20, 74, 84))
        other = local_spectrum(picture[20:84, 10:74].copy())
        assert_array_equal(one.half, other.half)

    def test_pixels_that_are_not_finite_do_not_spread(self, rng):
        picture = rng.normal(5, 1, (64, 64)).astype(np.float32)
        picture[3, 4] = np.nan
        assert np.isfinite(local_spectrum(picture).half).all()

    def test_what_cannot_be_transformed_is_refused_in_a_sentence(self):
        with pytest.raises(BadData, match="no pixel of this part is finite"):
            local_spectrum(np.full((32, 32), np.nan, np.float32))
        with pytest.raises(BadData, match="15 × 32 pixels are too few"):
            local_spectrum(np.zeros((32, 32), np.float32), (0, 0, 15, 32))
