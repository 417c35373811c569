"""The command `focusnb doctor gain`: which way a gain reference fits."""

import argparse
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from focusnb.command import show
from focusnb.errors import BadValue

SHOWN = 4  # candidates that people see
WRITTEN = (".mrc", ".tif", ".tiff")
DONE = {"multiply": "multiplied with", "divide": "divided by"}
LEGEND = """\
correlation: of how pixels vary in the frames with how the reference says they do; chance gives about 0.
slope: how much of what the reference says is in the frames; 1 when it is theirs.
excess: variance from pixel to pixel after correction, over that of counting electrons; 1 when all is corrected."""


def add(actions: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to those of `doctor`."""
    one = actions.add_parser(
        "gain",
        parents=[common],
        help="find which way a gain reference fits the movies",
        description="Which orientation and use of a gain reference fits raw movies, by the pattern"
        " that their pixels' own sensitivities leave in the sum of the frames.",
    )
    one.add_argument("gain", metavar="GAIN")
    one.add_argument("files", nargs="+", metavar="MOVIE")
    one.add_argument("--frames", type=int, metavar="N", help="at most so many frames of each movie")
    one.add_argument(
        "--write",
        metavar="FILE",
        help="write the reference as it fits (.mrc or .tif): turned and of the size of the frames,"
        " to be multiplied with; for EER, to be divided by",
    )
    # `doctor` has the same option: its value stays where this one is not given
    one.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, tell, and write if asked."""
    from focusnb.model import host
    from focusnb.model.gain_check import check_gain

    if args.frames is not None and args.frames < 1:
        raise BadValue(f"--frames {args.frames}: at least one frame is needed")
    if args.write:
        _check_target(args)
    with closing(show.Progress()) as report:
        checked = check_gain(
            args.gain, args.files, frames=args.frames, threads=host.cores(), report=report
        )
    found = checked.found
    if not args.json:
        _show(found)
    written = args.write if args.write and found.best is not None else None
    if written:
        _write(checked, written)
    if args.json:
        show.as_json(
            {
                "fits": found.best is not None,
                "sentence": found.sentence,
                "best": found.best and asdict(found.best),
                "prepare": checked.use(args.gain),
                "written": written,
                "clear": found.clear,
                "candidates": [asdict(one) for one in found.candidates],
            }
        )
    else:
        print(_advice(args, checked))
    return 0 if found.best is not None else 1


def _check_target(args: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, before the movies are read."""
    target = Path(args.write)
    if target.suffix.lower() not in WRITTEN:
        raise BadValue(f"--write {target}: give a name that ends with {', '.join(WRITTEN)}")
    if not target.parent.is_dir():
        raise BadValue(f"--write {target}: there is no folder {target.parent}; make it first")
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise BadValue(f"--write {target}: it cannot be written there; name another file")
    if target.resolve() in {Path(one).resolve() for one in (args.gain, *args.files)}:
        raise BadValue(f"--write {target}: it would take the place of what is read; name another")


def _show(found: Any) -> None:
    """Print the best candidates, what the columns mean, and what to think of them."""
    rows = [*found.candidates[:SHOWN], found.candidates[-1]]
    show.table(
        [
            ("no gain", "", "", "", "", f"{w.excess:.3f}") if w.use == "none" else
            (w.use, str(w.rotation), str(w.flip), f"{w.correlation:.3f}", f"{w.slope:.2f}", f"{w.excess:.3f}")
            for w in rows
        ],
        ("use", "gain_rotation", "gain_flip", "correlation", "slope", "excess"),
    )  # fmt: skip
    print(f"\n{LEGEND}\n\n{_sentence(found.sentence)}")


def _write(checked: Any, target: str) -> None:
    """Write the reference as it fits."""
    from focusnb import formats
    from focusnb.model.gain_check import corrected

    label = f"doctor gain: {checked.reference.name}, frames are {DONE[checked.use(target)]} this"
    formats.write(target, corrected(checked, target), label=label)


def _advice(args: argparse.Namespace, checked: Any) -> str:
    """What to do now, or how to use what was written."""
    best, name = checked.found.best, Path(args.gain).name
    if best is None:
        nothing = f"{args.write} is not written." if args.write else "Nothing was changed."
        return (
            f"{nothing} A movie that is corrected the wrong way looks worse than one that is not."
        )
    lines = [_sentence(checked.refit)] if checked.refit else []
    kind = "EER frames" if checked.events else "Frames"
    if args.write:
        target, (y, x) = Path(args.write), checked.shape
        lines += [
            f"{target} is written: turned as the frames are, of {x} × {y} pixels.",
            f"{kind} are {DONE[checked.use(target)]} it, as they must be. Use it in place of {name}:",
            f"  focusnb import PROJECT MOVIE… --gain {quote(str(target))} --set gain_rotation=0 gain_flip=0",
            "or, for movies that are in the project already:",
            f"  focusnb set PROJECT --group GROUP gain={quote(str(target.absolute()))}"
            " gain_rotation=0 gain_flip=0",
        ]
    elif best.use == checked.use(args.gain):
        lines += [
            f"{kind} are {DONE[best.use]} {name}, as they must be. Tell how it lies:",
            f"  focusnb set PROJECT gain_rotation={best.rotation} gain_flip={best.flip}",
        ]
    else:
        lines += [
            f"Do not use {name} as it is: {kind if checked.events else 'frames'} would be"
            f" {DONE[checked.use(args.gain)]} it, but they must be {DONE[best.use]} it.",
            f"Give this command again with --write {quote(Path(args.gain).stem + '_fits.mrc')}, and"
            " use that file.",
        ]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
