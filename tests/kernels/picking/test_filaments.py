import numpy as np
import pytest
from scipy import ndimage

from focusnb.errors import BadData
from focusnb.kernels import picking

WIDTH = 20.0


def curves(shape=(700, 700)):
    """Two filaments: a straight one and an arc; points x, y a pixel apart."""
    t = np.linspace(0, 1, 1500)
    straight = np.column_stack([80 + 450 * t, 120 + 150 * t])
    turn = np.linspace(0.3, 1.6, 1500)
    arc = np.column_stack([80 + 480 * np.cos(turn), 100 + 480 * np.sin(turn)])
    return straight, arc


def drawn(rng, depth=0.25, counts=30):
    """Dark filaments in counting noise."""
    field = np.zeros((700, 700))
    for curve in curves():
        column, row = np.rint(curve).astype(int).T
        field[row, column] = 1
    near = ndimage.distance_transform_edt(field == 0) < WIDTH / 2
    return rng.poisson(counts * (1 - depth * near)).astype(np.float32)


def away(picks):
    """Distance of picks to the nearest filament, and its direction there in degrees."""
    points = np.concatenate(curves())
    tangent = np.concatenate([np.gradient(curve, axis=0) for curve in curves()])
    apart = np.hypot(picks.x[:, None] - points[:, 0], picks.y[:, None] - points[:, 1])
    near = apart.argmin(axis=1)
    return apart.min(axis=1), np.rad2deg(np.arctan2(tangent[near, 1], tangent[near, 0]))


def test_truth_segments_lie_on_the_filaments_and_know_their_direction(rng):
    picks = picking.filaments(drawn(rng), pixel_size=1.0, diameter=WIDTH, spacing=30.0)
    apart, direction = away(picks)
    assert len(picks) > 20
    assert (apart < 5).mean() > 0.95
    wrong = np.abs((picks.angle - direction + 90) % 180 - 90)
    assert np.median(wrong) < 5
    assert ((picks.angle > -90) & (picks.angle <= 90)).all()


def test_convention_classes_number_the_filaments_and_segments_keep_their_spacing(rng):
    picks = picking.filaments(drawn(rng), pixel_size=2.0, diameter=2 * WIDTH, spacing=60.0)
    assert set(picks.classes) >= {1, 2}
    for number in np.unique(picks.classes):
        one = picks[picks.classes == number]
        order = np.argsort(one.x + one.y * 1e-3)
        steps = np.hypot(np.diff(one.x[order]), np.diff(one.y[order]))
        assert np.median(steps) == pytest.approx(30, abs=4)


def test_convention_filaments_are_dark_unless_told_otherwise(rng):
    picture = 60 - drawn(rng)
    bright = picking.filaments(picture, pixel_size=1.0, diameter=WIDTH, bright=True)
    assert len(bright) > 20
    assert len(picking.filaments(picture, pixel_size=1.0, diameter=WIDTH)) < len(bright) / 4


def test_noise_alone_has_no_filaments(rng):
    picture = rng.poisson(30, (600, 600)).astype(np.float32)
    assert len(picking.filaments(picture, pixel_size=1.0, diameter=WIDTH)) == 0


@pytest.mark.parametrize("how", [{"spacing": 0.0}, {"shortest": float("nan")}, {"diameter": 1e5}])
def test_lengths_that_make_no_sense_are_refused(rng, how):
    with pytest.raises(BadData):
        picking.filaments(drawn(rng), **({"pixel_size": 1.0, "diameter": WIDTH} | how))
