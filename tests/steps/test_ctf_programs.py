"""ctffind and gCTF as steps: what they are asked and told, what is made of it, and what goes wrong.

The programs are made ones (tests/programs/ctffind.py), which give what ctffind 5.0.2 really gave.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from contracts.steps import files, perform, results
from numpy.testing import assert_allclose

from focusnb import command, formats
from focusnb.errors import BadStep, BadValue
from focusnb.formats import ctf_star
from focusnb.kernels import ctf as kernel
from focusnb.model.job import Job
from focusnb.model.registry import Registry
from focusnb.model.workflow import resolve
from focusnb.steps import ctf_programs

DATA = Path(__file__).parent.parent / "data"
PROGRAM = Path(__file__).parent.parent / "programs" / "ctffind.py"
HARD = "a b'c\"d $HOME ü"
PIXEL = 0.66655
ASKED = {"ctf_high": 3.5, "defocus_low": 5000.0, "defocus_high": 50000.0}
FIT = {"defocus_u": 27303.505859, "defocus_v": 27166.988281, "defocus_angle": 84.022745}
PHASE = {"phase_plate": True, "phase_shift_low": 20.0, "phase_shift_high": 120.0}
LOG = """\
   Defocus_U   Defocus_V       Angle         CCC
    27167.00    27303.50      174.02    0.180000  Final Values

Resolution limit estimated by EPA: 3.464 \n
"""
EPA = "Resolution |CTFsim| EPA(Ln|F|) EPA(Ln|F|-Bg) CCC\n" + "".join(
    f"{256 * 2 * PIXEL / i:.4f} {abs(np.sin(i / 9)):.3f} 8.0 {np.sin(i / 9) ** 2 - 0.5:.3f} 0.9\n"
    for i in range(5, 256)
)


def spectrum():
    """An ideal power spectrum of the real micrograph, as ctffind lays it out."""
    y, x = (np.mgrid[:512, :512] - 256) * 0.504735 / 362
    s, azimuth = np.hypot(x, y), np.arctan2(y, x)
    return np.abs(kernel.transfer(s, azimuth, voltage=300, **FIT)).astype(np.float32)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with what ctffind 5.0.2 wrote; its image is made: below the middle stands no data."""
    folder = tmp_path_factory.mktemp("stored")
    for file in DATA.glob("ctffind5.0.2_epu*.txt"):
        if "std" not in file.name:
            shutil.copy(file, folder)
    drawn = spectrum()
    drawn[:256] = 5
    formats.write(folder / "ctffind.mrc", drawn)
    return folder


@pytest.fixture(scope="module")
def average(tmp_path_factory):
    """An average whose name is hard to bear."""
    place = tmp_path_factory.mktemp("the 'images' ü") / f"{HARD}.mrc"
    noise = np.random.default_rng(1).normal(10, 3, (300, 400)).astype(np.float32)
    return formats.write(place, noise, pixel_size=PIXEL)


def installed(folder, line, name="ctffind"):
    """Put a shell script into a folder of bad name; give the folder."""
    place = folder / f"bin {HARD}"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{line}\n")
    (place / name).chmod(0o755)
    return str(place)


def made(folder, stored, version="5.0.2", *more):
    """Install the made ctffind of a version."""
    line = " ".join(f"'{word}'" for word in (sys.executable, PROGRAM, version, stored, *more))
    return installed(folder, f"exec {line}")


def run(folder, average, steps, **values):
    given = {"average": str(average), "average_pixel_size": PIXEL, "gain": None, "defects": None}
    return perform(folder / "home", average, steps, **{**given, **ASKED, **values})


def answers(outcome, step="ctffind5"):
    text = (Path(outcome.scratch) / f".work-{step}" / f".{step}.in").read_text()
    return text.removesuffix("\n").split("\n")


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


