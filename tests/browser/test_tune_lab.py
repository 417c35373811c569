"""The tuner in a cell of JupyterLab: it shows, its keys are its own, its theme is the Lab's."""

import numpy as np
import pytest
from browser import served, tuned
from browser.served import LOCAL, needs_browser

PORT = 8987
CODE = """
import numpy as np
from focusnb_widgets import tune_picking
picture = np.load("picture.npy")
tuner = tune_picking(picture, pixel_size=2, values={"particle_diameter": 120})
tuner
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def lab(tmp_path):
    (tmp_path / "work").mkdir()
    np.save(tmp_path / "work" / "picture.npy", tuned.disks(0)[0])
    with served.lab(tmp_path, CODE, "len(tuner.picks(0))", port=PORT) as url:
        yield url


@needs_browser
def test_the_tuner_works_in_a_cell_and_its_keys_do_not_reach_the_notebook(lab):
    with served.chromium() as browser:
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
