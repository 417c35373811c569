import pytest

from focusnb.batch import dispatch, ruling
from focusnb.batch import live as room
from focusnb.model.rules import FIRST, Rules


def measure(project, image, **found):
    def change(document):
        document["results"].update(found)
        document["runs"]["measure"] = {"fingerprint": "made", "used": [], "products": []}

    project.change(image, change)


@pytest.fixture
def rules(project):
    """A rule that is on, and one old image of the kind that it flags."""
    measure(project, 1, drift_range=70.0)
    made = Rules(project)
    made.remove(FIRST.name)
    made.add("drift", "drift_range > 50", flag="red", on=True)
    return made


@pytest.fixture
def ruler(project, rules):
    return ruling.Ruler(project, clock=lambda: 0.0)


def flags(project):
    return [project.document(image)["flag"] for image in range(1, 5)]


def batch(project, image, state):
    with project.store.transaction() as connection:
        connection.execute("delete from batch")
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (?, 'count', 1, ?, 0)",
            (image, state),
        )


def test_what_came_before_a_rule_was_switched_on_is_left_to_people(project, ruler, rules):
    assert ruler.look() == []
    assert flags(project) == ["none", "none", "none", "none"]
    assert rules.would("drift") == [1]


def test_an_image_is_judged_when_its_numbers_come(project, ruler):
    ruler.look()
    measure(project, 2, drift_range=80.0)
    measure(project, 3, drift_range=8.0)
    assert ruler.look() == ["rule 'drift': flag red for 1 image"]
    assert flags(project) == ["none", "red", "none", "none"]
    assert ruler.look() == []


def test_an_image_is_judged_again_when_its_numbers_change(project, ruler):
    measure(project, 3, drift_range=8.0)
    ruler.look()
    project.set([3], comment="looks fine")
    assert ruler.look() == []
    measure(project, 3, drift_range=88.0)
    measure(project, 1, drift_range=77.0)
    assert ruler.look() == ["rule 'drift': flag red for 2 images"]


def test_a_comment_on_an_old_image_is_no_number(project, ruler):
    ruler.look()
    project.set([1], comment="drifts, and is wanted")
    assert ruler.look() == []
    assert flags(project) == ["none", "none", "none", "none"]


def test_a_new_session_judges_what_came_since_the_last_one(project, ruler):
    ruler.look()
    measure(project, 2, drift_range=80.0)
    again = ruling.Ruler(project, clock=lambda: 0.0)
    assert again.look() == ["rule 'drift': flag red for 1 image"]
    assert flags(project) == ["none", "red", "none", "none"]


def test_a_rule_that_is_switched_on_meanwhile_begins_with_what_comes(project, ruler, rules):
    rules.switch("drift", False)
    measure(project, 2, drift_range=80.0)
    assert ruler.look() == []
    rules.switch("drift")
    assert ruler.look() == []
    measure(project, 3, drift_range=80.0)
    assert ruler.look() == ["rule 'drift': flag red for 1 image"]
    assert flags(project) == ["none", "none", "red", "none"]


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_an_image_whose_batch_has_not_ended_is_judged_afterwards(project, ruler, state):
    ruler.look()
    measure(project, 2, drift_range=80.0)
    batch(project, 2, state)
    assert ruler.look() == []
    batch(project, 2, "done")
    assert ruler.look() == ["rule 'drift': flag red for 1 image"]


def test_limits_that_people_change_judge_no_old_image(project, ruler, rules):
    rules.add("not good", "good == False", flag="blue", on=True)
    measure(project, 2, drift_range=20.0)
    ruler.look()
    project.set(good_drift_range=10.0)
    project.set([2], comment="x")
    assert ruler.look() == []
    measure(project, 3, drift_range=20.0)
    assert ruler.look() == ["rule 'not good': flag blue for 1 image"]


def test_a_broken_rule_is_told_once_and_the_others_go_on(project, ruler, rules):
    kept = rules._workspace.get("rules")
    rules._workspace.set(
        "rules", [{"name": "gone", "condition": "blur > 1", "flag": "red", "on": True}, *kept]
    )
    measure(project, 2, drift_range=80.0)
    said = ruler.look()
    assert "'blur' is no column" in said[0]
    assert said[1] == "rule 'drift': flag red for 1 image"
    measure(project, 3, drift_range=80.0)
    assert ruler.look() == ["rule 'drift': flag red for 1 image"]
    warned = project.store.rows("select message from log where event = 'warning'")
    assert len(warned) == 1


def test_while_nothing_happens_nobody_looks(project, ruler, rules, monkeypatch):
    ruler.look()
    measure(project, 2, drift_range=80.0)
    batch(project, 2, "waiting")
    ruler.look()
    looks = []
    monkeypatch.setattr(ruler, "_apply", lambda revision: looks.append(revision) or [])
    ruler.look()
    assert looks == []
    batch(project, 2, "done")  # no revision is told of it
    ruler.look()
    assert len(looks) == 1


def test_without_rules_nothing_is_left_to_be_looked_at(project, ruler, rules):
    ruler.look()
    measure(project, 2, drift_range=80.0)
    batch(project, 2, "waiting")
    ruler.look()
    rules.switch("drift", False)
    ruler.look()
    batch(project, 2, "done")
    changes = project.store.connection.total_changes
    assert [ruler.look(), ruler.look()] == [[], []]
    assert project.store.connection.total_changes == changes


def test_a_session_applies_the_rules(project, rules, monkeypatch):
    monkeypatch.setattr(room, "SCAN", 0.01)
    monkeypatch.setattr(ruling, "REST", 0.0)  # a busy machine takes its time for a look
    monkeypatch.setattr(dispatch, "start", lambda *_, **__: None)
    told, turns = [], iter(range(4))

    def until():
        turn = next(turns)
        if turn == 1:
            measure(project, 4, drift_range=99.0)
        return turn == 3

    room.live(project, submit=lambda *_: None, publish=lambda: None, until=until, news=told.append)
    assert told == ["rule 'drift': flag red for 1 image"]
    assert flags(project) == ["none", "none", "none", "red"]
