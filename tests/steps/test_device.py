"""Motion on a graphics card's arrays: without one, the sentence; with PyTorch, the same pictures."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from contracts.steps import perform, results
from numpy.testing import assert_allclose

from focusnb import formats
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
