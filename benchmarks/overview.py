"""Overviews: from an arrow key to four pictures on the screen, in a real browser.

    make bench BENCH="overview"
    make bench BENCH="overview --images 2000 --steps 60"

A page shows the library table and the overview on one desk, in a headless chromium without graphics card.
The previews are noise of 512 × 512 pixels, 100 kB each, as real ones are. Measured in the page itself: from
the key's event until the browser has drawn the frame with the four new pictures, decoded.
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
from focusnb.pictures import thumbnail

FILES = ("before", "unaligned", "average", "spectrum", "drift", "thon", "picks")
CELL = """
import focusnb as fn
from focusnb_widgets.desk import Desk
from focusnb_widgets.library import LibraryTable
from focusnb_widgets.overview import Overview
desk = Desk(fn.open(ROOT))
desk.current = 1
display(Overview(desk), LibraryTable(desk))
"""
# Keys pressed one after the other, each a while after the pictures of the one before were drawn.
STEPS = """async ([place, key, steps, rest]) => {
  const overview = document.querySelector('.fnb-ov');
  const target = document.querySelector(place);
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  const told = [];
  for (let k = 0; k < steps; k += 1) {
    await new Promise((over) => setTimeout(over, rest));
    const before = overview.dataset.image;
    (target.contains(document.activeElement) ? document.activeElement : target).focus({ preventScroll: true });
    const begun = performance.now();
    const changed = new Promise((done) => {
      const watch = new MutationObserver(() => {
        if (overview.dataset.image === before) return;
        watch.disconnect();
        done();
      });
      watch.observe(overview, { attributes: true, attributeFilter: ['data-image'] });
      setTimeout(() => { watch.disconnect(); done(); }, 4000);
    });
    const event = new KeyboardEvent('keydown', { key, code: key, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
    await changed;
    await frame(); // the pictures are drawn in this frame …
    await frame(); // … and they are on the screen when the next one begins
    told.push(performance.now() - begun);
  }
  const images = [...overview.querySelectorAll('.fnb-ov-view img')];
  return [told, images.length, overview.dataset.image];
}"""


def made(root: Path, images: int) -> Any:
    """A project whose images have all previews; ten different sets of files."""
    project = fn.create(root / "session", pixel_size=1.0, voltage=300)
    rng = np.random.default_rng(5)
    for number in range(images):
        image = project.add_image(f"movie_{number:05d}.tif", "g1", values={}, recorded="2026-01-01")
        folder = image.folder / "previews"
        folder.mkdir()
        for file in FILES:
            first = root / f"{number % 10}-{file}.png"
            if not first.exists():
                thumbnail(rng.normal(0, 1, (512, 512)), first)
            (folder / f"{file}.png").write_bytes(first.read_bytes())
        found: dict[str, Any] = {f"preview_{file}": f"previews/{file}.png" for file in FILES}
        found |= {"defocus": 12_000.0 + number, "ctf_resolution": 4.0, "drift_total": 12.0}
        project.change(image.id, lambda document, found=found: document["results"].update(found))
    return project


def measure(folder: Path, images: int, steps: int, port: int) -> Iterator[str]:
    project = made(folder, images)
    code = CELL.replace("ROOT", repr(str(project.root)))
    with pages.served(folder, code, port) as url, pages.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1400})
        page.goto(url)
        page.wait_for_selector('.fnb-ov[data-image="1"] img', timeout=60_000)
        page.wait_for_timeout(2500)
        yield from walked(page, ".fnb-ov", "the overview's own key", steps)
        if page.locator(".fnb-library .ag-row").count():
            page.locator(".fnb-library .ag-row").nth(1).click()
            page.wait_for_timeout(1000)
            yield from walked(page, ".fnb-library", "a key in the library table", steps)


def walked(page: Any, place: str, what: str, steps: int) -> Iterator[str]:
    """Walk and tell: with time to fetch neighbours, then without."""
    for rest, told in ((350, "at leisure"), (0, "as fast as it goes")):
        times, pictures, _ = page.evaluate(STEPS, [place, "ArrowDown", steps, rest])
        assert pictures == 4, f"{pictures} of 4 pictures are shown"
        median = statistics.median(times)
        yield f"| {what}, {told} | {median:.0f} ms | {max(times):.0f} ms |"


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--steps", type=int, default=30, help="of each walk")
    parser.add_argument("--port", type=int, default=8753)
    args = parser.parse_args(arguments)
    if not pages.CHROMIUM:
        yield pages.MISSING
        return
    yield "| from an arrow key to four pictures | median | worst |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOCUSNB_CONFIG"] = str(Path(folder) / "config")
        yield from measure(Path(folder), args.images, args.steps, args.port)


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)
