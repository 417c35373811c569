import makers
import pytest

from focusnb import formats
from focusnb.batch import dispatch
from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.workers import Inline
from focusnb.command import main

SLEEPER = """#!/bin/sh
# /// script
# [tool.focusnb]
# title = "Say a number"
# params = ["say", "frame_count"]
# results = ["said"]
# param.say.default = 7
# param.say.unit = "1"
# param.said.type = "int"
# param.said.unit = "1"
# ///
[ "$say" != 0 ] || exit 4
echo "said = $say" > "$FOCUSNB_RESULTS"
"""


@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """Two small movies of two frames, a gain, and a file that is broken."""
    folder = tmp_path_factory.mktemp("camera")
    made = makers.movie()
    for number in (0, 1):
        frames = made.frames[2 * number : 2 * number + 2, :128, :128]
        formats.write(folder / f"m{number}.tif", frames, pixel_size=1.0)
    formats.write(folder / "gain.mrc", made.camera.gain[:128, :128])
    (folder / "broken.tif").write_bytes(b"II*\0")
    return folder


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """A function: arguments -> exit code, what was printed, what was complained; no traceback ever."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(dispatch, "wait", _inline)

    def get(*arguments):
        code = main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return get


def _inline(project, batches, **how):
    """Run the queue in this process: dask has its own tests."""
    Dispatcher(project, Inline).run()
    return project.queue.states(batches)


@pytest.fixture
def project(run, tmp_path, camera):
    """A project with two imported movies and a small script."""
    run("new", "p", "--mode", "drift", "--set", "voltage=200")
    script = tmp_path / "p" / "scripts" / "say.sh"
    script.write_text(SLEEPER)
    script.chmod(0o755)
    run("import", "p", camera / "m0.tif", camera / "m1.tif", "--group", "g")
    return tmp_path / "p"
