"""The house rules that a program can check: layers, sizes, names, words, docs, packaging."""

import ast
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import focusnb
from focusnb.model.param import Param
from focusnb.model.registry import Registry
from focusnb.model.step import Step
from focusnb.model.vocabulary import vocabulary

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = (
    "focusnb",
    "widgets",
    "dashboards",
    "notebooks",
    "docs",
    "tests",
    "benchmarks",
    ".github",
    ".ci",
)
MADE = {"node_modules", "__pycache__", ".ipynb_checkpoints", "out", "dist", "build"}
LONGEST = 500  # lines of a code file
HEAVY = {
    "anywidget", "bokeh", "dask", "distributed", "focusnb_widgets", "IPython", "ipykernel", "ipywidgets",
    "jupyter_bokeh", "jupyterlab", "matplotlib", "numba", "pandas", "scipy.optimize", "torch", "voila",
}  # fmt: skip
# csh keeps these for itself: as environment variables they would never reach a script.
CSH = set(
    "path home term status cwd argv user shell prompt group version gid uid tty command shlvl owd history"
    " addsuffix dirstack echo_style".split()
)
CONDA_NAMES = {"playwright": "playwright-python", "torch": "pytorch"}


def files(*suffixes):
    """The files of the house that people write, with one of these suffixes (all if none is given)."""
    found = [p for p in ROOT.iterdir() if p.is_file()]
    for room in ROOMS:
        found += [
            p
            for p in (ROOT / room).rglob("*")
            if p.is_file() and not MADE & {*p.relative_to(ROOT).parts}
        ]
    return sorted(p for p in found if not suffixes or p.suffix in suffixes)


def ids(path):
    return str(path.relative_to(ROOT))


PACKAGES = [
    p
    for p in files(".py")
    if p.is_relative_to(ROOT / "focusnb") or p.is_relative_to(ROOT / "widgets/focusnb_widgets")
]
WORDS = list(vocabulary().values())
STEPS = list(Registry().steps.values())


# -- layers, sizes, names


def test_imports_go_down_only():
    place = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([place, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_no_code_file_is_longer_than_500_lines():
    code = [p for p in files(".py", ".sql", ".js") if not p.name.endswith(".min.js")]
    long = {
        ids(p): n for p in code if (n := len(p.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


@pytest.mark.parametrize("path", PACKAGES, ids=ids)
def test_the_first_line_of_a_module_says_what_lives_there(path):
    text = path.read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text))
    assert said
    assert text.removeprefix("r").startswith(f'"""{said[0]}')


@pytest.mark.parametrize(
    "code", ["import focusnb", "import focusnb.command as c; c.parser().format_help()"]
)
def test_heavy_things_are_imported_only_where_they_are_used(code):
    tell = f"import sys; {code}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", tell], capture_output=True, text=True, check=True
    )
    assert HEAVY & {*loaded.stdout.split()} == set()


def test_public_names_are_sorted_and_complete():
    named = {
        name
        for name, thing in vars(focusnb).items()
        if not name.startswith("_") and not inspect.ismodule(thing)
    }
    assert focusnb.__all__ == sorted(named, key=str.casefold)


def test_packages_list_their_public_names_sorted():
    for path in [p for p in PACKAGES if p.name == "__init__.py"]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
                assert names == sorted(names, key=str.casefold), ids(path)


# -- what is declared is there, what is there is declared


def found_in(folder, is_one):
    """The things of a folder's modules, as an entry point names them: 'package.module:thing'."""
    found = {}
    for path in sorted((ROOT / "focusnb" / folder).glob("*.py")):
        module = importlib.import_module(f"focusnb.{folder}.{path.stem}".removesuffix(".__init__"))
        for attribute, thing in vars(module).items():
            if is_one(attribute, thing, module):
                found[f"{module.__name__}:{attribute}"] = thing
    return found


def declared(group):
    return PROJECT["project"]["entry-points"][f"focusnb.{group}"]


def test_entry_points_of_steps_equal_the_folder():
    found = found_in("steps", lambda attribute, thing, module: isinstance(thing, Step))
    assert {place: step.name for place, step in found.items()} == {
        v: k for k, v in declared("steps").items()
    }


def test_entry_points_of_formats_equal_the_folder():
    found = found_in("formats", lambda attribute, thing, module: attribute == "reader")
    assert {place: reader.name.lower() for place, reader in found.items()} == {
        v: k for k, v in declared("formats").items()
    }


def test_entry_points_of_exporters_equal_the_folder():
    def is_exporter(attribute, thing, module):
        return attribute == "export" and thing.__module__ == module.__name__ != "focusnb.export"

    assert set(found_in("export", is_exporter)) == set(declared("exporters").values())


@pytest.mark.parametrize("group", ["formats", "steps", "step_files", "exporters"])
def test_what_is_installed_is_what_is_declared(group):
    assert {p.name: p.value for p in entry_points(group=f"focusnb.{group}")} == declared(group)


# -- words


def test_the_vocabulary_has_eighty_words_in_its_subjects():
    assert len(WORDS) >= 80
    assert {w.subject for w in WORDS} >= set(
        "microscope camera dose motion ctf ice picking import queue monitor export good results".split()
    )


@pytest.mark.parametrize("word", WORDS, ids=lambda w: w.name)
def test_a_word_has_a_label_a_unit_and_help(word: Param):
    assert word.label
    assert word.help.endswith(".")
    assert word.unit or word.type not in ("int", "float", "series")


def test_no_word_is_one_that_csh_keeps_for_itself():
    assert CSH & {w.name for w in WORDS} == set()


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.name)
def test_a_step_tells_what_it_does(step: Step):
    assert step.title
    assert not step.title.endswith(".")
    assert step.help
    assert step.makes
    assert all(
        p.label and (p.unit or p.type not in ("int", "float"))
        for p in (*step.params, *step.results)
    )


