import shutil
import subprocess

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import ctf, equiphase, fourier
from focusnb.kernels.rings import Rings
from kernels import made

few = settings(max_examples=40, deadline=None)


def mean(fit):
    return 0.5 * (fit.defocus_u + fit.defocus_v)


@pytest.mark.parametrize(
    ("voltage", "expected"), [(300, 0.0196875), (200, 0.0250793), (100, 0.0370144)]
)
def test_truth_wavelengths(voltage, expected):
    assert ctf.wavelength(voltage) == pytest.approx(expected, abs=2e-7)


def test_convention_protein_is_dark_at_underfocus():
    assert ctf.transfer(0.0, defocus_u=15000, voltage=300) == pytest.approx(-0.07)
    assert ctf.transfer(0.02, defocus_u=15000, voltage=300) < -0.07


def test_convention_defocus_u_is_along_the_angle_from_column_to_row():
    lens = {"defocus_u": 20000, "defocus_v": 10000, "defocus_angle": 30, "voltage": 300}
    along = ctf.transfer(0.05, np.deg2rad(30), **lens)
    across = ctf.transfer(0.05, np.deg2rad(120), **lens)
    assert along == pytest.approx(ctf.transfer(0.05, defocus_u=20000, voltage=300))
    assert across == pytest.approx(ctf.transfer(0.05, defocus_u=10000, voltage=300))


@few
@given(s=st.floats(0, 0.5), azimuth=st.floats(-7, 7), angle=st.floats(-90, 90))
def test_law_the_ctf_is_the_same_in_opposite_directions(s, azimuth, angle):
    lens = {"defocus_u": 20000, "defocus_v": 15000, "defocus_angle": angle, "voltage": 300}
    there, back = (ctf.transfer(s, azimuth + turn, **lens) for turn in (0, np.pi))
    assert there == pytest.approx(back, abs=1e-6)


@few
@given(s=st.floats(0, 0.4), phase_shift=st.floats(-180, 180))
def test_law_half_a_turn_of_phase_changes_the_sign(s, phase_shift):
    values = [
        ctf.transfer(s, defocus_u=15000, voltage=300, phase_shift=phase_shift + turn)
        for turn in (0, 180)
    ]
    assert values[0] == pytest.approx(-values[1], abs=1e-6)


@pytest.mark.program
@pytest.mark.skipif(not shutil.which("relion_ctf_toolbox"), reason="relion is not installed")
def test_second_opinion_ours_is_the_negative_of_relions(tmp_path):
    box, pixel = 128, 1.5
    values = {"angpix": pixel, "box": box, "kV": 200, "Q0": 0.1, "Cs": 2.0, "defU": 18000}
    values |= {"defV": 14000, "defAng": 25, "phase_shift": 20, "simulate": tmp_path / "ctf.mrc"}
    command = ["relion_ctf_toolbox"]
    for name, value in values.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    theirs = mrcfile.read(tmp_path / "ctf.mrc")
    s = np.fft.fftshift(np.fft.fftfreq(box, pixel))
    sy, sx = np.meshgrid(s, s, indexing="ij")
    ours = ctf.transfer(
        np.hypot(sx, sy),
        np.arctan2(sy, sx),
        defocus_u=18000,
        defocus_v=14000,
        defocus_angle=25,
        voltage=200,
        spherical_aberration=2.0,
        amplitude_contrast=0.1,
        phase_shift=20,
    )
    inside = (np.hypot(sx, sy) < 0.3) & (sx > s[0]) & (sy > s[0])
    assert_allclose(ours[inside], -theirs[inside], atol=2e-3)


