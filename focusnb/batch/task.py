"""A task: one try of a batch, as plain data; built from the project, run by a worker anywhere."""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, BadValue, Cancelled, FocusError, MissingProduct
from focusnb.model import fingerprint, tries, workflow
from focusnb.model.job import Job
from focusnb.model.param import Param
from focusnb.model.project import Project
from focusnb.model.record import Outcome, Run
from focusnb.model.registry import Registry
from focusnb.model.settings import write_text
from focusnb.model.stale import settings, settings_digest
from focusnb.model.step import Step

CANCEL, PROGRESS = ".cancel", ".progress"
# What no step makes: the movie as recorded, other people's trials, and the image's own papers.
KEPT = frozenset(("raw", "trials", "logs", "image.json", "results.json"))


@dataclass(frozen=True, slots=True)
class Task:
    """One try of a batch.

    home: the image's folder; scratch: the try's own. values: what is known of the words its steps
    take, paths absolute. prints: fingerprints of files by word. runs: fingerprints of earlier runs
    by step. settings: digest of the settings by step. locked: results that stay as they are.
    resources: what a worker must have.
    """

    image: int
    group: str
    name: str
    home: str
    scratch: str
    steps: tuple[str, ...]
    values: Mapping[str, Any]
    batch: int = 0
    try_: int = 1
    scripts: tuple[str, ...] = ()
    prints: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    trial: str = ""
    threads: int = 1
    time_limit: float = 3600.0
    resources: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()


def build(project: Project, row: Mapping[str, Any], *, threads: int = 1) -> Task:
    """Make the task of a batch's row: values are looked up now, when it is about to run.

    row: image, steps (names separated by blanks), given (JSON), trial, force, id, try.
    """
    image = int(row["image"])
    document = project.document(image)
    home = project.folder(image)
    given = project.words.read(json.loads(row["given"]), "this batch")
    values = project.values(image)
    prints = fingerprint.of_own_files(home, document)
    names, notes = _left_to_do(row["steps"].split(), document, bool(row["force"]))
    available = {w for w in values if values[w] is not None and prints.get(w) != "absent"}
    available |= {w for w, v in given.items() if v is not None}
    steps, brought = workflow.resolve(
        names, project.registry, available=available, preferred=project.workflow
    )
    known: dict[str, Any] = {}
    for param in {p.name: p for s in steps for p in s.params}.values():
        if param.name in given:
            known[param.name] = _absolute(param, given[param.name], project.root)
        elif values.origin(param.name) != "system":
            value = values[param.name]
            known[param.name] = (
                str(project.resolve(image, param.name)) if param.type == "path" and value else value
            )
    return Task(
        image=image,
        group=document["group"],
        name=document["name"],
        home=str(home),
        scratch=str(tries.folder_of(home, row["id"], row["try"])),
        steps=tuple(step.name for step in steps),
        values=known,
        batch=int(row["id"]),
        try_=int(row["try"]),
        scripts=tuple(str(folder) for folder in project.registry.script_folders),
        prints={w: print_ for w, print_ in prints.items() if w not in given},
        runs={s: r["fingerprint"] for s, r in document["runs"].items() if "fingerprint" in r},
        settings={s.name: settings_digest(_settings(project, s, document, given)) for s in steps},
        force=bool(row["force"]),
        trial=row["trial"],
        threads=threads,
        time_limit=float(project.values()["time_limit"]),
        resources=_resources(steps, known),
        notes=(*notes, *brought),
        locked=tuple(
            w
            for w in document["locked"]
            if document["results"].get(w, document["values"].get(w)) is not None
        ),
    )


