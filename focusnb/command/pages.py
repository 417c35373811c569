"""Commands that open pages: monitor, dashboard, lab, view, tune."""

import argparse
import atexit
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import focusnb as fn
from focusnb.errors import BadValue, FocusError, MissingProduct

PUBLISH = 1.0  # seconds between two looks whether anything changed
ENDS = 20.0  # seconds that a server may take to end
HERE = "127.0.0.1"  # pages that can change anything are served to this computer only
PORT_OF_LAB = 8888
PORTS = 50  # how many ports are tried
WORKBENCH = "workbench.ipynb"
MOST = 6  # images that are tuned on together


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    monitor = commands.add_parser("monitor", parents=[common], help="serve the monitoring page")
    monitor.add_argument("project", nargs="+")
    monitor.add_argument("--host", help="address to listen at; 127.0.0.1 if not told otherwise")
    monitor.add_argument("--port", type=int)
    monitor.set_defaults(run=_monitor)
    dashboard = commands.add_parser(
        "dashboard", parents=[common], help="serve the workbench of a project as a page"
    )
    dashboard.add_argument("project")
    dashboard.set_defaults(run=_dashboard)
    lab = commands.add_parser(
        "lab", parents=[common], help="open JupyterLab in a project, at its workbench"
    )
    lab.add_argument("project")
    lab.set_defaults(run=_lab)
    view = commands.add_parser(
        "view", parents=[common], help="look at a picture, a stack or a movie in the browser"
    )
    view.add_argument("file")
    view.set_defaults(run=_view)
    for one, port in ((dashboard, 8866), (lab, PORT_OF_LAB), (view, 8866)):
        one.add_argument("--port", type=int, default=port, help="port, or the next free one")
        one.add_argument("--open", action="store_true", help="open the browser, too")
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
    return _serve(["--tune", str(project.root), "--images", args.images], port)


def _dashboard(args: argparse.Namespace) -> int:
    """Serve the workbench to this computer only, with a token: it can change everything."""
    port, project = _checked(args.port), fn.open(args.project)
    return _serve(["--dashboard", str(project.root)], port, opens=args.open)


def _view(args: argparse.Namespace) -> int:
    from focusnb import formats

    port, file = _checked(args.port), Path(args.file).expanduser().absolute()
    if not file.is_file():
        raise BadValue(f"{file}: there is no such file; give the path of a picture or a movie")
    formats.open(file).close()  # what nobody can read is told here, not on a page
    return _serve(["--view", str(file)], port, opens=args.open)


def _serve(what: Sequence[str], port: int | None, *, opens: bool = False) -> int:
    """Serve a page until it is ended; its server prints its address."""
    command = [
        sys.executable, "-m", "focusnb_widgets.server", *what, "--port", str(port),
        "--stay-with", str(os.getpid()),
    ]  # fmt: skip
    server = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            print(line, end="", flush=True)
            if opens and line.startswith("http"):
                _open(line.strip())
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _lab(args: argparse.Namespace) -> int:
    """Run JupyterLab in the project's folder; its workbench is a notebook there, made when it is missing."""
    from focusnb.monitor.places import dashboards_dir

    port, project = _checked(args.port), fn.open(args.project)
    notebook = project.root / WORKBENCH
    if not notebook.exists():
        shutil.copyfile(dashboards_dir() / WORKBENCH, notebook)
    port = _free(port or PORT_OF_LAB)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # JupyterLab ends with us
    token = secrets.token_hex(24)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--Application.log_level=ERROR",
        f"--ServerApp.root_dir={project.root}", f"--ServerApp.ip={HERE}", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="focusnb-lab-") as private:
        # not on the command line, where everybody on this computer could read it
        told = {"IdentityProvider": {"token": token}}
        (Path(private) / "jupyter_server_config.json").write_text(json.dumps(told))
        places = [private, str(dashboards_dir() / "lab"), os.environ.get("JUPYTER_CONFIG_PATH")]
        environment = {
            **os.environ,
            "FOCUSNB_PROJECT": str(project.root),
            "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, places)),
        }
        server = subprocess.Popen(command, env=environment, cwd=project.root)
        try:
            address = f"http://{HERE}:{port}/lab/tree/{WORKBENCH}?token={token}"
            if _answers(server, f"http://{HERE}:{port}/api"):
                print(address, flush=True)
                if args.open:
                    _open(address)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(server)


def _open(address: str) -> None:
    """Open the browser by a page that only we can read: its command line is seen by everybody."""
    import webbrowser
    from html import escape

    handle, name = tempfile.mkstemp(prefix="focusnb-open-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as page:
        page.write(f'<meta http-equiv="refresh" content="0; url={escape(address)}">')
    atexit.register(Path(name).unlink, missing_ok=True)
    webbrowser.open(Path(name).as_uri())


def _free(port: int) -> int:
    """Give this port, or the next one that is free."""
    for number in range(port, min(port + PORTS, 65536)):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HERE, number))
            except OSError:
                continue
            return number
    raise BadValue(f"ports {port} to {port + PORTS - 1} are all taken; choose a --port")


def _answers(server: "subprocess.Popen[Any]", address: str) -> bool:
    """Wait until a server answers; False when it has ended."""
    import urllib.request  # takes a while, and other commands need it not

    # a proxy of the environment has nothing to do with this computer's own address
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        with suppress(OSError):
            direct.open(address, timeout=2).close()
            return True
        time.sleep(0.2)
    return False


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
