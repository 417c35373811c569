"""Small pictures for the rows that are seen."""

import io
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from focusnb.errors import FocusError
from focusnb.session import Project

SIDE = 96  # pixels: twice what a row shows, for fine screens
MOST = 4000  # kept pictures, some 3 kB each
WORD = "preview_average"


class Thumbs:
    """Makes small JPEGs of the previews of averages, and keeps them.

    Works in another thread than the project it reads: `document` and `folder` ask only the store,
    which has a connection for each thread, and no cache of the project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def look(self, image: int) -> tuple[bytes, str]:
        """Give an image's small picture, and what of the image is not there any more."""
        lost = ""
        with suppress(FocusError, OSError):
            folder = self._project.folder(image)
            average = self._project.document(image)["results"].get("average")
            if not folder.is_dir():
                lost = "the folder is not there"
            elif average and not (folder / average).is_file():
                lost = f"{average} is not there"
        return self.picture(image), lost

    def picture(self, image: int) -> bytes:
        """Give an image's small picture as JPEG; nothing when there is none, or it cannot be read."""
        try:
            name = self._project.document(image)["results"].get(WORD)
            path = self._project.folder(image) / name if name else None
            if path is None:
                return b""
            key = (image, path.stat().st_mtime_ns)
            if key not in self._kept:
                self._kept[key] = _small(path)
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            return self._kept[key]
        except (FocusError, OSError, SyntaxError, ValueError):
            return b""  # gone, moved away by hand, or no picture: the row shows a dash


def _small(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as picture:
        grey = picture.convert("RGB" if picture.mode in ("RGB", "RGBA", "P") else "L")
        grey.thumbnail((SIDE, SIDE))
        out = io.BytesIO()
        grey.save(out, "JPEG", quality=80)
    return out.getvalue()
