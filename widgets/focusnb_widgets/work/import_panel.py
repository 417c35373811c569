"""The import panel: watched folders, the live session, files that are brought in once."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from focusnb.batch import running
from focusnb.batch.preview import Preview, chosen
from focusnb.errors import BadValue, Cancelled, FocusError
from focusnb.model.group import TRASH
from focusnb.model.text import counted
from focusnb.session import Project
from focusnb_widgets.desk import WRONG
from focusnb_widgets.forms.fields import completed
from focusnb_widgets.source import module, style
from focusnb_widgets.tuning.latest import Latest
from focusnb_widgets.work import fields as form
from focusnb_widgets.work.pace import check_there
from focusnb_widgets.work.panel import Panel, page_of

SHOWN = 200  # files that are listed by name
AGAIN = 5.0  # seconds between two looks whether the watched folders are there
NOW = {"settle": 0.0}  # files that are named are taken as they are
TOLD = 0.25  # seconds between two messages about how far an import is


class ImportPanel(Panel):
    """How images come into a project."""

    _esm = module(
        "part.js", "work.js", "import_panel_form.js", "import_panel_watches.js", "import_panel_files.js",
        "import_panel.js",
    )  # fmt: skip
    _css = style("page.css", "parts.css", "work.css", "work_import.css")

    def __init__(self, desk: Any, **traits: Any) -> None:
        super().__init__(desk, **traits)
        self._sent: dict[str, Any] = {}
        self._known: tuple[int, dict[str, Any]] = (-1, {})
        self._asked = 0.0
        self._started: subprocess.Popen[bytes] | None = None
        self._importing: dict[str, Any] | None = None
        self._result: dict[str, Any] | None = None
        self._cancel = threading.Event()
        self._latest, self._imports = Latest(self._failed), Latest(self._failed)

    # -- what a page asks ---------------------------------------------------------------------

    def begin(self, page: str) -> None:
        """Send the words of the forms; all else is sent anew."""
        self._sent, self._known = {}, (-1, {})
        self.send({"fields": form.fields(self.project), "watch": form.WATCH, "files": form.FILES})

    def do_complete(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Give folders whose path begins with what is typed."""
        text = str(message.get("text", ""))
        whole = text.startswith(("/", "~"))
        found = completed(text, [Path("/")], folders=True) if whole else []
        self.send({"folders": found, "page": page_of(message)})

    # -- watches ------------------------------------------------------------------------------

    def do_store(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Store a watch, or change the one of the folder `was`; tell what is wrong by field."""
        folder, values = self._read_watch(message)
        if folder is None:
            return ""
        self.project.watch(folder, **values)
        was = message.get("was")
        if was and was != str(folder):
            self.project.forget_watch(was)
        given = {w: v for w, v in values.items() if v is not None}
        words = "".join(f", {w}={v!r}" for w, v in given.items())
        self.send({"stored": str(folder), "page": page_of(message)})
        self._after(f"project.watch({str(folder)!r}{words})")
        if self.project.running.session is None:
            return f"{folder} is watched as soon as the live session is started"
        return f"{folder} is watched"

    def do_forget(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Watch a folder no longer."""
        folder = str(message["folder"])
        if not self.project.forget_watch(folder):
            raise BadValue(f"{folder} is not watched any more")
        self._after(f"project.forget_watch({folder!r})")
        return f"{folder} is watched no longer; its images stay"

    def do_again(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Have files of a watch looked at again: the refused ones, or all."""
        folder, everything = str(message["folder"]), bool(message.get("everything"))
        found = self.project.look_again(folder, everything=everything)
        more = ", everything=True" if everything else ""
        self._after(f"project.look_again({folder!r}{more})")
        soon = "" if self.project.running.session else ", as soon as the live session runs"
        return f"{counted(found, 'file')} will be looked at again{soon}"

    # -- the live session ---------------------------------------------------------------------

    def do_start(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Start the live session, a process that stays when this page is closed."""
        self._started = running.start(self.project)
        self._after("project.start()")
        return "the live session starts; it goes on when this page is closed"

    def do_stop(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Stop the live session: after what runs, or now."""
        now = bool(message.get("now"))
        running.stop(self.project, now=now)
        self._after(f"project.stop({'now=True' if now else ''})")
        text = "what runs goes back to the queue" if now else "when what runs has ended"
        return f"the live session stops; {text}"

    # -- files --------------------------------------------------------------------------------

    def do_preview(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Tell what a watch, or an import, would bring in; in a thread."""
        page, kind = page_of(message), str(message.get("kind", "files"))
        if kind == "watch":
            folder, values = self._read_watch(message)
            if folder is None:
                return
            files: list[str] = [str(folder)]
        else:
            files, values = self._read_files(message)
            if not files:
                return
            if how := values.pop("how", None):
                values["import_how"] = how
            values |= NOW
        given = {w: v for w, v in values.items() if v is not None}
        more = "".join(f", {w}={v!r}" for w, v in given.items())
        self.desk.line = f"project.preview({_python(files)}{more})"
        self.send({"looking": kind, "page": page})
        root = self.project.root

        def work() -> Preview | str:
            own = Project.open(root)  # this thread's own: its caches belong to one thread
            try:
                found: Preview = own.preview(files, **given)
            except BadValue as error:
                return _wrong_lines(own, files) or str(error)
            finally:
                own.store.close()
            return found

        def then(found: Preview | str) -> None:
            if isinstance(found, str):
                self._tell_wrong("folder" if kind == "watch" else "files", found, page)
            else:
                self.send({"preview": self._told(found), "kind": kind, "page": page})

        self._latest.ask(("preview", page, kind), work, then)

    def do_import(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Bring files in once, in a thread; what is wrong with one stops no other."""
        if self._importing is not None:
            raise BadValue("an import is going on; wait for its end, or stop it")
        files, values = self._read_files(message)
        if not files:
            return ""
        given = {w: v for w, v in values.items() if v is not None}
        self._importing = {"fraction": 0.0, "name": "", "count": 0}
        self._result = None
        self._cancel.clear()
        self._bring(files, given, bool(message.get("process")), page_of(message))
        self.refresh()
        return ""

    def do_cancel_import(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> str:
        """Bring in no further file."""
        self._cancel.set()
        return "the import ends after the present file" if self._importing else ""

    def _bring(self, files: list[str], given: Mapping[str, Any], process: bool, page: str) -> None:
        root = self.project.root
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        told = 0.0

        def progress(done: int, paths: list[Path]) -> None:
            nonlocal told
            if self._cancel.is_set():
                raise Cancelled("stopped on request")
            if loop is not None and time.monotonic() - told > TOLD:
                told = time.monotonic()
                loop.call_soon_threadsafe(self._progress, done, len(paths), paths[done].name)

        def work() -> dict[str, Any]:
            own = Project.open(root)
            found: dict[str, Any] = {"new": [], "known": [], "refused": [], "stopped": False}
            try:
                try:  # a large folder, or a slow disk, takes its time
                    paths = sorted(chosen(own, files, **NOW), key=_recorded)
                except BadValue as error:
                    return {"wrong": _wrong_lines(own, files) or str(error)}
                if not paths:
                    return {"wrong": "no file there has a name of those to import"}
                found["asked"] = len(paths)
                for number, path in enumerate(paths):  # what has come in is told in any case
                    progress(number, paths)
                    added = own.bring(path, **given)
                    found["new"] += [image.id for image in added.images]
                    found["known"] += [str(p) for p, _ in added.known]
                    found["refused"] += [(p.name, reason) for p, reason in added.refused]
            except Cancelled:
                found["stopped"] = True
            finally:
                own.store.close()
            return found

        more = "".join(f", {w}={v!r}" for w, v in given.items())
        line = f"project.add({_python(files)}{more})"

        def then(found: Mapping[str, Any]) -> None:
            self._importing = None
            if "wrong" in found:
                self._tell_wrong("files", found["wrong"], page)
                self.refresh()
            else:
                self._brought(found, process, line)

        self._imports.ask("import", work, then)

    def _progress(self, done: int, count: int, name: str) -> None:
        if self._importing is not None:
            self._importing = {"fraction": done / count, "name": name, "count": count}
            self.refresh()

    def _brought(self, found: Mapping[str, Any], process: bool, line: str) -> None:
        """Tell what an import has brought, and have it processed."""
        images = [self.project[number] for number in found["new"]]
        broken = [(image.key, image.name, image.error) for image in images if image.error]
        ready = [image.id for image in images if not image.error]
        self.desk.line = line
        queued = 0
        if process and ready:
            try:
                queued = len(self.desk.process(ready))
                self.desk.line = f"{line}\n{self.desk.line}"
            except WRONG as error:  # what has come in is there all the same
                self.tell_problem("process", error)
        self._result = {
            "asked": found["asked"],
            "new": len(images),
            "known": len(found["known"]),
            "refused": found["refused"][:SHOWN],
            "broken": broken[:SHOWN],
            "queued": queued,
            "stopped": found["stopped"],
        }
        self.desk.look()
        self.refresh()

    # -- looking ------------------------------------------------------------------------------

    def look(self) -> None:
        """Send to the pages what has changed."""
        state = self._state()
        changed = {word: value for word, value in state.items() if self._sent.get(word) != value}
        new = not self._sent
        self._sent = state
        if changed or new:
            self.send({"state": changed})

    def _state(self) -> dict[str, Any]:
        project = self.project
        check_there(project)
        revision = project.store.revision
        # a folder may come and go without a trace in the project
        if revision != self._known[0] or time.monotonic() - self._asked > AGAIN:
            self._asked = time.monotonic()
            self._known = (revision, {"watches": self._watches(), "groups": self._groups()})
        found = running.running(project)
        if self._started is not None and (code := self._started.poll()) is not None:
            self._started = None
            if code:
                text = f"the live session ended: {running.last_line(running.log_file(project))}"
                self.send({"problem": text, "of": "start"})
        starting = self._started is not None and found.session is None
        log = running.log_file(project) if not project.store.read_only else None
        return {
            **self._known[1],
            "session": asdict(found.session) if found.session else None,
            "starting": starting,
            "paused": found.paused,
            "workflow": " ".join(project.workflow),
            "news": found.news,
            "hindrance": found.hindrance,
            "now": {folder: dict(one) for folder, one in found.watches.items()},
            "log": running.last_lines(log, 30) if log is not None else [],
            "importing": self._importing,
            "result": self._result,
            "can_write": not project.store.read_only,
        }

    def _watches(self) -> list[dict[str, Any]]:
        words = self.project.words
        told = []
        for one in self.project.watches:
            options = [
                [words[w].label if w in words else "Group", form.shown(self.project, w, v)]
                for w, v in one.options.items()
            ]
            raw = {
                w: ("yes" if v else "no") if isinstance(v, bool) else str(v)
                for w, v in one.options.items()
            }
            told.append({**asdict(one), "options": raw, "shown": options})
        return told

    def _groups(self) -> list[dict[str, Any]]:
        """Give the gain and the defects that each group uses."""
        rows = self.project.store.rows(
            "select place, count(*) from image where place != ? group by place order by place",
            (TRASH,),
        )
        told = []
        for group, count in [(row[0], row[1]) for row in rows]:
            values = self.project.values(group=group)
            one = {"group": group, "images": count, "corrected": bool(values["gain_corrected"])}
            for word in ("gain", "defects"):
                origin = values.origin(word) if values[word] is not None else ""
                one[word] = str(values[word] or "")
                one[f"{word}_origin"] = origin
                place = self.project.root / Path(one[word]).expanduser()
                one[f"{word}_there"] = not one[word] or place.is_file()
            told.append(one)
        return told

    # -- helpers ------------------------------------------------------------------------------

    def _read_watch(self, message: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
        """Read the form of a watch; None, and sentences for its fields, when something is wrong."""
        wrong: dict[str, str] = {}
        folder = None
        try:
            folder = form.read_folder(
                self.project, message.get("folder"), anyway=bool(message.get("anyway"))
            )
        except FocusError as error:
            wrong["folder"] = str(error)
        words = (*form.WATCH, *form.FOLDED)
        values, others = form.read(self.project, message.get("options", {}), words, folder)
        wrong |= others
        missing = "no such folder" in wrong.get("folder", "")
        told = {"errors": wrong, "form": "watch", "missing": missing, "page": page_of(message)}
        self.send(told)
        return (None if wrong else folder), values

    def _read_files(self, message: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Read the form of an import; no files, and sentences, when something is wrong."""
        files = [line.strip() for line in str(message.get("files", "")).splitlines()]
        files = [line.removeprefix("file://") for line in files if line]
        values, wrong = form.read(self.project, message.get("options", {}), form.FILES)
        if not files:
            wrong["files"] = "name files, patterns such as /data/*.tif, or a folder, one a line"
        elif not all(_is_whole(line) for line in files):
            wrong["files"] = _wrong_lines(self.project, files)
        values["how"] = values.pop("import_how", None)
        self.send({"errors": wrong, "form": "files", "page": page_of(message)})
        return ([] if wrong else files), values

    def _told(self, found: Preview) -> dict[str, Any]:
        words = self.project.words
        values = [
            {
                "label": words[one.word].label,
                "unit": "" if words[one.word].unit == "1" else words[one.word].unit,
                "value": words[one.word].show(one.value),
                "origin": one.origin,
                "rival": words[one.word].show(one.rival),
            }
            for one in found.values
        ]
        return {
            "new": len(found.new),
            "known": len(found.known),
            "growing": len(found.growing),
            "opened": found.opened,
            "names": [path.name for path in found.new[:8]],
            "refused": [(path.name, reason) for path, reason in found.refused],
            "first": found.first.name if found.first else "",
            "group": found.group,
            "shape": list(found.shape or ()),
            "recorded": found.recorded,
            "values": values,
            "notes": found.notes,
        }

    def _tell_wrong(self, field: str, problem: str, page: str) -> None:
        """Tell beside its field what only a look at the disk could find out."""
        which = "watch" if field == "folder" else "files"
        self.send({"errors": {field: problem}, "form": which, "page": page})

    def _failed(self, kind: Any, error: Exception) -> None:
        if kind == "import":
            self._importing = None
            self.refresh()
        self.tell_problem("import" if kind == "import" else "preview", error)

    def _after(self, line: str) -> None:
        self._known = (-1, {})
        self.done(line)

    def __repr__(self) -> str:
        """Tell what is watched, where no front end shows it."""
        watches = ", ".join(one.folder for one in self.project.watches) or "no folder"
        return f"<import of {self.project.name!r}: {watches} watched; {self.project.running}>"


def _is_whole(line: str) -> bool:
    return Path(line).expanduser().is_absolute()


def _wrong_lines(project: Project, files: Sequence[str]) -> str:
    """Tell what is wrong with each line that names files, one sentence a line; folders count as sound."""
    told = []
    for line in files:
        if not _is_whole(line):
            told.append(f"{line}: give the whole path, which begins with /")
        elif not Path(line).expanduser().is_dir():
            try:
                chosen(project, line)
            except BadValue as error:
                told.append(str(error))
    return "\n".join(told)


def _recorded(path: Path) -> float:
    """Give when a file was written: images come in as they were recorded."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _python(files: Sequence[str]) -> str:
    return repr(files[0] if len(files) == 1 else list(files))
