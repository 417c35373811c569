"""Tuning of picking: from a slider to circles on the screen, in a real browser.

    make bench BENCH="tuning"
    make bench BENCH="tuning --picks 600 --moves 60"

Three averages of 3838 × 3710 pixels, made of disks on noise, are shown by the page of `focusnb tune` in
a headless chromium without graphics card. The picker is `blob`, which is the first pass of the usual one:
the second pass comes afterwards and is not waited for. Measured in the page itself: from the slider's input event until
the browser has drawn the frame with the new circles.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pages

import focusnb as fn
from focusnb import formats

SHAPE = (3710, 3838)
PIXEL, DIAMETER = 1.06, 140.0  # Å

# Ready: all pictures are there and searched, and nothing is being computed.
READY = """document.querySelectorAll('.fnb-image').length === 3
  && !document.querySelector('.fnb-tune.fnb-is-busy')
  && [...document.querySelectorAll('.fnb-image')].every((f) => f.dataset.count > 0 && !f.matches('.fnb-waits'))"""

# Moves of the threshold's slider: ms until drawn, and the picks that are then shown.
THRESHOLDS = """async (limits) => {
  const { tuner } = document.querySelector('.fnb-tune');
  const { slider } = tuner.controls.pick_threshold;
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  const told = [];
  for (const limit of limits) {
    await new Promise((rest) => setTimeout(rest, 60));
    slider.value = tuner.controls.pick_threshold.toSlider(limit);
    const begun = performance.now();
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await frame(); // the circles are drawn in this frame …
    await frame(); // … and it is on the screen when the next one begins
    told.push([performance.now() - begun, Number(document.querySelector('.fnb-tune').dataset.picks)]);
  }
  return told;
}"""

# Other values: ms until each of the pictures has its new candidates and they are drawn.
VALUES = """async ([word, values]) => {
  const { tuner } = document.querySelector('.fnb-tune');
  const told = [];
  for (const value of values) {
    const waiting = new Set([0, 1, 2]);
    const begun = performance.now();
    const times = [];
    await new Promise((done) => {
      const listen = (message) => {
        if (message.picks === undefined || message.slot !== 'b') return;
        waiting.delete(message.picks);
        requestAnimationFrame(() => requestAnimationFrame(() => {
          times.push(performance.now() - begun);
          if (times.length === 3) done();
        }));
        if (!waiting.size) tuner.model.off('msg:custom', listen);
      };
      tuner.model.on('msg:custom', listen);
      tuner.setValue(word, value);
    });
    told.push(times);
    await new Promise((rest) => setTimeout(rest, 2500)); // boxes are cut meanwhile
  }
  return told;
}"""


def disks(seed: int, count: int) -> np.ndarray:
    """An average with `count` dark disks on noise, on a jittered grid."""
    rng = np.random.default_rng(seed)
    radius = DIAMETER / PIXEL / 2
    picture = rng.normal(30, 6, SHAPE).astype(np.float32)
    half = int(radius + 12)
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    disk = (1.6 / (1 + np.exp((np.hypot(rows, columns) - radius) / 2))).astype(np.float32)
    step = int(2.2 * radius)
    grid = np.stack(
        np.meshgrid(*(np.arange(2 * half, n - 2 * half, step) for n in SHAPE)), axis=-1
    ).reshape(-1, 2)
    for y, x in grid[rng.permutation(len(grid))[:count]] + rng.integers(-8, 9, (count, 2)):
        picture[y - half : y + half + 1, x - half : x + half + 1] -= disk
    return picture


def made(root: Path, picks: int) -> Any:
    """A project with three such averages."""
    project = fn.create(
        root, pixel_size=PIXEL, voltage=300, particle_diameter=DIAMETER, picker="blob"
    )
    for k in range(3):
        image = project.add_image(f"movie_{k}.tif", "g1", values={}, recorded=f"2026-01-0{k + 1}")
        formats.write(image.folder / "average.mrc", disks(k, picks), pixel_size=PIXEL)
        found = {"average": "average.mrc", "average_pixel_size": PIXEL, "defocus": 1e4 + 4e3 * k}
        project.change(image.id, lambda document, found=found: document["results"].update(found))
    return project


def limits_of(page: Any, picks: int, moves: int) -> list[float]:
    """Thresholds around the one with which `picks` picks an image are shown, as a drag would give."""
    scores = page.evaluate(
        "document.querySelector('.fnb-tune').tuner.sheets.map((s) => Array.from(s.found.b.score))"
    )
    ranked = sorted((s for one in scores for s in one), reverse=True)
    wanted = [3 * picks + round(0.15 * 3 * picks * np.sin(k / 2)) for k in range(moves)]
    return [float(ranked[min(n, len(ranked)) - 1]) for n in wanted]


def row(what: str, times: list[float]) -> str:
    return f"| {what} | {statistics.median(times):.0f} ms | {max(times):.0f} ms |"


def measure(root: Path, picks: int, moves: int) -> Iterator[str]:
    project = made(root, picks)
    command = [
        sys.executable,
        "-m",
        "focusnb_widgets.server",
        "--tune",
        str(project.root),
        "--port",
        "8899",
    ]
    with pages.started(command) as url, pages.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.wait_for_function(READY, timeout=120_000)
        page.wait_for_timeout(4000)
        moved = page.evaluate(THRESHOLDS, limits_of(page, picks, moves))
        shown = round(statistics.median(n for _, n in moved))
        told = f"3 × 3838 × 3710, {shown} picks"
        yield row(f"{told}: threshold to circles", [t for t, _ in moved[3:]])
        far = page.evaluate(VALUES, ["pick_distance", [100.0, 120.0, 150.0, 110.0, 130.0]])
        yield row(f"{told}: distance to circles, all three", [t[-1] for t in far])
        wide = page.evaluate(VALUES, ["particle_diameter", [130.0, 150.0, 160.0]])
        yield row(
            f"{told}: a new diameter to circles of the first pass, the first picture",
            [t[0] for t in wide],
        )
        yield row(
            f"{told}: a new diameter to circles of the first pass, all three",
            [t[-1] for t in wide],
        )


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--picks", type=int, default=300, help="of each picture")
    parser.add_argument("--moves", type=int, default=40, help="of the threshold")
    args = parser.parse_args(arguments)
    if not pages.CHROMIUM:
        yield pages.MISSING
        return
    yield "| from a slider to the screen | median | worst |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOCUSNB_CONFIG"] = str(Path(folder) / "config")
        yield from measure(Path(folder) / "session", args.picks, args.moves)


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)
