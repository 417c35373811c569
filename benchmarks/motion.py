"""Motion correction against other programs: the same movies, settings, outputs and threads.

    make bench BENCH="motion"
    make bench BENCH="motion --micrograph epu2.9_example.mrc --runs 3"

Movies are made by movies.py (into benchmarks/out, once) and have known local motion. With a real micrograph
others are counted from it (counted.py).
"""

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import counted
import numpy as np
import peers
from movies import Plan, write
from peers import Case, Run

OUT = Path(__file__).parent / "out"
HEAD = (
    "| case | program | wall | CPU | peak memory | error: RMS (worst) | wall / ours |\n"
    "|---|---|---|---|---|---|---|"
)


def made(name: str, plan: Plan, **how: object) -> tuple[Case, np.ndarray]:
    """A made movie as a case, and its true motion in pixels as recorded."""
    folder = OUT / name
    movie = write(folder, plan).absolute()
    truth = json.loads((folder / "truth.json").read_text())
    case = Case(
        movie, truth["pixel_size"], truth["dose_per_frame"], plan.frames,
        gain=(folder / "gain.mrc").absolute(), defects=(folder / "defects.txt").absolute(), **how,
    )  # fmt: skip
    return case, np.array(truth["motion"]) * plan.super_resolution


def thin(movie: Path) -> tuple[Case, np.ndarray, float]:
    """A movie that was counted from a micrograph, its truth, and the limit that counting sets."""
    truth = json.loads(movie.with_suffix(".json").read_text())
    shifts = np.array(truth["shifts"]) / truth["pixel_size"]
    case = Case(movie.absolute(), truth["pixel_size"], truth["dose_per_frame"], len(shifts))
    return case, np.broadcast_to(shifts[:, :, None, None], (*shifts.shape, 5, 5)), truth["limit_px"]


def alternating(case: Case, runs: int, programs: list) -> dict[str, list[Run]]:
    """Each program in turn, so that what else the machine does meets all of them."""
    found: dict[str, list[Run]] = {program.name: [] for program in programs}
    with tempfile.TemporaryDirectory(dir=OUT) as name:
        for _ in range(runs):
            for program in programs:
                folder = Path(name) / program.name
                folder.mkdir(exist_ok=True)
                found[program.name].append(program.run(case, folder))
    return found


def lines(what: str, case: Case, truth: np.ndarray, runs: int, programs: list) -> Iterator[str]:
    found = alternating(case, runs, programs)
    ours = statistics.median(run.wall for run in found["focusnb"])
    for name, each in found.items():
        wall, cpu = (statistics.median(getattr(r, k) for r in each) for k in ("wall", "cpu"))
        memory = max(run.memory for run in each)
        rms, worst = peers.error(each[0].motion, truth)
        ratio = "1" if name == "focusnb" else f"{wall / ours:.1f}"
        yield (
            f"| {what} | {name} | {wall:.1f} s | {cpu:.1f} s | {memory:.2f} GB |"
            f" {rms:.3f} ({worst:.2f}) px | {ratio} |"
        )
        what = ""


