"""What motion writes: sums, halves, aligned frames, a range of doses, other pixel sizes."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from contracts.steps import perform, results
from makers import FRAMES, SIZE, movie
from numpy.testing import assert_allclose
from scipy import signal

from focusnb import formats
from focusnb.formats import motion_star
from focusnb.kernels import motion as kernel

DOSE = 20.0 / FRAMES  # e/Å² of a frame
INSIDE = (slice(24, -24), slice(24, -24))  # away from what comes in over the edges
CHOICE = {"first_frame": 3, "last_frame": 7}
# Frames as they are, so that a test can sum them by hand.
STILL = {"already_aligned": True, "hot_pixel_sigma": 0.0, "defects": None}


@pytest.fixture(scope="module")
def sums(recorded_movie, tmp_path_factory):
    """A function: values -> pictures by name and results of prepare and motion, once for all tests."""
    known = {}

    def get(**values):
        key = repr(sorted(values.items()))
        if key not in known:
            home = tmp_path_factory.mktemp("home")
            outcome = perform(home, recorded_movie, ["prepare", "motion"], **values)
            assert outcome.message == ""
            found, folder = results(outcome), Path(outcome.scratch)
            pictures = {
                word: formats.read(folder / found[word])
                for word in found
                if str(found[word]).endswith((".mrc", ".mrcs"))
            }
            found["notes"] = [note for run in outcome.runs for note in run.notes]
            known[key] = pictures, found, folder
        return known[key]

    return get


def electrons(first=0, last=FRAMES):
    """Frames of the simulated movie in electrons, broken pixels as they are."""
    return (movie().frames * movie().camera.gain)[first:last]


def weighted(frames, before=0.0):
    """Dose-weighted sum by the formulas 3 to 9 of Grant & Grigorieff (2015), frame by frame."""
    size = frames.shape[1]
    ky, kx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)
    k = np.maximum(np.hypot(ky, kx), 1e-9)  # 1/Å, of pixels of 1 Å
    critical = 0.24499 * k**-1.6649 + 2.8141
    total, squares = 0, 0
    for number, frame in enumerate(frames):
        weight = np.exp(-(before + DOSE * (number + 1)) / (2 * critical))
        total = total + weight * np.fft.rfft2(frame)
        squares = squares + weight**2
    return np.fft.irfft2(total / np.sqrt(squares), s=frames.shape[1:])


def resampled(picture, side):
    """The picture with other sides, its frequencies kept as far as there is room."""
    return signal.resample(signal.resample(picture, side, axis=0), side, axis=1)


def coarse(picture, part=0.8):
    """The picture without its frequencies beyond this part of Nyquist's."""
    ky, kx = np.fft.fftfreq(len(picture))[:, None], np.fft.rfftfreq(picture.shape[1])
    kept = np.fft.rfft2(picture) * (np.hypot(ky, kx) < part / 2)
    return np.fft.irfft2(kept, s=picture.shape)


class TestMeans:
    def test_truth_the_unaligned_sum_is_that_of_the_frames(self, sums):
        pictures, _, _ = sums(**STILL)
        assert_allclose(pictures["unaligned"], electrons().sum(0), rtol=1e-5, atol=1e-4)

    def test_truth_frames_that_need_no_alignment_are_summed_as_they_are(self, sums):
        pictures, _, _ = sums(**STILL)
        assert_allclose(pictures["average"], electrons().sum(0), atol=2e-2)

    def test_convention_the_average_has_mean_n_m_and_the_weighted_one_root_n_m(self, sums):
        for values in (STILL, {}):
            pictures, _, _ = sums(**values)
            mean = pictures["unaligned"].mean() / FRAMES
            assert pictures["average"].mean() == pytest.approx(FRAMES * mean, rel=1e-3)
            assert pictures["average_dw"].mean() == pytest.approx(np.sqrt(FRAMES) * mean, rel=2e-3)

    def test_second_opinion_the_weighted_sum_is_that_of_the_formulas(self, sums):
        pictures, _, _ = sums(**STILL)
        expected = weighted(electrons())
        apart = (pictures["average_dw"] - expected)[INSIDE]
        assert apart.std() < 0.01 * expected[INSIDE].std()

    def test_the_headers_say_what_their_means_are(self, sums):
        _, _, folder = sums()
        for word, said in (("average", b"mean n*m"), ("average_dw", b"mean sqrt(n)*m")):
            with mrcfile.open(folder / f"{word}.mrc") as file:
                assert said in bytes(file.header.label[0])


