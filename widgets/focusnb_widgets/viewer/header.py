"""Header: what a file says about itself, as tables for people."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from focusnb.errors import BrokenFile
from focusnb.formats import Stack, mrc_header, tiff_pages
from focusnb.formats.eer import METADATA

Table = tuple[str, list[tuple[str, str]]]
LONGEST = 4000  # characters of one entry
# Fields of an MRC header as people ask for them; MRC2014's names.
FIELDS = (
    ("Columns, rows, sections", "nx ny nz"), ("Mode", "mode"), ("Start", "nxstart nystart nzstart"),
    ("Sampling of the cell", "mx my mz"), ("Cell, Å", "cella"), ("Angles, °", "cellb"),
    ("Axes", "mapc mapr maps"), ("Minimum, maximum, mean", "dmin dmax dmean"), ("RMS", "rms"),
    ("Space group", "ispg"), ("Extended header, bytes", "nsymbt"), ("Its kind", "exttyp"),
    ("Version", "nversion"), ("Origin, Å", "origin"), ("Machine stamp", "machst"),
)  # fmt: skip


def tables(path: Path | None, stack: Stack | None) -> list[Table]:
    """Give what a file says: its header, and what was read from it; [] for arrays."""
    if path is None:
        return []
    found: list[Table] = [("File", _file(path, stack))]
    try:
        with path.open("rb") as file:
            head = file.read(mrc_header.SIZE)
        if head[:4] in tiff_pages.MAGIC:
            found += _tiff(path)
        elif mrc_header.plausible(head, path.stat().st_size):
            found += _mrc(path, head)
    except (OSError, BrokenFile, ValueError) as error:
        found.append(("Header", [("cannot be read", str(error))]))
    return found


def _file(path: Path, stack: Stack | None) -> list[tuple[str, str]]:
    rows = [("Path", str(path))]
    if path.exists():
        rows.append(("Size", f"{path.stat().st_size:,} bytes".replace(",", "\u202f")))
    if stack is not None:
        frames, height, width = stack.shape
        rows.append(("Pixels", f"{width} × {height}" + (f" × {frames}" if frames > 1 else "")))
        rows.append(("Type", str(stack.dtype)))
        if stack.pixel_size:
            rows.append(("Pixel size", f"{stack.pixel_size:.5g} Å"))
        rows += [(word, _text(value)) for word, value in stack.facts.items()]
        rows += [("Note", note) for note in stack.notes]
    return rows


def _mrc(path: Path, head: bytes) -> list[Table]:
    layout = mrc_header.layout(path, head, 1 << 62)
    header = layout.header
    rows = []
    for label, words in FIELDS:
        values = [header[word] for word in words.split() if word in header.dtype.names]
        rows.append((label, " ".join(_text(value) for value in values)))
    labels = [
        (str(number), text) for number, text in enumerate(mrc_header.labels(header), 1) if text
    ]
    return [("MRC header", rows), *([("Labels", labels)] if labels else [])]


def _tiff(path: Path) -> list[Table]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        tags = [(tag.name, _text(tag.value)) for tag in page.tags.values() if tag.code != METADATA]
        found = [(f"Tags of the first of {len(file.pages)} pages", tags)]
        told = page.tags.get(METADATA)
        if told is not None:
            text = told.value.decode("utf-8", "replace") if isinstance(told.value, bytes) else ""
            found.append(("Metadata", [("EER", text[:LONGEST])]))
    return found


def _text(value: Any) -> str:
    """A value of a header in a line, whatever bytes a file holds there."""
    if isinstance(value, np.void):
        return ", ".join(_text(part) for part in value.item())
    if isinstance(value, bytes | np.bytes_):
        data = bytes(value)
        text = data.rstrip(b"\0 ").decode("ascii", "replace")
        return text if text.isprintable() else data[:32].hex(" ")
    if isinstance(value, np.ndarray):
        return " ".join(f"{byte:02x}" for byte in value.tobytes()[:32])
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:200]} …"
