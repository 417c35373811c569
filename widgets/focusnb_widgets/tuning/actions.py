"""Actions: what is done with a setting, each as one line of Python and as what it does."""

from collections.abc import Mapping, Sequence
from typing import Any

from focusnb.errors import BadValue
from focusnb.formats import coordinates
from focusnb.session import Project
from focusnb_widgets.tuning.subjects import MARKS, Subject

STEPS = ("pick", "previews")


def differing(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not those of `base`; None where the setting has none."""
    return {word: value for word, value in values.items() if value != base.get(word)}


def lines(
    project: Project | None,
    subjects: Sequence[Subject],
    values: Mapping[str, Any],
    base: Mapping[str, Any],
    *,
    default: Mapping[str, Any],
    unsaved: bool,
) -> list[dict[str, Any]]:
    """The actions as the page shows them, with their lines.

    base: what new images get now. default: the vocabulary's values. unsaved: changes by hand are
    not in the images' folders yet.
    """
    if project is None:
        return [_alone(subjects[0], values, default)]
    changed = differing(values, base)
    images = [subject.image.key for subject in subjects if subject.image]
    shown = "this image" if len(images) == 1 else f"these {len(images)} images"
    return [
        {
            "word": "use",
            "text": "Use for new images",
            "line": f"project.set({_arguments(changed)})" if changed else "# nothing to set",
            "help": "The project's values become these; images that are picked from now on get them.",
            "enabled": bool(changed),
            "note": "" if changed else "in use",
        },
        {
            "word": "process",
            "text": f"Process {shown} again",
            "line": _process_line(images, changed),
            "help": "They are picked anew with this setting, before all that waits in the queue.",
            "enabled": True,
            "note": "",
        },
        {
            "word": "process_all",
            "text": "Process the whole project again",
            "line": _process_line(None, changed),
            "help": "All its images are picked anew with this setting, before all that waits in the queue.",
            "enabled": True,
            "note": "",
        },
        {
            "word": "save",
            "text": "Save changes by hand",
            "line": _save_line(subjects),
            "help": "Added and removed picks, areas and marks are kept with the images; picking"
            " them again honours them.",
            "enabled": unsaved,
            "note": "not saved yet" if unsaved else "",
        },
    ]  # fmt: skip


def _alone(
    subject: Subject, values: Mapping[str, Any], default: Mapping[str, Any]
) -> dict[str, Any]:
    changed = {
        word: value
        for word, value in differing(values, default).items()
        if value is not None or word == "particle_diameter"
    }
    changed["particle_diameter"] = values["particle_diameter"]
    is_file = subject.source != "picture"
    if is_file:
        pixel = f", pixel_size={subject.pixel_size:g}"
        line = f'fn.quick({subject.source!r}, steps=["pick"]{pixel}, {_arguments(changed)})'
    else:
        line = (
            f"tuner = tune_picking(picture, pixel_size={subject.pixel_size:g}, values={changed!r})"
        )
    return {
        "word": "", "text": "", "line": line, "enabled": False, "note": "",
        "help": "These pictures are of no project: take the picks with tuner.picks(0), the setting"
        " with tuner.values.",
    }  # fmt: skip


def _arguments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{word}={value!r}" for word, value in values.items())


def _process_line(images: Sequence[str] | None, changed: Mapping[str, Any]) -> str:
    which = "" if images is None else f"{list(images)!r}, "
    values = f", set={dict(changed)!r}" if changed else ""
    return f"project.process({which}steps={list(STEPS)!r}{values}, top=True)"


def _save_line(subjects: Sequence[Subject]) -> str:
    calls = []
    for subject in subjects:
        edits = {word: points for word, points in subject.edits.items() if points}
        if subject.image and (edits or subject.image.get("pick_edits")):
            arguments = f", {_arguments(edits)}" if edits else ""
            calls.append(f"project.edit_picks({subject.image.key!r}{arguments})")
    return "; ".join(calls) or "# nothing was changed by hand"


def use(project: Project, values: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """Make the setting the project's; say what that means, and whom it does not reach."""
    changed = differing(values, base)
    if not changed:
        return "New images get this setting already."
    project.set(**changed)
    now = project.values()
    if left := [word for word in changed if now[word] != values[word]]:
        word = left[0]  # None at the project's level uncovers the user's own value
        raise BadValue(
            f"{word} is {now[word]} from the {now.origin(word)}'s parameters where the project sets none;"
            " give it a value"
        )
    own = [row["image"] for row in project.rows() if set(row.get("own") or ()) & set(changed)]
    but = f" {len(own)} of its images keep values of their own ({own[0]} …)." if own else ""
    return f"New images are picked with this setting.{but}"


def process(
    project: Project,
    images: Sequence[Any] | None,
    values: Mapping[str, Any],
    base: Mapping[str, Any],
) -> Any:
    """Queue images to be picked with this setting, first of all; give the batches."""
    changed = differing(values, base)
    if images is None:
        images = "average_pixel_size > 0 and group != 'TRASH'"
    return project.process(images, steps=list(STEPS), set=changed or None, top=True)


def save(subjects: Sequence[Subject], saved: Sequence[Mapping[str, Any]]) -> str:
    """Keep changes by hand and marks in the images' folders; saved: edits that are there already."""
    count = 0
    for subject, before in zip(subjects, saved, strict=True):
        image = subject.image
        if image is None:
            continue
        if subject.edits != before.get("edits"):
            image.project.edit_picks(image, **subject.edits)  # type: ignore[attr-defined]
            count += 1
        if subject.marks != before.get("marks"):
            place = image.folder / MARKS
            if subject.marks:
                coordinates.write(place, *zip(*subject.marks, strict=True))
            else:
                place.unlink(missing_ok=True)
    return (
        f"Saved with {count} image{'s' if count != 1 else ''}; they are stale until picked again."
    )
