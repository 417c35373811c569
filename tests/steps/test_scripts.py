"""Users' scripts: headers, values and results, progress, and how they are ended."""

import json
import os
import time
from pathlib import Path
from threading import Timer

import psutil
import pytest
from contracts.steps import files, perform, results
from contracts.workers import until

from focusnb.errors import BadStep
from focusnb.model.registry import Registry
from focusnb.model.vocabulary import vocabulary
from focusnb.steps.scripts import read_results

CSH = """#!/bin/csh -f
# /// script
# [tool.focusnb]
# title = "Blur the average"
# category = "Measure"
# params = ["average", "blur_width", "voltage", "gain_corrected", "gain_rotation", "window", "comment"]
# results = ["blurred", "blur_sum"]
# [tool.focusnb.param.blur_width]
# unit = "Å"
# default = 2.0
# [tool.focusnb.param.window]
# type = "int"
# size = 2
# unit = "1"
# default = [3, 4]
# [tool.focusnb.param.blurred]
# type = "path"
# [tool.focusnb.param.blur_sum]
# type = "int"
# unit = "1"
# ///
set sum = 0
foreach side ( $window )
    @ sum += $side
end
echo "<<@progress: 50>>"
echo "${voltage}|${gain_corrected}|${gain_rotation}|${comment}|${image_group}|${blur_width}" > "blurred.txt"
cat "$average" >> blurred.txt
echo "blurred = blurred.txt" >> "$FOCUSNB_RESULTS"
echo "blur_sum = $sum" >> "$FOCUSNB_RESULTS"
"""
PYTHON = """
# /// script
# [tool.focusnb]
# title = "Tell everything"
# params = ["voltage", "shifts", "window", "average"]
# results = ["told", "path_told"]
# [tool.focusnb.param.window]
# type = "int"
# size = 2
# unit = "1"
# default = [3, 4]
# [tool.focusnb.param.told]
# type = "str"
# [tool.focusnb.param.path_told]
# type = "series"
# ///
import json, os
values = json.loads(os.environ["FOCUSNB_PARAMETERS"])
with open(os.environ["FOCUSNB_RESULTS"], "w") as out:
    print("told =", json.dumps(values), file=out)
    print("path_told =", json.dumps(values["shifts"]), file=out)
"""
HEAD = """#!/bin/sh
# /// script
# [tool.focusnb]
# results = ["told"]
# param.told.type = "str"
# ///
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "my scripts"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder):
    """A function: name, text -> the script, executable."""

    def get(name, text, mode=0o755):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return get


@pytest.fixture
def go(tmp_path, folder):
    """A function: name of a script, values -> outcome, of an image whose name is hard to bear."""
    camera = tmp_path / "the 'camera' \"ü"
    camera.mkdir()
    (camera / "average.mrc").write_text("an average")

    def get(name, **values):
        movie = camera / "a b'c\"d\nü$HOME.tif"
        values = {"gain": None, "defects": None, "average": str(camera / "average.mrc"), **values}
        return perform(tmp_path / "home of 'it'", movie, [name], scripts=[folder], **values)

    return get


def problems(folder):
    registry = Registry([folder])
    _ = registry.steps
    return registry.problems


class TestValuesAndResults:
    @pytest.mark.needs("csh")
    def test_a_csh_script_gets_values_and_gives_results(self, write, go, tmp_path):
        write("blur.csh", CSH)
        outcome = go("blur", gain_corrected=True, gain_rotation="3", comment='it\'s "so" ü')
        assert (outcome.state, outcome.message) == ("done", "")
        assert results(outcome) == {"blurred": "blurred.txt", "blur_sum": 7}
        text = (Path(outcome.scratch) / "blurred.txt").read_text()
        assert text == '300.0|1|3|it\'s "so" ü|g|2.0\nan average'

    def test_a_python_script_without_first_line_gets_everything_as_json(self, write, go):
        write("tell.py", PYTHON, 0o644)
        outcome = go("tell", shifts=[[0.0, 1.5], None])
        told = json.loads(results(outcome)["told"])
        assert told["window"] == [3, 4]
        assert (told["voltage"], told["threads"], told["image_group"]) == (300.0, "1", "g")
        assert told["image_name"] == "a b'c\"d\nü$HOME.tif"
        assert results(outcome)["path_told"] == [[0.0, 1.5], None]

    def test_a_missing_value_is_the_empty_string(self, write, go):
        write("x.sh", HEAD.replace("results =", 'params = ["exposure_dose"]\n# results =')
              + 'echo "told = <$exposure_dose>" > "$FOCUSNB_RESULTS"\n')  # fmt: skip
        assert results(go("x", exposure_dose=None))["told"] == "<>"

    def test_values_are_never_run(self, write, go, tmp_path):
        write("x.sh", HEAD.replace("results =", 'params = ["comment"]\n# results =')
              + 'echo "told = $comment" > "$FOCUSNB_RESULTS"\n')  # fmt: skip
        bad = f"$(touch {tmp_path}/bad); `touch {tmp_path}/bad`"
        assert results(go("x", comment=bad))["told"] == bad
        assert not (tmp_path / "bad").exists()

    def test_it_writes_only_into_the_folder_of_its_try(self, write, go, tmp_path):
        write("x.sh", HEAD + "touch here; pwd\n")
        outcome = go("x")
        home = tmp_path / "home of 'it'"
        assert all(name.startswith(".try-1-1/") for name in files(home))
        assert set(outcome.files) == {"logs/x.log"}

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("nonsense", "line 2 of its results is 'nonsense'; write name = value"),
            ("tolt = 5", "x.sh gave tolt, which its header does not declare in results"),
            ("blur = many", "line 2 of x.sh's results: blur = 'many' (from x.sh)"),
            ("shifts = [", "line 2 of x.sh's results"),
        ],
    )
    def test_results_that_cannot_be_read_are_told_by_line(self, line, reason):
        words = vocabulary().extended({"blur": {"type": "int", "unit": "1"}}, source="t")
        with pytest.raises(BadStep) as caught:
            read_results(f"# comment\n{line}\n", (words["blur"], words["shifts"]), "x.sh")
        assert reason in str(caught.value)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("picture = ../../away.mrc", "leads out of the image's folder"),
            ("picture = /etc/passwd", "leads out of the image's folder"),
            ("picture = none.mrc", "says it wrote picture, but none.mrc is not there"),
        ],
    )
    def test_a_product_that_is_elsewhere_is_refused(self, write, go, line, reason):
        head = HEAD.replace("told", "picture").replace('"str"', '"path"')
        write("x.sh", head + f'echo "{line}" > "$FOCUSNB_RESULTS"\n')
        outcome = go("x")
        assert (outcome.state, outcome.runs) == ("failed", ())
        assert reason in outcome.message


class TestHeaders:
    def test_files_without_header_are_no_steps(self, write, folder):
        write("README.md", "# about\n")
        write("other.py", "print(1)\n# /// script\n# dependencies = []\n# ///\n")
        write("data.bin", "\x00\x01")
        assert (Registry([folder]).scripts, problems(folder)) == ({}, [])

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("results =", "result =", "unknown key 'result'"),
            ("results =", "results", "its header cannot be read: "),
            ('["told"]', "5", "results is a list of words"),
            ('["told"]', '["tolt"]', "the vocabulary has no 'tolt'; declare it in"),
            ("# param", "# title = 5\n# param", "title = 5; text is expected"),
            ("# param", '# category = "Cook"\n# param', "category 'Cook' is none of Import"),
            ("# param", '# requires = ["gpu"]\n# param', "requires = ['gpu']; a table is expected"),
            ("# param", '# requires.gpu = "many"\n# param', "requires gpu = 'many'"),
            ("# param", "# while_importing = 1\n# param", "true or false is expected"),
            ("param.told.type", "param.told.typ", "unknown key 'typ'; meant 'type'"),
            ("param.told.type =", "param.told =", "write a table"),
            ("param.told.type =", "param =", "a table is expected"),
            ("told", "path", "has another meaning"),
            ("# param", "# param.voltage.unit = 'V'\n# param", "voltage is declared with unit 'V'"),
            ("# param", "# param.more.default = 1\n# param", "more is declared but neither in"),
            ("# param", '# params = ["told"]\n# param', "takes and makes told"),
            ("# param", '# params = ["threads"]\n# param', "threads is told to every script"),
            ("[tool.focusnb]", "[tool]\n# focusnb = 5\n# [other]", "tool.focusnb is a table"),
            ("#!/bin/sh", "#!/bin/sh 'x", "its first line cannot be read"),
            ("#!/bin/sh\n", "", "begin it with a line like #!/bin/csh -f"),
            ("# ///\n", "# ///\n\n# /// script\n# x = 1\n# ///\n", "has 2 script blocks"),
        ],
    )
    def test_a_mistake_is_told_with_the_files_name(self, write, folder, old, new, reason):
        write("ok.sh", HEAD.replace("told", "fine"))
        write("x.odd", HEAD.replace(old, new), 0o644)
        found = problems(folder)
        assert len(found) == 1
        assert reason in found[0]
        assert "x" in found[0]
        assert list(Registry([folder]).scripts) == ["ok"]

    def test_the_name_of_a_file_must_be_one_of_a_step(self, write, folder):
        write("my step.sh", HEAD)
        assert "the file's name becomes the step's" in problems(folder)[0]

    @pytest.mark.parametrize("name", ["motion.sh", "ok.py"])
    def test_two_steps_of_one_name_are_told(self, write, folder, name):
        write("ok.csh", HEAD)
        write(name, HEAD)
        assert "called" in problems(folder)[0]

    def test_a_script_may_use_what_a_later_one_declares(self, write, folder):
        write("z_first.sh", HEAD)
        write(
            "a_second.sh",
            HEAD.replace("told", "other").replace("results", 'params = ["told"]\n# results'),
        )
        registry = Registry([folder])
        assert problems(folder) == []
        assert registry.step("a_second").required == {"told"}
        assert [s.name for s in registry.makers("told")] == ["z_first"]

    def test_a_file_that_cannot_be_read_stops_nobody(self, write, folder):
        write("ok.sh", HEAD)
        (folder / "gone.sh").symlink_to("nowhere")
        assert list(Registry([folder]).scripts) == ["ok"]


class TestEnds:
    def test_progress_is_shown_and_the_output_is_in_the_log(self, write, go, tmp_path):
        write(
            "x.sh",
            HEAD + 'echo "<<@progress: 50>>"; echo "<<@progress: 1.2.3>>"; sleep 0.8; echo bye\n',
        )
        seen = []
        scratch = tmp_path / "home of 'it'" / ".try-1-1"

        def look():
            seen.append(json.loads((scratch / ".progress").read_text())["fraction"])

        timer = Timer(0.75, look)
        timer.start()
        outcome = go("x")
        timer.join()
        assert outcome.state == "done"
        assert seen == [0.5]
        assert "bye" in (Path(outcome.scratch) / "logs" / "x.log").read_text()

    def test_one_that_fails_tells_its_last_words(self, write, go):
        write("x.sh", HEAD + "echo first; echo 'no such lens' >&2; exit 3\n")
        outcome = go("x")
        assert (outcome.state, outcome.step) == ("failed", "x")
        assert outcome.message == "x ended with code 3: first / no such lens"
        assert "no such lens" in (Path(outcome.scratch) / "logs" / "x.log").read_text()

    def test_one_that_is_silent_says_so(self, write, go):
        write("x.sh", HEAD + "exit 1\n")
        assert go("x").message == "x ended with code 1: it printed nothing"

    def test_an_interpreter_that_is_missing_is_told(self, write, go):
        write("x.sh", HEAD.replace("/bin/sh", "/no/such/shell"))
        outcome = go("x")
        assert "cannot be run" in outcome.message
        assert "its first line names the interpreter" in outcome.message

    def test_one_that_hangs_is_ended_with_all_its_children(self, write, tmp_path, folder, go):
        write("x.sh", HEAD + f"echo begun; sleep 600 & echo $! > '{tmp_path}/child'; wait\n")
        from dataclasses import replace

        from contracts import steps as contract

        real = contract.run
        contract.run = lambda task: real(replace(task, time_limit=0.4))
        try:
            outcome = go("x")
        finally:
            contract.run = real
        assert outcome.message == "x was ended: it ran longer than time_limit = 0.4 s"
        child = int((tmp_path / "child").read_text())
        until(lambda: not psutil.pid_exists(child))
        assert "begun" in (Path(outcome.scratch) / "logs" / "x.log").read_text()

    def test_one_that_is_cancelled_is_ended_with_its_grandchildren(self, write, tmp_path, go):
        pids = tmp_path / "pids"
        write(
            "x.sh",
            HEAD + f"trap '' TERM; sh -c 'trap \"\" TERM; sleep 600 & echo $! >> {pids}; wait' &\n"
            f"echo $$ >> {pids}; wait; sleep 600\n",
        )
        flag = tmp_path / "home of 'it'" / ".try-1-1" / ".cancel"
        timer = Timer(0.5, flag.touch)
        timer.start()
        begun = time.monotonic()
        outcome = go("x")
        timer.join()
        assert outcome.state == "cancelled"
        assert time.monotonic() - begun < 20
        family = [int(pid) for pid in pids.read_text().split()]
        assert len(family) == 2
        until(lambda: not any(map(_lives, family)))

    def test_what_a_script_leaves_running_is_ended(self, write, tmp_path, go):
        write("x.sh", HEAD + f"sleep 600 & echo $! > '{tmp_path}/child'\n")
        assert go("x").state == "done"
        until(lambda: not _lives(int((tmp_path / "child").read_text())))


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_environment_of_the_worker_is_kept(write, go, monkeypatch):
    monkeypatch.setenv("LICENSE_SERVER", "27000@here")
    write("x.sh", HEAD + 'echo "told = $LICENSE_SERVER" > "$FOCUSNB_RESULTS"\n')
    assert results(go("x"))["told"] == "27000@here"
    assert "told" not in os.environ


TWO_WORDS = """#!/bin/sh
# /// script
# [tool.focusnb]
# results = ["one", "two"]
# param.one.type = "path"
# param.two.type = "path"
# ///
{body}
"""


def written(tmp_path, body):
    """What becomes of a script's files, when its project is reached through a link."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "writes.sh").write_text(TWO_WORDS.format(body=body))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    home = tmp_path / "link" / "image"
    return perform(home, tmp_path / "movie.tif", ["writes"], scripts=[tmp_path / "scripts"])


