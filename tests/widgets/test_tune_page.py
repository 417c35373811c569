"""The tuner as Python sees it: traits, messages to the page, what its actions do to a project."""

import asyncio
import sqlite3

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
    return seen(tune_picking(project.images, values={"picker": "blob"}))


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
    assert told(tuner, "problems") == []
    content, buffers = next(m for m in tuner.told if "picks" in m[0])
    x, y, score, diameter, angle = (np.frombuffer(b, "<f4") for b in buffers)
    found = tuner.candidates(0).picks
    assert_allclose(np.stack([x, y, score]), np.stack([found.x, found.y, found.score]), rtol=1e-6)
    assert set(diameter) == {tuned.DIAMETER}
    assert len(angle) == len(x)
    assert content["auto"] == pytest.approx(tuner.candidates(0).automatic)
    assert content["effective"] == {"pick_distance": 0.8 * tuned.DIAMETER}


def test_of_two_passes_the_blobs_are_told_first(project):
    tuner = seen(tune_picking(project.images[0]))
    assert tuner.values["picker"] == "reference_free"
    first, second = (b for m, b in tuner.told if "picks" in m)
    scores = [np.frombuffer(buffers[2], "<f4") for buffers in (first, second)]
    blobs = tune_picking(project.images[0], values={"picker": "blob"})
    assert_allclose(scores[0], blobs.candidates(0).picks.score, rtol=1e-6)
    assert_allclose(scores[1], tuner.candidates(0).picks.score, rtol=1e-6)
    assert len({m["stamp"] for m in told(tuner, "picks")}) == 1


def test_before_a_page_looks_nothing_is_read_or_sent(project):
    tuner = tune_picking(project)
    assert all(subject._picture is None for subject in tuner.subjects)
    tuner.values = {**tuner.values, "particle_diameter": 100.0}
    assert all(subject._picture is None for subject in tuner.subjects)


def test_a_kernel_that_has_waited_reads_the_project_anew_when_a_page_looks(project):
    tuner = tune_picking(project.images, values={"picker": "blob", "particle_diameter": 110.0})
    project.set(pick_threshold=6.0, particle_diameter=90.0)
    project.edit_picks(project.images[1], added=[[9, 9]])
    seen(tuner)
    assert tuner.values["pick_threshold"] == tuner.base["pick_threshold"] == 6.0
    assert (tuner.values["particle_diameter"], tuner.base["particle_diameter"]) == (110.0, 90.0)
    assert tuner.edits[1]["added"] == tuner.saved[1]["edits"]["added"] == [[9.0, 9.0]]
    assert 9.0 in tuner.picks(1).x


def test_marks_that_were_given_are_not_saved_yet(project):
    tuner = seen(tune_picking(project.images, manual={0: [[5, 6]]}, values={"picker": "blob"}))
    assert tuner.manual[0] == [[5.0, 6.0]]
    assert tuner.save() == "Marks of 1 image saved."


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


def test_a_setting_a_that_fails_is_told_as_a_s(tuner):
    tuner.told.clear()
    tuner.setting_a = {**tuner.values, "particle_diameter": 4000.0}
    assert [(m["slot"], m["image"]) for m in told(tuner, "problems")] == [("a", 0), ("a", 1)]


def test_a_failure_that_comes_late_is_not_told(project, monkeypatch):
    async def there_and_back():
        tuner = seen(tune_picking(project.images[0], values={"picker": "blob"}))
        await tuner._answers.latest.settle()
        tuner.told.clear()
        tuner.values = {**tuner.values, "particle_diameter": 4000.0}  # fails, when it is searched
        await asyncio.sleep(0)
        tuner.values = {**tuner.values, "particle_diameter": tuned.DIAMETER}  # is known
        await tuner._answers.latest.settle()
        return told(tuner, "problems"), len(told(tuner, "picks"))

    assert asyncio.run(there_and_back()) == ([], 1)


def test_while_a_value_is_not_allowed_the_last_setting_that_was_holds(tuner):
    tuner.values = {**tuner.values, "pick_threshold": 4.5}
    tuner.values = {**tuner.values, "particle_diameter": -3}
    tuner.told.clear()
    area = [[0, 0], [230, 0], [230, 447], [0, 447]]
    tuner.edits = [{"added": [[5, 5]], "removed": [], "excluded": [area]}, tuner.edits[1]]
    assert [m["picks"] for m in told(tuner, "picks")] == [0]
    lines = {one["word"]: one["line"] for one in tuner.lines["actions"]}
    assert lines["use"] == "project.set(picker='blob', pick_threshold=4.5)"
    assert "added=[[5, 5]]" in lines["save"]
    with pytest.raises(BadValue, match="particle_diameter = -3"):
        tuner.use()


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
        tuner = seen(tune_picking(project.images[0], values={"picker": "blob"}))
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
    async def drag(picker):
        tuner = seen(tune_picking(project.images[0], values={"picker": picker}))
        await tuner._answers.latest.settle()
        tuner.told.clear()
        tuner.values = {**tuner.values, "pick_distance": 150.0}
        at_once = told(tuner, "picks")
        await tuner._answers.latest.settle()
        return [m["effective"] for m in at_once], len(told(tuner, "picks"))

    assert asyncio.run(drag("blob")) == ([{"pick_distance": 150.0}], 1)
    # of two passes the first one; what its picks look like depends on their distance
    assert asyncio.run(drag("reference_free")) == ([{"pick_distance": 150.0}], 2)


