"""The panels made of forms, as Python and messages see them: parameters, settings, new project, image."""

import pytest

import focusnb as fn
from focusnb.batch import dispatch
from focusnb.errors import BadValue, FocusError, UnknownName
from focusnb_widgets.desk import Desk
from focusnb_widgets.forms import ImagePage, NewProject, ParameterPanel, SettingsPanel


@pytest.fixture
def project(tmp_path):
    made = fn.create(tmp_path / "p", mode="single-particle", pixel_size=1.06)
    for k in range(4):
        made.add_image(f"m<{k}>.tif", "g1" if k < 3 else "g2", values={})
    return made


@pytest.fixture(autouse=True)
def _nobody_elses_values(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "configuration"))
    monkeypatch.setattr(dispatch, "start", lambda project: None)  # batches stay in the queue


def heard(part):
    messages = []
    part.send = lambda content, buffers=None: messages.append(content)
    part._on_message(part, {"do": "ready"}, [])
    return messages


def say(part, what, **more):
    part._on_message(part, {"do": what, **more}, [])


def measured(project, image=1):
    """Give an image a run with products and a log."""
    folder = project.folder(image)
    (folder / "average.mrc").write_bytes(b"x" * 2000)
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "ctf.log").write_text("all well\nwarning: thin ice\nERROR: no rings\n")

    def change(document):
        document["results"] |= {
            "average": "average.mrc", "average_dw": "average_dw.mrc", "defocus_u": 15_230.0,
            "ctf_resolution": None, "ctf_score": 0.2,
        }  # fmt: skip
        document["runs"]["ctf"] = {
            "fingerprint": "f", "settings": "s", "version": "0", "values": {"voltage": 300.0},
            "used": ["average", "voltage"], "products": ["average", "average_dw"],
            "results": ["average", "average_dw", "ctf_resolution", "defocus_u"],
            "started": "2026-01-02T03:04:05+00:00", "seconds": 2.5, "notes": ["thin ice"],
        }  # fmt: skip

    project.change(image, change)


class TestParameters:
    def test_whose_values_can_be_chosen(self, project):
        desk = Desk(project)
        panel = ParameterPanel(desk)
        messages = heard(panel)
        assert messages[-1]["title"] == "project p"
        panel.scope = "group"
        assert (panel.group, panel.sheets["form"].target.title) == ("g1", "group g1")
        panel.scope = "images"
        assert "No image is chosen" in panel.nobody
        desk.select([2, 3])
        assert (panel.nobody, panel.sheets["form"].target.title) == ("", "2 images")
        panel.sheets["form"].edit("patches", "3")
        assert panel.apply("form") == "1 value set: 2 images"
        assert desk.line == "project.set([2, 3], patches=3)"

    def test_typed_text_stays_when_one_looks_elsewhere(self, project):
        panel = ParameterPanel(project)
        panel.sheets["form"].edit("voltage", "200")
        panel.scope = "group"
        assert panel.values == {}
        (told,) = panel.unwritten
        assert told["text"] == "1 change of the project is not written"
        panel.scope = told["scope"]
        assert panel.values == {"voltage": 200.0}
        assert panel.unwritten == []
        panel.sheets["form"].edit("voltage", "3")
        panel.scope = "images"
        assert panel.unwritten[0]["text"] == "1 change of the project is not written, 1 wrong"

    def test_search_finds_labels_words_and_help(self, project):
        panel = ParameterPanel(project)
        assert panel.search("high tension") == ["voltage"]
        assert "gain_rotation" in panel.search("quarter turns gain")
        assert panel.search("zzz") == []
        assert {one["word"] for one in panel.found_out} >= {"defocus_u", "drift_range"}

    def test_a_script_brings_its_words(self, project):
        panel = ParameterPanel(project)
        heard(panel)
        (project.root / "scripts" / "blur.sh").write_text(
            "#!/bin/sh\n# /// script\n# [tool.focusnb]\n# params = ['blur_width']\n"
            "# [tool.focusnb.param.blur_width]\n# default = 2.0\n# unit = 'Å'\n# ///\n"
        )
        say(panel, "alive")
        assert panel.search("blur_w") == ["blur_width"]

    def test_a_project_without_groups_says_so(self, tmp_path):
        panel = ParameterPanel(fn.create(tmp_path / "empty"), scope="group")
        assert "no group yet" in panel.nobody


