"""Forms: what fields tell of values, and how changes are written, as Python and messages see it."""

import pytest

import focusnb as fn
from focusnb.errors import BadValue, FocusError, UnknownName
from focusnb.model.param import declare
from focusnb_widgets.forms import Form
from focusnb_widgets.forms.fields import Section, completed, edit_text, note
from focusnb_widgets.forms.sheet import Sheet
from focusnb_widgets.forms.targets import Blank


@pytest.fixture
def project(tmp_path):
    made = fn.create(tmp_path / "p", mode="single-particle", pixel_size=1.06)
    for k in range(4):
        made.add_image(f"m{k}.tif", "g1" if k < 3 else "g2", values={})
    return made


@pytest.fixture(autouse=True)
def _nobody_elses_values(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "configuration"))


def heard(form):
    """What the form sends from now on."""
    messages = []
    form.send = lambda content, buffers=None: messages.append(content)
    form._on_message(form, {"do": "ready"}, [])
    return messages


def field(form, word):
    return form.sheets["form"].told()["fields"][word]


def edit(form, word, value):
    form._on_message(form, {"do": "edit", "sheet": "form", "word": word, "value": value}, [])


def say(form, what, **more):
    form._on_message(form, {"do": what, "sheet": "form", **more}, [])


class TestFields:
    def test_steps_come_in_the_order_they_run_and_each_word_once(self, project):
        form = Form(project, steps=["ctf", "motion", "prepare"])
        assert [s.key for s in form.sheets["form"].sections] == ["prepare", "motion", "ctf"]
        words = [p.name for s in form.sheets["form"].sections for p in s.params]
        assert len(words) == len(set(words))
        assert "voltage" in words

    def test_what_is_hidden_or_found_out_is_left_out(self, project):
        words = Form(project, steps=["motion", "ctf", "prepare"]).sheets["form"].params
        assert not {"movie", "average", "average_pixel_size", "shifts"} & set(words)

    def test_without_steps_it_is_the_projects_workflow(self, project):
        assert [s.key for s in Form(project).sheets["form"].sections][:3] == [
            "prepare",
            "motion",
            "ctf",
        ]

    def test_a_field_tells_its_value_origin_and_what_is_below(self, project):
        project.user.set({"pixel_size": 2.0})
        form = Form(project, words=["pixel_size", "voltage"])
        told = field(form, "pixel_size")
        assert (told["value"], told["origin"], told["own"]) == ("1.06", "project", True)
        assert told["below"] == "2 Å (yours)"
        assert field(form, "voltage")["origin"] == "default"

    def test_lengths_in_micrometres_and_files_are_told_beside(self, project):
        words, base = project.words, [project.root]
        assert note(words["defocus_high"], 15_000.0, base) == {"text": "= 1.5 µm"}
        assert note(words["defocus_low"], 2_000.0, base) == {"text": "= 0.2 µm"}
        assert note(words["gain"], "project.toml", base) == {"text": "found"}
        assert note(words["gain"], "nowhere.mrc", base)["missing"]
        assert note(words["gain"], "x" * 5000, base)["missing"]
        assert note(words["relion_folder"], str(project.root / "project.toml"), base)["missing"]

    def test_paths_go_on_as_people_type_them(self, tmp_path):
        (tmp_path / "gains").mkdir()
        (tmp_path / "gain.mrc").touch()
        (tmp_path / ".hidden").touch()
        assert completed("ga", [tmp_path]) == ["gains/", "gain.mrc"]
        assert completed("", [tmp_path]) == ["gains/", "gain.mrc"]
        assert completed(f"{tmp_path}/g", [], folders=True) == []
        assert completed(f"{tmp_path}/g", [tmp_path], folders=True) == [f"{tmp_path}/gains/"]
        assert completed("nowhere/x", [tmp_path]) == []
        assert completed("a\0b/x", [tmp_path]) == []

    def test_numbers_are_edited_as_people_write_them(self, project):
        voltage = project.words["voltage"]
        assert [edit_text(voltage, v) for v in (300.0, 0.07, None)] == ["300", "0.07", ""]
        assert float(edit_text(voltage, 1 / 3)) == 1 / 3
        assert edit_text(declare("pair", {"type": "float", "size": 2}), [1.0, 2.5]) == "1 2.5"

    def test_unknown_steps_and_words_are_named(self, project):
        with pytest.raises(UnknownName, match="motion"):
            Form(project, steps=["mution"])
        with pytest.raises(UnknownName, match="voltage"):
            Form(project, words=["woltage"])
        with pytest.raises(BadValue, match="name one"):
            Form(project, words=["voltage"], steps=["ctf"])
        with pytest.raises(BadValue, match="name one"):
            Form(project, images=[1], group="g1")


