import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from focusnb import formats
from focusnb.batch import intake, placing
from focusnb.errors import BadValue
from focusnb.model.project import Project
from focusnb.model.rebuild import rebuild

MDOC = """T = SerialEM: a test
Voltage = 200

[FrameSet = 0]
TiltAngle = 12.5
ExposureDose = 40
PixelSpacing = 1.25
Binning = 1
TargetDefocus = -1.5
NumSubFrames = 4
FrameDosesAndNumber = 10 4
DateTime = 25-Sep-2023  14:13:26
GainReference = camera.mrc
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return Project.create(tmp_path / "project", mode="single-particle")


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    return folder


def movie(path, seed=0, frames=4, pixel_size=1.5):
    pixels = np.random.default_rng(seed).poisson(5, (frames, 40, 48)).astype(np.uint8)
    return formats.write(path, pixels, pixel_size=pixel_size)


def picture(path, seed=0, pixel_size=1.5):
    pixels = np.random.default_rng(seed).normal(5, 1, (40, 48)).astype(np.float32)
    return formats.write(path, pixels, pixel_size=pixel_size)


def only(added):
    assert added.refused == []
    (image,) = added.images
    return image


def test_a_movie_becomes_an_image_with_its_file_and_header(project, camera):
    file = movie(camera / "m1.tif")
    image = only(intake.add(project, [file]))
    assert image.key == "g1/0000000001"
    assert image.name == "m1.tif"
    assert image.document["values"]["movie"] == "raw/m1.tif"
    assert Path(image["movie"]).read_bytes() == file.read_bytes()
    assert image["pixel_size"] == pytest.approx(1.5, rel=1e-3)
    assert image.document["origins"]["pixel_size"] == "header"
    assert json.loads((image.folder / "image.json").read_text())["name"] == "m1.tif"


@pytest.mark.parametrize(
    "name",
    ["a b'c\"d.tif", "Ångström 粒子.tif", "new\nline.tif", "-rf.tif", "x" * 245 + ".tif", "~m.tif"],
)
def test_any_name_comes_in(project, camera, name):
    file = movie(camera / name)
    image = only(intake.add(project, file))
    assert image.name == name
    assert Path(image["movie"]).read_bytes() == file.read_bytes()
    assert intake.add(project, file).known[0][1] == image


@pytest.mark.skipif(sys.platform != "linux", reason="macOS knows no names that are not UTF-8")
def test_a_name_that_is_no_text_comes_in_under_one_that_is(project, camera):
    file = Path(os.fsdecode(os.fsencode(camera) + b"/caf\xe9.tif"))
    movie(camera / "m.tif").rename(file)
    image = only(intake.add(project, file))
    assert image.name == "caf\ufffd.tif"
    assert Path(image["movie"]).is_file()


def test_the_mdoc_beside_a_movie_is_read_and_kept(project, camera):
    file = movie(camera / "m1.tif")
    (camera / "m1.tif.mdoc").write_text(MDOC)
    image = only(intake.add(project, file))
    assert image["pixel_size"] == 1.25
    assert image["voltage"] == 200
    assert image["exposure_dose"] == 40
    assert image["defocus_target"] == 15000
    assert image["tilt_angle"] == 12.5
    assert image["recorded"] == "2023-09-25T14:13:26"
    assert image.document["origins"]["voltage"] == "mdoc"
    assert project.rows()[0]["recorded"] == "2023-09-25T14:13:26"
    assert (image.folder / "raw" / "m1.tif.mdoc").read_text() == MDOC
    assert any("header says 1.5" in note for note in image.document["notes"])


def test_what_people_said_wins_over_header_and_mdoc_with_a_note(project, camera):
    project.set(pixel_size=1.0, voltage=200.0)
    project.set(group="g1", dose_per_frame=7.0)
    file = movie(camera / "m1.tif")
    (camera / "m1.mdoc").write_text(MDOC)
    image = only(intake.add(project, file, values={"tilt_angle": 3.0}))
    assert image["pixel_size"] == 1.0
    assert image["tilt_angle"] == 3.0
    assert image["exposure_dose"] is None, "it would contradict the dose per frame"
    notes = "\n".join(image.document["notes"])
    assert "pixel_size: the mdoc says 1.25, 1 of the project is used" in notes
    assert "dose_per_frame" in notes
    assert "voltage" not in notes


def test_the_same_content_is_known_under_any_name(project, camera):
    image = only(intake.add(project, movie(camera / "a.tif")))
    added = intake.add(project, movie(camera / "b.tif"))
    assert added.images == []
    assert added.known == [(camera / "b.tif", image)]
    assert len(project) == 1


def test_movie_aligned_stack_and_average_of_one_stem_are_one_image(project, camera):
    files = [
        picture(camera / "s_average.mrc"),
        movie(camera / "s_aligned.mrcs", seed=1),
        movie(camera / "s.tif", seed=2),
        movie(camera / "s2.tif", seed=3),
    ]
    added = intake.add(project, files)
    assert [image.name for image in added.images] == ["s.tif", "s2.tif"]
    document = added.images[0].document
    assert set(document["originals"]) == {"movie", "aligned", "average"}
    assert {p.name for p in (added.images[0].folder / "raw").iterdir()} == {
        f.name for f in files[:3]
    }


@pytest.mark.parametrize("suffix", [".mrc", ".tif"])
def test_an_average_is_not_made_again(project, camera, suffix):
    file = picture(camera / f"s_average{suffix}")
    image = only(intake.add(project, file))
    document = image.document
    assert document["results"]["average"] == "average.mrc"
    assert document["results"]["average_pixel_size"] == pytest.approx(1.5, rel=1e-3)
    assert document["runs"]["motion"] == {"imported": True}
    assert document["products"]["average"]["fingerprint"] == document["originals"]["average"]
    np.testing.assert_array_equal(image.read("average"), formats.read(file))
    assert image.stale == []
    assert image["movie"] is None
    assert image["pixel_size"] == pytest.approx(1.5, rel=1e-3)
    assert image["frame_count"] == 1
    only(intake.add(project, movie(camera / "s.tif", seed=5, pixel_size=0.75)))
    assert image["pixel_size"] == pytest.approx(0.75, rel=1e-3)
    assert image["movie"].endswith("raw/s.tif")
    assert image.name == "s.tif"
    assert image.document["runs"] == {"motion": {"imported": True}}


def test_an_aligned_stack_alone_is_the_movie_and_is_not_aligned_again(project, camera):
    image = only(intake.add(project, movie(camera / "s_aligned.mrcs")))
    assert image["movie"].endswith("raw/s_aligned.mrcs")
    assert image["already_aligned"] is True
    assert image["gain_corrected"] is True
    intake.add(project, movie(camera / "s.tif", seed=1))
    assert len(project) == 1
    assert image["movie"].endswith("raw/s_aligned.mrcs")


def test_files_of_one_name_but_other_content_are_two_images(project, camera, tmp_path):
    movie(camera / "s.tif")
    (tmp_path / "other").mkdir()
    movie(tmp_path / "other" / "s.tif", seed=1)
    average = picture(tmp_path / "other" / "s_average.mrc")
    added = intake.add(project, [camera / "s.tif", tmp_path / "other" / "s.tif"])
    first, second = added.images
    assert intake.add(project, average).images == [second], "it lies beside the second"
    assert "average" not in first.document["originals"]


def test_groups_come_from_the_name_or_the_default(project, camera):
    project.set(group_part=r"^(grid ?\d+)_", default_group="others")
    files = [movie(camera / n, seed=i) for i, n in enumerate(["grid 7_1.tif", "x.tif"])]
    assert [i.group for i in intake.add(project, files).images] == ["grid_7", "others"]
    assert only(intake.add(project, movie(camera / "y.tif", seed=9), group="mine")).group == "mine"


class TestHow:
    def test_a_link_points_to_the_file(self, project, camera):
        file = movie(camera / "m.tif")
        image = only(intake.add(project, file, how="link"))
        assert Path(image["movie"]).is_symlink()
        assert Path(image["movie"]).resolve() == file

    def test_move_leaves_nothing_behind(self, project, camera):
        file = movie(camera / "m.tif")
        content = file.read_bytes()
        (camera / "m.tif.mdoc").write_text(MDOC)
        image = only(intake.add(project, file, how="move"))
        assert list(camera.iterdir()) == []
        assert Path(image["movie"]).read_bytes() == content

    def test_originals_are_deleted_only_on_request(self, project, camera):
        kept, gone = movie(camera / "kept.tif"), movie(camera / "gone.tif", seed=1)
        intake.add(project, kept)
        intake.add(project, [gone, kept], delete_originals=True)
        assert not gone.exists()
        assert not kept.exists(), "its content is in the project, compared byte by byte"

    def test_an_original_is_kept_when_the_projects_copy_is_spoilt(self, project, camera):
        file = movie(camera / "m.tif")
        image = only(intake.add(project, file))
        Path(image["movie"]).write_bytes(b"spoilt")
        intake.add(project, file, delete_originals=True)
        assert file.exists()

    def test_links_cannot_be_combined_with_deletion(self, project, camera):
        with pytest.raises(BadValue, match="choose copy or move"):
            intake.add(project, movie(camera / "m.tif"), how="link", delete_originals=True)

    def test_a_file_of_the_project_itself_is_never_deleted(self, project, camera):
        image = only(intake.add(project, movie(camera / "m.tif")))
        raw = Path(image["movie"])
        added = intake.add(project, raw, how="move")
        assert added.known
        assert raw.is_file()


class TestReferences:
    def test_gain_and_defects_are_copied_once_and_told_to_the_group(self, project, camera):
        gain = picture(camera / "gain.mrc", seed=8)
        (camera / "defects.txt").write_text("1 2 3 4\n")
        files = [movie(camera / f"m{i}.tif", seed=i) for i in range(3)]
        for file in files:
            intake.add(project, file, gain=gain, defects=camera / "defects.txt")
        names = sorted(p.suffix for p in (project.root / "references").iterdir())
        assert names == [".mrc", ".txt"]
        told = project.group_settings("g1").values["gain"]
        assert told.startswith("references/")
        image = project.images[0]
        assert image.values.origin("gain") == "group"
        np.testing.assert_array_equal(image.read("gain"), formats.read(gain))

    def test_another_gain_in_a_group_belongs_to_the_new_images_only(self, project, camera):
        one, two = picture(camera / "gain1.mrc", seed=8), picture(camera / "gain2.mrc", seed=9)
        first = only(intake.add(project, movie(camera / "a.tif"), gain=one))
        second = only(intake.add(project, movie(camera / "b.tif", seed=1), gain=two))
        np.testing.assert_array_equal(first.read("gain"), formats.read(one))
        np.testing.assert_array_equal(second.read("gain"), formats.read(two))

    def test_the_gain_that_an_mdoc_names_is_used_where_nobody_said_anything(self, project, camera):
        picture(camera / "camera.mrc", seed=8)
        (camera / "m.tif.mdoc").write_text(MDOC)
        image = only(intake.add(project, movie(camera / "m.tif")))
        np.testing.assert_array_equal(image.read("gain"), formats.read(camera / "camera.mrc"))

    def test_a_gain_that_is_not_there_is_said_at_once(self, project, camera):
        with pytest.raises(BadValue, match="no such file"):
            intake.add(project, movie(camera / "m.tif"), gain=camera / "none.mrc")
        assert len(project) == 0


def _hostile(folder):
    movie(folder / "whole.tif", seed=77)
    whole = (folder / "whole.tif").read_bytes()
    (folder / "whole.tif").unlink()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.tif").write_bytes(b"")
    (folder / "empty too.mrc").write_bytes(b"")
    (folder / "text.mrc").write_text("I am no picture. " * 100)
    header = bytearray((picture(folder / "h.mrc")).read_bytes()[:1024])
    (folder / "h.mrc").unlink()
    header[0:8] = np.array([10**6, 10**6], "<i4").tobytes()
    (folder / "absurd.mrc").write_bytes(bytes(header) + b"\0" * 4096)
    return sorted(folder.iterdir())


def test_every_hostile_file_becomes_a_row_with_its_sentence(project, camera):
    files = _hostile(camera)
    before = {f: f.read_bytes() for f in files}
    added = intake.add(project, files)
    assert added.refused == []
    assert added.ready == []
    assert [i.name for i in added.images] == [f.name for f in files]
    for image, file in zip(added.images, files, strict=True):
        assert image.document["error"]["step"] == "import"
        assert file.name in image.error
        assert placing.INCOMING not in image.error
        assert "Traceback" not in image.error
        assert (image.folder / "raw" / file.name).read_bytes() == before[file]
        assert file.read_bytes() == before[file]
    assert intake.add(project, files).images == [], "they are known now"


def test_what_is_no_file_is_refused_with_a_sentence(project, camera):
    good = movie(camera / "good.tif")
    added = intake.add(project, [camera, camera / "none.tif", good])
    assert [path for path, _ in added.refused] == [camera, camera / "none.tif"]
    assert "no file" in added.refused[0][1]
    assert "no such file" in added.refused[1][1]
    assert len(added.images) == 1


def test_a_file_that_was_not_complete_is_brought_in_again_as_the_same_image(project, camera):
    file = movie(camera / "m.tif")
    whole = file.read_bytes()
    for part in (b"", whole[: len(whole) // 2]):
        file.write_bytes(part)
        image = only(intake.add(project, file))
        assert image.error
    file.write_bytes(whole)
    image = only(intake.add(project, file))
    assert len(project) == 1
    assert image.error is None
    assert Path(image["movie"]).read_bytes() == whole
    assert image["pixel_size"] is not None


def test_another_movie_under_a_used_name_is_another_image(project, camera):
    file = camera / "m.tif"
    movie(file, seed=0, frames=3)
    only(intake.add(project, file))
    movie(file, seed=1, frames=6)
    only(intake.add(project, file))
    assert len(project) == 2


def test_a_rebuilt_project_knows_its_files(project, camera):
    file = movie(camera / "m.tif")
    only(intake.add(project, file))
    project.store.close()
    again, notes = rebuild(project.root)
    assert notes == []
    assert intake.add(again, file).images == []


KILLED = """
import os, signal, sys
from pathlib import Path
from focusnb.batch import intake, placing
from focusnb.model import disk, record
from focusnb.model.project import Project

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

