"""The overviews: which views a mode has, what is seen of an image in every state, who comes next."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from monitor import made

import focusnb as fn
from focusnb.errors import BadValue, UnknownName
from focusnb.model.vocabulary import vocabulary
from focusnb.model.workflow import BY_MODE
from focusnb.pictures.previews import PREVIEWS
from focusnb_widgets.desk import Desk
from focusnb_widgets.overview import Overview
from focusnb_widgets.overview.look import HEAD, look
from focusnb_widgets.overview.views import OVERVIEWS, VIEWS, overviews
from focusnb_widgets.walk import Walk
from widgets import overview_made

IMAGE, DRIFT = list(OVERVIEWS["drift"]["Image"]), list(OVERVIEWS["drift"]["Drift"])


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return fn.create(tmp_path / "p", mode="single-particle", pixel_size=1.0, voltage=300)


@pytest.fixture
def states(project):
    return overview_made.states(project)


class Page:
    """What a page would have got from an overview."""

    def __init__(self, overview):
        self.overview, self.messages = overview, []
        overview.send = lambda message, buffers=None: self.messages.append((message, buffers or []))
        self.ask("ready")

    def ask(self, what, **more):
        self.overview._on_message(None, {"do": what, **more}, [])

    @property
    def state(self):
        return next(m["show"] for m, _ in reversed(self.messages) if "show" in m)

    def pictures(self, kind="show"):
        return {k: bytes(b) for m, bs in self.messages if kind in m
                for k, b in zip(m["keys"], bs, strict=True)}  # fmt: skip

    def text(self, view):
        return self.state["seen"][view]["text"]


@pytest.fixture
def page(project, states):
    desk = Desk(project)
    desk.current = states["good"]
    return Page(Overview(desk))


class TestTable:
    @pytest.mark.parametrize("mode", BY_MODE)
    def test_every_mode_has_overviews_of_known_views(self, mode):
        assert mode in OVERVIEWS
        for views in overviews(mode).values():
            assert len(views) == 4
            assert set(views) <= set(VIEWS)

    def test_they_are_those_of_the_paper(self):
        assert list(OVERVIEWS["drift"]) == ["Image", "Drift"]
        assert list(OVERVIEWS["single-particle"]) == ["Image", "Drift", "Particles"]
        assert IMAGE == ["before", "before_fft", "after", "after_fft"]
        assert DRIFT == ["after", "after_fft", "drift", "thon"]

    @pytest.mark.parametrize("name", VIEWS)
    def test_a_view_is_made_of_known_words_and_its_pair_is_mutual(self, name):
        view, words = VIEWS[name], vocabulary()
        assert {view.preview, view.product, *view.needs, *view.numbers} <= set(words)
        assert view.preview in PREVIEWS
        assert not view.pair or view.pair in VIEWS

    def test_a_mode_of_tomorrow_has_what_all_modes_have(self):
        assert overviews("crystal") == OVERVIEWS["drift"]


class TestWhatIsSeen:
    def test_a_measured_image_shows_its_previews_as_they_lie_there(self, project, states):
        sight = look(project, states["good"], IMAGE)
        files = ["before", "unaligned", "average", "spectrum"]
        folder = project.folder(states["good"]) / "previews"
        assert [s.data for s in sight.seen] == [(folder / f"{f}.png").read_bytes() for f in files]
        assert sight.told == ""
        assert len({s.key for s in sight.seen}) == 4

    def test_what_the_page_has_is_not_read_again(self, project, states):
        keys = {s.key for s in look(project, states["good"], IMAGE).seen}
        again = look(project, states["good"], IMAGE, has=keys.__contains__)
        assert {s.key for s in again.seen} == keys
        assert all(s.data is None for s in again.seen)

    def test_a_preview_that_was_written_again_has_another_key(self, project, states):
        before = look(project, states["good"], ["after"]).seen[0]
        overview_made.previews(project, states["good"], ("average",), side=65)
        assert look(project, states["good"], ["after"]).seen[0].key != before.key

    def test_the_title_line_tells_numbers_with_units_and_defocus_in_micrometres(
        self, project, states
    ):
        head = look(project, states["good"], IMAGE).head
        numbers = {n["word"]: (n["text"], n["unit"]) for n in head["numbers"]}
        value = project[states["good"]]["defocus"]
        assert numbers["defocus"] == (f"{value / 1e4:.2f}", "µm")
        assert numbers["ctf_resolution"][1] == "Å"
        assert numbers["particles"][1] == ""
        assert (head["verdict"], head["group"]) == ("good", "g1")

    def test_alt_texts_tell_the_numbers(self, project, states):
        alt = {s.view: s.alt for s in look(project, states["next"], ["particles", "thon"]).seen}
        assert alt["particles"].startswith("next.tif: the average without its background")
        assert "Particles 77" in alt["particles"]
        assert re.search(r"Defocus \d\.\d\d µm, CTF resolution \d\.\d+ Å", alt["thon"])

    def test_an_image_that_is_not_good_tells_its_reasons(self, project, states):
        head = look(project, states["bad"], IMAGE).head
        assert head["verdict"] == "bad"
        assert head["reasons"] == ["iciness 2.40 > 1.50"]

    def test_a_failed_image_tells_the_error_and_makes_no_picture(self, project, states):
        sight = look(project, states["failed"], IMAGE)
        assert (sight.head["verdict"], sight.head["error"]) == (
            "failed",
            "movie.tif ends in frame 12 of 40",
        )
        assert {s.text for s in sight.seen} == {"not made: processing has failed"}

    def test_a_new_image_is_not_processed_yet_or_waits(self, project, states):
        new = states["new"]
        assert {s.text for s in look(project, new, DRIFT).seen} == {"not processed yet"}
        project.process([new])
        seen = look(project, new, DRIFT).seen
        assert {s.text for s in seen} == {"the image waits in the queue"}

    def test_a_lost_preview_can_be_drawn_from_the_average(self, project, states):
        sight = {s.view: s for s in look(project, states["older"], IMAGE).seen}
        assert sight["after"].draw
        assert sight["after_fft"].draw
        assert sight["before"].text == "the file previews/before.png has vanished"

    def test_a_lost_preview_and_a_lost_average_are_both_named(self, project, states):
        text = look(project, states["lost"], ["after"]).seen[0].text
        assert text == (
            "the file previews/average.png has vanished, and so has average.mrc;"
            " process the image again"
        )

    def test_a_damaged_preview_is_not_sent(self, project, states):
        path = project.folder(states["good"]) / "previews" / "average.png"
        path.write_bytes(path.read_bytes()[:900])
        assert look(project, states["good"], ["after"]).seen[0].data is None
        assert look(project, states["good"], ["after"]).seen[0].text == (
            "the file previews/average.png is damaged"
        )

    def test_a_single_picture_has_no_drift(self, project, states):
        seen = {s.view: s for s in look(project, states["single"], [*IMAGE, "drift"]).seen}
        told = "single picture: there is no drift"
        assert {v for v, s in seen.items() if s.text == told} == {"before", "before_fft", "drift"}
        assert seen["after"].data

    def test_a_folder_that_was_moved_away_is_told(self, project, states):
        sight = look(project, states["away"], IMAGE)
        assert f"g1/{states['away']:010d} has vanished" in sight.told
        assert {s.text for s in sight.seen} == {"the image's folder has vanished"}

    @pytest.mark.parametrize(
        ("found", "told"),
        [
            ({"aligned": False}, "the frames could not be aligned: there is no path"),
            ({"aligned": None}, "no drift was measured: the frames were aligned before"),
        ],
    )
    def test_why_there_is_no_drift(self, project, found, told):
        image = made.add(project, "m.tif", overview_made.NOW, {**made.results(3), **found})
        overview_made.product(project, image)
        project.change(image, lambda d: d["runs"].update(motion={}))
        assert look(project, image, ["drift"]).seen[0].text == told

    def test_a_step_that_is_in_no_workflow_is_named(self, project):
        project.set(workflow="prepare motion")
        image = made.add(project, "m.tif", overview_made.NOW, made.results(3))
        overview_made.product(project, image)
        assert look(project, image, ["thon"]).seen[0].text == (
            "not made: the step ctf is not in this project's workflow"
        )

    def test_values_without_their_file_are_no_step_that_has_not_run(self, project):
        image = made.add(project, "m.tif", overview_made.NOW, made.results(3))
        project.change(image, lambda d: d.update(runs={"prepare": {}}))
        assert look(project, image, ["thon"]).seen[0].text == "the file is not there"

    def test_an_unknown_image_is_refused(self, project):
        with pytest.raises(UnknownName):
            look(project, 99, IMAGE)


class TestPage:
    def test_nothing_is_sent_before_the_page_is_ready(self, project, states):
        overview = Overview(Desk(project))
        sent = []
        overview.send = lambda *message: sent.append(message)
        overview.desk.current = states["good"]
        overview.show("Drift")
        assert sent == []

    def test_the_four_pictures_come_with_the_first_answer(self, page, states):
        assert page.state["image"] == states["good"]
        assert page.state["views"] == IMAGE
        assert {d[:8] for d in page.pictures().values()} == {HEAD}
        assert len(page.pictures()) == 4

    def test_what_is_told_can_be_told_as_json(self, page, states):
        for image in states.values():
            page.overview.desk.current = image
        assert all(json.dumps(message) for message, _ in page.messages)

    def test_pictures_are_sent_once_and_again_when_the_page_lost_them(self, page, states):
        desk = page.overview.desk
        desk.current = states["next"]
        page.messages.clear()
        desk.current = states["good"]
        assert page.pictures() == {}
        keys = [one["key"] for one in page.state["seen"].values()]
        page.ask("fetch", keys=keys[:1])
        assert list(page.pictures()) == keys[:1]

    def test_neighbours_are_sent_before_they_are_asked_for(self, page, states):
        near = page.pictures("near")
        assert any(key.startswith(f"{states['next']}/after/") for key in near)

    def test_a_second_page_gets_everything_anew(self, page):
        page.messages.clear()
        page.ask("ready")
        assert len(page.pictures()) == 4

    def test_a_picture_that_no_step_has_drawn_is_drawn_and_kept_in_memory(
        self, page, project, states
    ):
        page.overview.desk.current = states["older"]
        drawn = [d for key, d in page.pictures().items() if "/after/drawn" in key]
        assert len(drawn) == 1
        assert drawn[0].startswith(HEAD)
        assert not page.state["seen"]["after"]["waits"]
        assert not (project.folder(states["older"]) / "previews").exists()

    def test_a_truncated_average_is_told_in_its_place(self, page, states):
        page.overview.desk.current = states["cut"]
        assert page.text("after").startswith("cannot be drawn: ")
        assert "average.mrc" in page.text("after")

    def test_an_image_that_is_gone_is_told(self, page):
        page.overview.desk.current = 99
        assert page.state["told"] == "Image 0000000099 is no longer in this project."
        assert page.state["views"] == []

    def test_no_image_and_no_images_are_told(self, page, tmp_path):
        page.overview.desk.current = 0
        assert "Choose one in the library" in page.state["told"]
        empty = Page(Overview(fn.create(tmp_path / "empty")))
        assert empty.state["told"] == "This project has no images yet."

    def test_an_image_that_was_processed_again_is_shown_anew_and_others_not(
        self, page, project, states
    ):
        page.messages.clear()
        project.set([states["new"]], comment="elsewhere")
        page.overview.desk.look()
        assert [m for m, _ in page.messages if "show" in m] == []
        overview_made.previews(project, states["good"], ("average",), side=66)
        page.overview.desk.look()
        assert len(page.pictures()) == 1
        assert next(iter(page.pictures())).startswith(f"{states['good']}/after/")

    def test_another_overview_is_shown_by_name_and_an_unknown_one_is_refused(self, page):
        page.ask("show", name="Particles")
        assert page.overview.shown == page.state["overview"] == "Particles"
        page.ask("show", name="Merge")
        assert page.messages[-1][0]["problem"] == (
            "mode single-particle has no overview 'Merge'; there are: Image, Drift, Particles"
        )

    def test_drift_correction_only_has_no_particles(self, tmp_path):
        overview = Overview(fn.create(tmp_path / "drift", mode="drift"))
        assert list(overview.names) == ["Image", "Drift"]

    def test_blinking_needs_the_picture_before(self, page):
        page.ask("show", name="Drift")
        assert "before" not in page.state["seen"]
        page.ask("blink", on=True)
        assert {"before", "before_fft"} <= set(page.state["seen"])
        assert page.state["views"] == DRIFT


def test_without_a_front_end_it_is_a_text(page, project, states):
    assert re.match(
        r"<overview 'Image' of g1/0000000001 'a b .*': good; Defocus \d\.\d\d µm, .*\. Before alignment",
        repr(page.overview),
    )
    page.overview.desk.current = states["failed"]
    assert "movie.tif ends in frame 12 of 40" in repr(page.overview)
    page.overview.desk.current = 0
    assert "No image is chosen" in repr(page.overview)


class TestOpen:
    def test_the_file_of_a_view_is_asked_for_and_told_in_python(self, page, project, states):
        overview_made.product(project, states["good"])
        page.ask("open", view="after")
        desk = page.overview.desk
        assert desk.wants == {"view": states["good"], "word": "average"}
        line = f"view(project['g1/{states['good']:010d}'], word='average')"
        assert desk.line == f"from focusnb_widgets import view; {line}"

    def test_particles_open_the_average_where_there_is_no_other(self, page, project, states):
        overview_made.product(project, states["good"])
        assert page.overview.open_view("particles") == "average"

    @pytest.mark.parametrize(
        ("state", "told"), [("new", "has no average yet"), ("lost", "average.mrc has vanished")]
    )
    def test_what_is_not_there_is_told(self, page, states, state, told):
        page.overview.desk.current = states[state]
        page.ask("open", view="after")
        assert told in page.messages[-1][0]["problem"]

    def test_asking_twice_is_seen_twice(self, page, project, states):
        overview_made.product(project, states["good"])
        seen = []
        page.overview.desk.observe(lambda change: seen.append(change["new"]), "wants")
        page.overview.open_view("after")
        page.overview.open_view("after")
        assert [bool(want) for want in seen] == [True, False, True]

    def test_an_unknown_view_is_refused(self, page):
        with pytest.raises(BadValue, match="there is no view 'x'"):
            page.overview.open_view("x")


class TestWalk:
    def test_it_goes_by_number_and_stops_at_the_ends(self, page, states):
        overview, last = page.overview, max(states.values())
        assert overview.step(-1) == states["good"] == 1
        assert overview.step() == states["next"]
        assert overview.last() == last == overview.step(5)
        assert overview.first() == 1

    def test_trashed_images_are_passed_over_until_one_of_them_is_looked_at(self, project, states):
        walk = Walk(project)
        project.trash([2, 4])
        assert walk.step(1, 1) == 3
        assert walk.place(3) == (2, len(states) - 2)
        assert walk.step(2, 1) == 4
        assert walk.place(4) == (2, 2)

    def test_the_order_of_the_table_is_followed(self, page):
        overview = page.overview
        overview.desk.order = [5, 1, 3]
        assert page.state["place"] == (2, 3)
        assert (overview.step(), overview.step(-2), overview.last()) == (3, 5, 3)

    def test_in_a_given_order_an_image_outside_of_it_begins_at_an_end(self, project, states):
        walk = Walk(project)
        walk.follow([5, 1, 3])
        assert (walk.step(9, 1), walk.step(9, -1), walk.place(9)) == (5, 3, (0, 3))

    def test_keys_of_the_page_walk(self, page, states):
        page.ask("walk", by=1)
        assert page.overview.desk.current == states["next"]
        page.ask("walk", to="last")
        assert page.overview.desk.current == max(states.values())

    def test_the_choice_goes_along_when_it_is_the_image_that_is_shown(self, page, states):
        desk = page.overview.desk
        desk.current = states["good"]
        desk.select([states["good"]])
        page.ask("walk", by=1)
        assert desk.selected == [desk.current] == [states["next"]]
        desk.select([states["good"], states["next"]])
        page.ask("walk", by=1)
        assert desk.selected == [states["good"], states["next"]], "several stay as they are"

    def test_keys_flag_and_trash_the_image_that_is_shown(self, page, project, states):
        desk = page.overview.desk
        desk.current = states["good"]
        desk.select([states["good"]])
        page.ask("flag", flag="gold")
        assert project.document(states["good"])["flag"] == "gold"
        page.ask("trash")
        assert project.document(states["good"])["group"] == "TRASH"
        assert desk.selected == [desk.current] == [states["next"]]

    def test_a_project_alone_shows_its_first_image(self, project, states):
        assert Overview(project).desk.current == 1


async def settle(overview):
    for _ in range(3):
        await overview._quick.settle()
        await overview._slow.settle()


def test_with_an_event_loop_only_the_image_that_is_looked_at_last_is_shown(project, states):
    async def walk():
        desk = Desk(project)
        desk.current = 1
        page = Page(Overview(desk))
        for image in (2, 3, 4, 5, 1, 2):
            desk.current = image
        await settle(page.overview)
        return [m["show"]["image"] for m, _ in page.messages if "show" in m]

    assert set(asyncio.run(walk())) == {2}


def test_the_page_is_one_scope_without_imports():
    text = Overview._esm if isinstance(Overview._esm, str) else Path(Overview._esm).read_text()
    assert text.count("export default") == 1
    assert "import " not in re.sub(r"//.*|/\*.*?\*/", "", text)
