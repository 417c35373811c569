import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from focusnb import export, formats
from focusnb.errors import BadValue, Cancelled, UnknownName
from focusnb.formats import coordinates, motion_star, star
from focusnb.formats import gain as gain_format
from focusnb.kernels import gain as gain_kernel
from focusnb.kernels import motion, picking
from focusnb.simulate import movie as simulated


def paths_in(out):
    """Every file that a table of the export names, as written there."""
    named = []
    for table in out.rglob("*.star"):
        if table.name.startswith("coords_suffix"):  # a text for RELION 3.1's window, no table
            named.append(table.read_text().strip())
            continue
        for block in star.read(table).values():
            for label in block:
                if label.endswith(("Name", "NameNoDW", "Metadata", "Image", "Coordinates")) and (
                    label != "rlnOpticsGroupName"
                ):
                    values = [block[label]] if isinstance(block, dict) else list(block[label])
                    named += [str(v).removesuffix(":mrc") for v in values]
    return named


def test_the_tables_have_relions_labels_and_relative_paths(project, processed, tmp_path):
    processed("m1.tif")
    processed("m2.tif", seed=1)
    out = tmp_path / "out"
    summary = export.export(project, "relion", out)
    assert [f.name for f in summary.files] == [
        "corrected_micrographs.star",
        "micrographs_ctf.star",
        "autopick.star",
    ]
    assert (summary.images, summary.particles, summary.left_out) == (2, 4, ())
    corrected = star.read(out / "corrected_micrographs.star")
    assert list(corrected["optics"]) == [
        "rlnOpticsGroupName",
        "rlnOpticsGroup",
        "rlnMicrographOriginalPixelSize",
        "rlnVoltage",
        "rlnSphericalAberration",
        "rlnAmplitudeContrast",
        "rlnMicrographPixelSize",
    ]
    assert list(corrected["micrographs"]["rlnMicrographName"]) == [
        "micrographs/m1.mrc",
        "micrographs/m2.mrc",
    ]
    measured = star.read(out / "micrographs_ctf.star")["micrographs"].iloc[0]
    assert measured["rlnMicrographNameNoDW"] == "micrographs/m1_noDW.mrc"
    assert measured["rlnCtfImage"] == "ctf/m1.ctf:mrc"
    assert measured["rlnDefocusU"] == 15200
    assert measured["rlnCtfAstigmatism"] == 200
    index = star.read(out / "autopick.star")["coordinate_files"]
    assert list(index["rlnMicrographCoordinates"]) == [
        "coordinates/micrographs/m1_autopick.star",
        "coordinates/micrographs/m2_autopick.star",
    ]
    for name in paths_in(out):
        assert not Path(name).is_absolute()
        assert (out / name).is_file(), name


def test_the_weighted_average_is_the_micrograph(project, processed, tmp_path):
    image = processed("m.tif")
    export.export(project, "relion", tmp_path / "out")
    pictures = tmp_path / "out" / "micrographs"
    np.testing.assert_array_equal(formats.read(pictures / "m.mrc"), image.read("average_dw"))
    np.testing.assert_array_equal(formats.read(pictures / "m_noDW.mrc"), image.read("average"))


def test_motion_is_accumulated_in_unbinned_pixels_and_shifts_are_the_correction(
    project, processed, tmp_path
):
    processed("m.tif")
    export.export(project, "relion", tmp_path / "out")
    row = star.read(tmp_path / "out" / "corrected_micrographs.star")["micrographs"].iloc[0]
    assert row["rlnAccumMotionTotal"] == 5.0
    assert row["rlnAccumMotionEarly"] == 2.0
    assert row["rlnAccumMotionLate"] == 3.0
    blocks = star.read(tmp_path / "out" / row["rlnMicrographMetadata"])
    assert list(blocks["global_shift"]["rlnMicrographShiftX"]) == [0, -2, -2]
    assert blocks["general"]["rlnMicrographMovieName"] == "movies/m.tif"


