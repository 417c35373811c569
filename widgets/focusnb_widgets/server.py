"""The pages' server: our voila, which shows one page, serves its own files only and asks nobody outside.

``python -m focusnb_widgets.server FEED_FOLDER… [--host 127.0.0.1] [--port 8866] [--stay-with PID]``
serves the monitoring page. ``--dashboard PROJECT`` serves the workbench, ``--tune PROJECT [--images EXPR]``
the page that tunes picking, ``--view FILE`` the viewer: these can change a project or read files, and
therefore bind to this computer and need a token. It prints the page's address and serves until it is told
to end (SIGTERM or Ctrl-C), or the process ends that it stays with; its kernels end with it.
"""

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bokeh
import psutil
import tornado.httpserver
import tornado.netutil
import tornado.web
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.utils import url_path_join

from focusnb.errors import FocusError, QueueError
from focusnb.monitor.places import dashboards_dir

BOKEH = Path(bokeh.__file__).parent / "server" / "static"
# Front-end extensions that our pages need: voila's widget manager, the basic widgets, ours.
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
HERE = "127.0.0.1"  # pages that can change anything are served to this computer only
PORTS = 50  # how many ports are tried
LOOK = 2.0  # seconds between two looks whether the process lives that we stay with
IDLE = 60  # seconds after which a kernel ends that nobody is connected to and that does nothing


@dataclass(frozen=True)
class Page:
    """What is served: a notebook of the dashboards, and what its kernels find in their environment.

    pool: kernels that wait for visitors. token: whoever opens the page must know it.
    """

    notebook: str
    environment: Mapping[str, str]
    pool: int = 2
    token: str | None = None


def monitoring(feeds: Sequence[Path]) -> Page:
    """The page that shows feeds; it can change nothing."""
    return Page("monitor.ipynb", {"FOCUSNB_FEED": os.pathsep.join(str(feed) for feed in feeds)})


def tuning(project: Path, images: str) -> Page:
    """The page that tunes picking in a project. images: EXPR, or empty for good examples."""
    given = {"FOCUSNB_PROJECT": str(project), "FOCUSNB_IMAGES": images}
    return Page("tune_picking.ipynb", given, pool=1, token=secrets.token_hex(24))


def working(project: Path) -> Page:
    """The workbench of a project."""
    given = {"FOCUSNB_PROJECT": str(project)}
    return Page("workbench.ipynb", given, pool=1, token=secrets.token_hex(24))


def viewing(file: Path) -> Page:
    """The viewer of one file."""
    given = {"FOCUSNB_VIEW": str(file)}
    return Page("view.ipynb", given, pool=1, token=secrets.token_hex(24))


class OwnPython(KernelSpecManager):
    """One kernel: this very Python. Kernels that other programs installed are not looked at."""

    def find_kernel_specs(self) -> dict[str, str]:
        """Name the one kernel."""
        return {"python3": ""}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Give it, whatever it is called in a notebook."""
        argv = [
            *(sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
            "--IPKernelApp.log_level=40",
        ]
        return KernelSpec(argv=argv, display_name="focusnb", language="python")


class Alive(tornado.web.RequestHandler):
    """Says that the server is there; starts no kernel."""

    def get(self) -> None:
        """Answer with nothing."""
        self.set_header("Cache-Control", "no-store")
        self.set_status(204)


class Shown(TornadoVoilaHandler):
    """The page; where it cannot be shown, a sentence says so."""

    async def prepare(self, **how: Any) -> None:
        """Before a visitor gets one of the kernels that wait: those that have died are not for him."""
        await super().prepare(**how)
        pools = self.kernel_manager._pools  # noqa: SLF001 - voila itself hands out dead ones
        for pool in pools.values():
            for one in [task for task in pool if task.done()]:
                if one.exception() is not None or not await self._lives(one.result()["kernel_id"]):
                    pool.remove(one)

    async def _lives(self, kernel: str) -> bool:
        known = kernel in self.kernel_manager
        return known and await self.kernel_manager.get_kernel(kernel).is_alive()

    def write_error(self, status_code: int, **how: Any) -> None:
        """Say in a sentence what is missing; a kernel that did not start is tried again."""
        told = {
            403: "This page needs its token: open the whole address that was printed when it was started.",
            500: "The page could not be opened: its kernel did not start, or the computer is very busy."
            " It is tried again in ten seconds; the terminal in which it was started may tell more.",
        }.get(status_code, f"error {status_code}")
        if status_code == 500:
            self.set_header("Refresh", "10")
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(told)


class Guarded(Shown):
    """The page for those who know its token; then the address forgets it."""

    async def prepare(self) -> None:
        """Refuse strangers at once: there is nobody here who could log in."""
        await super().prepare(_redirect_to_login=False)
        if self.get_argument("token", None) is not None:
            self.redirect(self.request.path)  # the cookie that was just set does from now on


class BokehFiles(tornado.web.StaticFileHandler):
    """BokehJS, which browsers may keep: its version is that of this installation."""

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep it for an hour."""
        self.set_header("Cache-Control", "public, max-age=3600")


