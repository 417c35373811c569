import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from focusnb import simulate
from focusnb.errors import BadData
from focusnb.kernels import picking

DIAMETER = 90.0  # Å, of the bars below
PIXEL = 3.0  # Å


def bars(rng, *, count=45, side=420, depth=0.1, counts=60, length=84.0, width=30.0):
    """Dark bars in random directions and in counting noise, and their places and directions."""
    places = []
    for _ in range(4000):
        one = rng.uniform(25, side - 25, 2)
        if len(places) < count and all(np.hypot(*(one - p)) > 36 for p in places):
            places.append(one)
    angles = rng.uniform(-90, 90, len(places))
    y, x = np.indices((side, side))
    field = np.ones((side, side))
    for (cx, cy), angle in zip(places, np.deg2rad(angles), strict=True):
        u = (np.cos(angle) * (x - cx) + np.sin(angle) * (y - cy)) * PIXEL
        v = (np.cos(angle) * (y - cy) - np.sin(angle) * (x - cx)) * PIXEL
        inside = np.clip((length / 2 - abs(u)) / 6 + 0.5, 0, 1)
        field -= depth * inside * np.clip((width / 2 - abs(v)) / 6 + 0.5, 0, 1)
    return rng.poisson(counts * field).astype(np.float32), picking.points(
        *np.transpose(places), angle=angles
    )


def first(picture, **how):
    return picking.find_blobs(picture, pixel_size=PIXEL, diameter=DIAMETER, **how)


def again(picture, picks, **how):
    return picking.find_again(picture, picks, pixel_size=PIXEL, diameter=DIAMETER, **how)


def f1(found, true, *, diameter=DIAMETER, pixel_size=PIXEL):
    """F1 at the automatic threshold."""
    found = picking.apart(found, 0.8 * diameter / pixel_size)
    found = found.above(picking.automatic(found))
    return picking.agree(found, true, distance=0.25 * diameter / pixel_size).f1


def test_truth_a_second_pass_finds_more_of_what_is_not_round(rng):
    picture, true = bars(rng, depth=0.075)
    picks = first(picture)
    found = again(picture, picks)
    assert f1(found, true) > max(f1(picks, true) + 0.05, 0.9)


@pytest.mark.parametrize(
    ("shape", "seed", "dose"), [("ring", 4, 12.0), ("lobed", 4, 10.0), ("shell", 3, 12.0)]
)
def test_truth_a_second_pass_is_better_on_simulated_particles(shape, seed, dose):
    picture, truth = simulate.micrograph(
        size=1800, seed=seed, shape=shape, particles=70, dose=dose, defocus=17000.0, carbon=0.0
    )
    how = {"pixel_size": 1.0, "diameter": truth.diameter, "workers": 2, "border": 0.0}
    picks = picking.find_blobs(picture, **how)
    found = picking.find_again(picture, picks, **how)
    true = picking.points(truth.x, truth.y)
    before, after = (f1(p, true, diameter=truth.diameter, pixel_size=1.0) for p in (picks, found))
    assert after >= before
    assert after > 0.9


