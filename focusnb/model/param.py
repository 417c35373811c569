"""A parameter: one word of the vocabulary, with type, unit, bounds, label and help."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from focusnb.errors import BadStep, BadValue

TYPES = ("float", "int", "bool", "str", "path", "choice", "series")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
# Words that csh keeps for itself: a script could never see their values.
CSH_WORDS = frozenset(
    "path home term status cwd argv user shell prompt group version gid uid tty command shlvl owd"
    " history addsuffix dirstack echo_style".split()
)
# What the keys of a declaration may be: key, types, and how they are called.
KINDS: tuple[tuple[str, Any, str], ...] = (
    *((key, str, "text") for key in ("label", "type", "unit", "scope", "level", "help", "file")),
    *((key, (int, float), "number") for key in ("low", "high")),
    *((key, int, "whole number") for key in ("size", "digits")),
    ("made", bool, "true or false"),
    ("choices", Mapping, "table of key = label"),
    ("modes", (str, list, tuple), "list of modes"),
)
# Those of which only some words are allowed.
ALLOWED = {"type": TYPES, "scope": ("project", "image"), "level": ("normal", "advanced", "hidden")}
# What a column of the library is called without being a parameter.
ROW_WORDS = frozenset(
    ("name", "group", "number", "flag", "image", "good", "reasons", "error", "stale")
)


@dataclass(frozen=True, slots=True)
class Param:
    """A word of the vocabulary.

    type: one of TYPES; size 2 to 4 makes a vector of floats or ints. scope: "project" (one value
    for all images) or "image" (each may have its own). made: a step finds it out. file: the name
    of a product in the image's folder. digits: decimals shown to people.
    """

    name: str
    label: str = ""
    type: str = "str"
    unit: str = ""
    size: int = 1
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    scope: str = "image"
    modes: tuple[str, ...] = ()
    level: str = "normal"
    help: str = ""
    subject: str = ""
    digits: int | None = None
    made: bool = False
    file: str | None = None

    def read(self, value: object, origin: str = "") -> Any:
        """Give the value in its type, or raise BadValue.

        Text (command line, environment, TOML strings) is first turned into Python by type; then a
        strict check follows: no bool as a number, no NaN, no 2.7 as an int. None and, for
        anything but text, the empty string mean "no value". origin: where the value came from,
        named in the message.
        """
        if hasattr(value, "tolist"):
            value = value.tolist()  # NumPy's numbers and arrays
        if value is None or (isinstance(value, str) and value == "" and self.type != "str"):
            return None
        if isinstance(value, str):
            value = self._from_text(value, origin)
        if self.type == "choice":
            return self._choice(value, origin)
        if self.type == "path" and isinstance(value, Path):
            value = str(value)
        if self.size > 1 and isinstance(value, tuple):
            value = list(value)
        from pydantic import ValidationError

        try:
            checked = _adapter(self.type, self.size, self.low, self.high).validate_python(value)
        except RecursionError:
            raise self._bad("…", "it is nested too deeply", origin) from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = f" (component {first['loc'][0]})" if first["loc"] else ""
            beyond = first["type"] in ("greater_than_equal", "less_than_equal")
            why = f"it must be {self.bounds}" if beyond else _lower(first["msg"])
            raise self._bad(value, f"{why}{where}", origin, bounds=not beyond) from None
        if self.type == "str" and "\0" in checked:
            raise self._bad(value, "text may not hold a zero byte", origin)
        return checked

    @property
    def bounds(self) -> str:
        """What numbers are allowed, as text: 0.01 to 100 Å; "" where there are no bounds."""
        unit = f" {self.unit}" if self.unit not in ("", "1") else ""
        low = None if self.low is None else f"{self.low:g}"
        high = None if self.high is None else f"{self.high:g}"
        if low is not None and high is not None:
            return f"{low} to {high}{unit}"
        return f"{low}{unit} or more" if low is not None else f"up to {high}{unit}" if high else ""

    def show(self, value: Any) -> str:
        """Give the value as text for people; the unit is not included."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list | tuple):
            return " ".join(self.show(v) for v in value)
        if isinstance(value, float):
            return f"{value:.{self.digits}f}" if self.digits is not None else f"{value:.6g}"
        return str(value)

    def as_text(self, value: Any) -> str:
        """Give the value as scripts and programs get it: bool 1/0, vectors separated by blanks."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, list | tuple):
            return " ".join(self.as_text(v) for v in value)
        return repr(value) if isinstance(value, float) else str(value)

    def _from_text(self, text: str, origin: str) -> object:
        if self.type in ("str", "path", "choice"):
            return text
        if self.type == "series":
            raise self._bad(text, "it is a list of points, not text", origin)
        parts = text.replace(",", " ").split()
        read = [self._number(part, origin) for part in parts]
        if self.size == 1:
            if len(read) != 1:
                point = text.strip().replace(",", ".")
                comma = "," in text and self.type == "float" and _is_number(point)
                why = f"write {point} with a point" if comma else "one value is expected"
                raise self._bad(text, why, origin)
            return read[0]
        return read

    def _number(self, text: str, origin: str) -> object:
        if self.type == "bool":
            if text.lower() in TRUE:
                return True
            if text.lower() in FALSE:
                return False
            raise self._bad(text, "yes or no is expected", origin)
        try:
            if "_" in text:
                raise ValueError(text)
            return int(text) if self.type == "int" else float(text)
        except ValueError:
            kind = "a whole number" if self.type == "int" else "a number"
            raise self._bad(text, f"{kind} is expected", origin) from None

    def _choice(self, value: object, origin: str) -> str:
        is_key = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1_000_000
        text = str(value) if is_key else value
        for key, label in self.choices:
            if isinstance(text, str) and text.casefold() in (key.casefold(), label.casefold()):
                return key
        keys = ", ".join(f"{key} ({label})" for key, label in self.choices)
        raise self._bad(value, f"it is one of {keys}", origin)

    def _bad(self, value: object, reason: str, origin: str, *, bounds: bool = True) -> BadValue:
        where = f" (from {origin})" if origin else ""
        allowed = f"; allowed: {self.bounds}" if bounds and self.bounds else ""
        return BadValue(f"{self.name} = {_short(value)}{where}: {reason}{allowed}")


def declare(name: str, table: Mapping[str, Any], *, subject: str = "", source: str = "") -> Param:
    """Make a Param of its declaration; a mistake in the declaration raises BadStep."""
    origin = f"{source}: " if source else ""
    if not name.isidentifier() or not name.isascii() or name != name.lower():
        raise BadStep(f"{origin}parameter {name!r}: a name is lower-case letters, digits and _")
    if name in CSH_WORDS or name in ROW_WORDS:
        raise BadStep(
            f"{origin}parameter {name!r}: this name has another meaning; choose a different one"
        )
    where = f"{origin}parameter {name}: "
    if not isinstance(table, Mapping):
        raise BadStep(f"{where}write a table [tool.focusnb.param.{name}]")
    default = table.get("default")
    facts = {"type": _type_of(default), "label": name.replace("_", " ").capitalize(), **table}
    _check_facts(facts, where)
    modes = facts.get("modes", "all")
    facts |= {
        "choices": tuple((str(k), str(v)) for k, v in dict(facts.get("choices", {})).items()),
        "modes": ()
        if modes == "all"
        else tuple(modes.split() if isinstance(modes, str) else modes),
        "default": None,
    }
    param = Param(name=name, subject=subject, **facts)
    try:
        return replace(param, default=param.read(default))
    except BadValue as error:
        raise BadStep(f"{origin}default of {error}") from None


def _check_facts(facts: Mapping[str, Any], where: str) -> None:
    """Raise BadStep for what a declaration may not say."""
    known = set(Param.__slots__) - {"name", "subject"}
    if unknown := sorted(set(facts) - known):
        near = get_close_matches(unknown[0], known, 1)
        hint = f"; meant {near[0]!r}?" if near else ""
        raise BadStep(f"{where}unknown key {unknown[0]!r}{hint}")
    for key, kinds, what in KINDS:
        if facts.get(key) is not None and (
            not isinstance(facts[key], kinds) or isinstance(facts[key], bool) != (kinds is bool)
        ):
            raise BadStep(f"{where}{key} = {facts[key]!r} is no {what}")
    for key, allowed in ALLOWED.items():
        if key in facts and facts[key] not in allowed:
            raise BadStep(f"{where}{key} {facts[key]!r} is none of {', '.join(allowed)}")
    if not 1 <= facts.get("size", 1) <= 4:
        raise BadStep(f"{where}size = {facts['size']}; vectors have 2 to 4 numbers")
    if facts["type"] == "choice" and not facts.get("choices"):
        raise BadStep(f"{where}a choice needs choices, a table of key = label")


def _type_of(default: object) -> str:
    kinds = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(default), "str")


def _short(value: object) -> str:
    """Give a value as a message can hold it, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # a number too long to be written, an object that cannot tell what it is
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 100 else f"{text[:90]}…"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


@lru_cache(maxsize=None)
def _adapter(kind: str, size: int, low: float | None, high: float | None) -> Any:
    from typing import Annotated

    from pydantic import Field, TypeAdapter

    one: Any
    if kind in ("float", "int"):
        limits: dict[str, Any] = {k: v for k, v in (("ge", low), ("le", high)) if v is not None}
        if kind == "float":
            limits["allow_inf_nan"] = False
        one = Annotated[float if kind == "float" else int, Field(strict=True, **limits)]
    elif kind == "bool":
        one = Annotated[bool, Field(strict=True)]
    elif kind == "series":
        finite_float = Annotated[float, Field(strict=True, allow_inf_nan=False)]
        pair = Annotated[list[finite_float], Field(min_length=2, max_length=2)]
        return TypeAdapter(list[pair | None])
    else:
        one = Annotated[str, Field(strict=True)]
    if size > 1:
        one = Annotated[list[one], Field(min_length=size, max_length=size)]
    return TypeAdapter(one)
