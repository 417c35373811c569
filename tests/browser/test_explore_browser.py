"""Histograms, scatter plots and rules in a real browser: brushes, lines that are dragged, switches."""

import re

import pytest
from browser.served import check_quiet, chromium, needs_browser, opened, served
from monitor import made

import focusnb as fn

pytestmark = [pytest.mark.browser, needs_browser]

NOW = 1_790_000_000.0
EXPLORE = "document.querySelector('.fnb-explore').board"
CELLS = (
    """
import focusnb as fn
from focusnb_widgets.desk import Desk
from focusnb_widgets.explore import Explorer, RulesPanel
project = fn.open(ROOT)
desk = Desk(project)
explorer = Explorer(desk)
explorer
""",
    "rules = RulesPanel(desk)\nrules",
    # What other parts would show of the desk.
    """
import ipywidgets
state = ipywidgets.Label()
state.add_class("desk-state")
def show(_=None):
    state.value = f"{len(desk.selected)}|{desk.expression}|{desk.current}|{desk.asked}"
desk.asked = {}
def wanted(change):
    if change["new"]:
        desk.asked = change["new"]
    show()
desk.observe(wanted, "wants")
desk.observe(show, ["selected", "expression", "current"])
show()
pick = ipywidgets.Button(description="choose two")
pick.on_click(lambda _: desk.select([3, 5]))
ipywidgets.VBox([state, pick])
""",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    root = tmp_path_factory.mktemp("explore")
    patch.setenv("FOCUSNB_CONFIG", str(root / "config"))
    project = made.project(root / "a <b>project</b>")
    made.fill(project, 120, now=NOW)
    made.add(project, "<script>alert(1)</script>.tif", NOW + 45, made.results(7) | {"defocus": 1e5})
    yield fn.open(project.root)
    patch.undo()


@pytest.fixture(scope="module")
def url(project, tmp_path_factory):
    cells = (CELLS[0].replace("ROOT", repr(str(project.root))), *CELLS[1:])
    with served(tmp_path_factory.mktemp("page"), *cells, port=8720) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened_page(browser, url):
    page = opened(browser, url, width=1300, height=1000)
    page.wait_for_function("document.querySelectorAll('.fnb-plot[data-ready]').length >= 5")
    page.wait_for_selector(".fnb-rule")
    return page


@pytest.fixture
def page(opened_page):
    """The page, with nothing chosen."""
    clear = opened_page.get_by_role("button", name="None", exact=True)
    if clear.is_visible():
        clear.click()
        opened_page.wait_for_function(f"{EXPLORE}.selected.size === 0")
    yield opened_page
    check_quiet(opened_page)


def code_of(page, part):
    """The Python line of a part, which is opened if it is not."""
    line = page.locator(f"{part} .fnb-code-line")
    if line.is_hidden():
        page.locator(part).get_by_role("button", name="Python").click()
    return line.inner_text()


def plot(page, number):
    return page.locator(".fnb-plot").nth(number)


def inside(page, number, x, y):
    """A place in a plot, as parts of its frame: 0, 0 is the lower left."""
    card = plot(page, number).locator(".fnb-plot-body")
    card.scroll_into_view_if_needed()
    box = card.bounding_box()
    frame = page.evaluate(
        f"(n) => {{ const b = {EXPLORE}.plots[n].view.frame.bbox;"
        " return [b.left, b.top, b.width, b.height]; }",
        number,
    )
    return (
        box["x"] + frame[0] + x * frame[2],
        box["y"] + frame[1] + (1 - y) * frame[3],
    )


def drag(page, begin, end):
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def state(page):
    count, expression, current, wants = page.locator(".desk-state").inner_text().split("|")
    return {"count": int(count), "expression": expression, "current": int(current), "wants": wants}


def wait_for_state(page, words):
    page.wait_for_function(
        "(words) => document.querySelector('.desk-state').textContent.includes(words)", arg=words
    )


def kept(page, number, name):
    """How many points or counts a plot draws under a name."""
    return page.evaluate(
        f"([n, name]) => {{ const data = {EXPLORE}.plots[n].find(`${{name}} data`).data;"
        " return data.top ? data.top.reduce((a, b) => a + b, 0) : data.x.length; }",
        [number, name],
    )


def test_a_histogram_that_is_brushed_chooses_in_all_plots(page, project):
    drag(page, inside(page, 0, 0.25, 0.4), inside(page, 0, 0.45, 0.8))
    wait_for_state(page, "ctf_resolution >=")
    told = state(page)
    assert re.fullmatch(
        r"ctf_resolution >= [\d.]+ and ctf_resolution <= [\d.]+", told["expression"]
    )
    assert 0 < told["count"] < 121
    assert told["count"] == len(project.select(told["expression"]))
    page.wait_for_function(f"{EXPLORE}.selected.size === {told['count']}")
    assert kept(page, 0, "chosen") == told["count"]
    assert kept(page, 1, "chosen") > 0
    assert kept(page, 4, "good") + kept(page, 4, "bad") == told["count"]
    assert kept(page, 4, "rest") > 0
    assert code_of(page, ".fnb-explore") == f"project.select({told['expression']!r})"
    page.get_by_role("button", name="None", exact=True).click()
    wait_for_state(page, "0||")
    page.wait_for_function(f"{EXPLORE}.selected.size === 0")
    assert kept(page, 4, "rest") == 0


def test_what_is_chosen_elsewhere_is_shown_in_all_plots(page):
    page.get_by_role("button", name="choose two").click()
    page.wait_for_function(f"{EXPLORE}.selected.size === 2")
    assert kept(page, 1, "chosen") == 2
    assert kept(page, 4, "good") + kept(page, 4, "bad") == 2
    assert "2 chosen" in plot(page, 1).inner_text()
    assert "2 of them chosen" in plot(page, 1).locator("[role=img]").get_attribute("aria-label")


def test_brushing_time_and_narrowing_with_the_alt_key(page):
    drag(page, inside(page, 4, 0.2, 0.05), inside(page, 4, 0.6, 0.95))
    wait_for_state(page, "recorded >= '2026-")
    first = state(page)
    page.keyboard.down("Alt")
    drag(page, inside(page, 0, 0.1, 0.4), inside(page, 0, 0.35, 0.8))
    page.keyboard.up("Alt")
    wait_for_state(page, ") and (ctf_resolution >=")
    assert 0 < state(page)["count"] < first["count"]


def test_a_line_is_dragged_and_tells_what_it_would_reject(page, project):
    line = plot(page, 0).get_by_role("slider", name="CTF resolution at most")
    assert line.get_attribute("aria-valuetext") == "6.00 Å"
    assert "would reject 0 of" in plot(page, 0).inner_text()
    box = line.bounding_box()
    begin = (box["x"] + box["width"] / 2, box["y"] + 60)
    drag(page, begin, inside(page, 0, 0.3, 0.5))
    value = float(line.get_attribute("aria-valuenow"))
    assert value < 5
    rejected = len(project.select(f"ctf_resolution > {value}"))
    assert 0 < rejected < 121
    assert f"would reject {rejected} of " in plot(page, 0).inner_text()
    assert f"would reject {rejected} of " in plot(page, 4).inner_text()  # the same line over time
    page.wait_for_function(
        "/would reject \\d+ of 121/.test(document.querySelector('.fnb-explore-judged').textContent)"
    )
    line.focus()
    page.keyboard.press("ArrowRight")
    assert float(line.get_attribute("aria-valuenow")) > value
    page.keyboard.press("Escape")
    assert line.get_attribute("aria-valuetext") == "6.00 Å"
    assert page.locator(".fnb-explore-judged").is_hidden()


def test_lines_are_used_as_the_limits_of_good(page, project):
    line = plot(page, 0).get_by_role("slider", name="CTF resolution at most")
    line.focus()
    page.keyboard.press("Shift+ArrowLeft")
    value = float(line.get_attribute("aria-valuenow"))
    page.get_by_role("button", name="Use", exact=True).click()
    page.wait_for_selector("text=limits set:")
    assert project.values()["good_ctf_resolution"] == value < 6
    assert code_of(page, ".fnb-explore") == f"project.set(good_ctf_resolution={value!r})"
    assert page.locator(".fnb-explore-judged").is_hidden()
    project.set(good_ctf_resolution=None)
    page.wait_for_function(f"{EXPLORE}.limits.good_ctf_resolution === 6")
    assert line.get_attribute("aria-valuetext") == "6.00 Å"


def test_a_point_is_clicked_and_opened(page, project):
    place = page.evaluate(
        f"""() => {{ const p = {EXPLORE}.plots[4]; const x = p.placeOf("x"); const y = p.placeOf("y");
        const i = p.board.columns.places.get(60);
        return [(p.xs[i] - x.low) / (x.high - x.low), (p.ys[i] - y.low) / (y.high - y.low)]; }}"""
    )
    page.mouse.click(*inside(page, 4, *place))
    page.wait_for_function(f"{EXPLORE}.current > 0")
    near = state(page)["current"]
    assert near > 0
    assert kept(page, 4, "current") == 1
    page.mouse.dblclick(*inside(page, 4, *place))
    wait_for_state(page, f"{{'view': {near}}}")


def test_plots_are_added_changed_removed_and_found_again(page, browser, url):
    plot(page, 3).get_by_role("button", name="Remove this plot").click()
    page.wait_for_function(f"{EXPLORE}.plots.length === 4")
    page.get_by_role("button", name="+ Plot").click()
    page.wait_for_function(f"{EXPLORE}.plots.length === 5")
    plot(page, 4).get_by_label("Parameter").select_option("defocus")
    plot(page, 4).get_by_label("Plotted as").select_option("iciness")
    page.wait_for_function(
        f"{EXPLORE}.plots[4].spec.y === 'iciness' && {EXPLORE}.plots[4].both > 0"
    )
    label = plot(page, 4).get_attribute("aria-label")
    assert label == "Iciness over Defocus (µm)"
    again = opened(browser, url, width=390, height=900, color_scheme="dark")
    again.wait_for_selector(".fnb-plot:nth-child(5)[data-ready]")
    assert again.locator(".fnb-plot").nth(4).get_attribute("aria-label") == label
    assert again.evaluate("document.documentElement.scrollWidth") <= 390
    check_quiet(again)
    again.context.close()
    page.get_by_role("button", name="Start anew").click()
    page.wait_for_function(f"{EXPLORE}.plots[4].spec.x === 'recorded'")


def test_any_parameter_gets_a_line_and_a_rule_of_it(page, project):
    page.get_by_role("button", name="+ Plot").click()
    page.wait_for_function(f"{EXPLORE}.plots.length === 6")
    plot(page, 5).get_by_label("Parameter").select_option("particles")
    page.wait_for_function(f"{EXPLORE}.plots[5].sx.n > 0")
    plot(page, 5).get_by_role("button", name="Line", exact=True).click()
    line = plot(page, 5).get_by_role("slider")
    line.focus()
    page.keyboard.press("Shift+ArrowLeft")
    value = float(line.get_attribute("aria-valuenow"))
    rejected = len(project.select(f"particles > {value} and group != 'TRASH'"))
    assert 0 < rejected < 60
    assert f"would reject {rejected} of " in plot(page, 5).inner_text()
    plot(page, 5).get_by_role("button", name="+ rule >").click()
    page.wait_for_selector(".fnb-rule:nth-child(2)")
    (rule,) = [rule for rule in project.rules if rule.condition.startswith("particles")]
    assert (rule.condition, rule.on) == (f"particles > {value:g}", False)
    project.rules.remove(rule.name)
    page.get_by_role("button", name="Start anew").click()
    page.wait_for_function(f"{EXPLORE}.plots.length === 5")


def test_a_range_is_chosen_by_keys_alone(page, project):
    plot(page, 1).get_by_role("button", name="Range…").press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("1.5")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    wait_for_state(page, "defocus >= 15000 and defocus <= 20000")
    assert state(page)["count"] == len(project.select("defocus >= 15000 and defocus <= 20000"))


def test_new_images_come_in_while_a_selection_stays(page, project):
    page.get_by_role("button", name="choose two").click()
    page.wait_for_function(f"{EXPLORE}.selected.size === 2")
    made.add(project, "late.tif", NOW + 90, made.results(3))
    page.wait_for_function(f"{EXPLORE}.columns.count === 122")
    assert kept(page, 4, "good") + kept(page, 4, "bad") == 2
    project.move([122], "TRASH")
    page.wait_for_function(f"{EXPLORE}.columns.count === 121")


def test_names_from_files_are_text(page):
    at = page.evaluate(
        f"""() => {{ const p = {EXPLORE}.plots[4]; const x = p.placeOf("x"); const y = p.placeOf("y");
        const i = p.board.columns.places.get(121);
        return [(p.xs[i] - x.low) / (x.high - x.low), (p.ys[i] - y.low) / (y.high - y.low)]; }}"""
    )
    page.mouse.move(*inside(page, 4, *at))
    tip = plot(page, 4).locator(".fnb-tip")
    tip.wait_for()
    assert "<script>alert(1)</script>.tif" in tip.inner_text()
    assert "✕ not good" in tip.inner_text()


def test_a_rule_is_made_switched_on_applied_and_undone(page, project):
    page.get_by_label("Add a rule").select_option("own")
    form = page.get_by_role("form", name="Rule")
    form.get_by_label("Name of the rule").fill("far <b>away</b>")
    form.get_by_label("Parameter").select_option("defocus")
    form.get_by_label("Value", exact=True).first.fill("9")
    form.get_by_text("would change 3 of 121 now · defocus > 90000.0").wait_for()
    form.get_by_label("What the rule does").select_option("move:TRASH")
    form.get_by_role("button", name="Add").click()
    rule = page.locator(".fnb-rule[data-name^='far']")
    rule.get_by_text("would change 3 of 121 now").wait_for()
    assert "if Defocus > 9 µm → move to TRASH" in rule.inner_text().replace("\n", " ")
    switch = rule.get_by_role("switch")
    assert switch.get_attribute("aria-checked") == "false"
    switch.focus()
    page.keyboard.press("Space")
    page.wait_for_selector(".fnb-rule[data-name^='far'] [aria-checked=true]")
    page.get_by_role("button", name="Apply all that are on").click()
    rule.get_by_text("has changed 3").wait_for()
    trashed = [image.id for image in project.select("group == 'TRASH' and defocus > 90000")]
    assert len(trashed) == 3
    page.wait_for_function(f"{EXPLORE}.columns.count === 118")
    page.locator(".fnb-rules-story summary").click()
    assert "group TRASH, was g1; Defocus 9.30 µm" in page.locator(".fnb-rules-log").inner_text()
    rule.get_by_role("button", name="Undo").click()
    rule.get_by_text("3 brought back").wait_for()
    assert project.select("group == 'TRASH' and defocus > 90000") == []
    assert code_of(page, ".fnb-rules") == "project.undo_rule('far <b>away</b>')"
    rule.get_by_role("button", name="Remove").click()
    rule.wait_for(state="detached")


def test_a_condition_that_cannot_be_read_is_told_beside_its_field(page, project):
    page.locator(".fnb-rule[data-name='not good']").get_by_role("button", name="Edit…").click()
    form = page.get_by_role("form", name="Rule")
    form.get_by_role("button", name="Text").click()
    form.get_by_label("Condition").fill("icyness > 2")
    form.get_by_text("meant 'iciness'?").wait_for()
    assert form.get_by_label("Condition").get_attribute("aria-invalid") == "true"
    form.get_by_label("Condition").press("Escape")
    assert form.is_hidden()
    assert project.rules["not good"].condition == "good == False"
