import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb import simulate
from focusnb.errors import BadData
from focusnb.kernels import ctf, fourier, picking
from focusnb.kernels.picking import correlation, matching, rotations
from focusnb.simulate.shapes import residues

ARROW = [(-20, 0, 1.0), (-7, 0, 1.0), (6, 0, 1.0), (19, 0, 1.0), (19, 9, 0.9), (19, -9, 0.9)]
HOOK = [(-16, -12, 1.0), (-16, 2, 1.0), (-16, 14, 1.0), (-2, 14, 1.0), (12, 14, 1.0)]
DIAMETER = 64.0  # Å
PLANTED = [
    (90.0, 80.0, 1, 30.0), (230.5, 90.3, 2, -75.0), (400.2, 70.8, 1, 140.0), (95.7, 250.4, 2, 0.0),
    (240.1, 240.9, 1, -110.0), (410.6, 260.2, 2, 165.0), (160.3, 400.7, 1, 90.0), (350.8, 410.1, 2, 55.0),
]  # fmt: skip


def particle(parts, x, y, angle=0.0):
    """Density of a particle of Gaussian parts at x, y (Å from its middle), turned by an angle."""
    a = np.deg2rad(angle)
    u, v = np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x
    return sum(h * np.exp(-((u - px) ** 2 + (v - py) ** 2) / (2 * 6.0**2)) for px, py, h in parts)


