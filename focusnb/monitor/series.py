"""The time series of a feed: one array per word, in the order of recording, thinned when long."""

from collections.abc import Mapping, Sequence
from typing import Any

# What the pages plot; all are words of the library.
WORDS = (
    "mean_count",
    "drift_total",
    "drift_range",
    "defocus",
    "ctf_resolution",
    "iciness",
    "ice_ring",
)
# This many of the last images are all there; of those before, at most as many once more.
RECENT = 3000


def make(
    rows: Sequence[Mapping[str, Any]], times: Sequence[float | None], words: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the arrays of the images that were measured.

    Parameters
    ----------
    rows : one per image
        Rows of the library.
    times : one per image, seconds since 1970
        When each was recorded; an image without a time is left out.
    words : the vocabulary
        Gives the digits that are worth writing.
    """
    measured = [
        (time, row)
        for time, row in zip(times, rows, strict=True)
        if time is not None and row["good"] is not None
    ]
    measured.sort(key=lambda pair: pair[0])
    kept, step = thin(measured)
    digits = {w: 4 if words[w].digits is None else words[w].digits + 1 for w in WORDS}
    series: dict[str, Any] = {
        "version": 1,
        "count": len(measured),
        "every": step,
        "time": [round(time, 1) for time, _ in kept],
        "name": [row["name"] for _, row in kept],
        "good": [bool(row["good"]) for _, row in kept],
    }
    for word in WORDS:
        numbers = [row.get(word) for _, row in kept]
        series[word] = [None if n is None else round(n, digits[word]) for n in numbers]
    return series


def thin(
    measured: list[tuple[float, Mapping[str, Any]]], recent: int = RECENT
) -> tuple[list[tuple[float, Mapping[str, Any]]], int]:
    """Keep the recent images, and of the older ones every 2nd, 4th, 8th …; give that step too.

    Which of the older ones stay depends on their numbers only: points do not flicker from one
    publication to the next, and good and rejected images are thinned alike.
    """
    old, new = measured[:-recent], measured[-recent:]
    step = 1
    while len(old) // step > recent:
        step *= 2
    return [pair for pair in old if pair[1]["id"] % step == 0] + new, step
