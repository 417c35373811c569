"""Only what changed is computed again, and what is stale is known everywhere."""

import os

import pytest

from focusnb.batch.dispatcher import Dispatcher
from focusnb.batch.queue import Queue
from focusnb.batch.workers import Inline
from focusnb.model.project import Project

# first: width → a file and a number; second: both and height → a number
SCRIPT = """#!/bin/sh
# /// script
# [tool.focusnb]
# params = {params}
# results = {results}
# {words}
# ///
echo {name} >> "$RAN"
{body}
"""
FIRST = {
    "name": "first",
    "params": '["width", "sheet"]',
    "results": '["text", "letters"]',
    "words": "param.width.default = 1.5\n# param.width.unit = 'Å'\n# param.sheet.type = 'path'\n"
    "# param.text.type = 'path'\n# param.letters.type = 'int'",
    "body": 'echo "width $width" > text.txt; echo "text = text.txt\nletters = 5" > "$FOCUSNB_RESULTS"',
}
SECOND = {
    "name": "a_second",
    "params": '["text", "letters", "height"]',
    "results": '["sum"]',
    "words": "param.height.default = 2\n# param.sum.type = 'str'",
    "body": '[ -z "$(cat "$text" | grep fail)" ] || exit 3\n'
    'echo "sum = $(cat "$text") $letters $height" > "$FOCUSNB_RESULTS"',
}


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """What ran since this was asked last."""
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))

    def ask():
        found = (tmp_path / "ran").read_text().split() if (tmp_path / "ran").exists() else []
        (tmp_path / "ran").unlink(missing_ok=True)
        return found

    return ask


@pytest.fixture
def project(project, ran):
    for one in (FIRST, SECOND):
        script = project.root / "scripts" / f"{one['name']}.sh"
        script.write_text(SCRIPT.format(**one))
        script.chmod(0o755)
    return project


def process(project, images=(1,), steps=("a_second", "first"), **how):
    ids = Queue(project).submit(images, steps, **how)
    Dispatcher(project, Inline).run()
    return list(Queue(project).states(ids).values())


def stale(project, image=1):
    """What is stale, by the image and by the library."""
    row = {row["id"]: row["stale"] for row in project.rows()}[image]
    return sorted(project[image].stale), sorted((row or "").split())


def test_everything_runs_once_in_its_order(project, ran):
    assert process(project) == ["done"]
    assert ran() == ["first", "a_second"]
    assert project[1]["sum"] == "width 1.5 5 2"
    assert stale(project) == ([], [])


def test_a_second_run_skips_everything_in_another_process_too(project, ran):
    process(project)
    ran()
    assert process(Project.open(project.root)) == ["skipped"]
    assert ran() == []


def test_force_runs_anyway(project, ran):
    process(project)
    ran()
    process(project, force=True)
    assert ran() == ["first", "a_second"]


@pytest.mark.parametrize("how", [{}, {"group": "g1"}])
def test_a_changed_value_runs_its_step_and_what_depends_on_it(project, ran, how):
    process(project)
    ran()
    project.set(width=3, **how)
    assert stale(project) == (["first"], ["first"])
    process(project)
    assert ran() == ["first", "a_second"]
    assert project[1]["sum"] == "width 3.0 5 2"
    assert stale(project) == ([], [])


def test_who_used_a_product_that_was_made_anew_is_stale_until_it_runs(project, ran):
    process(project)
    project.set(width=3.0)
    assert process(project, steps=["first"]) == ["done"]
    assert stale(project) == (["a_second"], ["a_second"])
    process(project)
    assert stale(project) == ([], [])


def test_a_changed_value_runs_nothing_else(project, ran):
    process(project)
    ran()
    project.set(1, height=3)
    assert stale(project) == (["a_second"], ["a_second"])
    process(project)
    assert ran() == ["a_second"]
    assert stale(project) == ([], [])


@pytest.mark.parametrize("how", ["set back", "same value as own", "at another level"])
def test_a_value_that_is_the_same_again_makes_nothing_stale(project, ran, how):
    process(project)
    ran()
    project.set(1, height=3 if how == "set back" else 2)
    if how == "set back":
        project.set(1, height=2)
    if how == "at another level":
        project.set(1, height=None)
        project.set(height=2)
    assert stale(project) == ([], [])
    process(project)
    assert ran() == []


def test_moving_to_a_group_with_other_values_makes_stale(project, ran):
    process(project)
    project.set(group="g2", height=9)
    project.move(1, "g2")
    assert stale(project) == (["a_second"], ["a_second"])