@pytest.mark.parametrize(
    "place", ["one.txt", "$(pwd -P)/one.txt", "$(pwd -L)/one.txt", "./one.txt"]
)
def test_a_product_may_be_told_by_any_path_to_it(tmp_path, place):
    outcome = written(tmp_path, f'echo 1 > one.txt; echo "one = {place}" >> "$FOCUSNB_RESULTS"')
    assert (outcome.state, outcome.message) == ("done", "")
    assert outcome.runs[0].products == {"one": "one.txt"}
    assert results(outcome)["one"] == "one.txt"


def test_one_file_may_be_two_products(tmp_path):
    body = 'echo 1 > a.txt; echo "one = a.txt\ntwo = a.txt" >> "$FOCUSNB_RESULTS"'
    assert sorted(written(tmp_path, body).files) == ["a.txt", "logs/writes.log"]


@pytest.mark.parametrize("name", ["raw/movie.tif", "image.json", "trials/x/y", ".hidden"])
def test_no_product_takes_a_name_that_is_kept_for_the_image(tmp_path, name):
    body = f'mkdir -p raw trials/x; echo 1 > {name}; echo "one = {name}" >> "$FOCUSNB_RESULTS"'
    outcome = written(tmp_path, body)
    assert outcome.state == "failed"
    assert "kept for the image" in outcome.message
