"""The workbench in a real browser: tabs, parts that follow each other, undo, and who may see it."""

import os
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest
from browser import served
from browser.served import check_quiet, needs_browser
from browser.tuned import serve
from monitor import made

import focusnb as fn

PORT = 8760
COUNT = 40
TABS = "library image viewer plots queue import parameters settings new".split()

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("workbench")
    os.environ["FOCUSNB_CONFIG"] = str(root / "config")
    project = made.project(root / "a session")
    made.fill(project, COUNT, now=time.time() - 20)
    for image in (1, 2, COUNT):
        made.previews(project, image)
    yield fn.open(project.root)
    del os.environ["FOCUSNB_CONFIG"]


@pytest.fixture(scope="module")
def server(project):
    process, url = serve("--dashboard", project.root, "--port", PORT)
    yield url, process
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def browser():
    with served.chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    page = served.opened(browser, server[0])
    page.wait_for_selector(".fnb-library .ag-row")
    yield page
    page.context.close()


def row(page, name):
    return page.locator(f".fnb-library .ag-row:has-text('{name}')")


def test_strangers_are_refused_and_only_this_computer_is_served(server):
    url, process = server
    assert url.startswith(f"http://127.0.0.1:{PORT}/?token=")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.split("?")[0], timeout=20)
    listening = [
        c.laddr.ip for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}


def test_every_tab_shows_its_parts_and_nothing_leaves_the_machine(page):
    assert page.title() == "a session · focusnb"
    assert f"{COUNT} images in 1 group" in page.inner_text(".fnb-workbench-facts")
    for tab in TABS:
        page.click(f"#fnb-tab-{tab}")
        page.wait_for_function(
            """tab => { const stage = document.querySelector('.fnb-workbench-stage');
            const seen = [...stage.children].filter((part) => !part.hidden);
            return stage.dataset.tab === tab && seen.length
              && seen.every((part) => part.querySelector('.fnb-part')?.children.length > 1); }""",
            arg=tab,
        )
    page.wait_for_timeout(500)
    check_quiet(page)


def test_tabs_are_walked_by_keys(page):
    page.focus("#fnb-tab-library")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#fnb-tab-image[aria-selected='true']")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#fnb-tab-library[aria-selected='true']")


def test_keys_walk_in_the_order_that_the_table_shows(page):
    table = "document.querySelector('.fnb-library').library"
    descending = "{ state: [{ colId: 'iciness', sort: 'desc' }] }"
    page.evaluate(f"{table}.api.applyColumnState({descending})")
    page.locator(".ag-header-cell[col-id='name'] .fnb-filter").fill("movie_0001")
    page.wait_for_function(
        f"{table}.sentOrder?.join() === {table}.choice.shownIds().join() && {table}.view.sort.length"
    )
    order = page.evaluate(f"{table}.choice.shownIds()")
    assert len(order) == 10
    assert order != sorted(order)
    page.evaluate(f"(id) => {table}.choice.look(id)", order[0])
    overview = ".fnb-part[data-overview]"
    page.wait_for_selector(f"{overview}[data-image='{order[0]}']")
    page.focus(overview)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{overview}[data-image='{order[1]}']")
    assert f"2 of {len(order)}" in page.inner_text(".fnb-ov-place")
    page.click("#fnb-tab-viewer")
    viewer = "document.querySelector('.fnb-viewer')?.viewer"
    page.wait_for_function(f"(id) => {viewer}?.info?.image === id", arg=order[1])
    page.click(".fnb-viewer [aria-label='Image after']")
    page.wait_for_function(f"(id) => {viewer}.info.image === id", arg=order[2])
    page.click("#fnb-tab-image")
    page.click(".fnb-i-head [aria-label='Next image']")
    page.wait_for_function(f"(id) => {table}.choice.current === id", arg=order[3])
    page.click("#fnb-tab-library")
    page.evaluate(f"{table}.clearFilters()")
    page.evaluate(f"{table}.api.applyColumnState({{ defaultState: {{ sort: null }} }})")
    page.wait_for_function(f"JSON.parse({table}.sentView).sort.length === 0")