def test_what_the_old_group_said_goes_along_and_makes_nothing_stale(project, ran):
    (project.root / "references").mkdir()
    for name in ("one.txt", "two.txt"):
        (project.root / "references" / name).write_text(name)
    project.set(group="g1", sheet="references/one.txt", height=7)
    project.set(group="g2", sheet="references/two.txt")
    process(project)
    ran()
    for group in ("keep", "TRASH", "g2"):
        project.move(1, group)
        assert project.resolve(1, "sheet").read_text() == "one.txt"
        assert project[1]["height"] == 7
        assert stale(project) == ([], [])
    project.move(1, "g1")
    assert project[1].values.origin("sheet") == project[1].values.origin("height") == "group"
    assert stale(project) == ([], [])
    process(project)
    assert ran() == []


def test_an_own_value_stays_own_wherever_the_image_goes(project, ran):
    project.set(group="g1", height=7)
    project.set(group="g2", height=3)
    project.set(1, height=3)
    project.move(1, "g2")
    assert project[1].values.origin("height") == "image"
    project.move(1, "g1")
    assert project[1]["height"] == 3


def test_values_of_one_batch_make_stale_only_if_they_differ(project, ran):
    process(project, given={"height": 2})
    assert stale(project) == ([], [])
    process(project, given={"height": 7})
    assert project[1]["sum"] == "width 1.5 5 7"
    assert stale(project) == (["a_second"], ["a_second"])
    process(project)
    assert project[1]["sum"] == "width 1.5 5 2"
    assert stale(project) == ([], [])


def test_a_product_changed_by_hand_counts_as_changed(project, ran):
    process(project)
    ran()
    (project.folder(1) / "text.txt").write_text("by hand")
    assert "a_second" in project[1].stale
    process(project, steps=["a_second"])
    assert ran() == ["a_second"]
    assert project[1]["sum"] == "by hand 5 2"


def test_a_product_that_is_gone_is_made_again(project, ran):
    process(project)
    ran()
    (project.folder(1) / "text.txt").unlink()
    assert "first" in project[1].stale
    process(project, steps=["a_second"])
    assert ran() == ["first"]  # which gives the same again: a_second is up to date
    assert (project.folder(1) / "text.txt").is_file()


def test_a_result_that_was_set_by_hand_and_removed_is_found_out_again(project, ran):
    process(project)
    ran()
    found = project[1]["letters"]
    project.set(1, letters=99)
    project.set(1, letters=None)
    assert project[1]["letters"] is None
    assert "first" in project[1].stale
    assert "first" in project.rows()[0]["stale"]
    process(project)
    assert "first" in ran()
    assert project[1]["letters"] == found
    assert project[1].stale == []


def test_another_file_makes_its_step_run_again(project, ran, tmp_path):
    sheet = tmp_path / "sheet.txt"
    sheet.write_text("1")
    project.set(sheet=str(sheet))
    process(project)
    ran()
    assert process(project) == ["skipped"]
    sheet.write_text("2")
    os.utime(sheet, (1, 1))
    assert project[1].stale == ["first"]
    process(project)
    assert ran() == ["first", "a_second"]


def test_a_changed_file_of_the_image_is_known_to_the_library(project, ran, tmp_path):
    process(project)
    (tmp_path / "sheet.txt").write_text("1")
    project.set(1, sheet=str(tmp_path / "sheet.txt"))
    assert stale(project) == (["first"], ["first"])
    process(project)
    assert stale(project) == ([], [])


def test_a_changed_script_makes_its_results_stale(project, ran):
    process(project)
    ran()
    script = project.root / "scripts" / "a_second.sh"
    script.write_text(script.read_text() + "# better\n")
    assert stale(project) == (["a_second"], ["a_second"])
    process(project)
    assert ran() == ["a_second"]


def test_a_script_that_is_gone_leaves_its_results(project, ran):
    process(project)
    (project.root / "scripts" / "a_second.sh").unlink()
    assert stale(project) == ([], [])
    assert project[1].document["results"]["sum"] == "width 1.5 5 2"


def test_a_result_set_by_hand_is_used_and_its_users_run_again(project, ran):
    process(project)
    ran()
    project.set(1, letters=8)
    assert "a_second" in project[1].stale
    assert "a_second" in stale(project)[1]
    process(project, steps=["a_second"])
    assert project[1]["sum"] == "width 1.5 8 2"


