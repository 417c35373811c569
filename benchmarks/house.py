"""What people wait for: start-up, an image through all steps, libraries and queues of many thousands.

make bench BENCH="house --micrograph epu2.9_example.mrc"
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import focusnb as fn
from focusnb import formats, simulate
from focusnb.batch.queue import Queue


def timed(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """Median wall time of some runs, and the last answer."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), answer


def row(what: str, found: str, wanted: str = "") -> str:
    return f"| {what} | {found} | {wanted} |"


def start_up() -> Iterator[str]:
    for what, command, wanted in (
        ("import focusnb", [sys.executable, "-c", "import focusnb"], "≤ 0.5 s"),
        ("focusnb --help", [sys.executable, "-m", "focusnb.command", "--help"], "≤ 0.7 s"),
    ):
        spent, _ = timed(lambda c=command: subprocess.run(c, capture_output=True, check=True), 5)
        yield row(what, f"{spent:.2f} s", wanted)


def real_micrograph(file: Path) -> Iterator[str]:
    spent, found = timed(lambda: fn.quick(file, steps=["ctf", "measure"]), 1)
    yield row("real micrograph: iciness", f"{found['iciness']:.3f}", "0.66")
    yield row("real micrograph: quick --steps ctf,measure", f"{spent:.1f} s")


def one_movie(folder: Path) -> Iterator[str]:
    truth = simulate.session(folder / "camera", movies=3, interval=0, writing=0, bad=False)
    project = fn.create(folder / "movies", particle_diameter=140, processors=1, threads=1)
    images = project.add(sorted((folder / "camera").glob("*.tif")))
    project.process(images).wait()
    seconds: dict[str, list[float]] = {}
    for image in images:
        for step, run in image.document["runs"].items():
            seconds.setdefault(step, []).append(run["seconds"])
    medians = {step: statistics.median(values) for step, values in seconds.items()}
    parts = ", ".join(f"{step} {value:.2f}" for step, value in medians.items())
    yield row(
        "1024² × 16 through all steps, one core",
        f"{sum(medians.values()):.2f} s ({parts})",
        "≤ 6 s",
    )
    errors = [
        abs(image["defocus"] - (true.exposure.defocus_u + true.exposure.defocus_v) / 2)
        for image, true in zip(images, truth, strict=True)
    ]
    yield row("simulated: error of the mean defocus, worst of 3", f"{max(errors):.0f} Å")


def many_images(folder: Path, count: int = 10_000) -> Iterator[str]:
    project = fn.create(folder / "many", pixel_size=1.0)
    rng = np.random.default_rng(1)
    with project.store.transaction() as connection:
        for number in range(count):
            image = project.add_image(f"m{number}.tif", "g1", values={"defocus_target": 15000.0}).id
            document = project.document(image)
            document["results"] = {
                word: float(value)
                for word, value in zip(
                    "defocus defocus_u defocus_v defocus_angle astigmatism ctf_resolution ctf_score iciness"
                    " iciness_amplitude ice_ring drift_total drift_range drift_longest drift_early drift_late"
                    " mean_count dose_ratio image_sd stripes average_pixel_size total_dose".split(),
                    rng.uniform(0.5, 2, 21),
                    strict=True,
                )
            }
            steps = {
                "motion": "average",
                "ctf": "defocus",
                "measure": "iciness",
                "prepare": "",
                "pick": "",
            }
            document["runs"] = {
                step: {"fingerprint": "f" * 64, "settings": "0" * 16} for step in steps
            }
            project.save_document(connection, image, document)
    spent, _ = timed(lambda: fn.open(project.root).library)
    yield row(f"{count} images: project.library", f"{spent:.2f} s", "≤ 0.5 s")
    command = [sys.executable, "-m", "focusnb.command", "library", str(project.root)]
    spent, _ = timed(lambda: subprocess.run(command, capture_output=True, check=True))
    yield row(f"{count} images: focusnb library", f"{spent:.2f} s", "≤ 1.5 s")
    spent, _ = timed(lambda: fn.open(project.root).select("ctf_resolution < 1.2 and iciness < 1"))
    yield row(f"{count} images: select", f"{spent:.2f} s")
    queue = Queue(project)
    images = [row_["id"] for row_ in project.rows()]
    spent, batches = timed(lambda: queue.submit(images, ["prepare", "motion"]), 1)
    yield row(f"{count} batches: submit", f"{spent:.2f} s", "≤ 2 s")
    spent, _ = timed(lambda: queue.top([batches[-1]]))
    yield row(f"{count} waiting: one to the top", f"{1000 * spent:.1f} ms", "≤ 50 ms")
    spent, _ = timed(lambda: queue.listing())
    yield row(f"{count} waiting: list the first 200", f"{1000 * spent:.1f} ms")


def overhead(folder: Path, count: int = 100) -> Iterator[str]:
    """Batches whose work is nothing: a script's step that needs no time would still need a process."""
    project = fn.create(folder / "overhead", pixel_size=1.0, processors=1, threads=1)
    noise = np.random.default_rng(1).poisson(5, (64, 64)).astype(np.float32)
    files = []
    for number in range(count):
        files.append(folder / f"tiny{number}.mrc")
        formats.write(files[-1], noise + number, pixel_size=1.0)
    images = project.add(files)
    project.process(images[:1], ["prepare"]).wait()
    begun = time.perf_counter()
    project.process(images[1:], ["prepare"]).wait()
    whole = time.perf_counter() - begun
    inside = sum(image.document["runs"]["prepare"]["seconds"] for image in images[1:])
    start = min(
        row_["time"]
        for row_ in project.queue.log(limit=10_000)
        if row_["event"] == "started" and row_["batch"] != 1
    )
    last = max(row_["time"] for row_ in project.queue.log(limit=10_000) if row_["event"] == "done")
    each = 1000 * (last - start - inside) / (count - 1)
    yield row(
        "dispatcher overhead a batch (dask)",
        f"{each:.1f} ms ({whole:.1f} s for {count - 1} with start-up)",
        "≤ 50 ms",
    )


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--micrograph", type=Path, help="the real micrograph epu2.9_example.mrc")
    args = parser.parse_args(arguments)
    yield "| what | found | wanted |"
    yield "|---|---|---|"
    yield from start_up()
    if args.micrograph:
        yield from real_micrograph(args.micrograph)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from one_movie(folder)
        yield from many_images(folder)
        yield from overhead(folder)
