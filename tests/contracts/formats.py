"""What every reader of frames must do; a new format inherits this in five lines.

::

    class TestMrc(FormatContract):
        reader, suffix = mrc.reader, ".mrc"
        def swapped(self, path, array): ...    # writes in the other byte order
        def absurd(self, path): ...            # changes the header to 10⁶ × 10⁶ pixels
        def odd(self, path): ...               # makes the header strange, not unreadable
"""

import tracemalloc

import numpy as np
import pytest

from focusnb import formats
from focusnb.errors import BrokenFile, UnknownFormat

MEGABYTE = 1 << 20


class FormatContract:
    """Inherit it, name the reader and its suffix, and say how to spoil a header."""

    reader = None
    suffix = ""
    dtypes = ("int8", "int16", "uint16", "float32")

    def make(self, path, array):
        formats.write(path, array, pixel_size=1.05)

    def swapped(self, path, array):
        raise NotImplementedError

    def absurd(self, path):
        raise NotImplementedError

    def odd(self, path):
        raise NotImplementedError

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / f"movie one µ'{self.suffix}"

    @pytest.fixture
    def movie(self):
        return np.random.default_rng(3).integers(0, 90, (3, 17, 23)).astype(np.int16)

    def test_the_reader_is_registered_with_its_suffix(self):
        assert self.reader in formats.readers().values()
        assert self.suffix in self.reader.suffixes
        assert self.reader.missing() is None

    @pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32"])
    def test_what_is_written_is_read_again(self, path, movie, dtype):
        movie = movie.astype(dtype)
        self.make(path, movie)
        again = formats.read(path)
        assert again.dtype == dtype
        np.testing.assert_array_equal(again, movie)

    def test_a_single_frame_is_read_as_a_picture(self, path, movie):
        self.make(path, movie[0])
        assert formats.read(path).shape == movie.shape[1:]
        with formats.open(path) as stack:
            assert stack.shape == (1, *movie.shape[1:])

    def test_a_stack_tells_its_shape_type_and_pixel_size_unread(self, path, movie):
        self.make(path, movie)
        with formats.open(path) as stack:
            assert (stack.shape, stack.dtype, len(stack)) == (movie.shape, movie.dtype, 3)
            assert stack.pixel_size == pytest.approx(1.05, rel=1e-5)
            assert stack.notes == ()

    def test_the_suffix_alone_decides_nothing(self, path, movie):
        self.make(path, movie)
        stranger = path.rename(path.with_suffix(".dat"))
        np.testing.assert_array_equal(formats.read(stranger), movie)

    def test_frames_are_found_by_number_and_in_order(self, path, movie):
        self.make(path, movie)
        with formats.open(path) as stack:
            np.testing.assert_array_equal(stack.frame(-1), movie[2])
            np.testing.assert_array_equal(np.stack(list(stack)), movie)
            with pytest.raises(IndexError, match="no frame 3"):
                stack.frame(3)

    def test_a_frame_belongs_to_who_asked_for_it(self, path, movie):
        self.make(path, movie)
        with formats.open(path) as stack:
            stack.frame(1)[:] = 0
            np.testing.assert_array_equal(stack.frame(1), movie[1])

    def test_the_other_byte_order_is_read_the_same(self, path, movie):
        self.swapped(path, movie)
        again = formats.read(path)
        assert again.dtype.isnative
        np.testing.assert_array_equal(again, movie)

    def test_one_frame_costs_no_more_memory_than_a_few(self, path):
        movie = np.random.default_rng(1).integers(0, 9, (40, 256, 256)).astype(np.int16)
        self.make(path, movie)
        with formats.open(path) as stack:
            stack.frame(0)
            tracemalloc.start()
            for frame in stack:
                frame.mean()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 8 * movie[0].nbytes

    @pytest.mark.parametrize("part", [0.03, 0.4, 0.7, 0.99])
    def test_a_file_cut_short_is_told_and_not_read_as_a_shorter_one(self, path, part):
        self.make(path, np.random.default_rng(2).integers(0, 99, (5, 64, 64)).astype(np.int16))
        whole = path.read_bytes()
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises((BrokenFile, UnknownFormat)) as caught:
            formats.read(path)
        assert str(path) in str(caught.value)
        assert path.stat().st_size == int(part * len(whole))

    def test_a_file_that_shrinks_after_it_was_opened_is_told(self, path, movie):
        self.make(path, movie)
        with formats.open(path) as stack:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            with pytest.raises(BrokenFile, match="became shorter"):
                list(stack)

    def test_an_empty_file_is_told(self, path):
        path.touch()
        with pytest.raises(BrokenFile, match="0 bytes"):
            formats.open(path)

    def test_a_text_under_this_name_is_unknown_and_its_first_bytes_are_shown(self, path):
        path.write_text("Dear colleague, the microscope is down. " * 60)
        with pytest.raises(UnknownFormat, match="Dear colleague"):
            formats.open(path)

    def test_absurd_dimensions_are_refused_before_memory_is_taken(self, path, movie):
        self.make(path, movie)
        self.absurd(path)
        tracemalloc.start()
        with pytest.raises(BrokenFile, match="1000000"):
            formats.read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * MEGABYTE

    def test_a_strange_header_is_noted_and_the_frames_are_read(self, path, movie):
        self.make(path, movie)
        self.odd(path)
        with formats.open(path) as stack:
            assert stack.notes
            np.testing.assert_array_equal(stack.frame(1), movie[1])

    def test_reading_leaves_the_file_untouched(self, path, movie):
        self.make(path, movie)
        before = path.read_bytes(), path.stat().st_mtime_ns
        formats.read(path)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self, path, movie):
        self.make(path, movie)
        with pytest.raises(ValueError, match="have no"):
            formats.write(path, np.full((4, 4), "text"))
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        np.testing.assert_array_equal(formats.read(path), movie)

    @pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2), (0, 4)])
    def test_what_is_no_picture_is_not_written(self, path, shape):
        with pytest.raises(ValueError, match="is no picture"):
            formats.write(path, np.zeros(shape))

    def test_half_and_double_floats_are_written_as_single_ones(self, path, movie):
        for dtype in (np.float16, np.float64):
            formats.write(path, movie.astype(dtype))
            assert formats.read(path).dtype == np.float32
