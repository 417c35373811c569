"""Particles that were cut out go along with the export, as one table that RELION reads."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from focusnb import export, formats
from focusnb.errors import BadValue
from focusnb.formats import coordinates, star
from focusnb.formats import particles as particles_format

PIXEL = 1.5


def cut(image, side=32, ctf=True):
    """Give an image particles as the step extract makes them."""
    picks = coordinates.read(image["picks"])
    rng = np.random.default_rng(image.id)
    stack = rng.normal(size=(len(picks), side, side)).astype(np.float32)
    formats.write(image.folder / "particles.mrcs", stack, pixel_size=PIXEL)
    optics = {
        "rlnOpticsGroupName": "opticsGroup1", "rlnMicrographOriginalPixelSize": PIXEL,
        "rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.07,
        "rlnImagePixelSize": PIXEL, "rlnImageSize": side,
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