@pytest.mark.program
@pytest.mark.skipif(not shutil.which("relion_ctf_toolbox"), reason="relion is not installed")
@pytest.mark.parametrize("angle", [-50, 84])
def test_second_opinion_the_angle_is_that_of_a_picture_made_with_relions_ctf(rng, tmp_path, angle):
    box, pixel = 768, 1.06
    values = {"angpix": pixel, "box": box, "kV": 300, "Q0": 0.07, "Cs": 2.7, "defU": 17000}
    values |= {"defV": 14000, "defAng": angle, "simulate": tmp_path / "ctf.mrc"}
    command = ["relion_ctf_toolbox"]
    for name, value in values.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    lens = np.fft.ifftshift(mrcfile.read(tmp_path / "ctf.mrc"))
    s = np.hypot(*np.meshgrid(np.fft.fftfreq(box, pixel), np.fft.fftfreq(box, pixel)))
    envelope = (1 / (1 + (s * 30) ** 2) + 0.05) * np.exp(-15 * s**2)
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((box, box))) * lens * envelope).real
    picture = rng.poisson(np.clip(40 * (1 + 0.1 * field / field.std()), 0, None))
    for rows, expected in ((picture, angle), (picture[::-1], -angle)):
        fit = ctf.fit(rows, pixel_size=pixel, voltage=300)
        assert (fit.defocus_u, fit.defocus_v) == pytest.approx((17000, 14000), abs=150)
        assert fit.defocus_angle == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("defocus", [3000.0, 8000.0, 20000.0, 50000.0])
def test_truth_defocus_within_a_hundred_angstrom(rng, defocus):
    fit = ctf.fit(made.micrograph(rng, defocus=defocus), pixel_size=1.06, voltage=300)
    assert mean(fit) == pytest.approx(defocus, abs=100)
    assert fit.resolution < 9


def test_truth_astigmatism_and_its_direction(rng):
    picture = made.micrograph(rng, defocus=15000, astigmatism=1500, angle=-70)
    fit = ctf.fit(picture, pixel_size=1.06, voltage=300)
    assert mean(fit) == pytest.approx(15000, abs=100)
    assert fit.astigmatism == pytest.approx(1500, abs=150)
    assert fit.defocus_angle == pytest.approx(-70, abs=4)
    assert fit.defocus_u >= fit.defocus_v


def test_convention_turning_the_picture_turns_the_angle(rng):
    picture = made.micrograph(rng, defocus=15000, astigmatism=2000, angle=20, side=768)
    turned = ctf.fit(picture.T, pixel_size=1.06, voltage=300)  # column and row change places
    assert turned.defocus_angle == pytest.approx(70, abs=4)


def test_law_the_fit_does_not_depend_on_offset_and_scale(rng):
    picture = made.micrograph(rng, defocus=15000, side=512)
    first = ctf.fit(picture, pixel_size=1.06, voltage=300)
    second = ctf.fit(picture * 7 + 300, pixel_size=1.06, voltage=300)
    assert mean(second) == pytest.approx(mean(first), abs=3)
    assert second.score == pytest.approx(first.score, abs=1e-3)


def test_a_phase_shift_is_found_on_request(rng):
    picture = made.micrograph(rng, defocus=10000, contrast=0.1)
    # a picture without phase plate, asked for one: the answer is none, or half a turn
    fit = ctf.fit(picture, pixel_size=1.06, voltage=300, phase_shift=(0.0, 170.0))
    assert min(abs(fit.phase_shift % 180), 180 - abs(fit.phase_shift % 180)) < 15
    assert mean(fit) == pytest.approx(10000, abs=250)


def test_a_phase_shift_stays_within_its_limits(rng):
    picture = made.micrograph(rng, defocus=10000, contrast=0.1, side=512)
    fit = ctf.fit(picture, pixel_size=1.06, voltage=300, phase_shift=(30.0, 60.0))
    assert 30 <= fit.phase_shift <= 60


def test_noise_without_rings_has_no_resolution(rng):
    fit = ctf.fit(rng.poisson(30, (1024, 1024)), pixel_size=1.0, voltage=300)
    assert fit.resolution is None
    assert fit.score < 0.1


@pytest.mark.parametrize(
    ("side", "how"),
    [
        (128, {}), (160, {}), (256, {}), (256, {"high": 6.0}), (512, {"high": 12.0, "box": 128}),
        (512, {"high": 8.0}), (512, {"defocus_high": 500000.0}), (640, {"phase_shift": (0.0, 180.0)}),
    ],
)  # fmt: skip
def test_noise_is_never_believed_whatever_the_size_and_the_limits(side, how):
    for seed in range(2 if "phase_shift" in how else 5):
        noise = np.random.default_rng(seed).poisson(30, (side, side))
        fit = ctf.fit(noise, pixel_size=1.0, voltage=300, **how)
        assert "the rings cannot be told from noise" in fit.doubts
        assert fit.resolution is None


