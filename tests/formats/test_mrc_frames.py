"""Stacks written frame by frame, read by us and by mrcfile."""

import warnings

import mrcfile
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from focusnb import formats
from focusnb.errors import BadValue
from focusnb.formats import mrc_frames

COUNT, SHAPE = 4, (40, 56)


@pytest.fixture
def frames():
    return np.random.default_rng(3).normal(7, 2, (COUNT, *SHAPE)).astype(np.float32)


@pytest.fixture
def written(tmp_path, frames):
    """A function: special arguments -> the place of the written stack."""

    def get(what=None, **special):
        usual = {"count": COUNT, "shape": SHAPE, "pixel_size": 1.07, "label": "motion: 4 frames"}
        return mrc_frames.write(
            tmp_path / "a.mrcs", iter(frames if what is None else what), **usual | special
        )

    return get


class TestWhatIsWritten:
    def test_frames_shape_and_pixel_size_come_back(self, written, frames):
        with formats.open(written()) as stack:
            assert (stack.shape, stack.dtype) == ((COUNT, *SHAPE), np.float32)
            assert stack.pixel_size == pytest.approx(1.07)
            assert (stack.notes, stack.path.name) == ((), "a.mrcs")
            for one, two in zip(stack, frames, strict=True):
                assert_array_equal(one, two)

    def test_second_opinion_mrcfile_finds_a_sound_stack_of_pictures(self, written, frames):
        path = written()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert mrcfile.validate(path)
        with mrcfile.open(path) as file:
            assert file.is_image_stack()
            assert_array_equal(file.data, frames)
            assert [float(file.voxel_size[axis]) for axis in "xy"] == pytest.approx([1.07, 1.07])
            assert file.header.nz == COUNT

    def test_second_opinion_the_statistics_are_those_of_all_frames(self, written, frames):
        with mrcfile.open(written()) as file:
            told = [float(file.header[word]) for word in ("dmin", "dmax", "dmean", "rms")]
        values = frames.astype(np.float64)
        assert told == pytest.approx(
            [values.min(), values.max(), values.mean(), values.std()], rel=1e-6
        )

    def test_second_opinion_the_file_is_the_one_that_is_written_at_once(
        self, written, frames, tmp_path
    ):
        path = written()
        whole = formats.write(
            tmp_path / "b.mrcs", frames, pixel_size=1.07, label="motion: 4 frames"
        )
        one, two = (formats.open(place) for place in (path, whole))
        with one, two:
            assert (one.shape, one.dtype, one.pixel_size) == (two.shape, two.dtype, two.pixel_size)
            assert one.labels == two.labels
        with mrcfile.open(path) as one, mrcfile.open(whole) as two:
            for word in "nx ny nz mode mx my mz mapc mapr maps ispg nsymbt".split():
                assert one.header[word] == two.header[word], word

    def test_the_label_says_who_wrote_it_and_what_was_done(self, written):
        with formats.open(written()) as stack:
            (label,) = stack.labels
        assert label.startswith("focusnb ")
        assert label.endswith("motion: 4 frames")

    def test_without_a_pixel_size_the_header_has_none(self, written):
        with formats.open(written(pixel_size=None)) as stack:
            assert stack.pixel_size is None

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "float64", "bool"])
    def test_frames_of_any_type_become_floats(self, written, frames, dtype):
        given = frames.astype(dtype)
        found = formats.read(written(given))
        assert found.dtype == np.float32
        assert_array_equal(found, given.astype(np.float32))

    def test_frames_whose_rows_do_not_lie_one_after_the_other_are_written_as_they_look(
        self, written, frames
    ):
        turned = frames[:, ::-1].transpose(0, 2, 1)
        path = written(turned, shape=SHAPE[::-1])
        assert_array_equal(formats.read(path), turned)

    def test_one_frame_is_a_stack_too(self, written, frames):
        with formats.open(written(frames[:1], count=1)) as stack:
            assert stack.shape == (1, *SHAPE)

    def test_frames_that_are_all_the_same_have_no_deviation(self, written, frames):
        with mrcfile.open(written(np.full_like(frames, 1e4))) as file:
            assert (file.header.dmin, file.header.dmean, file.header.rms) == (1e4, 1e4, 0)

    def test_no_more_than_one_frame_is_asked_for_at_a_time(self, frames, tmp_path):
        path, seen = tmp_path / "a.mrcs", []

        def each():
            for frame in frames:
                (draft,) = tmp_path.iterdir()
                seen.append(draft.stat().st_size)
                yield frame

        mrc_frames.write(path, each(), count=COUNT, shape=SHAPE)
        assert path.stat().st_size == 1024 + frames.nbytes
        assert seen[-1] <= 1024 + (COUNT - 1) * frames[0].nbytes


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("cut", "special", "sentence"),
        [
            (slice(3), {}, r"a\.mrcs: 3 frames were given, 4 announced"),
            (slice(0), {}, r"0 frames were given, 4 announced"),
            (
                slice(4),
                {"count": 3},
                r"frame 4 of shape \(40, 56\) does not fit into 3 frames of \(40, 56\)",
            ),
            (
                slice(4),
                {"shape": (56, 40)},
                r"frame 1 of shape \(40, 56\) does not fit into 4 frames of \(56, 40\)",
            ),
            (slice(0), {"count": 0}, r"0 frames of shape \(40, 56\) are no stack"),
            (slice(4), {"pixel_size": 0.0}, r"a pixel size of 0.0 Å cannot be"),
            (slice(4), {"pixel_size": float("nan")}, r"a pixel size of nan Å cannot be"),
        ],
    )
    def test_what_does_not_fit_is_told_and_nothing_is_left(
        self, written, frames, tmp_path, cut, special, sentence
    ):
        with pytest.raises(BadValue, match=sentence):
            written(frames[cut], **special)
        assert list(tmp_path.iterdir()) == []

    def test_a_frame_of_another_shape_among_good_ones(self, written, frames, tmp_path):
        uneven = [*frames[:2], frames[2][:-1], frames[3]]
        with pytest.raises(BadValue, match=r"frame 3 of shape \(39, 56\)"):
            written(uneven)
        assert list(tmp_path.iterdir()) == []


class TestInOneStroke:
    @pytest.fixture
    def broken(self, frames):
        """Frames of which the third cannot be made."""

        def each():
            yield from frames[:2]
            raise KeyError("the third")

        return each()

    def test_nothing_half_written_is_left_when_a_frame_cannot_be_made(
        self, written, broken, tmp_path
    ):
        with pytest.raises(KeyError, match="the third"):
            written(broken)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_was_there_stays_as_it_was(self, written, broken, frames, tmp_path):
        path = written()
        before = path.read_bytes()
        with pytest.raises(KeyError, match="the third"):
            written(broken)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_a_file_that_was_there_is_replaced_by_the_whole_new_one(self, written, frames):
        path = written()
        with formats.open(path) as before:
            assert written(2 * frames) == path
            assert_array_equal(before.frame(3), frames[3])  # who reads it reads on
        assert_array_equal(formats.read(path), 2 * frames)
