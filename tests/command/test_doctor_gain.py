"""`focusnb doctor gain` on simulated movies, and what `prepare` makes of the gain it recommends."""

import json
from pathlib import Path

import eer_made
import makers
import numpy as np
import pytest
import tifffile
from contracts.steps import perform

from focusnb import formats
from focusnb.kernels import gain

SIDE = 128  # pixels of an EER frame


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
    fine = made.camera.gain.repeat(2, axis=0).repeat(2, axis=1)
    formats.write(folder / "twice.mrc", np.rot90(fine, 1))
    formats.write(folder / "third.mrc", np.ones((170, 170), np.float32))
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """An EER movie, and gain references to divide by and to multiply with, turned ones among them."""
    folder = tmp_path_factory.mktemp("events")
    rng = np.random.default_rng(1)
    sensitivity = (1 + 0.2 * rng.standard_normal((SIDE, SIDE))).clip(0.4, 1.6).astype(np.float32)
    frames = []
    for _ in range(60):
        y, x = np.nonzero(rng.random((SIDE, SIDE)) < 0.1 * sensitivity)
        frame = np.zeros((4 * SIDE, 4 * SIDE), bool)
        frame[4 * y + rng.integers(0, 4, len(y)), 4 * x + rng.integers(0, 4, len(x))] = True
        frames.append(frame)
    eer_made.write(folder / "e.eer", frames)
    factors = gain.reciprocal(sensitivity)
    formats.write(folder / "divide.mrc", np.rot90(sensitivity, 1))
    formats.write(folder / "multiply.mrc", np.rot90(factors, 1))
    formats.write(folder / "twice.mrc", sensitivity.repeat(2, axis=0).repeat(2, axis=1))
    tifffile.imwrite(folder / "divide.gain", sensitivity)
    tifffile.imwrite(folder / "multiply.gain", factors)
    formats.write(folder / "sensitivity.mrc", sensitivity)
    return folder


def left(tmp_path, movie, sensitivity, reference, **turned):
    """How much of the pixels' sensitivity is in the sum after prepare: 0 when all is corrected.

    It is 1 where nothing is corrected, 2 where the gain is applied the wrong way round.
    """
    outcome = perform(
        tmp_path / "home", movie, ["prepare", "motion"],
        already_aligned=True, hot_pixel_sigma=0.0, defects=None, gain=str(reference), **turned,
    )  # fmt: skip
    assert outcome.message == ""
    picture = formats.read(Path(outcome.scratch) / "unaligned.mrc")
    good = (sensitivity > 0) & (picture < np.percentile(picture, 99.9))
    seen, own = picture[good] / picture[good].mean(), sensitivity[good] / sensitivity[good].mean()
    return np.cov(seen, own)[0, 1] / own.var()


def told(out):
    """gain_rotation and gain_flip of the line that people are to enter."""
    line = next(line for line in out.splitlines() if "focusnb set" in line).split()
    return dict(word.split("=") for word in line if word.startswith("gain_"))


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
    assert "frames are multiplied with it" in out.lower()
    code, out, _ = run("doctor", "gain", tmp_path / "right.mrc", raw / "m1.tif")
    assert code == 0
    assert out.splitlines()[2].split()[:3] == ["multiply", "0", "0"]


class TestWhatIsWrittenIsRightForPrepare:
    @pytest.mark.parametrize("name", ["gain.mrc", "divide.mrc", "twice.mrc"])
    @pytest.mark.parametrize("target", ["right.mrc", "right.tif"])
    def test_truth_frames_are_flat(self, run, raw, tmp_path, name, target):
        written = tmp_path / target
        code, out, _ = run("doctor", "gain", raw / name, raw / "m0.tif", "--write", written)
        assert code == 0
        assert formats.read(written).shape == (512, 512)
        sensitivity = formats.read(raw / "divide.mrc")
        assert left(tmp_path, raw / "m1.tif", sensitivity, written) == pytest.approx(0, abs=0.15)
        assert "of 512 × 512 pixels" in out
        assert "Frames are multiplied with it" in out

    @pytest.mark.parametrize(
        "name", ["divide.mrc", "multiply.mrc", "divide.gain", "multiply.gain", "twice.mrc"]
    )
    @pytest.mark.parametrize("target", ["right.mrc", "right.tif"])
    def test_truth_electron_events_are_flat(self, run, events, tmp_path, name, target):
        written = tmp_path / target
        code, out, _ = run("doctor", "gain", events / name, events / "e.eer", "--write", written)
        assert code == 0
        sensitivity = formats.read(events / "sensitivity.mrc")
        assert left(tmp_path, events / "e.eer", sensitivity, written) == pytest.approx(0, abs=0.1)
        assert "EER frames are divided by it" in out

    def test_how_to_use_it_is_said_with_its_place(self, run, raw, tmp_path):
        written = tmp_path / "it fits.mrc"
        out = run("doctor", "gain", raw / "divide.mrc", raw / "m0.tif", "--write", written)[1]
        assert f"--gain '{written}' --set gain_rotation=0 gain_flip=0" in out
        assert f"--group GROUP gain='{written}' gain_rotation=0 gain_flip=0" in out
        assert "Do not use" not in out


