"""Makes images in every state that an overview has to show."""

import shutil
from pathlib import Path

import numpy as np
from monitor import made
from PIL import Image as Picture

from focusnb import formats

WORDS = ("before", "unaligned", "average", "spectrum", "drift", "thon", "picks")
NOW = 1_800_000_000.0


def measured(project, name="movie.tif", **found):
    """An image with all its previews, each a picture of its own; gives its number."""
    image = made.add(project, name, NOW, {**made.results(1), "frame_count": 40, **found})
    previews(project, image)
    return image


def previews(project, image, words=WORDS, side=64):
    """Draw previews that differ from image to image and from word to word."""
    folder = project.folder(image) / "previews"
    folder.mkdir(exist_ok=True)
    for k, word in enumerate(words):
        shades = np.random.default_rng(100 * image + k).integers(0, 255, (side, side), np.uint8)
        Picture.fromarray(shades).save(folder / f"{word}.png")
    project.change(
        image,
        lambda d: d["results"].update({f"preview_{w}": f"previews/{w}.png" for w in words}),
    )


def product(project, image, word="average", *, side=128):
    """Write a picture as a product of an image."""
    picture = np.random.default_rng(image).normal(30, 5, (side, side)).astype(np.float32)
    path = project.folder(image) / f"{word}.mrc"
    formats.write(path, picture, pixel_size=1.0)
    project.change(image, lambda d: d["results"].update({word: path.name}))
    return path


def states(project):
    """Images in all states; gives their numbers by state."""
    found = {"good": measured(project, "a b <script>alert(1)</script> é.tif")}
    found["next"] = measured(project, "next.tif", particles=77)
    found["new"] = made.add(project, "new.tif", NOW, None)
    found["failed"] = made.add(project, "failed.tif", NOW, None)
    project.change(
        found["failed"],
        lambda d: d.update(error={"step": "motion", "message": "movie.tif ends in frame 12 of 40"}),
    )
    found["older"] = measured(project, "older.tif")  # its previews are gone, its average is not
    product(project, found["older"])
    shutil.rmtree(project.folder(found["older"]) / "previews")
    found["lost"] = measured(project, "lost.tif")  # neither is there
    product(project, found["lost"]).unlink()
    shutil.rmtree(project.folder(found["lost"]) / "previews")
    found["cut"] = made.add(project, "cut.tif", NOW, made.results(7))
    path = product(project, found["cut"])
    path.write_bytes(path.read_bytes()[:5000])
    found["single"] = measured(project, "single.tif", frame_count=1, drift_total=None)
    found["away"] = measured(project, "away.tif")
    home = project.folder(found["away"])
    home.rename(Path(project.root) / "somewhere")
    found["bad"] = measured(project, "bad.tif", **made.BAD["ice"])
    return found
