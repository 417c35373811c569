"""The viewer in a real browser: zoom, contrast, polygons, spectra, Thon rings, frames, bad files."""

import os

import numpy as np
import pytest
from browser import viewed
from browser.served import check_quiet, chromium, needs_browser, opened, served

from focusnb.formats import pick_edits
from focusnb.kernels import ctf

pytestmark = [pytest.mark.browser, needs_browser]

V = "document.querySelector('.fnb-viewer')?.viewer"
READY = f"Boolean({V}?.real.filled && {V}.real.flying === null)"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    root = tmp_path_factory.mktemp("viewer")
    os.environ["FOCUSNB_CONFIG"] = str(root / "config")
    yield viewed.project(root / "session")
    del os.environ["FOCUSNB_CONFIG"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files to open, good and bad."""
    return viewed.files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def url(session):
    cell = viewed.CELL.replace("FOLDER", repr(str(session.root)))
    with served(session.root.parent, cell, port=8710) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def wide(browser, url, files):
    page = opened(browser, url)
    page.wait_for_function(READY)
    page.files = files
    return page


@pytest.fixture
def page(wide, session):
    """The page with the first image, as it was opened."""
    yield show(wide, image=1)
    wide.evaluate("document.querySelectorAll('dialog[open]').forEach((d) => d.close())")
    check_quiet(wide)


def show(page, ready=True, **what):
    """Open an image or a file in the page."""
    page.evaluate(
        f"""(what) => {{
          const v = {V};
          v.closeFourier(); v.setTool('move'); v.setShow('thon', false); v.frames.stop();
          v.thonPanel.edited = false; v.real.contrast.invert = false;
          v.before_ = v.info.token; v.wire.ask('open', what);
        }}""",
        what,
    )
    page.wait_for_function(f"{V}.info.token > {V}.before_")
    if ready:
        page.wait_for_function(READY)
    page.evaluate(f"{V}.real.view.marks.focus()")
    return page


def of(page, expression):
    return page.evaluate(f"{V}.{expression}")


def until(page, expression):
    page.wait_for_function(f"Boolean((() => {{ const v = {V}; return {expression}; }})())")


def place(page, x, y, pane="real"):
    """Where a pixel of a pane lies in the window."""
    return page.evaluate(
        f"""([x, y]) => {{ const {{ view }} = {V}.{pane};
          const box = view.marks.getBoundingClientRect(); const [sx, sy] = view.toScreen(x, y);
          return [box.left + sx, box.top + sy]; }}""",
        [x, y],
    )


def drag(page, start, end, button="left"):
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up(button=button)


def grey(page, x, y):
    """The colour that is drawn at a pixel of the picture: red, green, blue."""
    return page.evaluate(
        f"""([x, y]) => {{ const {{ view }} = {V}.real; const [sx, sy] = view.toScreen(x, y);
          view.draw();
          return [...view.grey.getContext('2d').getImageData(
            sx * devicePixelRatio, sy * devicePixelRatio, 1, 1).data].slice(0, 3); }}""",
        [x, y],
    )


# -- looking ----------------------------------------------------------------------------------


def test_names_of_files_are_text(page):
    assert viewed.NAME in page.locator(".fnb-vw-title").inner_text()
    assert page.locator(".fnb-vw-title script, .fnb-vw-title b").count() == 0


def test_wheel_keys_and_drags_move_the_picture(page):
    show(page, what=str(page.files / "wide <b>.mrc"))
    x, y = place(page, 800, 1200)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -700)
    until(page, "v.real.view.zoom > 3 && v.real.flying === null && v.real.view.sources[1]")
    assert np.allclose(place(page, 800, 1200), (x, y), atol=4), "the place stays under the pointer"
    source = page.evaluate(f"(({{step, box}}) => [step, box])({V}.real.view.sources[1])")
    assert source[0] < of(page, "real.view.sources[0].step")
    before = of(page, "real.view.centre")
    drag(page, (x, y), (x - 120, y + 60))
    assert of(page, "real.view.centre")[0] > before[0]
    assert of(page, "real.view.centre")[1] > before[1], "dragged down, what is above is seen"
    page.keyboard.press("0")
    assert of(page, "real.view.zoom") == 1
    page.keyboard.press("+")
    assert of(page, "real.view.zoom") == pytest.approx(1.5)
    page.keyboard.press("1")
    assert of(page, "real.view.scale") == pytest.approx(1)


def test_the_first_row_is_at_the_bottom_and_missing_pixels_are_hatched(page):
    show(page, what=str(page.files / "wide <b>.mrc"))
    hatch = ([92, 112, 134], [122, 142, 164])
    assert grey(page, 4, 1995) in hatch, "the top left corner"
    assert grey(page, 4, 4) not in hatch
    until(page, "v.summary")
    assert "100 of 5" in page.locator(".fnb-vw-warning").inner_text()


def test_contrast_by_keys_drags_slider_and_numbers(page):
    usual = of(page, "real.contrast")
    page.keyboard.press("b")
    brighter = of(page, "real.contrast")
    assert brighter["black"] < usual["black"]
    assert not brighter["automatic"]
    page.keyboard.press("n")
    assert of(page, "real.contrast.black") == pytest.approx(usual["black"])
    x, y = place(page, 320, 300)
    drag(page, (x, y), (x + 100, y), button="right")
    narrow = of(page, "real.contrast")
    assert narrow["white"] - narrow["black"] < 0.9 * (usual["white"] - usual["black"])
    page.keyboard.press("a")
    assert of(page, "real.contrast.black") == pytest.approx(usual["black"])
    before = grey(page, 200, 200)
    page.keyboard.press("i")
    assert grey(page, 200, 200)[0] == pytest.approx(255 - before[0], abs=1)
    page.get_by_label("Black, slider").focus()
    page.keyboard.press("ArrowRight")
    assert not of(page, "real.contrast.automatic")
    assert of(page, "real.contrast.black") > usual["black"]


def test_a_contrast_beyond_the_8_bits_is_asked_for(page):
    high = of(page, "real.finest.high")
    for label, value in (("White", "900"), ("Black", "-500")):
        page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Enter")
    until(page, "v.real.flying === null && v.real.finest.high > 890 && v.real.finest.low < -490")
    assert high < 200


def test_the_read_out_tells_place_and_value(page, session):
    average = session.images[0].read("average")
    page.mouse.move(*place(page, 401, 222))
    value = f"{average[222, 401]:.6g}"
    page.wait_for_function(
        "(v) => document.querySelector('.fnb-vw-readout').textContent.includes(v)", arg=value
    )
    told = page.locator(".fnb-vw-readout").inner_text()
    assert "401, 222 px" in told
    assert "481.2, 266.4 Å" in told


def test_products_neighbours_and_particles(page):
    until(page, "v.picks?.count === 30")
    page.get_by_label("Which picture of the image").select_option("unaligned")
    until(page, "v.info.word === 'unaligned' && v.real.filled")
    page.evaluate(f"{V}.real.view.marks.focus()")
    page.keyboard.press("]")
    until(page, "v.info.image === 2 && v.info.word === 'unaligned'")
    assert "movie_1.tif" in page.locator(".fnb-vw-title").inner_text()
    page.get_by_label("Lowest score that is shown").fill("500")
    assert "of 30 with a score of at least" in page.locator(".fnb-vw-scores").inner_text()


# -- polygons ---------------------------------------------------------------------------------


def test_a_polygon_is_drawn_changed_saved_and_undone(page, session):
    page.keyboard.press("d")
    corners = [(100, 100), (300, 120), (220, 330)]
    for corner in [*corners, corners[0]]:
        page.mouse.click(*place(page, *corner))
    until(page, "v.polygons.list.length === 1 && !v.polygons.draft")
    assert np.allclose(of(page, "polygons.list[0]"), corners, atol=1)
    drag(page, place(page, 220, 330), place(page, 250, 400))
    assert np.allclose(of(page, "polygons.list[0][2]"), (250, 400), atol=1.5)
    page.get_by_role("button", name="Leave out when picking").click()
    page.get_by_text("1 polygon is left out").wait_for()
    kept = pick_edits.read(session.images[0]["pick_edits"])
    assert np.allclose(kept.excluded[0], [*corners[:2], (250, 400)], atol=1.5)
    until(page, "v.info.over.excluded.length === 1")
    page.evaluate(f"{V}.real.view.marks.focus()")
    page.keyboard.press("Control+z")
    until(page, "v.info.over.excluded.length === 0 && v.polygons.list.length === 0")
    assert session.images[0].get("pick_edits") is None


def test_a_polygon_by_keys_alone(page):
    page.evaluate(f"{V}.setTool('polygon')")
    for key in ("Enter", "ArrowRight", "ArrowRight", "Enter", "ArrowUp", "ArrowUp", "Enter"):
        page.evaluate(
            f"(() => {{ {V}.real.view.cursor ??= [200, 200]; }})()".replace("?.viewer", ".viewer")
        )
        page.keyboard.press(key)
    assert of(page, "polygons.draft.length") == 3
    page.keyboard.press("Backspace")
    assert of(page, "polygons.draft.length") == 2
    page.keyboard.press("Escape")
    assert of(page, "polygons.draft") is None
    for key in (
        "Enter",
        "ArrowRight",
        "ArrowRight",
        "Enter",
        "ArrowUp",
        "ArrowUp",
        "Enter",
        "Enter",
    ):
        page.keyboard.press(key)
    assert of(page, "polygons.draft") is None
    assert len(of(page, "polygons.list[0]")) == 3
    page.keyboard.press("Delete")
    assert of(page, "polygons.list") == []


# -- spectra ----------------------------------------------------------------------------------


def test_a_part_is_dragged_and_its_spectrum_shown_beside(page):
    page.keyboard.press("s")
    drag(page, place(page, 100, 500), place(page, 356, 244))
    until(page, "!v.fourier.flying && v.fft.filled && !v.fourier.due")
    left, bottom, right, top = of(page, "fourier.part")
    assert (right - left, top - bottom) == pytest.approx((256, 256), abs=4)
    assert page.locator(".fnb-vw-pane-fft").is_visible()
    assert page.locator(".fnb-vw-pane-real").is_visible()
    grid = of(page, "fft.grid")
    assert grid["frequency"] == pytest.approx(1 / (grid["side"] * viewed.PIXEL))
    drag(page, place(page, 200, 400), place(page, 300, 300))
    until(page, "!v.fourier.flying && !v.fourier.due")
    assert of(page, "fourier.part")[0] == pytest.approx(left + 100, abs=3), "the square is moved"
    page.mouse.move(*place(page, grid["centre"] + 30, grid["centre"], pane="fft"))
    page.wait_for_function(
        "document.querySelector('.fnb-vw-readout').textContent.includes('phase')"
    )
    resolution = f"{grid['side'] * viewed.PIXEL / 30:.2f} Å"
    assert resolution in page.locator(".fnb-vw-readout").inner_text()
    page.evaluate(f"{V}.fft.view.marks.focus()")
    page.keyboard.press("Escape")
    assert not of(page, "fourier.on")


def test_the_whole_picture_logarithm_and_average(page):
    page.keyboard.press("F")
    until(page, "v.fft.filled && !v.fourier.flying")
    assert of(page, "fft.grid.side") == 640
    logarithm = of(page, "fft.finest.high")
    page.keyboard.press("l")
    until(page, f"!v.fourier.flying && v.fft.finest.high > 2 * {logarithm}")
    page.keyboard.press("e")
    until(page, "!v.fourier.flying && v.fft.grid.side !== 640")


def test_zeros_of_the_ctf_are_where_the_library_has_them(page):
    words = {**viewed.TRUTH, "phase_shift": 20.0}
    page.evaluate(f"(words) => {V}.thonPanel.set(words)", words)
    for number in (1, 4, 9):
        sx, sy = np.array(page.evaluate(f"{V}.thonPanel.thon.ring({number})")).T
        values = ctf.transfer(np.hypot(sx, sy), np.arctan2(sy, sx), voltage=300, **words)
        assert np.abs(values).max() < 1e-3


AGREEMENT = f"""(words) => {{
  const v = {V}; const {{ profile }} = v.thonPanel; v.thonPanel.set(words);
  profile.draw();
  const {{ measured, model }} = profile;
  return measured.reduce((sum, value, k) => sum + value * model[k], 0) / measured.length; }}"""


def test_the_curve_agrees_with_the_true_rings_only(page):
    page.evaluate(f"{V}.setFourier({{averaged: true}}); {V}.setShow('thon', true)")
    until(page, "v.fft.filled && !v.fourier.flying && v.show.thon")
    right = page.evaluate(AGREEMENT, viewed.TRUTH)
    wrong = page.evaluate(AGREEMENT, {**viewed.TRUTH, "defocus_angle": -55.0})
    assert right > 0.6
    assert wrong < 0.8 * right
    page.evaluate(f"{V}.setFourier({{averaged: false}})")


def test_thon_rings_are_dragged_set_saved_and_undone(page, session):
    page.keyboard.press("t")
    until(page, "v.fft.filled && !v.fourier.flying && v.show.thon")
    assert page.get_by_label("Defocus, µm", exact=True).input_value() == "1.500"
    handle = f"""(() => {{ const v = {V}; const grid = v.fft.grid; const {{ view }} = v.fft;
      const box = view.marks.getBoundingClientRect(); const at = view.toScreen(grid.centre, grid.centre);
      const s = Math.sqrt(v.thonPanel.thon.zero(3, v.thonPanel.thon.defocus(0.5)));
      const r = (s / grid.frequency) * view.scale;
      return [box.left + at[0] + r * Math.cos(0.5), box.top + at[1] - r * Math.sin(0.5), r]; }})()"""
    x, y, r = page.evaluate(handle)
    drag(page, (x, y), (x + 0.1 * r * np.cos(0.5), y - 0.1 * r * np.sin(0.5)))
    ctf_now = of(page, "thonPanel.ctf")
    assert ctf_now["defocus_u"] == ctf_now["defocus_v"] == pytest.approx(15_000 / 1.21, rel=0.03)
    for label, value in (
        ("Defocus, µm", "1.6"),
        ("Astigmatism, µm", "0.1"),
        ("Azimuth U, °", "35"),
    ):
        page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Enter")
    page.get_by_label("Defocus, slider").focus()
    page.keyboard.press("ArrowRight")
    assert of(page, "thonPanel.ctf.defocus_u") == pytest.approx(16_510, abs=2)
    page.get_by_role("button", name="Save this fit").click()
    until(page, "v.info.over.locked.length > 0")
    image = session.images[0]
    assert image["defocus_u"] == pytest.approx(16_510, abs=2)
    assert image["defocus_angle"] == 35
    assert page.get_by_role("button", name="Save this fit").is_disabled(), "it is locked"
    page.get_by_role("button", name="Python").click()
    assert "project.set('g1/0000000001', defocus=" in page.locator(".fnb-code-line").inner_text()
    page.get_by_role("button", name="Python").click()
    page.evaluate(f"{V}.fft.view.marks.focus()")
    page.keyboard.press("Control+z")
    until(page, "v.info.over.locked.length === 0")
    assert session.images[0]["defocus_u"] == 15_000


def test_a_defocus_beyond_the_slider_is_said_and_not_cut(page):
    page.keyboard.press("t")
    until(page, "v.fft.filled && !v.fourier.flying && v.show.thon")
    field = page.get_by_label("Defocus, µm", exact=True)
    field.fill("20000")
    page.keyboard.press("Enter")
    assert "at most 8 µm" in page.locator(".fnb-vw-thon .fnb-problem:visible").inner_text()
    assert of(page, "thonPanel.ctf.defocus_u") == 15_000
    page.evaluate(f"{V}.thonPanel.renew()")
    assert page.locator(".fnb-vw-thon .fnb-problem:visible").count() == 0


def test_a_fit_that_agrees_clearly_worse_is_asked_for_once_more(page, session):
    page.evaluate(f"{V}.setFourier({{averaged: true}}); {V}.setShow('thon', true)")
    until(page, "v.fft.filled && !v.fourier.flying && v.show.thon")
    page.evaluate(f"(words) => {{ const v = {V}; v.thonPanel.known = words; }}", viewed.TRUTH)
    page.get_by_label("Defocus, µm", exact=True).fill("0.7")
    page.keyboard.press("Enter")
    until(page, "v.thonPanel.scores.stored - v.thonPanel.scores.now > 0.3")
    page.get_by_role("button", name="Save this fit").click()
    page.get_by_role("button", name="Save all the same").wait_for()
    assert "agree worse" in page.locator(".fnb-vw-thon").inner_text()
    assert session.images[0]["defocus_u"] == 15_000
    page.get_by_role("button", name="Reset").click()
    page.evaluate(f"{V}.setFourier({{averaged: false}})")


# -- frames -----------------------------------------------------------------------------------


def test_frames_by_slider_keys_play_and_sums(page):
    show(page, what=str(page.files / "movie.mrcs"))
    until(page, "v.info.frames === 6")
    for key in "...":
        page.keyboard.press(key)
    until(page, "v.info.frame === 3 && !v.frames.waiting")
    page.mouse.move(*place(page, 40, 40))
    page.wait_for_function(
        "/value (2\\.|3\\.)/.test(document.querySelector('.fnb-vw-readout').textContent)"
    )
    page.get_by_label("Frame", exact=True).fill("1")
    until(page, "v.info.frame === 1 && !v.frames.waiting")
    page.get_by_label("Frames added up").fill("3")
    page.keyboard.press("Enter")
    until(page, "v.info.together === 3")
    assert abs(of(page, "real.finest.low") + of(page, "real.finest.high") - 2 * (1 + 2 + 3)) < 0.5
    page.evaluate(f"{V}.real.view.marks.focus()")
    page.keyboard.press(" ")
    until(page, "v.info.frame > 2")
    page.keyboard.press(" ")
    assert not of(page, "frames.playing")


# -- bad files --------------------------------------------------------------------------------


def message(page):
    return page.locator(".fnb-vw-message").inner_text()


def test_bad_files_are_sentences_in_place_of_the_picture(page):
    show(page, ready=False, what=str(page.files / "nan.mrc"))
    page.locator(".fnb-vw-message").wait_for(state="visible")
    assert "holds no finite pixel" in message(page)
    show(page, ready=False, what=str(page.files / "not <i>there</i>.mrc"))
    page.wait_for_function(
        "document.querySelector('.fnb-vw-message').textContent.includes('there')"
    )
    assert "not <i>there</i>.mrc is not there" in message(page)
    show(page, what=str(page.files / "cut.mrc"))
    assert not page.locator(".fnb-vw-message").is_visible()
    until(page, "v.summary?.bad")
    assert "200 of 600 rows are there" in page.locator(".fnb-vw-warning").inner_text()


def test_a_file_that_vanishes_is_told_and_what_was_read_stays(page):
    show(page, what=str(page.files / "gone.mrc"))
    (page.files / "gone.mrc").unlink()
    page.mouse.move(*place(page, 200, 200))
    page.mouse.wheel(0, -900)
    page.evaluate(f"{V}.wire.ask('alive')")
    page.get_by_text("gone.mrc is not there any more").wait_for()
    assert of(page, "real.filled")
    page.get_by_role("button", name="Load again").click()
    page.locator(".fnb-vw-message").wait_for(state="visible")
    assert "is not there: it was moved or deleted" in message(page)


# -- the rest ---------------------------------------------------------------------------------


def test_header_help_and_png(page):
    page.keyboard.press("h")
    page.get_by_role("heading", name="MRC header").wait_for()
    assert "640 600 1" in page.locator(".fnb-vw-header").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert "Fourier transform of the whole picture" in page.locator(".fnb-vw-help").inner_text()
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.keyboard.press("g")
    assert download.value.suggested_filename.endswith("_average.png")
    assert download.value.path().read_bytes()[:4] == b"\x89PNG"


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        """[...document.querySelectorAll('.fnb-viewer :is(button, input, select)')].filter((e) =>
          !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("width", [390, 1024])
def test_narrow_windows_show_all_of_it(browser, url, width):
    page = opened(browser, url, width=width, height=800, color_scheme="dark")
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(f"{V}.real.view.marks.focus()")
    page.keyboard.press("F")
    page.wait_for_function(f"{V}.fft.filled")
    assert page.locator(".fnb-vw-pane-real").is_visible() == (width > 760)
    check_quiet(page)
    page.context.close()
