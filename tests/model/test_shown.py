"""What a notebook shows of a project and of an image by itself."""

import re

import pytest
from monitor import made

from focusnb.model.project import Project
from focusnb.model.shown import measured
from focusnb.model.vocabulary import vocabulary

NOW = 1_800_000_000.0


@pytest.fixture
def project(tmp_path):
    return made.project(tmp_path / "a & b")


def cells(page):
    """The rows of the table, as lists of texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


class TestProject:
    def test_the_text_tells_name_mode_and_number_of_images(self, project):
        assert repr(project) == "<project 'a & b': single-particle, 0 images>"
        made.add(project, "m.tif", NOW, made.results(1))
        assert repr(project) == "<project 'a & b': single-particle, 1 image>"

    def test_each_group_has_a_line_of_counts(self, project):
        made.add(project, "good.tif", NOW, made.results(1))
        made.add(project, "icy.tif", NOW, made.results(2, "ice"))
        made.add(project, "new.tif", NOW, None)
        failed = made.add(project, "failed.tif", NOW, None, group="keep")
        project.change(failed, lambda d: d.update(error={"step": "motion", "message": "no frame"}))
        heads, *lines = cells(project._repr_html_())
        told = {line[0]: dict(zip(heads[1:], line[1:], strict=True)) for line in lines}
        assert told["g1"] == {
            "images": "3", "good": "1", "not good": "1", "failed": "–", "not processed": "1",
            "not up to date": "–",
        }  # fmt: skip
        assert (told["keep"]["failed"], told["keep"]["images"]) == ("1", "1")

    def test_it_tells_the_workflow_and_escapes_the_name(self, project):
        page = project._repr_html_()
        assert "prepare → motion → ctf → measure → pick → previews" in page
        assert "a &amp; b" in page
        assert "a & b" not in page

    def test_an_empty_project_says_how_to_import(self, project):
        assert "No image yet" in project._repr_html_()

    def test_a_broken_file_of_values_is_told(self, project):
        (project.root / "project.toml").write_text("mode = ", encoding="utf-8")
        assert "project.toml" in project._repr_html_()


class TestImage:
    def test_names_are_escaped(self, project):
        number = made.add(project, "<script>x</script>.tif", NOW, made.results(1))
        page = project[number]._repr_html_()
        assert "&lt;script&gt;" in page
        assert "<script" not in page

    def test_it_tells_the_verdict_and_defocus_in_micrometres(self, project):
        number = made.add(project, "m.tif", NOW, made.results(2, "ice"))
        page = project[number]._repr_html_()
        assert "not good: iciness 2.40 &gt; 1.50" in page
        assert f"Defocus <b>{project[number]['defocus'] / 1e4:.2f} µm</b>" in page

    def test_previews_have_captions_and_a_vanished_one_is_named(self, project):
        number = made.add(project, "m.tif", NOW, made.results(1))
        made.previews(project, number, ("average", "drift"))
        (project.folder(number) / "previews" / "drift.png").unlink()
        page = project[number]._repr_html_()
        assert page.count("<img") == 1
        assert '<img alt="Average"' in page
        assert "Drift: the file drift.png has vanished" in page

    def test_a_failed_and_a_new_one_say_so(self, project):
        number = made.add(project, "m.tif", NOW, None)
        assert "not processed yet" in project[number]._repr_html_()
        project.change(number, lambda d: d.update(error={"step": "ctf", "message": "a < b"}))
        assert "failed: a &lt; b" in project[number]._repr_html_()

    def test_one_that_was_removed_is_told_in_both_forms(self, project):
        image = project[made.add(project, "m.tif", NOW, None)]
        with project.store.transaction() as connection:
            connection.execute("delete from image")
        assert repr(image) == "<image 0000000001, which is no longer in 'a & b'>"
        assert "has no image" in image._repr_html_()


@pytest.mark.parametrize(
    ("word", "value", "told"),
    [
        ("defocus", 15_234.0, ("1.52", "µm")),
        ("astigmatism", 120.4, ("120", "Å")),
        ("iciness", 0.8123, ("0.81", "")),
        ("particles", 140, ("140", "")),
    ],
)
def test_numbers_are_told_as_interfaces_show_them(word, value, told):
    assert measured(vocabulary()[word], value) == told


def test_the_model_alone_shows_itself_too(project):
    assert Project.open(project.root)._repr_html_() == project._repr_html_()
