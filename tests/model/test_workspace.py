"""workspace.json: views, selections, rules; kept, shared, and told when it is broken."""

import json

import pytest
from monitor import made

from focusnb.errors import BadProject
from focusnb.model.project import Project


@pytest.fixture
def project(tmp_path):
    return made.project(tmp_path / "p")


def test_what_is_kept_is_found_by_another_process_and_its_change_is_seen(project):
    project.workspace.set("selections", {"nice ones": [1, 2]})
    other = Project.open(project.root)
    assert other.workspace.get("selections") == {"nice ones": [1, 2]}
    other.workspace.set("views", {"drift": {"columns": ["name"]}})
    assert project.workspace.get("views")["drift"] == {"columns": ["name"]}
    assert project.workspace.get("selections") == {"nice ones": [1, 2]}
    project.workspace.set("views", None)
    assert set(json.loads(project.workspace.path.read_text())) == {"format", "selections"}


def test_what_is_given_is_a_copy(project):
    project.workspace.set("views", {"a": [1]})
    project.workspace.get("views")["a"].append(2)
    assert project.workspace.get("views") == {"a": [1]}
    assert project.workspace.get("nothing", 5) == 5


def test_a_change_is_seen_as_one_of_the_project(project):
    before = project.store.revision
    project.workspace.set("rules", [])
    assert project.store.revision > before


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9}', "\x00"])
def test_a_broken_one_is_told_and_stays_as_it_is(project, text):
    project.workspace.path.write_text(text)
    with pytest.raises(BadProject, match="remove it"):
        project.workspace.get("views")
    with pytest.raises(BadProject, match="remove it"):
        project.workspace.set("views", {})
    assert project.workspace.path.read_text() == text
