"""Loops that are compiled by numba when they are first called.

They run without Python's lock, so that several threads can share the work. numba keeps what it has
compiled beside its file, or in the user's cache folder; where neither can be written to, loops are
compiled anew by each process. numba takes long to load: modules of loops are imported where used.
"""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the result if there is a place for it."""

    def made(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # numba found no folder that it may write to
            return njit(nogil=True, **options)(function)

    return made
