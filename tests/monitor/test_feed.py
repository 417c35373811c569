import json
import os
from pathlib import Path

import pytest
from monitor import made
from PIL import Image as Picture

from focusnb.batch.task import build
from focusnb.errors import BrokenFile
from focusnb.monitor import pictures, series
from focusnb.monitor.feed import publish
from focusnb.monitor.reader import Feed

NOW = 1_800_000_000.0


class Clock:
    def __init__(self, time: float = NOW) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return made.project(tmp_path / "session")


def test_an_empty_project_has_a_feed_that_says_so(project, clock):
    assert publish(project, clock=clock)
    feed = Feed(project.root / "feed").read()
    assert feed["version"] == 1
    assert feed["title"] == "session"
    assert feed["last"] is None
    assert feed["counts"]["images"] == 0
    assert Feed(project.root / "feed").series()["time"] == []


def test_the_session_gives_the_title(project, clock):
    project.set(session_name="Apoferritin, grid 3")
    publish(project, clock=clock)
    assert made.load(project)["title"] == "Apoferritin, grid 3"


def test_nothing_is_written_again_while_nothing_changed(project, clock):
    made.fill(project, 3, now=NOW)
    assert publish(project, clock=clock)
    clock.time += 10
    assert not publish(project, clock=clock)


def test_a_change_is_published_after_the_interval_and_not_before(project, clock):
    publish(project, clock=clock)
    made.fill(project, 1, now=NOW)
    clock.time += 1
    assert not publish(project, clock=clock)
    clock.time += 1.5
    assert publish(project, clock=clock)
    assert made.load(project)["counts"]["images"] == 1


def test_the_last_word_of_a_session_waits_for_no_interval(project, clock):
    publish(project, clock=clock)
    made.fill(project, 1, now=NOW)
    assert not publish(project, clock=clock)
    assert publish(project, clock=clock, at_once=True)
    assert made.load(project)["counts"]["images"] == 1


def test_a_change_of_the_values_by_hand_is_published(project, clock):
    made.fill(project, 9, now=NOW, bad=False)
    publish(project, clock=clock)
    assert made.load(project)["counts"]["good"] == 9
    path = project.root / "project.toml"
    path.write_text(path.read_text().replace("[values]", "[values]\ngood_ctf_resolution = 1.0"))
    clock.time += 5
    assert publish(project, clock=clock)
    assert made.load(project)["counts"]["good"] == 0


def test_the_hours_grow_old_even_when_nothing_happens(project, clock):
    made.fill(project, 5, now=NOW, bad=False)
    publish(project, clock=clock)
    assert made.load(project)["activity"]["1"] == {
        "imported": 5, "processed": 5, "good": 5, "errors": 0,
    }  # fmt: skip
    clock.time += 2 * 3600
    assert publish(project, clock=clock)
    activity = made.load(project)["activity"]
    assert activity["1"]["imported"] == 0
    assert activity["3"]["imported"] == 5


def test_a_large_project_rests_between_two_publications(project, clock):
    publish(project, clock=clock)
    path = project.root / "feed" / "feed.json"
    path.write_text(json.dumps({**made.load(project), "took": 1.0}))
    made.fill(project, 1, now=NOW)
    clock.time += 5
    assert not publish(project, clock=clock)
    clock.time += 5.5
    assert publish(project, clock=clock)


def test_the_progress_of_running_batches_is_written_in_between(project, clock):
    image = made.add(project, "a.tif", NOW, None)
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (image, steps, position, state, submitted, started, try)"
            " values (?, 'motion ctf', 1, 'running', ?, ?, 3)",
            (image, NOW, NOW),
        )
        project.store.bump(connection)
    publish(project, clock=clock)
    assert made.load(project)["queue"]["now"][0]["fraction"] is None
    (row,) = project.store.rows("select * from batch")
    scratch = Path(build(project, dict(row)).scratch)
    scratch.mkdir()
    (scratch / ".progress").write_text('{"fraction": 0.5, "step": "motion", "text": "frame 8"}')
    clock.time += 3
    assert publish(project, clock=clock)
    (now,) = made.load(project)["queue"]["now"]
    assert (now["name"], now["step"], now["fraction"]) == ("a.tif", "motion", 0.5)


