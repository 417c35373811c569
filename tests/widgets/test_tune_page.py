"""The tuner as Python sees it: traits, messages to the page, what its actions do to a project."""

import asyncio

import numpy as np
import pytest
from browser import tuned
from numpy.testing import assert_allclose

import focusnb as fn
from focusnb.errors import BadValue
from focusnb.formats import coordinates, pick_edits
from focusnb_widgets import tune_picking
from focusnb_widgets.tuning import actions


@pytest.fixture
def project(tmp_path):
    return tuned.project(tmp_path / "session", images=2, count=14, side=448)[0]


@pytest.fixture
def tuner(project):
    return seen(tune_picking(project.images))


def seen(tuner):
    """The tuner with a page that looks; `tuner.told` are the messages it gets."""
    tuner.told = []
    tuner.send = lambda content, buffers=None: tuner.told.append((content, buffers or []))
    tuner._on_message(tuner, {"ready": True}, [])
    return tuner


def told(tuner, word):
    return [content for content, _ in tuner.told if word in content]


def test_a_page_that_looks_gets_pictures_picks_and_boxes(tuner):
    assert [m["picture"] for m in told(tuner, "picture")] == [0, 1]
    assert [(m["picks"], m["slot"]) for m in told(tuner, "picks")] == [(0, "b"), (1, "b")]
    assert [m["count"] > 10 for m in told(tuner, "boxes")] == [True, True]
    content, buffers = next(m for m in tuner.told if "picks" in m[0])
    x, y, score, diameter, angle = (np.frombuffer(b, "<f4") for b in buffers)
    found = tuner.candidates(0).picks
    assert_allclose(np.stack([x, y, score]), np.stack([found.x, found.y, found.score]), rtol=1e-6)
    assert set(diameter) == {tuned.DIAMETER}
    assert len(angle) == len(x)
    assert content["auto"] == pytest.approx(tuner.candidates(0).automatic)
    assert content["effective"] == {"pick_distance": 0.8 * tuned.DIAMETER}


def test_before_a_page_looks_nothing_is_read_or_sent(project):
    tuner = tune_picking(project)
    assert all(subject._picture is None for subject in tuner.subjects)
    tuner.values = {**tuner.values, "particle_diameter": 100.0}
    assert all(subject._picture is None for subject in tuner.subjects)


def test_a_threshold_asks_nothing_of_the_kernel(tuner):
    tuner.told.clear()
    tuner.values = {**tuner.values, "pick_threshold": 5.0}
    assert told(tuner, "picks") == []
    assert all(score >= 5 for score in tuner.picks(0).score)


def test_any_other_value_brings_new_candidates(tuner):
    tuner.told.clear()
    tuner.values = {**tuner.values, "pick_distance": 200.0}
    assert [m["effective"] for m in told(tuner, "picks")] == [{"pick_distance": 200.0}] * 2


def test_a_value_that_is_not_allowed_is_told_at_its_control(tuner):
    tuner.told.clear()
    tuner.values = {**tuner.values, "particle_diameter": -3}
    (message,) = told(tuner, "problems")
    assert "particle_diameter = -3" in message["problems"]["particle_diameter"]
    assert told(tuner, "picks") == []


def test_a_diameter_that_no_picture_holds_is_told_with_its_image(tuner):
    tuner.told.clear()
    tuner.values = {**tuner.values, "particle_diameter": 4000.0}
    message = told(tuner, "problems")[0]
    assert "4000 Å" in message["problems"]["movie_0.tif"]


def test_words_that_are_not_tuned_are_refused(project):
    with pytest.raises(BadValue, match="'voltage' is nothing that can be tuned here"):
        tune_picking(project, values={"voltage": 200})


def test_the_project_s_values_are_where_one_begins(project):
    project.set(pick_threshold=3.5)
    tuner = tune_picking(project)
    assert tuner.values["pick_threshold"] == tuner.base["pick_threshold"] == 3.5
    assert tuner.values["particle_diameter"] == tuned.DIAMETER


def test_a_remembered_setting_comes_as_candidates_of_its_own(tuner):
    tuner.told.clear()
    tuner.setting_a = {**tuner.values, "pick_distance": 200.0}
    assert [(m["picks"], m["slot"]) for m in told(tuner, "picks")] == [(0, "a"), (1, "a")]


