"""The step extract: stacks and tables as RELION makes them of the same picks."""

import subprocess
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from contracts.steps import UPSTREAM, StepContract, perform, results
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.formats import coordinates, star
from focusnb.kernels.picking import boxes

PIXEL = 2.0
POINTS = [(100.3, 80.7), (200.0, 150.0), (15.0, 100.0), (310.7, 3.2)]
LENS = {
    "defocus_u": 15000.0, "defocus_v": 14000.0, "defocus_angle": 30.0, "phase_shift": 5.0,
    "ctf_resolution": 4.2, "ctf_score": 0.1,
}  # fmt: skip


class TestContract(StepContract):
    name = "extract"

    def needed(self):
        return [*UPSTREAM[:5], "extract"]


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(3)
    y, x = np.indices((256, 320))
    return (rng.normal(30, 5, (256, 320)) + 0.02 * x + 0.05 * y).astype(np.float32)


@pytest.fixture
def extracted(tmp_path, picture):
    """A function: values -> outcome of extracting from an image that has been picked."""
    average = formats.write(tmp_path / "average.mrc", picture, pixel_size=PIXEL)

    def get(points=POINTS, /, **values):
        x, y = np.reshape(points, (-1, 2)).T
        table = tmp_path / "picks.star"
        scores = np.where(np.arange(len(x)) == 2, np.nan, np.arange(len(x)) + 0.5)
        coordinates.write(table, x, y, scores, diameter=150.0, classes=2, angle=33.0)
        given = {
            "average": str(average), "average_pixel_size": PIXEL, "picks": str(table),
            "gain": None, "defects": None, "pixel_size": 1.0, "box_size": 64, **LENS,
        }  # fmt: skip
        return perform(tmp_path / "home", average, ["extract"], **{**given, **values})

    return get


def stack_of(outcome):
    with formats.open(Path(outcome.scratch) / results(outcome)["particle_stack"]) as stack:
        return np.stack(list(stack)), stack.pixel_size


def tables_of(outcome):
    return star.read(Path(outcome.scratch) / results(outcome)["particle_star"])


def test_the_stack_holds_the_boxes_around_the_picks(extracted, picture):
    outcome = extracted(normalise_particles=False)
    assert (outcome.state, outcome.message) == ("done", "")
    stack, pixel_size = stack_of(outcome)
    assert pixel_size == PIXEL
    assert results(outcome)["particles_extracted"] == len(stack) == 4
    assert_allclose(stack, boxes.cut(picture, *np.transpose(POINTS), 64))


def test_the_table_has_place_ctf_and_picture_of_each(extracted):
    tables = tables_of(extracted())
    optics, particles = tables["optics"].iloc[0], tables["particles"]
    assert (optics["rlnImagePixelSize"], optics["rlnImageSize"]) == (PIXEL, 64)
    assert (optics["rlnMicrographOriginalPixelSize"], optics["rlnVoltage"]) == (1.0, 300)
    assert list(particles["rlnImageName"]) == [f"{i:06d}@particles.mrcs" for i in range(1, 5)]
    first = particles.iloc[0]
    assert (first["rlnCoordinateX"], first["rlnCoordinateY"]) == POINTS[0]
    assert (first["rlnDefocusU"], first["rlnDefocusV"], first["rlnPhaseShift"]) == (15000, 14000, 5)
    assert (first["rlnClassNumber"], first["rlnAnglePsi"]) == (2, -33.0)
    assert first["rlnMicrographName"] == "average.mrc"


def test_segments_of_filaments_keep_their_filament(extracted, tmp_path):
    extracted()
    x, y = np.transpose(POINTS)
    helix = {"angle": 33.0, "tubes": [1, 1, 2, 2], "track": [0, 90, 0, 80]}
    file = coordinates.write(tmp_path / "picks.star", x, y, [4, 3, 2, 1], **helix)
    given = {"average": str(tmp_path / "average.mrc"), "average_pixel_size": PIXEL, "box_size": 64}
    given |= {"picks": str(file), "gain": None, "defects": None}
    outcome = perform(tmp_path / "again", tmp_path / "average.mrc", ["extract"], **given)
    particles = tables_of(outcome)["particles"]
    assert particles["rlnHelicalTubeID"].tolist() == [1, 1, 2, 2]
    assert particles["rlnHelicalTrackLengthAngst"].tolist() == [0, 90, 0, 80]
    assert set(particles["rlnAnglePsiPrior"]) == {-33.0}


def test_without_a_ctf_the_table_has_none(extracted):
    tables = tables_of(extracted(defocus_u=None))
    assert "rlnDefocusU" not in tables["particles"]


def test_the_dose_weighted_average_is_what_is_cut(extracted, picture, tmp_path):
    weighted = formats.write(tmp_path / "w.mrc", 2 * picture, pixel_size=PIXEL)
    outcome = extracted(normalise_particles=False, average_dw=str(weighted))
    assert_allclose(stack_of(outcome)[0][0], 2 * boxes.cut(picture, *POINTS[0], 64)[0])
    assert set(tables_of(outcome)["particles"]["rlnMicrographName"]) == {"average_dw.mrc"}


def test_dark_particles_become_bright_and_those_of_negative_stain_stay(extracted):
    dark, bright = stack_of(extracted())[0], stack_of(extracted(pick_bright=True))[0]
    assert_allclose(dark, -bright, atol=1e-6)


