"""A hostile folder: each file gets its sentence on its row, and the others are processed."""

import numpy as np
import pytest
from makers import WORDS, movie, references

import focusnb as fn
from focusnb import formats
from focusnb.batch import watch

HARD = "a 'hard' \"name\"\nü☃ $(ls).tif"
SENTENCES = {
    "truncated.tif": "truncated.tif",
    "empty.tif": "empty",
    "text.mrc": "text.mrc",
    "huge.mrc": "huge.mrc",
    "small.tif": "gain reference has 512 × 512 pixels, the frames 300 × 256",
    "nan.mrc": "1 pixel without a finite value",
    "constant.mrc": "all pixels have the value 3; nothing was recorded",
    "constant.tif": "all pixels have the value 5; nothing was recorded",
}
FINE = ["good.tif", HARD, "one.mrc"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    made = movie()
    references(folder, made)
    whole = formats.write(folder / "good.tif", made.frames, pixel_size=1.0).read_bytes()
    formats.write(folder / "x.tif", movie(seed=4).frames, pixel_size=1.0).rename(folder / HARD)
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 3])
    (folder / "empty.tif").touch()
    (folder / "text.mrc").write_text("Dear colleague, this is no picture. " * 100)
    single = (made.frames * made.camera.gain).sum(0, dtype="f4")
    formats.write(folder / "one.mrc", single, pixel_size=1.0)
    header = bytearray((folder / "one.mrc").read_bytes())
    header[:12] = np.array([10**6, 10**6, 1], "<i4").tobytes()
    (folder / "huge.mrc").write_bytes(header)
    formats.write(folder / "small.tif", made.frames[:, :256, :300], pixel_size=1.0)
    bad = single.copy()
    bad[3, 4] = np.nan
    formats.write(folder / "nan.mrc", bad, pixel_size=1.0)
    formats.write(folder / "constant.mrc", np.full((512, 512), 3.0, "f4"), pixel_size=1.0)
    # the gain reference of the others is multiplied with it
    formats.write(folder / "constant.tif", np.full_like(made.frames, 5), pixel_size=1.0)
    return folder


@pytest.fixture(scope="module")
def project(folder, tmp_path_factory):
    from focusnb.batch.dispatcher import Dispatcher
    from focusnb.batch.workers import Inline

    words = {**WORDS, "exposure_dose": 20}
    project = fn.create(tmp_path_factory.mktemp("home") / "project", **words)
    project.watch(folder, settle=0, ignore_names="gain.mrc")
    project.set(group=project.values()["default_group"], defects=str(folder / "defects.txt"))
    (stored,) = watch.stored(project)
    watcher = watch.Watcher(
        project, stored, submit=lambda images, top: project.process(images, top=top)
    )
    for _ in range(3):
        watcher.scan()
    # one.mrc, nan.mrc and constant.mrc were summed from corrected frames
    singles = project.select("name in ('one.mrc', 'nan.mrc', 'constant.mrc')")
    project.set(singles, gain_corrected=True)
    project.set(gain=str(folder / "gain.mrc"))
    Dispatcher(project, Inline).run()
    return project


@pytest.fixture(scope="module")
def rows(project):
    return {row["name"]: row for row in project.rows()}


def test_every_file_has_its_row(rows):
    assert set(rows) == {*SENTENCES, *FINE}


@pytest.mark.parametrize(("name", "part"), SENTENCES.items(), ids=str)
def test_what_is_broken_says_so_on_its_row(rows, name, part):
    error = rows[name]["error"]
    assert part in error
    assert "\n" not in error
    assert "Traceback" not in error
    assert rows[name]["good"] is False


@pytest.mark.parametrize("name", FINE, ids=["good", "hard name", "one frame"])
def test_the_others_are_processed(rows, name):
    assert rows[name]["error"] is None
    # one.mrc was summed without alignment: so few rings are left that they may not be trusted
    assert rows[name]["ctf_score"] is not None
    assert name == "one.mrc" or rows[name]["ctf_resolution"] is not None
    assert rows[name]["particles"] is not None


def test_the_raw_files_are_untouched(project, folder):
    for image in project.images:
        raw = image.folder / "raw" / image.name
        assert raw.read_bytes() == (folder / image.name).read_bytes()


def test_the_sentences_are_in_the_log(project):
    told = " ".join(line["message"] for line in project.queue.log(limit=1000))
    assert all(part in told for part in SENTENCES.values())


def test_no_try_is_left_behind(project):
    assert not list(project.root.glob("*/*/.try-*"))
    assert not list(project.root.glob(".incoming/*"))
