import os
import shutil
import sqlite3

import numpy as np
import pytest

from focusnb import formats
from focusnb.batch import intake, recording, watch
from focusnb.errors import BadProject, BadValue, UnknownName
from focusnb.model.project import Project

MDOC = "[FrameSet = 0]\nPixelSpacing = 1.25\nTiltAngle = 7\nNumSubFrames = 3\n"

ORDER = """#!/bin/sh
# /// script
# [tool.focusnb]
# category = "Import"
# while_importing = true
# results = ["place"]
# [tool.focusnb.param.place]
# type = "int"
# unit = "1"
# ///
echo "place = $(ls -d "$image_folder"/../0* | wc -l)" >> "$FOCUSNB_RESULTS"
"""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Submitted(list):
    def __call__(self, images, top):
        self.extend((image.name, top) for image in images)

    @property
    def names(self):
        return [name for name, _ in self]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return Project.create(tmp_path / "project", mode="drift")


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    return folder


@pytest.fixture
def submitted():
    return Submitted()


@pytest.fixture
def watcher(project, camera, clock, submitted):
    return watch.Watcher(
        project, {"folder": str(camera), "settle": 10.0}, submit=submitted, clock=clock
    )


def movie(path, seed=0, age=0.0):
    pixels = np.random.default_rng(seed).poisson(5, (3, 32, 32)).astype(np.uint8)
    formats.write(path, pixels, pixel_size=1.5)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def names(images):
    return [image.name for image in images]


def test_a_file_is_imported_when_it_has_settled(watcher, camera, clock, submitted):
    movie(camera / "a.tif")
    assert watcher.scan() == []
    clock.now += 9
    assert watcher.scan() == []
    assert watcher.waiting == 1
    clock.now += 2
    assert names(watcher.scan()) == ["a.tif"]
    assert submitted == [("a.tif", True)]
    clock.now += 20
    assert watcher.scan() == []
    assert watcher.waiting == 0


def test_a_file_that_still_grows_is_not_imported(watcher, camera, clock):
    whole = movie(camera / "a.tif").read_bytes()
    for part in range(1, 5):
        (camera / "a.tif").write_bytes(whole[: len(whole) * part // 4])
        clock.now += 8
        assert watcher.scan() == []
    clock.now += 11
    (image,) = watcher.scan()
    assert image.error is None


def test_a_file_that_paused_while_it_was_written_is_tried_again_when_it_changes(
    watcher, project, camera, clock, submitted
):
    whole = movie(camera / "a.tif").read_bytes()
    (camera / "a.tif").write_bytes(whole[:500])
    watcher.scan()
    clock.now += 11
    (image,) = watcher.scan()
    assert image.error
    assert submitted == [], "what cannot be opened is not processed"
    clock.now += 100
    assert watcher.scan() == []
    (camera / "a.tif").write_bytes(whole)
    watcher.scan()
    clock.now += 11
    assert watcher.scan() == [image]
    assert image.error is None
    assert submitted.names == ["a.tif"]
    assert len(project) == 1


def test_names_are_filtered(watcher, camera, clock):
    for seed, name in enumerate(["A.TIF", "gain.mrc", "SuperRef_1.tif", ".hidden.tif", "x.log"]):
        movie(camera / "m.tif", seed=seed).rename(camera / name)
    watcher.scan()
    clock.now += 11
    assert names(watcher.scan()) == ["A.TIF"]


def test_subfolders_are_looked_into_on_request(project, camera, clock):
    (camera / "grid 1" / "deep").mkdir(parents=True)
    (camera / ".trash").mkdir()
    movie(camera / "grid 1" / "deep" / "a.tif")
    movie(camera / ".trash" / "b.tif", seed=1)
    table = {"folder": str(camera), "settle": 0.0}
    assert watch.Watcher(project, table, clock=clock).scan() == []
    watcher = watch.Watcher(project, {**table, "subfolders": True}, clock=clock)
    assert names(watcher.scan()) == ["a.tif"]


def test_the_project_may_lie_in_the_watched_folder_without_being_imported(tmp_path, clock):
    project = Project.create(tmp_path / "camera" / "project", mode="drift")
    movie(tmp_path / "camera" / "a.tif")
    table = {"folder": str(tmp_path / "camera"), "settle": 0.0, "subfolders": True}
    watcher = watch.Watcher(project, table, clock=clock)
    assert len(watcher.scan()) == 1
    assert watcher.scan() == []
    assert len(project) == 1


class TestOrder:
    @pytest.fixture
    def files(self, camera):
        return [movie(camera / f"{i}.tif", seed=i, age=100 - i) for i in range(4)]

    @pytest.fixture
    def table(self, camera):
        return {"folder": str(camera), "settle": 0.0}

    def test_the_newest_come_first(self, project, table, files, submitted, clock):
        watcher = watch.Watcher(project, table, submit=submitted, clock=clock)
        assert names(watcher.scan()) == ["3.tif", "2.tif", "1.tif", "0.tif"]
        movie(files[0].with_name("4.tif"), seed=4)
        watcher.scan()
        assert submitted == [
            ("3.tif", True),
            ("2.tif", False),
            ("1.tif", False),
            ("0.tif", False),
            ("4.tif", True),
        ]

    def test_recording_order_on_request(self, project, table, files, submitted, clock):
        project.set(newest_first=False)
        watch.Watcher(project, table, submit=submitted, clock=clock).scan()
        assert submitted == [(f"{i}.tif", False) for i in range(4)]

    def test_steps_that_run_while_importing_see_recording_order(
        self, project, table, files, submitted, clock, monkeypatch
    ):
        monkeypatch.setattr(watch.Watcher, "_in_order", lambda self: True)
        seen = []

        def prior_dose(image):
            seen.append((image.name, len(project)))

        watch.Watcher(
            project, table, submit=submitted, while_importing=prior_dose, clock=clock
        ).scan()
        assert seen == [("0.tif", 1), ("1.tif", 2), ("2.tif", 3), ("3.tif", 4)]
        assert submitted[-1] == ("3.tif", True)

    def test_such_a_step_of_a_script_is_run_at_once_and_the_rest_is_queued(
        self, project, table, files, submitted, clock
    ):
        (project.root / "scripts" / "order.sh").write_text(ORDER)
        project.set(workflow="prepare order motion")
        watcher = watch.Watcher(
            project, table, submit=submitted, while_importing=recording.run, clock=clock
        )
        assert names(watcher.scan()) == ["0.tif", "1.tif", "2.tif", "3.tif"]
        assert [i.error for i in project.images] == [None] * 4
        assert [i.document["results"]["place"] for i in project.images] == [1, 2, 3, 4]
        assert submitted.names == ["0.tif", "1.tif", "2.tif", "3.tif"]
        assert [r["state"] for r in project.store.rows("select state from batch")] == ["done"] * 4
        again = watch.Watcher(project, table, submit=submitted, clock=clock)
        assert len(again.scan()) == 4, "their other steps were never queued"

    def test_a_budget_leaves_the_rest_to_the_next_scan(self, project, table, files, submitted):
        class Slow(Clock):
            def __call__(self):
                self.now += 1
                return self.now

        watcher = watch.Watcher(project, table, submit=submitted, clock=Slow())
        assert names(watcher.scan(budget=1.5)) == ["3.tif"]
        movie(files[0].with_name("4.tif"), seed=4)
        assert names(watcher.scan(budget=1.5)) == ["4.tif"]
        assert names(watcher.scan()) == ["2.tif", "1.tif", "0.tif"]


def test_a_restarted_watcher_goes_on_where_it_was(project, camera, clock, submitted):
    table = {"folder": str(camera), "settle": 0.0}
    movie(camera / "a.tif")
    watch.Watcher(project, table, clock=clock, submit=submitted).scan()
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, submitted) values (1, 'motion', 0, 0)"
        )
    movie(camera / "b.tif", seed=1)
    again = watch.Watcher(project, table, clock=clock, submit=submitted)
    assert names(again.scan()) == ["b.tif"]
    assert submitted.names == ["a.tif", "b.tif"]


