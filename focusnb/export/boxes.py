"""Boxes: the particles that were cut out of all images, as one table for RELION."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusnb.export.choice import Chosen
from focusnb.export.place import Folder
from focusnb.formats import star

if TYPE_CHECKING:
    import pandas as pd

TABLE, STACKS = "particles.star", "particles"


class Boxes:
    """Collects the particles of images while their stacks are put in their places."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._tables: list[pd.DataFrame] = []
        self._groups: dict[tuple[int, float, int], int] = {}  # of the micrograph, pixel, side

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def add(
        self,
        one: Chosen,
        stack: Path,
        tables: "tuple[pd.DataFrame, pd.DataFrame]",
        *,
        group: int,
        micrograph: str,
    ) -> None:
        """Put the stack of one image in its place and note its particles.

        tables: as `formats.particles.read` gives them. group: of the micrograph.
        """
        optics, rows = tables
        first = optics.iloc[0]
        key = (group, float(first["rlnImagePixelSize"]), int(first["rlnImageSize"]))
        place = self.folder.put(stack, f"{STACKS}/{one.name}.mrcs")
        names = rows["rlnImageName"].astype(str).str.partition("@")[0]
        self._tables.append(
            rows.assign(
                rlnImageName=names + f"@{place}",
                rlnMicrographName=micrograph,
                rlnOpticsGroup=self._groups.setdefault(key, len(self._groups) + 1),
            )
        )

    def write(self, path: Path, groups: list[dict[str, Any]]) -> Path:
        """Write the table of all; groups: the optics groups of the micrographs."""
        import pandas as pd

        of_micrographs = {row["rlnOpticsGroup"]: row for row in groups}
        optics = []
        names: set[str] = set()
        for (group, pixel_size, side), number in self._groups.items():
            row = dict(of_micrographs[group])
            if sum(other[0] == group for other in self._groups) > 1:  # boxes of several sizes
                row["rlnOpticsGroupName"] += f"_box{side}"
            if row["rlnOpticsGroupName"] in names:  # of as many pixels, but of another size
                row["rlnOpticsGroupName"] += f"_{number}"
            names.add(row["rlnOpticsGroupName"])
            optics.append(
                {
                    **row,
                    "rlnOpticsGroup": number,
                    "rlnImagePixelSize": pixel_size,
                    "rlnImageSize": side,
                    "rlnImageDimensionality": 2,
                }
            )
        rows = pd.concat(self._tables, ignore_index=True)
        numbers = rows.columns[[kind.kind in "fi" for kind in rows.dtypes]]
        rows[numbers] = rows[numbers].fillna(0.0)  # as of images without a CTF
        tables = {"optics": pd.DataFrame(optics), "particles": rows}
        return star.write(path, tables)
