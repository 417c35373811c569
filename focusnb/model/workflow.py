"""A workflow: a set of steps. Its order follows from what they take and make."""

from collections.abc import Collection, Iterable

from focusnb.errors import BadStep
from focusnb.model.registry import Registry
from focusnb.model.step import CATEGORIES, Step

# What runs on new images when the project does not say otherwise.
BY_MODE = {
    "drift": "prepare motion ctf measure previews",
    "single-particle": "prepare motion ctf measure pick previews",
}


def resolve(
    names: Iterable[str],
    registry: Registry,
    *,
    available: Collection[str] = (),
    preferred: Iterable[str] = (),
) -> tuple[list[Step], list[str]]:
    """Give the steps in the order they run, and notes about those that were brought along.

    available: words that have a value or a file already. A step that needs a product which is
    neither available nor made by another step brings that product's maker along: one of
    `preferred` (the project's workflow) if there is one, else the built-in one.
    """
    steps = {name: registry.step(name) for name in names}
    notes: list[str] = []
    waiting = list(steps.values())
    while waiting:
        step = waiting.pop()
        for param in step.params:
            made = any(param.name in other.makes for other in steps.values())
            if not param.made or param.name not in step.required or param.name in available or made:
                continue
            maker = _maker(param.name, registry, list(preferred))
            if maker is None:
                raise BadStep(
                    f"{step.name} needs {param.name}, which no step makes; give it with --set {param.name}=…"
                )
            if maker.name not in steps:
                notes.append(f"{maker.name} runs too, because {step.name} needs {param.name}")
                steps[maker.name] = maker
                waiting.append(maker)
    _one_maker_per_word(steps.values())
    return order(steps.values()), notes


def order(steps: Iterable[Step]) -> list[Step]:
    """Sort steps so that each runs after the makers of what it takes; ties by category and name."""
    left = sorted(steps, key=lambda s: (CATEGORIES.index(s.category), s.name))
    done: list[Step] = []
    while left:
        for step in left:
            before = [s.name for s in left if s is not step and set(s.makes) & set(step.takes)]
            if not before:
                done.append(step)
                left.remove(step)
                break
        else:
            circle = ", ".join(s.name for s in left)
            raise BadStep(f"the steps {circle} need each other's results; take one of them out")
    return done


def _maker(word: str, registry: Registry, preferred: list[str]) -> Step | None:
    makers = registry.makers(word)
    for step in makers:
        if step.name in preferred:
            return step
    built_in = [step for step in makers if registry.is_built_in(step.name)]
    usual = [step for step in built_in if any(step.name in w.split() for w in BY_MODE.values())]
    return next(iter(usual or built_in or makers), None)


def _one_maker_per_word(steps: Iterable[Step]) -> None:
    makers: dict[str, str] = {}
    for step in steps:
        for word in step.makes:
            if word in makers:
                raise BadStep(
                    f"{makers[word]} and {step.name} both make {word}; run only one of them"
                )
            makers[word] = step.name
