"""Electron events through the steps prepare and motion; what must come out is summed here by hand."""

from functools import partial
from pathlib import Path

import eer_made
import numpy as np
import pytest
import tifffile
from contracts.steps import perform, results
from kernels import made
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.batch.task import Task
from focusnb.formats import motion_star
from focusnb.kernels import fourier

SIDE, RECORDED, GROUP = 256, 18, 3
DRIFT = np.array([0.5, -0.3])  # Å from one recorded frame to the next
# Nothing is aligned and nothing replaced: the sums are those of the file.
PLAIN = {"already_aligned": True, "hot_pixel_sigma": 0.0, "gain": None, "defects": None}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A file of 25 small frames, and what they hold."""
    rng = np.random.default_rng(5)
    frames = [eer_made.events(rng, 64, 900) for _ in range(25)]
    return eer_made.write(tmp_path_factory.mktemp("few") / "few.eer", frames), frames


@pytest.fixture(scope="module")
def drifting(tmp_path_factory):
    """A file of frames that show a specimen which drifts: place and frames."""
    rng = np.random.default_rng(6)
    margin = 24
    field = made.potential(rng, SIDE + 2 * margin, pixel_size=1.0)
    inside = slice(margin, margin + SIDE)
    frames = []
    for number in range(RECORDED):
        seen = fourier.shift(field, number * DRIFT)[inside, inside]
        pixel = rng.random((SIDE, SIDE)) < 0.12 * (1 + 0.3 * seen)
        y, x = np.nonzero(pixel)
        frame = np.zeros((4 * SIDE, 4 * SIDE), bool)
        part = rng.integers(0, 4, (2, len(y)))
        frame[4 * y + part[0], 4 * x + part[1]] = True
        frames.append(frame)
    return eer_made.write(tmp_path_factory.mktemp("drift") / "drift.eer", frames), frames


@pytest.fixture(scope="module")
def aligned(drifting, tmp_path_factory):
    """A function: upsampling -> what prepare, motion and measure find, and where it lies."""
    known = {}

    def get(upsampling):
        if upsampling not in known:
            outcome = perform(
                tmp_path_factory.mktemp("home"), drifting[0], ["prepare", "motion", "measure"],
                gain=None, defects=None, eer_frames=GROUP, eer_upsampling=upsampling, patches=1,
            )  # fmt: skip
            assert outcome.message == ""
            known[upsampling] = results(outcome), Path(outcome.scratch)
        return known[upsampling]

    return get


def prepared(tmp_path, file, **values):
    outcome = perform(tmp_path / "home", file, ["prepare"], **PLAIN | values)
    assert outcome.message == ""
    return results(outcome), outcome.notes + outcome.runs[0].notes


class TestDoseOfAFrame:
    def test_alone_it_does_not_tell_how_many_make_a_fraction_and_that_is_told(self, few, tmp_path):
        known = {"exposure_dose": None, "dose_per_frame": 0.9, "eer_dose": 0.8}
        found, notes = prepared(tmp_path, few[0], **known)
        assert found["frame_count"] == 1
        assert (
            "dose_per_frame = 0.9 e/Å² is taken as that of 25 recorded frames together: for eer_dose"
            " to tell how many, give exposure_dose; or set eer_frames"
        ) in notes

    @pytest.mark.parametrize(
        "values",
        [
            {"exposure_dose": None, "dose_per_frame": 0.9, "eer_frames": 5},
            {"exposure_dose": 5.0},
            {"exposure_dose": None},
        ],
    )
    def test_what_is_told_completely_needs_no_note(self, few, tmp_path, values):
        assert not any("dose_per_frame" in n for n in prepared(tmp_path, few[0], **values)[1])


def summed(tmp_path, file, /, **values):
    """The sum of a file's frames as motion writes it, and what was found."""
    outcome = perform(tmp_path / "home", file, ["prepare", "motion"], **PLAIN | values)
    assert outcome.message == ""
    return formats.read(Path(outcome.scratch) / "unaligned.mrc"), results(outcome)


