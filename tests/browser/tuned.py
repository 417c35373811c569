"""What browser tests of tuning share: a browser, and averages of dark disks whose places are known."""

import select
import subprocess
import sys
from pathlib import Path

import numpy as np

import focusnb as fn
from focusnb import formats

PIXEL, DIAMETER, SIDE = 2.0, 120.0, 768  # Å, Å, pixels


def disks(seed: int, *, count: int = 40, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A picture (y, x) of dark disks on noise, and their places (count, 2) x, y in pixels."""
    rng = np.random.default_rng(seed)
    radius = DIAMETER / PIXEL / 2
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform(1.5 * radius, side - 1.5 * radius, 2)
        if all(np.hypot(*(place - other)) > 2.4 * radius for other in places):
            places.append(place)
    rows, columns = np.mgrid[:side, :side]
    picture = rng.normal(100, 12, (side, side))
    for x, y in places:
        away = np.hypot(columns - x, rows - y)
        picture -= 4 / (1 + np.exp((away - radius) / 2))
    return picture.astype(np.float32), np.array(places)


def project(root: Path, images: int = 3, **how: int) -> tuple[fn.Project, list[np.ndarray]]:
    """A project whose images have averages, and where the particles of each are."""
    made = fn.create(
        root, mode="single-particle", pixel_size=PIXEL, voltage=300, particle_diameter=DIAMETER
    )
    truth = []
    for k in range(images):
        picture, places = disks(k, **how)
        truth.append(places)
        image = made.add_image(f"movie_{k}.tif", "g1", values={}, recorded=f"2026-01-0{k + 1}")
        formats.write(image.folder / "average.mrc", picture, pixel_size=PIXEL)
        found = {
            "average": "average.mrc",
            "average_pixel_size": PIXEL,
            "defocus": 12_000.0 + 4000 * k,
        }
        made.change(image.id, lambda document, found=found: document["results"].update(found))
    return made, truth


def serve(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """The pages' server as a process, and the address that it prints."""
    server = subprocess.Popen(
        [sys.executable, "-m", "focusnb_widgets.server", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    ready, _, _ = select.select([server.stdout], [], [], 60)
    assert ready, "the server printed no address"
    return server, server.stdout.readline().strip()
