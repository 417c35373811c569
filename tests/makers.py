"""Made data with known truth that several rooms' tests share."""

from functools import lru_cache
from pathlib import Path

from focusnb import formats, simulate

SIZE, FRAMES = 512, 8
# What people would say of these movies; the particle is small enough for the small picture.
WORDS = {"voltage": 300.0, "exposure_dose": 20.0, "particle_diameter": 120.0}


@lru_cache(maxsize=8)
def movie(seed=3, bad=None, size=SIZE, frames=FRAMES, **asked):
    """A simulated movie; made once for all tests that ask for the same one."""
    return simulate.movie(size=size, frames=frames, seed=seed, bad=bad, **asked)


def references(folder: Path, made) -> dict[str, Path]:
    """Write gain and defects of a movie's camera; give their places by word."""
    gain = formats.write(folder / "gain.mrc", made.camera.gain)
    defects = folder / "defects.txt"
    lines = ["{} {} {} {}".format(*one) for one in made.camera.defects]
    defects.write_text("\n".join(lines) + "\n")
    return {"gain": gain, "defects": defects}


def recorded(folder: Path, name="movie.tif", pixel_size=1.0, **how) -> Path:
    """Write a simulated movie with its gain and defects into a folder."""
    made = movie(**how)
    references(folder, made)
    return formats.write(folder / name, made.frames, pixel_size=pixel_size)
