"""What the viewer changes in a project: the CTF of an image by hand, and polygons that are left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from focusnb.errors import BadValue
from focusnb.formats import pick_edits
from focusnb.model.document import set_own
from focusnb.model.image import Image
from focusnb.model.text import counted
from focusnb_widgets.desk import Desk
from focusnb_widgets.tuning.subjects import by_hand
from focusnb_widgets.viewer.overlays import CTF_WORDS

FARTHEST = 1e6  # Å of defocus


def save_ctf(
    desk: Desk,
    image: Image,
    *,
    defocus_u: float,
    defocus_v: float,
    defocus_angle: float,
    phase_shift: float | None = None,
    lock: bool = True,
) -> str:
    """Make Thon rings that were fitted by hand the image's own values; can be undone.

    lock: steps that run later leave them alone.
    """
    given = [defocus_u, defocus_v, defocus_angle, phase_shift or 0.0]
    if not all(isinstance(v, int | float) and abs(v) <= FARTHEST for v in given):
        raise BadValue("a defocus, its angle and a phase shift are numbers; nothing was saved")
    if defocus_v > defocus_u:
        defocus_u, defocus_v, defocus_angle = defocus_v, defocus_u, defocus_angle + 90
    angle = (defocus_angle + 90) % 180 - 90
    values = {
        "defocus": round((defocus_u + defocus_v) / 2, 1),
        "defocus_u": round(float(defocus_u), 1),
        "defocus_v": round(float(defocus_v), 1),
        "defocus_angle": round(angle if angle != -90 else 90.0, 2),
        "astigmatism": round(defocus_u - defocus_v, 1),
    }
    if phase_shift is not None and (phase_shift or image.get("phase_shift") is not None):
        values["phase_shift"] = round(float(phase_shift), 2)
    project, before = image.project, image.document
    own = project.words.read(values, "set")

    def change(document: dict[str, Any]) -> None:
        set_own(document, own, image.key, project.words)
        if lock:
            document["locked"] = sorted({*document["locked"], *own})

    project.change(image.id, change)
    told = ", ".join(f"{word}={value!r}" for word, value in values.items())
    line = f"project.set({image.key!r}, {told})"
    if lock:
        line += f"; project.lock({', '.join(map(repr, values))}, images={image.key!r})"
    desk.remember(f"CTF of {image.key} by hand", lambda: _back(desk, image, before, values))
    desk.line = line
    locked = ", and locked: steps that run later leave it alone" if lock else ""
    return f"saved as the CTF of {image.key}{locked}"


def unlock(desk: Desk, image: Image) -> str:
    """Let steps and people change the CTF of an image again."""
    image.project.unlock(*CTF_WORDS, images=[image])
    desk.line = f"project.unlock({', '.join(map(repr, CTF_WORDS))}, images={image.key!r})"
    return f"the CTF of {image.key} is unlocked"


def exclude(desk: Desk, image: Image, polygons: Sequence[Any]) -> str:
    """Leave polygons out of picking, in place of those before; other changes by hand stay. Can be undone.

    polygons: lists of [x, y] in pixels of the average.
    """
    checked = pick_edits.made(excluded=polygons)
    excluded = [corners.tolist() for corners in checked.excluded]
    before = by_hand(image)["edits"]
    after = {**before, "excluded": [[[round(v, 2) for v in c] for c in one] for one in excluded]}
    image.project.edit_picks(image, **after)
    desk.remember(
        f"polygons left out of {image.key}", lambda: _edits_back(desk, image, before, after)
    )
    desk.line = _edits_line(image, after)
    count = len(excluded)
    left = (
        f"{counted(count, 'polygon')} {'is' if count == 1 else 'are'}" if count else "no polygon is"
    )
    return f"{left} left out when {image.key} is picked again"


def _edits_line(image: Image, edits: Mapping[str, Any]) -> str:
    told = "".join(f", {word}={value!r}" for word, value in edits.items() if value)
    return f"project.edit_picks({image.key!r}{told})"


def _back(desk: Desk, image: Image, before: Mapping[str, Any], saved: Mapping[str, Any]) -> str:
    """Restore what a document had for some words, unless somebody has changed them since."""
    kept: list[str] = []

    def change(document: dict[str, Any]) -> None:
        for word, value in saved.items():
            if document["values"].get(word) != value:
                kept.append(word)
                continue
            for part in ("values", "results", "origins"):
                document[part].pop(word, None)
                if word in before[part]:
                    document[part][word] = before[part][word]
            locked = set(document["locked"]) - {word}
            document["locked"] = sorted(locked | ({word} & set(before["locked"])))
        for name, run in document["runs"].items():
            old = before["runs"].get(name)
            if old and old.get("started") == run.get("started"):
                for mark in ("touched", "fingerprint"):
                    run.pop(mark, None)
                    if mark in old:
                        run[mark] = old[mark]

    image.project.change(image.id, change)
    mine = [word for word in saved if word not in kept]
    if mine:
        # What a step had found comes back as a result; in Python it can only be set as a value.
        had = {**before["results"], **before["values"]}
        told = ", ".join(f"{word}={had.get(word)!r}" for word in mine)
        desk.line = (
            f"project.unlock({', '.join(map(repr, mine))}, images={image.key!r});"
            f" project.set({image.key!r}, {told})"
        )
    return f"{', '.join(kept)} stayed: somebody has changed it since" if kept else ""


def _edits_back(
    desk: Desk, image: Image, before: Mapping[str, Any], after: Mapping[str, Any]
) -> str:
    if by_hand(image)["edits"] != after:
        return "the polygons stayed: somebody has changed them since"
    image.project.edit_picks(image, **before)
    desk.line = _edits_line(image, before)
    return ""
