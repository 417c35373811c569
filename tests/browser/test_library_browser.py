"""The library table in a real browser: chosen, flagged, moved and sorted by mouse and keys."""

import time

import pytest
from browser.served import check_quiet, chromium, needs_browser, opened, served
from monitor import made

from focusnb.session import Project

pytestmark = [pytest.mark.browser, needs_browser]
PAGE = """
import focusnb as fn
from focusnb_widgets.library import LibraryTable
table = LibraryTable(fn.open({root!r}))
table
"""
EVIL = "<script>document.title = 'run'</script> ☃.tif"
COUNT = 120
WIDE = 1800  # all usual columns are seen
PART = "document.querySelector('.fnb-library').library"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.open(made.project(tmp_path_factory.mktemp("library") / "session").root)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(project, tmp_path_factory):
    cell = PAGE.format(root=str(project.root))
    with served(tmp_path_factory.mktemp("page"), cell, port=8700) as url:
        yield url


@pytest.fixture(scope="module")
def shared(browser, url):
    page = opened(browser, url, width=WIDE)
    yield page
    check_quiet(page)


@pytest.fixture(scope="module")
def filled(shared, project):
    """The page has been opened when nothing was there: images come afterwards."""
    shared.wait_for_selector(".fnb-grid-empty:visible")
    made.fill(project, COUNT, now=time.time() - 600)
    made.add(project, EVIL, time.time() - 500, made.results(77), "grüße")
    made.previews(project, 1)
    ready(shared)
    return shared


@pytest.fixture
def page(filled):
    """The page as if it had just been opened."""
    filled.evaluate(
        f"() => {{ const t = {PART}; t.clearFilters(); t.choice.none(); t.tree.only(''); t.choice.current = 0;"
        " t.api.applyColumnState({ defaultState: { sort: null } }); t.api.ensureIndexVisible(0); t.wire.tell(''); }"
    )
    filled.locator(".fnb-grid").focus()
    return filled


def ready(page):
    page.set_default_timeout(12_000)
    page.wait_for_function(
        f"Number(document.querySelector('.fnb-library')?.dataset.rows ?? 0) >= {COUNT}"
    )
    page.wait_for_selector(".ag-row")


def row(page, image):
    return page.locator(f".ag-row[row-id='{image}']")


def cell(page, image, word):
    return row(page, image).locator(f"[col-id='{word}']")


def chosen(page):
    return page.evaluate(f"[...{PART}.choice.set].sort((a, b) => a - b)")


def order(page, count=5):
    ids = page.evaluate(f"{PART}.choice.shownIds()")
    return ids[:count] if count else ids


def until(page, condition):
    page.wait_for_function(condition)


def told(page):
    return page.locator(".fnb-told").inner_text()


def document_of(project, image):
    return Project.open(project.root).document(image)


def kept_view(project):
    return project.workspace.get("views", {}).get("single-particle", {})


def eventually(test, seconds=20):
    """Wait until something is so in the project's files."""
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.05)


def test_an_empty_project_says_what_to_do(shared):
    shared.get_by_text("This project has no images yet.").wait_for()
    assert shared.locator(".fnb-counts").inner_text() == "0 chosen of 0 shown of 0"
    shared.set_viewport_size({"width": 390, "height": 844})
    assert shared.evaluate("document.documentElement.scrollWidth") == 390
    shared.set_viewport_size({"width": WIDE, "height": 1000})


def test_a_row_tells_its_image_and_script_is_text(page, project):
    assert cell(page, 1, "name").inner_text() == "movie_00000.tif"
    assert cell(page, 1, "defocus").inner_text() == f"{made.results(0)['defocus'] / 1e4:.2f}"
    assert "drift" in cell(page, 5, "quality").inner_text()
    page.locator(".ag-header-cell[col-id='name'] .fnb-filter").fill("script")
    until(page, f"{PART}.api.getDisplayedRowCount() === 1")
    assert cell(page, COUNT + 1, "name").inner_text() == EVIL
    assert page.title() != "run"


