"""Forms, settings, the new-project wizard and the image page in a real browser, by mouse and keys."""

import tomllib

import pytest
from served import check_quiet, chromium, needs_browser, opened, served

import focusnb as fn

pytestmark = [needs_browser, pytest.mark.browser]

CELLS = (
    """
import focusnb as fn
from focusnb_widgets.desk import Desk
from focusnb_widgets.forms import Form, ImagePage, NewProject, ParameterPanel, SettingsPanel
desk = Desk(fn.open({root!r}), look=0.1)
desk.current = 1
desk.select([1, 2])
form = Form(desk, steps=["motion", "ctf"], title="Form <b>alone</b>")
form
""",
    "ParameterPanel(desk)",
    "SettingsPanel(desk)",
    "wizard = NewProject()\nwizard",
    "ImagePage(desk)",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("forms")


@pytest.fixture(scope="module")
def project(place):
    made = fn.create(place / "a project", mode="single-particle", pixel_size=1.06)
    made.queue.pause()  # what is queued stays there
    for k in range(3):
        made.add_image(f"<script>alert({k})</script>.tif", "g1", values={})
    folder = made.folder(1)
    (folder / "logs").mkdir()
    (folder / "logs" / "ctf.log").write_text("box 512\nwarning: thin ice\nERROR: no rings\n")
    (folder / "average.mrc").write_bytes(b"x" * 2000)

    def change(document):
        document["results"] |= {
            "defocus_u": 15_230.0, "average": "average.mrc", "average_dw": "average_dw.mrc",
        }  # fmt: skip
        document["runs"]["ctf"] = {
            "fingerprint": "f", "settings": "s", "version": "1", "values": {"voltage": 300.0},
            "used": ["voltage"], "products": [], "results": ["defocus_u", "average", "average_dw"],
            "started": "2026-01-02T03:04:05+00:00", "seconds": 2.5, "notes": [],
        }  # fmt: skip

    made.change(1, change)
    return made


@pytest.fixture(scope="module")
def page(place, project):
    """The five parts one below the other."""
    cells = [CELLS[0].format(root=str(project.root)), *CELLS[1:]]
    with served(place, *cells, port=8730) as url, chromium() as browser:
        page = opened(browser, url)
        for part in (
            ".fnb-f-alone",
            ".fnb-parameters",
            ".fnb-settings-page",
            ".fnb-new",
            ".fnb-image-page",
        ):
            page.wait_for_selector(f"{part} [data-word]")
        yield page
        check_quiet(page)


@pytest.fixture(scope="module")
def file(project):
    return lambda: tomllib.loads((project.root / "project.toml").read_text())


@pytest.fixture
def form(page):
    yield page.locator(".fnb-f-alone")
    discard = page.locator(".fnb-f-alone .fnb-f-discard")
    if discard.is_visible():
        discard.click()


def until(page, test, *, patience=20.0):
    """Wait until a test of files or of the project is true."""
    for _ in range(int(patience / 0.05)):
        if test():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not become true")


def seen(locator):
    locator.wait_for()
    return locator


class TestForm:
    def test_a_wrong_value_is_told_beside_its_field_and_nothing_is_written(self, page, form, file):
        before = file()
        form.locator("[data-word=voltage] input").fill("3")
        wrong = seen(form.locator("[data-word=voltage] .fnb-problem"))
        assert wrong.inner_text().startswith("High tension = 3.0: it must be ")
        assert "40 to 1000 kV" in wrong.inner_text()
        assert form.locator("[data-word=voltage] input").get_attribute("aria-invalid") == "true"
        assert form.locator(".fnb-f-apply").is_disabled()
        form.locator("[data-word=voltage] input").press("Enter")
        seen(page.get_by_text("nothing was written: 1 value is wrong"))
        assert file() == before

    def test_what_was_typed_stays_in_the_box_when_it_is_left_and_comes_back(self, page, form):
        box = form.locator("[data-word=patches] input")
        before = box.input_value()
        box.fill("-1")
        page.keyboard.press("Tab")
        seen(form.locator("[data-word=patches] .fnb-problem"))
        assert box.input_value() == "-1"
        box.fill(before)  # the same as before is no change any more
        page.keyboard.press("Tab")
        form.locator("[data-word=patches] .fnb-problem").wait_for(state="hidden")
        form.locator(".fnb-f-bar").wait_for(state="hidden")
        box.fill("")
        page.keyboard.press("Tab")
        until(page, lambda: box.input_value() == before)  # what holds is shown

    def test_right_values_are_written_at_once_and_show_their_origin(self, page, form, file):
        form.locator("[data-word=voltage] input").fill("200")
        form.locator("[data-word=phase_plate] input").click()
        line = form.locator(".fnb-f-line")
        until(page, lambda: line.inner_text() == "project.set(voltage=200.0, phase_plate=True)")
        assert "voltage" not in file()["values"]
        form.locator(".fnb-f-apply").click()
        until(
            page,
            lambda: file()["values"] == {"pixel_size": 1.06, "voltage": 200.0, "phase_plate": True},
        )
        seen(form.locator("[data-word=voltage] .fnb-f-origin", has_text="project"))
        assert not form.locator(".fnb-f-bar").is_visible()
        # the other form of the same project shows it too
        other = page.locator(".fnb-parameters [data-word=voltage]")
        seen(other.locator(".fnb-f-origin", has_text="project"))
        assert other.locator("input").input_value() == "200"

    def test_reset_brings_the_inherited_value_back(self, page, form, file):
        field = form.locator("[data-word=phase_plate]")
        assert field.locator("input").is_checked()
        field.locator(".fnb-f-reset").click()
        until(page, lambda: "phase_plate" not in file()["values"])
        seen(field.locator(".fnb-f-origin", has_text="default"))
        assert not field.locator("input").is_checked()
        assert not field.locator(".fnb-f-reset").is_visible()

    def test_a_lock_closes_the_field_until_it_is_opened(self, page, form, file):
        field = form.locator("[data-word=voltage]")
        field.locator(".fnb-f-lock").click()
        until(page, lambda: file().get("locked") == ["voltage"])
        until(page, field.locator("input").is_disabled)
        form.page.locator(".fnb-forms").first.get_by_role("button", name="Python").click()
        seen(page.get_by_text("project.lock('voltage')", exact=True).first)
        field.locator(".fnb-f-lock").focus()
        page.keyboard.press("Enter")
        until(page, lambda: file().get("locked") == [])
        until(page, field.locator("input").is_enabled)

    def test_advanced_ones_are_folded_and_unfold(self, form):
        field = form.locator("[data-section=ctf] [data-word=defocus_high]")
        assert not field.is_visible()
        form.locator("[data-section=ctf] summary").click()
        assert field.is_visible()
        assert field.locator(".fnb-f-note").inner_text() == "= 10 µm"

    def test_help_unfolds_and_text_is_text(self, form):
        assert form.locator(".fnb-f-heading").inner_text() == "Form <b>alone</b>"
        field = form.locator("[data-word=voltage]")
        field.locator(".fnb-f-ask").click()
        assert "Allowed: 40 to 1000 kV." in field.locator(".fnb-help-text").inner_text()
        field.locator(".fnb-f-ask").click()
        assert not field.locator(".fnb-help-text").is_visible()

    def test_a_file_changed_by_hand_is_shown(self, page, project, form):
        text = (project.root / "project.toml").read_text()
        (project.root / "project.toml").write_text(
            text.replace("[values]", "[values]\npatches = 8")
        )
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # comes back to it
        field = form.locator("[data-word=patches] input")
        until(page, lambda: field.input_value() == "8")
        (project.root / "project.toml").write_text(text + "\n[[[")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        seen(form.locator(".fnb-f-broken", has_text="cannot be read"))
        (project.root / "project.toml").write_text(text)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        form.locator(".fnb-f-broken").wait_for(state="hidden")

    def test_a_path_goes_on_by_itself_and_tells_whether_it_is_there(self, page, form, place):
        panel = page.locator(".fnb-parameters")
        field = panel.locator("[data-word=gain]")
        field.locator("input").fill(str(place / "a pro"))
        option = field.locator("datalist option")
        until(page, lambda: option.count() == 1)
        assert option.get_attribute("value") == f"{place / 'a project'}/"
        seen(field.get_by_text("not found"))
        field.locator("input").fill(str(place / "a project" / "project.toml"))
        seen(field.locator(".fnb-f-note:not(.fnb-f-missing)", has_text="found"))
        panel.locator(".fnb-f-discard").click()
        until(page, lambda: field.locator("input").input_value() == "")

    def test_behind_another_tab_it_rests_and_is_right_when_it_is_seen_again(
        self, page, form, project
    ):
        show = "on => { document.querySelector('.fnb-f-alone').style.display = on ? '' : 'none'; }"
        page.evaluate(show, False)
        project.set(ctf_low=25)
        page.wait_for_timeout(600)
        page.evaluate(show, True)
        until(page, lambda: form.locator("[data-word=ctf_low] input").input_value() == "25")


class TestParameters:
    def test_search_narrows_and_the_scope_decides_where_values_go(self, page, project):
        panel = page.locator(".fnb-parameters")
        panel.locator(".fnb-f-search").fill("patches")
        field = panel.locator("[data-word=patches]")
        until(page, lambda: panel.locator(".fnb-f:visible").count() == 1)
        panel.locator("[data-scope=images]").click()
        seen(panel.get_by_text("Chosen images: 2"))
        until(page, lambda: field.locator(".fnb-f-origin").inner_text() == "default")
        field.locator("input").fill("4")
        line = panel.locator(".fnb-f-line")
        until(page, lambda: line.inner_text() == "project.set([1, 2], patches=4)")
        panel.locator(".fnb-f-apply").click()
        until(page, lambda: [project[i]["patches"] for i in (1, 2, 3)] == [4, 4, 5])

    def test_what_steps_find_out_is_found_too(self, page):
        panel = page.locator(".fnb-parameters")
        panel.locator(".fnb-f-search").fill("drift jitter")
        seen(panel.locator(".fnb-f-made code", has_text="drift_jitter"))
        panel.locator(".fnb-f-search").fill("")

    def test_a_subject_is_chosen_by_keys(self, page):
        panel = page.locator(".fnb-parameters")
        panel.locator("[data-subject=camera]").focus()
        page.keyboard.press("Enter")
        until(page, lambda: panel.locator(".fnb-f-section:visible").count() == 1)
        assert panel.locator("[data-section=camera]").is_visible()
        page.keyboard.press("/")
        assert (
            page.evaluate(
                "document.activeElement.type ?? document.activeElement.shadowRoot?.activeElement.type"
            )
            == "search"
        )


class TestSettings:
    def test_a_camera_is_added_and_used(self, page, project):
        panel = page.locator(".fnb-settings-page")
        panel.locator("[data-kind=camera] .fnb-s-add").click()
        dialog = seen(panel.locator("dialog[open]"))
        dialog.get_by_label("Name", exact=True).fill("K3 <i>105k</i>")
        seen(dialog.locator("[data-word=pixel_size] input")).fill("0")
        seen(dialog.locator("[data-word=pixel_size] .fnb-problem"))
        dialog.get_by_role("button", name="Keep").click()
        seen(dialog.get_by_text("wrong: Pixel size"))
        dialog.locator("[data-word=pixel_size] input").fill("0.83")
        dialog.locator("[data-word=gain_rotation] select").select_option("1")
        dialog.locator("[data-word=gain_corrected] select").select_option("no")
        dialog.get_by_role("button", name="Keep").click()
        card = seen(panel.locator("[data-name='K3 <i>105k</i>']"))
        assert (
            "Pixel size 0.83 Å · Rotate gain 90° · Already gain corrected no" in card.inner_text()
        )
        kept = tomllib.loads(project.user.path.read_text())["camera"]["K3 <i>105k</i>"]
        assert kept == {"pixel_size": 0.83, "gain_rotation": "1", "gain_corrected": False}
        card.get_by_role("button", name="Use").click()
        until(page, lambda: project.settings.values["pixel_size"] == 0.83)
        seen(card.get_by_text("this project's values"))
        card.get_by_role("button", name="Remove").click()
        assert card.is_visible()  # it is asked once more
        card.get_by_role("button", name="Remove").click()
        card.wait_for(state="detached")
        assert "camera" not in tomllib.loads(project.user.path.read_text())

    def test_a_missing_program_says_what_to_set_and_one_that_is_there_starts(self, page, place):
        panel = page.locator(".fnb-settings-page")
        folder = place / "my programs"
        folder.mkdir()
        (folder / "Gctf").write_text("#!/bin/sh\necho 'Gctf version 1.18'\n")
        (folder / "Gctf").chmod(0o755)
        row = panel.locator("[data-program=Gctf]")
        assert "not yet seen running" in row.inner_text()
        row.get_by_role("button").click()
        seen(
            row.get_by_text("✕ Gctf is not on the PATH; set gctf_folder to the folder where it is")
        )
        field = panel.locator("[data-sheet=programs] [data-word=gctf_folder]")
        field.locator("input").fill(str(folder))
        row.get_by_role("button").click()
        seen(row.get_by_text(f"✓ version 1.18 starts: {folder / 'Gctf'}"))
        (folder / "Gctf").write_text(
            "#!/bin/sh\necho 'Gctf: error while loading shared libraries'\nexit 127\n"
        )
        row.get_by_role("button").click()
        seen(row.get_by_text("cannot work: Gctf: error while loading shared libraries"))
        panel.locator("[data-sheet=programs] .fnb-f-discard").click()
        until(page, lambda: field.locator("input").input_value() == "")

    @pytest.mark.needs("relion_run_motioncorr")
    def test_a_real_program_tells_its_version(self, page):
        row = page.locator(".fnb-settings-page [data-program=relion_run_motioncorr]")
        row.get_by_role("button").click()
        seen(row.locator(".fnb-s-good", has_text="version"))


class TestNewProject:
    def test_the_wizard_makes_a_project(self, page, place, project):
        wizard = page.locator(".fnb-new")
        folder = wizard.locator("[data-trait=folder]")
        folder.locator("input").fill(str(project.root))
        seen(folder.get_by_text("is a project already"))
        until(page, wizard.locator(".fnb-n-create").is_disabled)
        new = place / "new ü one"
        folder.locator("input").fill(str(new))
        seen(folder.get_by_text("will be made:"))
        wizard.locator("[data-mode=drift]").click()
        seen(wizard.locator("[data-word=voltage]"))
        until(page, lambda: wizard.locator("[data-word=particle_diameter]").count() == 0)
        wizard.locator("[data-word=voltage] input").fill("2")
        seen(wizard.locator("[data-word=voltage] .fnb-problem"))
        until(page, wizard.locator(".fnb-n-create").is_disabled)
        wizard.locator("[data-word=voltage] input").fill("200")
        wizard.locator("[data-trait=watch] input").fill(str(place / "camera"))
        until(page, wizard.locator(".fnb-n-create").is_enabled)
        wizard.locator(".fnb-n-create").click()
        seen(wizard.get_by_text("new ü one is ready"))
        made = fn.open(new)
        assert (made.mode, made.settings.values) == ("drift", {"voltage": 200.0})
        assert made.settings.table["watch"][0]["folder"] == str(place / "camera")
        code = wizard.locator(".fnb-n-code").inner_text()
        assert f"project = fn.create({str(new)!r}, mode='drift', voltage=200.0)" in code
        wizard.get_by_role("button", name="Make another one").click()
        seen(folder)
        assert not [p.name for p in place.iterdir() if p.name.startswith(".")]  # nothing half made

    def test_without_a_folder_it_says_so(self, page):
        wizard = page.locator(".fnb-new")
        wizard.locator(".fnb-n-create").click()
        seen(wizard.get_by_text("the project has no folder"))


class TestImagePage:
    def test_results_and_products_are_shown_with_what_is_gone(self, page):
        view = page.locator(".fnb-image-page")
        assert view.locator(".fnb-i-name").inner_text() == "<script>alert(0)</script>.tif"
        run = view.locator("[data-step=ctf]")
        assert "1.52 µm" in run.locator("[data-result=defocus_u]").inner_text()
        assert "took 2.5 s" in run.inner_text()
        assert "the file is gone" in run.locator("[data-product=average_dw]").inner_text()
        assert "2.00 kB" in run.locator("[data-product=average]").inner_text()
        run.locator("[data-key='ctf values']").click()
        assert "High tension 300 kV" in " ".join(run.locator(".fnb-i-used").inner_text().split())

    def test_a_log_is_shown_searched_and_its_errors_marked(self, page):
        run = page.locator(".fnb-image-page [data-step=ctf]")
        run.locator("[data-key='ctf log']").click()
        assert seen(run.locator(".fnb-i-error")).inner_text().strip() == "✕ ERROR: no rings"
        run.locator("input[type=search]").fill("box")
        until(page, lambda: run.locator(".fnb-i-lines").inner_text().strip() == "box 512")

    def test_a_step_is_run_again_and_with_another_value(self, page, project):
        view = page.locator(".fnb-image-page")
        view.locator("[data-key='again ctf']").click()
        seen(view.locator(".fnb-i-queue", has_text="waiting: ctf"))
        assert seen(view.locator("[data-step=ctf] .fnb-i-waiting")).inner_text() == "◷ waiting"
        view.locator("[data-key='with ctf']").click()
        dialog = seen(view.locator("dialog[open]"))
        seen(dialog.locator("[data-word=ctf_low] input")).fill("1e9")
        dialog.get_by_role("button", name="Run", exact=True).click()
        seen(dialog.get_by_text("nothing was queued"))
        dialog.locator("[data-word=ctf_low] input").fill("24")
        dialog.get_by_role("button", name="Run", exact=True).click()
        dialog.wait_for(state="hidden")
        rows = project.store.rows("select image, steps, given, force, state from batch order by id")
        # What the page would be told while it runs, and when it has.
        page.evaluate("""() => {
          const view = document.querySelector(".fnb-image-page").page, told = structuredClone(view.page);
          told.batches = [{ steps: "ctf", state: "running" }];
          view.update(told);
        }""")
        assert view.locator("[data-step=ctf] .fnb-i-running").inner_text() == "▶ running"
        page.evaluate("""() => {
          const view = document.querySelector(".fnb-image-page").page, told = structuredClone(view.page);
          told.batches = [];
          told.runs.find((run) => run.step === "ctf").started += 60;
          view.update(told);
        }""")
        assert view.locator("[data-step=ctf] .fnb-i-done").inner_text() == "✓ done just now"
        assert [tuple(row) for row in rows] == [
            (1, "ctf", "{}", 1, "waiting"), (1, "ctf", '{"ctf_low": 24.0}', 1, "waiting"),
        ]  # fmt: skip
        view.get_by_role("button", name="Python").click()
        line = view.locator(".fnb-code-row code")
        assert (
            line.inner_text()
            == "project.process([1], steps=['ctf'], set={'ctf_low': 24.0}, force=True)"
        )

    def test_one_walks_to_the_next_image_and_back(self, page):
        view = page.locator(".fnb-image-page")
        view.get_by_role("button", name="Next image").click()
        until(page, lambda: "alert(1)" in view.locator(".fnb-i-name").inner_text())
        seen(view.get_by_text("No step has run on this image yet."))
        view.get_by_role("button", name="Previous image").click()
        seen(view.locator("[data-step=ctf]"))

    def test_the_folder_moved_away_by_hand_is_told(self, page, project):
        folder = project.folder(1)
        folder.rename(project.root / "away")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        missing = page.locator(".fnb-image-page .fnb-alert", has_text="is not there")
        seen(missing.first)
        gone = page.locator(".fnb-image-page [data-product=average] .fnb-problem")
        assert gone.inner_text() == "✕ the file is gone; put the image's folder back"
        (project.root / "away").rename(folder)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        missing.first.wait_for(state="hidden")


@pytest.mark.parametrize("width", [390, 1024])
def test_nothing_is_wider_than_a_narrow_window(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1440, "height": 1000})
