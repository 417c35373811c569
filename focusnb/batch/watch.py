"""Watching a folder: files that have settled become images, in the order that was asked for."""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any

from focusnb.batch import placing, recording
from focusnb.batch.intake import Added, Intake, Options
from focusnb.batch.queue import Queue
from focusnb.errors import BadProject, BadValue, FocusError
from focusnb.formats import mdoc as mdoc_format
from focusnb.model.group import TRASH
from focusnb.model.image import Image
from focusnb.model.project import Project

# What a [[watch]] table may hold besides its folder: words of the vocabulary, and a fixed group.
WORDS = (
    "settle", "import_names", "ignore_names", "subfolders", "import_how", "delete_originals",
    "newest_first", "group_part", "default_group", "aligned_suffix", "average_suffix", "gain",
    "defects",
)  # fmt: skip
MDOC = ".mdoc"
AGAIN = "look again"  # a fact: how often somebody wanted that forgotten files are looked at again
Stamp = tuple[int, int]  # size in bytes, time of the last change in ns


@dataclass(slots=True)
class Seen:
    """What became of a file: its size and time then, and its image, if it has one."""

    stamp: Stamp
    image: int | None


class Watcher:
    """Brings the files of one folder into a project; call `scan` again and again.

    Parameters
    ----------
    watch : a table of `stored`: the folder, and options that come before the project's values
    submit : called as submit([image], top) for each image that can be processed; top: before all
        that wait, since newest first was asked for and it is the newest
    while_importing : called with each new image before the next one is imported, for the steps
        that need recording order
        (`recording.run`)
    clock : seconds

    Attributes
    ----------
    message : what hinders it now, as a sentence, or None
    waiting : how many files were seen that are not imported yet
    """

    def __init__(
        self,
        project: Project,
        watch: Mapping[str, Any],
        *,
        submit: Callable[[list[Image], bool], Any] | None = None,
        while_importing: Callable[[Image], Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.project = project
        self.watch = checked(project, watch)
        self.folder = Path(self.watch["folder"])
        self.message: str | None = None
        self.waiting = 0
        self._submit = submit
        self._while_importing = while_importing
        self._clock = clock
        self._since: dict[str, tuple[Stamp, float]] = {}
        self._said: set[tuple[Path, str]] = set()
        self._newest = 0
        self._left_over_done = False
        self._load()

    def scan(self, *, budget: float | None = None) -> list[Image]:
        """Look once; give the images that came or got something new.

        budget: seconds after which no further file is begun; the rest comes with the next scan,
        after what is newer still.
        """
        images: list[Image] = []
        if self.project.store.fact(AGAIN) != self._again:
            self._load()
        try:
            images += self._left_over()
            options = self._options()
        except FocusError as error:
            self._hindered(f"{self.folder} waits: {error}")
            return images
        try:
            movies, mdocs = self._listed(options)
        except OSError as error:
            self._hindered(f"{self.folder} cannot be read ({error.strerror}); it is tried again")
            return images
        self._forget_gone({*movies, *mdocs})
        now = self._clock()
        ready = [rel for rel, stamp in movies.items() if self._settled(rel, stamp, now, options)]
        late = [rel for rel, stamp in mdocs.items() if self._is_late(rel, stamp, now, options)]
        self._since = {r: s for r, s in self._since.items() if r in movies or r in mdocs}
        self.waiting = sum(rel in movies for rel in self._since)
        if not ready and not late:
            self._hindered(None)
            return images
        try:
            intake = self._intake()
        except FocusError as error:
            self._hindered(f"{self.folder}: {error}")
            return images
        self._hindered(None)
        ready.sort(key=lambda rel: (movies[rel][1], rel))
        if options["newest_first"] and not self._in_order():
            ready.reverse()
        begun = self._clock()
        for rel in ready:
            if budget is not None and self._clock() - begun > budget:
                break
            images += self._import(intake, rel, movies[rel], bool(options["newest_first"]))
        for rel in late:
            images += self._describe(intake, rel, mdocs[rel])
        return list(dict.fromkeys(images))

    def look(self) -> dict[Path, str]:
        """Tell of each file what the next scan would find, without opening one; oldest first.

        new, known (it is in the project), or growing (it changed within the settle delay). Raises
        FocusError or OSError for what would hinder it.
        """
        options = self._options()
        movies, _ = self._listed(options)
        young = time.time() - options["settle"]
        told = {}
        for rel, stamp in sorted(movies.items(), key=lambda one: (one[1][1], one[0])):
            seen = self._seen.get(placing.text(rel))
            known = seen is not None and seen.stamp == stamp
            new = "growing" if stamp[1] / 1e9 > young else "new"
            told[self.folder / rel] = "known" if known else new
        return told

    # -- looking ------------------------------------------------------------------------------

    def _load(self) -> None:
        """Take over what was seen before: at the start, and when somebody wants another look."""
        self._again = self.project.store.fact(AGAIN)
        self._seen: dict[str, Seen] = {}
        self._refused: dict[str, str] = {}
        self._problems: set[str] = set()  # whatever was refused, mdocs too
        self._said.clear()
        for row in self.project.store.rows("select * from seen where watch = ?", (self._key,)):
            if row["outcome"] == "refused":
                self._problems.add(row["path"])
            if row["outcome"] == "refused" and not row["path"].endswith(MDOC):
                self._refused[row["path"]] = row["message"]  # it is tried again
            else:
                stamp = (row["size"], row["mtime_ns"])
                self._seen[row["path"]] = Seen(stamp, row["image"])

    @property
    def _key(self) -> str:
        return placing.text(str(self.folder))

    def _options(self) -> dict[str, Any]:
        return {**self.project.values(), **self.watch}

    def _listed(self, options: Mapping[str, Any]) -> tuple[dict[str, Stamp], dict[str, Stamp]]:
        """Give movies and mdocs in the folder, by path relative to it."""
        wanted = _pattern(str(options["import_names"]))
        unwanted = _pattern(str(options["ignore_names"]))
        movies: dict[str, Stamp] = {}
        mdocs: dict[str, Stamp] = {}
        for rel, entry in self._entries(bool(options["subfolders"])):
            is_mdoc = entry.name.endswith(MDOC)
            if not is_mdoc and (not wanted.match(entry.name) or unwanted.match(entry.name)):
                continue
            try:
                if not entry.is_file():
                    continue
                stat = entry.stat()
            except OSError:
                continue  # it vanished while we looked
            (mdocs if is_mdoc else movies)[rel] = (stat.st_size, stat.st_mtime_ns)
        return movies, mdocs

    def _entries(self, subfolders: bool) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        waiting = [("", str(self.folder))]
        while waiting:
            before, folder = waiting.pop()
            try:
                found = os.scandir(folder)
            except OSError:
                if not before:
                    raise
                continue
            with found as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        yield before + entry.name, entry
                    elif subfolders and self._is_open(entry):
                        waiting.append((f"{before}{entry.name}/", entry.path))

    def _is_open(self, folder: "os.DirEntry[str]") -> bool:
        """Tell whether a folder may be looked into: it is neither hidden nor the project itself."""
        own = str(self.project.root.resolve())
        return not folder.name.startswith(".") and os.path.realpath(folder.path) != own

    def _settled(self, rel: str, stamp: Stamp, now: float, options: Mapping[str, Any]) -> bool:
        """Tell whether a file that is new or changed has stayed as it is for long enough."""
        seen = self._seen.get(placing.text(rel))
        if seen is not None and seen.stamp == stamp:
            self._since.pop(rel, None)
            return False
        before = self._since.get(rel)
        if before is None or before[0] != stamp:
            self._since[rel] = before = (stamp, now)
        return bool(now - before[1] >= options["settle"])

    def _is_late(self, rel: str, stamp: Stamp, now: float, options: Mapping[str, Any]) -> bool:
        """Tell whether an mdoc has settled whose movie was imported without it."""
        return self._movie_of(rel) is not None and self._settled(rel, stamp, now, options)

    def _movie_of(self, mdoc: str) -> int | None:
        """Find the image of the movie that an mdoc belongs to: NAME.mdoc or STEM.mdoc."""
        stem = placing.text(mdoc).removesuffix(MDOC)
        for suffix in ("", ".tif", ".tiff", ".mrc", ".mrcs"):
            seen = self._seen.get(stem + suffix)
            if seen is not None and seen.image is not None:
                return seen.image
        return None

    # -- importing ----------------------------------------------------------------------------

    def _intake(self) -> Intake:
        """Make the importer; raises BadValue while the gain or the defect list is not there."""
        watch = self.watch
        return Intake(
            self.project,
            Options(
                gain=self._beside(watch.get("gain")),
                defects=self._beside(watch.get("defects")),
                group=watch.get("group"),
                overrides={w: watch[w] for w in WORDS if w in watch},
            ),
            self._said,
        )

    def _beside(self, name: str | None) -> Path | None:
        """Give the path of a reference; a relative one lies in the watched folder."""
        return None if name is None else self.folder / Path(name).expanduser()

    def _in_order(self) -> bool:
        """Tell whether a step of the workflow needs the images in recording order."""
        return self._while_importing is not None and bool(recording.names(self.project))

    def _import(self, intake: Intake, rel: str, stamp: Stamp, newest_first: bool) -> list[Image]:
        path = self.folder / rel
        mdoc = mdoc_format.find(path)
        mdoc_stamp = _stamp(mdoc) if mdoc is not None else None
        added = Added()
        image = intake.bring(path, added)
        if image is None:
            self._since[rel] = (stamp, self._clock())  # another try when it has settled again
            self._refuse(rel, stamp, added.refused[-1][1] if added.refused else "")
            return []
        outcome = "imported" if added.images else "known"
        error = image.error if added.images else None
        self._remember(rel, stamp, outcome, image.id, error or "")
        if mdoc is not None and mdoc_stamp is not None:
            self._remember(str(mdoc.relative_to(self.folder)), mdoc_stamp, outcome, image.id, "")
        self._since.pop(rel, None)
        if not added.images and not self._was_lost(image):
            return []
        newest = stamp[1] >= self._newest
        self._newest = max(self._newest, stamp[1])
        self._hand_on(image, newest_first and newest)
        return [image]

    def _describe(self, intake: Intake, rel: str, stamp: Stamp) -> list[Image]:
        """Take over what an mdoc says that came after its movie."""
        number = self._movie_of(rel)
        self._since.pop(rel, None)
        if number is None:
            return []
        try:
            changed = intake.describe(number, self.folder / rel)
        except (FocusError, OSError) as error:
            self._remember(rel, stamp, "refused", number, str(error))
            return []
        self._remember(rel, stamp, "imported", number, "")
        if not changed:
            return []
        image = Image(self.project, number)
        self._hand_on(image, False)
        return [image]

    def _left_over(self) -> list[Image]:
        """Hand on, once, what was imported before a crash and never came into the queue."""
        if self._left_over_done:
            return []
        rows = self.project.store.rows(
            "select distinct s.image from seen s join image i on i.id = s.image"
            " where s.watch = ? and s.outcome in ('imported', 'known')"
            " and s.image not in (select image from batch where steps != ?)"
            " order by i.recorded, i.id",
            (self._key, " ".join(recording.names(self.project))),
        )
        images = [Image(self.project, row["image"]) for row in rows]
        left = [image for image in images if self._was_lost(image)]
        self._left_over_done = True
        for image in left:
            self._hand_on(image, False)
        return left

    def _was_lost(self, image: Image) -> bool:
        """Tell whether an image was never queued: who brought it in died before that."""
        before = recording.names(self.project)
        rows = self.project.store.rows(
            "select 1 from batch where image = ? and steps != ?"
            " union select 1 from image where id = ? and place = ?",
            (image.id, " ".join(before), image.id, TRASH),
        )
        runs = image.document["runs"].items()
        return not rows and all(step in before or run.get("imported") for step, run in runs)

    def _hand_on(self, image: Image, top: bool) -> None:
        if image.error is not None:
            return
        try:
            if self._while_importing is not None:
                self._while_importing(image)
            if self._submit is not None:
                self._submit([image], top)
        except (FocusError, OSError, sqlite3.Error):
            self._left_over_done = False  # with the next scan it is tried again
            raise

    def _refuse(self, rel: str, stamp: Stamp, reason: str) -> None:
        """Remember why a file became nothing; it is tried again all the same."""
        path = placing.text(rel)
        if self._refused.get(path) == reason:
            return
        self._write(path, stamp, "refused", None, reason)
        self._refused[path] = reason

    def _remember(self, rel: str, stamp: Stamp, outcome: str, image: int, message: str) -> None:
        path = placing.text(rel)
        self._write(path, stamp, outcome, image, message)
        self._seen[path] = Seen(stamp, image)
        self._refused.pop(path, None)

    def _forget_gone(self, there: set[str]) -> None:
        """Forget refused files that are not there any more, or not wanted: they are no problem."""
        gone = self._problems - {placing.text(rel) for rel in there} if self._problems else ()
        if not gone:
            return
        with self.project.store.transaction() as connection:
            connection.executemany(
                "delete from seen where watch = ? and path = ? and outcome = 'refused'",
                [(self._key, path) for path in gone],
            )
            self.project.store.bump(connection)
        for path in gone:
            self._problems.discard(path)
            self._refused.pop(path, None)
            self._seen.pop(path, None)

    def _write(
        self, path: str, stamp: Stamp, outcome: str, image: int | None, message: str
    ) -> None:
        values = (self._key, path, *stamp, outcome, image, placing.text(message))
        with self.project.store.transaction() as connection:
            connection.execute("insert or replace into seen values (?, ?, ?, ?, ?, ?, ?)", values)
            if outcome == "refused":  # what comes in is told by its import
                self.project.store.bump(connection)
        (self._problems.add if outcome == "refused" else self._problems.discard)(path)

    def _hindered(self, message: str | None) -> None:
        """Say once what hinders, and once that it is over."""
        if message != self.message:
            text = message or f"{self.folder} is watched again"
            Queue(self.project).note("warning" if message else "watching", placing.text(text))
        self.message = message


# -- the [[watch]] tables of project.toml -----------------------------------------------------


def store(project: Project, folder: str | Path, **options: Any) -> dict[str, Any]:
    """Write a watch into project.toml, or change the one of this folder; None removes an option."""
    import tomlkit

    place = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - links stay links
    kept = next((w for w in stored(project) if w["folder"] == str(place)), {})
    for word in ("gain", "defects"):
        if options.get(word) is not None:
            options[word] = os.path.abspath(Path(options[word]).expanduser())  # noqa: PTH100
    table = {**kept, "folder": str(place), **options}
    table = checked(project, {k: v for k, v in table.items() if v is not None})

    def change(document: Any) -> None:
        watches = document.setdefault("watch", tomlkit.aot())
        entry = next((w for w in watches if w.get("folder") == str(place)), None)
        if entry is None:
            entry = tomlkit.table()
            watches.append(entry)
        for key in [key for key in entry if key not in table]:
            del entry[key]
        for key, value in table.items():
            if entry.get(key) != value:
                entry[key] = value

    with project.editing():
        project.settings.edit(change)
    return table


def forget(project: Project, folder: str | Path) -> bool:
    """Take a watch out of project.toml; False if there was none."""
    place = os.path.abspath(Path(folder).expanduser())  # noqa: PTH100
    if place not in [watch["folder"] for watch in stored(project)]:
        return False

    def change(document: Any) -> None:
        watches = document["watch"]
        for index in reversed(range(len(watches))):
            if watches[index].get("folder") == place:
                del watches[index]
        if not len(watches):
            del document["watch"]

    with project.editing():
        project.settings.edit(change)
    return True


def stored(project: Project) -> list[dict[str, Any]]:
    """Give the watches of project.toml, checked; raises BadProject for a broken one."""
    tables = project.settings.table.get("watch", [])
    if not isinstance(tables, list):
        raise BadProject(f"{project.settings.path}: write [[watch]] with two brackets")
    try:
        return [checked(project, table) for table in tables]
    except FocusError as error:
        raise BadProject(f"{project.settings.path}, [[watch]]: {error}") from None


def checked(project: Project, watch: Mapping[str, Any]) -> dict[str, Any]:
    """Give a watch with its values checked; raises BadValue."""
    folder = watch.get("folder")
    if not isinstance(folder, str) or not folder:
        raise BadValue('a watch needs the folder that is watched: folder = "/path"')
    place = project.root / Path(folder).expanduser()
    if place.resolve().is_relative_to(project.root.resolve()):
        raise BadValue(f"{place} lies inside the project; watch the folder of the camera")
    table: dict[str, Any] = {"folder": str(place)}
    for key, value in watch.items():
        if key == "folder":
            continue
        if key == "group":
            table[key] = str(value)
        elif key in WORDS:
            table[key] = project.words[key].read(value, f"the watch of {place}")
        else:
            near = get_close_matches(key, (*WORDS, "group", "folder"), 1)
            if near:
                hint = f"meant {near[0]!r}?"
            elif key in project.words:
                hint = f"set it for the whole project: focusnb set {project.name} {key}=…"
            else:
                hint = f"there are {', '.join(WORDS)}"
            raise BadValue(f"a watch has no option {key!r}; {hint}")
    return table


@lru_cache(maxsize=64)
def _pattern(names: str) -> re.Pattern[str]:
    """Give one pattern for names separated by blanks; none of them matches nothing."""
    parts = [translate(name) for name in names.split()]
    return re.compile("|".join(parts) if parts else r"(?!)", re.IGNORECASE)


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
