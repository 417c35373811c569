"""The same functions with arrays of other modules: the strictest there is, and PyTorch's."""

import array_api_strict
import numpy as np
import pytest
from numpy.testing import assert_allclose

from focusnb.errors import BadData
from focusnb.kernels import arrays, fourier, motion
from kernels import made

PIXEL = 1.06


def strict(array):
    return array_api_strict.asarray(array)


def torch(array):
    return pytest.importorskip("torch", reason="make test-torch installs it").as_tensor(array)


@pytest.fixture(params=[strict, torch], ids=lambda f: f.__name__)
def other(request):
    """A function that makes an array of another module; NumPy's are what it is compared with."""
    request.param(np.zeros(1))
    return request.param


@pytest.fixture(scope="module")
def movie():
    rng = np.random.default_rng(11)
    way, model = made.settling(8, 10), made.doming(6.0, 8)
    return made.local_movie(rng, way, model, side=512, dose_per_frame=6.0, contrast=0.1)


@pytest.mark.parametrize("patches", [1, 3])
def test_second_opinion_movements_are_the_same_to_a_thousandth_pixel(movie, other, patches):
    ours = motion.estimate(movie, pixel_size=PIXEL, patches=patches, tolerance=1e-4)
    theirs = motion.estimate(
        [other(f) for f in movie], pixel_size=PIXEL, patches=patches, tolerance=1e-4
    )
    assert ours.converged
    assert theirs.converged
    assert_allclose(theirs.shifts / PIXEL, ours.shifts / PIXEL, atol=1e-3)
    assert theirs.quality == pytest.approx(ours.quality, rel=1e-3)
    assert (theirs.model is None) == (ours.model is None)
    if ours.model is not None:
        at = np.linspace(-0.5, 0.5, 5)
        ways = [
            motion.local_movement(m, np.arange(8), at[None], at[:, None]) / PIXEL
            for m in (ours.model, theirs.model)
        ]
        assert_allclose(*ways, atol=1e-3)


def test_hot_pixels_are_replaced_in_them_too(other):
    rng = np.random.default_rng(2)
    way = made.settling(8, 10)
    frames = made.movie(rng, way, side=384, dose_per_frame=6)
    y, x = rng.integers(0, 384, (2, 300))
    frames[:, y, x] = np.minimum(frames[:, y, x].astype(int) + 60, 255)
    found = motion.estimate([other(f) for f in frames], pixel_size=PIXEL)
    assert made.error(found.shifts, way) < 0.4 * PIXEL


@pytest.mark.parametrize("shape", [None, (160, 144), (300, 320)])
@pytest.mark.parametrize("local", [False, True])
def test_second_opinion_compiled_loops_and_plain_functions_give_the_same_sums(other, local, shape):
    rng = np.random.default_rng(4)
    frames = rng.poisson(4, (5, 250, 210)).astype(np.uint8)
    gain = rng.uniform(0.9, 1.1, (250, 210)).astype(np.float32)
    way = rng.uniform(-6, 6, (5, 2))
    way[0] = 0
    how = {
        "pixel_size": 1.0, "dose_per_frame": 2.0, "odd_even": True, "dose_range": (2, 6), "shape": shape,
        "model": rng.uniform(-0.3, 0.3, 36) / np.tile([4, 16, 64], 12) if local else None,
    }  # fmt: skip
    ours = motion.correct(frames, way, gain=gain, **how)
    theirs = motion.correct([other(f) for f in frames], way, gain=other(gain), **how)
    for name in ("average", "average_dw", "unaligned", "odd", "even", "dose_range"):
        found, wanted = arrays.to_numpy(getattr(theirs, name)), getattr(ours, name)
        assert type(getattr(theirs, name)) is not np.ndarray
        assert_allclose(found, wanted, atol=2e-3 * wanted.std())


def test_second_opinion_aligned_frames_are_the_same(other):
    rng = np.random.default_rng(4)
    frames = rng.standard_normal((3, 100, 120)).astype(np.float32)
    way = [[0, 0], [3.3, -1.2], [np.nan, np.nan]]
    ours = list(motion.aligned(frames, way, pixel_size=1.0))
    theirs = list(motion.aligned([other(f) for f in frames], way, pixel_size=1.0))
    assert len(ours) == len(theirs) == 2
    for one, two in zip(ours, theirs, strict=True):
        assert_allclose(arrays.to_numpy(two), one, atol=1e-3)


@pytest.mark.parametrize("new", [(48, 40), (30, 25), (64, 80), (47, 40), (48, 39), (90, 20)])
def test_second_opinion_resizing_is_the_same(other, new):
    picture = np.random.default_rng(0).standard_normal((48, 40)).astype(np.float32)
    found = fourier.resize(other(picture), new)
    assert_allclose(arrays.to_numpy(found), fourier.resize(picture, new), atol=1e-5)


def test_bad_frames_are_refused_with_the_same_sentences(other):
    with pytest.raises(BadData, match="frame 1 is constant"):
        motion.estimate([other(np.zeros((64, 64), np.float32))], pixel_size=1.0)
    bad = np.ones((64, 64), np.float32)
    bad[3, 4] = np.nan
    with pytest.raises(BadData, match="frame 1 has 1 pixels that are NaN"):
        motion.estimate([other(bad)], pixel_size=1.0)
    with pytest.raises(BadData, match="NaN"):
        motion.correct([other(bad)], [[0, 0]], pixel_size=1.0)


def test_torch_is_not_imported_by_the_kernels():
    import subprocess
    import sys

    code = "import sys; from focusnb.kernels import motion; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
