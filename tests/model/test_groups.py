"""Groups: empty ones, new names, out of the TRASH, and what a crash leaves half done."""

import json
import threading

import pytest
from monitor import made

from focusnb.errors import BadProject, BadValue
from focusnb.model import groups, record
from focusnb.model.project import Project
from focusnb.model.rebuild import rebuild


@pytest.fixture
def project(tmp_path):
    project = made.project(tmp_path / "p")
    for number in range(4):
        made.add(project, f"m{number}.tif", 1e9 + number, made.results(number), group="a")
    return project


def test_an_empty_group_is_a_group_that_images_can_move_to(project):
    project.make_group("keep")
    assert project.groups == ["a", "keep"]
    project.move([1], "keep")
    assert project[1].key == "keep/0000000001"
    with pytest.raises(BadValue, match="already"):
        project.make_group("keep")
    with pytest.raises(BadValue, match="itself uses"):
        project.make_group("scripts")


def test_a_group_gets_another_name_with_its_images_and_values(project):
    project.set(group="a", particle_diameter=90.0)
    before = project.store.revision
    project.rename_group("a", "grid_2")
    assert project.groups == ["grid_2"]
    assert project[3].folder == project.root / "grid_2" / "0000000003"
    assert project[3]["particle_diameter"] == 90.0
    assert json.loads((project[3].folder / "image.json").read_text())["group"] == "grid_2"
    assert project.store.revision > before
    assert not (project.root / "a").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("a", "b c", "letters"), ("nobody", "b", "no group"), ("a", "TRASH", "keeps its name")],
)
def test_names_that_cannot_be_are_refused(project, old, new, said):
    with pytest.raises(BadValue, match=said):
        project.rename_group(old, new)
    assert project.groups == ["a"]


def test_a_group_is_not_renamed_while_one_of_its_images_is_processed(project):
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (2, 'motion', 1, 'running', 0)"
        )
    with pytest.raises(BadProject, match="1 images of a are being processed"):
        project.rename_group("a", "b")
    assert project.groups == ["a"]
    assert project.store.fact(groups.INTENT) is None


def test_a_crash_between_folder_and_rows_is_finished_at_the_next_start(project):
    with project.store.transaction() as connection:
        connection.execute(
            "insert into fact values (?, ?)", (groups.INTENT, json.dumps(["a", "b"]))
        )
    (project.root / "a").rename(project.root / "b")
    notes = record.recover(Project.open(project.root))
    assert notes == ["group a: its new name b was finished"]
    assert project[1].folder.is_dir()
    assert project.groups == ["b"]


def test_a_new_name_that_fails_half_way_leaves_all_as_it_was(project, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(project, "save_document", full)
    with pytest.raises(BadProject, match="No space left"):
        project.rename_group("a", "b")
    monkeypatch.undo()
    assert project.groups == ["a"]
    assert project[1].folder.is_dir()
    assert project.store.fact(groups.INTENT) is None
    project.rename_group("a", "c")
    assert project[1].folder == project.root / "c" / "0000000001"


def test_a_folder_that_is_in_the_way_of_a_half_given_name_is_told(project):
    with project.store.transaction() as connection:
        connection.execute(
            "insert into fact values (?, ?)", (groups.INTENT, json.dumps(["a", "b"]))
        )
    (project.root / "b").mkdir()
    (note,) = record.recover(project)
    assert "is in the way of renaming" in note
    assert project[1].folder.is_dir()
    assert project[1].group == "a"
    assert record.recover(project) == []


def test_a_new_name_is_known_to_the_trash_to_waiting_moves_and_to_rules(project):
    project.make_group("keep")
    project.workspace.set("rules", [{"name": "x", "condition": "defocus > 1", "group": "a"}])
    project.trash([1])
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted)"
            " values (2, 'motion', 1, 'running', 0)"
        )
    project.move([2], "keep")
    project.rename_group("keep", "best")
    with project.store.transaction() as connection:
        connection.execute("update batch set state = 'done'")
    record.recover(project)
    assert project[2].group == "best"
    project.rename_group("a", "first")
    project.restore([1])
    assert project[1].group == "first"
    assert project.workspace.get("rules")[0]["group"] == "first"


def test_scripts_are_seen_again_after_work_in_two_threads(project):
    inside, leave = threading.Event(), threading.Event()

    def work():
        with project.held():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    with project.held():
        leave.set()
    thread.join()
    script = project.root / "scripts" / "mine.sh"
    script.write_text('#!/bin/sh\n# /// script\n# [tool.focusnb]\n# title = "Mine"\n# ///\n')
    script.chmod(0o755)
    assert "mine" in project.registry.scripts


def test_trashed_images_come_back_to_where_each_was(project):
    project.move([3, 4], "b")
    project.trash([1, 3])
    assert [project[i].group for i in (1, 2, 3, 4)] == ["TRASH", "a", "TRASH", "b"]
    again, _ = rebuild(project.root)  # where they were is told by the folders as well
    again.restore([1, 3])
    assert [again[i].group for i in (1, 2, 3, 4)] == ["a", "a", "b", "b"]
    assert "former" not in again[1].document or again[1].document["former"] == ""
    with pytest.raises(BadValue, match="is not in the TRASH"):
        again.restore([1])


def test_an_image_of_which_nobody_knows_where_it_was_goes_to_the_default_group(project):
    project.trash([2])
    project.change(2, lambda document: document.pop("former"))
    project.restore([2])
    assert project[2].group == "g1"
