"""Templates, projections of maps, and averages of the first picks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage

from focusnb import simulate
from focusnb.errors import BadData
from focusnb.kernels import picking
from focusnb.kernels.picking.rotations import rotations, turn

SIDE, DIAMETER = 64, 48.0


def arrow():
    """A particle that is like no other turn of itself: bright, (SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    shape = (np.abs(y) < 5) & (np.abs(x) < 20)
    shape |= (np.hypot(x - 14, y) < 9) | (np.hypot(x + 12, y - 10) < 5)
    return ndimage.gaussian_filter(shape.astype(np.float32), 1.5)


def bar():
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    return ndimage.gaussian_filter((np.hypot(x / 2.2, y) < 9).astype(np.float32), 1.5)


PLACES = [(100, 90, 0, 30.0), (250, 110, 1, -60.0), (120, 260, 0, 120.0), (270, 280, 1, 10.0)]


def planted(rng, noise=0.3, dark=True):
    """Turned templates in noise: picture (384, 384). A turn by a moves columns to (cos a, sin a)."""
    picture = rng.normal(0, noise, (384, 384)).astype(np.float32)
    for x, y, which, angle in PLACES:
        one = (arrow(), bar())[which]
        turned = ndimage.rotate(one, -angle, reshape=False, order=3)  # rows upwards: the other way
        sign = -1 if dark else 1
        part = picture[y - SIDE // 2 : y + SIDE // 2, x - SIDE // 2 : x + SIDE // 2]
        part += sign * ndimage.shift(turned, (-0.5, -0.5), order=3)[:SIDE, :SIDE]
    return picture


def search(picture, **how):
    wanted = {
        "pixel_size": 1.0, "template_pixel_size": 1.0, "diameter": DIAMETER, "angle_step": 5.0,
    } | how  # fmt: skip
    stack = wanted.pop("templates", np.stack([arrow(), bar()]))
    return picking.apart(picking.find_templates(picture, stack, **wanted), DIAMETER)


def nearest(found, x, y):
    return int(np.argmin(np.hypot(found.x - x, found.y - y)))


def test_truth_planted_templates_are_found_with_their_class_and_angle(rng):
    found = search(planted(rng))
    for x, y, which, angle in PLACES:
        i = nearest(found, x, y)
        assert i < len(PLACES)
        assert np.hypot(found.x[i] - x, found.y[i] - y) < 3
        assert found.classes[i] == which + 1
        turn_of = 180.0 if which else 360.0  # the bar is the same after half a turn
        apart = abs((found.angle[i] - angle + turn_of / 2) % turn_of - turn_of / 2)
        assert apart <= 7.5


def test_convention_particles_are_dark_and_templates_bright_unless_told_otherwise(rng):
    bright = planted(rng, dark=False)
    here = {(x, y) for x, y, *_ in PLACES}
    found = search(bright, bright=True)[: len(PLACES)]
    assert all(min(np.hypot(found.x - x, found.y - y)) < 3 for x, y in here)
    dark = search(planted(rng), templates=-np.stack([arrow(), bar()]), templates_bright=False)
    assert all(min(np.hypot(dark.x[:4] - x, dark.y[:4] - y)) < 3 for x, y in here)


def test_law_gain_and_offset_of_picture_and_template_do_not_matter(rng):
    picture = planted(rng)
    one, other = search(picture), search(7 * picture + 90)
    assert_allclose(other.score[:4], one.score[:4], rtol=1e-2)
    third = search(picture, templates=3 * np.stack([arrow(), bar()]) + 20)
    assert_allclose(third.score[:4], one.score[:4], rtol=1e-2)


def test_templates_of_other_pixels_are_rescaled(rng):
    coarse = np.stack([ndimage.zoom(one, 0.5, order=3) for one in (arrow(), bar())])
    found = search(planted(rng), templates=coarse, template_pixel_size=2.0)
    assert all(min(np.hypot(found.x[:4] - x, found.y[:4] - y)) < 4 for x, y, *_ in PLACES)


def test_the_threshold_takes_what_was_planted_and_no_noise(rng):
    found = search(planted(rng, noise=0.5))
    assert len(found.above(picking.automatic(found))) == len(PLACES)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"templates": np.ones((2, SIDE, SIDE))}, "constant"),
        ({"templates": np.full((1, SIDE, SIDE), np.nan)}, "NaN"),
        ({"templates": np.zeros((2, 2, 2, 2))}, "shape"),
        ({"template_pixel_size": 0.0}, "template_pixel_size"),
        ({"template_pixel_size": 40.0}, "wide"),
        ({"angle_step": 0.0}, "angle_step"),
        ({"angle_step": 200.0}, "angle_step"),
        ({"ctf": {"defocus": 1e4}}, "ctf"),
        ({"diameter": 1.0}, "particle_diameter"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_templates_that_cannot_be_searched_for_are_refused(rng, how, sentence):
    with pytest.raises(BadData, match=sentence):
        search(planted(rng), **how)


def test_convention_a_quarter_turn_moves_columns_to_rows():
    assert rotations(90.0).tolist() == [0.0, 90.0, 180.0, -90.0]
    turned = turn(arrow()[None], np.array([90.0]), pixel_size=1.0, steps=(1.0, 1.0), side=SIDE)[0]
    top = np.unravel_index(ndimage.gaussian_filter(turned, 4).argmax(), turned.shape)
    assert top[0] - SIDE // 2 == pytest.approx(14, abs=2)  # the head lay at x = +14
    assert top[1] - SIDE // 2 == pytest.approx(0, abs=2)


def test_projections_of_a_ball_are_disks_and_cover_all_directions():
    z, y, x = np.mgrid[:48, :48, :48] - 24
    ball = (np.sqrt(x**2 + y**2 + z**2) < 12).astype(np.float32)
    seen = picking.projections(ball, pixel_size=2.0)
    assert len(seen.pictures) > 5
    middle = seen.pictures[:, seen.pictures.shape[1] // 2, seen.pictures.shape[2] // 2]
    assert middle.std() < 0.1 * middle.mean()


def test_averages_look_like_the_particle():
    picture, truth = simulate.micrograph(
        size=2048, seed=2, shape="shell", particles=70, dose=30.0, defocus=18000.0, carbon=0.0
    )
    first = picking.find_blobs(picture, pixel_size=1.0, diameter=truth.diameter, workers=2)
    made = picking.averages(picture, first, pixel_size=1.0, diameter=truth.diameter, workers=2)
    one = made.pictures[0]
    centre = one.shape[0] // 2
    rim = round(0.42 * truth.diameter / made.pixel_size)
    assert one[centre, centre + rim] > one[centre, centre]  # hollow, and bright
    assert made.counts.sum() >= 20


@pytest.mark.parametrize("shape", ["Y", "ring"])
def test_truth_the_second_pass_is_no_worse_than_the_first_and_good(shape):
    picture, truth = simulate.micrograph(
        size=2048, seed=7, shape=shape, particles=90, dose=30.0, defocus=22000.0, carbon=0.0
    )
    diameter = truth.diameter
    true = picking.points(truth.x, truth.y)
    known = {"pixel_size": 1.0, "diameter": diameter, "workers": 2}
    first = picking.apart(picking.find_blobs(picture, **known), 0.8 * diameter)
    second = picking.apart(picking.find_again(picture, first, **known), 0.8 * diameter)
    before, after = (
        picking.agree(found.above(picking.automatic(found)), true, distance=diameter / 4).f1
        for found in (first, second)
    )
    assert after > before - 0.03
    assert after > (0.75 if shape == "Y" else 0.85)


def test_the_second_pass_finds_nothing_in_noise(rng):
    picture = rng.poisson(30, (700, 700)).astype(np.float32)
    first = picking.apart(picking.find_blobs(picture, pixel_size=1.0, diameter=60.0), 48.0)
    second = picking.find_again(picture, first, pixel_size=1.0, diameter=60.0)
    assert picking.automatic(picking.apart(second, 48.0)) == np.inf


def test_without_picks_there_is_nothing_to_average(rng):
    picture = rng.poisson(30, (400, 400)).astype(np.float32)
    with pytest.raises(BadData, match="no picks"):
        picking.averages(picture, picking.points([], []), pixel_size=1.0, diameter=60.0)
