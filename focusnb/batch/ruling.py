"""Ruling: the rules that are on, applied in a live session to images whose numbers came or changed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from focusnb.errors import FocusError
from focusnb.model import ruled
from focusnb.model.project import Project
from focusnb.model.rules import Rule, Rules, words_of

REST = 5.0  # times as long as a look took, nobody looks again: it is the watch that must not wait
# What people change by hand is no number that comes.
BY_HAND = frozenset("flag group number image name comment stale id".split())
# What `good` and `reasons` are made of (focusnb.model.good).
OF_GOOD = (
    "error ctf_resolution ctf_score ctf_trusted defocus astigmatism drift_range iciness mean_count"
    " aligned"
).split()


class Ruler:
    """Applies a project's rules while a session runs; look() as often as one likes.

    Only images that changed since the last look are looked at, since the last session's if this
    is a new one, and since a rule was switched on. An image whose batch waits or runs is looked at
    afterwards.
    """

    def __init__(self, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        self._project, self._clock = project, clock
        self._rules = Rules(project)
        self._revision = -1
        self._due = -1.0
        # What each rule saw of each image: the same numbers are not judged twice.
        self._seen: dict[tuple[str, str], dict[int, tuple[Any, ...]]] = {}
        self._left: set[int] = set()
        self._told: dict[str, str] = {}

    def look(self) -> list[str]:
        """Apply what is to be applied; give a line for each rule that did something or is broken."""
        began = self._clock()
        if began < self._due:
            return []
        revision = self._project.store.revision
        if revision == self._revision and self._left <= self._busy():
            return []
        said = self._apply(revision)
        self._due = self._clock() + REST * (self._clock() - began)
        return said

    def _apply(self, revision: int) -> list[str]:
        store = self._project.store
        ruled_until = store.fact("ruled")
        begun = int(ruled_until or revision)
        rules = [rule for rule in self._rules if rule.on]
        said = []
        if rules:
            since = begun if self._revision < 0 else self._revision
            changed = self._changed(since) | self._left
            busy = self._busy()
            rows = {row["id"]: row for row in self._project.rows()}
            for rule in rules:
                said += self._one(rule, rows, changed, busy, begun)
            self._left = changed & busy
        else:
            self._left = set()
        # What the rules themselves have just changed is nothing new.
        self._revision = revision
        if (until := str(max(begun, revision))) != ruled_until:
            with store.transaction() as connection:
                connection.execute("insert or replace into fact values ('ruled', ?)", (until,))
        return said

    def _one(
        self,
        rule: Rule,
        rows: Mapping[int, Mapping[str, Any]],
        changed: set[int],
        busy: set[int],
        begun: int,
    ) -> list[str]:
        try:
            holds = self._rules.test(rule)
            words = self._words(rule)
            key = (rule.name, rule.digest)
            if key not in self._seen:
                since = max(begun, rule.since if rule.since <= self._project.store.revision else 0)
                changed = self._changed(since) | self._left
                self._seen[key] = {
                    image: numbers(row, words)
                    for image, row in rows.items()
                    if image not in changed
                }
            seen, chosen = self._seen[key], []
            for image in sorted((changed & set(rows)) - busy):
                now = numbers(rows[image], words)
                if seen.get(image) != now and holds(rows[image]):
                    chosen.append(image)
                seen[image] = now
        except FocusError as error:
            return self._complain(rule, str(error))
        applied = ruled.apply(self._project, self._rules, [rule], chosen) if chosen else None
        problem = applied.problems.get(rule.name, "") if applied else ""
        done = applied is not None and bool(applied.changed.get(rule.name))
        return ([str(applied)] if done else []) + self._complain(rule, problem)

    def _complain(self, rule: Rule, problem: str) -> list[str]:
        """Tell a problem of a rule once, on the terminal and in the log."""
        if self._told.get(rule.name, "") == problem:
            return []
        self._told[rule.name] = problem
        if not problem:
            return []
        text = f"rule {rule.name!r}: {problem}"
        with self._project.store.transaction() as connection:
            connection.execute(
                "insert into log (time, event, message) values (?, 'warning', ?)",
                (time.time(), text),
            )
        return [text]

    def _words(self, rule: Rule) -> list[str]:
        words = words_of(rule.condition)
        made = OF_GOOD if {"good", "reasons"} & set(words) else ()
        return [word for word in words if word not in BY_HAND] + list(made)

    def _busy(self) -> set[int]:
        """Give the images whose batch waits or runs; what is left is judged when it has ended."""
        return ruled.running(self._project, waiting=True)

    def _changed(self, since: int) -> set[int]:
        rows = self._project.store.rows("select id from image where revision > ?", (since,))
        return {int(row["id"]) for row in rows}


def numbers(row: Mapping[str, Any], words: list[str]) -> tuple[Any, ...]:
    """Give what a rule sees of an image, or that nothing is known yet."""
    if not row["measured"]:
        return ()
    return True, *(
        None if word in ("good", "reasons") else str(value) if isinstance(value, list) else value
        for word, value in ((word, row.get(word)) for word in words)
    )
