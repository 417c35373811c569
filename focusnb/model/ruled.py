"""What rules did: applying them, each image once, and taking that back.

An image's document tells under `rules`, by the rule's name, what it was before and after. So a rule
never acts twice on an image, and what people change by hand afterwards stays as they want it.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from focusnb.errors import FocusError, UnknownName
from focusnb.model import moves
from focusnb.model.document import write_image_json
from focusnb.model.group import TRASH
from focusnb.model.rules import Rule, Rules, shown, words_of
from focusnb.model.text import counted

if TYPE_CHECKING:
    from focusnb.model.project import Project

AT_ONCE = 500  # images changed in one transaction: others may write in between
Record = dict[str, Any]


@dataclass
class Applied:
    """What came of applying rules: images by the rule's name, and what went wrong by name."""

    changed: dict[str, list[int]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    did: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        said = [
            f"rule {name!r}: {self.did[name]} for {counted(len(images), 'image')}"
            for name, images in self.changed.items()
            if images
        ]
        said += [f"rule {name!r}: {problem}" for name, problem in self.problems.items()]
        return "; ".join(said) or "no image was changed"


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of undoing a rule: images that are back, and those that others changed since.

    hindered: images that could not be moved back, with the reason in `problem`.
    """

    name: str
    images: tuple[int, ...]
    left: tuple[int, ...]
    hindered: tuple[int, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        text = f"rule {self.name!r} undone for {counted(len(self.images), 'image')}"
        if self.left:
            text += f"; {counted(len(self.left), 'image')} stayed: changed by hand since"
        if self.hindered:
            text += f"; {counted(len(self.hindered), 'image')} could not come back: {self.problem}"
        return text


class Ledger:
    """What rules did to each image; reads only the images that changed since it was asked last."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._revision, self._removed = -1, ""
        self._images: dict[int, tuple[str, str, dict[str, Record]]] = {}

    def of(self, name: str) -> dict[int, Record]:
        """Give what a rule did, by image."""
        self._refresh()
        return {image: told[name] for image, (_, _, told) in self._images.items() if name in told}

    def counts(self, name: str) -> dict[str, int]:
        """Count the images as the rule left them, those changed since, those undone."""
        found = {"changed": 0, "by_hand": 0, "undone": 0}
        pending = _pending(self._project)
        for image, record in self.of(name).items():
            flag, group, _ = self._images[image]
            if record["undone"]:
                found["undone"] += 1
            elif _as_left(record, flag, pending.get(image, group)):
                found["changed"] += 1
            else:
                found["by_hand"] += 1
        return found

    def _refresh(self) -> None:
        store = self._project.store
        revision, removed = store.revision, store.fact("removed") or ""
        if removed != self._removed or revision < self._revision:
            self._images, self._revision, self._removed = {}, -1, removed
        if revision == self._revision:
            return
        from pydantic_core import from_json

        # Most images were never changed by a rule: looking for the text is quicker than reading all.
        for row in store.rows(
            'select id, flag, place, case when instr(document, \'"rules": {"\')'
            " then json_extract(document, '$.rules') end as rules from image where revision > ?",
            (self._revision,),
        ):
            told = from_json(row["rules"]) if row["rules"] else {}
            sound = {name: one for name, one in told.items() if _is_record(one)}
            if sound:
                self._images[row["id"]] = (row["flag"], row["place"], sound)
            else:
                self._images.pop(row["id"], None)
        self._revision = revision


def would(
    project: "Project", rules: Rules, rule: Rule, rows: Sequence[Mapping[str, Any]] | None = None
) -> list[int]:
    """Give the numbers of the images that a rule would change now. rows: of the library, if at hand."""
    holds, done = rules.test(rule), rules.ledger.of(rule.name)
    busy = running(project)
    return [
        row["id"]
        for row in (project.rows() if rows is None else rows)
        if row["id"] not in busy
        and _open(rule, row["flag"], row["group"], done.get(row["id"]))
        and holds(row)
    ]


def apply(
    project: "Project", rules: Rules, chosen: Iterable[Rule], images: Sequence[int] | None = None
) -> Applied:
    """Apply rules to the images whose condition holds, or to those of them that are named.

    Not to images that are being processed just now. A rule that is broken is told, others go on.
    """
    applied = Applied()
    wanted = None if images is None else set(images)
    for rule in chosen:
        try:
            found = would(project, rules, rule)
            if wanted is not None:
                found = [image for image in found if image in wanted]
            applied.did[rule.name] = rule.does
            applied.changed[rule.name] = []
            why = reasons(project, rule, found)
            for start in range(0, len(found), AT_ONCE):
                part = found[start : start + AT_ONCE]
                changed, problem = _act(project, rule, part, why)
                applied.changed[rule.name] += changed
                if problem:
                    applied.problems[rule.name] = problem
        except FocusError as error:
            applied.problems[rule.name] = str(error)
    return applied


def reasons(project: "Project", rule: Rule, images: Sequence[int]) -> dict[int, str]:
    """Tell by image why a rule's condition holds: the values of its words."""
    words, wanted = project.words, set(images)
    asked = words_of(rule.condition)
    told = {}
    for row in project.rows() if wanted else []:
        if row["id"] not in wanted:
            continue
        parts = []
        for word in asked:
            if word in ("good", "reasons"):
                parts.append(str(row.get("reasons") or "good"))
            elif (value := row.get(word)) is None:
                parts.append(f"no {words[word].label if word in words else word}")
            elif word in words:
                parts.append(f"{words[word].label} {shown(words[word], value)}")
            else:
                parts.append(f"{word} {value}")
        told[row["id"]] = ", ".join(parts)
    return told


def undo(project: "Project", rules: Rules, name: str) -> Undone:
    """Bring back the images that a rule changed, those that are still as it left them.

    They are marked: the rule leaves them alone from now on, until it is changed. An image that
    cannot be moved back is not: it is tried again when the rule is undone once more.
    """
    done = {image: one for image, one in rules.ledger.of(name).items() if not one["undone"]}
    if not done and name not in [rule.name for rule in rules]:
        _ = rules[name]  # tells which there are
    back: list[int] = []
    flagged: set[int] = set()
    places: dict[str, list[int]] = {}
    images = list(done)
    for start in range(0, len(images), AT_ONCE):
        with project.store.transaction() as connection:
            pending = _pending(project)
            for image in images[start : start + AT_ONCE]:
                document = _document(project, image)
                record = {} if document is None else document.get("rules", {}).get(name, {})
                if document is None or not _is_record(record) or record["undone"]:
                    continue
                group = pending.get(image, document["group"])
                if not _as_left(record, document["flag"], group):
                    continue
                record["undone"] = True
                if record["did"] == "flag":
                    document["flag"] = record["before"]
                    flagged.add(image)
                else:
                    places.setdefault(record["before"], []).append(image)
                    _intend(connection, image, record["before"])
                project.save_document(connection, image, document)
                what = f"{record['did']} {record['before']} again, was {record['after']}"
                _note(connection, image, f"rule {name!r} undone: {what}")
                back.append(image)
        for image in (i for i in images[start : start + AT_ONCE] if i in flagged):
            write_image_json(project, image)  # moving writes it by itself
    hindered: list[int] = []
    problem = ""
    for group, some in places.items():
        stuck, text = _moved_all(project, some, group)
        hindered, problem = hindered + stuck, problem or text
    if hindered:
        with project.store.transaction() as connection:
            for image in hindered:
                _note(connection, image, f"rule {name!r} not undone: {problem}")
        project.change_all(
            hindered, lambda document, _: document["rules"][name].update(undone=False)
        )
    left = set(images) - set(back)
    back = [image for image in back if image not in set(hindered)]
    return Undone(name, tuple(back), tuple(sorted(left)), tuple(hindered), problem)


def allow_again(project: "Project", rules: Rules, name: str) -> int:
    """Forget that images were brought back from a rule; give how many these are."""
    undone = [image for image, one in rules.ledger.of(name).items() if one["undone"]]
    project.change_all(undone, lambda document, _: document["rules"].pop(name, None))
    return len(undone)


def running(project: "Project", *, waiting: bool = False) -> set[int]:
    """Give the images that are being processed; waiting: also those that are going to be."""
    states = "('running', 'waiting')" if waiting else "('running')"
    rows = project.store.rows(f"select distinct image from batch where state in {states}")
    return {int(row["image"]) for row in rows}


def _act(
    project: "Project", rule: Rule, images: Sequence[int], why: Mapping[int, str]
) -> tuple[list[int], str]:
    """Let a rule act on some images; give those that it changed, and what was in the way of others."""
    changed = []
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    with project.store.transaction() as connection:
        busy, pending = running(project), _pending(project)
        for image in images:
            document = _document(project, image)
            if document is None or image in busy or image in pending:
                continue
            told = document.setdefault("rules", {})
            if not _open(rule, document["flag"], document["group"], told.get(rule.name)):
                continue
            if rule.group and any(_moved(one, document["group"]) for one in told.values()):
                continue  # an earlier rule of the list had it
            did, after = ("flag", rule.flag) if rule.flag else ("group", rule.group)
            before, reason = document[did], why.get(image, "")
            told[rule.name] = {
                "digest": rule.digest, "did": did, "before": before, "after": after,
                "reason": reason, "time": stamp, "undone": False,
            }  # fmt: skip
            if rule.flag:
                document["flag"] = rule.flag
            else:
                _intend(connection, image, rule.group)
            project.save_document(connection, image, document)
            _note(
                connection,
                image,
                f"rule {rule.name!r}: {did} {after}, was {before}; {reason} ({rule.condition})",
            )
            changed.append(image)
    if rule.flag:
        for image in changed:
            write_image_json(project, image)
        return changed, ""
    hindered, problem = _moved_all(project, changed, rule.group)
    if hindered:
        project.change_all(hindered, lambda document, _: document["rules"].pop(rule.name, None))
    return [image for image in changed if image not in set(hindered)], problem


def _moved_all(project: "Project", images: Sequence[int], group: str) -> tuple[list[int], str]:
    """Finish moves that were intended; give the images that could not be, and what is in the way."""
    moves.finish(project)
    busy, pending = running(project), _pending(project)
    left = [i for i in images if pending.get(i) == group and i not in busy]
    if not left:
        return [], ""
    try:
        moves.move(project, left, group)
        return [], ""
    except FocusError as error:
        problem = str(error)
    hindered = [image for image in left if project.document(image)["group"] != group]
    with project.store.transaction() as connection:
        connection.executemany(
            "delete from move where image = ? and target = ?", [(i, group) for i in hindered]
        )
    return hindered, problem


def _open(rule: Rule, flag: str, group: str, record: Any) -> bool:
    """Tell whether a rule may act on an image: it did not yet, and nobody else decided about it."""
    if _is_record(record) and not (record["undone"] and record["digest"] != rule.digest):
        return False
    if group == TRASH:
        return False
    if rule.flag:
        return flag == "none"  # a flag by hand or of another rule stays
    return group != rule.group


def _moved(record: Any, group: str) -> bool:
    return (
        _is_record(record)
        and record["did"] == "group"
        and not record["undone"]
        and record["after"] == group
    )


def _as_left(record: Record, flag: str, group: str) -> bool:
    return bool(record["after"] == (flag if record["did"] == "flag" else group))


def _is_record(record: Any) -> bool:
    needed = ("digest", "did", "before", "after", "undone")
    return isinstance(record, dict) and all(key in record for key in needed)


def _document(project: "Project", image: int) -> dict[str, Any] | None:
    try:
        return project.document(image)
    except UnknownName:
        return None  # it was deleted meanwhile


def _pending(project: "Project") -> dict[int, str]:
    """Give the groups of images whose move waits."""
    return {row["image"]: row["target"] for row in project.store.rows("select * from move")}


def _intend(connection: Any, image: int, group: str) -> None:
    connection.execute("insert or replace into move values (?, ?)", (image, group))


def _note(connection: Any, image: int, message: str) -> None:
    connection.execute(
        "insert into log (time, image, event, message) values (?, ?, 'rule', ?)",
        (time.time(), image, message),
    )
