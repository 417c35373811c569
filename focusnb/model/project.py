"""A project: a folder on disk with one mode, its parameters and its images."""

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from focusnb.errors import BadProject, BadValue, UnknownName
from focusnb.model import groups, moves, settings, shown, workflow
from focusnb.model.disk import check_place
from focusnb.model.document import FLAGS, new_document, set_own, write_image_json
from focusnb.model.expr import compile_selection, places
from focusnb.model.group import TRASH, check_group
from focusnb.model.host import database
from focusnb.model.image import Image
from focusnb.model.param import Param
from focusnb.model.registry import Registry
from focusnb.model.settings import Settings
from focusnb.model.store import Store
from focusnb.model.table import Row, Table, cells_of
from focusnb.model.text import counted
from focusnb.model.values import Values
from focusnb.model.vocabulary import Vocabulary
from focusnb.model.workspace import Workspace


class Project:
    """The model of a project: values, images, groups and flags, but no queue and no exporter.

    Opened with Project.open, made with Project.create.
    """

    def __init__(self, root: Path, store: Store) -> None:
        self.root = root
        self.store = store
        self.settings = Settings(root / "project.toml", lambda: self.words)
        self.user = Settings(settings.user_file(), lambda: self.words)
        self._groups: dict[str, Settings] = {}
        self._registry: tuple[Any, Registry] | None = None
        self._held = threading.local()
        self._table = Table(self)
        self._workspace = Workspace(self)

    @classmethod
    def create(
        cls, root: str | Path, *, mode: str, values: Mapping[str, Any] | None = None
    ) -> "Project":
        """Make a new project in a folder that is empty or does not exist yet."""
        if mode not in workflow.BY_MODE:
            raise BadValue(f"mode {mode!r} is none of {', '.join(workflow.BY_MODE)}")
        root = check_place(root)
        words = Registry([settings.user_scripts()]).words
        checked = words.read(values or {}, "the new project")
        root.mkdir(parents=True, exist_ok=True)
        (root / "scripts").mkdir()
        Settings(root / "project.toml", lambda: words).edit(
            lambda document: document.update(mode=mode, values={})
        )
        Store(root / "project.db", create=True).close()
        project = cls.open(root)
        project.set(**{k: v for k, v in checked.items() if v is not None})
        return project

    @classmethod
    def open(cls, root: str | Path) -> "Project":
        """Open a project; raises BadProject when the folder holds none."""
        root = Path(root).expanduser().absolute()
        if not (root / "project.toml").is_file():
            raise BadProject(
                f"{root} is no project: it has no project.toml; `focusnb new` makes one"
            )
        project = cls(root, database(root))
        _ = project.mode
        return project

    # -- words and values ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the project's folder."""
        return self.root.name

    @property
    def mode(self) -> str:
        """drift or single-particle."""
        mode = self.settings.table.get("mode")
        if not isinstance(mode, str) or mode not in workflow.BY_MODE:
            raise BadProject(
                f"{self.settings.path}: mode {mode!r} is none of {', '.join(workflow.BY_MODE)}"
            )
        return mode

    @property
    def registry(self) -> Registry:
        """The steps this project can use; read again when a script comes, goes or changes."""
        held: Registry | None = getattr(self._held, "registry", None)
        if held is not None:
            return held
        folders = (settings.user_scripts(), self.root / "scripts")
        stamp = tuple(_stamps(folders))
        if self._registry is None or self._registry[0] != stamp:
            self._registry = (stamp, Registry(folders))
        return self._registry[1]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not look for other scripts meanwhile, in this thread: for work on many images at once."""
        before = getattr(self._held, "registry", None)
        self._held.registry = self.registry
        try:
            yield
        finally:
            self._held.registry = before

    @property
    def words(self) -> Vocabulary:
        """The vocabulary, with the words that scripts declare."""
        return self.registry.words

    @property
    def workflow(self) -> list[str]:
        """Names of the steps that run on new images."""
        return str(self.values()["workflow"] or workflow.BY_MODE[self.mode]).split()

    def group_settings(self, group: str) -> Settings:
        """Give the values file of a group."""
        if group not in self._groups:
            self._groups[group] = Settings(
                self.root / check_group(group) / "group.toml", lambda: self.words
            )
        return self._groups[group]

    def values(self, image: int | None = None, *, group: str | None = None) -> Values:
        """Give the values for one image, for a group, or for the project."""
        levels: list[tuple[str, Mapping[str, Any]]] = []
        if image is not None:
            document = self.document(image)
            levels.append(("image", {**document["values"], **document["results"]}))
            group = document["group"]
        if group is not None:
            levels.append(("group", self.group_settings(group).values))
        levels += [("project", self.settings.values), ("user", self.user.values)]
        return Values(self.words, levels)

    def resolve(self, image: int, word: str) -> Path | None:
        """Give the whole path that a value of type path stands for.

        An image's paths are relative to its folder, all others to the project's.
        """
        values = self.values(image)
        if values[word] is None:
            return None
        base = self.folder(image) if values.origin(word) == "image" else self.root
        return base / Path(values[word]).expanduser()

    def set(self, images: Any = None, /, group: str | None = None, **values: Any) -> None:
        """Set values: of images, of a group, or (without images) of the project; None removes one."""
        checked = {w: self.placed(w, v) for w, v in self.words.read(values, "set").items()}
        if images is None:
            target = self.settings if group is None else self.group_settings(group)
            with self.editing():
                target.set(checked)
            return
        self._check_scope(checked)
        words = self.words

        def change(document: dict[str, Any], image: int) -> None:
            home = self.folder(image)
            own = {w: self._from_folder(home, words[w], v) for w, v in checked.items()}
            set_own(document, own, f"{home.parent.name}/{home.name}", words)

        self.change_all(self.ids(images), change)

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Hold off other writers while a file of values is changed: two at once lose nothing."""
        with self.store.transaction() as connection:
            yield
            self.store.bump(connection)

    def placed(self, word: str, value: Any) -> Any:
        """Give a value as the project stores it: a file of its own is told from its folder.

        So it is found wherever the project is moved to. A file in the current folder gets its
        whole path.
        """
        if value is None or self.words[word].type != "path":
            return value
        path = Path(value).expanduser()
        if not path.is_absolute() and ((self.root / path).exists() or not path.exists()):
            return value
        whole = Path.cwd() / path
        return str(whole.relative_to(self.root) if whole.is_relative_to(self.root) else whole)

    def _from_folder(self, home: Path, param: Param, value: Any) -> Any:
        """Give a value as an image stores it: a file of the project is told from the image's folder."""
        if value is None or param.type != "path" or Path(value).expanduser().is_absolute():
            return value
        own = (home / value).exists() or not (self.root / value).exists()
        return value if own else os.path.relpath(self.root / value, home)

    def lock(
        self, *words: str, images: Any = None, group: str | None = None, on: bool = True
    ) -> None:
        """Lock words, of images, a group or the project: steps and people leave their values alone."""
        for word in words:
            _ = self.words[word]
        if images is None:
            target = self.settings if group is None else self.group_settings(group)
            with self.editing():
                target.lock(words, on)
            return

        def change(document: dict[str, Any], image: int) -> None:
            now = set(document["locked"])
            document["locked"] = sorted(now | set(words) if on else now - set(words))

        self.change_all(self.ids(images), change)

    def unlock(self, *words: str, images: Any = None, group: str | None = None) -> None:
        """Unlock words."""
        self.lock(*words, images=images, group=group, on=False)

    # -- images -------------------------------------------------------------------------------

    def add_image(
        self, name: str, group: str, *, values: Mapping[str, Any], recorded: str | None = None
    ) -> Image:
        """Make a new image with its folder; its files come afterwards."""
        check_group(group)
        document = new_document(name, group)
        document["values"] = {
            w: v for w, v in self.words.read(values, name).items() if v is not None
        }
        with self.store.transaction() as connection:
            while True:
                cursor = connection.execute(
                    "insert into image (place, name, recorded, cells, document, revision)"
                    " values (?, ?, ?, '{}', '{}', 0)",
                    (group, name, recorded),
                )
                image = int(cursor.lastrowid or 0)
                folder = self.root / group / f"{image:010d}"
                folder.mkdir(parents=True, exist_ok=True)
                if not any(folder.iterdir()):
                    break
                # A crash of the computer took the row and left the folder: its number is not used again.
                connection.execute("delete from image where id = ?", (image,))
            self.save_document(connection, image, document)
        return Image(self, image)

    def document(self, image: int) -> dict[str, Any]:
        """Give what is known of an image, as a copy; raises UnknownName."""
        found = self.store.rows("select document from image where id = ?", (image,))
        if not found:
            raise UnknownName(f"{self.name} has no image {image:010d}")
        return dict(json.loads(found[0]["document"]))

    def change(self, image: int, change: Callable[[dict[str, Any]], object]) -> None:
        """Change an image's document in one transaction, then write its image.json."""
        self.change_all([image], lambda document, _: change(document))

    def change_all(
        self, images: Iterable[int], change: Callable[[dict[str, Any], int], object]
    ) -> None:
        """Change the documents of images, all or none, then write each image.json."""
        images = list(dict.fromkeys(images))
        with self.held(), self.store.transaction() as connection:
            for image in images:
                document = self.document(image)
                change(document, image)
                self.save_document(connection, image, document)
        for image in images:
            write_image_json(self, image)

    def save_document(self, connection: Any, image: int, document: Mapping[str, Any]) -> None:
        """Write a document and its cells inside a transaction."""
        connection.execute(
            "update image set place = ?, name = ?, flag = ?, cells = ?, document = ?, revision = ? where id = ?",
            (
                document["group"],
                document["name"],
                document["flag"],
                json.dumps(cells_of(document, self.words), ensure_ascii=False),
                json.dumps(document, ensure_ascii=False),
                self.store.bump(connection),
                image,
            ),
        )

    def folder(self, image: int) -> Path:
        """Give an image's folder."""
        found = self.store.rows("select place from image where id = ?", (image,))
        if not found:
            raise UnknownName(f"{self.name} has no image {image:010d}")
        return self.root / str(found[0]["place"]) / f"{image:010d}"

    def key(self, image: int) -> str:
        """Give GROUP/NUMBER of an image."""
        folder = self.folder(image)
        return f"{folder.parent.name}/{folder.name}"

    def __getitem__(self, key: str | int) -> Image:
        """Find an image by GROUP/NUMBER or by its number."""
        number = str(key).rpartition("/")[2]
        if not number.isdecimal():
            raise UnknownName(f"{key!r} names no image; write GROUP/NUMBER")
        image = Image(self, int(number))
        group = str(key).rpartition("/")[0]
        if group and image.group != group:
            raise UnknownName(f"{key}: image {image.number} is in group {image.group}")
        return image

    def __len__(self) -> int:
        return int(self.store.rows("select count(*) as n from image")[0]["n"])

    @property
    def images(self) -> list[Image]:
        """All images in the order of their numbers, those in the TRASH too."""
        return [
            Image(self, row["id"]) for row in self.store.rows("select id from image order by id")
        ]

    @property
    def groups(self) -> list[str]:
        """Names of the groups, those without images too."""
        return groups.names(self)

    def make_group(self, name: str) -> str:
        """Make an empty group."""
        return groups.make(self, name)

    def rename_group(self, old: str, new: str) -> None:
        """Give a group another name, with all its images."""
        groups.rename(self, old, new)

    @property
    def workspace(self) -> Workspace:
        """How people have arranged the project: table views, selections, rules."""
        return self._workspace

    def rows(self, where: str | None = None) -> list[Row]:
        """Give the library as mappings; where: a selection (EXPR)."""
        rows = self._table.rows()
        if where is None:
            return rows
        test = compile_selection(where, dict.fromkeys(self._table.names() | {"id"}))
        return [row for row in rows if test(row)]

    def columns(self, rows: list[Row]) -> list[str]:
        """Give the names of the columns worth showing for these rows."""
        return self._table.columns(rows)

    @property
    def library(self) -> Any:
        """The library as a pandas.DataFrame, one row per image, the index is GROUP/NUMBER."""
        import pandas as pd

        rows = self.rows()
        columns = {name: self._table.column(rows, name) for name in self.columns(rows)}
        return pd.DataFrame(columns, index=pd.Index([row["image"] for row in rows], name="image"))

    def select(self, where: str) -> list[Image]:
        """Give the images that a selection (EXPR) names, e.g. "ctf_resolution < 5 and iciness < 1"."""
        return [Image(self, row["id"]) for row in self.rows(where)]

    def ids(self, images: Any) -> list[int]:
        """Give the numbers of images told as EXPR, keys, Images, a data frame or a list of these."""
        if isinstance(images, Image):
            return [images.id]
        if isinstance(images, int):
            return [self[images].id]
        if isinstance(images, str):
            found = self.rows(images)
            missing = places(images) - {(row["group"], row["id"]) for row in found}
            for group, number in sorted(missing):
                _ = self[f"{group}/{number:010d}"]
            return [row["id"] for row in found]
        if hasattr(images, "index") and hasattr(images, "columns"):
            images = list(images.index)
        return [one.id if isinstance(one, Image) else self[one].id for one in images]

    def flag(self, images: Any, flag: str) -> None:
        """Flag images: none, red, green, blue or gold."""
        if flag not in FLAGS:
            raise BadValue(f"flag {flag!r} is none of {', '.join(FLAGS)}")
        self.change_all(self.ids(images), lambda document, _: document.update(flag=flag))

    def move(self, images: Any, group: str) -> list[Image]:
        """Move images with their folders into a group; give those that wait for a running batch."""
        return [Image(self, i) for i in moves.move(self, self.ids(images), check_group(group))]

    def trash(self, images: Any) -> list[Image]:
        """Move images into the TRASH, a group like any other."""
        return self.move(images, TRASH)

    def restore(self, images: Any) -> list[Image]:
        """Bring images back from the TRASH to where they were; give those that must wait."""
        return [Image(self, i) for i in moves.restore(self, self.ids(images))]

    def _check_scope(self, values: Mapping[str, Any]) -> None:
        for word in values:
            if self.words[word].scope == "project":
                raise BadValue(
                    f"{word} has one value for the whole project; set it without naming images"
                )

    def _repr_html_(self) -> str:
        """Show its groups and how far they are, in a notebook."""
        return shown.project_html(self)

    def __repr__(self) -> str:
        return f"<project {self.name!r}: {self.mode}, {counted(len(self), 'image')}>"


def _stamps(folders: Iterable[Path]) -> Iterator[tuple[str, int]]:
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            try:
                if path.is_file():
                    yield str(path), path.stat().st_mtime_ns
            except OSError:  # it vanished while we looked
                continue
