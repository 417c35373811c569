"""New projects: whole or not at all."""

import pytest

import focusnb as fn
from focusnb.errors import BadProject, BadValue, UnknownName
from focusnb.model import creation, disk

SCRIPT = """#!/bin/sh
# /// script
# [tool.focusnb]
# params = ["say"]
# [tool.focusnb.param.say]
# default = 1
# ///
"""


def names(folder):
    return [path.name for path in folder.iterdir()]


def make(root, **how):
    return creation.create(root, **{"mode": "single-particle", "kind": fn.Project, **how})


def test_a_project_is_made_at_its_place(tmp_path):
    made = make(tmp_path / "far" / "a project", values={"voltage": "200"})
    assert isinstance(made, fn.Project)
    assert made.root == tmp_path / "far" / "a project"
    assert fn.open(made.root).values()["voltage"] == 200.0
    assert made.root.stat().st_mode & 0o777 == 0o755


def test_an_empty_folder_becomes_one(tmp_path):
    (tmp_path / "p").mkdir()
    assert make(tmp_path / "p").mode == "single-particle"


def test_values_and_scripts_of_another_one_are_taken_over(tmp_path):
    other = make(tmp_path / "other", values={"voltage": 200})
    (other.root / "scripts" / "say").write_text(SCRIPT)
    (other.root / "g.mrc").touch()
    other.set(say=3, gain="g.mrc")
    made = make(tmp_path / "new", other=other, values={"patches": 3, "voltage": 120})
    assert made.settings.values == {
        "voltage": 120.0,
        "say": 3,
        "gain": str(other.root / "g.mrc"),
        "patches": 3,
    }
    assert "say" in made.registry.scripts


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"values": {"voltage": 3}}, BadValue),
        ({"values": {"woltage": 300}}, UnknownName),
        ({"mode": "x-ray"}, BadValue),
        ({"finish": lambda made: made.watch(made.root / "inside")}, BadValue),
    ],
)
def test_what_goes_wrong_leaves_nothing_behind(tmp_path, how, error):
    with pytest.raises(error):
        make(tmp_path / "new" / "deep", **how)
    assert names(tmp_path) == []


def test_what_goes_wrong_leaves_an_empty_folder_as_it_was(tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(BadValue):
        make(tmp_path / "p", values={"voltage": 3})
    assert names(tmp_path) == ["p"]
    assert names(tmp_path / "p") == []


def test_places_that_cannot_be_used_are_told_before(tmp_path):
    make(tmp_path / "p")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    for place, said in (("p", "project already"), ("full", "not empty"), ("file", "not empty")):
        with pytest.raises(BadProject, match=said):
            disk.check_place(tmp_path / place)
    with pytest.raises(BadProject, match=r"file is a file, no folder"):
        disk.check_place(tmp_path / "file" / "p")
    assert disk.check_place(tmp_path / "new" / "p") == tmp_path / "new" / "p"


def test_a_file_that_comes_in_between_is_not_lost(tmp_path):
    place = tmp_path / "p"

    def meanwhile(_):
        place.mkdir()
        (place / "precious").write_text("mine")

    with pytest.raises(BadProject, match="cannot be made"):
        make(place, finish=meanwhile)
    assert names(place) == ["precious"]
    assert names(tmp_path) == ["p"]