@pytest.mark.parametrize(
    ("voltage", "cs", "defocus"),
    [(300, 2.7, 3000), (300, 2.7, 2000), (100, 8.0, 8000), (300, 0, 9000)],
)
def test_law_without_astigmatism_equal_phase_is_equal_frequency(voltage, cs, defocus):
    # beyond the turning point too, where the phase falls again
    spectrum = ctf.Spectrum(np.ones((512, 512), np.float32), 0.6, 1)
    rings = Rings(spectrum, ctf.Lens(voltage, cs, 0.07), 30.0, 2.0)
    assert_allclose(equiphase.same_phase(rings.s, defocus, defocus, rings), rings.s, rtol=1e-5)


def spectrum_of(box, pixel, *, wave, **lens):
    """A noise-free spectrum: rings that fade, on a flat ground."""
    s = np.fft.fftshift(np.fft.fftfreq(box, pixel))
    sy, sx = np.meshgrid(s, s, indexing="ij")
    radius = np.hypot(sx, sy)
    rings = ctf.transfer(radius, np.arctan2(sy, sx), **lens) ** 2 - 0.5
    values = 1 + wave * rings * np.exp(-10 * radius**2)
    return ctf.Spectrum(values.astype(np.float32), pixel, 1)


def given_back(defocus, apart, angle, pixel, phase, **lens):
    """Fit a noise-free spectrum of a picture of these pixels: the fit, near what made it."""
    sampled = max(pixel, 4.0 / 2.6)  # as `power_spectrum` samples it
    spectrum = spectrum_of(
        512, sampled, wave=0.6, defocus_u=defocus + apart / 2, defocus_v=defocus - apart / 2,
        defocus_angle=angle, phase_shift=phase or 0.0, **lens,
    )  # fmt: skip
    fit = ctf.fit_spectrum(
        spectrum,
        high=max(4.0, 2.04 * sampled),
        phase_shift=0.0 if phase is None else (0.0, 180.0),
        **lens,
    )
    assert fit.doubts == ()
    assert fit.astigmatism == pytest.approx(apart, abs=40)
    if apart > 300:
        assert abs((fit.defocus_angle - angle + 90) % 180 - 90) < 3
    return fit


@settings(max_examples=40, deadline=None)
@given(
    defocus=st.floats(3000, 50000),
    part=st.floats(0, 0.2),
    angle=st.floats(-89, 90),
    voltage=st.sampled_from([200, 300]),
    pixel=st.floats(0.5, 2.5),
    cs=st.sampled_from([0.001, 1.4, 2.7]),
)
def test_law_a_spectrum_without_noise_gives_back_what_made_it(
    defocus, part, angle, voltage, pixel, cs
):
    apart = min(part * defocus, 3000)
    fit = given_back(defocus, apart, angle, pixel, None, voltage=voltage, spherical_aberration=cs)
    assert fit.defocus == pytest.approx(defocus, abs=30)


@settings(max_examples=6, deadline=None)
@given(
    defocus=st.floats(4000, 25000), phase=st.floats(30, 150), voltage=st.sampled_from([200, 300])
)
def test_law_a_phase_shift_without_noise_is_given_back(defocus, phase, voltage):
    fit = given_back(defocus, 300, 20, 1.0, phase, voltage=voltage, spherical_aberration=2.7)
    assert fit.defocus == pytest.approx(defocus, abs=150)
    assert fit.phase_shift == pytest.approx(phase, abs=6)


def test_truth_the_errors_that_are_told_are_those_that_are_made():
    apart, told = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        picture = made.micrograph(rng, defocus=15000, astigmatism=800, angle=20, side=768)
        fit = ctf.fit(picture, pixel_size=1.06, voltage=300)
        turned = 2 * np.deg2rad(fit.defocus_angle - 20)
        along = fit.astigmatism * np.cos(turned) - 800
        across = fit.astigmatism * np.sin(turned)
        apart.append([fit.defocus - 15000, along, across])
        told.append([fit.errors.defocus, *[fit.errors.astigmatism] * 2])
    ratio = np.sqrt((np.array(apart) ** 2).mean(0)) / np.mean(told, axis=0)
    assert ((ratio > 0.5) & (ratio < 1.6)).all()


