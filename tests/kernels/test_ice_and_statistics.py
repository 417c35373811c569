"""Ice and statistics: what they measure, that other ways give the same, and what is refused."""

from dataclasses import asdict, astuple
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb import formats, simulate
from focusnb.errors import BadData
from focusnb.kernels import fourier, ice, statistics


def strict(array):
    return array_api_strict.asarray(array)


def torch(array):
    return pytest.importorskip("torch", reason="make test-torch installs it").as_tensor(array)


@pytest.fixture(params=[strict, torch], ids=lambda f: f.__name__)
def other(request):
    """A function that makes an array of another module; NumPy's are what it is compared with."""
    request.param(np.zeros(1))
    return request.param


def ring(rng, resolutions, side=256, pixel_size=1.0):
    """A picture whose power lies between two resolutions only."""
    s = fourier.frequencies((side, side), pixel_size)
    inside = (s > 1 / max(resolutions)) & (s < 1 / min(resolutions))
    noise = fourier.transform(rng.standard_normal((side, side)))
    return fourier.inverse(noise * inside, (side, side))


def slow_mean(picture, pixel_size, band, power=2):
    """Mean |F|² (or |F|) within a band, from the whole transform."""
    whole = np.abs(np.fft.fft2(picture - picture.mean())) ** power
    s = np.hypot(
        *np.meshgrid(*(np.fft.fftfreq(n, pixel_size) for n in picture.shape), indexing="ij")
    )
    return whole[(s >= 1 / band[1]) & (s <= 1 / band[0])].mean()


def simulated(bad=None, seed=3, dose=30.0, **asked):
    return simulate.micrograph(size=1024, seed=seed, dose=dose, bad=bad, **asked)[0]


# -- ice: truth


def test_truth_white_noise_has_one_of_each(rng):
    measured = ice.measure(rng.standard_normal((512, 512)), pixel_size=1.0)
    assert_allclose(astuple(measured), 1, atol=0.06)


def test_truth_a_water_ring_raises_three_of_them(rng):
    wet = rng.standard_normal((256, 256)) + 2 * ring(rng, (3.4, 4.1))
    measured = ice.measure(wet, pixel_size=1.0)
    assert measured.iciness == pytest.approx(5, rel=0.15)  # 1 + 2² of the variance in the band
    assert measured.iciness_amplitude == pytest.approx(np.sqrt(5), rel=0.1)
    assert measured.ice_ring > 3
    assert measured.ice_ring_fine == pytest.approx(1, abs=0.1)
    assert measured.fibril_band == pytest.approx(1, abs=0.1)


def test_truth_the_fine_ring_and_the_fibril_band_see_what_lies_in_them(rng):
    noise = rng.standard_normal((512, 512))
    fine = ice.measure(noise + 2 * ring(rng, (2.22, 2.32), 512), pixel_size=1.0)
    fibril = ice.measure(noise + 2 * ring(rng, (4.65, 4.95), 512), pixel_size=1.0)
    assert fine.ice_ring_fine == pytest.approx(5, rel=0.1)
    assert fibril.fibril_band == pytest.approx(5, rel=0.15)
    assert max(fine.iciness, fine.ice_ring, fine.fibril_band) < 1.1
    assert max(fibril.iciness, fibril.ice_ring, fibril.ice_ring_fine) < 1.1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_truth_simulated_ice_is_vitreous_below_1_and_crystalline_above_1_5(seed):
    vitreous = ice.measure(simulated(seed=seed), pixel_size=1.0)
    crystalline = ice.measure(simulated("crystalline ice", seed=seed), pixel_size=1.0)
    assert 0.7 < vitreous.iciness < 0.9
    assert vitreous.ice_ring == pytest.approx(1, abs=0.08)
    assert crystalline.iciness > 1.5
    assert crystalline.ice_ring > 2


def test_truth_few_electrons_bring_iciness_to_1_and_ice_too():
    doses = (5.0, 20.0, 80.0)
    vitreous = [ice.iciness(simulated(dose=d), pixel_size=1.0) for d in doses]
    crystalline = [ice.iciness(simulated("crystalline ice", dose=d), pixel_size=1.0) for d in doses]
    assert_allclose(vitreous, [0.96, 0.85, 0.65], atol=0.06)
    assert_allclose(crystalline, [1.25, 1.8, 3.1], rtol=0.12)