def test_counts_tell_good_and_bad_and_leave_the_trash_out(project, clock):
    made.fill(project, 45, now=NOW)
    project.trash(project.ids("name == 'movie_00000.tif'"))
    publish(project, clock=clock)
    counts = made.load(project)["counts"]
    assert counts["trash"] == 1
    assert (counts["images"], counts["measured"], counts["good"]) == (44, 44, 39)


def test_series_hold_every_measured_image_in_the_order_of_recording(project, clock):
    made.fill(project, 20, now=NOW)
    made.add(project, "waits.tif", NOW, None)
    publish(project, clock=clock)
    found = Feed(project.root / "feed").series()
    assert found["count"] == 20
    assert found["time"] == sorted(found["time"])
    assert {len(found[word]) for word in (*series.WORDS, "good", "name", "time")} == {20}
    assert found["mean_count"][0] == pytest.approx(made.results(0)["mean_count"], abs=1e-4)
    assert found["good"].count(False) == 2


def test_long_series_are_thinned_but_the_recent_images_all_stay():
    rows = [(float(i), {"id": i}) for i in range(1000)]
    kept, step = series.thin(rows, recent=100)
    assert kept[-100:] == rows[-100:]
    assert step == 16
    assert 150 < len(kept) <= 200


def test_thinning_keeps_the_same_images_when_new_ones_come():
    rows = [(float(i), {"id": i}) for i in range(1001)]
    before, _ = series.thin(rows[:1000], recent=100)
    after, _ = series.thin(rows, recent=100)
    assert {t for t, _ in before[:-100]} <= {t for t, _ in after}


def test_the_last_image_is_the_one_recorded_last_with_numbers_and_verdict(project, clock):
    made.add(project, "late.tif", NOW, made.results(2, "ice"))
    made.add(project, "early.tif", NOW - 50, made.results(1))
    publish(project, clock=clock)
    last = made.load(project)["last"]
    assert last["name"] == "late.tif"
    assert last["good"] is False
    assert last["reasons"] == ["iciness 2.40 > 1.50"]
    numbers = {one["word"]: one for one in last["numbers"]}
    assert numbers["iciness"]["value"] == 2.4
    assert numbers["drift_total"]["unit"] == "Å"


def test_pictures_are_copied_and_the_real_space_one_is_blurred(project, clock):
    image = made.add(project, "a.tif", NOW, made.results(1))
    made.previews(project, image)
    publish(project, clock=clock)
    shown = {one["kind"]: one for one in made.load(project)["last"]["pictures"]}
    assert set(shown) == {"average", "spectrum", "drift"}
    assert shown["average"]["blurred"]
    home = project.folder(image) / "previews"
    sharp = (home / "spectrum.png").read_bytes()
    assert (project.root / "feed" / shown["spectrum"]["file"]).read_bytes() == sharp
    with Picture.open(project.root / "feed" / shown["average"]["file"]) as blurred:
        low, high = blurred.getextrema()
    with Picture.open(home / "average.png") as original:
        first, last = original.getextrema()
    assert high - low < 0.4 * (last - first)


def test_pictures_are_sharp_when_the_owner_says_so(project, clock):
    image = made.add(project, "a.tif", NOW, made.results(1))
    made.previews(project, image)
    publish(project, clock=clock)
    project.set(sharp_pictures=True)
    clock.time += 5
    publish(project, clock=clock)
    (average,) = [p for p in made.load(project)["last"]["pictures"] if p["kind"] == "average"]
    assert not average["blurred"]
    copy = (project.root / "feed" / average["file"]).read_bytes()
    assert copy == (project.folder(image) / "previews" / "average.png").read_bytes()