def test_an_astigmatism_that_is_known_stays_as_it_is(rng):
    picture = made.micrograph(rng, defocus=15000, astigmatism=1500, angle=-70, side=768)
    fit = ctf.fit(picture, pixel_size=1.06, voltage=300, astigmatism=(1500.0, 110.0))
    assert fit.astigmatism == pytest.approx(1500, abs=1e-6)
    assert fit.defocus_angle == pytest.approx(-70, abs=1e-6)
    assert fit.defocus == pytest.approx(15000, abs=100)


def test_a_restraint_takes_what_is_not_sure_and_leaves_what_is(rng):
    sure = made.micrograph(rng, defocus=15000, astigmatism=1500, side=768)
    unsure = made.micrograph(rng, defocus=15000, astigmatism=0, side=512, contrast=0.03, dose=20)
    for picture, usual, least, most in ((sure, 500.0, 0.95, 1.01), (unsure, 50.0, 0.0, 0.6)):
        free = ctf.fit(picture, pixel_size=1.06, voltage=300)
        held = ctf.fit(picture, pixel_size=1.06, voltage=300, restraint=usual)
        assert least <= held.astigmatism / free.astigmatism <= most


def test_a_restraint_keeps_a_weak_fit_from_a_wrong_optimum():
    apart = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        picture = made.micrograph(rng, defocus=15000, astigmatism=0, side=512, contrast=0.02)
        apart.append(
            [
                ctf.fit(picture, pixel_size=1.06, voltage=300, restraint=usual).astigmatism
                for usual in (None, 50.0)
            ]
        )
    free, held = np.array(apart).T
    assert free.max() > 500
    assert held.max() < 200


def test_spectra_of_several_pictures_are_added_up(rng):
    field = made.potential(rng, 768, defocus=15000)
    groups = rng.poisson(np.clip(8 * (1 + 0.08 * field), 0, None), (4, 768, 768))
    several = ctf.fit(iter(groups), pixel_size=1.06, voltage=300)
    assert (
        several.spectrum.tiles
        == 4 * ctf.fit(groups[0], pixel_size=1.06, voltage=300).spectrum.tiles
    )
    assert several.defocus == pytest.approx(15000, abs=100)
    assert_allclose(ctf.fit(groups, pixel_size=1.06, voltage=300).profile, several.profile)


class TestDoubt:
    def test_a_phase_shift_outside_of_the_search_is_not_believed(self):
        spectrum = spectrum_of(512, 1.5, wave=0.6, defocus_u=10000, voltage=300, phase_shift=140)
        fit = ctf.fit_spectrum(spectrum, voltage=300, high=4.0, phase_shift=(30.0, 120.0))
        assert any("phase shift lies at the edge" in doubt for doubt in fit.doubts)

    def test_half_a_turn_of_phase_has_no_ends(self):
        spectrum = spectrum_of(512, 1.5, wave=0.6, defocus_u=10000, voltage=300, phase_shift=176)
        fit = ctf.fit_spectrum(spectrum, voltage=300, high=4.0, phase_shift=(0.0, 180.0))
        assert abs((fit.phase_shift - 176 + 90) % 180 - 90) < 3
        assert fit.doubts == ()

    def test_a_narrow_search_can_be_believed(self):
        spectrum = spectrum_of(512, 1.5, wave=0.6, defocus_u=14500, voltage=300)
        narrow = {"defocus_low": 14425.0, "defocus_high": 14575.0}
        assert ctf.fit_spectrum(spectrum, voltage=300, high=4.0, **narrow).doubts == ()

    def test_noise_is_not_believed(self, rng):
        fit = ctf.fit(rng.poisson(30, (768, 768)), pixel_size=1.0, voltage=300)
        assert fit.doubts == ("the rings cannot be told from noise",)

    @pytest.mark.parametrize("limits", [(2000.0, 9000.0), (20000.0, 60000.0)])
    def test_a_defocus_outside_of_the_search_is_not_believed(self, rng, limits):
        picture = made.micrograph(rng, defocus=15000, contrast=0.1, side=768)
        fit = ctf.fit(
            picture, pixel_size=1.06, voltage=300, defocus_low=limits[0], defocus_high=limits[1]
        )
        assert fit.doubts

    @pytest.mark.parametrize("length", [20.0, 30.0])
    def test_rings_that_drift_has_blurred_are_not_believed(self, rng, length):
        field = made.potential(rng, 1024, defocus=12000)
        path = np.linspace(0, length / 1.06, 40)
        blurred = np.mean([fourier.shift(field, (0.8 * d, 0.6 * d)) for d in path], axis=0)
        picture = rng.poisson(np.clip(40 * (1 + 0.08 * blurred), 0, None))
        fit = ctf.fit(picture, pixel_size=1.06, voltage=300)
        assert abs(fit.defocus - 12000) < 300 or fit.doubts
        assert any("directions only" in doubt or "noise" in doubt for doubt in fit.doubts)

    def test_a_good_picture_is_believed(self, rng):
        assert ctf.fit(made.micrograph(rng), pixel_size=1.06, voltage=300).doubts == ()