def test_the_small_picture_of_a_row_comes_when_it_is_seen(page):
    until(page, "document.querySelector('.ag-row[row-id=\"1\"] .fnb-thumb img')?.naturalWidth > 30")


def test_click_shift_and_ctrl_choose_rows(page):
    row(page, 2).locator("[col-id='name']").click()
    row(page, 6).locator("[col-id='name']").click(modifiers=["Shift"])
    assert chosen(page) == [2, 3, 4, 5, 6]
    row(page, 4).locator("[col-id='name']").click(modifiers=["Control"])
    row(page, 9).locator("[col-id='name']").click(modifiers=["Control"])
    assert chosen(page) == [2, 3, 5, 6, 9]
    assert (
        page.locator(".fnb-counts").inner_text() == f"5 chosen of {COUNT + 1} shown of {COUNT + 1}"
    )
    assert row(page, 9).get_attribute("aria-selected") == "true"


def test_dragging_over_rows_chooses_them(page):
    begin, end = cell(page, 3, "name").bounding_box(), cell(page, 7, "name").bounding_box()
    page.mouse.move(begin["x"] + 20, begin["y"] + 10)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 10, steps=6)
    page.mouse.up()
    assert chosen(page) == [3, 4, 5, 6, 7]


def test_arrow_keys_walk_and_shift_extends_the_choice(page):
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert chosen(page) == [2]
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    assert chosen(page) == [2, 3, 4]
    page.keyboard.press("Control+i")
    assert len(chosen(page)) == COUNT + 1 - 3
    page.keyboard.press("Control+a")
    assert len(chosen(page)) == COUNT + 1
    page.keyboard.press("Control+Shift+A")
    assert chosen(page) == []


def test_a_filter_in_the_shown_unit_hides_rows(page, project):
    expected = [
        r["id"] for r in project.rows() if r["defocus"] is not None and r["defocus"] < 20_000
    ]
    page.locator(".ag-header-cell[col-id='defocus'] .fnb-filter").fill("< 2")
    until(page, f"{PART}.api.getDisplayedRowCount() === {len(expected)}")
    assert sorted(order(page, 0)) == expected
    page.locator(".ag-header-cell[col-id='defocus'] .fnb-filter").fill("< two")
    said = page.locator(".fnb-filter-told:visible")
    assert "“two” is no number" in said.inner_text()
    assert page.evaluate(f"{PART}.api.getDisplayedRowCount()") == len(expected)
    assert page.evaluate("getComputedStyle(document.querySelector('.ag-row')).opacity") == "0.4"
    page.keyboard.press("Escape")
    until(page, f"{PART}.api.getDisplayedRowCount() === {COUNT + 1}")


def test_a_key_flags_the_chosen_and_undo_takes_it_back(page, project):
    cell(page, 2, "name").click()
    cell(page, 3, "name").click(modifiers=["Shift"])
    page.locator(".fnb-grid").press("g")
    cell(page, 2, "flag").locator(".fnb-flag-green").wait_for()
    assert document_of(project, 3)["flag"] == "green"
    page.get_by_role("button", name="Python").click()
    assert page.locator(".fnb-code-line").inner_text() == "project.flag([2, 3], 'green')"
    page.get_by_role("button", name="Python").click()
    page.locator(".fnb-grid").press("Control+z")
    cell(page, 2, "flag").locator(".fnb-flag-none").wait_for()
    assert document_of(project, 3)["flag"] == "none"


def test_trashed_images_leave_come_back_and_fifty_are_undone_at_once(page, project):
    page.keyboard.press("ArrowDown")
    for _ in range(49):
        page.keyboard.press("Shift+ArrowDown")
    assert chosen(page) == list(range(1, 51))
    page.keyboard.press("t")
    until(page, f"{PART}.api.getDisplayedRowCount() === {COUNT + 1 - 50}")
    assert (project.root / "TRASH" / "0000000050").is_dir()
    assert page.locator("[data-group='TRASH'] b").inner_text() == "50"
    assert chosen(page) == [51], "the row that took their place is looked at"
    page.locator("[data-group='TRASH']").click()
    cell(page, 7, "name").click()
    page.keyboard.press("u")
    until(page, f"{PART}.api.getDisplayedRowCount() === 49")
    assert (project.root / "g1" / "0000000007").is_dir()
    page.keyboard.press("Control+z")
    until(page, f"{PART}.api.getDisplayedRowCount() === 50")
    page.keyboard.press("Control+z")
    until(page, f"{PART}.api.getDisplayedRowCount() === 0")
    assert "no image in TRASH" in page.locator(".fnb-grid-empty").inner_text()
    assert {r["group"] for r in Project.open(project.root).rows()} == {"g1", "grüße"}


