from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.formats import motion_star
from focusnb.kernels.motion import model

RELIONS = Path(__file__).parents[2] / "data" / "relion3.1.3_motioncorr_5x5.star"
HALF = st.floats(-0.5, 0.5)


def test_convention_the_order_of_the_coefficients_is_relions():
    # RELION's file holds its model and what its patches showed: one must explain the other.
    theirs = motion_star.read(RELIONS)
    seen = theirs.local_shifts
    x, y = seen[:, 1] / theirs.width - 0.5, seen[:, 2] / theirs.height - 0.5
    way = model.local_movement(theirs.model, np.arange(theirs.frames), x, y)
    fitted = way[seen[:, 0].astype(int), np.arange(len(seen))]
    rest = seen[:, 3:] - fitted
    assert np.abs(fitted).max() > 3
    assert np.sqrt((rest**2).mean()) < 0.3 * np.sqrt((seen[:, 3:] ** 2).mean())


@settings(max_examples=50)
@given(st.integers(0, 35), st.integers(0, 99), HALF, HALF)
def test_truth_each_coefficient_is_its_own_term(number, z, x, y):
    coefficients = np.zeros(36)
    coefficients[number] = 2.0
    way = model.local_movement(coefficients, [z], x, y)
    axis, rest = divmod(number, 18)
    space, time = divmod(rest, 3)
    wanted = 2.0 * [1, x, x * x, y, y * y, x * y][space] * float(z) ** (time + 1)
    assert way[0, axis] == pytest.approx(wanted)
    assert way[0, 1 - axis] == 0


def test_law_nothing_moves_in_the_first_used_frame(rng):
    way = model.local_movement(rng.standard_normal(36), [0], rng.random(7), rng.random(7))
    assert_allclose(way, 0)


def test_convention_points_broadcast_and_the_last_axis_is_x_y(rng):
    c = rng.standard_normal(36)
    grid = model.local_movement(c, np.arange(4), np.linspace(-0.5, 0.5, 5)[None], [[0.1], [0.2]])
    assert grid.shape == (4, 2, 5, 2)
    assert_allclose(grid[3, 1, 4], model.local_movement(c, [3], 0.5, 0.2)[0])
