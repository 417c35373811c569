"""Commands about a project and its images: new, set, get, lock, library, flag, move, trash …"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import focusnb as fn
from focusnb.command import show
from focusnb.errors import BadProject, BadValue, FocusError
from focusnb.model.group import TRASH
from focusnb.model.text import counted

# What `focusnb library` shows when no columns are asked for.
COLUMNS = (
    "image name flag good defocus astigmatism ctf_resolution iciness drift_range mean_count particles reasons"
).split()


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    new = commands.add_parser("new", parents=[common], help="make a new project")
    new.add_argument("project")
    new.add_argument("--mode", default="single-particle", help="drift or single-particle")
    new.add_argument("--set", nargs="+", action="extend", metavar="NAME=VALUE")
    new.add_argument(
        "--from",
        dest="other",
        metavar="OTHER",
        help="take over another project's values and scripts",
    )
    new.set_defaults(run=_new)

    for name, text in (
        ("set", "set values: of the project, of images, or your own"),
        ("get", "show values and where they come from"),
        ("lock", "lock values: steps and people leave them alone"),
        ("unlock", "unlock values"),
    ):
        one = commands.add_parser(name, parents=[common], help=text)
        one.add_argument("words", nargs="*", metavar="[PROJECT] NAME[=VALUE]")
        where = one.add_mutually_exclusive_group()
        where.add_argument("--images", metavar="EXPR", help="of these images")
        where.add_argument("--group", help="of this group")
        where.add_argument("--user", action="store_true", help="your own, for all projects")
        if name == "get":
            one.add_argument("--json", action="store_true")
        one.set_defaults(run={"set": _set, "get": _get, "lock": _lock, "unlock": _lock}[name])

    library = commands.add_parser("library", parents=[common], help="show the images")
    library.add_argument("project")
    library.add_argument("--columns", help="words, separated by commas; 'all' for every one")
    library.add_argument("--sort", help="a column; --sort=-COLUMN for falling order")
    library.add_argument("--where", metavar="EXPR", help="only images for which this is true")
    form = library.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true")
    library.set_defaults(run=_library)

    for name, text, extra in (
        ("flag", "flag images", "flag"),
        ("move", "move images to another group", "group"),
        ("trash", "move images to the TRASH", None),
    ):
        one = commands.add_parser(name, parents=[common], help=text)
        one.add_argument("project")
        if extra:
            one.add_argument(
                extra, help="none, red, green, blue or gold" if extra == "flag" else None
            )
        one.add_argument("--images", metavar="EXPR", required=True)
        one.set_defaults(run=_images, action=name)

    empty = commands.add_parser(
        "empty-trash", parents=[common], help="delete what is in the TRASH for ever"
    )
    empty.add_argument("project")
    empty.add_argument("--yes", action="store_true", help="do not ask")
    empty.set_defaults(run=_empty_trash)

    rebuild = commands.add_parser(
        "rebuild", parents=[common], help="make project.db again from the folders"
    )
    rebuild.add_argument("project")
    rebuild.set_defaults(run=_rebuild)


def _new(args: argparse.Namespace) -> None:
    from focusnb.model import creation

    other = fn.open(args.other) if args.other else None
    given = show.pairs(args.set)
    values = _known(given, _words(None)) if other is None else other.words.read(given, "--set")
    project = creation.create(
        args.project, mode=args.mode, values=values, other=other, kind=fn.Project
    )
    print(f"{project.root} is ready: mode {project.mode}, steps {' '.join(project.workflow)}")


def _known(values: dict[str, Any], words: Any) -> dict[str, Any]:
    """Give values whose names the vocabulary knows; raises UnknownName for another one."""
    for word in values:
        _ = words[word]
    return values


def find_project(words: Sequence[str], *, needed: bool = True) -> tuple[Any, list[str]]:
    """Give the project that the first word names, else the one of the current folder; and the rest."""
    left = list(words)
    if left and "=" not in left[0] and (Path(left[0]) / "project.toml").is_file():
        return fn.open(left.pop(0)), left
    if Path("project.toml").is_file():
        return fn.open("."), left
    if needed:
        raise BadProject(f"{left[0] if left else 'this folder'!r} is no project; name one first")
    return None, left


def _set(args: argparse.Namespace) -> None:
    project, words = find_project(args.words, needed=not args.user)
    values = show.pairs(words)
    if not values:
        raise BadValue("nothing to set; write NAME=VALUE (NAME= removes a value)")
    given = {k: v if v != "" else None for k, v in values.items()}
    if args.user:
        settings, known = _user(project), _words(project)
        settings.set(
            {
                word: str(Path(value).expanduser().absolute())
                if value is not None and known[word].type == "path"
                else value
                for word, value in known.read(given, "--user").items()
            }
        )
        print(f"written to {settings.path}")
        return
    project.set(args.images, group=args.group, **_known(given, project.words))
    whose = args.images or args.group or project.name
    print(f"set for {whose}: {', '.join(given)}")


def _get(args: argparse.Namespace) -> None:
    project, words = find_project(args.words, needed=not args.user)
    if args.images is not None:
        sources = {project.key(i): project.values(i) for i in project.ids(args.images)}
    elif args.user:
        from focusnb.model.values import Values

        sources = {"user": Values(_words(project), [("user", _user(project).values)])}
    else:
        sources = {args.group or project.name: project.values(group=args.group)}
    first = next(iter(sources.values()), {})
    chosen = words or [w for w in first if any(v.origin(w) != "system" for v in sources.values())]
    found = {
        name: {w: {"value": values[w], "origin": values.origin(w)} for w in chosen}
        for name, values in sources.items()
    }
    if args.json:
        show.as_json(found)
        return
    known = _words(project)
    rows = [
        (
            name,
            w,
            known[w].show(f["value"]),
            known[w].unit if known[w].unit != "1" else "",
            f["origin"],
        )
        for name, values in found.items()
        for w, f in values.items()
    ]
    show.table(rows, ("of", "parameter", "value", "unit", "from"))


def _lock(args: argparse.Namespace) -> None:
    project, words = find_project(args.words, needed=not args.user)
    on = args.command == "lock"
    if not words:
        raise BadValue(f"nothing to {args.command}; name parameters")
    if args.user:
        _known(dict.fromkeys(words), _words(project))
        _user(project).lock(words, on)
    else:
        project.lock(*words, images=args.images, group=args.group, on=on)


def _words(project: Any) -> Any:
    """Give the words of a project; without one, those of the user's own scripts are among them."""
    from focusnb.model.registry import Registry
    from focusnb.model.settings import user_scripts

    return project.words if project is not None else Registry([user_scripts()]).words


