"""The queue's SQL, found by name in queries.sql."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def _queries() -> dict[str, str]:
    text = files("focusnb.batch").joinpath("queries.sql").read_text(encoding="utf-8")
    parts = text.split("\n-- name: ")[1:]
    return {
        name.strip(): body.strip() for name, _, body in (part.partition("\n") for part in parts)
    }


def query(name: str) -> str:
    """Give the statement of this name."""
    return _queries()[name]
