"""The wheel: everything is in it, and what is installed from it opens the monitoring page."""

import os
import re
import socket
import subprocess
import sys
import sysconfig
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

import focusnb

ROOT = Path(__file__).parents[2]


def call(*command, **how):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel made of the source distribution, so that both are known to be whole."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "-d", folder)
    call(*build, "-t", "sdist", cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        # our own archive; Python before 3.11.4 knows no filter
        archive.extractall(
            folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {})
        )
    call(*build, "-t", "wheel", cwd=folder / f"focusnb-{focusnb.__version__}")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with this wheel only, which borrows everything else from ours: no network."""
    place = tmp_path_factory.mktemp("installed") / "environment"
    call(sys.executable, "-m", "venv", "--without-pip", place)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        place / "bin/python",
    )
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    library = next(place.glob("lib/python*/site-packages"))
    # a line of a .pth adds the folder, but not what that folder's own .pth files add: our checkout
    (library / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for shared in ("share", "etc"):  # the front ends' files lie there
        if (Path(sys.prefix) / shared).is_dir() and not (place / shared).exists():
            (place / shared).symlink_to(Path(sys.prefix) / shared)
    return place


@pytest.fixture(scope="module")
def names(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_module_and_every_file_beside_it_is_in_the_wheel(names):
    wanted = {
        str(path.relative_to(top))
        for top, package in ((ROOT, "focusnb"), (ROOT / "widgets", "focusnb_widgets"))
        for path in (top / package).rglob("*")
        if path.suffix in (".py", ".toml", ".sql", ".js", ".css", ".html", ".j2", ".svg", ".json")
    }
    assert {Path(name).suffix for name in wanted} >= {".py", ".toml", ".sql", ".js"}
    assert wanted - names == set()


def test_dashboards_and_lessons_are_in_the_wheel(names):
    wanted = {
        f"focusnb/_{path.relative_to(ROOT)}"
        for room in ("dashboards", "notebooks")
        for path in (ROOT / room).rglob("*")
        if path.is_file()
        and ".ipynb_checkpoints" not in path.parts
        and "__pycache__" not in path.parts
    }
    assert "focusnb/_dashboards/monitor.ipynb" in wanted
    assert "focusnb/_notebooks/data/micrograph_crop.tif" in wanted
    assert wanted - names == set()


def test_tests_and_benchmarks_are_not_in_the_wheel(names):
    assert {name.split("/")[0] for name in names} == {
        "focusnb", "focusnb_widgets", f"focusnb-{focusnb.__version__}.dist-info"
    }  # fmt: skip


def test_the_installed_monitoring_page_opens(environment, tmp_path):
    python = environment / "bin/python"
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in ("PYTHONPATH", "JUPYTER_PATH", "VIRTUAL_ENV")
    }
    env |= {"FOCUSNB_CONFIG": str(tmp_path / "configuration"), "HOME": str(tmp_path)}
    where = "import focusnb, focusnb.monitor.places as p; print(focusnb.__file__); print(p.dashboards_dir())"
    for line in call(python, "-c", where, cwd=tmp_path, env=env).splitlines():
        assert Path(line).is_relative_to(environment)
    call(environment / "bin/focusnb", "new", "session", cwd=tmp_path, env=env)
    call(python, "-c", "import focusnb; focusnb.open('session').publish()", cwd=tmp_path, env=env)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, "-m", "focusnb_widgets.server", "session/feed", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        said = server.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert address, (tmp_path / "log").read_text()

        def get(path):
            with urllib.request.urlopen(address[0] + path, timeout=60) as answer:
                return answer.status, answer.read()

        assert get("alive")[0] == 204
        assert len(get("bokeh/static/js/bokeh.min.js")[1]) > 100_000
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get("favicon.ico")
        page = get("")[1].decode()
    finally:
        server.terminate()
        server.wait(20)
    assert "application/vnd.jupyter.widget-view+json" in page
    assert "Traceback" not in page + (tmp_path / "log").read_text()
