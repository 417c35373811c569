import numpy as np
import pytest
from numpy.testing import assert_allclose

from focusnb.errors import BadData, BadValue
from focusnb.kernels import fourier, motion
from focusnb.kernels.motion import loops, refine
from focusnb.kernels.motion.search import peak
from kernels import made

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


@pytest.mark.parametrize("empty", [[4], [10, 11], [3, 7]], ids=str)
def test_truth_empty_frames_do_not_disturb_the_others(rng, empty):
    way = made.settling(12, 20)
    frames = made.movie(rng, way)
    frames[empty] = 0
    found = motion.estimate(frames, pixel_size=PIXEL)
    seen = np.setdiff1d(np.arange(12), empty)
    assert found.unsure == tuple(empty)
    assert made.error(found.shifts[seen], way[seen]) < 0.33 * PIXEL


def test_a_movie_of_nothing_but_noise_says_so(rng):
    found = motion.estimate(rng.poisson(1.0, (8, 256, 256)), pixel_size=PIXEL)
    assert not found.converged
    assert not found.seen


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
    found, _ = peak(fourier.inverse(np.conj(spectra[0]) * spectra[1], (64, 64)), (10, 10))
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


@pytest.mark.parametrize("iterations", [1, 2, 12])
def test_progress_goes_on_to_the_end(rng, iterations):
    told = []
    frames = made.movie(rng, made.settling(12, 8), side=256, dose_per_frame=0.4)
    motion.estimate(
        frames,
        pixel_size=PIXEL,
        patches=2,
        iterations=iterations,
        report=lambda f, _: told.append(f),
    )
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("kind", ["float16", "int8", "int32", ">u2", ">f4", "bool", "float64"])
def test_law_any_kind_of_numbers_shows_the_same(rng, kind):
    frames = made.movie(rng, made.settling(6, 6), side=256, dose_per_frame=1.0) > 0
    found = motion.estimate(frames.astype(kind), pixel_size=PIXEL).shifts
    assert_allclose(found, motion.estimate(frames.astype(np.uint8), pixel_size=PIXEL).shifts)
    sums = [
        motion.correct(frames.astype(k), found, pixel_size=PIXEL).average for k in (kind, "uint8")
    ]
    assert_allclose(*sums, atol=1e-3)


def test_frames_that_can_be_gone_through_once_are_refused(rng):
    with pytest.raises(BadValue, match="several times: give a list"):
        motion.estimate((f for f in rng.poisson(1.0, (3, 64, 64))), pixel_size=PIXEL)


def test_no_iterations_are_refused(rng):
    with pytest.raises(BadValue, match="iterations = 0"):
        motion.estimate(rng.poisson(1.0, (3, 64, 64)), pixel_size=PIXEL, iterations=0)


def test_complex_frames_are_refused():
    frames = np.ones((2, 64, 64), complex)
    for work in (motion.estimate, lambda f, **k: motion.correct(f, np.zeros((2, 2)), **k)):
        with pytest.raises(BadData, match="complex"):
            work(frames, pixel_size=PIXEL)


def test_loops_are_compiled_where_nothing_can_be_written(monkeypatch):
    from numba.core import caching

    def nowhere(self, *args):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(caching.FunctionCache, "__init__", nowhere)
    assert loops.compiled()(lambda x: x + 1)(2) == 3


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        ([np.zeros((64, 64))], "frame 1 is constant"),
        (np.zeros((3, 64, 64)), "the sum of the frames is constant"),
        ([np.eye(64), np.eye(65)], "frame 2 has the shape"),
        ([np.eye(64), np.full((64, 64), np.inf)], "frame 2 has 4096 pixels that are NaN"),
    ],
)
def test_bad_frames_are_refused_with_a_sentence(frames, words):
    with pytest.raises(BadData, match=words):
        motion.estimate(frames, pixel_size=1.0)


