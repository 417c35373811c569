"""Movies with something wrong: a sentence on the row when nothing can be made of them, else a note."""

import gc
import os
import warnings
from functools import partial
from pathlib import Path

import eer_made
import numpy as np
import pytest
import tifffile
from contracts.steps import perform, results
from kernels import made
from makers import FRAMES, SIZE, movie, references
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.batch.task import Task
from focusnb.formats import mrc, tiff

STEPS = ["prepare", "motion"]


@pytest.fixture
def tried(tmp_path):
    """A function: frames, or a file, and values -> outcome, all notes, and what was found."""
    references(tmp_path, movie())

    def get(frames, suffix=".mrc", /, steps=STEPS, **values):
        file = frames
        if not isinstance(frames, Path):
            file = formats.write(tmp_path / f"movie{suffix}", frames, pixel_size=1.0)
        outcome = perform(tmp_path / "home", file, steps, **values)
        return outcome, [note for run in outcome.runs for note in run.notes], results(outcome)

    return get


@pytest.fixture
def refused(tried):
    """A function: frames, or a file, and values -> the sentence with which prepare refuses them."""

    def get(*args, **values):
        outcome, _, _ = tried(*args, **values)
        assert (outcome.state, outcome.step, outcome.runs) == ("failed", "prepare", ())
        assert "\n" not in outcome.message
        assert "Error" not in outcome.message
        return outcome.message

    return get


def shifts_apart(found, used=slice(None)):
    """How far the shifts lie from the simulated ones, RMS without their means, Å."""
    apart = (np.array(found["shifts"], float) - movie().truth.exposure.shifts)[used]
    return np.sqrt(((apart - apart.mean(0)) ** 2).sum(1).mean())


class TestEmptyFrames:
    def test_all_of_them(self, refused):
        sentence = refused(np.zeros((4, 64, 64), np.uint8), gain=None, defects=None)
        assert sentence == "movie.mrc: all pixels have the value 0; nothing was recorded"

    @pytest.mark.parametrize(
        ("empty", "note"),
        [
            ([3], "frame 4 of 8 is empty"),
            ([7], "frame 8 of 8 is empty"),
            ([1, 5], "frames 2, 6 of 8 are empty"),
        ],
        ids=str,
    )
    def test_some_among_good_ones_are_told_and_the_others_aligned(self, tried, empty, note):
        frames = movie().frames.copy()
        frames[empty] = 0
        outcome, notes, found = tried(frames, ".tif", patches=1)
        assert (outcome.state, outcome.message) == ("done", "")
        assert note in notes
        assert found["aligned"] is True
        assert shifts_apart(found, np.setdiff1d(np.arange(FRAMES), empty)) < 0.7
        average = formats.read(Path(outcome.scratch) / "average.mrc")
        left = np.median((frames * movie().camera.gain).sum(0))
        assert average.mean() == pytest.approx(left, rel=0.05)

    def test_the_shift_of_an_empty_frame_lies_between_those_of_its_neighbours(self, tried):
        frames = movie().frames.copy()
        frames[3] = 0
        _, notes, found = tried(frames, ".tif", patches=1)
        assert any("frame 4 does not show what the others show" in note for note in notes)
        shifts = np.array(found["shifts"])
        assert_allclose(shifts[3], (shifts[2] + shifts[4]) / 2, atol=1e-6)

    def test_only_one_that_is_not_cannot_be_aligned(self, tried):
        frames = movie().frames.copy()
        frames[1:] = 0
        outcome, notes, found = tried(frames, ".tif")
        assert outcome.state == "done"
        assert "frames 2, 3, 4, 5, 6, 7, 8 of 8 are empty" in notes
        assert (found["aligned"], found["shifts"]) == (False, None)
        assert any("could not be aligned" in note for note in notes)

    def test_frames_are_counted_as_the_file_has_them(self, tried):
        frames = movie().frames.copy()
        frames[3] = 0
        _, notes, _ = tried(frames, ".tif", steps=STEPS[:1], first_frame=3, last_frame=6)
        assert "frame 4 of 8 is empty" in notes

    def test_empty_frames_that_are_not_used_are_no_matter(self, tried):
        frames = movie().frames.copy()
        frames[0] = 0
        _, notes, found = tried(frames, ".tif", steps=STEPS[:1], first_frame=2)
        assert not any("empty" in note for note in notes)
        assert found["frame_count"] == FRAMES - 1


