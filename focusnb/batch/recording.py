"""Steps that run in recording order: at once, in this process, before the next file is imported."""

import shutil

from focusnb.batch.lease import Holder
from focusnb.batch.queue import Queue
from focusnb.batch.task import build
from focusnb.batch.task import run as run_task
from focusnb.errors import FocusError, QueueError
from focusnb.model import tries
from focusnb.model.image import Image
from focusnb.model.project import Project
from focusnb.model.record import Outcome


def names(project: Project) -> list[str]:
    """Give the steps of the project's workflow that are marked `while_importing`."""
    return [name for name in project.workflow if project.registry.step(name).while_importing]


def run(image: Image) -> None:
    """Run these steps on an image that has just come in; how it ended is told on its row.

    An image that is being processed already is left to its batch, which has these steps too.
    """
    project = image.project
    steps = names(project)
    if not steps:
        return
    queue, holder = Queue(project), str(Holder.this("import"))
    try:
        row = queue.begin(image.id, steps, holder)
    except QueueError:
        return
    scratch = tries.folder_of(image.folder, row["id"], row["try"])
    try:
        outcome = run_task(build(project, dict(row)))
    except (FocusError, OSError) as error:  # a full disk: the batch shall not seem to run for ever
        outcome = Outcome(image.id, str(scratch), "failed", str(error))
    queue.finish(row["id"], row["try"], holder, outcome)
    shutil.rmtree(scratch, ignore_errors=True)
