"""SerialEM's mdoc files: real ones, and the ways in which versions of SerialEM differ."""

from pathlib import Path

import pytest

from focusnb.errors import BrokenFile
from focusnb.formats import mdoc

DATA = Path(__file__).parent.parent / "data"
SINGLE = DATA / "2023-09-25_14.13.07_Grid9-_template_0035.tif.mdoc"
FRAMES = """T = SerialEM: Digitized by Gatan K2 Summit
Voltage = 300

[FrameSet = 0]
"""


def told(tmp_path, *lines, width=None):
    path = tmp_path / "a.tif.mdoc"
    path.write_text(FRAMES + "\n".join(lines) + "\n")
    return mdoc.facts(path, width)


def test_a_single_particle_movie_tells_all_of_its_exposure():
    facts = mdoc.facts(SINGLE, movie_width=3838)
    assert facts == {
        "voltage": 300.0,
        "pixel_size": 0.82,
        "exposure_dose": 39.2291,
        "dose_per_frame": 0.98073,
        "frame_count": 40,
        "defocus_target": 20000.0,
        "tilt_angle": -0.001,
        "exposure_time": 3.0,
        "magnification": 165000.0,
        "recorded": "2023-09-25T14:13:26",
        "counts_per_electron": 1.0,
        "gain_name": "CountRef_2023-09-25_13.01.28_Grid10-_template_0000.dm4",
        "defects_name": "defects_2023-09-25_13.01.28_Grid10-_template_0000.txt",
        "movie_name": "2023-09-25_14.13.07_Grid9-_template_0035.tif",
        "notes": [],
    }


def test_the_movie_of_a_tilt_series_is_found_by_its_name():
    facts = mdoc.facts(DATA / "TS_41.mrc.mdoc", movie_name="AGRO-1_130_048_-67.0.TIF")
    assert facts["tilt_angle"] == -66.9998
    assert facts["prior_dose"] == 129.755
    assert facts["dose_per_frame"] == 0.1186
    assert "counts_per_electron" not in facts  # that of the sums, not of the frames


def test_without_its_name_only_what_holds_for_all_is_taken():
    facts = mdoc.facts(DATA / "TS_41.mrc.mdoc", movie_name="deleted.tif")
    assert (facts["voltage"], facts["pixel_size"]) == (300, 2.66)
    assert "tilt_angle" not in facts
    assert "none of the 40 sections names deleted.tif" in facts["notes"][0]


def test_a_frame_set_with_tilts_in_it_is_one_movie():
    facts = mdoc.facts(DATA / "frame_set_multiple.mdoc")
    assert facts["frame_count"] == 243
    assert facts["exposure_dose"] == pytest.approx(243 * 0.63882)
    assert "ExposureDose 291.302" in facts["notes"][0]


def test_a_huge_montage_is_read():
    montage = mdoc.read(DATA / "montage_section_multiple.mdoc")
    assert len(montage.sections) == 100
    assert montage.keys["ImageFile"] == "mmm.mrc"
    assert montage.sections[0]["XedgeDxy"] == (4.02203, 56.7269)
    assert montage.notes == []


def test_titles_are_kept_apart_from_keys():
    series = mdoc.read(DATA / "tilt_series.mdoc")
    assert len(series.sections) == 41
    assert series.titles[1] == "Tilt axis angle = 85.3, binning = 4  spot = 8  camera = 2"
    assert "T" not in series.keys


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("25-Sep-23  14:13:26", "2023-09-25T14:13:26"),
        ("25-Sep-2023  14:13:26", "2023-09-25T14:13:26"),
        ("03-May-99 01:02:03", "1999-05-03T01:02:03"),
        ("yesterday", None),
        ("25-Foo-23 14:13:26", None),
    ],
)
def test_both_forms_of_the_date_are_read(text, moment):
    assert mdoc.recorded(text) == moment


@pytest.mark.parametrize(
    ("width", "size"), [(3838, 0.82), (3710, 0.82), (7676, 0.41), (1919, 1.64), (None, 0.82)]
)
def test_pixel_spacing_is_scaled_to_the_width_of_the_movie(tmp_path, width, size):
    facts = told(tmp_path, "PixelSpacing = 0.82", "Binning = 1", width=width)
    assert facts["pixel_size"] == size
    assert bool(facts["notes"]) == (size != 0.82)


def test_a_width_that_fits_no_binning_is_said(tmp_path):
    facts = told(tmp_path, "PixelSpacing = 0.82", "Binning = 1", width=1000)
    assert facts["pixel_size"] == 0.82
    assert "1000 pixels wide does not fit" in facts["notes"][0]


def test_super_resolution_frames_of_a_stack_are_finer_than_its_pictures():
    name = "agro-1_130_048_-67.0.tif"
    facts = mdoc.facts(DATA / "TS_41.mrc.mdoc", movie_width=7676, movie_name=name)
    assert facts["pixel_size"] == 1.33
    assert "PixelSpacing 2.66 Å is that of 3838 columns" in facts["notes"][0]


def test_keys_may_come_in_any_order(tmp_path):
    lines = SINGLE.read_text().splitlines()
    head, section = lines[:4], lines[4:]
    path = tmp_path / "a.mdoc"
    path.write_text("\n".join([*head, *reversed(section)]))
    assert mdoc.facts(path) == mdoc.facts(SINGLE)


def test_unknown_keys_are_kept_and_nonsense_is_noted_not_fatal(tmp_path):
    facts = told(
        tmp_path, "NewThing = a = b", "TiltAngle = flat", "NumSubFrames = many", "ExposureDose = 9"
    )
    assert facts["exposure_dose"] == 9
    assert "tilt_angle" not in facts
    assert len(facts["notes"]) == 2
    section = mdoc.read(tmp_path / "a.tif.mdoc").sections[0]
    assert section["NewThing"] == "a = b"
    assert section["TiltAngle"] == "flat"


def test_the_dose_of_a_frame_follows_from_the_total(tmp_path):
    facts = told(tmp_path, "ExposureDose = 40", "NumSubFrames = 50")
    assert facts["dose_per_frame"] == 0.8


def test_frames_of_different_dose_are_said(tmp_path):
    facts = told(tmp_path, "FrameDosesAndNumber = 1.0 10 2.0 10")
    assert (facts["frame_count"], facts["dose_per_frame"]) == (20, 1.5)
    assert "different doses" in facts["notes"][0]


def test_a_dose_of_zero_is_no_dose(tmp_path):
    facts = told(tmp_path, "ExposureDose = 0", "NumSubFrames = 8")
    assert "exposure_dose" not in facts
    assert "dose_per_frame" not in facts


def test_the_mdoc_beside_a_movie_has_one_of_two_names(tmp_path):
    movie = tmp_path / "a b.tif"
    assert mdoc.find(movie) is None
    (tmp_path / "a b.mdoc").touch()
    assert mdoc.find(movie).name == "a b.mdoc"
    (tmp_path / "a b.tif.mdoc").touch()
    assert mdoc.find(movie).name == "a b.tif.mdoc"


@pytest.mark.parametrize("content", [b"", b"Dear colleague", b"\x00\xff\xfe\n"])
def test_what_is_no_mdoc_is_told(tmp_path, content):
    (tmp_path / "a.mdoc").write_bytes(content)
    with pytest.raises(BrokenFile, match="no mdoc file"):
        mdoc.read(tmp_path / "a.mdoc")
