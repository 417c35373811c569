"""What browser tests share: a browser, pages of our server made of a few cells, and what a page did."""

import json
import os
import select
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None
)
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
    " --disable-sync --no-first-run"
).split()
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
HARMLESS = ("shared module", "favicon")  # voila's own front end is older than the extensions
PATIENCE = 40_000  # ms
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: apt install chromium"
)

SERVE = """
import sys
from pathlib import Path
from focusnb_widgets.server import Page, serve
serve(Page(sys.argv[1], {}, pool=1), "127.0.0.1", int(sys.argv[2]))
"""


def notebook(*cells):
    """A notebook of code cells, as JSON."""
    made = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [],
         "source": code.strip()}
        for i, code in enumerate(cells)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@contextmanager
def served(folder, *cells, port=8700):
    """Serve a page made of cells; gives its address. Tests that run side by side need other ports."""
    place = Path(folder) / "page.ipynb"
    place.write_text(json.dumps(notebook(*cells)), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(place), str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ},
    )  # fmt: skip
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready, "the server printed no address"
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def lab(folder, *cells, port):
    """JupyterLab, with a notebook of these cells in its folder; gives the notebook's address."""
    folder = Path(folder)
    work, config = folder / "work", folder / "config"
    work.mkdir(exist_ok=True)
    (work / "page.ipynb").write_text(json.dumps(notebook(*cells)), encoding="utf-8")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=known", f"--ServerApp.root_dir={work}"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(config), "HOME": str(folder)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/api"):
            assert process.poll() is None, "JupyterLab ended"
            assert time.monotonic() < deadline, "JupyterLab does not answer"
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/lab/tree/page.ipynb?token=known"
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    """Whether somebody serves this address."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def chromium():
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def opened(browser, url, *, width=1440, height=1000, **how):
    """Open a page in a window of some size; its requests and errors are kept on it."""
    context = browser.new_context(viewport={"width": width, "height": height}, **how)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.requests, page.errors = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("websocket", lambda socket: page.requests.append(socket.url))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(url)
    return page


def check_quiet(page):
    """No request has left the machine, and nothing went wrong in the page."""
    assert [url for url in page.requests if not url.startswith(LOCAL)] == []
    assert [e for e in page.errors if not any(word in e for word in HARMLESS)] == []
