"""Contamination and uneven pictures: what is drawn is what the truth says."""

import json

import numpy as np
import pytest
from scipy import ndimage

from focusnb import simulate
from focusnb.errors import BadValue
from focusnb.kernels import fourier
from focusnb.simulate import uneven

KINDS = simulate.CONTAMINATIONS
PIXEL = simulate.Optics(pixel_size=2.0)


def made(kind, **more):
    asked = {"size": 768, "seed": 4, "contaminated": 0.3, "particles": 60, "dose": 20.0}
    return simulate.micrograph(contamination=kind, optics=PIXEL, **(asked | more))


@pytest.fixture(scope="module")
def dirty():
    return {kind: made(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def clean():
    return made(None)


@pytest.mark.parametrize("kind", KINDS)
def test_contamination_covers_about_what_was_asked_for(dirty, kind):
    truth = dirty[kind][1]
    assert 0.2 < (truth.kinds > 0).mean() < 0.45


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "mixed"])
def test_the_mask_names_the_kind_that_was_asked_for(dirty, kind):
    assert set(np.unique(dirty[kind][1].kinds)) == {0, simulate.contamination.KINDS.index(kind)}


def test_mixed_contamination_has_every_kind():
    found = set()
    for seed in (1, 2, 3):
        found |= set(np.unique(made("mixed", seed=seed, contaminated=0.4)[1].kinds).tolist())
    assert found == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("kind", ["carbon edge", "crystalline ice", "dark blobs"])
def test_it_is_darker_where_the_mask_is(dirty, clean, kind):
    picture, truth = dirty[kind]
    inside = ndimage.binary_erosion(truth.kinds > 0, iterations=10)
    outside = ndimage.binary_erosion(truth.kinds == 0, iterations=10)
    assert picture[inside].mean() < 0.93 * picture[outside].mean()
    assert picture[outside].mean() == pytest.approx(clean[0].mean(), rel=0.02)


def test_aggregates_vary_more_than_the_ice_beside_them(dirty):
    picture, truth = dirty["aggregates"]
    smooth = fourier.low_pass(picture, 20.0, pixel_size=2.0)
    smooth -= ndimage.gaussian_filter(smooth, 40)
    inside = ndimage.binary_erosion(truth.kinds > 0, iterations=15)
    outside = ndimage.binary_erosion(truth.kinds == 0, iterations=15)
    assert smooth[inside].std() > 1.5 * smooth[outside].std()


def test_carbon_scatters_at_frequencies_at_which_ice_does_not(dirty):
    picture, truth = made("carbon edge", carbon=0.0, particles=0, dose=100.0, contaminated=0.5)
    fine = fourier.low_pass(picture, 8.0, pixel_size=2.0)
    fine -= ndimage.gaussian_filter(fine, 6)
    inside = ndimage.binary_erosion(truth.kinds > 0, iterations=20)
    outside = ndimage.binary_erosion(truth.kinds == 0, iterations=20)
    assert fine[inside].std() > 1.5 * fine[outside].std()


def test_the_edge_of_the_carbon_has_a_bright_fringe_on_its_side_of_the_hole():
    picture, truth = made("carbon edge", dose=200.0, particles=0, defocus=25000)
    away = ndimage.distance_transform_edt(truth.kinds == 0) * 2.0  # Å
    course = [picture[(away > a) & (away <= a + 10)].mean() for a in range(10, 150, 10)]
    assert max(course) > 1.01 * picture[(away > 200) & (away < 500)].mean()


def test_ice_crystals_have_lattice_fringes():
    fine = simulate.Optics(pixel_size=1.0)
    how = {"size": 768, "seed": 2, "particles": 0, "dose": 60.0, "carbon": 0.0, "optics": fine}
    power = fourier.power(simulate.micrograph(contamination="crystalline ice", **how)[0])
    s = fourier.frequencies((768, 768))
    spots = s[(power > 15 * np.median(power)) & (s > 0.2)]
    away = np.abs(1 / spots[:, None] - np.array(simulate.specimen.ICE_SPACINGS)).min(axis=1)
    assert len(spots) > 10
    assert np.median(away) < 0.06


