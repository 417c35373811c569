"""MRC stacks inside bzip2: streams in one piece and in several, cut, spoilt, read by many threads."""

import bz2
import random
import tempfile
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from contracts.formats import FormatContract
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb import formats
from focusnb.errors import BadValue, BrokenFile, UnknownFormat
from focusnb.formats import mrc_bz2


def changed(path, place, values, dtype="<i4"):
    """Put other numbers into the file inside."""
    data = bytearray(bz2.decompress(path.read_bytes()))
    new = np.asarray(values, dtype).tobytes()
    data[place : place + len(new)] = new
    path.write_bytes(bz2.compress(bytes(data)))
    return path


def noise(shape, seed=1):
    return np.random.default_rng(seed).integers(0, 200, shape).astype(np.int16)


@pytest.fixture
def begun(monkeypatch):
    """How often a stack began again at the first frame."""
    times = []
    begin_again = mrc_bz2.Bz2Stack._begin_again

    def counted(stack):
        times.append(stack._next)
        begin_again(stack)

    monkeypatch.setattr(mrc_bz2.Bz2Stack, "_begin_again", counted)
    return times


class TestBz2(FormatContract):
    reader, suffix = mrc_bz2.reader, ".bz2"

    def swapped(self, path, array):
        with mrcfile.new(path, compression="bzip2") as file:
            file.set_data(array.astype(array.dtype.newbyteorder(">")))

    def absurd(self, path):
        changed(path, 0, [1_000_000, 1_000_000])

    def odd(self, path):
        changed(path, 212, [0, 0], "u1")  # the stamp of the machine

    def test_one_frame_costs_no_more_memory_than_a_few(self, path):
        """Frames larger than those of the contract: a block of 900 kB waits for its checksum."""
        movie = np.random.default_rng(1).integers(0, 9, (20, 768, 1024)).astype(np.int16)
        self.make(path, movie)
        with formats.open(path) as stack:
            stack.frame(0)
            tracemalloc.start()
            for frame in stack:
                frame.mean()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 8 * movie[0].nbytes


def test_it_is_what_mrcfile_and_bunzip2_make_of_it(tmp_path):
    movie = noise((3, 8, 9))
    path = formats.write(tmp_path / "a.mrc.bz2", movie, pixel_size=1.5)
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, movie)
    (tmp_path / "a.mrc").write_bytes(bz2.decompress(path.read_bytes()))
    np.testing.assert_array_equal(formats.read(tmp_path / "a.mrc"), movie)


@pytest.mark.parametrize("level", [1, 9])
def test_a_stream_of_many_pieces_as_pbzip2_makes_it_is_one_file(tmp_path, level):
    movie = noise((5, 64, 64))
    whole = formats.write(tmp_path / "a.mrc", movie).read_bytes()
    pieces = [whole[i : i + 5000] for i in range(0, len(whole), 5000)]
    path = tmp_path / "a.mrc.bz2"
    path.write_bytes(b"".join(bz2.compress(piece, level) for piece in pieces))
    np.testing.assert_array_equal(formats.read(path), movie)


@pytest.mark.parametrize(("mode", "dtype"), [(12, "<f2"), (6, "<u2"), (2, "<f4")])
def test_a_mode_is_read_in_its_type(tmp_path, mode, dtype):
    movie = noise((2, 6, 7)).astype(dtype)
    path = formats.write(tmp_path / "a.mrc.bz2", movie.astype(np.int16))
    head = bytearray(bz2.decompress(path.read_bytes())[:1024])
    head[12:16] = mode.to_bytes(4, "little")
    path.write_bytes(bz2.compress(bytes(head) + movie.tobytes()))
    again = formats.read(path)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, movie)


def test_four_bits_a_pixel_are_unpacked(tmp_path):
    path = formats.write(tmp_path / "a.mrc.bz2", np.zeros((2, 1, 2), np.int8))
    changed(path, 0, [3, 1, 2, 101])
    changed(path, 1024, [0x21, 0x03, 0x54, 0x06], "u1")
    np.testing.assert_array_equal(formats.read(path), [[[1, 2, 3]], [[4, 5, 6]]])


def test_the_extended_header_tells_what_it_tells_in_an_mrc(tmp_path):
    plain = Path(__file__).parent.parent / "data" / "epu2.9_piece.mrc"
    path = tmp_path / "a.mrc.bz2"
    path.write_bytes(bz2.compress(plain.read_bytes()))
    with formats.open(path) as packed, formats.open(plain) as stack:
        assert packed.facts == stack.facts
        assert packed.facts["voltage"] == 300
        np.testing.assert_array_equal(packed.frame(0), stack.frame(0))