def local_error(found, way, model, frames, pixel_size=PIXEL):
    """RMS distance from the truth over frames and 5 × 5 points, one constant per point removed, px."""
    at = (np.arange(5) + 0.5) / 5 - 0.5
    x, y = np.meshgrid(at, at)
    true = np.array([way[z] + model(z, x, y) for z in range(frames)])
    seen = np.broadcast_to(found.shifts[:, None, None], true.shape)
    if found.model is not None:
        seen = seen + motion.local_movement(found.model, np.arange(frames), x, y)
    apart = seen - true
    apart = apart - apart.mean(axis=0)
    return float(np.sqrt((apart**2).sum(-1).mean())) / pixel_size


class TestLowDose:
    """Half an electron per pixel and frame, as cameras record."""

    def test_truth_movements_of_forty_pixels_are_found(self, rng):
        way = made.settling(30, 40 * PIXEL)
        frames = made.movie(rng, way, side=768, dose_per_frame=0.5, contrast=0.08)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.converged
        assert made.error(found.shifts, way) < 0.35 * PIXEL

    def test_truth_a_jump_of_forty_pixels_is_found(self, rng):
        way = np.zeros((30, 2))
        way[13:] = np.array([24, 32]) * PIXEL
        frames = made.movie(rng, way, side=768, dose_per_frame=0.5, contrast=0.08)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.converged
        assert made.error(found.shifts, way) < 0.35 * PIXEL

    def test_truth_the_error_that_is_told_is_the_error_that_is_made(self, rng):
        way = made.settling(20, 8)
        frames = made.movie(rng, way, side=768, dose_per_frame=0.8)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert made.error(found.shifts, way) == pytest.approx(found.error, rel=0.5)

    def test_frames_of_too_little_signal_are_searched_together(self, rng):
        way = made.settling(48, 10)
        frames = made.movie(rng, way, side=384, dose_per_frame=0.25)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.group > 1
        assert found.quality > motion.estimate(frames, pixel_size=PIXEL, group=1).quality
        assert made.error(found.shifts, way) < 0.4

    def test_a_steady_way_is_held_smooth_when_single_frames_show_little(self, rng, monkeypatch):
        way = made.settling(48, 10)
        frames = made.movie(rng, way, side=384, dose_per_frame=0.25)
        held = motion.estimate(frames, pixel_size=PIXEL)
        monkeypatch.setattr(refine, "_smoothness", lambda found, shifts: np.zeros((48, 48)))
        free = motion.estimate(frames, pixel_size=PIXEL)
        assert made.error(held.shifts, way) < 0.5 * made.error(free.shifts, way)
        assert held.error < 0.5 * free.error

    def test_truth_a_drift_that_goes_on_and_on_is_found(self, rng):
        way = np.arange(10)[:, None] * np.array([9.0, -7.0])  # the sum at rest shows nothing of it
        frames = made.movie(rng, way, side=512, dose_per_frame=2.0)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.converged
        assert made.error(found.shifts, way) < 0.3

    def test_law_a_group_that_is_asked_for_is_taken(self, rng):
        frames = made.movie(rng, made.settling(12, 8), side=256)
        assert motion.estimate(frames, pixel_size=PIXEL, group=3).group == 3