class Server(Voila):
    """Voila with one page; its folder's files, other paths and templates by request are not served."""

    name = "voila"
    page: Page
    sockets: list[socket.socket]
    lives: Callable[[], bool]  # whether the process that started us is still there

    def init_handlers(self) -> list[Any]:
        """Give our handlers, then voila's without those that serve files or start kernels by the way."""
        under = self.server_url
        kept = []
        for handler in super().init_handlers():
            pattern = handler[0]
            # the last one would tell anybody what a visitor's browser has sent
            if any(part in pattern for part in ("/files/", "/api/shutdown/", "/voila/query/")):
                continue
            if self.page.token and pattern.endswith(("/login", "/logout")):
                continue
            if pattern == url_path_join(under, r"/(.*)"):
                # any other path is unknown: a stray request (favicon.ico, a scanner) starts no kernel
                shown = Guarded if self.page.token else Shown
                handler = (url_path_join(under, r"/()"), shown, *handler[2:])
            kept.append(handler)
        return [
            (url_path_join(under, r"/alive"), Alive),
            (
                url_path_join(under, r"/bokeh/static/(js/bokeh\.min\.js)"),
                BokehFiles,
                {"path": BOKEH},
            ),
            *kept,
        ]

    def listen(self) -> None:
        """Serve on the sockets that were opened before, until a signal comes."""
        server = tornado.httpserver.HTTPServer(self.app)
        server.add_sockets(self.sockets)
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        token = f"?token={self.page.token}" if self.page.token else ""
        say(f"http://{host}:{self.port}{self.base_url}{token}")
        loop = asyncio.get_event_loop()
        ended = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: ended.done() or ended.set_result(None))
        partner = loop.create_task(self._look(ended))
        try:
            loop.run_until_complete(ended)
        finally:
            partner.cancel()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.add_signal_handler(number, lambda: None)
            server.stop()
            loop.run_until_complete(self._end())

    async def _look(self, ended: asyncio.Future[None]) -> None:
        """End when the process ended that we stay with: nobody is left to end us."""
        while self.lives():
            await asyncio.sleep(LOOK)
        if not ended.done():
            ended.set_result(None)

    async def _end(self) -> None:
        with contextlib.suppress(Exception):  # a kernel that is just starting may be half there
            await asyncio.wait_for(self.kernel_manager.shutdown_all(now=True), 10)


