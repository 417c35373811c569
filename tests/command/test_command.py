"""The command: every name, its exit codes, its sentences, its JSON."""

import json
import subprocess
import sys

import pytest

import focusnb as fn
from focusnb.command import main, parser

NAMES = (
    "demo new quick import run process queue status library set get lock unlock flag move trash"
    " empty-trash export monitor dashboard lab view tune steps parameters doctor rebuild simulate"
).split()


def rows(run, *arguments):
    code, out, _ = run("library", "p", "--json", *arguments)
    assert code == 0
    return json.loads(out)


class TestAll:
    @pytest.mark.parametrize("name", NAMES)
    def test_each_command_tells_about_itself(self, name, capsys):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert "--debug" in capsys.readouterr().out

    def test_there_is_no_other_command_without_a_test(self):
        choices = next(a for a in parser()._actions if a.dest == "command").choices
        assert sorted(choices) == sorted(NAMES)

    def test_alone_it_shows_its_help(self, run):
        code, out, _ = run()
        assert (code, "focusnb demo" in out) == (0, True)

    def test_it_tells_its_version(self, run):
        assert run("--version")[1].startswith("focusnb 0.")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["status", "nowhere"],
            ["new", "x", "--mode", "tomo"],
            ["new", "x", "--set", "voltag=5"],
            ["new", "x", "--set", "root=5"],
            ["new", "x", "--set", "mode=5"],
            ["new", "x", "--set", "voltage"],
            ["quick", "none.tif"],
            ["quick", "none.tif", "--set", "files=1"],
            ["quick", "none.tif", "--steps", "motoin"],
            ["steps", "motoin"],
            ["parameters", "voltag"],
            ["set", "voltage=5"],
            ["get", "nowhere"],
            ["lock"],
            ["rebuild", "."],
            ["monitor", "nowhere"],
            ["dashboard", "nowhere"],
            ["lab", "nowhere"],
            ["view", "nowhere.mrc"],
            ["view", "."],
        ],
    )
    def test_an_error_is_one_sentence_and_exit_code_1(self, run, arguments):
        code, _, err = run(*arguments)
        assert code == 1
        assert err.startswith("focusnb: ")
        assert len(err.strip().splitlines()) == 1

    def test_debug_shows_where_an_error_came_from(self, tmp_path, capsys):
        assert main(["status", str(tmp_path), "--debug"]) == 1
        assert "Traceback" in capsys.readouterr().err

    def test_what_nobody_foresaw_is_one_sentence_too(self, run, project, monkeypatch):
        monkeypatch.setattr(fn.Project, "rows", lambda *a: 1 / 0)
        code, _, err = run("status", "p")
        assert (code, err) == (
            1, "focusnb: ZeroDivisionError: division by zero (--debug shows where it came from)\n",
        )  # fmt: skip

    def test_a_broken_pipe_ends_it_quietly(self, project):
        command = f"{sys.executable} -m focusnb.command parameters --json | head -c 10"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")


