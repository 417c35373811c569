"""The library table in Python: what it sends, what it keeps, what its actions do."""

import json
import time
from types import MappingProxyType

import numpy as np
import pytest
from monitor import made

from focusnb.errors import BadSelection, BadValue, UnknownName
from focusnb.session import Project
from focusnb_widgets.desk import Desk
from focusnb_widgets.library import LibraryTable
from focusnb_widgets.library.answers import within
from focusnb_widgets.library.reader import Reader


@pytest.fixture
def project(tmp_path):
    project = Project.open(made.project(tmp_path / "session").root)
    made.fill(project, 12, now=time.time())
    return project


class Page:
    """What a page would have been told, and what it would ask."""

    def __init__(self, table):
        self.table, self.told = table, []
        table.send = lambda content, buffers=None: self.told.append((content, buffers or []))
        self.ask("ready")

    def ask(self, do, buffers=(), **more):
        self.table._on_message(self.table, {"do": do, **more}, list(buffers))

    def last(self, kind):
        return next((c, b) for c, b in reversed(self.told) if next(iter(c)) == kind)

    def columns(self):
        """The last rows: values by word."""
        content, buffers = self.last("rows")
        kinds = {"i4": "<i4", "f4": "<f4", "f8": "<f8"}
        return {
            head["word"]: json.loads(buffer)
            if head["as"] == "json"
            else np.frombuffer(buffer, kinds[head["as"]]).tolist()
            for head, buffer in zip(content["rows"], buffers, strict=True)
        }


@pytest.fixture
def page(project):
    return Page(LibraryTable(project))


def chosen(*images):
    return [np.array(images, "<i4").tobytes()]


def test_nothing_is_sent_before_a_page_is_ready(project):
    table = LibraryTable(project)
    told = []
    table.send = lambda *what: told.append(what)
    project.flag([1], "red")
    table.desk.look()
    table.desk.select([1])
    assert told == []


def test_a_page_gets_columns_view_groups_and_all_rows(page, project):
    assert page.last("library")[0]["library"] == project.name
    assert page.last("groups")[0]["groups"] == [["g1", 12], ["TRASH", 0]]
    rows = page.columns()
    assert rows["id"] == list(range(1, 13))
    assert rows["defocus"][0] == pytest.approx(made.results(0)["defocus"] / 1e4)
    assert rows["reasons"][4] == "drift 71 Å > 50 Å"
    assert page.last("rows")[0]["whole"]


def test_only_changed_rows_are_sent_afterwards(page, project):
    project.flag([3], "gold")
    page.table.desk.look()
    rows = page.columns()
    assert (rows["id"], rows["flag"]) == ([3], ["gold"])
    assert not page.last("rows")[0]["whole"]


def test_a_limit_that_changes_judges_all_rows_anew(page, project):
    project.set(good_drift_range=1.0)
    page.table.desk.look()
    assert len(page.columns()["id"]) == 12
    assert "drift" in page.columns()["reasons"][0]


def test_images_that_are_deleted_are_told(page, project):
    from focusnb.model import moves

    project.trash([2, 5])
    moves.empty_trash(project)
    page.table.desk.look()
    assert page.last("rows")[0]["gone"] == [2, 5]
    assert page.last("groups")[0]["groups"] == [["g1", 10], ["TRASH", 0]]


def test_changed_rows_read_alone_are_those_of_the_project(project):
    reader = Reader(project)
    reader.all()
    project.flag([2, 9], "blue")
    changed = reader.changed().rows
    whole = {row["id"]: row for row in project.rows()}
    assert [row.cells for row in changed] == [whole[2].cells, whole[9].cells]
    assert changed[0]["pixel_size"] == whole[2]["pixel_size"] == 0.83


def test_the_choice_goes_both_ways_and_is_not_echoed_as_anothers(page):
    page.ask("select", chosen(2, 4), by="me")
    assert page.table.desk.selected == [2, 4]
    assert page.last("chosen")[0] == {"chosen": 2, "by": "me", "expression": ""}
    page.table.desk.select_where("drift_range > 50")
    content, buffers = page.last("chosen")
    assert content == {"chosen": 1, "by": "", "expression": "drift_range > 50"}
    assert np.frombuffer(buffers[0], "<i4").tolist() == [5]


def test_the_current_image_is_the_desks(page):
    page.ask("current", image=7, by="me")
    assert page.table.desk.current == 7
    page.table.desk.current = 3
    assert page.last("current")[0] == {"current": 3, "by": ""}


def test_opening_an_image_asks_the_workbench_each_time(page):
    asked = []
    page.table.desk.observe(lambda change: asked.append(change["new"]), "wants")
    page.ask("open", what="view", image=3)
    page.ask("open", what="view", image=3)
    assert [one for one in asked if one] == [{"view": 3}, {"view": 3}]


