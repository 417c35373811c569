"""The step import_picks: picks of other programs, each in its own way of counting."""

from pathlib import Path

import numpy as np
import pytest
from contracts.steps import StepContract, perform, results
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.formats import coordinates, pick_edits, star

PIXEL, SHAPE = 2.0, (300, 400)
POINTS = [(100.0, 50.0), (380.0, 290.0), (20.5, 200.25)]


class TestContract(StepContract):
    name = "import_picks"

    def needed(self):
        return ["prepare", "motion", "import_picks"]

    @pytest.fixture
    def done(self, done, recorded_movie, tmp_path_factory):
        place = tmp_path_factory.mktemp("picks")
        coordinates.write(place / "movie_autopick.star", *np.transpose(POINTS), [3, 2, 1])

        def get(steps):
            home = tmp_path_factory.mktemp("home")
            return perform(home, recorded_movie, steps, picks_file=str(place)), home

        self.place = place
        return get

    def test_the_same_input_gives_the_same_again(self, done, tmp_path, recorded_movie):
        outcome, _ = done(self.needed())
        again = perform(tmp_path, recorded_movie, self.needed(), picks_file=str(self.place))
        assert again.runs[-1].results == outcome.runs[-1].results


@pytest.fixture
def imported(tmp_path):
    """A function: file, values -> outcome of importing picks for the image `m 1.mrc`."""
    noise = np.random.default_rng(1).normal(30, 5, SHAPE).astype(np.float32)
    average = formats.write(tmp_path / "m 1.mrc", noise, pixel_size=PIXEL)

    def get(file, **values):
        given = {
            "average": str(average), "average_pixel_size": PIXEL, "gain": None, "defects": None,
            "picks_file": str(file),
        }  # fmt: skip
        return perform(tmp_path / "home", average, ["import_picks"], **{**given, **values})

    return get


def found(outcome):
    assert (outcome.state, outcome.message) == ("done", "")
    table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
    return table.sort_values("x", ignore_index=True)


def relion(path, micrograph=None, points=POINTS):
    x, y = np.transpose(points)
    table = {"rlnCoordinateX": x, "rlnCoordinateY": y, "rlnAutopickFigureOfMerit": [3, 2, 1]}
    more = {} if micrograph is None else {"rlnMicrographName": micrograph}
    return star.write(path, {"particles": star.Loop({**table, **more})})


EXPECTED = sorted(POINTS)


class TestFormats:
    def test_relions_coordinates_of_one_micrograph(self, imported, tmp_path):
        table = found(imported(relion(tmp_path / "m 1.star")))
        assert_allclose(table[["x", "y"]], EXPECTED)
        assert table["score"].tolist() == [1, 3, 2]

    def test_of_relions_particles_only_those_of_this_micrograph(self, imported, tmp_path):
        names = ["J/other.mrc", "J/m 1.mrc", "J/m 1_2.mrc"]
        table = found(imported(relion(tmp_path / "particles.star", names)))
        assert_allclose(table[["x", "y"]], [POINTS[1]])

    def test_emans_boxes_are_corners_from_the_bottom(self, imported, tmp_path):
        lines = [f"{x - 32}\t{y - 32}\t64\t64" for x, y in POINTS]
        (tmp_path / "m 1.box").write_text("\n".join(lines) + "\n")
        table = found(imported(tmp_path / "m 1.box"))
        assert_allclose(table[["x", "y"]], EXPECTED)
        assert table["score"].isna().all()

    @pytest.mark.parametrize("kind", ["S60", "U60"])
    def test_cryosparcs_are_parts_of_the_picture_from_the_top(self, imported, tmp_path, kind):
        table = found(imported(cryosparc(tmp_path / "a.cs", kind)))
        upside_down = sorted((x, SHAPE[0] - 1 - y) for x, y in POINTS)
        assert_allclose(table[["x", "y"]], upside_down, atol=1e-3)
        assert table["score"].tolist() == pytest.approx([0.25, 0.75, 0.5])

    def test_cryosparcs_of_mrc_files_count_from_the_bottom_on_request(self, imported, tmp_path):
        outcome = imported(cryosparc(tmp_path / "a.cs"), picks_origin="bottom")
        assert_allclose(found(outcome)[["x", "y"]], EXPECTED, atol=1e-3)

    def test_topaz_table_of_many_micrographs(self, imported, tmp_path):
        rows = [f"m 1\t{x:.0f}\t{y:.0f}\t0.5" for x, y in POINTS[:2]] + ["other\t5\t5\t1"]
        (tmp_path / "a.txt").write_text("\n".join(["image_name\tx_coord\ty_coord\tscore", *rows]))
        assert_allclose(found(imported(tmp_path / "a.txt"))[["x", "y"]], POINTS[:2])

    def test_another_kind_of_file_is_told(self, imported, tmp_path):
        (tmp_path / "a.pdf").touch()
        outcome = imported(tmp_path / "a.pdf")
        assert "picks are read from files that end in .star, .box, .cs" in outcome.message


def cryosparc(path, kind="S60", names="J5/motioncorrected/0123_m 1_patch_aligned.mrc"):
    fields = [
        ("uid", "<u8"), ("location/micrograph_path", kind), ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"), ("location/center_y_frac", "<f4"),
        ("pick_stats/ncc_score", "<f4"),
    ]  # fmt: skip
    table = np.zeros(len(POINTS), fields)
    table["location/micrograph_path"] = names
    table["location/center_x_frac"] = [x / SHAPE[1] for x, _ in POINTS]
    table["location/center_y_frac"] = [y / SHAPE[0] for _, y in POINTS]
    table["pick_stats/ncc_score"] = [0.75, 0.5, 0.25]
    with path.open("wb") as file:
        np.save(file, table)
    return path


