"""The façade: create, open and quick, and the Project that people hold in their hands.

It only delegates: what a project is lives in `model`, its queue and import in `batch`, what leaves
it in `export` and `monitor`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from focusnb.errors import BadValue
from focusnb.model import project as model
from focusnb.model.group import TRASH, is_name
from focusnb.model.image import Image


class Project(model.Project):
    """A project: images, values and results, and everything that can be done with them.

    ::

        project = fn.open("apoferritin")
        project.add(["a.tif", "b.tif"], gain="gain.mrc")
        project.process(steps=["motion", "ctf"], set={"patches": 5}).wait()
        good = project.select("ctf_resolution < 5 and iciness < 1")
        project.export("relion", "out/", good)
    """

    def add(self, files: str | Path | Iterable[str | Path], **how: Any) -> list[Image]:
        """Import files as images; give the new ones, those that cannot be read among them.

        gain, defects: files for these images' group. group: name of the group. how: "copy", "link"
        or "move". Other words are values of the new images.
        """
        return list(self.bring(files, **how).images)

    def bring(
        self,
        files: str | Path | Iterable[str | Path],
        *,
        on_progress: Callable[[float, str], None] | None = None,
        **how: Any,
    ) -> Any:
        """Import files as `add` does; tell also which were known already, and which were refused.

        on_progress: gets the fraction done and the name of the file that is brought in next.
        """
        from focusnb.batch import intake, recording

        options = {
            k: how.pop(k)
            for k in ("gain", "defects", "group", "how", "delete_originals")
            if k in how
        }
        added = intake.add(self, files, values=how, report=on_progress, **options)
        ready = {image.id: image for image in added.ready}
        in_order = self.store.rows("select id from image order by recorded, id") if ready else []
        for row in in_order:
            if row["id"] in ready:
                recording.run(ready[row["id"]])
        return added

    def process(
        self,
        images: Any = None,
        steps: Sequence[str] | None = None,
        *,
        set: Mapping[str, Any] | None = None,
        top: bool = False,
        force: bool = False,
    ) -> "Batches":
        """Queue images for steps; `.wait()` on what comes back runs them if nobody else does.

        images: as in `ids`; all but the trashed ones if not given. steps: the project's workflow
        if not given. set: values for these batches only. top: before all others. force: even
        where everything is up to date.
        """
        return self._submit(images, steps, set=set, top=top, force=force)

    def try_out(
        self,
        images: Any,
        steps: Sequence[str],
        set: Mapping[str, Any] | None = None,
        *,
        name: str = "trial",
    ) -> "Batches":
        """Compute into trials/NAME of each image and record nothing: to compare settings."""
        if not is_name(name):
            raise BadValue(
                f"trial {name!r}: use letters, digits, _ . + - and begin with a letter, digit or _"
            )
        return self._submit(images, steps, set=set, top=True, trial=name)

    def edit_picks(
        self,
        image: Any,
        *,
        added: Any = (),
        removed: Any = (),
        excluded: Sequence[Any] = (),
    ) -> None:
        """Keep changes to an image's picks by hand, in its folder: picking it again honours them.

        added, removed: points [x, y]; excluded: polygons, lists of such; in pixels of the average.
        They take the place of earlier ones; none at all, and the image is as no hand had touched it.
        An added point outside of the average is refused.
        """
        from focusnb import formats
        from focusnb.formats import pick_edits

        changes = pick_edits.made(added, removed, excluded)
        images = self.ids(image)
        if len(images) != 1:
            raise BadValue(
                f"changes by hand belong to one image, and {image!r} are {len(images)}; name one"
            )
        chosen = images[0]
        average = Image(self, chosen)["average"]
        if len(changes.added) and average is not None and Path(average).is_file():
            with formats.open(average) as stack:
                height, width = stack.shape[-2:]
            lost = changes.added[~changes.inside((height, width))]
            if len(lost):
                raise BadValue(
                    f"added [{lost[0][0]:g}, {lost[0][1]:g}] lies outside of the average of"
                    f" {width} × {height} pixels"
                )
        place = self.folder(chosen) / "pick_edits.json"
        if len(changes.added) or len(changes.removed) or changes.excluded:
            pick_edits.write(place, changes)
            self.set([chosen], pick_edits=place.name)
        else:
            self.set([chosen], pick_edits=None)
            place.unlink(missing_ok=True)

    @property
    def queue(self) -> Any:
        """The project's queue."""
        from focusnb.batch.queue import Queue

        return Queue(self)

    @cached_property
    def rules(self) -> Any:
        """The rules that flag images or move them to a group; see `focusnb.model.rules.Rules`."""
        from focusnb.model.rules import Rules

        return Rules(self)

    def apply_rules(self, *names: str) -> Any:
        """Apply the rules that are on, or those named, to all images; tell what changed.

        Each rule acts on an image once, and not where people decided otherwise; `undo_rule` takes
        it back.
        """
        return self.rules.apply(*names)

    def undo_rule(self, name: str) -> Any:
        """Bring back what a rule changed, where nobody else changed it since; tell what was left."""
        return self.rules.undo(name)

    def watch(self, folder: str | Path, **options: Any) -> None:
        """Store a folder to be watched; `focusnb run` imports what appears in it."""
        from focusnb.batch import watch

        watch.store(self, Path(folder), **options)

    def forget_watch(self, folder: str | Path) -> bool:
        """Watch a folder no longer; its images stay. False if it was not watched."""
        from focusnb.batch import watch

        return watch.forget(self, folder)

    @property
    def watches(self) -> list[Any]:
        """The watched folders, with what became of their files."""
        from focusnb.batch.watched import watched

        return watched(self)

    def look_again(self, folder: str | Path, *, everything: bool = False) -> int:
        """Have the refused files of a watched folder tried again, or all; give how many they are."""
        from focusnb.batch import watched

        return watched.look_again(self, folder, everything=everything)

    def preview(self, files: str | Path | Iterable[str | Path], **options: Any) -> Any:
        """Tell which files an import would take, and what the first one tells about itself."""
        from focusnb.batch.preview import preview

        return preview(self, files, **options)

    @property
    def running(self) -> Any:
        """Who works on the project now: the live session and the dispatcher."""
        from focusnb.batch import running

        return running.running(self)

    def start(self, *, wait: float = 30.0) -> None:
        """Start the live session, `focusnb run`, as a process that stays when this one ends.

        wait: seconds in which it must have begun. Raises QueueError when one runs already.
        """
        from focusnb.batch import running

        running.start(self, wait=wait)

    def stop(self, *, now: bool = False, wait: float = 0.0) -> None:
        """Ask the live session to end, after what runs; now: what runs goes back to the queue."""
        from focusnb.batch import running

        running.stop(self, now=now, wait=wait)

    def run(
        self,
        until: Callable[[], bool] | None = None,
        *,
        on_news: Callable[[str], None] | None = None,
    ) -> None:
        """Watch the stored folders, process what comes, publish the feed; until Ctrl-C.

        until: asked now and then, True ends the run. Batches that wait then stay in the queue.
        """
        from focusnb.batch.live import live

        live(
            self,
            submit=lambda images, top: self.process(images, top=top),
            publish=self.publish,
            finish=lambda: self.publish(at_once=True),
            until=until or (lambda: False),
            news=on_news or (lambda text: None),
        )

    def publish(self, *, at_once: bool = False) -> bool:
        """Write the feed for the monitoring page, if anything changed and it is time, or at once."""
        from focusnb.monitor import feed

        return feed.publish(self, at_once=at_once)

    def export(self, kind: str, out: str | Path, images: Any = None) -> Any:
        """Write the good images, or those given, for another program; give a summary."""
        from focusnb import export

        chosen = None if images is None else [Image(self, i) for i in self.ids(images)]
        return export.export(self, kind, Path(out), chosen)

    def copy_to(self, images: Any, other: "Project | str | Path") -> Any:
        """Copy images with their files into another project; tell the new ones and those known there."""
        from focusnb.batch import copying

        target = other if isinstance(other, Project) else open(other)
        return copying.copy(self, self.ids(images), target)

    def _submit(
        self,
        images: Any,
        steps: Sequence[str] | None,
        *,
        set: Mapping[str, Any] | None,
        top: bool = False,
        force: bool = False,
        trial: str = "",
    ) -> "Batches":
        names = list(self.workflow if steps is None else steps)
        for name in names:
            self.registry.step(name)
        read = self.words.read(set or {}, "set")
        given = {word: self.placed(word, value) for word, value in read.items()}
        chosen = self.ids(f"group != '{TRASH}'" if images is None else images)
        batches = self.queue.submit(chosen, names, given=given, top=top, force=force, trial=trial)
        return Batches(self, batches)


