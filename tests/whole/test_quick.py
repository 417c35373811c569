"""Quick: files go through steps without a project, whatever they are called and whatever they hold."""

import json
import os

import numpy as np
import pytest
from makers import WORDS, movie

import focusnb as fn
from focusnb import formats
from focusnb.errors import BadValue, UnknownName

HARD = [
    "a b.tif",
    'it\'s "so".tif',
    "ü☃.tif",
    "two\nlines.tif",
    "-x.tif",
    "$HOME;`ls`.tif",
    "..tif.tif",
]


@pytest.fixture
def known(camera):
    return {**WORDS, "gain": camera / "gain.mrc", "defects": camera / "defects.txt"}


def test_results_are_flat_and_files_lie_in_the_folder_of_the_stem(camera, known, tmp_path):
    found = fn.quick(camera / "movie.tif", out=tmp_path / "out", **known)
    folder = tmp_path / "out" / "movie"
    assert (found["error"], found["folder"]) == (None, str(folder))
    for name in (
        "average.mrc", "average_dw.mrc", "unaligned.mrc", "shifts.star", "ctf.star", "picks.star",
        "results.json", "previews/average.png", "logs/motion.log",
    ):  # fmt: skip
        assert (folder / name).is_file()
    assert not list(folder.glob(".*"))
    assert found["average"] == str(folder / "average.mrc")
    assert not any(isinstance(value, dict) for value in found.values())
    assert json.loads((folder / "results.json").read_text()) == found
    assert found["particles"] > 0


def test_without_out_there_are_results_only(camera, known, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    found = fn.quick(camera / "movie.tif", steps=["motion"], **known)
    assert (found["error"], found["folder"], found["frame_count"]) == (None, None, 8)
    assert "average" not in found
    assert list(tmp_path.iterdir()) == []


def test_a_second_file_of_the_same_stem_gets_a_number(camera, known, tmp_path):
    for _ in range(3):
        fn.quick(camera / "movie.tif", steps=["prepare"], out=tmp_path, **known)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["movie", "movie_2", "movie_3"]


def test_many_files_give_a_list_and_a_broken_one_stops_nobody(camera, known, tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.mrc").write_text("nothing")
    files = [
        tmp_path / "empty.tif",
        tmp_path / "none.tif",
        camera / "movie.tif",
        tmp_path / "text.mrc",
    ]
    found = fn.quick(files, steps=["prepare"], **known)
    assert [one["error"] is None for one in found] == [False, False, True, False]
    assert "empty.tif" in found[0]["error"]
    assert found[1]["error"].endswith("none.tif is no file")


@pytest.mark.parametrize("name", HARD)
def test_any_name_is_processed_like_all_others(name, tmp_path):
    file = formats.write(tmp_path / "plain.tif", movie().frames[:2, :64, :64], pixel_size=1.0)
    file = file.rename(tmp_path / name)
    found = fn.quick(file, steps=["motion"], out=tmp_path / "out", exposure_dose=5)
    assert (found["error"], found["file"]) == (None, str(file))
    assert os.path.isfile(found["average"])  # noqa: PTH113
    assert json.loads(open(found["folder"] + "/results.json").read()) == found  # noqa: PTH123, SIM115


def test_a_name_that_is_no_text_is_processed_too(tmp_path):
    file = formats.write(tmp_path / "plain.tif", movie().frames[:2, :64, :64], pixel_size=1.0)
    raw = os.fsencode(tmp_path) + b"/a\xffb.tif"
    os.rename(file, raw)  # noqa: PTH104
    found = fn.quick(os.fsdecode(raw), steps=["prepare"], out=tmp_path / "out")
    assert found["error"] is None
    json.dumps(found).encode()


def test_a_very_long_name_gets_a_folder(tmp_path):
    file = formats.write(tmp_path / "plain.tif", movie().frames[:2, :64, :64], pixel_size=1.0)
    file = file.rename(tmp_path / ("n" * 250 + ".tif"))
    for _ in range(2):
        assert fn.quick(file, steps=["prepare"], out=tmp_path / "out")["error"] is None


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"steps": ["motoin"]}, UnknownName),
        ({"voltag": 300}, UnknownName),
        ({"voltage": "high"}, BadValue),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_made(camera, tmp_path, how, error):
    with pytest.raises(error):
        fn.quick(camera / "movie.tif", out=tmp_path / "out", **how)
    assert not (tmp_path / "out").exists()


def test_a_step_brings_along_what_it_needs_and_says_so(camera, known):
    found = fn.quick(camera / "movie.tif", steps=["ctf"], **known)
    assert "motion runs too, because ctf needs average" in found["notes"]
    assert found["defocus_u"] > 0


def test_a_missing_pixel_size_names_how_it_is_given(tmp_path):
    file = formats.write(tmp_path / "x.tif", movie().frames[:2, :64, :64])
    assert "--set pixel_size=" in fn.quick(file)["error"]


def test_what_succeeded_before_a_failure_is_given_and_kept(camera, known, tmp_path):
    found = fn.quick(camera / "movie.tif", out=tmp_path, **{**known, "particle_diameter": 5000})
    assert "particle_diameter" in found["error"]
    assert found["ctf_resolution"] is not None
    assert (tmp_path / "movie" / "average.mrc").is_file()


def test_the_users_own_scripts_are_steps_too(camera, known):
    from focusnb.model.settings import user_file

    folder = user_file().parent / "scripts"
    folder.mkdir(parents=True)
    script = folder / "twice.sh"
    script.write_text(
        "#!/bin/sh\n# /// script\n# [tool.focusnb]\n# params = ['frame_count']\n# results = ['twice']\n"
        "# param.twice.default = 0\n# param.twice.unit = '1'\n# ///\n"
        'echo "twice = $((frame_count * 2))" > "$FOCUSNB_RESULTS"\n'
    )
    script.chmod(0o755)
    try:
        found = fn.quick(camera / "movie.tif", steps=["twice"], **known)
    finally:
        script.unlink()
        folder.rmdir()
    assert (found["error"], found["twice"]) == (None, 16)


def test_progress_is_told(camera, known):
    seen = []
    fn.quick(
        camera / "movie.tif", steps=["prepare"], on_progress=lambda f, t: seen.append(f), **known
    )
    assert seen
    assert all(0 <= f <= 1 for f in seen)
    assert np.all(np.diff(seen) >= 0)
