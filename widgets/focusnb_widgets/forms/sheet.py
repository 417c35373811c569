"""A sheet: fields of some parameters at one place, and what people have changed of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusnb.errors import BadValue, FocusError
from focusnb.model.param import Param
from focusnb.model.text import counted
from focusnb_widgets.forms.fields import Section, edit_text, field, note
from focusnb_widgets.forms.targets import Target


class Sheet:
    """Fields in sections, for a target. Nothing is written before `apply`.

    texts: what people typed, by word, right or wrong; it is kept here and not in the page, so that
    a second page shows it too. line: gives what the changes are as Python, in place of the target's.
    """

    def __init__(
        self,
        target: Target,
        sections: Sequence[Section],
        *,
        line: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        self.target, self.sections = target, list(sections)
        self.texts: dict[str, Any] = {}
        self._line = line
        self._fresh = False  # whether the target was ever read

    @property
    def params(self) -> dict[str, Param]:
        """Its parameters by word."""
        return {param.name: param for section in self.sections for param in section.params}

    @property
    def values(self) -> dict[str, Any]:
        """What was changed, by word, in its type; what is wrong is left out."""
        found = {}
        for word in self.texts:
            value, wrong = self._read(word)
            if not wrong:
                found[word] = value
        return found

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with what was typed: sentences of the library, by word."""
        checked = {word: self._read(word)[1] for word in self.texts}
        return {word: wrong for word, wrong in checked.items() if wrong}

    def told(self) -> dict[str, Any]:
        """Give what a page shows; raises BadProject for a file that cannot be read."""
        self.target.refresh()
        self._fresh = True
        fields = {}
        for word, param in self.params.items():
            state = self.target.state(param)
            fields[word] = field(param, state, self.target.base, self.target.labels)
            if word in self.texts:
                fields[word] |= {"typed": _typed(param, self.texts[word]), **self._said(word)}
            if self.target.blank:
                fields[word]["blank"] = True
            if self.target.blank and param.type == "bool":
                fields[word] |= _as_choice(param, self.texts.get(word))
        return {
            "title": self.target.title,
            "writes": self.target.writes,
            "sections": [
                {
                    "key": s.key,
                    "title": s.title,
                    "note": s.note,
                    "words": [p.name for p in s.params],
                }
                for s in self.sections
            ],
            "fields": fields,
            **self.summary(),
        }

    def summary(self) -> dict[str, Any]:
        """Give how many fields were changed, how many are wrong, and the changes as Python."""
        values = self.values
        line = (self._line or self.target.line)(values) if values or self._line else ""
        return {"changes": len(self.texts), "mistakes": len(self.problems), "line": line}

    def edit(self, word: str, text: Any) -> dict[str, Any]:
        """Change a field; give what the page says of it. What it was before is no change."""
        param = self._param(word)
        if not self._fresh:
            self.target.refresh()
            self._fresh = True
        state = self.target.state(param)
        empty = _same(param, text, None) and not state.own  # what is inherited shows again
        same = _same(param, text, state.value) and not state.several
        if same or empty or state.locked or state.fixed:
            self.texts.pop(word, None)
        else:
            self.texts[word] = text
        return self._said(word)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Change fields as people would; raises UnknownName or BadValue."""
        for word, value in values.items():
            self._param(word).read(value)
        self.texts = {**self.texts, **values}

    def discard(self, words: Iterable[str] | None = None) -> None:
        """Forget changes."""
        for word in list(self.texts) if words is None else words:
            self.texts.pop(word, None)

    def apply(self) -> str:
        """Write what was changed, all of it or nothing; give it as Python."""
        if problems := self.problems:
            raise BadValue(
                f"nothing was written: {counted(len(problems), 'value')}"
                f" {'is' if len(problems) == 1 else 'are'} wrong; mend"
                f" {', '.join(self.params[word].label for word in problems)}"
            )
        values = self.values
        if not values:
            raise BadValue("nothing was changed")
        line = self.target.line(values)
        self.target.write(values)
        self.texts = {}
        return line

    def reset(self, word: str) -> str:
        """Remove the value at this level: what is inherited holds again. Gives it as Python."""
        self._param(word)
        self.target.write({word: None})
        self.texts.pop(word, None)
        return self.target.line({word: None})

    def lock(self, word: str, on: bool) -> str:
        """Lock a word at this level, or unlock it; give it as Python."""
        self._param(word)
        self.target.lock([word], on)
        return self.target.lock_line([word], on)

    def _param(self, word: str) -> Param:
        params = self.params
        if word not in params:
            raise BadValue(f"this form has no field {word!r}; it has {', '.join(params)}")
        return params[word]

    def _read(self, word: str) -> tuple[Any, str]:
        """Give a changed value in its type, and what is wrong with it."""
        param = self.params[word]
        try:
            value = param.read(self.texts[word])
        except FocusError as error:
            # People know it by its label.
            return None, str(error).replace(f"{param.name} = ", f"{param.label} = ", 1)
        if value == "" and self.target.state(param).below in ("", None):
            value = None  # an empty text is what it is without a value
        return value, ""

    def _said(self, word: str) -> dict[str, Any]:
        if word not in self.texts:
            state = self.target.state(self.params[word])
            return {"wrong": "", "note": note(self.params[word], state.value, self.target.base)}
        value, wrong = self._read(word)
        base: Sequence[Path] = self.target.base
        return {"wrong": wrong, "note": {} if wrong else note(self.params[word], value, base)}


def _typed(param: Param, text: Any) -> Any:
    """Give what stands in a field: text as it was typed, values that Python set as people edit them."""
    return text if isinstance(text, str | bool) else edit_text(param, text)


def _as_choice(param: Param, text: Any) -> dict[str, Any]:
    """Where a value may be missing, a switch has a third state: it is a choice then."""
    choices = {"type": "choice", "choices": [["yes", "yes"], ["no", "no"]], "value": ""}
    if isinstance(text, bool):
        return {**choices, "typed": param.show(text)}
    return choices


def _same(param: Param, text: Any, value: Any) -> bool:
    try:
        read = param.read(text)
    except FocusError:
        return False
    return bool(read == value or (read in ("", None) and value in ("", None)))