def kept(side: int = 1024, frames: int = 12) -> float:
    """How much of the shell 0.85–0.95 Nyquist the sum of noise-free frames keeps, true motion given.

    Re⟨S·R*⟩ / ⟨|R|²⟩ with R = frames × the still picture: white, sampled finely and moved by a
    polynomial field, by no code of focusnb.
    """
    from scipy import fft, ndimage

    from focusnb.kernels import motion as kernel  # only the sum is focusnb's

    rng = np.random.default_rng(2)
    fine = 4
    spectrum = fft.rfft2(rng.standard_normal((side, side)))
    wide = np.zeros((side * fine, side * fine // 2 + 1), complex)
    half = side // 2
    wide[:half, :half], wide[-half:, :half] = spectrum[:half, :half], spectrum[-half:, :half]
    wide[-half] = 0
    picture = fft.irfft2(wide, s=(side * fine,) * 2) * fine**2
    spline = ndimage.spline_filter(picture, order=5, mode="grid-wrap")
    y, x = np.mgrid[:side, :side].astype(float)
    c = np.zeros((2, 6, 3))  # 5 pixels from one side to the other
    c[0, [1, 4], 0], c[1, [3, 2], 0] = (5 / frames, 3 / frames), (5 / frames, -3 / frames)
    whole = np.cumsum(rng.normal(0, 1.3, (frames, 2)), 0)
    whole -= whole[0]
    movie = []
    for z in range(frames):
        moved = np.zeros((2, side, side))
        for _ in range(5):
            u, v = (x - moved[0]) / side - 0.5, (y - moved[1]) / side - 0.5
            space = np.stack([np.ones_like(u), u, u**2, v, v**2, u * v])
            moved = whole[z].reshape(2, 1, 1) + np.einsum(
                "ast,sij,t->aij", c, space, [z, z**2, z**3]
            )
        places = [(y - moved[1]) * fine, (x - moved[0]) * fine]
        frame = ndimage.map_coordinates(spline, places, order=5, prefilter=False, mode="grid-wrap")
        movie.append(frame.astype(np.float32))
    found = kernel.correct(movie, whole, pixel_size=1.0, model=c.ravel(), workers=2).average
    edge = side // 16
    inside = (slice(edge, -edge),) * 2
    window = np.outer(*(np.hanning(side - 2 * edge),) * 2)
    seen, still = (
        fft.rfft2(found[inside] * window),
        fft.rfft2(frames * picture[::fine, ::fine][inside] * window),
    )
    k = 2 * np.hypot(fft.fftfreq(len(window))[:, None], fft.rfftfreq(len(window)))
    shell = (k >= 0.85) & (k < 0.95)
    return float((seen * still.conj()).real[shell].sum() / (np.abs(still) ** 2)[shell].sum())


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--micrograph", type=Path, help="the real micrograph epu2.9_example.mrc")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["local", "whole", "thin", "large", "loss"], nargs="*")
    args = parser.parse_args(arguments)

    def wanted(name: str) -> bool:
        return not args.only or name in args.only

    programs = [program for program in peers.ALL if program.available()]
    OUT.mkdir(exist_ok=True)
    warm, _ = made(
        "small", Plan(width=1024, height=1024, frames=12, dose_per_frame=3.0, particles=60)
    )
    alternating(warm, 1, programs)  # files come into memory, loops are compiled
    yield (
        f"{platform.processor() or platform.machine()}, {peers.THREADS} threads, medians of"
        f" {args.runs} alternating runs."
    )
    yield ""
    yield HEAD
    both = [p for p in programs if p.name != "unblur"]
    usual = Plan()
    if wanted("local"):
        case, truth = made("k2", usual, patches=5)
        yield from lines("40 × 3838 × 3710, 5 × 5 patches", case, truth, args.runs, both)
    if wanted("whole"):
        case, truth = made("k2", usual, patches=1)
        yield from lines("the same, whole frames", case, truth, args.runs, programs)
    if wanted("thin") and args.micrograph:
        for kind in counted.REACH:
            case, truth, limit = thin(
                counted.write(args.micrograph, OUT / "thin" / f"{kind}.tif", kind)
            )
            what = f"counted from the real micrograph, {kind}: {case.frames} × 4k, limit {limit:.3f} px"
            yield from lines(what, case, truth, args.runs, programs)
    if wanted("large"):
        plan = Plan(frames=80, dose_per_frame=0.5, super_resolution=2)
        case, truth = made("k2_super", plan, patches=5, crop=2)
        alone = [p for p in programs if p.name == "focusnb"]
        yield from lines("80 × 7676 × 7420, cropped to half, 5 × 5", case, truth, args.runs, alone)
    if wanted("loss"):
        yield ""
        yield f"Kept of the shell 0.85–0.95 Nyquist, noise-free frames, true local motion given: {kept():.3f}"


if __name__ == "__main__":
    for line in main():
        print(line, flush=True)
