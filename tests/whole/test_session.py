"""A session: folder watched → imported → processed → library → feed → STAR file; inline workers."""

import json
import shutil

import makers
import pytest

import focusnb as fn
from focusnb.batch import watch
from focusnb.formats import star

NAMES = ["grid_0001.tif", "grid_0002 'a b'\"ü.tif", "grid_0003.tif"]
SCRIPTS = {
    "ratio.csh": """#!/bin/csh -f
# /// script
# [tool.focusnb]
# title = "Compare two numbers"
# params = ["mean_count", "total_dose"]
# results = ["ratio"]
# param.ratio = { type = "float", unit = "1", label = "Ratio" }
# ///
set ratio = `echo "$mean_count $total_dose" | awk '{print $1 / $2}'`
echo "ratio = $ratio" >> "$FOCUSNB_RESULTS"
""",
    "names.py": """#!/usr/bin/env python3
# /// script
# [tool.focusnb]
# title = "Write the name down"
# params = ["average"]
# results = ["card"]
# param.card.type = "path"
# ///
import os
with open("card.txt", "w") as card:
    card.write(os.environ["image_name"] + "\\n" + str(os.path.getsize(os.environ["average"])))
with open(os.environ["FOCUSNB_RESULTS"], "w") as results:
    results.write("card = card.txt\\n")
""",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory, camera):
    """A project after a session of three movies, one of them dark."""
    folder = tmp_path_factory.mktemp("session")
    seen = folder / "camera"
    shutil.copytree(camera, seen)
    (seen / "movie.tif").rename(seen / NAMES[0])
    for name, how in ((NAMES[1], {"seed": 4}), (NAMES[2], {"seed": 5, "bad": "dark"})):
        made = makers.movie(**how)
        makers.formats.write(seen / name, made.frames, pixel_size=1.0)
    project = fn.create(folder / "a project", mode="single-particle", **makers.WORDS)
    project.watch(seen, settle=0, gain=str(seen / "gain.mrc"), defects=str(seen / "defects.txt"))
    return project.root


@pytest.fixture(scope="module")
def project(root):
    from focusnb.batch.dispatcher import Dispatcher
    from focusnb.batch.workers import Inline

    project = fn.open(root)
    (stored,) = watch.stored(project)
    watcher = watch.Watcher(
        project, stored, submit=lambda images, top: project.process(images, top=top)
    )
    watcher.scan()
    watcher.scan()
    Dispatcher(project, Inline).run()
    return project


def good(project):
    return project.select("name == 'grid_0001.tif'")[0]


def test_every_movie_became_a_row(project):
    assert sorted(row["name"] for row in project.rows()) == NAMES
    assert set(project.queue.counts().items()) >= {("done", 3), ("failed", 0), ("waiting", 0)}


def test_the_good_ones_are_good_and_the_dark_one_says_why(project):
    found = {row["name"]: row for row in project.rows()}
    assert [found[name]["good"] for name in NAMES] == [True, True, False]
    assert "dark" in found[NAMES[2]]["reasons"]
    assert "could not be aligned" in found[NAMES[2]]["reasons"]


def test_the_library_holds_what_was_measured(project):
    table = project.library.set_index("name")
    truth = makers.movie().truth
    mean = (truth.exposure.defocus_u + truth.exposure.defocus_v) / 2
    assert table.loc[NAMES[0], "defocus"] == pytest.approx(mean, abs=300)
    assert table["total_dose"].tolist() == [pytest.approx(20)] * 3
    assert table["stale"].isna().all()


def test_everything_lies_in_the_images_folders(project):
    for image in project.images:
        assert (image.folder / "raw" / image.name).is_file()
        assert image.read("average").shape == (512, 512)
        assert json.loads((image.folder / "image.json").read_text())["results"]
        assert not list(image.folder.glob(".*"))
        assert "done in" in image.log("motion")


def test_processing_again_does_nothing(project, inline):
    before = [image.document for image in project.images]
    batches = project.process()
    inline(project)
    assert set(batches.states.values()) == {"skipped"}
    assert [image.document for image in project.images] == before


def test_another_box_of_the_ctf_runs_the_ctf_and_what_takes_it(project, inline):
    image = good(project)
    before = {s: r["started"] for s, r in image.document["runs"].items()}
    seconds = {s: r["seconds"] for s, r in image.document["runs"].items()}
    project.set(image, ctf_box=256)
    assert image.stale == ["ctf"]
    assert {r["id"]: r["stale"] for r in project.rows()}[image.id] == "ctf"
    project.process(image)
    inline(project)
    after = image.document["runs"]
    changed = {
        s for s in before if (after[s]["started"], after[s]["seconds"]) != (before[s], seconds[s])
    }
    assert changed == {"ctf", "pick", "previews"}  # templates may be picked through the CTF
    assert (image.stale, image["ctf_box"]) == ([], 256)


def test_the_feed_tells_the_same(project):
    feed = project.root / "feed"
    shutil.rmtree(feed, ignore_errors=True)
    assert project.publish()
    told = json.loads((feed / "feed.json").read_text())
    assert (told["counts"]["images"], told["counts"]["good"]) == (3, 2)
    assert list((feed / "pictures").iterdir())


def test_the_good_ones_are_exported_as_star(project, tmp_path):
    summary = project.export("relion", tmp_path / "relion")
    assert "2" in str(summary)
    table = star.read(tmp_path / "relion" / "micrographs_ctf.star")["micrographs"]
    assert len(table) == 2
    for name in table["rlnMicrographName"]:
        assert (tmp_path / "relion" / name).is_file()
    defocus = sorted(image["defocus_u"] for image in project.select("good"))
    assert sorted(table["rlnDefocusU"]) == pytest.approx(defocus, abs=0.1)


def test_a_selection_is_exported_instead(project, tmp_path):
    project.export("relion", tmp_path / "relion", "name == 'grid_0001.tif'")
    assert len(star.read(tmp_path / "relion" / "corrected_micrographs.star")["micrographs"]) == 1


@pytest.mark.needs("csh")
def test_scripts_dropped_into_the_project_are_steps_columns_and_results(project, inline):
    for name, text in SCRIPTS.items():
        script = project.root / "scripts" / name
        script.write_text(text)
        script.chmod(0o755)
    assert {"ratio", "names"} <= set(project.registry.steps)
    batches = project.process(steps=["ratio", "names"])
    inline(project)
    assert set(batches.states.values()) == {"done"}
    assert "ratio" in project.library.columns
    image = project.select("ratio > 0.05")[0]
    assert image["ratio"] == pytest.approx(image["mean_count"] / 20, rel=1e-3)
    size = (image.folder / "average.mrc").stat().st_size
    assert (image.folder / "card.txt").read_text() == f"{image.name}\n{size}"
    assert (image["card"], project.words["ratio"].label) == (
        str(image.folder / "card.txt"),
        "Ratio",
    )


def test_a_trial_is_computed_and_recorded_nowhere(project, inline):
    image = good(project)
    before = image.document
    project.try_out(image, ["motion"], set={"motion_bfactor": 500}, name="smooth")
    inline(project)
    assert image.document == before
    results = json.loads((image.folder / "trials" / "smooth" / "results.json").read_text())
    assert results["drift_total"] > 0
    assert (image.folder / "trials" / "smooth" / "average.mrc").is_file()
    assert image.stale == []


def test_the_folders_alone_tell_everything(project, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project.root, copy, symlinks=True, ignore=shutil.ignore_patterns("project.db*"))
    from focusnb.model.rebuild import rebuild

    again, notes = rebuild(copy)
    assert notes == []
    assert again.library.equals(project.library)
