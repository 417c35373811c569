"""What a notebook shows of a project and of an image by itself: HTML, where no widget is needed."""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError
from focusnb.model.param import Param
from focusnb.model.text import counted
from focusnb.model.units import in_shown_unit, shown_unit

if TYPE_CHECKING:
    from focusnb.model.image import Image
    from focusnb.model.project import Project

CELL = "padding: 2px 10px; text-align: right"
LIMIT = 2_000_000  # bytes; previews are far smaller, and nothing else is put into a notebook


def measured(param: Param, value: Any) -> tuple[str, str]:
    """Give a number and its unit as interfaces show them: defocus in µm, ratios without a unit."""
    return in_shown_unit(param, value), shown_unit(param)[0]


def project_html(project: "Project") -> str:
    """Show a project: mode, workflow, and how many images of each group are good, failed or stale."""
    try:
        rows = project.rows()
        lines = [
            f"<p><b>{escape(project.name)}</b> · {escape(project.mode)} ·"
            f" {counted(len(rows), 'image')}<br><code>{escape(str(project.root))}</code></p>",
            _groups(project, rows),
            f"<p>Workflow: {escape(' → '.join(project.workflow))}</p>",
        ]
    except (FocusError, OSError) as error:  # a view must show what is wrong, not fail
        return f"<p><b>{escape(project.root.name)}</b>: {escape(str(error))}</p>"
    return f"<div>{''.join(lines)}</div>"


def image_html(image: "Image") -> str:
    """Show an image: whether it is good, what was measured, its previews."""
    try:
        return _image(image)
    except (FocusError, OSError) as error:
        return f"<p>image {image.number}: {escape(str(error))}</p>"


def _groups(project: "Project", rows: list[Any]) -> str:
    if not rows:
        return "<p>No image yet: <code>project.add([…])</code> imports files.</p>"
    heads = ("images", "good", "not good", "failed", "not processed", "not up to date")
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        one = counts.setdefault(str(row["group"]), Counter())
        one.update(["images", _state(row), *(["not up to date"] if row["stale"] else [])])
    titles = "".join(f'<th style="{CELL}">{head}</th>' for head in heads)
    body = "".join(
        f'<tr><td style="{CELL}; text-align: left">{escape(group)}</td>'
        + "".join(f'<td style="{CELL}">{one[head] or "–"}</td>' for head in heads)
        + "</tr>"
        for group, one in sorted(counts.items())
    )
    return f'<table><tr><th style="{CELL}; text-align: left">group</th>{titles}</tr>{body}</table>'


def _state(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return "failed"
    return {None: "not processed", True: "good", False: "not good"}[row["good"]]


def _image(image: "Image") -> str:
    words, document = image.project.words, image.document
    pictures, numbers = [], []
    for word, value in document["results"].items():
        if word not in words or value is None:
            continue
        param = words[word]
        if param.name.startswith("preview_"):
            pictures.append(_picture(image, param))
        elif param.type in ("float", "int", "bool") and param.level == "normal":
            text = " ".join(measured(param, value)).rstrip()
            numbers.append(f"{escape(param.label)} <b>{escape(text)}</b>")
    flag = document["flag"]
    head = (
        f"<b>{escape(image.name)}</b> ({escape(image.key)}{'' if flag == 'none' else ', ' + flag})"
    )
    return (
        f"<div><p>{head}<br>{escape(_verdict(image))}</p><p>{' · '.join(numbers)}</p>"
        f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{"".join(pictures)}</div></div>'
    )


def _verdict(image: "Image") -> str:
    if image.error:
        return f"failed: {image.error}"
    row = image.project.rows(image.key)[0]
    if row["good"] is None:
        return "not processed yet"
    stale = f"; not up to date: {', '.join(row['stale'].split())}" if row["stale"] else ""
    return ("good" if row["good"] else f"not good: {row['reasons']}") + stale


def _picture(image: "Image", param: Param) -> str:
    name = param.label.removeprefix("Preview of the ")
    label = escape(name[:1].upper() + name[1:])
    path = Path(image[param.name])
    try:
        data = path.read_bytes() if path.stat().st_size <= LIMIT else b""
    except OSError:
        return f"<p>{label}: the file {escape(path.name)} has vanished</p>"
    return (
        f'<figure style="margin: 0"><img alt="{label}" height="200"'
        f' src="data:image/png;base64,{b64encode(data).decode()}">'
        f"<figcaption>{label}</figcaption></figure>"
    )
