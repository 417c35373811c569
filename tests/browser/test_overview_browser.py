"""The overview in a real browser: walking by keys, large, blinking, and what is told without a picture."""

import os

import pytest
from browser.served import check_quiet, chromium, needs_browser, opened, served

import focusnb as fn
from widgets import overview_made

pytestmark = [pytest.mark.browser, needs_browser]

PAGE = """
import focusnb as fn
from ipywidgets import Button, Label
from focusnb_widgets.desk import Desk
from focusnb_widgets.overview import Overview
desk = Desk(fn.open({root!r}))
desk.current = 1
told = Label("nothing")
desk.observe(lambda change: setattr(told, "value", f"wants {{desk.wants}}"), "wants")
overview = Overview(desk)
button = Button(description="image 2")
button.on_click(lambda _: setattr(desk, "current", 2))
gone = Button(description="image 99")
gone.on_click(lambda _: setattr(desk, "current", 99))
display(overview, told, button, gone)
"""
DRIFT = """
other = Overview(fn.open({root!r}))
other
"""
# The pixels of the pictures that are shown, as text that can be compared.
PIXELS = """(root) => [...root.querySelectorAll('.fnb-ov-view')].map((figure) => {
  const image = figure.querySelector('img');
  if (!image) return null;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [8, 8];
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0, 8, 8, 0, 0, 8, 8);
  return [...pen.getImageData(0, 0, 8, 8).data].join(' ');
})"""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    root = tmp_path_factory.mktemp("overview")
    os.environ["FOCUSNB_CONFIG"] = str(root / "config")
    project = fn.create(root / "session", mode="single-particle", pixel_size=1.0, voltage=300)
    states = overview_made.states(project)
    overview_made.product(project, states["good"])
    drift = fn.create(root / "drift", mode="drift", pixel_size=1.0)
    overview_made.measured(drift, "only.tif")
    cells = [PAGE.format(root=str(project.root)), DRIFT.format(root=str(drift.root))]
    with served(root, *cells, port=8752) as url, chromium() as browser:
        page = opened(browser, url)
        page.wait_for_function(
            "[...document.querySelectorAll('.fnb-ov')].filter((r) => r.dataset.image === '1').length === 2"
        )
        page.over, page.other = page.locator(".fnb-ov").nth(0), page.locator(".fnb-ov").nth(1)
        page.browser_, page.url_ = browser, url
        yield page, project, states
    del os.environ["FOCUSNB_CONFIG"]


@pytest.fixture
def page(session):
    """The page, at the first image and its four pictures."""
    found = session[0]
    found.over.focus()
    for key in ("Escape", "Escape", "1", "Home"):
        found.keyboard.press(key)
    at(found, 1)
    found.wait_for_function("document.querySelector('.fnb-ov').dataset.overview === 'Image'")
    return found


@pytest.fixture
def states(session):
    return session[2]


def at(page, image):
    """Wait until an image is shown."""
    page.wait_for_function(
        "(id) => document.querySelector('.fnb-ov').dataset.image === id", arg=str(image)
    )


def go(page, image):
    """Walk to an image by keys."""
    page.keyboard.press("Home")
    at(page, 1)
    for number in range(2, image + 1):
        page.keyboard.press("ArrowRight")
        at(page, number)


def pixels(page):
    return page.over.evaluate(PIXELS)


def texts(page):
    return page.over.locator(".fnb-ov-view").all_inner_texts()


