"""Good: the one definition of an image worth keeping, with the reasons when it is not."""

from collections.abc import Mapping
from typing import Any


def reasons(cells: Mapping[str, Any], limits: Mapping[str, Any]) -> list[str]:
    """Tell why an image is not good; an empty list means it is.

    cells: the image's numbers by word. limits: the project's good_* values. A number that is not
    available rejects nothing by itself, except the CTF's resolution once a CTF was looked for:
    no rings is the worst resolution there is.
    """
    found = []
    if cells.get("error"):
        found.append(str(cells["error"]))
    resolution, limit = cells.get("ctf_resolution"), limits["good_ctf_resolution"]
    rings = resolution is not None or cells.get("ctf_score") is None
    if not rings:
        found.append("no Thon rings")  # and what was fitted to nothing says nothing
    elif cells.get("ctf_trusted") is False:
        found.append("the CTF fit is not to be trusted")
    elif resolution is not None and resolution > limit:
        found.append(f"CTF resolution {resolution:.1f} Å > {limit:.1f} Å")
    defocus = cells.get("defocus") if rings else None
    if defocus is not None and defocus < limits["good_defocus_low"]:
        found.append(f"defocus {defocus / 1e4:.2f} µm < {limits['good_defocus_low'] / 1e4:.2f} µm")
    if defocus is not None and defocus > limits["good_defocus_high"]:
        found.append(f"defocus {defocus / 1e4:.2f} µm > {limits['good_defocus_high'] / 1e4:.2f} µm")
    for word, text in (
        ("astigmatism", "astigmatism {:.0f} Å > {:.0f} Å"),
        ("drift_range", "drift {:.0f} Å > {:.0f} Å"),
        ("iciness", "iciness {:.2f} > {:.2f}"),
    ):
        value = cells.get(word)
        if word == "astigmatism" and not rings:
            continue
        if value is not None and value > limits[f"good_{word}"]:
            found.append(text.format(value, limits[f"good_{word}"]))
    count = cells.get("mean_count")
    if count is not None and count < limits["good_mean_count"]:
        found.append(f"dark: {count:.3f} e/px < {limits['good_mean_count']:.3f} e/px")
    if cells.get("aligned") is False:
        found.append("the frames could not be aligned")
    return found


def limits(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the limits of good among a project's values."""
    return {word: value for word, value in values.items() if word.startswith("good_")}