class TestFewFrames:
    def test_two_of_much_dose_are_aligned(self, tried):
        rng = np.random.default_rng(4)
        frames = made.movie(rng, [[0, 0], [8, -5]], pixel_size=1.0, dose_per_frame=10)
        outcome, _, found = tried(frames, gain=None, defects=None)
        assert (outcome.state, outcome.message) == ("done", "")
        assert (found["frame_count"], found["aligned"]) == (2, True)
        assert_allclose(found["shifts"], [[0, 0], [8, -5]], atol=0.4)
        assert found["drift_total"] == pytest.approx(np.hypot(*found["shifts"][1]))
        # nothing can be said of how a way of one step goes on
        assert (found["drift_jitter"], found["drift_deceleration"]) == (None, None)

    def test_two_of_little_dose_are_summed_as_they_are_or_aligned(self, tried):
        outcome, notes, found = tried(movie().frames[:2], ".tif")
        assert outcome.state == "done"
        assert found["aligned"] or any("could not be aligned" in note for note in notes)
        average = formats.read(Path(outcome.scratch) / "average.mrc")
        both = (movie().frames[:2] * movie().camera.gain).sum(0)
        assert average.mean() == pytest.approx(np.median(both), rel=0.2)

    def test_halves_of_one_frame_are_not_made(self, tried):
        one = movie().frames.sum(0, dtype=np.uint16)
        _, _, found = tried(one, odd_even=True, write_aligned=True)
        assert (found["average_odd"], found["average_even"]) == (None, None)
        assert found["aligned_frames"] is not None


class TestNoise:
    def test_what_cannot_be_aligned_is_summed_as_it_is(self, tried):
        frames = np.random.default_rng(2).poisson(1.0, (6, 256, 256)).astype(np.uint8)
        outcome, notes, found = tried(frames, gain=None, defects=None, odd_even=True)
        assert outcome.state == "done"
        (note,) = (note for note in notes if "could not be aligned" in note)
        assert "may be noise; they are summed as they are" in note
        assert found["aligned"] is False
        words = "shifts drift_total drift_range drift_jitter local_drift shift_error motion_star"
        assert {found[word] for word in words.split()} == {None}
        folder = Path(outcome.scratch)
        for word, part in (("average", frames), ("average_odd", frames[::2])):
            assert_allclose(formats.read(folder / f"{word}.mrc"), part.sum(0), atol=2e-2)
        assert not (folder / "shifts.star").exists()


