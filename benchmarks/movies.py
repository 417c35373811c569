"""Movies with exactly known local motion, made without any of focusnb's kernels.

    python benchmarks/movies.py OUT --frames 40 --size 3838 3710

A weak-phase specimen of randomly turned particles in noisy ice, seen through a lens (underfocus,
envelope), is displaced by a smooth field in time and space, sampled with cubic splines, and counted:
every frame is a Poisson draw, divided by a gain reference, in uint8. Files are as SerialEM writes
them: LZW TIFF (first row at the top), gain.mrc, defects.txt, and the truth as JSON.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
from scipy import fft, ndimage

WAVELENGTH = 0.0196875  # Å at 300 kV
CS = 2.7e7  # Å


@dataclass(frozen=True)
class Plan:
    """A movie to be made. Lengths in pixels of the specimen's picture, `pixel_size` in Å."""

    width: int = 3838
    height: int = 3710
    frames: int = 40
    pixel_size: float = 1.06
    dose_per_frame: float = 0.8  # e/Å²
    drift: float = 15.0  # whole-frame movement from first to last
    jitter: float = 0.2  # sd of a random walk's step on top of it
    local: float = 5.0  # largest movement relative to the whole frame
    particles: int = 350
    defocus: float = 15000.0  # Å
    super_resolution: int = 1  # recorded pixels per pixel of the specimen's picture, along one side
    seed: int = 1


