import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb import simulate
from focusnb.errors import BadData
from focusnb.kernels import picking
from focusnb.kernels.picking import balls

CENTRES = [(x, y) for x in range(70, 700, 140) for y in range(60, 500, 110)]


def disks(rng, centres=CENTRES, shape=(520, 760), radius=30, depth=0.15, counts=30):
    """Dark disks in counting noise, at x, y."""
    y, x = np.indices(shape)
    field = np.ones(shape)
    for cx, cy in centres:
        field -= depth * ((x - cx) ** 2 + (y - cy) ** 2 < radius**2)
    return rng.poisson(counts * field).astype(np.float32)


def away(picks, centres):
    """Distance of each centre to the nearest pick, pixels."""
    xy = np.stack([picks.x, picks.y])[:, :, None] - np.array(centres).T[:, None]
    return np.hypot(*xy).min(axis=0)


def test_truth_every_particle_is_found_and_nothing_else(rng):
    picks = picking.blobs(disks(rng), pixel_size=2.0, diameter=120.0)
    assert len(picks) == len(CENTRES)
    assert away(picks, CENTRES).max() < 3
    assert (np.diff(picks.score) <= 0).all()
    assert picks.score.min() >= picks.threshold


@pytest.mark.parametrize("shape", ["lobed", "shell", "slab"])
def test_truth_particles_of_several_shapes_are_found_with_the_defaults(shape):
    picture, truth = simulate.micrograph(
        size=1400, seed=5, shape=shape, particles=45, dose=25.0, defocus=18000.0, carbon=0.0,
        thickness=300.0, light_gradient=0.2,
    )  # fmt: skip
    found = picking.blobs(picture, pixel_size=1.0, diameter=truth.diameter, workers=2)
    edge = 0.6 * truth.diameter
    inner = np.all(
        [(np.array(v) > edge) & (np.array(v) < 1400 - edge) for v in (truth.x, truth.y)], 0
    )
    true = picking.points(truth.x, truth.y)
    seen = picking.points(np.array(truth.x)[inner], np.array(truth.y)[inner])
    hits = picking.agree(found, true, distance=0.25 * truth.diameter)
    assert hits.precision > 0.9
    assert picking.agree(found, seen, distance=0.25 * truth.diameter).recall > 0.9


def test_convention_x_is_the_column_and_y_the_row(rng):
    picks = picking.blobs(disks(rng, [(600, 100)], depth=0.4), pixel_size=1.0, diameter=60.0)
    assert [picks.x[0], picks.y[0]] == pytest.approx([600, 100], abs=3)


def test_convention_particles_are_dark_unless_told_otherwise(rng):
    inverted = 60 - disks(rng)
    assert len(picking.blobs(inverted, pixel_size=1.0, diameter=60.0, bright=True)) == len(CENTRES)


def test_convention_the_table_has_the_columns_that_every_picker_gives(rng):
    table = picking.blobs(disks(rng), pixel_size=1.0, diameter=60.0).table()
    assert list(table) == ["x", "y", "score", "diameter", "class", "angle"]
    assert len(table) == len(CENTRES)
    assert (table["class"] == 0).all()


def test_noise_alone_has_no_particles(rng):
    for _ in range(6):
        assert len(picking.blobs(rng.poisson(30, (512, 512)), pixel_size=1.0, diameter=50.0)) == 0