def test_an_excluded_area_leaves_its_picks_out(tuner):
    before = len(tuner.picks(0))
    tuner.told.clear()
    area = [[0, 0], [230, 0], [230, 447], [0, 447]]
    tuner.edits = [{"added": [], "removed": [], "excluded": [area]}, tuner.edits[1]]
    assert [m["picks"] for m in told(tuner, "picks")] == [0]
    assert 0 < len(tuner.picks(0)) < before
    assert tuner.picks(0).x.min() > 225
    assert told(tuner, "mask")[-1]["fractions"]["by hand"]["part"] == pytest.approx(0.51, abs=0.04)


def test_added_and_removed_picks_are_in_the_table(tuner):
    first = tuner.picks(0)
    removed = [float(first.x[0]), float(first.y[0])]
    tuner.edits = [{"added": [[20.0, 20.0]], "removed": [removed], "excluded": []}, tuner.edits[1]]
    table = tuner.picks(0).table()
    assert len(table) == len(first)
    assert (table[["x", "y"]] == [20.0, 20.0]).all(axis=1).sum() == 1
    assert np.hypot(table["x"] - removed[0], table["y"] - removed[1]).min() > 10
    assert told(tuner, "boxes")[-1]["hand"] == 1


def test_finer_pixels_and_the_flat_picture_come_when_asked_for(tuner):
    tuner.told.clear()
    ask = {"do": "picture", "image": 1, "kind": "flat", "part": [10, 20, 110, 140], "step": 1}
    tuner._on_message(tuner, ask, [])
    tuner._on_message(tuner, {"do": "mask", "image": 1}, [])
    ((picture, (data,)), (mask, _)) = [m for m in tuner.told if "busy" not in m[0]]
    assert (picture["kind"], picture["level"], picture["width"], picture["height"]) == (
        "flat", 1, 100, 120,
    )  # fmt: skip
    assert len(data) == 12_000
    assert mask["mask"] == 1


def test_a_sign_of_life_is_answered(tuner):
    tuner.told.clear()
    tuner._on_message(tuner, {"alive": True}, [])
    assert told(tuner, "now")


def test_in_a_kernel_only_the_latest_setting_is_computed(project):
    async def drag():
        tuner = seen(tune_picking(project.images[0]))
        await tuner._answers.latest.settle()
        tuner.told.clear()
        for border in range(100, 200, 5):
            tuner.values = {**tuner.values, "pick_border": float(border)}
        await tuner._answers.latest.settle()
        return told(tuner, "picks")

    assert 1 <= len(asyncio.run(drag())) <= 2


