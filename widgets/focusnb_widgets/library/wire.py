"""Rows on the wire: one buffer for each column, numbers as float32, text as JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from focusnb.model.table import Row
from focusnb.model.text import seconds
from focusnb_widgets.library.columns import ALWAYS, FIXED, Column, fixed

KINDS = {"number": "<f4", "yes": "<f4", "time": "<f8"}


def encoded(
    rows: Sequence[Row], columns: Iterable[Column]
) -> tuple[list[dict[str, str]], list[bytes]]:
    """Give heads {word, as} and buffers: first `id` (int32), then the columns.

    NaN stands for a number that is not available; times are seconds since 1970 as float64.
    """
    heads = [{"word": "id", "as": "i4"}]
    buffers = [np.array([row.cells["id"] for row in rows], "<i4").tobytes()]
    for column in columns:
        kind = KINDS.get(column.kind)
        values = column_values(rows, column)
        heads.append({"word": column.word, "as": kind[1:] if kind else "json"})
        buffers.append(_numbers(values, kind) if kind else _texts(values))
    return heads, buffers


def basic() -> list[Column]:
    """Give the columns that the page always has."""
    return [
        Column("good", "Good", "yes")
        if word == "good"
        else fixed(word)
        if word in FIXED
        else Column(word, word, "text")
        for word in ALWAYS
    ]


def column_values(rows: Sequence[Row], column: Column) -> list[Any]:
    """Give one column of rows in its shown unit; None where a row has no value."""
    word = column.word
    found = [row.cells.get(word) for row in rows]
    if word not in ALWAYS and None in found and word != "recorded":
        found = [
            row[word] if value is None else value for row, value in zip(rows, found, strict=True)
        ]
    if column.kind == "time":
        return [seconds(value) for value in found]
    if column.kind == "text" and word in ALWAYS:
        return found
    return [None if value is None else column.value(value) for value in found]


def _numbers(values: Sequence[Any], kind: str) -> bytes:
    return np.array([np.nan if v is None else v for v in values], kind).tobytes()


def _texts(values: Sequence[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode()


def numbers_of(buffers: Sequence[Any]) -> list[int]:
    """Give the numbers of images that a page has sent as int32."""
    return np.frombuffer(bytes(buffers[0]), "<i4").tolist() if buffers else []


def buffer_of(images: Iterable[int]) -> bytes:
    """Give numbers of images as a page reads them."""
    return np.fromiter(images, "<i4").tobytes()