where, project, file, how = sys.argv[1:]
if where == "during the copy":
    disk.os.replace = die
elif where == "inside the transaction":
    intake.Intake._learn = die
elif where == "before it is placed":
    placing.Box.place = die
elif where == "before image.json":
    intake.write_image_json = die
elif where == "before the original goes":
    placing.drop_source = die
intake.add(Project.open(project), file, how=how)
"""


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("during the copy", "copy"),
        ("inside the transaction", "copy"),
        ("inside the transaction", "move"),
        ("before it is placed", "copy"),
        ("before it is placed", "move"),
        ("before it is placed", "link"),
        ("before image.json", "copy"),
        ("before the original goes", "move"),
    ],
)
def test_a_killed_importer_leaves_one_whole_image_after_the_next_try(project, camera, where, how):
    file = movie(camera / "m.tif")
    whole = file.read_bytes()
    command = [sys.executable, "-c", textwrap.dedent(KILLED), where, project.root, file, how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    intake.add(project, [f for f in [file] if f.exists()], how=how)
    (image,) = project.images
    assert Path(image["movie"]).read_bytes() == whole
    assert (project.root / placing.INCOMING).is_dir()
    assert list((project.root / placing.INCOMING).iterdir()) == []
    assert [p.name for p in project.root.glob("g1/0*")] == [image.number]
    assert file.exists() == (how != "move")


def test_recover_places_a_copy_whose_source_is_gone(project, camera):
    file = movie(camera / "m.tif")
    whole = file.read_bytes()
    command = [sys.executable, "-c", KILLED, "before it is placed", project.root, file, "copy"]
    subprocess.run(command, capture_output=True, timeout=60)
    file.unlink()
    notes = intake.recover(project)
    assert len(notes) == 1
    (image,) = project.images
    assert Path(image["movie"]).read_bytes() == whole


def test_numbers_of_left_folders_are_not_used_again(project, camera):
    (project.root / "g1" / "0000000001").mkdir(parents=True)
    (project.root / "g1" / "0000000002").mkdir()
    (project.root / "g1" / "0000000002" / "something").write_text("old")
    images = intake.add(project, [movie(camera / f"{i}.tif", seed=i) for i in range(2)]).images
    assert [image.id for image in images] == [1, 3]


@pytest.mark.parametrize("other_name", ["m1.tif", "copy.tif"])
def test_two_programs_that_bring_in_the_same_file_make_one_image(
    project, camera, monkeypatch, other_name
):
    file, other = movie(camera / "m1.tif"), movie(camera / other_name)
    looked, rival = intake.told.gather, Project.open(project.root)
    others = []

    def slow(*given):
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr(intake.told, "gather", looked)
            meanwhile.setattr(placing.Box, "place", lambda *_: None)  # it is not yet that far
            others.append(only(intake.add(rival, other)))
        return looked(*given)

    monkeypatch.setattr(intake.told, "gather", slow)
    added = intake.add(project, file)
    assert (added.images, added.refused) == ([], [])
    assert [image.id for _, image in added.known] == [others[0].id]
    assert len(project) == 1
    assert Path(added.known[0][1]["movie"]).is_file()
