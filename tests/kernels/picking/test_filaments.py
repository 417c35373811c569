import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from focusnb.errors import BadData
from focusnb.kernels import ctf, fourier, picking
from focusnb.kernels.picking import ridges

PIXEL = 2.0  # Å
WIDTH = 90.0  # Å


def arc(x, y, angle, *, length=2000.0, bend=0.0):
    """Points (n, 2) x, y in pixels of a curve that begins at x, y; bend: degrees per 1000 Å."""
    way = np.arange(0, length / PIXEL, 0.5)
    turned = np.deg2rad(angle + bend * way * PIXEL / 1000)
    return np.column_stack(
        [x + np.cumsum(np.cos(turned)) * 0.5, y + np.cumsum(np.sin(turned)) * 0.5]
    )


CURVES = [
    arc(80, 120, 10, bend=8),
    arc(100, 700, -35, bend=10),
    arc(420, 800, -20, bend=-5),
    arc(900, 300, 65),
]


def density(curves, *, shape=(1024, 1100), width=WIDTH):
    """Projected cylinders along curves: 1 in their middle."""
    total = np.zeros(shape, np.float32)
    for curve in curves:
        column, row = np.rint(curve).astype(int).T
        inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        away = np.ones(shape, bool)
        away[row[inside], column[inside]] = False
        part = distance_transform_edt(away) * PIXEL / (width / 2)
        total += np.sqrt(np.clip(1 - part**2, 0, None))
    return total


def scene(rng, curves=CURVES, *, depth=0.08, counts=80, lens=None, background=0.0, **how):
    """Dark filaments in counting noise, as the lens shows them if there is one."""
    field = density(curves, **how)
    if lens:
        sy, sx = fourier.frequency_grid(field.shape, PIXEL)
        waves = ctf.transfer(np.hypot(sy, sx), np.arctan2(sy, sx), voltage=300.0, **lens)
        field = -fourier.inverse(fourier.transform(field) * waves.astype(np.float32), field.shape)
    light = 1 + background * np.linspace(-1, 1, field.shape[1])
    coarse = gaussian_filter(rng.standard_normal(field.shape), 60)
    light = light + background * 0.3 * coarse / coarse.std()
    return rng.poisson(np.clip(counts * light * (1 - depth * field), 0, None)).astype(np.float32)


def find(picture, **how):
    return picking.filaments(picture, **{"pixel_size": PIXEL, "diameter": WIDTH, **how})


def compared(picks, curves=CURVES, margin=1.5 * WIDTH / PIXEL, shape=(1024, 1100)):
    """Part of the segments on a curve, part of the curves with segments, angles' errors (degrees)."""
    points = np.concatenate(curves)
    angles = np.concatenate(
        [np.rad2deg(np.arctan2(*np.gradient(c, axis=0).T[::-1])) for c in curves]
    )
    away, nearest = cKDTree(points).query(np.column_stack([picks.x, picks.y]))
    on = away < 0.25 * WIDTH / PIXEL
    number = np.repeat(np.arange(len(curves)), [len(c) for c in curves])
    inner = ((points > margin) & (points < np.array(shape[::-1]) - margin)).all(axis=1)
    for k in range(len(curves)):
        others = points[number != k]
        if len(others):
            inner[number == k] &= cKDTree(others).query(points[number == k])[0] > margin
    reached = cKDTree(np.column_stack([picks.x, picks.y])).query(points[inner])[0]
    wrong = abs((picks.angle - angles[nearest] + 90) % 180 - 90)[on]
    return on.mean(), (reached < WIDTH / PIXEL).mean(), wrong


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"depth": 0.2, "lens": {"defocus_u": 15000.0}},
        {"depth": 0.2, "lens": {"defocus_u": 28000.0}, "background": 0.1},
        {"background": 0.2},
        {"counts": 40, "depth": 0.1},
    ],
    ids=str,
)
def test_truth_curved_filaments_are_found_all_along(rng, how):
    picks = find(scene(rng, **how))
    precise, complete, wrong = compared(picks)
    assert precise > 0.9
    assert complete > 0.9
    assert np.median(wrong) < 4
    assert len(np.unique(picks.classes)) == len(CURVES)


@pytest.mark.parametrize("angle", [-60.0, -5.0, 30.0, 90.0])
def test_convention_the_angle_has_the_direction_cos_sin_of_column_and_row(rng, angle):
    way = np.deg2rad(angle)
    start = 512 - 350 * np.cos(way), 512 - 350 * np.sin(way)
    picks = find(scene(rng, [arc(*start, angle, length=1400.0)], shape=(1024, 1024)))
    assert len(picks) > 8
    assert (abs((picks.angle - angle + 90) % 180 - 90) < 3).all()
    assert ((picks.angle > -90) & (picks.angle <= 90)).all()
    along = (picks.x - 512) * np.cos(way) + (picks.y - 512) * np.sin(way)
    aside = (picks.y - 512) * np.cos(way) - (picks.x - 512) * np.sin(way)
    assert abs(aside).max() < 0.15 * WIDTH / PIXEL
    assert abs(along).max() < 350 + 0.5 * WIDTH / PIXEL


@pytest.mark.parametrize("spacing", [40.0, 90.0, 250.0])
def test_segments_of_a_filament_keep_their_spacing(rng, spacing):
    picks = find(scene(rng, CURVES[:1]), spacing=spacing)
    assert set(picks.classes) == {1}
    order = np.argsort(picks.x)
    steps = np.hypot(np.diff(picks.x[order]), np.diff(picks.y[order])) * PIXEL
    assert_allclose(steps, spacing, rtol=0.05)


