"""A movie's frames are the same whether they are kept in memory, packed, or read again."""

import json

import eer_made
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from focusnb import formats
from focusnb.errors import BadData, BrokenFile
from focusnb.formats.mrc import MrcStack
from focusnb.kernels import motion
from focusnb.model import kept as module
from focusnb.model.movie import Movie

COUNT, SIDE = 5, 192
HOT = [[17, 30], [101, 64], [190, 191]]  # x, y
SMALL = 1.1  # Å per pixel, of which two make one of the small frames
KEPT = pytest.mark.parametrize("kept", [1 << 30, 0], ids=["kept", "not kept"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A movie with hot pixels, its gain with zeros and its defects."""
    folder = tmp_path_factory.mktemp("movie")
    rng = np.random.default_rng(11)
    frames = rng.poisson(3.0, (COUNT, SIDE, SIDE)).astype(np.int16)
    for x, y in HOT:
        frames[:, y, x] = 300
    gain = rng.uniform(0.8, 1.2, (SIDE, SIDE)).astype(np.float32)
    gain[50, 60:64] = 0
    formats.write(folder / "movie.mrc", frames, pixel_size=SMALL)
    formats.write(folder / "gain.mrc", gain)
    (folder / "defects.txt").write_text("120 0 1 192\n10 100 6 8\n")
    return folder


@pytest.fixture
def recipe(folder):
    """A function: what is special of a movie -> its recipe, opened for the first time."""
    made = []

    def get(**special):
        usual = {
            "file": str(folder / "movie.mrc"), "shape": (COUNT, SIDE, SIDE), "last": COUNT,
            "pixel_size": SMALL, "gain": str(folder / "gain.mrc"),
            "defects": str(folder / "defects.txt"),
        }  # fmt: skip
        made.append(Movie(**usual | special))
        return made[-1]

    yield get
    for one in made:
        one.close()


def recorded(folder):
    return formats.read(folder / "movie.mrc")


def broken(folder, hot=True):
    """Pixels that no list lets count, bool (y, x)."""
    mask = formats.read(folder / "gain.mrc") == 0
    mask[:, 120] = mask[100:108, 10:16] = True
    if hot:
        mask[tuple(np.array(HOT).T[::-1])] = True
    return mask


def frames_of(one):
    return np.array(list(one.frames()))


class TestFrames:
    @KEPT
    def test_they_are_those_of_the_file_but_for_broken_pixels(
        self, recipe, folder, monkeypatch, kept
    ):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe()
        one.scan()
        one.found_hot(np.array(HOT))
        bad = broken(folder)
        frames = frames_of(one)
        assert frames.dtype == np.int16
        assert_array_equal(frames[:, ~bad], recorded(folder)[:, ~bad])
        assert frames[:, bad].max() < 20
        assert frames[:, bad].mean() == pytest.approx(3.0, abs=0.3)

    def test_law_kept_or_read_again_they_are_the_same_to_the_bit(self, recipe, monkeypatch):
        found = []
        for kept in (1 << 30, 0):
            monkeypatch.setattr(module, "KEPT_BYTES", kept)
            one = recipe()
            one.scan()
            one.found_hot(np.array(HOT))
            found.append(frames_of(one))
        never_scanned = recipe(hot=HOT)
        assert_array_equal(found[0], found[1])
        assert_array_equal(found[0], frames_of(never_scanned))

    @KEPT
    def test_law_they_can_be_gone_through_again_and_again(self, recipe, monkeypatch, kept):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe()
        one.scan()
        first = frames_of(one).copy()
        list(one.small())
        assert_array_equal(frames_of(one), first)
        assert_array_equal(np.array(list(one.last_frames())), first)
        assert_array_equal(frames_of(one), first)  # read once more

    @KEPT
    @pytest.mark.parametrize("threads", [2, 7])
    def test_law_threads_change_nothing(self, recipe, monkeypatch, kept, threads):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one, many = recipe(), recipe(threads=threads)
        assert_array_equal(one.scan(), many.scan())
        assert_array_equal(frames_of(one), frames_of(many))
        assert_array_equal(np.array(list(one.small())), np.array(list(many.small())))

    @KEPT
    def test_only_those_from_the_first_to_the_last_are_used(
        self, recipe, folder, monkeypatch, kept
    ):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        part, whole = recipe(first=1, last=4), recipe()
        part.scan()
        assert (len(part), len(part.small())) == (3, 3)
        # a broken pixel is replaced by the same one, whichever frames are used
        assert_array_equal(frames_of(part), frames_of(whole)[1:4])

    @KEPT
    def test_hot_pixels_that_are_found_late_are_replaced_from_then_on(
        self, recipe, monkeypatch, kept
    ):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe()
        one.scan()
        assert frames_of(one)[0, 64, 101] == 300
        one.found_hot(np.array(HOT))
        assert frames_of(one)[0, 64, 101] < 20
        assert_array_equal(frames_of(one), frames_of(recipe(hot=HOT)))


class TestElectrons:
    def test_truth_they_are_counts_times_gain_over_counts_of_an_electron(self, recipe, folder):
        bad, gain = broken(folder), formats.read(folder / "gain.mrc")
        electrons = np.array(list(recipe(hot=HOT, counts_per_electron=4.0)))
        expected = recorded(folder) * gain / 4
        assert electrons.dtype == np.float32
        assert_allclose(electrons[:, ~bad], expected[:, ~bad], rtol=1e-6)
        assert electrons[:, bad].mean() == pytest.approx(expected[:, ~bad].mean(), rel=0.1)

    def test_without_gain_and_scale_there_are_no_factors(self, recipe):
        assert recipe(gain=None).factors() is None
        assert_allclose(recipe(gain=None, counts_per_electron=2.0).factors(), 0.5)

    def test_truth_the_factor_of_a_broken_pixel_is_the_mean_of_those_around(self, recipe, folder):
        gain, bad = formats.read(folder / "gain.mrc"), broken(folder, hot=False)
        near = (slice(46, 55), slice(58, 67))  # four pixels around x, y = 62, 50
        expected = gain[near][~bad[near]].mean()
        assert recipe().factors()[50, 62] == pytest.approx(expected, rel=1e-5)

    @KEPT
    def test_truth_the_scan_gives_their_sum_with_hot_pixels_as_they_are(
        self, recipe, folder, monkeypatch, kept
    ):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        bad, gain = broken(folder, hot=False), formats.read(folder / "gain.mrc")
        total = recipe().scan()
        assert total.dtype == np.float32
        assert_allclose(total[~bad], (recorded(folder).sum(0) * gain)[~bad], rtol=1e-6)
        assert total[64, 101] > COUNT * 200
        assert total[bad].max() < COUNT * 20

    def test_the_scan_tells_how_far_it_is_and_may_be_cancelled(self, recipe):
        told = []
        one = recipe()
        one.scan(told.append)
        assert told == pytest.approx(np.arange(COUNT) / COUNT)

        def stop(part):
            raise KeyError("stop")

        with pytest.raises(KeyError, match="stop"):
            one.scan(stop)

    @pytest.mark.parametrize(("dtype", "count"), [(np.uint16, 600), (np.uint8, 600)])
    def test_truth_many_frames_of_the_highest_counts_are_added_up_exactly(
        self, recipe, tmp_path, dtype, count
    ):
        high = np.iinfo(dtype).max
        frames = np.full((count, 32, 32), high - 1, dtype)
        frames[::3, 0, 0] = high
        file = formats.write(tmp_path / "bright.tif", frames)
        bright = recipe(
            file=str(file), shape=frames.shape, last=count, gain=None, defects=None
        ).scan()
        assert_array_equal(bright, frames.sum(0, dtype=np.int64).astype(np.float32))


class TestSmall:
    @KEPT
    def test_truth_they_are_electrons_added_up_two_by_two(self, recipe, folder, monkeypatch, kept):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        assert motion.sampling(SMALL, (SIDE, SIDE)) == 2
        one = recipe()
        one.scan()
        one.found_hot(np.array(HOT))
        small = one.small()
        found = np.array(list(small))
        half = SIDE // 2
        electrons = recorded(folder) * formats.read(folder / "gain.mrc")
        expected = electrons.reshape(COUNT, half, 2, half, 2).sum((2, 4))
        good = ~broken(folder).reshape(half, 2, half, 2).any((1, 3))
        assert (small.pixel_size, small.field) == (2 * SMALL, (half, half))
        # packed: to half a 256th of the standard deviation
        limit = 1e-4 if kept else 0.51 / 256 * expected.std(axis=(1, 2)).max()
        assert np.abs(found - expected)[:, good].max() < limit

    @KEPT
    def test_hot_pixels_are_replaced_in_them(self, recipe, monkeypatch, kept):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe()
        one.scan()
        one.found_hot(np.array(HOT))
        found = np.array(list(one.small()))
        assert found.max() < 50
        for x, y in HOT:
            assert found[:, y // 2, x // 2].mean() == pytest.approx(12, abs=5)

    def test_hot_pixels_beyond_the_last_whole_one_do_no_harm(self, recipe, monkeypatch, tmp_path):
        monkeypatch.setattr(module, "KEPT_BYTES", 0)
        frames = np.random.default_rng(1).poisson(3.0, (3, 195, 193)).astype(np.uint8)
        frames[:, 194, 192] = 200
        file = formats.write(tmp_path / "odd.mrc", frames)
        one = recipe(file=str(file), shape=frames.shape, last=3, gain=None, defects=None)
        one.scan()
        one.found_hot(np.array([[192, 194]]))
        found = np.array(list(one.small()))
        assert found.shape == (3, 97, 96)
        assert one.small().field == (97.5, 96.5)
        assert_allclose(found.mean(), 12, rtol=0.01)

    def test_they_are_read_again_when_nothing_is_kept(self, recipe):
        kept, forgotten = recipe(hot=HOT), recipe(hot=HOT)
        kept.scan()
        assert_array_equal(np.array(list(kept.small())), np.array(list(forgotten.small())))

    def test_fine_details_are_not_added_up(self, recipe):
        one = recipe(pixel_size=2.5)
        assert (one.small().pixel_size, next(iter(one.small())).shape) == (2.5, (SIDE, SIDE))


@pytest.fixture
def decoded(monkeypatch):
    """The numbers of the frames that were decoded, one after the other."""
    found = []
    frame = MrcStack._frame

    def counted(self, index):
        if self.path.name == "movie.mrc":  # the gain is one, too
            found.append(index)
        return frame(self, index)

    monkeypatch.setattr(MrcStack, "_frame", counted)
    return found


class TestDecoding:
    """Each frame is decoded once where all are kept, whoever asks first."""

    @pytest.mark.parametrize("threads", [1, 3])
    def test_passes_over_the_small_ones_keep_what_they_read(self, recipe, decoded, threads):
        one = recipe(hot=HOT, threads=threads)
        found = [np.array(list(one.small())) for _ in range(3)]
        frames = np.array(list(one.last_frames()))
        assert sorted(decoded) == list(range(COUNT))
        assert_array_equal(found[0], found[2])
        scanned = recipe(hot=HOT)
        scanned.scan()
        assert_array_equal(found[0], np.array(list(scanned.small())))
        assert_array_equal(frames, frames_of(scanned))

    def test_passes_over_the_frames_keep_them(self, recipe, decoded):
        one = recipe(hot=HOT)
        first = frames_of(one)
        assert_array_equal(frames_of(one), first)
        list(one.small())
        assert sorted(decoded) == list(range(COUNT))

    def test_of_large_ones_the_small_are_kept(self, recipe, decoded, monkeypatch):
        monkeypatch.setattr(module, "KEPT_BYTES", 0)
        one = recipe(hot=HOT)
        found = [np.array(list(one.small())) for _ in range(3)]
        assert sorted(decoded) == list(range(COUNT))
        assert_array_equal(found[0], found[2])
        list(one.last_frames())
        assert len(decoded) == 2 * COUNT

    @KEPT
    def test_a_pass_that_was_given_up_is_gone_on_with(self, recipe, decoded, monkeypatch, kept):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe(hot=HOT)
        frames = iter(one.small())
        first = [next(frames), next(frames)]
        frames.close()
        found = np.array(list(one.small()))
        assert sorted(decoded) == list(range(COUNT))
        assert_array_equal(found[:2], first)
        assert_array_equal(frames_of(one), frames_of(recipe(hot=HOT)))

    def test_the_last_pass_keeps_nothing(self, recipe, decoded):
        one = recipe(hot=HOT)
        for _ in range(2):
            list(one.last_frames())
        assert len(decoded) == 2 * COUNT


class TestRecipe:
    def test_it_comes_back_from_its_file(self, recipe, tmp_path):
        special = {
            "first": 1, "last": 4, "average_pixel_size": 2.2, "dose_per_frame": 1.25,
            "prior_dose": 3.0, "counts_per_electron": 2.0, "gain_rotation": 2, "gain_flip": 1,
            "hot": HOT,
        }  # fmt: skip
        one = recipe(**special)
        one.save(tmp_path / "prepared.json")
        again = Movie.load(tmp_path / "prepared.json")
        for word, value in special.items():
            assert getattr(again, word) == value
        assert (again.file, again.shape) == (one.file, one.shape)
        assert_array_equal(frames_of(again), frames_of(one))
        assert_array_equal(again.factors(), one.factors())

    def test_threads_notes_and_frames_are_not_written(self, recipe, tmp_path):
        one = recipe(threads=3, notes=["something"])
        one.scan()
        one.save(tmp_path / "prepared.json")
        written = json.loads((tmp_path / "prepared.json").read_text())
        assert not {w for w in written if w.startswith("_")} | {"threads", "notes"} & set(written)
        again = Movie.load(tmp_path / "prepared.json")
        assert (again.threads, again.notes) == (1, [])

    @pytest.mark.parametrize(
        "text", ["", "[]", '{"file": "a"}', '{"file": "a", "shape": 3}', '{"shape": [1, 2, 3]}',
                 '{"file": "a", "shape": [1, 2, 3], "colour": 1}'],
    )  # fmt: skip
    def test_what_is_no_recipe_says_what_to_do(self, tmp_path, text):
        (tmp_path / "prepared.json").write_text(text)
        with pytest.raises(BrokenFile, match=r"prepared\.json: no recipe .*run prepare again"):
            Movie.load(tmp_path / "prepared.json")

    def test_fractions_of_electron_events_are_made_again(self, tmp_path):
        rng = np.random.default_rng(2)
        events = [eer_made.events(rng, 48, 200) for _ in range(7)]
        file = eer_made.write(tmp_path / "a.eer", events)
        one = Movie(
            file=str(file), shape=(2, 96, 96), last=2, eer_frames=3, eer_upsampling=2, pixel_size=2
        )
        one.save(tmp_path / "prepared.json")
        again = np.array(list(Movie.load(tmp_path / "prepared.json")))
        for number, frame in enumerate(again):
            three = events[3 * number : 3 * number + 3]
            assert_array_equal(frame, 4 * sum(eer_made.seen(e, 2).astype(int) for e in three))

    @pytest.mark.parametrize(
        ("shape", "wanted", "sides"),
        [
            ((191, 193), SMALL, (191, 193)),  # as they are, odd ones too
            ((200, 100), 2 * SMALL, (100, 50)),
            ((201, 101), 2 * SMALL, (100, 50)),
            ((200, 100), SMALL / 1.5, (300, 150)),
            ((10, 200), 20 * SMALL, (2, 10)),
        ],
    )
    def test_averages_that_are_scaled_have_even_sides(self, recipe, shape, wanted, sides):
        one = recipe(shape=(1, *shape), average_pixel_size=wanted)
        assert one.average_shape == sides


class TestFile:
    @KEPT
    def test_it_is_closed_after_each_pass(self, recipe, monkeypatch, kept):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        one = recipe()
        for each in (one.scan, one.frames, lambda: list(one.small()), lambda: list(one)):
            passed = each()
            if not isinstance(passed, np.ndarray):
                list(passed)
            assert one._stack is None

    def test_it_is_closed_when_a_pass_is_given_up(self, recipe):
        one = recipe(threads=2)
        frames = iter(one.frames())
        next(frames)
        assert one._stack is not None
        frames.close()
        assert one._stack is None

    def test_closing_it_twice_or_before_it_was_opened_does_no_harm(self, recipe):
        one = recipe()
        one.close()
        one.scan()
        one.close()
        one.close()
        assert frames_of(one).shape == (COUNT, SIDE, SIDE)

    def test_kept_frames_need_no_file_and_forgotten_ones_do(self, recipe, folder, tmp_path):
        file = tmp_path / "gone.mrc"
        file.write_bytes((folder / "movie.mrc").read_bytes())
        one = recipe(file=str(file))
        one.scan()
        file.unlink()
        kept = frames_of(one).copy()
        assert_array_equal(kept, frames_of(recipe()))
        one.forget()
        with pytest.raises(FileNotFoundError):
            list(one.frames())

    @KEPT
    def test_a_gain_of_another_size_is_refused_and_the_file_closed(
        self, recipe, tmp_path, monkeypatch, kept
    ):
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        gain = formats.write(tmp_path / "small.mrc", np.ones((64, 64), np.float32))
        one = recipe(gain=str(gain))
        with pytest.raises(BadData, match="64 × 64 pixels, the frames 192 × 192"):
            one.scan()
        assert one._stack is None