def test_old_pictures_leave_the_feed_one_publication_later(project, clock, monkeypatch):
    monkeypatch.setattr(pictures, "FRESH", -1.0)
    for i in range(3):
        made.previews(project, made.add(project, f"{i}.tif", NOW + i, made.results(i)))
        clock.time += 5
        publish(project, clock=clock)
    names = sorted(p.name[:10] for p in (project.root / "feed" / "pictures").iterdir())
    assert names == ["0000000002"] * 3 + ["0000000003"] * 3


def test_a_picture_that_another_program_has_just_written_stays(project, clock):
    made.previews(project, made.add(project, "a.tif", NOW, made.results(1)))
    publish(project, clock=clock)
    theirs = project.root / "feed" / "pictures" / "0000000002-1-average.png"
    theirs.write_bytes(b"")
    clock.time += 100
    publish(project, clock=clock)
    assert theirs.exists()


def test_what_went_wrong_is_one_reason_whatever_signs_are_in_it(project, clock):
    image = made.add(project, "a.tif", NOW, made.results(1, "ice"))
    sentence = "the gain has another size; give the one of this camera"
    project.change(image, lambda d: d.update(error={"step": "motion", "message": sentence}))
    publish(project, clock=clock)
    assert made.load(project)["last"]["reasons"] == [sentence, "iciness 2.40 > 1.50"]


def test_a_broken_preview_is_left_out(project, clock):
    image = made.add(project, "a.tif", NOW, made.results(1))
    made.previews(project, image)
    (project.folder(image) / "previews" / "average.png").write_bytes(b"no picture")
    (project.folder(image) / "previews" / "drift.png").unlink()
    publish(project, clock=clock)
    assert [p["kind"] for p in made.load(project)["last"]["pictures"]] == ["spectrum"]


def test_errors_are_listed_newest_first_and_without_the_projects_folder(project, clock):
    image = made.add(project, "a.tif", NOW, None)
    with project.store.transaction() as connection:
        for time, text in (
            (NOW - 9, "a.tif: first"),
            (NOW - 5, f"{project.root}/g1/x.mrc is truncated"),
        ):
            connection.execute(
                "insert into log (time, image, event, message) values (?, ?, 'failed', ?)",
                (time, image, text),
            )
        project.store.bump(connection)
    publish(project, clock=clock)
    assert [line["message"] for line in made.load(project)["log"]] == [
        "g1/x.mrc is truncated",
        "first",
    ]
    assert made.load(project)["activity"]["1"]["errors"] == 2


def test_no_half_written_file_is_left_behind(project, clock):
    made.previews(project, made.add(project, "a.tif", NOW, made.results(1)))
    publish(project, clock=clock)
    left = [p for p in (project.root / "feed").rglob("*") if p.name.startswith(".")]
    assert left == []


def test_a_feed_of_another_version_or_a_broken_one_is_written_anew(project, clock):
    folder = project.root / "feed"
    folder.mkdir()
    for text in ('{"version": 99}', "{", "[]"):
        (folder / "feed.json").write_text(text)
        assert publish(project, clock=clock)
        assert made.load(project)["version"] == 1


class TestReading:
    def test_a_feed_that_does_not_exist_says_how_to_make_one(self, tmp_path):
        assert Feed(tmp_path).stamp is None
        with pytest.raises(BrokenFile, match="focusnb run"):
            Feed(tmp_path).read()

    def test_a_newer_version_is_refused(self, tmp_path):
        (tmp_path / "feed.json").write_text('{"version": 2}')
        with pytest.raises(BrokenFile, match="version 2"):
            Feed(tmp_path).read()

    @pytest.mark.parametrize(
        "name", ["../project.toml", "pictures/../../x.png", "/etc/passwd", "pictures/a.txt", ""]
    )
    def test_nothing_but_its_pictures_is_given_out(self, tmp_path, name):
        with pytest.raises(BrokenFile, match="no name"):
            Feed(tmp_path).picture(name)

    def test_the_stamp_changes_when_the_feed_is_written(self, project, clock):
        feed = Feed(project.root / "feed")
        publish(project, clock=clock)
        before = feed.stamp
        os.utime(feed.folder / "feed.json", ns=(1, 1))
        assert feed.stamp != before
