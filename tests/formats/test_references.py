"""Gain references and defect lists as they are read from files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb import formats
from focusnb.errors import BrokenFile, UnknownFormat
from focusnb.formats import defects, gain
from focusnb.formats.defects import Defect


@pytest.mark.parametrize("suffix", [".mrc", ".tif"])
@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7)])
def test_a_gain_is_one_float_picture_the_same_from_mrc_and_tiff(tmp_path, suffix, shape):
    factors = np.random.default_rng(1).normal(1, 0.1, shape)
    path = formats.write(tmp_path / f"gain{suffix}", factors)
    again = gain.read(path)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, factors.reshape(5, 7).astype(np.float32))


def test_rows_of_a_dot_gain_file_stay_in_their_order(tmp_path):
    factors = np.arange(12, dtype=np.float32).reshape(3, 4)
    path = formats.write(tmp_path / "20240101.tif", factors)
    np.testing.assert_array_equal(gain.read(path), factors)
    np.testing.assert_array_equal(gain.read(path.rename(path.with_suffix(".gain"))), factors[::-1])


def test_a_gain_of_integers_is_read_as_floats(tmp_path):
    path = formats.write(tmp_path / "gain.tif", np.full((2, 2), 3, np.uint8))
    assert gain.read(path).dtype == np.float32


def test_a_movie_is_no_gain(tmp_path):
    path = formats.write(tmp_path / "gain.mrc", np.ones((2, 4, 4)))
    with pytest.raises(BrokenFile, match="this file has 2 frames"):
        gain.read(path)


def test_complex_numbers_are_no_gain(tmp_path):
    path = formats.write(tmp_path / "gain.mrc", np.ones((4, 4), np.complex64))
    with pytest.raises(BrokenFile, match="complex"):
        gain.read(path)


def test_gatans_gain_is_refused_with_the_way_to_convert_it(tmp_path):
    (tmp_path / "ref.dm4").write_bytes(b"\0\0\0\4" + bytes(40))
    with pytest.raises(UnknownFormat, match=r"dm2mrc ref.dm4 ref.mrc"):
        gain.read(tmp_path / "ref.dm4")


def test_motioncor2s_list_is_read_with_remarks_and_blank_lines(tmp_path):
    path = tmp_path / "defects.txt"
    path.write_text("# x y w h\n10 20 1 2\n\n 0,0,4,4  # corner\n")
    assert defects.read(path) == [Defect(10, 20, 1, 2), Defect(0, 0, 4, 4)]


def test_an_empty_list_has_no_defects(tmp_path):
    (tmp_path / "defects.txt").touch()
    assert defects.read(tmp_path / "defects.txt") == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1 2 3", "line 2 is '1 2 3', not four whole numbers"),
        ("1 2 3 4 5", "line 2 is"),
        ("1 2 3 x", "line 2 is"),
        ("1.5 2 3 4", "line 2 is"),
        ("-1 2 3 4", "line 2 names no pixels: x -1"),
        ("1 2 0 4", "line 2 names no pixels"),
    ],
)
def test_a_broken_line_is_named_by_its_number(tmp_path, line, told):
    path = tmp_path / "defects.txt"
    path.write_text(f"1 1 1 1\n{line}\n")
    with pytest.raises(BrokenFile, match=told):
        defects.read(path)


def test_bytes_are_no_defect_list(tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(BrokenFile, match="neither text nor a picture"):
        defects.read(tmp_path / "a")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9999)] * 2, *[st.integers(1, 9999)] * 2)))
def test_a_list_comes_back(tmp_path_factory, numbers):
    found = [Defect(*four) for four in numbers]
    path = defects.write(tmp_path_factory.mktemp("defects") / "a.txt", found)
    assert defects.read(path) == found
