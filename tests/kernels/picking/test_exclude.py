import numpy as np
import pytest
from numpy.testing import assert_array_equal

from focusnb import simulate
from focusnb.errors import BadData
from focusnb.kernels import picking

NUMBER = {name: number for number, name in enumerate(picking.KINDS)}


def dirty(kind, part=0.3, **words):
    wanted = {
        "shape": "lobed",
        "particles": 110,
        "defocus": 18000.0,
        "dose": 25.0,
        "seed": 3,
    } | words
    return simulate.micrograph(size=1800, contamination=kind, contaminated=part, **wanted)


def share(mask, truth, picture):
    """Which part of the dirt, and which of the clean places (off the border), a mask covers."""
    y, x = np.mgrid[80:1720:16, 80:1720:16]
    covered = mask.covers(x.ravel(), y.ravel())
    dirt = truth.dirty(x.ravel(), y.ravel())
    return covered[dirt].mean(), covered[~dirt].mean()


@pytest.mark.parametrize("kind", ["carbon edge", "crystalline ice", "aggregates", "dark blobs"])
def test_truth_dirt_is_covered_and_no_pick_lies_in_it(kind):
    picture, truth = dirty(kind)
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=truth.diameter, workers=2)
    dirt, clean = share(mask, truth, picture)
    assert dirt > 0.85
    assert clean < 0.7
    picks = picking.blobs(picture, pixel_size=1.0, diameter=truth.diameter, exclude=mask, workers=2)
    assert len(picks) > 10
    # of some 40 picks; clumps fray out into single particles
    assert truth.dirty(picks.x, picks.y).mean() <= (0.15 if kind == "aggregates" else 0.05)


def test_truth_a_carbon_edge_is_called_carbon():
    picture, truth = dirty("carbon edge")
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=truth.diameter)
    assert mask.fractions()["carbon"] > 0.15


@pytest.mark.parametrize("words", [{}, {"light_gradient": 0.3}, {"wedge": 0.5}, {"particles": 0}])
def test_clean_pictures_are_left_alone(words):
    wanted = {"particles": 60, "defocus": 15000.0} | words
    picture, truth = simulate.micrograph(size=1400, seed=8, dose=25.0, **wanted)
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=truth.diameter)
    assert set(mask.fractions()) == {"free", "border"}


def test_convention_the_border_is_half_a_diameter_unless_told_otherwise(rng):
    picture = rng.poisson(30, (600, 800)).astype(np.float32)
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=80.0)
    assert_array_equal(mask.covers([10, 400, 790], [300, 20, 300]), True)
    assert_array_equal(mask.covers([60, 400, 740], [300, 60, 300]), False)
    wide = picking.exclusion(picture, pixel_size=1.0, diameter=80.0, border=150.0)
    assert wide.covers(120, 300)


def test_defects_of_the_camera_are_found(rng):
    picture = rng.poisson(30, (800, 800)).astype(np.float32)
    picture[:, 300:303] *= 1.5
    picture[400:500, 500:600] = 30
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=80.0)
    assert mask.kinds[50, 37] == NUMBER["defect"] or mask.covers(301, 420)
    assert mask.covers(550, 450)
    assert not mask.covers(150, 150)
    assert "defect" in mask.fractions()


def test_polygons_by_hand_are_pixels_of_the_picture(rng):
    mask = picking.exclusion(rng.poisson(30, (600, 900)), pixel_size=1.0, diameter=60.0)
    drawn = mask.with_polygons([[(400, 100), (700, 100), (700, 300)]])
    assert drawn.covers(650, 150)
    assert not drawn.covers(450, 280)
    assert not mask.covers(650, 150)
    assert set(np.unique(drawn.kinds)) == {0, 1, 7}


@pytest.mark.parametrize(
    "polygon", [[(1, 2), (3, 4)], [(1, 2), (3, np.nan), (5, 6)], [1, 2, 3]], ids=str
)
def test_polygons_that_are_none_are_refused(rng, polygon):
    mask = picking.exclusion(rng.poisson(30, (256, 256)), pixel_size=1.0, diameter=40.0)
    with pytest.raises(BadData, match=r"polygon|corner"):
        mask.with_polygons([polygon])


def test_a_picture_without_its_background_has_no_darker_regions(rng):
    picture = rng.standard_normal((512, 512)).astype(np.float32)
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=60.0)
    assert set(mask.fractions()) == {"free", "border"}


def test_background_free_pictures_are_flat_and_have_the_scatter_1(rng):
    picture = rng.poisson(np.linspace(20, 60, 900), (700, 900)).astype(np.float32)
    flat = picking.background_free(picture, pixel_size=1.0, diameter=60.0)
    assert flat.shape == picture.shape
    assert flat.dtype == np.float32
    assert flat.std() == pytest.approx(1, abs=0.01)
    assert abs(flat[:, :200].mean() - flat[:, -200:].mean()) < 0.1
    assert flat[:, :200].std() == pytest.approx(flat[:, -200:].std(), rel=0.05)


def test_a_polygon_larger_than_the_picture_covers_it(rng):
    mask = picking.exclusion(rng.poisson(30, (256, 256)), pixel_size=1.0, diameter=40.0)
    drawn = mask.with_polygons([[(-1e300, -1e300), (1e300, -1e300), (1e300, 1e12), (-1e12, 1e12)]])
    assert (drawn.kinds == NUMBER["by hand"]).mean() > 0.95


def test_a_ray_of_cosmic_light_hides_nothing(rng):
    picture = rng.poisson(30, (200, 201)).astype(np.float32)
    picture[100, 100] = 1e7
    mask = picking.exclusion(picture, pixel_size=1.0, diameter=30.0)
    assert mask.fractions()["free"] > 0.5
    picks = picking.blobs(picture, pixel_size=1.0, diameter=30.0, exclude=mask)
    assert len(picks) == 0
