"""The tuner in a cell of JupyterLab: it shows, its keys are its own, its theme is the Lab's."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from browser import tuned
from browser.test_tune_browser import CHROMIUM, LOCAL, QUIET, needs_browser

PORT = 8987
CODE = """
import numpy as np
from focusnb_widgets import tune_picking
picture = np.load("picture.npy")
tuner = tune_picking(picture, pixel_size=2, values={"particle_diameter": 120})
tuner
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def notebook(*cells):
    made = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [],
         "source": code.strip()}
        for i, code in enumerate(cells)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def lab(tmp_path):
    """JupyterLab with one notebook; gives its address."""
    work = tmp_path / "work"
    work.mkdir()
    np.save(work / "picture.npy", tuned.disks(0)[0])
    (work / "tune.ipynb").write_text(json.dumps(notebook(CODE, "len(tuner.picks(0))")))
    env = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *(f"--ServerApp.port={PORT}", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=known", f"--ServerApp.root_dir={work}"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=work,
    )  # fmt: skip
    url = f"http://127.0.0.1:{PORT}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/api", timeout=2).close()
            break
        except OSError:
            assert process.poll() is None, "JupyterLab ended"
            time.sleep(0.3)
    yield f"{url}/lab/tree/tune.ipynb?token=known"
    process.terminate()
    process.wait(30)


@needs_browser
def test_the_tuner_works_in_a_cell_and_its_keys_do_not_reach_the_notebook(lab):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(lab)
        page.wait_for_function("document.body.innerText.includes('(ipykernel) | Idle')")
        first = page.locator(".jp-Notebook .jp-Cell").first
        first.locator(".jp-InputArea").click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".fnb-tune[data-picks]:not([data-picks=''])")
        found = int(page.get_attribute(".fnb-tune", "data-picks"))
        assert found == pytest.approx(40, abs=2)

        page.locator(".fnb-view-marks").click()
        for key in "dd x a b m v z ] ] ] t".replace(" ", ""):
            page.keyboard.press(key)
        assert page.locator(".jp-Notebook .jp-Cell").count() == 2
        assert page.get_attribute(".fnb-tune", "data-tool") == "look"

        light = page.evaluate(
            "getComputedStyle(document.querySelector('.fnb-card')).backgroundColor"
        )
        page.evaluate("document.body.dataset.jpThemeLight = 'false'")
        dark = page.evaluate(
            "getComputedStyle(document.querySelector('.fnb-card')).backgroundColor"
        )
        assert light == "rgb(255, 255, 255)"
        assert dark != light

        page.locator(".fnb-view-marks").click()
        page.keyboard.press("e")
        box = page.locator(".fnb-view-marks").bounding_box()
        page.mouse.click(box["x"] + 4, box["y"] + 4)
        until = "n => document.querySelector('.fnb-tune').dataset.picks == n"
        page.wait_for_function(until, arg=found + 1)
        second = page.locator(".jp-Notebook .jp-Cell").nth(1)
        second.locator(".jp-InputArea").click()
        page.keyboard.press("Shift+Enter")
        answer = second.locator(".jp-OutputArea-output pre")
        answer.wait_for()
        assert int(answer.inner_text()) == found + 1
        assert [url for url in requests if not url.startswith(LOCAL)] == []
        browser.close()