def say(text: str) -> None:
    """Print one line at once: whoever started us waits for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def open_sockets(host: str, port: int) -> tuple[int, list[socket.socket]]:
    """Listen at an address; a port that is taken makes way for the next free one."""
    for number in range(port, min(port + PORTS, 65536)):
        try:
            return number, tornado.netutil.bind_sockets(number, host)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise QueueError(
                    f"no page can be served at {host}:{number}: {error.strerror or error};"
                    " choose another --host"
                ) from None
    raise QueueError(f"ports {port} to {port + PORTS - 1} of {host} are all taken; choose a --port")


def settings(page: Page, host: str, port: int) -> list[str]:
    """Give voila's settings as its command line."""
    dashboards = dashboards_dir()
    return [
        str(dashboards / page.notebook),
        f"--Voila.ip={host}",
        f"--Voila.port={port}",
        "--Voila.open_browser=False",
        "--Voila.log_level=ERROR",
        "--VoilaConfiguration.template=focusnb",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        "--VoilaConfiguration.preheat_kernel=True",
        f"--VoilaConfiguration.default_pool_size={page.pool}",
        "--VoilaConfiguration.kernel_spec_manager_class=focusnb_widgets.server.OwnPython",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
        # one that was started again would know nothing of its page
        "--KernelManager.autorestart=False",
        f"--MappingKernelManager.cull_idle_timeout={IDLE}",
        "--MappingKernelManager.cull_interval=20",
        # no command line of a process: nobody else on this computer can read it
        *([f"--Voila.token={page.token}"] if page.token else []),
        # an empty page would tell its user nothing; strangers do not see this one
        *(["--VoilaConfiguration.show_tracebacks=True"] if page.token else []),
    ]


def serve(page: Page, host: str, port: int, lives: Callable[[], bool] = lambda: True) -> None:
    """Serve a page until a signal comes, or `lives` gives False."""
    number, sockets = open_sockets(host, port)
    dashboards = dashboards_dir()
    os.environ.update(page.environment)
    places = [str(dashboards), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(places)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = (
        "1"  # kernels warn about frozen modules otherwise
    )
    for name in ("access", "application", "general"):
        logging.getLogger(f"tornado.{name}").setLevel(logging.ERROR)
    asyncio.set_event_loop(asyncio.new_event_loop())
    with tempfile.TemporaryDirectory(prefix="focusnb-page-") as connections:
        server = Server(connection_dir_root=connections)
        server.page, server.sockets, server.lives = page, sockets, lives
        server.initialize(settings(page, host, number))
        server.start()


def _whole(path: Path) -> Path:
    return path.expanduser().absolute()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m focusnb_widgets.server",
        description="Serve the monitoring page of feeds, the workbench, the tuner of picking, or the viewer.",
    )
    parser.add_argument("feeds", metavar="FEED_FOLDER", type=Path, nargs="*")
    parser.add_argument("--dashboard", metavar="PROJECT", type=Path, help="a project's workbench")
    parser.add_argument("--tune", metavar="PROJECT", type=Path, help="tune picking in a project")
    parser.add_argument("--view", metavar="FILE", type=Path, help="look at a picture or a movie")
    parser.add_argument("--images", metavar="EXPR", default="", help="the images to tune on")
    parser.add_argument("--host", default=HERE, help="address to listen at")
    parser.add_argument("--port", type=int, default=8866, help="port, or the next free one")
    parser.add_argument("--stay-with", type=int, metavar="PID", help="end when this process ends")
    given = parser.parse_args(arguments)
    asked = [one for one in (given.feeds, given.dashboard, given.tune, given.view) if one]
    if len(asked) != 1:
        parser.error("name feeds, or one of --dashboard, --tune, --view")
    if given.feeds:
        page = monitoring([_whole(feed) for feed in given.feeds])
    elif given.host != HERE:
        parser.error(f"only the monitoring page may be served elsewhere than at {HERE}")
    elif given.dashboard:
        page = working(_whole(given.dashboard))
    elif given.tune:
        page = tuning(_whole(given.tune), given.images)
    else:
        page = viewing(_whole(given.view))
    try:
        partner = psutil.Process(given.stay_with or os.getpid())
        serve(page, given.host, given.port, partner.is_running)
    except psutil.NoSuchProcess:
        return 0
    except FocusError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
