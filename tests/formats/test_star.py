"""STAR tables: every name survives or is refused, and RELION and starfile read what we write."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import star

DATA = Path(__file__).parent.parent / "data"
NAMES = [
    "plain.mrc",
    "a b.mrc",
    "it's.mrc",
    'say "x" now',
    "0001",
    "1e5",
    "nan",
    "",
    "data_x",
    "#h",
    "a#b",
    "µ Å",
    '"q"',
    "'",
    "_u",
    "back\\slash",
    'a" b',
    "a' b",
    " lead",
    "trail ",
    "\xa0x",
]


def test_relions_own_file_is_read():
    blocks = star.read(DATA / "relion3.1.3_corrected_micrographs.star")
    assert list(blocks) == ["optics", "micrographs"]
    assert blocks["optics"]["rlnOpticsGroupName"][0] == "og1"
    assert blocks["optics"]["rlnMicrographPixelSize"][0] == 0.66655
    assert blocks["micrographs"]["rlnMicrographMetadata"][0] == "relepu/epu.star"
    assert blocks["micrographs"]["rlnAccumMotionTotal"][0] == 15.967973


def test_lists_and_loops_come_back(tmp_path):
    table = pd.DataFrame({"rlnCoordinateX": [1.5, np.nan], "rlnOpticsGroup": [1, 2]})
    general = {"rlnVoltage": 300.0, "rlnImageSizeX": 4096, "rlnMicrographMovieName": "0012"}
    path = star.write(tmp_path / "a.star", {"general": general, "": table})
    again = star.read(path)
    assert again["general"] == general
    pd.testing.assert_frame_equal(again[""], table)
    assert [file.name for file in tmp_path.iterdir()] == ["a.star"]


def test_numbers_keep_all_their_digits(tmp_path):
    values = [1 / 3, 1e-12, -7.842425e-6, 123456789.25, float(np.float32(1.05))]
    path = star.write(tmp_path / "a.star", {"x": pd.DataFrame({"v": values})})
    assert star.read(path)["x"]["v"].tolist() == values


def test_names_come_back_as_they_were(tmp_path):
    table = pd.DataFrame({"rlnMicrographName": NAMES, "rlnOpticsGroup": 1})
    path = star.write(tmp_path / "a.star", {"micrographs": table})
    assert star.read(path)["micrographs"]["rlnMicrographName"].tolist() == NAMES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=9), min_size=1, max_size=4))
def test_any_name_comes_back_or_is_refused_and_tamed_ones_always_come_back(names):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.star")
        try:
            star.write(path, {"x": pd.DataFrame({"rlnMicrographName": names, "n": 1})})
        except BadValue:
            names = [star.tame(name) for name in names]
            star.write(path, {"x": pd.DataFrame({"rlnMicrographName": names, "n": 1})})
        assert star.read(path)["x"]["rlnMicrographName"].tolist() == names


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a  b", "\ud800", "a\" b' c"])
def test_a_name_that_no_star_file_keeps_is_refused_with_a_sentence(tmp_path, name):
    with pytest.raises(BadValue, match=r"rlnMicrographName: .* rename it"):
        star.write(tmp_path / "a.star", {"x": {"rlnMicrographName": name}})
    assert not list(tmp_path.iterdir())
    star.write(tmp_path / "a.star", {"x": {"rlnMicrographName": star.tame(name)}})


def test_starfile_reads_plain_tables_the_same(tmp_path):
    table = pd.DataFrame({"rlnMicrographName": ["a.mrc", "b c.mrc"], "rlnDefocusU": [1.5, 2e4]})
    path = star.write(tmp_path / "a.star", {"micrographs": table, "more": {"rlnVoltage": 300.0}})
    theirs = starfile.read(path, always_dict=True)
    pd.testing.assert_frame_equal(theirs["micrographs"], table)
    assert theirs["more"] == {"rlnVoltage": 300.0}


@pytest.mark.program
@pytest.mark.skipif(
    shutil.which("relion_star_handler") is None, reason="needs RELION: apt install relion"
)
def test_relion_reads_our_names_numbers_and_optics(tmp_path):
    optics = star.read(DATA / "relion3.1.3_corrected_micrographs.star")["optics"]
    # RELION reads these three too, but writes them without the quotes that they need
    names = [name for name in NAMES if name not in ("#h", "_u", "nan")]
    table = pd.DataFrame({"rlnMicrographName": names, "rlnCoordinateX": 0.25, "rlnOpticsGroup": 1})
    star.write(tmp_path / "a.star", {"optics": optics, "micrographs": table})
    command = "relion_star_handler --i a.star --o b.star --operate rlnCoordinateX --multiply_by 2"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    theirs = star.read(tmp_path / "b.star")
    assert theirs["micrographs"]["rlnMicrographName"].tolist() == names
    assert set(theirs["micrographs"]["rlnCoordinateX"]) == {0.5}
    assert theirs["optics"]["rlnVoltage"].tolist() == [300]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no line begins with data_"),
        ("Dear colleague", "a STAR file begins with data_"),
        ("data_x\n\nloop_\n_a #1\n_b #2\n1 2\n3\n", "line 7 has 1 values where 2 belong"),
        ("data_x\n\nloop_\n_a #1\n1 2 3\n", "line 5 has 3 values where 1 belong"),
        ("data_x\n\n_a one two\n", "line 3 has 2 values where 1 belong"),
        ("data_x\n", "not a STAR file that can be read"),
    ],
    ids=range(6),
)
def test_what_is_no_star_file_is_told(tmp_path, text, told):
    path = tmp_path / "a.star"
    path.write_text(text)
    with pytest.raises(BrokenFile, match=told):
        star.read(path)


def test_bytes_are_no_star_file(tmp_path):
    (tmp_path / "a.star").write_bytes(b"data_\xff\xfe\x80")
    with pytest.raises(BrokenFile, match="no text"):
        star.read(tmp_path / "a.star")


def test_remarks_blank_lines_and_windows_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "a.star"
    path.write_bytes(b"# hello\r\ndata_x # no\r\n".replace(b" # no", b""))
    with path.open("ab") as file:
        file.write(b"\r\nloop_\r\n_a #1\r\n_b #2\r\n\r\n1 'x y' # remark\r\n\r\n# more\r\n2 z\r\n")
    block = star.read(path)["x"]
    assert block["a"].tolist() == [1, 2]
    assert block["b"].tolist() == ["x y", "z"]


def test_an_empty_loop_keeps_its_labels(tmp_path):
    path = star.write(tmp_path / "a.star", {"": pd.DataFrame({"a": [], "b": []})})
    block = star.read(path)[""]
    assert list(block.columns) == ["a", "b"]
    assert len(block) == 0


def test_labels_and_blocks_are_words(tmp_path):
    for blocks in ({"a b": {"x": 1}}, {"a": {"x y": 1}}, {"a": {"": 1}}):
        with pytest.raises(BadValue, match="use letters and digits"):
            star.write(tmp_path / "a.star", blocks)
