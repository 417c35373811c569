"""Programs: found, started, and what is wrong with those that are not."""

import time
from pathlib import Path

import pytest

from focusnb.model import programs
from focusnb.model.programs import Program, started
from focusnb.model.registry import Registry

RELION = Program("relion_run_motioncorr", "relion_folder", ("relion_motion",))


@pytest.fixture
def fake(tmp_path):
    """Makes an executable of this text, in a folder with a blank; gives the values that name it."""

    def make(text, mode=0o755):
        folder = tmp_path / "my programs"
        folder.mkdir(exist_ok=True)
        file = folder / RELION.name
        file.write_text(text)
        file.chmod(mode)
        return {"relion_folder": str(folder)}

    return make


def test_each_program_of_the_steps_is_named_once():
    found = {one.name: one for one in programs.programs(Registry([]))}
    assert found["ctffind"] == Program(
        "ctffind", "ctffind_folder", ("ctffind4", "ctffind5"), ("ctffind4",)
    )
    assert found["relion_run_motioncorr"] == RELION


def test_a_program_that_tells_its_version(fake):
    outcome = started(RELION, fake("#!/bin/sh\necho RELION version: 4.0.1-commit\n"))
    assert (outcome.version, outcome.problem) == ("4.0.1-commit", "")
    assert outcome.place.name == RELION.name


def test_a_program_that_does_not_know_the_option_starts_nevertheless(fake):
    outcome = started(RELION, fake("#!/bin/sh\necho unknown option $1 >&2\nexit 2\n"))
    assert (outcome.version, outcome.problem) == ("", "")


def test_a_program_that_waits_for_an_answer_gets_none_and_ends(fake):
    outcome = started(RELION, fake("#!/bin/sh\nread answer || echo 'Version 2.5'\n"))
    assert outcome.version == "2.5"


def test_a_program_that_never_ends_is_ended(fake):
    begun = time.monotonic()
    outcome = started(RELION, fake("#!/bin/sh\nsleep 60\n"), limit=0.5)
    assert time.monotonic() - begun < 10
    assert "did not answer in 0.5 s" in outcome.problem


def test_a_program_that_never_stops_talking_is_ended(fake):
    outcome = started(RELION, fake("#!/bin/sh\necho version 1.2\nexec yes\n"), limit=5)
    assert outcome.version == "1.2"


def test_a_child_that_holds_the_output_open_is_not_waited_for(fake):
    begun = time.monotonic()
    outcome = started(RELION, fake("#!/bin/sh\necho version 1.2\nsleep 60 &\n"), limit=30)
    assert time.monotonic() - begun < 10
    assert outcome.version == "1.2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho 'x: error while loading shared libraries: libtiff.so'\nexit 127\n", "libtiff"),
        ("#!/bin/sh\necho 'ModuleNotFoundError: No module named torch'\nexit 1\n", "torch"),
        ("#!/nowhere/python\n", "cannot be started"),
        ("nothing that could run", "cannot be started"),
        ("#!/bin/sh\nkill -SEGV $$\n", "signal 11"),
    ],
)  # fmt: skip
def test_a_program_that_cannot_work_says_why(fake, text, said):
    outcome = started(RELION, fake(text))
    assert said in outcome.problem
    assert outcome.version == ""


def test_what_to_set_is_said_when_it_is_not_there(tmp_path, monkeypatch, fake):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not on the PATH; set relion_folder" in started(RELION, {}).problem
    assert "is no folder" in started(RELION, {"relion_folder": "/nowhere"}).problem
    assert "is not in" in started(RELION, {"relion_folder": str(tmp_path)}).problem
    assert "chmod +x" in started(RELION, fake("#!/bin/sh\n", mode=0o644)).problem


def test_it_runs_in_an_empty_folder_and_leaves_nothing(fake, tmp_path):
    trace = tmp_path / "where"
    started(RELION, fake(f'#!/bin/sh\ntouch left\npwd > "{trace}"\necho version 1.0\n'))
    assert not Path(trace.read_text().strip()).exists()
