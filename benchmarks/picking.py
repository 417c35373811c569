"""Picking: time, and how many simulated particles are found, in clean, faint, dirty and empty pictures.

    make bench BENCH="picking"
    make bench BENCH="picking --size 1536"

Pickers get the pixel size and the diameter (largest extent), nothing else. F1 as `pickers.py` has it. RELION's
Laplacian of Gaussian gets, for each single picture, the threshold that is best with the truth known.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import peers
import pickers
import specimens

from focusnb import simulate
from focusnb.kernels import picking
from focusnb.simulate import shapes, specimen

SMALL, SIZE = 1536, 2048  # pixels
TEMPLATES, STEP = 4, 5.0  # degrees


def cases(small: bool = True) -> Iterator[tuple[str, np.ndarray, simulate.Truth]]:
    """Name, picture and truth of every kind of picture; truth.diameter (Å), .x, .y, .dirty(x, y)."""
    side = SMALL if small else SIZE
    for group in (
        specimens.varied,
        specimens.fading,
        specimens.dirty,
        specimens.empty,
        specimens.odd,
    ):
        for case in group(side):
            yield f"{group.__name__}: {case.name}", *case.make()


def templates(shape: str, count: int, pixel_size: float) -> np.ndarray:
    """Projections of a particle in directions drawn by chance, protein bright: (count, y, x)."""
    rng = np.random.default_rng(1)
    side = 2 * int(shapes.SHAPES[shape].diameter / pixel_size)
    middle = np.full((1, 2), side // 2)
    return np.stack([
        np.fft.irfft2(
            specimen.proteins((side, side), middle, pixel_size=pixel_size, rng=rng, kind=shape),
            s=(side, side),
        )
        for _ in range(count)
    ]).astype(np.float32)  # fmt: skip


def median_time(work: Callable[[], object], runs: int = 5) -> tuple[float, float]:
    """Median and longest time of some runs, after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), max(times)


def quickness() -> Iterator[str]:
    size = "3838 × 3710"
    picture, truth = specimens.large().make()
    known = {
        "pixel_size": truth.optics.pixel_size,
        "diameter": truth.diameter,
        "workers": pickers.WORKERS,
    }
    yield "| what | median | longest | wanted |"
    yield "|---|---|---|---|"
    middle, most = median_time(lambda: picking.blobs(picture, **known))
    yield f"| blobs, {size}, kernel, 2 threads | {middle:.2f} s | {most:.2f} s | ≤ 1.0 s |"
    middle, most = median_time(lambda: picking.exclusion(picture, **known))
    yield f"| exclusion, the same | {middle:.2f} s | {most:.2f} s | |"
    views = templates(truth.exposure.shape, TEMPLATES, truth.optics.pixel_size)
    how = {"template_pixel_size": truth.optics.pixel_size, "angle_step": STEP, **known}
    middle, most = median_time(lambda: picking.find_templates(picture, views, **how))
    yield f"| {TEMPLATES} templates × {STEP:.0f}°, the same | {middle:.2f} s | {most:.2f} s | ≤ 8 s |"
    middle, most = median_time(lambda: pickers.again(picture, truth))
    yield f"| exclusion, blobs and second pass, the same | {middle:.2f} s | {most:.2f} s | |"
    if pickers.relion_is_here():
        with tempfile.TemporaryDirectory() as name:
            command = pickers.relion_command(picture, truth, Path(name), pickers.LOGS[0])
            spent = [peers.timed(command, Path(name))[0] for _ in range(5)]
        yield f"| RELION's LoG, a process | {statistics.median(spent):.2f} s | {max(spent):.2f} s | |"


def clean(side: int, pick: pickers.Picker, every: pickers.Picker) -> Iterator[str]:
    """F1 of every shape at every defocus: blobs, the second pass, blobs at the best threshold."""
    found: dict[str, dict[float, tuple[float, float, float]]] = {}
    for case in specimens.varied(side):
        picture, truth = case.make()
        row = found.setdefault(truth.exposure.shape, {})
        row[case.words["defocus"]] = (
            judged(pick, picture, truth).f1,
            judged(pickers.again, picture, truth).f1,
            judged(every, picture, truth, best=True).f1,
        )
    yield "| particle | " + " | ".join(f"{d / 1e4:.1f} µm" for d in specimens.DEFOCUS) + " |"
    yield "|---" * (1 + len(specimens.DEFOCUS)) + "|"
    shown = "{:.3f} · {:.3f} ({:.3f})"
    for name, row in found.items():
        shape = simulate.SHAPES[name]
        values = " | ".join(shown.format(*row[d]) for d in specimens.DEFOCUS)
        yield f"| {name}, {shape.mass:.0f} kDa, {shape.diameter:.0f} Å | {values} |"
    means = [np.mean([row[d] for row in found.values()], axis=0) for d in specimens.DEFOCUS]
    yield "| mean | " + " | ".join(shown.format(*mean) for mean in means) + " |"


