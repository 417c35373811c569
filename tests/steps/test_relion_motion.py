"""RELION's opinion on our local motion: its own motion correction, and polishing from our file.

One movie of simulated particles on carbon whose parts move by several pixels. RELION corrects it by
itself, and its Bayesian polishing goes on from what we exported. RELION's file of a movie is
evaluated here as its manual and source define it, by no code of focusnb.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from kernels import made
from numpy.testing import assert_allclose
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

import focusnb as fn
from focusnb import formats
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.workers import Inline
from focusnb.formats import star
from focusnb.kernels import ctf, fourier
from focusnb.simulate import specimen

SIDE, FRAMES, PIXEL = 1024, 12, 1.5
DOSE = 10.0  # e/Å² and frame: RELION stops at half a pixel, and noise adds to that
REACH = 16.0  # Å, of the local motion: up to 5.8 pixels away from the mean of the field
DEFOCUS = {"defocus_u": 12100.0, "defocus_v": 11900.0, "defocus_angle": 30.0}
BLUR = 50.0  # Å², B factor of the specimen's image
BOX = 128  # pixels of a particle and of the reference
HOT = np.array([(200, 300), (511, 40), (700, 650), (90, 901)])  # x, y
MOTION, TRACKS = "micrographs/movie.star", "micrographs/movie_tracks.star"
WAY = made.settling(FRAMES, 18.0)  # Å, of the whole specimen


# -- what is known --------------------------------------------------------------------------------


def local(z, x, y):
    """Movement of the specimen's parts in frame z, Å: (..., 2). x, y from −½ to ½, at first."""
    t = z / (FRAMES - 1)
    grown = REACH * (1.6 * t - 0.6 * t**2)
    return grown * np.stack([1.2 * x + 0.8 * y**2, y - 0.7 * x**2], axis=-1)


def true(x, y):
    """Movement of the specimen's parts in pixels: (frames, points, 2)."""
    return np.array([WAY[z] + local(z, x, y) for z in range(FRAMES)]) / PIXEL


@dataclass(frozen=True)
class Recorded:
    """A movie on disk, and its particles."""

    movie: Path
    gain: Path
    places: np.ndarray  # (n, 2) x, y, whole pixels at the first frame
    turns: Rotation

    @property
    def points(self):
        """The places as x, y from −½ to ½."""
        return (self.places / SIDE - 0.5).T


def scene(places, turns, rng, margin, fine):
    """The specimen under the lens: 1 + contrast, `fine` times as fine as the camera's pixels."""
    shape, pixel_size = ((SIDE + 2 * margin) * fine,) * 2, PIXEL / fine
    phase = np.zeros(shape)
    for place, turn in zip(places, turns, strict=True):
        points = turn.apply(specimen.particle())[:, :2] / PIXEL + place + margin
        x, y = np.rint(points * fine).astype(int).T
        np.add.at(phase, (y, x), specimen.RESIDUE_PHASE / pixel_size**2)
    s = fourier.frequencies(shape, pixel_size)
    sy, sx = fourier.frequency_grid(shape, pixel_size)
    spectrum = fft.rfft2(phase) * np.exp(-2 * np.pi**2 * specimen.RESIDUE_SIZE**2 * s**2)
    spectrum[0, 0] = 0
    spectrum += specimen.carbon(shape, pixel_size=pixel_size, thickness=200.0, rng=rng)
    spectrum *= ctf.transfer(s, np.arctan2(sy, sx + 0 * sy), voltage=300, **DEFOCUS)
    spectrum *= np.exp(-BLUR / 4 * s**2)
    return 1 + 2 * fft.irfft2(spectrum, s=shape)


