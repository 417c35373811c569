"""Commands that open pages: monitor."""

import argparse
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import focusnb as fn
from focusnb.errors import FocusError

PUBLISH = 1.0  # seconds between two looks whether anything changed


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    monitor = commands.add_parser("monitor", parents=[common], help="serve the monitoring page")
    monitor.add_argument("project", nargs="+")
    monitor.add_argument("--host", help="address to listen at; 127.0.0.1 if not told otherwise")
    monitor.add_argument("--port", type=int)
    monitor.set_defaults(run=_monitor)


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
    server = start_monitor(projects, host=args.host, port=args.port)
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
        server.terminate()
        server.wait(20)


def _publish(projects: Sequence[Any]) -> str:
    """Write the feeds that changed; give what hinders it, as a sentence."""
    try:
        for project in projects:
            project.publish()
    except (FocusError, OSError, sqlite3.Error) as error:
        return str(error)  # a broken project.toml, a full disk: tried again until it is mended
    return ""
