"""The list of rules: what they would do, what they did, and how it is taken back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from focusnb.errors import BadValue
from focusnb.model import ruled
from focusnb.model.group import TRASH
from focusnb.model.rules import COLOURS, COMPARISONS, Rule, condition, simple
from focusnb.model.text import counted
from focusnb_widgets.desk import WRONG
from focusnb_widgets.explore.looking import Looking
from focusnb_widgets.explore.numbers import TIME, choices
from focusnb_widgets.source import module, style

LINES = 60  # of the log

Message = Mapping[str, Any]


class RulesPanel(Looking):
    """The rules of a project: switch, condition, action, what they would change and what they did.

    ::

        panel = RulesPanel(project)        # a project, or a Desk that other widgets share

    In Python the same is done by `project.rules`, `project.apply_rules` and `project.undo_rule`.
    """

    _esm = module("part.js", "rules_form.js", "rules.js")
    _css = style("page.css", "parts.css", "explore.css", "rules.css")
    rest = 8.0  # counting takes a while

    def __init__(self, desk: Any) -> None:
        super().__init__(desk)
        self._told: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}

    # -- what the page asks ---------------------------------------------------------------------

    def do_ready(self, message: Message, buffers: Sequence[Any]) -> None:
        """Send everything."""
        self._shown, self._told, self._counts = True, {}, {}
        self.soon()

    def do_save(self, message: Message, buffers: Sequence[Any]) -> str:
        """Add a rule, or change the one that is named `old`."""
        name, old = str(message.get("name", "")).strip(), message.get("old")
        text = self._condition(message)
        action, target = _does(message)
        does = {action: target}
        told = f"condition={text!r}, {action}={target!r}"
        if old:
            if name not in ("", old.strip()):
                raise BadValue(f"rule {old!r} keeps its name: what it did is told under it")
            self.project.rules.change(old, condition=text, **does)
            self.desk.line = f"project.rules.change({old!r}, {told})"
            said = f"rule {old!r} changed"
        else:
            name = name or text[:80]
            self.project.rules.add(name, text, **does)
            self.desk.line = f"project.rules.add({name!r}, {text!r}, {action}={target!r})"
            said = f"rule {name!r} added; it is off until you switch it on"
        self.desk.look()
        return said

    def do_switch(self, message: Message, buffers: Sequence[Any]) -> str:
        """Switch a rule on or off."""
        name, on = message["name"], bool(message["on"])
        self.project.rules.switch(name, on)
        self.desk.line = f"project.rules.switch({name!r}" + (")" if on else ", False)")
        self.desk.look()
        if not on:
            return f"rule {name!r} is off; what it did stays"
        return f"rule {name!r} is on: live sessions apply it to images that come from now"

    def do_apply(self, message: Message, buffers: Sequence[Any]) -> str:
        """Apply one rule now, or all that are on."""
        names = [message["name"]] if message.get("name") else []
        applied = self.project.apply_rules(*names)
        self.desk.line = f"project.apply_rules({', '.join(map(repr, names))})"
        self.desk.look()
        return str(applied)

    def do_undo_rule(self, message: Message, buffers: Sequence[Any]) -> str:
        """Bring back what a rule changed."""
        undone = self.project.undo_rule(message["name"])
        self.desk.line = f"project.undo_rule({message['name']!r})"
        self.desk.look()
        return str(undone)

    def do_again(self, message: Message, buffers: Sequence[Any]) -> str:
        """Let a rule act again on what was brought back from it."""
        name = message["name"]
        count = self.project.rules.allow_again(name)
        self.desk.line = f"project.rules.allow_again({name!r})"
        self.desk.look()
        return f"rule {name!r} may act again on {counted(count, 'image')}"

    def do_remove(self, message: Message, buffers: Sequence[Any]) -> str:
        """Remove a rule from the list."""
        name = message["name"]
        self.project.rules.remove(name)
        self.desk.line = f"project.rules.remove({name!r})"
        self.desk.look()
        return f"rule {name!r} removed; what it did stays"

    def do_choose(self, message: Message, buffers: Sequence[Any]) -> str:
        """Choose the images that a rule would change now."""
        name = message["name"]
        chosen = self.project.rules.would(name)
        self.desk.select(chosen)
        self.desk.line = f"workbench.desk.select(project.rules.would({name!r}))"
        return f"{counted(len(chosen), 'image')} chosen"

    def do_check(self, message: Message, buffers: Sequence[Any]) -> None:
        """Tell what a condition that is being written would do."""
        told: dict[str, Any] = {"checked": message.get("number"), "problem": "", "condition": ""}
        try:
            told["condition"] = self._condition(message)
            action, target = _does(message)
            key = "flag" if action == "flag" else "group"
            rule = Rule(str(message.get("old") or ""), told["condition"], **{key: target})
            rows = _in_use(self.project.rows())
            would = ruled.would(self.project, self.project.rules, rule, rows)
            told["text"] = f"would change {len(would)} of {len(rows)} now"
        except WRONG as error:
            told["problem"] = str(error)
        self.send(told)

    # -- what the page is told ------------------------------------------------------------------

    def look(self) -> Iterator[None]:
        """Tell the list at once, then what takes a while, rule by rule."""
        try:
            rows = self.project.rows()
            rules = list(self.project.rules)
            told = {
                "rules": [self._rule(rule) for rule in rules],
                "offered": [self._short(rule) for rule in self.project.rules.offered],
                "words": self._words(rows),
                "groups": sorted({*self.project.groups, TRASH}),
                "colours": list(COLOURS),
                "comparisons": list(COMPARISONS),
                "log": self.project.rules.log(LINES),
            }
            if told != self._told:
                self._told = told
                self.send(told)
                self._counts = {}
            for rule in rules:
                yield
                counts = self._would(rule, _in_use(rows))
                if self._counts.get(rule.name) != counts:
                    self._counts[rule.name] = counts
                    self.send({"would": rule.name, **counts})
        except WRONG as error:
            self.tell_problem("refresh", error)

    def _would(self, rule: Rule, rows: Sequence[Any]) -> dict[str, Any]:
        try:
            found = ruled.would(self.project, self.project.rules, rule, rows)
        except WRONG as error:
            return {"count": 0, "of": len(rows), "wrong": str(error)}
        return {"count": len(found), "of": len(rows), "wrong": ""}

    def _rule(self, rule: Rule) -> dict[str, Any]:
        rules = self.project.rules
        return {
            **self._short(rule),
            "on": rule.on,
            "problem": rules.problem(rule.name),
            **rules.counts(rule.name),
        }

    def _short(self, rule: Rule) -> dict[str, Any]:
        parts = simple(rule.condition)
        return {
            "name": rule.name,
            "condition": rule.condition,
            "does": f"flag:{rule.flag}" if rule.flag else f"move:{rule.group}",
            "parts": list(parts) if parts else None,
        }

    def _words(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Give the words of the choosers: numbers, yes or no, and what an image is called."""
        told = [word for word in choices(self.project, rows) if word["word"] != TIME]
        used = set().union(*(row.cells for row in rows)) if rows else set()
        told += [
            {"word": word, "label": param.label, "unit": "", "factor": 1.0, "kind": "bool"}
            for word, param in self.project.words.items()
            if param.type == "bool" and param.made and word in used
        ]
        told += [
            {"word": "good", "label": "Good", "unit": "", "factor": 1.0, "kind": "bool"},
            {"word": "group", "label": "Group", "unit": "", "factor": 1.0, "kind": "text"},
            {"word": "name", "label": "Name", "unit": "", "factor": 1.0, "kind": "text"},
        ]
        return told

    def _condition(self, message: Message) -> str:
        """Give the condition that a page asks for: written, or made of its parts."""
        if "condition" in message:
            return str(message["condition"]).strip()
        word, sign, value = (message[key] for key in ("word", "comparison", "value"))
        if word == "good":
            return f"good {sign} {value in (True, 'True', 'true', 'yes')}"
        return condition(self.project.words, word, sign, value)

    def __repr__(self) -> str:
        return f"<rules of {self.project!r}>\n{self.project.rules!r}"


def _in_use(rows: Sequence[Any]) -> list[Any]:
    """Leave out what lies in the TRASH, as the plots do: people count the same images in both."""
    return [row for row in rows if row["group"] != TRASH]


def _does(message: Message) -> tuple[str, str]:
    """Give what a rule does: flag or move, and the colour or the group."""
    action, _, target = str(message["does"]).partition(":")
    if action not in ("flag", "move") or not target:
        raise BadValue("a rule flags with a colour, or moves to a group; choose one")
    return action, target