def test_rows_that_arrive_find_their_place_in_the_order(page, project):
    page.locator(".ag-header-cell[col-id='iciness'] .fnb-head-title").click()
    before = order(page, 0)
    assert before != sorted(before)
    target = before[10]
    cell(page, target, "name").click()
    page.evaluate(f"{PART}.grid.querySelector('.ag-grid-viewport').scrollTop = 160")
    page.locator(".fnb-expression").fill("half written")
    place = cell(page, target, "name").bounding_box()
    made.add(project, "late_1.tif", time.time(), {**made.results(1), "iciness": 0.01})
    until(page, f"{PART}.store.size === {COUNT + 2}")
    now = order(page, 0)
    assert now == [COUNT + 2, *before]
    assert chosen(page) == [target]
    assert cell(page, target, "name").bounding_box() == place
    assert page.evaluate("document.activeElement.value") == "half written"
    project.flag([target], "blue")
    cell(page, target, "flag").locator(".fnb-flag-blue").wait_for()
    assert order(page, 0) == now


def test_a_selection_chooses_and_a_wrong_one_is_said(page, project):
    box = page.locator(".fnb-expression")
    box.fill("iciness > 2")
    box.press("Enter")
    expected = [r["id"] for r in project.rows("iciness > 2")]
    until(page, f"{PART}.choice.set.size === {len(expected)}")
    assert chosen(page) == expected
    box.fill("icines > 2")
    box.press("Enter")
    page.get_by_text("meant 'iciness'?").wait_for()
    assert chosen(page) == expected


def test_what_is_chosen_elsewhere_is_scrolled_to(page):
    box = page.locator(".fnb-expression")
    box.fill("name == 'movie_00109.tif'")
    box.press("Enter")
    cell(page, 110, "name").wait_for()
    assert chosen(page) == [110]


def test_shift_sorts_by_a_second_column(page, project):
    page.locator(".ag-header-cell[col-id='quality'] .fnb-head-title").click()
    page.locator(".ag-header-cell[col-id='defocus'] .fnb-head-title").click(modifiers=["Shift"])
    rows = [r for r in project.rows() if r["group"] != "TRASH"]
    expected = sorted(rows, key=lambda r: (not r["good"], r["defocus"]))
    until(page, f"{PART}.choice.shownIds()[0] === {expected[0]['id']}")
    assert order(page, 40) == [r["id"] for r in expected[:40]]


def test_the_chosen_are_queued_for_the_ticked_steps(page, project):
    project.queue.pause()  # nothing is to be computed here
    cell(page, 2, "name").click()
    cell(page, 3, "name").click(modifiers=["Control"])
    page.keyboard.press("x")
    dialog = page.get_by_role("dialog", name="Process 2 images")
    dialog.wait_for()
    ticked = dialog.locator("fieldset input:checked")
    while ticked.count():
        ticked.first.uncheck()
    dialog.get_by_label("Fit the CTF to the Thon rings").check()
    dialog.get_by_label("before all others").check()
    dialog.get_by_role("button", name="Process").click()
    page.locator(".fnb-told:visible").wait_for()
    assert told(page) == "2 batches queued for ctf"
    waiting = project.store.rows("select image, steps from batch where state = 'waiting'")
    assert [tuple(one) for one in waiting] == [(2, "ctf"), (3, "ctf")]


