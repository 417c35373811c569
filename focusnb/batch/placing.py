"""Placing: how a file gets from where it was recorded into its image's folder, and crashes survive."""

import hashlib
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from focusnb import formats
from focusnb.batch.facts import Facts
from focusnb.batch.lease import Holder, lives
from focusnb.errors import BrokenFile, FocusError
from focusnb.model import disk, fingerprint
from focusnb.model.document import write_image_json
from focusnb.model.project import Project

INCOMING, RAW, AVERAGE = ".incoming", "raw", "average.mrc"
EMPTY = hashlib.sha256().hexdigest()
# How many places of two files are compared, and how much at each, to see that one is a part of the other.
PLACES, PIECE = 16, 4096
LONGEST = 249  # bytes of a file name; with ".mdoc" it is still allowed everywhere


def text(name: str) -> str:
    """Give a file name as text that a database keeps: bytes that are no UTF-8 become a mark."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def file_name(name: str) -> str:
    """Give the name that a file gets in its image's folder: the same, if it can be kept as text."""
    kept = Path(text(name))
    stem = kept.stem
    while len((stem + kept.suffix).encode()) > LONGEST and stem:
        stem = stem[:-1]
    return stem + kept.suffix


class Box:
    """A hidden place of the project where one file waits until its image has a row.

    digest: SHA-256 of the content. file: where it can be read. size: bytes. average: for an
    average, what is remembered of the product it becomes.
    """

    def __init__(self, project: Project, source: Path, how: str) -> None:
        self.project = project
        self.source = source
        self.how = how
        me = Holder.this("import")
        self.folder = project.root / INCOMING / f"{me.pid}-{me.begun}-{secrets.token_hex(4)}"
        self.file = source
        self.digest = ""
        self.size = 0
        self.average: dict[str, Any] | None = None
        self._converted: Path | None = None
        self._stamp = (0, 0)

    def __enter__(self) -> Self:
        self._stamp = _stamp(self.source)
        self.folder.mkdir(parents=True)
        try:
            if self.copies:
                self.file = self.folder / f"file{self.source.suffix[:20]}"
                self.digest = disk.copy_verified(self.source, self.file)
            else:
                self.digest = disk.digest(self.source)
            if not self.unchanged:
                raise BrokenFile(
                    f"{self.source.name} changed while it was read; it is tried again when it has settled"
                )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.size = self._stamp[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def copies(self) -> bool:
        """Whether the bytes are copied; a move within one disk only changes the name."""
        if self.how == "link":
            return False
        one_disk = self.source.lstat().st_dev == self.project.root.stat().st_dev
        inside = self.source.resolve().is_relative_to(self.project.root.resolve())
        return self.how == "copy" or inside or self.source.is_symlink() or not one_disk

    @property
    def unchanged(self) -> bool:
        """Whether the source is still what it was when it was looked at first."""
        return _stamp(self.source) == self._stamp

    def make_average(self, facts: Facts, role: str) -> None:
        """Make the product of an average: the file itself if it is MRC, else a converted copy."""
        if role != "average" or facts.shape is None or facts.shape[0] != 1:
            return
        product = self.file
        if not facts.is_mrc:
            product = self._converted = self.folder / AVERAGE
            try:
                formats.write(product, formats.read(self.file), pixel_size=facts.pixel_size)
            except FocusError as error:
                facts.error = str(error).replace(str(self.file), self.source.name)
                self._converted = None
                return
        self.average = fingerprint.entry(product, AVERAGE, self.digest)

    def place(self, image: int, name: str, role: str) -> None:
        """Give the file its name in the image's folder."""
        folder = self.project.folder(image)
        target = folder / RAW / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and not target.is_symlink() and not grown(target, self.file):
            os.replace(target, _free(target))
        if self.how == "link":
            _link(self.source, target)
        else:
            os.replace(self.file, target)
        if self.average is not None and role == "average":
            _place_average(folder, target, self._converted)

    def heal(self, image: int, role: str) -> bool:
        """Place the file if the image has a row but not its file: who brought it in had died."""
        raw = raw_file(self.project, image, role)
        if raw is None or os.path.lexists(raw):
            return False
        self.average = self.project.document(image)["products"].get("average")
        if self.average is not None and self.average["fingerprint"] != self.digest:
            self.average = None
        self.place(image, raw.name, role)
        return True


def raw_file(project: Project, image: int, role: str) -> Path | None:
    """Give the place of an image's file of this role, whether it is there or not."""
    rows = project.store.rows(
        "select path from original where image = ? and role = ?", (image, role)
    )
    name = file_name(Path(rows[0]["path"]).name) if rows else ""
    if not name and role == "movie":
        name = Path(project.document(image)["values"].get("movie") or "").name
    return project.folder(image) / RAW / name if name else None


def put_mdoc(project: Project, image: int, mdoc: Path, name: str) -> None:
    """Copy an mdoc beside the raw file; it is small, and its movie may be deleted at the source."""
    target = project.folder(image) / RAW / f"{name}.mdoc"
    part = target.with_name(f".part-{secrets.token_hex(4)}")
    target.parent.mkdir(exist_ok=True)
    try:
        shutil.copy2(mdoc, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def drop_source(
    project: Project, image: int, role: str, box: Box, mdoc: Path | None, *, verified: bool
) -> None:
    """Delete a file at its source, if the project has the same bytes and the source did not change.

    verified: the project's file has just been compared with the source.
    """
    raw, source = raw_file(project, image, role), box.source
    if raw is None or raw.is_symlink() or not raw.is_file():
        return
    root = project.root.resolve()
    if source.exists():
        if source.resolve().is_relative_to(root) or source.samefile(raw) or not box.unchanged:
            return
        if not verified and disk.digest(raw) != box.digest:
            return
        source.unlink()
    if mdoc is not None and mdoc.exists() and not mdoc.resolve().is_relative_to(root):
        put_mdoc(project, image, mdoc, raw.name)
        mdoc.unlink()


def recover(project: Project) -> list[str]:
    """Finish or sweep what importers left that died; give sentences about it."""
    notes = []
    for left in sorted((project.root / INCOMING).glob("*")):
        pid, _, rest = left.name.partition("-")
        begun = rest.partition("-")[0]
        if pid.isdecimal() and lives(int(pid), _number(begun)):
            continue
        for file in sorted(left.glob("file*")):
            digest = disk.digest(file)
            rows = project.store.rows(
                "select image, role, path from original where digest = ?", (digest,)
            )
            for row in rows:
                raw = raw_file(project, row["image"], row["role"])
                if raw is None or os.path.lexists(raw) or not file.exists():
                    continue
                raw.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, raw)
                entry = project.document(row["image"])["products"].get("average")
                if row["role"] == "average" and entry and entry["fingerprint"] == digest:
                    converted = left / AVERAGE
                    _place_average(raw.parents[1], raw, converted if converted.exists() else None)
                write_image_json(project, row["image"])
                notes.append(f"{project.key(row['image'])}: {raw.name} was put in its place")
        shutil.rmtree(left, ignore_errors=True)
    return notes


def grown(old: Path, new: Path) -> bool:
    """Tell whether a file is the beginning of another one, headers that were rewritten aside."""
    size = old.stat().st_size
    if size > new.stat().st_size:
        return False
    places = sorted({i * max(size - PIECE, 0) // (PLACES - 1) for i in range(PLACES)})
    equal = 0
    with old.open("rb") as one, new.open("rb") as other:
        for place in places:
            one.seek(place)
            other.seek(place)
            piece = one.read(PIECE)
            equal += piece == other.read(len(piece))
    return not size or equal >= 0.7 * len(places)


def _place_average(folder: Path, raw: Path, converted: Path | None) -> None:
    target = folder / AVERAGE
    if converted is not None:
        os.replace(converted, target)
    else:
        _link(Path(RAW) / raw.name, target)


def _link(to: Path, target: Path) -> None:
    part = target.with_name(f".link-{secrets.token_hex(4)}")
    part.symlink_to(to)
    os.replace(part, target)


def _free(target: Path) -> Path:
    """Give a name beside a file that nothing has yet: what is replaced is kept."""
    number = 1
    while os.path.lexists(free := target.with_name(f"{target.name[:200]}.before-{number}")):
        number += 1
    return free


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _number(text_: str) -> float | None:
    try:
        return float(text_)
    except ValueError:
        return None
