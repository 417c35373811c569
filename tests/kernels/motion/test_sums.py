import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import ndimage

from focusnb.errors import BadData
from focusnb.kernels import dose, fourier, motion
from focusnb.kernels.motion import resample, weighting
from kernels import made

INSIDE = (slice(24, -24), slice(24, -24))  # away from what comes in over the edges


def smooth(rng, shape, resolution=4):
    return fourier.low_pass(rng.standard_normal(shape), resolution) * 3 + 10


class TestPlainSum:
    def test_truth_the_average_lies_at_the_first_used_frame(self, rng):
        field = smooth(rng, (128, 160))
        way = np.array([[np.nan, np.nan], [0, 0], [3, -2], [5.5, 1.25]])
        frames = [
            fourier.shift(field, xy / 2.0) if np.isfinite(xy).all() else field * 9 for xy in way
        ]
        sums = motion.correct(frames, way, pixel_size=2.0)
        assert_allclose(sums.average[INSIDE], 3 * field[INSIDE], atol=0.12)
        assert sums.average_dw is None

    def test_convention_content_that_moved_to_positive_x_is_brought_back(self):
        frame = np.zeros((64, 64), np.float32)
        frame[20, 30] = 1
        moved = np.roll(frame, (-3, 5), (0, 1))
        average = motion.correct([frame, moved], [[0, 0], [5, -3]], pixel_size=1.0).average
        assert np.unravel_index(average.argmax(), average.shape) == (20, 30)
        assert average.max() == pytest.approx(2, abs=0.01)

    def test_second_opinion_whole_frames_are_moved_as_a_phase_ramp_moves_them(self, rng):
        frames = rng.standard_normal((4, 128, 128)).astype(np.float32)
        way = np.array([[0, 0], [0.5, -3.25], [-7.75, 2.5], [1.3, 0.9]])
        expected = sum(fourier.shift(f, -d) for f, d in zip(frames, way, strict=True))
        found = motion.correct(frames, way, pixel_size=1.0).average
        apart = fourier.low_pass((found - expected)[INSIDE], 2.2)  # all but the last 10 %
        assert apart.std() < 0.08 * expected.std()

    def test_law_frames_in_counts_with_a_gain_are_electrons(self, rng):
        counts = rng.poisson(3, (5, 100, 90)).astype(np.uint8)
        gain = rng.uniform(0.8, 1.2, (100, 90)).astype(np.float32)
        way = rng.uniform(-4, 4, (5, 2))
        way[0] = 0
        with_gain = motion.correct(counts, way, pixel_size=1.0, gain=gain, dose_per_frame=1)
        before = motion.correct(counts * gain, way, pixel_size=1.0, dose_per_frame=1)
        for name in ("average", "average_dw", "unaligned"):
            assert_allclose(getattr(with_gain, name), getattr(before, name), atol=2e-3)

    @pytest.mark.parametrize(
        "dtype", ["uint8", "int8", "uint16", "int16", "int32", "f2", "f4", "f8"]
    )
    def test_law_the_type_of_the_frames_does_not_matter(self, rng, dtype):
        counts = rng.poisson(3, (3, 64, 70))
        way = [[0, 0], [1.5, -2], [0.25, 3]]
        expected = motion.correct(counts.astype("f4"), way, pixel_size=1.0).average
        found = motion.correct(counts.astype(dtype), way, pixel_size=1.0).average
        assert found.dtype == np.float32
        assert_allclose(found, expected, atol=1e-4)

    def test_law_a_list_an_array_and_an_iterator_give_the_same(self, rng, monkeypatch):
        monkeypatch.setattr(motion.sums, "AT_ONCE", 3 * 64 * 64 * 4)  # several batches
        frames = rng.standard_normal((7, 64, 64)).astype(np.float32)
        way = rng.uniform(-3, 3, (7, 2))
        first, *others = (
            motion.correct(f, way, pixel_size=1.0, dose_per_frame=2).average_dw
            for f in (frames, list(frames), iter(frames))
        )
        for other in others:
            assert_allclose(other, first, atol=1e-4)

    def test_law_threads_do_not_matter(self, rng):
        frames = rng.standard_normal((4, 200, 130)).astype(np.float32)
        way = rng.uniform(-3, 3, (4, 2))
        one, two = (
            motion.correct(frames, way, pixel_size=1.0, dose_per_frame=1, workers=n) for n in (1, 2)
        )
        assert_allclose(one.average_dw, two.average_dw, atol=1e-5)

    def test_convention_plain_sum_has_mean_n_m_and_weighted_sum_root_n_m(self, rng):
        frames = rng.poisson(5.0, (9, 64, 48)).astype(np.float32)
        sums = motion.correct(frames, np.zeros((9, 2)), pixel_size=1, dose_per_frame=1.5)
        assert sums.average.mean() == pytest.approx(9 * frames.mean(), rel=1e-4)
        assert sums.average_dw.mean() == pytest.approx(3 * frames.mean(), rel=1e-3)
        assert_allclose(sums.unaligned, frames.sum(0), atol=1e-3)

    def test_truth_noise_stays_white_and_as_high_as_in_one_frame(self, rng):
        frames = rng.standard_normal((10, 256, 256)).astype(np.float32)
        way = rng.uniform(-9, 9, (10, 2))
        sums = motion.correct(frames, way, pixel_size=1.0, dose_per_frame=2.0)
        k = fourier.frequencies((256, 256)) * 2
        for picture, wanted in ((sums.average, 10), (sums.average_dw, 1)):
            power = fourier.power(picture)
            assert power[k < 0.8].mean() == pytest.approx(wanted, rel=0.03)
            assert power[(k > 0.8) & (k < 0.9)].mean() == pytest.approx(wanted, rel=0.06)