class TestCtffind5:
    @pytest.fixture(scope="class")
    @classmethod
    def outcome(cls, tmp_path_factory, average, stored):
        folder = tmp_path_factory.mktemp("one")
        steps = ["ctffind5", "previews"]
        return run(folder, average, steps, ctffind_folder=made(folder, stored))

    def test_it_is_answered_as_the_real_one_was(self, outcome):
        assert (outcome.state, outcome.message) == ("done", "")
        real = (DATA / "ctffind5.0.2_epu_stdin.txt").read_text().split("\n")
        given = answers(outcome)
        assert [number(a) for a in given[2:]] == [number(a) for a in real[2 : len(given)]]
        assert len(given) == len(" ".join(real).split())
        assert given[:2] == ["average.mrc", "diagnostic.mrc"]

    def test_its_words_are_those_of_the_table(self, outcome):
        found = results(outcome)
        assert {word: found[word] for word in FIT} == {k: pytest.approx(v) for k, v in FIT.items()}
        assert (found["ctf_score"], found["phase_shift"]) == (0.180204, 0.0)
        assert found["ctf_resolution"] == pytest.approx(3.481591)
        assert found["astigmatism"] == pytest.approx(136.5, abs=0.1)
        assert found["defocus"] == pytest.approx(27235.2, abs=0.1)

    def test_the_star_file_has_the_curves_up_to_the_edge_of_the_spectrum(self, outcome):
        kept = ctf_star.read(Path(outcome.scratch) / results(outcome)["ctf_star"])
        assert kept["name"] == "average.mrc"
        assert (kept["defocus_u"], kept["voltage"]) == (pytest.approx(FIT["defocus_u"]), 300)
        assert len(kept["frequencies"]) == len(kept["model"]) == len(kept["quality"]) == 257
        assert kept["frequencies"][-1] == pytest.approx(0.5 / 1.401, rel=1e-3)
        assert_allclose(kept["profile"][:2], [3.234929, 3.143981])

    def test_the_spectrum_is_all_measured_and_knows_its_scale(self, outcome):
        with formats.open(Path(outcome.scratch) / results(outcome)["ctf_spectrum"]) as stack:
            assert stack.pixel_size == pytest.approx(1.401, rel=1e-3)
            # the first row and column, the Nyquist frequency, have no opposite
            assert_allclose(stack.frame(0)[1:, 1:], spectrum()[1:, 1:], atol=1e-5)

    def test_previews_are_drawn_of_it(self, outcome):
        found = results(outcome)
        for word in ("preview_thon", "preview_ctf"):
            assert (Path(outcome.scratch) / found[word]).stat().st_size > 10_000

    def test_only_the_products_are_kept(self, outcome):
        assert set(outcome.files) >= {"ctf.star", "ctf.mrc", "logs/ctffind5.log"}
        names = {name for name in files(outcome.scratch) if not name.startswith(".")}
        assert names == set(outcome.files)
        log = (Path(outcome.scratch) / "logs/ctffind5.log").read_text()
        assert "Welcome to Ctffind" in log

    def test_it_fits_into_the_whole_workflow(self, tmp_path, recorded_movie, stored):
        steps = ["prepare", "motion", "ctffind5", "measure", "previews"]
        where = made(tmp_path, stored)
        outcome = perform(tmp_path / "home", recorded_movie, steps, ctffind_folder=where, patches=1)
        assert (outcome.state, outcome.message) == ("done", "")
        assert results(outcome)["preview_thon"]

    def test_its_limits_are_kept_to_what_it_takes(self, tmp_path, average, stored):
        where = made(tmp_path, stored)
        wide = {"ctf_low": 80.0, "ctf_high": 1.0, "ctf_box": 513}
        outcome = run(tmp_path, average, ["ctffind5"], ctffind_folder=where, **wide)
        assert outcome.state == "done", outcome.message
        assert answers(outcome)[6:9] == ["512", "50.0", "1.35976"]

    def test_words_that_only_some_fits_need_reach_it(self, tmp_path, average, stored):
        where = made(tmp_path, stored)
        words = {**PHASE, "known_astigmatism": 300.0, "known_astigmatism_angle": -20.0}
        outcome = run(tmp_path, average, ["ctffind5"], ctffind_folder=where, **words)
        assert outcome.state == "done", outcome.message
        assert answers(outcome)[12:18] == ["yes", "no", "300.0", "-20.0", "yes", "0.34907"]

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"ctf_low": 5.0, "ctf_high": 8.0}, "ctf_low = 5 Å is to be coarser than ctf_high"),
            ({"defocus_low": 6e4, "defocus_high": 5e4}, "defocus_low = 60000 Å is to be smaller"),
        ],
    )
    def test_limits_upside_down_are_refused(self, tmp_path, average, stored, values, told):
        where = made(tmp_path, stored)
        outcome = run(tmp_path, average, ["ctffind5"], ctffind_folder=where, **values)
        assert outcome.state == "failed"
        assert told in outcome.message


