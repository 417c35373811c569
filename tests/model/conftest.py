import pytest

from focusnb.model.project import Project


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """The user's own folder of this test."""
    folder = tmp_path / "config"
    monkeypatch.setenv("FOCUSNB_CONFIG", str(folder))
    return folder


@pytest.fixture
def project(tmp_path):
    """A project with three images in two groups."""
    project = Project.create(tmp_path / "a project", mode="single-particle")
    for name, group in (("a.tif", "g1"), ("b.tif", "g1"), ("c.tif", "g2")):
        project.add_image(name, group, values={})
    return project
