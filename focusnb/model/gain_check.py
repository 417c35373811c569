"""Does a gain reference fit the movies? Files come in, the search's answer goes out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadData, BadValue
from focusnb.formats import gain as gain_format
from focusnb.kernels import gain, gain_search
from focusnb.kernels.ahead import ahead


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found with a gain reference and movies, and what `prepare` would do with them."""

    reference: Path
    found: gain_search.Found
    events: bool  # the movies are EER
    shape: tuple[int, int]  # of their frames, (y, x)
    refit: str  # how the reference is brought to this size; "" when it has it

    def use(self, reference: str | Path) -> gain.Use:
        """Tell what `prepare` does with these movies and a gain reference of this name."""
        return gain.use(reference, events=self.events)


def check_gain(
    reference: str | Path,
    movies: Iterable[str | Path],
    *,
    frames: int | None = None,
    threads: int = 1,
    report: Callable[[float, str], None] = lambda fraction, text: None,
) -> Checked:
    """Find which way a gain reference fits raw movies, by the sum of their frames.

    frames: at most so many of each movie. Raises BadValue without a movie; BadData when movies
    differ in size or kind, or are complex; and what reading raises.
    """
    files = [Path(movie) for movie in movies]
    if not files:
        raise BadValue("give at least one movie, as recorded, that the gain reference belongs to")
    factors = gain_format.read(Path(reference))
    total: NDArray[np.float64] | None = None
    events = False
    for number, file in enumerate(files):
        with formats.open(file) as stack:
            count = min(len(stack), frames or len(stack))
            if stack.dtype.kind == "c":
                raise BadData(f"{file.name} holds complex numbers: a transform, not a movie")
            recorded = hasattr(stack, "raw_frames")  # as `prepare` knows electron events
            if total is None:
                total, events = np.zeros(stack.shape[1:]), recorded
            elif total.shape != stack.shape[1:]:
                raise BadData(
                    f"{file.name} has {stack.shape[2]} × {stack.shape[1]} pixels, the movies before"
                    f" it {total.shape[1]} × {total.shape[0]}; give movies of one camera"
                )
            elif events != recorded:
                raise BadData(
                    f"{file.name} is {'' if recorded else 'no '}EER, unlike the movies before it:"
                    " their gain references are used differently; give movies of one kind"
                )
            for index, frame in enumerate(ahead(stack.frame, range(count), threads)):
                total += frame
                report((number + (index + 1) / count) / len(files), f"reading {file.name}")
    assert total is not None
    shape = (total.shape[0], total.shape[1])
    found = gain_search.search(total, factors)
    return Checked(Path(reference), found, events, shape, gain.refit(factors.shape, shape))


def corrected(checked: Checked, target: str | Path) -> NDArray[np.float32]:
    """Give the reference as it fits, neither turned nor flipped, of the frames' size.

    It is in the sense in which `prepare` uses a file of the target's name: to be multiplied with or
    divided by. Raises BadValue when none fits.
    """
    best = checked.found.best
    if best is None:
        raise BadValue(f"{checked.reference.name} cannot be written: {checked.found.sentence}")
    factors: NDArray[np.float32] = gain.fitted(gain_format.read(checked.reference), checked.shape)
    if best.use != checked.use(target):
        factors = gain.reciprocal(factors)
    oriented: NDArray[np.float32] = gain.orient(factors, rotation=best.rotation, flip=best.flip)
    return oriented