class Batches(Sequence[int]):
    """Batches that were queued: their numbers, and how to wait for them."""

    def __init__(self, project: Project, numbers: Sequence[int]) -> None:
        self.project = project
        self._numbers = list(numbers)

    def __getitem__(self, index: Any) -> Any:
        return self._numbers[index]

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def states(self) -> dict[int, str]:
        """The state of each: waiting, running, done, failed, cancelled or skipped."""
        return self.project.queue.states(self._numbers)

    def wait(
        self,
        timeout: float | None = None,
        on_progress: Callable[[float, str], None] | None = None,
    ) -> dict[int, str]:
        """Wait until all have ended; starts a dispatcher if the project has none."""
        from focusnb.batch import dispatch

        if not self._numbers:
            return {}
        return dispatch.wait(self.project, self._numbers, timeout=timeout, on_progress=on_progress)

    def cancel(self) -> None:
        """Cancel them, those that run too."""
        self.project.queue.cancel(self._numbers)

    def __repr__(self) -> str:
        return f"<{len(self)} batches of {self.project.name!r}>"


def create(
    root: str | Path,
    *,
    mode: str = "single-particle",
    other: Project | str | Path | None = None,
    **values: Any,
) -> Project:
    """Make a new project; other words are its values.

    other: a project whose values and scripts are taken over. What goes wrong leaves nothing behind.

    >>> project = create("apoferritin", mode="single-particle", voltage=300)  # doctest: +SKIP
    """
    from focusnb.model import creation

    source = open(other) if isinstance(other, str | Path) else other
    return creation.create(root, mode=mode, values=values, other=source, kind=Project)


def open(root: str | Path) -> Project:
    """Open a project."""
    return Project.open(root)  # type: ignore[return-value]


def quick(
    files: str | Path | Iterable[str | Path],
    *,
    steps: Iterable[str] | None = None,
    out: str | Path | None = None,
    on_progress: Callable[[float, str], None] | None = None,
    **values: Any,
) -> Any:
    """Process files without a project: one dict of results per file (a list for a list of files).

    out: a folder where products stay, in STEM/. Other words are values: gain="gain.mrc",
    pixel_size=1.06 …
    """
    from focusnb.batch import quick as room

    names = list(room.DEFAULT if steps is None else steps)
    one = isinstance(files, str | Path)
    chosen: list[str | Path] = [files] if one else list(files)  # type: ignore[list-item,arg-type]
    answers = [
        room.quick(file, steps=names, values=values, out=out, on_progress=on_progress)
        for file in chosen
    ]
    return answers[0] if one else answers
