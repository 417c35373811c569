"""A simulated session on disk: files as SerialEM writes them, slowly."""

import json
import threading

import numpy as np
import pytest

from focusnb import formats, simulate
from focusnb.errors import BadValue, BrokenFile
from focusnb.simulate import recorder

QUICK = {"size": 128, "frames": 3, "interval": 0, "writing": 0}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    said = []
    truths = simulate.session(
        folder, movies=4, seed=1, **QUICK, report=lambda part, text: said.append((part, text))
    )
    return folder, truths, said


def test_a_session_leaves_what_serialem_leaves(recorded):
    folder, _, _ = recorded
    movies = [f"grid1_000{n}.tif{end}" for n in (1, 2, 3, 4) for end in ("", ".mdoc")]
    expected = sorted(["gain.mrc", "defects.txt", "truth.json", *movies])
    assert sorted(p.name for p in folder.iterdir()) == expected


def test_movies_are_read_as_they_were_recorded(recorded):
    folder, truths, _ = recorded
    frames = formats.read(folder / "grid1_0001.tif")
    assert frames.dtype == np.uint8
    camera = simulate.camera(128, seed=1)
    asked = truths[0].exposure
    scene = recorder.exposing.prepare(asked, truths[0].optics, 128)
    again = list(recorder.exposing.record(scene, asked, truths[0].optics, camera))
    assert (frames == np.array(again)).all()


def test_movies_know_their_pixel_size(recorded):
    with formats.open(recorded[0] / "grid1_0001.tif") as stack:
        assert stack.pixel_size == pytest.approx(1.0)


def test_the_gain_file_is_that_of_the_camera(recorded):
    gain = formats.read(recorded[0] / "gain.mrc")
    assert gain.shape == (128, 128)
    assert (gain == simulate.camera(128, seed=1).gain).all()


def test_the_defect_list_is_that_of_the_camera(recorded):
    lines = (recorded[0] / "defects.txt").read_text().split("\n")[:-1]
    expected = simulate.camera(128, seed=1).defects
    assert [tuple(map(int, line.split())) for line in lines] == list(expected)


def test_the_mdoc_tells_dose_pixel_size_and_voltage(recorded):
    text = (recorded[0] / "grid1_0002.tif.mdoc").read_text()
    assert "Voltage = 300\n" in text
    assert "PixelSpacing = 1\n" in text
    assert "ExposureDose = 7.5\n" in text
    assert "FrameDosesAndNumber = 2.5 3\n" in text
    assert "NumSubFrames = 3\n" in text
    assert "TargetDefocus = -1.5\n" in text
    assert "SubFramePath = X:\\simulated\\grid1_0002.tif\n" in text


def test_truth_names_every_movie_and_its_fault(recorded):
    folder, truths, _ = recorded
    known = json.loads((folder / "truth.json").read_text())
    assert [entry["bad"] for entry in known.values()] == [None, "drift", None, "crystalline ice"]
    assert [t.exposure.bad for t in truths] == [entry["bad"] for entry in known.values()]
    assert list(known) == [f"grid1_000{n}.tif" for n in (1, 2, 3, 4)]


def test_the_session_reports_each_movie(recorded):
    said = recorded[2]
    assert [part for part, _ in said] == [0.25, 0.5, 0.75, 1.0]
    assert said[1][1] == "grid1_0002.tif recorded (drift)"


def test_a_second_session_continues_behind_the_first(tmp_path):
    whole = simulate.session(tmp_path / "whole", movies=3, **QUICK)
    simulate.session(tmp_path / "parts", movies=2, **QUICK)
    simulate.session(tmp_path / "parts", movies=1, **QUICK)
    assert len(json.loads((tmp_path / "parts" / "truth.json").read_text())) == len(whole)
    one, two = ((tmp_path / n / "grid1_0003.tif").read_bytes() for n in ("whole", "parts"))
    assert one == two


def test_another_camera_in_the_same_folder_is_refused(tmp_path):
    simulate.session(tmp_path, movies=1, **QUICK)
    with pytest.raises(BadValue, match="another camera"):
        simulate.session(tmp_path, movies=1, **QUICK, seed=5)


def test_a_session_without_bad_exposures_has_none(tmp_path):
    truths = simulate.session(tmp_path, movies=5, bad=False, **QUICK)
    assert {t.exposure.bad for t in truths} == {None}


def test_a_movie_grows_at_its_final_name_and_its_mdoc_comes_after_it(tmp_path):
    seen = []

    class Watcher:
        """Asked by the session between frames, as a stop event is."""

        def is_set(self):
            return False

        def wait(self, timeout):
            movie = tmp_path / "grid1_0001.tif"
            if timeout > 0:
                mdoc = movie.with_name(movie.name + ".mdoc")
                seen.append((movie.stat().st_size, mdoc.exists()))
            return False

    asked = QUICK | {"writing": 1000.0}
    simulate.session(tmp_path, movies=1, stop=Watcher(), **asked)
    sizes, mdocs = zip(*seen, strict=True)
    assert len(set(sizes)) == 3
    assert list(sizes) == sorted(sizes)
    assert not any(mdocs)
    assert (tmp_path / "grid1_0001.tif.mdoc").exists()


def test_a_stopped_session_leaves_no_half_movie(tmp_path):
    stop = threading.Event()
    truths = simulate.session(
        tmp_path, movies=5, **QUICK, stop=stop, report=lambda part, text: stop.set()
    )
    assert len(truths) == 1
    assert [p.name for p in tmp_path.glob("*.tif")] == ["grid1_0001.tif"]


def test_a_session_stopped_before_its_first_frame_records_nothing(tmp_path):
    stop = threading.Event()
    stop.set()
    assert simulate.session(tmp_path, movies=2, **QUICK, stop=stop) == []
    assert list(tmp_path.glob("*.tif*")) == []


@pytest.mark.parametrize(
    "asked",
    [{"movies": -1}, {"size": 16}, {"frames": 0}, {"interval": -1}, {"writing": float("nan")},
     {"name": "a/b"}, {"name": ""}, {"name": "../x"}],
    ids=str,
)  # fmt: skip
def test_impossible_sessions_are_refused(tmp_path, asked):
    with pytest.raises(BadValue):
        simulate.session(tmp_path, **(QUICK | asked))


def test_a_movie_cut_short_is_no_whole_movie(recorded, tmp_path):
    whole = (recorded[0] / "grid1_0001.tif").read_bytes()
    half = tmp_path / "half.tif"
    half.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BrokenFile):
        formats.read(half)