def test_nothing_recorded_is_read_however_well_it_packs(tmp_path):
    path = formats.write(tmp_path / "a.mrc.bz2", np.zeros((4, 2048, 2048), np.int16))
    assert path.stat().st_size < 200
    with formats.open(path) as stack:
        assert not stack.frame(3).any()


# -- forwards, backwards, by many threads


def test_forwards_never_begins_again(tmp_path, begun):
    movie = noise((50, 16, 16))
    with formats.open(formats.write(tmp_path / "a.mrc.bz2", movie)) as stack:
        for index, frame in enumerate(stack):
            np.testing.assert_array_equal(frame, movie[index])
            np.testing.assert_array_equal(stack.frame(index), frame)
        assert begun == []


def test_a_second_pass_begins_again_once(tmp_path, begun):
    movie = noise((50, 16, 16))
    with formats.open(formats.write(tmp_path / "a.mrc.bz2", movie)) as stack:
        np.testing.assert_array_equal(np.stack(list(stack)), np.stack(list(stack)))
        assert begun == [50]


def test_frames_that_were_passed_are_kept_for_who_comes_late(tmp_path, begun):
    movie = noise((30, 16, 16))
    with formats.open(formats.write(tmp_path / "a.mrc.bz2", movie)) as stack:
        for index in (5, 3, 4, 0, 1, 2, 9, 8, 7, 6):
            np.testing.assert_array_equal(stack.frame(index), movie[index])
        assert begun == []


def test_backwards_is_right_and_does_not_begin_again_for_each_frame(tmp_path, begun):
    movie = noise((70, 8, 8))
    with formats.open(formats.write(tmp_path / "a.mrc.bz2", movie)) as stack:
        for index in reversed(range(70)):
            np.testing.assert_array_equal(stack.frame(index), movie[index])
    assert len(begun) == 2  # 32 frames are kept each time


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_that_decode_ahead_get_their_frames_from_one_pass(tmp_path, begun, threads):
    movie = noise((60, 64, 64))
    path = formats.write(tmp_path / "a.mrc.bz2", movie)
    late = random.Random(1)

    def read(index):
        threading.Event().wait(late.random() * 2e-3)  # threads do not come quite in order
        return stack.frame(index)

    with formats.open(path) as stack, ThreadPoolExecutor(threads) as pool:
        frames = list(pool.map(read, range(60)))
    np.testing.assert_array_equal(np.stack(frames), movie)
    assert begun == []


@settings(max_examples=25, deadline=None)
@given(order=st.lists(st.integers(0, 39), max_size=60))
def test_frames_in_any_order_are_right(order):
    movie = noise((40, 4, 5))
    with tempfile.TemporaryDirectory() as folder:
        path = formats.write(Path(folder, "a.mrc.bz2"), movie)
        with formats.open(path) as stack:
            for index in order:
                np.testing.assert_array_equal(stack.frame(index), movie[index])
                assert len(stack._kept) <= 34


def test_large_frames_are_kept_in_smaller_number(tmp_path, monkeypatch):
    movie = noise((20, 16, 16))
    monkeypatch.setattr(mrc_bz2, "PASSED_BYTES", 5 * movie[0].nbytes)
    with formats.open(formats.write(tmp_path / "a.mrc.bz2", movie)) as stack:
        np.testing.assert_array_equal(stack.frame(19), movie[19])
        assert sorted(stack._kept) == [15, 16, 17, 18, 19]
        np.testing.assert_array_equal(stack.frame(0), movie[0])


def test_a_closed_file_says_so_even_for_what_was_kept(tmp_path):
    stack = formats.open(formats.write(tmp_path / "a.mrc.bz2", noise((3, 4, 4))))
    stack.frame(0)
    stack.close()
    with pytest.raises(ValueError, match="is closed"):
        stack.frame(0)


# -- what is broken


def test_a_stream_that_ends_early_names_the_frame_and_gives_those_before(tmp_path):
    movie = noise((9, 512, 512))  # several blocks of 900 kB
    path = formats.write(tmp_path / "a.mrc.bz2", movie)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with formats.open(path) as stack:
        np.testing.assert_array_equal(stack.frame(2), movie[2])
        with pytest.raises(BrokenFile, match=r"ends within frame [345] of 9; it was cut short"):
            stack.frame(8)
        np.testing.assert_array_equal(stack.frame(0), movie[0])