class TestProjects:
    def test_new_says_what_will_run(self, run, tmp_path):
        code, out, _ = run("new", "a project", "--set", "voltage=200", "pixel-size=1.5")
        assert code == 0
        assert "mode single-particle, steps prepare motion ctf measure pick previews" in out
        assert fn.open(tmp_path / "a project").values()["pixel_size"] == 1.5

    def test_new_takes_values_and_scripts_over(self, run, project, tmp_path):
        (project / "references").mkdir(exist_ok=True)
        (project / "references" / "g.mrc").touch()
        fn.open(project).set(gain="references/g.mrc", say=3)  # a word of a script
        assert run("new", "q", "--from", "p", "--set", "patches=3")[0] == 0
        new = fn.open(tmp_path / "q")
        assert (new.values()["voltage"], new.values()["patches"]) == (200.0, 3)
        assert new.values()["gain"] == str(project / "references" / "g.mrc")
        assert new.values()["say"] == 3
        assert "say" in new.registry.scripts

    def test_words_of_the_users_own_scripts_are_known_without_a_project(
        self, run, project, tmp_path
    ):
        (tmp_path / "config").mkdir(exist_ok=True)
        (project / "scripts").rename(tmp_path / "config" / "scripts")
        assert run("set", "--user", "say=4")[0] == 0
        assert run("new", "q", "--set", "say=5")[0] == 0
        assert (fn.open("q").values()["say"], fn.open("q").user.values["say"]) == (5, 4)

    def test_the_users_own_files_are_found_from_everywhere(self, run, tmp_path):
        assert run("set", "--user", "gain=camera/gain.mrc")[0] == 0
        run("new", "q")
        assert fn.open("q").user.values["gain"] == str(tmp_path / "camera" / "gain.mrc")

    def test_values_are_set_shown_and_removed(self, run, project):
        assert run("set", "p", "voltage=120", "comment=two words")[0] == 0
        code, out, _ = run("get", "p", "voltage", "patches", "--json")
        assert (code, json.loads(out)) == (0, {"p": {
            "voltage": {"value": 120.0, "origin": "project"},
            "patches": {"value": 5, "origin": "system"},
        }})  # fmt: skip
        out = run("get", "p")[1]
        assert "voltage" in out
        assert "120" in out
        assert "two words" in out
        run("set", "p", "voltage=")
        assert (
            json.loads(run("get", "p", "voltage", "--json")[1])["p"]["voltage"]["origin"]
            == "system"
        )

    def test_values_of_images_groups_and_oneself(self, run, project):
        run("set", "p", "--images", "g/1", "comment=one")
        run("set", "p", "--group", "g", "prior_dose=3")
        run("set", "--user", "amplitude_contrast=0.1")
        words = ("comment", "prior_dose", "amplitude_contrast")
        found = json.loads(run("get", "p", "--images", "g/1", *words, "--json")[1])["g/0000000001"]
        assert {w: f["origin"] for w, f in found.items()} == {
            "comment": "image", "prior_dose": "group", "amplitude_contrast": "user",
        }  # fmt: skip
        assert (
            json.loads(run("get", "--user", "--json")[1])["user"]["amplitude_contrast"]["value"]
            == 0.1
        )

    def test_the_project_of_the_current_folder_needs_no_name(self, run, project, monkeypatch):
        monkeypatch.chdir(project)
        assert run("set", "voltage=80")[0] == 0
        assert '"value": 80.0' in run("get", "voltage", "--json")[1]

    def test_locked_values_stay(self, run, project):
        assert run("lock", "p", "voltage")[0] == 0
        code, _, err = run("set", "p", "voltage=80")
        assert (code, "voltage is locked" in err) == (1, True)
        assert run("unlock", "p", "voltage")[0] == 0
        assert run("set", "p", "voltage=80")[0] == 0
        assert run("lock", "p", "voltagee")[0] == 1
        assert run("lock", "--user", "voltagee")[0] == 1

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ("voltage=high", "a number is expected"),
            ("group=x", "no parameter is called 'group'"),
            ("images=x", "no parameter is called 'images'"),
            ("voltage", "write voltage=VALUE"),
            ("gain_flip=9", "0 (not), 1 (upside down), 2 (left to right)"),
        ],
    )
    def test_wrong_values_are_told(self, run, project, given, reason):
        code, _, err = run("set", "p", given)
        assert code == 1
        assert reason in err


