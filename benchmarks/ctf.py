"""CTF: errors on simulated movies with known defocus, faults that must be noticed, and time.

    make bench BENCH="ctf"
    make bench BENCH="ctf --micrograph epu2.9_example.mrc"

Movies are simulated, corrected for drift, and measured. A faulty picture must be right (mean defocus within
200 Å) or not trusted: never a confident wrong value.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from focusnb import formats, simulate
from focusnb.kernels import ctf, motion

CTFFIND5 = (27303.5, 27167.0)  # Å, ctffind 5.0.2 on epu2.9_example.mrc: box 512, 30-3.5 Å
RIGHT = 200.0  # Å, of the mean defocus


def corrected(**how: object) -> tuple[np.ndarray, object]:
    """The plain sum of a simulated movie after motion correction, and the exposure."""
    made = simulate.movie(**how)
    frames = [frame * made.camera.gain for frame in made.frames.astype(np.float32)]
    for x, y, w, h in made.camera.defects:
        for frame in frames:
            frame[y : y + h, x : x + w] = np.median(frame)
    found = motion.estimate(frames, pixel_size=1.0, workers=2)
    shifts = found.shifts if found.seen else np.zeros((len(frames), 2))
    return motion.correct(frames, shifts, pixel_size=1.0, workers=2).average, made.truth.exposure


def apart(one: float, other: float) -> float:
    """Distance of two axes, degrees."""
    return abs((one - other + 90) % 180 - 90)


def row(what: str, errors: list[float], unit: str) -> str:
    return f"| {what} | {statistics.median(errors):.1f} {unit} | {max(errors):.1f} {unit} |"


def movies(count: int, size: int) -> Iterator[str]:
    defocus, difference, angle = [], [], []
    trusted = 0
    for seed in range(count):
        rng = np.random.default_rng(100 + seed)
        mean, astigmatism = rng.uniform(4000, 35000), rng.uniform(0, 1500)
        picture, true = corrected(
            size=size, frames=16, seed=seed, defocus=mean, astigmatism=astigmatism,
            defocus_angle=float(rng.uniform(-90, 90)), dose_per_frame=float(rng.uniform(20, 50)) / 16,
        )  # fmt: skip
        fit = ctf.fit(picture, pixel_size=1.0, voltage=300, box=512, low=30, high=4, workers=2)
        trusted += not fit.doubts
        defocus.append(abs(fit.defocus - mean))
        difference.append(abs(fit.astigmatism - astigmatism))
        if astigmatism > 300:
            angle.append(apart(fit.defocus_angle, true.defocus_angle))
    for what, unit, values in (
        ("mean defocus", "Å", defocus), ("astigmatism", "Å", difference), ("its angle, above 300 Å", "°", angle),
    ):  # fmt: skip
        yield row(f"{count} simulated movies, {size}²: {what}", values, unit)
    yield f"| the same: trusted | {trusted} of {count} | |"


def faults(size: int, seeds: int = 3) -> Iterator[str]:
    for name, make in faulty(size).items():
        right = wrong = told = 0
        for seed in range(seeds):
            picture, mean = make(seed)
            fit = ctf.fit(picture, pixel_size=1.0, voltage=300, box=512, low=30, high=4, workers=2)
            if fit.doubts:
                told += 1
            elif mean is not None and abs(fit.defocus - mean) < RIGHT:
                right += 1
            else:
                wrong += 1
        yield f"| {name} | {right} right, {told} not trusted | {wrong} wrong |"


def faulty(size: int) -> dict:
    """Pictures that tell little, by name: functions of a seed -> picture, mean defocus or None."""

    def noise(seed: int) -> tuple:
        return np.random.default_rng(seed).poisson(40, (size, size)).astype(np.float32), None

    def empty(seed: int) -> tuple:
        picture, truth = simulate.micrograph(
            size=size, seed=seed, particles=0, carbon=0.0, thickness=200.0, dose=20.0
        )
        return picture, mean_of(truth)

    def carbon(seed: int) -> tuple:
        picture, truth = simulate.micrograph(size=size, seed=seed, particles=0)
        thick, _ = simulate.micrograph(size=size, seed=seed, particles=0, carbon=150.0)
        edge = 1 / (1 + np.exp(-(np.arange(size) - size / 2) / 4))
        return (picture * (1 - edge) + 0.85 * thick * edge).astype(np.float32), mean_of(truth)

    def ice(seed: int) -> tuple:
        picture, truth = simulate.micrograph(size=size, seed=seed, bad="crystalline ice")
        return picture, mean_of(truth)

    def drift(length: float) -> object:
        def make(seed: int) -> tuple:
            path = np.outer(np.linspace(0, length, 8), [0.8, 0.6])
            made = simulate.movie(size=size, frames=8, seed=seed, shifts=path, dose_per_frame=5.0)
            picture = (made.frames * made.camera.gain).sum(0).astype(np.float32)
            for x, y, w, h in made.camera.defects:
                picture[y : y + h, x : x + w] = np.median(picture)
            return np.minimum(picture, np.percentile(picture, 99.99)), mean_of(made.truth)

        return make

    return {
        "pure noise": noise, "empty ice": empty, "carbon edge over half of it": carbon,
        "crystalline ice": ice,
        **{f"drift of {n} Å, not corrected": drift(n) for n in (5.0, 10.0, 30.0)},
    }  # fmt: skip


def mean_of(truth: object) -> float:
    return (truth.exposure.defocus_u + truth.exposure.defocus_v) / 2


def phases(count: int, size: int) -> Iterator[str]:
    errors = []
    for seed in range(count):
        phase = float(np.random.default_rng(seed).uniform(30, 150))
        picture, truth = simulate.micrograph(size=size, seed=seed, phase_shift=phase)
        fit = ctf.fit(
            picture,
            pixel_size=1.0,
            voltage=300,
            box=512,
            low=30,
            high=4,
            workers=2,
            phase_shift=(0, 180),
        )
        errors.append(apart(fit.phase_shift, truth.exposure.phase_shift))
    yield row(f"{count} simulated pictures with a phase plate, 30–150°: phase shift", errors, "°")


def quickness() -> Iterator[str]:
    picture, _ = simulate.micrograph(size=1024, seed=1, optics=simulate.Optics(pixel_size=1.06))
    wide = np.tile(picture, (4, 4))[:3710, :3838]
    ctf.fit(wide, pixel_size=1.06, voltage=300, box=512, low=30, high=4, workers=2)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        ctf.fit(wide, pixel_size=1.06, voltage=300, box=512, low=30, high=4, workers=2)
        times.append(time.perf_counter() - begun)
    yield f"| 3838 × 3710, box 512, 30–4 Å, kernel | {statistics.median(times):.2f} s | {max(times):.2f} s |"


def real(file: Path) -> Iterator[str]:
    with formats.open(file) as stack:
        picture, pixel = stack.frame(0), stack.pixel_size
    fit = ctf.fit(picture, pixel_size=pixel, voltage=300, box=512, low=30, high=3.5, workers=2)
    theirs = sum(CTFFIND5) / 2
    yield (
        f"| real micrograph: mean defocus; against ctffind's {theirs:.0f} Å"
        f" | {fit.defocus:.0f} ± {fit.errors.defocus:.0f} Å | {fit.defocus - theirs:+.0f} Å |"
    )
    yield f"| the same: resolution of the fit | {fit.resolution or np.inf:.2f} Å | |"


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--micrograph", type=Path, help="the real micrograph epu2.9_example.mrc")
    parser.add_argument("--movies", type=int, default=20)
    parser.add_argument("--size", type=int, default=2048)
    args = parser.parse_args(arguments)
    yield "| case | median, or found | worst |"
    yield "|---|---|---|"
    yield from quickness()
    if args.micrograph:
        yield from real(args.micrograph)
    yield from movies(args.movies, args.size)
    yield from phases(8, args.size)
    yield from faults(args.size)


if __name__ == "__main__":
    for line in main():
        print(line, flush=True)
