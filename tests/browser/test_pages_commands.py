"""The commands lab and view: what they print opens, for this computer and with its token only."""

import re
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from browser import served
from browser.served import check_quiet, needs_browser

import focusnb as fn

CROP = Path(__file__).parents[2] / "notebooks" / "data" / "micrograph_crop.tif"
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Starts a command; gives its process and the address that it prints."""
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "own"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("FOCUSNB_PROJECT", "somewhere else")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "focusnb.command", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
        )  # fmt: skip
        running.append(process)
        ready, _, _ = select.select([process.stdout], [], [], 90)
        assert ready, "no address was printed"
        return process, process.stdout.readline().strip()

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def listens_at(process):
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return {c.laddr.ip for p in family for c in p.net_connections() if c.status == "LISTEN"}


def refused(url):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(url, timeout=20).close()
    except urllib.error.HTTPError as error:
        return error.code
    return None


def test_lab_opens_jupyterlab_at_the_projects_workbench(command, tmp_path):
    project = fn.create(tmp_path / "a project", pixel_size=1.0)
    process, url = command("lab", project.root, "--port", 8991)
    found = re.fullmatch(
        r"http://127\.0\.0\.1:(89\d\d)/lab/tree/workbench\.ipynb\?token=(\w{48})", url
    )
    assert found, url
    assert (project.root / "workbench.ipynb").is_file()
    assert listens_at(process) == {"127.0.0.1"}
    assert refused(f"http://127.0.0.1:{found[1]}/api/contents") == 403
    assert refused(f"http://127.0.0.1:{found[1]}/api/contents?token={found[2]}") is None
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    assert not any(found[2] in " ".join(one.cmdline()) for one in family)
    environments = [one.environ().get("FOCUSNB_PROJECT") for one in family[1:]]
    assert str(project.root) in environments
    (project.root / "workbench.ipynb").write_text("mine")
    process.terminate()
    process.wait(30)
    assert not served.answers(f"http://127.0.0.1:{found[1]}/api")
    command("lab", project.root, "--port", 8991)
    assert (project.root / "workbench.ipynb").read_text() == "mine"


@needs_browser
def test_view_shows_a_file(command):
    process, url = command("view", CROP, "--port", 8993)
    assert listens_at(process) == {"127.0.0.1"}
    assert refused(url.split("?")[0]) == 403
    with served.chromium() as browser:
        page = served.opened(browser, url)
        page.wait_for_function(
            "document.querySelector('.fnb-viewer')?.innerText.includes('1024 × 1024')"
        )
        assert "micrograph_crop.tif" in page.inner_text(".fnb-viewer")
        check_quiet(page)
        page.context.close()
