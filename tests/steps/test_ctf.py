"""The step ctf: what is not to be believed, phase plates, spectra of groups of frames."""

import numpy as np
import pytest
from contracts.steps import perform, results
from kernels import made

from focusnb import formats, simulate

EVERYTHING = {"voltage": 300.0, "pixel_size": 1.0}


@pytest.fixture
def measured(tmp_path):
    """A function: picture, words -> results and notes of the step."""

    def run(picture, **words):
        pixel_size = words.get("pixel_size", 1.0)
        path = formats.write(tmp_path / "picture.mrc", picture, pixel_size=pixel_size)
        home = tmp_path / f"home{len(list(tmp_path.iterdir()))}"
        outcome = perform(
            home, path, ["prepare", "motion", "ctf"], gain=None, defects=None, gain_corrected=True,
            **EVERYTHING | words,
        )  # fmt: skip
        assert outcome.state == "done", outcome.message
        return results(outcome), " ".join(note for run in outcome.runs for note in run.notes)

    return run


def test_a_picture_with_rings_is_trusted_and_tells_its_errors(measured):
    picture, _ = simulate.micrograph(size=768, seed=2, defocus=15000, astigmatism=400)
    found, notes = measured(picture)
    assert found["ctf_trusted"] is True
    assert abs(found["defocus"] - 15000) < max(100, 4 * found["defocus_error"])
    assert 0 < found["defocus_error"] < found["astigmatism_error"] < 300
    assert 0 < found["defocus_angle_error"] < 45
    assert found["phase_shift_error"] is None
    assert "not to be trusted" not in notes


def test_noise_is_not_trusted_and_says_why(measured):
    found, notes = measured(np.random.default_rng(1).poisson(40, (768, 768)).astype(np.float32))
    assert found["ctf_trusted"] is False
    assert found["ctf_resolution"] is None
    assert "the CTF is not to be trusted: the rings cannot be told from noise" in notes


def test_a_phase_plate_is_searched_for_on_request(measured):
    picture, _ = simulate.micrograph(size=1024, seed=2, defocus=12000, phase_shift=80.0)
    found, _ = measured(picture, phase_plate=True)
    assert found["phase_shift"] == pytest.approx(80, abs=6)
    assert 0 < found["phase_shift_error"] < 10
    assert found["defocus"] == pytest.approx(12000, abs=200)


def test_an_astigmatism_that_is_known_is_taken(measured):
    picture, _ = simulate.micrograph(
        size=768, seed=2, defocus=15000, astigmatism=900, defocus_angle=30.0
    )
    found, _ = measured(picture, known_astigmatism=900.0, known_astigmatism_angle=30.0)
    assert found["astigmatism"] == pytest.approx(900)
    assert found["defocus_angle"] == pytest.approx(30)
    assert found["astigmatism_error"] is None
    assert found["defocus"] == pytest.approx(15000, abs=100)


def test_spectra_of_groups_of_frames_give_the_same_defocus(tmp_path, recorded_movie):
    steps = ["prepare", "motion", "ctf"]
    whole, grouped = (
        perform(tmp_path / f"home{dose}", recorded_movie, steps, ctf_dose=dose) for dose in (0, 5.0)
    )
    assert (whole.state, grouped.state) == ("done", "done"), grouped.message
    one, other = results(whole), results(grouped)
    assert other["defocus"] == pytest.approx(one["defocus"], abs=200)
    assert other["ctf_score"] != one["ctf_score"]


def test_groups_need_a_movie(measured):
    picture, _ = simulate.micrograph(size=512, seed=2)
    found, notes = measured(picture, ctf_dose=4.0)
    assert "ctf_dose = 4 needs" in notes
    assert "the CTF is that of the average" in notes
    assert found["defocus"] is not None


def test_a_tilt_is_measured_and_the_rings_are_brought_together(measured):
    picture = made.tilted(
        np.random.default_rng(4), (1400, 1400), defocus=20000.0, angle=40.0, axis=25.0
    )
    words = {"pixel_size": 1.5, "ctf_box": 512}
    plain, _ = measured(picture, **words)
    found, _ = measured(picture, measure_tilt=True, **words)
    assert found["specimen_tilt"] == pytest.approx(40, abs=3)
    assert found["specimen_tilt_axis"] == pytest.approx(25, abs=5)
    assert 0 < found["specimen_tilt_error"] < 3
    assert found["defocus"] == pytest.approx(20000, abs=150)
    assert found["ctf_score"] > plain["ctf_score"]
    assert found["ctf_resolution"] < plain["ctf_resolution"]
    assert plain["specimen_tilt"] is None


def test_no_tilt_is_said_where_none_can_be_told(measured):
    picture, _ = simulate.micrograph(size=1024, seed=2, defocus=15000, astigmatism=100)
    found, notes = measured(picture, measure_tilt=True, measure_thickness=True)
    assert found["specimen_tilt"] == 0
    assert found["specimen_tilt_axis"] is None
    assert "cannot be told from none" in notes
    assert found["specimen_thickness"] is None


def test_nothing_is_measured_on_rings_that_are_not_trusted(measured):
    noise = np.random.default_rng(1).poisson(40, (768, 768)).astype(np.float32)
    found, _ = measured(noise, measure_tilt=True, measure_thickness=True)
    assert found["specimen_tilt"] is None
    assert found["specimen_thickness"] is None
