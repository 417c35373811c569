import json

import pytest

from focusnb.errors import BadProject, BadSelection, BadValue, UnknownName
from focusnb.model import ruled
from focusnb.model.rebuild import rebuild
from focusnb.model.rules import FIRST, Rules, condition, simple, words_of


def measure(project, image, **found):
    """Give an image results, as if its batch had just ended."""

    def change(document):
        document["results"].update(found)
        document["runs"]["ctf"] = {"fingerprint": "made", "used": [], "products": []}

    project.change(image, change)


def results(**found):
    return {"ctf_resolution": 4.0, "iciness": 0.7, "defocus": 15_000.0, **found}


@pytest.fixture
def measured(project):
    """Three images: a good one, one of bad CTF, one that nothing is known about."""
    measure(project, 1, **results())
    measure(project, 2, **results(ctf_resolution=8.0))
    return project


@pytest.fixture
def made(measured):
    """The rules of a project; the first, which is offered from the start, is gone."""
    made = Rules(measured)
    made.remove(FIRST.name)
    return made


def flags(project):
    return [project.document(image)["flag"] for image in (1, 2, 3)]


def groups(project):
    return [project.document(image)["group"] for image in (1, 2, 3)]


def log(project):
    return [row["message"] for row in project.store.rows("select * from log where event = 'rule'")]


# -- the list ---------------------------------------------------------------------------------


def test_good_is_the_first_rule_and_it_is_off(project):
    assert [(rule.name, rule.condition, rule.does, rule.on) for rule in Rules(project)] == [
        ("not good", "good == False", "flag red", False)
    ]


def test_rules_are_kept_in_the_workspace(made, measured):
    made.add("ice", "iciness > 1.5", flag="blue")
    kept = json.loads((measured.root / "workspace.json").read_text(encoding="utf-8"))
    assert kept["rules"][0]["condition"] == "iciness > 1.5"
    assert Rules(measured)["ice"].does == "flag blue"
    assert Rules(measured)["ice"].on is False


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"condition": "ctf_resolution >", "flag": "red"}, BadSelection, "is no selection"),
        ({"condition": "ctf_resolutoin > 6", "flag": "red"}, BadSelection, "ctf_resolution"),
        ({"condition": " ", "flag": "red"}, BadSelection, "no condition"),
        ({"condition": "iciness > 1"}, BadValue, "one thing"),
        ({"condition": "iciness > 1", "flag": "red", "move": "x"}, BadValue, "one thing"),
        ({"condition": "iciness > 1", "flag": "pink"}, BadValue, "none of red"),
        ({"condition": "iciness > 1", "flag": "none"}, BadValue, "none of red"),
        ({"condition": "iciness > 1", "move": "../away"}, BadValue, "group"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(made, how, error, words):
    with pytest.raises(error, match=words):
        made.add("x", **how)
    assert len(made) == 0


def test_two_rules_of_one_name_are_refused(made):
    made.add("ice", "iciness > 1.5", flag="blue")
    with pytest.raises(BadValue, match="already"):
        made.add(" ice ", "iciness > 2", flag="red")


def test_a_rule_that_is_not_there_is_told_with_those_that_are(made):
    made.add("ice", "iciness > 1.5", flag="blue")
    with pytest.raises(UnknownName, match="'ice'"):
        made.switch("snow")


def test_the_limits_of_good_are_offered_as_they_are_now(made, measured):
    measured.set(good_ctf_resolution=5.0)
    offered = {rule.condition: rule for rule in made.offered}
    assert "good == False" in offered
    assert offered["ctf_resolution > 5.0"].name == "CTF resolution > 5.0 Å"
    assert offered["defocus < 2000.0"].name == "Defocus < 0.20 µm"
    assert not any(rule.on for rule in offered.values())
    made.add("mine", "ctf_resolution > 5.0", flag="gold")
    assert "ctf_resolution > 5.0" not in [rule.condition for rule in made.offered]


@pytest.mark.parametrize(
    ("word", "comparison", "value", "text"),
    [
        ("ctf_resolution", ">", "6", "ctf_resolution > 6.0"),
        ("particles", "<", "50", "particles < 50"),
        ("aligned", "==", "no", "aligned == False"),
        ("name", "!=", "it's", 'name != "it\'s"'),
        ("ctf_resolution", ">", 1e6, "ctf_resolution > 1000000.0"),
    ],
)
def test_a_condition_is_built_of_word_comparison_and_value(project, word, comparison, value, text):
    built = condition(project.words, word, comparison, value)
    assert built == text
    assert simple(built)[:2] == (word, comparison)


@pytest.mark.parametrize(
    ("word", "comparison", "value"),
    [("ctf_resolution", ">", ""), ("ctf_resolution", ">", "six"), ("ctf_resolution", "in", "6"),
     ("shifts", ">", "6"), ("nothing", ">", "6")],
)  # fmt: skip
def test_a_condition_that_cannot_be_built_says_why(project, word, comparison, value):
    with pytest.raises((BadValue, UnknownName)):
        condition(project.words, word, comparison, value)


def test_a_condition_of_more_than_one_comparison_is_not_simple():
    assert simple("iciness > 1 and flag == 'none'") is None
    assert words_of("iciness > 1 and flag == 'none' or iciness > 2") == ["iciness", "flag"]


# -- what they do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("ctf_resolution > 6", [2]),
        ("ctf_resolution <= 8", [1, 2]),
        ("ctf_resolution > 6 or iciness < 1", [1, 2]),
        ("not ctf_resolution < 6", [2]),  # nothing is known about the third: it is left alone
        ("good == False", [2]),
        ("particles > 0", []),
        ("group == 'g1' and name != 'a.tif'", [2]),
    ],
)
def test_a_rule_changes_the_images_its_condition_holds_for(made, measured, text, hit):
    made.add("x", text, flag="red")
    assert made.would("x") == hit
    assert made.apply("x").changed == {"x": hit}
    assert [i for i, flag in enumerate(flags(measured), 1) if flag == "red"] == hit


