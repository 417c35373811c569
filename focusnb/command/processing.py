"""Commands that process: quick, import, run, process, queue, status, export."""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

import focusnb as fn
from focusnb.command import show
from focusnb.errors import BadValue, FocusError
from focusnb.model.text import counted


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of this module."""
    quick = commands.add_parser("quick", parents=[common], help="process files without a project")
    quick.add_argument("files", nargs="+", metavar="FILE")
    quick.add_argument("--steps", help="names, separated by commas")
    quick.add_argument("--set", nargs="+", action="extend", metavar="NAME=VALUE")
    quick.add_argument("--out", metavar="DIR", help="keep the products in DIR/STEM/")
    quick.add_argument("--json", action="store_true")
    quick.set_defaults(run=_quick)

    imports = commands.add_parser(
        "import", parents=[common], help="import files, or watch a folder"
    )
    imports.add_argument("project")
    imports.add_argument("files", nargs="*", metavar="FILE")
    imports.add_argument(
        "--watch", metavar="DIR", help="store a folder; `focusnb run` imports what appears in it"
    )
    imports.add_argument(
        "--settle", type=float, metavar="S", help="seconds a file must stay as it is"
    )
    imports.add_argument("--gain", metavar="FILE")
    imports.add_argument("--defects", metavar="FILE")
    imports.add_argument("--group")
    imports.add_argument("--how", choices=("copy", "link", "move"))
    imports.add_argument("--newest-first", action=argparse.BooleanOptionalAction)
    imports.add_argument("--delete-originals", action="store_true", default=None)
    imports.add_argument("--set", nargs="+", action="extend", metavar="NAME=VALUE")
    imports.set_defaults(run=_import)

    run = commands.add_parser(
        "run", parents=[common], help="watch, process and publish until Ctrl-C"
    )
    run.add_argument("project")
    run.set_defaults(run=_run)

    process = commands.add_parser("process", parents=[common], help="queue images and process them")
    process.add_argument("project")
    process.add_argument("--images", metavar="EXPR")
    process.add_argument("--steps", help="names, separated by commas")
    process.add_argument("--set", nargs="+", action="extend", metavar="NAME=VALUE")
    process.add_argument("--top", action="store_true", help="before all others")
    process.add_argument("--force", action="store_true", help="even where all is up to date")
    process.add_argument("--no-wait", action="store_true", help="only queue")
    process.set_defaults(run=_process)

    queue = commands.add_parser("queue", parents=[common], help="show or change the queue")
    queue.add_argument("project")
    queue.add_argument(
        "action", nargs="?", default="list",
        choices=("list", "top", "move", "cancel", "retry", "pause", "resume", "log"),
    )  # fmt: skip
    queue.add_argument("batches", nargs="*", metavar="BATCH", help="numbers of batches, or 'all'")
    queue.add_argument(
        "--to",
        type=int,
        default=1,
        metavar="PLACE",
        help="place in the queue, for move; 1 is first",
    )
    queue.add_argument("--json", action="store_true")
    queue.set_defaults(run=_queue)

    status = commands.add_parser("status", parents=[common], help="show how a project stands")
    status.add_argument("project")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)

    export = commands.add_parser(
        "export", parents=[common], help="write the good images for another program"
    )
    export.add_argument("project")
    export.add_argument("kind", help="relion")
    export.add_argument("out")
    export.add_argument("--images", metavar="EXPR", help="these instead of the good ones")
    export.add_argument("--json", action="store_true")
    export.set_defaults(run=_export)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else text.replace(",", " ").split()


def _quick(args: argparse.Namespace) -> int:
    from focusnb.batch import quick

    bar = show.Progress()
    given = show.pairs(args.set)
    steps = _names(args.steps) or quick.DEFAULT
    answers = [
        quick.quick(file, steps=steps, values=given, out=args.out, on_progress=bar)
        for file in args.files
    ]
    bar.close()
    if args.json:
        show.as_json(answers)
    else:
        from focusnb.model.vocabulary import vocabulary

        words = vocabulary()
        for answer in answers:
            print(answer["file"])
            shown = {
                words[
                    w
                ].label: f"{words[w].show(v)} {words[w].unit if words[w].unit != '1' else ''}".rstrip()
                for w, v in answer.items()
                if w in words and v is not None and words[w].type not in ("path", "series")
            }
            show.facts({f"  {label}": text for label, text in shown.items()})
            if answer["folder"]:
                print(f"  files are in {answer['folder']}")
            if answer["error"]:
                print(f"focusnb: {answer['error']}", file=sys.stderr)
            for note in answer.get("notes", ()):
                print(f"  note: {note}")
    return 1 if any(answer["error"] for answer in answers) else 0


def _import(args: argparse.Namespace) -> int:
    from focusnb.batch import watch

    project = fn.open(args.project)
    options = {
        "gain": args.gain, "defects": args.defects, "group": args.group, "how": args.how,
        "delete_originals": args.delete_originals,
    }  # fmt: skip
    given = {k: v for k, v in options.items() if v is not None}
    if args.watch:
        if args.files:
            raise BadValue("name either files or --watch DIR")
        given["import_how"] = given.pop("how", None)
        extra = {"settle": args.settle, "newest_first": args.newest_first}
        told = {k: v for k, v in {**given, **extra}.items() if v is not None}
        watch.store(project, Path(args.watch), **show.pairs(args.set) | told)
        print(f"{args.watch} is watched as soon as `focusnb run {args.project}` runs")
        return 0
    if not args.files:
        raise BadValue("nothing to import; name files, or a folder with --watch")
    added = project.bring(args.files, **show.pairs(args.set) | given)
    for path, sentence in added.refused:
        print(
            f"focusnb: {sentence}" if str(path) in sentence else f"focusnb: {path}: {sentence}",
            file=sys.stderr,
        )
    broken = [image for image in added.images if image.error]
    for image in broken:
        print(f"focusnb: {image.key} {image.name}: {image.error}", file=sys.stderr)
    print(
        f"{counted(len(added.images), 'image')} imported"
        + (f", {len(added.known)} were known" if added.known else "")
    )
    return 1 if added.refused or broken else 0


def _run(args: argparse.Namespace) -> int:
    project = fn.open(args.project)
    ended = False

    def end(number: int, frame: Any) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    print(
        f"{project.name}: watching, processing, publishing; Ctrl-C ends it, nothing is lost",
        flush=True,
    )
    project.run(until=lambda: ended, on_news=lambda text: print(text, flush=True))
    print("ended; what was not finished waits in the queue")
    return 0


def _process(args: argparse.Namespace) -> int:
    project = fn.open(args.project)
    batches = project.process(
        args.images, _names(args.steps), set=show.pairs(args.set), top=args.top, force=args.force
    )
    if args.no_wait or not batches:
        print(counted(len(batches), "batch"), "queued")
        return 0
    bar = show.Progress()
    states = batches.wait(on_progress=bar)
    bar.close()
    counts: dict[str, int] = {}
    for state in states.values():
        counts[state] = counts.get(state, 0) + 1
    print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    for row in project.queue.listing(limit=1_000_000) if counts.get("failed") else ():
        if states.get(row["id"]) == "failed":
            print(f"focusnb: {row['image']} {row['name']}: {row['message']}", file=sys.stderr)
    return 1 if counts.get("failed") else 0


def _queue(args: argparse.Namespace) -> None:
    project = fn.open(args.project)
    queue = project.queue
    if args.action in ("pause", "resume"):
        getattr(queue, args.action)()
        return
    if args.action == "log":
        names = {row["id"]: row["image"] for row in project.rows()}
        rows = [{**row, "image": names.get(row["image"])} for row in queue.log()]
        if args.json:
            show.as_json(rows)
            return
        for row in rows:
            row["time"] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["time"]))
        heads = ("time", "event", "batch", "image", "processor", "message")
        show.table([[row.get(h) for h in heads] for row in rows], heads)
        return
    if args.action != "list":
        wanted = _batches(queue, args)
        done = (
            queue.move(wanted, args.to - 1)
            if args.action == "move"
            else getattr(queue, args.action)(wanted)
        )
        print(counted(len(done), "batch"))
        for number in wanted if args.batches != ["all"] else ():
            if number not in done:
                state = queue.states([number])[number]
                print(f"focusnb: batch {number} is {state}: no {args.action}", file=sys.stderr)
        return
    rows = queue.listing()
    if args.json:
        show.as_json(rows)
        return
    show.table(
        [_line(r) for r in rows],
        ("batch", "state", "image", "name", "steps", "done", "message"),
    )  # fmt: skip
    print(
        ", ".join(f"{n} {state}" for state, n in queue.counts().items() if n)
        or "the queue is empty"
    )


def _batches(queue: Any, args: argparse.Namespace) -> list[int]:
    if args.batches == ["all"]:
        states = {"retry": ("failed", "cancelled")}.get(args.action, ("waiting", "running"))
        return [row["id"] for row in queue.listing(limit=1_000_000) if row["state"] in states]
    if not args.batches or not all(b.isdecimal() for b in args.batches):
        raise BadValue(f"name the batches to {args.action} by their numbers, or 'all'")
    return [int(b) for b in args.batches]


def _status(args: argparse.Namespace) -> None:
    project = fn.open(args.project)
    rows = project.rows("group != 'TRASH'")
    from focusnb.batch.lease import Lease

    found = {
        "project": str(project.root),
        "mode": project.mode,
        "images": len(rows),
        "good": sum(1 for row in rows if row["good"]),
        "failed": sum(1 for row in rows if row["error"]),
        "stale": sum(1 for row in rows if row["stale"]),
        "trash": len(project.rows("group == 'TRASH'")),
        "queue": {state: n for state, n in project.queue.counts().items() if n},
        "paused": project.queue.paused,
        "processing": Lease(project.store).current() is not None,
        "problems": [*project.registry.problems],
    }
    if args.json:
        show.as_json(found)
        return
    found["queue"] = ", ".join(f"{n} {s}" for s, n in found["queue"].items()) or "empty"
    found["problems"] = "; ".join(found["problems"]) or "none"
    show.facts(found)


def _export(args: argparse.Namespace) -> None:
    project = fn.open(args.project)
    if args.images is not None and not project.select(args.images):
        raise FocusError(f"no image is selected by {args.images!r}")
    summary = project.export(args.kind, args.out, args.images)
    if args.json:
        from dataclasses import asdict

        show.as_json(asdict(summary))
    else:
        print(summary)


def _line(row: dict[str, Any]) -> list[Any]:
    done = f"{100 * row['progress']:.0f} %" if row["state"] == "running" else ""
    shown = [row[c] for c in ("id", "state", "image", "name")]
    return [*shown, " ".join(row["steps"]), done, row["message"]]
