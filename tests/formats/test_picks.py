"""Picks of other programs and changes by hand: what is read, and what is refused."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from focusnb.errors import BadValue, BrokenFile, UnknownFormat
from focusnb.formats import (
    box,
    cbox,
    coordinates,
    cryosparc,
    foreign_picks,
    particles,
    pick_edits,
    star,
    topaz,
)

TOPAZ = """image_name\tx_coord\ty_coord\tscore
May08_03.05.02\t218\t224\t4.765686988830566
May08_03.05.02\t236\t213\t3.386679172515869
May08_03.05.02\t97\t104\t3.3076322078704834
"""  # the first lines of a table of Topaz 0.3.20
CBOX = """data_global

_cbox_format_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
100.0 40.0 <NA> 60.0 60.0 1 58.1 57.2 0.91 <NA> <NA>
300.0 20.5 <NA> 60.0 60.0 1 58.1 57.2 0.35 <NA> <NA>
"""


class TestCoordinates:
    def test_all_columns_come_back(self, tmp_path):
        path = coordinates.write(
            tmp_path / "a.star", [1.5, 20], [3, 4.25], [0.5, np.nan],
            diameter=[150, 80.5], classes=[2, 0], angle=[-33.25, 180],
        )  # fmt: skip
        table = coordinates.read(path)
        assert table["diameter"].tolist() == [150, 80.5]
        assert table["class"].tolist() == [2, 0]
        assert table["angle"].tolist() == [-33.25, 180]
        assert np.isnan(table["score"][1])

    def test_convention_relions_psi_is_the_negative_of_our_angle(self, tmp_path):
        # relion_preprocess 3.1.3 gives segments of a tube along (200, 100) the psi −26.565°
        path = coordinates.write(tmp_path / "a.star", [1], [1], angle=np.rad2deg(np.arctan2(1, 2)))
        assert star.read(path)[""]["rlnAnglePsi"].tolist() == [-26.565]

    def test_segments_of_filaments_come_back(self, tmp_path):
        path = coordinates.write(
            tmp_path / "a.star", [1, 2], [3, 4], angle=[30.0, -30.0], tubes=[2, 1], track=[0, 75.5]
        )
        table = coordinates.read(path)
        assert table["tube"].tolist() == [2, 1]
        assert table["track"].tolist() == [0, 75.5]
        rows = star.read(path)[""]
        assert rows["rlnAnglePsiPrior"].tolist() == rows["rlnAnglePsi"].tolist() == [-30, 30]
        assert set(rows["rlnAngleTiltPrior"]) == {90}

    def test_without_diameters_all_labels_are_relions(self, tmp_path):
        path = coordinates.write(tmp_path / "a.star", [1], [1], [1])
        assert all(label.startswith("rln") for label in star.read(path)[""].columns)
        assert np.isnan(coordinates.read(path)["diameter"][0])

    def test_what_is_left_out_is_not_known(self, tmp_path):
        (tmp_path / "a.star").write_text(
            "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n1 2\n"
        )
        row = coordinates.read(tmp_path / "a.star").iloc[0]
        assert (row["class"], row["angle"]) == (0, 0)
        assert np.isnan(row["score"])
        assert np.isnan(row["diameter"])

    @pytest.mark.parametrize(
        ("label", "value", "told"),
        [
            ("rlnClassNumber", "inf", "class"),
            ("rlnAnglePsi", "-inf", "angle"),
            ("rlnAutopickFigureOfMerit", "inf", "score"),
            ("focusnbDiameter", "inf", "diameter"),
            ("rlnCoordinateX", "nan", "x"),
        ],
    )
    def test_a_number_that_is_not_finite_is_told_with_the_file(self, tmp_path, label, value, told):
        rows = {"rlnCoordinateX": "1", "rlnCoordinateY": "2"} | {label: value}
        labels = "".join(f"_{name}\n" for name in rows)
        (tmp_path / "a.star").write_text(f"data_\n\nloop_\n{labels}{' '.join(rows.values())}\n")
        with pytest.raises(BrokenFile, match=f"a.star: 1 of 1 picks have no finite {told}"):
            coordinates.read(tmp_path / "a.star")

    @pytest.mark.parametrize("more", [{"angle": [1, 2]}, {"classes": np.nan}, {"diameter": [[1]]}])
    def test_columns_that_do_not_fit_are_refused(self, tmp_path, more):
        with pytest.raises(BadValue):
            coordinates.write(tmp_path / "a.star", [1], [1], [1], **more)


class TestEdits:
    def test_changes_come_back(self, tmp_path):
        corners = [(0, 0), (10.5, 0), (10, 10)]
        made = pick_edits.made([(1, 2)], [(3.25, 4), (5, 6)], [corners, corners])
        again = pick_edits.read(pick_edits.write(tmp_path / "edits.json", made))
        assert_array_equal(again.added, made.added)
        assert_array_equal(again.removed, made.removed)
        assert len(again.excluded) == 2
        assert_array_equal(again.excluded[0], corners)

    def test_nothing_is_nothing(self, tmp_path):
        (tmp_path / "edits.json").write_text("{}")
        found = pick_edits.read(tmp_path / "edits.json")
        assert (found.added.shape, found.removed.shape, found.excluded) == ((0, 2), (0, 2), ())
        again = pick_edits.read(pick_edits.write(tmp_path / "b.json", found))
        assert again.added.shape == (0, 2)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "no JSON"),
            ("[]", "an object with added, removed, excluded"),
            ('{"picks": []}', "'picks' means nothing here"),
            ('{"added": [[1]]}', "added is no list of points"),
            ('{"added": [[1, 2], [3]]}', "added is no list of points"),
            ('{"added": [["1", "2"]]}', "added is no list of points"),
            ('{"added": [1, 2]}', "added is no list of points"),
            ('{"added": {"x": 1}}', "added is no list of points"),
            ('{"removed": [[1, NaN]]}', "no finite number"),
            ('{"excluded": 3}', "no list of polygons"),
            ('{"excluded": [[[1, 2], [3, 4]]]}', "polygon 1 of excluded has 2 corners"),
            ("[" * 100_000, "no JSON"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, text, told):
        (tmp_path / "edits.json").write_text(text)
        with pytest.raises(BrokenFile, match=told):
            pick_edits.read(tmp_path / "edits.json")

    @pytest.mark.parametrize(
        ("changes", "told"),
        [({"excluded": 5}, "excluded is no list of polygons"), ({"added": 5}, "added is no list")],
    )
    def test_what_is_no_list_is_told(self, changes, told):
        with pytest.raises(BadValue, match=told):
            pick_edits.made(**changes)

    def test_a_failed_write_leaves_the_old_file(self, tmp_path):
        file = pick_edits.write(tmp_path / "edits.json", pick_edits.made([(1, 2)]))
        broken = pick_edits.PickEdits(added=np.array([[np.nan, 1]]))
        with pytest.raises(BadValue):
            pick_edits.write(file, broken)
        assert json.loads(file.read_text())["added"] == [[1, 2]]
        assert [p.name for p in tmp_path.iterdir()] == ["edits.json"]


class TestBox:
    def test_the_centre_is_the_corner_and_half_the_size(self, tmp_path):
        (tmp_path / "a.box").write_text("10 20 64 32 -3\n# remark\n\n0.5\t1\t2\t2\n")
        assert box.read(tmp_path / "a.box").to_numpy().tolist() == [[42, 36], [1.5, 2]]

    def test_an_empty_file_has_no_boxes(self, tmp_path):
        (tmp_path / "a.box").touch()
        assert len(box.read(tmp_path / "a.box")) == 0

    @pytest.mark.parametrize("line", ["1 2 3", "a b c d", "1 2 0 5", "1 nan 5 5"])
    def test_a_line_that_is_no_box_is_told(self, tmp_path, line):
        (tmp_path / "a.box").write_text(f"1 2 3 4\n{line}\n")
        with pytest.raises(BrokenFile, match="line 2 is"):
            box.read(tmp_path / "a.box")


class TestTopaz:
    def test_the_table_of_a_real_run_is_read(self):
        table = topaz.parse(TOPAZ)
        assert table["micrograph"].unique().tolist() == ["May08_03.05.02"]
        assert table[["x", "y"]].to_numpy().tolist() == [[218, 224], [236, 213], [97, 104]]
        assert table["score"][2] == pytest.approx(3.3076322)

    def test_a_heading_alone_is_an_empty_table(self):
        assert len(topaz.parse(TOPAZ.split("\n")[0] + "\n")) == 0

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "the first line is no heading"),
            ("x\ty\n1\t2\n", "the first line is no heading"),
            (TOPAZ + "May\t1\t2\n", "line 5 is"),
            (TOPAZ + "May\tone\t2\t3\n", "line 5 is"),
            (TOPAZ + "May\tnan\t2\t3\n", "line 5 is"),
        ],
    )
    def test_another_text_is_told(self, text, told):
        with pytest.raises(BrokenFile, match=told):
            topaz.parse(text)


class TestCbox:
    def test_the_centre_is_the_corner_and_half_the_size(self, tmp_path):
        (tmp_path / "a.cbox").write_text(CBOX)
        table = cbox.read(tmp_path / "a.cbox")
        assert table[["x", "y"]].to_numpy().tolist() == [[130, 70], [330, 50.5]]
        assert table["score"].tolist() == [0.91, 0.35]

    def test_another_star_file_is_told(self, tmp_path):
        coordinates.write(tmp_path / "a.cbox", [1], [1])
        with pytest.raises(BrokenFile, match="no loop with _CoordinateX"):
            cbox.read(tmp_path / "a.cbox")


class TestCryosparc:
    FIELDS = (
        ("location/micrograph_path", "S9"), ("location/center_x_frac", "<f4"),
        ("location/center_y_frac", "<f4"),
    )  # fmt: skip

    def save(self, path, table, **how):
        with path.open("wb") as file:
            np.save(file, table, **how)
        return path

    def test_parts_of_the_picture_are_read(self, tmp_path):
        table = np.array([(b"a.mrc", 0.25, 0.5)], list(self.FIELDS))
        found = cryosparc.read(self.save(tmp_path / "a.cs", table))
        assert found["micrograph"].tolist() == ["a.mrc"]
        assert_allclose(found[["x", "y"]], [[0.25, 0.5]])
        assert np.isnan(found["score"][0])

    def test_python_objects_are_not_unpickled(self, tmp_path):
        fields = [(name, "O" if kind == "S9" else kind) for name, kind in self.FIELDS]
        table = np.array([("a.mrc", 0.25, 0.5)], fields)
        file = self.save(tmp_path / "a.cs", table, allow_pickle=True)
        with pytest.raises(UnknownFormat, match="it holds Python objects"):
            cryosparc.read(file)

    def test_what_is_no_table_of_picks_is_told(self, tmp_path):
        file = tmp_path / "a.cs"
        file.write_bytes(b"\x94CSDAT and more")
        with pytest.raises(UnknownFormat, match="newer kind"):
            cryosparc.read(file)
        file.write_bytes(b"nothing")
        with pytest.raises(UnknownFormat, match="begins with b'nothin'"):
            cryosparc.read(file)
        with pytest.raises(BrokenFile, match="without fields"):
            cryosparc.read(self.save(file, np.zeros(3)))
        with pytest.raises(BrokenFile, match="no field location/center_y_frac"):
            cryosparc.read(self.save(file, np.zeros(3, list(self.FIELDS[:2]))))
        wrong = np.array([(b"a.mrc", np.nan, 0.5)], list(self.FIELDS))
        with pytest.raises(BrokenFile, match="1 positions are no finite numbers"):
            cryosparc.read(self.save(file, wrong))

    def test_one_that_promises_more_than_it_holds_is_refused(self, tmp_path):
        table = np.zeros(9, list(self.FIELDS))
        with (tmp_path / "a.cs").open("wb") as file:
            header = np.lib.format.header_data_from_array_1_0(table)
            np.lib.format.write_array_header_1_0(file, {**header, "shape": (10**15,)})
            file.write(table.tobytes())
        with pytest.raises(BrokenFile, match="1000000000000000 rows of 17 bytes are promised"):
            cryosparc.read(tmp_path / "a.cs")

    def test_a_broken_header_is_told(self, tmp_path):
        file = self.save(tmp_path / "a.cs", np.zeros(9, list(self.FIELDS)))
        file.write_bytes(file.read_bytes().replace(b"(9,)", b"(9,("))
        with pytest.raises(BrokenFile, match="not an array that can be read"):
            cryosparc.read(file)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "m_1.star", "m_1_autopick.star", "m_1.mrc", "J5/000123_m_1_patch_aligned.mrc",
            "micrographs\\m_1_noDW.mrc", "m_1-a.box",
        ],
    )  # fmt: skip
    def test_names_that_other_programs_made_belong_to_the_image(self, name):
        assert foreign_picks.belongs(name, "m_1.tif")

    @pytest.mark.parametrize("name", ["m_12.star", "m_1_2_autopick.star", "am_1.star", "m_2.star"])
    def test_names_of_others_do_not(self, name):
        assert not foreign_picks.belongs(name, "m_1.tif")


def test_a_table_of_particles_is_read_back_and_another_one_refused(tmp_path):
    picks = coordinates.read(coordinates.write(tmp_path / "a.star", [1, 2], [3, 4], [1, 1]))
    optics = {
        "rlnOpticsGroupName": "a group", "rlnMicrographOriginalPixelSize": 1.0, "rlnVoltage": 300,
        "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1, "rlnImagePixelSize": 1.0,
        "rlnImageSize": 64,
    }  # fmt: skip
    file = particles.write(
        tmp_path / "p.star", picks, stack="p.mrcs", micrograph="m.mrc", optics=optics, ctf=None
    )
    groups, rows = particles.read(file)
    assert groups["rlnOpticsGroupName"].tolist() == ["a_group"]
    assert rows["rlnImageName"].tolist() == ["000001@p.mrcs", "000002@p.mrcs"]
    with pytest.raises(BrokenFile, match="no tables data_optics and data_particles"):
        particles.read(tmp_path / "a.star")
