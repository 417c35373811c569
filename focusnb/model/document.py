"""An image's document: all that is known of it, in project.db and in its folder's image.json."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusnb.errors import BadValue
from focusnb.model.settings import write_text
from focusnb.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from focusnb.model.project import Project

FLAGS = ("none", "red", "green", "blue", "gold")


def new_document(name: str, group: str) -> dict[str, Any]:
    """Give the document of an image about which nothing is known yet."""
    return {
        "format": 1,
        "name": name,
        "group": group,
        "flag": "none",
        "values": {},
        "origins": {},
        "locked": [],
        "results": {},
        "products": {},
        "runs": {},
        "notes": [],
        "originals": {},
        "error": None,
        "former": "",
        "rules": {},
    }


def set_own(
    document: dict[str, Any], values: Mapping[str, Any], key: str, words: Vocabulary
) -> None:
    """Set an image's own values by hand; a result of the same word gives way.

    Runs that used a file or a result that is another one now, or made a result that was removed,
    are marked as touched; plain values need no mark: they are part of the digest of a run's settings.
    """
    for word, value in values.items():
        if word in document["locked"]:
            raise BadValue(f"{word} of {key} is locked; unlock it first")
        before = document["results"].pop(word, document["values"].get(word))
        document["origins"].pop(word, None)
        if value is None:
            document["values"].pop(word, None)
        else:
            document["values"][word] = value
        for run in document["runs"].values():
            marked = words[word].made or words[word].type == "path"
            used = marked and word in run.get("used", ()) and value != before
            if used or (value is None and word in run.get("results", ())):
                run["touched"] = True
            if value is None and word in run.get("results", ()):
                run["fingerprint"] = ""  # it is to be found out anew


def write_image_json(project: "Project", image: int) -> None:
    """Write an image's document into its folder, so that the folder alone tells everything."""
    row = project.store.rows("select document, recorded from image where id = ?", (image,))
    folder = project.folder(image)
    if row and folder.is_dir():
        document = {
            "number": image,
            "recorded": row[0]["recorded"],
            **json.loads(row[0]["document"]),
        }
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        try:
            same = (folder / "image.json").read_text(encoding="utf-8") == text
        except (OSError, UnicodeDecodeError):
            same = False
        if not same:
            write_text(folder / "image.json", text)
