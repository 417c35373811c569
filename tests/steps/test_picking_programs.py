"""Gautomatch and crYOLO as steps: what they are told, what is made of it, and what goes wrong.

Neither was at hand: the programs are made ones, which write what their manuals say. Topaz is run for
real in test_topaz.py; here it is told wrong things.
"""

from pathlib import Path

import numpy as np
import pytest
from contracts.steps import files, perform, results

from focusnb import formats
from focusnb.errors import ProgramFailed
from focusnb.formats import coordinates, pick_edits
from focusnb.model.registry import Registry
from focusnb.model.workflow import resolve
from focusnb.steps import picked, picking_programs

HARD = "a b'c\"d $HOME ü"
PIXEL = 2.0
STAR = """
data_

loop_
_rlnCoordinateX #1
_rlnCoordinateY #2
_rlnAnglePsi #3
_rlnClassNumber #4
_rlnAutopickFigureOfMerit #5
 100.0 50.0 10.0 1 0.45
 380.0 290.0 355.0 2 0.30
 200.0 20.0 0.0 1 0.15
 900.0 20.0 0.0 1 0.90
"""
CBOX = """data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_Width #3
_Height #4
_Confidence #5
70 20 60 60 0.9
350 260 60 60 0.2
"""


@pytest.fixture(scope="module")
def average(tmp_path_factory):
    place = tmp_path_factory.mktemp("the 'images' ü") / f"{HARD}.mrc"
    noise = np.random.default_rng(1).normal(30, 5, (300, 400)).astype(np.float32)
    return formats.write(place, noise, pixel_size=PIXEL)


@pytest.fixture
def installed(tmp_path):
    """A function: name, lines of a shell script -> the folder of a program that keeps what it was told."""

    def get(name, *lines):
        place = tmp_path / f"bin {HARD}"
        place.mkdir(exist_ok=True)
        told = tmp_path / "told"
        script = "\n".join(["#!/bin/sh", f'printf "%s\\n" "$@" > "{told}"', *lines])
        (place / name).write_text(script + "\n")
        (place / name).chmod(0o755)
        return str(place)

    (tmp_path / "picks.star").write_text(STAR)
    (tmp_path / "picks.cbox").write_text(CBOX)
    return get


def run(folder, average, step, /, **values):
    given = {
        "average": str(average), "average_pixel_size": PIXEL, "gain": None, "defects": None,
        "particle_diameter": 120.0,
    }  # fmt: skip
    return perform(folder / "home", average, [step], **{**given, **values})


def told(folder):
    """The words of the command, options with what follows them."""
    words = (folder / "told").read_text().splitlines()
    return {w: words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("-")}, words