def test_a_new_group_is_made_and_the_chosen_are_moved_there(page, project):
    page.get_by_role("button", name="New group").click()
    page.get_by_label("Name", exact=False).last.fill("keep")
    page.keyboard.press("Enter")
    page.locator("[data-group='keep']").wait_for()
    cell(page, 4, "name").click()
    cell(page, 6, "name").click(modifiers=["Control"])
    begin = cell(page, 6, "name").bounding_box()
    target = page.locator("[data-group='keep']").bounding_box()
    page.mouse.move(begin["x"] + 30, begin["y"] + 10)
    page.mouse.down()
    page.mouse.move(target["x"] + 30, target["y"] + 10, steps=5)
    page.mouse.up()
    until(page, "document.querySelector('[data-group=keep] b').textContent === '2'")
    assert (project.root / "keep" / "0000000004").is_dir()
    assert cell(page, 6, "group").inner_text() == "keep"
    page.locator("[data-entry='keep']").click()
    until(page, "!document.querySelector(\".ag-header-cell[col-id='group']\")")  # all are of one
    page.locator("[data-entry='']").click()
    cell(page, 6, "group").wait_for()
    page.keyboard.press("m")
    page.get_by_role("menuitem", name="g1", exact=True).click()
    until(page, "document.querySelector('[data-group=keep] b').textContent === '0'")


def test_what_others_have_moved_meanwhile_is_told_and_shown(page, project):
    cell(page, 8, "name").click()
    project.trash([8])
    until(page, f"!{PART}.choice.shownIds().includes(8)")
    assert chosen(page) == [9], "the row that took its place, as if it was done here"
    assert row(page, 9).get_attribute("class").split().count("fnb-current") == 1
    project.restore([8])
    until(page, f"{PART}.choice.shownIds().includes(8)")


def test_a_comment_is_written_in_a_dialog(page, project):
    cell(page, 3, "name").click()
    page.keyboard.press("c")
    page.get_by_label("Comment", exact=False).last.fill("empty hole & <b>")
    page.keyboard.press("Enter")
    eventually(lambda: document_of(project, 3)["values"].get("comment") == "empty hole & <b>")
    assert page.evaluate("document.activeElement.className") == "fnb-grid"


def test_different_comments_are_overwritten_only_knowingly(page, project):
    project.set([11], comment="first")
    project.set([12], comment="second")
    until(page, f"{PART}.store.text('comment', {PART}.store.index.get(12)) === 'second'")
    hidden = "one.kind === 'thumb' || one.word === 'comment'"
    page.evaluate(
        f"(() => {{ const t = {PART}; t.setColumns(t.specs.filter((one) => !({hidden}))); }})()"
    )
    cell(page, 11, "name").click()
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Comment on 1 image")
    assert dialog.locator("textarea").input_value() == "first"
    page.keyboard.press("Escape")
    cell(page, 12, "name").click(modifiers=["Control"])
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Comment on 2 images")
    assert "different comments: “first”, “second”" in dialog.inner_text()
    dialog.get_by_role("button", name="Keep").click()
    dialog.get_by_text("Tick that this comment may take the place").wait_for()
    assert document_of(project, 11)["values"]["comment"] == "first"
    dialog.get_by_label("in their place").check()
    dialog.locator("textarea").fill("both")
    dialog.get_by_role("button", name="Keep").click()
    eventually(lambda: document_of(project, 12)["values"].get("comment") == "both")
    assert document_of(project, 11)["values"]["comment"] == "both"


def test_an_action_on_images_that_are_hidden_says_so(page, project):
    cell(page, 2, "name").click()
    cell(page, 3, "name").click(modifiers=["Control"])
    page.locator(".ag-header-cell[col-id='name'] .fnb-filter").fill("movie_00001")
    until(page, f"{PART}.api.getDisplayedRowCount() === 1")
    assert "2 chosen (1 not shown)" in page.locator(".fnb-counts").inner_text()
    page.locator(".fnb-grid").focus()
    page.keyboard.press("b")
    page.get_by_text("2 images flagged blue; 1 of the chosen was not shown").wait_for()
    page.keyboard.press("Control+z")
    page.get_by_text("undone: flag blue for 2 images").wait_for()


MANY = f"""(() => {{ const t = {PART};
  t.choice.choose(Array.from({{ length: 6000 }}, (_, k) => k + 1), {{ silent: true }});
  return t.hiddenChosen(); }})()"""
