"""The queue panel: who works, what runs, what waits and what became of it; order, cancel, retry."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from traitlets import Int, List

from focusnb.batch import dispatch, running, workers
from focusnb.batch.listing import LOG_COLUMNS, STATES
from focusnb.errors import BadValue
from focusnb.model.text import counted
from focusnb_widgets.desk import numbers
from focusnb_widgets.source import module, style
from focusnb_widgets.work import steplog
from focusnb_widgets.work.pace import Sent, check_there
from focusnb_widgets.work.panel import Panel, page_of

MOST = 400  # rows that a page may ask for at once
LINES = 5000  # lines of the log that a page may ask for
RETRIED = ("failed", "cancelled", "skipped")


@dataclass
class View:
    """What one page looks at: which part of the list, how it is filtered, and its log."""

    first: int = 0
    count: int = 40
    states: tuple[str, ...] = STATES
    text: str = ""
    key: str = ""  # the page's own word for its filter: it comes back with the rows
    log: dict[str, Any] = field(default_factory=dict)
    log_open: bool = False
    rows: Sent = field(default_factory=Sent)
    lines: Sent = field(default_factory=Sent)
    total: int = -1
    revision: int = -1


class QueuePanel(Panel):
    """The queue of a project.

    chosen: numbers of the batches that are selected.
    """

    _esm = module(
        "part.js", "work.js", "queue_panel_parts.js", "queue_panel_list.js", "queue_panel_log.js",
        "queue_panel.js",
    )  # fmt: skip
    _css = style("page.css", "parts.css", "work.css")
    chosen = List(Int()).tag(sync=True)

    def __init__(self, desk: Any, **traits: Any) -> None:
        super().__init__(desk, **traits)
        self._views: dict[str, View] = {}
        self._head: dict[str, Any] = {}
        self._started: subprocess.Popen[bytes] | None = None

    # -- what a page asks ---------------------------------------------------------------------

    def begin(self, page: str) -> None:
        """Forget what a page that has just been opened looked at."""
        self._views = {p: self._views[p] for p in self._pace.pages if p in self._views}
        self._views[page] = View()
        self._head = {}

    def do_view(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show another part of the list, or filter it."""
        view = self._view(message)
        view.first = max(0, int(message["first"]))
        view.count = min(MOST, max(1, int(message["count"])))
        view.states = tuple(s for s in STATES if s in message.get("states", STATES))
        view.text = str(message.get("text", ""))[:200]
        view.key, view.total = str(message.get("key", "")), -1
        view.revision = -1
        self.refresh()

    def do_log(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show the log, sorted and filtered; or no longer."""
        view = self._view(message)
        sort = message.get("sort", "time")
        processor = message.get("processor")
        view.log_open = bool(message.get("open", True))
        view.log = {
            "sort": sort if sort in LOG_COLUMNS else "time",
            "descending": bool(message.get("descending", True)),
            "limit": min(LINES, max(1, int(message.get("limit", 200)))),
            "text": str(message.get("text", ""))[:200],
            "errors": bool(message.get("errors", False)),
            "processor": None if processor in (None, "") else int(processor),
        }
        view.revision = -1
        if message.get("asked"):
            self.desk.line = f"project.queue.log({_log_line(view.log)})"
        self.refresh()

    def do_choose(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Choose from one batch to another in the list, or all that the page's filter lets through.

        Clicks on rows that the page has are chosen there; this is for rows it has not loaded.
        """
        view = self._view(message)
        _, rows = self.project.queue.part(0, 10**9, states=view.states, text=view.text)
        found = [row["id"] for row in rows]
        if message.get("all"):
            self.chosen = found
            return
        ends = [found.index(int(b)) for b in (message["from"], message["to"]) if b in found]
        if ends:
            chosen = found[min(ends) : max(ends) + 1]
            kept = [b for b in self.chosen if b not in chosen] if message.get("add") else []
            self.chosen = kept + chosen

    # -- actions ------------------------------------------------------------------------------

    def do_top(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Put batches first."""
        moved = self._on_chosen("top", message)
        return self._told(moved, message, "put first", "waiting")

    def do_move(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Move batches: up or down by one place (by=), or next to another (after=, before=)."""
        batches = self._batches(message)
        waiting = self.project.queue.waiting()
        mine = [b for b in waiting if b in set(batches)]
        others = [b for b in waiting if b not in set(mine)]
        if not mine:
            raise BadValue("only batches that wait can be moved; choose some of them")
        if "by" in message:
            first = waiting.index(mine[0])
            place = sum(1 for b in waiting[:first] if b not in set(mine)) + int(message["by"])
        elif message.get("after") in others:
            place = others.index(message["after"]) + 1
        else:
            before = message.get("before")
            place = others.index(before) if before in others else len(others)
        place = min(len(others), max(0, place))
        moved = self.project.queue.move(mine, place)
        self.desk.line = f"project.queue.move({numbers(mine)}, {place})"
        return self._told(moved, {"batches": batches}, f"at place {place + 1}", "waiting")

    def do_cancel(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Cancel batches, those that run too."""
        done = self._on_chosen("cancel", message)
        states = self.project.queue.states(done)
        run = sum(state == "running" for state in states.values())
        text = self._told(done, message, "cancelled", "waiting or running")
        return text + (f" ({run} of them ran: asked to end)" if run else "")

    def do_retry(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Queue batches again that failed, or were cancelled or skipped."""
        done = self._on_chosen("retry", message)
        return self._told(done, message, "queued again", "failed, cancelled or skipped")

    def do_pause(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Begin no more batches."""
        self.project.queue.pause()
        return self._after("project.queue.pause()", "paused: no more batches begin")

    def do_resume(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Begin batches again; a dispatcher that left meanwhile, since it was paused, is started."""
        if self.project.queue.counts()["waiting"]:
            return self.do_start(message, buffers)
        self.project.queue.resume()
        return self._after("project.queue.resume()", "batches begin again")

    def do_start(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Start a dispatcher, if nobody works on the queue."""
        found = running.running(self.project)
        if found.paused:
            self.project.queue.resume()
        self._started = dispatch.start(self.project)
        text = found.dispatcher.named if found.dispatcher else "a dispatcher starts"
        return self._after("project.queue.start()", text)

    def do_stop(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Stop the dispatcher, or the live session with it: after what runs, or now."""
        now = bool(message.get("now"))
        if message.get("session"):
            running.stop(self.project, now=now)
        else:
            running.stop_queue(self.project, now=now)
        target = "project" if message.get("session") else "project.queue"
        text = "what runs goes back to the queue" if now else "ends when what runs has ended"
        return self._after(f"{target}.stop({'now=True' if now else ''})", text)

    def do_open(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Open the page of an image."""
        image = self.project.document(int(message["image"]))
        self.desk.current = int(message["image"])
        self.desk.line = f"project[{self.project[self.desk.current].key!r}]  # {image['name']}"
        self.desk.wants = {}  # the same page can be wanted again
        self.desk.wants = {"page": self.desk.current}

    def do_steplog(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Show the logs of a batch's steps."""
        told = steplog.logs(self.project, int(message["batch"]))
        self.desk.line = told["line"]
        self.send({"steplog": told, "page": page_of(message)})

    # -- looking ------------------------------------------------------------------------------

    def look(self) -> None:
        """Send to each page what has changed of what it shows."""
        check_there(self.project)
        revision = self.project.store.revision
        head, moving = self._make_head()
        if head != self._head:
            self._head = head
            self.send({"head": head})
        for page in self._pace.shown:
            view = self._views.get(page)
            if view is None or (view.revision == revision and not moving):
                continue
            self._send_rows(page, view)
            if view.log_open and view.revision != revision:
                self._send_log(page, view)
            view.revision = revision

    def _make_head(self) -> tuple[dict[str, Any], bool]:
        """Give who works and what runs; and whether something moves without a new revision."""
        found = running.running(self.project)
        counts = self.project.queue.counts()
        runs = self.project.queue.part(0, MOST, states=["running"])[1] if counts["running"] else []
        starting = self._started is not None
        if self._started is not None and (code := self._started.poll()) is not None:
            self._started = None
            if code:
                file = dispatch.log_file(self.project)
                text = f"the dispatcher ended at once: {running.last_line(file)}; {file} tells more"
                self.send({"problem": text, "of": "start"})
        if found.dispatcher is not None:
            starting = False
        values = self.project.values()
        slots = workers.share(values["processors"], values["threads"])[0]
        head = {
            "session": asdict(found.session) if found.session else None,
            "dispatcher": asdict(found.dispatcher) if found.dispatcher else None,
            "paused": found.paused,
            "starting": starting,
            "news": found.hindrance or found.news,
            "counts": counts,
            "slots": None if values["scheduler"] else slots,
            "runs": runs,
            "can_write": not self.project.store.read_only,
        }
        return head, bool(runs)

    def _send_rows(self, page: str, view: View) -> None:
        total, rows = self.project.queue.part(
            view.first, view.count, states=view.states, text=view.text
        )
        if view.first >= total > 0:  # the list has become shorter than where the page was
            view.first = max(0, total - view.count)
            _, rows = self.project.queue.part(
                view.first, view.count, states=view.states, text=view.text
            )
        changes = view.rows.changes(rows)
        if changes is None and total == view.total:
            return
        view.total = total
        told = changes or {"order": [row["id"] for row in rows], "rows": []}
        head = {"page": page, "key": view.key, "total": total, "first": view.first}
        self.send({"rows": {**head, **told}})

    def _send_log(self, page: str, view: View) -> None:
        lines = self.project.queue.log(**view.log)
        if (changes := view.lines.changes(lines)) is not None:
            self.send({"log": {"page": page, "limit": view.log["limit"], **changes}})

    # -- helpers ------------------------------------------------------------------------------

    def _view(self, message: Mapping[str, Any]) -> View:
        page = page_of(message)
        self._pace.hear(page)
        return self._views.setdefault(page, View())

    def _batches(self, message: Mapping[str, Any]) -> list[int]:
        batches = [int(batch) for batch in message.get("batches", self.chosen)]
        if not batches:
            raise BadValue("no batch is chosen; click one or more rows first")
        return batches

    def _on_chosen(self, action: str, message: Mapping[str, Any]) -> list[int]:
        """Do what the queue calls so with the chosen batches; those that move keep their order."""
        batches = self._batches(message)
        if action == "top":
            waiting = self.project.queue.waiting()
            batches = [b for b in waiting if b in set(batches)] or batches
        done: list[int] = getattr(self.project.queue, action)(batches)
        self.desk.line = f"project.queue.{action}({numbers(batches)})"
        return done

    def _told(self, done: Sequence[int], message: Mapping[str, Any], what: str, needed: str) -> str:
        asked = self._batches(message)
        self.desk.look()
        self.refresh()
        if not done:
            raise BadValue(f"nothing was {what}: none of the chosen batches is {needed}")
        left = len(asked) - len(done)
        text = f"{counted(len(done), 'batch')} {what}"
        return text + (
            f"; {left} not, which {'is' if left == 1 else 'are'} not {needed}" if left else ""
        )

    def _after(self, line: str, text: str) -> str:
        self.done(line)
        return text

    def __repr__(self) -> str:
        """Tell how the queue stands, where no front end shows it."""
        counts = ", ".join(f"{n} {s}" for s, n in self.project.queue.counts().items() if n)
        return f"<queue of {self.project.name!r}: {counts or 'empty'}; {self.project.running}>"


def _log_line(log: Mapping[str, Any]) -> str:
    """Give the arguments of the log as Python, those that differ from what it does by itself."""
    usual = {"sort": "time", "descending": True, "limit": 200, "text": "", "errors": False}
    return ", ".join(f"{word}={value!r}" for word, value in log.items() if value != usual.get(word))
