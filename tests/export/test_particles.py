"""Particles that were cut out go along with the export, as one table that RELION reads."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import focusnb as fn
from focusnb import export, formats
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.workers import Inline
from focusnb.errors import BadValue
from focusnb.formats import coordinates, star
from focusnb.formats import particles as particles_format

PIXEL = 1.5


def cut(image, side=32, ctf=True, pixel_size=PIXEL):
    """Give an image particles as the step extract makes them."""
    picks = coordinates.read(image["picks"])
    rng = np.random.default_rng(image.id)
    stack = rng.normal(size=(len(picks), side, side)).astype(np.float32)
    formats.write(image.folder / "particles.mrcs", stack, pixel_size=PIXEL)
    optics = {
        "rlnOpticsGroupName": "opticsGroup1", "rlnMicrographOriginalPixelSize": PIXEL,
        "rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.07,
        "rlnImagePixelSize": pixel_size, "rlnImageSize": side,
    }  # fmt: skip
    lens = {"rlnDefocusU": 15200.0, "rlnDefocusV": 15000.0, "rlnDefocusAngle": 33.0}
    particles_format.write(
        image.folder / "particles.star", picks, stack="particles.mrcs", micrograph="average_dw.mrc",
        optics=optics, ctf=lens if ctf else None,
    )  # fmt: skip
    words = {"particle_stack": "particles.mrcs", "particle_star": "particles.star"}
    image.project.change(image.id, lambda document: document["results"].update(words))
    return stack


def test_stacks_and_one_table_of_all_particles_go_along(project, processed, tmp_path):
    images = [processed("m1.tif"), processed("m2.tif", seed=1), processed("m3.tif", seed=2)]
    stacks = [cut(image) for image in images[:2]]
    out = tmp_path / "out"
    summary = export.export(project, "relion", out)
    assert out / "particles.star" in summary.files
    optics, rows = particles_format.read(out / "particles.star")
    assert list(rows["rlnImageName"]) == [
        "000001@particles/m1.mrcs", "000002@particles/m1.mrcs",
        "000001@particles/m2.mrcs", "000002@particles/m2.mrcs",
    ]  # fmt: skip
    assert (
        list(rows["rlnMicrographName"]) == ["micrographs/m1.mrc"] * 2 + ["micrographs/m2.mrc"] * 2
    )
    assert list(rows["rlnOpticsGroup"]) == [1] * 4
    row = optics.iloc[0]
    assert (row["rlnImagePixelSize"], row["rlnImageSize"]) == (PIXEL, 32)
    assert row["rlnMicrographPixelSize"] == PIXEL
    for name, stack in zip(("m1", "m2"), stacks, strict=True):
        np.testing.assert_array_equal(formats.read(out / "particles" / f"{name}.mrcs"), stack)


def test_boxes_of_several_sizes_are_several_optics_groups(project, processed, tmp_path):
    for side, name in ((32, "m1.tif"), (48, "m2.tif")):
        cut(processed(name), side)
    export.export(project, "relion", tmp_path / "out")
    optics, rows = particles_format.read(tmp_path / "out" / "particles.star")
    assert list(optics["rlnImageSize"]) == [32, 48]
    assert len(set(optics["rlnOpticsGroupName"])) == 2
    assert list(rows["rlnOpticsGroup"]) == [1, 1, 2, 2]


def test_boxes_of_one_side_and_two_pixel_sizes_have_two_names(project, processed, tmp_path):
    for name, pixel_size in (("m1.tif", PIXEL), ("m2.tif", 2 * PIXEL), ("m3.tif", 3 * PIXEL)):
        cut(processed(name), pixel_size=pixel_size)
    export.export(project, "relion", tmp_path / "out")
    optics, _ = particles_format.read(tmp_path / "out" / "particles.star")
    assert list(optics["rlnImagePixelSize"]) == [PIXEL, 2 * PIXEL, 3 * PIXEL]
    assert len(set(optics["rlnOpticsGroupName"])) == 3


def run(project, *steps):
    project.queue.submit([1], steps)
    Dispatcher(project, Inline).run()
    assert project[1].error is None


def test_particles_of_earlier_picks_stay_here_and_it_is_said(project, processed, tmp_path):
    processed("m1.tif", picks=None)
    mine, out = fn.open(project.root), tmp_path / "out"
    points = [(40.0, 30.0), (100.0, 60.0), (60.0, 50.0)]
    mine.set(particle_diameter=60.0, pick_threshold=1e6)
    mine.edit_picks(1, added=points[:2])
    run(mine, "pick", "extract")
    summary = mine.export("relion", out)
    assert (len(particles_format.read(out / "particles.star")[1]), summary.notes) == (2, ())
    mine.edit_picks(1, added=points)
    run(mine, "pick")
    assert mine[1].stale == ["extract"]
    summary = mine.export("relion", out)
    assert (summary.images, summary.particles) == (1, 3)
    assert "its picks or its average changed" in summary.notes[0]
    assert summary.notes[0] in str(summary)
    assert not (out / "particles.star").exists()
    assert not (out / "particles" / "m1.mrcs").exists()
    run(mine, "extract")
    summary = mine.export("relion", out)
    assert (len(particles_format.read(out / "particles.star")[1]), summary.notes) == (3, ())


def test_another_setting_alone_leaves_particles_where_they_are(project, processed, tmp_path):
    processed("m1.tif", picks=None)
    mine, out = fn.open(project.root), tmp_path / "out"
    mine.set(particle_diameter=60.0, pick_threshold=1e6)
    mine.edit_picks(1, added=[(40.0, 30.0)])
    run(mine, "pick", "extract")
    mine.set(box_size=32)
    assert mine[1].stale == ["extract"]
    assert mine.export("relion", out).notes == ()
    assert (out / "particles.star").exists()


def test_without_any_there_is_no_table_and_an_earlier_one_goes(project, processed, tmp_path):
    image, out = processed("m1.tif"), tmp_path / "out"
    cut(image)
    export.export(project, "relion", out)
    image.project.change(image.id, lambda document: document["results"].pop("particle_stack"))
    summary = export.export(project, "relion", out)
    assert len(summary.files) == 3
    assert not (out / "particles.star").exists()
    assert not (out / "particles" / "m1.mrcs").exists()


def test_a_table_of_somebody_else_is_not_replaced(project, processed, tmp_path):
    cut(processed("m1.tif"))
    out = tmp_path / "out"
    out.mkdir()
    (out / "particles.star").write_text("of RELION")
    with pytest.raises(BadValue, match=r"particles\.star was there before"):
        export.export(project, "relion", out)


def test_a_broken_table_leaves_the_image_out_with_the_reason(project, processed, tmp_path):
    images = [processed("m1.tif"), processed("m2.tif", seed=1)]
    for image in images:
        cut(image)
    (images[0].folder / "particles.star").write_text("nothing")
    summary = export.export(project, "relion", tmp_path / "out")
    assert [key for key, *_ in summary.left_out] == [images[0].key]
    assert len(star.read(tmp_path / "out" / "particles.star")["particles"]) == 2
    table = star.read(tmp_path / "out" / "micrographs_ctf.star")["micrographs"]
    assert list(table["rlnMicrographName"]) == ["micrographs/m2.mrc"]


@pytest.mark.program
@pytest.mark.needs("relion_preprocess")
def test_relion_takes_segments_of_filaments_along(project, processed, tmp_path):
    image, out = processed("m1.tif"), tmp_path / "out"
    places = [(40.0, 30.0), (70.0, 40.0), (100.0, 50.0)]
    helix = {"angle": 18.43, "tubes": [2, 2, 1], "track": [0, 47.5, 0]}
    coordinates.write(image.folder / "picks.star", *np.transpose(places), 1.0, **helix)
    export.export(project, "relion", out)
    command = "relion_preprocess --i micrographs_ctf.star --coord_dir coordinates/"
    command += " --coord_suffix _autopick.star --part_dir P/ --part_star P/p.star"
    command += " --extract --extract_size 32 --helix --helical_outer_diameter 20"
    subprocess.run(command.split(), cwd=out, capture_output=True, timeout=60, check=False)
    rows = star.read(out / "P" / "p.star")["particles"]
    assert list(rows["rlnHelicalTubeID"]) == [2, 2, 1]
    assert list(rows["rlnHelicalTrackLengthAngst"]) == [0, 47.5, 0]
    assert list(rows["rlnAnglePsiPrior"]) == [-18.43] * 3


@pytest.mark.program
@pytest.mark.needs("relion_preprocess")
def test_relion_reads_the_particles_where_they_are(project, processed, tmp_path):
    images = [processed("m1.tif"), processed("m2.tif", seed=1)]
    stacks = [cut(images[0]), cut(images[1], ctf=False)]
    out = tmp_path / "out"
    export.export(project, "relion", out)
    command = "relion_stack_create --i particles.star --o joined"
    subprocess.run(command.split(), cwd=out, capture_output=True, timeout=60, check=False)
    np.testing.assert_array_equal(formats.read(Path(out) / "joined.mrcs"), np.concatenate(stacks))
    joined = star.read(out / "joined.star")["particles"]
    assert list(joined["rlnDefocusU"]) == [15200, 15200, 0, 0]