def electrons(frames, upsampling=1):
    """Electrons of all frames on whole or half pixels, float."""
    return sum(eer_made.seen(frame, upsampling).astype(float) for frame in frames)


class TestFractions:
    def test_their_frames_are_given_by_number(self, tmp_path, few):
        found, notes = prepared(tmp_path, few[0], eer_frames=4, exposure_dose=25.0)
        assert found["frame_count"] == 6
        # the last of 25 frames is left out: its dose is not in the average
        assert found["total_dose"] == pytest.approx(24.0)
        assert "the last frame is left out: 25 make 6 fractions of 4" in notes

    def test_their_frames_are_given_by_dose(self, tmp_path, few):
        found, notes = prepared(tmp_path, few[0], eer_dose=5.0, exposure_dose=25.0)
        assert (found["frame_count"], found["total_dose"]) == (5, pytest.approx(25.0))
        assert not any("left out" in note for note in notes)

    @pytest.mark.parametrize(
        ("wanted", "exposure", "fractions"), [(0.8, 25.0, 25), (2.2, 25.0, 12), (1.9, 50.0, 25)]
    )
    def test_a_fraction_has_about_the_wanted_dose(self, tmp_path, few, wanted, exposure, fractions):
        found, _ = prepared(tmp_path, few[0], eer_dose=wanted, exposure_dose=exposure)
        assert found["frame_count"] == fractions

    def test_the_number_goes_before_the_dose(self, tmp_path, few):
        found, _ = prepared(tmp_path, few[0], eer_frames=12, eer_dose=1.0, exposure_dose=25.0)
        assert found["frame_count"] == 2

    def test_the_dose_of_a_frame_is_that_of_a_fraction(self, tmp_path, few):
        found, _ = prepared(tmp_path, few[0], eer_frames=5, dose_per_frame=3.0, exposure_dose=None)
        assert (found["frame_count"], found["total_dose"]) == (5, pytest.approx(15.0))

    def test_doses_of_fraction_and_exposure_that_contradict_each_other_are_refused(
        self, tmp_path, few
    ):
        outcome = perform(
            tmp_path / "home", few[0], ["prepare"],
            **PLAIN, eer_frames=5, dose_per_frame=1.0, exposure_dose=25.0,
        )  # fmt: skip
        assert outcome.state == "failed"
        assert "dose_per_frame = 1 and exposure_dose = 25 e/Å² do not fit" in outcome.message
        assert "5 frames make 5" in outcome.message

    @pytest.mark.parametrize("asked", [{"eer_frames": 40}, {"exposure_dose": None}])
    def test_fractions_longer_than_the_file_become_one_frame_and_a_note(self, tmp_path, few, asked):
        found, notes = prepared(tmp_path, few[0], **asked)
        assert found["frame_count"] == 1
        assert any("all 25 recorded frames make one fraction" in note for note in notes)

    def test_one_fraction_of_all_frames_that_was_asked_for_needs_no_note(self, tmp_path, few):
        found, notes = prepared(tmp_path, few[0], eer_frames=25)
        assert found["frame_count"] == 1
        assert not any("fraction" in note for note in notes)

    def test_the_first_and_last_frame_count_fractions(self, tmp_path, few):
        file, frames = few
        picture, found = summed(
            tmp_path, file, eer_frames=5, exposure_dose=25.0, first_frame=2, last_frame=3
        )
        assert (found["frame_count"], found["total_dose"]) == (2, pytest.approx(10.0))
        assert_allclose(picture, electrons(frames[5:15]))

    @pytest.mark.parametrize("threads", [1, 3])
    def test_truth_the_sum_holds_each_electron_of_the_whole_fractions(
        self, tmp_path, few, threads, monkeypatch
    ):
        monkeypatch.setattr("contracts.steps.Task", partial(Task, threads=threads))
        file, frames = few
        picture, _ = summed(tmp_path, file, eer_frames=4)
        assert_allclose(picture, electrons(frames[:24]))