def test_second_opinion_other_arrays_are_fitted_alike(rng):
    strict = pytest.importorskip("array_api_strict")
    picture = made.micrograph(rng, side=640)[:, :500]
    fits = [
        ctf.fit(one, pixel_size=1.06, voltage=300) for one in (picture, strict.asarray(picture))
    ]
    assert fits[1].defocus == pytest.approx(fits[0].defocus, abs=1)
    ours, theirs = (
        ctf.power_spectrum(one, pixel_size=1.06, box=256)
        for one in (picture, strict.asarray(picture))
    )
    assert_allclose(theirs.values, ours.values, rtol=1e-3)


def test_curves_belong_together(rng):
    fit = ctf.fit(made.micrograph(rng, side=512), pixel_size=1.06, voltage=300)
    sizes = {c.shape for c in (fit.frequencies, fit.profile, fit.model, fit.quality)}
    assert len(sizes) == 1
    assert fit.model == pytest.approx(
        ctf.transfer(fit.frequencies, defocus_u=mean(fit), voltage=300) ** 2
    )
    assert fit.spectrum.values.shape == (fit.spectrum.box, fit.spectrum.box)


def test_a_picture_narrower_than_the_box_is_fitted_too(rng):
    picture = made.micrograph(rng, defocus=12000, contrast=0.15)[:400, :800]
    fit = ctf.fit(picture, pixel_size=1.06, voltage=300)
    assert mean(fit) == pytest.approx(12000, abs=200)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": np.ones((512, 512))}, "constant"),
        ({"picture": np.eye(64)}, "at least 128"),
        ({"high": 40.0}, "larger one"),
        ({"defocus_low": 9000.0, "defocus_high": 8000.0}, "nothing"),
        ({"pixel_size": -1.0}, "pixel size"),
        ({"pixel_size": 20.0}, "nothing to fit"),
        ({"pixel_size": 0.0}, "pixel size"),
        ({"picture": np.full((512, 512), np.nan)}, "NaN"),
        ({"picture": []}, "no picture"),
        ({"picture": [np.eye(512), np.eye(256)]}, "picture 2 has the shape"),
        ({"amplitude_contrast": 1.5}, "amplitude contrast"),
        ({"phase_shift": (180.0, 0.0)}, "phase shift is searched from 180.0 to 0.0"),
        ({"astigmatism": (-1000.0, 110.0)}, "known astigmatism is -1000"),
        ({"defocus_high": np.inf}, "nothing"),
        ({"defocus_low": -20000.0, "defocus_high": -2000.0}, "underfocus is positive"),
        ({"restraint": np.nan}, "usual astigmatism is nan"),
        ({"restraint": -5.0}, "usual astigmatism is -5"),
        ({"voltage": np.inf}, "voltage is inf"),
        ({"spherical_aberration": -1.0}, "spherical aberration"),
        ({"pixel_size": 2.5, "high": 3.5, "low": 5.0}, "nothing to fit"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(change, words):
    arguments = {"picture": np.eye(512), "pixel_size": 1.0, "voltage": 300.0} | change
    with pytest.raises(BadData, match=words):
        ctf.fit(arguments.pop("picture"), **arguments)
