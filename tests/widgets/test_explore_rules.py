"""The list of rules as messages: what is told, what clicks do and their Python lines."""

import pytest
from monitor import made

import focusnb as fn
from focusnb_widgets.desk import Desk
from focusnb_widgets.explore import RulesPanel


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    project = made.project(tmp_path / "session")
    made.fill(project, 18, now=1_790_000_000.0)  # the 5th drifted, the 14th has ice
    return fn.open(project.root)


@pytest.fixture
def panel(project):
    """A list of rules with a page; its messages are kept in `sent`."""
    panel = RulesPanel(Desk(project))
    panel.sent = []
    panel.send = lambda message, buffers=None: panel.sent.append(message)
    ask(panel, "ready")
    return panel


def ask(panel, do, /, **more):
    panel._on_message(panel, {"do": do, **more}, [])


def last(panel, key):
    return [message for message in panel.sent if key in message][-1]


def flags(project):
    return {row["id"]: row["flag"] for row in project.rows() if row["flag"] != "none"}


def test_the_list_begins_with_good_which_is_off(panel):
    (rule,) = last(panel, "rules")["rules"]
    assert (rule["name"], rule["on"], rule["does"]) == ("not good", False, "flag:red")
    assert rule["parts"] == ["good", "==", False]
    assert last(panel, "would") == {"would": "not good", "count": 2, "of": 18, "wrong": ""}


def test_images_in_the_trash_are_not_counted_as_in_the_plots(panel, project):
    project.move([5, 6], "TRASH")
    panel.refresh()
    assert last(panel, "would") == {"would": "not good", "count": 1, "of": 16, "wrong": ""}
    ask(panel, "check", condition="good == False", does="flag:red", number=1)
    assert last(panel, "checked")["text"] == "would change 1 of 16 now"


def test_what_can_be_asked_for_is_told(panel):
    told = last(panel, "rules")
    assert [rule["name"] for rule in told["offered"]][:2] == [
        "CTF resolution > 6.0 Å",
        "Defocus < 0.20 µm",
    ]
    assert told["groups"] == ["TRASH", "g1"]
    kinds = {word["word"]: word.get("kind", "number") for word in told["words"]}
    assert kinds["aligned"] == kinds["good"] == "bool"
    assert kinds["iciness"] == "number"
    assert "recorded" not in kinds


def test_a_rule_is_added_of_its_parts(panel, project):
    ask(panel, "save", name="ice", word="iciness", comparison=">", value=1.5, does="move:TRASH")
    assert project.rules["ice"].condition == "iciness > 1.5"
    assert panel.line == "project.rules.add('ice', 'iciness > 1.5', move='TRASH')"
    assert last(panel, "done")["done"] == "rule 'ice' added; it is off until you switch it on"
    assert last(panel, "would") == {"would": "ice", "count": 1, "of": 18, "wrong": ""}


def test_a_rule_is_changed_by_text(panel, project):
    ask(panel, "save", old="not good", condition="good == False and iciness > 1", does="flag:blue")
    assert project.rules["not good"].does == "flag blue"
    assert panel.line == (
        "project.rules.change('not good', condition='good == False and iciness > 1', flag='blue')"
    )
    assert last(panel, "rules")["rules"][0]["parts"] is None


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"old": "not good", "name": "bad", "does": "flag:red"}, "keeps its name"),
        ({"name": "x", "does": "on:yes"}, "flags with a colour, or moves"),
        ({"name": "x", "does": "flag:"}, "flags with a colour, or moves"),
        ({"old": "not good", "does": "condition:iciness > 1"}, "flags with a colour, or moves"),
    ],
)
def test_what_a_rule_cannot_have_is_refused(panel, project, more, problem):
    ask(panel, "save", condition="good == False", **more)
    assert problem in last(panel, "problem")["problem"]
    (rule,) = project.rules
    assert (rule.name, rule.condition, rule.does, rule.on) == (
        "not good", "good == False", "flag red", False,
    )  # fmt: skip


