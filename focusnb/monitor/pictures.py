"""The pictures of a feed: small copies of the last image's previews, the real-space one blurred."""

import contextlib
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFilter

from focusnb.formats.stack import replacing

if TYPE_CHECKING:
    from focusnb.model.project import Project

# word of the preview -> (its title on a page, what it shows for people who cannot see it)
SHOWN = {
    "preview_average": ("Average", "the average of the movie"),
    "preview_thon": ("Thon rings and fit", "the power spectrum, one half data, one half fit"),
    "preview_unaligned": ("Spectrum before alignment", "the power spectrum of the unaligned sum"),
    "preview_spectrum": ("Spectrum after alignment", "the power spectrum of the aligned average"),
    "preview_drift": (
        "Drift",
        "the path of the specimen during the exposure, and of its parts, enlarged",
    ),
    "preview_ctf": ("CTF fit", "the radial profile of the spectrum with the fitted CTF"),
}
# What shows the specimen itself.
REAL_SPACE = ("preview_average",)
# Radius of the blur, as a fraction of the longer side: particles of a tenth of the field stay hidden.
BLUR = 1 / 48
# Seconds for which a picture stays that no feed names: another program may be about to name it.
FRESH = 60.0
LIMIT = 2_000_000  # bytes; a preview is far smaller, and nothing else is let into the feed


def publish(
    project: "Project", row: Mapping[str, Any], folder: Path, *, sharp: bool
) -> list[dict[str, Any]]:
    """Copy an image's previews into a folder; give what a page has to know of each.

    The files of the image shown before stay for one more publication: a page may just read them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = project.document(row["id"])
    home = project.folder(row["id"])
    shown = []
    for word, (title, meaning) in SHOWN.items():
        relative = document["results"].get(word)
        if relative is None:
            continue
        blurred = word in REAL_SPACE and not sharp
        data = _read(home / relative, blurred=blurred)
        if data is None:
            continue
        version = (home / relative).stat().st_mtime_ns // 1_000_000 % 10**9
        kind = word.removeprefix("preview_")
        name = f"{row['id']:010d}-{version}-{kind}{'-blurred' if blurred else ''}.png"
        if not (folder / name).is_file():
            with replacing(folder / name) as draft:
                draft.write_bytes(data[0])
        shown.append(
            {
                "kind": kind,
                "title": title,
                "alt": f"{row['name']}: {meaning}",
                "file": f"pictures/{name}",
                "blurred": blurred,
                "width": data[1],
                "height": data[2],
            }
        )
    return shown


def sweep(folder: Path, keep: set[str]) -> None:
    """Remove the pictures that no feed names any more; keep: names as in the feed."""
    for path in folder.glob("*.png"):
        if f"{folder.name}/{path.name}" in keep:
            continue
        with contextlib.suppress(FileNotFoundError):  # another program removed it
            if time.time() - path.stat().st_mtime > FRESH:
                path.unlink()


def blur(picture: Image.Image) -> Image.Image:
    """Blur a picture so that contrast and large features stay and particles do not."""
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) * BLUR))


def _read(path: Path, *, blurred: bool) -> tuple[bytes, int, int] | None:
    """Give a preview's PNG bytes and its size; None when there is no readable picture."""
    try:
        if path.stat().st_size > LIMIT:
            return None
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            width, height = picture.size
            if not blurred:
                picture.verify()
                return data, width, height
            picture.load()
            buffer = io.BytesIO()
            blur(picture.convert("L")).save(buffer, "PNG")
            return buffer.getvalue(), width, height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
