"""External programs: command templates, and RELION's motion correction against our own."""

from pathlib import Path

import eer_made
import numpy as np
import pytest
from contracts.steps import perform, results
from makers import recorded
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.errors import BadStep
from focusnb.formats import motion_star
from focusnb.steps.external import fill, program

HARD = "a b'c\"d $HOME ü.tif"


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "texts", "words"),
        [
            ("x -i {movie}", {"movie": "a b.tif"}, ["x", "-i", "a b.tif"]),
            ("x [-g {gain}] -v 1", {"gain": None}, ["x", "-v", "1"]),
            ("x [-g {gain}] -v 1", {"gain": ""}, ["x", "-v", "1"]),
            ("x [-g {gain}] -v 1", {"gain": "g"}, ["x", "-g", "g", "-v", "1"]),
            ("x [-a {a} -b {b}]", {"a": "1", "b": None}, ["x"]),
            ("x {a}/{b}", {"a": "$(rm)", "b": ";"}, ["x", "$(rm)/;"]),
            ("x [-flag]", {}, ["x", "-flag"]),
        ],
    )
    def test_a_command_is_filled(self, template, texts, words):
        assert fill(template, texts) == words

    def test_a_value_that_is_missing_is_told(self):
        with pytest.raises(BadStep, match="needs voltage, which has no value"):
            fill("x {voltage}", {"voltage": None})


class TestSmallProgram:
    """A program that answers: it is a shell script here."""

    @pytest.fixture
    def teller(self, tmp_path, monkeypatch):
        folder = tmp_path / "bin"
        folder.mkdir()
        file = folder / "teller"
        file.write_text(
            '#!/bin/sh\nread one; read two\necho "score $one:$two:$1:$(cat "$2")"\necho hi > out.star\n'
        )
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return program(
            "teller", "Tell", "teller {voltage} {defects}", stdin="{patches}\n{comment}",
            category="Measure", results="comment_told ctf_star".replace("comment_told ", "ctf_score "),
            outputs={"ctf_star": "out.star"},
            parse=lambda text: {"ctf_score": float(text.split(":")[0].split()[-1])},
        )  # fmt: skip

    def test_it_is_answered_read_and_its_file_is_kept(self, teller, tmp_path):
        from focusnb.model.job import Job

        (tmp_path / "it's a list").write_text("L")
        values = {
            "voltage": 300.0,
            "defects": str(tmp_path / "it's a list"),
            "patches": 5,
            "comment": "x",
        }
        job = Job(folder=tmp_path / "try", home=tmp_path, image={}, values=values)
        job.folder.mkdir()
        assert teller.run(job) == {"ctf_score": 5.0, "ctf_star": "ctf.star"}
        assert "score 5:x:300.0:L" in "\n".join(job.lines)

    def test_one_that_is_missing_is_told_with_what_to_set(self, tmp_path, recorded_movie):
        outcome = perform(
            tmp_path,
            recorded_movie,
            ["relion_motion"],
            relion_folder=str(tmp_path),
            average_pixel_size=1.0,
        )
        assert outcome.state == "failed"
        assert f"relion_run_motioncorr is not in {tmp_path}" in outcome.message
        assert "focusnb set --user relion_folder=/folder" in outcome.message


@pytest.mark.program
@pytest.mark.needs("relion_run_motioncorr")
class TestRelionMotion:
    @pytest.fixture(scope="class")
    @classmethod
    def both(cls, tmp_path_factory):
        """Outcome of RELION and our own on one movie whose name is hard to bear."""
        # Much to see in each frame: RELION stops at half a pixel, and noise adds to that.
        strong = {"dose_per_frame": 10.0, "carbon": 200.0, "particles": 60, "defocus": 25000.0}
        path = tuple((0.9 * i, -0.5 * i) for i in range(8))
        movie = recorded(tmp_path_factory.mktemp("the 'camera' ü"), HARD, shifts=path, **strong)
        homes = [tmp_path_factory.mktemp("home of it") for _ in range(2)]
        names = (["prepare", "relion_motion"], ["prepare", "motion"])
        return [
            perform(home, movie, steps, patches=1, exposure_dose=80.0)
            for home, steps in zip(homes, names, strict=True)
        ]

    def test_it_runs_and_gives_the_same_words(self, both):
        theirs, ours = both
        assert (theirs.state, theirs.message) == ("done", "")
        missing = {
            w for w, v in results(ours).items() if v is not None and results(theirs).get(w) is None
        }
        assert missing == {"unaligned", "alignment_quality", "shift_error"}

    def test_shifts_agree_within_half_a_pixel(self, both):
        theirs, ours = (np.array(results(one)["shifts"]) for one in both)
        assert np.abs(theirs - ours).max() < 0.5
        assert np.abs(ours).max() > 2

    def test_the_drift_words_agree(self, both):
        theirs, ours = map(results, both)
        assert theirs["drift_range"] == pytest.approx(ours["drift_range"], abs=0.7)
        assert theirs["aligned"] is True

    def test_averages_agree_in_mean_and_size(self, both):
        for word in ("average", "average_dw"):
            theirs, ours = (formats.read(Path(one.scratch) / results(one)[word]) for one in both)
            assert theirs.shape == ours.shape
            assert theirs.mean() == pytest.approx(ours.mean(), rel=0.02)

    def test_the_table_names_our_files(self, both):
        table = motion_star.read(Path(both[0].scratch) / "shifts.star")
        assert table.movie_name == f"raw/{HARD}"
        assert_allclose(table.shifts, results(both[0])["shifts"], atol=1e-3)

    def test_frames_that_are_left_out_and_cropping_are_told_to_it(self, tmp_path, recorded_movie):
        outcome = perform(
            tmp_path, recorded_movie, ["prepare", "relion_motion"],
            patches=1, first_frame=2, last_frame=7, target_pixel_size=2.0,
        )  # fmt: skip
        assert outcome.state == "done", outcome.message
        assert [s is None for s in results(outcome)["shifts"]] == [True, *[False] * 6, True]
        with formats.open(Path(outcome.scratch) / "average.mrc") as stack:
            assert (stack.shape, stack.pixel_size) == ((1, 256, 256), pytest.approx(2.0, abs=1e-3))

    @pytest.mark.slow
    def test_electron_events_are_taken_together_as_we_do(self, tmp_path):
        rng = np.random.default_rng(3)
        frames = [np.zeros((16384, 16384), bool) for _ in range(7)]  # it reads no smaller ones
        for frame in frames:
            frame[tuple(4 * rng.integers(0, 4096, (2, 1000)))] = True
        movie = eer_made.write(tmp_path / "movie.eer", frames)
        outcome = perform(
            tmp_path / "home", movie, ["prepare", "relion_motion"], gain=None, defects=None, patches=1,
            eer_dose=2.0, exposure_dose=7.0, pixel_size=0.8,
        )  # fmt: skip
        assert outcome.state == "done", outcome.message
        assert len(results(outcome)["shifts"]) == results(outcome)["frame_count"] == 3
        table = motion_star.read(Path(outcome.scratch) / "shifts.star")
        assert (table.eer_grouping, table.eer_upsampling) == (2, 1)
        assert table.dose_rate == pytest.approx(2.0)
        assert table.pixel_size == pytest.approx(0.8)

    def test_what_it_cannot_read_is_told(self, tmp_path, recorded_movie):
        broken = tmp_path / "movie.tif"
        broken.write_bytes(recorded_movie.read_bytes()[:100_000])
        outcome = perform(
            tmp_path / "home", broken, ["relion_motion"], gain=None, defects=None, patches=1
        )
        assert outcome.state == "failed"
        assert outcome.message