@pytest.mark.parametrize("kind", KINDS)
def test_no_particle_of_the_truth_is_nearer_to_contamination_than_its_radius(dirty, kind):
    truth = dirty[kind][1]
    away = ndimage.distance_transform_edt(truth.kinds == 0) * 2.0
    there = away[np.rint(truth.y).astype(int), np.rint(truth.x).astype(int)]
    assert len(there) > 8
    assert there.min() > 0.85 * truth.diameter / 2  # known on every fourth pixel


def test_points_in_contamination_are_told_from_others(dirty):
    truth = dirty["carbon edge"][1]
    rows, columns = np.nonzero(truth.kinds)
    assert truth.dirty(columns[::500], rows[::500]).all()
    assert not truth.dirty(truth.x, truth.y).any()


def test_a_clean_picture_has_no_dirty_points(clean):
    assert clean[1].kinds is None
    assert not clean[1].dirty([3, 5], [7, 9]).any()


def test_the_truth_becomes_json_without_the_mask(dirty):
    known = dirty["mixed"][1].to_json()
    assert known["contamination"] == "mixed"
    assert "kinds" not in known
    assert len(json.dumps(known)) < 3000


def test_truths_are_compared_without_the_mask(dirty):
    truth = dirty["mixed"][1]
    assert truth == made("mixed")[1]
    assert truth != dirty["aggregates"][1]


def test_contamination_moves_with_the_specimen_of_a_movie():
    path = ((0.0, 0.0), (30.0, 0.0))
    movie = simulate.movie(
        size=512, seed=1, shifts=path, dose_per_frame=40.0, contamination="dark blobs", particles=0,
    )  # fmt: skip
    one, two = (ndimage.gaussian_filter(f * movie.camera.gain, 8) for f in movie.frames)
    here = slice(60, -60), slice(60, -60)
    back = np.roll(two, -30, axis=1)[here].ravel()
    assert np.corrcoef(one[here].ravel(), back)[0, 1] > 0.99
    assert np.corrcoef(one[here].ravel(), two[here].ravel())[0, 1] < 0.98


def test_a_picture_need_not_be_square():
    picture, truth = made("mixed", size=(300, 520))
    assert picture.shape == truth.kinds.shape == (300, 520)
    assert max(truth.y, default=0) <= 299


def test_the_camera_sees_the_middle_of_the_same_specimen_whatever_its_shape():
    tall = made(None, size=(640, 400), particles=40)[1]
    assert max(tall.x) <= 399
    assert max(tall.y) > 400


def test_a_gaussian_beam_loses_the_stated_part_in_the_farthest_corner():
    light = uneven.beam((300, 400), gradient=0.0, edge=0.4, rng=np.random.default_rng(0))
    assert light.mean() == pytest.approx(1, abs=1e-5)
    assert light.min() / light.max() == pytest.approx(0.6, abs=0.01)


def test_a_gradient_changes_the_light_by_its_value_from_side_to_side():
    light = uneven.beam((256, 256), gradient=0.3, edge=0.0, rng=np.random.default_rng(0))
    steep = np.hypot(light[0, -1] - light[0, 0], light[-1, 0] - light[0, 0])
    assert steep == pytest.approx(0.3, abs=0.01)


def test_uneven_light_is_seen_in_the_counts():
    flat = made(None, particles=0)[0]
    picture = made(None, particles=0, light_edge=0.4, light_gradient=0.2)[0]
    coarse = [p.reshape(8, 96, 8, 96).mean(axis=(1, 3)) for p in (flat, picture)]
    assert np.ptp(coarse[1]) > 5 * np.ptp(coarse[0])
    assert picture.mean() == pytest.approx(flat.mean(), rel=0.01)


