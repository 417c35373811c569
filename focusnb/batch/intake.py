"""Intake: recorded files become images of the project, each exactly once.

A file is first copied to a hidden place of the project (`.incoming`), then one transaction makes
the row, and only then it gets its name in the image's folder. Whoever dies in between leaves a row
without its file, which the next try or `recover` completes, or a hidden copy, which is swept.
"""

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focusnb.batch import facts as told
from focusnb.batch import placing, references
from focusnb.batch.queue import Queue
from focusnb.errors import BadValue, FocusError
from focusnb.formats import mdoc as mdoc_format
from focusnb.model.document import write_image_json
from focusnb.model.group import TRASH, check_group, is_group
from focusnb.model.image import Image
from focusnb.model.project import Project

ROLES = ("movie", "aligned", "average")
HOWS = ("copy", "link", "move")
Report = Callable[[float, str], None]


@dataclass(slots=True)
class Added:
    """What became of the files.

    images: new ones, and those that got another of their files. known: files whose content the
    project has already. refused: files that became nothing, with the reason; they are untouched.
    """

    images: list[Image] = field(default_factory=list)
    known: list[tuple[Path, Image]] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def ready(self) -> list[Image]:
        """The images that can be processed: their files could be opened."""
        return [image for image in self.images if image.document["error"] is None]


@dataclass(frozen=True, slots=True)
class Options:
    """How files come in; None stands for the project's value.

    values: own values of the images, told by a person. mdoc: whether to look for one.
    """

    gain: str | Path | None = None
    defects: str | Path | None = None
    group: str | None = None
    how: str | None = None
    values: Mapping[str, Any] | None = None
    delete_originals: bool | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)  # words of import.toml


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is by its name: its stem, and which of the three files of an image."""

    stem: str
    role: str


def add(
    project: Project,
    files: str | Path | Iterable[str | Path],
    *,
    gain: str | Path | None = None,
    defects: str | Path | None = None,
    group: str | None = None,
    how: str | None = None,
    values: Mapping[str, Any] | None = None,
    delete_originals: bool | None = None,
    report: Report | None = None,
) -> Added:
    """Bring files into the project; each becomes an image or joins the one of its stem.

    Parameters
    ----------
    files : movies, aligned stacks, averages, or one of them
    gain, defects : copied into the project once and set for the groups that the files go to
    group : where new images go; else what their names tell (group_part), else default_group
    how : copy, link or move; else import_how
    values : own values of these images
    delete_originals : delete a file at its source after a verified copy
    report : called with the finished part (0 to 1) and the file's name; may raise Cancelled

    Raises
    ------
    BadValue
        For options that cannot be; what is wrong with one file stops no other.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    intake = Intake(
        project,
        Options(gain, defects, group, how, values, delete_originals),
    )
    added = Added()
    for number, path in enumerate(paths):
        if report is not None:
            report(number / len(paths), path.name)
        intake.bring(path, added)
    return added


