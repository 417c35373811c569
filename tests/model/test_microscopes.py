"""Microscopes and cameras by name in the user's own parameters."""

import pytest

from focusnb.errors import BadProject, BadValue, UnknownName
from focusnb.model.microscopes import USUAL, Presets
from focusnb.model.settings import Settings
from focusnb.model.vocabulary import vocabulary


@pytest.fixture
def presets(tmp_path):
    return Presets(Settings(tmp_path / "parameters.toml", vocabulary), vocabulary())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "parameters.toml"


def test_what_was_kept_is_found_again_by_name(presets, file):
    presets.keep("microscope", "Titan <Krios> 1", {"voltage": "300", "spherical_aberration": 2})
    presets.keep("camera", "K3, 105 000 ×", {"pixel_size": 0.83, "gain_rotation": "90°"})
    again = Presets(Settings(file, vocabulary), vocabulary())
    assert again.names("microscope") == ["Titan <Krios> 1"]
    assert again.values("microscope", "Titan <Krios> 1") == {
        "voltage": 300.0,
        "spherical_aberration": 2.0,
    }
    assert again.values("camera", "K3, 105 000 ×") == {"pixel_size": 0.83, "gain_rotation": "1"}


def test_what_people_wrote_into_the_file_stays(presets, file):
    file.write_text(
        '# mine\n[values]\npatches = 7\n\n[microscope."Old one"]  # in the cellar\nvoltage = 120.0\n'
    )
    presets.keep("microscope", "New one", {"voltage": 200})
    presets.keep(
        "microscope", "Old one", {"voltage": 100, "amplitude_contrast": 0.1}, old="Old one"
    )
    text = file.read_text()
    assert "# mine" in text
    assert "# in the cellar" in text
    assert "patches = 7" in text
    assert presets.values("microscope", "Old one") == {"voltage": 100.0, "amplitude_contrast": 0.1}
    assert presets.names("microscope") == ["Old one", "New one"]


def test_another_name_takes_the_place_of_the_old_one(presets):
    presets.keep("camera", "K2", {"pixel_size": 1.1})
    presets.keep("camera", "K2 summit", {"pixel_size": 1.2}, old="K2")
    assert presets.names("camera") == ["K2 summit"]


def test_the_last_one_leaves_no_empty_table(presets, file):
    presets.keep("camera", "K2", {"pixel_size": 1.1})
    presets.remove("camera", "K2")
    assert presets.names("camera") == []
    assert "camera" not in file.read_text()


def test_files_get_whole_paths_since_presets_are_of_no_project(presets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    presets.keep("camera", "K2", {"gain": "gain.mrc"})
    assert presets.values("camera", "K2") == {"gain": str(tmp_path / "gain.mrc")}


@pytest.mark.parametrize(
    ("kind", "name", "values", "error", "said"),
    [
        ("microscope", " ", {"voltage": 300}, BadValue, "has no name"),
        ("microscope", "a\nb", {"voltage": 300}, BadValue, "one line"),
        ("microscope", "x" * 81, {"voltage": 300}, BadValue, "up to 80 letters"),
        ("microscope", "taken", {"voltage": 300}, BadValue, "already"),
        ("microscope", "Krios", {"voltage": 3}, BadValue, "voltage = 3"),
        ("microscope", "Krios", {"woltage": 300}, UnknownName, "meant 'voltage'"),
        ("microscope", "Krios", {"defocus_u": 300}, BadValue, "found out by a step"),
        ("microscope", "Krios", {"gain": ""}, BadValue, "no value"),
        ("telescope", "Krios", {"voltage": 300}, UnknownName, "microscope, camera"),
    ],
)
def test_what_cannot_be_kept_changes_nothing(presets, file, kind, name, values, error, said):
    presets.keep("microscope", "taken", {"voltage": 200})
    before = file.read_text()
    with pytest.raises(error, match=said):
        presets.keep(kind, name, values)
    assert file.read_text() == before


def test_a_wrong_value_written_by_hand_spoils_only_its_own_preset(presets, file):
    file.write_text("[microscope.A]\nvoltage = 300.0\n[microscope.B]\nvoltage = 3e9\n")
    assert presets.names("microscope") == ["A", "B"]
    assert presets.values("microscope", "A") == {"voltage": 300.0}
    with pytest.raises(BadProject, match=r"voltage.*microscope\.B"):
        presets.values("microscope", "B")
    presets.remove("microscope", "B")
    assert presets.names("microscope") == ["A"]


def test_a_name_nobody_knows_is_told_with_those_there_are(presets):
    presets.keep("camera", "K3", {"pixel_size": 1})
    with pytest.raises(UnknownName, match="K3"):
        presets.values("camera", "K2")
    with pytest.raises(UnknownName, match="K3"):
        presets.remove("camera", "K2")


def test_words_that_are_offered_first_are_words_that_people_set():
    words = vocabulary()
    assert not [w for names in USUAL.values() for w in names if words[w].made]