class TestImages:
    def test_import_tells_what_it_did(self, run, project, camera):
        code, out, err = run("import", "p", camera / "m0.tif", camera / "broken.tif", "none.tif")
        assert code == 1
        assert "1 image imported, 1 were known" in out
        assert "broken.tif" in err
        assert "none.tif" in err

    @pytest.mark.parametrize(
        "arguments", [[], ["x.tif", "--watch", "."], ["--watch", "x", "--settle", "-1"]]
    )
    def test_import_refuses_what_makes_no_sense(self, run, project, arguments):
        assert run("import", "p", *arguments)[0] == 1

    def test_library_as_table_csv_and_json(self, run, project):
        code, out, _ = run("library", "p")
        assert code == 0
        assert "m0.tif" in out
        assert out.endswith("2 images\n")
        csv = run("library", "p", "--csv", "--columns", "name,voltage,flag")[1]
        assert csv.replace("\r", "") == "name,voltage,flag\nm0.tif,200.0,none\nm1.tif,200.0,none\n"
        assert [row["name"] for row in rows(run, "--sort", "-name")] == ["m1.tif", "m0.tif"]
        assert [row["image"] for row in rows(run, "--where", "name == 'm1.tif'")] == [
            "g/0000000002"
        ]

    @pytest.mark.parametrize(
        "where", [["--where", "nam == 1"], ["--sort", "x"], ["--columns", "x"]]
    )
    def test_library_refuses_unknown_columns(self, run, project, where):
        assert run("library", "p", *where)[0] == 1

    def test_names_may_stand_before_and_after_options(self, run, project, camera):
        assert run("import", "p", "--how", "copy", camera / "m0.tif", camera / "m1.tif")[0] == 0
        assert run("process", "p", "--no-wait", "--steps", "say")[0] == 0
        assert run("queue", "p", "top", "--json", "2")[0] == 0

    @pytest.mark.parametrize(
        "mistyped", [["library", "p", "--colums", "name"], ["libraryy", "p"], ["new"]], ids=" ".join
    )
    def test_what_is_mistyped_is_one_sentence_and_exit_code_1_too(self, capsys, mistyped):
        with pytest.raises(SystemExit) as ended:
            main(mistyped)
        assert ended.value.code == 1
        (sentence,) = capsys.readouterr().err.splitlines()
        assert sentence.startswith("focusnb: ")
        assert sentence.endswith("--help")

    def test_flag_move_trash_and_empty_trash(self, run, project):
        assert run("flag", "p", "green", "--images", "g/1")[:2] == (0, "1 image\n")
        assert run("move", "p", "keep", "--images", "flag == 'green'")[0] == 0
        assert run("trash", "p", "--images", "name == 'm1.tif'")[0] == 0
        assert [(r["group"], r["flag"]) for r in rows(run)] == [
            ("keep", "green"),
            ("TRASH", "none"),
        ]
        code, _, err = run("empty-trash", "p")
        assert (code, "--yes" in err) == (1, True)
        assert run("empty-trash", "p", "--yes")[:2] == (0, "1 image deleted\n")
        assert len(rows(run)) == 1
        assert run("flag", "p", "pink", "--images", "keep/1")[0] == 1
        assert run("flag", "p", "red", "--images", "keep/9")[0] == 1
        assert run("move", "p", "../out", "--images", "keep/1")[0] == 1

    def test_rebuild_makes_the_library_again(self, run, project):
        before = rows(run)
        (project / "project.db").unlink()
        code, _, err = run("library", "p")
        assert (code, "focusnb rebuild" in err) == (1, True)
        code, out, _ = run("rebuild", "p")
        assert (code, out.strip().endswith("2 images")) == (0, True)
        assert rows(run) == before