def test_pictures_are_linked_by_relative_links_or_copied(project, processed, tmp_path):
    processed("m.tif")
    link = tmp_path / "out" / "micrographs" / "m.mrc"
    export.export(project, "relion", tmp_path / "out")
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    project.set(export_how="copy")
    export.export(project, "relion", tmp_path / "out")
    assert link.is_file()
    assert not link.is_symlink()
    assert not any(p.is_symlink() for p in (tmp_path / "out").rglob("*"))


def test_only_good_images_are_exported_and_the_others_named_with_the_reason(
    project, processed, tmp_path
):
    processed("good.tif")
    processed("thick.tif", iciness=3.0)
    project.trash([processed("trashed.tif")])
    project.add_image("new.tif", "g1", values={})
    summary = export.export(project, "relion", tmp_path / "out")
    assert summary.images == 1
    assert [(name, reason) for _, name, reason in summary.left_out] == [
        ("thick.tif", "iciness 3.00 > 1.50"),
        ("new.tif", "not processed yet"),
    ]
    told = json.loads((tmp_path / "out" / "focusnb.json").read_text())
    assert told["left_out"][0]["image"] == "g1/0000000002"


def test_a_selection_is_exported_as_it_is(project, processed, tmp_path):
    processed("good.tif")
    thick = processed("thick.tif", iciness=3.0)
    new = project.add_image("new.tif", "g1", values={})
    summary = export.export(project, "relion", tmp_path / "out", [thick, new])
    assert summary.images == 1
    assert summary.left_out == ((new.key, "new.tif", "it has no average yet"),)
    table = star.read(tmp_path / "out" / "micrographs_ctf.star")["micrographs"]
    assert list(table["rlnMicrographName"]) == ["micrographs/thick.mrc"]


def test_a_second_export_replaces_the_first_and_leaves_foreign_files_alone(
    project, processed, tmp_path
):
    first, second = processed("m1.tif"), processed("m2.tif", seed=1)
    out = tmp_path / "out"
    export.export(project, "relion", out)
    (out / "Extract").mkdir()
    (out / "Extract" / "m2_work.star").write_text("of RELION")
    before = sorted(p for p in out.rglob("*m2*"))
    assert len(before) == 7
    export.export(project, "relion", out, [first])
    assert [p.name for p in out.rglob("*m2*")] == ["m2_work.star"]
    table = star.read(out / "micrographs_ctf.star")["micrographs"]
    assert len(table) == 1
    for image in (first, second):
        assert image.read("average").shape == (96, 160), "the project's own files are untouched"
        assert len(image.read("picks")) == 2


def test_files_of_others_are_never_replaced(project, processed, tmp_path):
    first, second = processed("m1.tif"), processed("m2.tif", seed=1)
    out = tmp_path / "out"
    (out / "micrographs").mkdir(parents=True)
    (out / ".gui_projectdir").touch()
    (out / "micrographs" / "m1.mrc").write_text("of somebody else")
    summary = export.export(project, "relion", out)
    assert [key for key, *_ in summary.left_out] == [first.key]
    assert "was there before" in summary.left_out[0][2]
    assert (out / "micrographs" / "m1.mrc").read_text() == "of somebody else"
    table = star.read(out / "micrographs_ctf.star")["micrographs"]
    assert list(table["rlnMicrographName"]) == ["micrographs/m2.mrc"]
    export.export(project, "relion", out, [second])
    assert (out / "micrographs" / "m1.mrc").read_text() == "of somebody else"
    assert (out / ".gui_projectdir").exists()


def test_a_folder_with_such_tables_of_others_is_refused_before_anything_is_written(
    project, processed, tmp_path
):
    processed("m1.tif")
    out = tmp_path / "out"
    out.mkdir()
    (out / "micrographs_ctf.star").write_text("of somebody else")
    with pytest.raises(BadValue, match=r"micrographs_ctf\.star was there before"):
        export.export(project, "relion", out)
    assert (out / "micrographs_ctf.star").read_text() == "of somebody else"
    assert [path.name for path in out.rglob("*")] == ["micrographs_ctf.star"]
    (out / "micrographs_ctf.star").unlink()
    assert export.export(project, "relion", out).images == 1


