"""Small pieces of sentences that several rooms say, and times that were written down."""

from datetime import datetime
from functools import lru_cache


def counted(number: int, noun: str) -> str:
    """Give a number with its noun: "1 batch", "2 batches"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('ch') else 's'}"


@lru_cache(maxsize=100_000)
def seconds(time: str | None) -> float | None:
    """Give an ISO 8601 time as seconds since 1970; without a zone it is this computer's time."""
    if not time:
        return None
    try:
        return datetime.fromisoformat(time).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
