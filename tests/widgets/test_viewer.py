"""The viewer without a browser: what is told to a page, what Python can do, and bad files."""

import asyncio
import threading

import eer_made
import numpy as np
import pytest
from browser import viewed
from browser.viewed import Page, pixels

from focusnb import formats
from focusnb.errors import BadValue
from focusnb.formats import pick_edits
from focusnb_widgets.desk import Desk
from focusnb_widgets.viewer import Viewer, view


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return viewed.project(tmp_path / "session")


# -- what is shown ----------------------------------------------------------------------------


def test_a_page_gets_the_picture_in_coarse_pixels_and_parts_of_it_on_demand(tmp_path):
    picture = np.random.default_rng(0).normal(size=(1500, 2100)).astype(np.float32)
    formats.write(tmp_path / "a.mrc", picture, pixel_size=1.5)
    page = Page(view(tmp_path / "a.mrc"))
    told, (data,) = page.got("view")
    assert (told["width"], told["height"], told["pixel_size"]) == (2100, 1500, 1.5)
    assert pixels(told["parts"][0], data).shape == (500, 700)
    page.ask("part", space="real", part=[100, 200, 400, 300], step=1, level=1, n=7)
    told, (data,) = page.got("part")
    assert (told["n"], told["box"]) == (7, (99.5, 199.5, 399.5, 299.5))
    values = told["low"] + (pixels(told, data) - 1.0) * (told["high"] - told["low"]) / 254
    inside = np.clip(picture[200:300, 100:400], told["low"], told["high"])
    assert np.abs(values - inside).max() < (told["high"] - told["low"]) / 254


def test_a_part_in_a_window_of_its_own(tmp_path):
    page = Page(view(np.arange(64 * 64.0).reshape(64, 64)))
    page.ask("part", space="real", part=[0, 0, 64, 64], step=1, level=0, n=1, window=[0, 10])
    told, (data,) = page.got("part")
    assert (told["low"], told["high"]) == (0, 10)
    assert pixels(told, data)[0, :12].tolist() == [round(1 + 25.4 * v) for v in range(11)] + [255]


def test_a_second_page_gets_everything_anew(project):
    viewer = view(project.images[0])
    first = Page(viewer).got("view")
    page = Page(viewer)
    second = page.got("view")
    assert first == second
    assert page.got("picks")[0]["count"] == 30


def test_nothing_is_sent_before_a_page_is_there(project):
    sent = []
    viewer = Viewer(project)
    viewer.send = lambda *told: sent.append(told)
    viewer.show(project.images[0])
    viewer.go(0)
    assert sent == []


def test_an_image_has_its_pictures_to_choose_from(project):
    page = Page(view(project.images[0]))
    told, _ = page.got("view")
    assert [c["word"] for c in told["choices"]] == ["average", "unaligned"]
    assert (told["name"], told["key"]) == (viewed.NAME, "g1/0000000001")
    assert (told["before"], told["after"]) == (0, 2)
    page.ask("word", word="unaligned")
    assert page.got("view")[0]["word"] == "unaligned"
    line = "view(project['g1/0000000001'], word='unaligned')"
    assert page.viewer.line == f"from focusnb_widgets import view; {line}"


def test_the_next_image_is_shown_as_the_same_product_and_is_the_desks_current(project):
    desk = Desk(project)
    page = Page(Viewer(desk, project.images[0], "unaligned"))
    page.ask("image", image=2)
    told, _ = page.got("view")
    assert (told["image"], told["word"], desk.current) == (2, "unaligned", 2)
    assert page.viewer.image == 2


def test_an_image_can_be_named_by_its_number(project):
    viewer = Viewer(Desk(project))
    viewer.show(2, "average")
    assert repr(viewer) == "<viewer of 'movie_1.tif', Average: 640 × 600 pixels>"


