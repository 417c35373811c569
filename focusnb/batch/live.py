"""A live session: watch, queue, process and publish, until told to stop."""

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from focusnb.batch import dispatch, recording, watch
from focusnb.errors import FocusError
from focusnb.model.image import Image
from focusnb.model.project import Project

SCAN = 0.5  # seconds between two looks at the watched folders


def live(
    project: Project,
    *,
    submit: Callable[[list[Image], bool], Any],
    publish: Callable[[], Any],
    until: Callable[[], bool],
    news: Callable[[str], None],
) -> None:
    """Scan the stored watches, keep a dispatcher running, publish in turns.

    submit: queues new images, before all that wait if its second argument is true. publish: writes
    the feed. until: True ends it; batches that run then go back to the queue. news: gets a line
    for each new image, and for what hinders the session, once.
    """
    watchers: dict[str, watch.Watcher] = {}
    dispatcher: subprocess.Popen[bytes] | None = None
    told = ""
    published = 0.0
    try:
        while not until():
            trouble = ""
            try:
                if dispatcher is None or dispatcher.poll() is not None:
                    dispatcher = dispatch.start(project, stay_with=os.getpid())
                trouble = _scan(project, watchers, submit, news)
                if time.monotonic() - published > float(project.values()["publish_interval"]):
                    publish()
                    published = time.monotonic()
            except (FocusError, OSError) as error:
                # A broken project.toml or a full disk: said once, and tried again until it is mended.
                trouble = str(error)
            if trouble and trouble != told:
                news(trouble)
            told = trouble
            time.sleep(SCAN)
    finally:
        if dispatcher is not None and dispatcher.poll() is None:
            dispatcher.terminate()
            dispatcher.wait(60)
        publish()


def _scan(
    project: Project,
    watchers: dict[str, watch.Watcher],
    submit: Callable[[list[Image], bool], Any],
    news: Callable[[str], None],
) -> str:
    """Look into every stored watch once; give what hinders them, as a sentence."""
    trouble = []
    for stored in watch.stored(project):
        key = str(stored)
        if key not in watchers:
            watchers[key] = watch.Watcher(
                project, stored, submit=submit, while_importing=recording.run
            )
        for image in watchers[key].scan(budget=5.0):
            news(f"{image.key} {image.name}" + (f": {image.error}" if image.error else ""))
        if message := watchers[key].message:
            trouble.append(message)
    return "; ".join(trouble)