class TestGain:
    def test_of_another_size(self, refused, tmp_path):
        gain = formats.write(tmp_path / "other.mrc", np.ones((SIZE, 400), np.float32))
        assert refused(movie().frames, gain=str(gain)) == (
            "the gain reference has 400 × 512 pixels, the frames 512 × 512;"
            " give the gain reference that was recorded with this movie"
        )

    def test_that_a_quarter_turn_would_make_fit(self, refused, tmp_path):
        gain = formats.write(tmp_path / "turned.mrc", np.ones((SIZE, 400), np.float32))
        sentence = refused(movie().frames[:, :400], gain=str(gain))
        assert sentence.endswith("set gain_rotation to 1 or 3")

    def test_of_several_frames(self, refused, tmp_path):
        gain = formats.write(tmp_path / "several.mrc", np.ones((2, SIZE, SIZE), np.float32))
        assert "a gain reference is one picture, this file has 2 frames" in refused(
            movie().frames, gain=str(gain)
        )

    def test_pixels_with_a_gain_of_zero_are_replaced(self, tried, tmp_path):
        factors = movie().camera.gain.copy()
        factors[100:110, 50:60] = 0
        factors[300, 20:500:7] = 0
        frames = movie().frames.copy()
        frames[:, factors == 0] = 200  # whatever is recorded there
        gain = formats.write(tmp_path / "zeros.mrc", factors)
        outcome, _, found = tried(frames, ".tif", gain=str(gain))
        assert found["aligned"] is True
        assert found["hot_pixels"] == movie().camera.unlisted  # those with a zero are none
        dead = factors == 0
        for word in ("average", "average_dw", "unaligned"):
            picture = formats.read(Path(outcome.scratch) / f"{word}.mrc")
            assert np.isfinite(picture).all()
            mean, sd = float(np.median(picture)), float(picture[~dead].std())
            assert np.abs(picture[dead] - mean).max() < 6 * sd
            assert picture[dead].mean() == pytest.approx(mean, abs=sd)

    def test_values_that_are_no_numbers(self, refused, tmp_path):
        factors = movie().camera.gain.copy()
        factors[3, 4] = np.nan
        gain = formats.write(tmp_path / "nan.mrc", factors)
        assert "the gain reference has NaN or infinite values" in refused(
            movie().frames, gain=str(gain)
        )


class TestDefects:
    def test_pixels_outside_of_the_picture_are_told_and_the_others_replaced(self, tried, tmp_path):
        frames = movie().frames.copy()
        frames[:, 30:32, 40:44] = 0
        listed = tmp_path / "some.txt"
        listed.write_text(f"40 30 4 2\n{SIZE} 0 1 10\n{SIZE - 1} {SIZE - 1} 2 1\n")
        outcome, notes, found = tried(frames, ".tif", defects=str(listed))
        assert (outcome.state, found["aligned"]) == ("done", True)
        (note,) = (note for note in notes if "defective" in note)
        assert note.startswith(
            "some.txt: of the 20 defective pixels that it names, 11 lie outside of the picture"
        )
        picture = formats.read(Path(outcome.scratch) / "unaligned.mrc")
        assert picture[30:32, 40:44].mean() == pytest.approx(np.median(picture), rel=0.3)

    def test_a_list_of_another_camera(self, refused, tmp_path):
        listed = tmp_path / "other.txt"
        listed.write_text("4000 4000 2 2\n")
        assert "none of the 4 pixels that it names lies in the picture" in refused(
            movie().frames, defects=str(listed)
        )