def test_frames_and_sums_of_frames(tmp_path):
    formats.write(tmp_path / "movie.mrcs", viewed.stack(), pixel_size=2)
    viewer = view(tmp_path / "movie.mrcs")
    page = Page(viewer)
    assert page.got("view")[0]["frames"] == 6
    page.ask("frame", frame=4)
    told, _ = page.got("view")
    assert told["frame"] == 4
    assert round(float(viewer.picture.mean())) == 4
    page.ask("frame", frame=2, together=3, want={"part": [0, 0, 40, 40], "step": 1})
    told, data = page.got("view")
    assert round(float(viewer.picture.mean())) == 2 + 3 + 4
    assert len(told["parts"]) == len(data) == 2
    page.ask("frame", frame=99)
    assert page.got("view")[0]["frame"] == 5


def test_where_an_event_loop_runs_python_gets_the_frame_that_it_asked_for():
    async def asked():
        viewer = view(viewed.stack())
        await viewer.settle()
        viewer.go(4)
        return viewer.picture.mean()

    assert round(float(asyncio.run(asked()))) == 4


def test_tiff_rows_are_turned_as_everywhere(tmp_path):
    picture = np.repeat(np.arange(32, dtype=np.uint8)[:, np.newaxis], 40, axis=1)
    formats.write(tmp_path / "a.tif", picture, pixel_size=1)
    assert view(tmp_path / "a.tif").value(0, 0) == 0


def test_values_are_those_of_the_file(project):
    viewer = view(project.images[0])
    average = project.images[0].read("average")
    assert viewer.value(7, 590) == average[590, 7]
    assert viewer.value(700, 3) is None
    page = Page(viewer)
    page.ask("value", space="real", x=7, y=590)
    assert page.got("value")[0] == {"space": "real", "x": 7, "y": 590, "value": average[590, 7]}
    page.ask("value", space="real", x=-1, y=0)
    assert "value" not in page.got("value")[0]


def test_electron_events_are_shown_as_sums_of_recorded_frames(tmp_path):
    rng = np.random.default_rng(3)
    place = eer_made.write(tmp_path / "a.eer", [eer_made.events(rng, 64, 300) for _ in range(90)])
    page = Page(view(place))
    told, _ = page.got("view")
    assert (told["frames"], told["width"]) == (30, 64)
    assert "each frame is the sum of 3 recorded ones" in told["notes"]


def test_an_error_of_a_picture_that_is_looked_at_no_more_is_nothing_to_tell(tmp_path):
    for name in ("a.mrc", "b.mrc"):
        formats.write(tmp_path / name, np.full((300, 300), np.nan, np.float32))
    good = formats.write(tmp_path / "c.mrc", viewed.rings(0))

    async def looked():
        viewer = Viewer()
        page = Page(viewer)
        for name in ("a.mrc", "b.mrc"):
            viewer.show(tmp_path / name)
            await asyncio.sleep(0)  # the first is being read
        await viewer.settle()
        told, _ = page.got("view")
        assert (told["name"], "holds no finite pixel" in told["problem"]) == ("b.mrc", True)
        viewer.show(tmp_path / "a.mrc")
        await asyncio.sleep(0)
        viewer.show(good)
        await viewer.settle()
        return page.got("view")[0]

    told = asyncio.run(looked())
    assert (told["name"], told["problem"]) == ("c.mrc", "")


def test_showing_something_else_does_not_wait_for_a_long_sum(tmp_path):
    formats.write(tmp_path / "movie.mrcs", viewed.stack(), pixel_size=2)
    reading, go_on = threading.Event(), threading.Event()

    async def looked():
        viewer = view(tmp_path / "movie.mrcs")
        await viewer.settle()
        frames, read = viewer._frames, viewer._frames.stack.frame

        def slow(number):
            reading.set()
            assert go_on.wait(10)
            return read(number)

        frames.stack.frame = slow
        viewer.go(1, 4)
        await asyncio.to_thread(reading.wait, 10)
        viewer.show(viewed.rings(0))  # would wait for ever, were the file closed here
        go_on.set()
        await viewer.settle()
        return viewer.picture.shape

    assert asyncio.run(looked()) == viewed.SHAPE


