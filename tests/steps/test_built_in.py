"""The built-in steps on a simulated movie: each keeps the contract, and what it finds is true."""

from pathlib import Path

import numpy as np
import pytest
from contracts.steps import UPSTREAM, StepContract, perform, results
from makers import FRAMES, SIZE, movie, references
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.formats import coordinates, ctf_star, motion_star
from focusnb.model.movie import Movie


class TestPrepare(StepContract):
    name = "prepare"


class TestMotion(StepContract):
    name = "motion"


class TestCtf(StepContract):
    name = "ctf"


class TestMeasure(StepContract):
    name = "measure"


class TestPick(StepContract):
    name = "pick"


class TestPreviews(StepContract):
    name = "previews"


@pytest.fixture
def whole(done):
    outcome, _ = done(UPSTREAM)
    return results(outcome), Path(outcome.scratch)


TRUTH = movie().truth


class TestWhatIsFound:
    def test_frames_dose_and_pixel_size(self, whole):
        found, _ = whole
        assert (found["frame_count"], found["total_dose"]) == (FRAMES, pytest.approx(20.0))
        assert found["average_pixel_size"] == 1.0

    def test_only_hot_pixels_that_are_in_no_list_are_counted(self, whole):
        assert whole[0]["hot_pixels"] == movie().camera.unlisted

    def test_the_drift_is_the_simulated_one(self, whole):
        found, truth = np.array(whole[0]["shifts"]), np.array(TRUTH.exposure.shifts)
        apart = (found - found.mean(0)) - (truth - truth.mean(0))
        assert np.sqrt((apart**2).sum(1).mean()) < 0.7  # Å; the small picture has few details
        assert whole[0]["aligned"] is True

    def test_drift_words_are_those_of_the_shifts(self, whole):
        found = whole[0]
        steps = np.hypot(*np.diff(np.array(found["shifts"]), axis=0).T)
        assert found["drift_total"] == pytest.approx(steps.sum())
        assert found["drift_longest"] == pytest.approx(steps.max())
        assert found["drift_early"] + found["drift_late"] == pytest.approx(found["drift_total"])

    def test_the_file_of_the_drift_says_the_same_as_the_words(self, whole):
        found, folder = whole
        table = motion_star.read(folder / found["motion_star"])
        assert_allclose(table.shifts, found["shifts"], atol=2e-3)
        assert (table.movie_name, table.frames, table.pixel_size) == ("raw/movie.tif", FRAMES, 1.0)

    def test_averages_keep_their_means(self, whole):
        found, folder = whole
        means = {
            w: formats.read(folder / found[w]).mean()
            for w in ("average", "average_dw", "unaligned")
        }
        electrons = (movie().frames * movie().camera.gain).sum(0)
        assert means["average"] == pytest.approx(np.median(electrons), rel=0.05)
        assert means["unaligned"] == pytest.approx(means["average"], rel=1e-3)
        assert means["average_dw"] == pytest.approx(means["average"] / np.sqrt(FRAMES), rel=0.05)

    def test_aligned_frames_show_more_than_unaligned_ones(self, whole):
        found, folder = whole
        assert (
            formats.read(folder / found["average"]).std()
            > formats.read(folder / found["unaligned"]).std()
        )

    def test_the_defocus_is_the_simulated_one(self, whole):
        found, truth = whole[0], TRUTH.exposure
        mean = (truth.defocus_u + truth.defocus_v) / 2
        assert found["defocus"] == pytest.approx(mean, abs=300)
        assert found["defocus_u"] >= found["defocus_v"]
        assert found["astigmatism"] == pytest.approx(found["defocus_u"] - found["defocus_v"])
        assert found["defocus"] == pytest.approx((found["defocus_u"] + found["defocus_v"]) / 2)

    def test_the_file_of_the_ctf_says_the_same_as_the_words(self, whole):
        found, folder = whole
        told = ctf_star.read(folder / found["ctf_star"])
        assert told["defocus_u"] == pytest.approx(found["defocus_u"], abs=0.01)

    def test_electrons_are_counted(self, whole):
        assert whole[0]["mean_count"] == pytest.approx(TRUTH.mean_count, rel=0.03)
        assert whole[0]["dose_ratio"] == pytest.approx(TRUTH.mean_count / 2.5, rel=0.03)

    def test_the_ice_is_vitreous_and_there_is_no_carbon(self, whole):
        found = whole[0]
        assert 0.7 < found["iciness"] < 1.0
        assert found["ice_ring"] == pytest.approx(1, abs=0.15)
        assert found["ice_ring_fine"] == pytest.approx(1, abs=0.1)
        assert 0.8 < found["fibril_band"] < 1.1
        assert found["carbon_fraction"] == found["dark_fraction"] == 0

    def test_the_thickness_of_the_ice_is_not_known_without_an_empty_hole(self, whole):
        assert whole[0]["ice_thickness"] is None

    def test_picks_lie_in_the_picture_and_are_as_many_as_said(self, whole):
        found, folder = whole
        picks = coordinates.read(folder / found["picks"])
        assert len(picks) == found["particles"] > 0
        assert ((picks[["x", "y"]] >= 0) & (picks[["x", "y"]] < SIZE)).all(axis=None)

    def test_all_previews_are_drawn(self, whole):
        found, folder = whole
        previews = [found[w] for w in found if w.startswith("preview_")]
        assert len(previews) == 8
        assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for name in previews)
        assert all((folder / name).stat().st_size < 100_000 for name in previews)

    def test_the_recipe_can_be_read_back(self, whole):
        found, folder = whole
        recipe = Movie.load(folder / found["prepared"])
        assert (len(recipe), recipe.shape) == (FRAMES, (FRAMES, SIZE, SIZE))
        frame = next(iter(recipe))
        assert (frame.shape, frame.dtype) == ((SIZE, SIZE), np.float32)