class TestSettings:
    def test_presets_are_kept_used_and_removed(self, project):
        panel = SettingsPanel(project)
        panel.keep("camera", "K3", pixel_size=0.5, gain_rotation="90°")
        assert [one["name"] for one in panel.presets["camera"]] == ["K3"]
        assert panel.presets["camera"][0]["values"] == [
            ["Pixel size", "0.5 Å"],
            ["Rotate gain", "90°"],
        ]
        assert not panel.presets["camera"][0]["used"]
        panel.use("camera", "K3")
        assert panel.line == "project.set(pixel_size=0.5, gain_rotation='1')"
        assert project.settings.values["pixel_size"] == 0.5
        assert panel.presets["camera"][0]["used"]
        panel.remove("camera", "K3")
        assert panel.presets["camera"] == []
        assert project.settings.values["pixel_size"] == 0.5

    def test_the_lines_do_the_same_where_only_the_project_is(self, project):
        panel, file = SettingsPanel(project), project.user.path
        for act in (
            lambda: panel.keep("camera", "K3", pixel_size=0.5),
            lambda: panel.keep("camera", "K3", old="K3", pixel_size=0.6),
            lambda: panel.keep("camera", "K 4", old="K3", pixel_size=0.7),
            lambda: panel.remove("camera", "K 4"),
        ):
            before = file.read_text() if file.exists() else None
            act()
            after = file.read_text()
            if before is None:
                file.unlink()
            else:
                file.write_text(before)
            exec(panel.line, {"project": project})
            assert file.read_text() == after

    def test_a_preset_is_edited_by_its_fields(self, project):
        panel = SettingsPanel(project)
        messages = heard(panel)
        say(panel, "open", kind="microscope")
        say(panel, "edit", sheet="preset", word="voltage", value="9")
        say(panel, "keep", name="Krios")
        assert messages[-1]["problem"] == "wrong: High tension; mend it, then keep it"
        say(panel, "edit", sheet="preset", word="voltage", value="200")
        say(panel, "keep", name=" ")
        assert "has no name" in messages[-1]["problem"]
        say(panel, "more", word="patches")
        say(panel, "edit", sheet="preset", word="patches", value="3")
        say(panel, "keep", name="Krios")
        assert panel.known.values("microscope", "Krios") == {"voltage": 200.0, "patches": 3}
        assert (panel.editing, "preset" in panel.sheets) == ({}, False)
        say(panel, "open", kind="microscope", name="Krios")
        say(panel, "edit", sheet="preset", word="patches", value="")
        say(panel, "keep", name="Krios 2")
        assert panel.known.names("microscope") == ["Krios 2"]
        assert panel.known.values("microscope", "Krios 2") == {"voltage": 200.0}

    def test_a_preset_takes_what_the_project_has(self, project):
        panel = SettingsPanel(project)
        heard(panel)
        say(panel, "open", kind="camera")
        say(panel, "from_project")
        assert panel.sheets["preset"].values == {"pixel_size": 1.06}

    def test_programs_are_tested_where_the_field_says(self, project, tmp_path):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "ctffind").write_text("#!/bin/sh\necho Version 4.1.14\n")
        panel = SettingsPanel(project)
        (folder / "ctffind").chmod(0o755)
        assert "not on the PATH" in panel.test("ctffind").problem
        assert panel.tests["ctffind"]["state"] == "bad"
        panel.sheets["programs"].edit("ctffind_folder", str(folder))  # typed, not yet written
        assert panel.test("ctffind").version == "4.1.14"
        assert panel.tests["ctffind"]["text"].startswith("version 4.1.14 starts: ")
        with pytest.raises(UnknownName, match="ctffind"):
            panel.test("ctf-find")

    def test_programs_not_yet_seen_running_say_so(self, project):
        told = {one["name"]: one for one in SettingsPanel(project).programs}
        assert told["ctffind"]["unseen"] == ["ctffind4"]
        assert told["relion_run_motioncorr"]["unseen"] == []

    def test_a_broken_file_is_told_and_nothing_is_lost(self, project):
        panel = SettingsPanel(project)
        heard(panel)
        panel.keep("camera", "K3", pixel_size=0.5)
        file = project.user.path
        file.write_text(file.read_text() + "\n[[[")
        say(panel, "alive")
        assert "cannot be read" in panel.broken
        with pytest.raises(FocusError):
            panel.keep("camera", "K2", pixel_size=1.0)
        assert file.read_text().endswith("[[[")


