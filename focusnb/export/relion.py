"""RELION: a project folder with corrected micrographs, their CTF, coordinates, motion and particles.

Tables as RELION 3.1 and later read them; labels and their meaning: RELION's metadata_label.h.
All paths are relative to the folder, where RELION is started.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from focusnb import formats
from focusnb.errors import FocusError
from focusnb.export import boxes
from focusnb.export.choice import UNWEIGHTED, Chosen, Summary, check_out, choose
from focusnb.export.place import Folder
from focusnb.formats import coordinates, motion_star, star
from focusnb.formats import gain as gain_format
from focusnb.formats import particles as particles_format
from focusnb.kernels import gain as gain_kernel
from focusnb.model import stale
from focusnb.model.image import Image
from focusnb.model.project import Project

CORRECTED, CTF, INDEX = "corrected_micrographs.star", "micrographs_ctf.star", "autopick.star"
PICTURES, MOVIES, SPECTRA = "micrographs", "movies", "ctf"
# relion_preprocess --coord_dir coordinates/ --coord_suffix _autopick.star finds the picks there.
COORDINATES, SUFFIX = "coordinates", "_autopick.star"
WINDOW = (
    f"{COORDINATES}/coords_suffix{SUFFIX}"  # what RELION 3.1's window takes as the list of them
)
WORST = 25.0  # Å; RELION writes no CTF resolution beyond it
OPTICS = (
    "rlnOpticsGroupName", "rlnOpticsGroup", "rlnMicrographOriginalPixelSize", "rlnVoltage",
    "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnMicrographPixelSize",
)  # fmt: skip


def export(
    project: Project,
    out: Path,
    images: Sequence[Image] | None = None,
    *,
    report: Callable[[float, str], None] | None = None,
) -> Summary:
    """Write a RELION project folder; the module's docstring and constants tell what is where.

    Raises BadValue for a folder among the project's own files, and for one that has such tables of
    somebody else.
    """
    check_out(project, out)
    chosen, left_out = choose(project, images)
    folder = Folder(out, str(project.values()["export_how"]))
    cut = any(_product(one, "particle_stack") for one in chosen)
    writer = _Writer(project, folder, particles=cut)
    for number, one in enumerate(chosen):
        if report is not None:
            report(number / len(chosen), one.row["name"])
        try:
            writer.add(one)
        except (FocusError, OSError) as error:
            left_out.append((one.row["image"], one.row["name"], str(error)))
    files = writer.finish(left_out)
    if report is not None:
        report(1.0, f"{len(writer.corrected)} images")
    count, notes = len(writer.corrected), tuple(writer.notes)
    return Summary("relion", out, files, count, writer.particles, tuple(left_out), notes)


class _Writer:
    """Collects rows while the images' files are put in their places."""

    def __init__(self, project: Project, folder: Folder, *, particles: bool) -> None:
        self.project = project
        self.folder = folder
        self.corrected: list[dict[str, Any]] = []
        self.measured: list[dict[str, Any]] = []
        self.index: list[dict[str, str]] = []
        self.told: list[dict[str, str]] = []
        self.notes: list[str] = []
        self.particles = 0
        self._optics: dict[tuple[Any, ...], int] = {}
        self._gains: dict[tuple[str, int, int], str] = {}
        # Before anything is placed: a folder with such tables of somebody else is refused.
        names = (CORRECTED, CTF, INDEX, WINDOW, *([boxes.TABLE] if particles else []))
        self._tables = folder.paths(names)
        self._boxes = boxes.Boxes(folder)

    def add(self, one: Chosen) -> None:
        """Put one image's files in their places and note its rows; all of it or nothing."""
        picks, cut = _picks(one), self._cut(one)
        motion = _product(one, "motion_star")
        moved = motion_star.read(motion) if motion else None
        average, weighted = _product(one, "average"), _product(one, "average_dw")
        assert average is not None
        put = self.folder.put
        names = {"rlnMicrographName": put(weighted or average, f"{PICTURES}/{one.name}.mrc")}
        if weighted is not None:
            names["rlnMicrographNameNoDW"] = put(average, f"{PICTURES}/{one.name}{UNWEIGHTED}.mrc")
        group = self._group(one)
        row: dict[str, Any] = {**names, "rlnOpticsGroup": group}
        if moved is not None:
            row["rlnMicrographMetadata"] = self._motion(one, moved)
            row |= _accumulated(one)
        self.corrected.append(row)
        if one.row["defocus_u"] is not None:
            self.measured.append({**names, "rlnOpticsGroup": group, **self._ctf(one)})
        if picks is not None:
            name = f"{COORDINATES}/{PICTURES}/{one.name}{SUFFIX}"
            coordinates.write(
                self.folder.path(name), picks["x"], picks["y"], picks["score"],
                classes=picks["class"], angle=picks["angle"],
                tubes=picks.get("tube"), track=picks.get("track", 0.0),
            )  # fmt: skip
            self.index.append(
                {
                    "rlnMicrographName": names["rlnMicrographName"],
                    "rlnMicrographCoordinates": name,
                }
            )
            self.particles += len(picks)
        if cut is not None:
            self._boxes.add(one, *cut, group=group, micrograph=names["rlnMicrographName"])
        self.told.append(
            {
                "image": one.row["image"],
                "name": one.row["name"],
                "micrograph": names["rlnMicrographName"],
            }
        )

    def finish(self, left_out: Sequence[tuple[str, str, str]]) -> tuple[Path, ...]:
        """Write the tables; give their paths."""
        folder, files = self.folder, []
        folder.mark(".gui_projectdir")  # RELION asks less when it is there
        for name, rows in ((CORRECTED, self.corrected), (CTF, self.measured)):
            tables = {"optics": _table(self._optics_rows(), OPTICS), "micrographs": _table(rows)}
            files.append(star.write(self._tables[name], tables))
        labels = ("rlnMicrographName", "rlnMicrographCoordinates")
        tables = {"coordinate_files": _table(self.index, labels)}
        files.append(star.write(self._tables[INDEX], tables))
        if len(self._boxes):
            files.append(self._boxes.write(self._tables[boxes.TABLE], self._optics_rows()))
        else:
            folder.files.discard(boxes.TABLE)  # so that one of an earlier export goes
        self._tables[WINDOW].write_text(f"{CTF}\n")  # the name of the micrographs
        left = [{"image": k, "name": n, "reason": r} for k, n, r in left_out]
        project = str(self.project.root)
        told = {"images": self.told, "left_out": left, "notes": self.notes}
        folder.finish({"project": project, **told})
        return tuple(files)

    # -- parts of a row -----------------------------------------------------------------------

    def _group(self, one: Chosen) -> int:
        """Give the number of the optics group: images of one name, pixel size and microscope."""
        row = one.row
        average = row["average_pixel_size"] or row["pixel_size"]
        if average is None:
            raise FocusError(
                f"{one.image.key}: the pixel size is not known; set it with --set pixel_size="
            )
        key = (
            row["optics_group"],
            round(float(row["pixel_size"] or average), 6),
            float(row["voltage"]),
            float(row["spherical_aberration"]),
            float(row["amplitude_contrast"]),
            round(float(average), 6),
        )
        return self._optics.setdefault(key, len(self._optics) + 1)

    def _optics_rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        names: set[str] = set()
        for (name, *numbers), number in self._optics.items():
            plain = star.tame(str(name)).replace(" ", "_") or "opticsGroup1"
            unique = plain if plain not in names else f"{plain}_{number}"
            names.add(unique)
            rows.append(dict(zip(OPTICS, [unique, number, *numbers], strict=True)))
        return rows

    def _cut(self, one: Chosen) -> tuple[Path, Any] | None:
        """Give the stack of the particles and its tables, where there are any that still hold."""
        stack, table = _product(one, "particle_stack"), _product(one, "particle_star")
        if stack is None or table is None:
            return None
        # Else the table of all particles would contradict the coordinates beside it.
        if stale.used_other_files(self.project, one.image.id, "extract"):
            self.notes.append(
                f"{one.image.key}: its particles are left out, for its picks or its average changed"
                " after they had been cut out; run the step extract again"
            )
            return None
        return stack, particles_format.read(table)

    def _motion(self, one: Chosen, moved: motion_star.MotionFile) -> str:
        """Write RELION's file of the movie's motion, with paths as they are in the folder."""
        raw = one.folder / one.document["values"]["movie"]
        gain = defects = None
        if moved.gain_name and (path := _reference(one, "gain")):
            rotation, flip = int(one.row["gain_rotation"]), int(one.row["gain_flip"])
            gain = self._gain(path, rotation, flip, events=bool(moved.eer_grouping))
        if moved.defect_file and (path := _reference(one, "defects")):
            defects = self.folder.put(path, f"{MOVIES}/references/{path.name}")
        name = self.folder.put(raw, f"{MOVIES}/{one.name}{_movie_suffix(raw, moved.frames)}")
        target = f"{PICTURES}/{one.name}.star"
        told = replace(moved, movie_name=name, gain_name=gain, defect_file=defects)
        motion_star.write(self.folder.path(target), told)
        return target

    def _gain(self, path: Path, rotation: int, flip: int, *, events: bool) -> str:
        """Put the gain reference into the folder, turned as the movies need it.

        events: they are EER; RELION divides them by all references but Thermo Fisher's own.
        """
        key = (str(path), rotation, flip)
        if key not in self._gains:
            place = f"{MOVIES}/references/{path.stem}"
            if rotation or flip:
                name = f"{place}_r{rotation}f{flip}.mrc"
                turned = gain_kernel.orient(gain_format.read(path), rotation=rotation, flip=flip)
                if gain_kernel.use(path, events=events) != gain_kernel.use(name, events=events):
                    turned = gain_kernel.reciprocal(turned)
                formats.write(self.folder.path(name), turned, label="gain reference, turned")
            else:
                name = self.folder.put(path, place + path.suffix)
            self._gains[key] = name
        return self._gains[key]

    def _ctf(self, one: Chosen) -> dict[str, Any]:
        row = one.row
        found: dict[str, Any] = {}
        spectrum = _product(one, "ctf_spectrum")
        if spectrum is not None:
            name = self.folder.put(spectrum, f"{SPECTRA}/{one.name}.ctf")
            found["rlnCtfImage"] = f"{name}:mrc"
        u, v = float(row["defocus_u"]), float(row["defocus_v"])
        found |= {
            "rlnDefocusU": u,
            "rlnDefocusV": v,
            "rlnCtfAstigmatism": round(abs(u - v), 3),
            "rlnDefocusAngle": float(row["defocus_angle"] or 0.0),
            "rlnCtfFigureOfMerit": float(row["ctf_score"] or 0.0),
            "rlnCtfMaxResolution": min(WORST, row["ctf_resolution"] or WORST),
        }
        if row["phase_shift"]:
            found["rlnPhaseShift"] = float(row["phase_shift"])
        return found