class Intake:
    """Brings in one file after the other by the same options."""

    def __init__(
        self, project: Project, options: Options, said: set[tuple[Path, str]] | None = None
    ) -> None:
        self.project = project
        self.log = Queue(project)
        self.said = set() if said is None else said  # refusals that are in the log already
        words = {**project.values(), **options.overrides}
        how = options.how or words["import_how"]
        if how not in HOWS:
            raise BadValue(f"how = {how!r}: files come in by copy, link or move")
        delete = options.delete_originals
        self.delete = bool(words["delete_originals"] if delete is None else delete)
        if self.delete and how == "link":
            raise BadValue("a linked file cannot be deleted at its source: choose copy or move")
        self.how: str = how
        self.group = options.group
        if self.group is not None:
            check_group(self.group)
        self.words = words
        self.part = part_of(words)
        self.given = project.words.read(options.values or {}, "the import")
        self.references: dict[str, str] = {
            word: references.keep(project, Path(file), word)
            for word, file in (("gain", options.gain), ("defects", options.defects))
            if file is not None
        }
        self._told: dict[tuple[str, str, str], dict[str, Any]] = {}
        placing.recover(project)

    def bring(self, path: Path, added: Added) -> Image | None:
        """Bring in one file; what is wrong with it is told in `added`, never raised."""
        path = path.expanduser() if path.parts[:1] == ("~",) else path
        path = Path(os.path.abspath(path))  # noqa: PTH100 - links stay links
        try:
            if not path.exists():
                raise BadValue(f"{path}: there is no such file")
            if not path.is_file():
                raise BadValue(f"{path} is no file; name files, or watch the folder")
            return self._bring(path, added)
        except (FocusError, OSError) as error:
            added.refused.append((path, str(error)))
            if (path, str(error)) not in self.said:
                self.said.add((path, str(error)))
                self.log.note("refused", placing.text(f"{path.name}: {error}"))
            return None

    def describe(self, image: int, mdoc: Path) -> bool:
        """Add what an mdoc tells that came after its movie; True if values changed."""
        project = self.project
        raw = placing.raw_file(project, image, "movie")
        if raw is None or not raw.exists():
            return False
        name = project.document(image)["name"]
        facts = told.gather(raw, name, mdoc, project.words)
        group = project.document(image)["group"]
        own = self._references(group, mdoc.parent, facts, "movie")
        placing.put_mdoc(project, image, mdoc, raw.name)
        with project.store.transaction() as connection:
            document = project.document(image)
            before = dict(document["values"])
            self._learn(document, facts, own)
            project.save_document(connection, image, document)
            recorded = document["values"].get("recorded")
            connection.execute("update image set recorded = ? where id = ?", (recorded, image))
        write_image_json(project, image)
        return bool(document["values"] != before)

    # -- one file -----------------------------------------------------------------------------

    def _bring(self, source: Path, added: Added) -> Image:
        project = self.project
        name = placing.file_name(source.name)
        kind = self.kind(name)
        mdoc = mdoc_format.find(source)
        drop = self.delete or self.how == "move"
        with placing.Box(project, source, self.how) as box:
            known = self._known(box.digest, kind, source)
            if known is None:
                facts = told.gather(box.file, source.name, mdoc, project.words)
                box.make_average(facts, kind.role)
                group = self.group or group_of(name, self.part, str(self.words["default_group"]))
                own = self._references(group, source.parent, facts, kind.role)
                with project.store.transaction() as connection:
                    # Another program may have brought in the same file while this one looked at it.
                    known = self._known(box.digest, kind, source)
                    if known is None:
                        number = self._row(connection, kind, name, group, source, facts, box)
                        self._write(connection, number, kind, name, source, facts, box, own)
            if known is not None:
                box.heal(known, kind.role)
                if drop:
                    placing.drop_source(project, known, kind.role, box, mdoc, verified=False)
                image = Image(project, known)
                added.known.append((source, image))
                return image
            box.place(number, name, kind.role)
        if mdoc is not None:
            placing.put_mdoc(project, number, mdoc, name)
        write_image_json(project, number)
        if drop:
            placing.drop_source(project, number, kind.role, box, mdoc, verified=True)
        image = Image(project, number)
        if image not in added.images:
            added.images.append(image)
        return image

    def kind(self, name: str) -> Kind:
        """Tell what a file is by its name."""
        stem = Path(name).stem
        for role in ("aligned", "average"):
            ending = str(self.words[f"{role}_suffix"] or "")
            if ending and stem.endswith(ending) and len(stem) > len(ending):
                return Kind(stem.removesuffix(ending), role)
        return Kind(stem, "movie")

    def _known(self, digest: str, kind: Kind, source: Path) -> int | None:
        """Find the image that this content came in as."""
        # Two empty files are not the same movie: they are told apart by where they came from.
        where = "digest like ? and path = ?" if digest == placing.EMPTY else "digest = ?"
        values = (f"{digest}%", placing.text(str(source))) if "path" in where else (digest,)
        rows = self.project.store.rows(
            f"select image from original where role = ? and {where}", (kind.role, *values)
        )
        return int(rows[0]["image"]) if rows else None

    def _row(
        self,
        connection: sqlite3.Connection,
        kind: Kind,
        name: str,
        group: str,
        source: Path,
        facts: told.Facts,
        box: placing.Box,
    ) -> int:
        """Find the image that the file belongs to, or make it."""
        found = self._again(connection, source, kind, box)
        found = found or self._partner(connection, kind, source)
        if found is None:
            return self.project.add_image(name, group, values={}, recorded=facts.recorded).id
        return found

    def _again(
        self, connection: sqlite3.Connection, source: Path, kind: Kind, box: placing.Box
    ) -> int | None:
        """Find the image of the same source file that was brought in before it was complete."""
        row = connection.execute(
            "select image, digest from original where role = ? and path = ?"
            " order by image desc limit 1",
            (kind.role, placing.text(str(source))),
        ).fetchone()
        if row is None:
            return None
        image = int(row["image"])
        error = self.project.document(image)["error"]
        old = placing.raw_file(self.project, image, kind.role)
        broken = error is not None and error["step"] == "import"
        if broken or old is None or old.is_symlink() or placing.grown(old, box.file):
            connection.execute(
                "delete from original where image = ? and role = ?", (image, kind.role)
            )
            return image
        return None

    def _partner(self, connection: sqlite3.Connection, kind: Kind, source: Path) -> int | None:
        """Find the image of the same stem that lacks this file: of the same folder, else the last."""
        stems = [kind.stem] + [
            kind.stem + str(self.words[f"{role}_suffix"] or "") for role in ("aligned", "average")
        ]
        best: tuple[bool, int] | None = None
        for stem in dict.fromkeys(stems):
            # "." to "/": every name that is the stem and a suffix
            for row in connection.execute(
                "select id, name, document from image where name >= ? and name < ?",
                (f"{stem}.", f"{stem}/"),
            ).fetchall():
                originals = json.loads(row["document"])["originals"]
                if self.kind(row["name"]).stem != kind.stem or kind.role in originals:
                    continue
                if self.kind(row["name"]).role == kind.role:
                    continue
                paths = connection.execute(
                    "select path from original where image = ?", (row["id"],)
                ).fetchall()
                near = any(
                    Path(p["path"]).parent == Path(placing.text(str(source.parent))) for p in paths
                )
                best = max(best or (False, 0), (near, int(row["id"])))
        return best[1] if best else None

    def _write(
        self,
        connection: sqlite3.Connection,
        number: int,
        kind: Kind,
        name: str,
        source: Path,
        facts: told.Facts,
        box: placing.Box,
        own: Mapping[str, Any],
    ) -> None:
        """Write into an image's row which file came in for it, and what the file tells."""
        project = self.project
        digest = f"{box.digest}:{number}" if box.digest == placing.EMPTY else box.digest
        document = project.document(number)
        self._enter(document, kind, name, facts, box, digest)
        self._learn(document, facts, own)
        project.save_document(connection, number, document)
        connection.execute(
            "insert or replace into original values (?, ?, ?, ?)",
            (digest, kind.role, number, placing.text(str(source))),
        )
        if kind.role == "movie":
            recorded = document["values"].get("recorded")
            connection.execute("update image set recorded = ? where id = ?", (recorded, number))
        sentence = f"{name}: {facts.error}" if facts.error else name
        self.log.note("imported", sentence, image=number)

    def _references(self, group: str, folder: Path, facts: told.Facts, role: str) -> dict[str, Any]:
        """Tell the group its gain and defects; give what only this image uses.

        What an mdoc names and lies in the movie's folder is used where nobody said anything.
        """
        own: dict[str, Any] = {}
        if role != "movie":
            return own
        names = dict(self.references)
        values = self.project.values(group=group)
        for word, named in (("gain", facts.gain_name), ("defects", facts.defects_name)):
            if word in names or values[word] is not None or not named:
                continue
            if not (folder / named).is_file() or values["gain_corrected"]:
                continue
            try:
                names[word] = references.keep(self.project, folder / named, word)
            except FocusError as error:
                facts.notes.append(f"the mdoc names {named}, which is not used: {error}")
        for word, name in names.items():
            key = (group, word, name)
            if key not in self._told:
                self._told[key] = references.tell(self.project, group, word, name)
            own |= self._told[key]
        return own

    def _enter(
        self,
        document: dict[str, Any],
        kind: Kind,
        name: str,
        facts: told.Facts,
        box: placing.Box,
        digest: str,
    ) -> None:
        """Write into the document which file came, what it is for, and what is wrong with it."""
        values, originals, runs = document["values"], document["originals"], document["runs"]
        if kind.role in originals:
            document["notes"].append(f"{name} had not been complete; it was brought in again")
        alone = not set(originals) - {kind.role}
        processed = any(not run.get("imported") for run in runs.values())
        raw = f"{placing.RAW}/{name}"
        originals[kind.role] = digest
        if kind.role == "movie":
            document["name"] = name
            if runs.get("prepare", {}).get("imported"):
                del runs["prepare"]
            if not values.get("already_aligned"):
                values["movie"] = raw
        elif facts.error is not None and not alone:
            pass
        elif kind.role == "aligned" and (alone or not processed):
            # Programs that align have applied the gain before.
            values |= {"movie": raw, "already_aligned": True, "gain_corrected": True}
        elif kind.role == "average" and not processed and box.average is not None:
            document["results"] |= {
                "average": box.average["file"],
                "average_pixel_size": facts.pixel_size,
            }
            document["products"]["average"] = {**box.average, "fingerprint": digest}
            runs["motion"] = {"imported": True}
            if "movie" not in values:
                runs["prepare"] = {"imported": True}
                document["results"]["frame_count"] = facts.frames_told or 1
        if kind.role == "average" and "movie" in values:
            facts.values.pop("pixel_size", None)  # that of the average, not of the movie
        if kind.role == "movie" or alone:
            error = facts.error
            document["error"] = None if error is None else {"step": "import", "message": error}
            facts.values["recorded"] = facts.recorded
            facts.origins.setdefault("recorded", "file")
        elif facts.error is not None:
            facts.notes.append(f"{name} is not used: {facts.error}")
        for word, value in self.given.items():
            if value is not None and word not in document["locked"]:
                values[word] = value
                document["origins"].pop(word, None)

    def _learn(self, document: dict[str, Any], facts: told.Facts, own: Mapping[str, Any]) -> None:
        """Make facts the image's own values, where no person said anything else."""
        values, origins, locked = document["values"], document["origins"], document["locked"]
        values |= {word: value for word, value in own.items() if word not in locked}
        said = {w: v for w, v in values.items() if w not in origins}
        group = self.project.values(group=document["group"])
        for word, value in told.against_people(facts, group, said).items():
            if word not in locked:
                values[word], origins[word] = value, facts.origins[word]
        document["notes"] += [note for note in facts.notes if note not in document["notes"]]


def part_of(words: Mapping[str, Any]) -> re.Pattern[str]:
    """Give group_part as a pattern; raises BadValue when it is none."""
    try:
        return re.compile(str(words["group_part"]))
    except re.error as error:
        raise BadValue(
            f"group_part = {words['group_part']!r} is no regular expression: {error}"
        ) from None


def group_of(name: str, part: re.Pattern[str], default: str) -> str:
    """Give the group that a file's name tells."""
    match = part.search(name) if part.pattern else None
    told = match.group(1 if part.groups else 0) if match else ""
    tame = re.sub(r"[^\w.+-]", "_", told or "").strip(".+-")[:100]
    return tame if is_group(tame) and tame != TRASH else default


def recover(project: Project) -> list[str]:
    """At a start: finish or sweep what an importer left that died; give sentences about it."""
    return placing.recover(project)
