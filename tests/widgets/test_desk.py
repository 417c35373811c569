"""The desk: actions with their Python lines, undo that takes back only what is still as it was left."""

import pytest
from monitor import made

import focusnb as fn
from focusnb.errors import BadProject, BadValue
from focusnb.model import moves
from focusnb_widgets.desk import Desk, desk_of, numbers
from focusnb_widgets.part import Part


@pytest.fixture
def desk(tmp_path):
    project = fn.create(tmp_path / "p", pixel_size=1.0)
    for number in range(6):
        made.add(project, f"m{number}.tif", 1e9 + number, made.results(number))
    return Desk(project)


def groups(desk):
    return [desk.project[i].group for i in range(1, 7)]


def test_moves_are_undone_in_one_go_and_the_line_can_be_run(desk):
    desk.select([1, 2, 3, 4, 5])
    assert desk.move([1, 2, 3, 4, 5], "TRASH") == "5 images moved to TRASH"
    assert desk.line == "project.move([*range(1, 6)], 'TRASH')"
    assert desk.undoable == ["move of 5 images to TRASH"]
    assert desk.undo() == "undone: move of 5 images to TRASH"
    assert groups(desk) == ["g1"] * 6
    assert desk.undoable == []
    project = desk.project
    exec("project.move([*range(1, 6)], 'TRASH')", {"project": project})
    assert groups(desk) == ["TRASH"] * 5 + ["g1"]


def test_a_selection_by_expression_is_told_as_such(desk):
    chosen = desk.select_where("ctf_resolution > 0")
    assert chosen == [1, 2, 3, 4, 5, 6]
    desk.flag(chosen, "gold")
    assert desk.line == "project.flag(project.select('ctf_resolution > 0'), 'gold')"
    desk.flag(chosen[:2], "red")
    assert desk.line == "project.flag([1, 2], 'red')"


def test_undo_leaves_alone_what_somebody_else_has_changed_since(desk):
    desk.flag([1, 2], "red")
    desk.comment([1, 2], "look again")
    desk.move([1, 2], "TRASH")
    other = fn.open(desk.project.root)
    other.move([1], "keep")
    other.flag([2], "blue")
    assert (
        desk.undo()
        == "undone: move of 2 images to TRASH; 1 image stayed: somebody else has moved them since"
    )
    assert groups(desk)[:2] == ["keep", "g1"]
    assert desk.undo() == "undone: comment of 2 images"
    assert desk.project[1]["comment"] in (None, "")
    assert "1 image stayed" in desk.undo()
    assert [desk.project[i].flag for i in (1, 2)] == ["none", "blue"]
    with pytest.raises(BadValue, match="nothing to undo"):
        desk.undo()


def test_out_of_the_trash_and_undone(desk):
    desk.move([2, 3], "b")
    desk.move([1, 2], "TRASH")
    assert desk.restore([1, 2]) == "2 images moved back to their groups"
    assert groups(desk)[:3] == ["g1", "b", "b"]
    desk.undo()
    assert groups(desk)[:3] == ["TRASH", "TRASH", "b"]


def test_nothing_chosen_is_said(desk):
    with pytest.raises(BadValue, match="choose one or more rows"):
        desk.flag([], "red")


def test_the_desk_sees_what_others_change(desk):
    seen = []
    desk.observe(lambda change: seen.append(change["new"]), "revision")
    assert not desk.look()
    fn.open(desk.project.root).flag([1], "green")
    assert desk.look()
    assert seen == [desk.project.store.revision]


def test_processing_queues_and_tells_its_line(desk):
    batches = desk.process([1, 2], ["measure"], set={"good_iciness": 2.0}, start=False)
    assert len(batches) == 2
    assert desk.line == "project.process([1, 2], steps=['measure'], set={'good_iciness': 2.0})"
    assert desk_of(desk) is desk


@pytest.mark.parametrize(
    ("images", "told"),
    [([], "[]"), ([4], "[4]"), ([1, 2, 3], "[1, 2, 3]"), ([1, 2, 3, 4, 9], "[*range(1, 5), 9]")],
)
def test_numbers_are_told_in_short(images, told):
    assert numbers(images) == told


def run_of(project, image):
    """A batch of an image that runs, as a worker would have it."""
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (?, 'motion', 1, 'running', 0)",
            (image,),
        )


def ended(project):
    with project.store.transaction() as connection:
        connection.execute("update batch set state = 'done'")
    moves.finish(project)


def test_a_move_that_had_to_wait_is_undone_once_it_has_happened(desk):
    run_of(desk.project, 2)
    assert desk.move([1, 2], "TRASH").endswith("1 image of them once the running batch has ended")
    ended(desk.project)
    assert groups(desk)[:2] == ["TRASH", "TRASH"]
    assert desk.undo() == "undone: move of 2 images to TRASH"
    assert groups(desk)[:2] == ["g1", "g1"]


def test_a_move_that_still_waits_is_called_off(desk):
    run_of(desk.project, 2)
    desk.move([1, 2], "TRASH")
    assert desk.undo() == "undone: move of 2 images to TRASH"
    ended(desk.project)
    assert groups(desk)[:2] == ["g1", "g1"]


def test_what_did_move_can_be_undone_when_others_were_hindered(desk):
    desk.move([2], "b")
    desk.move([1, 2, 3], "TRASH")
    (desk.project.root / "b" / "0000000002").mkdir(parents=True)
    with pytest.raises(BadProject, match="in the way"):
        desk.restore([1, 2, 3])
    assert groups(desk)[:3] == ["g1", "TRASH", "g1"]
    assert desk.undoable[0] == "move of 2 images back to their groups"
    assert desk.line == "project.restore([1, 3])"
    desk.undo()
    assert groups(desk)[:3] == ["TRASH"] * 3


def test_undo_tells_the_lines_that_do_the_same(desk):
    desk.move([1], "a")
    desk.move([1, 2, 3], "b")
    desk.undo()
    assert desk.line == "project.move([1], 'a')\nproject.move([2, 3], 'g1')"
    desk.flag([2], "red")
    desk.undo()
    assert desk.line == "project.flag([2], 'none')"
    desk.comment([2], "x")
    desk.undo()
    assert desk.line == "project.set([2], comment=None)"


def test_an_undo_that_fails_can_be_done_again(desk):
    desk.flag([1], "red")
    line = desk.line

    def back():
        raise BadValue("not now")

    desk.remember("nothing", back)
    with pytest.raises(BadValue, match="not now"):
        desk.undo()
    assert (desk.line, desk.undoable[0]) == (line, "nothing")


class Odd(Part):
    def do_break(self, message, buffers):
        return message["missing"]


def test_what_nobody_foresaw_is_answered_and_logged(desk, caplog):
    part, told = Odd(desk), []
    part.send = lambda message, buffers=None: told.append(message)
    part._on_message(part, {"do": "break"}, [])
    assert told == [{"problem": "this could not be done: KeyError: 'missing'", "of": "break"}]
    assert caplog.records[0].name == "focusnb"
    assert caplog.records[0].exc_info
