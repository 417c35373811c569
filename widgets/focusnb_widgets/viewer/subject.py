"""Subjects: what somebody wants to look at, and what pictures there are of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, FocusError, MissingProduct
from focusnb.model.image import Image
from focusnb.model.movie import Movie
from focusnb_widgets.viewer.frames import Frames

# Products that are pictures, in the order in which people look for them.
PRODUCTS = (
    "average", "average_dw", "unaligned", "background_free", "ctf_spectrum", "average_odd",
    "average_even", "average_range", "aligned_frames", "movie",
)  # fmt: skip
SPECTRA = ("ctf_spectrum",)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the pictures of a subject. what: file or array. together: EER frames of a fraction."""

    word: str
    label: str
    what: Path | NDArray
    pixel_size: float | None = None
    together: int | None = None

    @property
    def there(self) -> bool:
        """Whether it can be opened, as far as one sees without opening it."""
        return not isinstance(self.what, Path) or self.what.exists()

    def open(self) -> Frames:
        """Open it."""
        return Frames(self.what, together=self.together)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at. source: how Python names it. image: of a project, else None."""

    name: str
    source: str
    choices: list[Choice] = field(default_factory=list)
    image: Image | None = None

    def choice(self, word: str | None) -> Choice:
        """Give the choice of this word, or the first one that is there."""
        if not self.choices:
            raise MissingProduct(f"{self.name} has no picture yet; process it first")
        if word is None:
            return next((one for one in self.choices if one.there), self.choices[0])
        for one in self.choices:
            if one.word == word:
                return one
        raise MissingProduct(
            f"{self.name} has no {word}; there are: {', '.join(one.word for one in self.choices)}"
        )


def subject(what: Any, *, pixel_size: float | None = None) -> Subject:
    """Read what people name: an image of a project, a file, or an array.

    pixel_size: Å, of what does not tell it, or in place of what it tells.
    """
    if pixel_size is not None and not (np.isfinite(pixel_size) and pixel_size > 0):
        raise BadValue(f"pixel_size is {pixel_size}; it is a positive number, in Å")
    if isinstance(what, Image):
        return Subject(what.name, f"project[{what.key!r}]", _products(what), what)
    if isinstance(what, str | Path):
        path = Path(what).expanduser()
        return Subject(path.name, repr(str(what)), [Choice("file", path.name, path, pixel_size)])
    array = np.asarray(what)
    if array.ndim not in (2, 3) or not array.size or array.dtype.kind not in "biufc":
        raise BadValue(
            f"an array of {array.dtype} of shape {array.shape} is no picture; give numbers (y, x) or"
            " (frame, y, x)"
        )
    return Subject("picture", "picture", [Choice("array", "picture", array, pixel_size)])


def _products(image: Image) -> list[Choice]:
    found = []
    words = image.project.words
    for word in PRODUCTS:
        place = image.get(word)
        if place is None:
            continue
        recorded = word == "movie"
        pixel = image.get("pixel_size" if recorded else "average_pixel_size")
        found.append(
            Choice(
                word,
                words[word].label,
                Path(place),
                None if word in SPECTRA else pixel,
                _together(image) if recorded else None,
            )
        )
    return found


def _together(image: Image) -> int | None:
    """How many recorded EER frames make one, as the image was prepared; None when nobody says."""
    place = image.get("prepared")
    try:
        many = Movie.load(Path(place)).eer_frames if place else image.get("eer_frames")
    except (FocusError, OSError):
        many = None
    return int(many) if many else None


def lens_of(image: Image) -> Mapping[str, float]:
    """Give what the microscope adds to Thon rings."""
    words = ("voltage", "spherical_aberration", "amplitude_contrast")
    return {word: float(image[word]) for word in words}