class TestGautomatch:
    @pytest.fixture
    def outcome(self, tmp_path, average, installed):
        place = installed("Gautomatch", f"cp '{tmp_path}/picks.star' average_automatch.star")
        return run(tmp_path, average, "gautomatch", gautomatch_folder=place)

    def test_it_is_told_what_the_words_say(self, outcome, tmp_path):
        assert (outcome.state, outcome.message) == ("done", "")
        options, words = told(tmp_path)
        wanted = {
            "--apixM": "2.0", "--kV": "300.0", "--cs": "2.7", "--diameter": "120.0",
            "--cc_cutoff": "0.2", "--min_dist": "96", "--boxsize": "90", "--gid": "0",
        }  # fmt: skip
        assert {k: options[k] for k in wanted} == wanted
        assert words[-1] == "average.mrc"
        assert not {"--T", "--apixT", "--dont_invertT"} & set(words)

    def test_its_picks_from_the_threshold_on_and_inside_are_kept(self, outcome):
        table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
        assert table[["x", "y"]].to_numpy().tolist() == [[100, 50], [380, 290]]
        assert table["class"].tolist() == [1, 2]
        assert table["angle"].tolist() == [-10, 5]
        assert results(outcome)["pick_cutoff"] == 0.2
        assert "1 of 4 picks outside of the picture left out" in outcome.runs[0].notes

    def test_what_a_hand_removed_and_added_counts(self, tmp_path, average, installed):
        made = pick_edits.made(added=[(30, 200)], removed=[(102, 50)])
        place = installed("Gautomatch", f"cp '{tmp_path}/picks.star' average_automatch.star")
        edits = pick_edits.write(tmp_path / "e.json", made)
        given = {"gautomatch_folder": place, "pick_edits": str(edits)}
        outcome = run(tmp_path, average, "gautomatch", **given)
        table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
        assert table[["x", "y"]].to_numpy().tolist() == [[380, 290], [30, 200]]

    def test_when_none_reaches_the_threshold_it_is_said(self, tmp_path, average, installed):
        place = installed("Gautomatch", f"cp '{tmp_path}/picks.star' average_automatch.star")
        given = {"gautomatch_folder": place, "gautomatch_cutoff": 0.95}
        outcome = run(tmp_path, average, "gautomatch", **given)
        told = "none found: none of 3 picks of the program reaches its threshold of 0.95"
        assert told in outcome.runs[0].notes

    def test_only_the_products_are_kept(self, outcome):
        names = {name for name in files(outcome.scratch) if not name.startswith(".")}
        assert names == {"picks.star", "background_free.mrc", "logs/gautomatch.log"}

    def test_templates_go_along_with_their_pixel_size_and_contrast(
        self, tmp_path, average, installed
    ):
        stack = formats.write(tmp_path / "t.mrc", np.ones((3, 8, 8), "f4") * np.arange(8))
        place = installed("Gautomatch", f"cp '{tmp_path}/picks.star' average_automatch.star")
        given = {"templates": str(stack), "gautomatch_folder": place}
        outcome = run(tmp_path, average, "gautomatch", **given)
        assert "--set template_pixel_size=" in outcome.message
        outcome = run(
            tmp_path,
            average,
            "gautomatch",
            template_pixel_size=4.0,
            template_contrast="dark",
            **given,
        )
        assert (outcome.state, outcome.message) == ("done", "")
        options, words = told(tmp_path)
        assert (options["--T"], options["--apixT"]) == ("templates.mrcs", "4.0")
        assert words[-2:] == ["--dont_invertT", "average.mrc"]

    def test_when_it_wrote_nothing_its_log_is_pointed_at(self, tmp_path, average, installed):
        place = installed("Gautomatch")
        outcome = run(tmp_path, average, "gautomatch", gautomatch_folder=place)
        assert outcome.message == "Gautomatch wrote no average_automatch.star; its log tells why"


class TestCryolo:
    @pytest.fixture
    def network(self, tmp_path):
        for name in ("general model.h5", "config.json"):
            (tmp_path / name).touch()
        return {
            "cryolo_model": str(tmp_path / "general model.h5"),
            "cryolo_config": str(tmp_path / "config.json"),
        }

    def test_its_boxes_become_picks(self, tmp_path, average, installed, network):
        copy = f"mkdir -p out/CBOX out/EMAN; cp '{tmp_path}/picks.cbox' out/CBOX/average.cbox"
        place = installed("cryolo_predict.py", copy)
        outcome = run(tmp_path, average, "cryolo", cryolo_folder=place, **network)
        assert (outcome.state, outcome.message) == ("done", "")
        table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
        assert table[["x", "y", "score"]].to_numpy().tolist() == [[100, 50, 0.9]]
        options, words = told(tmp_path)
        wanted = {
            "-c": "cryolo_config.json",
            "-w": "cryolo_model.h5",
            "-i": "average.mrc",
            "-o": "out/",
        }
        assert {k: options[k] for k in wanted} == wanted
        assert (options["-t"], options["-d"]) == ("0.3", "48")
        assert "-g" not in words

    def test_without_cbox_emans_boxes_are_read(self, tmp_path):
        (tmp_path / "EMAN").mkdir()
        (tmp_path / "EMAN" / "average.box").write_text("70 20 60 60\n")
        table = picking_programs.cryolo_picks(tmp_path)
        assert table[["x", "y"]].to_numpy().tolist() == [[100, 50]]
        assert table["score"].isna().all()

    def test_a_folder_without_files_means_no_picks(self, tmp_path, average, installed, network):
        place = installed("cryolo_predict.py", "mkdir -p out/CBOX")
        outcome = run(tmp_path, average, "cryolo", cryolo_folder=place, **network)
        assert (outcome.state, results(outcome)["particles"]) == ("done", 0)

    def test_no_folder_means_that_it_failed(self, tmp_path):
        with pytest.raises(ProgramFailed, match="wrote no folder none"):
            picking_programs.cryolo_picks(tmp_path / "none")

    def test_without_a_model_it_is_asked_for(self, tmp_path, average):
        outcome = run(tmp_path, average, "cryolo")
        assert "cryolo_config has no value" in outcome.message


