"""TIFF files as cameras, tifffile and RELION write them; the side that is up."""

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from contracts.formats import FormatContract
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from focusnb import formats
from focusnb.errors import BadValue, BrokenFile, FocusError, UnknownFormat
from focusnb.formats import tiff

relion = pytest.mark.skipif(
    shutil.which("relion_image_handler") is None, reason="needs RELION: apt install relion"
)


def flipped(movie):
    return movie[:, ::-1]


@pytest.fixture
def movie():
    return np.random.default_rng(5).integers(0, 60, (3, 37, 50)).astype(np.uint8)


def retag(path, code, value):
    """Put another number into a tag of the first page."""
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[code].overwrite(value)


class TestTiff(FormatContract):
    reader, suffix = tiff.reader, ".tif"

    def swapped(self, path, array):
        with tifffile.TiffWriter(path, byteorder=">") as file:
            for frame in flipped(array):
                file.write(frame, contiguous=False, metadata=None)

    def absurd(self, path):
        for tag in (256, 257):
            retag(path, tag, 1_000_000)

    def odd(self, path):
        retag(path, 296, 2)  # pixels per inch


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int8, np.int16, np.uint16, np.uint32, np.float32]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
    )
)
def test_any_stack_comes_back_bit_for_bit(array):
    with tempfile.TemporaryDirectory() as folder:
        path = formats.write(Path(folder, "a.tiff"), array)
        with formats.open(path) as stack:
            again = np.stack(list(stack))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compression": "lzw"},
        {"compression": "zlib"},
        {"compression": "deflate"},
        {"compression": "lzw", "predictor": True},
        {"rowsperstrip": 1},
        {"rowsperstrip": 37, "compression": "lzw"},
        {"rowsperstrip": 5, "compression": "zlib"},
        {"tile": (16, 32)},
        {"tile": (16, 32), "compression": "lzw"},
    ],
    ids=str,
)
def test_every_packing_is_read_with_row_0_at_the_bottom(tmp_path, movie, dtype, how):
    movie = movie.astype(dtype)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for frame in flipped(movie):
            file.write(frame, contiguous=False, metadata=None, **how)
    again = formats.read(path)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, movie)


def test_a_bigtiff_is_read(tmp_path, movie):
    tifffile.imwrite(tmp_path / "a.tif", flipped(movie), bigtiff=True, photometric="minisblack")
    np.testing.assert_array_equal(formats.read(tmp_path / "a.tif"), movie)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32"])
def test_every_page_names_its_sample_format(tmp_path, movie, dtype):
    path = formats.write(tmp_path / "a.tif", movie.astype(dtype))
    with tifffile.TiffFile(path) as file:
        kinds = [int(page.tags["SampleFormat"].value) for page in file.pages]
    assert kinds == [{"u": 1, "i": 2, "f": 3}[np.dtype(dtype).kind]] * 3


def test_the_top_row_of_the_tiff_is_the_last_row_of_the_array(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(4, 3)
    path = formats.write(tmp_path / "a.tif", picture)
    np.testing.assert_array_equal(tifffile.imread(path)[0], picture[-1])


@pytest.mark.program
@relion
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_relion_reads_our_tiff_as_we_read_it(tmp_path, movie, dtype):
    formats.write(tmp_path / "a.tif", movie.astype(dtype))
    command = "relion_image_handler --i 2@a.tif --o a.mrc --multiply_constant 1".split()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(formats.read(tmp_path / "a.mrc"), movie[1])


@pytest.mark.program
@relion
def test_we_read_relions_tiff_as_relion_read_the_mrc(tmp_path, movie):
    formats.write(tmp_path / "a.mrcs", movie.astype(np.int16), pixel_size=1.05)
    command = "relion_convert_to_tiff --i a.mrcs --o out/ --compression lzw".split()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with formats.open(tmp_path / "out/a.tif") as stack:
        np.testing.assert_array_equal(np.stack(list(stack)), movie)
        assert stack.pixel_size == pytest.approx(1.05, rel=1e-4)


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [(1e8 / 0.82, 3, 0.82), (300, 3, None), (300, 2, None), (1e8, 2, None), (1, 1, None)],
)
def test_only_a_resolution_of_atomic_size_per_centimetre_is_a_pixel_size(
    tmp_path, movie, resolution, unit, size
):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, movie[0], resolution=(resolution, resolution), resolutionunit=unit)
    with formats.open(path) as stack:
        assert stack.pixel_size == (pytest.approx(size) if size else None)
        assert bool(stack.notes) == (size is None and unit != 1)


