"""The vocabulary knows its words, names the nearest one, and takes scripts' words in."""

import pytest

from focusnb.errors import BadStep, UnknownName
from focusnb.model.param import CSH_WORDS
from focusnb.model.vocabulary import vocabulary

INPUTS = (
    "pixel_size voltage spherical_aberration amplitude_contrast dose_per_frame exposure_dose"
    " prior_dose counts_per_electron gain gain_rotation gain_flip gain_corrected defects patches"
    " crop_factor target_pixel_size particle_diameter"
).split()
RESULTS = (
    "average average_dw unaligned average_pixel_size shifts drift_total drift_range drift_longest"
    " drift_early drift_late mean_count total_dose dose_ratio defocus_u defocus_v defocus_angle"
    " phase_shift astigmatism ctf_resolution ctf_score iciness iciness_amplitude ice_ring particles"
    " picks"
).split()


def test_there_are_at_least_eighty_words():
    assert len(vocabulary()) >= 80


def test_words_that_other_programs_rely_on_are_there():
    assert {w: vocabulary()[w].made for w in (*INPUTS, *RESULTS)} == {
        **dict.fromkeys(INPUTS, False),
        **dict.fromkeys(RESULTS, True),
    }


def test_no_word_is_one_that_csh_keeps_for_itself():
    assert not CSH_WORDS & set(vocabulary())


def test_an_unknown_word_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="'voltag'; meant 'voltage'"):
        vocabulary()["voltag"]


def test_an_unknown_word_that_is_near_to_none_says_where_to_look():
    with pytest.raises(UnknownName, match="focusnb parameters"):
        vocabulary()["qqqqqq"]


def test_a_script_may_declare_a_new_word():
    words = vocabulary().extended({"blur": {"default": 2.0, "unit": "Å"}}, source="blur.csh")
    assert (words["blur"].type, words["blur"].default, words["blur"].unit) == ("float", 2.0, "Å")
    assert "blur" not in vocabulary()


def test_a_known_word_keeps_its_meaning():
    words = vocabulary().extended({"voltage": {"default": 80.0}}, source="x.sh")
    assert words["voltage"] is vocabulary()["voltage"]


@pytest.mark.parametrize("table", [{"type": "number"}, {"scope": "all"}, {"level": "expert"}])
def test_a_declaration_may_say_only_what_is_known(table):
    with pytest.raises(BadStep, match=r"x\.sh: parameter blur: \w+ '\w+' is none of"):
        vocabulary().extended({"blur": table}, source="x.sh")


@pytest.mark.parametrize("table", [{"type": "int"}, {"unit": "V"}])
def test_another_type_or_unit_of_a_known_word_is_an_error(table):
    with pytest.raises(BadStep, match=r"x\.sh: voltage is declared with"):
        vocabulary().extended({"voltage": table}, source="x.sh")
