"""The monitoring page in a real browser, served by our server; nothing leaves the machine."""

import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from browser import served
from browser.served import LOCAL, needs_browser
from monitor import made

from focusnb.monitor.feed import publish

pytestmark = pytest.mark.browser


def line_of(server, seconds=60):
    """The first line the server prints; fails when none comes."""
    ready, _, _ = select.select([server.stdout], [], [], seconds)
    assert ready, "the server printed no address"
    return server.stdout.readline().strip()


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "focusnb_widgets.server", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("monitoring")
    os.environ["FOCUSNB_CONFIG"] = str(root / "config")
    project = made.project(root / "session", publish_interval=0.1, session_name="Grid 3")
    made.fill(project, 40, now=time.time() - 20)
    made.previews(project, 40)
    publish(project)
    yield project
    del os.environ["FOCUSNB_CONFIG"]


@pytest.fixture(scope="module")
def server(project):
    process = start(project.root / "feed", "--port", 8931)
    yield line_of(process), process
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def chromium():
    with served.chromium() as browser:
        yield browser


@pytest.fixture
def opened(chromium, server):
    """Opens the page in a window of some width; gives it with all its requests and errors."""
    contexts = []

    def open_(width):
        context = chromium.new_context(viewport={"width": width, "height": 844})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(40_000)
        requests, errors = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket: requests.append(socket.url))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server[0])
        page.wait_for_selector(".fnb-plots[data-ready]")
        return page, requests, errors

    yield open_
    for context in contexts:
        context.close()


@needs_browser
def test_the_page_shows_numbers_and_pictures_and_follows_the_feed(opened, project):
    page, requests, errors = opened(1280)
    assert page.locator("h1").inner_text() == "Grid 3"
    assert page.title() == "Grid 3 · monitoring"
    assert page.locator(".fnb-tile-imported .fnb-big").inner_text() == "40"
    assert "movie_00039.tif" in page.locator(".fnb-last").inner_text()
    pictures = page.locator(".fnb-picture img")
    assert pictures.count() == 3
    assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    assert "blurred on purpose" in page.locator(".fnb-picture").first.inner_text()
    assert page.locator(".fnb-panel canvas").count() >= 5
    assert "40 images" in page.locator(".fnb-plots h2").inner_text()

    newest = made.add(project, "newest.tif", time.time(), made.results(3, "drift"))
    made.previews(project, newest)
    publish(project, clock=lambda: time.time() + 2)
    page.wait_for_selector(".fnb-last:has-text('newest.tif')")
    assert "drift 71 Å > 50 Å" in page.locator(".fnb-reasons").inner_text()
    page.wait_for_selector(".fnb-plots h2:has-text('41 images')")

    page.click("text='1 h'")
    assert page.locator("[data-hours='1']").get_attribute("aria-pressed") == "true"
    assert [url for url in requests if not url.startswith(LOCAL)] == []
    assert errors == []


@needs_browser
def test_a_phone_shows_all_without_scrolling_sideways(opened):
    page, requests, errors = opened(390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    too_wide = page.evaluate(
        "[...document.querySelectorAll('.fnb *')]"
        ".filter(e => e.getBoundingClientRect().right > 391).map(e => e.className)"
    )
    assert too_wide == []
    page.locator(".fnb-picture button").first.click()
    assert page.locator("dialog.fnb-large").is_visible()
    page.click("text='Close'")
    assert not page.locator("dialog.fnb-large").is_visible()
    assert [url for url in requests if not url.startswith(LOCAL)] == []
    assert errors == []


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def kernels(process):
    return len(psutil.Process(process.pid).children())


def test_the_server_gives_out_no_files_and_strangers_start_no_kernel(server):
    url, process = server
    assert status(f"{url}alive") == 204
    before = kernels(process)
    for path in (
        "voila/files/monitor.ipynb",
        "voila/files/voila/templates/focusnb/index.html.j2",
        "monitor.ipynb",
        "favicon.ico",
        "feed.json",
        "bokeh/static/js/../../../server/static/js/bokeh.js",
        "voila/render/monitor.ipynb",
        "api/contents",
        "api/kernels",
    ):
        assert status(url + path) == 404, path
    assert kernels(process) <= before
    assert status(f"{url}bokeh/static/js/bokeh.min.js") == 200


def test_the_server_listens_on_this_computer_only(server):
    url, process = server
    addresses = {
        c.laddr.ip for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"
    }
    assert url.startswith("http://127.0.0.1:8931/")
    assert addresses <= {"127.0.0.1"}


def test_a_port_that_is_taken_makes_way_and_a_signal_ends_all_of_it(server, project):
    taken = int(server[0].rsplit(":", 1)[1].strip("/"))
    process = start(project.root / "feed", "--port", taken)
    url = line_of(process)
    assert url == f"http://127.0.0.1:{taken + 1}/"
    deadline = time.monotonic() + 30
    while kernels(process) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert "Traceback" not in process.stderr.read()


def test_an_address_that_cannot_be_served_is_one_sentence(project):
    process = start(project.root / "feed", "--host", "192.0.2.1")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "choose another --host" in errors
    assert "Traceback" not in errors


def test_the_server_ends_with_the_process_it_stays_with(project):
    partner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    server = start(project.root / "feed", "--port", 8981, "--stay-with", partner.pid)
    line_of(server)
    kernels = psutil.Process(server.pid).children(recursive=True)
    partner.kill()
    partner.wait()
    assert server.wait(30) == 0
    _, left = psutil.wait_procs(kernels, 10)
    assert left == []
    server.stdout.close()
    server.stderr.close()
