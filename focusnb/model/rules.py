"""Rules: what is to happen by itself to images that a condition holds for; kept in workspace.json.

A rule flags images or moves them to a group. It is off until somebody switches it on. What rules
did, and how it is taken back, lives in `ruled`.
"""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from focusnb.errors import BadProject, BadSelection, BadValue, FocusError, UnknownName
from focusnb.model.document import FLAGS
from focusnb.model.expr import compile_selection
from focusnb.model.group import check_group
from focusnb.model.param import ROW_WORDS, Param
from focusnb.model.units import in_shown_unit, shown_unit

if TYPE_CHECKING:
    from focusnb.model.project import Project
    from focusnb.model.ruled import Applied, Ledger, Undone

COLOURS = tuple(flag for flag in FLAGS if flag != "none")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
LONGEST = 80  # letters of a rule's name
SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
# The limits of good, each with the word that it limits and how.
LIMITS = (
    ("ctf_resolution", ">", "good_ctf_resolution"),
    ("defocus", "<", "good_defocus_low"),
    ("defocus", ">", "good_defocus_high"),
    ("astigmatism", ">", "good_astigmatism"),
    ("drift_range", ">", "good_drift_range"),
    ("iciness", ">", "good_iciness"),
    ("mean_count", "<", "good_mean_count"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition (EXPR) and what it does: flag with a colour, or move to a group.

    since: the project's revision when it was switched on; a live session leaves what is older.
    """

    name: str
    condition: str
    flag: str = ""
    group: str = ""
    on: bool = False
    since: int = 0

    @property
    def does(self) -> str:
        """What it does, in words."""
        return f"flag {self.flag}" if self.flag else f"move to {self.group}"

    @property
    def digest(self) -> str:
        """What tells it from what it was before it was changed."""
        told = json.dumps([self.condition, self.flag, self.group])
        return sha256(told.encode()).hexdigest()[:12]


FIRST = Rule("not good", "good == False", flag="red")


class Rules:
    """The rules of a project in their order; the first one that changes an image is the one."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._workspace = project.workspace

    def __iter__(self) -> Iterator[Rule]:
        return iter([rule for rule, _ in self._read()])

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, name: str) -> Rule:
        for rule in self:
            if rule.name == name:
                return rule
        names = ", ".join(repr(rule.name) for rule in self)
        raise UnknownName(f"there is no rule {name!r}; there are: {names or 'none'}")

    def __repr__(self) -> str:
        lines = [
            f"{'on ' if rule.on else 'off'}  {rule.name}: {rule.condition} → {rule.does}"
            for rule in self
        ]
        return "\n".join(lines) or "no rules"

    # -- the list -----------------------------------------------------------------------------

    def add(
        self, name: str, condition: str, *, flag: str = "", move: str = "", on: bool = False
    ) -> Rule:
        """Add a rule at the end; flag: a colour, or move: a group (TRASH too).

        >>> project.rules.add("ice", "iciness > 1.5", flag="blue")  # doctest: +SKIP
        """
        rule = self._checked(Rule(" ".join(name.split()), condition.strip(), flag, move, on))
        with self._project.editing():
            if rule.name in [one.name for one in self]:
                raise BadValue(f"there is a rule {rule.name!r} already; choose another name")
            if on:
                rule = self._begun(rule)
            self._write([*self._entries(), asdict(rule)])
        return rule

    def change(
        self,
        name: str,
        *,
        condition: str | None = None,
        flag: str | None = None,
        move: str | None = None,
    ) -> Rule:
        """Change a rule; what it did stays. Images that were brought back from it are seen anew."""
        with self._project.editing():
            rule = self[name]
            if condition is not None:
                rule = replace(rule, condition=condition.strip())
            if flag is not None or move is not None:
                rule = replace(rule, flag=flag or "", group=move or "")
            rule = self._checked(rule)
            self._put(self._begun(rule) if rule.on else rule)
        return rule

    def switch(self, name: str, on: bool = True) -> Rule:
        """Switch a rule on or off. On: live sessions apply it to images whose numbers come from now."""
        with self._project.editing():
            rule = replace(self[name], on=on)
            if on:
                rule = self._begun(self._checked(rule))
            self._put(rule)
        return rule

    def remove(self, name: str) -> None:
        """Remove a rule from the list; what it did stays, and can still be undone."""
        with self._project.editing():
            place = self._place(name)
            self._write([entry for i, entry in enumerate(self._entries()) if i != place])

    @property
    def offered(self) -> list[Rule]:
        """Rules that are worth having and are not in the list: the limits of good as they are now."""
        words, values = self._project.words, self._project.values()
        there = {rule.condition for rule in self}
        rules = [FIRST]
        for word, sign, limit in LIMITS:
            if word not in words or values[limit] is None:
                continue
            number = values[limit]
            label = f"{words[word].label} {sign} {shown(words[limit], number)}"
            rules.append(Rule(label, condition(words, word, sign, number), flag="red"))
        return [rule for rule in rules if rule.condition not in there]

    # -- what they do -------------------------------------------------------------------------

    def test(self, rule: Rule) -> Callable[[Mapping[str, Any]], bool]:
        """Give the rule's condition as a function of a row; raises BadSelection for a broken one.

        Images about which nothing is known yet are left alone, whatever the condition is.
        """
        names = {*self._project.words, *ROW_WORDS, "id"}
        holds = compile_selection(rule.condition, dict.fromkeys(names))
        return lambda row: bool(row["measured"]) and holds(row)

    def problem(self, name: str) -> str:
        """Tell what is wrong with a rule, or nothing."""
        for rule, problem in self._read():
            if rule.name == name and problem:
                return problem
        try:
            self._checked(self[name])
        except FocusError as error:
            return str(error)
        return ""

    @cached_property
    def ledger(self) -> "Ledger":
        """What rules did, by image."""
        from focusnb.model.ruled import Ledger

        return Ledger(self._project)

    def would(self, name: str) -> list[int]:
        """Give the numbers of the images that a rule would change now."""
        from focusnb.model import ruled

        return ruled.would(self._project, self, self[name])

    def apply(self, *names: str) -> "Applied":
        """Apply the rules that are on, or those named, to all images; see `Project.apply_rules`."""
        from focusnb.model import ruled

        chosen = [self[name] for name in names] if names else [rule for rule in self if rule.on]
        return ruled.apply(self._project, self, chosen)

    def undo(self, name: str) -> "Undone":
        """Bring back what a rule changed, see `Project.undo_rule`; the rule need not be there still."""
        from focusnb.model import ruled

        return ruled.undo(self._project, self, name)

    def allow_again(self, name: str) -> int:
        """Let a rule act again on images that were brought back from it; give how many these are."""
        from focusnb.model import ruled

        return ruled.allow_again(self._project, self, name)

    def counts(self, name: str) -> dict[str, int]:
        """Count what a rule did: changed (as it left them), by_hand (changed since), undone."""
        return self.ledger.counts(name)

    def log(self, limit: int = 100) -> list[dict[str, Any]]:
        """Give what rules did, the newest first: time, image, message."""
        found = self._project.store.rows(
            "select l.time, l.image, i.place, i.name, l.message from log l"
            " left join image i on i.id = l.image where l.event = 'rule' order by l.id desc limit ?",
            (limit,),
        )
        return [dict(row) for row in found]

    # -- keeping them -------------------------------------------------------------------------

    def _read(self) -> list[tuple[Rule, str]]:
        """Give the rules, each with what is wrong with it as it is written."""
        told = self._written()
        if not isinstance(told, list):
            return [(Rule("rules", ""), self._no_list)]
        return [self._one(entry, number) for number, entry in enumerate(told, 1)]

    def _entries(self) -> list[Any]:
        """Give the rules as they are written, those too that cannot be read, to be changed."""
        told = self._written()
        if not isinstance(told, list):
            raise BadProject(self._no_list)
        return told

    def _written(self) -> Any:
        told = self._workspace.get("rules")
        return [asdict(FIRST)] if told is None else told

    @property
    def _no_list(self) -> str:
        return f"{self._workspace.path}: rules is no list; mend it or remove it"

    def _one(self, entry: Any, number: int) -> tuple[Rule, str]:
        where = f"{self._workspace.path}: rule {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            return Rule(f"rule {number}", ""), f"{where} has no name; mend it or remove it"
        text = {key: entry.get(key, "") for key in ("condition", "flag", "group")}
        wrong = [key for key, value in text.items() if not isinstance(value, str)]
        since = entry.get("since", 0)
        rule = Rule(
            entry["name"],
            **{key: "" if key in wrong else value for key, value in text.items()},
            on=entry.get("on") is True and not wrong,
            since=since if isinstance(since, int) else 0,
        )
        return rule, f"{where}: {wrong[0]} is no text; mend it or remove it" if wrong else ""

    def _write(self, entries: list[Any]) -> None:
        self._workspace.set("rules", entries)

    def _place(self, name: str) -> int:
        _ = self[name]  # tells which there are
        return [rule.name for rule in self].index(name)

    def _put(self, changed: Rule) -> None:
        """Write what has changed of a rule; what else somebody wrote there stays."""
        entries, place = self._entries(), self._place(changed.name)
        before, entry = self[changed.name], entries[place]
        new = {w: v for w, v in asdict(changed).items() if v != getattr(before, w)}
        if not isinstance(entry, dict):
            raise BadValue(self.problem(changed.name))
        entries[place] = {**entry, **new}
        self._write(entries)

    def _begun(self, rule: Rule) -> Rule:
        """Give a rule that is on from now."""
        store = self._project.store
        with store.transaction() as connection:
            now = store.revision
            connection.execute("insert or ignore into fact values ('ruled', ?)", (str(now),))
        return replace(rule, since=now)

    def _checked(self, rule: Rule) -> Rule:
        if not rule.name or len(rule.name) > LONGEST:
            raise BadValue(f"a rule's name has 1 to {LONGEST} letters, and {rule.name!r} has not")
        if bool(rule.flag) == bool(rule.group):
            raise BadValue(f"rule {rule.name!r} does one thing: flag with a colour, or move")
        if rule.flag and rule.flag not in COLOURS:
            raise BadValue(f"flag {rule.flag!r} is none of {', '.join(COLOURS)}")
        if rule.group:
            check_group(rule.group)
        if not rule.condition:
            raise BadSelection(f"rule {rule.name!r} has no condition; write e.g. iciness > 1.5")
        self.test(rule)
        return rule


def condition(words: Mapping[str, Param], word: str, comparison: str, value: Any) -> str:
    """Build a condition of a word, a comparison and a value: "ctf_resolution > 6.0"."""
    if comparison not in COMPARISONS:
        raise BadValue(f"comparison {comparison!r} is none of {' '.join(COMPARISONS)}")
    if word in ("flag", "group", "name"):
        return f"{word} {comparison} {str(value)!r}"
    param = words[word]
    if param.size > 1 or param.type in ("path", "series"):
        raise BadValue(f"{param.label} cannot be compared with one value; choose another parameter")
    # Its bounds are for those who set it; whoever compares may go beyond them.
    read = replace(param, low=None, high=None).read(value, "the rule")
    if read is None:
        raise BadValue(f"{word} {comparison} what? Give a value to compare {param.label} with")
    return f"{word} {comparison} {read!r}"


def simple(text: str) -> tuple[str, str, Any] | None:
    """Give word, comparison and value of a condition that is just that, None for any other."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
            return None
        value = ast.literal_eval(node.comparators[0])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    sign = SIGNS.get(type(node.ops[0]))
    if not isinstance(node.left, ast.Name) or sign is None:
        return None
    return (node.left.id, sign, value) if isinstance(value, str | int | float) else None


def words_of(text: str) -> list[str]:
    """Give the words that a condition looks at, in its order, each once."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in names))


def shown(param: Param, value: Any) -> str:
    """Give a value with its unit as people read it."""
    return f"{in_shown_unit(param, value)} {shown_unit(param)[0]}".rstrip()