# -- actions


def test_each_action_shows_the_line_that_does_the_same(tuner):
    tuner.values = {**tuner.values, "particle_diameter": 110.0, "pick_threshold": 4.5}
    lines = {one["word"]: one for one in tuner.lines["actions"]}
    assert lines["use"]["line"] == (
        "project.set(particle_diameter=110.0, picker='blob', pick_threshold=4.5)"
    )
    assert lines["process"]["line"] == (
        "project.process(['g1/0000000001', 'g1/0000000002'], steps=['pick', 'previews'],"
        " set={'particle_diameter': 110.0, 'picker': 'blob', 'pick_threshold': 4.5}, top=True)"
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


def test_what_a_user_s_own_value_would_uncover_is_refused_before_anything_is_set(
    project, monkeypatch
):
    monkeypatch.setattr(type(project.values()), "set_at", lambda *_: {"pick_threshold": 6.0})
    project.set(pick_threshold=4.5)
    tuner = tune_picking(project, values={"pick_threshold": None, "particle_diameter": 110.0})
    with pytest.raises(BadValue, match=r"pick_threshold is 6\.0 from the user's parameters"):
        tuner.use()
    assert project.values()["particle_diameter"] == tuned.DIAMETER


def test_templates_beside_a_script_are_used_as_the_project_finds_them(
    project, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disk.mrcs").touch()
    tuner = tune_picking(project, values={"templates": "disk.mrcs"})
    assert tuner.use() == "New images are picked with this setting."
    assert tuner.base["templates"] == project.values()["templates"] == str(tmp_path / "disk.mrcs")


def test_what_the_project_has_is_known_after_a_use_that_failed(tuner, project, monkeypatch):
    def half(*_):
        project.set(pick_threshold=4.5)
        raise BadValue("the disk is full")

    monkeypatch.setattr(actions, "use", half)
    with pytest.raises(BadValue):
        tuner.use()
    assert tuner.base["pick_threshold"] == 4.5


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
        "project.edit_picks('g1/0000000001', added=[[20.0, 20.0]], excluded=[[[0, 0], [90, 0], [90, 90]]]);"
        " from focusnb.formats import coordinates; coordinates.write("
        "project['g1/0000000001'].folder / 'marked_by_hand.star', [5.0], [6.0])"
    )
    assert tuner.save() == (
        "Saved with 1 image; they are stale until picked again. Marks of 1 image saved."
    )
    image = project.images[0]
    assert pick_edits.read(image["pick_edits"]).added.tolist() == [[20.0, 20.0]]
    assert len(coordinates.read(image.folder / "marked_by_hand.star")) == 1
    assert not next(a for a in tuner.lines["actions"] if a["word"] == "save")["enabled"]
    again = tune_picking(project.images)
    assert again.edits[0]["added"] == [[20.0, 20.0]]
    assert again.manual[0] == [[5.0, 6.0]]


def test_the_line_of_marks_does_what_their_button_does(tuner, project):
    def line():
        return next(a["line"] for a in tuner.lines["actions"] if a["word"] == "save")

    place = project.images[1].folder / "marked_by_hand.star"
    tuner.manual = [[], [[5.0, 6.0], [7.0, 8.5]]]
    exec(line(), {"project": project})
    by_line = place.read_text()
    place.unlink()
    assert tuner.save() == "Marks of 1 image saved."
    assert place.read_text() == by_line
    tuner.manual = [[], []]
    exec(line(), {"project": project})
    assert not place.exists()


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


def test_a_database_that_is_locked_is_told_in_a_sentence(tuner, monkeypatch):
    def locked(*_):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(actions, "process", locked)
    tuner.told.clear()
    tuner._on_message(tuner, {"do": "action", "name": "process"}, [])
    assert told(tuner, "told") == [
        {"told": "process", "text": "database is locked", "level": "error"}
    ]


def test_all_batches_that_were_queued_are_followed_to_their_end(tuner):
    class Queued:
        def __init__(self, error=None):
            self.error = error

        def __len__(self):
            return 1

        def wait(self, on_progress):
            if self.error:
                raise self.error
            return {1: "done"}

    async def follow():
        tuner.told.clear()
        tuner._follow("process", Queued(sqlite3.OperationalError("disk I/O error")))
        tuner._follow("process_all", Queued())
        following = set(tuner._following)
        await asyncio.gather(*following)
        return len(following)

    assert asyncio.run(follow()) == 2
    ends = {(m["told"], m["text"]) for m in told(tuner, "told") if m["level"] != "note"}
    assert ends == {("process", "disk I/O error"), ("process_all", "1 image processed")}