def test_images_before_and_after_are_those_of_the_table(project):
    desk = Desk(project)
    page = Page(Viewer(desk, project.images[0]))
    page.told.clear()
    desk.order = [2, 1]
    assert page.got("neighbours")[0] == {"before": 2, "after": 0}


# -- spectra ----------------------------------------------------------------------------------


def test_the_transform_of_a_part_with_amplitude_and_phase():
    y, x = np.mgrid[:200, :300]
    picture = np.cos(2 * np.pi * (x - 132) * 8 / 64) + 0 * y
    page = Page(view(picture, pixel_size=2.0))
    page.ask("fft", part=[100, 50, 164, 114], log=True)
    told, (data,) = page.got("spectrum")
    assert (told["side"], told["frequency"], told["known"]) == (64, 1 / 128, True)
    shown = pixels(told["shown"], data)
    assert np.argwhere(shown > 1.5 * np.median(shown)).tolist() == [[32, 24], [32, 40]]
    page.ask("value", space="fft", x=40, y=32)
    found = page.got("value")[0]
    assert found["amplitude"] == pytest.approx(64 * 64 / 2, rel=1e-3)
    assert found["phase"] == pytest.approx(0, abs=0.1)


def test_the_averaged_spectrum_shows_rings_where_the_ctf_has_none(project):
    page = Page(view(project.images[0]))
    page.ask("fft", part=None, averaged=True)
    told, _ = page.got("spectrum")
    assert told["frequency"] == pytest.approx(1 / (told["side"] * viewed.PIXEL))


def test_a_part_that_is_too_small_is_told(project):
    page = Page(view(project.images[0]))
    page.ask("fft", part=[10, 10, 14, 14])
    assert "too few for a Fourier transform" in page.told[-1][0]["problem"]


# -- what is saved ----------------------------------------------------------------------------

FIT = {"defocus_u": 16_500.0, "defocus_v": 15_500.0, "defocus_angle": 35.0}


def test_a_fit_by_hand_becomes_the_images_own_is_locked_and_undone(project):
    image = project.images[0]
    before = image.document
    viewer = Viewer(Desk(project), image)
    told = viewer.save_ctf(*FIT.values())
    assert "locked" in told
    assert {word: image[word] for word in FIT} == FIT
    assert (image["defocus"], image["astigmatism"]) == (16_000, 1000)
    assert image.document["runs"]["previews"]["touched"]
    with pytest.raises(BadValue, match="is locked; unlock it first"):
        viewer.save_ctf(2e4, 2e4, 0)
    viewer.desk.undo()
    assert image.document == before


def test_the_line_of_a_saved_fit_does_the_same(project):
    viewer = Viewer(Desk(project), project.images[0])
    viewer.save_ctf(*FIT.values())
    line = viewer.line
    viewer.desk.undo()
    exec(line, {"project": project})
    image = project.images[0]
    assert {word: image[word] for word in FIT} == FIT
    assert "defocus_u" in image.document["locked"]


def test_the_larger_defocus_is_u(project):
    image = project.images[0]
    Viewer(Desk(project), image).save_ctf(15_000, 16_000, 80, lock=False)
    assert (image["defocus_u"], image["defocus_v"], image["defocus_angle"]) == (16_000, 15_000, -10)
    assert image.document["locked"] == []


def test_a_fit_is_saved_and_locked_or_neither(project, monkeypatch):
    image = project.images[0]
    before, seen = image.document, []
    monkeypatch.setattr(project, "lock", lambda *words, **how: 1 / 0)
    revision = project.store.revision
    Viewer(Desk(project), image).save_ctf(*FIT.values())
    seen.append(project.store.revision - revision)
    assert seen == [1], "one change"
    assert "defocus_u" in image.document["locked"]
    assert before["locked"] == []


def test_the_line_of_an_undone_fit_gives_the_values_back(project):
    image = project.images[0]
    viewer = Viewer(Desk(project), image)
    viewer.save_ctf(*FIT.values())
    done = viewer.line
    viewer.desk.undo()
    undone = viewer.line
    exec(done, {"project": project})
    assert image["defocus_u"] == FIT["defocus_u"]
    exec(undone, {"project": project})
    assert (image["defocus_u"], image.document["locked"]) == (15_000, [])


