"""Programs outside of Python that steps call: where they are, and whether they start."""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focusnb.model.registry import Registry

LIMIT = 10.0  # seconds that a program may take to say its version
MOST = 64 * 1024  # bytes of its answer that are looked at
# What a program is called with; those not named here know --version, or say it in their usage.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {"ctffind": (), "Gctf": (), "Gautomatch": ()}
VERSION = re.compile(r"version\W{0,3}\s*v?(\d+(?:\.\d+)+[\w.+-]*)", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w./])v?(\d+\.\d+(?:\.\d+)*)(?![\w/])")
# What is printed in place of an answer by a program that cannot live here.
BROKEN = re.compile(
    r"^.*(?:error while loading shared libraries|cannot open shared object|Library not loaded"
    r"|bad interpreter|ModuleNotFoundError|ImportError).*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program. folder_word: the parameter that tells its folder. unseen: those of its steps of
    which no real output was ever at hand.
    """

    name: str
    folder_word: str | None
    steps: tuple[str, ...]
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tested:
    """What came out when a program was looked for and started.

    place: where it is, None if it is nowhere. version: what it says of itself. problem: a
    sentence about what is wrong and how to mend it, "" if it starts.
    """

    program: str
    place: Path | None = None
    version: str = ""
    problem: str = ""


def programs(registry: Registry) -> list[Program]:
    """Give the programs that steps need, each once, in the order of the steps."""
    found: dict[tuple[str, str | None], Program] = {}
    for step in registry.steps.values():
        word = next((name for name in step.takes if name.endswith("_folder")), None)
        for name, kind in step.requires.items():
            if kind != "program":
                continue
            known = found.get((name, word), Program(name, word, ()))
            unseen = known.unseen if step.seen else (*known.unseen, step.name)
            found[name, word] = Program(name, word, (*known.steps, step.name), unseen)
    return list(found.values())


def started(program: Program, values: Mapping[str, Any], *, limit: float = LIMIT) -> Tested:
    """Look for a program where the values say, and start it: it has `limit` seconds to answer."""
    folder = values.get(program.folder_word) if program.folder_word else None
    place = find(program.name, folder)
    if place is None:
        return Tested(program.name, problem=missing(program, folder))
    version, problem = _run(place, ARGUMENTS.get(program.name, ("--version",)), limit)
    return Tested(program.name, place, version, problem)


def all_started(
    wanted: Iterable[Program], values: Mapping[str, Any], *, limit: float = LIMIT
) -> list[Tested]:
    """Test programs side by side."""
    wanted = list(wanted)
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda program: started(program, values, limit=limit), wanted))


def find(name: str, folder: str | None) -> Path | None:
    """Give the place of a program: in the folder, or without one on the PATH."""
    where = str(Path(folder).expanduser()) if folder else None
    place = shutil.which(name, path=where)
    return None if place is None else Path(place)


def missing(program: Program, folder: str | None) -> str:
    """Say where a program is not, and what to set."""
    word = program.folder_word
    if not folder:
        mend = f"; set {word} to the folder where it is, or install it" if word else "; install it"
        return f"{program.name} is not on the PATH{mend}"
    place = Path(folder).expanduser()
    if not place.is_dir():
        return f"{folder} is no folder; set {word} to the one where {program.name} is"
    if (place / program.name).is_file():
        return f"{place / program.name} may not be executed; make it executable: chmod +x"
    return f"{program.name} is not in {folder}; set {word} to the folder where it is"


def _run(place: Path, arguments: tuple[str, ...], limit: float) -> tuple[str, str]:
    """Start a program in an empty folder; give its version, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="focusnb-test-", ignore_cleanup_errors=True) as folder:
        try:
            process = subprocess.Popen(
                [str(place), *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return "", f"{place} cannot be started: {error.strerror or error}"
        try:
            text, ended = _answer(process, limit)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    said = VERSION.search(text) or NUMBER.search(text)
    version = said[1] if said else ""
    if not ended and not version:
        return "", f"{place} was started, but did not answer in {limit:g} s; it was ended"
    if ended and process.returncode and (broken := BROKEN.search(text)):
        return "", f"{place} cannot work: {broken[0].strip()[:300]}"
    if ended and process.returncode in (126, 127):
        line = text.strip().splitlines()[-1:] or ["it said nothing"]
        return "", f"{place} cannot work: {line[0][:300]}"
    if ended and process.returncode < 0 and not version:
        return "", f"{place} crashed when it was started (signal {-process.returncode})"
    return version, ""


def _answer(process: "subprocess.Popen[bytes]", limit: float) -> tuple[str, bool]:
    """Read what a program prints until it has ended, said much, or its time is over.

    A child that it left behind may hold its output open for ever: that is not waited for.
    """
    begun, text, ended = time.monotonic(), b"", False
    assert process.stdout is not None
    with selectors.DefaultSelector() as look:
        look.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() - begun < limit and len(text) < MOST:
            ended = process.poll() is not None
            if look.select(0.0 if ended else 0.05):
                chunk = os.read(process.stdout.fileno(), 8192)
                text += chunk
                if chunk:
                    continue
                look.unregister(process.stdout)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, limit - (time.monotonic() - begun)))
                ended = process.poll() is not None
                break
            if ended:
                break
    return text.decode("utf-8", errors="replace"), ended