def test_a_class_is_one_filament_and_a_threshold_takes_whole_ones(rng):
    found = picking.find_filaments(scene(rng), pixel_size=PIXEL, diameter=WIDTH)
    assert_array_equal(np.unique(found.classes), np.arange(1, found.classes.max() + 1))
    assert all(len(set(found.score[found.classes == k])) == 1 for k in np.unique(found.classes))
    best = found.score[found.classes == 1][0]
    assert set(found.above(best).classes) == {1}
    assert (found.diameter == WIDTH).all()


def test_where_filaments_cross_there_are_no_segments_and_both_go_on(rng):
    curves = [arc(60, 300, 10, length=1900.0), arc(300, 60, 75, length=1700.0)]
    picture = scene(rng, curves)
    picks = find(picture, spacing=45.0)
    away, _ = cKDTree(curves[0]).query(curves[1])
    crossing = curves[1][np.argmin(away)]
    near = np.hypot(picks.x - crossing[0], picks.y - crossing[1]) * PIXEL
    assert near.min() > 0.9 * WIDTH
    assert len(np.unique(picks.classes)) == 2
    for k in (1, 2):
        sides = (
            picks.y - crossing[1]
            if np.ptp(picks.y[picks.classes == k]) > 400
            else picks.x - crossing[0]
        )
        assert (sides[picks.classes == k] < 0).any()
        assert (sides[picks.classes == k] > 0).any()


def test_law_gain_and_offset_of_the_picture_change_nothing(rng):
    picture = scene(rng)
    one, other = find(picture), find(5 * picture + 300)
    assert_allclose(other.x, one.x, atol=0.1)
    assert_allclose(other.score, one.score, rtol=1e-3)


def test_law_the_other_contrast_is_found_alike(rng):
    picture = scene(rng)
    dark, bright = find(picture), find(-picture, bright=True)
    assert_allclose(bright.x, dark.x, atol=0.1)
    assert len(find(-picture)) == 0


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000))
def test_noise_alone_has_no_filaments(seed):
    assert len(find(np.random.default_rng(seed).poisson(60, (1024, 1024)))) == 0


def test_round_particles_are_no_filaments_however_crowded(rng):
    field, places = np.ones((1100, 1100)), []
    away = np.arange(-25, 26) * PIXEL / (WIDTH / 2)
    ball = np.sqrt(np.clip(1 - away**2 - away[:, None] ** 2, 0, None))
    for place in rng.integers(25, 1075, (6000, 2)):
        if all(np.hypot(*(place - other)) > 1.2 * WIDTH / PIXEL for other in places):
            places.append(place)
            row, column = (slice(n - 25, n + 26) for n in place)
            field[row, column] -= 0.12 * ball
    assert len(places) > 150
    assert len(find(rng.poisson(80 * field).astype(np.float32))) == 0


def test_the_edge_of_a_dark_region_is_no_filament(rng):
    y, x = np.indices((1024, 1024))
    step = 1 / (1 + np.exp((x + 0.3 * y - 600) / 6))
    assert len(find(rng.poisson(80 * (1 - 0.3 * step)).astype(np.float32))) == 0


def test_nothing_is_picked_where_it_is_excluded_or_near_the_border(rng):
    picture = scene(rng)
    free = picking.exclusion(picture, pixel_size=PIXEL, diameter=WIDTH)
    drawn = free.with_polygons([[(0, 0), (1100, 0), (1100, 200), (0, 200)]])
    picks = find(picture, exclude=drawn, border=200.0)
    assert len(picks) > 10
    assert picks.y.min() >= 200 - free.step[1]
    assert picks.x.min() >= 100


def test_only_filaments_of_the_shortest_length_are_taken(rng):
    curves = [arc(100, 200, 5, length=700.0), arc(100, 700, 5, length=1700.0)]
    picture = scene(rng, curves)
    assert len(np.unique(find(picture, shortest=400.0).classes)) == 2
    long = find(picture, shortest=1200.0)
    assert set(long.classes) == {1}
    assert long.y.min() > 600


def test_second_opinion_the_answer_is_a_convolution_with_the_drawn_filter(rng):
    flat = gaussian_filter(rng.standard_normal((120, 130)), 1.5)
    seen = ridges.oriented(flat, 8.0)
    number = 5
    angle = np.pi * number / ridges.DIRECTIONS
    y, x = np.mgrid[-45:46, -45:46].astype(float)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    s, t = ridges.ACROSS * 8, ridges.ALONG * 8
    line = (1 - (across / s) ** 2) * np.exp(-0.5 * ((across / s) ** 2 + (along / t) ** 2))
    direct = [
        (line * flat[r - 45 : r + 46, c - 45 : c + 46]).sum()
        for r in (50, 60, 70)
        for c in (50, 64, 80)
    ]
    ours = [seen.answers[r, c, number] for r in (50, 60, 70) for c in (50, 64, 80)]
    assert np.corrcoef(direct, ours)[0, 1] > 0.9999


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"spacing": 0.0}, "spacing of segments is 0.0"),
        ({"shortest": -5.0}, "shortest filament is -5.0"),
        ({"diameter": 3.0}, "particle_diameter of 3"),
        ({"pixel_size": np.nan}, "pixel size"),
    ],
)
def test_what_cannot_be_followed_is_refused(rng, how, says):
    with pytest.raises(BadData, match=says):
        find(rng.random((256, 256)), **how)


def test_a_constant_picture_is_refused():
    with pytest.raises(BadData, match="constant"):
        find(np.ones((256, 256)))


def test_where_all_is_excluded_there_are_no_filaments(rng):
    picture = scene(rng, CURVES[:1], shape=(600, 1100))
    free = picking.exclusion(picture, pixel_size=PIXEL, diameter=WIDTH)
    all_of_it = free.with_polygons([[(-9, -9), (1110, -9), (1110, 610), (-9, 610)]])
    assert len(find(picture, exclude=all_of_it)) == 0