class TestPhaseShiftAndAstigmatism:
    """What is asked beyond the usual; the step alone."""

    @pytest.fixture
    def ask(self, tmp_path, average, stored):
        def go(version="5.0.2", *more, stored=stored, **values):
            step = getattr(ctf_programs, f"ctffind{version[0]}")
            where = made(tmp_path, stored, version, *more)
            given = {p.name: p.default for p in step.params} | {
                "average": str(average), "average_pixel_size": PIXEL, "ctffind_folder": where,
            }  # fmt: skip
            job = Job(folder=tmp_path / "try", home=tmp_path, image={}, values=given | values)
            job.folder.mkdir()
            found = step.run(job)
            work = job.folder / f".work-{step.name}" / f".{step.name}.in"
            return found, work.read_text().split()[13:]

        return go

    def test_a_phase_shift_is_asked_for_in_radians_and_told_in_degrees(self, ask, tmp_path, stored):
        folder = shutil.copytree(stored, tmp_path / "stored")
        table = folder / "ctffind5.0.2_epu.txt"
        table.write_text(table.read_text().replace("84.022745 0.000000", "84.022745 1.570796"))
        found, given = ask(stored=folder, **PHASE)
        # slower, restraint, phase shift with its limits and step; no tilt; thickness, experts
        assert given == ["no", "no", "yes", "0.34907", "2.09440", "0.17453", "no", "no"]
        assert found["phase_shift"] == pytest.approx(90.0, abs=1e-4)

    def test_a_known_phase_shift_is_searched_with_no_step(self, ask):
        _, given = ask(phase_plate=True, phase_shift_low=90.0, phase_shift_high=90.0)
        assert given[3:6] == ["1.57080", "1.57080", "0.00000"]

    def test_the_whole_range_is_searched_unless_told(self, ask):
        assert ask(phase_plate=True)[1][3:5] == ["0.00000", "3.14159"]

    def test_limits_of_a_phase_shift_count_only_with_a_phase_plate(self, ask):
        _, given = ask(**{**PHASE, "phase_plate": False})
        assert given == ["no"] * 6

    def test_limits_of_a_phase_shift_upside_down_are_refused(self, ask):
        with pytest.raises(BadValue, match="phase_shift_low = 100° is larger"):
            ask(phase_plate=True, phase_shift_low=100.0, phase_shift_high=20.0)

    def test_astigmatism_is_restrained(self, ask):
        assert ask(usual_astigmatism=200.0)[1][:4] == ["no", "yes", "200.0", "no"]

    @pytest.mark.parametrize("version", ["4.1.14", "5.0.2"])
    def test_known_astigmatism_is_told_in_the_place_of_a_restraint(self, ask, version):
        known = {"known_astigmatism": 300.0, "known_astigmatism_angle": -20.0}
        _, given = ask(version, **known, usual_astigmatism=200.0)
        # yes, it is known; no slower search; how much, where; no phase shift
        assert given[:4] == ["no", "300.0", "-20.0", "no"]

    @pytest.mark.parametrize("version", ["4.1.8", "4.1.14"])
    def test_version_4_is_asked_for_neither_tilt_nor_thickness(self, ask, version):
        found, given = ask(version, usual_astigmatism=200.0, **PHASE)
        assert given[:4] == ["no", "yes", "200.0", "yes"]
        assert given[7:] == ["no", "no"]  # experts; the second is not read
        assert found["defocus_u"] == pytest.approx(FIT["defocus_u"])

    def test_a_version_4_that_asks_for_the_tilt_is_answered(self, ask):
        assert ask("4.1.14", "tilt")[0]["ctf_score"] == 0.180204

    def test_curves_with_gaps_are_kept(self, ask, tmp_path, stored):
        folder = shutil.copytree(stored, tmp_path / "stored")
        averaged = folder / "ctffind5.0.2_epu_avrot.txt"
        averaged.write_text(averaged.read_text().replace(" 0.962251", " -nan"))
        found, _ = ask(stored=folder)
        kept = ctf_star.read(tmp_path / "try" / found["ctf_star"])
        assert np.isnan(kept["quality"]).sum() > 5
        assert np.isfinite(kept["profile"]).all()

    def test_a_resolution_coarser_than_the_fit_is_none(self, ask, tmp_path, stored):
        folder = shutil.copytree(stored, tmp_path / "stored")
        table = folder / "ctffind5.0.2_epu.txt"
        table.write_text(table.read_text().replace("3.481591", "717.36"))
        assert ask(stored=folder)[0]["ctf_resolution"] is None

    def test_a_version_whose_image_is_missing_has_no_spectrum(self, ask, tmp_path, stored):
        folder = shutil.copytree(stored, tmp_path / "stored")
        (folder / "ctffind.mrc").unlink()
        found, _ = ask(stored=folder)
        assert "ctf_spectrum" not in found
        assert found["ctf_star"] == "ctf.star"


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("step", "binary", "word"),
        [("ctffind4", "ctffind", "ctffind_folder"), ("ctffind5", "ctffind", "ctffind_folder"),
         ("gctf", "Gctf", "gctf_folder")],
    )  # fmt: skip
    def test_a_missing_one_is_told_with_what_to_set(self, tmp_path, average, step, binary, word):
        outcome = run(tmp_path, average, [step], **{word: str(tmp_path)})
        assert outcome.state == "failed"
        assert f"the program {binary} is not in {tmp_path}" in outcome.message
        assert f"focusnb set --user {word}=/folder" in outcome.message

    @pytest.mark.parametrize(
        ("step", "version", "told"),
        [
            ("ctffind4", "5.0.2", "is ctffind 5.0.2, and ctffind4 speaks to version 4: take the step ctffind5"),
            ("ctffind5", "4.1.14", "is ctffind 4.1.14, and ctffind5 speaks to version 5: take the step ctffind4"),
        ],
    )  # fmt: skip
    def test_another_version_is_told(self, tmp_path, average, stored, step, version, told):
        where = made(tmp_path, stored, version)
        outcome = run(tmp_path, average, [step], ctffind_folder=where)
        assert outcome.state == "failed"
        assert told in outcome.message
        assert "or set ctffind_folder to where version" in outcome.message

    @pytest.mark.parametrize("step", ["ctffind4", "ctffind5", "gctf"])
    def test_the_last_words_of_one_that_fails_are_told(self, tmp_path, average, step):
        name = "Gctf" if step == "gctf" else "ctffind"
        where = installed(tmp_path, "echo begun; echo 'Oh no: no licence'; exit 3", name)
        word = f"{name.lower()}_folder"
        outcome = run(tmp_path, average, [step], **{word: where})
        assert outcome.message == f"{step} ended with code 3: begun / Oh no: no licence"

    @pytest.mark.parametrize("step", ["ctffind5", "gctf"])
    def test_one_that_writes_nothing_is_told(self, tmp_path, average, step):
        name = "Gctf" if step == "gctf" else "ctffind"
        where = installed(tmp_path, "exit 0", name)
        outcome = run(tmp_path, average, [step], **{f"{name.lower()}_folder": where})
        assert outcome.state == "failed"
        assert "; its log tells why" in outcome.message

    @pytest.mark.parametrize(
        ("name", "size", "told"),
        [
            ("ctffind5.0.2_epu.txt", 760, "diagnostic.txt: a row has"),
            ("ctffind5.0.2_epu_avrot.txt", 9000, "diagnostic_avrot.txt: it has"),
        ],
    )
    def test_a_file_that_was_cut_is_told(self, tmp_path, average, stored, name, size, told):
        folder = shutil.copytree(stored, tmp_path / "stored")
        (folder / name).write_bytes((folder / name).read_bytes()[:size])
        where = made(tmp_path, folder)
        outcome = run(tmp_path, average, ["ctffind5"], ctffind_folder=where)
        assert outcome.state == "failed"
        assert told in outcome.message

    def test_a_picture_that_is_none_is_told(self, tmp_path, average, stored):
        folder = shutil.copytree(stored, tmp_path / "stored")
        formats.write(folder / "ctffind.mrc", np.zeros((64, 32), np.float32))
        where = made(tmp_path, folder)
        outcome = run(tmp_path, average, ["ctffind5"], ctffind_folder=where)
        assert "diagnostic.mrc: its shape (64, 32) is not that of a spectrum" in outcome.message