class TestLocalMotion:
    MODEL = staticmethod(made.doming(6.0, 10))

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls):
        """The doming as coefficients, which are its best polynomial."""
        z = np.arange(10.0)
        time = np.stack([z, z**2, z**3], 1)
        grown = 6.0 * (1 - np.exp(-2.5 * z / 10)) / (1 - np.exp(-2.5))
        fit = np.linalg.lstsq(time, grown, rcond=None)[0]
        space = np.zeros((2, 6))
        space[0, [1, 4]], space[1, [3, 2]] = (1.2, 0.8), (1.0, -0.7)
        return (space[:, :, None] * fit).ravel()

    def test_truth_little_is_lost_up_to_nyquists_frequency(self, rng, fitted):
        # Noise-free frames of a white specimen, moved locally by known parts of pixels.
        side, count = 320, 10
        field = rng.standard_normal((side, side))
        fine = ndimage.spline_filter(fourier.resize(field, (4 * side, 4 * side)), order=5)
        y, x = np.mgrid[:side, :side].astype(float)
        way = rng.uniform(-4, 4, (count, 2))
        way[0] = 0
        frames = []
        for z in range(count):
            local = motion.local_movement(
                fitted, [z], (x + 0.5) / side - 0.5, (y + 0.5) / side - 0.5
            )[0]
            # what is seen at a place came from where the movement started: a fixed point
            start_x, start_y = x - way[z, 0] - local[..., 0], y - way[z, 1] - local[..., 1]
            for _ in range(4):
                local = motion.local_movement(
                    fitted, [z], (start_x + 0.5) / side - 0.5, (start_y + 0.5) / side - 0.5
                )[0]
                start_x, start_y = x - way[z, 0] - local[..., 0], y - way[z, 1] - local[..., 1]
            places = [4 * start_y, 4 * start_x]
            frames.append(
                ndimage.map_coordinates(fine, places, order=5, prefilter=False, mode="grid-wrap")
            )
        average = motion.correct(frames, way, pixel_size=1.0, model=fitted).average
        inside = slice(24, -24)
        window = np.hanning(side - 48)[:, None] * np.hanning(side - 48)
        found = np.fft.rfft2(average[inside, inside] * window)
        wanted = np.fft.rfft2(count * field[inside, inside] * window)
        k = fourier.frequencies(window.shape) * 2
        shell = (k >= 0.85) & (k < 0.95)
        kept = (found * wanted.conj()).real[shell].sum() / (np.abs(wanted) ** 2)[shell].sum()
        assert kept > 0.97
        assert kept < 1.03

    def test_truth_a_movie_with_local_motion_becomes_its_first_frame(self, rng, fitted):
        way = made.settling(10, 8)
        frames = made.local_movie(rng, way, self.MODEL, side=512, noise=False)
        moved, still = (
            motion.correct(frames, way, pixel_size=1.06, model=m).average / 10
            for m in (fitted, None)
        )
        apart = [(p - frames[0])[40:-40, 40:-40].std() for p in (moved, still)]
        assert apart[0] < 0.25 * apart[1]

    def test_law_a_model_of_zeros_is_no_model(self, rng):
        frames = rng.standard_normal((3, 96, 96)).astype(np.float32)
        way = [[0, 0], [1.5, 2], [2.5, -1]]
        one, two = (
            motion.correct(frames, way, pixel_size=1.0, model=m).average
            for m in (None, np.zeros(36))
        )
        assert_allclose(one, two, atol=1e-5)

    def test_law_blocks_are_small_where_the_movement_changes_quickly(self):
        model = np.zeros(36)
        sides = []
        for slope in (0.0, 4.0, 20.0, 500.0):
            model[3] = slope  # x grows by so much from edge to edge, with z
            sides.append(resample.moves([[0, 0], [0, 0]], model, [0, 1], (2000, 2000)).block)
        assert sides == [64, 64, 16, 8]