class TestWriting:
    def test_nothing_is_written_while_a_value_is_wrong(self, project):
        form = Form(project, words=["voltage", "patches"])
        messages = heard(form)
        before = (project.root / "project.toml").read_text()
        edit(form, "voltage", "3")
        edit(form, "patches", "7")
        assert messages[-2]["wrong"].startswith("High tension = 3.0: ")
        assert messages[-1]["mistakes"] == 1
        say(form, "apply")
        assert "nothing was written: 1 value is wrong" in messages[-1]["problem"]
        assert (project.root / "project.toml").read_text() == before
        assert form.values == {"patches": 7}
        assert set(form.problems) == {"voltage"}

    def test_all_changes_are_written_at_once_and_are_one_python_line(self, project):
        form = Form(project, words=["voltage", "patches"])
        heard(form)
        edit(form, "voltage", "200")
        edit(form, "patches", "7")
        say(form, "apply")
        assert project.settings.values == {"pixel_size": 1.06, "voltage": 200.0, "patches": 7}
        assert form.desk.line == form.line == "project.set(voltage=200.0, patches=7)"
        assert form.values == {}
        assert field(form, "voltage")["origin"] == "project"

    def test_what_a_value_was_before_is_no_change(self, project):
        form = Form(project, words=["voltage", "pixel_size"])
        heard(form)
        edit(form, "voltage", "200")
        edit(form, "voltage", "300.0")
        edit(form, "pixel_size", " 1.06 ")
        assert form.values == {}

    def test_an_empty_box_takes_the_value_away(self, project):
        form = Form(project, words=["pixel_size", "voltage"])
        heard(form)
        edit(form, "voltage", "")
        edit(form, "pixel_size", "")
        assert form.values == {"pixel_size": None}
        form.apply()
        assert project.settings.values == {}

    def test_reset_brings_back_what_is_inherited(self, project):
        project.user.set({"pixel_size": 2.0})
        form = Form(project, words=["pixel_size"])
        heard(form)
        say(form, "reset", word="pixel_size")
        assert form.line == "project.set(pixel_size=None)"
        assert (field(form, "pixel_size")["value"], field(form, "pixel_size")["origin"]) == (
            "2",
            "yours",
        )

    def test_a_locked_value_is_left_alone_until_it_is_unlocked(self, project):
        form = Form(project, words=["pixel_size"])
        messages = heard(form)
        say(form, "lock", word="pixel_size", on=True)
        assert (form.line, field(form, "pixel_size")["locked"]) == (
            "project.lock('pixel_size')",
            True,
        )
        edit(form, "pixel_size", "3")
        assert form.values == {}
        say(form, "reset", word="pixel_size")
        assert "locked" in messages[-1]["problem"]
        say(form, "lock", word="pixel_size", on=False)
        assert form.line == "project.unlock('pixel_size')"
        assert project.settings.locked == frozenset()

    def test_a_file_changed_by_hand_is_told_with_the_next_sign_of_life(self, project):
        form = Form(project, words=["voltage"])
        messages = heard(form)
        file = project.root / "project.toml"
        file.write_text(file.read_text().replace("[values]", "[values]\nvoltage = 120.0"))
        messages.clear()
        say(form, "alive")
        told = next(m for m in messages if m.get("sheet"))
        assert told["fields"]["voltage"]["value"] == "120"
        messages.clear()
        say(form, "alive")
        assert not [m for m in messages if m.get("sheet")]

    def test_a_broken_file_is_told_and_mended(self, project):
        form = Form(project, words=["voltage"])
        messages = heard(form)
        file = project.root / "project.toml"
        right = file.read_text()
        file.write_text(right + "\n[[[")
        say(form, "alive")
        assert "cannot be read" in messages[-1]["broken"]
        file.write_text(right)
        say(form, "alive")
        assert messages[-1]["broken"] == ""

    def test_a_project_moved_away_is_told_and_nothing_is_written_there(self, project):
        form = Form(project, words=["voltage"])
        messages = heard(form)
        (project.root / "project.toml").rename(project.root / "away.toml")
        say(form, "alive")
        assert "project.toml is not there" in messages[-1]["broken"]

    def test_behind_another_tab_nothing_is_told_until_it_is_seen_again(self, project):
        form = Form(project, words=["voltage"])
        messages = heard(form)
        say(form, "visible", page="a", on=False)
        messages.clear()
        project.set(voltage=200)
        form.desk.look()
        assert messages == []
        say(form, "visible", page="b", on=True)  # another view of the same form
        assert messages[0]["fields"]["voltage"]["value"] == "200"
        say(form, "visible", page="b", ended=True)
        project.set(voltage=120)
        form.desk.look()
        assert len(messages) == 1
        say(form, "visible", page="a", on=True)
        assert messages[1]["fields"]["voltage"]["value"] == "120"

    def test_typed_text_outlives_a_page(self, project):
        form = Form(project, words=["voltage"])
        heard(form)
        edit(form, "voltage", "3")
        told = heard(form)[0]
        assert (told["fields"]["voltage"]["typed"], told["fields"]["voltage"]["wrong"][:12]) == (
            "3",
            "High tension",
        )


