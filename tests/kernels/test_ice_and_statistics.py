import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb.errors import BadData
from focusnb.kernels import fourier, ice, statistics


def ring(rng, resolutions, side=256, pixel_size=1.0):
    """A picture whose power lies between two resolutions only."""
    s = fourier.frequencies((side, side), pixel_size)
    inside = (s > 1 / max(resolutions)) & (s < 1 / min(resolutions))
    noise = fourier.transform(rng.standard_normal((side, side)))
    return fourier.inverse(noise * inside, (side, side))


def test_truth_white_noise_has_one_of_each(rng):
    measured = ice.measure(rng.standard_normal((512, 512)), pixel_size=1.0)
    assert measured.iciness == pytest.approx(1, abs=0.05)
    assert measured.iciness_amplitude == pytest.approx(1, abs=0.05)
    assert measured.ice_ring == pytest.approx(1, abs=0.05)


def test_truth_a_water_ring_raises_all_three(rng):
    wet = rng.standard_normal((256, 256)) + 2 * ring(rng, (3.4, 4.1))
    measured = ice.measure(wet, pixel_size=1.0)
    assert measured.iciness == pytest.approx(5, rel=0.15)  # 1 + 2² of the variance in the band
    assert measured.iciness_amplitude == pytest.approx(np.sqrt(5), rel=0.1)
    assert measured.ice_ring > 3


def test_second_opinion_iciness_agrees_with_a_slow_whole_transform(rng):
    picture = fourier.low_pass(rng.standard_normal((128, 131)), 3.0) + 5
    whole = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
    s = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(131), indexing="ij"))
    band = [whole[(s >= 1 / b) & (s <= 1 / a)].mean() for a, b in ((3.5, 3.9), (6, 30))]
    assert ice.iciness(picture, pixel_size=1.0) == pytest.approx(band[0] / band[1], rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.01, 1000), offset=st.floats(-100, 100))
def test_law_iciness_does_not_depend_on_scale_and_offset(scale, offset):
    picture = np.random.default_rng(5).standard_normal((128, 128))
    changed = ice.iciness(picture * scale + offset * scale, pixel_size=1.0)
    assert changed == pytest.approx(ice.iciness(picture, pixel_size=1.0), rel=1e-2)


def test_convention_coarse_pixels_have_none(rng):
    picture = rng.standard_normal((128, 128))
    assert ice.iciness(picture, pixel_size=1.76) is None
    assert ice.iciness_amplitude(picture, pixel_size=1.76) is None
    assert ice.ice_ring(picture, pixel_size=1.7) is None
    assert ice.iciness(picture, pixel_size=1.7) > 0


def test_truth_description_of_counts(rng):
    said = statistics.describe(rng.poisson(9.0, (256, 256)))
    assert said.mean == pytest.approx(9, abs=0.1)
    assert said.sd == pytest.approx(3, abs=0.1)
    assert said.minimum >= 0
    assert said.dark == 0
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


def test_bad_pictures_are_refused():
    with pytest.raises(BadData, match="constant"):
        statistics.describe(np.zeros((64, 64)))
    with pytest.raises(BadData, match="NaN"):
        ice.measure(np.full((64, 64), np.nan), pixel_size=1.0)
