"""Values: where each comes from, locks at each level, and the files that people edit."""

import os
import threading
from pathlib import Path

import pytest

from focusnb.errors import BadProject, BadValue, UnknownName
from focusnb.model.project import Project
from focusnb.model.settings import Settings, user_file
from focusnb.model.vocabulary import vocabulary


def written(path, text):
    """Write as a person does: later than the program did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


class TestOrigin:
    def test_a_value_nobody_set_is_the_systems(self, project):
        assert (project[1]["voltage"], project[1].values.origin("voltage")) == (300.0, "system")

    def test_each_level_comes_before_the_next(self, project, config):
        seen = []

        def look():
            seen.append((project[1]["exposure_dose"], project[1].values.origin("exposure_dose")))

        written(config / "parameters.toml", "[values]\nexposure_dose = 1.0\n")
        look()
        project.set(exposure_dose=2)
        look()
        project.set(group="g1", exposure_dose=3)
        look()
        project.set("g1/0000000001", exposure_dose=4)
        look()
        assert seen == [(1.0, "user"), (2.0, "project"), (3.0, "group"), (4.0, "image")]
        assert (project[2]["exposure_dose"], project[3]["exposure_dose"]) == (3.0, 2.0)

    def test_removing_a_value_brings_back_the_level_below(self, project):
        project.set(exposure_dose=2)
        project.set(1, exposure_dose=4)
        project.set(1, exposure_dose=None)
        assert project[1].values.origin("exposure_dose") == "project"
        project.set(exposure_dose=None)
        assert project[1]["exposure_dose"] is None

    def test_what_was_set_at_a_level_can_be_asked(self, project):
        project.set(patches=5)
        assert project.values().set_at("project") == {"patches": 5}

    def test_an_unknown_word_has_no_value_and_no_origin(self, project):
        for ask in (project[1].values.__getitem__, project[1].values.origin):
            with pytest.raises(UnknownName, match="meant 'voltage'"):
                ask("voltagee")

    def test_a_word_of_the_project_is_not_set_for_an_image(self, project):
        with pytest.raises(BadValue, match="one value for the whole project"):
            project.set(1, processors=2)


class TestLocks:
    def test_a_locked_value_of_the_project_is_not_changed(self, project):
        project.set(voltage=200)
        project.lock("voltage")
        with pytest.raises(BadValue, match=r"voltage is locked in .*project\.toml; unlock it"):
            project.set(voltage=300)
        project.unlock("voltage")
        project.set(voltage=300)
        assert project.values()["voltage"] == 300

    def test_a_locked_value_of_a_group_is_not_changed(self, project):
        project.lock("voltage", group="g1")
        with pytest.raises(BadValue, match=r"group\.toml"):
            project.set(group="g1", voltage=200)
        project.set(group="g2", voltage=200)
        project.unlock("voltage", group="g1")
        project.set(group="g1", voltage=200)

    def test_a_locked_value_of_an_image_is_not_changed(self, project):
        project.lock("comment", images="g1/1")
        with pytest.raises(BadValue, match="comment of g1/0000000001 is locked"):
            project.set(1, comment="x")
        project.unlock("comment", images=1)
        project.set(1, comment="x")
        assert project[1]["comment"] == "x"

    def test_one_locked_image_keeps_all_from_being_changed(self, project):
        project.lock("comment", images=2)
        with pytest.raises(BadValue):
            project.set([1, 2], comment="x")
        assert project[1]["comment"] == ""

    def test_an_unknown_word_cannot_be_locked(self, project):
        with pytest.raises(UnknownName):
            project.lock("voltagee")


class TestFiles:
    def test_comments_and_order_stay(self, project):
        path = project.root / "project.toml"
        text = 'mode = "drift" # for ever\n\n[values]\n# the old tube\nvoltage = 200.0 # kV\n'
        written(path, text)
        project.set(patches=3)
        project.lock("voltage")
        kept = path.read_text()
        assert all(part in kept for part in ("# for ever", "# the old tube", "# kV", "patches = 3"))
        assert kept.index("# the old tube") < kept.index("voltage = 200.0") < kept.index("patches")
        assert Project.open(project.root).settings.locked == {"voltage"}

    def test_a_change_by_hand_is_seen_at_once(self, project):
        written(project.root / "project.toml", 'mode = "drift"\nvalues.voltage = 120\n')
        assert (project.values()["voltage"], project.mode) == (120.0, "drift")
        written(project.root / "g1" / "group.toml", "[values]\nvoltage = 80\n")
        assert project[1]["voltage"] == 80.0
        (project.root / "g1" / "group.toml").unlink()
        assert project[1]["voltage"] == 120.0

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('mode = "drift"\n[values\n', r"line 2"),
            ('mode = "drift"\n[values]\n# old\nvoltage = "high"\n', r"line 4: voltage = 'high'"),
            ('mode = "drift"\n[values]\nvoltag = 300\n', r"line 3: .*meant 'voltage'"),
            ('mode = "drift"\nvalues = 5\n', r"values is no table"),
            ('mode = "drift"\nlocked = "voltage"\n', r"locked is a list of words"),
            ("mode = 5\n", r"mode 5 is none of drift, single-particle"),
            ('mode = ["drift"]\n', r"mode \['drift'\] is none of"),
            ("", r"mode None is none of"),
        ],
    )
    def test_a_broken_file_is_refused_with_line_and_reason_and_kept(self, project, text, reason):
        path = project.root / "project.toml"
        written(path, text)
        with pytest.raises(BadProject, match=reason) as caught:
            Project.open(project.root).values()
        assert str(path) in str(caught.value)
        if "mode" not in reason:
            with pytest.raises(BadProject):
                project.set(voltage=200)
        assert path.read_text() == text

    def test_bytes_that_are_no_text_are_refused(self, project):
        path = project.root / "project.toml"
        path.write_bytes(b'mode = "drift"\n# \xff\xfe\n')
        with pytest.raises(BadProject, match="cannot be read"):
            project.values()

    def test_a_broken_group_file_stops_only_its_group(self, project):
        written(project.root / "g1" / "group.toml", "[values]\nvoltage = -5\n")
        with pytest.raises(BadProject, match=r"g1/group\.toml, line 2"):
            project[1].values  # noqa: B018
        assert project[3]["voltage"] == 300

    def test_the_users_file_is_where_the_configuration_is(self, config, monkeypatch):
        assert user_file() == config / "parameters.toml"
        monkeypatch.delenv("FOCUSNB_CONFIG")
        assert user_file().name == "parameters.toml"

    def test_a_new_user_file_tells_what_it_is(self, config):
        settings = Settings(user_file(), vocabulary)
        settings.set({"voltage": 200.0})
        assert user_file().read_text().startswith("# Your own values")
        assert settings.values == {"voltage": 200.0}
        assert not list(config.glob(".*"))

    def test_two_who_set_values_at_once_lose_nothing(self, project):
        words = ["voltage", "amplitude_contrast", "patches", "prior_dose", "crop_factor"]

        def work(word):
            Project.open(project.root).set(**{word: 1 if word != "voltage" else 100})

        threads = [threading.Thread(target=work, args=(word,)) for word in words]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(project.values().set_at("project")) == set(words)

    def test_a_file_named_from_where_one_stands_is_found_from_everywhere(
        self, project, tmp_path, monkeypatch
    ):
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "gain.mrc").touch()
        monkeypatch.chdir(tmp_path / "here")
        project.set(gain="gain.mrc")
        project.set(1, defects="gain.mrc")
        monkeypatch.chdir(tmp_path)
        assert project[2]["gain"] == str(tmp_path / "here" / "gain.mrc")
        assert project[1]["defects"] == str(tmp_path / "here" / "gain.mrc")

    def test_a_file_of_the_project_is_named_from_the_project(self, project):
        (project.root / "references").mkdir()
        (project.root / "references" / "x.mrc").touch()
        project.set(gain="references/x.mrc")
        assert project.values()["gain"] == "references/x.mrc"
        assert project[1]["gain"] == str(project.root / "references" / "x.mrc")

    def test_a_file_of_the_project_is_found_when_the_project_is_moved(self, project, tmp_path):
        (project.root / "references").mkdir()
        (project.root / "references" / "x.mrc").touch()
        project.set(gain=str(project.root / "references" / "x.mrc"))
        project.set(1, defects="references/x.mrc")
        moved = Project.open(project.root.rename(tmp_path / "elsewhere"))
        for found in (moved[2]["gain"], moved[1]["defects"]):
            assert Path(found).samefile(moved.root / "references" / "x.mrc")

    def test_a_file_of_an_image_is_named_from_its_folder(self, project):
        (project.folder(1) / "x.mrc").touch()
        project.set(1, gain="x.mrc")
        assert project[1]["gain"] == str(project.folder(1) / "x.mrc")


class TestCreate:
    def test_a_new_project_holds_mode_and_values(self, tmp_path):
        project = Project.create(tmp_path / "p", mode="drift", values={"voltage": "200"})
        assert (project.mode, project.values()["voltage"], len(project)) == ("drift", 200.0, 0)
        assert project.workflow == ["prepare", "motion", "ctf", "measure", "previews"]

    @pytest.mark.parametrize(
        ("mode", "values", "error", "reason"),
        [
            ("tomo", {}, BadValue, "mode 'tomo' is none of"),
            ("drift", {"voltage": "x"}, BadValue, "from the new project"),
            ("drift", {"volts": 1}, UnknownName, "no parameter"),
        ],
    )
    def test_a_wrong_one_leaves_nothing_behind(self, tmp_path, mode, values, error, reason):
        with pytest.raises(error, match=reason):
            Project.create(tmp_path / "p", mode=mode, values=values)
        assert not (tmp_path / "p").exists()

    def test_a_folder_that_holds_something_is_refused(self, tmp_path):
        (tmp_path / "p").mkdir()
        (tmp_path / "p" / "thesis.doc").touch()
        with pytest.raises(BadProject, match="is not empty"):
            Project.create(tmp_path / "p", mode="drift")

    def test_a_project_is_not_made_twice(self, project):
        with pytest.raises(BadProject, match="is a project already"):
            Project.create(project.root, mode="drift")

    def test_a_folder_without_a_project_says_so(self, tmp_path):
        with pytest.raises(BadProject, match="`focusnb new` makes one"):
            Project.open(tmp_path)