class TestWhatIsAdvised:
    @pytest.mark.parametrize("name", ["gain.mrc", "twice.mrc"])
    def test_truth_frames_are_flat_when_it_is_followed(self, run, raw, tmp_path, name):
        out = run("doctor", "gain", raw / name, raw / "m0.tif")[1]
        sensitivity = formats.read(raw / "divide.mrc")
        rest = left(tmp_path, raw / "m1.tif", sensitivity, raw / name, **told(out))
        assert rest == pytest.approx(0, abs=0.15)

    @pytest.mark.parametrize("name", ["divide.mrc", "multiply.gain", "twice.mrc"])
    def test_truth_electron_events_are_flat_when_it_is_followed(self, run, events, tmp_path, name):
        out = run("doctor", "gain", events / name, events / "e.eer")[1]
        sensitivity = formats.read(events / "sensitivity.mrc")
        rest = left(tmp_path, events / "e.eer", sensitivity, events / name, **told(out))
        assert rest == pytest.approx(0, abs=0.1)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("multiply.mrc", "EER frames would be divided by it, but they must be multiplied with"),
            ("divide.gain", "EER frames would be multiplied with it, but they must be divided by"),
        ],
    )
    def test_events_that_prepare_would_correct_the_wrong_way_round(self, run, events, name, words):
        code, out, _ = run("doctor", "gain", events / name, events / "e.eer")
        assert code == 0
        assert f"Do not use {name} as it is: {words} it" in out
        assert "_fits.mrc" in out
        assert "focusnb set" not in out

    def test_frames_that_prepare_would_correct_the_wrong_way_round(self, run, raw):
        out = run("doctor", "gain", raw / "divide.mrc", raw / "m0.tif")[1]
        assert "frames would be multiplied with it, but they must be divided by it" in out
        assert "--write divide_fits.mrc" in out
        assert "focusnb set" not in out

    def test_another_size_is_told_by_doctor_and_by_prepare(self, run, raw, tmp_path):
        words = "1024 × 1024 pixels, the frames 512 × 512: the mean of each 2 × 2 of its pixels"
        assert words in run("doctor", "gain", raw / "twice.mrc", raw / "m0.tif")[1]
        outcome = perform(
            tmp_path / "home", raw / "m0.tif", ["prepare"],
            gain=str(raw / "twice.mrc"), gain_rotation="1", defects=None,
        )  # fmt: skip
        assert words in " ".join(outcome.runs[0].notes)

    def test_what_doctor_refuses_prepare_refuses_with_the_same_words(self, run, raw, tmp_path):
        err = run("doctor", "gain", raw / "third.mrc", raw / "m0.tif")[2]
        outcome = perform(
            tmp_path / "home", raw / "m0.tif", ["prepare"],
            gain=str(raw / "third.mrc"), defects=None,
        )  # fmt: skip
        words = "the gain reference has 170 × 170 pixels, the frames 512 × 512"
        assert words in err
        assert words in outcome.message


def test_the_columns_are_explained(run, raw):
    lines = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif")[1].splitlines()
    for word in lines[0].split()[3:]:
        assert any(line.startswith(f"{word}: ") for line in lines)


def test_machines_get_all_candidates(run, raw):
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "m0.tif", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["fits"]
    assert len(told["candidates"]) == 17
    assert told["best"]["rotation"] == 1
    assert (told["prepare"], told["written"]) == ("multiply", None)


def test_the_option_for_machines_may_stand_before_the_word(run, raw):
    code, out, _ = run("doctor", "--json", "gain", raw / "gain.mrc", raw / "m0.tif")
    assert code == 0
    assert json.loads(out)["fits"]


def test_when_nothing_fits_it_warns_with_code_1(run, raw):
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "corrected.mrc")
    assert code == 1
    assert "gain-corrected already" in out


def test_when_nothing_fits_nothing_is_written_and_it_says_so(run, raw, tmp_path):
    target = tmp_path / "right.mrc"
    code, out, _ = run("doctor", "gain", raw / "gain.mrc", raw / "corrected.mrc", "--write", target)
    assert code == 1
    assert f"{target} is not written" in out
    assert not target.exists()


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


def test_events_and_frames_are_not_asked_together(run, events, tmp_path):
    other = formats.write(tmp_path / "other.mrc", np.ones((2, SIDE, SIDE), np.uint8))
    code, _, err = run("doctor", "gain", events / "divide.mrc", events / "e.eer", other)
    assert code == 1
    assert "other.mrc is no EER" in err


def test_a_movie_of_complex_numbers_is_refused_in_words(run, raw, tmp_path):
    other = formats.write(tmp_path / "fft.mrc", np.ones((512, 512), np.complex64))
    code, _, err = run("doctor", "gain", raw / "gain.mrc", other)
    assert code == 1
    assert err == "focusnb: fft.mrc holds complex numbers: a transform, not a movie\n"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nodir/x.mrc", "there is no folder nodir"),
        ("x.gain", "a name that ends with .mrc, .tif, .tiff"),
        ("folder.mrc", "cannot be written there"),
        ("gain.mrc", "take the place of what is read"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(run, raw, tmp_path, target, words):
    (tmp_path / "folder.mrc").mkdir()
    (tmp_path / "gain.mrc").symlink_to(raw / "gain.mrc")
    # this movie is not there, which nobody gets to know before
    code, _, err = run("doctor", "gain", raw / "gain.mrc", raw / "none.tif", "--write", target)
    assert code == 1
    assert words in err
    assert len(err.splitlines()) == 1


def test_doctor_alone_still_looks_at_everything(run):
    code, out, _ = run("doctor")
    assert code == 0
    assert "Python" in out
