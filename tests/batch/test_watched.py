import os

import numpy as np
import pytest

import focusnb as fn
from focusnb import formats
from focusnb.batch import watch, watched
from focusnb.errors import BadValue, UnknownName

MDOC = "[FrameSet = 0]\nVoltage = 200\nPixelSpacing = 1.25\nTiltAngle = 7\nNumSubFrames = 3\n"


@pytest.fixture
def project(tmp_path):
    return fn.create(tmp_path / "project", mode="drift", voltage=300.0)


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "the camera"
    folder.mkdir()
    return folder


def movie(path, seed=0):
    pixels = np.random.default_rng(seed).poisson(5, (3, 32, 32)).astype(np.uint8)
    formats.write(path, pixels, pixel_size=1.5)
    os.utime(path, (1e9 + seed, 1e9 + seed))
    return path


def test_what_became_of_the_files_is_told(project, camera):
    project.watch(camera, settle=0.0, group="g2")
    movie(camera / "a.mrc")
    (camera / "b.mrc").write_bytes(b"no movie")
    (camera / "dangling.mrc").symlink_to(camera / "nothing")
    watch.Watcher(project, watch.stored(project)[0]).scan()
    (one,) = project.watches
    assert (one.folder, one.there, one.options) == (
        str(camera),
        True,
        {"settle": 0.0, "group": "g2"},
    )
    assert (one.imported, one.known, one.refused) == (2, 0, 0)
    ((name, reason, image),) = one.problems
    assert (name, image) == ("b.mrc", 1)  # the newest came first
    assert "b.mrc" in reason


def test_refused_files_are_told_and_tried_again(project, camera, monkeypatch):
    movie(camera / "a.mrc")
    project.watch(camera, settle=0.0)
    watcher = watch.Watcher(project, watch.stored(project)[0])

    def refuse(self, path, added):
        added.refused.append((path, f"{path.name}: not now"))

    with monkeypatch.context() as patch:
        patch.setattr("focusnb.batch.intake.Intake.bring", refuse)
        watcher.scan()
    assert project.watches[0].problems == [("a.mrc", "a.mrc: not now", None)]
    assert project.watches[0].refused == 1
    watcher.scan()  # it is tried again by itself
    assert (project.watches[0].refused, project.watches[0].imported) == (0, 1)


def test_a_refused_file_that_was_deleted_is_no_problem_any_more(project, camera, monkeypatch):
    movie(camera / "a.mrc")
    (camera / "b.mrc").write_bytes(b"no movie")
    project.watch(camera, settle=0.0)

    def refuse(self, path, added):
        added.refused.append((path, f"{path.name}: not now"))

    with monkeypatch.context() as patch:
        patch.setattr("focusnb.batch.intake.Intake.bring", refuse)
        watch.Watcher(project, watch.stored(project)[0]).scan()
        assert project.watches[0].refused == 2
        (camera / "b.mrc").unlink()
        revision = project.store.revision
        watcher = watch.Watcher(project, watch.stored(project)[0])  # a new session
        watcher.scan()
    assert [name for name, _, _ in project.watches[0].problems] == ["a.mrc"]
    assert project.store.revision > revision  # panels look again
    (camera / "b.mrc").write_bytes(b"no movie, again")
    watcher.scan()
    assert (project.watches[0].refused, project.watches[0].imported) == (0, 2)


def test_looking_again_brings_nothing_twice(project, camera):
    movie(camera / "a.mrc")
    (camera / "b.mrc").write_bytes(b"no movie")
    project.watch(camera, settle=0.0)
    watcher = watch.Watcher(project, watch.stored(project)[0])
    watcher.scan()
    assert watcher.scan() == []
    assert project.look_again(camera) == 1  # the broken one
    movie(camera / "b.mrc", seed=4)
    assert [image.name for image in watcher.scan()] == ["b.mrc"]
    assert project.look_again(camera, everything=True) == 2
    watcher.scan()
    assert (project.watches[0].known, len(project.rows())) == (2, 2)


def test_a_folder_that_is_not_watched_cannot_be_looked_at_again(project, camera):
    with pytest.raises(UnknownName, match="is not watched"):
        watched.look_again(project, camera)


def test_a_preview_tells_what_would_come_and_changes_nothing(project, camera):
    project.add(movie(camera / "old.mrc", seed=9))
    movie(camera / "gr7_a.mrc", seed=1)
    (camera / "gr7_a.mrc.mdoc").write_text(MDOC)
    (camera / "broken.mrc").write_bytes(b"no movie")
    os.utime(camera / "broken.mrc", (1e9, 1e9))
    before = project.store.revision
    told = project.preview(camera, group_part="^(gr[0-9]+)_")
    assert [path.name for path in told.new] == ["gr7_a.mrc"]
    assert [path.name for path in told.known] == ["old.mrc"]
    assert [path.name for path, _ in told.refused] == ["broken.mrc"]
    assert (told.first.name, told.group, told.shape) == ("gr7_a.mrc", "gr7", (3, 32, 32))
    values = {one.word: one for one in told.values}
    assert (values["pixel_size"].value, values["pixel_size"].origin) == (1.25, "mdoc")
    assert (values["voltage"].value, values["voltage"].origin) == (300.0, "project")
    assert values["voltage"].rival == 200.0
    assert (project.store.revision, len(project.rows())) == (before, 1)


def test_a_preview_says_which_values_nobody_told(project, camera):
    pixels = np.zeros((2, 16, 16), np.uint8)
    formats.write(camera / "a.tif", pixels, pixel_size=None)
    values = {one.word: one.value for one in project.preview(camera).values}
    assert values["pixel_size"] is None


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ("nothing.mrc", {}, "there is no such file"),
        ("*.nothing", {}, "no file has such a name"),
        (".", {"gain": "no gain.mrc"}, "gain = no gain.mrc: there is no such file"),
        (".", {"group_part": "("}, "no regular expression"),
        (".", {"group": "a/b"}, "a/b"),
        (".", {"settle": -1}, "settle"),
        ("../project", {}, "inside the project"),
    ],
)
def test_a_preview_of_what_cannot_be_is_refused(project, camera, files, options, message):
    with pytest.raises(BadValue, match=message):
        project.preview(camera / files, **options)


def test_patterns_name_files_and_growing_ones_wait(project, camera):
    movie(camera / "a 1.mrc")
    movie(camera / "a 2.mrc", seed=2)
    assert [p.name for p in project.preview(str(camera / "a*.mrc")).new] == ["a 1.mrc", "a 2.mrc"]
    os.utime(camera / "a 2.mrc")
    told = project.preview(camera)
    assert [p.name for p in told.growing] == ["a 2.mrc"]
