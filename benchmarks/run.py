"""Figures that can be compared: measured, shown, and written into README.md beside this file.

    make bench
    make bench BENCH="--micrograph epu2.9_example.mrc"
    make bench BENCH="motion --runs 1"
    make bench BENCH="house --help"

A subject is a module with `main(arguments)`, which gives the lines of its tables one by one. They take
the place of what stands between its marks in README.md.
"""

import sys
from pathlib import Path

import ctf
import house
import motion
import overview
import picking
import table
import tuning
import viewer

SUBJECTS = {
    "motion": motion.main, "ctf": ctf.main, "picking": picking.main, "tuning": tuning.main,
    "table": table.main, "overview": overview.main, "viewer": viewer.main, "house": house.main,
}  # fmt: skip
README = Path(__file__).parent / "README.md"


def keep(subject: str, lines: list[str]) -> None:
    """Write the lines between the subject's marks."""
    begin, end = f"<!-- {subject} -->", f"<!-- /{subject} -->"
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{README.name} lacks {begin} or {end}: nowhere to write the figures")
    README.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")


def main(arguments: list[str]) -> None:
    subject, *options = arguments if arguments and arguments[0][:1] != "-" else ["", *arguments]
    if subject and subject not in SUBJECTS:
        raise SystemExit(f"{subject} is no subject; known are {', '.join(SUBJECTS)}")
    for name in [subject] if subject else SUBJECTS:
        lines: list[str] = []
        for line in SUBJECTS[name](options):
            print(line, flush=True)
            lines.append(line)
        keep(name, lines)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
