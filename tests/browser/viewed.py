"""What tests of the viewer share: a project whose images have pictures, rings and particles."""

from pathlib import Path

import numpy as np

import focusnb as fn
from focusnb import formats
from focusnb.formats import coordinates
from focusnb.kernels import ctf, fourier

CELL = """
import focusnb as fn
from pathlib import Path
from focusnb_widgets.desk import Desk
from focusnb_widgets.viewer import Viewer

class Tested(Viewer):
    def do_open(self, message, buffers):
        self.show(Path(message["what"]) if "what" in message else message["image"])

project = fn.open(FOLDER)
viewer = Tested(Desk(project), project.images[0])
viewer
"""

PIXEL, SHAPE = 1.2, (600, 640)  # Å; y, x
TRUTH = {"defocus_u": 16_500.0, "defocus_v": 15_500.0, "defocus_angle": 35.0}
NAME = "<script>alert(1)<b> ångström.tif"


def rings(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Noise seen through the lens: its transform shows Thon rings."""
    rng = np.random.default_rng(seed)
    sy, sx = fourier.frequency_grid(shape, PIXEL)
    s = fourier.frequencies(shape, PIXEL)
    lens = ctf.transfer(s, np.arctan2(sy, sx + 0 * sy), voltage=300, **TRUTH)
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * lens, s=shape)
    return (100 + 10 * field / field.std() + rng.standard_normal(shape)).astype(np.float32)


def project(root: Path, images: int = 2) -> fn.Project:
    """Images with averages, the unaligned sum, picks and a CTF that is a little wrong."""
    made = fn.create(
        root, mode="single-particle", pixel_size=PIXEL, voltage=300, particle_diameter=60
    )
    rng = np.random.default_rng(9)
    for k in range(images):
        image = made.add_image(
            NAME if k == 0 else f"movie_{k}.tif", "g1", values={}, recorded=f"2026-01-0{k + 1}"
        )
        picture = rings(k)
        formats.write(image.folder / "average.mrc", picture, pixel_size=PIXEL)
        formats.write(image.folder / "unaligned.mrc", picture[::-1].copy(), pixel_size=PIXEL)
        x, y = rng.uniform(40, 600, 30), rng.uniform(40, 560, 30)
        coordinates.write(image.folder / "picks.star", x, y, np.linspace(1, 9, 30))
        found = {
            "average": "average.mrc", "unaligned": "unaligned.mrc", "picks": "picks.star",
            "average_pixel_size": PIXEL, "defocus": 15_000.0, "defocus_u": 15_000.0,
            "defocus_v": 15_000.0, "defocus_angle": 0.0, "astigmatism": 0.0,
            "specimen_tilt_axis": 30.0,
        }  # fmt: skip
        runs = {
            "previews": {"fingerprint": "a", "used": ["defocus_u"], "started": 1.0, "results": []}
        }

        def change(document, found=found, runs=runs):
            document["results"].update(found)
            document["runs"].update(runs)

        made.change(image.id, change)
    return made


def stack(frames: int = 6, side: int = 96) -> np.ndarray:
    """Frames whose number is their mean."""
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, (frames, side, side))
    return (noise + np.arange(frames)[:, np.newaxis, np.newaxis]).astype(np.float32)


class Page:
    """A page in place of the browser's: it keeps what was told."""

    def __init__(self, viewer):
        self.viewer, self.told = viewer, []
        viewer.send = lambda message, buffers=None: self.told.append((message, buffers or []))
        self.ask("ready")

    def ask(self, do, **more):
        self.told.clear()
        self.viewer._on_message(None, {"do": do, **more}, [])

    def got(self, kind):
        found = [one for one in self.told if kind in one[0]]
        assert found, f"no {kind} among {[next(iter(m)) for m, _ in self.told]}"
        return found[-1][0][kind], found[-1][1]


def pixels(told, data):
    """The bytes of a part (height, width)."""
    return np.frombuffer(data, np.uint8).reshape(told["height"], told["width"])


def files(root):
    """Files to open, good and bad, in a folder."""
    wide = np.random.default_rng(1).normal(50, 5, (2000, 2600)).astype(np.float32)
    wide[1990:, :10] = np.nan
    formats.write(root / "wide <b>.mrc", wide, pixel_size=1.0)
    formats.write(root / "movie.mrcs", stack(), pixel_size=2.0)
    formats.write(root / "nan.mrc", np.full((200, 200), np.nan, np.float32), pixel_size=1.0)
    formats.write(root / "gone.mrc", rings(3), pixel_size=1.0)
    place = formats.write(root / "cut.mrc", rings(3), pixel_size=1.0)
    place.write_bytes(place.read_bytes()[: 1024 + 200 * 640 * 4])
    return root
