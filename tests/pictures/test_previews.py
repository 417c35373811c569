"""Previews: what each is made from, and that it shows what its name says."""

import numpy as np
import pytest
from PIL import Image

from focusnb.model.registry import Registry
from focusnb.model.vocabulary import vocabulary
from focusnb.pictures.previews import PREVIEWS, Source

STEP = Registry().step("previews")


def source(**there):
    """Values and products by word; pictures are read as they are given."""
    return Source(there.get, there.__getitem__)


@pytest.mark.parametrize("word", PREVIEWS)
def test_each_has_a_file_of_its_own_and_needs_what_the_step_takes(word):
    assert vocabulary()[word].file == f"previews/{word.removeprefix('preview_')}.png"
    assert set(PREVIEWS[word].needs) <= set(STEP.takes)
    assert word in STEP.makes


def test_what_is_not_there_cannot_be_drawn():
    assert [word for word, one in PREVIEWS.items() if one.can(source(average="a"))] == [
        "preview_average", "preview_spectrum",
    ]  # fmt: skip


def test_before_is_a_picture_only_where_frames_were_moved():
    assert not PREVIEWS["preview_before"].can(source(average="a", unaligned="u"))
    assert PREVIEWS["preview_before"].can(source(unaligned="u", shifts=[[0, 0], [1, 2]]))


def test_before_is_the_unaligned_sum_drawn_as_the_average_is(tmp_path):
    picture = np.random.default_rng(2).normal(10, 2, (96, 128)).astype(np.float32)
    PREVIEWS["preview_before"].draw(source(unaligned=picture), tmp_path / "before.png")
    PREVIEWS["preview_average"].draw(source(average=picture), tmp_path / "average.png")
    before, average = (Image.open(tmp_path / f"{name}.png") for name in ("before", "average"))
    assert before.size == (128, 96)
    assert before.tobytes() == average.tobytes()
