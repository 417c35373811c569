"""Users' scripts: csh, sh, Python, anything executable that carries a metadata header."""

import hashlib
import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, BadValue
from focusnb.model.job import Job
from focusnb.model.param import Param
from focusnb.model.step import CATEGORIES, Step
from focusnb.model.vocabulary import Vocabulary
from focusnb.steps.external import run_command

# The block of inline script metadata, as Python's packaging specification defines it.
BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
KEYS = {"title", "category", "params", "results", "help", "requires", "while_importing", "param"}
# What a script is told beside its values.
FACTS = {"image_group", "image_name", "image_number", "image_folder", "threads"}
INTERPRETERS = {".py": [sys.executable], ".sh": ["/bin/sh"], ".csh": ["csh", "-f"], ".pl": ["perl"]}


def script(path: Path, words: Vocabulary) -> tuple[Step | None, Vocabulary]:
    """Read a script's header; give its step and the vocabulary with the words it declares.

    A file without a header is no step: None. A header with a mistake raises BadStep.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    header = _header(path, text)
    if header is None:
        return None, words
    if unknown := sorted(set(header) - KEYS):
        raise BadStep(
            f"{path}: unknown key {unknown[0]!r} in [tool.focusnb]; known are {', '.join(sorted(KEYS))}"
        )
    if not path.stem.isidentifier():
        raise BadStep(f"{path}: the file's name becomes the step's; use letters, digits and _")
    _check_header(header, path)
    taken, made = _names(header, "params", path), _names(header, "results", path)
    declared = {
        name: {**table, "made": True} if name in made and isinstance(table, dict) else table
        for name, table in header.get("param", {}).items()
    }
    if reserved := sorted({*taken, *made} & FACTS):
        raise BadStep(
            f"{path}: {reserved[0]} is told to every script; call the parameter otherwise"
        )
    words = words.extended(declared, source=str(path))
    params = tuple(_word(words, name, path) for name in taken)
    results = tuple(_word(words, name, path) for name in made)
    if unused := sorted(set(declared) - {p.name for p in (*params, *results)}):
        raise BadStep(f"{path}: {unused[0]} is declared but neither in params nor in results")
    command = _command(path, text)

    def run(job: Job) -> Mapping[str, Any]:
        return _run(job, path, command, params, results)

    step = Step(
        name=path.stem,
        title=str(header.get("title", path.stem)),
        category=str(header.get("category", "Measure")),
        params=params,
        results=results,
        run=run,
        requires=dict(header.get("requires", {})),
        help=str(header.get("help", "")),
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        required=frozenset(p.name for p in params if p.made),
        while_importing=bool(header.get("while_importing", False)),
    )
    return step, words


def _check_header(header: Mapping[str, Any], path: Path) -> None:
    kinds = {"title": str, "category": str, "help": str, "while_importing": bool}
    for key, kind in {**kinds, "requires": dict, "param": dict}.items():
        if key in header and not isinstance(header[key], kind):
            what = {str: "text", bool: "true or false", dict: "a table"}[kind]
            raise BadStep(f"{path}: {key} = {header[key]!r}; {what} is expected")
    if header.get("category", "Measure") not in CATEGORIES:
        raise BadStep(f"{path}: category {header['category']!r} is none of {', '.join(CATEGORIES)}")
    for name, amount in header.get("requires", {}).items():
        if amount != "program" and (
            isinstance(amount, bool) or not isinstance(amount, int | float)
        ):
            raise BadStep(
                f'{path}: requires {name} = {amount!r}; write a number, or "program" for a program'
            )


def environment(job: Job, params: tuple[Param, ...], results: Path) -> dict[str, str]:
    """Give what a script finds in its environment: each value by name, and all of them as JSON."""
    values = {p.name: job.values.get(p.name) for p in params}
    facts = {
        "image_group": str(job.image["group"]),
        "image_name": str(job.image["name"]),
        "image_number": f"{job.image['id']:010d}",
        "image_folder": str(job.home),
        "threads": str(job.threads),
    }
    return {
        **{p.name: p.as_text(values[p.name]) for p in params},
        **facts,
        "FOCUSNB_PARAMETERS": json.dumps({**facts, **values}, ensure_ascii=False),
        "FOCUSNB_RESULTS": str(results),
    }


def read_results(text: str, results: tuple[Param, ...], name: str) -> dict[str, Any]:
    """Read `name = value` lines; raises BadStep for a word that the header does not declare."""
    known = {p.name: p for p in results}
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise BadStep(f"{name}: line {number} of its results is {line!r}; write name = value")
        if word not in known:
            raise BadStep(f"{name} gave {word}, which its header does not declare in results")
        try:
            param = known[word]
            found[word] = json.loads(value) if param.type == "series" else param.read(value, name)
        except (BadValue, json.JSONDecodeError) as error:
            raise BadStep(f"line {number} of {name}'s results: {error}") from None
    return found


def _run(
    job: Job, path: Path, command: list[str], params: tuple[Param, ...], results: tuple[Param, ...]
) -> Mapping[str, Any]:
    place = job.folder / f".results-{path.stem}"
    place.write_text("", encoding="utf-8")
    run_command(
        job,
        command,
        folder=job.folder,
        name=path.stem,
        env=environment(job, params, place),
        advice="its first line names the interpreter (#!/bin/csh -f); is that installed?",
    )
    return read_results(place.read_text(encoding="utf-8", errors="replace"), results, path.name)


def _header(path: Path, text: str) -> dict[str, Any] | None:
    blocks = [m for m in BLOCK.finditer(text.replace("\r\n", "\n")) if m["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise BadStep(f"{path}: has {len(blocks)} script blocks; one is allowed")
    lines = blocks[0]["content"].splitlines(keepends=True)
    content = "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise BadStep(f"{path}: its header cannot be read: {error}") from None
    tools = table.get("tool", {})
    found = tools.get("focusnb") if isinstance(tools, dict) else None
    if found is not None and not isinstance(found, dict):
        raise BadStep(f"{path}: tool.focusnb is a table; begin it with [tool.focusnb]")
    return found


def _names(header: Mapping[str, Any], key: str, path: Path) -> list[str]:
    names = header.get(key, [])
    if isinstance(names, str):
        names = names.split()
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise BadStep(f"{path}: {key} is a list of words")
    return names


def _word(words: Vocabulary, name: str, path: Path) -> Param:
    if name not in words:
        raise BadStep(
            f"{path}: the vocabulary has no {name!r}; declare it in [tool.focusnb.param.{name}]"
        )
    return words[name]


def _command(path: Path, text: str) -> list[str]:
    if os.access(path, os.X_OK) and text.startswith("#!"):
        return [str(path)]
    if text.startswith("#!"):
        try:
            words = shlex.split(text.splitlines()[0][2:])
        except ValueError as error:
            raise BadStep(f"{path}: its first line cannot be read: {error}") from None
        if words:
            return [*words, str(path)]
    if path.suffix in INTERPRETERS:
        return [*INTERPRETERS[path.suffix], str(path)]
    raise BadStep(
        f"{path}: begin it with a line like #!/bin/csh -f, so that it is known how to run it"
    )