class TestHalves:
    def test_law_odd_and_even_add_up_to_the_average(self, sums):
        pictures, _, _ = sums(odd_even=True)
        both = pictures["average_odd"] + pictures["average_even"]
        assert_allclose(both, pictures["average"], atol=5e-3)

    def test_convention_the_odd_sum_has_the_first_third_and_so_on(self, sums):
        pictures, _, _ = sums(**STILL, odd_even=True)
        assert_allclose(pictures["average_odd"], electrons()[0::2].sum(0), atol=2e-2)
        assert_allclose(pictures["average_even"], electrons()[1::2].sum(0), atol=2e-2)

    def test_convention_they_are_counted_from_the_first_frame_that_is_used(self, sums):
        pictures, _, _ = sums(**STILL, odd_even=True, first_frame=2, last_frame=6)
        assert_allclose(pictures["average_odd"], electrons()[1:6:2].sum(0), atol=2e-2)

    def test_they_show_the_same_specimen_with_noise_of_their_own(self, sums):
        pictures, _, _ = sums(odd_even=True)
        halves = [pictures[word][INSIDE] for word in ("average_odd", "average_even")]
        assert np.corrcoef(*(half.ravel() for half in halves))[0, 1] < 0.1
        assert np.corrcoef(*(coarse(half, 0.1).ravel() for half in halves))[0, 1] > 0.2

    def test_asking_for_them_changes_no_other_sum(self, sums):
        for word in ("average", "average_dw", "unaligned"):
            assert_allclose(sums(odd_even=True)[0][word], sums()[0][word], atol=1e-3)

    def test_they_are_made_only_when_asked_for(self, sums):
        _, found, folder = sums()
        assert (found["average_odd"], found["average_even"]) == (None, None)
        assert not list(folder.glob("*odd*"))


class TestAlignedFrames:
    def test_there_are_as_many_as_were_used_with_the_pixel_size_of_the_average(self, sums):
        pictures, found, folder = sums(write_aligned=True, first_frame=2, last_frame=6)
        assert pictures["aligned_frames"].shape == (5, SIZE, SIZE)
        with formats.open(folder / found["aligned_frames"]) as stack:
            assert stack.pixel_size == pytest.approx(1.0)

    @pytest.mark.parametrize("crop", [1.0, 2.0])
    def test_law_their_sum_is_the_average(self, sums, crop):
        pictures, _, _ = sums(write_aligned=True, crop_factor=crop)
        total = pictures["aligned_frames"].sum(0)
        assert total.shape == pictures["average"].shape
        assert total.mean() == pytest.approx(pictures["average"].mean(), rel=1e-4)
        average = coarse(pictures["average"])  # but for the finest detail
        assert (coarse(total) - average).std() < 0.02 * average.std()

    def test_the_first_lies_where_it_was_recorded(self, sums):
        pictures, _, _ = sums(write_aligned=True, hot_pixel_sigma=0.0, defects=None)
        assert_allclose(pictures["aligned_frames"][0], electrons()[0], atol=0.05)

    def test_truth_frames_that_need_no_alignment_are_those_of_the_movie(self, sums):
        pictures, _, _ = sums(**STILL, write_aligned=True)
        assert_allclose(pictures["aligned_frames"], electrons(), atol=0.05)

    def test_writing_them_changes_no_sum(self, sums):
        for word in ("average", "average_dw", "unaligned"):
            assert_allclose(sums(write_aligned=True)[0][word], sums()[0][word], atol=1e-3)


