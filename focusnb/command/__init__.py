"""The command `focusnb`."""

import argparse
import os
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from focusnb.command import about, demo, pages, processing, projects
from focusnb.errors import FocusError

ROOMS = (demo, projects, processing, pages, about)


class Parser(argparse.ArgumentParser):
    """A parser of whom a mistyped command is an error like any other: one sentence, exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Tell the mistake and where help is."""
        self.exit(1, f"focusnb: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """Give the parser of the whole command line."""
    top = Parser(
        prog="focusnb",
        description="From the electron microscope to 3D reconstruction: import, correct, measure,"
        " pick, watch, prune, export.",
        epilog="Begin with `focusnb demo`. Each command tells more with --help.",
    )
    top.add_argument("--version", action="store_true", help="show the version")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    commands = top.add_subparsers(metavar="COMMAND", dest="command")
    for room in ROOMS:
        room.add(commands, common)
    return top


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments; names and files may stand before and after the options.

    argparse gives all positionals their places before the first option: what comes later is left over.
    """
    for place, argument in enumerate(arguments[:-1]):
        if argument == "--sort" and arguments[place + 1].startswith("-"):
            arguments[place : place + 2] = [f"--sort={arguments[place + 1]}"]
            break
    args, left = parser().parse_known_args(arguments)
    lists = [name for name in ("words", "files", "batches") if hasattr(args, name)]
    if left and lists and not any(word.startswith("-") for word in left):
        setattr(args, lists[0], [*getattr(args, lists[0]), *left])
    elif left:
        top = parser()
        top.prog = f"focusnb {args.command}" if args.command else top.prog
        top.error(f"unrecognized arguments: {' '.join(left)}")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; errors are one sentence and exit code 1."""
    args = _parse(sys.argv[1:] if arguments is None else list(arguments))
    if args.version:
        from importlib.metadata import version

        print("focusnb", version("focusnb"))
        return 0
    if args.command is None:
        parser().print_help()
        return 0
    try:
        code = int(args.run(args) or 0)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has had enough; what is left of it may go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        print(f"focusnb: {_sentence(error)}", file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str:
    """Tell an error in one line; what nobody foresaw says how to learn more."""
    text = " ".join(str(error).split())
    if isinstance(error, FocusError | OSError):
        return text
    if isinstance(error, sqlite3.Error):
        return f"project.db cannot be used now: {text}; is the disk full, or locked by another program?"
    return f"{type(error).__name__}: {text} (--debug shows where it came from)"


if __name__ == "__main__":
    sys.exit(main())