def test_a_row_shows_its_pictures_and_an_action_is_a_line_that_can_be_undone(page, project):
    row(page, "movie_00038.tif").first.locator("[col-id=name]").click()
    page.wait_for_function(
        "document.querySelector('[data-part=overview]')?.innerText.includes('movie_00038.tif')"
    )
    page.keyboard.press("r")
    page.wait_for_selector(".fnb-workbench-undo:not([disabled])")
    assert project[39].flag == "red"
    page.click(".fnb-workbench-tools .fnb-code-toggle")
    line = page.inner_text(".fnb-workbench > .fnb-code-row code")
    assert line == "project.flag([39], 'red')"
    exec(line.replace("'red'", "'blue'"), {"project": project})
    assert project[39].flag == "blue"
    exec(line, {"project": project})
    page.click(".fnb-workbench-undo")
    page.wait_for_selector(".fnb-workbench-undo[disabled]")
    assert project[39].flag == "none"
    check_quiet(page)


def test_walking_in_the_overview_takes_the_one_chosen_row_along_and_keys_flag(page, project):
    table = "document.querySelector('.fnb-library').library"
    row(page, "movie_00038.tif").first.locator("[col-id=name]").click()
    overview = ".fnb-part[data-overview]"
    page.wait_for_selector(f"{overview}[data-image='39']")
    page.focus(overview)
    page.keyboard.press("ArrowUp")
    page.wait_for_function(f"[...{table}.choice.set].join() === '38'")
    page.keyboard.press("o")
    page.locator(".ag-row[row-id='38'] .fnb-flag-gold").wait_for()
    page.keyboard.press("t")
    page.wait_for_function(f"[...{table}.choice.set].join() === '39'")
    page.wait_for_selector(f"{overview}[data-image='39']")
    assert project.document(38)["group"] == "TRASH"
    for left in (1, 0):
        page.click(".fnb-workbench-undo")
        page.wait_for_function(f"{table}.model.get('undoable').length === {left}")
    check_quiet(page)


def test_a_double_click_opens_the_viewer_of_that_image(page):
    row(page, "movie_00037.tif").first.locator("[col-id=name]").dblclick()
    page.wait_for_selector("#fnb-tab-viewer[aria-selected='true']")
    page.wait_for_function(
        "document.querySelector('[data-part=viewer]')?.innerText.includes('movie_00037.tif')"
    )


def test_a_phone_shows_it_without_scrolling_sideways(browser, server):
    page = served.opened(browser, server[0], width=390, height=844, color_scheme="dark")
    page.wait_for_selector(".fnb-library .ag-row")
    for tab in TABS:
        page.click(f"#fnb-tab-{tab}")
        page.wait_for_timeout(700)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{tab} is {wide} px wide"
    check_quiet(page)
    page.context.close()


def kill_kernels(process):
    """Kill all kernels of a server, those that wait for a visitor too."""
    for one in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has ended already
            if "ipykernel_launcher" in " ".join(one.cmdline()):
                one.kill()


def test_a_page_whose_kernel_is_gone_says_so(browser, server):
    url, process = server
    page = served.opened(browser, url)
    page.wait_for_selector(".fnb-library .ag-row")
    kill_kernels(process)
    page.evaluate("document.querySelector('.fnb-workbench').workbench.wire.since = 0")
    page.wait_for_selector(".fnb-workbench > .fnb-lost:not([hidden])")
    assert "does not answer" in page.inner_text(".fnb-workbench > .fnb-lost")
    page.context.close()


def test_a_new_window_gets_a_kernel_that_lives(browser, server):
    url, process = server
    kill_kernels(process)
    page = served.opened(browser, url)
    page.wait_for_selector(".fnb-library .ag-row")
    page.context.close()