def test_truth_averages_show_the_particle_in_the_middle_and_bright(rng):
    picture, _ = bars(rng)
    made = picking.averages(picture, first(picture), pixel_size=PIXEL, diameter=DIAMETER)
    assert 1 <= len(made.pictures) <= 4
    best = made.pictures[np.argmax(made.counts)]
    away = (np.arange(len(best)) - len(best) // 2) * made.pixel_size
    near = np.hypot(away[None, :], away[:, None]) < 0.6 * DIAMETER
    mass = np.maximum(best, 0) * near
    assert best[len(best) // 2, len(best) // 2] > 0.7 * best[near].max()
    x, y = ((mass * a).sum() / mass.sum() for a in (away[None, :], away[:, None]))
    assert np.hypot(x, y) < 0.1 * DIAMETER
    at = np.meshgrid(away, away)
    spread = np.linalg.eigvalsh(np.cov(np.reshape(at, (2, -1)), aweights=mass.ravel()))
    assert spread[1] > 2 * spread[0]  # a bar, no disk


def test_truth_averages_are_templates_for_other_pictures(rng):
    one, _ = bars(rng)
    other, true = bars(rng, depth=0.075)
    made = picking.averages(one, first(one), pixel_size=PIXEL, diameter=DIAMETER)
    found = picking.find_templates(
        other, made.pictures, pixel_size=PIXEL, template_pixel_size=made.pixel_size,
        diameter=DIAMETER, angle_step=15.0,
    )  # fmt: skip
    assert f1(found, true) > 0.9


def test_convention_the_angle_turns_the_average_onto_the_particle(rng):
    picture, true = bars(rng, depth=0.075)
    found = picking.apart(again(picture, first(picture)), 24)[: len(true)]
    hits = picking.agree(found, true, distance=8).pairs
    wrong = found.angle[hits[:, 0]] - true.angle[hits[:, 1]]
    number = found.classes[hits[:, 0]]
    most = number == np.bincount(number).argmax()
    assert most.sum() >= 10
    # the average lies in some direction: the same difference for all of its class
    assert abs(np.exp(2j * np.deg2rad(wrong[most])).mean()) > 0.9


def test_law_the_same_picture_gives_the_same_picks_however_many_threads(rng):
    picture, _ = bars(rng, depth=0.075)
    picks = first(picture)
    one, other = (again(picture, picks, workers=w) for w in (1, 3))
    assert_array_equal(one.score, other.score)
    assert_array_equal(one.x, other.x)


def test_law_the_other_contrast_is_found_alike(rng):
    picture, _ = bars(rng, depth=0.075)
    dark = again(picture, first(picture))
    bright = again(-picture, first(-picture, bright=True), bright=True)
    assert_allclose(bright.score[:20], dark.score[:20], rtol=1e-3)


def test_law_gain_and_offset_of_the_picture_change_nothing(rng):
    picture, _ = bars(rng, depth=0.075)
    one = again(picture, first(picture))
    other = again(7 * picture + 100, first(7 * picture + 100))
    assert_allclose(other.score[:20], one.score[:20], rtol=1e-2)


def given_back(picture, picks):
    """The second pass is the first one, in the order and with the threshold that it had."""
    found = again(picture, picks)
    assert_array_equal(found.x, picks.x)
    spaced, before = (picking.apart(p, 24) for p in (found, picks))
    assert len(spaced.above(picking.automatic(spaced))) == len(
        before.above(picking.automatic(before))
    )


@pytest.mark.parametrize("seed", range(3))
def test_on_noise_alone_the_first_pass_is_given_back(seed):
    picture = np.random.default_rng(seed).poisson(40, (420, 420))
    given_back(picture, first(picture))


def test_of_few_particles_the_first_pass_is_given_back(rng):
    picture, _ = bars(rng, count=8, depth=0.2)
    given_back(picture, first(picture))


def test_of_few_picks_there_is_the_mean_over_all_directions_only(rng):
    picture, true = bars(rng, count=8, depth=0.2)
    made = picking.averages(picture, true, pixel_size=PIXEL, diameter=DIAMETER)
    assert len(made.pictures) == 1
    assert made.counts[0] == len(true)
    one = made.pictures[0]
    assert_allclose(one[1:, 1:], np.rot90(one[1:, 1:]), atol=0.05 * one.max())


def test_picks_by_hand_are_enough_to_learn_from(rng):
    picture, true = bars(rng, depth=0.1)
    by_hand = picking.points(true.x[:25], true.y[:25])
    found = again(picture, by_hand)
    assert f1(found, true) > 0.9


def test_nothing_is_picked_where_it_is_excluded(rng):
    picture, _ = bars(rng, depth=0.1)
    free = picking.exclusion(picture, pixel_size=PIXEL, diameter=DIAMETER)
    drawn = free.with_polygons([[(0, 0), (150, 0), (150, 420), (0, 420)]])
    found = again(picture, first(picture, exclude=drawn), exclude=drawn)
    assert len(found) > 20
    assert found.x.min() >= 150 - free.step[0]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"count": 5}, "5 averages"),
        ({"diameter": 4.0}, "particle_diameter"),
        ({"pixel_size": -1.0}, "pixel size"),
    ],
)
def test_averages_that_cannot_be_made_are_refused(rng, how, says):
    picture, true = bars(rng)
    with pytest.raises(BadData, match=says):
        picking.averages(picture, true, **{"pixel_size": PIXEL, "diameter": DIAMETER, **how})


def test_without_picks_there_is_nothing_to_average(rng):
    picture = rng.poisson(40, (420, 420))
    with pytest.raises(BadData, match="no picks to average"):
        picking.averages(picture, first(picture), pixel_size=PIXEL, diameter=DIAMETER)


def test_picks_by_hand_that_are_few_are_given_back_as_they_are(rng):
    picture, true = bars(rng)
    found = again(picture, true[:5])
    assert_array_equal(found.x, true.x[:5])


def test_where_all_is_excluded_nothing_is_found_and_picks_by_hand_stay(rng):
    picture, true = bars(rng)
    free = picking.exclusion(picture, pixel_size=PIXEL, diameter=DIAMETER)
    all_of_it = free.with_polygons([[(-9, -9), (430, -9), (430, 430), (-9, 430)]])
    found = again(picture, true, exclude=all_of_it)
    assert_array_equal(found.x, true.x)
