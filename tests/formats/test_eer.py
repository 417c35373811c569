"""Electron event files, made by the bits (`eer_made`), read by us and by RELION."""

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import eer_made
import numpy as np
import pytest
from eer_made import PROTOTYPE, SEVEN_BITS, TOLD
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from focusnb import formats
from focusnb.errors import BadValue, BrokenFile, UnknownFormat
from focusnb.formats import motion_star

CODINGS = pytest.mark.parametrize("coding", [PROTOTYPE, SEVEN_BITS, TOLD])
META = (
    '<metadata><item name="sensorPixelSize.width" unit="m">7.31e-11</item>'
    '<item name="exposureTime" unit="s">3.2</item></metadata>'
)


@pytest.fixture
def rng():
    """The same numbers each time."""
    return np.random.default_rng(7)


@pytest.fixture
def made(tmp_path, rng):
    """A function that writes an EER file; its frames as they were made, and its path."""

    def get(count=7, side=64, events=300, **how):
        frames = [eer_made.events(rng, side, events) for _ in range(count)]
        return frames, eer_made.write(tmp_path / "movie.eer", frames, **how)

    return get


@pytest.fixture
def opened():
    """A function that opens a file, which is closed at the end."""
    with contextlib.ExitStack() as files:
        yield lambda path: files.enter_context(formats.open(path))


