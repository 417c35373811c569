"""Files in the viewer: headers, what vanished, changed, was cut short, or is no picture."""

import subprocess

import numpy as np
import pytest
from browser import viewed
from browser.viewed import Page, pixels
from PIL import Image as Picture

from focusnb import formats
from focusnb.errors import BadValue, MissingProduct
from focusnb_widgets.desk import Desk
from focusnb_widgets.viewer import Viewer, view

ASK = 'import("./part.mjs").then(m => console.log(typeof m.default.render))'


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return viewed.project(tmp_path / "session")


@pytest.mark.needs("node")
def test_the_page_is_a_module_with_a_render_function(tmp_path):
    (tmp_path / "part.mjs").write_text(str(Viewer._esm), encoding="utf-8")
    told = subprocess.run(
        ["node", "--input-type=module", "-e", ASK], cwd=tmp_path, capture_output=True, text=True
    )
    assert (told.stdout.strip(), told.stderr) == ("function", "")


def test_the_header_tells_what_the_file_says(project, tmp_path):
    viewer = view(project.images[0])
    tables = dict(viewer.header())
    assert dict(tables["MRC header"])["Columns, rows, sections"] == "640 600 1"
    assert "focusnb" in tables["Labels"][0][1]
    formats.write(tmp_path / "a.tif", np.zeros((40, 50), np.uint16), pixel_size=1.1, label="made")
    tags = dict(view(tmp_path / "a.tif").header()[1][1])
    assert tags["ImageWidth"] == "50"
    assert "made" in tags["ImageDescription"]
    assert view(np.zeros((20, 20))).header() == []


def test_png_of_what_is_seen(tmp_path):
    picture = np.zeros((300, 400), np.float32)
    picture[:150] = 1
    picture[299, 0] = np.nan
    viewer = view(picture)
    viewer.look = {"black": 0.0, "white": 1.0, "invert": False}
    with Picture.open(viewer.png(tmp_path / "a.png")) as drawn:
        assert drawn.size == (400, 300)
        assert drawn.getpixel((10, 290)) == (255, 255, 255), "row 0 is the bottom"
        assert drawn.getpixel((10, 10)) == (0, 0, 0)
        assert drawn.getpixel((0, 0)) == (92, 112, 134), "what is not finite is seen"
    viewer.seen = [100, 100, 200, 200]
    with Picture.open(viewer.png(tmp_path / "b.png")) as drawn:
        assert drawn.size == (100, 100)
    with pytest.raises(BadValue, match="name it so"):
        viewer.png(tmp_path / "a.jpg")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    page = Page(view(tmp_path / "gone.mrc"))
    assert "gone.mrc is not there" in page.got("view")[0]["problem"]
    with pytest.raises(MissingProduct, match="is not there"):
        page.viewer.value(0, 0)


def test_a_product_that_vanished_is_a_sentence_and_others_can_be_chosen(project):
    image = project.images[0]
    (image.folder / "unaligned.mrc").unlink()
    page = Page(view(image, "unaligned"))
    told, _ = page.got("view")
    assert "unaligned.mrc is not there" in told["problem"]
    assert [c["there"] for c in told["choices"]] == [True, False]
    page.ask("word", word="average")
    assert page.got("view")[0]["problem"] == ""


def test_a_file_that_vanishes_while_it_is_looked_at(tmp_path):
    place = formats.write(tmp_path / "a.mrc", viewed.rings(0), pixel_size=1)
    page = Page(view(place))
    place.unlink()
    page.ask("part", space="real", part=[0, 0, 64, 64], step=1, level=1, n=1)
    assert "not there any more" in page.got("trouble")[0]
    assert page.got("part")[1], "what was read before is still shown"
    page.ask("reload")
    assert "is not there" in page.got("view")[0]["problem"]


def test_a_file_that_changes_while_it_is_looked_at(tmp_path):
    place = formats.write(tmp_path / "a.mrc", viewed.rings(0), pixel_size=1)
    page = Page(view(place))
    formats.write(place, np.ones((40, 50), np.float32), pixel_size=1)
    page.ask("alive")
    assert "has changed" in page.got("trouble")[0]
    page.ask("reload")
    assert page.got("view")[0]["width"] == 50


def test_an_image_that_was_moved_to_another_group_is_followed(project):
    viewer = Viewer(Desk(project), project.images[0])
    page = Page(viewer)
    project.move([project.images[0]], "keep")
    page.told.clear()
    viewer.desk.look()
    assert page.got("view")[0]["key"] == "keep/0000000001"
    assert viewer.value(0, 0) is not None


def test_a_product_that_is_made_anew_is_shown_at_once(project):
    image = project.images[0]
    viewer = Viewer(Desk(project), image)
    page = Page(viewer)
    formats.write(image.folder / "average.mrc", np.full((600, 640), 3.0), pixel_size=viewed.PIXEL)
    page.told.clear()
    project.set([image], comment="made again")
    viewer.desk.look()
    assert page.got("view")[0]["problem"] == ""
    assert viewer.value(5, 5) == 3


