"""Boxes: cut, down-sampled and normalised as RELION does."""

import subprocess

import mrcfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb.errors import BadData
from focusnb.kernels import fourier
from focusnb.kernels.picking import boxes

POINTS = [(100.3, 80.7), (200.0, 150.0), (15.0, 100.0), (310.7, 3.2)]


@pytest.fixture
def picture(rng):
    y, x = np.indices((256, 320))
    return (rng.normal(30, 5, (256, 320)) + 0.02 * x + 0.05 * y).astype(np.float32)


def background(side, radius):
    centred = np.arange(side) - side // 2
    return np.add.outer(centred**2, centred**2) > radius**2


def test_truth_the_background_has_mean_0_and_deviation_1(picture):
    found = boxes.normalise(boxes.cut(picture, *np.transpose(POINTS), 64), radius=24)
    outside = found[:, background(64, 24)].astype(float)
    assert_allclose(outside.mean(axis=1), 0, atol=1e-5)
    assert_allclose(outside.std(axis=1), 1, rtol=1e-5)


def test_truth_a_ramp_is_taken_off_and_stays_when_asked_to(rng):
    y, x = np.indices((64, 64))
    box = (rng.normal(0, 1, (64, 64)) + 0.3 * x - 0.2 * y)[None]
    flat = boxes.normalise(box, radius=24, invert=False)[0]
    kept = boxes.normalise(box, radius=24, invert=False, ramp=False)[0]
    assert abs(np.polyfit(np.arange(64), flat.mean(axis=0), 1)[0]) < 0.01
    assert np.polyfit(np.arange(64), kept.mean(axis=0), 1)[0] > 0.03


def test_convention_dark_particles_become_bright_unless_told_otherwise(rng):
    box = rng.normal(30, 1, (1, 64, 64))
    box[0, 24:40, 24:40] -= 20
    assert boxes.normalise(box, radius=24)[0, 32, 32] > 10
    assert boxes.normalise(box, radius=24, invert=False)[0, 32, 32] < -10


@given(scale=st.floats(1e-3, 1e3), level=st.floats(-1e3, 1e3))
def test_law_scale_and_level_of_the_picture_do_not_matter(scale, level):
    box = np.random.default_rng(1).normal(0, 1, (1, 32, 32))
    expected = boxes.normalise(box, radius=12)
    # float32 keeps seven digits of the level, and the scatter is what is left of them
    loss = 1e-6 * (1 + abs(level) / scale)
    assert_allclose(
        boxes.normalise(scale * box + level, radius=12), expected, atol=1e-4 + 10 * loss
    )


def test_law_down_sampling_keeps_the_mean_and_what_is_coarse(rng):
    coarse = fourier.resize(rng.normal(5, 1, (16, 16)).astype(np.float32), (64, 64))
    small = boxes.scale(coarse[None], 32)[0]
    assert small.mean() == pytest.approx(coarse.mean(), abs=1e-5)
    assert_allclose(small, coarse[::2, ::2], atol=1e-4)


def test_a_background_without_contrast_becomes_no_number(rng):
    both = np.stack([np.full((32, 32), 7.0), rng.normal(size=(32, 32))])
    found = boxes.normalise(both, radius=12)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_points_whose_box_lies_outside_are_told(picture):
    x, y = [-15.0, -16.5, -17.0, 335.0, 336.0], [100.0] * 5
    assert_array_equal(boxes.outside(picture.shape, x, y, 32), [False, True, True, False, True])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda b: boxes.normalise(b, radius=30), "leaves 0 background pixels"),
        (lambda b: boxes.normalise(b, radius=0), "radius of 0 pixels"),
        (lambda b: boxes.normalise(b[0], radius=12), r"\(k, n, n\) is needed"),
        (lambda b: boxes.normalise(b * np.nan, radius=12), "NaN or infinite"),
        (lambda b: boxes.scale(b, 64), "cannot be down-sampled to 64"),
        (lambda b: boxes.scale(b, 15), "must be even"),
    ],
)
def test_what_cannot_be_done_is_told(rng, call, told):
    with pytest.raises(BadData, match=told):
        call(rng.normal(size=(2, 32, 32)))


@pytest.mark.program
@pytest.mark.needs("relion_preprocess")
class TestAgainstRelion:
    """Second opinion: RELION's own extraction of the same picks."""

    @pytest.fixture
    def relion(self, picture, tmp_path):
        with mrcfile.new(tmp_path / "mic.mrc") as file:
            file.set_data(picture)
            file.voxel_size = 1.0
        optics = "OpticsGroupName OpticsGroup MicrographOriginalPixelSize Voltage"
        optics += " SphericalAberration AmplitudeContrast MicrographPixelSize"
        mics = tmp_path / "mics.star"
        mics.write_text(
            loop("optics", optics, ["o1 1 1.0 300 2.7 0.1 1.0"])
            + loop("micrographs", "MicrographName OpticsGroup", ["mic.mrc 1"])
        )
        places = [f"{x} {y}" for x, y in POINTS]
        (tmp_path / "mic_autopick.star").write_text(loop("", "CoordinateX CoordinateY", places))

        def run(more):
            command = "relion_preprocess --i mics.star --coord_suffix _autopick.star --coord_dir ./"
            command += f" --part_dir P/ --part_star P/p.star --extract --extract_size 64 {more}"
            subprocess.run(
                command.split(), cwd=tmp_path, capture_output=True, timeout=60, check=False
            )
            return mrcfile.read(tmp_path / "P" / "mic.mrcs")

        return run

    @pytest.mark.parametrize(
        ("more", "how"),
        [
            ("--invert_contrast", {}),
            ("", {"invert": False}),
            ("--invert_contrast --no_ramp", {"ramp": False}),
        ],
    )
    def test_boxes_are_normalised_alike(self, picture, relion, more, how):
        ours = boxes.normalise(boxes.cut(picture, *np.transpose(POINTS), 64), radius=24, **how)
        assert_allclose(ours, relion(f"--norm --bg_radius 24 {more}"), atol=1e-4)

    def test_down_sampled_boxes_are_alike_below_the_nyquist_frequency(self, picture, relion):
        # at it RELION keeps one of the two frequencies that fall together there, we keep their sum
        small = boxes.scale(boxes.cut(picture, *np.transpose(POINTS), 64), 32)
        below = [fourier.transform(b)[..., :16] for b in (small, relion("--scale 32"))]
        rows = np.arange(32) != 16
        assert_allclose(below[0][:, rows], below[1][:, rows], atol=1e-2)  # of values of 30 000


def loop(name, labels, rows):
    heads = "".join(f"_rln{label} #{i}\n" for i, label in enumerate(labels.split(), 1))
    return f"data_{name}\n\nloop_\n{heads}" + "\n".join(rows) + "\n\n"