class TestRangeOfDoses:
    def test_truth_the_frames_exposed_within_it_are_summed(self, sums):
        pictures, _, _ = sums(**STILL, sum_dose_from=5.0, sum_dose_to=12.5)
        assert_allclose(pictures["average_range"], electrons(2, 5).sum(0), atol=2e-2)

    def test_a_frame_that_is_only_partly_within_it_is_left_out(self, sums):
        pictures, _, _ = sums(**STILL, sum_dose_from=4.9, sum_dose_to=12.4)
        assert_allclose(pictures["average_range"], electrons(2, 4).sum(0), atol=2e-2)

    def test_the_prior_dose_counts(self, sums):
        pictures, _, _ = sums(**STILL, prior_dose=10.0, sum_dose_to=15.0)
        assert_allclose(pictures["average_range"], electrons(0, 2).sum(0), atol=2e-2)

    def test_frames_that_are_not_used_were_exposed_all_the_same(self, sums):
        pictures, _, _ = sums(**STILL, first_frame=3, sum_dose_to=10.0)
        assert_allclose(pictures["average_range"], electrons(2, 4).sum(0), atol=2e-2)

    def test_law_the_whole_range_is_the_average(self, sums):
        pictures, _, _ = sums(sum_dose_to=20.0)
        assert_allclose(pictures["average_range"], pictures["average"], atol=1e-3)

    def test_without_its_end_it_goes_on_to_that_of_the_exposure(self, sums):
        pictures, _, _ = sums(**STILL, sum_dose_from=12.5)
        assert_allclose(pictures["average_range"], electrons(5).sum(0), atol=2e-2)

    def test_it_is_made_only_when_asked_for(self, sums):
        assert sums()[1]["average_range"] is None
        assert sums(sum_dose_from=0.0)[1]["average_range"] is None

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            (
                {"sum_dose_from": 9.0, "sum_dose_to": 5.0},
                "sum_dose_from = 9 and sum_dose_to = 5 e/Å²: the range is empty",
            ),
            (
                {"sum_dose_from": 30.0, "sum_dose_to": 40.0},
                "no used frame was exposed within 30 to 40 e/Å²: they received 0 to 20;"
                " mend sum_dose_from and sum_dose_to",
            ),
            (
                {"sum_dose_from": 18.0},
                "no used frame was exposed from 18 e/Å² on: they received 0 to 20;"
                " mend sum_dose_from and sum_dose_to",
            ),
            (
                {"sum_dose_to": 5.0, "exposure_dose": None},
                "sum_dose_from and sum_dose_to need the dose of a frame:"
                " give dose_per_frame or exposure_dose",
            ),
        ],
    )
    def test_a_range_that_cannot_be_is_refused_before_anything_is_aligned(
        self, tmp_path, recorded_movie, monkeypatch, values, sentence
    ):
        monkeypatch.setattr(kernel, "estimate", None)
        outcome = perform(tmp_path, recorded_movie, ["prepare", "motion"], **values)
        assert (outcome.state, outcome.step) == ("failed", "motion")
        assert outcome.message == sentence


class TestFramesLeftOut:
    def test_their_shifts_are_null_and_the_first_used_one_is_zero(self, sums):
        _, found, folder = sums(**CHOICE)
        assert [shift is None for shift in found["shifts"]] == [True] * 2 + [False] * 5 + [True]
        assert found["shifts"][2] == [0.0, 0.0]
        told = motion_star.read(folder / found["motion_star"])
        assert np.isnan(told.shifts).all(axis=1).tolist() == [True] * 2 + [False] * 5 + [True]
        assert (told.first_frame, told.frames) == (3, FRAMES)

    def test_truth_their_electrons_are_in_no_sum(self, sums):
        pictures, found, _ = sums(**STILL, **CHOICE)
        assert found["total_dose"] == pytest.approx(5 * DOSE)
        assert_allclose(pictures["average"], electrons(2, 7).sum(0), atol=2e-2)
        assert_allclose(pictures["unaligned"], electrons(2, 7).sum(0), atol=1e-3)

    def test_second_opinion_the_weighted_sum_is_that_of_the_frames_between(self, sums):
        pictures, _, _ = sums(**STILL, **CHOICE)
        expected = weighted(electrons(2, 7), before=2 * DOSE)
        apart = (pictures["average_dw"] - expected)[INSIDE]
        assert apart.std() < 0.01 * expected[INSIDE].std()

    def test_a_last_frame_that_the_movie_does_not_have_is_told(self, sums):
        pictures, found, _ = sums(**STILL, last_frame=12)
        assert found["notes"][0] == "last_frame = 12, but the movie has 8 frames: all are used"
        assert_allclose(pictures["average"], sums(**STILL)[0]["average"], atol=1e-3)