class TestFrames:
    @CODINGS
    def test_truth_each_frame_shows_its_electrons(self, made, coding):
        frames, path = made(compression=coding)
        with formats.open(path) as stack:
            assert (stack.shape, stack.dtype, stack.raw_frames) == ((7, 64, 64), np.uint8, 7)
            for one, true in zip(stack, frames, strict=True):
                assert_array_equal(one, eer_made.seen(true, 1))

    @CODINGS
    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_truth_fractions_are_sums_of_frames_on_pixels_of_either_size(
        self, made, coding, upsampling
    ):
        frames, path = made(compression=coding)
        with formats.open(path).fractions(3, upsampling) as stack:
            assert stack.shape == (2, 64 * upsampling, 64 * upsampling)
            for number in range(2):
                three = frames[3 * number : 3 * number + 3]
                assert_array_equal(
                    stack.frame(number), sum(eer_made.seen(f, upsampling) for f in three)
                )

    def test_convention_the_first_row_of_the_file_is_row_0(self, tmp_path, opened):
        frame = np.zeros((256, 256), bool)
        frame[4 * 2 + 1, 4 * 50] = True
        path = eer_made.write(tmp_path / "a.eer", [frame])
        assert np.argwhere(formats.read(path)).tolist() == [[2, 50]]
        half = opened(path).fractions(1, 2).frame(0)
        assert np.argwhere(half).tolist() == [[4, 100]]

    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 48 * 48 * 16 - 1), max_size=60), st.sampled_from([1, 2]))
    def test_law_any_events_come_back(self, tmp_path_factory, places, upsampling):
        frame = np.zeros((192, 192), bool)
        taken = set()
        for place in places:
            y, x = divmod(place, 192)
            if (y // 4, x // 4) not in taken:
                taken.add((y // 4, x // 4))
                frame[y, x] = True
        for coding in (PROTOTYPE, SEVEN_BITS, TOLD):
            path = eer_made.write(
                tmp_path_factory.mktemp("e") / "a.eer", [frame], compression=coding
            )
            with formats.open(path).fractions(1, upsampling) as stack:
                found = stack.frame(0)
            assert_array_equal(found, eer_made.seen(frame, upsampling))

    def test_a_rest_is_left_out_and_said(self, made, opened):
        stack = opened(made()[1])
        assert stack.notes == ()
        assert stack.fractions(3).notes == ("the last frame is left out: 7 make 2 fractions of 3",)
        assert "the last 3 frames are" in stack.fractions(4).notes[0]

    def test_more_than_255_frames_need_wider_numbers(self, made, opened):
        _, path = made(count=300, side=16, events=200)
        whole = opened(path).fractions(300)
        assert whole.dtype == np.uint16
        assert whole.frame(0).sum() == 300 * 200

    @pytest.mark.parametrize(
        ("frames", "upsampling", "words"),
        [
            (0, 1, "0 frames cannot make a fraction"),
            (8, 1, "give 1 to 7"),
            (2, 3, "upsampling is 3"),
        ],
    )
    def test_fractions_that_cannot_be_are_refused(self, made, frames, upsampling, words, opened):
        with pytest.raises(BadValue, match=words):
            opened(made()[1]).fractions(frames, upsampling)

    def test_several_strips_are_one_stream(self, made):
        frames, path = made(strips=3)
        with formats.open(path) as stack:
            assert_array_equal(stack.frame(4), eer_made.seen(frames[4], 1))

    def test_threads_read_different_frames_at_the_same_time(self, made, opened):
        frames, path = made(count=40)
        stack = opened(path).fractions(2)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(stack.frame, range(20)))
        for number, one in enumerate(found):
            assert_array_equal(one, sum(eer_made.seen(f, 1) for f in frames[2 * number :][:2]))

    def test_many_frames_open_quickly(self, made, opened):
        _, path = made(count=2000, side=16, events=3)
        assert opened(path).raw_frames == 2000

    def test_the_pixel_size_at_the_specimen_is_told_in_metres(self, made, opened):
        stack = opened(made(metadata=META)[1])
        assert stack.pixel_size == pytest.approx(0.731)
        assert stack.fractions(2, 2).pixel_size == pytest.approx(0.3655)

    @pytest.mark.parametrize(
        "text",
        [
            META.replace("7.31e-11", "1.4e-5"),  # of the sensor itself
            META.replace("7.31e-11", "none"),
            "<metadata><item",
            '<!DOCTYPE a [<!ENTITY b "c">]>' + META,
        ],
    )
    def test_a_size_that_cannot_be_is_not_believed(self, made, text, opened):
        assert opened(made(metadata=text)[1]).pixel_size is None


class TestHostile:
    def test_it_is_known_by_its_content(self, made, tmp_path, opened):
        frames, path = made()
        other = path.rename(tmp_path / "renamed.tif")
        assert_array_equal(opened(other).frame(0), eer_made.seen(frames[0], 1))
        plain = formats.write(tmp_path / "plain.tif", np.ones((3, 8, 8), np.uint8))
        assert formats.read(plain.rename(tmp_path / "plain.eer")).shape == (3, 8, 8)

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
    def test_a_file_that_was_cut_short_is_refused(self, made, part, opened):
        _, path = made()
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
        with pytest.raises((BrokenFile, UnknownFormat), match=r"movie\.eer"):
            opened(path)

    def test_a_file_that_became_shorter_is_told(self, made, opened):
        _, path = made(events=3000)
        stack = opened(path)
        os.truncate(path, 200)
        with pytest.raises(BrokenFile, match="became shorter after it was opened"):
            stack.frame(3)

    def test_codes_that_lead_out_of_the_picture_are_refused(self, made, opened):
        _, path = made(count=1, events=2000)
        data = bytearray(path.read_bytes())
        data[16:400] = b"\xff" * 384
        path.write_bytes(data)
        with pytest.raises(BrokenFile, match="frame 0 of 1 cannot be decoded"):
            opened(path).frame(0)

    def test_random_changes_never_end_in_anything_but_a_sentence(self, made, rng):
        _, path = made(count=2, side=32, events=100)
        good = path.read_bytes()
        for _ in range(150):
            data = bytearray(good)
            for place in rng.integers(0, len(data), 4):
                data[place] = rng.integers(256)
            path.write_bytes(data)
            sentences = contextlib.suppress(BrokenFile, UnknownFormat, BadValue)
            with sentences, formats.open(path) as stack:
                # a plain TIFF, when the compression's number changed
                getattr(stack, "fractions", lambda *_, it=stack: it)(1, 2).frame(0)

    def test_closed_is_closed_for_all(self, made, opened):
        stack = opened(made()[1])
        part = stack.fractions(2)
        part.close()
        with pytest.raises(ValueError, match="closed"):
            stack.frame(0)

    def test_nothing_is_written(self, tmp_path):
        with pytest.raises(BadValue, match="EER files are not written"):
            formats.write(tmp_path / "a.eer", np.ones((4, 4)))


@pytest.mark.program
@pytest.mark.slow
@pytest.mark.needs("relion_run_motioncorr")
@pytest.mark.parametrize(
    ("coding", "upsampling"), [(SEVEN_BITS, 1), (SEVEN_BITS, 2), (PROTOTYPE, 1)]
)
def test_second_opinion_relion_sees_each_electron_where_we_do(tmp_path, rng, coding, upsampling):
    # So few electrons that RELION takes each for a hot pixel, and lists where they are.
    frames = [np.zeros((16384, 16384), bool) for _ in range(6)]
    for frame in frames:
        pixel = np.unique(rng.integers(0, 4096 * 4096, 300))
        y, x = np.divmod(pixel, 4096)
        frame[4 * y + rng.integers(0, 4, len(pixel)), 4 * x + rng.integers(0, 4, len(pixel))] = True
    path = eer_made.write(tmp_path / "movie.eer", frames, compression=coding)
    command = (
        f"relion_run_motioncorr --use_own --i movie.eer --o out/ --j 2 --eer_grouping 2"
        f" --eer_upsampling {upsampling} --angpix 1 --voltage 300 --dose_per_frame 1"
        " --patch_x 1 --patch_y 1 --bfactor 150 --first_frame_sum 1 --last_frame_sum -1"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    theirs = motion_star.read(tmp_path / "out/movie.star")
    with formats.open(path).fractions(2, upsampling) as stack:
        ours = np.argwhere(sum(frame.astype(int) for frame in stack))[:, ::-1]
        assert (theirs.frames, theirs.height, theirs.width) == stack.shape
    assert (theirs.eer_grouping, theirs.eer_upsampling) == (2, upsampling)
    assert sorted(map(tuple, theirs.hot_pixels.tolist())) == sorted(map(tuple, ours.tolist()))