def electrons(seen, margin, fine):
    """Expected electrons of each frame: what the camera sees of a scene that moves and bends."""
    spline = ndimage.spline_filter(seen, order=3, output=np.float32)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    for z in range(FRAMES):
        moved = np.zeros((SIDE, SIDE, 2))
        for _ in range(3):  # the movement belongs to the place at the first frame
            u, v = (x - moved[..., 0]) / SIDE - 0.5, (y - moved[..., 1]) / SIDE - 0.5
            moved = (WAY[z] + local(z, u, v)) / PIXEL
        at = [(y + margin - moved[..., 1]) * fine, (x + margin - moved[..., 0]) * fine]
        frame = ndimage.map_coordinates(spline, at, order=3, prefilter=False)
        yield np.maximum(frame, 0) * DOSE * PIXEL**2


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The movie as a camera with uneven gain and some hot pixels records it."""
    folder = tmp_path_factory.mktemp("camera")
    rng = np.random.default_rng(7)
    places = specimen.scatter((SIDE - 200,) * 2, 40, pixel_size=PIXEL, rng=rng)
    places, turns = np.rint(places) + 100, Rotation.random(len(places), rng=rng)
    gain = rng.normal(1, 0.08, (SIDE, SIDE)) * np.linspace(0.8, 1.2, SIDE)[:, None]
    seen = scene(places, turns, rng, margin=40, fine=2)
    frames = np.array([rng.poisson(e / gain) for e in electrons(seen, margin=40, fine=2)])
    frames[:, HOT[:, 1], HOT[:, 0]] += 120
    movie = formats.write(folder / "movie.tif", frames.astype(np.uint8), pixel_size=PIXEL)
    written = formats.write(folder / "gain.mrc", gain.astype(np.float32))
    return Recorded(movie, written, places, turns)


# -- RELION's file, as RELION defines it ----------------------------------------------------------


def movement(path, x, y):
    """Movement of the specimen by RELION's file of a movie, pixels: (frames, points, 2).

    The file holds the correction, its negative: the shift of the whole frame, and 18 coefficients
    for each axis, [1, x, x², y, y², xy] × [z, z², z³]. z counts from the first frame that is used.
    """
    blocks = starfile.read(path, always_dict=True)
    start = int(blocks["general"]["rlnMicrographStartFrame"])
    correction = []
    for row in blocks["global_shift"].itertuples():
        z = row.rlnMicrographFrameNumber - start
        shift = np.array([row.rlnMicrographShiftX, row.rlnMicrographShiftY], float)
        each = np.tile(shift, (len(x), 1))
        for axis, c in enumerate(coefficients(blocks)):
            for i, term in enumerate((1, x, x**2, y, y**2, x * y)):
                each[:, axis] += (c[3 * i] * z + c[3 * i + 1] * z**2 + c[3 * i + 2] * z**3) * term
        correction.append(each)
    return -np.array(correction)


def coefficients(blocks):
    """The 18 coefficients of x and those of y; zeros where the file has no model."""
    c = np.zeros(36)
    if int(blocks["general"]["rlnMotionModelVersion"]) == 1:
        model = blocks["local_motion_model"]
        c[model["rlnMotionModelCoeffsIdx"]] = model["rlnMotionModelCoeff"]
    return c[:18], c[18:]


def apart(one, other):
    """How two movements differ, after one constant vector of each point is removed."""
    difference = one - other
    return difference - difference.mean(axis=0)


def rms(difference):
    """Root of the mean square of a movement's length."""
    return float(np.sqrt((difference**2).sum(axis=-1).mean()))


def grid():
    """The middles of 5 × 5 equal parts of the field: x, y from −½ to ½."""
    at = (np.arange(5) + 0.5) / 5 - 0.5
    x, y = np.meshgrid(at, at)
    return x.ravel(), y.ravel()


# -- our way to RELION ----------------------------------------------------------------------------


def exported(folder, recorded, **values):
    """Process the movie in a project and export it: the image, and the folder for RELION."""
    words = {"voltage": 300.0, "dose_per_frame": DOSE, "patches": 5, "export_how": "copy"}
    project = fn.create(folder / "project", **words, **values)
    (image,) = project.add(recorded.movie, gain=str(recorded.gain))
    project.process([image], steps=["prepare", "motion", "ctf"])
    Dispatcher(project, Inline).run()
    summary = project.export("relion", folder / "relion", [image])
    assert (summary.images, summary.left_out) == (1, ())
    return image, summary.out


@pytest.fixture(scope="module")
def ours(tmp_path_factory, recorded):
    return exported(tmp_path_factory.mktemp("ours"), recorded)


