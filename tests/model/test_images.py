"""Images: flags, groups, moving, trash, image.json, and the library made again from the folders."""

import json
import os
import shutil

import pytest

from focusnb.errors import BadProject, BadValue, MissingProduct, UnknownName
from focusnb.model import moves, record
from focusnb.model.document import write_image_json
from focusnb.model.project import Project
from focusnb.model.rebuild import rebuild


def told(project, image):
    """What image.json says."""
    return json.loads((project.folder(image) / "image.json").read_text(encoding="utf-8"))


def running(project, image):
    """Let a batch of an image run, as another process would."""
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted) values (?, 'x', 1, 'running', 0)",
            (image,),
        )


def ended(project):
    with project.store.transaction() as connection:
        connection.execute("update batch set state = 'done'")


class TestFinding:
    @pytest.mark.parametrize("key", [2, "2", "g1/2", "g1/0000000002", "0000000002"])
    def test_an_image_is_found(self, project, key):
        assert (project[key].name, project[key].key) == ("b.tif", "g1/0000000002")

    @pytest.mark.parametrize("key", ["g2/2", 9, "g1/9", "", "b.tif", "g1/x"])
    def test_what_is_no_image_is_an_error(self, project, key):
        with pytest.raises(UnknownName):
            project[key].name  # noqa: B018

    def test_images_are_told_in_many_ways(self, project):
        one, two = project[1], project[2]
        for images in ([1, 2], [one, two], "group == 'g1'", "g1/1, g1/2", ["g1/1", two]):
            assert project.ids(images) == [1, 2]
        assert project.ids(project.library.iloc[:2]) == [1, 2]
        assert project.ids(two) == [2]

    def test_a_key_that_names_no_image_is_an_error_not_nothing(self, project):
        with pytest.raises(UnknownName, match="0000000009"):
            project.flag("g1/1, g1/9", "red")
        assert project[1].flag == "none"

    def test_what_is_not_there_is_said(self, project):
        with pytest.raises(MissingProduct, match="has no average yet"):
            project[1].read("average")
        with pytest.raises(UnknownName, match="has no log of 'ctf'"):
            project[1].log("ctf")


class TestChanges:
    def test_a_flag_is_in_table_and_image_json(self, project):
        project.flag("g1/1, g2/3", "gold")
        assert [row["flag"] for row in project.rows()] == ["gold", "none", "gold"]
        assert told(project, 3)["flag"] == "gold"

    def test_an_unknown_flag_is_refused(self, project):
        with pytest.raises(BadValue, match="none, red, green, blue, gold"):
            project.flag(1, "pink")

    def test_image_json_is_the_document_after_each_change(self, project):
        project.set(1, comment="naïve ☃ \n\"'")
        project.lock("comment", images=1)
        project.move(1, "new")
        project.flag(1, "blue")
        assert told(project, 1) == {"number": 1, "recorded": None, **project.document(1)}
        assert told(project, 1)["values"]["comment"] == "naïve ☃ \n\"'"

    def test_a_change_that_fails_changes_nothing(self, project):
        def change(document):
            document["flag"] = "red"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            project.change(1, change)
        assert project[1].flag == "none"

    def test_the_same_change_leaves_the_file_alone(self, project):
        project.flag(1, "red")
        before = (project.folder(1) / "image.json").stat().st_mtime_ns
        project.flag(1, "red")
        assert (project.folder(1) / "image.json").stat().st_mtime_ns == before


class TestMoving:
    def test_the_folder_moves_with_the_image(self, project):
        (project.folder(1) / "average.mrc").write_text("x")
        assert project.move("group == 'g1'", "keep") == []
        assert project[1].key == "keep/0000000001"
        assert (project.root / "keep" / "0000000001" / "average.mrc").read_text() == "x"
        assert not (project.root / "g1" / "0000000001").exists()
        assert project.groups == ["g2", "keep"]

    def test_values_of_the_new_group_hold(self, project):
        project.set(group="g2", voltage=120)
        project.move(1, "g2")
        assert project[1]["voltage"] == 120

    @pytest.mark.parametrize(
        "group",
        [
            "",
            "..",
            ".x",
            "a/b",
            "scripts",
            "feed",
            "project.db",
            "project.db-wal",
            "a.",
            "-x",
            "a\n",
        ],
    )
    def test_a_group_that_leads_elsewhere_is_refused(self, project, group):
        with pytest.raises(BadValue, match="group"):
            project.move(1, group)

    def test_a_running_image_waits_and_is_moved_afterwards(self, project):
        running(project, 1)
        assert [image.id for image in project.move([1, 2], "keep")] == [1]
        assert (project[1].group, project[2].group) == ("g1", "keep")
        ended(project)
        assert moves.finish(project) == [1]
        assert told(project, 1)["group"] == "keep"

    @pytest.mark.parametrize("point", ["before the rename", "after the rename"])
    def test_a_crash_amid_a_move_is_finished_at_the_next_start(self, project, monkeypatch, point):
        def crash(source, target, real=os.replace):
            if "g1" in str(source):
                if point == "after the rename":
                    real(source, target)
                raise KeyboardInterrupt
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", crash)
            with pytest.raises(KeyboardInterrupt):
                project.move(1, "keep")
        again = Project.open(project.root)
        assert again[1].group == "g1"
        assert any("its move to another group was finished" in n for n in record.recover(again))
        assert again[1].key == "keep/0000000001"
        assert told(again, 1)["group"] == "keep"
        assert not (project.root / "g1" / "0000000001").exists()

    def test_something_in_the_way_is_told_and_stops_nothing_else(self, project):
        (project.root / "keep" / "0000000001").mkdir(parents=True)
        with pytest.raises(BadProject, match="is in the way of moving"):
            project.move([1, 2], "keep")
        assert (project[1].group, project[2].group) == ("g1", "keep")
        assert moves.finish(project) == []