class TestPixelSizes:
    @pytest.mark.parametrize(
        ("values", "side", "size"),
        [
            ({"crop_factor": 2.0}, 256, 2.0),
            ({"crop_factor": 1.5}, 342, 512 / 342),
            ({"target_pixel_size": 1.28}, 400, 1.28),
            ({"target_pixel_size": 0.8}, 640, 0.8),
        ],
        ids=str,
    )
    def test_truth_the_sum_is_that_of_the_frames_resampled(self, sums, values, side, size):
        pictures, found, folder = sums(**STILL, **values)
        assert found["average_pixel_size"] == pytest.approx(size)
        for word in ("average", "average_dw", "unaligned"):
            with formats.open(folder / f"{word}.mrc") as stack:
                assert stack.shape == (1, side, side)
                assert stack.pixel_size == pytest.approx(size, rel=1e-5)
        expected = resampled(electrons().sum(0), side)
        assert_allclose(pictures["unaligned"], expected, atol=1e-2)
        assert pictures["average"].mean() == pytest.approx(expected.mean(), rel=1e-4)
        apart = (pictures["average"] - expected)[INSIDE]
        assert apart.std() < 0.02 * expected[INSIDE].std()

    def test_only_a_finer_one_than_the_movies_is_told(self, sums):
        coarser = sums(**STILL, target_pixel_size=1.28)[1]["notes"]
        (finer,) = sums(**STILL, target_pixel_size=0.8)[1]["notes"]
        assert coarser == []
        assert finer == (
            "target_pixel_size = 0.8 Å is finer than pixel_size = 1 Å:"
            " averages are padded, which adds no detail"
        )

    def test_shifts_stay_in_angstrom_whatever_the_pixel_size_of_the_average(self, sums):
        whole, cropped = sums()[1], sums(crop_factor=2.0)[1]
        assert_allclose(cropped["shifts"], whole["shifts"], atol=1e-6)

    def test_the_file_of_the_drift_tells_the_binning_and_the_pixel_size_of_the_movie(self, sums):
        _, found, folder = sums(crop_factor=2.0)
        told = motion_star.read(folder / found["motion_star"])
        assert (told.binning, told.pixel_size, told.width) == (2.0, 1.0, SIZE)

    @pytest.mark.parametrize(
        ("most", "sentence"),
        [
            (
                32_768,
                "target_pixel_size = 0.01 Å would pad frames of 512 pixels a side to 51200,"
                " and 2048 are possible; give 0.25 Å or more",
            ),
            (
                1_000,
                "target_pixel_size = 0.01 Å would pad frames of 512 pixels a side to 51200,"
                " and 1000 are possible; give 0.512 Å or more",
            ),
        ],
    )
    def test_an_average_that_would_fill_the_memory_is_refused(
        self, tmp_path, recorded_movie, monkeypatch, most, sentence
    ):
        monkeypatch.setattr("focusnb.steps.prepare.MOST_PIXELS", most)
        outcome = perform(tmp_path / "1", recorded_movie, ["prepare"], target_pixel_size=0.01)
        assert (outcome.state, outcome.step, outcome.message) == ("failed", "prepare", sentence)
        finest = float(sentence.split("give ")[1].split()[0])
        again = perform(tmp_path / "2", recorded_movie, ["prepare"], target_pixel_size=finest)
        assert again.state == "done"

    def test_an_average_that_would_be_too_small_is_refused(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, ["prepare"], target_pixel_size=20.0)
        assert outcome.state == "failed"
        assert "averages of 26 × 26 pixels are too small" in outcome.message
        assert "target_pixel_size" in outcome.message


class TestPriorDose:
    def test_law_it_cancels_out_of_the_sums_of_a_movie(self, sums):
        # each weight has the same factor exp(−prior/2Ne), and their sum is divided by their size
        fresh, used = sums(), sums(prior_dose=30.0)
        assert used[1]["shifts"] == fresh[1]["shifts"]
        for word in ("average", "average_dw", "unaligned"):
            assert_allclose(used[0][word], fresh[0][word], atol=1e-3)

    def test_second_opinion_the_weighted_sum_is_that_of_the_formulas(self, sums):
        pictures, _, _ = sums(**STILL, prior_dose=30.0)
        expected = weighted(electrons(), before=30.0)
        apart = (pictures["average_dw"] - expected)[INSIDE]
        assert apart.std() < 0.01 * expected[INSIDE].std()

    def test_it_is_told_to_the_next_program(self, sums):
        _, found, folder = sums(prior_dose=30.0)
        assert motion_star.read(folder / found["motion_star"]).pre_exposure == pytest.approx(30.0)

    def test_movement_is_late_when_it_comes_after_four_electrons(self, sums):
        fresh = sums(exposure_dose=8.0)[1]
        steps = np.hypot(*np.diff(fresh["shifts"], axis=0).T)
        assert fresh["drift_early"] == pytest.approx(steps[:3].sum())
        used = sums(exposure_dose=8.0, prior_dose=30.0)[1]
        assert (used["drift_early"], used["drift_late"]) == (0, pytest.approx(steps.sum()))