def run(folder, command):
    """Run a program of RELION; give how it ended and what it printed."""
    return subprocess.run(
        command.split(), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.program
@pytest.mark.needs("relion_run_motioncorr")
class TestSameMovie:
    """RELION's own motion correction and ours, 5 × 5 patches each, at 5 × 5 points."""

    @pytest.fixture(scope="class")
    @classmethod
    def theirs(cls, tmp_path_factory, recorded):
        """RELION's file of the movie, as it wrote it."""
        folder = tmp_path_factory.mktemp("theirs")
        for file in (recorded.movie, recorded.gain):
            (folder / file.name).symlink_to(file)
        run(
            folder,
            "relion_run_motioncorr --use_own --i movie.tif --o out/ --j 1 --gainref gain.mrc"
            f" --angpix {PIXEL} --voltage 300 --dose_per_frame {DOSE} --bfactor 150"
            " --patch_x 5 --patch_y 5",
        )
        return folder / "out" / "movie.star"

    @pytest.fixture(scope="class")
    @classmethod
    def mine(cls, ours):
        """The file of our step."""
        return ours[0]["motion_star"]

    def test_both_found_local_motion_of_several_pixels(self, theirs, mine):
        for path in (theirs, mine):
            blocks = starfile.read(path, always_dict=True)
            assert int(blocks["general"]["rlnMotionModelVersion"]) == 1
            assert list(blocks["local_motion_model"]["rlnMotionModelCoeffsIdx"]) == list(range(36))
            ways = movement(path, *grid())
            assert np.abs(ways - ways.mean(axis=1, keepdims=True)).max() > 4

    def test_they_agree_in_sign(self, theirs, mine):
        theirs, mine = movement(theirs, *grid()), movement(mine, *grid())
        parts = [ways[-1] - ways[-1].mean(axis=0) for ways in (theirs, mine)]
        for one, other in ((theirs[-1], mine[-1]), parts):
            large = np.abs(one) > 0.6
            assert large.mean() > 0.7
            assert (np.sign(one) == np.sign(other))[large].all()

    def test_they_agree_within_half_a_pixel(self, theirs, mine):
        difference = apart(movement(theirs, *grid()), movement(mine, *grid()))
        assert np.hypot(*difference.T).max() < 0.5

    def test_both_are_close_to_the_truth_and_ours_is_closer(self, theirs, mine):
        theirs, mine = (apart(movement(path, *grid()), true(*grid())) for path in (theirs, mine))
        assert np.hypot(*theirs.T).max() < 0.5
        assert np.hypot(*mine.T).max() < 0.1
        assert rms(mine) < min(0.03, rms(theirs))

    def test_the_whole_frames_correction_is_the_negative_of_the_shifts_in_pixels(self, ours, mine):
        table = starfile.read(mine, always_dict=True)["global_shift"]
        assert list(table["rlnMicrographFrameNumber"]) == list(range(1, FRAMES + 1))
        stored = table[["rlnMicrographShiftX", "rlnMicrographShiftY"]].to_numpy(float)
        assert_allclose(stored, -np.array(ours[0]["shifts"]) / PIXEL, atol=1e-5)
        assert stored.min() < -8


# -- polishing ------------------------------------------------------------------------------------


def add_reference(folder, recorded):
    """Put beside an export what a refinement would have made: particles, half maps, mask, FSC."""
    kept = BOX // 2
    k = [np.fft.fftfreq(2 * BOX, PIXEL / 2)] * 2 + [np.fft.rfftfreq(2 * BOX, PIXEL / 2)]
    s2 = k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2
    density = np.zeros((2 * BOX,) * 3)  # twice as fine
    z, y, x = np.rint(specimen.particle()[:, ::-1] / PIXEL * 2).astype(int).T + BOX
    np.add.at(density, (z, y, x), 8 * specimen.RESIDUE_PHASE / PIXEL**2)
    blur = np.exp(-(2 * np.pi**2 * specimen.RESIDUE_SIZE**2 + BLUR / 4) * s2)
    density = fft.irfftn(fft.rfftn(density) * blur)[::2, ::2, ::2]
    # Particles of a refinement have noise of sd 1: a projection is contrast × √electrons.
    density *= 2 * np.sqrt(DOSE * PIXEL**2 * FRAMES)
    radius = np.sqrt(((np.mgrid[:BOX, :BOX, :BOX] - kept) ** 2).sum(0)) * PIXEL
    for name, volume in (
        ("half1.mrc", density),
        ("half2.mrc", density),
        ("mask.mrc", np.clip((88 - radius) / 6, 0, 1)),
    ):
        formats.write(folder / name, volume.astype(np.float32), pixel_size=PIXEL)
    shell = np.arange(kept + 1)
    curve = {
        "rlnSpectralIndex": shell,
        "rlnResolution": shell / (BOX * PIXEL),
        "rlnFourierShellCorrelationCorrected": np.clip(1.2 - 1.1 * shell / kept, 0, 1),
    }
    star.write(
        folder / "postprocess.star",
        {"general": {"rlnFinalResolution": 4.0}, "fsc": pd.DataFrame(curve)},
    )
    measured = star.read(folder / "micrographs_ctf.star")
    one = measured["micrographs"].iloc[0]
    number = np.arange(len(recorded.places))
    angles = recorded.turns.inv().as_euler("ZYZ", degrees=True)
    particles = {
        "rlnCoordinateX": recorded.places[:, 0],
        "rlnCoordinateY": recorded.places[:, 1],
        "rlnImageName": [f"{i + 1:06d}@Extract/movie.mrcs" for i in number],
        "rlnMicrographName": one["rlnMicrographName"],
        "rlnOpticsGroup": one["rlnOpticsGroup"],
        **{word: one[word] for word in ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle")},
        **dict(zip(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"), angles.T, strict=True)),
        "rlnOriginXAngst": 0.0,
        "rlnOriginYAngst": 0.0,
        "rlnRandomSubset": number % 2 + 1,
    }
    optics = measured["optics"].assign(
        rlnImagePixelSize=PIXEL, rlnImageSize=BOX, rlnImageDimensionality=2
    )
    star.write(folder / "particles.star", {"optics": optics, "particles": pd.DataFrame(particles)})


def polish(folder, out, words=""):
    """Run RELION's polishing into folder/out."""
    return run(
        folder,
        "relion_motion_refine --i particles.star --f postprocess.star --m1 half1.mrc --m2 half2.mrc"
        f" --mask mask.mrc --angpix_ref {PIXEL} --corr_mic corrected_micrographs.star"
        f" --o {out}/ --j 1 {words}",
    )


def tracks(folder):
    """Movement of each particle that polishing wrote, pixels: (frames, particles, 2)."""
    blocks = starfile.read(folder / TRACKS, always_dict=True)
    count = int(blocks.pop("general")["rlnParticleNumber"])
    ways = [
        blocks[str(i)][["rlnOriginXAngst", "rlnOriginYAngst"]].to_numpy(float) for i in range(count)
    ]
    return np.stack(ways, axis=1) / PIXEL


def agreement(folder):
    """Correlation of the frames with the reference, 20 to 5 Å, by polishing's own tables."""
    names = [folder / "micrographs" / f"movie_FCC_{part}.mrc" for part in ("cc", "w0", "w1")]
    shells = slice(round(BOX * PIXEL / 20), round(BOX * PIXEL / 5))
    parts = [formats.read(name).reshape(-1, BOX // 2 + 1)[:, shells] for name in names]
    both, frames, reference = (part.astype(float).sum(axis=1) for part in parts)
    return float((both / np.sqrt(frames * reference)).mean())


def without_model(blocks):
    del blocks["local_motion_model"]
    blocks["general"]["rlnMotionModelVersion"] = 0


def turned_round(blocks):
    blocks["local_motion_model"]["rlnMotionModelCoeff"] *= -1


def with_patches_left_out(blocks):
    blocks["left_out_shift"] = blocks["local_shift"]


def lacking_a_coefficient(blocks):
    blocks["local_motion_model"] = blocks["local_motion_model"][:-1]


def lacking_the_table(blocks):
    del blocks["local_motion_model"]


@pytest.mark.program
@pytest.mark.needs("relion_motion_refine")
class TestPolishing:
    """Bayesian polishing of our export, with the simulated particle as the reference."""

    @pytest.fixture(scope="class")
    @classmethod
    def ready(cls, ours, recorded):
        """Our export with a reference beside it."""
        add_reference(ours[1], recorded)
        return ours[1]

    @pytest.fixture(scope="class")
    @classmethod
    def started(cls, ready):
        """What polishing says and writes when it does no more than read and compare."""
        return polish(ready, "start", "--max_iters 0"), ready / "start"

    @pytest.fixture
    def changed(self, ready, tmp_path):
        """A function: start polishing from a copy of the export with our file's blocks changed."""

        def start(change):
            folder = shutil.copytree(ready, tmp_path / "changed")
            path = folder / MOTION
            blocks = starfile.read(path, always_dict=True)
            change(blocks)
            starfile.write(blocks, path, overwrite=True)
            return polish(folder, "changed", "--max_iters 0"), folder / "changed"

        return start

    def test_it_reads_our_export_without_a_warning(self, started, ready):
        ended, folder = started
        told = starfile.read(ready / MOTION, always_dict=True)
        assert (ready / told["general"]["rlnMicrographGainName"]).is_file()
        assert len(told["hot_pixels"]) == len(HOT)
        assert ended.returncode == 0
        assert "warning" not in (ended.stdout + ended.stderr).lower()
        assert (folder / TRACKS).is_file()

    def test_it_starts_from_the_movement_that_our_file_tells(self, started, ready, recorded):
        told = movement(ready / MOTION, *recorded.points)
        assert_allclose(tracks(started[1]), told, atol=1e-5)
        assert np.abs(told[-1] - told[-1].mean(axis=0)).max() > 4

    @pytest.mark.parametrize(("change", "left"), [(without_model, 0.5), (turned_round, 0.3)])
    def test_frames_show_the_reference_where_our_model_says(self, started, changed, change, left):
        ended, folder = changed(change)
        assert ended.returncode == 0
        assert agreement(started[1]) > 0.06
        assert agreement(folder) < left * agreement(started[1])

    def test_patches_left_out_are_no_matter_to_it(self, started, changed):
        ended, folder = changed(with_patches_left_out)
        assert ended.returncode == 0
        assert "warning" not in (ended.stdout + ended.stderr).lower()
        assert_allclose(tracks(folder), tracks(started[1]), atol=2e-3)  # the copy is rounded

    def test_it_polishes(self, started, ready, recorded):
        ended = polish(ready, "polished", "--combine_frames")
        assert ended.returncode == 0
        found = tracks(ready / "polished")
        assert rms(apart(found, true(*recorded.points))) < 0.3
        assert np.abs(found - tracks(started[1])).max() > 0.01
        shiny = starfile.read(ready / "polished" / "shiny.star")["particles"]
        assert len(shiny) == len(recorded.places)
        stack = formats.read(ready / shiny["rlnImageName"][0].split("@")[1])
        assert stack.shape == (len(recorded.places), BOX, BOX)
        assert np.isfinite(stack).all()
        assert (stack.std(axis=(1, 2)) > 0).all()

    @pytest.mark.parametrize("change", [lacking_a_coefficient, lacking_the_table])
    def test_a_spoilt_model_is_refused(self, changed, change):
        ended, folder = changed(change)
        assert ended.returncode != 0
        assert "incomplete values" in ended.stderr
        assert not folder.exists()

    def test_the_models_time_begins_with_the_first_used_frame(self, tmp_path, recorded):
        _, folder = exported(tmp_path, recorded, first_frame=3)
        add_reference(folder, recorded)
        # without --last_frame RELION 3.1.3 leaves out as many frames at the end
        polish(folder, "start", f"--max_iters 0 --first_frame 3 --last_frame {FRAMES}")
        told = movement(folder / MOTION, *recorded.points)[2:]
        assert_allclose(tracks(folder / "start"), told, atol=1e-5)
        assert rms(apart(told, true(*recorded.points)[2:])) < 0.05
