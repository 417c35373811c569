"""SerialEM's .mdoc files: every line that can be read, and what they tell about a movie.

Keys: https://bio3d.colorado.edu/SerialEM/hlp/html/about_formats.htm. The values are typed by
`mdocfile`; what it refuses stays a text, since versions of SerialEM differ.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from focusnb.errors import BrokenFile

MICROMETRE = 1e4  # Å
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})\s+(\d{1,2}):(\d{2}):(\d{2})")
SECTION = re.compile(r"\[\s*(ZValue|FrameSet|MontSection)\s*=\s*(.*?)\s*\]")
TITLE = re.compile(r"\[?\s*T\s*=\s*(.*?)\s*\]?$")
CHIPS = {"K3": (5760, 4092), "K2": (3838, 3710)}  # physical pixels of cameras that double them
CLOSE = 0.05  # relative difference of doses that are the same


@dataclass(frozen=True)
class Mdoc:
    """The parts of a file: keys before the first section, titles, and one mapping a section."""

    keys: dict[str, Any]
    titles: list[str]
    sections: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)  # sentences about lines that were no use


def read(path: str | Path) -> Mdoc:
    """The whole file; keys may come in any order, unknown ones are kept as texts.

    Raises BrokenFile for a file without any `Key = value` line.
    """
    path = Path(path)
    text = path.read_bytes().decode("utf-8", "replace")
    titles: list[str] = []
    raw: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        line = line.strip().lstrip("\ufeff")
        if section := SECTION.match(line):
            raw.append({section[1]: section[2]})
        elif title := TITLE.match(line):
            titles.append(title[1])
        elif "=" in line and not line.startswith("["):
            key, value = line.split("=", 1)
            raw[-1][key.strip()] = value.strip()
    if not any(raw):
        raise BrokenFile(f"{path}: no line reads `Key = value`, so it is no mdoc file")
    notes: list[str] = []
    head, *sections = (_typed(keys, notes) for keys in raw)
    return Mdoc(head, titles, sections, notes)


def _typed(raw: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """The values in the types that mdocfile has for them, under the names in the file."""
    from mdocfile.data_models import MdocSectionData
    from pydantic import ValidationError

    good = {key: value for key, value in raw.items() if value}
    bad: dict[str, Any] = {}
    while True:
        try:
            typed = MdocSectionData.model_validate(good).model_dump(exclude_none=True)
            break
        except ValidationError as error:
            wrong = {str(one["loc"][0]) for one in error.errors()} & set(good)
            if not wrong:
                return dict(raw)
            for key in sorted(wrong):
                bad[key] = good.pop(key)
                notes.append(f"{key} = {bad[key]!r} is not what SerialEM writes there")
    typed["FrameDosesAndNumber"] = typed.pop("FrameDosesAndNumbers", None)
    return {key: typed[key] if key in typed else good.get(key, bad.get(key, "")) for key in raw}


def find(movie: str | Path) -> Path | None:
    """The mdoc beside a movie: NAME.tif.mdoc, else NAME.mdoc; None if there is none."""
    movie = Path(movie)
    for candidate in (movie.with_name(movie.name + ".mdoc"), movie.with_suffix(".mdoc")):
        try:
            if candidate.is_file():
                return candidate
        except OSError:  # the name with its ending is too long for any file
            continue
    return None


def facts(
    path: str | Path, movie_width: int | None = None, movie_name: str | None = None
) -> dict[str, Any]:
    """What the file tells about one movie, in words of the vocabulary and our units.

    Parameters
    ----------
    path
        the mdoc; one of a tilt series needs `movie_name` to find the section.
    movie_width
        columns of the movie's frames; PixelSpacing belongs to the mdoc's own Binning and is scaled
        to it.
    movie_name
        the movie's file name, as at the end of SubFramePath.

    Returns
    -------
    dict
        pixel_size (Å), voltage (kV), exposure_dose and dose_per_frame (e/Å²), prior_dose,
        defocus_target (Å, underfocus positive), tilt_angle (°), exposure_time (s), magnification,
        recorded (ISO time), frame_count, counts_per_electron, gain_name, defects_name, movie_name;
        only those that the file has. `notes`: sentences about what does not fit.
    """
    mdoc = read(path)
    notes = list(mdoc.notes)
    section = _section(mdoc, movie_name, notes)
    both = {**mdoc.keys, **section}
    found: dict[str, Any] = {}
    for word, key, factor in (
        ("voltage", "Voltage", 1.0),
        ("tilt_angle", "TiltAngle", 1.0),
        ("prior_dose", "PriorRecordDose", 1.0),
        ("defocus_target", "TargetDefocus", -MICROMETRE),
        ("exposure_time", "ExposureTime", 1.0),
        ("magnification", "Magnification", 1.0),
    ):
        if (value := _number(both.get(key))) is not None:
            found[word] = round(value * factor, 6)
    for word, key in (("gain_name", "GainReference"), ("defects_name", "DefectFile")):
        if both.get(key):
            found[word] = PureWindowsPath(str(both[key])).name
    if both.get("SubFramePath"):
        found["movie_name"] = PureWindowsPath(str(both["SubFramePath"])).name
    if moment := recorded(str(both.get("DateTime", ""))):
        found["recorded"] = moment
    counts = _number(both.get("CountsPerElectron"))
    if "FrameSet" in section and counts:  # a stack's own number is that of its sums
        found["counts_per_electron"] = counts
    if (pixel_size := _pixel_size(mdoc, both, movie_width, notes)) is not None:
        found["pixel_size"] = pixel_size
    found.update(_dose(both, notes))
    found["notes"] = notes
    return found


def _section(mdoc: Mdoc, movie_name: str | None, notes: list[str]) -> dict[str, Any]:
    """The section of one movie: its own frame set, or the one that names it."""
    if movie_name is not None:
        for section in mdoc.sections:
            named = PureWindowsPath(str(section.get("SubFramePath", ""))).name
            if named.casefold() == movie_name.casefold():
                return section
    if frame_sets := [section for section in mdoc.sections if "FrameSet" in section]:
        return frame_sets[0]
    if len(mdoc.sections) == 1:
        return mdoc.sections[0]
    if mdoc.sections:
        notes.append(
            f"none of the {len(mdoc.sections)} sections names {movie_name or 'the movie'}; "
            "only what holds for all of them is taken"
        )
    return {}


def _number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if abs(number) < float("inf") else None
    return None


def recorded(text: str) -> str | None:
    """SerialEM's date and time as ISO: years of two digits, and of four since SerialEM 4.1."""
    match = DATE.search(text)
    if not match or match[2].lower() not in MONTHS:
        return None
    day, year = int(match[1]), int(match[3])
    month = MONTHS.index(match[2].lower()) + 1
    year += 0 if len(match[3]) == 4 else 2000 if year < 80 else 1900
    hour, minute, second = (int(match[part]) for part in (4, 5, 6))
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def _dose(keys: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Frames and doses that agree with each other; the frames' own doses win."""
    found: dict[str, Any] = {}
    total = _number(keys.get("ExposureDose"))
    count = int(_number(keys.get("NumSubFrames")) or 0)
    pairs = keys.get("FrameDosesAndNumber")
    pairs = [(float(dose), int(n)) for dose, n in pairs] if isinstance(pairs, list) else []
    counted = sum(n for _, n in pairs)
    summed = sum(dose * n for dose, n in pairs)
    count = count or counted
    if count > 0:
        found["frame_count"] = count
    if total is not None and total > 0:
        found["exposure_dose"] = total
    if counted and summed > 0:
        found["dose_per_frame"] = round(summed / counted, 6)
        if len({dose for dose, _ in pairs}) > 1:
            notes.append("the frames have different doses; dose_per_frame is their mean")
        if "exposure_dose" in found and abs(summed - found["exposure_dose"]) > CLOSE * summed:
            notes.append(
                f"ExposureDose {found['exposure_dose']:g} e/Å² is not the sum of the frames' "
                f"doses, {summed:g}; the frames' doses are taken"
            )
            found["exposure_dose"] = round(summed, 6)
    elif count > 0 and "exposure_dose" in found:
        found["dose_per_frame"] = round(found["exposure_dose"] / count, 6)
    return found


def _pixel_size(
    mdoc: Mdoc, keys: Mapping[str, Any], movie_width: int | None, notes: list[str]
) -> float | None:
    """PixelSpacing scaled to the movie's width: frames may be recorded finer than the sums."""
    spacing = _number(keys.get("PixelSpacing"))
    if spacing is None or spacing <= 0:
        return None
    widths = _widths(mdoc, keys)
    if movie_width is None or not widths:
        return spacing
    for factor in (1.0, 2.0, 0.5, 4.0, 0.25):
        if any(abs(movie_width - factor * width) <= 0.02 * movie_width for width in widths):
            break
    else:
        notes.append(
            f"a movie {movie_width} pixels wide does not fit the mdoc's pictures of "
            f"{' or '.join(f'{width:g}' for width in widths)}; PixelSpacing {spacing:g} Å is taken"
        )
        return spacing
    if factor != 1:
        notes.append(
            f"PixelSpacing {spacing:g} Å is that of {movie_width / factor:g} columns (binning "
            f"{keys.get('Binning', '?')}); the movie has {movie_width}, so {spacing / factor:g} Å"
        )
    return round(spacing / factor, 6)


def _widths(mdoc: Mdoc, keys: Mapping[str, Any]) -> list[float]:
    """Possible widths of the pictures that PixelSpacing belongs to, turned or not."""
    size = str(keys.get("ImageSize", "")).split()
    if len(size) == 2 and all(side.isdigit() for side in size):
        return [float(side) for side in size]
    binning = _number(keys.get("Binning"))
    titles = " ".join(mdoc.titles)
    for camera, sides in CHIPS.items():
        if binning and re.search(rf"\b{camera}\b", titles):
            return [side / binning for side in sides]
    return []
