"""Selections: what can be said in them, and that nothing else can."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focusnb.errors import BadSelection
from focusnb.model.expr import compile_selection

ROWS = [
    {"group": "g1", "id": 1, "name": "a 1.tif", "flag": "green", "x": 1.0, "n": 5, "ok": True},
    {"group": "g1", "id": 2, "name": "b'2.tif", "flag": "none", "x": 2.5, "n": None, "ok": False},
    {"group": "TRASH", "id": 30, "name": "ü.tif", "flag": "red", "x": None, "n": -5, "ok": None},
]
WORDS = dict.fromkeys(["group", "id", "name", "flag", "x", "n", "ok", "defocus"])


def chosen(text):
    test = compile_selection(text, WORDS)
    return [row["id"] for row in ROWS if test(row)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x < 2", [1]),
        ("x <= 2.5", [1, 2]),
        ("x > 1", [2]),
        ("x >= 1", [1, 2]),
        ("x == 2.5", [2]),
        ("x != 2.5", [1]),
        ("1 < x < 3", [2]),
        ("n == -5", [30]),
        ("flag in ('green', 'red')", [1, 30]),
        ("flag in ['green']", [1]),
        ("flag not in {'green', 'red'}", [2]),
        ("'tif' in name", [1, 2, 30]),
        ('name == "b\'2.tif"', [2]),
        ("name == 'ü.tif'", [30]),
        ("ok", [1]),
        ("not ok", [2, 30]),
        ("x < 2 and flag == 'green'", [1]),
        ("x < 2 or flag == 'red'", [1, 30]),
        ("not (x < 2 or flag == 'red')", [2]),
        ("group != 'TRASH'", [1, 2]),
        ("g1/0000000001", [1]),
        ("g1/1, TRASH/0000000030", [1, 30]),
        (" g1/2 ,g1/1 ", [1, 2]),
        ("g1/30", []),
        ("id in [1, 30]", [1, 30]),
        ("\n x < 2 ", [1]),
    ],
)
def test_a_selection_chooses(text, expected):
    assert chosen(text) == expected


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_a_null_compares_false(sign):
    assert 30 not in chosen(f"x {sign} 1")
    assert chosen(f"defocus {sign} 1") == []
    assert 30 not in chosen(f"1 {sign} x")


def test_a_null_is_in_no_list():
    assert chosen("x in [1, 2.5]") == [1, 2]
    assert chosen("n not in [1]") == [1, 30]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "(lambda: 1)()",
        "[r for r in x]",
        "x if x else n",
        "x := 5",
        "x + 1 < 2",
        "x ** 99999",
        "'a' * 9",
        "f'{x}'",
        "x[0]",
        "x is None",
        "~n",
        "-x < 1",
        "-'a'",
        "b'x' == name",
        "... == x",
        "None == x",
        "1j < x",
        "*x",
        "x; n",
        "import os",
        "x <",
        "",
        "()()",
        "x\0",
        "exec",
        "name == @",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(BadSelection):
        chosen(text)


def test_an_unknown_word_is_answered_with_the_nearest():
    with pytest.raises(
        BadSelection, match="'defokus' is no column of the library; meant 'defocus'"
    ):
        chosen("defokus < 5")


def test_text_and_number_are_not_compared():
    with pytest.raises(BadSelection, match="put text in quotes"):
        chosen("name < 5")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "x" + ")" * 3000,
        "not " * 2000 + "ok",
        "(" * 80 + "x" + ")" * 80,
        "-" * 5000 + "1",
        "[" * 150 + "]" * 150 + " == x",
        "x < 1" + " or x < 1" * 1000,
        "a/" + "0" * 5000 + "1",
        "g1/" + "9" * 5000,
        "x == " + "9" * 5000,
        "x" * 20_000,
    ],
)
def test_huge_selections_are_answered_or_refused(text):
    with contextlib.suppress(BadSelection):
        assert isinstance(chosen(text), list)


@given(st.text(alphabet="xn<>=!()[]{}'\" \\andotri,./-+*_:0123456789\n#@", max_size=40))
def test_any_text_is_a_selection_or_refused(text):
    with contextlib.suppress(BadSelection):
        chosen(text)
