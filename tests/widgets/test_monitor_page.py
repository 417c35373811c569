import asyncio

import numpy as np
import pytest
from monitor import made

from focusnb.monitor.feed import publish
from focusnb_widgets import MonitorPage
from focusnb_widgets.monitor import name_of, said
from focusnb_widgets.plots import PANELS, SeriesPlots

NOW = 1_800_000_000.0


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    project = made.project(tmp_path / "session")
    made.fill(project, 10, now=NOW)
    made.previews(project, 10)
    publish(project, clock=lambda: NOW)
    return project


@pytest.fixture
def page(project):
    return MonitorPage(project.root / "feed")


def test_the_page_shows_what_the_feed_tells(page):
    assert page.head.state["title"] == "session"
    assert page.activity.state["activity"]["1"]["imported"] == 10
    assert page.queue.state["done"] == 10
    assert page.last.state["name"] == "movie_00009.tif"


def test_pictures_cross_as_bytes(page):
    kinds = [one["kind"] for one in page.last.state["pictures"]]
    assert kinds == ["average", "spectrum", "drift"]
    assert all(picture.startswith(b"\x89PNG") for picture in page.last.pictures)


def test_series_cross_as_bytes_and_what_is_missing_is_nan(page):
    numbers = np.frombuffer(page.plots.columns["ctf_resolution"], "<f8")
    assert numbers.shape == (10,)
    assert set(page.plots.columns) == {"time", "good", *(word for word, *_ in PANELS)}
    nothing = {word: [None] for word in page.plots.columns}
    page.plots.show({**nothing, "name": ["a"], "every": 1}, {}, 0)
    assert np.isnan(np.frombuffer(page.plots.columns["iciness"], "<f8")).all()


def test_limits_of_good_are_told_in_the_unit_of_the_panel(page):
    (defocus,) = [one for one in page.plots.words if one["word"] == "defocus"]
    assert (defocus["low"], defocus["high"]) == (pytest.approx(0.2), pytest.approx(7.0))


def test_an_unchanged_feed_is_not_read_again(page):
    assert not page.refresh()
    assert page.refresh(force=True)


def test_the_page_follows_the_feed(page, project):
    made.add(project, "new.tif", NOW + 60, made.results(5, "dark"))
    publish(project, clock=lambda: NOW + 70)
    assert page.refresh()
    assert page.last.state["name"] == "new.tif"
    assert page.last.state["reasons"] == ["dark: 0.012 e/px < 0.100 e/px"]
    assert page.last.pictures == []


def test_before_anything_was_published_the_page_waits_for_it(tmp_path, project):
    page = MonitorPage(tmp_path / "later" / "feed")
    assert "Nothing was published yet" in page.head.state["problem"]
    assert page.head.state["title"] == "later"
    (tmp_path / "later").symlink_to(project.root)
    assert page.refresh()
    assert page.head.state["title"] == "session"


def test_a_feed_of_another_version_is_explained(page):
    (page.feed.folder / "feed.json").write_text('{"version": 2}')
    page.refresh()
    assert "version 2" in page.head.state["problem"]


def test_several_sessions_can_be_chosen(project, tmp_path):
    other = made.project(tmp_path / "second")
    publish(other, clock=lambda: NOW)
    page = MonitorPage([project.root / "feed", other.root / "feed"])
    assert page.head.feeds == ["session", "second"]
    page.head.chosen = 1
    assert page.head.state["title"] == "second"
    assert page.last.state == {}


def test_a_choice_beyond_the_feeds_is_none(page):
    page.head.chosen = 99
    assert page.head.state["title"] == "session"


def test_the_kernel_works_only_while_somebody_looks(project):
    async def look():
        page = MonitorPage(project.root / "feed", poll=0.01, patience=0.1)
        assert page._task is None
        page._on_message(page.head, {"alive": True}, [])
        task = page._task
        assert not task.done()
        page._on_message(page.head, {"alive": True}, [])
        assert page._task is task
        await asyncio.wait_for(task, 5)
        page._on_message(page.head, {"alive": True}, [])
        assert page._task is not task
        page._task.cancel()

    asyncio.run(look())


def test_messages_that_mean_nothing_are_left_alone(page):
    page._on_message(page.head, {"something": 1}, [])
    assert page._task is None


def test_a_page_without_bokehjs_gets_it_from_the_kernel(monkeypatch):
    plots = SeriesPlots()
    sent = []
    monkeypatch.setattr(plots, "send", lambda content, buffers: sent.append((content, buffers)))
    plots._handle_custom_msg({"bokehjs": True}, [])
    ((content, (script,)),) = sent
    assert content == {"bokehjs": True}
    assert b"Bokeh" in script[:4000]


def test_facts_are_a_few_words():
    facts = [
        {"word": "voltage", "value": 300.0, "digits": None, "label": "High tension", "help": "x"},
        {"word": "pixel_size", "value": 0.83, "digits": 4, "label": "Pixel size", "help": "x"},
        {"word": "average_pixel_size", "value": 0.83, "digits": 4, "label": "P", "help": "x"},
    ]
    assert [one["text"] for one in said(facts)] == ["300 kV", "0.83 Å/px"]


def test_a_feed_is_called_like_its_project(tmp_path):
    assert name_of(tmp_path / "grid 3" / "feed") == "grid 3"
    assert name_of(tmp_path / "published") == "published"
