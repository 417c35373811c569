"""The workbench in a cell of JupyterLab: its parts show, its keys are its own, plots draw."""

import os
import time

import pytest
from browser import served
from browser.served import check_quiet, needs_browser
from monitor import made

PORT = 8985
CODE = """
import focusnb as fn
from focusnb_widgets import Workbench
workbench = Workbench(fn.open({root!r}))
workbench
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "own"))
    project = made.project(tmp_path / "project")
    made.fill(project, 12, now=time.time() - 20)
    made.previews(project, 12)
    cells = (CODE.format(root=str(project.root)), "workbench.desk.line")
    with served.lab(tmp_path, *cells, port=PORT) as url:
        yield url, project


@needs_browser
def test_the_workbench_works_in_a_cell(lab):
    url, project = lab
    with served.chromium() as browser:
        page = served.opened(browser, url, width=1500, height=950)
        page.wait_for_function("document.body.innerText.includes('(ipykernel) | Idle')")
        first = page.locator(".jp-Notebook .jp-Cell").first
        first.locator(".jp-InputArea").click()
        page.keyboard.press("Shift+Enter")
        page.locator(".fnb-library .ag-row[row-id='12']").first.wait_for()
        page.locator(".fnb-library .ag-row[row-id='12'] [col-id=name]").click()
        for key in "r b a b o":  # flags, and what would make, delete and run cells
            page.keyboard.press(key)
        for _ in range(100):
            if project[12].flag == "gold":
                break
            page.wait_for_timeout(100)
        assert project[12].flag == "gold"
        assert page.locator(".jp-Notebook .jp-Cell").count() == 2
        page.click("#fnb-tab-plots")
        page.wait_for_function(
            "document.querySelectorAll('[data-part=explorer] .fnb-plot').length >= 5"
        )
        page.wait_for_timeout(1500)
        second = page.locator(".jp-Notebook .jp-Cell").nth(1)
        second.locator(".jp-InputArea").click()
        page.keyboard.press("Shift+Enter")
        answer = second.locator(".jp-OutputArea-output pre")
        answer.wait_for()
        assert "project.flag([12], 'gold')" in answer.inner_text()
        if place := os.environ.get("FOCUSNB_SHOTS"):
            page.screenshot(path=place)
        check_quiet(page)
        page.context.close()