def _user(project: Any) -> Any:
    from focusnb.model.settings import Settings, user_file

    return project.user if project is not None else Settings(user_file(), lambda: _words(None))


def _library(args: argparse.Namespace) -> None:
    project = fn.open(args.project)
    rows = project.rows(args.where)
    known = project.columns(rows)
    if args.columns == "all" or (args.columns is None and (args.json or args.csv)):
        columns = ["image", *known]
    elif args.columns:
        columns = [c.strip() for c in args.columns.split(",")]
        for column in columns:
            if column not in ("image", *known):
                _ = project.words[column]
    else:
        columns = [c for c in COLUMNS if c in ("image", "name", "flag", "good", *known)]
    if args.sort:
        rows = _sorted(project, rows, args.sort)
    records = [{c: row[c] for c in columns} for row in rows]
    if args.json:
        show.as_json(records)
    elif args.csv:
        writer = csv.DictWriter(sys.stdout, columns)
        writer.writeheader()
        writer.writerows(records)
    else:
        words = project.words

        def plain(value: Any) -> str:
            return {True: "yes", False: "no"}.get(value, "" if value is None else str(value))

        right = [
            i for i, c in enumerate(columns) if c in words and words[c].type in ("float", "int")
        ]
        units = [
            f"{c} [{words[c].unit}]" if c in words and words[c].unit not in ("", "1") else c
            for c in columns
        ]
        texts = [(c, words[c].show if c in words else plain) for c in columns]
        show.table([[text(r[c]) for c, text in texts] for r in records], units, right=right)
        print(counted(len(rows), "image"))


def _sorted(project: Any, rows: list[Any], key: str) -> list[Any]:
    name = key.lstrip("-")
    if name not in ("image", *project.columns(rows)):
        _ = project.words[name]
    there = [row for row in rows if row[name] is not None]
    return sorted(there, key=lambda row: row[name], reverse=key.startswith("-")) + [
        row for row in rows if row[name] is None
    ]


def _images(args: argparse.Namespace) -> None:
    project = fn.open(args.project)
    images = [project[number] for number in project.ids(args.images)]
    if args.action == "flag":
        project.flag(images, args.flag)
    else:
        later = project.move(images, TRASH if args.action == "trash" else args.group)
        for image in later:
            print(f"{image.key} is being processed; it is moved afterwards")
    print(counted(len(images), "image"))


def _empty_trash(args: argparse.Namespace) -> None:
    from focusnb.model import moves

    project = fn.open(args.project)
    count = len(project.select("group == 'TRASH'"))
    if not args.yes:
        if not sys.stdin.isatty():
            raise FocusError(
                f"{counted(count, 'image')} would be deleted for ever; say --yes if that is meant"
            )
        answer = input(f"Delete {counted(count, 'image')} of {project.name} for ever? Write yes: ")
        if answer.strip().lower() != "yes":
            print("nothing was deleted")
            return
    print(counted(moves.empty_trash(project), "image"), "deleted")


def _rebuild(args: argparse.Namespace) -> None:
    from focusnb.model.rebuild import rebuild

    project, notes = rebuild(args.project)
    for note in notes:
        print(note)
    print(f"{project.root / 'project.db'}: {counted(len(project), 'image')}")
