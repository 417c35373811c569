"""Actions: what is done with a setting, each as one line of Python and as what it does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from focusnb.errors import BadValue
from focusnb.formats import coordinates
from focusnb.model.text import counted
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
        return [_alone(subjects, values, default)]
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
    subjects: Sequence[Subject], values: Mapping[str, Any], default: Mapping[str, Any]
) -> dict[str, Any]:
    changed = {
        word: value
        for word, value in differing(values, default).items()
        if value is not None or word == "particle_diameter"
    }
    changed["particle_diameter"] = values["particle_diameter"]
    if all(subject.source != "picture" for subject in subjects):
        line = _quick_line(subjects, changed)
    else:
        named = [s.name.replace(" ", "_") if s.source == "picture" else None for s in subjects]
        pairs = [
            f"({name or repr(s.source)}, {s.pixel_size:g})"
            for name, s in zip(named, subjects, strict=True)
        ]
        given = f"[{', '.join(pairs)}]"
        if len(subjects) == 1:
            given = f"picture, pixel_size={subjects[0].pixel_size:g}"
        line = f"tuner = tune_picking({given}, values={changed!r})"
        if any(any(subject.edits.values()) for subject in subjects):
            line += f"; tuner.edits = {[subject.edits for subject in subjects]!r}"
    return {
        "word": "", "text": "", "line": line, "enabled": False, "note": "",
        "help": "These pictures are of no project: take the picks with tuner.picks(0), the setting"
        " with tuner.values.",
    }  # fmt: skip


def _quick_line(subjects: Sequence[Subject], changed: Mapping[str, Any]) -> str:
    """Files picked without a project; changes by hand go into a file beside each of them."""
    calls = []
    for subject in subjects:
        edits = {word: points for word, points in subject.edits.items() if points}
        by_hand = ""
        if edits:
            place = str(Path(subject.source).with_suffix(".pick_edits.json").absolute())
            by_hand = (
                f", pick_edits=pick_edits.write({place!r}, pick_edits.made({_arguments(edits)}))"
            )
        pixel = f"pixel_size={subject.pixel_size:g}"
        calls.append(
            f'fn.quick({subject.source!r}, steps=["pick"], {pixel}, {_arguments(changed)}{by_hand})'
        )
    begin = "from focusnb.formats import pick_edits; " if "pick_edits=" in "".join(calls) else ""
    return begin + "; ".join(calls)


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
    marks = [_marks_call(s) for s in subjects if s.image and (s.marks or _place(s).exists())]
    if any(call.startswith("coordinates") for call in marks):
        calls.append("from focusnb.formats import coordinates")
    return "; ".join([*calls, *marks]) or "# nothing was changed by hand"


def _marks_call(subject: Subject) -> str:
    place = f"project[{subject.source!r}].folder / {MARKS!r}"
    if not subject.marks:
        return f"({place}).unlink()"
    x, y = (list(column) for column in zip(*subject.marks, strict=True))
    return f"coordinates.write({place}, {x!r}, {y!r})"


def _place(subject: Subject) -> Path:
    """Where the marks of a project's image are kept."""
    assert subject.image is not None
    return subject.image.folder / MARKS


def use(project: Project, values: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """Make the setting the project's; say what that means, and whom it does not reach."""
    changed = differing(values, base)
    if not changed:
        return "New images get this setting already."
    below = project.values().set_at("user")  # what None at the project's level would uncover
    for word, value in changed.items():
        if value is None and below.get(word) is not None:
            raise BadValue(
                f"{word} is {below[word]} from the user's parameters where the project sets none;"
                " give it a value"
            )
    project.set(**changed)
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
    edited, marked = 0, 0
    for subject, before in zip(subjects, saved, strict=True):
        image = subject.image
        if image is None:
            continue
        if subject.edits != before.get("edits"):
            image.project.edit_picks(image, **subject.edits)  # type: ignore[attr-defined]
            edited += 1
        if subject.marks != before.get("marks"):
            if subject.marks:
                coordinates.write(_place(subject), *zip(*subject.marks, strict=True))
            else:
                _place(subject).unlink(missing_ok=True)
            marked += 1
    said = []
    if edited:
        said.append(f"Saved with {counted(edited, 'image')}; they are stale until picked again.")
    if marked:
        said.append(f"Marks of {counted(marked, 'image')} saved.")
    return " ".join(said) or "All was saved already."