def test_an_answer_that_comes_late_does_not_replace_a_later_one(project):
    async def there_and_back():
        tuner = seen(tune_picking(project.images[0]))
        await tuner._answers.latest.settle()
        tuner.told.clear()
        tuner.values = {**tuner.values, "pick_border": 150.0}  # has to be searched for
        await asyncio.sleep(0.01)
        tuner.values = {**tuner.values, "pick_border": None}  # is known, and told at once
        await tuner._answers.latest.settle()
        return len(tuner.candidates(0).picks), [b for m, b in tuner.told if "picks" in m]

    count, sent = asyncio.run(there_and_back())
    assert [len(buffers[0]) // 4 for buffers in sent] == [count]


def test_a_distance_among_known_candidates_is_told_at_once(project):
    async def drag():
        tuner = seen(tune_picking(project.images[0]))
        await tuner._answers.latest.settle()
        tuner.told.clear()
        tuner.values = {**tuner.values, "pick_distance": 150.0}
        return told(tuner, "picks")

    assert [m["effective"] for m in asyncio.run(drag())] == [{"pick_distance": 150.0}]


# -- actions


def test_each_action_shows_the_line_that_does_the_same(tuner):
    tuner.values = {**tuner.values, "particle_diameter": 110.0, "pick_threshold": 4.5}
    lines = {one["word"]: one for one in tuner.lines["actions"]}
    assert lines["use"]["line"] == "project.set(particle_diameter=110.0, pick_threshold=4.5)"
    assert lines["process"]["line"] == (
        "project.process(['g1/0000000001', 'g1/0000000002'], steps=['pick', 'previews'],"
        " set={'particle_diameter': 110.0, 'pick_threshold': 4.5}, top=True)"
    )
    assert not lines["save"]["enabled"]


def test_use_sets_the_project_s_values_as_its_line_does(tuner, project):
    tuner.values = {**tuner.values, "particle_diameter": 110.0, "pick_threshold": 4.5}
    tuner.told.clear()
    tuner._on_message(tuner, {"do": "action", "name": "use"}, [])
    assert told(tuner, "told")[0]["text"] == "New images are picked with this setting."
    assert fn.open(project.root).values()["particle_diameter"] == 110.0
    assert tuner.base["pick_threshold"] == 4.5
    assert [a["enabled"] for a in tuner.lines["actions"] if a["word"] == "use"] == [False]


def test_back_to_the_automatic_threshold_takes_the_value_away(project):
    project.set(pick_threshold=4.5)
    tuner = tune_picking(project)
    tuner.values = {**tuner.values, "pick_threshold": None}
    assert tuner.lines["actions"][0]["line"] == "project.set(pick_threshold=None)"
    tuner.use()
    assert project.values()["pick_threshold"] is None


def test_whom_the_setting_does_not_reach_is_said(tuner, project):
    project.set(project.images[1], particle_diameter=90.0)
    tuner.values = {**tuner.values, "particle_diameter": 110.0}
    assert "1 of its images keep values of their own (g1/0000000002 …)" in tuner.use()


def test_process_queues_the_images_that_are_shown_with_this_setting(tuner, project):
    tuner.values = {**tuner.values, "particle_diameter": 110.0}
    tuner.told.clear()
    tuner._on_message(tuner, {"do": "action", "name": "process"}, [])
    assert told(tuner, "told")[0]["text"] == "2 batches queued"
    assert project.queue.counts()["waiting"] == 2


def test_changes_by_hand_are_saved_and_found_again(tuner, project):
    edits = {"added": [[20.0, 20.0]], "removed": [], "excluded": [[[0, 0], [90, 0], [90, 90]]]}
    tuner.edits = [edits, tuner.edits[1]]
    tuner.manual = [[[5.0, 6.0]], []]
    save = next(a for a in tuner.lines["actions"] if a["word"] == "save")
    assert save["enabled"]
    assert save["line"] == (
        "project.edit_picks('g1/0000000001', added=[[20.0, 20.0]], excluded=[[[0, 0], [90, 0], [90, 90]]])"
    )
    tuner.save()
    image = project.images[0]
    assert pick_edits.read(image["pick_edits"]).added.tolist() == [[20.0, 20.0]]
    assert len(coordinates.read(image.folder / "marked_by_hand.star")) == 1
    assert not next(a for a in tuner.lines["actions"] if a["word"] == "save")["enabled"]
    again = tune_picking(project.images)
    assert again.edits[0]["added"] == [[20.0, 20.0]]
    assert again.manual[0] == [[5.0, 6.0]]


def test_changes_that_were_taken_back_leave_no_file(project):
    image = project.images[0]
    project.edit_picks(image, added=[[1, 2]])
    assert image["pick_edits"].endswith("pick_edits.json")
    project.edit_picks(image.key)
    assert image["pick_edits"] is None
    assert not (image.folder / "pick_edits.json").exists()


def test_what_goes_wrong_is_told_in_a_sentence(tuner, monkeypatch):
    def refuse(*_):
        raise BadValue("project.toml is broken; mend it")

    monkeypatch.setattr(actions, "use", refuse)
    tuner.told.clear()
    tuner._on_message(tuner, {"do": "action", "name": "use"}, [])
    assert told(tuner, "told") == [
        {"told": "use", "text": "project.toml is broken; mend it", "level": "error"}
    ]


# -- without a project, without a page


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
    from focusnb import formats

    formats.write(tmp_path / "a.mrc", tuned.disks(6, count=14, side=448)[0], pixel_size=tuned.PIXEL)
    tuner = tune_picking(tmp_path / "a.mrc", values={"particle_diameter": 120, "pick_threshold": 4})
    (one,) = tuner.lines["actions"]
    assert one["line"].startswith("fn.quick(")
    answer = eval(one["line"], {"fn": fn})
    assert answer["error"] is None
    assert answer["particles"] == len(tuner.picks(0))


def test_its_text_says_what_it_is(alone):
    alone.values = {**alone.values, "pick_threshold": 4.0}
    assert repr(alone) == (
        "<tuner of picking: 1 picture (picture 1); particle_diameter=120.0, pick_threshold=4.0>"
    )


def test_pictures_of_several_projects_are_refused(project):
    with pytest.raises(BadValue, match="of several projects, or of one and none"):
        tune_picking([project.images[0], (tuned.disks(0)[0], 2.0)])
