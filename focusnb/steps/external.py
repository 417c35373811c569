"""Programs outside of Python: run without a shell, watched, and ended when they must end."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, MissingProgram, ProgramFailed
from focusnb.model.job import Job
from focusnb.model.param import Param
from focusnb.model.step import Step
from focusnb.model.vocabulary import vocabulary

PROGRESS = re.compile(rb"<<@progress:\s*(\d+\.?\d*)\s*>>")
WORD = re.compile(r"\{(\w+)\}")
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be


def run_command(
    job: Job,
    command: Sequence[str],
    *,
    folder: Path,
    name: str,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    advice: str = "",
) -> str:
    """Run a command in a folder and give what it printed.

    It gets a process group of its own, which is ended as a whole: on cancelling, after the job's
    time limit, and (on Linux) when the worker dies. `<<@progress: 50>>` in its output moves the
    progress bar. Raises MissingProgram, ProgramFailed or Cancelled.
    """
    output = folder / f".{name}.out"
    answers = folder / f".{name}.in"
    answers.write_text(stdin or "", encoding="utf-8")
    with output.open("wb") as out, answers.open("rb") as answer:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdin=answer,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise MissingProgram(
                f"{command[0]} cannot be run ({error.strerror}); {advice}".rstrip("; ")
            ) from None
        try:
            _watch(job, process, output, name)
        finally:
            _end_group(process)
            text = output.read_text(encoding="utf-8", errors="replace")
            job.log(text.rstrip())
    if process.returncode:
        tail = " / ".join(line.strip() for line in text.splitlines()[-3:] if line.strip())
        raise ProgramFailed(
            f"{name} ended with code {process.returncode}: {tail or 'it printed nothing'}"
        )
    return text


def program(
    name: str,
    title: str,
    command: str,
    *,
    category: str,
    results: str,
    stdin: str | None = None,
    outputs: Mapping[str, str] | None = None,
    parse: Callable[[str], Mapping[str, Any]] | None = None,
    collect: Callable[[Job, Path, Mapping[str, Any]], Mapping[str, Any]] | None = None,
    adapt: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    suffixes: Mapping[str, Mapping[str, str]] | None = None,
    extra: str = "",
    folder_word: str | None = None,
    requires: Mapping[str, Any] | None = None,
    version: str = "1",
    help: str = "",
    seen: bool = True,
) -> Step:
    """Make a Step of an external program.

    command: a template; `{word}` is replaced by the word's value, a part in [brackets] vanishes
    when a value in it is missing. No shell reads it. Files are handed over as links with simple
    names (`movie.tif`), so that no program stumbles over blanks or quotes. stdin: answers to what
    the program asks; a line of which nothing is left vanishes. outputs: which file becomes the
    product of which word. parse: pure function from the printed text to results. collect: reads
    results from other files the program wrote.
    adapt: makes further words for the template from the values. suffixes: by word, the endings that
    the program wants for files of another ending, {"movie": {".mrc": ".mrcs"}}. extra: words that
    only `adapt` needs. folder_word: parameter that tells where the program is installed.
    """
    words = vocabulary()
    tried = f"{command} {stdin or ''}"
    used = list(dict.fromkeys([*WORD.findall(tried), *extra.split()]))
    names = [w for w in used if w in words] + ([folder_word] if folder_word else [])
    optional = set(WORD.findall(" ".join(OPTIONAL.findall(tried)))) | set(extra.split())
    binary = command.split()[0]

    def run(job: Job) -> Mapping[str, Any]:
        folder = job.folder / f".work-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        values = dict(job.values)
        texts = _texts(folder, step.params, values, suffixes or {})
        texts["threads"] = str(job.threads)
        texts |= {
            k: v if v is None else str(v) for k, v in (adapt(values) if adapt else {}).items()
        }
        where = _find(binary, values.get(folder_word) if folder_word else None, folder_word)
        filled = fill(command, texts)
        answers = None if stdin is None else _answers(stdin, texts)
        job.log(" ".join([where, *filled[1:]]))
        text = run_command(job, [where, *filled[1:]], folder=folder, name=name, stdin=answers)
        found: dict[str, Any] = dict(parse(text)) if parse else {}
        for word, file in (outputs or {}).items():
            if (folder / file).is_file():
                os.replace(folder / file, job.path(word))
                found[word] = job.keep(word)
        if collect is not None:
            found |= collect(job, folder, values)
        return found

    step = Step(
        name=name,
        title=title,
        category=category,
        params=tuple(words[w] for w in names),
        results=tuple(words[w] for w in results.split()),
        run=run,
        requires={binary: "program", **(requires or {})},
        help=help,
        version=version,
        required=frozenset(w for w in names if w not in optional and words[w].default is None),
        seen=seen,
    )
    return step


def fill(template: str, texts: Mapping[str, str | None]) -> list[str]:
    """Give the words of a command: values put in after splitting, so blanks in them do no harm."""

    def keep(match: re.Match[str]) -> str:
        missing = any(not texts.get(word) for word in WORD.findall(match[1]))
        return "" if missing else match[1]

    def put(match: re.Match[str]) -> str:
        value = texts.get(match[1])
        if value is None:
            raise BadStep(f"the command {template!r} needs {match[1]}, which has no value")
        return value

    return [WORD.sub(put, part) for part in OPTIONAL.sub(keep, template).split()]


def _answers(template: str, texts: Mapping[str, str | None]) -> str:
    """Give the lines for stdin; one that holds only values that are missing is left out."""
    lines = [(line, " ".join(fill(line, texts))) for line in template.splitlines()]
    return "".join(f"{filled}\n" for line, filled in lines if filled or not line.strip())


def _texts(
    folder: Path,
    params: Sequence[Param],
    values: Mapping[str, Any],
    suffixes: Mapping[str, Mapping[str, str]],
) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    for param in params:
        value = values.get(param.name)
        if value is not None and param.type == "path":
            suffix = Path(value).suffix.lower()
            link = folder / f"{param.name}{suffixes.get(param.name, {}).get(suffix, suffix)}"
            link.symlink_to(Path(value).absolute())
            texts[param.name] = link.name
        else:
            texts[param.name] = None if value is None else param.as_text(value)
    return texts


def _find(binary: str, folder: str | None, word: str | None) -> str:
    place = Path(folder).expanduser() / binary if folder else None
    if place is not None and os.access(place, os.X_OK):
        return str(place)
    found = None if folder else shutil.which(binary)
    if found is None:
        where = f"in {folder}" if folder else "on the PATH"
        mend = f"; tell where it is: focusnb set --user {word}=/folder" if word else ""
        raise MissingProgram(f"the program {binary} is not {where}{mend}")
    return found


def _die_with_parent() -> None:
    """In the child: end as soon as the worker that started it ends (Linux)."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(job: Job, process: subprocess.Popen[bytes], output: Path, name: str) -> None:
    begun, read, fraction = time.monotonic(), 0, 0.01
    while True:
        try:
            process.wait(0.1)
            return
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() - begun > job.time_limit:
            raise ProgramFailed(
                f"{name} was ended: it ran longer than time_limit = {job.time_limit:g} s"
            )
        with output.open("rb") as log:
            log.seek(read)
            news = log.read()
        read += max(0, len(news) - 64)  # a progress mark may be half written
        for mark in PROGRESS.findall(news):
            fraction = min(float(mark) / 100, 1.0)
        job.report(fraction, name)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the process group, first kindly, and children that left the group."""
    import psutil

    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGTERM:
            time.sleep(0.05)
    process.poll()
    for child in family:
        with contextlib.suppress(psutil.Error):
            child.kill()