class TestNewProject:
    def test_a_project_is_made_and_told_as_python(self, tmp_path):
        wizard = NewProject(tmp_path / "new one", watch=str(tmp_path))
        wizard.values = {"voltage": 200}
        made = wizard.create()
        assert (made, wizard.created) == (wizard.project, str(tmp_path / "new one"))
        assert made.settings.values == {"voltage": 200.0}
        assert made.settings.table["watch"][0]["folder"] == str(tmp_path)
        root = tmp_path / "new one"
        assert wizard.line.splitlines() == [
            "import focusnb as fn",
            f"project = fn.create({str(root)!r}, mode='single-particle', voltage=200.0)",
            f"project.watch({str(tmp_path)!r})",
        ]

    def test_presets_and_another_project_give_values_with_their_origin(self, project, tmp_path):
        panel = SettingsPanel(project)
        panel.keep("camera", "K3", pixel_size=0.5)
        panel.keep("microscope", "Glacios", voltage=200, spherical_aberration=1)
        project.set(patches=3, spherical_aberration=2)
        wizard = NewProject(camera="K3", microscope="Glacios", other=str(project.root))
        fields = wizard.sheets["form"].told()["fields"]
        assert (fields["pixel_size"]["value"], fields["pixel_size"]["origin"]) == ("0.5", "K3")
        assert (
            fields["spherical_aberration"]["value"],
            fields["spherical_aberration"]["origin"],
        ) == (
            "1",
            "Glacios",
        )
        wizard.folder = str(tmp_path / "new")
        wizard.values = {"voltage": 120}
        lines = wizard.lines
        made = wizard.create()
        assert made.settings.values == {
            "pixel_size": 0.5, "patches": 3, "spherical_aberration": 1.0, "voltage": 120.0,
        }  # fmt: skip
        scope = {}
        exec(lines.replace(str(tmp_path / "new"), str(tmp_path / "again")), scope)
        assert scope["project"].settings.values == made.settings.values

    def test_what_is_wrong_is_told_beside_and_nothing_is_made(self, project, tmp_path):
        wizard = NewProject(project.root)
        messages = heard(wizard)
        assert "project already" in wizard.checks["folder"]["wrong"]
        wizard.folder, wizard.other = str(tmp_path / "new"), str(tmp_path / "nothing")
        assert "is no project" in wizard.checks["other"]["wrong"]
        wizard.other, wizard.camera = "", "no such"
        assert "no camera" in wizard.checks["camera"]["wrong"]
        wizard.camera, wizard.watch = "", str(tmp_path / "new" / "inside")
        assert "inside the project" in wizard.checks["watch"]["wrong"]
        wizard.watch, wizard.mode = "", "x-ray"
        assert "x-ray" in wizard.checks["mode"]["wrong"]
        wizard.mode = "drift"
        say(wizard, "edit", sheet="form", word="voltage", value="1")
        say(wizard, "create")
        assert messages[-1]["problem"].startswith("High tension = 1")
        assert not (tmp_path / "new").exists()
        with pytest.raises(BadValue, match="no folder"):
            NewProject().create()

    def test_the_mode_decides_what_is_asked(self):
        wizard = NewProject()
        assert "particle_diameter" in wizard.sheets["form"].params
        wizard.mode = "drift"
        assert "particle_diameter" not in wizard.sheets["form"].params

    def test_after_one_comes_another(self, tmp_path):
        wizard = NewProject(tmp_path / "a")
        heard(wizard)
        wizard.create()
        with pytest.raises(BadValue, match="already"):
            wizard.create()
        say(wizard, "again")
        wizard.folder = str(tmp_path / "b")
        assert wizard.create().name == "b"