class TestOtherWays:
    def test_with_an_empty_hole_the_thickness_of_the_ice_is_told(self, tmp_path, recorded_movie):
        outcome = perform(
            tmp_path, recorded_movie, UPSTREAM[:4], empty_hole_count=2.5, free_path=3500.0
        )
        found = results(outcome)  # 2.5 e/Å² on pixels of 1 Å, behind ice of that free path
        assert found["ice_thickness"] == pytest.approx(TRUTH.exposure.thickness, abs=60)

    def test_an_empty_hole_that_counts_less_than_the_specimen_is_noted(
        self, tmp_path, recorded_movie
    ):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM[:4], empty_hole_count=1.5)
        assert results(outcome)["ice_thickness"] is None
        assert "check empty_hole_count" in " ".join(outcome.runs[-1].notes)

    def test_frames_can_be_left_out(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM[:2], first_frame=3, last_frame=6)
        found = results(outcome)
        assert (found["frame_count"], found["total_dose"]) == (4, pytest.approx(10.0))
        assert [s is None for s in found["shifts"]] == [
            True,
            True,
            False,
            False,
            False,
            False,
            True,
            True,
        ]
        # 2 frames of 2.5 e/Å² came before: all movement is after the first 4
        assert (found["drift_early"], found["drift_late"]) == (
            0.0,
            pytest.approx(found["drift_total"]),
        )

    def test_averages_can_be_cropped(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM[:4], crop_factor=2.0)
        found, folder = results(outcome), Path(outcome.scratch)
        assert found["average_pixel_size"] == 2.0
        with formats.open(folder / found["average"]) as stack:
            assert (stack.shape, stack.pixel_size) == ((1, 256, 256), pytest.approx(2.0))
        assert found["mean_count"] == pytest.approx(TRUTH.mean_count, rel=0.03)
        assert found["iciness"] is None  # beyond Nyquist

    def test_a_target_pixel_size_takes_the_place_of_cropping(self, tmp_path, recorded_movie):
        outcome = perform(
            tmp_path, recorded_movie, UPSTREAM[:2], crop_factor=4.0, target_pixel_size=1.28
        )
        with formats.open(Path(outcome.scratch) / "average.mrc") as stack:
            assert stack.shape == (1, 400, 400)

    def test_a_picture_of_one_frame_is_its_own_average(self, tmp_path):
        file = formats.write(
            tmp_path / "one.mrc", movie().frames.sum(0).astype("f4"), pixel_size=1.0
        )
        outcome = perform(tmp_path / "home", file, UPSTREAM, gain=None, defects=None)
        found = results(outcome)
        assert outcome.state == "done"
        assert (
            "one frame: it is its own average"
            in (Path(outcome.scratch) / "logs/motion.log").read_text()
        )
        assert (found["frame_count"], found["shifts"], found["drift_total"], found["aligned"]) == (
            1, None, None, None,
        )  # fmt: skip
        assert found["defocus"] == pytest.approx(TRUTH.exposure.defocus_u, abs=500)
        assert (found["preview_drift"], found["preview_thon"]) == (None, "previews/thon.png")
        assert found["preview_before"] is None  # it would be the average once more

    def test_frames_that_were_aligned_before_are_summed_as_they_are(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM[:2], already_aligned=True)
        found = results(outcome)
        assert (found["shifts"], found["aligned"]) == (None, None)
        folder = Path(outcome.scratch)
        assert_allclose(
            formats.read(folder / "average.mrc"), formats.read(folder / "unaligned.mrc"), atol=1e-3
        )

    def test_a_dark_movie_gets_no_wild_shifts(self, tmp_path):
        made = movie(bad="dark", seed=5)
        references(tmp_path, made)
        file = formats.write(tmp_path / "dark.tif", made.frames, pixel_size=1.0)
        outcome = perform(tmp_path / "home", file, UPSTREAM)
        found = results(outcome)
        assert outcome.state == "done"
        assert found["aligned"] is False
        assert (found["shifts"], found["drift_range"], found["motion_star"]) == (None, None, None)
        notes = [note for one in outcome.runs for note in one.notes]
        assert any(
            "could not be aligned" in note and "summed as they are" in note for note in notes
        )
        assert found["mean_count"] < 0.1

    def test_an_average_alone_is_measured(self, tmp_path, done):
        outcome, _ = done(UPSTREAM)
        average = str(Path(outcome.scratch) / "average.mrc")
        alone = perform(
            tmp_path, Path(average), ["ctf", "measure", "pick", "previews"],
            movie=None, gain=None, defects=None, pixel_size=None,
            average=average, average_pixel_size=1.0,
        )  # fmt: skip
        assert (alone.state, alone.message) == ("done", "")
        assert results(alone)["iciness"] == pytest.approx(results(outcome)["iciness"])
        assert results(alone)["defocus"] == results(outcome)["defocus"]

    def test_without_a_dose_nothing_is_weighted(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM, exposure_dose=None)
        found = results(outcome)
        assert (outcome.state, found["average_dw"], found["dose_ratio"]) == ("done", None, None)
        assert (found["drift_early"], found["total_dose"]) == (None, None)

    def test_counts_per_electron_scale_the_average(self, tmp_path, recorded_movie):
        outcome = perform(tmp_path, recorded_movie, UPSTREAM[:4], counts_per_electron=4.0)
        assert results(outcome)["mean_count"] == pytest.approx(TRUTH.mean_count / 4, rel=0.03)


