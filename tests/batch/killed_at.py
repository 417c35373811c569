"""Run a project's queue in this process and die by SIGKILL at a given point: a program for tests."""

import os
import signal
import sys

from focusnb.batch import dispatcher
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.workers import Inline
from focusnb.model import record
from focusnb.model.project import Project


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(function):
    def both(*arguments, **named):
        function(*arguments, **named)
        die()

    return both


def settle_until_image_json(project, outcome, settle=record.settle):
    record.write_image_json = die
    settle(project, outcome)


POINTS = {
    "after the claim": (dispatcher, "build", die),
    "before the record": (record, "record", die),
    "with its products half moved": (record, "_record_run", die),
    "before the commit": (record, "record", die_after(record.record)),
    "after the commit": (record, "settle", die),
    "while it recovers": (record, "write_image_json", die),
    "before image.json": (record, "settle", settle_until_image_json),
    "before the next batch": (record, "settle", die_after(record.settle)),
}

AFTER = {"after the commit", "before image.json", "before the next batch"}

if __name__ == "__main__":
    module, name, death = POINTS[sys.argv[2]]
    setattr(module, name, death)
    Dispatcher(Project.open(sys.argv[1]), Inline).run()
