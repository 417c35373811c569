"""What somebody should look at: rules over the last images and the queue, each one sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from focusnb.kernels.statistics import RATIO_HIGH, RATIO_LOW

SILENCE = 600.0  # seconds without a new image before we speak, or five usual intervals
FORGOTTEN = 86_400.0  # a session that ended a day ago alarms nobody
LAST = 10  # images that make "lately"
BEFORE = 200  # images before them that make "usual"


def find(
    rows: Sequence[Mapping[str, Any]],
    times: Sequence[float | None],
    queue: Mapping[str, Any],
    limits: Mapping[str, Any],
    now: float,
) -> list[dict[str, str]]:
    """Apply all rules; the gravest first. level: "alert" (act now) or "warning" (have a look)."""
    recent = sorted(
        ((t, r) for t, r in zip(times, rows, strict=True) if t is not None), key=lambda p: p[0]
    )
    measured = [row for _, row in recent if row["good"] is not None]
    found = [
        *_silence([time for time, _ in recent], now),
        *_rejections(measured),
        *_queue(queue, now),
        *_counts(measured),
        *_ice(measured, limits),
        *_dose(measured),
    ]
    return sorted(found, key=lambda one: one["level"] != "alert")


def _alert(text: str) -> dict[str, str]:
    return {"level": "alert", "text": text}


def _warning(text: str) -> dict[str, str]:
    return {"level": "warning", "text": text}


def _silence(times: Sequence[float], now: float) -> list[dict[str, str]]:
    if len(times) < 3 or now - times[-1] > FORGOTTEN:
        return []
    last = times[-51:]
    usual = median(b - a for a, b in pairwise(last))
    if now - times[-1] < max(SILENCE, 5 * usual):
        return []
    return [_alert(f"No new image for {_span(now - times[-1])}; usually one every {_span(usual)}.")]


def _rejections(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    last = measured[-LAST:]
    bad = [row for row in last if not row["good"]]
    if len(last) < 5 or len(bad) * 2 <= len(last):
        return []
    kinds = Counter(_kind(reason) for row in bad for reason in _measured_reasons(row))
    kinds["errors"] = sum(row.get("error") is not None for row in bad)
    why = ", ".join(f"{kind} ({n})" for kind, n in kinds.most_common(3) if n)
    return [_alert(f"{len(bad)} of the last {len(last)} images are not good: {why}.")]


def _queue(queue: Mapping[str, Any], now: float) -> list[dict[str, str]]:
    waiting = queue["waiting"]
    if not waiting:
        return []
    if queue["paused"]:
        return [_warning(f"The queue is paused; {waiting} batches wait.")]
    beat = queue["dispatcher"]
    if beat is None or now - beat > 60:
        return [_warning(f"Nobody works on the queue, {waiting} batches wait; start focusnb run.")]
    return []


def _counts(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    lately, usual = _medians(measured, "mean_count")
    if lately is None or usual is None or usual <= 0 or 0.7 < lately / usual < 1.4:
        return []
    return [
        _warning(
            f"Electrons per pixel and frame went from {usual:.3g} to {lately:.3g}:"
            " look at the beam, the energy filter's slit and the ice."
        )
    ]


def _ice(measured: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]) -> list[dict[str, str]]:
    lately, _ = _medians(measured, "iciness")
    if lately is not None and lately > limits["good_iciness"]:
        return [
            _warning(f"Iciness is {lately:.2f} lately: crystalline ice, or the sample got warm.")
        ]
    lately, usual = _medians(measured, "ice_ring")
    if lately is None or usual is None or usual <= 0 or lately < 1.5 * usual:
        return []
    return [_warning(f"The ice ring grew from {usual:.2f} to {lately:.2f}.")]


def _dose(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    lately, _ = _medians(measured, "dose_ratio")
    if lately is None or RATIO_LOW <= lately <= RATIO_HIGH:
        return []
    return [
        _warning(
            f"Counted dose is {lately:.2f} of the nominal one:"
            " check dose_per_frame, pixel_size, gain and counts_per_electron."
        )
    ]


def _medians(measured: Sequence[Mapping[str, Any]], word: str) -> tuple[float | None, float | None]:
    """Give a word's median over the last five images, and over the many before them."""
    numbers = [row.get(word) for row in measured[-BEFORE - 5 :]]
    numbers = [n for n in numbers if n is not None]
    if len(numbers) < 5:
        return None, None
    before = numbers[:-5]
    return median(numbers[-5:]), median(before) if len(before) >= 5 else None


def reasons_of(row: Mapping[str, Any]) -> list[str]:
    """Give why an image is not good: what went wrong first, as one sentence, then what is bad."""
    return [*([] if row.get("error") is None else [str(row["error"])]), *_measured_reasons(row)]


def _measured_reasons(row: Mapping[str, Any]) -> list[str]:
    text = str(row["reasons"] or "")
    if row.get("error") is not None:  # a sentence of its own, which may have semicolons
        text = text.removeprefix(str(row["error"])).removeprefix("; ")
    return text.split("; ") if text else []


def _kind(reason: str) -> str:
    """Give what a reason speaks about: its words before the first number or colon."""
    words: list[str] = []
    for word in reason.replace(":", " :").split():
        if word[0].isdigit() or word in ":<>":
            break
        words.append(word)
    return " ".join(words[:4]) or "others"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
