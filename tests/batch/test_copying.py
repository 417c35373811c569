"""Copying images to another project: files, values that they inherited, and no image twice."""

import numpy as np
import pytest
from makers import WORDS, recorded

import focusnb as fn
from focusnb import formats
from focusnb.errors import BadProject, BadValue
from focusnb.model.rebuild import rebuild


@pytest.fixture
def projects(tmp_path):
    camera = tmp_path / "camera"
    camera.mkdir()
    movie = recorded(camera)
    one = fn.create(tmp_path / "one", **WORDS)
    one.add(movie, gain=camera / "gain.mrc", defects=camera / "defects.txt", group="a")
    return one, fn.create(tmp_path / "other", voltage=200.0)


def test_an_image_is_copied_with_its_files_and_what_its_values_stood_for(projects):
    one, other = projects
    formats.write(one[1].folder / "average.mrc", np.ones((8, 8), np.float32), pixel_size=1.0)
    one.change(1, lambda d: d["results"].update(average="average.mrc"))
    one.flag([1], "gold")
    copied = one.copy_to([1], other)
    new = copied.images[0]
    assert new.key == "a/0000000001"
    assert (new.flag, new.name) == ("gold", one[1].name)
    assert new.read("average").shape == (8, 8)
    assert (new.folder / new.document["values"]["movie"]).is_file()
    assert new["particle_diameter"] == WORDS["particle_diameter"]
    assert other.values()["voltage"] == 200.0  # what the other project says stays its own
    gain = formats.read(new["gain"])
    assert np.array_equal(gain, formats.read(one[1]["gain"]))
    assert new["gain"].startswith(str(other.root))


def test_what_is_there_already_is_not_doubled(projects):
    one, other = projects
    one.copy_to([1], other)
    again = one.copy_to([1], other.root)
    assert again.images == []
    assert [there.key for _, there in again.known] == ["a/0000000001"]
    assert len(other) == 1


def test_what_rules_did_there_stays_there_and_the_folder_alone_tells_all(projects):
    one, other = projects
    one.change(1, lambda d: d["rules"].update(bad={"flag": "none"}))
    (new,) = one.copy_to([1], other).images
    assert new.document["rules"] == {}
    again, notes = rebuild(other.root)
    assert notes == []
    assert again[1].document == new.document


def test_an_image_that_is_processed_is_not_copied_and_others_are(projects, tmp_path):
    one, other = projects
    recorded(tmp_path, "second.tif", seed=4)
    one.add(tmp_path / "second.tif", group="b")
    with one.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (1, 'motion', 1, 'running', 0)"
        )
    copied = one.copy_to([1, 2], other)
    assert [image.name for image in copied.images] == ["second.tif"]
    assert "is being processed" in copied.refused[0][1]
    assert not list((other.root / ".incoming").glob("*"))


def test_a_linked_movie_is_the_same_file_for_the_copy(tmp_path):
    movie = recorded(tmp_path)
    one, other = fn.create(tmp_path / "one", **WORDS), fn.create(tmp_path / "other")
    (image,) = one.add(movie, how="link")
    (new,) = one.copy_to([image], other).images
    raw = new.folder / new.document["values"]["movie"]
    assert raw.is_symlink()
    assert raw.resolve() == movie.resolve()


def test_a_vanished_folder_and_the_same_project_are_refused(projects):
    one, other = projects
    with pytest.raises(BadValue, match="this project itself"):
        one.copy_to([1], one.root)
    one[1].folder.rename(one.root / "elsewhere")
    with pytest.raises(BadProject, match="is not there"):
        one.copy_to([1], other)
    assert len(other) == 0