def test_trash_and_bring_back_leave_out_what_is_there_already(page, project):
    project.trash([1])
    page.ask("select", chosen(1, 2))
    page.ask("trash")
    assert page.last("done")[0]["done"] == "1 image moved to TRASH"
    page.ask("restore")
    assert {row["group"] for row in project.rows()} == {"g1"}
    page.ask("restore")
    assert "none of the chosen images is in the TRASH" in page.last("problem")[0]["problem"]


def test_an_action_without_a_choice_is_a_sentence(page):
    for name in ("trash", "restore", "copy", "process", "write_list"):
        page.ask(name, place="/x", steps=["motion"])
        assert "no image is chosen" in page.last("problem")[0]["problem"], name


def test_groups_are_made_and_renamed(page, project):
    page.ask("make_group", name="keep")
    assert page.last("groups")[0]["groups"] == [["g1", 12], ["keep", 0], ["TRASH", 0]]
    page.ask("rename_group", old="g1", name="day_1")
    assert page.last("groups")[0]["groups"][0] == ["day_1", 12]
    assert page.table.line == "project.rename_group('g1', 'day_1')"
    page.ask("make_group", name="../out")
    assert "use letters, digits" in page.last("problem")[0]["problem"]


def test_steps_are_offered_and_the_chosen_are_queued(page, project, monkeypatch):
    monkeypatch.setattr("focusnb_widgets.desk.dispatch.start", lambda project: None)
    page.ask("steps")
    steps = page.last("steps")[0]
    assert steps["workflow"] == project.workflow
    assert {"motion", "ctf"} <= {step["name"] for step in steps["steps"]}
    page.ask("select", chosen(1, 2))
    page.ask("process", steps=["motion"], top=True, force=False)
    assert page.last("done")[0]["done"] == "2 batches queued for motion"
    assert page.table.line == "project.process([1, 2], steps=['motion'], top=True)"


def test_images_are_copied_to_another_project(page, tmp_path):
    other = made.project(tmp_path / "other")
    page.ask("select", chosen(1, 2))
    page.ask("copy", place=str(other.root))
    assert page.last("done")[0] == {"done": f"2 images copied to {other.root}", "of": "copy"}
    assert len(other) == 2
    page.ask("copy", place=str(tmp_path / "nowhere"))
    assert "is no project" in page.last("problem")[0]["problem"]


def test_a_view_is_kept_for_the_mode_and_its_new_column_is_sent(page, project):
    view = {
        "columns": ["name", "total_dose"],
        "widths": {"name": 300, "gone": 9},
        "sort": [["name", "desc"]],
    }
    page.ask("view", view=view, by="me")
    kept = project.workspace.get("views")["single-particle"]
    assert kept == {**view, "widths": {"name": 300}}
    assert page.columns()["total_dose"] == pytest.approx([41.2] * 12)
    again = Page(LibraryTable(Project.open(project.root)))
    assert again.last("library")[0]["view"] == kept


def test_columns_are_shown_and_sorted_in_python(page):
    page.table.show("name", "iciness")
    page.table.sort_by("iciness", descending=True)
    assert page.last("view")[0]["view"] == {
        "columns": ["name", "iciness"],
        "widths": {},
        "sort": [["iciness", "desc"]],
    }
    with pytest.raises(UnknownName, match="no column of the library"):
        page.table.show("icines")
    with pytest.raises(BadValue, match="not shown"):
        page.table.sort_by("defocus")


def test_a_broken_workspace_is_told_and_the_table_opens(project):
    (project.root / "workspace.json").write_text("{", encoding="utf-8")
    page = Page(LibraryTable(Project.open(project.root)))
    assert len(page.columns()["id"]) == 12
    problems = [c["problem"] for c, _ in page.told if "problem" in c]
    assert any("workspace.json cannot be read" in text for text in problems)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"views": []}, "'views' is no table"),
        ({"views": {"single-particle": 7}}, "is no table"),
        ({"views": {"single-particle": {"columns": 5}}}, "columns of the table's view"),
        ({"views": {"single-particle": {"sort": [["name", "up"], 3]}}}, "sort of the table's view"),
        ({"views": {"single-particle": {"widths": {"name": "9"}}}}, "widths of the table's view"),
        ({"selections": {"a": 3, "b": [1]}}, "'a' holds no numbers"),
        ({"selections": "x"}, "'selections' is no table"),
    ],
)
def test_a_workspace_of_an_odd_shape_is_told_and_the_table_opens(project, kept, told):
    text = json.dumps({"format": 1, **kept})
    (project.root / "workspace.json").write_text(text, encoding="utf-8")
    page = Page(LibraryTable(Project.open(project.root)))
    assert len(page.columns()["id"]) == 12
    assert page.last("library")[0]["view"]["columns"][0] == "flag"
    assert told in page.last("problem")[0]["problem"]
    page.table.show("name")
    page.table.save_list("c", [2])
    assert page.table.load_list("c") == "list 'c': 1 image chosen"
    assert set(page.table.lists()) <= {"b", "c"}


