"""Columns: titles, units and decimals come from the vocabulary."""

import pytest

from focusnb.model.param import declare
from focusnb.model.vocabulary import vocabulary
from focusnb.model.workflow import BY_MODE
from focusnb_widgets.library import columns

WORDS = vocabulary()


def test_defocus_is_shown_in_micrometres():
    column = columns.of_param(WORDS["defocus"])
    assert (column.heading, column.digits, column.value(12_300.0)) == ("Defocus [µm]", 2, 1.23)


def test_astigmatism_stays_in_its_unit():
    column = columns.of_param(WORDS["astigmatism"])
    assert (column.heading, column.value(85.0)) == ("Astigmatism [Å]", 85.0)


@pytest.mark.parametrize(
    ("facts", "value", "shown"),
    [
        ({"type": "bool"}, True, True),
        ({"type": "float", "size": 2}, [1.0, 2.5], "1 2.5"),
        ({"type": "choice", "choices": {"a": "first"}}, "a", "a"),
        ({"type": "float"}, None, None),
    ],
)
def test_values_are_shown_by_type(facts, value, shown):
    assert columns.of_param(declare("word", facts)).value(value) == shown


@pytest.mark.parametrize("mode", BY_MODE)
def test_the_usual_columns_exist_in_each_mode(mode):
    known = columns.available(WORDS, mode, ())
    usual = columns.usual(mode, known)
    assert {"flag", "name", "quality", "recorded", "comment"} <= set(usual)
    assert all(known[word].title for word in usual)


def test_files_and_hidden_words_are_no_columns():
    known = columns.available(WORDS, "single-particle", ())
    assert "average" not in known
    assert "shifts" not in known
    assert known["number"].kind == "text"


def test_a_hidden_word_with_values_can_be_shown():
    words = {"inner": declare("inner", {"type": "int", "level": "hidden"})}
    assert "inner" not in columns.available(words, "drift", ())
    assert columns.available(words, "drift", ["inner"])["inner"].filled
