"""The command `focusnb`."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from focusnb.command import about, demo, pages, processing, projects
from focusnb.errors import FocusError

ROOMS = (demo, projects, processing, pages, about)


def parser() -> argparse.ArgumentParser:
    """Give the parser of the whole command line."""
    top = argparse.ArgumentParser(
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; errors are one sentence and exit code 1."""
    args = parser().parse_args(arguments)
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
    return f"{type(error).__name__}: {text} (--debug shows where it came from)"


if __name__ == "__main__":
    sys.exit(main())