def test_a_rule_that_keeps_its_name_is_changed(panel, project):
    ask(panel, "save", name="not good", old="not good", condition="iciness > 1", does="flag:blue")
    assert project.rules["not good"].does == "flag blue"


def test_a_mistake_is_told_beside_the_field_and_nothing_is_added(panel, project):
    ask(panel, "save", name="x", condition="icyness > 1", does="flag:red")
    assert last(panel, "problem")["of"] == "save"
    assert "meant 'iciness'?" in last(panel, "problem")["problem"]
    assert len(project.rules) == 1


@pytest.mark.parametrize(
    ("asked", "problem", "text"),
    [
        ({"condition": "iciness > 2"}, "", "would change 1 of 18 now"),
        ({"condition": "iciness >"}, "is no selection", None),
        ({"word": "iciness", "comparison": ">", "value": "much"}, "a number is expected", None),
        ({"word": "good", "comparison": "==", "value": "True"}, "", "would change 16 of 18 now"),
    ],
)
def test_a_condition_that_is_being_written_is_tried(panel, asked, problem, text):
    ask(panel, "check", does="flag:red", number=3, **asked)
    told = last(panel, "checked")
    assert told["checked"] == 3
    assert problem in told["problem"]
    assert told.get("text") == text


def test_switch_apply_undo_and_their_python_lines(panel, project):
    ask(panel, "switch", name="not good", on=True)
    assert panel.line == "project.rules.switch('not good')"
    assert last(panel, "rules")["rules"][0]["on"] is True
    ask(panel, "apply")
    assert panel.line == "project.apply_rules()"
    assert flags(project) == {5: "red", 14: "red"}
    assert last(panel, "rules")["rules"][0]["changed"] == 2
    assert last(panel, "rules")["log"][0]["message"].startswith("rule 'not good': flag red")
    project.flag([5], "gold")
    ask(panel, "undo_rule", name="not good")
    assert panel.line == "project.undo_rule('not good')"
    assert flags(project) == {5: "gold"}
    assert last(panel, "done")["done"] == (
        "rule 'not good' undone for 1 image; 1 image stayed: changed by hand since"
    )
    ask(panel, "again", name="not good")
    assert panel.line == "project.rules.allow_again('not good')"
    ask(panel, "remove", name="not good")
    assert len(project.rules) == 0


def test_the_lines_can_be_run(panel, project):
    ask(panel, "save", name="ice", word="iciness", comparison=">", value=1.5, does="flag:blue")
    line = panel.line
    project.rules.remove("ice")
    for one in (line, "project.rules.switch('ice')", "project.apply_rules()"):
        exec(one, {"project": project})
    assert flags(project) == {14: "blue"}


def test_the_images_of_a_rule_are_chosen(panel):
    ask(panel, "choose", name="not good")
    assert panel.desk.selected == [5, 14]


def test_a_rule_that_is_gone_meanwhile_is_told(panel, project):
    project.rules.remove("not good")
    ask(panel, "apply", name="not good")
    assert "there is no rule 'not good'" in last(panel, "problem")["problem"]


def test_a_workspace_that_cannot_be_read_is_told(panel, project):
    (project.root / "workspace.json").write_text("{", encoding="utf-8")
    panel.refresh()
    assert "cannot be read" in last(panel, "problem")["problem"]


def test_a_broken_rule_is_listed_with_what_is_wrong(panel, project):
    project.workspace.set("rules", [{"name": "x", "condition": "blur > 1", "flag": "red"}])
    panel.refresh()
    assert "'blur' is no column" in last(panel, "rules")["rules"][0]["problem"]
    assert "'blur' is no column" in last(panel, "would")["wrong"]


def test_nothing_is_sent_before_a_page_asks(project):
    panel = RulesPanel(project)
    panel.send = lambda *_: pytest.fail("there is no page yet")
    project.rules.add("x", "iciness > 1", flag="red")
    panel.desk.look()
    assert "not good" in repr(panel)