def test_law_a_camera_s_response_is_in_iciness_and_cancels_in_the_ring(rng):
    response = np.exp(-2 * fourier.frequencies((1024, 1024)))
    seen = {}
    for name, picture in (
        ("empty", rng.poisson(30.0, (1024, 1024))),
        ("vitreous", simulated()),
        ("crystalline", simulated("crystalline ice")),
    ):
        blurred = fourier.inverse(fourier.transform(picture) * response, picture.shape)
        seen[name] = ice.measure(blurred, pixel_size=1.0)
    assert seen["empty"].iciness == pytest.approx(0.53, abs=0.03)
    assert seen["crystalline"].iciness < 1.5  # missed, as long as it is not divided by the empty's
    assert seen["crystalline"].iciness / seen["empty"].iciness > 1.5
    assert seen["vitreous"].iciness / seen["empty"].iciness == pytest.approx(
        ice.iciness(simulated(), pixel_size=1.0), abs=0.05
    )
    assert seen["empty"].ice_ring == pytest.approx(1, abs=0.06)
    assert seen["crystalline"].ice_ring > 2


def test_truth_a_real_micrograph_with_vitreous_ice():
    crop = formats.read(Path(__file__).parents[2] / "notebooks/data/micrograph_crop.tif")
    measured = ice.measure(crop, pixel_size=0.66655)
    assert measured.iciness == pytest.approx(0.646, abs=0.005)  # 0.656 of the whole
    assert measured.iciness_amplitude == pytest.approx(0.813, abs=0.005)
    assert measured.ice_ring == pytest.approx(1.02, abs=0.02)
    assert measured.ice_ring_fine == pytest.approx(1.0, abs=0.03)
    assert statistics.describe(crop).carbon == 0


# -- ice: second opinion, law, convention


def test_second_opinion_all_measures_agree_with_a_slow_whole_transform(rng):
    picture = fourier.low_pass(rng.standard_normal((255, 312)), 3.0) + 5

    def mean(band, power=2):
        return slow_mean(picture, 0.9, band, power)

    expected = {
        "iciness": mean((3.5, 3.9)) / mean((6, 30)),
        "iciness_amplitude": mean((3.5, 4.0), 1) / mean((6, 30), 1),
        "ice_ring": mean((3.5, 3.9)) / np.mean([mean((3.2, 3.4)), mean((4.2, 4.6))]),
        "ice_ring_fine": mean((2.22, 2.32)) / np.mean([mean((2.15, 2.2)), mean((2.34, 2.4))]),
        "fibril_band": mean((4.65, 4.95)) / mean((5, 8)),
    }
    measured = asdict(ice.measure(picture, pixel_size=0.9))
    assert measured == {word: pytest.approx(value, rel=1e-3) for word, value in expected.items()}


def test_second_opinion_arrays_of_other_modules_give_the_same(rng, other):
    picture = rng.poisson(20.0, (130, 191)).astype(np.float32)
    theirs = ice.measure(other(picture), pixel_size=0.9)
    assert_allclose(astuple(theirs), astuple(ice.measure(picture, pixel_size=0.9)), rtol=1e-5)
    assert all(type(value) is float for value in astuple(theirs))


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.01, 1000), offset=st.floats(-100, 100))
def test_law_measures_do_not_depend_on_scale_and_offset(scale, offset):
    picture = np.random.default_rng(5).standard_normal((128, 128))
    changed = ice.measure(picture * scale + offset * scale, pixel_size=1.0)
    assert_allclose(astuple(changed), astuple(ice.measure(picture, pixel_size=1.0)), rtol=1e-2)


