"""The viewer: from a click to pixels on the screen, in a real browser.

    make bench BENCH="viewer"
    make bench BENCH="viewer --large 12000"

A project with averages of 3838 × 3710 and 7676 × 7420 pixels (noise) is shown by a page of our server
in a headless chromium without graphics card. The kernel is warm, files are in the page cache. Measured
in the page itself: from the call that a click makes until the browser has drawn the frame.
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

SHAPES = ((3710, 3838), (3710, 3838), (7420, 7676))
CODE = """
import focusnb as fn
from focusnb_widgets.viewer import view
project = fn.open({root!r})
view(project.images[0])
"""

SETTLED = """(() => { const v = document.querySelector('.fnb-viewer')?.viewer;
  return Boolean(v?.real.filled && v.real.flying === null && v.summary); })()"""

# Each gives milliseconds: until something is on the screen, until it is as sharp as the screen.
TOOLS = """
  const v = document.querySelector('.fnb-viewer').viewer;
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  const until = async (test) => { while (!test()) await new Promise((rest) => setTimeout(rest, 3));
    await frame(); await frame(); };
  const rest = (ms) => new Promise((done) => setTimeout(done, ms));
"""
OPEN = (
    "async (images) => {"
    + TOOLS
    + """
  const told = [];
  for (const image of images) {
    const begun = performance.now();
    v.wire.ask('image', { image });
    await until(() => v.info.image === image && v.drawnAt > begun);
    const first = performance.now() - begun;
    await until(() => v.real.flying === null);
    told.push([first, performance.now() - begun]);
    await rest(500);
  }
  return told;
}"""
)
# After a page was opened the server starts the kernel for the next visitor, on the same two cores.
REFILL = 8000  # ms
STEPS = (
    "async (steps) => {"
    + TOOLS
    + """
  const { view } = v.real;
  view.fit();
  await rest(300);
  const told = [];
  for (const [kind, value] of steps) {
    const begun = performance.now();
    if (kind === 'zoom') view.zoomBy(value, [view.wide * 0.4, view.high * 0.6]);
    else view.panBy(value, value / 2);
    const asked = v.real.flying !== null;
    await until(() => !asked || v.real.flying === null);
    told.push([performance.now() - begun, asked]);
    await rest(60);
  }
  return told;
}"""
)
CONTRAST = (
    "async (count) => {"
    + TOOLS
    + """
  const told = [];
  for (let k = 0; k < count; k++) {
    await frame();
    const begun = performance.now();
    v.real.drag({ contrast: k % 2 ? 1.1 : 1 / 1.1 });
    v.real.view.draw();
    v.real.view.grey.getContext('2d').getImageData(0, 0, 1, 1); // until it is really drawn
    told.push(performance.now() - begun);
  }
  v.real.setContrast({ automatic: true });
  return told;
}"""
)
FOURIER = (
    "async (parts) => {"
    + TOOLS
    + """
  const told = [];
  for (const part of parts) {
    const begun = performance.now();
    v.openFourier(part);
    await until(() => !v.fourier.flying && v.drawnAt > begun);
    told.push(performance.now() - begun);
    await rest(100);
  }
  v.closeFourier();
  return told;
}"""
)


def made(root: Path, large: int | None) -> Any:
    """A project whose images have averages of noise."""
    project = fn.create(root, pixel_size=1.06, voltage=300)
    rng = np.random.default_rng(0)
    shapes = [*SHAPES, *([(large, large)] if large else [])]
    for k, shape in enumerate(shapes):
        image = project.add_image(f"movie_{k}.tif", "g1", values={}, recorded=f"2026-01-0{k + 1}")
        picture = rng.standard_normal(shape, np.float32) * 6 + 30
        formats.write(image.folder / "average.mrc", picture, pixel_size=1.06)
        found = {"average": "average.mrc", "average_pixel_size": 1.06}
        project.change(image.id, lambda document, found=found: document["results"].update(found))
    return project


def row(what: str, times: list[float]) -> str:
    return f"| {what} | {statistics.median(times):.0f} ms | {max(times):.0f} ms |"


def measure(root: Path, large: int | None) -> Iterator[str]:
    project = made(root / "session", large)
    code = CODE.format(root=str(project.root))
    with pages.served(root, code, 8898) as url, pages.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.wait_for_function(SETTLED, timeout=120_000)
        page.wait_for_timeout(REFILL)
        opened = page.evaluate(OPEN, [2, 1, 2, 1, 2])
        yield row("3838 × 3710: click to pixels", [first for first, _ in opened])
        yield row("3838 × 3710: as sharp as the screen", [last for _, last in opened])
        parts = [[300 + 40 * k, 500, 1324 + 40 * k, 1524] for k in range(6)]
        yield row("Fourier transform of a part of 1024²", page.evaluate(FOURIER, parts)[1:])
        yield row("Fourier transform of 3838 × 3710", page.evaluate(FOURIER, [None, None]))
        yield from _steps(page, "3838 × 3710")
        opened = page.evaluate(OPEN, [3, 1, 3])
        yield row("7676 × 7420: click to pixels", [opened[0][0], opened[2][0]])
        yield from _steps(page, "7676 × 7420")
        if large:
            opened = page.evaluate(OPEN, [4, 1, 4])
            yield row(f"{large} × {large}: click to pixels", [opened[0][0], opened[2][0]])
            yield from _steps(page, f"{large} × {large}")


def _steps(page: Any, name: str) -> Iterator[str]:
    steps = [["zoom", 1.5]] * 6 + [["pan", 260]] * 4 + [["zoom", 1 / 1.5]] * 3
    done = page.evaluate(STEPS, steps)
    yield row(f"{name}: a step of zoom or pan", [time for time, _ in done])
    page.wait_for_timeout(300)
    yield row(f"{name}: a change of contrast", page.evaluate(CONTRAST, 20)[2:])


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--large", type=int, help="also measure a picture with sides of so many pixels"
    )
    args = parser.parse_args(arguments)
    if not pages.CHROMIUM:
        yield pages.MISSING
        return
    yield "| from a click to the screen | median | worst |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOCUSNB_CONFIG"] = str(Path(folder) / "config")
        yield from measure(Path(folder), args.large)


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)
