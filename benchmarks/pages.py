"""What the benchmarks of pages share: a server, a page made of one cell, a headless browser without graphics card."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
CHROMIUM = next((place for place in PLACES if Path(place).exists()), None)
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run".split()
MISSING = "chromium is not installed: nothing was measured"
SERVE = """
import sys
from focusnb_widgets.server import Page, serve
serve(Page(sys.argv[1], {}, pool=1), "127.0.0.1", int(sys.argv[2]))
"""


@contextmanager
def started(command: Sequence[str]) -> Iterator[str]:
    """Run a server of pages; give the address that it prints."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def served(folder: Path, code: str, port: int) -> Iterator[str]:
    """Serve a page made of one cell; give its address."""
    cell = {"cell_type": "code", "id": "c0", "metadata": {}, "execution_count": None, "outputs": [],
            "source": code.strip()}  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "page.ipynb").write_text(json.dumps(made), encoding="utf-8")
    with started([sys.executable, "-c", SERVE, str(folder / "page.ipynb"), str(port)]) as url:
        yield url


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