def template(parts, *, pixel_size, side):
    away = (np.arange(side) - side // 2) * pixel_size
    return particle(parts, away[None, :], away[:, None])


def scene(rng, *, planted=PLANTED, shape=(490, 500), pixel_size=1.3, depth=0.25, counts=40):
    """Dark particles x, y (pixels), class, angle in counting noise."""
    y, x = np.indices(shape)
    field = np.ones(shape)
    for cx, cy, number, angle in planted:
        parts = (ARROW, HOOK)[number - 1]
        field -= depth * particle(parts, (x - cx) * pixel_size, (y - cy) * pixel_size, angle)
    return rng.poisson(counts * np.clip(field, 0, None)).astype(np.float32)


def stack(pixel_size=2.1, side=48):
    return np.stack([template(p, pixel_size=pixel_size, side=side) for p in (ARROW, HOOK)])


def find(picture, templates=None, **how):
    how = {"pixel_size": 1.3, "template_pixel_size": 2.1, "diameter": DIAMETER, **how}
    return picking.find_templates(picture, stack() if templates is None else templates, **how)


def test_truth_planted_templates_are_found_with_their_place_class_and_angle(rng):
    picks = picking.apart(find(scene(rng)), 40)
    picks = picks.above(picking.automatic(picks))
    assert len(picks) == len(PLANTED)
    for x, y, number, angle in PLANTED:
        nearest = int(np.argmin(np.hypot(picks.x - x, picks.y - y)))
        assert np.hypot(picks.x[nearest] - x, picks.y[nearest] - y) < DIAMETER / 24 / 1.3
        assert picks.classes[nearest] == number
        assert abs((picks.angle[nearest] - angle + 180) % 360 - 180) <= 5.0


def test_convention_turned_by_an_angle_a_template_s_columns_have_its_cos_and_sin():
    away = np.arange(41) - 20
    bar = np.zeros((64, 64))
    bar[32, 32:52] = 1.0  # from the middle along the columns
    turned = rotations.turn(bar[None], np.array([60.0]), pixel_size=1.0, steps=(1.0, 1.0), side=41)[
        0
    ]
    x, y = (float((turned * w).sum() / turned.sum()) for w in (away[None, :], away[:, None]))
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(60, abs=0.5)
    assert np.hypot(x, y) == pytest.approx(9.5, abs=0.3)


@pytest.mark.parametrize(("pixel_size", "side"), [(0.8, 120), (1.3, 75), (3.0, 33)])
def test_truth_templates_of_any_pixel_size_are_turned_onto_the_same_grid(pixel_size, side):
    one = template(HOOK, pixel_size=pixel_size, side=side)
    away = (np.arange(30) - 15) * 2.6
    made = rotations.turn(
        one[None], np.array([35.0]), pixel_size=pixel_size, steps=(2.6, 2.6), side=30
    )
    wanted = particle(HOOK, away[None, :], away[:, None], 35.0)
    assert_allclose(made[0], wanted, atol=0.03 * wanted.max())


@settings(max_examples=5, deadline=None)
@given(gain=st.floats(0.05, 50), offset=st.floats(-20, 20))
def test_law_scores_do_not_know_gain_and_offset_of_picture_and_templates(gain, offset):
    picture = scene(np.random.default_rng(3))
    one = find(picture, angle_step=30.0)
    picked = find(gain * picture + offset, angle_step=30.0)
    turned = find(picture, gain * stack() + offset, angle_step=30.0)
    for other in (picked, turned):
        assert_allclose(other.score[:8], one.score[:8], atol=2e-3)
        assert_allclose(other.x[:8], one.x[:8], atol=0.1)
    assert one.score.max() < 1


def test_law_the_other_contrast_is_the_same_picture_and_the_same_templates(rng):
    picture = scene(rng)
    one = find(picture, angle_step=20.0)
    assert_allclose(
        find(-picture, angle_step=20.0, bright=True).score[:8], one.score[:8], atol=1e-4
    )
    dark = find(picture, -stack(), angle_step=20.0, templates_bright=False)
    assert_allclose(dark.score[:8], one.score[:8], atol=1e-4)


def test_law_threads_change_nothing(rng):
    picture = scene(rng)
    one, three = (find(picture, angle_step=15.0, workers=w) for w in (1, 3))
    assert_array_equal(one.score, three.score)
    assert_array_equal(one.angle, three.angle)


def test_second_opinion_the_correlation_is_that_of_the_direct_formula(rng):
    picture = rng.standard_normal((50, 61)) + np.linspace(0, 4, 61)
    mask = correlation.round_mask(14, (5.2, 5.0), 0.4)
    pictures = rng.standard_normal((5, 14, 14))
    fit = correlation.best_fit(
        correlation.ground(picture, mask), correlation.standardised(pictures, mask)
    )
    for row, column in ((7, 7), (20, 31), (42, 53), (30, 12)):
        seen = picture[row - 7 : row + 7, column - 7 : column + 7]
        direct = [_coefficient(seen, one, mask.astype(float)) for one in pictures]
        assert fit.score[row, column] == pytest.approx(max(direct), abs=1e-5)
        assert fit.which[row, column] == int(np.argmax(direct))
        assert fit.opposite[row, column] == pytest.approx(-min(direct), abs=1e-5)


def _coefficient(a, b, weight):
    """Pearson's correlation coefficient of two pictures under a weight."""
    weight = weight / weight.sum()
    a, b = a - (a * weight).sum(), b - (b * weight).sum()
    return (a * b * weight).sum() / np.sqrt((a**2 * weight).sum() * (b**2 * weight).sum())


def test_a_picture_without_scatter_in_places_gives_no_high_scores_there(rng):
    picture = scene(rng)
    picture[200:400, 200:400] = 40.0
    picks = find(picture, angle_step=20.0)
    inside = (abs(picks.x - 300) < 60) & (abs(picks.y - 300) < 60)
    assert picks.score[inside].max(initial=0) < 0.1


def test_truth_seen_through_the_lens_templates_fit_better():
    lens = {"defocus_u": 21000.0, "defocus_v": 19500.0, "defocus_angle": 25.0, "voltage": 200.0}
    shape, pixel_size = (400, 400), 1.3
    y, x = (np.indices(shape) - 200.0) * pixel_size
    sy, sx = fourier.frequency_grid(shape, pixel_size)
    waves = ctf.transfer(np.hypot(sy, sx), np.arctan2(sy, sx), **lens)
    picture = fourier.inverse(fourier.transform(particle(HOOK, x, y, 40.0)) * waves, shape)
    picture = picture + 0.02 * np.random.default_rng(1).standard_normal(shape)
    with_lens, without = (find(picture, stack()[1], ctf=c, whiten=False) for c in (lens, None))
    assert with_lens.score[0] > without.score[0] + 0.05
    assert [with_lens.x[0], with_lens.y[0]] == pytest.approx([200, 200], abs=1.5)
    assert abs(with_lens.angle[0] - 40) <= 5


def test_truth_whitening_finds_particles_on_a_strong_coarse_background(rng):
    picture = scene(rng, counts=60)
    coarse = fourier.low_pass(rng.standard_normal(picture.shape), 90.0, pixel_size=1.3)
    picture = picture * (1 + 0.25 * coarse / coarse.std())
    true = picking.points(*np.array([p[:2] for p in PLANTED]).T)
    found = [picking.apart(find(picture, whiten=w), 40)[: len(true)] for w in (False, True)]
    plain, white = (len(picking.agree(f, true, distance=12).pairs) for f in found)
    assert white >= 7
    assert white > plain


def test_noise_alone_has_no_particles(rng):
    picks = picking.apart(find(rng.poisson(40, (490, 500)), angle_step=10.0), 40)
    assert picking.automatic(picks) == np.inf


def test_nothing_is_picked_where_it_is_excluded_or_near_the_border(rng):
    picture = scene(rng)
    free = picking.exclusion(picture, pixel_size=1.3, diameter=DIAMETER)
    drawn = free.with_polygons([[(0, 0), (500, 0), (500, 160), (0, 160)]])
    picks = find(picture, exclude=drawn, border=60.0, angle_step=20.0)
    assert len(picks) > 0
    assert picks.y.min() >= 160 - free.step[1]
    assert picks.x.max() <= 499 - 60 / 1.3


def test_truth_projections_of_a_map_find_its_particles(rng):
    picture, truth = simulate.micrograph(
        size=1400, seed=5, shape="slab", particles=40, dose=25.0, defocus=18000.0, carbon=0.0
    )
    points = residues("slab") / 4.0 + 32
    volume = np.histogramdd(points[:, ::-1], bins=64, range=[(-0.5, 63.5)] * 3)[0]
    made = picking.projections(volume, pixel_size=4.0, count=16)
    lens = {"defocus_u": 18000.0, "voltage": 300.0}
    picks = picking.find_templates(
        picture, made.pictures, pixel_size=1.0, template_pixel_size=made.pixel_size,
        diameter=truth.diameter, angle_step=15.0, ctf=lens, workers=2,
    )  # fmt: skip
    picks = picking.apart(picks, 0.8 * truth.diameter)
    hits = picking.agree(
        picks.above(picking.automatic(picks)), picking.points(truth.x, truth.y),
        distance=0.25 * truth.diameter,
    )  # fmt: skip
    assert hits.precision > 0.9
    assert hits.recall > 0.7  # those at the border are not picked


@pytest.mark.parametrize(
    ("templates", "how", "says"),
    [
        (np.zeros(48), {}, r"shape \(48,\)"),
        (np.zeros((0, 48, 48)), {}, r"shape \(0, 48, 48\)"),
        (np.stack([stack()[0], np.ones((48, 48))]), {}, "template 2 is constant"),
        (np.full((2, 48, 48), np.nan), {}, "template 1 has 2304 pixels that are NaN"),
        (None, {"template_pixel_size": 0.0}, "template_pixel_size is 0.0"),
        (None, {"template_pixel_size": 0.5}, "cannot hold a particle_diameter of 64"),
        (None, {"template_pixel_size": 20.0}, "do not fit into the picture"),
        (None, {"diameter": 2.0}, "particle_diameter of 2"),
        (None, {"angle_step": 0.0}, "angle_step is 0.0"),
        (None, {"angle_step": 181.0}, "angle_step is 181"),
        (None, {"angle_step": 0.01}, "more than 20000"),
        (None, {"ctf": {"defocus_u": 1e4}}, "voltage is missing"),
        (None, {"ctf": {"defocus_u": 1e4, "voltage": 300.0, "cs": 2.7}}, "cs is not known"),
        (None, {"ctf": {"defocus_u": np.nan, "voltage": 300.0}}, "defocus_u is nan"),
    ],
)
def test_templates_that_cannot_be_searched_for_are_refused(rng, templates, how, says):
    with pytest.raises(BadData, match=says):
        find(scene(rng, planted=[]), templates, **how)


def test_noise_is_counted_away_from_particles_only(rng):
    found = find(scene(rng), angle_step=20.0)
    raw = picking.points(found.x, found.y, found.score, noise=found.noise)
    centres = np.array([p[:2] for p in PLANTED])
    beside = [(x + 20, y) for x, y in centres]
    near = picking.points(*np.transpose(beside), np.full(len(beside), 0.2))
    many = rng.uniform(0, 500, (2, 400))
    away = np.hypot(*(many[:, :, None] - centres.T[:, None])).min(axis=1) > 60
    far = picking.points(*many[:, away], rng.normal(0.1, 0.02, int(away.sum())))
    both = picking.points(
        *(np.concatenate([getattr(near, n), getattr(far, n)]) for n in ("x", "y", "score"))
    )
    kept = matching.without_imprints(
        picking.points(raw.x, raw.y, raw.score, noise=both), DIAMETER / 1.3
    )
    assert len(kept.noise) == len(far)
