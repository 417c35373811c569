"""EXPR: the language of selections, the same on the command line, in scripts and on pages.

Words of the vocabulary, `name`, `group`, `flag` and the other columns of the library; numbers and
quoted text; < <= > >= == != in, and or not, brackets. Or a comma list of GROUP/NUMBER. The text is
parsed with `ast` and only the nodes below are followed, so nothing can be called or run.
A value that is not available compares false.
"""

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from focusnb.errors import BadSelection

Row = Mapping[str, Any]
PLACE = r"[^,\s/=<>!]+/\d{1,18}"
PLACES = re.compile(rf"{PLACE}(\s*,\s*{PLACE})*")
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def compile_selection(text: str, words: Mapping[str, Any]) -> Callable[[Row], bool]:
    """Give a function that tells whether a row belongs to the selection; raises BadSelection."""
    if len(text) > 10_000:
        raise BadSelection(f"the selection is {len(text)} letters long; 10,000 are allowed")
    wanted = places(text)
    if wanted:
        return lambda row: (row["group"], row["id"]) in wanted
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about backslashes in quoted text
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", str(error))
        raise BadSelection(
            f"{text!r} is no selection: {reason}; write e.g. ctf_resolution < 5 and flag == 'green'"
        ) from None
    try:
        test = _node(tree.body, words, text)
    except RecursionError:
        raise BadSelection(f"the selection {text[:60]!r}… is nested too deeply") from None

    def chosen(row: Row) -> bool:
        try:
            return bool(test(row))
        except RecursionError:
            raise BadSelection(f"the selection {text[:60]!r}… is nested too deeply") from None

    return chosen


def places(text: str) -> set[tuple[str, int]]:
    """Give the groups and numbers of a comma list of GROUP/NUMBER; nothing if it is none."""
    if not PLACES.fullmatch(text.strip()):
        return set()
    return {_place(part) for part in text.split(",")}


def _place(part: str) -> tuple[str, int]:
    group, _, number = part.strip().rpartition("/")
    return group, int(number)


def _node(node: ast.expr, words: Mapping[str, Any], text: str) -> Callable[[Row], Any]:
    if isinstance(node, ast.BoolOp):
        parts = [_node(v, words, text) for v in node.values]
        if isinstance(node.op, ast.And):
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _node(node.operand, words, text)
        return lambda row: not inner(row)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = node.operand
        if isinstance(operand, ast.Constant) and isinstance(operand.value, int | float):
            negative = -operand.value
            return lambda row: negative
    if isinstance(node, ast.Compare):
        return _comparison(node, words, text)
    if isinstance(node, ast.Name):
        name = node.id
        if name not in words:
            near = get_close_matches(name, list(words), 1)
            raise BadSelection(
                f"{name!r} is no column of the library" + (f"; meant {near[0]!r}?" if near else "")
            )
        return lambda row: row.get(name)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        constant = node.value
        return lambda row: constant
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [_node(v, words, text) for v in node.elts]
        return lambda row: [item(row) for item in items]
    part = ast.get_source_segment(text.strip(), node) or type(node).__name__
    raise BadSelection(
        f"{part!r} is not allowed in a selection; it knows words, numbers, quoted text, comparisons, and, or, not, in"
    )


def _comparison(node: ast.Compare, words: Mapping[str, Any], text: str) -> Callable[[Row], bool]:
    sides = [_node(v, words, text) for v in (node.left, *node.comparators)]
    unknown = [op for op in node.ops if type(op) not in COMPARE]
    if unknown:
        raise BadSelection(
            f"{type(unknown[0]).__name__!r} is not allowed in a selection; use == and !="
        )
    compare = [COMPARE[type(op)] for op in node.ops]

    def test(row: Row) -> bool:
        values = [side(row) for side in sides]
        if any(v is None for v in values):
            return False
        try:
            return all(c(a, b) for c, a, b in zip(compare, values, values[1:], strict=False))
        except TypeError:
            raise BadSelection(
                f"{text!r} compares text with a number; put text in quotes, numbers without"
            ) from None

    return test