class TestWalking:
    def test_an_arrow_key_shows_the_next_image_with_its_own_four_pictures(self, page, states):
        before = pixels(page)
        page.keyboard.press("ArrowDown")
        at(page, states["next"])
        after = pixels(page)
        assert len(set(before + after)) == 8
        assert page.over.locator("h2.fnb-ov-name").inner_text() == "next.tif"
        page.keyboard.press("ArrowUp")
        at(page, 1)
        assert pixels(page) == before

    def test_home_end_and_the_buttons_walk_too(self, page, states):
        page.keyboard.press("End")
        at(page, max(states.values()))
        assert page.over.locator(".fnb-ov-place").inner_text() == f"{len(states)} of {len(states)}"
        page.over.get_by_role("button", name="The image before").click()
        at(page, max(states.values()) - 1)

    def test_another_part_of_the_desk_moves_it(self, page):
        before = pixels(page)
        page.get_by_role("button", name="image 2").click()
        at(page, 2)
        assert not set(before) & set(pixels(page))

    def test_after_many_steps_at_once_the_pictures_are_those_of_the_last_image(self, page, states):
        page.keyboard.press("ArrowRight")
        at(page, states["next"])
        wanted = pixels(page)
        for key in ["ArrowRight"] * 5 + ["ArrowLeft"] * 6 + ["ArrowRight"]:
            page.keyboard.press(key)
        page.wait_for_function(
            "() => document.querySelector('.fnb-ov h2').textContent === 'next.tif'"
        )
        page.wait_for_timeout(300)
        assert page.over.get_attribute("data-image") == str(states["next"])
        assert pixels(page) == wanted

    def test_pictures_that_the_page_has_dropped_are_fetched_again(self, page, states):
        wanted = pixels(page)
        page.keyboard.press("ArrowRight")
        at(page, states["next"])
        page.evaluate("""() => { const { pictures } = document.querySelector('.fnb-ov').overview;
            for (const key of [...pictures.found.keys()]) if (key.startsWith('1/')) pictures.drop(key); }""")
        page.keyboard.press("ArrowLeft")
        at(page, 1)
        page.wait_for_function(
            "document.querySelectorAll('.fnb-ov')[0].querySelectorAll('img').length === 4"
        )
        assert pixels(page) == wanted


class TestOverviews:
    def test_keys_and_tabs_change_the_overview(self, page):
        page.keyboard.press("3")
        page.wait_for_function("document.querySelector('.fnb-ov').dataset.overview === 'Particles'")
        assert texts(page)[0].startswith("Particles, background subtracted")
        page.over.get_by_role("tab", name="Drift").click()
        page.wait_for_function("document.querySelector('.fnb-ov').dataset.overview === 'Drift'")
        assert [t.split("\n")[0] for t in texts(page)] == [
            "After alignment", "FFT after alignment", "Drift", "Thon-ring fit",
        ]  # fmt: skip
        assert page.over.get_by_role("tab", name="Drift").get_attribute("aria-selected") == "true"

    def test_drift_correction_only_has_no_particles(self, page):
        assert page.other.get_by_role("tab").all_inner_texts() == ["Image", "Drift"]

    def test_the_alt_text_tells_the_numbers(self, page):
        page.keyboard.press("2")
        thon = page.over.get_by_role("img", name="measured rings beside the fitted ones")
        thon.wait_for()
        assert "CTF resolution" in thon.get_attribute("alt")


class TestLarge:
    def test_a_click_makes_a_picture_large_and_another_click_small_again(self, page):
        picture = page.over.locator('[data-view="after"] button')
        small = picture.bounding_box()["width"]
        picture.click()
        assert picture.bounding_box()["width"] > 1.8 * small
        assert picture.get_attribute("aria-expanded") == "true"
        picture.click()
        assert picture.bounding_box()["width"] == pytest.approx(small)

    def test_it_stays_large_for_the_next_image(self, page, states):
        page.over.locator('[data-view="before"] button').focus()
        page.keyboard.press("m")
        page.keyboard.press("ArrowRight")
        at(page, states["next"])
        assert page.over.locator(".fnb-ov-large").get_attribute("data-view") == "before"

    def test_a_double_click_asks_for_the_viewer_and_changes_nothing_else(self, page):
        page.over.locator('[data-view="after"] button').dblclick()
        page.get_by_text("wants {'view': 1, 'word': 'average'}").wait_for()
        assert page.over.locator(".fnb-ov-large").count() == 0


