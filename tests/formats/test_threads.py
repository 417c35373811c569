"""Frames of one open file asked for by several threads at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from focusnb import formats
from focusnb.formats import mrc

PACKINGS = [".mrc", ".tif", ".mrc.bz2"]


@pytest.fixture
def movie():
    return np.random.default_rng(1).integers(0, 200, (24, 96, 128)).astype(np.int16)


@pytest.mark.parametrize("suffix", PACKINGS)
def test_each_thread_gets_the_frames_it_asked_for(tmp_path, movie, suffix):
    path = formats.write(tmp_path / f"a{suffix}", movie)
    order = np.random.default_rng(2).integers(0, len(movie), 200).tolist()
    with formats.open(path) as stack, ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(stack.frame, order))
    np.testing.assert_array_equal(np.stack(frames), movie[order])


@pytest.mark.parametrize("dtype", ["uint8", "float32"], ids=["packed", "plain"])
@pytest.mark.parametrize("rows", [96, 7], ids=["one strip", "many strips"])
def test_strips_of_tiff_frames_do_not_mix(tmp_path, movie, dtype, rows):
    path = tmp_path / "a.tif"
    packing = "lzw" if dtype == "uint8" else None
    with tifffile.TiffWriter(path) as file:
        for frame in movie.astype(dtype):
            how = {"rowsperstrip": rows, "compression": packing}
            file.write(frame[::-1], contiguous=False, metadata=None, **how)
    with formats.open(path) as stack, ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(stack.frame, [*range(24)] * 5))
    np.testing.assert_array_equal(np.stack(frames), np.tile(movie.astype(dtype), (5, 1, 1)))


def test_two_tiff_frames_are_decoded_at_the_same_time(tmp_path, movie):
    """Each decoder waits until the other one has begun too: under one lock they never would."""
    path = formats.write(tmp_path / "a.tif", movie[:2])
    both = threading.Barrier(2, timeout=20)
    with formats.open(path) as stack, ThreadPoolExecutor(2) as pool:
        for page in stack._sheets:
            page.decode = waiting(page.decode, both)
        frames = list(pool.map(stack.frame, [0, 1]))
    np.testing.assert_array_equal(np.stack(frames), movie[:2])


def waiting(decode, both):
    def decoded(*args, **how):
        if args[1] == 0:  # the first strip of its frame
            both.wait()
        return decode(*args, **how)

    return decoded


def test_an_mrc_frame_that_comes_in_pieces_is_whole(tmp_path, movie, monkeypatch):
    monkeypatch.setattr(mrc, "PIECE", 1000)
    path = formats.write(tmp_path / "a.mrc", movie)
    with formats.open(path) as stack, ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(stack.frame, range(24)))
    np.testing.assert_array_equal(np.stack(frames), movie)