EARLY = f"""(() => {{ const t = {PART}, {{ api }} = t;
  const row = {{ rows: [{{ word: "id", as: "i4" }}], gone: [], whole: false }};
  t.api = undefined;
  try {{
    t.wire.receive(row, [new Int32Array(1)]);
    t.wire.receive({{ chosen: 1, by: "", expression: "" }}, [new Int32Array(1)]);
    t.wire.receive({{ current: 1, by: "" }}, []);
  }} finally {{ t.api = api; }}
  return t.store.index.has(0); }})()"""


def test_thousands_of_chosen_rows_that_are_hidden_are_counted(page):
    assert page.evaluate(MANY) == 6000 - len(order(page, 0))


def test_a_page_ignores_what_another_one_is_told_before_its_own_beginning(page):
    assert page.evaluate(EARLY) is False


def test_notes_are_a_badge(page, project):
    project.change(9, lambda document: document.update(notes=["no <b>dose</b>", "no gain"]))
    badge = cell(page, 9, "quality").get_by_text("⚠ 2 notes")
    badge.wait_for()
    assert badge.get_attribute("title") == "no <b>dose</b>\nno gain"


def test_a_list_is_kept_and_chosen_again(page, project):
    cell(page, 5, "name").click()
    cell(page, 7, "name").click(modifiers=["Control"])
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Lists of images").click()
    page.get_by_label("Name of the list").fill("best of day 1")
    page.get_by_role("button", name="Keep the chosen 2").click()
    entry = page.locator(".fnb-lists").get_by_role("button", name="best of day 1 2")
    entry.wait_for()
    page.evaluate(f"{PART}.choice.none()")
    entry.click()
    until(page, f"{PART}.choice.set.size === 2")
    assert chosen(page) == [5, 7]
    assert project.workspace.get("selections") == {"best of day 1": [5, 7]}


def test_the_view_is_saved_as_csv(page):
    page.locator(".ag-header-cell[col-id='name'] .fnb-filter").fill("movie_0000")
    until(page, f"{PART}.api.getDisplayedRowCount() === 10")
    page.get_by_role("button", name="More").click()
    with page.expect_download() as found:
        page.get_by_role("menuitem", name="CSV").click()
    text = found.value.path().read_text(encoding="utf-8")
    head, first = text.splitlines()[:2]
    assert head.startswith("Image,Flag,Name,Group,Quality,Defocus [µm]")
    assert first.startswith("g1/0000000001,none,movie_00000.tif,g1,good,")
    assert len(text.splitlines()) == 11


def test_columns_are_moved_chosen_and_found_again_after_a_reload(browser, url, project):
    page = opened(browser, url, width=WIDE)
    ready(page)
    head = page.locator(".ag-header-cell[col-id='iciness'] .fnb-head-title").bounding_box()
    name = page.locator(".ag-header-cell[col-id='name']").bounding_box()
    page.mouse.move(head["x"] + 15, head["y"] + 6)
    page.mouse.down()
    page.mouse.move(name["x"] + 40, name["y"] + 10, steps=12)
    page.mouse.move(name["x"] + 20, name["y"] + 10, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Columns…").click()
    page.get_by_label("Search columns").fill("total dose")
    page.locator("[data-column='total_dose']").check()
    page.get_by_role("button", name="Show these").click()
    page.locator(".ag-header-cell[col-id='iciness'] .fnb-head-title").click()
    eventually(lambda: kept_view(project).get("columns", [""])[-1] == "total_dose")
    eventually(lambda: kept_view(project)["sort"] == [["iciness", "asc"]])
    kept = kept_view(project)["columns"]
    assert kept.index("iciness") < kept.index("name")
    until(page, f"{PART}.store.data.has('total_dose')")
    before = order(page)
    check_quiet(page)
    page.close()
    page = opened(browser, url, width=WIDE)
    ready(page)
    columns = page.evaluate(f"{PART}.api.getColumnState().map((c) => c.colId)")
    assert columns == ["tick", *kept]
    assert order(page) == before
    check_quiet(page)
