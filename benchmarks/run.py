"""Figures that can be compared: speed and accuracy, on made data and (when given) on real files.

    make bench
    make bench BENCH="--micrograph epu2.9_example.mrc --movie thin.tif --truth thin.json"

The movie is one whose drift is known; truth is JSON with `shifts` ([x, y] per frame in Å) and `pixel_size`.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import focusnb as fn
from focusnb import formats, simulate
from focusnb.batch.queue import Queue

CTFFIND5 = (27303.5, 27167.0)  # Å, ctffind 5.0.2 on epu2.9_example.mrc: box 512, 30-3.5 Å


def timed(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """Median wall time of some runs, and the last answer."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), answer


def row(what: str, found: str, wanted: str = "") -> None:
    print(f"| {what} | {found} | {wanted} |", flush=True)


def start_up() -> None:
    for what, command, wanted in (
        ("import focusnb", [sys.executable, "-c", "import focusnb"], "≤ 0.5 s"),
        ("focusnb --help", [sys.executable, "-m", "focusnb.command", "--help"], "≤ 0.7 s"),
    ):
        spent, _ = timed(lambda c=command: subprocess.run(c, capture_output=True, check=True), 5)
        row(what, f"{spent:.2f} s", wanted)


def real_micrograph(file: Path) -> None:
    spent, found = timed(lambda: fn.quick(file, steps=["ctf", "measure"]), 1)
    mean, ctffind = found["defocus"], sum(CTFFIND5) / 2
    row(
        "real micrograph: mean defocus against ctffind's",
        f"{mean:.0f} Å ({mean - ctffind:+.0f})",
        "within 150 Å",
    )
    row(
        "real micrograph: ctf_resolution, iciness",
        f"{found['ctf_resolution']:.2f} Å, {found['iciness']:.3f}",
        "0.66",
    )
    row("real micrograph: quick --steps ctf,measure", f"{spent:.1f} s")


def rms(found: dict[str, Any], truth: dict[str, Any]) -> float:
    """Difference of two trajectories in pixels, their mean removed (both axes together)."""
    apart = (np.array(found["shifts"]) - np.array(truth["shifts"])) / truth["pixel_size"]
    apart -= apart.mean(axis=0)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def known_drift(movie: Path, truth_file: Path) -> None:
    truth = json.loads(truth_file.read_text())
    values = {"pixel_size": truth["pixel_size"], "dose_per_frame": truth["dose_per_frame"]}
    spent, found = timed(lambda: fn.quick(movie, steps=["motion"], **values), 1)
    limit = f"limit of counting {truth['limit_px']:.3f}"
    row(
        "known drift: motion, RMS",
        f"{rms(found, truth):.3f} px in {spent:.1f} s",
        f"≤ 0.5 px; {limit}",
    )
    if shutil.which("relion_run_motioncorr"):
        spent, found = timed(
            lambda: fn.quick(movie, steps=["relion_motion"], patches=1, **values), 1
        )
        row("known drift: RELION's own, RMS", f"{rms(found, truth):.3f} px in {spent:.1f} s")


def one_movie(folder: Path) -> None:
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
    row(
        "1024² × 16 through all steps, one core",
        f"{sum(medians.values()):.2f} s ({parts})",
        "≤ 6 s",
    )
    errors = [
        abs(image["defocus"] - (true.exposure.defocus_u + true.exposure.defocus_v) / 2)
        for image, true in zip(images, truth, strict=True)
    ]
    row("simulated: error of the mean defocus, worst of 3", f"{max(errors):.0f} Å")


def many_images(folder: Path, count: int = 10_000) -> None:
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
    row(f"{count} images: project.library", f"{spent:.2f} s", "≤ 0.5 s")
    command = [sys.executable, "-m", "focusnb.command", "library", str(project.root)]
    spent, _ = timed(lambda: subprocess.run(command, capture_output=True, check=True))
    row(f"{count} images: focusnb library", f"{spent:.2f} s", "≤ 1.5 s")
    spent, _ = timed(lambda: fn.open(project.root).select("ctf_resolution < 1.2 and iciness < 1"))
    row(f"{count} images: select", f"{spent:.2f} s")
    queue = Queue(project)
    images = [row_["id"] for row_ in project.rows()]
    spent, batches = timed(lambda: queue.submit(images, ["prepare", "motion"]), 1)
    row(f"{count} batches: submit", f"{spent:.2f} s", "≤ 2 s")
    spent, _ = timed(lambda: queue.top([batches[-1]]))
    row(f"{count} waiting: one to the top", f"{1000 * spent:.1f} ms", "≤ 50 ms")
    spent, _ = timed(lambda: queue.listing())
    row(f"{count} waiting: list the first 200", f"{1000 * spent:.1f} ms")


def overhead(folder: Path, count: int = 100) -> None:
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
    row(
        "dispatcher overhead a batch (dask)",
        f"{each:.1f} ms ({whole:.1f} s for {count - 1} with start-up)",
        "≤ 50 ms",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--micrograph", type=Path, help="the real micrograph epu2.9_example.mrc")
    parser.add_argument("--movie", type=Path, help="a movie with known drift")
    parser.add_argument("--truth", type=Path, help="its truth, JSON")
    args = parser.parse_args()
    print("| what | found | wanted |\n|---|---|---|")
    start_up()
    if args.micrograph:
        real_micrograph(args.micrograph)
    if args.movie and args.truth:
        known_drift(args.movie, args.truth)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one_movie(folder)
        many_images(folder)
        overhead(folder)


if __name__ == "__main__":
    main()