def test_only_rules_that_are_on_are_applied_by_themselves(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red")
    assert str(made.apply()) == "no image was changed"
    assert flags(measured) == ["none", "none", "none"]
    made.switch("x")
    assert str(made.apply()) == "rule 'x': flag red for 1 image"
    assert flags(measured) == ["none", "red", "none"]


def test_what_a_rule_did_is_logged_with_its_reason_and_what_was_before(made, measured):
    made.add("bad CTF", "ctf_resolution > 6", flag="red")
    made.add("far", "defocus > 1", move="elsewhere")
    made.apply("bad CTF", "far")
    assert log(measured)[0] == (
        "rule 'bad CTF': flag red, was none; CTF resolution 8.00 Å (ctf_resolution > 6)"
    )
    assert log(measured)[1] == "rule 'far': group elsewhere, was g1; Defocus 1.50 µm (defocus > 1)"
    assert made.log()[-1]["name"] == "b.tif"


def test_a_rule_moves_images_with_their_folders(made, measured):
    made.add("out", "ctf_resolution > 6", move="TRASH")
    made.apply("out")
    assert groups(measured) == ["g1", "TRASH", "g2"]
    assert (measured.root / "TRASH" / "0000000002" / "image.json").is_file()


def test_the_first_rule_that_has_an_image_keeps_it(made, measured):
    made.add("one", "ctf_resolution > 6", move="bad")
    made.add("two", "iciness > 0", move="TRASH")
    made.add("three", "ctf_resolution > 6", flag="gold")
    made.add("four", "iciness > 0", flag="blue")
    made.apply("one", "two", "three", "four")
    assert groups(measured) == ["TRASH", "bad", "g2"]
    assert flags(measured) == ["none", "gold", "none"]  # what lies in the TRASH is left alone


def test_a_flag_by_hand_wins_from_the_start(made, measured):
    measured.flag([2], "green")
    made.add("x", "ctf_resolution > 6", flag="red")
    assert made.would("x") == []
    made.apply("x")
    assert flags(measured) == ["none", "green", "none"]


def test_an_image_that_people_took_back_is_left_alone_for_ever(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red")
    made.add("out", "ctf_resolution > 6", move="TRASH")
    made.apply("x", "out")
    measured.flag([2], "none")
    measured.move([2], "g1")
    measure(measured, 2, ctf_resolution=11.0)
    made.change("x", condition="ctf_resolution > 7")
    made.apply("x", "out")
    assert flags(measured) == ["none", "none", "none"]
    assert groups(measured) == ["g1", "g1", "g2"]
    assert made.counts("x") == {"changed": 0, "by_hand": 1, "undone": 0}


def test_an_image_is_changed_once_its_numbers_have_come(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red")
    made.apply("x")
    measure(measured, 3, ctf_resolution=9.0)
    assert made.apply("x").changed == {"x": [3]}
    assert made.apply("x").changed == {"x": []}


def test_undo_brings_back_what_is_still_as_the_rule_left_it(made, measured):
    measure(measured, 3, ctf_resolution=9.0)
    made.add("out", "ctf_resolution > 6", move="TRASH")
    made.apply("out")
    measured.move([3], "kept")
    undone = made.undo("out")
    assert (undone.images, undone.left) == ((2,), (3,))
    assert str(undone) == ("rule 'out' undone for 1 image; 1 image stayed: changed by hand since")
    assert groups(measured) == ["g1", "g1", "kept"]
    assert log(measured)[-1] == "rule 'out' undone: group g1 again, was TRASH"


def test_what_was_undone_is_not_done_again_until_the_rule_is_another_one(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red", on=True)
    made.apply()
    made.undo("x")
    assert flags(measured) == ["none", "none", "none"]
    measure(measured, 2, ctf_resolution=12.0)
    assert made.apply().changed == {"x": []}
    made.change("x", condition="ctf_resolution > 6.5")
    assert made.apply().changed == {"x": [2]}


def test_images_that_were_brought_back_can_be_allowed_again(made):
    made.add("x", "ctf_resolution > 6", flag="red")
    made.apply("x")
    made.undo("x")
    assert made.allow_again("x") == 1
    assert made.would("x") == [2]


def test_a_removed_rule_can_still_be_undone(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red")
    made.apply("x")
    made.remove("x")
    assert made.undo("x").images == (2,)
    assert flags(measured) == ["none", "none", "none"]
    with pytest.raises(UnknownName, match="there is no rule 'y'"):
        made.undo("y")


def test_images_that_are_being_processed_are_left_alone(made, measured):
    with measured.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (2, 'ctf', 1, 'running', 0)"
        )
    made.add("out", "ctf_resolution > 6", move="TRASH")
    assert made.would("out") == []
    assert made.apply("out").changed == {"out": []}
    assert groups(measured) == ["g1", "g1", "g2"]


def test_a_rebuilt_project_knows_what_rules_did(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red")
    made.add("out", "ctf_resolution < 6", move="TRASH")
    made.apply("x", "out")
    measured.flag([2], "none")
    measured.set([3], comment="nothing is known about it")
    (measured.root / "project.db").unlink()
    again, notes = rebuild(measured.root)
    assert notes == []
    found = Rules(again)
    assert found.apply("x", "out").changed == {"x": [], "out": []}
    assert found.counts("out") == {"changed": 1, "by_hand": 0, "undone": 0}
    assert found.undo("out").images == (1,)
    assert groups(again) == ["g1", "g1", "g2"]


def test_a_broken_condition_is_told_and_the_rest_goes_on(made, measured):
    made.add("x", "ctf_resolution > 6", flag="red", on=True)
    kept = measured.root / "workspace.json"
    text = kept.read_text(encoding="utf-8")
    table = json.loads(text)
    table["rules"] = [
        {"name": "gone", "condition": "blur > 3", "flag": "red", "on": True},
        {"name": "text", "condition": "name > 3", "flag": "red", "on": True},
        {"name": "list", "condition": ["iciness"], "flag": "red", "on": True},
        {"flag": "red"},
        *table["rules"],
    ]
    kept.write_text(json.dumps(table), encoding="utf-8")
    applied = made.apply()
    assert applied.changed["x"] == [2]
    assert "'blur' is no column" in applied.problems["gone"]
    assert "compares text with a number" in applied.problems["text"]
    assert "'blur' is no column" in made.problem("gone")
    assert "condition is no text" in made.problem("list")
    assert "has no name" in made.problem("rule 4")
    assert made.problem("x") == ""


def test_a_folder_in_the_way_of_a_move_is_told_and_nothing_is_recorded(made, measured):
    (measured.root / "TRASH" / "0000000002").mkdir(parents=True)
    made.add("out", "ctf_resolution > 6", move="TRASH")
    assert "is in the way" in made.apply("out").problems["out"]
    assert groups(measured) == ["g1", "g1", "g2"]
    assert made.counts("out") == {"changed": 0, "by_hand": 0, "undone": 0}


def test_many_images_take_several_transactions(made, measured, monkeypatch):
    monkeypatch.setattr(ruled, "AT_ONCE", 1)
    made.add("x", "iciness > 0", flag="red")
    assert made.apply("x").changed == {"x": [1, 2]}
    assert made.undo("x").images == (1, 2)


def test_an_image_that_cannot_come_back_is_told_and_can_be_undone_later(made, measured):
    measure(measured, 3, ctf_resolution=9.0)
    made.add("out", "ctf_resolution > 6", move="TRASH")
    made.apply("out")
    hindrance = measured.root / "g1" / "0000000002"
    hindrance.mkdir()
    undone = made.undo("out")
    assert (undone.images, undone.left, undone.hindered) == ((3,), (), (2,))
    assert "1 image could not come back" in str(undone)
    assert "is in the way" in str(undone)
    assert groups(measured) == ["g1", "TRASH", "g2"]
    assert measured.store.rows("select * from move") == []
    assert made.counts("out") == {"changed": 1, "by_hand": 0, "undone": 1}
    hindrance.rmdir()
    assert made.undo("out").images == (2,)
    assert groups(measured) == ["g1", "g1", "g2"]


def test_several_folders_in_the_way_hinder_no_other_image(made, measured, monkeypatch):
    monkeypatch.setattr(ruled, "AT_ONCE", 1)
    measure(measured, 3, **results())
    for number in (1, 2):
        (measured.root / "TRASH" / f"{number:010d}").mkdir(parents=True)
    made.add("out", "iciness > 0", move="TRASH")
    applied = made.apply("out")
    assert applied.changed == {"out": [3]}
    assert "is in the way" in applied.problems["out"]
    assert groups(measured) == ["g1", "g1", "TRASH"]
    assert made.counts("out") == {"changed": 1, "by_hand": 0, "undone": 0}
    assert measured.store.rows("select * from move") == []


def test_what_cannot_be_read_of_the_rules_stays_as_somebody_wrote_it(made, measured):
    broken = [
        {"condition": "iciness > 1", "flag": "red", "note": "whose is it?"},
        "iciness > 2",
        {"name": "list", "condition": ["iciness"], "flag": "red"},
        {"name": "mine", "condition": "iciness > 3", "flag": "red", "why": "a grid of lacey"},
    ]
    measured.workspace.set("rules", broken)
    made.add("x", "ctf_resolution > 6", flag="red")
    made.switch("mine")
    made.change("x", condition="ctf_resolution > 7")
    made.remove("x")
    kept = measured.workspace.get("rules")
    assert kept[:3] == broken[:3]
    assert kept[3] == {**broken[3], "on": True, "since": kept[3]["since"]}
    with pytest.raises(BadValue, match="rule 2 has no name"):
        made.switch("rule 2", False)
    made.remove("rule 2")
    assert [rule.name for rule in made] == ["rule 1", "list", "mine"]
    assert made.problem("rule 1")


def test_a_list_of_rules_that_is_none_is_never_written_over(made, measured):
    measured.workspace.set("rules", {"ice": "iciness > 1"})
    with pytest.raises(BadProject, match="rules is no list"):
        made.add("x", "iciness > 1", flag="red")
    assert measured.workspace.get("rules") == {"ice": "iciness > 1"}
    assert "rules is no list" in made.problem("rules")