class TestOtherPixels:
    def test_picks_made_on_other_pixels_are_scaled(self, imported, tmp_path):
        small = relion(tmp_path / "m 1.star", points=np.array(POINTS) / 4)
        outcome = imported(small, picks_pixel_size=8.0)
        assert_allclose(found(outcome)[["x", "y"]], EXPECTED, atol=1e-3)

    def test_those_outside_are_left_out_and_counted(self, imported, tmp_path):
        outcome = imported(relion(tmp_path / "m 1.star", points=[*POINTS[:2], (500, 20)]))
        assert len(found(outcome)) == 2
        assert outcome.runs[0].notes == (
            "1 pick of 3 outside of the 400 × 300 pixels of the average left out;"
            " if there are many, check picks_pixel_size",
        )

    def test_when_all_are_outside_the_pixel_size_is_suspected(self, imported, tmp_path):
        outcome = imported(relion(tmp_path / "m 1.star", points=np.array(POINTS) + 1000))
        assert outcome.state == "failed"
        assert "all 3 picks lie outside of the 400 × 300 pixels" in outcome.message
        assert "--set picks_pixel_size=" in outcome.message

    def test_no_picks_are_no_error(self, imported, tmp_path):
        coordinates.write(tmp_path / "m 1.star", [], [])
        outcome = imported(tmp_path / "m 1.star")
        assert len(found(outcome)) == results(outcome)["particles"] == 0


class TestWhoseTheyAre:
    @pytest.mark.parametrize("empty", [False, True])
    def test_a_file_that_neither_tells_nor_is_called_so_is_refused(self, imported, tmp_path, empty):
        file = relion(tmp_path / "m 2_autopick.star")
        if empty:
            coordinates.write(file, [], [])
        outcome = imported(file)
        assert outcome.state == "failed"
        assert "neither its rows nor its name tell that it is of m 1.mrc" in outcome.message
        assert "call it m 1.star" in outcome.message

    def test_a_file_without_picks_is_told_as_such(self, imported, tmp_path):
        (tmp_path / "m 1.box").touch()
        outcome = imported(tmp_path / "m 1.box")
        assert outcome.runs[0].notes == ("none found: m 1.box holds no picks of this image",)


class TestByHand:
    def edits(self, folder, **changes):
        return str(pick_edits.write(folder / "edits.json", pick_edits.made(**changes)))

    def test_added_and_removed_ones_count(self, imported, tmp_path):
        file = self.edits(tmp_path, added=[(200, 200)], removed=[(102, 50)])
        table = found(imported(relion(tmp_path / "m 1.star"), pick_edits=file))
        assert_allclose(table[["x", "y"]], [POINTS[2], (200, 200), POINTS[1]])

    def test_none_stays_inside_of_a_polygon_and_the_mask_shows_it(self, imported, tmp_path):
        corners = [(0, 0), (120, 0), (120, 299), (0, 299)]
        file = self.edits(tmp_path, excluded=[corners])
        outcome = imported(relion(tmp_path / "m 1.star"), pick_edits=file)
        assert_allclose(found(outcome)[["x", "y"]], [POINTS[1]])
        mask = formats.read(Path(outcome.scratch) / "pick_mask.mrc")
        assert mask.shape == SHAPE
        assert set(np.unique(mask[:, :120])) == {7}
        assert results(outcome)["pick_excluded"] == pytest.approx(0.3, abs=0.01)

    def test_when_a_hand_took_all_it_is_said(self, imported, tmp_path):
        corners = [(-9, -9), (500, -9), (500, 400), (-9, 400)]
        file = self.edits(tmp_path, excluded=[corners])
        outcome = imported(relion(tmp_path / "m 1.star"), pick_edits=file)
        assert outcome.runs[0].notes == ("none found: all of 3 picks were taken away by hand",)


class TestFolder:
    def test_the_file_called_like_the_image_is_taken(self, imported, tmp_path):
        place = tmp_path / "picks"
        place.mkdir()
        relion(place / "m 1_autopick.star")
        relion(place / "m 1_2_autopick.star", points=np.array(POINTS) / 2)
        relion(place / "m 10.star", points=np.array(POINTS) / 2)
        assert_allclose(found(imported(place))[["x", "y"]], EXPECTED)

    def test_two_kinds_of_files_are_refused(self, imported, tmp_path):
        place = tmp_path / "picks"
        place.mkdir()
        relion(place / "m 1.star")
        (place / "m 1.box").write_text("1 1 2 2\n")
        assert "m 1.box and m 1.star both seem to be of m 1.mrc" in imported(place).message

    def test_a_folder_without_any_says_what_there_is(self, imported, tmp_path):
        place = tmp_path / "picks"
        place.mkdir()
        assert "there are none" in imported(place).message
        relion(place / "other.star")
        assert "none of its files is called like m 1.mrc; there are other.star" in (
            imported(place).message
        )

    def test_a_file_about_other_micrographs_says_which(self, imported, tmp_path):
        file = relion(tmp_path / "particles.star", ["a.mrc", "b.mrc", "b.mrc"])
        assert "its picks are not of m 1.mrc; there are a.mrc, b.mrc" in imported(file).message
