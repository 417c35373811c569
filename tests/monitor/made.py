"""Makes projects with measured images, without a microscope and without processing."""

import json
import math
import random
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageDraw

from focusnb.model.project import Project

BAD = {
    "drift": {"drift_range": 71.0, "drift_total": 96.0},
    "ice": {"iciness": 2.4, "ice_ring": 3.1},
    "dark": {"mean_count": 0.012},
    "no rings": {"ctf_resolution": None, "ctf_score": 0.02},
    "wrong focus": {"defocus": 93_000.0},
}


def project(root: Path, **values) -> Project:
    return Project.create(
        root, mode="single-particle", values={"pixel_size": 0.83, "voltage": 300.0, **values}
    )


def results(number: int, bad: str | None = None) -> dict:
    """What the steps would have found out, the same for the same number."""
    dice = random.Random(number)
    wave = math.sin(number / 25)
    found = {
        "mean_count": 1.02 + 0.06 * wave + dice.gauss(0, 0.015),
        "total_dose": 41.2,
        "dose_ratio": 0.86,
        "frame_count": 40,
        "average_pixel_size": 0.83,
        "drift_total": abs(dice.gauss(14, 4)),
        "drift_range": abs(dice.gauss(6, 2)),
        "defocus": 12_000.0 + 3000 * (number % 5) + dice.gauss(0, 500),
        "astigmatism": abs(dice.gauss(90, 40)),
        "ctf_resolution": abs(3.6 + dice.gauss(0, 0.25)),
        "ctf_score": 0.3,
        "iciness": abs(0.72 + 0.1 * wave + dice.gauss(0, 0.05)),
        "ice_ring": 0.9,
        "particles": dice.randint(80, 260),
        "aligned": True,
    }
    return {k: v for k, v in {**found, **BAD.get(bad or "", {})}.items() if v is not None}


def fill(
    made: Project, count: int, *, now: float, interval: float = 45.0, bad: bool = True
) -> None:
    """Add many images at once, the last one recorded at `now`; every ninth of some is bad."""
    kinds = list(BAD)
    with made.store.transaction() as connection:
        for i in range(count):
            kind = kinds[i // 9 % len(kinds)] if bad and i % 9 == 4 else None
            recorded = now - interval * (count - 1 - i)
            image = add(made, f"movie_{i:05d}.tif", recorded, results(i, kind))
            connection.execute(
                "insert into log (time, image, event) values (?, ?, 'imported')",
                (recorded + 8, image),
            )
            connection.execute(
                "insert into batch (image, steps, position, state, submitted, started, ended)"
                " values (?, 'motion ctf', ?, 'done', ?, ?, ?)",
                (image, image, recorded + 8, recorded + 10, recorded + 30),
            )


def add(made: Project, name: str, recorded: float, found: dict | None, group: str = "g1") -> int:
    """Add one image recorded at a time; with results it counts as measured."""
    iso = datetime.fromtimestamp(recorded, UTC).isoformat()
    image = made.add_image(name, group, values={}, recorded=iso)
    if found is not None:
        with made.store.transaction() as connection:
            document = made.document(image.id)
            document["results"] = found
            document["runs"]["measure"] = {"fingerprint": "made", "used": [], "products": []}
            made.save_document(connection, image.id, document)
    return image.id


def previews(made: Project, image: int, words=("average", "spectrum", "drift")) -> None:
    """Draw previews for an image: dots on noise as the average, rings as everything else."""
    folder = made.folder(image) / "previews"
    folder.mkdir()
    dice = random.Random(image)
    for word in words:
        picture = Picture.effect_noise((256, 256), 60)
        pen = ImageDraw.Draw(picture)
        for _ in range(40 if word == "average" else 0):
            x, y = dice.uniform(0, 256), dice.uniform(0, 256)
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=30)
        for radius in () if word == "average" else range(20, 128, 20):
            pen.ellipse((128 - radius, 128 - radius, 128 + radius, 128 + radius), outline=220)
        picture.save(folder / f"{word}.png")

    def change(document: dict) -> None:
        document["results"].update({f"preview_{w}": f"previews/{w}.png" for w in words})

    made.change(image, change)


def load(made: Project) -> dict:
    return json.loads((made.root / "feed" / "feed.json").read_text(encoding="utf-8"))
