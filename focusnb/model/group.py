"""A group: the sub-folder of a project that holds images, and what it may be called."""

import re

from focusnb.errors import BadValue

TRASH = "TRASH"
# What people may call a folder in a project: a group, or a trial of an image.
NAME = re.compile(r"[\w][\w.+-]{0,99}\Z")
LONGEST = 255  # bytes of a folder's name
# The project's own folders and files.
RESERVED = frozenset(
    "scripts references feed session project.toml project.db workspace.json".split()
)


def is_group(name: str) -> bool:
    """Tell whether a group may have this name."""
    return is_name(name) and name not in RESERVED and not name.startswith("project.db")


def is_name(name: str) -> bool:
    """Tell whether a name can be that of a folder, and leads nowhere else."""
    return bool(NAME.match(name)) and not name.endswith(".") and len(name.encode()) <= LONGEST


def check_group(name: str) -> str:
    """Give the name of a group if it may be one; raises BadValue."""
    if not is_name(name):
        raise BadValue(
            f"group {name!r}: use letters, digits, _ . + - and begin with a letter, digit or _"
        )
    if not is_group(name):
        raise BadValue(f"group {name!r}: the project itself uses this name; choose another one")
    return name