class TestProcessing:
    def test_process_runs_and_counts(self, run, project):
        code, out, _ = run("process", "p", "--steps", "prepare,say")
        assert (code, out) == (0, "2 done\n")
        assert [row["said"] for row in rows(run)] == [7, 7]
        assert run("process", "p", "--steps", "prepare,say")[1] == "2 skipped\n"
        assert run("process", "p", "--steps", "say", "--set", "say=9", "--images", "g/1")[0] == 0
        assert [row["said"] for row in rows(run)] == [9, 7]
        assert run("process", "p", "--steps", "say", "--force", "--images", "g/2")[1] == "1 done\n"

    def test_a_failed_batch_is_named_and_makes_exit_code_1(self, run, project):
        run("set", "p", "--images", "g/2", "say=0")
        code, out, err = run("process", "p", "--steps", "say")
        assert (code, out) == (1, "1 done, 1 failed\n")
        assert err == "focusnb: g/0000000002 m1.tif: say ended with code 4: it printed nothing\n"

    def test_the_queue_is_listed_and_changed(self, run, project):
        assert run("process", "p", "--steps", "say", "--no-wait")[1] == "2 batches queued\n"
        listed = json.loads(run("queue", "p", "--json")[1])
        assert [(one["id"], one["state"], one["steps"]) for one in listed] == [
            (1, "waiting", ["say"]), (2, "waiting", ["say"]),
        ]  # fmt: skip
        assert run("queue", "p", "top", "2")[:2] == (0, "1 batch\n")
        assert [one["id"] for one in json.loads(run("queue", "p", "list", "--json")[1])] == [2, 1]
        run("queue", "p", "move", "1", "--to", "1")
        assert [one["id"] for one in json.loads(run("queue", "p", "--json")[1])] == [1, 2]
        out = run("queue", "p")[1]
        assert "  say\n" in out
        assert out.endswith("2 waiting\n")
        assert run("queue", "p", "cancel", "1")[0] == 0
        assert "1 waiting, 1 cancelled" in run("queue", "p")[1]
        assert run("queue", "p", "retry", "all")[:2] == (0, "1 batch\n")
        assert run("queue", "p", "pause")[0] == 0
        assert json.loads(run("status", "p", "--json")[1])["paused"] is True
        assert run("queue", "p", "resume")[0] == 0
        assert "submitted" in run("queue", "p", "log")[1]
        assert json.loads(run("queue", "p", "log", "--json")[1])
        assert run("queue", "p", "cancel")[0] == 1
        assert run("queue", "p", "cancel", "x")[0] == 1

    def test_status_tells_how_a_project_stands(self, run, project):
        (project / "scripts" / "bad.sh").write_text(
            "#!/bin/sh\n# /// script\n# [tool.focusnb]\n# x = 1\n# ///\n"
        )
        found = json.loads(run("status", "p", "--json")[1])
        assert (found["images"], found["queue"], found["processing"]) == (2, {}, False)
        assert "bad.sh" in found["problems"][0]
        assert "bad.sh" in run("status", "p")[1]

    def test_quick_tells_results_and_errors(self, run, camera, tmp_path):
        common = [
            "--steps",
            "motion,measure",
            "--set",
            "exposure_dose=5",
            f"gain={camera}/gain.mrc",
        ]
        code, out, _ = run("quick", camera / "m0.tif", *common, "--json")
        found = json.loads(out)
        assert (code, len(found), found[0]["error"], found[0]["frame_count"]) == (0, 1, None, 2)
        code, out, err = run(
            "quick", camera / "m0.tif", camera / "broken.tif", *common, "--out", "o"
        )
        assert code == 1
        assert "Electrons" in out
        assert f"files are in {tmp_path}/o/m0" in out
        assert "broken.tif" in err

    def test_export_of_nothing_is_told(self, run, project):
        assert run("export", "p", "relion", "out", "--images", "flag == 'red'")[0] == 1
        assert run("export", "p", "excel", "out")[0] == 1


class TestAbout:
    def test_steps(self, run, project):
        code, out, _ = run("steps", "--project", "p")
        assert code == 0
        assert all(name in out for name in ("prepare", "motion", "relion_motion", "say"))
        found = {one["name"]: one for one in json.loads(run("steps", "--json")[1])}
        assert "average" in found["motion"]["results"]
        assert "Align and sum" in run("steps", "motion")[1]

    def test_parameters(self, run):
        assert len(json.loads(run("parameters", "--json")[1])) >= 80
        out = run("parameters", "voltage")[1]
        assert "kV" in out
        assert "40 … 1000" in out
        assert "voltage" in run("parameters")[1]

    def test_doctor(self, run, project):
        code, out, _ = run("doctor", "--project", "p")
        assert code == 0
        assert "Python" in out
        assert "local" in out
        assert all(
            {"what", "found", "note"} == set(row) for row in json.loads(run("doctor", "--json")[1])
        )

    def test_simulate(self, run, tmp_path):
        code, out, _ = run(
            "simulate", "cam", "--movies", "1", "--size", "256", "--frames", "2", "--interval", "0"
        )
        assert (code, "1 movies recorded" in out) == (0, True)
        assert {"gain.mrc", "defects.txt", "truth.json"} <= {
            p.name for p in (tmp_path / "cam").iterdir()
        }