class TestPlaces:
    def test_a_group(self, project):
        project.set(group="g1", patches=3)
        form = Form(project, words=["patches", "processors"], group="g1")
        assert (field(form, "patches")["own"], field(form, "patches")["origin"]) == (
            True,
            "group g1",
        )
        assert field(form, "processors")["fixed"]
        form.values = {"patches": 4}
        form.apply()
        assert form.line == "project.set(group='g1', patches=4)"
        assert project.values(group="g1")["patches"] == 4

    def test_images_that_differ_have_several_values(self, project):
        project.set([1], patches=9)
        form = Form(project, words=["patches", "ctf_box"], images=[1, 2])
        assert (field(form, "patches")["several"], field(form, "patches")["value"]) == (True, "")
        assert (field(form, "ctf_box")["several"], field(form, "ctf_box")["value"]) == (
            False,
            "512",
        )
        form.values = {"patches": 4}
        form.apply()
        assert form.line == "project.set([1, 2], patches=4)"
        assert [project[i]["patches"] for i in (1, 2, 3)] == [4, 4, 5]

    def test_what_the_file_itself_told_says_so(self, project):
        def change(document):
            document["values"]["pixel_size"] = 0.5
            document["origins"]["pixel_size"] = "mdoc"

        project.change(1, change)
        told = field(Form(project, words=["pixel_size"], images=[1]), "pixel_size")
        assert (told["origin"], told["from"]) == ("mdoc", "set for this image, as told by the mdoc")

    def test_images_of_groups_that_differ(self, project):
        project.set(group="g2", patches=3)
        form = Form(project, words=["patches"], images=[1, 4])
        assert field(form, "patches")["several"]
        assert not field(Form(project, words=["patches"], images=[4]), "patches")["several"]

    def test_an_image_that_is_gone_is_told(self, project):
        form = Form(project, words=["patches"], images=[2])
        messages = heard(form)
        project.store.connection.execute("delete from image where id = 2")
        say(form, "alive")
        assert "not in the project any more" in messages[-1]["broken"]

    def test_ones_own_values_for_all_projects(self, project, tmp_path):
        form = Form(project, words=["relion_folder", "gain"], user=True)
        form.values = {"relion_folder": "/opt/relion/bin"}
        form.apply()
        assert project.user.values == {"relion_folder": "/opt/relion/bin"}
        assert form.line == "project.user.set({'relion_folder': '/opt/relion/bin'})"
        assert (tmp_path / "configuration" / "parameters.toml").is_file()

    def test_collected_values_are_written_nowhere(self, project):
        form = Form(project, steps=["motion"], collect=True, values={"patches": 3})
        messages = heard(form)
        edit(form, "motion_bfactor", "99")
        assert form.values == {"patches": 3, "motion_bfactor": 99.0}
        assert messages[-1]["line"] == (
            "project.process(steps=['motion'], set={'patches': 3, 'motion_bfactor': 99.0})"
        )
        say(form, "apply")
        assert "nothing is kept here" in messages[-1]["problem"]
        assert project.settings.values == {"pixel_size": 1.06}

    def test_python_sets_values_and_wrong_ones_are_refused(self, project):
        form = Form(project, words=["voltage"], collect=True)
        form.values = {"voltage": 200}
        with pytest.raises(FocusError):
            form.values = {"voltage": 3}
        assert form.values == {"voltage": 200.0}


def test_in_a_preset_a_switch_has_a_third_state(project):
    words = project.words
    sheet = Sheet(
        Blank("a camera"), [Section("s", "S", (words["gain_corrected"], words["pixel_size"]))]
    )
    told = sheet.told()["fields"]["gain_corrected"]
    assert (told["type"], told["value"]) == ("choice", "")
    sheet.edit("gain_corrected", "no")
    sheet.edit("pixel_size", "1.5")
    assert sheet.values == {"gain_corrected": False, "pixel_size": 1.5}
    sheet.edit("gain_corrected", "")
    assert sheet.values == {"pixel_size": 1.5}


def test_a_vector_is_read_from_its_boxes(project):
    pair = declare("pair", {"type": "float", "size": 2, "low": 0.0, "unit": "Å"})
    sheet = Sheet(Blank("x"), [Section("s", "S", (pair,))])
    sheet.edit("pair", "1 2.5")
    assert sheet.values == {"pair": [1.0, 2.5]}
    assert "Pair" in sheet.edit("pair", "1")["wrong"]
    assert "component 1" in sheet.edit("pair", "1 -2")["wrong"]
