"""The command `focusnb doctor gain`: which way a gain reference fits."""

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from focusnb.command import show
from focusnb.errors import BadValue

SHOWN = 4  # candidates that people see


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
        help="write the reference as it fits: to be multiplied with as it is",
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, tell, and write if asked."""
    from focusnb.model import host
    from focusnb.model.gain_check import check_gain, corrected

    if args.frames is not None and args.frames < 1:
        raise BadValue(f"--frames {args.frames}: at least one frame is needed")
    with closing(show.Progress()) as report:
        found = check_gain(
            args.gain, args.files, frames=args.frames, threads=host.cores(), report=report
        )
    if args.json:
        show.as_json(
            {
                "fits": found.best is not None,
                "sentence": found.sentence,
                "best": found.best and asdict(found.best),
                "clear": found.clear,
                "candidates": [asdict(one) for one in found.candidates],
            }
        )
    else:
        rows = [*found.candidates[:SHOWN], found.candidates[-1]]
        show.table(
            [
                ("no gain", "", "", "", "", f"{w.excess:.3f}") if w.use == "none" else
                (w.use, str(w.rotation), str(w.flip), f"{w.correlation:.3f}", f"{w.slope:.2f}", f"{w.excess:.3f}")
                for w in rows
            ],
            ("use", "gain_rotation", "gain_flip", "correlation", "slope", "excess"),
        )  # fmt: skip
        print(f"\n{found.sentence}.")
        print(_advice(args, found.best))
    if found.best is not None and args.write:
        from focusnb import formats

        label = f"doctor gain: {Path(args.gain).name}, {found.best.use}"
        formats.write(args.write, corrected(args.gain, found.best), label=label)
        if not args.json:
            print(f"{args.write} is written: use it with gain_rotation=0 gain_flip=0.")
    return 0 if found.best is not None else 1


def _advice(args: argparse.Namespace, best: Any) -> str:
    """What to do now."""
    if best is None:
        return "Nothing was changed; a movie that is corrected the wrong way looks worse than one that is not."
    if best.use == "divide" and not all(f.lower().endswith(".eer") for f in args.files):
        return (
            "Frames that are no EER are multiplied by focusnb: make the reciprocal with"
            f" --write {Path(args.gain).stem}_reciprocal.mrc and use that."
        )
    return f"focusnb set PROJECT gain_rotation={best.rotation} gain_flip={best.flip}"