class TestTrash:
    def test_emptying_deletes_folders_and_rows_for_ever(self, project):
        project.trash([1, 3])
        assert moves.empty_trash(project) == 2
        assert [image.id for image in project.images] == [2]
        assert not list((project.root / "TRASH").iterdir())
        assert [row["id"] for row in project.rows()] == [2]

    def test_numbers_are_never_used_again(self, project):
        project.trash([2, 3])
        moves.empty_trash(project)
        assert project.add_image("d.tif", "g1", values={}).id == 4
        project.trash(4)
        moves.empty_trash(project)
        again, _ = rebuild(project.root)
        assert again.add_image("e.tif", "g1", values={}).id == 5

    def test_an_image_that_is_processed_stays(self, project):
        project.trash(1)
        running(project, 1)
        assert moves.empty_trash(project) == 0
        assert project[1].folder.is_dir()

    def test_a_crash_amid_deleting_is_finished_or_undone_at_the_next_start(
        self, project, monkeypatch
    ):
        project.trash([1, 2])
        with monkeypatch.context() as patch:
            patch.setattr(
                shutil, "rmtree", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            with pytest.raises(KeyboardInterrupt):
                moves.empty_trash(project)
        os.replace(project.folder(2), project.folder(2).with_name(".gone-0000000002"))
        record.recover(project)
        assert [image.id for image in project.images] == [2, 3]
        assert [p.name for p in (project.root / "TRASH").iterdir()] == ["0000000002"]

    def test_a_folder_that_a_crash_left_without_a_row_is_not_taken(self, project):
        (project.root / "g1" / "0000000004").mkdir()
        (project.root / "g1" / "0000000004" / "average.mrc").touch()
        assert project.add_image("d.tif", "g1", values={}).id == 5


class TestRecover:
    def test_image_json_that_a_crash_left_behind_is_written(self, project, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr("focusnb.model.project.write_image_json", lambda *a: None)
            project.flag(1, "red")
        record.recover(project)
        assert told(project, 1)["flag"] == "red"

    def test_ownerless_tries_are_swept_and_running_ones_are_kept(self, project):
        running(project, 2)
        for image in (1, 2):
            (project.folder(image) / ".try-0-1").mkdir()
        notes = record.recover(project)
        assert [(project.folder(i) / ".try-0-1").exists() for i in (1, 2)] == [False, True]
        assert any("g1/0000000001: .try-0-1" in note for note in notes)


class TestRebuild:
    def test_the_library_made_from_the_folders_is_equal(self, project):
        project.flag(1, "red")
        project.set(2, comment="ü\n", exposure_dose=41.171234567)
        project.lock("comment", images=2)
        project.move(3, "keep")
        project.add_image("d\n'\".tif", "keep", values={}, recorded="2024-05-06T07:08:09")
        for image in (1, 2, 4):
            write_image_json(project, image)
        before = project.library.drop(columns=[])
        documents = {image.id: project.document(image.id) for image in project.images}
        project.store.close()
        for left in project.root.glob("project.db*"):
            left.unlink()
        again, notes = rebuild(project.root)
        assert notes == []
        assert before.equals(again.library)
        assert {image.id: again.document(image.id) for image in again.images} == documents

    def test_the_old_database_is_kept(self, project):
        rebuild(project.root)
        assert (project.root / "project.db.old").is_file()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("{", "cannot be read"),
            ("[1]", "it is list, not dict"),
            ('{"values": 5}', "values is int, not dict"),
            ('{"runs": {"ctf": 5}}', "runs.ctf is not complete"),
            ('{"products": {"average": {}}}', "products.average is not complete"),
            ('{"error": {}}', "error is not complete"),
            ('{"error": {"a": 1}}', "error is not complete"),
            ('{"flag": "pink"}', "flag 'pink' is unknown"),
            ("\udcff", "cannot be read"),
        ],
    )
    def test_a_broken_image_json_is_told_and_the_image_is_there(self, project, text, reason):
        file = project.folder(2) / "image.json"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        for image in (1, 3):
            write_image_json(project, image)
        again, notes = rebuild(project.root)
        assert len(again) == len(again.rows()) == 3
        assert reason in notes[0]
        assert str(file.parent) in notes[0]

    def test_two_folders_of_one_number_are_told(self, project):
        shutil.copytree(project.folder(1), project.root / "g2" / "0000000001")
        _, notes = rebuild(project.root)
        assert any("has the same number; this one is left out" in note for note in notes)

    def test_other_folders_are_no_images(self, project):
        for name in ("references/0000000007", "g1/12", "g1/0000000008x", ".incoming/0000000009"):
            (project.root / name).mkdir(parents=True)
        assert len(rebuild(project.root)[0]) == 3

    def test_a_broken_project_file_loses_nothing(self, project):
        (project.root / "project.toml").write_text("mode =\n")
        with pytest.raises(BadProject, match="cannot be read"):
            rebuild(project.root)
        (project.root / "project.toml").write_text('mode = "drift"\n')
        assert len(Project.open(project.root)) == 3
