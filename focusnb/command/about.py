"""Commands that tell about focusnb itself: steps, parameters, doctor."""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.command import gain, show


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    for name, text, run in (
        ("steps", "list the steps", _steps),
        ("parameters", "list the words of the vocabulary", _parameters),
        ("doctor", "look whether everything that is needed is there", _doctor),
    ):
        one = commands.add_parser(name, parents=[common], help=text)
        if name == "doctor":
            gain.add(one.add_subparsers(metavar="gain"), common)
        else:
            one.add_argument("name", nargs="?", help="tell all about this one")
        one.add_argument("--project", help="with the scripts of this project")
        one.add_argument("--json", action="store_true")
        one.set_defaults(run=run)


def _registry(args: argparse.Namespace) -> Any:
    if args.project:
        import focusnb as fn

        return fn.open(args.project).registry
    from focusnb.model.registry import Registry
    from focusnb.model.settings import user_scripts

    return Registry([user_scripts()])


def _steps(args: argparse.Namespace) -> None:
    from focusnb.model.step import CATEGORIES

    registry = _registry(args)
    steps = [registry.step(args.name)] if args.name else list(registry.steps.values())
    steps.sort(key=lambda s: (CATEGORIES.index(s.category), s.name))
    if args.json:
        show.as_json(
            [
                {"name": s.name, "title": s.title, "category": s.category, "params": s.takes, "results": s.makes,
                 "requires": s.requires, "version": s.version, "seen": s.seen, "help": s.help}
                for s in steps
            ]
        )  # fmt: skip
        return
    if args.name:
        step = steps[0]
        print(f"{step.title} ({step.name}, {step.category})\n")
        print(step.help or "")
        if not step.seen:
            print("\nNot yet seen running: it is made from what is publicly known of the program.")
        show.table(
            [(p.name, p.show(p.default), p.unit, p.label) for p in step.params],
            ("takes", "default", "unit", "what it is"),
        )
        print()
        show.table(
            [(p.name, p.unit, p.label) for p in step.results], ("makes", "unit", "what it is")
        )
        return
    show.table([(s.name, s.category, s.title + ("" if s.seen else " (not yet seen running)")) for s in steps],
               ("step", "category", "what it does"))  # fmt: skip
    for problem in registry.problems:
        print(f"focusnb: {problem}", file=sys.stderr)


def _parameters(args: argparse.Namespace) -> None:
    words = _registry(args).words
    chosen = (
        [words[args.name]]
        if args.name
        else sorted(words.values(), key=lambda p: (p.subject, p.name))
    )
    if args.json:
        from dataclasses import asdict

        show.as_json([asdict(p) for p in chosen])
        return
    if args.name:
        param = chosen[0]
        low = "" if param.low is None else f"{param.low:g}"
        high = "" if param.high is None else f"{param.high:g}"
        show.facts(
            {"name": param.name, "label": param.label, "type": param.type, "unit": param.unit, "subject": param.subject,
             "default": param.show(param.default) or "none", "allowed": f"{low} … {high}" if low or high else "any",
             "choices": ", ".join(f"{k} ({v})" for k, v in param.choices) or "none", "scope": param.scope,
             "found out by a step": "yes" if param.made else "no", "help": param.help}
        )  # fmt: skip
        return
    show.table([(p.subject, p.name, p.show(p.default), p.unit, p.label) for p in chosen],
               ("subject", "parameter", "default", "unit", "what it is"))  # fmt: skip


def _values(args: argparse.Namespace) -> Mapping[str, Any]:
    """Give the project's values, or the user's own."""
    if args.project:
        import focusnb as fn

        return fn.open(args.project).values()
    from focusnb.model.settings import Settings, user_file
    from focusnb.model.vocabulary import vocabulary

    return Settings(user_file(), vocabulary).values


def _doctor(args: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from focusnb.model import programs
    from focusnb.model.disk import is_network

    rows: list[tuple[str, str, str]] = []
    version = ".".join(map(str, sys.version_info[:3]))
    rows.append(
        ("Python", version, "" if sys.version_info >= (3, 11) else "3.11 or later is needed")
    )
    for module, what in (
        ("imagecodecs", "compressed TIFF"), ("distributed", "processors"), ("voila", "pages"),
        ("focusnb_widgets", "pages"), ("bokeh", "plots"),
    ):  # fmt: skip
        rows.append(
            (
                module,
                "found" if find_spec(module) else "missing",
                "" if find_spec(module) else f"needed for {what}",
            )
        )
    registry = _registry(args)
    told = _values(args)
    wanted = programs.programs(registry)
    for program, found in zip(wanted, programs.all_started(wanted, told), strict=True):
        needed = "" if found.place else f"; needed by {', '.join(program.steps)}"
        version = f"version {found.version}" if found.version else ""
        rows.append(
            (program.name, str(found.place or "missing"), (found.problem or version) + needed)
        )
    rows += [("problem", "", problem) for problem in registry.problems]
    if args.project:
        root = Path(args.project).resolve()
        network = is_network(root)
        rows.append(
            (
                "disk",
                "network" if network else "local",
                "journal mode DELETE is used" if network else "",
            )
        )
        free = shutil.disk_usage(root).free / 2**30
        rows.append(("free space", f"{free:.0f} GiB", "little is left" if free < 20 else ""))
    if args.json:
        show.as_json([dict(zip(("what", "found", "note"), row, strict=True)) for row in rows])
    else:
        show.table(rows, ("what", "found", "note"))
    return 0