def test_boxes_are_down_sampled_on_request(extracted):
    outcome = extracted(scaled_box=32)
    stack, pixel_size = stack_of(outcome)
    assert (stack.shape, pixel_size) == ((4, 32, 32), 2 * PIXEL)
    optics = tables_of(outcome)["optics"].iloc[0]
    assert (optics["rlnImagePixelSize"], optics["rlnImageSize"]) == (2 * PIXEL, 32)


def test_a_box_without_a_value_is_one_and_a_half_diameters(extracted):
    outcome = extracted(box_size=None, particle_diameter=75.0)
    assert stack_of(outcome)[0].shape[1:] == (58, 58)  # 56.25 pixels, rounded up to even


def test_no_picks_are_no_error(extracted):
    outcome = extracted([])
    found = results(outcome)
    assert (outcome.state, found["particles_extracted"]) == ("done", 0)
    assert (found["particle_stack"], found["particle_star"]) == (None, None)
    assert any("there are no picks" in note for note in outcome.runs[0].notes)


def test_boxes_outside_or_without_contrast_are_left_out_and_it_is_said(
    extracted, picture, tmp_path
):
    flat = picture.copy()
    flat[60:140, 160:240] = 7
    average = formats.write(tmp_path / "flat.mrc", flat, pixel_size=PIXEL)
    points = [(200.0, 100.0), (100.0, 80.0), (900.0, 80.0)]
    outcome = extracted(points, average=str(average))
    assert results(outcome)["particles_extracted"] == len(stack_of(outcome)[0]) == 1
    assert outcome.runs[0].notes == (
        "1 pick left out: the box lies wholly outside", "1 pick left out: the box has no contrast",
    )  # fmt: skip
    assert tables_of(outcome)["particles"]["rlnCoordinateX"].tolist() == [100.0]


def test_boxes_with_pixels_that_are_no_numbers_are_told_as_such(extracted, picture, tmp_path):
    holed = picture.copy()
    holed[100, 200] = np.nan
    average = formats.write(tmp_path / "holed.mrc", holed, pixel_size=PIXEL)
    for normalise in (True, False):
        outcome = extracted(
            [(200, 100), (100, 80)], average=str(average), normalise_particles=normalise
        )
        assert results(outcome)["particles_extracted"] == len(stack_of(outcome)[0]) == 1
        assert outcome.runs[0].notes == ("1 pick left out: the box has pixels that are no numbers",)
        assert tables_of(outcome)["particles"]["rlnCoordinateX"].tolist() == [100.0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"box_size": 63}, "box_size = 63 px is odd"),
        ({"box_size": 400}, "larger than the average of 320 × 256"),
        ({"scaled_box": 33}, "scaled_box = 33 px is odd"),
        ({"scaled_box": 128}, "larger than the box of 64 px"),
    ],
)
def test_sizes_that_do_not_fit_are_told(extracted, values, told):
    outcome = extracted(**values)
    assert outcome.state == "failed"
    assert told in outcome.message


@pytest.mark.program
@pytest.mark.needs("relion_preprocess")
def test_second_opinion_relion_makes_the_same_particles_of_the_same_picks(
    extracted, picture, tmp_path
):
    outcome = extracted(background_part=0.75)
    ours, tables = stack_of(outcome)[0], tables_of(outcome)
    optics = "rlnOpticsGroupName rlnOpticsGroup rlnMicrographOriginalPixelSize rlnVoltage"
    optics += " rlnSphericalAberration rlnAmplitudeContrast rlnMicrographPixelSize"
    lens = "rlnDefocusU rlnDefocusV rlnDefocusAngle rlnPhaseShift rlnCtfMaxResolution"
    micrographs = {
        "optics": star.Loop({n: [v] for n, v in zip(optics.split(), OPTICS, strict=True)}),
        "micrographs": star.Loop(
            {
                "rlnMicrographName": ["average.mrc"], "rlnOpticsGroup": [1],
                "rlnCtfFigureOfMerit": [0.1],
                **{n: [v] for n, v in zip(lens.split(), LENS.values(), strict=False)},
            }
        ),
    }  # fmt: skip
    star.write(tmp_path / "mics.star", micrographs)
    (tmp_path / "average_picks.star").symlink_to("picks.star")
    command = "relion_preprocess --i mics.star --coord_suffix _picks.star --coord_dir ./"
    command += " --part_dir P/ --part_star P/p.star --extract --extract_size 64"
    command += " --norm --bg_radius 24 --invert_contrast"
    subprocess.run(command.split(), cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert_allclose(ours, mrcfile.read(tmp_path / "P" / "average.mrcs"), atol=1e-4)
    theirs = star.read(tmp_path / "P" / "p.star")
    same = set(theirs["particles"]) - {"rlnImageName", coordinates.DIAMETER}  # which it only keeps
    assert same == set(tables["particles"]) - {"rlnImageName"}
    for label in same:
        assert list(theirs["particles"][label]) == list(tables["particles"][label]), label
    for label in set(theirs["optics"]) - {"rlnOpticsGroupName"}:
        assert list(theirs["optics"][label]) == list(tables["optics"][label]), label


OPTICS = ["opticsGroup1", 1, 1.0, 300, 2.7, 0.07, PIXEL]
