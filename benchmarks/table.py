"""The library table with 20,000 images and 25 columns, in a real browser.

    make bench BENCH="table"
    make bench BENCH="table --images 5000"

The page is served by our server with a kernel that waits for visitors, and shown by a headless chromium
without graphics card. Times within the page are from the click or key until the browser has drawn the
frame with the new rows. "New rows" begin when the kernel notices that the project has changed; it looks
twice a second.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages

import focusnb as fn

NUMBERS = {
    "defocus": 15_000.0, "defocus_u": 15_100.0, "defocus_v": 14_900.0, "astigmatism": 120.0, "ctf_resolution": 3.6,
    "ctf_score": 0.2, "drift_total": 14.0, "drift_range": 6.0, "drift_longest": 2.0, "drift_early": 5.0,
    "drift_late": 3.0, "iciness": 0.7, "iciness_amplitude": 0.8, "ice_ring": 0.9, "mean_count": 1.0,
    "total_dose": 41.0, "dose_ratio": 0.86, "phase_shift": 0.0, "average_pixel_size": 0.83,
}  # fmt: skip
COLUMNS = ["flag", "name", "group", "quality", "recorded", *NUMBERS, "particles"]
PAGE = """
import focusnb as fn
from focusnb_widgets.library import LibraryTable
table = LibraryTable(fn.open({root!r}))
table
"""
FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
LIBRARY = "document.querySelector('.fnb-library')?.library"
READY = f"{LIBRARY}?.store.size === %d && document.querySelector('.ag-row')"
# From an act until the frame after it is on the screen, in ms.
TIMED = f"""async (act) => {{
  const t = {LIBRARY}; const begun = performance.now();
  eval(act);
  await {FRAMES};
  return performance.now() - begun;
}}"""
# From the message with rows until they are drawn; and until the number of shown rows is another one, from a key on.
ARRIVE = f"""async () => {{
  const t = {LIBRARY}; const before = t.store.size; let begun = 0;
  await new Promise((done) => {{
    const listen = (message) => {{
      if (message.rows === undefined) return;
      t.model.off('msg:custom', listen);
      begun = performance.now();
      requestAnimationFrame(() => requestAnimationFrame(done));
    }};
    t.model.on('msg:custom', listen);
  }});
  return [performance.now() - begun, t.store.size - before];
}}"""
UNTIL = f"""async ([act, count]) => {{
  const t = {LIBRARY}; const begun = performance.now(); eval(act);
  while (t.api.getDisplayedRowCount() !== count) await {FRAMES};
  return performance.now() - begun;
}}"""


def filled(root: Path, count: int) -> Any:
    """A project with many measured images of one group; only the first 600 have folders."""
    project = fn.create(root, pixel_size=0.83, voltage=300)
    for i in range(600):
        project.add_image(f"movie_{i:05d}.tif", "g1", values={}, recorded=recorded(i))
    with project.store.transaction() as connection:
        connection.executemany(
            "insert into image (place, name, recorded, cells, document, revision) values ('g1', ?, ?, '{}', '{}', 0)",
            [(f"movie_{i:05d}.tif", recorded(i)) for i in range(600, count)],
        )
        document = project.document(1)
        for i in range(count):
            project.save_document(connection, i + 1, measured(document, i))
    return project


def recorded(i: int) -> str:
    return f"2026-01-{1 + i // 2000:02d}T{i // 100 % 20:02d}:{i // 2 % 50:02d}:{i % 60:02d}+00:00"


def measured(document: dict[str, Any], i: int) -> dict[str, Any]:
    dice = random.Random(i)
    found = {word: usual * (0.7 + 0.6 * dice.random()) for word, usual in NUMBERS.items()}
    run = {"measure": {"fingerprint": "made", "used": [], "products": []}}
    particles = {"particles": dice.randint(50, 300)}
    return {
        **document,
        "name": f"movie_{i:05d}.tif",
        "results": {**found, **particles},
        "runs": run,
    }


def row(what: str, times: list[float], must: str) -> str:
    return f"| {what} | {statistics.median(times):.0f} ms | {max(times):.0f} ms | {must} |"


def measure(root: Path, count: int, rounds: int) -> Iterator[str]:
    project = filled(root / "session", count)
    views = {project.mode: {"columns": COLUMNS, "widths": {}, "sort": []}}
    project.workspace.set("views", views)
    code = PAGE.format(root=str(project.root))
    with pages.served(root, code, 8705) as url, pages.chromium() as browser:
        opening = []
        for _ in range(2):
            time.sleep(6)  # the next kernel gets ready
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            begun = time.perf_counter()
            page.goto(url)
            page.wait_for_function(READY % count, polling=20, timeout=120_000)
            opening.append(1000 * (time.perf_counter() - begun))
        yield row("open: from the address to rows", opening, "5 s")
        page.wait_for_timeout(2000)
        yield from within(page, project, count, rounds)
        yield from moved(page, count)


def within(page: Any, project: Any, count: int, rounds: int) -> Iterator[str]:
    title = 't.grid.querySelector(`.ag-header-cell[col-id="%s"] .fnb-head-title`).click()'
    words = ["name", "defocus", "ctf_resolution", "defocus", "name"] * rounds
    yield row("sort by another column", [page.evaluate(TIMED, title % w) for w in words], "300 ms")
    texts = ["< 1.5", "", "1.2..1.6", "> 1.1 and < 1.9", ""] * rounds
    write = (
        "const f = t.heads.get('defocus').filter; f.value = %s; f.dispatchEvent(new Event('input'))"
    )
    times = [page.evaluate(TIMED, write % json.dumps(text)) for text in texts]
    yield row("filter", times, "200 ms")
    drawn = []
    for k in range(rounds):
        page.evaluate(f"() => {{ window.arrived = ({ARRIVE})() }}")
        with project.store.transaction() as connection:
            for j in range(10):
                image = project.add_image(f"late_{k}_{j}.tif", "g1", values={}).id
                project.save_document(
                    connection, image, measured(project.document(image), count + 10 * k + j)
                )
        took, new = page.evaluate("window.arrived")
        assert new == 10
        drawn.append(took)
    yield row("10 new rows in a sorted table: message to screen", drawn, "150 ms")


def moved(page: Any, count: int) -> Iterator[str]:
    shown = page.evaluate(f"{LIBRARY}.api.getDisplayedRowCount()")
    choose = "t.choice.choose(Array.from({ length: 500 }, (_, i) => i + 1)); t.act('trash')"
    there = page.evaluate(UNTIL, [choose, shown - 500])
    back = page.evaluate(UNTIL, ["t.act('undo')", shown])
    yield row("move 500 images to the TRASH", [there], "3 s")
    yield row("undo of that", [back], "3 s")


def main(arguments: list[str] | None = None) -> Iterator[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(arguments)
    if not pages.CHROMIUM:
        yield pages.MISSING
        return
    yield f"| {args.images} images, {len(COLUMNS)} columns | median | worst | must |"
    yield "|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOCUSNB_CONFIG"] = str(Path(folder) / "config")
        yield from measure(Path(folder), args.images, args.rounds)


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, flush=True)