def run(task: Task, on_progress: Callable[[float, str], None] | None = None) -> Outcome:
    """Run a task where it is; what goes wrong in a step is told in the outcome, never raised."""
    scratch = Path(task.scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    runner = _Runner(task, on_progress)
    state, message, failed = "done", "", ""
    step: Step | None = None
    try:
        for step in runner.steps():
            runner.run(step)
        if not runner.runs:
            state, message = "skipped", "everything is up to date"
    except Cancelled as error:
        state, message = "cancelled", str(error)
    except FocusError as error:
        state, message, failed = "failed", str(error), step.name if step else ""
    except Exception as error:
        where = step.name if step else "the workflow"
        state, failed = "failed", step.name if step else ""
        kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        message = f"{where} failed: {kind}{error}"
        runner.job.log(traceback.format_exc())
    if step is not None and state in ("failed", "cancelled"):
        runner.write_log(step, message)
    if task.trial:
        text = json.dumps(runner.results, ensure_ascii=False, indent=1)
        write_text(scratch / "results.json", text)
    return Outcome(
        image=task.image,
        scratch=task.scratch,
        state=state,
        message=" ".join(message.split()),
        runs=tuple(runner.runs),
        files=runner.files(),
        trial=task.trial,
        step=failed,
        notes=(*task.notes, *runner.notes),
        current=tuple(runner.current),
    )


class _Runner:
    """Runs the steps of one task one after the other."""

    def __init__(self, task: Task, on_progress: Callable[[float, str], None] | None) -> None:
        self.task = task
        self.registry = Registry(Path(folder) for folder in task.scripts)
        self.scratch, self.home = Path(task.scratch), Path(task.home)
        self.runs: list[Run] = []
        self.results: dict[str, Any] = {}
        self.notes: list[str] = []
        self.current: list[tuple[str, str]] = []
        self.prints = dict(task.prints)
        self.logs: list[str] = []
        self._on_progress = on_progress
        self._looked = self._told = 0.0
        self._done, self._now = 0, ""
        self.job = Job(
            folder=self.scratch,
            home=self.home,
            image={"id": task.image, "group": task.group, "name": task.name},
            threads=task.threads,
            report=self.report,
            words=self.registry.words,
            time_limit=task.time_limit,
        )

    def steps(self) -> list[Step]:
        return [self.registry.step(name) for name in self.task.steps]

    def run(self, step: Step) -> None:
        """Run one step, or leave it out when nothing changed since it ran."""
        self._now = step.name
        self.report(0.0, step.title)
        values = {p.name: self._value(p) for p in step.params}
        plain, inputs = self._used(step, values)
        print_ = fingerprint.of_run(step.name, step.version, plain, inputs)
        self.job.values, self.job.lines = values, []
        if self._up_to_date(step, print_):
            self.current.append((step.name, self.task.settings.get(step.name, "")))
            self._done += 1
            return
        job = self.job
        started, begun = datetime.now(UTC), time.monotonic()
        step.check(values)
        for param in step.params:
            value = values[param.name]
            if param.type == "path" and not param.made and value and not Path(value).exists():
                raise BadValue(
                    f"{param.name} = {value}: there is no such file; set {param.name} anew"
                )
        found = dict(step.run(job))
        results, products = self._checked(step, found)
        self.results |= {w: v for w, v in results.items() if w not in self.task.locked}
        for word in products:
            if word not in self.task.locked:
                self.prints[word] = f"{print_}:{word}"
            else:  # what comes after works with the file that stays
                self.job.memory.pop(word, None)
                self.job.made.pop(word, None)
        self.runs.append(
            Run(
                step=step.name,
                version=step.version,
                fingerprint=print_,
                settings=self.task.settings.get(step.name, ""),
                values=plain,
                results=results,
                products=products,
                started=started.isoformat(timespec="seconds"),
                seconds=time.monotonic() - begun,
                notes=tuple(found.get("notes", ())),
                inputs=tuple(inputs),
            )
        )
        self.write_log(step, f"done in {time.monotonic() - begun:.1f} s")
        self._done += 1
        self.report(0.0, step.title)

    def write_log(self, step: Step, last: str) -> None:
        """Write the step's log into the try's folder."""
        name = f"logs/{step.name}.log"
        used = [f"  {k} = {v}" for k, v in self.job.values.items() if v is not None]
        head = (
            f"{step.title} ({step.name} {step.version}), {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        text = "\n".join([head, *used, *self.job.lines, last, ""])
        # the try's folder is gone when this is read: say where its files are then
        text = text.replace(f"{self.scratch}/", f"{self.home}/")
        write_text(self.scratch / name, text)
        if name not in self.logs:
            self.logs.append(name)

    def files(self) -> tuple[str, ...]:
        """Names of the files that shall be kept, relative to the try's folder, each once."""
        names: list[str] = []
        for run in self.runs:
            names += run.products.values()
        names += self.logs
        if self.task.trial:
            names.append("results.json")
        return tuple(dict.fromkeys(names))

    def report(self, fraction: float, text: str = "") -> None:
        """Move the progress bar and look whether the batch was cancelled."""
        now = time.monotonic()
        if now - self._looked > 0.1:
            self._looked = now
            if (self.scratch / CANCEL).exists():
                raise Cancelled("cancelled on request")
        if now - self._told < 0.5 and fraction:
            return
        self._told = now
        total = (self._done + min(max(fraction, 0.0), 1.0)) / max(1, len(self.task.steps))
        if self._on_progress is not None:
            self._on_progress(total, text)
        part = self.scratch / f"{PROGRESS}-part"
        part.write_text(json.dumps({"fraction": total, "text": text, "step": self._now}))
        os.replace(part, self.scratch / PROGRESS)

    def _value(self, param: Param) -> Any:
        if param.name in self.results:
            value = self.results[param.name]
            made = self.job.made.get(param.name)
            return str(made) if param.type == "path" and made else value
        value = self.task.values.get(param.name)
        if value is None:
            return param.default
        if param.made and param.type == "path" and not Path(value).is_file():
            return None
        return value

    def _used(self, step: Step, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        plain = {p.name: values[p.name] for p in step.params if p.type != "path"}
        inputs = {
            p.name: self.prints.get(p.name) or fingerprint.of_file(Path(values[p.name]))
            for p in step.params
            if p.type == "path" and values[p.name] is not None
        }
        return plain, inputs

    def _up_to_date(self, step: Step, print_: str) -> bool:
        if self.task.force or self.task.trial or self.task.runs.get(step.name) != print_:
            return False
        return not any(
            self.prints.get(word) == "absent" or "changed by hand" in self.prints.get(word, "")
            for word in step.makes
        )

    def _checked(
        self, step: Step, found: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        if unknown := sorted(set(found) - set(step.makes) - {"notes"}):
            raise BadStep(f"{step.name} gave {unknown[0]}, which it does not declare")
        results: dict[str, Any] = {}
        products: dict[str, str] = {}
        for param in step.results:
            value = param.read(_plain(found.get(param.name)), f"the results of {step.name}")
            results[param.name] = value
            if param.type == "path" and value is not None:
                file = self._file_of(step, param.name, value)
                self.job.made[param.name] = self.scratch / file
                results[param.name] = products[param.name] = file
        return results, products

    def _file_of(self, step: Step, word: str, value: str) -> str:
        """Give a product's name relative to the try's folder, whichever way the step tells it."""
        root = self.scratch.resolve()
        path = (self.scratch / value).resolve()
        if not path.is_relative_to(root):
            raise BadStep(f"{step.name}: {word} = {value} leads out of the image's folder")
        if not path.is_file():
            raise MissingProduct(f"{step.name} says it wrote {word}, but {value} is not there")
        file = path.relative_to(root)
        if file.parts[0] in KEPT or file.parts[0].startswith("."):
            raise BadStep(
                f"{step.name}: {word} = {value}: this name is kept for the image; choose another"
            )
        return str(file)


def _settings(
    project: Project, step: Step, document: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the settings of a run; values of this batch only make them differ if they do."""
    found = settings(step, project.values(group=document["group"]), document["values"])
    return found | {p.name: given[p.name] for p in step.params if p.name in given}


def _left_to_do(
    names: list[str], document: Mapping[str, Any], force: bool
) -> tuple[list[str], list[str]]:
    """Leave out the steps whose products came in with the image: what exists is not made again."""
    imported = {s for s, run in document["runs"].items() if run.get("imported")}
    left = [name for name in names if force or name not in imported]
    out = [name for name in names if name not in left]
    return left, [f"{name} is left out: its result was imported" for name in out]


def _resources(steps: Iterable[Step], values: Mapping[str, Any]) -> dict[str, float]:
    """Union of what the steps require of a worker."""
    needed: dict[str, float] = {}
    for step in steps:
        for name, amount in step.resources(values).items():
            needed[name] = max(needed.get(name, 0.0), amount)
    return needed


def _absolute(param: Param, value: Any, base: Path) -> Any:
    if param.type == "path" and value is not None:
        return str(base / Path(value).expanduser())
    return value


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, and what is not finite into "not available"."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
        return None
    if isinstance(value, list | tuple):
        if any(isinstance(v, float) and v != v for v in value):
            return None
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return value
