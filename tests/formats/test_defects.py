"""Which pixels are defective, from all kinds of lists and from maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from focusnb import formats
from focusnb.errors import BrokenFile
from focusnb.formats import defects


@pytest.fixture
def told(tmp_path):
    """A function: text and shape (y, x) of the frames -> what is defective."""

    def get(text, shape=(40, 60), name="defects.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        defects.check(path)
        return defects.mask(path, shape)

    return get


def places(mask):
    """The bad pixels as x, y."""
    return sorted((int(x), int(y)) for y, x in np.argwhere(mask.pixels))


class TestMotionCor2:
    def test_convention_rectangles_count_from_the_lower_left(self, told):
        found = told("3 1 2 3\n")
        assert places(found) == [(x, y) for x in (3, 4) for y in (1, 2, 3)]
        assert found.notes == ()

    def test_what_lies_outside_is_left_out_with_a_note(self, told):
        found = told("58 0 4 2\n5 5 1 1\n")
        assert found.pixels.sum() == 5
        assert "of the 9 defective pixels that it names, 4 lie outside" in found.notes[0]
        assert "60 × 40" in found.notes[0]

    def test_a_list_that_names_nothing_in_the_picture_is_refused(self, told):
        with pytest.raises(
            BrokenFile, match="none of the 4 pixels that it names lies in the picture"
        ):
            told("100 100 2 2\n")

    def test_an_empty_list_names_nothing(self, told):
        assert not told("").pixels.any()

    @settings(max_examples=30)
    @given(st.lists(st.tuples(*[st.integers(0, 45)] * 2, *[st.integers(1, 9)] * 2), min_size=1))
    def test_second_opinion_pixel_by_pixel(self, tmp_path_factory, rectangles):
        path = tmp_path_factory.mktemp("d") / "a.txt"
        path.write_text("\n".join(" ".join(map(str, r)) for r in rectangles))
        wanted = np.zeros((50, 50), bool)
        for x, y, w, h in rectangles:
            for j in range(y, min(y + h, 50)):
                for i in range(x, min(x + w, 50)):
                    wanted[j, i] = True
        assert_array_equal(defects.mask(path, (50, 50)).pixels, wanted)


HEAD = "CameraSizeX 60\nCameraSizeY 40\nRotationAndFlip {turn}\n"


class TestSerialEm:
    def test_convention_rows_count_from_the_top(self, told):
        found = told(HEAD.format(turn=0) + "BadPixels 3 0 7 39\nBadColumns 10\nBadRows 1\n")
        assert (3, 39) in places(found)
        assert (7, 0) in places(found)
        assert found.pixels[:, 10].all()
        assert found.pixels[38].all()
        assert found.pixels.sum() == 2 + 40 + 60 - 1

    def test_truth_partial_lines_end_with_their_last_pixel(self, told):
        found = told(HEAD.format(turn=0) + "PartialBadColumn 5 2 10 12\nPartialBadRow 30 1 50 52\n")
        assert places(found) == sorted(
            [(x, 39 - y) for x in (5, 6) for y in (10, 11, 12)] + [(x, 9) for x in (50, 51, 52)]
        )

    def test_truth_what_lies_outside_of_the_usable_area_is_bad(self, told):
        found = told(HEAD.format(turn=0) + "UsableArea 2 3 37 58\n")
        assert not found.pixels[2:38, 3:59].any()
        assert found.pixels.sum() == 40 * 60 - 36 * 56

    def test_truth_super_resolution_frames_have_four_pixels_for_one(self, told):
        found = told(HEAD.format(turn=0) + "BadPixels 3 5\n", shape=(80, 120))
        assert places(found) == [(x, 79 - y) for x in (6, 7) for y in (11, 10)]

    def test_truth_binned_frames_have_one_pixel_for_four(self, told):
        assert places(told(HEAD.format(turn=0) + "BadPixels 3 5\n", shape=(20, 30))) == [(1, 17)]

    def test_a_list_of_turned_frames_is_turned_back_where_nothing_else_fits(self, told):
        # The list is of frames turned a quarter counter-clockwise; these are as the camera has them.
        text = "CameraSizeX 40\nCameraSizeY 60\nRotationAndFlip 1\nBadPixels 0 0\n"
        found = told(text, shape=(40, 60))
        assert places(found) == [(59, 39)]  # the list's upper left was the camera's upper right
        assert "turned back by its RotationAndFlip 1" in found.notes[0]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("BadPixels 3 5\n", "CameraSizeX is 0"),
            (HEAD.format(turn=0) + "BadPixels 3\n", "line 4 is 'BadPixels 3'; .*pairs of x and y"),
            (HEAD.format(turn=0) + "BadColumns x\n", "line 4 is"),
            ("CameraSizeX 1000\nCameraSizeY 900\nBadRows 1\n", "neither this nor 2 or 4 times"),
            ("CameraSizeX 40\nCameraSizeY 60\nBadRows 1\n", "a quarter turn would make it fit"),
        ],
    )
    def test_a_list_that_cannot_be_used_says_why(self, told, text, words):
        with pytest.raises(BrokenFile, match=words):
            told(text)

    def test_words_that_nobody_knows_are_left_out_with_a_note(self, told):
        found = told(HEAD.format(turn=0) + "BadPixels 1 1\nMagicNumber 5\n")
        assert found.pixels.sum() == 1
        assert "MagicNumber" in found.notes[0]


class TestFalcon:
    XML = '<?xml version="1.0"?>\n<defects>{}</defects>\n'

    def test_convention_rows_count_from_the_first_of_the_file(self, told):
        found = told(self.XML.format("<point>3,1</point><row>5</row><col>7-8,10</col>"), (40, 60))
        assert found.pixels[1, 3]
        assert found.pixels[5].all()
        assert found.pixels[:, [7, 8, 10]].all()
        assert found.pixels.sum() == 1 + 60 + 3 * 40 - 3

    def test_truth_an_area_has_its_first_and_last_pixels(self, told):
        assert told(self.XML.format("<area>2,3,4,5</area>")).pixels[3:6, 2:5].all()

    def test_frames_of_twice_the_sensors_size_are_sampled_so(self, told):
        found = told(self.XML.format("<point>3,1</point>"), (8192, 8192))
        assert places(found) == [(6, 2), (6, 3), (7, 2), (7, 3)]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("<point>3</point>", r"line 2 has <point>3</point>, not x,y"),
            ("<row>5-2</row>", "line 2 has <row>5-2</row>"),
            ("<row>", "line 2 is no XML"),
        ],
    )
    def test_a_broken_element_is_named_by_its_line(self, told, text, words):
        with pytest.raises(BrokenFile, match=words):
            told(self.XML.format(text))

    def test_a_document_type_is_refused(self, told):
        bomb = '<!DOCTYPE d [<!ENTITY a "aaaa">]><defects><point>1,1</point></defects>'
        with pytest.raises(BrokenFile, match="document type"):
            told(bomb)

    def test_another_xml_is_no_list(self, told):
        with pytest.raises(BrokenFile, match="without <defects>"):
            told("<session><name>x</name></session>")


class TestMaps:
    @pytest.mark.parametrize("suffix", [".mrc", ".tif"])
    def test_truth_what_is_not_zero_is_bad(self, tmp_path, suffix):
        bad = np.zeros((40, 60), np.uint8)
        bad[3, 7], bad[20, :] = 1, 9
        path = formats.write(tmp_path / f"map{suffix}", bad)
        defects.check(path)
        assert_array_equal(defects.mask(path, (40, 60)).pixels, bad != 0)

    def test_a_map_of_another_size_is_refused(self, tmp_path):
        path = formats.write(tmp_path / "map.mrc", np.ones((40, 60), np.uint8))
        with pytest.raises(BrokenFile, match=r"60 × 40 pixels, the frames 50 × 50"):
            defects.mask(path, (50, 50))
        with pytest.raises(BrokenFile, match="quarter turn"):
            defects.mask(path, (60, 40))

    def test_a_movie_is_no_map(self, tmp_path):
        path = formats.write(tmp_path / "map.mrc", np.ones((3, 40, 60), np.uint8))
        with pytest.raises(BrokenFile, match="3 frames"):
            defects.mask(path, (40, 60))


def test_bytes_that_are_nothing_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(128, 256)) * 20)
    with pytest.raises(BrokenFile, match="neither text nor a picture"):
        defects.mask(tmp_path / "a", (40, 60))