def test_law_turning_and_mirroring_a_picture_changes_nothing(rng):
    picture = rng.standard_normal((130, 191))
    expected = astuple(ice.measure(picture, pixel_size=1.0))
    for turned in (picture.T, picture[::-1], np.rot90(picture)):
        assert_allclose(astuple(ice.measure(turned, pixel_size=1.0)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("pixel_size", "available"),
    [
        (1.07, "iciness iciness_amplitude ice_ring ice_ring_fine fibril_band"),
        (1.08, "iciness iciness_amplitude ice_ring fibril_band"),
        (1.6, "iciness iciness_amplitude ice_ring fibril_band"),
        (1.7, "iciness iciness_amplitude fibril_band"),
        (1.76, "fibril_band"),
        (2.33, ""),
    ],
)
def test_convention_what_the_nyquist_limit_does_not_reach_is_none(rng, pixel_size, available):
    measured = asdict(ice.measure(rng.standard_normal((128, 128)), pixel_size=pixel_size))
    assert " ".join(word for word, value in measured.items() if value is not None) == available


def test_convention_a_field_too_small_for_a_band_has_none(rng):
    assert ice.iciness(rng.standard_normal((64, 64)), pixel_size=0.05) is None


def test_convention_each_measure_has_a_function_of_its_name(rng):
    picture = rng.standard_normal((128, 128))
    for word, value in asdict(ice.measure(picture, pixel_size=1.0)).items():
        assert getattr(ice, word)(picture, pixel_size=1.0) == value


# -- statistics


def carbon_edge(picture, part, *, loss=0.12, angle=0.5):
    """A picture with a film over one part of its area, which takes some electrons; its truth."""
    y, x = (np.arange(n) / n for n in picture.shape)
    along = np.cos(angle) * x + np.sin(angle) * y[:, None]
    covered = along < np.quantile(along, part)
    return picture * np.where(covered, 1 - loss, 1), float(covered.mean())


def test_truth_description_of_counts(rng):
    said = statistics.describe(rng.poisson(9.0, (256, 256)))
    assert said.mean == pytest.approx(9, abs=0.1)
    assert said.sd == pytest.approx(3, abs=0.1)
    assert said.minimum >= 0
    assert said.dark == said.carbon == 0
    assert said.hole == said.mean
    assert said.stripes == pytest.approx(1, abs=0.4)


def test_truth_a_grid_bar_over_a_quarter_is_seen(rng):
    picture = rng.poisson(20.0, (256, 256))
    picture[:, :64] //= 5
    assert statistics.dark(picture) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("axis", [0, 1])
def test_truth_rows_or_columns_that_differ_are_stripes(rng, axis):
    lines = np.expand_dims(rng.normal(1, 0.05, 256), axis)
    assert statistics.stripes(rng.poisson(20.0, (256, 256)) * lines) > 5


def test_truth_counted_dose_and_its_ratio():
    assert statistics.counted_dose(2.0, pixel_size=2.0) == 0.5
    assert statistics.dose_ratio(2.0, pixel_size=2.0, dose_per_frame=1.0) == 0.5
    assert statistics.dose_ratio(2.0, pixel_size=2.0, dose_per_frame=None) is None


@pytest.mark.parametrize("part", [0.04, 0.1, 0.25, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("angle", [0.0, 0.5, 1.4])
def test_truth_a_carbon_edge_gives_its_part_of_the_area(part, angle):
    picture, truth = carbon_edge(simulated(dose=20), part, angle=angle)
    assert statistics.carbon_fraction(picture) == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("loss", [0.07, 0.15, 0.5, 0.95])
def test_truth_thin_and_thick_films_are_found(loss):
    picture, truth = carbon_edge(simulated(dose=20), 0.4, loss=loss)
    assert statistics.carbon_fraction(picture) == pytest.approx(truth, abs=0.05)


def test_truth_a_round_hole_at_the_corner_is_no_carbon(rng):
    y, x = np.mgrid[:1024, :1024] / 1024
    hole = np.hypot(x - 1, y - 0.3) < 0.6
    picture = rng.poisson(np.where(hole, 20.0, 17.0))
    assert statistics.carbon_fraction(picture) == pytest.approx(1 - hole.mean(), abs=0.03)


def test_truth_a_grid_bar_and_carbon_are_both_told_from_the_hole(rng):
    electrons = np.select([np.arange(1024) < 256, np.arange(1024) < 512], [1.0, 17.0], 20.0)
    said = statistics.describe(rng.poisson(electrons, (1024, 1024)))
    assert said.carbon == pytest.approx(0.5, abs=0.02)
    assert said.dark == pytest.approx(0.25, abs=0.02)
    assert said.hole == pytest.approx(20, rel=0.01)
    assert said.mean == pytest.approx((1 + 17 + 2 * 20) / 4, rel=0.01)


def test_truth_carbon_is_found_in_a_beam_that_fades(rng):
    fading = 1 + 0.15 * (np.arange(1024)[:, None] / 1024 - 0.5)
    picture, truth = carbon_edge(rng.poisson(20.0, (1024, 1024)) * fading, 0.4)
    assert statistics.carbon_fraction(picture) == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("bad", [None, *simulate.KINDS])
def test_truth_a_picture_without_an_edge_has_no_carbon(bad):
    assert statistics.carbon_fraction(simulated(bad, dose=20)) == 0


@pytest.mark.parametrize("strength", [0.05, 0.3, 0.8])
def test_truth_a_beam_that_fades_is_no_carbon(rng, strength):
    y, x = np.mgrid[:512, :512] / 512 - 0.5
    noise = rng.poisson(20.0, (512, 512))
    assert statistics.carbon_fraction(noise * (1 + strength * x)) == 0
    assert statistics.carbon_fraction(noise * (1 - strength * (x**2 + y**2))) == 0


def test_truth_hot_pixels_and_beads_are_no_reason_for_carbon(rng):
    picture = rng.poisson(5.0, (512, 512))
    picture[rng.integers(0, 512, 20), rng.integers(0, 512, 20)] = 5000
    picture[200:260, 300:360] = 1
    assert statistics.carbon_fraction(picture) == 0


def test_truth_too_few_electrons_to_tell_give_0(rng):
    picture, _ = carbon_edge(rng.poisson(0.5, (512, 512)).astype(float), 0.5, loss=0.0)
    assert statistics.carbon_fraction(picture) == 0


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.01, 1000), turns=st.integers(0, 3))
def test_law_the_fraction_does_not_depend_on_scale_and_orientation(scale, turns):
    flat = np.random.default_rng(5).poisson(20.0, (256, 320))
    picture, _ = carbon_edge(flat, 0.3)
    turned = np.rot90(picture, turns) * scale
    expected = statistics.carbon_fraction(picture)
    assert statistics.carbon_fraction(turned) == pytest.approx(expected, abs=1e-9)
    assert expected > 0.25


def test_second_opinion_of_block_means(rng):
    picture = rng.poisson(9.0, (70, 99))
    slow = [
        [picture[y : y + 2, x : x + 3].mean() for x in range(0, 96, 3)] for y in range(0, 64, 2)
    ]
    assert_allclose(statistics.block_means(picture), slow, rtol=1e-6)


def test_second_opinion_stripes_by_the_whole_transform(rng):
    picture = rng.poisson(20.0, (128, 160)) * rng.normal(1, 0.05, 160)
    power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
    lines = power[[0, *range(2, 7)]][:, 20:80].mean(1)  # ky = 0 and its neighbours
    assert statistics.stripes(picture) == pytest.approx(lines[0] / lines[1:].mean(), rel=1e-3)


def test_second_opinion_of_statistics_in_arrays_of_other_modules(rng, other):
    picture, _ = carbon_edge(rng.poisson(20.0, (130, 191)).astype(np.float32), 0.4, loss=0.5)
    picture = picture.astype(np.float32)
    ours, theirs = statistics.describe(picture), statistics.describe(other(picture))
    assert_allclose(astuple(theirs), astuple(ours), rtol=1e-5)
    assert ours.mean == pytest.approx(picture.mean(dtype=float))
    assert ours.sd == pytest.approx(picture.std(dtype=float))


# -- thickness of ice, dose, gain


def test_truth_ice_that_takes_away_1_e_is_one_free_path_thick():
    assert statistics.ice_thickness(2.0 / np.e, empty=2.0, free_path=3000) == pytest.approx(3000)
    assert statistics.ice_thickness(2.0, empty=2.0) == 0


def test_truth_the_thickness_of_simulated_ice():
    path = simulate.exposure.FREE_PATH
    picture, truth = simulate.micrograph(size=512, seed=1, dose=40.0, thickness=800.0)
    found = statistics.ice_thickness(float(picture.mean()), empty=40.0, free_path=path)
    assert found == pytest.approx(truth.exposure.thickness, abs=15)


def test_law_layers_add_up():
    thin, thick = (statistics.ice_thickness(c, empty=3.0) for c in (2.5, 2.5**2 / 3))
    assert thick == pytest.approx(2 * thin)


def test_convention_the_default_is_the_path_of_an_energy_filter_at_300_kv():
    assert statistics.FREE_PATH == 3950.0
    assert statistics.ice_thickness(1.9, empty=2.0) == pytest.approx(3950 * np.log(2 / 1.9))


def test_convention_thickness_is_none_when_it_cannot_be_known():
    assert statistics.ice_thickness(2.0, empty=None) is None
    assert statistics.ice_thickness(0.0, empty=2.0) is None
    assert statistics.ice_thickness(float("nan"), empty=2.0) is None
    assert statistics.ice_thickness(2.1, empty=2.0) is None
    assert statistics.ice_thickness(2.01, empty=2.0) == pytest.approx(-20, abs=1)


@pytest.mark.parametrize(
    "given", [{"empty": 0.0}, {"empty": -1.0}, {"empty": float("nan")},
              {"empty": 2.0, "free_path": 0.0}, {"empty": None, "free_path": float("inf")}],
    ids=str,
)  # fmt: skip
def test_impossible_counts_and_paths_are_refused(given):
    with pytest.raises(BadData, match="must be a positive number"):
        statistics.ice_thickness(2.0, **given)


def test_more_electrons_than_in_the_empty_hole_are_told():
    assert statistics.thickness_warnings(1.0, empty=None) == []
    assert statistics.thickness_warnings(1.01, empty=1.0) == []
    assert "check empty_hole_count" in statistics.thickness_warnings(1.1, empty=1.0)[0]


@pytest.mark.parametrize(
    ("ratio", "session", "words"),
    [
        (None, [], []),
        (0.8, [], []),
        (0.49, [], ["only 0.49"]),
        (1.16, [], ["1.16 times"]),
        (0.8, [0.8, 0.8, 0.81], []),
        (0.6, [0.8, 0.8, 0.81], ["25% from the session's median"]),
        (0.6, [0.8, 0.8], []),
        (float("nan"), [], ["ratio is nan"]),
    ],
)
def test_dose_warnings(ratio, session, words):
    said = statistics.dose_warnings(ratio, session=session)
    assert len(said) == len(words)
    assert all(w in s for w, s in zip(words, said, strict=True))


@pytest.mark.parametrize(
    ("integers", "gain", "corrected", "words"),
    [
        (True, False, None, "no gain reference"),
        (True, True, True, "it is not used"),
        (True, True, None, ""),
        (False, False, None, ""),
        (True, False, True, ""),
    ],
)
def test_gain_warnings(integers, gain, corrected, words):
    said = statistics.gain_warnings(integers=integers, gain=gain, gain_corrected=corrected)
    assert words in " ".join(said)
    assert bool(said) == bool(words)


@pytest.mark.parametrize("measure", [lambda p: ice.measure(p, pixel_size=1.0), statistics.describe])
@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((64, 64)), "constant"),
        (np.full((64, 64), np.nan), "NaN"),
        (np.zeros((3, 64, 64)), "one picture with two axes"),
        (np.zeros((20, 64)), "at least"),
        (np.zeros((64, 64), complex), "real numbers"),
    ],
    ids=["constant", "NaN", "a stack", "too small", "complex"],
)
def test_bad_pictures_are_refused(measure, picture, words):
    with pytest.raises(BadData, match=words):
        measure(picture)


@pytest.mark.parametrize("pixel_size", [None, 0, -1.0, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_refused(rng, pixel_size):
    with pytest.raises(BadData, match="the pixel size is"):
        ice.measure(rng.standard_normal((64, 64)), pixel_size=pixel_size)


def test_too_small_a_picture_has_no_blocks():
    with pytest.raises(BadData, match="no 32 × 32 areas"):
        statistics.carbon_fraction(np.ones((31, 64)))
