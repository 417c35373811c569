"""Motion on a graphics card's arrays: without one, the sentence; with PyTorch, the same pictures."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from contracts.steps import perform, results
from numpy.testing import assert_allclose

import focusnb as fn
from focusnb import formats
from focusnb.batch import task
from focusnb.kernels import motion
from focusnb.model.registry import Registry
from focusnb.steps import device

CHANNELS = ["average", "average_dw", "unaligned", "average_odd"]


def test_without_a_card_it_is_told_what_is_missing(tmp_path, recorded_movie):
    if find_spec("torch") and __import__("torch").cuda.is_available():
        pytest.skip("there is one")
    outcome = perform(tmp_path, recorded_movie, ["prepare", "motion"], motion_device="cuda")
    assert outcome.state == "failed"
    missing = "finds no graphics card" if find_spec("torch") else "needs PyTorch"
    assert missing in outcome.message
    assert "set motion_device to cpu" in outcome.message


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises, and what it says."""

    def __init__(self):
        super().__init__("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee documentation")


def test_too_little_memory_on_the_card_is_told_with_what_to_set(
    tmp_path, recorded_movie, monkeypatch
):
    def estimate(*args, **how):
        raise OutOfMemoryError

    monkeypatch.setattr(motion, "estimate", estimate)
    outcome = perform(tmp_path, recorded_movie, ["prepare", "motion"])
    assert (outcome.state, outcome.step) == ("failed", "motion")
    assert outcome.message == (
        "motion_device = cuda: the graphics card has not enough free memory for this movie;"
        " set motion_device to cpu, or end what else uses the card"
    )


@pytest.mark.parametrize(
    ("values", "needed"),
    [({"motion_device": "cuda"}, {"gpu": 1.0}), ({"motion_device": "cpu"}, {}), ({}, {})],
)
def test_a_card_is_required_only_where_one_is_asked_for(values, needed):
    registry = Registry()
    assert registry.step("motion").resources(values) == needed
    assert registry.step("prepare").resources(values) == {}


@pytest.mark.parametrize("where", ["project", "batch"])
def test_a_batch_that_aligns_on_a_card_goes_to_a_worker_that_has_one(
    tmp_path, recorded_movie, where
):
    given = {"motion_device": "cuda"}
    project = fn.create(tmp_path / "p", pixel_size=1.0, **(given if where == "project" else {}))
    (image,) = project.add(recorded_movie)
    row = {
        "image": image.id, "given": json.dumps(given if where == "batch" else {}), "trial": "",
        "force": 1, "id": 1, "try": 1,
    }  # fmt: skip
    made = [task.build(project, {**row, "steps": steps}) for steps in ("prepare", "prepare motion")]
    assert [dict(one.resources) for one in made] == [{}, {"gpu": 1.0}]


def test_pytorchs_arrays_give_the_same_pictures(tmp_path, recorded_movie, monkeypatch):
    torch = pytest.importorskip("torch", reason="make test-torch installs it")

    class Here(device.View):
        """A view through PyTorch's arrays in this computer's memory."""

        def __init__(self, movie, name):
            super().__init__(movie, "cpu")
            if name == "cuda":
                self._torch = torch

    monkeypatch.setattr(device, "View", Here)
    ours, theirs = (
        perform(
            tmp_path / name, recorded_movie, ["prepare", "motion"],
            motion_device=name, patches=3, odd_even=True, write_aligned=True,
        )
        for name in ("cpu", "cuda")
    )  # fmt: skip
    assert (ours.state, theirs.state) == ("done", "done"), theirs.message
    assert_allclose(results(theirs)["shifts"], results(ours)["shifts"], atol=1e-2)
    for word in (*CHANNELS, "aligned_frames"):
        one, two = (formats.read(Path(o.scratch) / results(o)[word]) for o in (ours, theirs))
        assert_allclose(two, one, atol=0.02 * one.std())
