"""The logs of a batch's steps, from wherever they lie: the image, the try that runs, the trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.batch import listing
from focusnb.model import tries
from focusnb.model.image import Image
from focusnb.session import Project

LONGEST = 200_000  # characters of a log that are shown, its end


def logs(project: Project, batch: int) -> dict[str, Any]:
    """Give what is told of a batch: its image, its message, and the log of each of its steps.

    failed: the step that failed, empty if none did. Raises UnknownName for a batch that is not there.
    """
    row = listing.states(project.store, [batch])[0]
    image = Image(project, row["image"])
    error: Mapping[str, Any] = image.document["error"] or {}
    failed = str(error.get("step", "")) if row["state"] == "failed" else ""
    folders = [image.folder]
    if row["trial"]:
        folders.insert(0, image.folder / "trials" / row["trial"])
    if row["state"] == "running":
        folders.insert(0, tries.folder_of(image.folder, row["id"], row["try"]))
    found = []
    for step in row["steps"].split():
        text = _read([folder / "logs" / f"{step}.log" for folder in folders])
        if text is not None:
            found.append({"step": step, "text": text})
    steps = [one["step"] for one in found]
    shown = failed if failed in steps else (steps or [""])[-1]
    return {
        "batch": batch,
        "image": image.key,
        "name": row["name"],
        "state": row["state"],
        "message": row["message"],
        "failed": failed,
        "logs": found,
        "line": f"project[{image.key!r}]" + (f".log({shown!r})" if shown else ""),
    }


def _read(files: list[Path]) -> str | None:
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        cut = len(text) - LONGEST
        return (
            text if cut <= 0 else f"… the first {cut} characters are left out …\n{text[-LONGEST:]}"
        )
    return None