def _numbers(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole-frame movement (frames, 2), growth of the local one (frames,), and its centre (2,)."""
    rng = np.random.default_rng([plan.seed, 7])
    t = np.arange(plan.frames)
    angle = rng.uniform(0, 2 * np.pi)
    settle = (1 - np.exp(-4 * t / plan.frames)) * plan.drift
    whole = settle[:, None] * [np.cos(angle), np.sin(angle)]
    whole = whole + np.cumsum(rng.normal(0, plan.jitter, (plan.frames, 2)), 0)
    centre = rng.uniform(-0.15, 0.15, 2)
    edge = np.linspace(-0.5, 0.5, 33)
    most = np.hypot(*_doming(*np.meshgrid(edge, edge), centre)).max()
    grow = plan.local / most * (1 - np.exp(-2.5 * t / plan.frames)) / (1 - np.exp(-2.5))
    return whole - whole[0], grow, centre


def _doming(u: np.ndarray, v: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """A film that bulges: parts away from the centre move outwards and bend. (2, *u.shape)."""
    u, v = u - centre[0], v - centre[1]
    return np.stack(
        [
            1.2 * u + 0.9 * v**2 - 0.5 * u * v + 0.08 * np.sin(4 * v),
            1.0 * v - 0.8 * u**2 + 0.3 * u * v + 0.08 * np.sin(4 * u),
        ]
    )


def motion(plan: Plan, u: np.ndarray, v: np.ndarray, frame: int) -> np.ndarray:
    """Movement in one frame, (2, *u.shape) x and y in pixels, of what was at u, v in the first.

    u = x/width − ½, v = y/height − ½. The whole frame settles and walks, the film domes, fast at
    first: not a polynomial, neither in time nor in space.
    """
    whole, grow, centre = _numbers(plan)
    ones = [1] * np.ndim(u)
    return whole[frame].reshape(2, *ones) + grow[frame] * _doming(u, v, centre)


def points(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The 5 × 5 points at which estimates are compared with the truth: u, v of their centres."""
    centres = (np.arange(5) + 0.5) / 5 - 0.5
    u, v = np.meshgrid(centres, centres)
    return u, v


def specimen(plan: Plan, margin: int) -> np.ndarray:
    """Relative intensity of the still specimen, mean 1, with a margin on every side: (y, x)."""
    rng = np.random.default_rng([plan.seed, 1])
    shape = tuple(fft.next_fast_len(n + 2 * margin, True) for n in (plan.height, plan.width))
    atoms = rng.standard_normal((2600, 3)) * [34, 27, 22]  # Å: 300 kDa in an uneven lump
    field = np.zeros(shape[0] * shape[1], np.float64)
    for _ in range(plan.particles):
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        xy = (atoms @ turn)[:, :2] / plan.pixel_size + rng.random(2) * (shape[1], shape[0])
        x, y = np.rint(xy).astype(int).T
        inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        field += np.bincount((y * shape[1] + x)[inside], minlength=field.size)
    ky = fft.fftfreq(shape[0], plan.pixel_size)[:, None].astype(np.float32)
    kx = fft.rfftfreq(shape[1], plan.pixel_size).astype(np.float32)
    s2 = ky**2 + kx**2
    s = np.sqrt(s2)
    # 0.20 rad Å² for a residue in ice; ice of 300 Å: water's forward scattering and its ring at 3.7 Å,
    # of which little stays in place under the beam; 20 Å of amorphous carbon.
    protein = fft.rfft2(field.reshape(shape).astype(np.float32)) * np.exp(-33 * s2)
    protein *= 0.20 / plan.pixel_size**2
    water = 0.0314 * 300 * 0.094**2 * (0.1 + 1.7 * np.exp(-(((s - 0.27) / 0.034) ** 2)))
    water /= 1 + (s / 0.085) ** 2
    carbon = 0.09 * 20 * 0.078**2 * 0.5 / (1 + (s / 0.45) ** 2) ** 2
    noise = fft.rfft2(rng.standard_normal(shape, np.float32))
    film = noise * np.sqrt(water + carbon) / plan.pixel_size
    chi = np.pi * WAVELENGTH * s2 * (plan.defocus - 0.5 * WAVELENGTH**2 * s2 * CS)
    lens = -np.sin(chi + np.arcsin(0.07)) * np.exp(-50 / 4 * s2)
    spectrum = (protein + film) * lens
    spectrum[0, 0] = 0
    phase = fft.irfft2(spectrum.astype(np.complex64), s=shape)
    return (1 + 2 * phase).astype(np.float32)


def gain_reference(plan: Plan) -> np.ndarray:
    """Factors (y, x) of the camera as recorded: pixels, columns and a slow gradient differ."""
    rng = np.random.default_rng([plan.seed, 2])
    h, w = plan.height * plan.super_resolution, plan.width * plan.super_resolution
    sensitivity = 1 + 0.04 * rng.standard_normal((h, w), np.float32)
    sensitivity += 0.015 * rng.standard_normal(w, np.float32)
    sensitivity += (0.04 * np.linspace(-1, 1, h, dtype=np.float32) ** 2)[:, None]
    return np.float32(1) / np.clip(sensitivity, 0.5, 1.5)


DEFECTS = ((700, 0, 1, 100000), (0, 1201, 100000, 2), (2000, 2100, 5, 7))
COARSE = 64  # pixels; the smooth movement is sampled so often and interpolated


class Recorder:
    """Makes the frames of a plan, one by one; what all need is made once."""

    def __init__(self, plan: Plan, noisy: bool = True) -> None:
        self.plan, self.noisy = plan, noisy
        h, w = plan.height, plan.width
        y, x = np.meshgrid(
            *(np.arange(-COARSE, n + 2 * COARSE, COARSE) for n in (h, w)), indexing="ij"
        )
        # What is seen at x, y in a frame was at x, y less the movement *of that place*: iterated.
        self.field = np.zeros((plan.frames, 2, *x.shape))
        for frame, moved in enumerate(self.field):
            for _ in range(4):
                u, v = (x - moved[0]) / w - 0.5, (y - moved[1]) / h - 0.5
                moved[:] = motion(plan, u, v, frame)
        self.margin = int(np.abs(self.field).max()) + 8
        still = specimen(plan, self.margin)
        self.spline = ndimage.spline_filter(still, order=3, output=np.float32, mode="mirror")
        self.gain = gain_reference(plan) if noisy else None

    def rate(self, index: int, top: int, bottom: int) -> np.ndarray:
        """Relative intensity of frame `index` in the rows from top to bottom."""
        y, x = np.mgrid[top:bottom, : self.plan.width].astype(np.float32)
        at = [y / COARSE + 1, x / COARSE + 1]
        dx, dy = (ndimage.map_coordinates(d, at, order=1) for d in self.field[index])
        places = [y - dy + self.margin, x - dx + self.margin]
        return ndimage.map_coordinates(self.spline, places, order=3, prefilter=False)

    def frame(self, index: int) -> np.ndarray:
        """One frame as recorded, uint8 (y, x), row 0 at the bottom."""
        plan, fine = self.plan, self.plan.super_resolution
        rng = np.random.default_rng([plan.seed, 3, index])
        electrons = plan.dose_per_frame * (plan.pixel_size / fine) ** 2
        out = np.empty((plan.height * fine, plan.width * fine), np.uint8)
        for top in range(0, plan.height, 512):
            bottom = min(top + 512, plan.height)
            rate = np.maximum(self.rate(index, top, bottom), 0) * electrons
            rate = np.repeat(np.repeat(rate, fine, 0), fine, 1)
            rows = slice(top * fine, bottom * fine)
            out[rows] = np.minimum(rng.poisson(rate / self.gain[rows]), 255)
        for number, (x, y, width, height) in enumerate(DEFECTS):
            out[y : y + height, x : x + width] = 0 if number % 2 else 9
        return out


_recorder: Recorder | None = None


def _start(plan: Plan) -> None:
    global _recorder
    _recorder = Recorder(plan)


def _frame(index: int) -> bytes:
    return _recorder.frame(index)


def write(folder: Path, plan: Plan, processes: int = 2) -> Path:
    """Write movie.tif, gain.mrc, defects.txt and truth.json; what lies there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    movie, told = folder / "movie.tif", folder / "truth.json"
    if told.exists() and json.loads(told.read_text())["plan"] == asdict(plan):
        return movie
    with mrcfile.new(folder / "gain.mrc", overwrite=True) as file:
        file.set_data(gain_reference(plan))
    h, w = plan.height * plan.super_resolution, plan.width * plan.super_resolution
    inside = [(x, y, min(a, w - x), min(b, h - y)) for x, y, a, b in DEFECTS if x < w and y < h]
    (folder / "defects.txt").write_text("".join(f"{x} {y} {a} {b}\n" for x, y, a, b in inside))
    with (
        ProcessPoolExecutor(processes, initializer=_start, initargs=(plan,)) as pool,
        tifffile.TiffWriter(movie, bigtiff=h * w * plan.frames > 2**32) as file,
    ):
        for frame in pool.map(_frame, range(plan.frames)):
            file.write(
                frame[::-1], compression="lzw", photometric="minisblack", contiguous=False,
                rowsperstrip=256, metadata=None,
                resolution=(1e8 * plan.super_resolution / plan.pixel_size,) * 2,
                resolutionunit="CENTIMETER",
            )  # fmt: skip
    u, v = points(plan)
    truth = {
        "plan": asdict(plan),
        "pixel_size": plan.pixel_size / plan.super_resolution,
        "dose_per_frame": plan.dose_per_frame,
        # (frames, 2, 5, 5) x and y in pixels of the specimen's picture
        "motion": [motion(plan, u, v, frame).tolist() for frame in range(plan.frames)],
    }
    told.write_text(json.dumps(truth))
    return movie


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", type=int, nargs=2, default=(3838, 3710), metavar=("W", "H"))
    parser.add_argument("--super-resolution", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    plan = Plan(
        width=args.size[0], height=args.size[1], frames=args.frames, seed=args.seed,
        super_resolution=args.super_resolution,
    )  # fmt: skip
    write(args.out, plan)


if __name__ == "__main__":
    main()