def test_no_word_has_two_makers_among_the_built_in_steps():
    # import_picks takes the place of pick: a step that needs picks brings the latter along
    own = [s for s in STEPS if "program" not in s.requires.values() and s.name != "import_picks"]
    makers = Counter(word for s in own for word in s.makes)
    assert [word for word, count in makers.items() if count > 1] == []


# -- packaging


def test_conda_s_names_and_ranges_equal_pyproject_s():
    table = PROJECT["project"]
    wanted = {"python": table["requires-python"]}
    for line in [*table["dependencies"], *table["optional-dependencies"]["dev"]]:
        need = Requirement(line)
        wanted[CONDA_NAMES.get(need.name, need.name)] = str(need.specifier)
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip = next(line["pip"] for line in lines if isinstance(line, dict))
    names = [line for line in [*lines, *pip] if isinstance(line, str)]
    assert names.count("pip") == names.count("--editable .") == 1
    needs = [Requirement(line) for line in names if line not in ("pip", "--editable .")]
    ranges = {need.name: need.specifier for need in needs}
    assert {name: str(specifier) for name, specifier in ranges.items()} == wanted


def test_the_version_stands_in_one_place():
    version = PROJECT["project"]["version"]
    assert focusnb.__version__ == version
    pattern = re.compile(rf"version\w*\W{{1,5}}{re.escape(version)}\b")
    assert [
        ids(p) for p in files(".py", ".js", ".sql") if pattern.search(p.read_text(encoding="utf-8"))
    ] == []


def test_nothing_heavy_is_installed_for_the_tests():
    needs = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
    ]
    assert {Requirement(n).name for n in needs} & {
        "torch",
        "topaz-em",
        "cupy",
        "tensorflow",
    } == set()


def test_there_is_no_lock_file():
    names = re.compile(r"(lock$|\.lock\.|-lock\.|\.lock$|^requirements.*\.txt$|^npm-shrinkwrap)")
    assert [ids(p) for p in files() if names.search(p.name)] == []


def test_no_registry_and_no_one_s_own_folder_is_named():
    told = re.compile(
        r"pypi\.org|pythonhosted|npmjs|anaconda\.org|index-url|find-links|trusted-host"
        r"|/root/|/work/|/home/\w+/|/Users/\w+/|\.\./shared"
    )
    text = (
        ".py",
        ".toml",
        ".yml",
        ".yaml",
        ".md",
        ".js",
        ".css",
        ".sh",
        ".sql",
        ".ipynb",
        ".j2",
        "",
    )
    found = []
    for path in files(*text):
        if path != Path(__file__) and path.name not in ("LICENSE", ".git"):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [
                f"{ids(path)}:{n}: {line.strip()[:90]}"
                for n, line in enumerate(lines, 1)
                if told.search(line)
            ]
    assert found == []


def test_warnings_of_our_own_code_are_errors():
    options = PROJECT["tool"]["pytest"]["ini_options"]
    assert options["filterwarnings"][:2] == ["error:::focusnb", "error:::focusnb_widgets"]
    assert options["xfail_strict"]
    assert {"--strict-markers", "--strict-config"} <= {*options["addopts"].split()}


def test_notebooks_are_kept_without_outputs():
    for path in files(".ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells), ids(
            path
        )


# -- two commands on a fresh machine


@pytest.fixture
def fresh(tmp_path):
    """A machine with a Makefile and the Pythons that one names; gives make's answer."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "house/tests").mkdir(parents=True)
    (tmp_path / "house/tests/programs").symlink_to(ROOT / "tests/programs")
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / "house" / name).write_bytes((ROOT / name).read_bytes())
    for tool in ("sh", "make"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))

    def run(*make, **pythons):
        for name, line in pythons.items():
            place = tmp_path / "bin" / name.replace("_", ".")
            place.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            place.chmod(0o755)
        env = {"PATH": str(tmp_path / "bin")}
        place = tmp_path / "house"
        return subprocess.run(
            [shutil.which("make"), *make], cwd=place, env=env, capture_output=True, text=True
        )

    return run


SHIM = "echo python: command not found >&2; exit 127"
WHOLE = f'exec {sys.executable} "$@"'
BARE = f"""[ "$1" = -c ] && case "$2" in *ensurepip*) exit 1;; esac; {WHOLE}"""


def test_make_takes_the_first_python_that_really_runs(fresh):
    said = fresh("-n", "demo", python3_14=SHIM, python3_12=BARE, python3_11=WHOLE, python3=WHOLE)
    assert " python3.11 -m venv" in said.stdout


def test_make_names_the_line_for_apt_when_python_lacks_venv(fresh):
    said = fresh("demo", python3_13=SHIM, python3=BARE)
    assert said.returncode != 0
    assert "sudo apt install python3-venv" in said.stderr


def test_make_says_which_python_it_needs(fresh):
    said = fresh("demo", python3_12=SHIM)
    assert said.returncode != 0
    assert "needs Python 3.11 or later" in said.stderr


def test_ci_runs_the_command_of_every_desk():
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert "export CI=1" in lines
    assert lines[-1] == "make test"
    assert os.access(ROOT / ".ci/run", os.X_OK)


# -- docs


@pytest.mark.parametrize("path", sorted((ROOT / "docs/decisions").glob("*.md")), ids=ids)
def test_a_decision_is_one_short_page(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) <= 30
    assert all(f"**{part}" in text for part in ("Context", "Decision", "Consequences"))


def test_changes_begin_with_what_comes_next():
    lines = (ROOT / "CHANGES.md").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line.startswith("## ")) == "## NEXT"