def test_a_whole_stream_with_too_few_frames_names_the_first_that_lacks(tmp_path):
    path = formats.write(tmp_path / "a.mrc.bz2", noise((4, 8, 8)))
    path.write_bytes(bz2.compress(bz2.decompress(path.read_bytes())[: 1024 + 2 * 128 + 7]))
    with (
        formats.open(path) as stack,
        pytest.raises(BrokenFile, match="ends within frame 2 of 4"),
    ):
        list(stack)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A movie of several blocks, and the bytes of its file."""
    movie = noise((9, 512, 512))
    path = formats.write(tmp_path_factory.mktemp("large") / "a.mrc.bz2", movie)
    return movie, path.read_bytes()


@pytest.fixture
def spoilt(large, tmp_path):
    path = tmp_path / "a.mrc.bz2"
    data = bytearray(large[1])
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xaa" * 40
    path.write_bytes(bytes(data))
    return path


def test_garbage_in_the_stream_is_told_once_and_not_searched_again(spoilt, begun):
    with formats.open(spoilt) as stack:
        for index in (4, 5, 8, 4):
            with pytest.raises(BrokenFile, match=r"frame \d of 9 cannot be decompressed"):
                stack.frame(index)
        assert begun == []


def test_frames_before_garbage_are_read(spoilt, large):
    with formats.open(spoilt) as stack:
        np.testing.assert_array_equal(stack.frame(1), large[0][1])


@settings(max_examples=12, deadline=None)
@given(place=st.integers(300, 2_000_000), length=st.integers(1, 60))
def test_garbage_is_never_given_as_pixels(large, place, length):
    movie, whole = large
    data = bytearray(whole)
    place %= len(data) - length
    data[place : place + length] = bytes(255 - byte for byte in data[place : place + length])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mrc.bz2")
        path.write_bytes(bytes(data))
        with pytest.raises((BrokenFile, UnknownFormat)), formats.open(path) as stack:  # noqa: PT012 - the frames before are compared
            for index, frame in enumerate(stack):
                assert (frame == movie[index]).all()


@pytest.mark.parametrize("length", [14, 40])
def test_a_stream_cut_within_the_header_is_told(tmp_path, length):
    path = formats.write(tmp_path / "a.mrc.bz2", noise((4, 8, 8)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BrokenFile, match="ends within the MRC header"):
        formats.open(path)


def test_something_else_inside_is_shown(tmp_path):
    path = tmp_path / "a.bz2"
    path.write_bytes(bz2.compress(b"Dear colleague, the microscope is down. " * 60))
    with pytest.raises(UnknownFormat, match="no MRC: inside it starts with b'Dear colleague, '"):
        formats.open(path)


@pytest.mark.parametrize(
    ("place", "values", "told"),
    [
        (0, [65_000, 65_000, 1], "no camera makes these"),
        (8, [2_000_000_000], "compressed ones never hold that"),
        (92, [2_000_000_000], "extended header of 2000000000|behind 2000001024 bytes"),
        (12, [77], "mode 77"),
    ],
)
def test_what_no_camera_makes_is_refused_before_memory_is_taken(tmp_path, place, values, told):
    rest = bytes(np.random.default_rng(1).integers(0, 256, 20_000, np.uint8))
    path = formats.write(tmp_path / "a.mrc.bz2", noise((4, 8, 8)))
    path.write_bytes(path.read_bytes() + bz2.compress(rest))
    changed(path, place, values)
    tracemalloc.start()
    with pytest.raises(BrokenFile, match=told):
        formats.open(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20  # bzip2 itself takes 3.5 MB


def test_only_mrc_is_written_compressed(tmp_path):
    with pytest.raises(BadValue, match=r"name it a.tif.mrc.bz2"):
        formats.write(tmp_path / "a.tif.bz2", np.zeros((2, 2)))
    assert not list(tmp_path.iterdir())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_bytes_however_spoilt_do_anything_but_work_or_tell(data):
    with tempfile.TemporaryDirectory() as folder:
        path = formats.write(Path(folder, "a.mrc.bz2"), noise((3, 12, 12)))
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(whole))
        try:
            with formats.open(path) as stack:
                for frame in stack:
                    assert frame.shape == stack.shape[1:]
        except (BrokenFile, UnknownFormat):
            pass
