"""Picks and CTF as STAR files: RELION's labels, and back."""

from pathlib import Path

import numpy as np
import pytest

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import coordinates, ctf_star, star

DATA = Path(__file__).parent.parent / "data"
CTF = {
    "name": "average.mrc",
    "voltage": 300.0,
    "spherical_aberration": 2.7,
    "amplitude_contrast": 0.07,
    "average_pixel_size": 0.66655,
    "defocus_u": 27304.0,
    "defocus_v": 27167.0,
    "defocus_angle": -41.5,
    "phase_shift": 0.0,
    "ctf_score": 0.21,
    "ctf_resolution": 3.6,
}


def test_relions_picks_are_read():
    picks = coordinates.read(DATA / "relion3.1.3_log_autopick.star")
    assert list(picks.columns) == ["x", "y", "score", "diameter", "class", "angle"]
    assert picks.iloc[0][["x", "y", "score"]].tolist() == [889.565262, 707.608731, 0.237794]


def test_picks_come_back_under_relions_labels(tmp_path):
    path = coordinates.write(tmp_path / "a_autopick.star", [1.5, 20], [3, 4.25], [0.5, 0.25])
    again = coordinates.read(path)[["x", "y", "score"]]
    assert again.to_numpy().tolist() == [[1.5, 3, 0.5], [20, 4.25, 0.25]]
    theirs = star.read(DATA / "relion3.1.3_log_autopick.star")
    assert list(star.read(path)) == list(theirs) == [""]
    assert list(star.read(path)[""].columns) == list(theirs[""].columns)


def test_no_picks_are_an_empty_table(tmp_path):
    path = coordinates.write(tmp_path / "a.star", [], [], [])
    assert coordinates.read(path).shape == (0, 6)


def test_manual_picks_have_no_score(tmp_path):
    (tmp_path / "a.star").write_text(
        "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n1 2\n"
    )
    picks = coordinates.read(tmp_path / "a.star")
    assert picks[["x", "y"]].to_numpy().tolist() == [[1, 2]]
    assert np.isnan(picks["score"][0])


@pytest.mark.parametrize(
    ("x", "y", "score"), [([1], [1, 2], [1]), ([np.nan], [1], [1]), ([[1]], [[1]], [[1]])]
)
def test_picks_that_do_not_fit_are_not_written(tmp_path, x, y, score):
    with pytest.raises(BadValue):
        coordinates.write(tmp_path / "a.star", x, y, score)


def test_another_star_file_holds_no_picks():
    with pytest.raises(BrokenFile, match="no loop with _rlnCoordinateX"):
        coordinates.read(DATA / "relion3.1.3_corrected_micrographs.star")


def test_words_that_are_no_coordinates_are_told(tmp_path):
    (tmp_path / "a.star").write_text(
        "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n1 two\n"
    )
    with pytest.raises(BrokenFile, match="no number"):
        coordinates.read(tmp_path / "a.star")


def test_a_ctf_comes_back_with_its_curves(tmp_path):
    curves = {word: np.linspace(0, 1, 7) for word in ctf_star.CURVES}
    again = ctf_star.read(ctf_star.write(tmp_path / "ctf.star", CTF | curves))
    assert {word: again[word] for word in CTF} == CTF
    for word, curve in curves.items():
        np.testing.assert_allclose(again[word], curve, atol=1e-6)


def test_a_ctf_has_relions_labels(tmp_path):
    row = star.read(ctf_star.write(tmp_path / "ctf.star", CTF))["micrographs"].iloc[0]
    assert row["rlnDefocusU"] == 27304
    assert row["rlnDefocusV"] == 27167
    assert row["rlnDefocusAngle"] == -41.5
    assert row["rlnCtfMaxResolution"] == 3.6


def test_what_is_not_available_is_left_out(tmp_path):
    path = ctf_star.write(tmp_path / "ctf.star", CTF | {"ctf_resolution": None, "profile": None})
    assert "ctf_resolution" not in ctf_star.read(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"defocus_u": None}, "a CTF has defocus_u too"),
        ({"colour": 1}, "colour cannot be kept"),
        ({"profile": [1, 2], "model": [1]}, "different lengths"),
    ],
)
def test_a_ctf_that_does_not_fit_is_not_written(tmp_path, change, told):
    with pytest.raises(BadValue, match=told):
        ctf_star.write(tmp_path / "ctf.star", CTF | change)


def test_another_star_file_holds_no_ctf():
    with pytest.raises(BrokenFile, match="_rlnDefocusU"):
        ctf_star.read(DATA / "relion3.1.3_corrected_micrographs.star")
