"""Commands that open pages: monitor, tune."""

import argparse
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import focusnb as fn
from focusnb.errors import BadValue, FocusError, MissingProduct

PUBLISH = 1.0  # seconds between two looks whether anything changed
ENDS = 20.0  # seconds that a server may take to end
MOST = 6  # images that are tuned on together


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    monitor = commands.add_parser("monitor", parents=[common], help="serve the monitoring page")
    monitor.add_argument("project", nargs="+")
    monitor.add_argument("--host", help="address to listen at; 127.0.0.1 if not told otherwise")
    monitor.add_argument("--port", type=int)
    monitor.set_defaults(run=_monitor)
    tune = commands.add_parser(
        "tune", parents=[common], help="tune picking by eye on a few images, in the browser"
    )
    tune.add_argument("project")
    tune.add_argument(
        "--images", metavar="EXPR", default="",
        help="1 to 6 images to look at; three good ones of low to high defocus if not told otherwise",
    )  # fmt: skip
    tune.add_argument("--port", type=int, default=8866)
    tune.set_defaults(run=_tune)


def start_monitor(
    projects: Sequence[Any], *, host: str | None = None, port: int | None = None, **how: Any
) -> "subprocess.Popen[str]":
    """Start the page's server as a process of its own; its first line tells the address."""
    for project in projects:
        project.publish()
    values = projects[0].values()
    command = [
        sys.executable, "-m", "focusnb_widgets.server", *(str(p.root / "feed") for p in projects),
        "--host", host or values["monitor_host"], "--port", str(port or values["monitor_port"]),
        "--stay-with", str(os.getpid()),
    ]  # fmt: skip
    return subprocess.Popen(command, text=True, **how)


def _monitor(args: argparse.Namespace) -> int:
    projects = [fn.open(name) for name in args.project]
    server = start_monitor(projects, host=args.host, port=_checked(args.port))
    told = ""
    try:
        while True:
            try:
                return server.wait(timeout=PUBLISH)
            except subprocess.TimeoutExpired:
                trouble = _publish(projects)
                if trouble and trouble != told:
                    print(f"focusnb: {trouble}", file=sys.stderr, flush=True)
                told = trouble
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _tune(args: argparse.Namespace) -> int:
    """Serve the page to this computer only, with a token: it can change the project."""
    port, project = _checked(args.port), fn.open(args.project)
    known = {row["id"] for row in project.rows("average_pixel_size > 0")}
    chosen = [image.id for image in project.select(args.images)] if args.images else []
    if args.images and not 1 <= len(chosen) <= MOST:
        raise BadValue(
            f"--images {args.images!r} names {len(chosen)} images; choose 1 to {MOST} of them"
        )
    if not known or not set(chosen) <= known:
        raise MissingProduct(
            f"{project.name} has no average to pick in yet; process its images first"
            if not known
            else f"{project[min(set(chosen) - known)].key} has no average to pick in yet; process it first"
        )
    command = [
        sys.executable, "-m", "focusnb_widgets.server", "--tune", str(project.root),
        "--images", args.images, "--port", str(port), "--stay-with", str(os.getpid()),
    ]  # fmt: skip
    server = subprocess.Popen(command)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _end(server: "subprocess.Popen[Any]") -> None:
    """End a server; one that hangs is not waited for."""
    server.terminate()
    try:
        server.wait(ENDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _checked(port: int | None) -> int | None:
    if port is not None and not 1 <= port <= 65535:
        raise BadValue(f"--port {port}: a port is a number from 1 to 65535")
    return port


def _publish(projects: Sequence[Any]) -> str:
    """Write the feeds that changed; give what hinders it, as a sentence."""
    try:
        for project in projects:
            project.publish()
    except (FocusError, OSError, sqlite3.Error) as error:
        return str(error)  # a broken project.toml, a full disk: tried again until it is mended
    return ""