def test_ice_that_is_thicker_on_one_side_is_darker_and_noisier_there():
    picture = made(None, particles=0, wedge=1.5, thickness=600.0, dose=300.0, carbon=0.0)[0]
    smooth = fourier.low_pass(picture, 25.0, pixel_size=2.0)
    grain = (smooth - ndimage.gaussian_filter(smooth, 20)) / picture.mean()
    cells = [
        (slice(row, row + 128), slice(column, column + 128))
        for row in range(128, 640, 128)  # the filter joins opposite borders
        for column in range(128, 640, 128)
    ]
    bright = np.array([picture[cell].mean() for cell in cells])
    grainy = np.array([grain[cell].std() for cell in cells]) / bright
    assert np.ptp(bright) > 0.2 * bright.mean()
    assert np.corrcoef(bright, grainy)[0, 1] < -0.8


def test_waves_of_the_ice_are_at_low_frequencies():
    still = fourier.power(made(None, particles=0)[0])
    waves = fourier.power(made(None, particles=0, waves=0.2)[0])
    s = fourier.frequencies((768, 768), 2.0)
    low, high = (s > 1 / 1500) & (s < 1 / 400), (s > 1 / 50) & (s < 1 / 10)
    assert waves[low].mean() > 5 * still[low].mean()
    assert waves[high].mean() == pytest.approx(still[high].mean(), rel=0.05)


def test_a_less_sharp_camera_has_less_noise_and_even_less_signal_at_nyquist():
    sharp = fourier.power(made(None, particles=0)[0])
    dull = fourier.power(made(None, particles=0, sharpness=0.3)[0])
    s = fourier.frequencies((768, 768), 2.0) * 4  # in Nyquists
    assert dull[np.abs(s - 1) < 0.02].mean() / sharp[np.abs(s - 1) < 0.02].mean() == pytest.approx(
        0.3, rel=0.1
    )
    assert dull[s < 0.05].mean() == pytest.approx(sharp[s < 0.05].mean(), rel=0.15)


def test_a_smear_takes_from_fine_detail_in_one_direction():
    how = {"particles": 0, "carbon": 300.0, "dose": 2000.0}
    still, moved = (fourier.power(made(None, **how, smear=a)[0]) for a in (0.0, 12.0))
    sy, sx = fourier.frequency_grid((768, 768), 2.0)
    ring = np.abs(np.hypot(sy, sx) - 1 / 14) < 0.002
    turn = np.rad2deg(np.arctan2(sy, sx))[ring] // 20
    kept = [
        (moved[ring][turn == t]).mean() / still[ring][turn == t].mean() for t in np.unique(turn)
    ]
    assert min(kept) < 0.3
    assert max(kept) > 0.8


def test_defects_that_nobody_listed_are_columns_and_hot_pixels():
    fine, bad = made(None)[0], made(None, defects=True)[0]
    changed = bad != fine
    assert 0.001 < changed.mean() < 0.02
    assert bad.max() > 2 * fine.max()


def test_debris_adds_to_the_picture_and_not_to_the_truth():
    fine, truth = made(None)
    more, same = made(None, debris=0.5)
    assert same.x == truth.x
    assert (more != fine).mean() > 0.5


@pytest.mark.parametrize(
    "asked",
    [{"contamination": "mud"}, {"contamination": "carbon edge", "contaminated": 0.95},
     {"light_edge": 1.0}, {"sharpness": 0.0}, {"wedge": 3.0}, {"spacing": float("nan")}],
    ids=str,
)  # fmt: skip
def test_what_nothing_can_have_is_refused(asked):
    with pytest.raises(BadValue):
        simulate.micrograph(size=128, **asked)


@pytest.mark.parametrize("asked", [{"sharpness": 0.5}, {"defects": True}], ids=str)
def test_a_movie_has_a_counting_camera_with_listed_defects(asked):
    with pytest.raises(BadValue, match="single pictures"):
        simulate.movie(size=128, frames=2, **asked)