class TestGctf:
    @pytest.fixture
    def where(self, tmp_path):
        """A made Gctf: keeps what it was told, and writes its two logs."""
        (tmp_path / "log").write_text(LOG)
        (tmp_path / "epa").write_text(EPA)
        lines = (
            "printf '%s\\n' \"$@\" > told.txt",
            f"cp '{tmp_path}/log' average_gctf.log",
            f"cp '{tmp_path}/epa' average_EPA.log",
        )
        return installed(tmp_path, " && ".join(lines), "Gctf")

    def test_it_is_told_all_and_its_words_are_ours(self, tmp_path, average, where):
        steps = ["gctf", "previews"]
        outcome = run(tmp_path, average, steps, gctf_folder=where, ctf_box=256)
        assert (outcome.state, outcome.message) == ("done", "")
        told = (Path(outcome.scratch) / ".work-gctf" / "told.txt").read_text().split()
        assert (
            told
            == (
                "--apix 0.66655 --kV 300.0 --cs 2.7 --ac 0.07 --boxsize 256 --resL 30.0 --resH 3.5"
                " --defL 5000.0 --defH 50000.0 --logsuffix _gctf.log --do_EPA average.mrc"
            ).split()
        )
        found = results(outcome)
        assert (found["defocus_u"], found["defocus_v"]) == (27303.5, 27167.0)
        assert found["defocus_angle"] == pytest.approx(
            84.02
        )  # of the larger one, within half a turn
        assert (found["ctf_score"], found["ctf_resolution"]) == (0.18, 3.464)
        assert found["preview_thon"]
        assert found["preview_ctf"]
        kept = ctf_star.read(Path(outcome.scratch) / "ctf.star")
        assert len(kept["frequencies"]) == 251

    def test_a_phase_plate_and_a_restraint_are_told_in_degrees_and_angstrom(
        self, tmp_path, average, where
    ):
        step = ctf_programs.gctf
        values = {p.name: p.default for p in step.params} | {
            "average": str(average), "average_pixel_size": PIXEL, "gctf_folder": where,
            "phase_plate": True, "phase_shift_low": 0.0, "phase_shift_high": 175.0,
            "usual_astigmatism": 100.0, "ctf_box": 256,
        }  # fmt: skip
        job = Job(folder=tmp_path / "try", home=tmp_path, image={}, values=values)
        job.folder.mkdir()
        step.run(job)
        told = (job.folder / ".work-gctf" / "told.txt").read_text().replace("\n", " ")
        assert "--astm 100.0 --phase_shift_L 0.0 --phase_shift_H 175.0 --phase_shift_S 10.0" in told

    def test_a_resolution_of_999_is_none(self, tmp_path, average, where):
        (tmp_path / "log").write_text(LOG.replace("3.464", "999.000"))
        outcome = run(tmp_path, average, ["gctf"], gctf_folder=where, ctf_box=256)
        assert outcome.state == "done", outcome.message
        assert results(outcome)["ctf_resolution"] is None