def test_what_was_imported_but_never_queued_is_queued_after_a_restart(
    project, camera, clock, submitted
):
    table = {"folder": str(camera), "settle": 0.0}
    movie(camera / "a.tif")
    watch.Watcher(project, table, clock=clock).scan()  # and then it is killed
    again = watch.Watcher(project, table, clock=clock, submit=submitted)
    assert names(again.scan()) == ["a.tif"]
    assert again.scan() == []
    assert submitted.names == ["a.tif"]


def test_what_could_not_be_queued_is_queued_later(project, camera, clock, submitted):
    def broken(images, top):
        raise UnknownName("no step is called 'moton'")

    movie(camera / "a.tif")
    watcher = watch.Watcher(
        project, {"folder": str(camera), "settle": 0.0}, submit=broken, clock=clock
    )
    with pytest.raises(UnknownName):
        watcher.scan()
    assert watcher.scan() == []
    assert "moton" in watcher.message
    watcher._submit = submitted
    watcher.scan()
    assert submitted.names == ["a.tif"]
    assert watcher.message is None


def test_what_a_full_disk_kept_from_the_queue_is_queued_later(project, camera, clock, submitted):
    def full(images, top):
        raise sqlite3.OperationalError("database or disk is full")

    movie(camera / "a.tif")
    watcher = watch.Watcher(
        project, {"folder": str(camera), "settle": 0.0}, submit=full, clock=clock
    )
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            watcher.scan()
    watcher._submit = submitted
    assert names(watcher.scan()) == ["a.tif"]
    assert submitted.names == ["a.tif"]


def test_what_was_imported_by_an_importer_that_died_is_queued_when_it_is_met(
    project, camera, clock, submitted
):
    intake.add(project, movie(camera / "a.tif"))  # and then it is killed
    table = {"folder": str(camera), "settle": 0.0}
    watcher = watch.Watcher(project, table, clock=clock, submit=submitted)
    assert names(watcher.scan()) == ["a.tif"]
    assert submitted.names == ["a.tif"]
    assert len(project) == 1


