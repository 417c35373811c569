"""Does a gain reference fit the movies? Files come in, the search's answer goes out."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadData, BadValue
from focusnb.formats import gain as gain_format
from focusnb.kernels import gain, gain_search
from focusnb.kernels.ahead import ahead


def check_gain(
    reference: str | Path,
    movies: Iterable[str | Path],
    *,
    frames: int | None = None,
    threads: int = 1,
    report: Callable[[float, str], None] = lambda fraction, text: None,
) -> gain_search.Found:
    """Find which way a gain reference fits raw movies, by the sum of their frames.

    frames: at most so many of each movie. Raises BadValue without a movie, BadData when movies
    differ in size, and what reading raises.
    """
    files = [Path(movie) for movie in movies]
    if not files:
        raise BadValue("give at least one movie, as recorded, that the gain reference belongs to")
    factors = gain_format.read(Path(reference))
    total: NDArray[np.float64] | None = None
    for number, file in enumerate(files):
        with formats.open(file) as stack:
            count = min(len(stack), frames or len(stack))
            if total is None:
                total = np.zeros(stack.shape[1:])
            elif total.shape != stack.shape[1:]:
                raise BadData(
                    f"{file.name} has {stack.shape[2]} × {stack.shape[1]} pixels, the movies before"
                    f" it {total.shape[1]} × {total.shape[0]}; give movies of one camera"
                )
            for index, frame in enumerate(ahead(stack.frame, range(count), threads)):
                total += frame
                report((number + (index + 1) / count) / len(files), f"reading {file.name}")
    assert total is not None
    return gain_search.search(total, factors)


def corrected(reference: str | Path, found: gain_search.Candidate) -> NDArray[np.float32]:
    """Give the reference as it fits: to be multiplied with, neither turned nor flipped."""
    factors: NDArray[np.float32] = gain_format.read(Path(reference))
    if found.use == "divide":
        factors = gain.reciprocal(factors)
    oriented: NDArray[np.float32] = gain.orient(factors, rotation=found.rotation, flip=found.flip)
    return oriented