class TestFiles:
    def test_a_frame_of_another_size(self, refused, tmp_path):
        file = tmp_path / "uneven.tif"
        with tifffile.TiffWriter(file) as out:
            for frame in (movie().frames[0], movie().frames[1], movie().frames[2][:500]):
                out.write(frame, contiguous=False, metadata=None)
        sentence = refused(file)
        assert sentence.startswith(f"{file}: frame 2 is ")
        assert sentence.endswith(
            " uint8 but frame 0 is 512 × 512 uint8; frames of one movie have one size and one type"
        )

    @pytest.mark.parametrize("frames", [6, 6.5])
    def test_fewer_frames_than_the_header_says(self, refused, tmp_path, frames):
        file = formats.write(tmp_path / "short.mrc", movie().frames, pixel_size=1.0)
        pixel = (file.stat().st_size - 1024) // (FRAMES * SIZE**2)
        left = 1024 + int(frames * SIZE**2 * pixel)
        os.truncate(file, left)
        assert refused(file) == (
            f"{file}: the header claims 512 × 512 pixels × 8 frames, "
            f"{1024 + FRAMES * SIZE**2 * pixel} bytes, but the file has {left};"
            " it was cut short, is still being written, or its header is wrong"
        )

    @pytest.mark.parametrize(
        ("suffix", "stack", "method"),
        [(".mrc", mrc.MrcStack, "_frame"), (".tif", tiff.TiffStack, "read_into")],
    )
    def test_one_that_grows_while_it_is_read(
        self, refused, tmp_path, monkeypatch, suffix, stack, method
    ):
        file = formats.write(tmp_path / f"growing{suffix}", movie().frames, pixel_size=1.0)
        before, read = file.stat().st_size, getattr(stack, method)

        def grows(self, index, *room):
            if index == 3 and self.path == file:
                with file.open("ab") as out:
                    out.write(bytes(5000))
            return read(self, index, *room)

        monkeypatch.setattr(stack, method, grows)
        assert refused(file) == (
            f"growing{suffix} changed while it was read ({before} bytes before, {before + 5000}"
            " after): it is still being written; process it again when it is whole"
        )

    def test_one_that_is_written_anew_with_the_same_size_while_it_is_read(
        self, refused, tmp_path, monkeypatch
    ):
        file = formats.write(tmp_path / "again.mrc", movie().frames, pixel_size=1.0)
        read = mrc.MrcStack._frame

        def touched(self, index):
            if index == 3 and self.path == file:
                os.utime(file, (1, 1))
            return read(self, index)

        monkeypatch.setattr(mrc.MrcStack, "_frame", touched)
        assert "again.mrc changed while it was read" in refused(file)

    def test_one_that_becomes_shorter_while_it_is_read(self, refused, tmp_path, monkeypatch):
        file = formats.write(tmp_path / "shrinking.mrc", movie().frames, pixel_size=1.0)
        read = mrc.MrcStack._frame

        def shrinks(self, index):
            if index == 3 and self.path == file:
                os.truncate(file, 2000)
            return read(self, index)

        monkeypatch.setattr(mrc.MrcStack, "_frame", shrinks)
        assert "ended within frame 3; it became shorter after it was opened" in refused(file)


def whole(folder):
    return formats.write(folder / "whole.mrc", movie().frames[:3, :64, :64], pixel_size=1.0)


def not_a_number(folder):
    frames = movie().frames[:3, :64, :64].astype(np.float32)
    frames[1, 2, 3] = np.inf
    return formats.write(folder / "nan.mrc", frames, pixel_size=1.0)


def constant(folder):
    return formats.write(folder / "constant.tif", np.ones((3, 64, 64), np.uint8))


def broken_page(folder):
    file = formats.write(folder / "broken.tif", movie().frames[:3, :64, :64], pixel_size=1.0)
    with tifffile.TiffFile(file) as pages:
        place = pages.pages[2].dataoffsets[0]
    with file.open("r+b") as out:
        out.seek(place)
        out.write(b"\xff" * 400)
    return file


def broken_events(folder):
    rng = np.random.default_rng(1)
    frames = [eer_made.events(rng, 64, 3000) for _ in range(3)]
    file = eer_made.write(folder / "broken.eer", frames)
    data = bytearray(file.read_bytes())
    data[16:400] = b"\xff" * 384
    file.write_bytes(data)
    return file


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("make", "values"),
    [
        (whole, {"gain": "small"}),
        (whole, {"first_frame": 9}),
        (whole, {"target_pixel_size": 90.0}),
        (not_a_number, {}),
        (constant, {}),
        (broken_page, {}),
        (broken_events, {"eer_frames": 1}),
    ],
    ids=lambda v: v.__name__ if callable(v) else " ".join(v) or "-",
)
def test_no_file_stays_open_when_prepare_fails(tmp_path, make, values, threads, monkeypatch):
    monkeypatch.setattr("contracts.steps.Task", partial(Task, threads=threads))
    if values.get("gain"):
        gain = formats.write(tmp_path / "small.mrc", np.ones((48, 48), np.float32))
        values = {"gain": str(gain)}
    file = make(tmp_path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        outcome = perform(
            tmp_path / "home", file, ["prepare"], **{"gain": None, "defects": None} | values
        )
        if Path("/proc/self/fd").exists():
            opened = {place.resolve() for place in Path("/proc/self/fd").iterdir()}
            assert file.resolve() not in opened
        gc.collect()
    assert outcome.state == "failed"
    assert [str(one.message) for one in told if file.name in str(one.message)] == []
