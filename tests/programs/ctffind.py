"""A made ctffind: asks what 4.1 or 5 asks, refuses what they refuse, and copies stored outputs.

    ctffind.py VERSION FOLDER [tilt]

Which questions come up, and what is refused, is as in the public source; `tilt`: a build of 4.1.14
that asks for it.
"""

import math
import shutil
import sys
from pathlib import Path

version, stored, *more = sys.argv[1:]
five = version.startswith("5")


def ask(question, kind, low=-math.inf, high=math.inf):
    answer = sys.stdin.readline().rstrip("\n")
    print(f"{question:<50} : {answer}")
    if not answer:
        print("\n Error: Blank answer in scripted mode, exiting...\n")
        sys.exit(255)
    if kind == "yes" and answer[0] in "yYnN":
        return answer[0] in "yY"
    if kind == "file":
        return answer
    if kind == "number" and (answer[0].isdigit() or answer[0] in ".-"):
        if low <= float(answer) <= high:
            return float(answer)
        print("\nError: Number outside of acceptable range!\n")
    print("\n Error: Running as script, and answer is not recognized...\n")
    sys.exit(255)


print(f"\n\n        **   Welcome to Ctffind   **\n\n            Version : {version}")
print("    Library Version : 2.0.0-alpha--1-\n               Mode : Scripted\n")
picture = Path(ask("Input image file name", "file"))
if not picture.is_file():
    print("\nError: File does not exist, please provide an existing file!\n")
    sys.exit(255)
diagnostic = Path(ask("Output diagnostic image file name", "file"))
ask("Pixel size", "number", 0)
ask("Acceleration voltage", "number", 0)
ask("Spherical aberration", "number", 0)
ask("Amplitude contrast", "number", 0, 1)
ask("Size of amplitude spectrum to compute", "number", 128)
coarse = ask("Minimum resolution", "number", 0, 50)
ask("Maximum resolution", "number", 0, coarse)
least = ask("Minimum defocus", "number")
ask("Maximum defocus", "number", least)
ask("Defocus search step", "number", 1)
known = ask("Do you know what astigmatism is present?", "yes")
ask("Slower, more exhaustive search?", "yes")
if known:
    ask("Known astigmatism", "number", 0)
    ask("Known astigmatism angle", "number")
elif ask("Use a restraint on astigmatism?", "yes"):
    ask("Expected (tolerated) astigmatism", "number")
shifted = ask("Find additional phase shift?", "yes")
if shifted:
    first = ask("Minimum phase shift (rad)", "number", -3.15, 3.15)
    last = ask("Maximum phase shift (rad)", "number", first, 3.15)
    ask("Phase shift search step", "number", 0, last - first)
elif five or more:
    ask("Determine sample tilt?", "yes")
if five:
    ask("Determine samnple thickness?", "yes")
ask("Do you want to set expert options?", "yes")

for kind in (".txt", "_avrot.txt", ".mrc"):
    for file in Path(stored).glob(f"ctffind*{kind}"):
        if kind != ".txt" or "_avrot" not in file.name:
            shutil.copy(file, diagnostic.with_name(diagnostic.stem + kind))
print(f"\nSummary of results                          : {diagnostic.with_suffix('.txt')}\n")
