"""The particles that can be simulated: their masses, their sizes, and how they look in a picture."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from focusnb import simulate
from focusnb.errors import BadValue
from focusnb.kernels import fourier
from focusnb.simulate import exposure, shapes, specimen

NAMES = sorted(simulate.SHAPES)
VOXEL = 1.23e3  # Å³ for each kDa of protein (Quillin & Matthews, Acta Cryst. D56 (2000) 791)


def extent(points):
    return pdist(points[ConvexHull(points).vertices]).max()


def projected(name, pixel_size=2.0, side=160):
    """One particle without lens and noise, protein positive."""
    spectrum = specimen.proteins(
        (side, side), np.array([[side / 2, side / 2]]), pixel_size=pixel_size,
        rng=np.random.default_rng(0), kind=name,
    )  # fmt: skip
    picture = fourier.inverse(spectrum, (side, side))
    return picture - picture[0, 0]


@pytest.mark.parametrize("name", NAMES)
def test_the_residues_weigh_what_the_shape_states(name):
    mass = len(shapes.residues(name)) * shapes.RESIDUE_MASS
    assert mass == pytest.approx(simulate.SHAPES[name].mass, rel=0.01)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "lobed"])
def test_the_stated_diameter_is_the_largest_extent(name):
    stated = simulate.SHAPES[name].diameter
    assert 0.95 * stated < extent(shapes.residues(name)) <= stated


def test_the_usual_particle_fits_into_its_stated_diameter():
    points = shapes.residues("lobed")
    assert np.linalg.norm(points, axis=1).max() <= simulate.SHAPES["lobed"].diameter / 2


@pytest.mark.parametrize("name", [n for n in NAMES if n != "disk"])
def test_protein_fills_its_shape_about_as_densely_as_protein_does(name):
    shape = simulate.SHAPES[name]
    volume = sum(part.volume for part in shape.parts)
    assert volume / shape.mass == pytest.approx(VOXEL, rel=0.2)


def test_the_volume_of_a_part_is_that_which_its_points_fill():
    part = shapes.Part(half=(30.0, 20.0, 25.0), form="tube", hollow=0.5)
    box = np.random.default_rng(0).uniform(-1, 1, (200_000, 3)) * part.half
    across = np.hypot(box[:, 0] / 30, box[:, 1] / 20)
    filled = ((across > 0.5) & (across < 1)).mean() * 8 * 30 * 20 * 25
    assert part.volume == pytest.approx(filled, rel=0.02)


def test_a_part_is_filled_evenly():
    points = shapes.Part(half=(40.0, 40.0, 40.0), hollow=0.5).fill(40_000, np.random.default_rng(0))
    radius = np.linalg.norm(points, axis=1)
    assert radius.min() > 19.9
    outer = (radius > 30).mean()
    assert outer == pytest.approx((40**3 - 30**3) / (40**3 - 20**3), abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_centre_of_mass_is_where_the_particle_is_placed(name):
    picture = np.maximum(projected(name), 0)
    y, x = np.mgrid[:160, :160]
    assert (picture * x).sum() / picture.sum() == pytest.approx(80, abs=0.6)
    assert (picture * y).sum() / picture.sum() == pytest.approx(80, abs=0.6)


@pytest.mark.parametrize("name", NAMES)
def test_the_phase_of_a_particle_is_that_of_its_residues(name):
    whole = projected(name).sum() * 2.0**2  # rad Å²
    expected = len(shapes.residues(name)) * specimen.RESIDUE_PHASE
    assert whole == pytest.approx(expected, rel=0.02)


def test_a_hollow_shell_is_fainter_in_its_middle_than_at_its_rim():
    picture = fourier.low_pass(projected("shell"), 15.0, pixel_size=2.0)
    away = np.hypot(*(np.mgrid[:160, :160] - 80)) * 2.0
    assert picture[away < 15].mean() < 0.75 * picture[(away > 38) & (away < 48)].mean()


def test_a_fragment_has_a_third_of_the_particle():
    places = np.array([[80.0, 80.0]])
    how = {"pixel_size": 2.0, "rng": np.random.default_rng(0), "kind": "slab"}
    broken = fourier.inverse(specimen.fragments((160, 160), places, **how), (160, 160))
    assert (broken - broken[0, 0]).sum() == pytest.approx(projected("slab").sum() / 3, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_every_shape_is_drawn_where_the_truth_has_it(name):
    asked = simulate.Exposure(shape=name, particles=6, seed=3, thickness=1.0, carbon=0.0)
    optics = simulate.Optics()
    scene = exposure.prepare(asked, optics, 640)
    picture = next(exposure.intensities(scene, asked, optics, 640))
    changed = np.abs(fourier.low_pass(picture, 15.0, pixel_size=1.0) - np.median(picture))
    y, x = np.mgrid[:640, :640]
    away = np.min([np.hypot(x - a, y - b) for a, b in zip(scene.x, scene.y, strict=True)], axis=0)
    radius = simulate.SHAPES[name].diameter / 2
    clear = (away > 2 * radius) & (np.minimum(x, y) > 130) & (np.maximum(x, y) < 510)
    assert len(scene.x) >= 3
    assert changed[away < radius].mean() > 3 * changed[clear].mean()


def test_places_may_touch_when_asked_for():
    sparse = simulate.micrograph(size=512, seed=1, particles=60)[1]
    crowded = simulate.micrograph(size=512, seed=1, particles=60, spacing=0.8)[1]
    apart = pdist(np.column_stack([crowded.x, crowded.y]))
    assert len(crowded.x) > len(sparse.x)
    assert 0.8 * crowded.diameter <= apart.min() < crowded.diameter


def test_an_unknown_shape_is_refused_with_the_known_ones():
    with pytest.raises(BadValue, match="lobed, shell"):
        simulate.micrograph(size=128, shape="cube")


def test_the_usual_particle_is_still_that_of_the_lessons():
    known = [[-8.52, 24.60, 7.26], [-36.82, 12.35, 3.47]]
    assert specimen.particle()[:2] == pytest.approx(np.array(known), abs=0.01)
