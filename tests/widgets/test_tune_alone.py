"""The tuner on pictures of no project: files and arrays, and the Python lines that do the same."""

import numpy as np
import pytest
from browser import tuned

import focusnb as fn
from focusnb import formats
from focusnb.errors import BadValue
from focusnb.formats import pick_edits
from focusnb_widgets import tune_picking


@pytest.fixture
def alone():
    return tune_picking(
        tuned.disks(5)[0], pixel_size=tuned.PIXEL, values={"particle_diameter": 120}
    )


def test_pictures_of_no_project_have_no_actions_but_a_line(alone):
    (one,) = alone.lines["actions"]
    assert not one["enabled"]
    assert one["line"] == (
        "tuner = tune_picking(picture, pixel_size=2, values={'particle_diameter': 120.0})"
    )
    with pytest.raises(BadValue, match="of no project"):
        alone.use()


def test_the_line_of_a_file_runs(tmp_path):
    formats.write(tmp_path / "a.mrc", tuned.disks(6, count=14, side=448)[0], pixel_size=tuned.PIXEL)
    tuner = tune_picking(tmp_path / "a.mrc", values={"particle_diameter": 120, "pick_threshold": 4})
    (one,) = tuner.lines["actions"]
    assert one["line"].startswith("fn.quick(")
    answer = eval(one["line"], {"fn": fn})
    assert answer["error"] is None
    assert answer["particles"] == len(tuner.picks(0))


def test_the_line_of_several_files_picks_all_with_what_a_hand_changed(tmp_path):
    places = [tmp_path / "a.mrc", tmp_path / "b.mrc"]
    for seed, place in enumerate(places):
        picture = tuned.disks(seed, count=14, side=448)[0]
        formats.write(place, picture, pixel_size=tuned.PIXEL)
    tuner = tune_picking(places, values={"particle_diameter": 120, "picker": "blob"})
    x, y = tuner.picks(1).x, tuner.picks(1).y
    tuner.edits = [tuner.edits[0], {"removed": [[float(x[0]), float(y[0])]], "added": [[9, 9]]}]
    (one,) = tuner.lines["actions"]
    answers = []

    class Noted:
        @staticmethod
        def quick(*args, **words):
            answers.append(fn.quick(*args, **words))

    exec(one["line"], {"fn": Noted})
    assert [a["error"] for a in answers] == [None, None]
    assert [a["particles"] for a in answers] == [len(tuner.picks(0)), len(tuner.picks(1))]
    assert pick_edits.read(tmp_path / "b.pick_edits.json").added.tolist() == [[9, 9]]


def test_the_line_of_several_pictures_names_all_with_what_a_hand_changed():
    tuner = tune_picking([(np.ones((90, 90)), 2.0), (np.ones((90, 90)), 3.0)])
    tuner.edits = [tuner.edits[0], {**tuner.edits[1], "added": [[9, 9]]}]
    line = tuner.lines["actions"][0]["line"]
    assert line.startswith("tuner = tune_picking([(picture_1, 2), (picture_2, 3)], values={")
    assert "tuner.edits = [{'added': []" in line
    assert "'added': [[9, 9]]" in line


def test_its_text_says_what_it_is(alone):
    alone.values = {**alone.values, "pick_threshold": 4.0}
    assert repr(alone) == (
        "<tuner of picking: 1 picture (picture 1); particle_diameter=120.0, pick_threshold=4.0>"
    )


def test_pictures_of_several_projects_are_refused(tmp_path):
    project = tuned.project(tmp_path / "session", images=1, count=14, side=448)[0]
    with pytest.raises(BadValue, match="of several projects, or of one and none"):
        tune_picking([project.images[0], (tuned.disks(0)[0], 2.0)])
