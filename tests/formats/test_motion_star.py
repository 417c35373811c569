"""RELION's file of a movie's drift: both motion models, both directions, sign and unit."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import motion_star, star
from focusnb.formats.motion_star import MotionFile

DATA = Path(__file__).parent.parent / "data"
WHOLE = DATA / "relion3.1.3_motioncorr_epu.star"
PATCHES = DATA / "relion3.1.3_motioncorr_5x5.star"


def small(**changes):
    plain = MotionFile(8, 6, 3, "a.tif", 2.0, np.array([[0, 0], [2.0, -4.0], [3.0, 1.0]]))
    return replace(plain, **changes)


def assert_same(one, other):
    for name in (field.name for field in fields(MotionFile)):
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, atol=2e-6, err_msg=name)
        else:
            assert a == b, name


def test_relions_whole_frame_file_is_read():
    motion = motion_star.read(WHOLE)
    assert (motion.width, motion.height, motion.frames) == (4072, 4072, 24)
    assert (motion.movie_name, motion.gain_name) == ("epu.tif", None)
    assert (motion.dose_rate, motion.voltage, motion.first_frame) == (1.7154, 300, 1)
    assert motion.model is None
    assert motion.hot_pixels.tolist() == [[2113, 3302]]


def test_relions_patch_file_is_read_with_its_model():
    motion = motion_star.read(PATCHES)
    assert (motion.gain_name, motion.defect_file) == ("k2_gain.mrc", "k2_defects.txt")
    assert motion.model[[0, 3]] == pytest.approx([-0.024950 * 1.06, -0.313554 * 1.06])
    assert motion.local_shifts.shape == (1000, 5)


@pytest.mark.parametrize("path", [WHOLE, PATCHES], ids=["version 0", "version 1"])
def test_relions_file_comes_back_in_relions_own_words(tmp_path, path):
    motion = motion_star.read(path)
    ours = motion_star.write(tmp_path / "a.star", motion)
    assert_same(motion_star.read(ours), motion)
    theirs, again = star.read(path), star.read(ours)
    assert list(again) == list(theirs)
    assert again["general"] == theirs["general"]
    for name in list(theirs)[1:]:
        assert list(again[name].columns) == list(theirs[name].columns)
        np.testing.assert_allclose(
            again[name].to_numpy(float), theirs[name].to_numpy(float), atol=2e-6
        )


def test_the_file_holds_the_correction_in_pixels(tmp_path):
    table = star.read(motion_star.write(tmp_path / "a.star", small()))["global_shift"]
    assert table["rlnMicrographFrameNumber"].tolist() == [1, 2, 3]
    assert table["rlnMicrographShiftX"].tolist() == [0, -1, -1.5]
    assert table["rlnMicrographShiftY"].tolist() == [0, 2, -0.5]
    assert "-0.0" not in (tmp_path / "a.star").read_text().split()


def test_patches_left_out_are_in_a_block_of_ours_and_places_have_three_digits(tmp_path):
    rows = np.array([[0, 110.00000000000001, 1 / 3, 0.5, -1.0], [2, 2.0, 5.0, np.nan, np.nan]])
    path = motion_star.write(tmp_path / "a.star", small(left_out=rows, local_shifts=rows[:1]))
    again = motion_star.read(path)
    np.testing.assert_allclose(again.left_out, rows, atol=4e-4)
    np.testing.assert_allclose(again.local_shifts, rows[:1], atol=4e-4)
    assert list(star.read(path)) == ["general", "global_shift", "local_shift", "left_out_shift"]
    assert not any(len(word) > 9 for word in path.read_text().split() if word[0].isdigit())


def test_frames_not_used_are_minus_9999(tmp_path):
    shifts = np.array([[np.nan, np.nan], [0, 0], [3.0, 1.0]])
    path = motion_star.write(tmp_path / "a.star", small(shifts=shifts, first_frame=2))
    assert star.read(path)["global_shift"]["rlnMicrographShiftX"].tolist() == [-9999, 0, -1.5]
    np.testing.assert_array_equal(motion_star.read(path).shifts, shifts)


def test_names_that_no_star_file_keeps_do_not_stop_the_motion(tmp_path):
    path = motion_star.write(tmp_path / "a.star", small(movie_name="a\nmovie 'µ'.tif"))
    assert motion_star.read(path).movie_name == "a_movie 'µ'.tif"


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float64, (3, 2), elements=st.floats(-900, 900)),
    hnp.arrays(np.float64, (36,), elements=st.floats(-9, 9)),
    hnp.arrays(np.int64, st.tuples(st.integers(0, 4), st.just(2)), elements=st.integers(0, 9999)),
)
def test_anything_comes_back(tmp_path_factory, shifts, model, hot_pixels):
    motion = small(shifts=shifts, model=model, hot_pixels=hot_pixels, gain_name="g.mrc")
    path = tmp_path_factory.mktemp("motion") / "a.star"
    assert_same(motion_star.read(motion_star.write(path, motion)), motion)


@pytest.mark.parametrize(
    "changes",
    [{"shifts": np.zeros((2, 2))}, {"model": np.zeros(35)}, {"pixel_size": 0.0}],
    ids=["frames", "model", "pixel size"],
)
def test_numbers_that_do_not_fit_are_not_written(tmp_path, changes):
    with pytest.raises(BadValue):
        motion_star.write(tmp_path / "a.star", small(**changes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("data_global_shift", "data_other", "no data_general and data_global_shift"),
        ("_rlnImageSizeZ", "_rlnOther", "rlnImageSizeZ"),
        ("_rlnMicrographShiftY #3", "_rlnOther #3", "rlnMicrographShiftY"),
        (
            "_rlnMotionModelVersion                                0",
            "_rlnMotionModelVersion 7",
            "7",
        ),
        ("          24", "           2", "not RELION's"),
    ],
    ids=range(5),
)
def test_another_file_is_told(tmp_path, old, new, told):
    text = WHOLE.read_text()
    assert old in text
    (tmp_path / "a.star").write_text(text.replace(old, new, 1))
    with pytest.raises(BrokenFile, match=told):
        motion_star.read(tmp_path / "a.star")