class TestPixels:
    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_the_average_has_the_pixels_that_were_asked_for(self, aligned, upsampling):
        found, folder = aligned(str(upsampling))
        assert found["average_pixel_size"] == pytest.approx(1 / upsampling)
        with formats.open(folder / "average.mrc") as stack:
            assert stack.shape == (1, SIDE * upsampling, SIDE * upsampling)
            assert stack.pixel_size == pytest.approx(1 / upsampling)

    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_electrons_are_counted_on_physical_pixels(self, aligned, drifting, upsampling):
        found, _ = aligned(str(upsampling))
        counted = sum(int(frame.sum()) for frame in drifting[1]) / SIDE**2 / (RECORDED / GROUP)
        assert found["mean_count"] == pytest.approx(counted, rel=2e-3)
        dose = counted / (20.0 / (RECORDED / GROUP))
        assert found["dose_ratio"] == pytest.approx(dose, rel=2e-3)

    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_truth_the_drift_is_found(self, aligned, upsampling):
        found, _ = aligned(str(upsampling))
        way = np.arange(RECORDED // GROUP)[:, None] * GROUP * DRIFT
        assert found["aligned"] is True
        assert made.error(found["shifts"], way) < 0.5

    def test_truth_half_pixels_hold_each_electron_where_it_arrived(self, tmp_path, few):
        file, frames = few
        picture, _ = summed(tmp_path, file, eer_frames=5, eer_upsampling="2")
        # of a quarter of a pixel's area: so that the mean is that of physical pixels
        assert_allclose(picture, 4 * electrons(frames, 2))

    def test_law_upsampled_and_cropped_is_as_large_and_as_bright_as_not_upsampled(
        self, tmp_path, few
    ):
        plain, _ = summed(tmp_path / "1", few[0], eer_frames=5)
        back, found = summed(
            tmp_path / "2", few[0], eer_frames=5, eer_upsampling="2", crop_factor=2.0
        )
        assert found["average_pixel_size"] == pytest.approx(1.0)
        assert back.shape == plain.shape
        assert back.mean() == pytest.approx(plain.mean(), rel=1e-5)
        # coarse detail is the same, up to the place of a half pixel's middle
        blocks = (picture.reshape(8, 8, 8, 8).mean((1, 3)) for picture in (plain, back))
        assert np.corrcoef(*(block.ravel() for block in blocks))[0, 1] > 0.9

    def test_the_file_of_the_drift_tells_fractions_and_upsampling_as_relion_does(self, aligned):
        _, folder = aligned("2")
        text = (folder / "shifts.star").read_text()
        rows = dict(line.split()[:2] for line in text.splitlines() if line.startswith("_rlnEER"))
        assert rows == {"_rlnEERUpsampling": "2", "_rlnEERGrouping": str(GROUP)}
        told = motion_star.read(folder / "shifts.star")
        assert (told.frames, told.width, told.height) == (RECORDED // GROUP, 2 * SIDE, 2 * SIDE)
        assert told.pixel_size == pytest.approx(0.5)
        assert told.dose_rate == pytest.approx(20.0 / (RECORDED / GROUP))

    def test_the_file_of_another_movie_has_no_word_of_electron_events(self, done):
        outcome, _ = done(["prepare", "motion"])
        assert "EER" not in (Path(outcome.scratch) / "shifts.star").read_text()


class TestGain:
    @pytest.fixture
    def factors(self):
        """Gain of a camera without any symmetry, (y, x)."""
        return np.random.default_rng(8).uniform(0.7, 1.4, (64, 64)).astype(np.float32)

    @pytest.fixture
    def divided(self, tmp_path, factors):
        return str(formats.write(tmp_path / "divided.mrc", factors))

    @pytest.fixture
    def multiplied(self, tmp_path, factors):
        """Thermo Fisher's: the first row of the TIFF is row 0 of the frames."""
        tifffile.imwrite(tmp_path / "20240101.gain", factors)
        return str(tmp_path / "20240101.gain")

    def test_frames_are_divided_by_an_mrc_file(self, tmp_path, few, divided, factors):
        picture, _ = summed(tmp_path, few[0], eer_frames=5, gain=divided)
        assert_allclose(picture, electrons(few[1]) / factors, rtol=1e-5)

    def test_frames_are_multiplied_with_a_gain_file_which_is_not_flipped(
        self, tmp_path, few, multiplied, factors
    ):
        picture, _ = summed(tmp_path, few[0], eer_frames=5, gain=multiplied)
        assert_allclose(picture, electrons(few[1]) * factors, rtol=1e-5)

    @pytest.mark.parametrize("kind", ["divided", "multiplied"])
    def test_half_pixels_have_the_gain_of_the_pixel_they_are_part_of(
        self, tmp_path, few, kind, factors, request
    ):
        file = request.getfixturevalue(kind)
        picture, _ = summed(tmp_path, few[0], eer_frames=5, eer_upsampling="2", gain=file)
        fine = factors.repeat(2, axis=0).repeat(2, axis=1)
        fine = 1 / fine if kind == "divided" else fine
        assert_allclose(picture, 4 * electrons(few[1], 2) * fine, rtol=1e-5)

    def test_the_gain_is_turned_and_flipped_as_told(self, tmp_path, few, multiplied, factors):
        picture, _ = summed(
            tmp_path, few[0], eer_frames=5, gain=multiplied, gain_rotation="1", gain_flip="2"
        )
        turned = np.rot90(factors, -1)[:, ::-1]
        assert_allclose(picture, electrons(few[1]) * turned, rtol=1e-5)

    def test_without_a_gain_it_is_asked_for(self, tmp_path, few):
        _, notes = prepared(tmp_path, few[0], eer_frames=5)
        assert any("no gain reference is given" in note for note in notes)

    def test_a_gain_of_another_camera_is_refused(self, tmp_path, few):
        gain = formats.write(tmp_path / "other.mrc", np.ones((48, 48), np.float32))
        outcome = perform(
            tmp_path / "home", few[0], ["prepare"], **PLAIN | {"gain": str(gain)}, eer_frames=5
        )
        assert outcome.state == "failed"
        assert "the gain reference has 48 × 48 pixels, the frames 64 × 64" in outcome.message

    @pytest.mark.parametrize("suffix", [".mrc", ".gain"])
    def test_pixels_of_gain_zero_are_replaced(self, tmp_path, few, factors, suffix):
        factors[20:23, 30:34] = 0
        gain = tmp_path / f"zero{suffix}"
        if suffix == ".mrc":
            formats.write(gain, factors)
        else:
            tifffile.imwrite(gain, factors)
        picture, _ = summed(tmp_path, few[0], eer_frames=5, gain=str(gain))
        with np.errstate(divide="ignore"):
            true = electrons(few[1]) * (1 / factors if suffix == ".mrc" else factors)
        good = factors > 0
        assert_allclose(picture[good], true[good], rtol=1e-5)
        assert np.isfinite(picture).all()
        assert picture[~good].mean() == pytest.approx(picture[good].mean(), rel=0.4)
        assert picture[~good].max() <= picture[good].max()


class TestWhatIsRefused:
    def test_a_file_that_was_cut_short(self, tmp_path, few):
        file = tmp_path / "short.eer"
        file.write_bytes(few[0].read_bytes()[: few[0].stat().st_size // 2])
        outcome = perform(tmp_path / "home", file, ["prepare"], **PLAIN)
        assert (outcome.state, outcome.runs) == ("failed", ())
        assert "short.eer" in outcome.message

    def test_frames_without_any_electron(self, tmp_path):
        empty = [np.zeros((256, 256), bool)] * 6
        file = eer_made.write(tmp_path / "empty.eer", empty)
        outcome = perform(tmp_path / "home", file, ["prepare"], **PLAIN, eer_frames=2)
        assert outcome.state == "failed"
        assert "empty.eer: all pixels have the value 0; nothing was recorded" in outcome.message
