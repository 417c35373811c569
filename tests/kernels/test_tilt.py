from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import ctf, tilt
from kernels import made

few = settings(max_examples=40, deadline=None)


def estimated(picture, pixel_size=1.5):
    """The tilt, after a fit to the whole picture, as a step would do it."""
    fit = ctf.fit(picture, pixel_size=pixel_size, voltage=300)
    return tilt.estimate(
        picture,
        pixel_size=pixel_size,
        voltage=300,
        defocus_u=fit.defocus_u,
        defocus_v=fit.defocus_v,
        defocus_angle=fit.defocus_angle,
    )


def axis_error(found, axis):
    return abs((found.tilt_axis - axis + 90) % 180 - 90)


@pytest.mark.parametrize(
    ("angle", "axis", "lens", "pixel_size", "shape"),
    [
        (10, 30, {"defocus": 10000}, 1.5, (1400, 1400)),
        (20, -60, {"defocus": 20000, "astigmatism": 800, "defocus_angle": 20}, 1.5, (1200, 1600)),
        (30, 85, {"defocus": 30000, "astigmatism": 500, "defocus_angle": -70}, 1.5, (1400, 1400)),
        (45, 10, {"defocus": 15000}, 2.0, (1400, 1000)),
        (-45, 10, {"defocus": 20000, "astigmatism": 1000, "defocus_angle": 45}, 1.0, (1536, 1800)),
        (-20, -15, {"defocus": 12000}, 1.8, (1100, 1400)),
    ],
)
def test_truth_tilt_within_three_degrees(rng, angle, axis, lens, pixel_size, shape):
    picture = made.tilted(rng, shape, pixel_size=pixel_size, angle=angle, axis=axis, **lens)
    found = estimated(picture, pixel_size)
    assert found.tilt_angle == pytest.approx(angle, abs=3)
    assert axis_error(found, axis) < 5
    assert found.defocus == pytest.approx(lens["defocus"], abs=100)
    assert found.significant
    assert found.gain > 0


@pytest.mark.parametrize(("defocus", "astigmatism"), [(10000, 0), (25000, 700)])
def test_truth_an_untilted_specimen_cannot_be_told_from_flat(rng, defocus, astigmatism):
    found = estimated(made.tilted(rng, defocus=defocus, astigmatism=astigmatism))
    assert abs(found.tilt_angle) < 4.5
    assert not found.significant
    assert found.gain < 1


def test_truth_the_error_is_what_the_error_says(rng):
    off = []
    for axis in (0, 50, -70):
        found = estimated(made.tilted(rng, (1000, 1000), angle=25, axis=axis))
        off.append((found.tilt_angle - 25) / found.tilt_angle_error)
    assert 0.2 < np.sqrt(np.mean(np.square(off))) < 2.5


def test_noise_without_rings_has_no_tilt(rng):
    picture = rng.poisson(30, (1000, 1000)).astype(np.float32)
    found = tilt.estimate(picture, pixel_size=1.3, voltage=300, defocus_u=15000)
    assert not found.significant
    assert found.tilt_angle == 0
    assert found.tilt_angle_error == np.inf


def test_a_real_piece_too_small_for_its_tilt_is_not_said_to_be_tilted():
    place = Path(__file__).parents[2] / "notebooks/data/micrograph_crop.tif"
    assert not estimated(tifffile.imread(place), 0.66655).significant


def test_spots_of_a_crystal_do_not_disturb(rng):
    picture = made.tilted(rng, angle=30, axis=25)
    y, x = np.indices(picture.shape)
    lattice = sum(np.cos(2 * np.pi * (h * x + k * y) / 40) for h, k in ((3, 1), (-1, 3), (4, 5)))
    found = estimated(picture + 10 * lattice.astype(np.float32))
    assert found.tilt_angle == pytest.approx(30, abs=3)
    assert axis_error(found, 25) < 5


def test_convention_a_positive_tilt_has_more_underfocus_at_higher_rows(rng):
    picture = made.tilted(rng, (1400, 1100), angle=30, axis=0)
    found = estimated(picture)
    assert found.tilt_angle > 0
    first, last = (ctf.fit(part, pixel_size=1.5, voltage=300) for part in np.split(picture, 2))
    assert (first.defocus_u + 300) < last.defocus_u  # two halves, fitted by themselves
    assert found.plane(0, 500) == pytest.approx(found.defocus + 500 * np.tan(np.pi / 6), abs=50)


def test_convention_turning_the_picture_turns_the_axis(rng):
    picture = made.tilted(rng, (1200, 1000), angle=30, axis=20)
    one, turned = estimated(picture), estimated(picture.T)  # column and row change places
    assert (turned.tilt_angle, turned.tilt_axis) == pytest.approx((-30, 70), abs=5)
    assert turned.slope == pytest.approx(one.slope[::-1], abs=0.03)


