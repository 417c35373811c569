"""Every type of pixel that cameras' files have goes through motion and shows the same drift."""

import numpy as np
import pytest
import tifffile
from makers import FRAMES, SIZE, WORDS, movie, references
from numpy.testing import assert_allclose

import focusnb as fn

MODES = {0: "<i1", 1: "<i2", 2: "<f4", 6: "<u2", 12: "<f2", 101: "u1"}


def mrc(path, mode):
    """The movie as an MRC file of this mode, byte by byte; 101 has two pixels in a byte."""
    frames = movie().frames.clip(0, 15).astype(MODES[mode])
    if mode == 101:
        frames = frames[..., 0::2] | frames[..., 1::2] << 4
    head = bytearray(1024)
    head[:16] = np.array([SIZE, SIZE, FRAMES, mode], "<i4").tobytes()
    head[208:216] = b"MAP DD\0\0"
    path.write_bytes(bytes(head) + frames.tobytes())
    return path


def tiff(path, dtype):
    """The movie as a TIFF file of this type; its first row is the top of the picture."""
    frames = movie().frames.clip(0, 15).astype(dtype)[:, ::-1]
    tifffile.imwrite(path, frames, photometric="minisblack", metadata=None)
    return path


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """A function: a file of the movie -> what motion finds."""
    beside = references(tmp_path_factory.mktemp("camera"), movie())

    def get(file):
        return fn.quick(file, steps=["motion"], pixel_size=1.0, patches=3, **beside, **WORDS)

    return get


@pytest.fixture(scope="module")
def expected(aligned, tmp_path_factory):
    return aligned(tiff(tmp_path_factory.mktemp("usual") / "movie.tif", np.uint8))


def assert_same(found, expected):
    assert (found["error"], found["aligned"], found["frame_count"]) == (None, True, FRAMES)
    assert_allclose(found["shifts"], expected["shifts"], atol=0.02)
    assert found["hot_pixels"] == expected["hot_pixels"]


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_of_mrc_is_aligned(aligned, expected, tmp_path, mode):
    assert_same(aligned(mrc(tmp_path / "movie.mrc", mode)), expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "float32"])
def test_each_type_of_tiff_is_aligned(aligned, expected, tmp_path, dtype):
    assert_same(aligned(tiff(tmp_path / "movie.tif", dtype)), expected)