def test_a_picture_comes_when_its_product_does(project):
    image = project.add_image("new.tif", "g1", values={})
    viewer = Viewer(Desk(project), image)
    page = Page(viewer)
    formats.write(image.folder / "average.mrc", np.full((60, 64), 3.0))
    project.change(image.id, lambda document: document["results"].update(average="average.mrc"))
    viewer.desk.look()
    assert page.got("view")[0]["width"] == 64


def test_changes_of_other_images_are_nothing_new(project):
    viewer = Viewer(Desk(project), project.images[0])
    page = Page(viewer)
    project.set([project.images[0]], comment="a")
    viewer.desk.look()
    page.told.clear()
    project.set([project.images[1]], comment="b")
    viewer.desk.look()
    assert page.told == []


def test_a_folder_that_was_moved_away_by_hand_is_a_sentence(project, tmp_path):
    image = project.images[0]
    page = Page(Viewer(Desk(project), image))
    image.folder.rename(tmp_path / "elsewhere")
    page.ask("alive")
    assert "not there any more" in page.got("trouble")[0]
    page.ask("reload")
    assert "is not there" in page.got("view")[0]["problem"]


@pytest.mark.parametrize("rows", [0, 1, 250])
def test_of_a_file_cut_short_is_shown_what_is_there(tmp_path, rows):
    picture = viewed.rings(0)
    place = formats.write(tmp_path / "a.mrc", picture, pixel_size=1)
    data = place.read_bytes()[: 1024 + rows * 640 * 4 + 100]
    place.write_bytes(data)
    page = Page(view(place))
    told, _ = page.got("view")
    if not rows:
        assert "cut short" in told["problem"]
        return
    assert f"{rows} of 600 rows are there" in " ".join(told["notes"])
    assert page.viewer.value(3, rows - 1) == picture[rows - 1, 3]
    assert page.viewer.value(3, rows) is None
    assert page.got("summary")[0]["bad"] == (600 - rows) * 640


def test_a_header_that_claims_absurd_sizes_is_a_sentence(tmp_path):
    place = formats.write(tmp_path / "a.mrc", np.ones((16, 16), np.float32))
    data = bytearray(place.read_bytes())
    data[0:8] = np.array([1 << 30, 1 << 30], "<i4").tobytes()
    place.write_bytes(data)
    assert "cut short" in Page(view(place)).got("view")[0]["problem"]


def test_a_picture_of_nan_is_a_sentence(tmp_path):
    place = formats.write(tmp_path / "a.mrc", np.full((300, 300), np.nan, np.float32))
    assert "holds no finite pixel" in Page(view(place)).got("view")[0]["problem"]


def test_a_picture_with_some_nan_is_shown_with_them_marked_and_counted():
    picture = viewed.rings(0)
    picture[:10, :20] = np.inf
    page = Page(view(picture))
    told, (data,) = page.got("view")
    assert (pixels(told["parts"][0], data) == 0).sum() == 200
    assert page.got("summary")[0]["bad"] == 200


def test_a_constant_picture_is_shown():
    page = Page(view(np.full((64, 64), 7.0)))
    told, (data,) = page.got("view")
    assert told["problem"] == ""
    assert set(data) == {128}
    summary, _ = page.got("summary")
    assert summary["least"] == summary["most"] == 7


@pytest.mark.parametrize("what", [np.zeros(5), np.zeros((2, 2, 2, 2)), np.array([["a"]])])
def test_what_is_no_picture_is_refused(what):
    with pytest.raises(BadValue, match="is no picture"):
        view(what)


def test_a_file_of_another_kind_is_a_sentence(tmp_path):
    (tmp_path / "a.mrc").write_text("<script>" * 300, encoding="utf-8")
    assert "readers know" in Page(view(tmp_path / "a.mrc")).got("view")[0]["problem"]


def test_an_image_without_pictures_is_a_sentence(project):
    image = project.add_image("new.tif", "g1", values={})
    page = Page(Viewer(Desk(project), image))
    assert "has no picture yet" in page.got("view")[0]["problem"]


def test_an_image_that_is_gone_is_a_sentence(project):
    page = Page(Viewer(Desk(project), project.images[0]))
    page.ask("image", image=77)
    assert "has no image 0000000077" in page.told[-1][0]["problem"]


def test_a_viewer_of_nothing_says_so():
    viewer = Viewer()
    assert repr(viewer) == "<viewer: nothing to look at yet>"
    assert Page(viewer).got("view")[0] == {"nothing": True}
    with pytest.raises(BadValue, match="nothing to look at"):
        viewer.value(0, 0)


def test_lines_of_files_and_arrays_run(tmp_path):
    place = formats.write(tmp_path / "a b.mrc", viewed.rings(0))
    viewer = view(place, pixel_size=1.25)
    head, _, expression = viewer.line.partition("; ")
    names = {}
    exec(head, names)
    again = eval(expression, names)
    assert (again.pixel_size, again.value(1, 2)) == (1.25, viewer.value(1, 2))