class TestDoseWeighting:
    def test_second_opinion_the_sum_agrees_with_the_formula_written_out(self, rng):
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
        assert_allclose(sums.average_dw, expected, atol=2e-3)

    @settings(max_examples=30)
    @given(
        st.integers(1, 120), st.floats(0.05, 5), st.floats(0, 150), st.floats(0.4, 3),
        st.sampled_from([100.0, 200.0, 300.0]),
    )  # fmt: skip
    def test_law_few_sums_span_the_filters_of_all_frames(self, count, per_frame, prior, pixel, kv):
        doses = dose.frame_doses(count, dose_per_frame=per_frame, prior_dose=prior)
        filters = weighting.filters(doses, voltage=kv, pixel_size=pixel)
        s = np.arange(len(filters.tables[0])) * filters.step
        with np.errstate(divide="ignore"):
            exact = np.exp(-0.5 * (doses[:, None] - doses[0]) / dose.critical_dose(s, voltage=kv))
        exact /= np.sqrt((exact**2).sum(0))
        made_ = filters.parts.T.astype(float) @ filters.tables.astype(float)
        assert np.abs(made_ - exact).max() < 1e-3 / np.sqrt(count)
        assert len(filters.parts) <= min(count + 1, 12)

    def test_prior_dose_takes_from_the_high_frequencies_of_early_frames(self, rng):
        frames = rng.standard_normal((6, 128, 128)).astype(np.float32)
        frames[1:] = 0  # only the first frame has something
        fresh, burnt = (
            motion.correct(frames, np.zeros((6, 2)), pixel_size=1.0, dose_per_frame=5, prior_dose=p)
            for p in (0, 60)
        )
        # the filters are normalised together: what all frames lost alike cancels out
        assert fresh.average_dw.std() == pytest.approx(burnt.average_dw.std(), rel=1e-3)

    def test_without_a_dose_there_is_none(self, rng):
        sums = motion.correct(rng.random((2, 40, 40)), np.zeros((2, 2)), pixel_size=1.0)
        assert sums.average_dw is None


