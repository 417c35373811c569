"""How a picture gets into a PNG file of at most 100 kB, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from focusnb.formats.stack import replacing
from focusnb.pictures.palette import PAPER, rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMIT = 100_000  # bytes


def save(picture: Image.Image, path: str | Path) -> Path:
    """Write a picture as PNG of at most `LIMIT` bytes and return its path.

    Noise does not compress: first the number of grey levels or colours goes down (invisible in
    noisy pictures), then the number of pixels. A reader sees the old file or the whole new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = encode(picture)
    with replacing(path) as draft:
        draft.write_bytes(data)
    return path


def encode(picture: Image.Image, *, limit: int = LIMIT) -> bytes:
    """The picture as PNG of at most `limit` bytes."""
    data = b""
    for candidate in _smaller_and_smaller(picture):
        buffer = io.BytesIO()
        candidate.save(buffer, "PNG", compress_level=6)
        data = buffer.getvalue()
        if len(data) <= limit:
            break
    return data


def from_figure(figure: Figure, path: str | Path) -> Path:
    """Draw a figure of `palette.figure` and write it as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    rgba = Image.frombuffer(
        "RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1
    )
    paper = Image.new("RGB", rgba.size, rgb(PAPER))
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return save(
        paper.quantize(96, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE), path
    )


def _smaller_and_smaller(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    while True:
        for levels in (48, 16):
            yield _fewer(picture, levels)
        width, height = picture.size
        if max(width, height) <= 64:
            return
        size = max(1, width * 4 // 5), max(1, height * 4 // 5)
        if picture.mode == "P":
            picture = picture.convert("RGB")
        picture = picture.resize(size, Image.Resampling.LANCZOS)


def _fewer(picture: Image.Image, levels: int) -> Image.Image:
    if picture.mode == "L":
        table = [round(round(v * (levels - 1) / 255) * 255 / (levels - 1)) for v in range(256)]
        return picture.point(table)
    return picture.convert("RGB").quantize(levels, method=Image.Quantize.FASTOCTREE)