def judged(pick: pickers.Picker, picture: np.ndarray, truth: simulate.Truth, *, best: bool = False):
    found = pick(picture, truth)
    if best:
        return pickers.best(found.x, found.y, found.score, picture, truth)
    return pickers.judge(found.x, found.y, picture, truth)


def faint(side: int, pick: pickers.Picker, every: pickers.Picker) -> Iterator[str]:
    """F1 at falling contrast, beside RELION's at its best threshold."""
    yield (
        "| picture | blobs | second pass | blobs, best threshold | RELION's LoG, best threshold |"
        " of four ways to ask it |"
    )
    yield "|---|---|---|---|---|---|"
    rows = []
    for case in specimens.fading(side):
        picture, truth = case.make()
        logs = relion_at_best(picture, truth) if pickers.relion_is_here() else [float("nan")]
        rows.append((
            judged(pick, picture, truth).f1,
            judged(pickers.again, picture, truth).f1,
            judged(every, picture, truth, best=True).f1,
            logs[0],
            max(logs),
        ))  # fmt: skip
        yield f"| {case.name} | " + " | ".join(f"{f1:.3f}" for f1 in rows[-1]) + " |"
    table = np.array(rows)
    yield "| mean | " + " | ".join(f"{f1:.3f}" for f1 in table.mean(axis=0)) + " |"
    more = table[:, :3] - table[:, 3:4]
    for name, line in (("mean", more.mean(axis=0)), ("worst", more.min(axis=0))):
        yield (
            f"| {name} difference to RELION's | " + " | ".join(f"{d:+.3f}" for d in line) + " | | |"
        )


def relion_at_best(picture: np.ndarray, truth: simulate.Truth) -> list[float]:
    """RELION's highest F1 over all thresholds, for each way to ask it."""
    with tempfile.TemporaryDirectory() as name:
        answers = [pickers.relion(picture, truth, Path(name), how) for how in pickers.LOGS]
    return [pickers.best(*answer, picture, truth).f1 for answer in answers]


def contaminated(side: int, pick: pickers.Picker) -> Iterator[str]:
    """Picks inside contamination, and what is found beside it."""
    yield "| picture | picks | inside contamination | recall outside | precision outside |"
    yield "|---|---|---|---|---|"
    picks = inside = 0
    recalls = []
    for case in specimens.dirty(side):
        picture, truth = case.make()
        found = pick(picture, truth)
        dirty = int(truth.dirty(found.x, found.y).sum())
        result = pickers.judge(found.x, found.y, picture, truth)
        picks, inside = picks + len(found), inside + dirty
        recalls.append(result.recall)
        part = 100 * dirty / max(len(found), 1)
        yield f"| {case.name} | {len(found)} | {part:.1f} % | {result.recall:.2f} | {result.precision:.2f} |"
    part = 100 * inside / max(picks, 1)
    yield f"| all | {picks} | {part:.1f} % (≤ 3 % wanted) | {np.mean(recalls):.2f} | |"


def nothing(groups: Iterable[specimens.Case], pick: pickers.Picker) -> Iterator[str]:
    """Pictures without particles: picks that should not be."""
    yield "| picture | picks |"
    yield "|---|---|"
    for case in groups:
        picture, truth = case.make()
        yield f"| {case.name} | {len(pick(picture, truth))} |"


def oddities(side: int, pick: pickers.Picker, every: pickers.Picker) -> Iterator[str]:
    yield "| picture | F1 | best threshold | precision | recall |"
    yield "|---|---|---|---|---|"
    for case in (*specimens.odd(side), specimens.large()):
        picture, truth = case.make()
        one, other = judged(pick, picture, truth), judged(every, picture, truth, best=True)
        yield f"| {case.name} | {one.f1:.3f} | {other.f1:.3f} | {one.precision:.2f} | {one.recall:.2f} |"


def main(
    arguments: list[str] | None = None,
    pick: pickers.Picker = pickers.blobs,
    every: pickers.Picker = pickers.all_blobs,
) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=SIZE, help="pixels on a side of the pictures")
    args = parser.parse_args(arguments)
    specimens.tidy()
    yield from quickness()
    for title, table in (
        (
            "F1 with defaults: blobs · second pass (blobs at the best threshold):",
            clean(args.size, pick, every),
        ),
        ("F1 at falling contrast:", faint(args.size, pick, every)),
        ("Contaminated pictures:", contaminated(args.size, pick)),
        ("Pictures without any particle:", nothing(specimens.empty(args.size), pick)),
        ("Other pictures:", oddities(args.size, pick, every)),
    ):
        yield f"\n{title}\n"
        yield from table


if __name__ == "__main__":
    for line in main():
        print(line, flush=True)
