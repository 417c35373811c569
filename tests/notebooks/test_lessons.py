"""The lessons run from top to bottom, and what they say is true."""

import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from focusnb.monitor.places import notebooks_dir

# Run behind the last cell of a lesson: what its text says about what the reader sees.
CLAIMS = {
    "01_first_session": """
assert [bool(g) for g in project.library["good"]] == [m.exposure.bad is None for m in truth]
assert [i.number[-1] for i in bad] == ["2", "4"]
assert "drift" in project.library["reasons"].iloc[1] and 60 < bad[0]["drift_range"] < 100
assert "iciness" in project.library["reasons"].iloc[3] and bad[1]["drift_range"] < 20
assert result["error"] is None and result["particles"] > 5
assert real["drift_total"] is None and real["particles"] >= 5
assert abs(real["defocus"] - 27200) < 300 and real["astigmatism"] < 200
assert abs(real["dose_ratio"] - 1) < 0.05 and real["iciness"] < 0.8
assert set(project.library["stale"]) == {"previews"}
started = {step: run["started"] for step, run in image.document["runs"].items()}
assert max(started, key=started.get) == "pick"
assert summary.images == 2 and star.read_text(encoding="utf-8").count("grid1_0003") > 0
""",
    "02_library": """
assert [bool(g) for g in library["good"]] == [m.exposure.bad is None for m in truth]
assert len(worse) == len(not_better) - library["ctf_resolution"].isna().sum() < len(not_better)
assert library["ctf_resolution"].isna().sum() == 4
assert (overview.shown, desk.undoable[0]) == ("Drift", "move of 3 images to keep")
assert table.lists() == {"for the figure": 1} and summary.images == 1
assert [(rule.name, rule.on) for rule in project.rules] == [("not good", False), ("ice", False)]
assert after.equals(before)
assert list(batches.states.values()) == ["done", "skipped"]
assert first["defocus_u"] == trials["box512"]["defocus_u"] != trials["box256"]["defocus_u"]
assert image["defocus"] == 15000
assert set(after["flag"]) == {"none", "red", "blue", "gold"}
assert (after["comment"] != "").sum() == 1 + (after["flag"] == "gold").sum()
assert project.groups == ["g1", "keep"]
assert len(project.select("stale == 'ctf'")) == 0
""",
    "03_tune_picking": """
assert len(wrong[170]) < len(found) < len(wrong[50]) and 12 <= len(found) <= 20
assert found.score[0] == found.score.max() and (found.diameter < 110).all()
assert (chosen.diff().dropna() <= 0).all(axis=None)
assert (chosen.T.diff().dropna() <= 0).all(axis=None)
noise = picking.apart(candidates, 0.8 * LENGTH).noise.score
assert np.median(noise) < threshold < noise.max()
assert len(nothing) > 100 and not len(nothing.above(picking.automatic(nothing)))
first, last = blobs.iloc[at["automatic"]], blobs["F1"].max()
assert last - 0.06 < first["F1"] <= last and 0.85 < first["F1"] < hoped
assert blobs["recall"].is_monotonic_increasing and blobs["precision"].iloc[:20].min() > 0.95
assert abs(smallest["ball, Å"][0] - 66) < 1 and smallest["F1"][1:].max() > smallest["F1"][0] + 0.02
dirts = [dirt.dirty(p.x, p.y).mean() for p in (careless, careful, cleaned)]
assert dirts[0] > 0.3 and dirts[1] < 0.15 and dirts[2] < 0.03
assert {"carbon", "ice", "dark blob", "border"} <= set(mask.fractions()) and 0.5 < 1 - mask.fraction
assert 1 <= len(averages.pictures) <= 4 and averages.counts.sum() > 50
assert compared["F1"]["blobs"] + 0.03 < compared["F1"][["averages", "map"]].min() > 0.93
assert project.words["picker"].default == "reference_free"
assert project.words["particle_diameter"].default == 150
kinds = dict(project.words["picker"].choices)
assert set(kinds) == {"reference_free", "blob", "template", "filament"}
assert (tuned["120 Å"] >= tuned["150 Å"]).all() and tuned["120 Å"].min() > 0.93
assert tuned["150 Å"].mean() < 0.93
lines = {action["word"]: action["line"] for action in tuner.lines["actions"]}
assert lines["use"] == "# nothing to set" and project.values()["particle_diameter"] == 120
assert list(project.library["particles"]) == list(project.library["particles_extracted"])
assert levels.iloc[:, 2].abs().max() < 1e-3 and (levels.iloc[:, 3] - 1).abs().max() < 1e-3
assert np.ptp(levels.iloc[:, 0]) > 3
assert summary.particles == len(particles) == project.library["particles"].sum()
assert both.true == len(rows) < both.found and both.precision < both.recall == 1
""",
    "04_viewer": """
assert value == formats.read(crop)[300, 200] and abs(viewer.pixel_size - 1) < 1e-6
assert amplitudes.shape == (512, 512) and amplitudes[256, 256] < 1e-2 * amplitudes.max()
assert abs(image["defocus"] - 17000) < 150 and found == restored != by_hand == 17600
assert 12 < 1 / first < 25
assert told.startswith("1 polygon is left out") and len(picks) > 5 and inside.sum() == 0
assert 5.5 < six / one < 6.5
assert "is not there" in repr(view(folder / "gone.mrc"))
""",
    "06_ctf_and_ice": """
assert abs(fit.defocus_u - 27200) < 300 and fit.astigmatism < 250 and fit.resolution < 8
assert (checked.iloc[:, 1] - checked.iloc[:, 0]).abs().max() < 60
assert (checked.iloc[:, 3] - checked.iloc[:, 2]).abs().max() < 80
assert nothing.resolution is None and nothing.doubts and nothing.score < 0.1
assert blurred.doubts and 0 < fit.errors.defocus < fit.errors.astigmatism
assert ctf.fit(still, pixel_size=1.0, voltage=300).doubts == ()
assert first.loc["vitreous", "iciness"] < 1 < 1.5 < first.loc["crystalline", "iciness"]
assert abs(first.loc["real micrograph", "iciness"] - 0.65) < 0.01
assert (first["ice_ring_fine"] - 1).abs().max() < 0.1
assert by_count["iciness"].is_monotonic_increasing and by_count["ice_ring"].is_monotonic_increasing
assert by_dose["vitreous"].is_monotonic_decreasing and by_dose["crystalline"].is_monotonic_increasing
assert by_dose["vitreous"].max() < 1 and by_dose["crystalline"][10] < 1.5 < by_dose["crystalline"][20]
assert cameras.loc["iciness, crystalline", "falls to fine detail"] < 1.5
assert cameras.loc["iciness, vitreous", "loses coarse noise"] > 1
assert np.ptp(cameras.loc["vitreous / beam"]) < 0.05 and np.ptp(cameras.loc["crystalline / beam"]) < 0.1
assert np.ptp(cameras.loc["ice_ring, crystalline"]) < 0.1
assert (layers.iloc[:, 2] - layers.iloc[:, 0]).abs().max() < 10
assert abs(statistics.carbon_fraction(edge) - covered.mean()) < 0.05
assert statistics.carbon_fraction(real) == statistics.carbon_fraction(vitreous) == 0
""",
}
LESSONS = sorted(notebooks_dir().glob("*.ipynb"))


def test_every_lesson_is_here():
    assert [path.stem for path in LESSONS] == sorted(CLAIMS)


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_from_top_to_bottom_and_says_what_is_true(path, tmp_path, monkeypatch):
    for name in ("FOCUSNB_CONFIG", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(shutil.copy(path, tmp_path), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(CLAIMS[path.stem]))
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [o.text for o in outputs if o.get("name") == "stderr"] == []
    pages = "".join(str(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", pages), "nothing from elsewhere"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert not cell.metadata, cell.source
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.source
            assert cell.execution_count is None, cell.source
