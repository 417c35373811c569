"""Who may see the page that tunes picking, and the command that opens it."""

import json
import os
import re
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from browser import tuned

import focusnb as fn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    root = tmp_path_factory.mktemp("tuning")
    os.environ["FOCUSNB_CONFIG"] = str(root / "config")
    yield tuned.project(root / "session")
    del os.environ["FOCUSNB_CONFIG"]


@pytest.fixture(scope="module")
def server(session):
    process, url = tuned.serve("--tune", session[0].root, "--port", 8941)
    yield url, process
    process.terminate()
    process.wait(20)


def answer(url, headers=None, method=None):
    try:
        asked = urllib.request.Request(url, headers=headers or {}, method=method)
        with urllib.request.urlopen(asked, timeout=20) as told:
            return told.status, told.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_without_its_token_the_page_is_refused_and_no_kernel_starts(server):
    url, process = server
    base = url.split("?")[0]
    deadline = time.monotonic() + 60
    while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
        time.sleep(0.2)  # the kernel that waits for the first visitor
    before = len(psutil.Process(process.pid).children())
    status, text = answer(base)
    assert status == 403
    assert "This page needs its token" in text
    assert answer(f"{base}?token=guessed")[0] == 403
    for path in ("api/kernels", "login", "voila/files/tune_picking.ipynb", "api/contents"):
        assert answer(base + path)[0] == 404, path
    assert len(psutil.Process(process.pid).children()) <= before
    assert answer(f"{base}alive")[0] == 204


def test_a_kernel_whose_number_is_known_answers_to_nobody_without_the_token(server):
    url, _ = server
    base = url.split("?")[0]
    known = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with known.open(url, timeout=60) as page:
        kernel = re.search(r'"kernelId":\s*"([0-9a-f-]{36})"', page.read().decode())[1]
    with known.open(f"{base}api/kernels/{kernel}", timeout=20) as told:
        assert json.load(told)["id"] == kernel
    socket = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    assert answer(f"{base}api/kernels/{kernel}")[0] == 403
    assert answer(f"{base}api/kernels/{kernel}/channels", socket)[0] == 403
    assert answer(f"{base}voila/query/{kernel}", socket)[0] == 404
    for method in ("DELETE", "POST"):
        assert answer(f"{base}api/kernels/{kernel}", method=method)[0] == 403
    assert answer(f"{base}voila/api/shutdown/{kernel}", method="POST")[0] == 404


def test_the_page_is_served_to_this_computer_only_and_its_token_is_in_no_command_line(server):
    url, process = server
    addresses = {
        c.laddr.ip for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"
    }
    assert url.startswith("http://127.0.0.1:8941/?token=")
    assert addresses <= {"127.0.0.1"}
    token = url.split("=")[1]
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    living = [one for one in family if one.status() != psutil.STATUS_ZOMBIE]
    assert len(living) > 1
    assert not any(token in " ".join(one.cmdline()) for one in living)


def test_the_command_opens_it_and_says_what_it_cannot_tune_on(session, tmp_path):
    focusnb = [sys.executable, "-m", "focusnb.command", "tune"]
    process = subprocess.Popen(
        [*focusnb, session[0].root, "--images", "name == 'movie_1.tif'", "--port", "8975"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready
    assert process.stdout.readline().startswith("http://127.0.0.1:89")
    process.terminate()
    process.wait(30)
    process.stdout.close()
    fn.create(tmp_path / "empty")
    for arguments, said in (
        ([tmp_path / "empty"], "has no average to pick in yet"),
        ([session[0].root, "--images", "name == 'x'"], "names 0 images; choose 1 to 6"),
        ([session[0].root, "--port", "70000"], "--port 70000: a port is a number from 1 to 65535"),
    ):
        told = subprocess.run([*focusnb, *arguments], capture_output=True, text=True, check=False)
        assert told.returncode == 1
        assert said in told.stderr
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and answer_is_there("http://127.0.0.1:8975/alive"):
        time.sleep(0.2)
    assert not answer_is_there("http://127.0.0.1:8975/alive")


def answer_is_there(url):
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True
