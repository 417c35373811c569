"""Changes to picks by hand, as a project keeps them: of one image, inside of its average."""

import numpy as np
import pytest

import focusnb as fn
from focusnb import formats
from focusnb.errors import BadValue, UnknownName
from focusnb.formats import pick_edits


@pytest.fixture
def mine(project):
    """The project as people hold it; image 1 has an average of 40 × 30 pixels."""
    picture = np.ones((30, 40), np.float32)
    formats.write(project[1].folder / "average.mrc", picture, pixel_size=2.0)
    project.change(1, lambda document: document["results"].update(average="average.mrc"))
    return fn.open(project.root)


@pytest.mark.parametrize("how", ["number", "key", "image", "list"])
def test_an_image_is_told_in_any_way(mine, how):
    image = {"number": 1, "key": mine[1].key, "image": mine[1], "list": [mine[1]]}[how]
    mine.edit_picks(image, added=[(39, 29)])
    assert pick_edits.read(mine[1]["pick_edits"]).added.tolist() == [[39, 29]]


@pytest.mark.parametrize(("images", "count"), [("group == 'g1'", 2), ([1, 2, 3], 3), ([], 0)])
def test_several_images_or_none_are_refused_with_their_number(mine, images, count):
    with pytest.raises(BadValue, match=f"belong to one image, and .* are {count}"):
        mine.edit_picks(images, added=[(1, 2)])


def test_an_image_that_is_not_there_is_told(mine):
    with pytest.raises(UnknownName):
        mine.edit_picks(99)


@pytest.mark.parametrize("point", [(1e9, 2), (39.5, 2), (-1, 2), (2, 30)])
def test_a_pick_outside_of_the_average_is_refused(mine, point):
    with pytest.raises(BadValue, match=r"lies outside of the average of 40 × 30 pixels"):
        mine.edit_picks(1, added=[(1, 2), point])
    assert mine[1]["pick_edits"] is None


def test_without_an_average_any_place_may_be_told(mine):
    mine.edit_picks(2, added=[(900, 900)])
    assert mine[2]["pick_edits"] is not None


def test_polygons_that_are_no_list_are_refused(mine):
    with pytest.raises(BadValue, match="excluded is no list of polygons"):
        mine.edit_picks(1, excluded=5)
