"""A live session: watch, queue, process and publish, until told to stop."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from focusnb.batch import dispatch, recording, ruling, running, watch
from focusnb.errors import FocusError
from focusnb.model.image import Image
from focusnb.model.project import Project

SCAN = 0.5  # seconds between two looks at the watched folders
# A look at a folder of 10,000 movies takes a while; so many times that long nobody looks again.
REST = 4.0
RESTART = 5.0  # seconds between two starts of a dispatcher: one may be unable to live
# A broken project.toml, a folder that is gone, a full disk: what people mend while the session runs.
TROUBLE = (FocusError, OSError, sqlite3.Error)


def live(
    project: Project,
    *,
    submit: Callable[[list[Image], bool], Any],
    publish: Callable[[], Any],
    until: Callable[[], bool],
    news: Callable[[str], None],
    finish: Callable[[], Any] | None = None,
) -> None:
    """Scan the stored watches, keep a dispatcher running, publish in turns.

    submit: queues new images, before all that wait if its second argument is true. publish: writes
    the feed. until: True ends it; batches that run then go back to the queue. news: gets a line
    for each new image, and for what hinders the session, once. finish: publishes at the end, when
    another time is not to be waited for.

    Raises QueueError when another session runs this project. Who asks for it (`running.stop`) ends
    the session too.
    """
    presence = running.Presence(project)
    with suppress(sqlite3.Error):  # a full disk, say: it is tried again, and told
        presence.take()
    asked = ""
    watchers: dict[str, watch.Watcher] = {}
    ruler = ruling.Ruler(project)
    dispatcher: subprocess.Popen[bytes] | None = None
    told = hindrance = ""
    started = published = -RESTART

    def heard(text: str) -> None:
        news(text)
        presence.tell(news=text)

    due = 0.0
    try:
        while not until():
            trouble = ""
            try:
                if asked := presence.tend():
                    break
                gone = dispatcher is None or dispatcher.poll() is not None
                if gone and time.monotonic() - started >= RESTART:
                    dispatcher = dispatch.start(project, stay_with=os.getpid())
                    started = time.monotonic() if dispatcher is not None else started
                if (began := time.monotonic()) >= due:
                    came, hindrance = _scan(project, watchers, submit, heard)
                    ended = time.monotonic()
                    due = 0.0 if came else ended + REST * (ended - began)
                trouble = hindrance
                if time.monotonic() - published > float(project.values()["publish_interval"]):
                    publish()
                    published = time.monotonic()
                for line in ruler.look():
                    heard(line)
            except TROUBLE as error:
                trouble = _said(project, error)
            if trouble != told:
                heard(trouble or "what was in the way is over; the session goes on")
            told = trouble
            presence.tell(hindrance=trouble, watches=_told(watchers))
            time.sleep(SCAN)
    finally:
        with presence.ending():
            if asked == "finish" and dispatcher is not None:
                with suppress(*TROUBLE):
                    running.finish(project, dispatcher.pid, until)
            if dispatcher is not None and dispatcher.poll() is None:
                dispatcher.terminate()
                with suppress(subprocess.TimeoutExpired):  # it ends with this process at the latest
                    dispatcher.wait(60)
            try:
                (finish or publish)()
            except TROUBLE as error:
                news(_said(project, error))


def _told(watchers: dict[str, watch.Watcher]) -> dict[str, dict[str, Any]]:
    """Give what each watch waits for and what hinders it, by folder."""
    return {
        str(one.folder): {"waiting": one.waiting, "message": one.message or ""}
        for one in watchers.values()
    }


def _scan(
    project: Project,
    watchers: dict[str, watch.Watcher],
    submit: Callable[[list[Image], bool], Any],
    news: Callable[[str], None],
) -> tuple[bool, str]:
    """Look into every stored watch once; tell whether images came, and what hinders the watches."""
    trouble, came = [], False
    tables = watch.stored(project)
    for gone in set(watchers) - {str(table) for table in tables}:
        del watchers[gone]
    for stored in tables:
        key = str(stored)
        if key not in watchers:
            watchers[key] = watch.Watcher(
                project, stored, submit=submit, while_importing=recording.run
            )
        for image in watchers[key].scan(budget=5.0):
            came = True
            news(_news(image))
        if message := watchers[key].message:
            trouble.append(message)
    return came, "; ".join(trouble)


def _news(image: Image) -> str:
    """Tell of a new image in one line, whatever its name is."""
    error = (image.error or "").removeprefix(f"{image.name}: ")
    return " ".join(f"imported {image.key} {image.name}{': ' if error else ''}{error}".split())


def _said(project: Project, error: Exception) -> str:
    """Tell what is in the way."""
    if isinstance(error, sqlite3.Error):
        return f"{project.store.path} cannot be written: {error}"
    return str(error)