def test_an_interrupted_export_is_done_again(project, processed, tmp_path):
    processed("m1.tif")
    processed("m2.tif", seed=1)
    out = tmp_path / "out"

    def stop(fraction, name):
        if name == "m2.tif":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        export.export(project, "relion", out, report=stop)
    summary = export.export(project, "relion", out)
    assert (summary.images, summary.left_out) == (2, ())
    assert not list(out.glob(".focusnb*"))


def test_an_image_named_like_the_unweighted_average_of_another_keeps_its_own(
    project, processed, tmp_path
):
    images = [processed("m1.tif"), processed("m1_noDW.tif", seed=1)]
    out = tmp_path / "out"
    assert export.export(project, "relion", out).images == 2
    table = star.read(out / "micrographs_ctf.star")["micrographs"]
    names = [*table["rlnMicrographName"], *table["rlnMicrographNameNoDW"]]
    assert len(set(names)) == 4
    for image, name in zip(images, table["rlnMicrographNameNoDW"], strict=True):
        assert (out / name).read_bytes() == (image.folder / "average.mrc").read_bytes()


def test_names_are_plain_and_unique_and_the_originals_are_told(project, processed, tmp_path):
    names = ["a b.tif", "a_b.tif", "Ångström\n'1'.tif", "-x@1.tif", "plain.tif"]
    for seed, name in enumerate(names):
        processed(name, seed=seed)
    out = tmp_path / "out"
    assert export.export(project, "relion", out).images == 5
    table = star.read(out / "micrographs_ctf.star")["micrographs"]
    assert list(table["rlnMicrographName"]) == [
        "micrographs/a_b_0000000001.mrc",
        "micrographs/a_b_0000000002.mrc",
        "micrographs/_ngstr_m__1_.mrc",
        "micrographs/_x_1.mrc",
        "micrographs/plain.mrc",
    ]
    told = json.loads((out / "focusnb.json").read_text())["images"]
    assert [one["name"] for one in told] == names


def test_optics_groups_differ_by_name_pixel_size_and_microscope(project, processed, tmp_path):
    images = [processed(f"m{i}.tif", seed=i) for i in range(4)]
    project.set([images[1]], optics_group="beam shift 2")
    project.set([images[2]], pixel_size=0.75)
    export.export(project, "relion", tmp_path / "out")
    tables = star.read(tmp_path / "out" / "corrected_micrographs.star")
    assert list(tables["micrographs"]["rlnOpticsGroup"]) == [1, 2, 3, 1]
    assert list(tables["optics"]["rlnOpticsGroupName"]) == [
        "opticsGroup1",
        "beam_shift_2",
        "opticsGroup1_3",
    ]
    assert list(tables["optics"]["rlnMicrographOriginalPixelSize"]) == [1.5, 1.5, 0.75]
    assert list(tables["optics"]["rlnMicrographPixelSize"]) == [1.5, 1.5, 1.5]


def test_images_without_motion_ctf_or_picks_are_exported_with_what_they_have(
    project, processed, tmp_path
):
    processed("m.tif")
    processed("p.mrc", moved=False, weighted=False, picks=None, defocus_u=None, seed=1)
    summary = export.export(project, "relion", tmp_path / "out")
    assert (summary.images, summary.particles) == (2, 2)
    tables = star.read(tmp_path / "out" / "corrected_micrographs.star")
    assert list(tables["micrographs"]["rlnMicrographMetadata"]) == ["micrographs/m.star", "None"]
    assert len(star.read(tmp_path / "out" / "micrographs_ctf.star")["micrographs"]) == 1


def test_no_good_image_gives_empty_tables_that_can_be_read(project, tmp_path):
    summary = export.export(project, "relion", tmp_path / "out")
    assert summary.images == 0
    assert len(star.read(tmp_path / "out" / "micrographs_ctf.star")["micrographs"]) == 0


