"""What the README shows is done: its commands, its Python, and its three ways to write a step."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import focusnb as fn
from focusnb.command import parser
from focusnb.model.step import Step

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for found, text in BLOCKS if found == language]


def block(language, word):
    (text,) = [text for text in blocks(language) if word in text]
    return text


def commands():
    """Every command line of the README, in blocks and in running text."""
    lines = [
        line for language in ("sh", "") for text in blocks(language) for line in text.splitlines()
    ]
    lines += re.findall(
        r"`((?:focusnb|make) [^`]*)`", re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)
    )
    return [line.split("#")[0].strip() for line in lines if line.startswith(("focusnb ", "make "))]


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "notebooks").symlink_to(ROOT / "notebooks")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}

    def run(text, *interpreter):
        program = interpreter or ("bash", "-euo", "pipefail", "-c")
        return subprocess.run([*program, text], cwd=folder, env=env, capture_output=True, text=True)

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def session(shell):
    """The README's session, from `focusnb simulate` to `focusnb status`."""
    answer = shell(block("sh", "focusnb simulate"))
    assert answer.returncode == 0, answer.stderr
    shell.said = answer.stdout
    return shell


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith("focusnb ")])
def test_every_command_is_one_that_the_program_knows(line):
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    if len(words) > 1 or words[0] in ("demo", "steps", "parameters", "doctor"):
        parser().parse_args(words)
    else:
        assert words[0] in parser().format_help()


def test_every_make_target_is_one():
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {shlex.split(c)[1] for c in commands() if c.startswith("make ")} <= targets


def test_every_folder_and_page_that_is_named_is_there():
    named = {
        line.split()[0]
        for text in blocks("")
        for line in text.splitlines()
        if re.match(r"[\w/]+(/|\.py)\s", line)
    }
    named |= {place for place in re.findall(r"\]\(([^)]+)\)", README) if "://" not in place}
    named |= set(re.findall(r"`((?:focusnb|tests|notebooks|docs)/[\w/.]+)`", README)) - {
        "focusnb/formats/x.py",
        "focusnb/export/x.py",
    }
    assert len(named) > 20
    assert [place for place in sorted(named) if not (ROOT / place).exists()] == []


def test_the_map_names_every_room():
    rooms = {p.name for p in (ROOT / "focusnb").iterdir() if (p / "__init__.py").is_file()}
    assert [room for room in sorted(rooms) if f"\nfocusnb/{room}/ " not in README] == []


def test_one_file_is_processed_without_a_project(shell):
    answer = shell(block("sh", "focusnb quick"))
    assert answer.returncode == 0, answer.stderr
    assert "CTF resolution" in answer.stdout
    assert '"defocus_u": 27' in answer.stdout


def test_the_session_ends_in_a_folder_for_relion(session):
    assert "3 done" in session.said
    assert (session.folder / "for-relion" / "corrected_micrographs.star").is_file()


def test_a_folder_to_watch_is_stored(session):
    answer = session(block("sh", "--watch"))
    assert answer.returncode == 0, answer.stderr
    assert "camera" in (session.folder / "apoferritin" / "project.toml").read_text(encoding="utf-8")


def test_the_widgets_do_in_python_what_their_buttons_do(session):
    answer = session(block("python", "LibraryTable(desk)"), sys.executable, "-c")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "project.flag(project.select('ctf_resolution < 20'), 'gold')\n"


def test_the_library_does_the_same_in_python(session):
    code = (
        f"{block('python', 'project.export')}\nprint(len(table), project.values()['good_iciness'])"
    )
    # the dispatcher's processes import the main module again
    guarded = "if __name__ == '__main__':\n" + "".join(
        f"    {line}\n" for line in code.splitlines()
    )
    answer = session(guarded, sys.executable, "-c")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "3 1.2"


@pytest.mark.needs("csh")
def test_both_scripts_are_steps_as_soon_as_they_lie_in_their_folder(session):
    scripts = session.folder / "apoferritin" / "scripts"
    (scripts / "drift_speed.csh").write_text(block("csh", "drift_rate"), encoding="utf-8")
    (scripts / "blur.py").write_text(block("python", "blur_width"), encoding="utf-8")
    answer = session(block("sh", "drift_speed,blur"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    row = fn.open(session.folder / "apoferritin").rows()[0]
    assert row["drift_rate"] == pytest.approx(row["drift_total"] / row["total_dose"], rel=1e-4)
    image = fn.open(session.folder / "apoferritin")["g1/0000000001"]
    assert 0 < image.read("blurred").std() < image.read("average").std()


def test_a_function_is_a_step():
    room = {}
    exec(block("python", "@step"), room)
    made = room["contrast"]
    assert isinstance(made, Step)
    assert (made.title, made.takes, made.makes) == (
        "Measure the contrast of the average",
        ("average",),
        ("image_sd",),
    )

    class Job:
        def __init__(self):
            self.values = {"average": "average.mrc"}

        def read(self, word):
            return np.array([[1.0, 3.0]])

    assert made.run(Job()) == {"image_sd": 0.5}