class TestImagePage:
    def test_results_tell_who_made_them_when_and_with_which_values(self, project):
        measured(project)
        facts = ImagePage(project, 1).facts()
        run = facts["runs"][0]
        assert (run["step"], run["version"], run["seconds"], run["stale"]) == (
            "ctf",
            "0",
            2.5,
            True,
        )
        assert run["newer"]
        assert run["values"] == [["High tension", "voltage", "300 kV"]]
        by_word = {one["word"]: one for one in run["results"]}
        assert (by_word["defocus_u"]["value"], by_word["defocus_u"]["unit"]) == ("1.52", "µm")
        assert by_word["ctf_resolution"]["missing"]
        assert (by_word["average"]["there"], by_word["average"]["view"]) == (True, True)
        assert not by_word["average_dw"]["there"]
        assert [one["word"] for one in facts["others"]] == ["ctf_score"]

    def test_it_follows_the_desk_and_asks_for_the_viewer(self, project):
        desk = Desk(project)
        page = ImagePage(desk)
        messages = heard(page)
        assert "No image is chosen" in messages[0]["page"]["nobody"]
        desk.current = 2
        assert next(m for m in messages if m.get("page", {}).get("head"))["page"]["head"]["id"] == 2
        desk.wants = {"page": 3}
        assert page.image == 3
        say(page, "view", word="average")
        assert desk.wants == {"view": 3, "word": "average"}

    def test_one_walks_through_the_images_and_past_the_trash(self, project):
        project.trash([2])
        desk = Desk(project)
        desk.current = 1
        page = ImagePage(desk)
        messages = heard(page)
        say(page, "walk", by=1)
        assert (page.image, desk.current) == (3, 3)
        say(page, "walk", by=-1)
        say(page, "walk", by=-1)
        assert (page.image, messages[-1]["done"]) == (1, "this is the first image")

    def test_a_step_runs_again_with_other_values_or_as_a_trial(self, project):
        measured(project)
        page = ImagePage(project, 1)
        messages = heard(page)
        say(page, "run", step="ctf")
        assert page.desk.line == "project.process([1], steps=['ctf'], force=True)"
        say(page, "open", step="ctf")
        say(page, "edit", sheet="run", word="ctf_low", value="-2")
        say(page, "run", step="ctf", changed=True)
        assert "nothing was queued" in messages[-1]["problem"]
        say(page, "edit", sheet="run", word="ctf_low", value="25")
        say(page, "run", step="ctf", changed=True, trial=True, name="other low")
        assert "trial 'other low'" in messages[-1]["problem"]
        say(page, "run", step="ctf", changed=True, trial=True, name="low")
        say(page, "open", step="ctf")
        say(page, "edit", sheet="run", word="ctf_low", value="20")
        say(page, "run", step="ctf", changed=True)
        rows = project.store.rows("select given, trial, force, state from batch order by id")
        assert [(r["given"], r["trial"], r["force"], r["state"]) for r in rows] == [
            ("{}", "", 1, "waiting"), ('{"ctf_low": 25.0}', "low", 0, "waiting"),
            ('{"ctf_low": 20.0}', "", 1, "waiting"),
        ]  # fmt: skip
        assert project.document(1)["values"] == {}

    def test_logs_are_given_or_said_to_be_gone(self, project):
        measured(project)
        page = ImagePage(project, 1)
        messages = heard(page)
        say(page, "log", step="ctf")
        assert "no rings" in messages[-1]["text"]
        (project.folder(1) / "logs" / "ctf.log").unlink()
        say(page, "log", step="ctf")
        assert "is gone" in messages[-1]["missing"]
        say(page, "log", step="../../secret")
        assert "no log" in messages[-1]["missing"]

    def test_a_folder_moved_away_and_an_image_that_is_gone_are_told(self, project):
        measured(project)
        page = ImagePage(project, 1)
        messages = heard(page)
        project.folder(1).rename(project.root / "elsewhere")
        say(page, "alive")
        told = [m["page"] for m in messages if "page" in m][-1]
        assert "is not there" in told["head"]["missing"]
        project.store.connection.execute("delete from image where id = 1")
        say(page, "alive")
        assert "no image 0000000001" in [m["page"] for m in messages if "page" in m][-1]["nobody"]
        with pytest.raises(UnknownName):
            page.facts()

    def test_values_of_the_image_are_set_and_flags_are_undone(self, project):
        page = ImagePage(project, 1)
        messages = heard(page)
        say(page, "edit", sheet="image", word="patches", value="3")
        say(page, "apply", sheet="image")
        assert (page.line, project[1].values.origin("patches")) == (
            "project.set([1], patches=3)",
            "image",
        )
        say(page, "flag", flag="red")
        assert project[1].flag == "red"
        say(page, "undo")
        assert project[1].flag == "none"
        assert "voltage" not in page.sheets["image"].params  # it is the project's
        assert messages[-1]["of"] == "undo"