def test_picks_keep_their_distance_and_stay_off_the_border(rng):
    picture = disks(rng, [(100, 100), (130, 100), (300, 20), (400, 300)])
    picks = picking.blobs(
        picture, pixel_size=1.0, diameter=60.0, threshold=1.0, distance=100.0, border=60.0
    )
    apart = np.hypot(picks.x[:, None] - picks.x, picks.y[:, None] - picks.y)
    assert apart[~np.eye(len(picks), dtype=bool)].min() >= 100
    assert min(picks.y.min(), picks.x.min()) >= 60 - 0.3 * 60 - 5  # centred after the border


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.01, 100), offset=st.floats(-10, 10), seed=st.integers(0, 5))
def test_law_units_and_offset_of_the_counts_do_not_matter(gain, offset, seed):
    picture = disks(np.random.default_rng(seed), shape=(260, 260), centres=[(70, 60), (180, 170)])
    one = picking.find_blobs(picture, pixel_size=1.0, diameter=60.0)
    other = picking.find_blobs(gain * (picture + offset), pixel_size=1.0, diameter=60.0)
    assert_allclose(other.score[:2], one.score[:2], rtol=0.02)
    assert_allclose(other.x[:2], one.x[:2], atol=0.3)


def test_law_a_higher_threshold_only_shortens_the_list(rng):
    found = picking.apart(picking.find_blobs(disks(rng), pixel_size=1.0, diameter=60.0), 48.0)
    some = found.above(float(found.score[10]))
    assert_array_equal(some.x, found.x[:11])
    again = picking.apart(some, 48.0)
    assert_array_equal(again.y, some.y)


def test_second_opinion_a_ball_is_the_projection_of_a_ball():
    side, across = 128, 24.0
    y, x = np.indices((side, side)) - side // 2
    solid = 2 * np.sqrt(np.maximum((0.4 * across) ** 2 - x**2 - y**2, 0))
    theirs = np.abs(np.fft.rfft2(solid))
    ours = np.abs(balls.ball((side, side), across, size=0.8, coarsest=1e-3))
    low = np.hypot(*np.meshgrid(np.fft.rfftfreq(side), np.fft.fftfreq(side))) < 1.2 / across
    low[0, 0] = False
    assert_allclose(ours[low], (theirs / theirs[0, 0])[low], atol=0.02)


def test_a_ball_of_the_particles_size_is_found_whatever_diameter_is_given(rng):
    small = picking.find_blobs(disks(rng, radius=20), pixel_size=1.0, diameter=80.0)
    large = picking.find_blobs(disks(rng, radius=36), pixel_size=1.0, diameter=80.0)
    assert small.diameter[0] < large.diameter[0]


def test_the_smallest_diameter_bounds_the_balls_that_are_tried(rng):
    found = picking.find_blobs(disks(rng, radius=15), pixel_size=1.0, diameter=80.0, smallest=60.0)
    assert found.diameter.min() >= 55


@pytest.mark.parametrize("smallest", [0.0, 90.0, float("nan")])
def test_a_smallest_diameter_that_makes_no_sense_is_refused(rng, smallest):
    with pytest.raises(BadData, match="smallest diameter"):
        picking.find_blobs(disks(rng), pixel_size=1.0, diameter=80.0, smallest=smallest)


@pytest.mark.parametrize("diameter", [2.0, 5000.0, float("nan"), -10.0])
def test_a_diameter_that_does_not_fit_is_refused(rng, diameter):
    with pytest.raises(BadData, match="particle_diameter"):
        picking.blobs(rng.random((256, 256)), pixel_size=1.0, diameter=diameter)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [(np.ones((128, 128)), "constant"), (np.full((128, 128), np.nan), "NaN")],
    ids=["constant", "NaN"],
)
def test_pictures_without_content_are_refused(picture, sentence):
    with pytest.raises(BadData, match=sentence):
        picking.blobs(picture, pixel_size=1.0, diameter=30.0)


def test_hot_pixels_and_uneven_light_do_not_matter(rng):
    picture = disks(rng)
    bright = picture * np.linspace(0.6, 1.4, picture.shape[1], dtype=np.float32)
    bright[rng.integers(0, 520, 40), rng.integers(0, 760, 40)] = 4000
    picks = picking.blobs(bright, pixel_size=1.0, diameter=60.0)
    assert len(picks) == len(CENTRES)
    assert away(picks, CENTRES).max() < 6
