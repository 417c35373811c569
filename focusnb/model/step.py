"""A step: one unit of processing, one record, whoever made it."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from focusnb.errors import BadStep, BadValue
from focusnb.model.param import Param
from focusnb.model.vocabulary import Vocabulary, vocabulary

if TYPE_CHECKING:
    from focusnb.model.job import Job  # which brings the formats, and these NumPy

CATEGORIES = (
    "Import",
    "Prepare",
    "Align",
    "Measure",
    "Pick",
    "Crystal",
    "Tilt",
    "Publish",
    "Clean",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of processing: what it takes, what it makes, and how it runs.

    required: names of params that must have a value. requires: programs ("program") and resources
    (a number) that it needs, e.g. {"relion_run_motioncorr": "program", "gpu": 1}; values in place
    of the number, {"gpu": {"motion_device": "cuda"}}, mean one, and only when all of them are set
    so. version: part of the fingerprint; a new one makes earlier results stale. while_importing:
    run in recording order before the next image is imported, not by the queue. seen: a real output
    of the program was at hand when its parser was written.
    """

    name: str
    title: str
    category: str
    params: tuple[Param, ...]
    results: tuple[Param, ...]
    run: "Callable[[Job], Mapping[str, Any]]"
    requires: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""
    version: str = "1"
    required: frozenset[str] = frozenset()
    while_importing: bool = False
    seen: bool = True

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise BadStep(
                f"step {self.name}: category {self.category!r} is none of {', '.join(CATEGORIES)}"
            )
        both = {p.name for p in self.params} & {r.name for r in self.results}
        if both:
            raise BadStep(
                f"step {self.name} takes and makes {', '.join(sorted(both))}; a word can be only one of them"
            )

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the words it takes."""
        return tuple(p.name for p in self.params)

    @property
    def makes(self) -> tuple[str, ...]:
        """Names of the words it makes."""
        return tuple(r.name for r in self.results)

    def resources(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Give what a worker must have to run it with these values; a missing one is the default."""
        known = {p.name: p.default for p in self.params} | dict(values)
        needed: dict[str, float] = {}
        for name, amount in self.requires.items():
            if isinstance(amount, Mapping):
                amount = all(known.get(word) == value for word, value in amount.items())
            if amount and amount != "program":
                needed[name] = float(amount)
        return needed

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise BadValue when a value that the step cannot do without is missing."""
        for name in self.takes:
            if name in self.required and values.get(name) is None:
                raise BadValue(
                    f"{name} has no value, and {self.name} needs one: give it with --set {name}=…"
                )


def step(
    *,
    category: str,
    results: str | Iterable[str],
    requires: Mapping[str, Any] | None = None,
    version: str = "1",
    while_importing: bool = False,
    words: Vocabulary | None = None,
) -> Callable[[Callable[..., Mapping[str, Any]]], Step]:
    """Make a Step of a Python function `f(job, word, other_word=default)`.

    The names of its arguments are words of the vocabulary; a default in the signature takes the
    place of the vocabulary's, and an argument without any default must have a value at run time.
    The docstring's first line is the title, the rest the help.
    """

    def make(function: Callable[..., Mapping[str, Any]]) -> Step:
        known = words or vocabulary()
        arguments = list(inspect.signature(function).parameters.values())[1:]
        params = []
        for argument in arguments:
            param = known[argument.name]
            if argument.default not in (inspect.Parameter.empty, None):
                param = replace(
                    param, default=param.read(argument.default, f"step {function.__name__}")
                )
            params.append(param)
        names = [a.name for a in arguments]
        title, _, text = inspect.cleandoc(function.__doc__ or function.__name__).partition("\n")

        def run(job: "Job") -> Mapping[str, Any]:
            return function(job, **{name: job.values.get(name) for name in names})

        return Step(
            name=function.__name__,
            title=title.rstrip("."),
            category=category,
            params=tuple(params),
            results=tuple(known[word] for word in _words(results)),
            run=run,
            requires=dict(requires or {}),
            help=text.strip(),
            version=version,
            required=frozenset(a.name for a in arguments if a.default is inspect.Parameter.empty),
            while_importing=while_importing,
        )

    return make


def _words(text: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(text.split()) if isinstance(text, str) else tuple(text)