class TestBlink:
    def test_before_and_after_come_by_turns_in_one_place(self, page):
        before, _, after, _ = pixels(page)
        page.keyboard.press("x")
        seen = set()
        for _ in range(30):
            seen.add(pixels(page)[2])
            if {before, after} <= seen:
                break
            page.wait_for_timeout(100)
        assert seen == {before, after}
        page.keyboard.press("x")
        assert pixels(page)[2] == after


class TestTold:
    def test_a_file_name_is_shown_as_it_is(self, page):
        name = page.over.locator("h2.fnb-ov-name").inner_text()
        assert name == "a b <script>alert(1)</script> é.tif"

    def test_a_failed_image_tells_its_error_large(self, page, states):
        go(page, states["failed"])
        error = page.over.locator(".fnb-ov-error")
        assert "movie.tif ends in frame 12 of 40" in error.inner_text()
        assert error.evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)") >= 18
        assert all("not made: processing has failed" in text for text in texts(page))

    def test_what_is_not_processed_yet_says_so(self, page, states):
        go(page, states["new"])
        assert all("not processed yet" in text for text in texts(page))

    def test_vanished_files_are_named(self, page, states):
        go(page, states["lost"])
        assert "average.png has vanished, and so has average.mrc" in texts(page)[2]

    def test_a_vanished_preview_is_drawn_from_the_average(self, page, states):
        go(page, states["older"])
        page.over.locator('[data-view="after"] img').wait_for()
        page.over.locator('[data-view="after_fft"] img').wait_for()
        assert "before.png has vanished" in texts(page)[0]

    def test_a_truncated_average_is_told(self, page, states):
        go(page, states["cut"])
        page.over.locator('[data-view="after"]').get_by_text("cannot be drawn").wait_for()
        page.keyboard.press("ArrowRight")
        at(page, states["single"])
        assert "single picture: there is no drift" in texts(page)[0]

    def test_a_folder_that_was_moved_away_is_told(self, page, states):
        go(page, states["away"])
        assert (
            "has vanished: it was moved or removed by hand"
            in page.over.locator(".fnb-alert.fnb-ov-told").inner_text()
        )

    def test_an_image_that_is_gone_is_told_and_leaves_no_picture(self, page):
        page.get_by_role("button", name="image 99").click()
        at(page, 99)
        told = page.over.locator(".fnb-ov-told").inner_text()
        assert told == "Image 0000000099 is no longer in this project."
        assert page.over.locator(".fnb-ov-view").count() == 0

    def test_the_keys_are_listed(self, page):
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keys of the overview")
        assert "first, last image" in dialog.inner_text()
        page.keyboard.press("Escape")
        assert not dialog.is_visible()


def test_an_image_that_is_processed_again_gets_its_new_picture(page, session):
    _, project, states = session
    before = pixels(page)
    overview_made.previews(project, states["good"], ("average",), side=72)
    page.wait_for_function(
        "(key) => document.querySelector('[data-view=after]').dataset.key !== key",
        arg=page.over.locator('[data-view="after"]').get_attribute("data-key"),
    )
    after = pixels(page)
    assert (after[2] != before[2], after[0] == before[0]) == (True, True)


def test_on_a_phone_the_pictures_stand_two_by_two(session):
    phone = opened(session[0].browser_, session[0].url_, width=390, height=844)
    phone.locator('.fnb-ov[data-image="1"] .fnb-ov-view').nth(3).wait_for()
    boxes = [
        one.bounding_box() for one in phone.locator(".fnb-ov").first.locator(".fnb-ov-view").all()
    ]
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"] == boxes[3]["y"]
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    check_quiet(phone)
    phone.context.close()


def test_nothing_has_left_the_machine_and_nothing_went_wrong(page):
    check_quiet(page)
