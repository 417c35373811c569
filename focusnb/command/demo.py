"""Commands for people without a microscope: demo and simulate."""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import focusnb as fn
from focusnb.command import show
from focusnb.command.pages import start_monitor
from focusnb.errors import FocusError
from focusnb.model.text import counted

PATIENCE = 900.0  # seconds after which a demonstration that does not end is given up


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    demo = commands.add_parser(
        "demo",
        parents=[common],
        help="a simulated session, processed live, with the monitoring page",
    )
    demo.add_argument(
        "folder", nargs="?", default="demo-session", help="a new folder for camera and project"
    )
    demo.add_argument("--no-page", action="store_true", help="without the monitoring page")
    demo.add_argument(
        "--keep-open", action="store_true", help="serve the page until Ctrl-C when all is done"
    )
    demo.add_argument("--port", type=int, help="port of the page")
    demo.set_defaults(run=_demo)
    simulate = commands.add_parser(
        "simulate", parents=[common], help="record simulated movies into a folder"
    )
    simulate.add_argument("folder")
    simulate.set_defaults(run=_simulate)
    for one, interval in ((demo, 5.0), (simulate, 10.0)):
        one.add_argument("--movies", type=int, default=8)
        one.add_argument("--size", type=int, default=1024, help="pixels on a side")
        one.add_argument("--frames", type=int, default=16)
        one.add_argument(
            "--interval", type=float, default=interval, help="seconds from movie to movie"
        )
        one.add_argument("--seed", type=int, default=0)
        one.add_argument("--all-good", action="store_true", help="no bad exposures among them")


def _simulate(args: argparse.Namespace) -> int:
    from focusnb import simulate

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    bar = show.Progress()
    truth = simulate.session(
        args.folder, movies=args.movies, size=args.size, frames=args.frames, interval=args.interval,
        seed=args.seed, bad=not args.all_good, report=bar, stop=stop,
    )  # fmt: skip
    bar.close()
    print(f"{len(truth)} movies recorded in {args.folder}; what is true of them is in truth.json")
    return 0


def _demo(args: argparse.Namespace) -> int:
    folder = _fresh(Path(args.folder).expanduser().absolute())
    camera = folder / "camera"
    camera.mkdir(parents=True)
    project = fn.create(
        folder / "project",
        mode="single-particle",
        session_name="Demonstration",
        particle_diameter=min(140, args.size // 5),  # a small picture has room for small ones
        sharp_pictures=True,
    )
    project.watch(camera, settle=1.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of what ends the page, too
    print(f"camera   {camera}\nproject  {project.root}", flush=True)
    page = None if args.no_page else _open_page(project, args.port)
    microscope = _start_microscope(args, camera)
    try:
        _follow(project, microscope, args.movies)
        summary = project.export("relion", folder / "relion")
        done = _tell(project, camera)
        print(f"\n{summary}")
        if page is not None and args.keep_open:
            print("the page stays open until Ctrl-C", flush=True)
            page.wait()
    finally:
        for process in (microscope, page):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(20)
    return 0 if done else 1


def _fresh(folder: Path) -> Path:
    number, free = 1, folder
    while free.exists() and any(free.iterdir()):
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _open_page(project: Any, port: int | None) -> "subprocess.Popen[str] | None":
    page = start_monitor([project], port=port, stdout=subprocess.PIPE)
    assert page.stdout is not None
    line = page.stdout.readline().strip()
    if not line:
        print("page     could not be opened; the demonstration goes on without it", flush=True)
        return None
    print(f"page     {line.split()[-1]}", flush=True)
    threading.Thread(target=page.stdout.read, daemon=True).start()
    return page


def _start_microscope(args: argparse.Namespace, camera: Path) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable, "-m", "focusnb.command", "simulate", str(camera), "--movies", str(args.movies),
        "--size", str(args.size), "--frames", str(args.frames), "--interval", str(args.interval),
        "--seed", str(args.seed), *(["--all-good"] if args.all_good else []),
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _follow(project: Any, microscope: "subprocess.Popen[bytes]", movies: int) -> None:
    """Run the session until the microscope has stopped and everything is processed."""
    begun = time.monotonic()
    told: set[int] = set()

    def until() -> bool:
        for row in project.rows():
            if row["id"] not in told and (row.get("ctf_score") is not None or row["error"]):
                told.add(row["id"])
                print(
                    f"{time.monotonic() - begun:5.0f} s  processed {row['name']}: {_verdict(row)}",
                    flush=True,
                )
        if microscope.poll():
            error = microscope.stderr.read().decode(errors="replace") if microscope.stderr else ""
            raise FocusError(f"the simulated microscope broke: {error.strip().splitlines()[-1:]}")
        if time.monotonic() - begun > PATIENCE:
            raise FocusError(
                f"not done after {PATIENCE:.0f} s; `focusnb status {project.root}` tells more"
            )
        counts = project.queue.counts()
        busy = counts.get("waiting", 0) + counts.get("running", 0)
        return microscope.poll() is not None and len(project) >= movies and not busy

    project.run(until, on_news=_news(begun))


def _news(begun: float) -> Callable[[str], None]:
    return lambda text: print(f"{time.monotonic() - begun:5.0f} s  {text}", flush=True)


def _verdict(row: Any) -> str:
    if row["error"]:
        return str(row["error"])
    return "good" if row["good"] else f"not good: {row['reasons']}"


def _tell(project: Any, camera: Path) -> bool:
    """Print the table, and whether what was simulated as bad was found to be bad."""
    truth = json.loads((camera / "truth.json").read_text(encoding="utf-8"))
    rows = project.rows()
    words = project.words
    columns = ("defocus", "ctf_resolution", "iciness", "drift_range", "mean_count", "particles")
    table, right = [], True
    for row in rows:
        fault = truth.get(row["name"], {}).get("bad")
        right &= bool(row["good"]) == (fault is None)
        table.append(
            [
                row["name"],
                *(words[c].show(row.get(c)) for c in columns),
                _verdict(row),
                fault or "good",
            ]
        )
    heads = (
        "name",
        "defocus [Å]",
        "CTF [Å]",
        "iciness",
        "drift [Å]",
        "e/px",
        "particles",
        "found",
        "simulated as",
    )
    print()
    show.table(table, heads, right=range(1, 7))
    good = sum(bool(row["good"]) for row in rows)
    print(
        f"\n{counted(len(rows), 'image')}, {good} good; "
        + (
            "every bad exposure was named"
            if right
            else "not every exposure was judged as it was simulated"
        )
    )
    done = [row for row in rows if row["good"] is not None and not row["error"]]
    return len(rows) == len(truth) and bool(done)