class TestFurtherSums:
    @pytest.fixture
    def movie(self, rng):
        way = rng.uniform(-3, 3, (7, 2))
        way[0] = 0
        return rng.poisson(5, (7, 80, 96)).astype(np.float32), way

    def test_law_odd_and_even_add_up_to_the_average(self, movie):
        sums = motion.correct(*movie, pixel_size=1.0, odd_even=True)
        assert_allclose(sums.odd + sums.even, sums.average, atol=1e-3)

    def test_convention_the_first_used_frame_is_odd(self, movie):
        frames, way = movie
        way = np.where(np.arange(7)[:, None] == 0, np.nan, way * 0)
        sums = motion.correct(frames, way, pixel_size=1.0, odd_even=True)
        assert sums.odd.mean() == pytest.approx(frames[1::2].sum(0).mean(), rel=1e-3)
        assert sums.even.mean() == pytest.approx(frames[2::2].sum(0).mean(), rel=1e-3)

    def test_truth_a_range_of_doses_has_the_frames_within_it(self, movie):
        frames, way = movie
        sums = motion.correct(
            frames,
            way * 0,
            pixel_size=1.0,
            dose_per_frame=2.0,
            prior_dose=10.0,
            dose_range=(12, 18),
        )
        assert_allclose(sums.dose_range, frames[1:4].sum(0), atol=1e-2)

    def test_a_range_that_has_no_frame_says_what_they_received(self, movie):
        with pytest.raises(BadData, match="received 0 to 14"):
            motion.correct(*movie, pixel_size=1.0, dose_per_frame=2.0, dose_range=(20, 30))
        with pytest.raises(BadData, match="give dose_per_frame"):
            motion.correct(*movie, pixel_size=1.0, dose_range=(20, 30))

    def test_law_the_aligned_frames_add_up_to_the_average(self, movie):
        frames = np.array([fourier.low_pass(f, 3) for f in movie[0]])
        each = list(motion.aligned(frames, movie[1], pixel_size=1.0))
        average = motion.correct(frames, movie[1], pixel_size=1.0).average
        assert len(each) == 7
        assert (sum(each) - average)[INSIDE].std() < 0.1 * average[INSIDE].std()

    def test_law_cropping_the_sums_is_cropping_the_average(self, rng):
        frames = np.array([smooth(rng, (128, 120)) for _ in range(3)])
        way = np.array([[0, 0], [1.5, 2], [2.5, -1]])
        whole = motion.correct(frames, way, pixel_size=1.0, dose_per_frame=1, odd_even=True)
        small = motion.correct(
            frames, way, pixel_size=1.0, shape=(82, 74), dose_per_frame=1, odd_even=True
        )
        for name in ("average", "unaligned", "odd", "average_dw"):
            expected = fourier.resize(getattr(whole, name), (82, 74))
            assert_allclose(
                getattr(small, name)[16:-16, 16:-16], expected[16:-16, 16:-16], atol=0.05
            )

    @pytest.mark.parametrize("shape", [(40, 48), (80, 96), (100, 120), (81, 97)])
    def test_law_the_mean_is_kept_whatever_the_size(self, movie, shape):
        sums = motion.correct(*movie, pixel_size=1.0, shape=shape, dose_per_frame=1)
        assert sums.average.shape == sums.average_dw.shape == sums.unaligned.shape == shape
        assert sums.average.mean() == pytest.approx(7 * movie[0].mean(), rel=5e-3)


class TestBadInput:
    def test_frames_and_shifts_must_be_equally_many(self):
        with pytest.raises(BadData, match="2 frames"):
            motion.correct(np.ones((2, 8, 8)), np.zeros((3, 2)), pixel_size=1)
        with pytest.raises(BadData, match="more than the 1"):
            motion.correct(np.ones((2, 8, 8)), np.zeros((1, 2)), pixel_size=1)

    def test_frames_that_are_not_finite_are_not_summed(self):
        with pytest.raises(BadData, match="NaN"):
            motion.correct(np.full((2, 8, 8), np.nan), np.zeros((2, 2)), pixel_size=1)

    def test_a_frame_of_another_size_is_named(self):
        with pytest.raises(BadData, match="frame 2 has the shape"):
            motion.correct([np.ones((8, 8)), np.ones((8, 9))], np.zeros((2, 2)), pixel_size=1)

    def test_a_gain_of_another_size_is_refused(self):
        with pytest.raises(BadData, match="gain reference has the shape"):
            motion.correct(np.ones((2, 8, 8)), np.zeros((2, 2)), pixel_size=1, gain=np.ones((8, 9)))

    def test_no_used_frame_is_refused(self):
        with pytest.raises(BadData, match="no frame of the movie is used"):
            motion.correct(np.ones((2, 8, 8)), np.full((2, 2), np.nan), pixel_size=1)

    def test_progress_is_told_and_may_cancel(self, rng):
        told = []
        frames = rng.random((3, 200, 200))
        motion.correct(
            frames, np.zeros((3, 2)), pixel_size=1.0, report=lambda f, t: told.append((f, t))
        )
        assert told[-1] == (1.0, "summing frame 3 of 3")
        assert [f for f, _ in told] == sorted(f for f, _ in told)

        def stop(fraction, text):
            raise KeyError(text)

        with pytest.raises(KeyError, match="summing"):
            motion.correct(frames, np.zeros((3, 2)), pixel_size=1.0, report=stop)