class TestWhatIsRefused:
    @pytest.fixture
    def refused(self, tmp_path):
        """A function: pictures -> the sentence of the failed batch."""

        def get(pictures, suffix=".mrc", told=1.0, /, **values):
            references(tmp_path, movie())
            file = formats.write(tmp_path / f"bad{suffix}", pictures, pixel_size=told)
            outcome = perform(tmp_path / "home", file, UPSTREAM, **values)
            assert (outcome.state, outcome.step, len(outcome.runs)) == ("failed", "prepare", 0)
            assert "\n" not in outcome.message
            assert "Error" not in outcome.message
            log = (Path(outcome.scratch) / "logs" / "prepare.log").read_text()
            assert log.rstrip().endswith(outcome.message)
            return outcome.message

        return get

    def test_a_movie_without_pixel_size_names_how_it_is_given(self, refused):
        sentence = refused(movie().frames, ".tif", None, pixel_size=None)
        assert "--set pixel_size=" in sentence

    def test_a_gain_of_another_size(self, refused, tmp_path):
        formats.write(tmp_path / "other.mrc", np.ones((64, 128), "f4"))
        sentence = refused(movie().frames, gain=str(tmp_path / "other.mrc"))
        assert "the gain reference has 128 × 64 pixels, the frames 512 × 512" in sentence

    def test_a_gain_that_is_not_there(self, refused, tmp_path):
        sentence = refused(movie().frames, gain=str(tmp_path / "none.mrc"))
        assert "none.mrc: there is no such file; set gain anew" in sentence

    def test_pixels_that_are_no_numbers(self, refused):
        pictures = movie().frames.astype("f4")
        pictures[1, 5, 7] = np.nan
        assert refused(pictures) == ("bad.mrc: 1 pixel without a finite value; the file is broken")
        pictures[2, 6, 7] = np.inf
        assert "2 pixels without a finite value" in refused(pictures)

    def test_a_constant_picture(self, refused):
        sentence = refused(np.full((4, 64, 64), 7, "u1"), gain=None, defects=None)
        assert "all pixels have the value 7; nothing was recorded" in sentence

    def test_doses_that_contradict_each_other(self, refused):
        sentence = refused(movie().frames, dose_per_frame=1.0, exposure_dose=20.0)
        assert "dose_per_frame = 1 and exposure_dose = 20" in sentence
        assert "8 frames make 8" in sentence

    def test_frames_that_the_movie_does_not_have(self, refused):
        assert "the movie has 8 frames" in refused(movie().frames, first_frame=9)

    def test_a_movie_that_is_too_small(self, refused):
        sentence = refused(movie().frames[:, :30, :30], gain=None, defects=None)
        assert "averages of 30 × 30 pixels are too small" in sentence

    def test_text_that_is_called_mrc(self, tmp_path):
        file = tmp_path / "notes.mrc"
        file.write_text("not a picture at all, but long enough to have a header" * 40)
        outcome = perform(tmp_path / "home", file, ["prepare"], gain=None, defects=None)
        assert outcome.state == "failed"
        assert "notes.mrc" in outcome.message

    def test_a_broken_recipe_says_what_to_do(self, tmp_path):
        (tmp_path / "prepared.json").write_text("{}")
        from focusnb.errors import BrokenFile

        with pytest.raises(BrokenFile, match="run prepare again"):
            Movie.load(tmp_path / "prepared.json")