def _table(rows: Sequence[dict[str, Any]], labels: Sequence[str] = ()) -> Any:
    """Give a data frame: texts that some rows lack are "None", as RELION writes it; numbers 0."""
    import pandas as pd

    columns = list(labels) or list(dict.fromkeys(label for row in rows for label in row))
    if not columns:
        columns = ["rlnMicrographName", "rlnOpticsGroup"]
    empty = {
        label: "None" if any(isinstance(row.get(label), str) for row in rows) else 0.0
        for label in columns
    }
    return pd.DataFrame(
        {label: [row.get(label, empty[label]) for row in rows] for label in columns}
    )


def _product(one: Chosen, word: str) -> Path | None:
    """Give the file of a product if it is there."""
    name = one.document["results"].get(word)
    path = one.folder / name if name else None
    return path if path is not None and path.is_file() else None


def _reference(one: Chosen, word: str) -> Path | None:
    value = one.image[word]
    return Path(value) if value and Path(value).is_file() else None


def _picks(one: Chosen) -> Any:
    path = _product(one, "picks")
    return None if path is None else coordinates.read(path)


def _accumulated(one: Chosen) -> dict[str, float]:
    """Give the motion as RELION does: lengths in pixels of the movie, whatever its label says."""
    pixel_size = float(one.row["pixel_size"])
    words = {"Total": "drift_total", "Early": "drift_early", "Late": "drift_late"}
    return {
        f"rlnAccumMotion{part}": float(one.row[word]) / pixel_size
        for part, word in words.items()
        if one.row[word] is not None
    }


def _movie_suffix(raw: Path, frames: int) -> str:
    """Give the ending by which RELION knows the format: of MRC files, .mrcs means a stack."""
    suffix = raw.suffix.lower()
    if suffix in (".tif", ".tiff"):
        return suffix
    return ".mrcs" if frames > 1 else ".mrc"