def test_undo_leaves_what_somebody_else_has_changed_since(project):
    image = project.images[0]
    viewer = Viewer(Desk(project), image)
    viewer.save_ctf(*FIT.values(), lock=False)
    project.set([image], defocus_u=20_000.0)
    assert "defocus_u stayed" in viewer.desk.undo()
    assert (image["defocus_u"], image["defocus_v"]) == (20_000, 15_000)


def test_a_saved_fit_is_told_to_the_page(project):
    page = Page(Viewer(Desk(project), project.images[0]))
    page.ask("save_ctf", **FIT, phase_shift=0, lock=True)
    over, _ = page.got("over")
    assert over["ctf"]["defocus_u"] == 16_500
    assert "defocus_u" in over["locked"]
    page.ask("unlock_ctf")
    assert page.got("over")[0]["locked"] == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "much"])
def test_a_defocus_that_is_no_number_is_refused(project, bad):
    page = Page(Viewer(Desk(project), project.images[0]))
    page.ask("save_ctf", defocus_u=bad, defocus_v=1e4, defocus_angle=0, phase_shift=0)
    assert "nothing was saved" in page.told[-1][0]["problem"]


def test_areas_that_are_left_out_keep_the_other_changes_by_hand(project):
    image = project.images[0]
    project.edit_picks(image, added=[[5, 6]], excluded=[[[0, 0], [9, 0], [9, 9]]])
    viewer = Viewer(Desk(project), image)
    assert viewer.polygons == [[[0, 0], [9, 0], [9, 9]]]
    viewer.polygons = [*viewer.polygons, [[50, 50], [90, 50], [70.5, 90]]]
    assert viewer.polygon == [[50, 50], [90, 50], [70.5, 90]]
    viewer.exclude()
    kept = pick_edits.read(image["pick_edits"])
    assert (kept.added.tolist(), len(kept.excluded)) == ([[5, 6]], 2)
    viewer.desk.undo()
    assert len(pick_edits.read(image["pick_edits"]).excluded) == 1


def test_polygons_that_are_not_saved_outlive_a_reload_and_a_product_made_anew(project):
    image, drawn = project.images[0], [[[1, 1], [50, 1], [50, 40]]]
    viewer = Viewer(Desk(project), image)
    page = Page(viewer)
    viewer.polygons = drawn
    page.ask("reload")
    assert viewer.polygons == drawn
    formats.write(image.folder / "average.mrc", viewed.rings(5), pixel_size=viewed.PIXEL)
    project.set([image], comment="made again")
    viewer.desk.look()
    assert viewer.polygons == drawn
    page.ask("word", word="unaligned")
    assert viewer.polygons == drawn
    page.ask("image", image=2)
    assert viewer.polygons == [], "they belong to the other image"
    viewer.polygons = drawn
    viewer.show(project.add_image("new.tif", "g1", values={}))
    assert (viewer.polygons, "no picture yet" in repr(viewer)) == ([], True)
    page.ask("image", image=1)
    viewer.exclude(drawn)
    page.ask("reload")
    project.edit_picks(image)
    viewer.desk.look()
    assert viewer.polygons == [], "saved ones follow the project"


def test_a_polygon_of_two_corners_is_refused(project):
    page = Page(Viewer(Desk(project), project.images[0]))
    page.ask("exclude", polygons=[[[0, 0], [9, 9]]])
    assert "3 are needed" in page.told[-1][0]["problem"]


def test_a_picture_of_no_project_cannot_be_saved_to():
    page = Page(view(viewed.rings(0), pixel_size=1.2))
    page.ask("save_ctf", **FIT)
    assert "of no project" in page.told[-1][0]["problem"]
    page.ask("undo")
    assert page.told[-1][0]["problem"] == "there is nothing to undo"
    page.ask("alive")
    assert page.got("now")
