"""The extended headers of MRC files: FEI1 and FEI2 (EPU, Tomo), SERI (SerialEM).

FEI: "MRC2014 file image format specification" of Thermo Fisher; lengths in m, tensions in V, doses
in e/m², angles in degrees. SERI: https://bio3d.colorado.edu/imod/doc/mrc_format.txt.
"""

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from mrcfile.dtypes import get_ext_header_dtype
from numpy.typing import NDArray

METRE = 1e10  # Å
DAYS_BEGIN = datetime(1899, 12, 30)  # of FEI's time stamp, days as in a spreadsheet

# word → (field, number of the bitmask, its bit, factor to our unit)
FEI = {
    "voltage": ("HT", 1, 5, 1e-3),
    "exposure_dose": ("Dose", 1, 6, METRE**-2),
    "tilt_angle": ("Alpha tilt", 1, 7, 1.0),
    "pixel_size": ("Pixel size X", 1, 14, METRE),
    "defocus_target": ("Applied defocus", 1, 24, -METRE),
    "magnification": ("Magnification", 1, 31, 1.0),
    "exposure_time": ("Integration time", 2, 15, 1.0),
}
POSITIVE = ("voltage", "exposure_dose", "pixel_size", "magnification", "exposure_time")

# flag → (word, bytes); a section's values follow each other in this order
SERI = (
    (1, "tilt_angle", 2),
    (2, "piece", 6),
    (4, "stage_position", 4),
    (8, "magnification", 2),
    (16, "intensity", 2),
    (32, "exposure_dose", 4),
    (64, "", 2),
    (128, "", 4),
    (256, "", 2),
    (512, "", 4),
    (1024, "", 2),
)


def facts(
    kind: bytes, extended: bytes, header: NDArray[Any], order: str, frames: int
) -> tuple[dict[str, object], list[str]]:
    """What the extended header tells, in our words and units, and what looks wrong in it.

    A value for each frame goes under the plural (`tilt_angles`) when there are several frames.
    """
    if not extended:
        return {}, []
    if kind in (b"FEI1", b"FEI2"):
        return _fei(kind, extended, order, frames)
    words = np.frombuffer(header.tobytes(), f"{order}i2", 2, 128)  # IMOD's nint and nreal
    count, flags = int(words[0]), int(words[1]) & 0xFFFF
    if kind == b"SERI" or count == _seri_bytes(flags):
        return _seri(extended, count, flags, order, frames)
    return {}, []


def _fei(
    kind: bytes, extended: bytes, order: str, frames: int
) -> tuple[dict[str, object], list[str]]:
    name = kind.decode()
    dtype = get_ext_header_dtype(kind, order)
    if len(extended) < dtype.itemsize:
        return {}, [f"the {name} extended header is cut short; it is not read"]
    length = int(np.frombuffer(extended, f"{order}i4", 1)[0])
    if not 0 < length <= len(extended):
        return {}, [f"the {name} extended header claims records of {length} bytes; it is not read"]
    if length < dtype.itemsize:  # an FEI2 header may hold version-0 records
        dtype = get_ext_header_dtype(b"FEI1", order)
        if length < dtype.itemsize:
            return {}, [f"the {name} records have {length} bytes, not {dtype.itemsize}"]
    count = min(frames, len(extended) // length)
    records = [np.frombuffer(extended, dtype, 1, i * length)[0] for i in range(count)]
    found: dict[str, object] = {}
    for word, (field, mask, bit, factor) in FEI.items():
        values = [_value(record, word, field, mask, bit, factor) for record in records]
        _put(found, word, values)
    days = float(records[0]["Timestamp"])
    if 20000 < days < 80000:  # 1954 … 2119
        moment = DAYS_BEGIN + timedelta(days=days)
        found["recorded"] = moment.isoformat(timespec="seconds")
    camera = bytes(records[0]["Camera name"]).rstrip(b" \0").decode("ascii", "replace")
    if camera:
        found["camera"] = camera
    return found, []


def _value(
    record: NDArray[Any], word: str, field: str, mask: int, bit: int, factor: float
) -> float | None:
    """One field in our unit, None where the bitmask or the value says that it is not there."""
    value = float(record[field]) * factor
    there = int(record[f"Bitmask {mask}"]) >> bit & 1
    if not there or not math.isfinite(value) or (word in POSITIVE and value <= 0):
        return None
    return float(f"{value:.7g}")


def _seri_bytes(flags: int) -> int:
    """Bytes of one section, -1 for flags that SerialEM does not have."""
    if not 0 < flags < 2048:
        return -1
    return sum(size for flag, _, size in SERI if flags & flag)


def _seri(
    extended: bytes, count: int, flags: int, order: str, frames: int
) -> tuple[dict[str, object], list[str]]:
    if count != _seri_bytes(flags):
        return {}, [f"the SERI extended header claims {count} bytes a section with flags {flags}"]
    columns: dict[str, list[float | None]] = {"tilt_angle": [], "exposure_dose": []}
    magnifications: list[float | None] = []
    for section in range(min(frames, len(extended) // count)):
        offset = section * count
        for flag, word, size in SERI:
            if not flags & flag:
                continue
            shorts = np.frombuffer(extended, f"{order}i2", size // 2, offset)
            if word == "tilt_angle":
                columns[word].append(int(shorts[0]) / 100)
            elif word == "magnification":
                magnifications.append(int(shorts[0]) * 100.0 or None)
            elif word == "exposure_dose":
                columns[word].append(_two_shorts(int(shorts[0]), int(shorts[1])) or None)
            offset += size
    found: dict[str, object] = {}
    for word, values in (*columns.items(), ("magnification", magnifications)):
        _put(found, word, values)
    return found, []


def _two_shorts(first: int, second: int) -> float:
    """SerialEM's way to keep a real number in two short integers."""
    mantissa = abs(first) * 256 + abs(second) % 256
    exponent = math.copysign(abs(second) // 256, second)
    return float(f"{math.copysign(mantissa, first) * 2.0**exponent:.6g}")


def _put(found: dict[str, object], word: str, values: list[float | None]) -> None:
    """The one value that all frames share, or the values of all frames under the plural."""
    if not values or any(value is None for value in values):
        return
    if len(set(values)) == 1:
        found[word] = values[0]
    else:
        found[f"{word}s"] = list(values)
