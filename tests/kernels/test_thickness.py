import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import ctf, fourier, thickness

few = settings(max_examples=40, deadline=None)
LENS = ctf.Lens(300, 2.7, 0.07)
S = np.arange(20, 220) / 600.0  # 1/Å


def curve(rng, thick, *, defocus=15000.0, noise=0.01, s=S):
    """Rings of a thick specimen by the formula, with decay and noise."""
    rings = thickness.mean_power(s, thick, defocus, LENS) - 0.5
    return rings * np.exp(-12 * s**2) + noise * rng.standard_normal(s.size) / np.sqrt(s / s[0])


def micrograph(rng, thick, *, defocus=15000.0, side=1280, pixel_size=1.06):
    """A picture of layers that scatter independently, each at its own defocus, in electrons."""
    shape = (side, side)
    s = fourier.frequencies(shape, pixel_size)
    envelope = (1 / (1 + (s * 30) ** 2) + 0.05) * np.exp(-10 * s**2)
    layers = max(1, round(thick / 100))
    total = np.zeros(s.shape, complex)
    for n in range(layers):
        height = defocus + ((n + 0.5) / layers - 0.5) * thick
        wave = np.fft.rfft2(rng.standard_normal(shape))
        total += wave * ctf.transfer(s, defocus_u=height, voltage=300)
    seen = np.fft.irfft2(total * envelope, s=shape)
    return rng.poisson(np.clip(1 + 0.25 * seen / seen.std(), 0, None) * 40).astype(np.float32)


@pytest.mark.parametrize("defocus", [8000.0, 20000.0])
@pytest.mark.parametrize("thick", [600, 1000, 1500, 2200, 3000, 4500])
def test_truth_thickness_of_the_formula(rng, thick, defocus):
    found = thickness.estimate(S, curve(rng, thick, defocus=defocus), defocus=defocus, voltage=300)
    assert found.thickness == pytest.approx(thick, abs=50)
    assert found.thickness_error < 50
    assert found.defocus == pytest.approx(defocus, abs=50)


@pytest.mark.parametrize("thick", [0, 150, 300])
def test_truth_without_a_node_in_the_curve_there_is_no_thickness(rng, thick):
    assert thickness.estimate(S, curve(rng, thick), defocus=15000, voltage=300) is None


def test_noise_alone_has_no_thickness(rng):
    assert thickness.estimate(S, rng.standard_normal(S.size), defocus=15000, voltage=300) is None


def test_truth_a_defocus_that_is_a_little_wrong_is_refined(rng):
    found = thickness.estimate(S, curve(rng, 1500), defocus=15400, voltage=300)
    assert found.thickness == pytest.approx(1500, abs=50)
    assert found.defocus == pytest.approx(15000, abs=50)


@pytest.mark.parametrize("thick", [0, 1000, 2000, 3000])
def test_second_opinion_layers_at_different_defocus(rng, thick):
    fit = ctf.fit(micrograph(rng, thick), pixel_size=1.06, voltage=300)
    defocus = (fit.defocus_u + fit.defocus_v) / 2
    found = thickness.estimate(fit.frequencies, fit.profile, defocus=defocus, voltage=300)
    if thick == 0:
        assert found is None
    else:
        assert found.thickness == pytest.approx(thick, abs=100)
        assert abs(found.thickness - thick) < 4 * found.thickness_error


@few
@given(thick=st.floats(0, 5000), defocus=st.floats(3000, 50000))
def test_second_opinion_the_formula_is_the_mean_over_layers(thick, defocus):
    heights = defocus + ((np.arange(400) + 0.5) / 400 - 0.5) * thick
    layers = np.mean([ctf.transfer(S, defocus_u=h, voltage=300) ** 2 for h in heights], axis=0)
    assert_allclose(thickness.mean_power(S, thick, defocus, LENS), layers, atol=2e-3)


@settings(max_examples=3, deadline=None)
@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-10, 10))
def test_law_scale_and_offset_of_the_profile_change_nothing(scale, offset):
    profile = curve(np.random.default_rng(3), 2000)
    found = [
        thickness.estimate(S, p, defocus=15000, voltage=300, thickest=2500).thickness
        for p in (profile, profile * scale + offset)
    ]
    assert found[1] == pytest.approx(found[0], abs=2)


def test_convention_the_first_node_is_where_wavelength_s_squared_thickness_is_one(rng):
    found = thickness.estimate(S, curve(rng, 2000), defocus=15000, voltage=300)
    expected = np.sqrt(np.arange(1, 6) / (0.0196875 * 2000))
    assert len(found.nodes) == int(0.0196875 * S[-1] ** 2 * found.thickness)
    assert_allclose(found.nodes, expected[: len(found.nodes)], rtol=0.02)


def test_convention_rings_change_places_behind_the_first_node():
    s = np.linspace(0.16, 0.2, 200)  # behind the node at 0.159, before that at 0.225 1/Å
    thick, thin = (thickness.mean_power(s, t, 15000, LENS) for t in (2000, 0))
    assert np.corrcoef(thick, thin)[0, 1] < -0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": np.full(S.size, np.nan)}, "NaN"),
        ({"profile": np.ones(S.size)}, "constant"),
        ({"profile": np.ones(50)}, "same length"),
        ({"frequencies": S[:20], "profile": S[:20]}, "at least 32"),
        ({"frequencies": S[::-1]}, "evenly spaced"),
        ({"defocus": np.nan}, "fit it first"),
        ({"thickest": -1.0}, "positive"),
        ({"voltage": 0.0}, "voltage"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change, words):
    given = {"frequencies": S, "profile": S**2, "defocus": 15000.0, "voltage": 300} | change
    with pytest.raises(BadData, match=words):
        thickness.estimate(given.pop("frequencies"), given.pop("profile"), **given)