def test_what_a_page_asks_wrongly_changes_nothing(page):
    before = page.table.view
    for sort in ([["name", "sideways; x"]], [["name"]], 5):
        page.ask("view", view={"columns": ["name"], "widths": {}, "sort": sort})
        assert "problem" in page.told[-1][0]
    assert page.table.view == before
    page.ask("current", image=77)
    assert "no image 0000000077" in page.last("problem")[0]["problem"]
    page.ask("open", what="view", image=77)
    assert (page.table.desk.current, page.table.desk.wants) == (0, {})


def test_the_order_of_the_page_is_the_desks_and_that_of_the_csv(page, project, tmp_path):
    page.ask("order", chosen(7, 3, 11))
    desk = page.table.desk
    assert desk.order == [7, 3, 11]
    assert (desk.walk.step(7, 1), desk.walk.step(11, 1), desk.walk.place(3)) == (3, 11, (2, 3))
    page.table.csv(tmp_path / "a.csv")
    names = [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert names == ["g1/0000000007", "g1/0000000003", "g1/0000000011"]

    class Workbench:
        parts = MappingProxyType({"table": page.table})

    line = page.table.line.replace("a.csv", "b.csv")
    exec(line, {"workbench": Workbench})
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()


def test_an_image_that_is_gone_leaves_the_order(page, project):
    from focusnb.model import moves

    page.ask("order", chosen(7, 3, 11))
    project.trash([3])
    moves.empty_trash(project)
    page.table.desk.look()
    assert page.table.desk.order == [7, 11]


def test_no_text_of_the_csv_is_a_formula(page, project):
    project.set([1], comment="=HYPERLINK(1)")
    project.set([2], comment="\t@x")
    project.set([3], comment="a = b")
    page.table.show("comment", "defocus")
    lines = page.table.csv(images=[1, 2, 3]).splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ["'=HYPERLINK(1)", "'\t@x", "a = b"]
    project.set([1], defocus=-12_000.0)
    assert page.table.csv(images=[1]).splitlines()[1].endswith(",-1.2")


def test_comments_are_known_whatever_columns_are_shown(page, project):
    page.table.show("name")
    project.set([2], comment="look again")
    page.table.desk.look()
    assert page.columns()["comment"] == ["look again"]


def test_notes_are_told_to_the_page_and_in_the_csv(page, project):
    project.change(2, lambda d: d.update(notes=["no dose\nwas given", "no gain"]))
    page.table.desk.look()
    assert page.columns()["notes"] == ["no dose was given\nno gain"]
    page.table.show("quality")
    row = page.table.csv(images=[2]).splitlines()[1]
    assert row.endswith("good; noted: no dose was given; noted: no gain")


def test_lines_of_lists_can_be_run_where_only_the_project_is(page, project):
    page.table.save_list("best", [1, 3])
    line = page.table.line
    page.table.delete_list("best")
    exec(line, {"project": project})
    assert page.table.lists() == {"best": 2}
    page.table.read_list("".join(f"g1/{i}\n" for i in range(1, 12)))
    assert page.table.line == "project.ids([*range(1, 12)])"
    assert eval(page.table.line, {"project": project}) == list(range(1, 12))


def test_a_copy_that_went_wrong_leaves_the_line_alone(page, tmp_path):
    page.ask("select", chosen(1))
    page.ask("copy", place=str(tmp_path / "nowhere"))
    assert "copy_to" not in page.table.line


def test_csv_has_the_shown_columns_and_rows_in_their_order(page, tmp_path):
    page.table.show("name", "thumb", "quality", "defocus")
    text = page.table.csv(tmp_path / "view.csv", images=[5, 1])
    assert (tmp_path / "view.csv").read_text(encoding="utf-8") == text
    head, first, second = text.splitlines()
    assert head == "Image,Name,Quality,Defocus [µm]"
    assert first.startswith("g1/0000000005,movie_00004.tif,not good: drift 71 Å > 50 Å,")
    assert float(second.split(",")[3]) == pytest.approx(made.results(0)["defocus"] / 1e4)


def test_a_choice_by_expression_or_number(page):
    assert page.table.choose("drift_range > 50") == [5]
    assert page.table.choose([3, 2]) == [3, 2]
    with pytest.raises(BadSelection, match="meant 'iciness'"):
        page.table.choose("icines > 2")
    page.ask("where", text="")
    assert "write a selection" in page.last("problem")[0]["problem"]


def test_repr_tells_what_there_is(page, project):
    page.table.desk.select([1, 2])
    assert repr(page.table) == "<library of 'session': 12 images (g1 12, TRASH 0); 2 chosen>"


def test_two_tables_on_one_desk_show_the_same_choice(project):
    desk = Desk(project)
    one, other = Page(LibraryTable(desk)), Page(LibraryTable(desk))
    one.ask("select", chosen(4), by="one")
    assert np.frombuffer(other.last("chosen")[1][0], "<i4").tolist() == [4]


def test_small_pictures_are_made_of_previews(page, project, tmp_path):
    made.previews(project, 1)
    (project.folder(3) / "previews").mkdir()
    (project.folder(3) / "previews" / "average.png").write_bytes(b"no picture")
    project.change(3, lambda d: d["results"].update(preview_average="previews/average.png"))
    page.ask("thumbs", chosen(1, 2, 3, 99))
    content, pictures = page.last("thumbs")
    assert content["thumbs"] == [1, 2, 3, 99]
    assert pictures[0][:2] == b"\xff\xd8"
    assert pictures[1:] == [b"", b"", b""]


def test_deleted_images_are_not_chosen_any_more(page, project):
    from focusnb.model import moves

    page.ask("select", chosen(2, 3))
    page.ask("current", image=2)
    project.trash([2])
    moves.empty_trash(project)
    page.table.desk.look()
    assert page.table.desk.selected == [3]
    assert page.table.desk.current == 0


def test_rows_encoded_ahead_are_not_sent_when_something_has_changed_since(project):
    table = LibraryTable(project)
    project.flag([4], "red")
    assert Page(table).columns()["flag"][3] == "red"


def test_rows_encoded_ahead_are_those_of_now(project):
    page = Page(LibraryTable(project))
    ahead = page.columns()
    page.ask("ready")
    assert page.last("rows")[0]["whole"]
    assert {w: [str(v) for v in values] for w, values in page.columns().items()} == {
        w: [str(v) for v in values] for w, values in ahead.items()
    }


@pytest.mark.parametrize(
    ("text", "groups", "told"),
    [
        ("iciness < 2", [], "iciness < 2 and group != 'TRASH'"),
        ("iciness < 2 or drift_range < 5", ["a"], "(iciness < 2 or drift_range < 5) and group == 'a'"),
        ("iciness < 2", ["a", "b"], "iciness < 2 and (group == 'a' or group == 'b')"),
        ("iciness < 2 and group == 'TRASH'", [], "iciness < 2 and group == 'TRASH'"),
        ("name == 'group or'", [], "(name == 'group or') and group != 'TRASH'"),
        ("g1/0000000002, g1/3", [], "g1/0000000002, g1/3"),
        ("iciness <", [], "iciness <"),
    ],
)  # fmt: skip
def test_choosing_where_is_within_the_shown_groups(text, groups, told):
    assert within(text, groups) == told


def test_what_lies_in_the_trash_is_not_chosen_unless_it_is_shown(page, project):
    project.trash([2])
    page.ask("where", text="iciness > 0", groups=[])
    assert 2 not in page.table.desk.selected
    assert len(page.table.desk.selected) == 11
    assert page.table.desk.line == "project.select(\"iciness > 0 and group != 'TRASH'\")"
    page.ask("where", text="iciness > 0", groups=["TRASH"])
    assert page.table.desk.selected == [2]


def test_a_row_tells_that_its_folder_or_average_is_gone(page, project):
    made.previews(project, 3)
    project.change(4, lambda document: document["results"].update(average="average.mrc"))
    project.folder(5).rename(project.root / "elsewhere")
    told = [page.table.thumbs.look(image)[1] for image in (3, 4, 5)]
    assert told == ["", "average.mrc is not there", "the folder is not there"]


def test_moving_an_image_whose_folder_is_gone_says_so(page, project):
    project.folder(5).rename(project.root / "elsewhere")
    page.ask("select", chosen(5, 6))
    page.ask("trash")
    told = page.last("done")[0]["done"]
    assert told == "2 images moved to TRASH; the folder of 1 of them is not there"


def test_what_waits_and_what_is_running_is_told_when_it_changes(page, project):
    def told():
        return [np.frombuffer(buffer, "<i4").tolist() for buffer in page.last("queued")[1]]

    assert told() == [[], []]
    project.queue.pause()
    project.process([3, 7], ["measure"], force=True)
    page.table.desk.look()
    assert told() == [[3, 7], []]
    with project.store.transaction() as connection:
        connection.execute(
            "update batch set state = 'running' where image = 3 and state = 'waiting'"
        )
        project.store.bump(connection)
    page.table.desk.look()
    assert told() == [[7], [3]]