class TestLocalMotion:
    FRAMES = 16

    @pytest.fixture(scope="class")
    @classmethod
    def doming(cls):
        """A movie whose film bulges by 6 Å, its way, and its model."""
        rng = np.random.default_rng(5)
        way, model = made.settling(cls.FRAMES, 12), made.doming(6.0, cls.FRAMES)
        return made.local_movie(rng, way, model, side=1024, dose_per_frame=2.0), way, model

    def test_truth_local_motion_is_found(self, doming):
        frames, way, model = doming
        found = motion.estimate(frames, pixel_size=PIXEL, patches=5)
        assert found.converged
        assert found.model is not None
        whole = motion.estimate(frames, pixel_size=PIXEL, patches=1)
        assert local_error(found, way, model, self.FRAMES) < 0.2
        assert local_error(found, way, model, self.FRAMES) < 0.4 * local_error(
            whole, way, model, self.FRAMES
        )

    def test_truth_tracks_show_what_each_patch_did(self, doming):
        frames, way, model = doming
        tracks = motion.estimate(frames, pixel_size=PIXEL, patches=4).tracks
        assert tracks.movement.shape == (16, self.FRAMES, 2)
        assert tracks.used.all()
        for (x, y), track in zip(tracks.centres, tracks.movement, strict=True):
            true = np.array([way[z] + model(z, x, y) for z in range(self.FRAMES)])
            assert made.error(track, true) < 0.8

    def test_convention_the_mean_of_the_model_over_the_field_is_zero(self, doming):
        found = motion.estimate(doming[0], pixel_size=PIXEL, patches=5)
        at = np.linspace(-0.5, 0.5, 101)
        mean = motion.local_movement(found.model, [10], at[None], at[:, None])[0].mean((0, 1))
        assert_allclose(mean, 0, atol=0.05)

    def test_law_progress_goes_from_0_to_1(self, doming):
        told = []
        motion.estimate(
            doming[0][:6], pixel_size=PIXEL, patches=3, report=lambda f, t: told.append(f)
        )
        assert told[-1] == 1
        assert 0 <= min(told) < 0.2

    def test_a_patch_that_moves_by_itself_is_left_out(self, rng):
        # A contamination that slides over the film: strong, and unlike all else.
        frames = made.local_movie(
            rng, np.zeros((12, 2)), made.doming(5.0, 12), side=1024, noise=False, dose_per_frame=2
        )
        spot = 2.5 * fourier.low_pass(rng.standard_normal((200, 200)), 12)
        for z, frame in enumerate(frames):
            frame[660:860, 120 + 2 * z : 320 + 2 * z] += spot
        counts = rng.poisson(np.clip(frames, 0, None)).astype(np.uint8)
        found = motion.estimate(counts, pixel_size=PIXEL, patches=5)
        assert found.model is not None
        x, y = found.tracks.centres[~found.tracks.used].T
        assert 0 < x.size <= 3
        assert ((x < -0.1) & (y > 0)).all()
        assert f"{x.size} of 25 patches move unlike the others and were left out" in found.notes
        stray = found.tracks.movement[~found.tracks.used] - found.shifts
        place = found.tracks.centres[~found.tracks.used].T
        fitted = np.swapaxes(motion.local_movement(found.model, np.arange(12), *place), 0, 1)
        assert np.abs(stray - fitted).max() > 0.6  # they show that they leave the fit
        assert local_error(found, np.zeros((12, 2)), made.doming(5.0, 12), 12) < 0.4

    def test_what_hides_the_movement_of_the_others_is_never_taken_for_it(self, rng):
        # So strong that the whole frames follow it: then the patches do not move as one.
        way, model = made.settling(16, 12), made.doming(8.0, 16)
        frames = made.local_movie(rng, way, model, side=1024)[:, :900].astype(int)
        spot = np.rint(4 * fourier.low_pass(rng.standard_normal((200, 200)), 12)).astype(int)
        for z, frame in enumerate(frames):
            frame[600:800, 120 + 2 * z : 320 + 2 * z] += spot
        frames = np.clip(frames, 0, 255).astype(np.uint8)
        found = motion.estimate(frames, pixel_size=PIXEL, patches=5)
        assert found.model is None
        assert any("do not move as one smooth field" in note for note in found.notes)

    def test_the_tracks_are_there_when_no_local_motion_is_believed(self, rng):
        frames = made.movie(rng, made.settling(10, 8), side=512)
        found = motion.estimate(frames, pixel_size=PIXEL, patches=3)
        assert found.model is None
        assert found.tracks.movement.shape[1:] == (10, 2)
        assert found.tracks.used.all()

    def test_without_local_motion_the_whole_frames_are_moved(self, rng):
        way = made.settling(10, 8)
        found = motion.estimate(
            made.movie(rng, way, side=768, dose_per_frame=0.8), pixel_size=PIXEL, patches=5
        )
        assert found.model is None
        assert any("the whole frames are moved" in note for note in found.notes)
        assert made.error(found.shifts, way) < 0.5 * PIXEL

    def test_patches_that_move_at_random_are_not_believed(self, rng):
        # Strips that slide against each other: no smooth field explains them.
        parts = [
            made.movie(rng, np.outer(np.arange(10), xy), side=1020, dose_per_frame=3)
            for xy in ([1.2, 0], [-1.2, 0])
        ]
        frames = parts[0].copy()
        for strip in range(0, 1020, 408):
            frames[:, :, strip : strip + 204] = parts[1][:, :, strip : strip + 204]
        found = motion.estimate(frames, pixel_size=PIXEL, patches=5)
        assert found.model is None or (~found.tracks.used).sum() > 2


