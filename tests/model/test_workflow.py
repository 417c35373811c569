"""A workflow: its order, the makers that come along, and what cannot be."""

import pytest

from focusnb.errors import BadStep, BadValue, UnknownName
from focusnb.model import workflow
from focusnb.model.registry import Registry
from focusnb.model.step import Step, step
from focusnb.model.vocabulary import vocabulary

WORDS = vocabulary().extended(
    {w: {"type": "float", "unit": "1", "made": True} for w in ("one", "two", "three")},
    source="test",
)


def made(name, takes, makes, category="Measure"):
    words = {w: WORDS[w] for w in (takes + " " + makes).split()}
    return Step(
        name=name, title=name, category=category, run=lambda job: {},
        params=tuple(words[w] for w in takes.split()),
        results=tuple(words[w] for w in makes.split()),
        required=frozenset(takes.split()),
    )  # fmt: skip


class Steps(Registry):
    """A registry of made steps; those named in `programs` are no built-in ones."""

    def __init__(self, *steps, programs=()):
        super().__init__()
        self.__dict__["steps"] = {s.name: s for s in steps}
        self.programs = programs

    def step(self, name):
        return self.steps[name]

    def is_built_in(self, name):
        return name not in self.programs


A, B, C = made("a", "", "one"), made("b", "one", "two"), made("c", "two", "three")


def names(steps):
    return [s.name for s in steps]


def test_the_order_follows_from_what_steps_take_and_make():
    assert names(workflow.order([C, B, A])) == ["a", "b", "c"]


def test_ties_go_by_category_and_name():
    steps = [
        made("y", "", "one", "Pick"),
        made("z", "", "two", "Prepare"),
        made("x", "", "three", "Pick"),
    ]
    assert names(workflow.order(steps)) == ["z", "x", "y"]


def test_steps_that_need_each_other_are_named():
    with pytest.raises(BadStep, match="the steps p, q need each other's results"):
        workflow.order([made("p", "one", "two"), made("q", "two", "one")])


def test_makers_of_what_is_missing_come_along_and_it_is_said():
    steps, notes = workflow.resolve(["c"], Steps(A, B, C))
    assert names(steps) == ["a", "b", "c"]
    assert notes == ["b runs too, because c needs two", "a runs too, because b needs one"]


def test_what_is_available_is_not_made_again():
    assert names(workflow.resolve(["c"], Steps(A, B, C), available={"two"})[0]) == ["c"]


def test_the_projects_maker_comes_before_the_built_in_one():
    other = made("other", "", "one")
    registry = Steps(A, other, B, programs=("other",))
    assert names(workflow.resolve(["b"], registry)[0]) == ["a", "b"]
    assert names(workflow.resolve(["b"], registry, preferred=["other"])[0]) == ["other", "b"]


def test_two_makers_of_one_word_are_an_error_that_names_both():
    with pytest.raises(BadStep, match="a and d both make one"):
        workflow.resolve(["a", "d"], Steps(A, made("d", "", "one")))


def test_what_nobody_makes_has_to_be_given():
    with pytest.raises(BadStep, match=r"b needs one, which no step makes; give it with --set one="):
        workflow.resolve(["b"], Steps(B))


def test_a_step_takes_and_makes_different_words():
    with pytest.raises(BadStep, match="takes and makes one"):
        made("x", "one", "one")


def test_an_unknown_category_is_an_error():
    with pytest.raises(BadStep, match="category 'Cook'"):
        made("x", "one", "two", "Cook")


def test_an_unknown_step_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="no step is called 'motoin'; meant 'motion'"):
        Registry().step("motoin")


def test_the_built_in_workflow_is_in_its_order():
    steps, notes = workflow.resolve(workflow.BY_MODE["single-particle"].split()[::-1], Registry())
    assert names(steps) == ["prepare", "motion", "ctf", "measure", "pick", "previews"]
    assert notes == []


def test_a_python_function_becomes_a_step():
    @step(category="Measure", results="iciness")
    def look(job, voltage, average, patches=7, gain=None):
        """Look at it.

        With care.
        """
        return {"iciness": voltage}

    assert (look.name, look.title, look.help) == ("look", "Look at it", "With care.")
    assert (look.takes, look.makes) == (("voltage", "average", "patches", "gain"), ("iciness",))
    assert look.params[2].default == 7
    assert look.required == {"voltage", "average"}
    with pytest.raises(
        BadValue, match=r"average has no value, and look needs one: .*--set average="
    ):
        look.check({"voltage": 300})


def test_a_default_that_the_word_does_not_allow_is_told():
    with pytest.raises(BadValue, match="from step look"):

        @step(category="Measure", results="iciness")
        def look(job, voltage=-5):
            return {}
