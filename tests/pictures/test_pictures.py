"""Pictures: small, upright, and sensible whatever comes in."""

import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from focusnb import pictures
from focusnb.errors import BadData
from focusnb.kernels import ctf
from focusnb.pictures import png

LENS = {"defocus_u": 15000, "defocus_v": 14800, "defocus_angle": 20, "voltage": 300}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(30, 5, (600, 600)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "previews" / "picture.png"


def rings(size=512, edge=0.5):
    axis = (np.arange(size) - size // 2) / (size / 2) * edge
    s, azimuth = np.hypot(axis[:, None], axis), np.arctan2(axis[:, None], axis)
    return np.abs(ctf.transfer(s, azimuth, **LENS)) * np.exp(-20 * s**2)


def opened(path):
    return np.asarray(Image.open(path).convert("L"), float)


def settle(frames=20):
    t = np.linspace(0, 1, frames)
    return np.column_stack([10 * (1 - np.exp(-4 * t)), -3 * t])


def test_thumbnail_of_pure_noise_stays_below_100_kb(noise, path):
    written = pictures.thumbnail(noise, path, side=600, blur=0)
    assert written == path
    assert path.stat().st_size <= png.LIMIT


def test_thumbnail_has_the_asked_longer_side(noise, path):
    pictures.thumbnail(noise[:300], path, side=200)
    assert Image.open(path).size == (200, 100)


def test_small_pictures_are_not_made_larger(noise, path):
    pictures.thumbnail(noise[:40, :50], path, side=512)
    assert Image.open(path).size == (50, 40)


def test_row_zero_is_the_bottom_of_the_thumbnail(path):
    picture = np.zeros((64, 64))
    picture[:32] = 1
    pictures.thumbnail(picture, path)
    seen = opened(path)
    assert seen[-1].mean() > 200
    assert seen[0].mean() < 50


def test_one_hot_pixel_leaves_the_contrast_alone(noise, path):
    pictures.thumbnail(noise, path, side=300)
    before = opened(path).std()
    noise[10, 10] = 1e9
    pictures.thumbnail(noise, path, side=300)
    assert opened(path).std() == pytest.approx(before, rel=0.05)


def test_pixels_that_are_not_finite_become_grey(noise, path):
    noise[:100] = np.nan
    noise[100, 5] = np.inf
    pictures.thumbnail(noise, path, side=300)
    assert opened(path)[-20:, :].std() < 5


def test_a_constant_picture_is_even_grey(path):
    pictures.thumbnail(np.full((64, 64), 7.0), path)
    assert np.ptp(opened(path)) == 0
    assert 100 < opened(path).mean() < 155


@pytest.mark.parametrize(
    "picture",
    [np.full((32, 32), np.nan), np.zeros((3, 32, 32)), np.zeros((0, 5)), np.zeros((8, 8), complex)],
    ids=["only NaN", "a stack", "empty", "complex"],
)
def test_what_is_no_picture_is_bad_data(picture, path):
    with pytest.raises(BadData):
        pictures.thumbnail(picture, path)


def test_marks_are_drawn_where_the_picks_are(noise, path):
    pictures.thumbnail(noise, path, side=300, marks=([400.0, np.nan], [100.0, 5.0], 80.0))
    colours = np.asarray(Image.open(path).convert("RGB"), int)
    green = colours[..., 1] - colours[..., 0] > 60
    y, x = np.nonzero(green)
    assert np.mean(x) == pytest.approx(200, abs=2)
    assert np.mean(y) == pytest.approx(300 - 50, abs=2)
    assert np.ptp(x) == pytest.approx(40, abs=4)


def test_marks_may_have_diameters_of_their_own(noise, path):
    pictures.thumbnail(noise, path, side=300, marks=([150, 450], [300, 300], [40.0, 160.0]))
    colours = np.asarray(Image.open(path).convert("RGB"), int)
    green = colours[..., 1] - colours[..., 0] > 60
    wide = [np.ptp(np.nonzero(half)[1]) for half in (green[:, :150], green[:, 150:])]
    assert wide == [pytest.approx(20, abs=4), pytest.approx(80, abs=4)]
    with pytest.raises(BadData, match="2 marks but 3 diameters"):
        pictures.thumbnail(noise, path, marks=([1, 2], [1, 2], [1, 2, 3]))


def test_a_veil_covers_its_part_of_the_area_whatever_its_size(noise, path):
    veil = np.zeros((30, 20), np.int8)
    veil[:15, 10:] = 2  # the lower right quarter
    pictures.thumbnail(noise, path, side=300, veil=veil)
    colours = np.asarray(Image.open(path).convert("RGB"), int)
    red = colours[..., 0] - colours[..., 2]
    assert red[160:, 160:].mean() > 30
    assert abs(red[:140]).max() < 30
    assert abs(red[160:, :140]).max() < 30
    with pytest.raises(BadData, match="a veil has the shape"):
        pictures.thumbnail(noise, path, veil=np.zeros(5))


def test_no_marks_at_all_are_fine(noise, path):
    assert pictures.thumbnail(noise, path, marks=([], [], 80.0)).exists()


def test_marks_of_unequal_length_are_bad_data(noise, path):
    with pytest.raises(BadData, match="2 x but 1 y"):
        pictures.thumbnail(noise, path, marks=([1, 2], [1], 80.0))


def test_spectrum_shows_a_lattice_as_bright_spots_at_its_frequency(noise, path):
    x = np.arange(600)
    noise += 3 * np.cos(2 * np.pi * x / 4)
    pictures.spectrum(noise, path, pixel_size=1.0, side=400, rings=(), ice=(), limit=2.0)
    seen = opened(path)
    assert seen[200, 300] > np.percentile(seen, 99)
    assert seen[100, 200] < np.percentile(seen, 99)


def blue(path):
    """Rows and columns of a picture's pixels that have the colour of ice."""
    colours = np.asarray(Image.open(path).convert("RGB"), int)
    return np.nonzero((colours[..., 2] - colours[..., 0] > 60) & (colours[..., 2] > 120))


def test_spectrum_marks_the_bands_of_ice_where_they_are(path):
    pictures.spectrum(np.ones((600, 600)), path, pixel_size=1.0, limit=2.0, rings=())
    y, x = (v - 255.5 for v in blue(path))
    arcs = 2.0 * 256 / np.hypot(x, y)  # Å, with some pixels of labels among them
    assert all((np.abs(arcs - r) < 0.03).sum() > 50 for r in (3.9, 3.67, 3.44, 2.25))
    assert arcs.max() < 3.95
    assert (y > 0).all()  # below the middle only: elsewhere spots stay free


def test_bands_of_ice_outside_of_the_spectrum_are_not_drawn(path):
    flat = np.ones((600, 600))
    pictures.spectrum(flat, path, pixel_size=1.8, rings=())
    assert (blue(path)[0] > 256 + 0.75 * 256).mean() > 0.9  # 3.9 and 3.67 Å, close to the edge
    pictures.spectrum(flat, path, pixel_size=2.0, rings=())
    assert blue(path)[0].size == 0


@pytest.mark.parametrize("side", [(600, 600), (512, 300), (33, 47)])
def test_spectrum_is_square_and_small(noise, path, side):
    pictures.spectrum(noise[: side[0], : side[1]], path, pixel_size=1.0)
    assert Image.open(path).size == (512, 512)
    assert path.stat().st_size <= png.LIMIT


def test_spectrum_of_a_constant_picture_is_drawn(path):
    assert pictures.spectrum(np.ones((128, 128)), path, pixel_size=1.0).exists()


@pytest.mark.parametrize("pixel_size", [0, -1, float("nan")])
def test_spectrum_needs_a_pixel_size(noise, path, pixel_size):
    with pytest.raises(BadData, match="pixel_size"):
        pictures.spectrum(noise, path, pixel_size=pixel_size)


def test_spectrum_of_a_tiny_picture_is_bad_data(path):
    with pytest.raises(BadData, match="too small"):
        pictures.spectrum(np.random.default_rng(0).random((12, 12)), path, pixel_size=1.0)


def halves(path):
    """A band below the middle of the left and, mirrored, of the right half, clear of the circle."""
    seen = opened(path)
    return seen[140:160, 60:124].ravel(), seen[140:160, 132:196][:, ::-1].ravel()


def test_thon_rings_agree_left_and_right_when_the_fit_is_right(path):
    round_lens = LENS | {"defocus_v": 15000}
    pictures.thon(rings(), path, edge=0.5, **round_lens, resolution=5.0, side=256)
    assert np.corrcoef(*halves(path))[0, 1] > 0.7


def test_thon_rings_disagree_when_the_fit_is_wrong(path):
    wrong = LENS | {"defocus_u": 22000, "defocus_v": 22000}
    pictures.thon(rings(), path, edge=0.5, **wrong, resolution=5.0, side=256)
    assert np.corrcoef(*halves(path))[0, 1] < 0.4


def test_half_spectra_are_completed(tmp_path):
    power = np.abs(np.fft.fft2(np.random.default_rng(1).random((64, 64)))).astype(np.float32)
    whole = pictures.thon(np.fft.fftshift(power), tmp_path / "a.png", edge=0.5, **LENS)
    half = pictures.thon(power[:, :33], tmp_path / "b.png", edge=0.5, **LENS)
    assert np.abs(opened(whole) - opened(half)).mean() < 1


def test_a_fit_that_agrees_nowhere_is_pale(path):
    pictures.thon(rings(), path, edge=0.5, **LENS, resolution=3.0, side=256)
    strong = opened(path)[100:200, 140:240].std()
    pictures.thon(rings(), path, edge=0.5, **LENS, resolution=None, side=256)
    assert opened(path)[100:200, 140:240].std() < 0.5 * strong


def test_thon_rings_in_noise_are_seen(path):
    rng = np.random.default_rng(3)
    spectrum = rings() ** 2 * 4 + rng.exponential(1, (512, 512))
    pictures.thon(
        spectrum, path, edge=0.5, **(LENS | {"defocus_v": 15000}), resolution=4.0, side=256
    )
    assert np.corrcoef(*halves(path))[0, 1] > 0.4


@pytest.mark.parametrize("resolution", [None, float("nan"), 0.0, 0.1, 400.0])
def test_thon_is_drawn_for_any_resolution(path, resolution):
    pictures.thon(rings(), path, edge=0.5, **LENS, resolution=resolution)
    assert path.stat().st_size <= png.LIMIT


@pytest.mark.parametrize("shape", [(64, 40), (4, 4), (64,)])
def test_thon_refuses_other_shapes(path, shape):
    with pytest.raises(BadData):
        pictures.thon(np.ones(shape), path, edge=0.5, **LENS)


def test_drift_plot_is_a_small_square(path):
    pictures.drift(settle(), path, dose_per_frame=1.2)
    assert Image.open(path).size == (800, 800)
    assert path.stat().st_size <= 60_000


@pytest.mark.parametrize(
    "shifts",
    [
        [[0, 0]],
        [[0, 0], [0, 0], [0, 0]],
        [[np.nan, np.nan], [0, 0], [1, 1], [np.nan, np.nan]],
        [[0, 0], [1e6, -1e6]],
    ],
    ids=["one frame", "no movement", "unused frames", "far away"],
)
def test_unusual_paths_are_drawn(path, shifts):
    assert pictures.drift(shifts, path).exists()


@pytest.mark.parametrize(
    "shifts", [[], np.zeros((0, 2)), [[np.nan, np.nan]], [[1, 2, 3]]],
    ids=["empty", "no row", "no used frame", "three axes"],
)  # fmt: skip
def test_paths_without_a_point_are_bad_data(path, shifts):
    with pytest.raises(BadData):
        pictures.drift(shifts, path)


def test_ctf_curve_is_small(path):
    s = np.linspace(0, 0.5, 300)
    model = np.sin(np.pi * 0.0197 * 15000 * s**2) ** 2
    noisy = model + np.random.default_rng(0).normal(0, 0.1, s.size)
    pictures.ctf_curve(s, noisy, model, np.exp(-5 * s), path, resolution=4.2)
    assert Image.open(path).size == (1000, 640)
    assert path.stat().st_size <= png.LIMIT


@pytest.mark.parametrize("resolution", [None, float("nan"), 2.0, 1000.0])
def test_ctf_curve_with_gaps_is_drawn(path, resolution):
    s = np.linspace(0, 0.5, 50)
    gaps = np.where(np.arange(50) % 5 == 0, np.nan, s)
    assert pictures.ctf_curve(s, gaps, s, gaps, path, resolution=resolution).exists()


def test_peaks_of_ice_beyond_the_rings_set_no_scale(path, tmp_path):
    s = np.linspace(0.03, 0.4, 300)
    model = np.sin(np.pi * 0.0197 * 15000 * s**2) ** 2
    measured = 0.2 * model
    icy = measured + 5 * (np.abs(s - 0.27) < 0.005)
    plain = pictures.ctf_curve(s, measured, model, model, path, resolution=4.0)
    other = pictures.ctf_curve(s, icy, model, model, tmp_path / "icy.png", resolution=4.0)
    before = slice(None), slice(60, 600)  # of both drawings, up to 5 Å
    assert np.abs(opened(plain)[before] - opened(other)[before]).mean() < 1


@pytest.mark.parametrize(
    "curves",
    [
        ([0.1, 0.2], [1, 2], [1, 2], [1]),
        ([0.1], [1], [1], [1]),
        ([0.1, 0.2], [np.nan] * 2, [1, 2], [1, 2]),
        ([np.nan] * 2, [1, 2], [1, 2], [1, 2]),
    ],
    ids=["unequal", "one point", "no profile", "no frequency"],
)
def test_curves_that_do_not_fit_together_are_bad_data(path, curves):
    with pytest.raises(BadData):
        pictures.ctf_curve(*curves, path)


def test_an_old_picture_is_replaced_and_no_draft_is_left(noise, path):
    pictures.thumbnail(noise, path, side=64)
    first = path.read_bytes()
    pictures.thumbnail(noise[::-1].copy(), path, side=64)
    assert path.read_bytes() != first
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_matplotlib_comes_late_and_pyplot_never(path):
    code = (
        "import sys; from focusnb import pictures; assert 'matplotlib' not in sys.modules; "
        "pictures.drift([[0, 0], [1, 1]], sys.argv[1]); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["thumbnail", "picks", "spectrum", "thon", "ctf"])
def test_each_preview_of_a_large_average_is_small_and_quick(path, kind):
    rng = np.random.default_rng(0)
    large = rng.poisson(20, (4096, 4096)).astype(np.float32)
    power = rings() + rng.exponential(1, (512, 512))
    s = np.linspace(0.03, 0.4, 400)
    model, points = np.sin(300 * s**2 * np.pi) ** 2, rng.integers(0, 4096, (2, 300))
    draw = {
        "thumbnail": lambda: pictures.thumbnail(large, path),
        "picks": lambda: pictures.thumbnail(large, path, marks=(*points, 200.0)),
        "spectrum": lambda: pictures.spectrum(large, path, pixel_size=1.0),
        "thon": lambda: pictures.thon(power, path, edge=0.5, **LENS, resolution=4.0),
        "ctf": lambda: pictures.ctf_curve(s, model, model, model, path, resolution=4.0),
    }[kind]
    draw()  # what is loaded once is no part of it
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        draw()
        took.append(time.perf_counter() - begun)
    assert path.stat().st_size <= png.LIMIT
    assert min(took) < 0.6  # 0.3 s on a machine that does nothing else