def test_frames_of_different_size_or_type_are_refused(tmp_path, movie):
    path = tmp_path / "a.tif"
    for odd in (movie[0, :20], movie[0].astype(np.uint16)):
        with tifffile.TiffWriter(path) as file:
            file.write(movie[0], metadata=None)
            file.write(odd, metadata=None)
        with pytest.raises(BrokenFile, match=r"frame 1 is .* but frame 0 is 37 × 50 uint8"):
            formats.open(path)


def test_a_colour_picture_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    with pytest.raises(BrokenFile, match="no picture of grey values"):
        formats.open(tmp_path / "a.tif")


def test_directories_in_a_circle_are_refused(tmp_path, movie):
    path = formats.write(tmp_path / "a.tif", movie[0])
    data = bytearray(path.read_bytes())
    first = struct.unpack("<I", data[4:8])[0]
    entries = struct.unpack("<H", data[first : first + 2])[0]
    after = first + 2 + 12 * entries
    data[after : after + 4] = data[4:8]
    path.write_bytes(bytes(data))
    with pytest.raises(BrokenFile, match="in a circle"):
        formats.open(path)


def test_a_growing_file_is_never_read_as_a_shorter_movie(tmp_path, movie):
    whole = formats.write(tmp_path / "a.tif", movie).read_bytes()
    growing = tmp_path / "b.tif"
    for length in range(8, len(whole), 97):
        growing.write_bytes(whole[:length])
        with pytest.raises(BrokenFile, match="still being written"):
            formats.open(growing)


def test_a_frame_whose_bytes_are_spoilt_is_told_and_the_others_are_read(tmp_path, movie):
    path = formats.write(tmp_path / "a.tif", movie)
    with tifffile.TiffFile(path) as file:
        place, length = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[place : place + length] = b"\xff" * length
    path.write_bytes(bytes(data))
    with formats.open(path) as stack:
        np.testing.assert_array_equal(stack.frame(2), movie[2])
        with pytest.raises(BrokenFile, match="frame 1 of 3 cannot be decoded"):
            stack.frame(1)


def test_values_without_a_place_in_a_tiff_are_refused(tmp_path):
    for array in (np.zeros((4, 4), np.int64), np.zeros((4, 4), np.complex64)):
        with pytest.raises(BadValue, match="no place in a TIFF"):
            formats.write(tmp_path / "a.tif", array)
    assert not list(tmp_path.iterdir())


def test_a_label_is_its_description(tmp_path, movie):
    path = formats.write(tmp_path / "a.tif", movie[0], label="simulated at 300 kV")
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].description == "focusnb 0.1 simulated at 300 kV"


def test_a_suffix_that_no_format_has_is_refused_with_the_known_ones(tmp_path, movie):
    with pytest.raises(UnknownFormat, match=r"known are .*\.mrcs.*\.tiff"):
        formats.write(tmp_path / "a.jpg", movie)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "a.tif"
    frames = np.arange(60, dtype=np.uint16).reshape(2, 6, 5)
    return formats.write(path, frames, pixel_size=1).read_bytes()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_bytes_however_spoilt_do_anything_but_work_or_tell(sound, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tif")
        whole = bytearray(sound)
        for _ in range(data.draw(st.integers(1, 5))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(whole))
        try:
            with formats.open(path) as stack:
                for frame in stack:
                    assert frame.shape == stack.shape[1:]
        except FocusError:
            pass
