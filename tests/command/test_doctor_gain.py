"""`focusnb doctor gain` on simulated movies."""

import json

import makers
import numpy as np
import pytest

from focusnb import formats
from focusnb.kernels import gain


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two movies and their gain reference, which was saved turned."""
    folder = tmp_path_factory.mktemp("raw")
    made = makers.movie()
    for number in (0, 1):
        formats.write(
            folder / f"m{number}.tif", made.frames[4 * number : 4 * number + 4], pixel_size=1.0
        )
    # turned back by a quarter: gain_rotation 1 brings it to the frames
    formats.write(folder / "gain.mrc", np.rot90(made.camera.gain, 1))
    formats.write(folder / "divide.mrc", gain.reciprocal(made.camera.gain))
    formats.write(folder / "corrected.mrc", (made.frames * made.camera.gain).astype("f4"))
    return folder


def test_truth_the_turn_is_found_and_what_to_set(run, raw):
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif", raw / "m1.tif")
    assert code == 0
    assert out.splitlines()[2].split()[:3] == ["multiply", "1", "0"]
    assert "no gain" in out
    assert "focusnb set PROJECT gain_rotation=1 gain_flip=0" in out


def test_a_reciprocal_reference_is_said_to_be_one_and_can_be_mended(run, raw, tmp_path):
    code, out, _ = run(
        "doctor", "gain", raw / "divide.mrc", raw / "m0.tif", "--write", tmp_path / "right.mrc"
    )
    assert code == 0
    assert "make the reciprocal with --write" in out
    code, out, _ = run("doctor", "gain", tmp_path / "right.mrc", raw / "m1.tif")
    assert code == 0
    assert out.splitlines()[2].split()[:3] == ["multiply", "0", "0"]


def test_machines_get_all_candidates(run, raw):
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["fits"]
    assert len(told["candidates"]) == 17
    assert told["best"]["rotation"] == 1


def test_when_nothing_fits_it_warns_with_code_1(run, raw):
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "corrected.mrc")
    assert code == 1
    assert "gain-corrected already" in out


def test_some_frames_may_be_enough(run, raw):
    told = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif", "--frames", 3, "--json")[1]
    assert json.loads(told)["best"]["rotation"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gain.mrc", "none.tif"), "none.tif"),
        (("none.mrc", "m0.tif"), "none.mrc"),
        (("gain.mrc", "m0.tif", "--frames", "0"), "at least one frame"),
        (("gain.mrc",), "MOVIE"),
    ],
)
def test_mistakes_are_one_sentence(run, raw, arguments, words):
    places = [raw / a if "." in a else a for a in arguments]
    try:
        code, _, err = run("doctor", "gain", *places)
    except SystemExit as ended:
        assert ended.code == 1  # noqa: PT017 - argparse ends by itself
    else:
        assert code == 1
        assert words in err
        assert len(err.splitlines()) == 1


def test_movies_of_two_cameras_are_refused(run, raw, tmp_path):
    other = formats.write(tmp_path / "other.mrc", np.ones((2, 64, 64), np.uint8))
    code, _, err = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif", other)
    assert code == 1
    assert "movies of one camera" in err


def test_doctor_alone_still_looks_at_everything(run):
    code, out, _ = run("doctor")
    assert code == 0
    assert "Python" in out
