"""Movies that are counted from a real micrograph: its low frequencies, moved by whole pixels.

The micrograph, low-passed and scaled to electrons, stands for the specimen; each frame is a Poisson
draw of it at another place. So the specimen is real and the noise is that of counting alone. Beside
the movie lies its truth: `shifts` ([x, y] per frame in Å), `pixel_size`, `dose_per_frame`, and
`limit_px`, the error of a shift that no unbiased estimate against a perfect reference can be below.
"""

import json
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
from scipy import fft

HALF = 8.0  # Å, where the specimen's power is halved
FRAMES, DOSE = 24, 41.17  # e/Å² in all
REACH = {"settle": 12, "walk": 20, "jump": 12}  # pixels


def places(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Whole pixels x, y of each frame, the first at 0: (frames, 2)."""
    time = np.linspace(0, 1, FRAMES)
    angle = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(angle), np.sin(angle)])
    if kind == "settle":
        way = np.outer(1 - np.exp(-4 * time), towards) * REACH[kind]
    elif kind == "jump":
        way = np.outer(time > 0.4, towards) * REACH[kind]
    else:
        way = np.cumsum(rng.standard_normal((FRAMES, 2)), axis=0) * REACH[kind] / np.sqrt(FRAMES)
    way = np.rint(way).astype(int)
    return way - way[0]


def write(micrograph: Path, movie: Path, kind: str) -> Path:
    """Write a movie (LZW TIFF) and its truth; what lies there already is kept."""
    told = movie.with_suffix(".json")
    if told.exists() and movie.exists():
        return movie
    with mrcfile.open(micrograph, permissive=True) as file:
        picture, pixel = file.data.astype(np.float32), float(file.voxel_size.x)
    ky, kx = fft.fftfreq(picture.shape[0], pixel)[:, None], fft.rfftfreq(picture.shape[1], pixel)
    soft = np.exp(-0.5 * np.log(2) * (ky**2 + kx**2) * HALF**2).astype(np.float32)
    specimen = fft.irfft2(fft.rfft2(picture) * soft, s=picture.shape)
    specimen *= DOSE * pixel**2 / FRAMES / specimen.mean()
    specimen = np.clip(specimen, 0.01, None)
    rng = np.random.default_rng(list(REACH).index(kind))
    way = places(kind, rng)
    low, high = way.min(axis=0), way.max(axis=0)
    height, width = (  # even: RELION asks for that
        (n - int(b - a)) // 2 * 2
        for n, a, b in zip(picture.shape, low[::-1], high[::-1], strict=True)
    )
    movie.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(movie) as file:
        for x, y in high - way:  # what moves to the right is seen farther left in the specimen
            frame = rng.poisson(specimen[y : y + height, x : x + width])
            file.write(
                np.minimum(frame, 255).astype(np.uint8)[::-1], compression="lzw", rowsperstrip=256,
                photometric="minisblack", contiguous=False, metadata=None,
                resolution=(1e8 / pixel,) * 2, resolutionunit="CENTIMETER",
            )  # fmt: skip
    known = [(np.gradient(specimen, axis=axis) ** 2 / specimen).sum() for axis in (0, 1)]
    truth = {
        "shifts": (way * pixel).tolist(),
        "pixel_size": pixel,
        "dose_per_frame": DOSE / FRAMES,
        "limit_px": float(np.sqrt(sum(1 / one for one in known))),
    }
    told.write_text(json.dumps(truth))
    return movie
