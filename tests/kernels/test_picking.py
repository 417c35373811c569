import shutil
import subprocess

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb.errors import BadData
from focusnb.kernels import picking

CENTRES = [(x, y) for x in range(70, 700, 140) for y in range(60, 500, 110)]


def disks(rng, centres=CENTRES, shape=(520, 760), radius=30, depth=0.15, counts=30):
    """Dark disks in counting noise, at x, y."""
    y, x = np.indices(shape)
    field = np.ones(shape)
    for cx, cy in centres:
        field -= depth * ((x - cx) ** 2 + (y - cy) ** 2 < radius**2)
    return rng.poisson(counts * field).astype(np.float32)


def test_truth_every_particle_is_found_and_nothing_else(rng):
    picks = picking.blobs(disks(rng), pixel_size=2.0, diameter=120.0)
    distance = np.hypot(*(np.stack([picks.x, picks.y])[:, :, None] - np.array(CENTRES).T[:, None]))
    assert len(picks) == len(CENTRES)
    assert distance.min(axis=0).max() < 3
    assert (np.diff(picks.score) <= 0).all()


def test_convention_x_is_the_column_and_y_the_row(rng):
    picks = picking.blobs(disks(rng, [(600, 100)], depth=0.4), pixel_size=1.0, diameter=60.0)
    assert [picks.x[0], picks.y[0]] == pytest.approx([600, 100], abs=1.5)


def test_convention_particles_are_dark_unless_told_otherwise(rng):
    inverted = 60 - disks(rng)
    assert len(picking.blobs(inverted, pixel_size=1.0, diameter=60.0, bright=True)) == len(CENTRES)


def test_noise_alone_has_no_particles(rng):
    assert len(picking.blobs(rng.poisson(30, (768, 768)), pixel_size=1.0, diameter=80.0)) == 0


def test_picks_keep_their_distance_and_stay_off_the_border(rng):
    picture = disks(rng, [(100, 100), (130, 100), (300, 20), (400, 300)])
    picks = picking.blobs(
        picture, pixel_size=1.0, diameter=60.0, threshold=1.0, distance=100.0, border=40.0
    )
    apart = np.hypot(picks.x[:, None] - picks.x, picks.y[:, None] - picks.y)
    assert apart[~np.eye(len(picks), dtype=bool)].min() >= 98
    assert min(picks.y.min(), picks.x.min()) >= 38


def test_second_opinion_the_response_agrees_with_a_difference_of_gaussians(rng):
    from scipy.ndimage import gaussian_filter

    picture = gaussian_filter(rng.standard_normal((128, 128)), 3)
    answer, _ = picking._response(picture, 16.0)
    sigma, k = 16 / (2 * np.sqrt(2)), 1.02
    narrow, wide = (gaussian_filter(picture, sigma * f) for f in (1 / np.sqrt(k), np.sqrt(k)))
    assert np.corrcoef((narrow - wide).ravel(), answer.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("diameter", [2.0, 5000.0])
def test_a_diameter_that_does_not_fit_is_refused(rng, diameter):
    with pytest.raises(BadData, match="particle_diameter"):
        picking.blobs(rng.random((256, 256)), pixel_size=1.0, diameter=diameter)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(16, 47), y=st.floats(16, 47))
def test_law_a_box_inside_is_a_part_of_the_picture(x, y):
    picture = np.arange(4096.0).reshape(64, 64)
    box = picking.cut(picture, [x], [y], 32)[0]
    assert_array_equal(box, picture[int(y) - 16 : int(y) + 16, int(x) - 16 : int(x) + 16])


def test_a_box_wholly_outside_is_refused():
    with pytest.raises(BadData, match="point 1 lies outside"):
        picking.cut(np.zeros((64, 64)), [10, 500], [10, 10], 32)


@pytest.mark.program
@pytest.mark.skipif(not shutil.which("relion_preprocess"), reason="relion is not installed")
def test_second_opinion_boxes_are_those_that_relion_extracts(rng, tmp_path):
    picture = rng.standard_normal((200, 256)).astype(np.float32)
    points = [(100.0, 80.0), (100.5, 80.6), (101.5, 81.4), (10.0, 100.0), (250.7, 3.2), (-3.0, 199)]
    with mrcfile.new(tmp_path / "mic.mrc") as file:
        file.set_data(picture)
        file.voxel_size = 1.0
    optics = "OpticsGroupName OpticsGroup MicrographOriginalPixelSize Voltage"
    optics += " SphericalAberration AmplitudeContrast MicrographPixelSize"
    table(
        tmp_path / "mics.star",
        ("optics", optics, ["o1 1 1.0 300 2.7 0.1 1.0"]),
        ("micrographs", "MicrographName OpticsGroup", ["mic.mrc 1"]),
    )
    table(
        tmp_path / "mic_autopick.star",
        ("", "CoordinateX CoordinateY", [f"{x} {y}" for x, y in points]),
    )
    command = "relion_preprocess --i mics.star --coord_suffix _autopick.star --coord_dir ./"
    command += " --part_dir P/ --part_star P/p.star --extract --extract_size 32"
    subprocess.run(command.split(), cwd=tmp_path, capture_output=True, timeout=60, check=False)
    theirs = mrcfile.read(tmp_path / "P" / "mic.mrcs")
    assert_allclose(picking.cut(picture, *np.transpose(points), 32), theirs, atol=1e-6)


def table(path, *blocks):
    text = ""
    for name, labels, rows in blocks:
        text += f"data_{name}\n\nloop_\n"
        text += "".join(f"_rln{label} #{i + 1}\n" for i, label in enumerate(labels.split()))
        text += "\n".join(rows) + "\n\n"
    path.write_text(text)
