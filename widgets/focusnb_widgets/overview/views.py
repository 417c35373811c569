"""Which views of an image there are, and which of them each overview of a mode shows.

They are those of Table S1 of the paper of Focus. To add one: a line in VIEWS, its name in OVERVIEWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """One picture of an image.

    preview: the word of its small picture. product: the word of the file that the viewer opens.
    needs: words without which there is nothing to show. maker: the step that finds them out. numbers:
    words told beneath the picture. pair: the view to compare it with. moves: there is none of it
    where nothing moved, in a single picture.
    """

    title: str
    meaning: str
    preview: str
    product: str
    needs: tuple[str, ...]
    maker: str
    numbers: tuple[str, ...] = ()
    pair: str = ""
    moves: bool = False


VIEWS: Mapping[str, View] = {
    "before": View(
        "Before alignment", "the sum of the frames as recorded", "preview_before",
        "unaligned", ("unaligned",), "motion", pair="after", moves=True,
    ),
    "before_fft": View(
        "FFT before alignment", "the power spectrum before alignment", "preview_unaligned",
        "unaligned", ("unaligned",), "motion", pair="after_fft", moves=True,
    ),
    "after": View(
        "After alignment", "the average of the movie", "preview_average",
        "average", ("average",), "motion", pair="before",
    ),
    "after_fft": View(
        "FFT after alignment", "the power spectrum after alignment", "preview_spectrum",
        "average", ("average",), "motion", pair="before_fft",
    ),
    "drift": View(
        "Drift", "the path of the specimen during the exposure", "preview_drift",
        "average", ("average", "shifts"), "motion", ("drift_total", "drift_range"), moves=True,
    ),
    "thon": View(
        "Thon-ring fit", "measured rings beside the fitted ones", "preview_thon",
        "ctf_spectrum", ("ctf_spectrum", "ctf_star"), "ctf", ("defocus", "ctf_resolution"),
    ),
    "particles": View(
        "Particles, background subtracted", "the average without its background, picks as circles",
        "preview_picks", "background_free", ("average", "picks"), "pick", ("particles",), pair="after",
    ),
}  # fmt: skip

IMAGE = ("before", "before_fft", "after", "after_fft")
DRIFT = ("after", "after_fft", "drift", "thon")

# By mode: the overviews in the order of their keys 1, 2, 3 …
OVERVIEWS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "drift": {"Image": IMAGE, "Drift": DRIFT},
    "single-particle": {
        "Image": IMAGE,
        "Drift": DRIFT,
        "Particles": ("particles", "after_fft", "drift", "thon"),
    },
    "tomography": {"Image": IMAGE, "Drift": DRIFT},
}


def overviews(mode: str) -> Mapping[str, tuple[str, ...]]:
    """Give the overviews of a mode; one that the table does not know has those of drift correction."""
    return OVERVIEWS.get(mode, OVERVIEWS["drift"])
