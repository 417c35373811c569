"""The simulated microscope: what it records is what its truth says."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from focusnb import simulate
from focusnb.errors import BadValue
from focusnb.kernels import ctf, dose, fourier, motion
from focusnb.simulate import detector, exposure, plan, specimen


@pytest.fixture(scope="module")
def good():
    return simulate.movie(size=512, frames=8, seed=5, dose_per_frame=5.0)


@pytest.fixture(scope="module")
def picture():
    return simulate.micrograph(seed=2, defocus=14000, astigmatism=300)


def electrons(movie):
    """Frames as electrons, bad pixels filled with the mean."""
    frames = movie.frames * movie.camera.gain
    bad = np.zeros(movie.camera.shape, bool)
    for x, y, width, height in movie.camera.defects:
        bad[y : y + height, x : x + width] = True
    bad[movie.camera.hot[:, 1], movie.camera.hot[:, 0]] = True
    frames[:, bad] = frames[:, ~bad].mean()
    return frames


def expected(**asked):
    """Frames without noise, for exposures with the named words."""
    wanted = simulate.Exposure(particles=3, **asked)
    scene = exposure.prepare(wanted, simulate.Optics(), 256)
    return list(exposure.intensities(scene, wanted, simulate.Optics(), 256))


def bands(picture, near, far, pixel_size=1.0):
    power = fourier.power(picture)
    s = fourier.frequencies(picture.shape, pixel_size)
    inside = [(s >= 1 / coarse) & (s <= 1 / fine) for coarse, fine in (near, far)]
    return power[inside[0]].mean() / power[inside[1]].mean()


def iciness(picture):
    return bands(picture, (3.9, 3.5), (30, 6))


def test_frames_are_small_integers_and_the_same_for_the_same_seed():
    one, two = (simulate.movie(size=128, frames=2, seed=7, particles=1) for _ in range(2))
    assert one.frames.dtype == np.uint8
    assert one.frames.shape == (2, 128, 128)
    assert (one.frames == two.frames).all()
    assert one.truth == two.truth
    other = simulate.movie(size=128, frames=2, seed=8, particles=1)
    assert (other.frames != one.frames).any()


def test_counts_times_gain_are_the_electrons_of_the_truth(good):
    assert electrons(good).mean() == pytest.approx(good.truth.mean_count, rel=0.01)


def test_the_gain_flattens_the_counts(good):
    flat, raw = electrons(good).sum(axis=0), good.frames.sum(axis=0, dtype=float)
    columns = [a.mean(axis=0)[np.abs(np.arange(512) - good.camera.column) > 1] for a in (flat, raw)]
    assert columns[0].std() < 0.6 * columns[1].std()


def test_known_drift_is_found_again(good):
    found = motion.estimate(list(electrons(good)), pixel_size=1.0).shifts
    wrong = found - np.array(good.truth.exposure.shifts)
    assert np.sqrt((wrong**2).sum(axis=1).mean()) < 0.6


def test_a_specimen_that_moves_right_and_up_has_positive_shifts():
    first, second = expected(shifts=((0.0, 0.0), (8.0, 3.0)), dose_per_frame=0.01)
    middle = (slice(20, -20), slice(20, -20))
    back = np.roll(second, (-3, -8), axis=(0, 1))[middle].ravel()
    assert np.corrcoef(first[middle].ravel(), back)[0, 1] > 0.8
    assert np.corrcoef(first[middle].ravel(), second[middle].ravel())[0, 1] < 0.7


def test_thon_rings_give_the_defocus_of_the_truth(picture):
    average, truth = picture
    found = ctf.fit(average, pixel_size=1.0, voltage=300)
    assert found.defocus_u == pytest.approx(truth.exposure.defocus_u, abs=120)
    assert found.defocus_v == pytest.approx(truth.exposure.defocus_v, abs=120)
    turned = (found.defocus_angle - truth.exposure.defocus_angle + 90) % 180 - 90
    assert abs(turned) < 15
    assert found.resolution < 5


@pytest.mark.parametrize("seed", [0, 4])
def test_spots_of_crystalline_ice_do_not_lead_the_search_for_rings_astray(seed):
    average, truth = simulate.micrograph(seed=seed, bad="crystalline ice")
    known = truth.exposure
    found = ctf.fit(average, pixel_size=1.0, voltage=300, high=3.0)  # ice lies within the limits
    assert found.defocus_u == pytest.approx(known.defocus_u, abs=250)
    assert found.defocus_v == pytest.approx(known.defocus_v, abs=250)


def test_particles_are_dark_where_the_truth_has_them(picture):
    average, truth = picture
    smooth = fourier.low_pass(average, 60.0, pixel_size=1.0)
    there = [smooth[round(y), round(x)] for x, y in zip(truth.x, truth.y, strict=True)]
    assert len(there) >= 10
    assert np.mean(there) < smooth.mean() - 2 * smooth.std()


def test_particles_do_not_touch():
    rng = np.random.default_rng(0)
    places = specimen.scatter((1024, 1024), 20, pixel_size=1.0, rng=rng)
    apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    assert apart[~np.eye(len(places), dtype=bool)].min() > specimen.DIAMETER


def test_a_crowded_field_ends_with_the_particles_that_fit():
    rng = np.random.default_rng(0)
    assert 0 < len(specimen.scatter((300, 300), 500, pixel_size=1.0, rng=rng)) < 10


def test_the_particle_is_asymmetric_and_of_the_stated_size():
    points = specimen.particle()
    assert points.mean(axis=0) == pytest.approx(0, abs=1e-9)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))
    assert np.diff(spread).min() > 2
    extent = np.linalg.norm(points[:, None, ::7] - points[None, ::40, ::7], axis=2).max()
    assert extent < specimen.DIAMETER


def test_high_frequencies_fade_with_the_dose():
    still = ((0.0, 0.0),) * 2
    early, late = expected(shifts=still, dose_per_frame=8.0, thickness=1e-6, carbon=0.0)
    kept = fourier.power(late) / fourier.power(early)
    s = fourier.frequencies(early.shape)
    for low, high in ((0.02, 0.03), (0.1, 0.11), (0.2, 0.21)):
        ring = np.median(kept[(s > low) & (s < high)])
        weight = dose.weight((low + high) / 2, dose=8.0, voltage=300)
        assert ring == pytest.approx(weight**2, rel=0.15)


def test_vitreous_ice_has_a_broad_ring_at_3_7_angstrom():
    s = np.linspace(0.05, 0.5, 400)
    assert 1 / s[np.argmax(specimen.structure_factor(s))] == pytest.approx(3.7, abs=0.1)


def test_good_ice_is_not_icy_and_crystalline_ice_is():
    good = simulate.micrograph(size=512, seed=4)[0]
    icy = simulate.micrograph(size=512, seed=4, bad="crystalline ice", crystals=8)[0]
    assert iciness(good) < 1.0
    assert iciness(icy) > 1.5


def test_crystalline_ice_has_sharp_spots_at_the_spacings_of_hexagonal_ice():
    icy = simulate.micrograph(size=512, seed=6, bad="crystalline ice")[0]
    power = fourier.power(icy)
    s = fourier.frequencies(icy.shape)
    bright = s[power > 12 * np.median(power)]
    bright = bright[bright > 0.2]
    away = np.abs(1 / bright[:, None] - np.array(specimen.ICE_SPACINGS)).min(axis=1)
    assert len(bright) > 20
    assert np.median(away) < 0.05


def test_a_dark_exposure_has_hardly_any_counts():
    assert simulate.movie(size=128, frames=2, bad="dark").truth.mean_count < 0.1


def test_a_bad_drift_is_longer_than_any_good_one():
    rng = np.random.default_rng(0)
    bad = [motion.bounding_range(plan.running(16, rng)) for _ in range(50)]
    fine = [motion.bounding_range(plan.settling(16, rng, reach=12)) for _ in range(50)]
    assert min(bad) > 55
    assert max(fine) < 30


def test_a_wrong_focus_is_beyond_seven_micrometres():
    drawn = [plan.exposure(n, bad="wrong focus").defocus_v for n in range(20)]
    assert min(drawn) > 70000


def test_thick_ice_hides_the_thon_rings():
    thick = simulate.micrograph(seed=1, bad="thick")[0]
    found = ctf.fit(thick, pixel_size=1.0, voltage=300)
    assert found.resolution is None or found.resolution > 6


def test_every_fault_is_among_the_first_eight_movies():
    assert set(plan.faults(8)) == {None, *simulate.KINDS}
    assert plan.faults(8, seed=3).count(None) == 3


def test_later_movies_are_mostly_good():
    assert plan.faults(300)[8:].count(None) > 220


def test_defocus_u_is_the_larger_one():
    drawn = [plan.exposure(n) for n in range(30)]
    assert all(e.defocus_u > e.defocus_v for e in drawn)
    assert all(-90 < e.defocus_angle <= 90 for e in drawn)


def test_poisson_counts_have_equal_mean_and_variance():
    rng = np.random.default_rng(0)
    counts = detector.poisson(np.full((400, 500), 2.3), rng).astype(float)
    assert counts.mean() == pytest.approx(2.3, rel=0.01)
    assert counts.var() == pytest.approx(2.3, rel=0.02)
    assert (counts == 0).mean() == pytest.approx(np.exp(-2.3), rel=0.03)


@pytest.mark.parametrize("expected", [0.0, 0.04, 12.0, 19.0, 100.0])
def test_poisson_counts_have_the_expected_mean_at_any_rate(expected):
    counts = detector.poisson(np.full((300, 300), expected), np.random.default_rng(1))
    assert counts.mean() == pytest.approx(expected, rel=0.05)


def test_defects_are_where_the_list_has_them():
    made = detector.camera(256, seed=2)
    frame = made.record(np.full((256, 256), 2.0, np.float32), np.random.default_rng(0))
    assert (frame[made.dead[:, 1], made.dead[:, 0]] == 0).all()
    assert (frame[made.hot[:, 1], made.hot[:, 0]] >= 25).all()
    assert (made.column, 0, 1, 256) in made.defects
    points = {(x, y) for x, y, width, height in made.defects if (width, height) == (1, 1)}
    assert points == {tuple(p) for p in [*made.dead.tolist(), *made.hot[:-2].tolist()]}


def test_truth_is_frozen_and_becomes_one_flat_object(good):
    with pytest.raises(FrozenInstanceError):
        good.truth.mean_count = 3
    known = good.truth.to_json()
    assert known["dose"] == pytest.approx(40)
    assert known["bad"] is None
    assert len(known["particles"]["x"]) == len(known["particles"]["y"])
    assert {"defocus_u", "defocus_v", "defocus_angle", "shifts", "thickness"} <= set(known)


def test_unknown_faults_are_refused_with_the_known_ones():
    with pytest.raises(BadValue, match="crystalline ice"):
        simulate.movie(size=128, bad="rain")
