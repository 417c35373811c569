"""What all tests share: programs that may be missing, and a configuration of one's own.

A test that needs a program says so: ``@pytest.mark.needs("relion_preprocess")``, or
``needs_program("chromium")`` in a fixture or a test. Where the program is missing the test is
skipped with the reason; in CI, where `make test` installs them, that is a failure.
"""

import os
import re
import shutil
import sys

import pytest
from hypothesis import HealthCheck, settings

PACKAGES = {
    "chromium": "chromium", "csh": "tcsh", "tcsh": "tcsh", "nginx": "nginx", "node": "nodejs",
    "relion_preprocess": "relion", "relion_run_motioncorr": "relion", "relion_ctf_toolbox": "relion",
    "relion_image_handler": "relion", "relion_star_handler": "relion", "relion_motion_refine": "relion",
}  # fmt: skip
NAMES = re.compile(r"\b(chromium|relion\w*|t?csh|nginx|node(js)?)\b", re.IGNORECASE)
# Only Debian's programs are installed by `make test`; macOS in CI does without them.
STRICT = bool(os.environ.get("CI")) and sys.platform == "linux"

os.environ["PATH"] += os.pathsep + "/usr/sbin"  # Debian keeps nginx there
settings.register_profile(
    "house", deadline=None, derandomize=STRICT, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def _need(program):
    place = shutil.which(program)
    if place is None:
        reason = f"needs {program}: apt install {PACKAGES.get(program, program)}"
        (pytest.fail if STRICT else pytest.skip)(reason)
    return place


@pytest.fixture(scope="session")
def needs_program():
    """A function: name of a program -> its place; skips the test where there is none."""
    return _need


@pytest.fixture(scope="session", autouse=True)
def _own_configuration(tmp_path_factory):
    """Nobody's own parameters and scripts take part in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOCUSNB_CONFIG", str(tmp_path_factory.mktemp("configuration")))
        yield


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            _need(program)


def _refuse(report):
    """Make a failure of a skip that names a missing program, where none may be missing."""
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if NAMES.search(reason):
            report.outcome = "failed"
            report.longrepr = f"in CI no program may be missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _refuse(report)
    return report
