import pytest

from focusnb.model.units import in_shown_unit, shown_unit
from focusnb.model.vocabulary import vocabulary


@pytest.mark.parametrize(
    ("word", "unit", "text"),
    [
        ("defocus", ("µm", 1e-4, 2), "1.23"),
        ("defocus_target", ("µm", 1e-4, 2), "1.23"),
        ("defocus_error", ("µm", 1e-4, 3), "1.235"),
        ("good_defocus_low", ("µm", 1e-4, 2), "1.23"),
        ("defocus_angle", ("°", 1.0, 1), "12345.6"),
        ("drift_range", ("Å", 1.0, 1), "12345.6"),
    ],
)
def test_a_number_is_shown_in_the_unit_that_people_think_in(word, unit, text):
    param = vocabulary()[word]
    found = shown_unit(param)
    assert (found, in_shown_unit(param, 12345.6)) == (unit, text)


def test_values_that_are_no_numbers_are_shown_as_they_are():
    param = vocabulary()["defocus"]
    assert [in_shown_unit(param, value) for value in (None, True, "x")] == ["", "yes", "x"]