def test_the_ctf_resolution_is_capped_as_relion_caps_it(project, processed, tmp_path):
    project.set(good_ctf_resolution=100.0)
    processed("m.tif", ctf_resolution=40.0)
    export.export(project, "relion", tmp_path / "out")
    row = star.read(tmp_path / "out" / "micrographs_ctf.star")["micrographs"].iloc[0]
    assert row["rlnCtfMaxResolution"] == 25


def test_the_gain_goes_along_turned_as_the_movies_need_it(project, processed, tmp_path):
    gain = np.random.default_rng(3).normal(1, 0.1, (160, 96)).astype(np.float32)
    (project.root / "references").mkdir()
    formats.write(project.root / "references" / "abc.mrc", gain)
    project.set(gain="references/abc.mrc", gain_rotation="1", gain_flip="2")
    processed("m.tif")
    export.export(project, "relion", tmp_path / "out")
    told = motion_star.read(tmp_path / "out" / "micrographs" / "m.star")
    turned = formats.read(tmp_path / "out" / told.gain_name)
    np.testing.assert_array_equal(turned, gain_kernel.orient(gain, rotation=1, flip=2))


def test_a_gain_that_events_are_multiplied_with_is_turned_into_one_they_are_divided_by(
    project, processed, tmp_path
):
    gain = np.random.default_rng(3).normal(1, 0.1, (160, 96)).astype(np.float32)
    (project.root / "references").mkdir()
    formats.write(tmp_path / "a.tif", gain).rename(project.root / "references" / "abc.gain")
    project.set(gain="references/abc.gain", gain_rotation="1")
    processed("m.tif")
    (table,) = project.root.glob("*/*/shifts.star")
    motion_star.write(table, replace(motion_star.read(table), eer_grouping=40, eer_upsampling=1))
    export.export(project, "relion", tmp_path / "out")
    told = motion_star.read(tmp_path / "out" / "micrographs" / "m.star")
    assert told.gain_name.endswith(".mrc")
    turned = formats.read(tmp_path / "out" / told.gain_name)
    read = gain_format.read(project.root / "references" / "abc.gain")  # EER's are not flipped
    np.testing.assert_allclose(1 / turned, gain_kernel.orient(read, rotation=1), rtol=1e-5)


def test_the_projects_own_folders_are_no_place_for_an_export(project, processed, tmp_path):
    processed("m.tif")
    for out in (project.root, project.root / "g1" / "out", tmp_path):
        with pytest.raises(BadValue, match="choose"):
            export.export(project, "relion", out)
    assert export.export(project, "relion", project.root / "relion").images == 1


def test_an_unknown_program_is_refused_with_the_nearest_one(project, tmp_path):
    with pytest.raises(UnknownName, match="meant 'relion'"):
        export.export(project, "relyon", tmp_path / "out")


