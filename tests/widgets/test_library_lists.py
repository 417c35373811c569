"""Lists of images: kept by name, and as text."""

import pytest
from monitor import made

from focusnb.errors import BadValue, UnknownName
from focusnb.session import Project
from focusnb_widgets.library import LibraryTable, lists


@pytest.fixture
def project(tmp_path):
    project = Project.open(made.project(tmp_path / "session").root)
    for i in range(4):
        made.add(project, f"movie_{i}.tif", 1e9 + i, None)
    return project


def test_a_list_is_kept_found_again_and_forgotten(project):
    table = LibraryTable(project)
    table.desk.select([1, 3])
    assert table.save_list("best") == "list 'best': 2 images"
    assert LibraryTable(Project.open(project.root)).lists() == {"best": 2}
    table.desk.select([])
    assert table.load_list("best") == "list 'best': 2 images chosen"
    assert table.desk.selected == [1, 3]
    assert table.line == "project.workspace.get('selections')['best']"
    assert eval(table.line, {"project": project}) == [1, 3]
    table.delete_list("best")
    assert table.lists() == {}
    with pytest.raises(UnknownName, match="no list is called 'best'"):
        table.load_list("best")


def test_what_is_gone_is_told(project):
    lists.save(project, "old", [2, 77])
    assert lists.load(project, "old") == (
        [2],
        "list 'old': 1 image chosen; 1 of it are not in this project (any more)",
    )


def test_an_empty_list_and_one_without_name_are_refused(project):
    with pytest.raises(BadValue, match="needs a name"):
        lists.save(project, "  ", [1])
    with pytest.raises(BadValue, match="no image is chosen"):
        lists.save(project, "x", [])


def test_text_is_read_back_also_after_a_move(project):
    text = lists.text(project, [1, 4])
    assert text == "g1/0000000001\ng1/0000000004\n"
    project.move([4], "keep")
    found, told = lists.read(project, f"# best of day 1\n\n{text}")
    assert (found, told) == ([1, 4], "the list: 2 images chosen")


def test_text_that_names_no_image_is_refused_with_its_line(project):
    with pytest.raises(BadValue, match=r"line 2 of the list, 'g1/movie.tif', is no GROUP/NUMBER"):
        lists.read(project, "g1/1\ng1/movie.tif\n")
    with pytest.raises(BadValue, match="names no image"):
        lists.read(project, "# nothing\n")