class TestTopaz:
    def test_its_two_commands_are_told_what_the_words_say(self, tmp_path, average, installed):
        heading = "image_name\\tx_coord\\ty_coord\\tscore\\n"
        lines = [f"printf '{heading}average\\t100\\t50\\t1.5\\n' > picks.txt",
                 f'printf "%s " "$@" >> "{tmp_path}/all"']  # fmt: skip
        outcome = run(
            tmp_path,
            average,
            "topaz",
            topaz_folder=installed("topaz", *lines),
            picker_device="cuda",
        )
        assert (outcome.state, outcome.message) == ("done", "")
        assert (tmp_path / "all").read_text() == (
            "preprocess -s 4 -d 0 -j 1 -o processed/ average.mrc "
            "extract -m resnet16_u64 -r 6 -t 0.0 -x 4 -d 0 -j 1 -o picks.txt"
            " ../.work-topaz_preprocess/processed/average.mrc "
        )

    def test_a_detector_of_ones_own_takes_the_place(self, tmp_path, average, installed):
        (tmp_path / "mine.pth").touch()
        lines = ["printf 'image_name\\tx_coord\\ty_coord\\tscore\\n' > picks.txt"]
        outcome = run(
            tmp_path, average, "topaz", topaz_folder=installed("topaz", *lines),
            topaz_trained=str(tmp_path / "mine.pth"),
        )  # fmt: skip
        assert outcome.state == "done", outcome.message
        assert told(tmp_path)[0]["-m"] == "topaz_trained.pth"

    def test_particles_too_small_for_its_pixels_are_told(self, tmp_path, average, installed):
        outcome = run(
            tmp_path, average, "topaz", particle_diameter=30.0, topaz_scale=16,
            topaz_folder=installed("topaz"),
        )  # fmt: skip
        assert "set a smaller topaz_scale" in outcome.message


@pytest.mark.parametrize(
    ("step", "binary", "folder_word"),
    [("gautomatch", "Gautomatch", "gautomatch_folder"), ("topaz", "topaz", "topaz_folder")],
)
def test_one_that_is_missing_is_told_with_what_to_set(tmp_path, average, step, binary, folder_word):
    outcome = run(tmp_path, average, step, **{folder_word: str(tmp_path)})
    assert f"the program {binary} is not in {tmp_path}" in outcome.message
    assert f"focusnb set --user {folder_word}=/folder" in outcome.message


@pytest.mark.parametrize("name", ["gautomatch", "cryolo", "topaz", "import_picks"])
def test_all_give_the_words_of_the_step_pick(name):
    assert Registry().step(name).makes == Registry().step("pick").makes
    assert set(picked.RESULTS.split()) == set(Registry().step("pick").makes)


def test_what_was_never_seen_running_says_so():
    seen = {n: Registry().step(n).seen for n in ("gautomatch", "cryolo", "topaz", "pick")}
    assert seen == {"gautomatch": False, "cryolo": False, "topaz": True, "pick": True}


def test_a_step_that_needs_picks_brings_our_own_picker_along_unless_another_is_there():
    steps, notes = resolve(["extract"], Registry(), available=["average", "average_pixel_size"])
    assert [s.name for s in steps] == ["pick", "extract"]
    assert notes == ["pick runs too, because extract needs picks"]
    steps, _ = resolve(
        ["extract", "topaz"], Registry(), available=["average", "average_pixel_size"]
    )
    assert [s.name for s in steps] == ["topaz", "extract"]
