"""Fingerprints: how it is known that nothing changed since a step ran."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def of_run(name: str, version: str, values: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Give the fingerprint of a run: step, version, the values it used, its inputs' fingerprints."""
    text = json.dumps(
        [name, version, dict(values), dict(inputs)], sort_keys=True, ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def of_file(path: Path) -> str:
    """Give the fingerprint of a file that is no product: its size and time."""
    try:
        stat = path.stat()
    except OSError:
        return "absent"
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}"


def of_product(folder: Path, entry: Mapping[str, Any]) -> str:
    """Give a product's fingerprint: that of its run, or its own if it was changed by hand."""
    path = folder / entry["file"]
    try:
        stat = path.stat()
    except OSError:
        return "absent"
    if (stat.st_size, stat.st_mtime_ns) != (entry["size"], entry["mtime_ns"]):
        return f"changed by hand:{stat.st_size}:{stat.st_mtime_ns}"
    return str(entry["fingerprint"])


def of_own_files(folder: Path, document: Mapping[str, Any]) -> dict[str, str]:
    """Give the fingerprints of what came in with an image and of its products, by word.

    A file that was named by hand instead is left out: it is known by its size and time. A product
    whose result was removed by hand counts as absent, so that its maker runs again.
    """
    found = {}
    values, results = document["values"], document["results"]
    if "movie" in document["originals"] and values.get("movie") == f"raw/{document['name']}":
        found["movie"] = str(document["originals"]["movie"])
    for word, known in document["products"].items():
        if results.get(word) is not None:
            found[word] = of_product(folder, known)
        elif values.get(word) is None:
            found[word] = "absent"
    return found


def entry(path: Path, file: str, fingerprint: str) -> dict[str, Any]:
    """Give what is remembered of a product: its name, size, time and fingerprint."""
    stat = path.stat()
    return {
        "file": file,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "fingerprint": fingerprint,
    }