@few
@given(angle=st.floats(-80, 80), axis=st.floats(-89, 90), at=st.floats(-3000, 3000))
def test_law_defocus_is_the_same_along_the_axis_and_steepest_across(angle, axis, at):
    found = replace(FLAT, tilt_angle=angle, tilt_axis=axis)
    a = np.deg2rad(axis)
    assert found.plane(at * np.cos(a), at * np.sin(a)) == pytest.approx(15000, abs=1e-3)
    rise = at * np.tan(np.deg2rad(angle))
    assert found.plane(-at * np.sin(a), at * np.cos(a)) == pytest.approx(15000 + rise, abs=1e-3)


def test_law_offset_scale_and_threads_change_nothing(rng):
    picture = made.tilted(rng, (800, 900), angle=30, axis=40)
    lens = {"pixel_size": 1.5, "voltage": 300, "defocus_u": 15000.0}
    one = tilt.estimate(picture, **lens)
    other = tilt.estimate(picture.astype(np.float64) * 7 + 300, workers=2, **lens)
    assert other.tilt_angle == pytest.approx(one.tilt_angle, abs=0.1)
    assert other.tilt_axis == pytest.approx(one.tilt_axis, abs=0.2)


def test_second_opinion_a_plane_through_fits_of_the_parts(rng):
    picture = made.tilted(rng, (1536, 1536), angle=40, axis=-35)
    places, means = [], []
    for y in range(0, 1536, 512):
        for x in range(0, 1536, 512):
            fit = ctf.fit(picture[y : y + 512, x : x + 512], pixel_size=1.5, voltage=300, high=6)
            places.append((1, (x + 255.5 - 767.5) * 1.5, (y + 255.5 - 767.5) * 1.5))
            means.append((fit.defocus_u + fit.defocus_v) / 2)
    plane = np.linalg.lstsq(np.array(places), np.array(means), rcond=None)[0]
    assert estimated(picture).slope == pytest.approx(plane[1:], abs=0.07)


FLAT = tilt.Tilt(0.0, 0.0, 15000.0, 1.0, 90.0, 10.0, 50.0, 50.0, False, 0.0, 0.0)


def test_truth_the_stretched_spectrum_has_rings_to_higher_resolution(rng):
    lens = {"defocus": 20000, "astigmatism": 600, "defocus_angle": 30}
    picture = made.tilted(rng, (1500, 1500), angle=45, axis=20, **lens)
    found = estimated(picture)
    stretched = tilt.spectrum(picture, found, pixel_size=1.5, voltage=300)
    before, after = (
        ctf.fit(picture, pixel_size=1.5, voltage=300),
        ctf.fit_spectrum(stretched, voltage=300),
    )
    assert after.resolution < before.resolution - 1
    assert (after.defocus_u, after.defocus_v) == pytest.approx((20300, 19700), abs=100)
    assert after.defocus_angle == pytest.approx(30, abs=5)


def test_law_without_tilt_the_stretched_spectrum_is_the_spectrum(rng):
    picture = made.tilted(rng, (1000, 1200))
    stretched = tilt.spectrum(picture, FLAT, pixel_size=1.5, voltage=300)
    plain = ctf.power_spectrum(picture, pixel_size=1.5)
    assert stretched.values.shape == plain.values.shape
    assert (stretched.pixel_size, stretched.tiles) == (plain.pixel_size, plain.tiles)
    middle = slice(80, -80)
    assert_allclose(
        stretched.values[middle, middle].mean(), plain.values[middle, middle].mean(), rtol=0.03
    )
    flat = [v.values[200:312, 320:400].ravel() for v in (stretched, plain)]
    assert np.corrcoef(*flat)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": np.ones((512, 512))}, "constant"),
        ({"picture": np.eye(128)}, "at least 256"),
        ({"picture": np.full((512, 512), np.nan)}, "NaN"),
        ({"pixel_size": 0.0}, "pixel size"),
        ({"pixel_size": 10.0}, "nothing to compare"),
        ({"high": 40.0}, "larger one"),
        ({"defocus_u": np.nan}, "fit it first"),
        ({"voltage": 0.0}, "voltage"),
        ({"low": 6.0, "high": 5.5}, "points"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(rng, change, words):
    given = {"picture": rng.random((512, 512)), "pixel_size": 1.0, "voltage": 300}
    given |= {"defocus_u": 15000.0, **change}
    with pytest.raises(BadData, match=words):
        tilt.estimate(given.pop("picture"), **given)


@pytest.mark.parametrize("box", [63, 32])
def test_a_box_that_cannot_be_is_refused(rng, box):
    with pytest.raises(BadData, match="box"):
        tilt.spectrum(rng.random((512, 512)), FLAT, pixel_size=1.0, voltage=300, box=box)