def test_an_image_of_the_trash_does_not_come_back(project, camera, clock, submitted):
    table = {"folder": str(camera), "settle": 0.0}
    movie(camera / "a.tif")
    (image,) = watch.Watcher(project, table, clock=clock).scan()
    project.trash([image])
    assert watch.Watcher(project, table, clock=clock, submit=submitted).scan() == []
    assert submitted == []


def test_a_folder_that_vanishes_is_said_and_watched_again_when_it_is_back(
    watcher, project, camera, clock
):
    shutil.rmtree(camera)
    assert watcher.scan() == []
    assert "cannot be read" in watcher.message
    watcher.scan()
    camera.mkdir()
    movie(camera / "a.tif")
    watcher.scan()
    assert watcher.message is None
    clock.now += 11
    assert len(watcher.scan()) == 1
    events = [row["event"] for row in project.store.rows("select event from log order by id")]
    assert events == ["warning", "watching", "imported"]


def test_images_wait_for_the_gain_reference(project, camera, clock):
    table = {"folder": str(camera), "settle": 0.0, "gain": "gain.mrc"}
    movie(camera / "a.tif")
    watcher = watch.Watcher(project, table, clock=clock)
    assert watcher.scan() == []
    assert "no such file" in watcher.message
    formats.write(camera / "gain.mrc", np.ones((32, 32), np.float32))
    (image,) = watcher.scan()
    assert watcher.message is None
    assert image["gain"].endswith(".mrc")


def test_an_mdoc_that_comes_late_is_read_and_the_image_processed_again(
    watcher, camera, clock, submitted
):
    movie(camera / "a.tif")
    watcher.scan()
    clock.now += 11
    (image,) = watcher.scan()
    (camera / "a.tif.mdoc").write_text(MDOC)
    watcher.scan()
    clock.now += 11
    assert watcher.scan() == [image]
    assert image["tilt_angle"] == 7
    assert image["pixel_size"] == 1.25
    assert submitted == [("a.tif", True), ("a.tif", False)]
    clock.now += 11
    assert watcher.scan() == []


def test_a_file_that_cannot_be_read_is_tried_again(watcher, camera, clock, monkeypatch):
    from focusnb.batch import placing

    movie(camera / "a.tif")
    movie(camera / "b.tif", seed=1)
    real = placing.disk.copy_verified

    def full(source, target):
        if source.name == "a.tif":
            raise OSError(28, "No space left on device")
        return real(source, target)

    watcher.scan()
    clock.now += 11
    monkeypatch.setattr(placing.disk, "copy_verified", full)
    assert names(watcher.scan()) == ["b.tif"]
    monkeypatch.undo()
    assert watcher.scan() == []
    clock.now += 11
    assert names(watcher.scan()) == ["a.tif"]


def test_ten_thousand_known_files_are_passed_without_opening_one(
    project, camera, clock, monkeypatch
):
    for number in range(10_000):
        (camera / f"m{number:05d}.tif").touch()
    rows = [
        (str(camera), entry.name, 0, entry.stat().st_mtime_ns, "imported", None, "")
        for entry in os.scandir(camera)
    ]
    with project.store.transaction() as connection:
        connection.executemany("insert into seen values (?, ?, ?, ?, ?, ?, ?)", rows)
    watcher = watch.Watcher(project, {"folder": str(camera), "settle": 0.0}, clock=clock)
    monkeypatch.setattr(watch, "Intake", None)
    assert watcher.scan() == []
    assert watcher.waiting == 0


class TestStored:
    def test_a_watch_is_a_table_of_project_toml_and_comments_stay(self, project, camera):
        file = project.root / "project.toml"
        file.write_text(file.read_text() + "\n# my own remark\n")
        watch.store(project, camera, settle=5.0, newest_first=False, gain=camera / "gain.mrc")
        watch.store(project, camera, settle=2.5, newest_first=None)
        assert watch.stored(project) == [
            {"folder": str(camera), "settle": 2.5, "gain": str(camera / "gain.mrc")}
        ]
        assert "# my own remark" in file.read_text()
        assert "[[watch]]" in file.read_text()

    def test_several_folders_are_kept_apart_and_forgotten(self, project, camera, tmp_path):
        watch.store(project, camera)
        watch.store(project, tmp_path / "other", subfolders=True)
        assert watch.forget(project, camera)
        assert watch.stored(project) == [{"folder": str(tmp_path / "other"), "subfolders": True}]
        assert watch.forget(project, tmp_path / "other")
        assert not watch.forget(project, tmp_path / "other")
        assert watch.stored(project) == []

    def test_wrong_options_are_refused_with_the_nearest_word(self, project, camera):
        with pytest.raises(BadValue, match="meant 'settle'"):
            watch.store(project, camera, setle=3)
        with pytest.raises(BadValue, match="inside the project"):
            watch.store(project, project.root / "g1")
        file = project.root / "project.toml"
        file.write_text(file.read_text() + "\n[[watch]]\nfolder = '/x'\nsettle = -3.0\n")
        with pytest.raises(BadProject, match="settle"):
            watch.stored(project)
