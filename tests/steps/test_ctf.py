"""The step ctf: what is not to be believed, phase plates, spectra of groups of frames."""

import numpy as np
import pytest
from contracts.steps import perform, results

from focusnb import formats, simulate

EVERYTHING = {"voltage": 300.0, "pixel_size": 1.0}


@pytest.fixture
def measured(tmp_path):
    """A function: picture, words -> results and notes of the step."""

    def run(picture, **words):
        path = formats.write(tmp_path / "picture.mrc", picture, pixel_size=1.0)
        outcome = perform(
            tmp_path / "home", path, ["prepare", "motion", "ctf"], gain=None, defects=None,
            gain_corrected=True, **EVERYTHING | words,
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
