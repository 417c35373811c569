"""A parameter reads any input as a value of its type, or refuses it in a sentence."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from focusnb.errors import BadStep, BadValue
from focusnb.model.param import CSH_WORDS, ROW_WORDS, declare
from focusnb.model.vocabulary import vocabulary

PARAMS = {
    "float": declare("x", {"type": "float", "low": -5, "high": 5, "unit": "Å"}),
    "int": declare("x", {"type": "int", "low": 0}),
    "bool": declare("x", {"type": "bool"}),
    "str": declare("x", {"type": "str"}),
    "path": declare("x", {"type": "path"}),
    "choice": declare("x", {"type": "choice", "choices": {"0": "not", "1": "90°", "a": "All"}}),
    "series": declare("x", {"type": "series"}),
    "vector": declare("x", {"type": "float", "size": 2, "high": 9}),
    "whole": declare("x", {"type": "int", "size": 3}),
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | st.from_regex(r"\A[-+]?[0-9_., einfNa]{1,12}\Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)


def is_finite(value):
    return isinstance(value, float) and math.isfinite(value)


CHECKS = {
    "float": lambda v: is_finite(v) and -5 <= v <= 5,
    "int": lambda v: type(v) is int and v >= 0,
    "bool": lambda v: type(v) is bool,
    "str": lambda v: type(v) is str,
    "path": lambda v: type(v) is str,
    "choice": lambda v: v in ("0", "1", "a"),
    "series": lambda v: all(p is None or (len(p) == 2 and all(map(is_finite, p))) for p in v),
    "vector": lambda v: len(v) == 2 and all(is_finite(one) and one <= 9 for one in v),
    "whole": lambda v: len(v) == 3 and all(type(one) is int for one in v),
}


@pytest.mark.parametrize("kind", PARAMS)
@given(value=ANYTHING)
@example(value="1e999")
@example(value="٣")
@example(value="9" * 5000)
@example(value=10**5000)
@example(value=[float("nan"), 1])
@example(value=(True, False))
@example(value="\ud800")
def test_any_input_gives_the_type_or_bad_value(kind, value):
    try:
        read = PARAMS[kind].read(value)
    except BadValue as error:
        read, sentence = None, str(error)
    else:
        sentence = "x = "
    assert read is None or CHECKS[kind](read)
    assert sentence.startswith("x = ")
    assert len(sentence) < 600


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("float", "2.5", 2.5),
        ("float", 2, 2.0),
        ("float", " 1e-3 ", 0.001),
        ("float", np.float32(0.5), 0.5),
        ("int", "7", 7),
        ("int", np.int64(7), 7),
        ("bool", "Yes", True),
        ("bool", "off", False),
        ("bool", np.True_, True),
        ("str", "", ""),
        ("path", Path("a b/c.tif"), "a b/c.tif"),
        ("choice", "1", "1"),
        ("choice", 1, "1"),
        ("choice", "NOT", "0"),
        ("choice", "90°", "1"),
        ("vector", "1, 2.5", [1.0, 2.5]),
        ("vector", (1, 2), [1.0, 2.0]),
        ("vector", np.array([1.0, 2.0]), [1.0, 2.0]),
        ("whole", "1 2 3", [1, 2, 3]),
        ("series", [[0, 1], None], [[0.0, 1.0], None]),
        ("float", "", None),
        ("choice", None, None),
    ],
)
def test_input_of_many_forms_becomes_the_type(kind, given, expected):
    assert PARAMS[kind].read(given) == expected


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        ("float", True, "valid number"),
        ("float", "1_000", "a number is expected"),
        ("float", "nan", "finite"),
        ("float", "-inf", "finite"),
        ("float", 6, ": it must be -5 to 5 Å"),
        ("float", "2,7", ": write 2.7 with a point; allowed: -5 to 5 Å"),
        ("int", -1, ": it must be 0 or more"),
        ("vector", [1, 10.0], ": it must be up to 9 (component 1)"),
        ("float", "1 2", "one value is expected"),
        ("int", 2.7, "integer"),
        ("int", "2.7", "whole number"),
        ("int", float("inf"), "integer"),
        ("bool", 1, "bool"),
        ("bool", "perhaps", "yes or no"),
        ("str", "a\0b", "zero byte"),
        ("choice", "2", "0 (not), 1 (90°), a (All)"),
        ("choice", True, "it is one of"),
        ("vector", "1 2 3", "at most 2"),
        ("vector", [1, float("nan")], "component 1"),
        ("vector", 5, "list"),
        ("series", [[1, 2, 3]], "at most 2"),
        ("series", "1 2", "list of points"),
    ],
)
def test_what_is_refused_is_told_with_value_and_reason(kind, given, reason):
    with pytest.raises(BadValue) as caught:
        PARAMS[kind].read(given, "the command line")
    assert reason in str(caught.value)
    assert "(from the command line)" in str(caught.value)


@given(st.floats(-5, 5))
def test_text_for_scripts_is_read_back_as_it_was(value):
    param = PARAMS["float"]
    assert param.read(param.as_text(value)) == value


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("bool", True, "1"),
        ("vector", [1.0, 2.5], "1.0 2.5"),
        ("choice", "a", "a"),
        ("int", None, ""),
    ],
)
def test_scripts_get_plain_text(kind, value, text):
    assert PARAMS[kind].as_text(value) == text


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"type": "number"}, "none of float, int"),
        ({"typ": "int"}, "unknown key 'typ'; meant 'type'"),
        ({"default": 5.0, "high": 4}, "default of x = 5.0"),
        ({"type": "int", "default": "many"}, "whole number"),
        ({"low": "a"}, "low = 'a' is no number"),
        ({"size": 9}, "size = 9"),
        ({"size": "2"}, "no whole number"),
        ({"label": 5}, "no text"),
        ({"type": ["int"]}, "no text"),
        ({"type": "choice"}, "needs choices"),
        ({"type": "choice", "choices": ["a"]}, "table of key"),
        ({"modes": 5}, "list of modes"),
        ({"made": 1}, "true or false"),
        (5, "write a table"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_source(table, reason):
    with pytest.raises(BadStep) as caught:
        declare("x", table, source="blur.csh")
    assert reason in str(caught.value)
    assert str(caught.value).startswith("blur.csh: ")


@pytest.mark.parametrize(
    "name", [*sorted(CSH_WORDS), *sorted(ROW_WORDS), "Big", "a-b", "1a", "ä", ""]
)
def test_a_name_with_another_meaning_is_refused(name):
    with pytest.raises(BadStep):
        declare(name, {})


def test_the_type_of_a_declaration_is_that_of_its_default():
    assert [declare("x", {"default": d}).type for d in (True, 1, 1.0, "a")] == [
        "bool", "int", "float", "str",
    ]  # fmt: skip


@pytest.mark.parametrize("word", vocabulary())
def test_each_word_of_the_vocabulary_is_complete(word):
    param = vocabulary()[word]
    assert param.label
    assert param.help.endswith((".", ")"))
    assert param.unit or param.type not in ("float", "int")
    assert param.scope in ("project", "image")
    assert param.level in ("normal", "advanced", "hidden")
    assert not (param.made and param.default is not None)