def test_a_locked_result_stays_and_is_what_comes_after_uses(project, ran):
    process(project)
    project.set(1, letters=8)
    project.lock("letters", images=1)
    process(project, force=True)
    assert (project[1]["letters"], project[1]["sum"]) == (8, "width 1.5 8 2")
    log = [line["message"] for line in Queue(project).log() if line["event"] == "note"]
    assert log == ["letters is locked: first's 5 was left out"]


def test_a_locked_product_is_not_overwritten(project, ran):
    process(project)
    project.lock("text", images=1)
    project.set(width=9)
    process(project)
    assert (project.folder(1) / "text.txt").read_text() == "width 1.5\n"
    assert project[1]["sum"] == "width 1.5 5 2"


def test_a_failed_step_fails_its_batch_and_others_go_on(project, ran):
    project.set(2, width=4)
    script = project.root / "scripts" / "first.sh"
    script.write_text(script.read_text() + '[ "$width" != 4.0 ] || exit 2\n')
    assert process(project, [1, 2, 3]) == ["done", "failed", "done"]
    assert project[2].error.startswith("first ended with code 2")
    assert "first ended with code 2" in project[2].log("first")
    assert project[2].get("sum") is None
    assert ran().count("a_second") == 2


def test_what_import_said_stays_the_reason_until_a_step_has_run(project, ran):
    said = {"step": "import", "message": "m.tif: starts with b'xx1'"}
    project.change(1, lambda document: document.update(error=said))
    script = project.root / "scripts" / "first.sh"
    text = script.read_text()
    script.write_text(text + "exit 2\n")
    assert process(project) == ["failed"]
    assert project[1].error == said["message"]
    script.write_text(text)
    assert process(project) == ["done"]
    assert project[1].error is None


def test_an_error_stays_until_its_step_is_mended(project, ran):
    process(project)
    (project.folder(1) / "text.txt").write_text("fail")
    process(project, steps=["a_second"])
    assert project[1].error.startswith("a_second ended with code 3")
    process(project, steps=["first"], force=True)
    assert project[1].error is not None
    process(project)
    assert project[1].error is None


def test_the_log_of_a_run_tells_values_and_the_end(project, ran):
    process(project)
    before = project[1].log("a_second")
    assert "height = 2" in before
    assert "done in" in before.splitlines()[-1]
    process(project)
    assert project[1].log("a_second") == before


def test_a_trial_records_nothing(project, ran):
    process(project)
    before = project.document(1)
    process(project, trial="wide", given={"width": 8})
    folder = project.folder(1) / "trials" / "wide"
    assert (folder / "text.txt").read_text() == "width 8.0\n"
    assert '"sum": "width 8.0 5 2"' in (folder / "results.json").read_text()
    assert (folder / "logs" / "first.log").is_file()
    assert project.document(1) == before
    assert stale(project) == ([], [])


@pytest.mark.parametrize("how", ["for one batch", "by hand"])
def test_a_file_that_takes_the_place_of_a_product_makes_its_users_run(project, ran, tmp_path, how):
    process(project)
    ran()
    other = tmp_path / "other.txt"
    other.write_text("other")
    if how == "by hand":
        project.set(1, text=str(other))
        assert stale(project) == (["a_second"], ["a_second"])
    given = {"text": str(other)} if how == "for one batch" else {}
    assert process(project, steps=["a_second"], given=given) == ["done"]
    assert ran() == ["a_second"]
    assert project[1]["sum"] == "other 5 2"


def test_a_movie_named_by_hand_is_another_one_than_came_in(project, ran, tmp_path):
    one = project.root / "scripts" / "first.sh"
    one.write_text(
        one.read_text().replace('"sheet"', '"movie"').replace("# param.sheet.type = 'path'\n", "")
    )
    for place in (project.folder(1) / "raw" / "a.tif", tmp_path / "other.tif"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("movie")
    project.change(
        1, lambda d: (d["values"].update(movie="raw/a.tif"), d["originals"].update(movie="0" * 64))
    )
    process(project)
    ran()
    os.utime(project.folder(1) / "raw" / "a.tif", (1, 1))
    assert process(project) == ["skipped"]  # known by its content
    project.set(1, movie=str(tmp_path / "other.tif"))
    assert "first" in project[1].stale
    process(project)
    assert "first" in ran()


def test_a_product_removed_by_hand_is_made_again(project, ran):
    process(project)
    ran()
    project.set(1, text=None)
    assert "first" in stale(project)[0]
    assert "first" in stale(project)[1]
    process(project)
    assert "first" in ran()
    assert project[1]["sum"] == "width 1.5 5 2"
    assert stale(project) == ([], [])