class TestWithRelion:
    @pytest.mark.program
    @pytest.mark.skipif(
        not shutil.which("relion_preprocess"), reason="relion_preprocess (RELION) is not installed"
    )
    @pytest.mark.parametrize("names", [("m1.tif", "m2.tif"), ("a b.tif", "Å'2\".tif")])
    def test_relion_extracts_every_pick_with_the_same_pixels(
        self, project, processed, tmp_path, names
    ):
        inside = [(40.7, 30.2), (100.0, 60.9), (79.5, 48.5), (16, 16), (143.99, 79.99)]
        images = [
            processed(names[0], picks=inside),
            processed(names[1], picks=[(3.2, 4.9), (155.0, 90.0), (80, 40)], weighted=False),
        ]
        out = tmp_path / "out"
        summary = export.export(project, "relion", out)
        relion(
            out,
            "relion_preprocess --extract --i micrographs_ctf.star --coord_suffix _autopick.star"
            " --coord_dir coordinates/ --part_dir Extract/ --part_star particles.star"
            " --extract_size 32",
        )
        tables = star.read(out / "particles.star")
        particles = tables["particles"]
        assert len(particles) == summary.particles == 8
        assert list(tables["optics"]["rlnImagePixelSize"]) == [1.5]
        assert set(particles["rlnDefocusU"]) == {15200.0}
        micrographs = star.read(out / "micrographs_ctf.star")["micrographs"]
        for image, name in zip(images, micrographs["rlnMicrographName"], strict=True):
            mine = particles[particles["rlnMicrographName"] == name]
            picks = coordinates.read(image["picks"])
            word = "average_dw" if image.document["results"].get("average_dw") else "average"
            ours = picking.cut(image.read(word), picks["x"], picks["y"], 32)
            assert len(mine) == len(ours)
            for box, place in zip(ours, mine["rlnImageName"], strict=True):
                number, stack = place.split("@")
                theirs = np.atleast_3d(formats.read(out / stack)).reshape(-1, 32, 32)
                np.testing.assert_array_equal(theirs[int(number) - 1], box)

    @pytest.mark.program
    @pytest.mark.skipif(
        not shutil.which("relion_run_motioncorr"),
        reason="relion_run_motioncorr (RELION) is not installed",
    )
    def test_our_shifts_agree_with_relions_own_motion_correction_of_the_exported_movie(
        self, project, tmp_path
    ):
        made = simulated(
            size=1024, frames=8, seed=4, shifts=PATH, dose_per_frame=8.0, defocus=20_000.0
        )
        image = project.add_image("m.tif", "g1", values={"movie": "raw/m.tif"})
        frames = made.frames * np.asarray(made.camera.gain)
        pixel_size = made.truth.optics.pixel_size
        (image.folder / "raw").mkdir()
        formats.write(image.folder / "raw" / "m.tif", frames.astype(np.float32), pixel_size)
        found = motion.estimate(frames.astype(np.float32), pixel_size=pixel_size)
        motion_star.write(
            image.folder / "shifts.star",
            motion_star.MotionFile(1024, 1024, 8, "raw/m.tif", pixel_size, found.shifts),
        )
        formats.write(image.folder / "average.mrc", frames.sum(0).astype(np.float32), pixel_size)
        results = {
            "average": "average.mrc",
            "average_pixel_size": pixel_size,
            "motion_star": "shifts.star",
            "drift_total": motion.path_length(found.shifts),
        }
        project.set([image], pixel_size=pixel_size)
        project.change(image.id, lambda document: document["results"].update(results))
        out = tmp_path / "out"
        export.export(project, "relion", out, [image])
        relion(
            out,
            f"relion_run_motioncorr --use_own --i movies/m.tif --o theirs/ --j 1 --bfactor 150"
            f" --angpix {pixel_size} --voltage 300 --dose_per_frame 1 --patch_x 1 --patch_y 1",
        )
        (theirs,) = (out / "theirs").rglob("m.star")
        ours = motion_star.read(out / "micrographs" / "m.star")
        apart = (motion_star.read(theirs).shifts - ours.shifts) / pixel_size
        assert np.abs(apart).max() < 0.5
        assert np.abs(ours.shifts).max() / pixel_size > 4
        table = star.read(out / "theirs" / "corrected_micrographs.star")["micrographs"].iloc[0]
        mine = star.read(out / "corrected_micrographs.star")["micrographs"].iloc[0]
        assert mine["rlnAccumMotionTotal"] == pytest.approx(table["rlnAccumMotionTotal"], rel=0.1)
        their_shifts = motion_star.read(theirs).shifts / pixel_size
        early, late = motion.early_late(their_shifts, dose_per_frame=1.0)
        assert table["rlnAccumMotionEarly"] == pytest.approx(early, abs=1e-4)
        assert table["rlnAccumMotionLate"] == pytest.approx(late, abs=1e-4)


# Å; away and back again, the axes differ, so that a wrong sign or axis cannot agree
PATH = [(0, 0), (2, -1), (4, -1.5), (5, -3), (6, -5), (7, -5), (7, -7), (8, -8)]


def relion(folder, command):
    """Run a program of RELION; its exit code tells nothing, so callers look at what it wrote."""
    subprocess.run(command.split(), cwd=folder, capture_output=True, timeout=80, check=False)
