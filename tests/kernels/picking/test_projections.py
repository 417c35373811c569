import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter, map_coordinates

from focusnb.errors import BadData
from focusnb.kernels.picking.projections import frame, projections, spread


def test_second_opinion_a_projection_is_the_sum_along_its_direction(rng):
    volume = np.zeros((40, 40, 40))
    volume[tuple(rng.integers(10, 30, (3, 50)))] = rng.random(50)
    volume = gaussian_filter(volume, 1.5)
    made = projections(volume, pixel_size=2.0, count=12)
    away = np.arange(40) - 20
    z, y, x = np.meshgrid(away, away, away, indexing="ij")
    for number in (0, 5, 11):
        axes = frame(made.directions[number])
        at = x[..., None] * axes[0] + y[..., None] * axes[1] + z[..., None] * axes[2] + 20
        direct = map_coordinates(volume, [at[..., 2], at[..., 1], at[..., 0]], order=3).sum(axis=0)
        assert np.corrcoef(direct.ravel(), made.pictures[number].ravel())[0, 1] > 0.999
    along_z = projections(volume, pixel_size=2.0, count=1)
    assert_allclose(along_z.pictures[0], volume.sum(axis=0), atol=0.1 * volume.sum(axis=0).max())


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 300))
def test_law_directions_are_spread_evenly(count):
    directions = spread(count)
    assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.linalg.norm(directions.mean(axis=0)) < 0.6 / count**0.5
    apart = np.arccos(np.clip(directions @ directions.T, -1, 1)) + 9 * np.eye(count)
    assert apart.min() > 1.6 / count**0.5  # an even grid has about 3.5 / √n


def test_a_large_map_is_cropped_and_its_pixel_size_says_so(rng):
    volume = rng.random((120, 100, 110))
    made = projections(volume, pixel_size=1.5, angle_step=60.0, largest=60)
    assert made.pictures.shape == (12, 60, 60)
    assert made.pixel_size == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"volume": np.zeros((9, 9))}, "shape"),
        ({"volume": np.full((9, 9, 9), np.nan)}, "NaN"),
        ({"volume": np.ones((9, 9, 9))}, "constant"),
        ({"pixel_size": 0.0}, "pixel size"),
        ({"count": 0}, "0 directions"),
        ({"angle_step": 200.0}, "200"),
    ],
)
def test_a_map_that_cannot_be_projected_is_refused(rng, how, says):
    given_ = {"volume": rng.random((16, 16, 16)), "pixel_size": 2.0, **how}
    with pytest.raises(BadData, match=says):
        projections(given_.pop("volume"), **given_)