class TestInTheRegistry:
    @pytest.mark.parametrize("name", ["ctffind4", "ctffind5", "gctf"])
    def test_it_can_take_the_place_of_ctf(self, name):
        registry = Registry()
        step, ctf = registry.step(name), registry.step("ctf")
        assert step.makes == ctf.makes
        assert {w for w in step.takes if not w.endswith("_folder")} <= set(ctf.takes)
        steps, _ = resolve(["prepare", "motion", name, "previews"], registry)
        assert [s.name for s in steps] == ["prepare", "motion", name, "previews"]
        with pytest.raises(BadStep, match="both make"):
            resolve(["ctf", name], registry)

    def test_those_not_yet_seen_running_say_so(self):
        registry = Registry()
        seen = {name: registry.step(name).seen for name in ("ctffind4", "ctffind5", "gctf")}
        assert seen == {"ctffind4": False, "ctffind5": True, "gctf": False}

    def test_the_command_tells_it_too(self, capsys):
        assert command.main(["steps"]) == 0
        lines = capsys.readouterr().out.split("\n")
        unseen = [line.split()[0] for line in lines if line.endswith("(not yet seen running)")]
        assert unseen == ["ctffind4", "gctf", "cryolo", "gautomatch"]
        assert command.main(["steps", "gctf"]) == 0
        assert "Not yet seen running" in capsys.readouterr().out

    def test_gctf_needs_a_graphics_card(self):
        assert Registry().step("gctf").requires == {"Gctf": "program", "gpu": 1}
