"""The desk: what the parts of the workbench share; the project, the chosen images, what was done.

Every part can stand alone on a desk of its own. What one part changes on the desk, the others see.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from traitlets import Dict, HasTraits, Int, List, Unicode, observe

from focusnb.batch import dispatch
from focusnb.errors import BadValue, FocusError
from focusnb.model.text import counted
from focusnb.session import Batches, Project
from focusnb_widgets.walk import Walk

LOOK = 0.5  # seconds between two looks whether the project has changed
PATIENCE = (
    100.0  # seconds after a page's last sign of life: then nobody looks, and nothing is looked at
)
MOST_UNDONE = 100  # actions that are remembered
WRONG = (FocusError, OSError, sqlite3.Error)  # what is told in a sentence, and work goes on


@dataclass(frozen=True)
class Done:
    """An action that can be undone. back: does it, and tells what could not be taken back.

    Where Python can do the same, it sets the desk's line.
    """

    title: str
    back: Callable[[], str]


class Desk(HasTraits):
    """The project on a desk, and what people do with it.

    selected: numbers of the chosen images. current: the one that is looked at, 0 for none.
    expression: the selection (EXPR) that chose them, if one did. order: numbers of the images as the
    table shows them, sorted and filtered; empty while there is no table: by number. walk: goes
    through them. revision: grows when the project has changed. line: the last action as Python, ready
    to be run where there is a `project` (or a `workbench`). undoable: titles of what can be undone,
    the last one first. wants: what a part asks the workbench to open, {"view": image} or
    {"page": image}. told: a problem that concerns all parts.
    """

    selected = List(Int())
    current = Int(0)
    expression = Unicode("")
    order = List()  # numbers; not looked at one by one, they may be many
    revision = Int(-1)
    line = Unicode("")
    undoable = List(Unicode())
    wants = Dict()
    told = Dict()

    def __init__(self, project: Project, *, look: float = LOOK) -> None:
        super().__init__(revision=project.store.revision)
        self.project, self._look, self.walk = project, look, Walk(project)
        self._done: list[Done] = []
        self._sign = 0.0
        self._task: asyncio.Task[None] | None = None

    # -- what there is ------------------------------------------------------------------------

    def select(self, images: Iterable[int], *, expression: str = "") -> None:
        """Choose images by number; expression: the selection (EXPR) that named them."""
        chosen = [int(image) for image in images]
        with self.hold_trait_notifications():
            self.expression = expression
            self.selected = chosen

    def select_where(self, expression: str) -> list[int]:
        """Choose the images that a selection (EXPR) names; gives their numbers."""
        chosen = [row["id"] for row in self.project.rows(expression)]
        self.select(chosen, expression=expression)
        self.line = f"project.select({expression!r})"
        return chosen

    def images_line(self, images: Sequence[int]) -> str:
        """Give images as Python: the selection that named them, or their numbers."""
        if self.expression and list(images) == self.selected:
            return f"project.select({self.expression!r})"
        return numbers(images)

    # -- actions ------------------------------------------------------------------------------

    def flag(self, images: Sequence[int], flag: str) -> str:
        """Flag images; can be undone."""
        self._check(images)
        before = {image: self.project.document(image)["flag"] for image in images}
        self.project.flag(list(images), flag)
        self.remember(
            f"flag {flag} for {counted(len(images), 'image')}",
            lambda: self._flag_back(before, flag),
        )
        self.line = f"project.flag({self.images_line(images)}, {flag!r})"
        return f"{counted(len(images), 'image')} flagged {flag}"

    def comment(self, images: Sequence[int], text: str) -> str:
        """Set the comment of images, empty removes it; can be undone."""
        self._check(images)
        before = {i: self.project.document(i)["values"].get("comment") for i in images}
        self.project.set(list(images), comment=text or None)
        self.remember(
            f"comment of {counted(len(images), 'image')}",
            lambda: self._comment_back(before, text or None),
        )
        self.line = f"project.set({self.images_line(images)}, comment={text or None!r})"
        return f"comment of {counted(len(images), 'image')} " + ("set" if text else "removed")

    def move(self, images: Sequence[int], group: str) -> str:
        """Move images to a group; can be undone."""
        self._check(images)
        return self._moved(
            images,
            lambda given: self.project.move(given, group),
            f"to {group}",
            lambda given: f"project.move({self.images_line(given)}, {group!r})",
        )

    def restore(self, images: Sequence[int]) -> str:
        """Bring images back from the TRASH into their former groups; can be undone."""
        self._check(images)
        return self._moved(
            images,
            self.project.restore,
            "back to its group" if len(images) == 1 else "back to their groups",
            lambda given: f"project.restore({self.images_line(given)})",
        )

    def process(
        self,
        images: Sequence[int] | None,
        steps: Sequence[str] | None = None,
        *,
        set: Mapping[str, Any] | None = None,
        top: bool = False,
        force: bool = False,
        start: bool = True,
    ) -> Batches:
        """Queue images for steps, and see to it that the queue is worked on."""
        given = None if images is None else list(images)
        batches = self.project.process(given, steps, set=set, top=top, force=force)
        said = [self.images_line(images)] if images is not None else []
        said += [f"steps={list(steps)!r}"] if steps is not None else []
        said += [f"set={dict(set)!r}"] if set else []
        said += ["top=True"] if top else []
        said += ["force=True"] if force else []
        self.line = f"project.process({', '.join(said)})"
        if start and len(batches) and not self.project.queue.paused:
            dispatch.start(self.project)
        return batches

    def undo(self) -> str:
        """Take the last action back; give a sentence about it."""
        if not self._done:
            raise BadValue("there is nothing to undo")
        done, before = self._done.pop(), self.line
        self.line = f"# undone: {done.title}"
        try:
            left = done.back()
        except BaseException:
            self._done.append(done)
            self.line = before
            raise
        finally:
            self._tell_undoable()
        return f"undone: {done.title}" + (f"; {left}" if left else "")

    # -- looking ------------------------------------------------------------------------------

    def alive(self) -> None:
        """Somebody looks at a part: the project is watched for a while."""
        self._sign = time.monotonic()
        self.look()
        if self._task is None or self._task.done():
            try:
                self._task = asyncio.get_running_loop().create_task(self._watch())
            except RuntimeError:
                return  # a script: it asks by itself

    def look(self) -> bool:
        """Look whether the project has changed; parts that observe `revision` are told."""
        try:
            now = self.project.store.revision
        except WRONG as error:
            self.told = {"problem": str(error)}
            return False
        changed = now != self.revision
        self.revision = now
        return changed

    async def _watch(self) -> None:
        while time.monotonic() - self._sign < PATIENCE:
            await asyncio.sleep(self._look)
            self.look()

    @observe("order")
    def _order_changed(self, _: Any) -> None:
        self.walk.follow(self.order)

    # -- undo ---------------------------------------------------------------------------------

    def _check(self, images: Sequence[int]) -> None:
        if not images:
            raise BadValue("no image is chosen; choose one or more rows first")

    def remember(self, title: str, back: Callable[[], str]) -> None:
        """Let an action be undone: `back` takes it back, and tells what it had to leave."""
        self._done = [*self._done, Done(title, back)][-MOST_UNDONE:]
        self._tell_undoable()

    def _tell_undoable(self) -> None:
        self.undoable = [done.title for done in reversed(self._done)]
        self.look()

    def _moved(
        self,
        images: Sequence[int],
        act: Callable[[list[int]], list[Any]],
        where: str,
        line: Callable[[Sequence[int]], str],
    ) -> str:
        before = self._places(images)
        try:
            waiting = act(list(images))
        except WRONG:
            # Those that were hindered stayed: what did move can be undone all the same.
            self._remember_move(before, where, line)
            raise
        self._remember_move(before, where, line)
        self.line = line(images)
        text = f"{counted(len(images), 'image')} moved {where}"
        if waiting:
            text += f"; {counted(len(waiting), 'image')} of them once the running batch has ended"
        lost = sum(not self.project.folder(image).is_dir() for image in images)
        if lost:
            whose = "its folder" if len(images) == 1 else f"the folder of {lost} of them"
            text += f"; {whose} is not there"
        return text

    def _remember_move(
        self, before: Mapping[int, str], where: str, line: Callable[[Sequence[int]], str]
    ) -> None:
        after = {i: place for i, place in self._places(before).items() if place != before[i]}
        if after:
            self.line = line(list(after))
            self.remember(
                f"move of {counted(len(after), 'image')} {where}",
                lambda: self._move_back(before, after),
            )
        else:
            self.look()

    def _places(self, images: Iterable[int]) -> dict[int, str]:
        """Give the group of each image, or that to which it moves once its running batch has ended."""
        rows = self.project.store.rows("select image, target from move")
        coming = {row["image"]: str(row["target"]) for row in rows}
        return {i: coming.get(i) or str(self.project.document(i)["group"]) for i in images}

    def _move_back(self, before: Mapping[int, str], after: Mapping[int, str]) -> str:
        now = self._places(i for i in after if self._there(i))
        mine = [i for i, group in now.items() if group == after[i]]

        def act(given: list[int], group: str) -> str:
            self.project.move(given, group)
            return f"project.move({numbers(given)}, {group!r})"

        self._back(mine, before, act)
        return _others(len(after) - len(mine), "moved")

    def _flag_back(self, before: Mapping[int, str], flag: str) -> str:
        documents = {i: self.project.document(i) for i in before if self._there(i)}
        mine = [i for i, document in documents.items() if document["flag"] == flag]

        def act(given: list[int], old: str) -> str:
            self.project.flag(given, old)
            return f"project.flag({numbers(given)}, {old!r})"

        self._back(mine, before, act)
        return _others(len(before) - len(mine), "flagged")

    def _comment_back(self, before: Mapping[int, str | None], text: str | None) -> str:
        documents = {i: self.project.document(i) for i in before if self._there(i)}
        mine = [i for i, one in documents.items() if one["values"].get("comment") == text]

        def act(given: list[int], old: str | None) -> str:
            self.project.set(given, comment=old)
            return f"project.set({numbers(given)}, comment={old!r})"

        self._back(mine, before, act)
        return _others(len(before) - len(mine), "commented")

    def _back(
        self, mine: Sequence[int], before: Mapping[int, Any], act: Callable[[list[int], Any], str]
    ) -> None:
        """Give images back what they had, those that had the same together; the lines do the same."""
        olds = dict.fromkeys(before[i] for i in mine)
        lines = [act([i for i in mine if before[i] == old], old) for old in olds]
        if lines:
            self.line = "\n".join(lines)

    def _there(self, image: int) -> bool:
        return bool(self.project.store.rows("select 1 from image where id = ?", (image,)))


def desk_of(what: Any) -> Desk:
    """Give a desk: the one given, or a new one for a project."""
    return what if isinstance(what, Desk) else Desk(what)


def numbers(images: Sequence[int]) -> str:
    """Give numbers of images as Python, runs of them in short: [3, 4, 9] or [*range(1, 501)]."""
    runs: list[list[int]] = []
    for image in images:
        if runs and image == runs[-1][-1] + 1:
            runs[-1].append(image)
        else:
            runs.append([image])
    told = [
        f"*range({run[0]}, {run[-1] + 1})" if len(run) > 3 else ", ".join(map(str, run))
        for run in runs
    ]
    return f"[{', '.join(told)}]"


def _others(count: int, what: str) -> str:
    if not count:
        return ""
    return f"{counted(count, 'image')} stayed: somebody else has {what} them since"