class TestDoubt:
    def test_a_frame_that_shows_nothing_lies_between_its_neighbours(self, rng):
        way = made.settling(12, 10)
        frames = made.movie(rng, way)
        frames[6] = rng.poisson(frames.mean(), frames[6].shape)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.unsure == (6,)
        assert_allclose(found.shifts[6], (found.shifts[5] + found.shifts[7]) / 2, atol=1e-9)
        assert made.error(np.delete(found.shifts, 6, 0), np.delete(way, 6, 0)) < 0.35

    @pytest.mark.parametrize(
        "shape", [(4, 128, 128), (8, 256, 256), (24, 400, 300), (60, 256, 256)]
    )
    @pytest.mark.parametrize("mean", [0.1, 1.0])
    def test_noise_is_never_aligned(self, rng, shape, mean):
        found = motion.estimate(rng.poisson(mean, shape), pixel_size=PIXEL, patches=3)
        assert not found.converged
        assert not found.seen
        assert found.model is None

    @pytest.mark.parametrize("reach", [100, 1000])
    def test_noise_of_few_frames_is_never_aligned_however_far_is_looked(self, reach):
        for seed in range(25):
            frames = np.random.default_rng(seed).poisson(1.0, (2, 768, 768))
            assert not motion.estimate(frames, pixel_size=PIXEL, max_shift=reach).seen

    def test_one_frame_that_is_elsewhere_does_not_spoil_the_word_of_the_others(self, rng):
        way = made.settling(12, 10)
        frames = made.movie(rng, way)
        frames[7] = np.roll(made.movie(rng, np.zeros((1, 2)))[0], 130, axis=1)
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert found.unsure == (7,)
        assert found.converged

    @pytest.mark.parametrize("left", [7, 4])
    def test_truth_few_frames_among_empty_ones_are_aligned(self, rng, left):
        way = made.settling(16, 12)
        frames = made.movie(rng, way)
        frames[left:] = 0
        found = motion.estimate(frames, pixel_size=PIXEL, patches=3)
        assert made.error(found.shifts[:left], way[:left]) < 0.35 * PIXEL
        assert found.unsure == tuple(range(left, 16))
        assert found.converged
        assert_allclose(
            found.shifts[left:], np.broadcast_to(found.shifts[left - 1], (16 - left, 2))
        )
        assert found.tracks.movement.shape[1] == 16

    def test_one_frame_among_empty_ones_is_told(self, rng):
        frames = np.zeros((5, 128, 128))
        frames[2] = rng.poisson(1.0, (128, 128))
        found = motion.estimate(frames, pixel_size=PIXEL)
        assert not found.seen
        assert not found.shifts.any()

    def test_shifts_stay_within_the_largest_movement(self, rng):
        found = motion.estimate(
            rng.poisson(1.0, (8, 256, 256)), pixel_size=PIXEL, max_shift=20
        ).shifts
        assert np.abs(found - np.median(found, axis=0)).max() < 20 + 4 * 2 * PIXEL

    def test_frames_that_do_not_fill_the_field_tell_how_large_it_is(self, rng):
        model = made.doming(6.0, 10)
        frames = made.local_movie(rng, np.zeros((10, 2)), model, side=900, dose_per_frame=4)
        small = np.array([motion.binned(f[:896, :896], 2) for f in frames])
        at_whole = motion.estimate(small, pixel_size=2 * PIXEL, patches=5, field=(450, 450))
        assert local_error(at_whole, np.zeros((10, 2)), model, 10) < 0.25
